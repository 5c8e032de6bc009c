/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update-server/api_order: the place where operators' signatures meet. What has
 * not enough of them waits, what nobody may sign is refused, and whoever comes
 * second is told so. (What has enough is published: tests/e2e/84.)
 */
#include "tests/unit/box.h"
#include "tests/unit/fleet.h"
#include "tests/unit/meeting.h"
#include "tests/unit/put_blob.h"

static int setup(void **state)
{
	struct meeting *d = mem_alloc(1, sizeof(*d));
	const struct sha256 fingerprint = { { 8 } };

	meeting_open(d);
	meeting_person(d, &fingerprint);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	meeting_close(*state);
	free(*state);
	return 0;
}

/* ---- what comes ---------------------------------------------------------- */

/* The next file, with a halt of that number, which was uploaded before. */
static struct json *next_file(struct meeting *d, uint64_t number)
{
	struct buf text = BUF_INIT(ORDER_BYTES_MAX);
	struct sha256 digest;
	struct err e = { 0 };
	struct json *next;
	int fd = -1;

	meeting_halt(number, &text);
	sha256_of(buf_slice(&text), &digest);
	assert_ok(fs_replace_file(d->repo->dirfd, "upload", buf_slice(&text),
				  0600, &e));
	assert_ok(fs_open(d->repo->dirfd, "upload", O_RDONLY, &fd, &e));
	assert_ok(put_blob(d->repo->dirfd, fd, text.len, &digest, &e));
	fs_close(&fd);
	next = meeting_next(d, buf_slice(&text));
	buf_done(&text);
	return next;
}

/* A handler's answer: its status, with its words in `said`. */
static unsigned ask(struct meeting *d, api_handler *handler, const char *path,
		    const struct json *body, char said[2000])
{
	struct buf text = BUF_INIT(100000);
	struct response a = { .status = 200,
			      .body = BUF_INIT(RESPONSE_BODY_MAX),
			      .file_fd = -1 };
	struct request q = { .path = path, .peer = &d->ann, .upload_fd = -1 };
	struct err e = { 0 };
	unsigned status;

	if (body)
		assert_ok(json_print(body, false, &text, &e));
	q.body = buf_slice(&text);
	if (handler(&d->api, &q, &a, &e)) {
		status = 1000 + e.code;
		(void)snprintf(said, 2000, "%s", e.msg);
	} else {
		status = a.status;
		(void)snprintf(said, 2000, "%.*s", (int)a.body.len,
			       (const char *)a.body.ptr);
	}
	buf_done(&a.body);
	buf_done(&text);
	return status;
}

static unsigned bring(struct meeting *d, const char *role,
		      const struct json *envelope, char said[2000])
{
	struct json *body = json_new_object();
	unsigned status;

	json_set_int(body, "v", 1);
	json_set_text(body, "role", role);
	json_set(body, "envelope", json_clone(envelope));
	status = ask(d, api_order_sign, "/v1/people/order-sign", body, said);
	json_free(body);
	return status;
}

#define REFUSED(code) (1000U + (code))

struct newest {
	const char *hex;
	bool names_it;
};

static int look_at(void *ctx, struct slice record, struct err *e)
{
	struct newest *n = ctx;

	(void)e;
	n->names_it = memmem(record.ptr, record.len, n->hex, strlen(n->hex));
	return 0;
}

/* The newest record names what was signed by its digest. */
static void assert_logged(struct meeting *d, const struct json *envelope)
{
	struct buf bytes = BUF_INIT(STORE_METADATA_MAX);
	char hex[SHA256_HEX_LEN];
	struct newest n = { hex, false };
	struct sha256 digest;
	struct err e = { 0 };

	assert_ok(json_canonical(json_get(envelope, "signed"), &bytes, &e));
	sha256_of(buf_slice(&bytes), &digest);
	sha256_format(&digest, hex);
	assert_ok(store_audit_each(d->api.store, 0, 1000, look_at, &n, &e));
	assert_true(n.names_it);
	buf_done(&bytes);
}

static void one_signature_of_three_waits(void **state)
{
	struct meeting *d = *state;
	struct json *next;
	char said[2000];
	uint64_t before, after;
	struct err e = { 0 };

	meeting_import(d);
	next = next_file(d, 1);
	meeting_sign(d, next, SPARE_KEY);
	assert_ok(store_audit_size(d->api.store, &before, &e));
	assert_int_equal(bring(d, WIDE, next, said), 200);
	assert_non_null(strstr(said, "\"signatures\":1"));
	assert_non_null(strstr(said, "\"live\":false"));
	assert_ok(store_audit_size(d->api.store, &after, &e));
	assert_int_equal(after, before + 1);
	/* the same one again is not two */
	assert_int_equal(bring(d, WIDE, next, said), 200);
	assert_non_null(strstr(said, "\"signatures\":1"));
	assert_int_equal(
		ask(d, api_order_list, "/v1/people/orders", NULL, said), 200);
	assert_non_null(strstr(said, "\"role\":\"" WIDE "\""));
	assert_int_equal(
		ask(d, api_order_get, "/v1/people/order/" WIDE, NULL, said),
		200);
	assert_non_null(strstr(said, WIDE_PATH));
	assert_logged(d, next);
	json_free(next);
}

static void signatures_of_one_change_meet(void **state)
{
	struct meeting *d = *state;
	struct json *next;
	char said[2000];

	meeting_import(d);
	next = next_file(d, 1);
	meeting_sign(d, next, SPARE_KEY);
	assert_int_equal(bring(d, WIDE, next, said), 200);
	for (int i = 0; i < 2; i++) { /* the same one again adds nothing */
		meeting_sign(d, next, OTHER_KEY);
		assert_int_equal(bring(d, WIDE, next, said), 200);
		assert_non_null(
			strstr(said, "\"signatures\":2,\"threshold\":3"));
	}
	json_free(next);
}

/* What the second one looks at, before any list has it. */
static void documents_are_read_by_their_digest(void **state)
{
	static const char base[] = "/v1/people/document/";
	struct meeting *d = *state;
	char said[2000], path[128], hex[SHA256_HEX_LEN];
	const struct json *entry;
	struct json *next;

	meeting_import(d);
	next = next_file(d, 1);
	entry = json_get(json_get(json_get(next, "signed"), "targets"),
			 WIDE_PATH);
	(void)snprintf(
		path, sizeof(path), "%s%s", base,
		json_text(json_get(json_get(entry, "hashes"), "sha256")));
	assert_int_equal(ask(d, api_document_get, path, NULL, said), 200);
	assert_non_null(strstr(said, "\"number\":1"));
	memset(hex, 'a', sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = 0;
	(void)snprintf(path, sizeof(path), "%s%s", base, hex);
	assert_int_equal(ask(d, api_document_get, path, NULL, said),
			 REFUSED(ERR_NOT_FOUND));
	(void)snprintf(path, sizeof(path), "%s../db", base);
	assert_int_equal(ask(d, api_document_get, path, NULL, said),
			 REFUSED(ERR_NOT_FOUND));
	assert_non_null(strstr(said, "not a sha256 digest"));
	json_free(next);
}

static void another_change_waits_for_the_first(void **state)
{
	struct json *body = json_new_object();
	struct meeting *d = *state;
	struct json *one, *two;
	char said[2000];

	meeting_import(d);
	one = next_file(d, 1);
	two = next_file(d, 2);
	meeting_sign(d, one, SPARE_KEY);
	meeting_sign(d, two, OTHER_KEY);
	assert_int_equal(bring(d, WIDE, one, said), 200);
	assert_int_equal(bring(d, WIDE, two, said), 412);
	assert_non_null(strstr(said, "another change of " WIDE " waits"));
	/* taken back by its version alone */
	json_set_int(body, "v", 1);
	json_set_text(body, "role", WIDE);
	json_set_text(body, "reason", "the other one is right");
	json_set_int(body, "version", 7);
	assert_in_range(ask(d, api_order_discard, "/v1/people/order-discard",
			    body, said),
			1000, 1999);
	json_set_text(body, "role", "targets");
	assert_int_equal(ask(d, api_order_discard, "/v1/people/order-discard",
			     body, said),
			 REFUSED(ERR_REFUSED));
	json_set_text(body, "role", WIDE);
	json_set_int(body, "version", 2);
	json_remove(body, "reason");
	assert_int_equal(ask(d, api_order_discard, "/v1/people/order-discard",
			     body, said),
			 REFUSED(ERR_FORMAT));
	json_set_text(body, "reason", "the other one is right");
	assert_int_equal(ask(d, api_order_discard, "/v1/people/order-discard",
			     body, said),
			 200);
	assert_string_equal(said, "{\"v\":1}");
	assert_int_equal(bring(d, WIDE, two, said), 200);
	json_free(body);
	json_free(one);
	json_free(two);
}

static void whoever_is_no_operator_signs_nothing(void **state)
{
	struct meeting *d = *state;
	struct json *next;
	char said[2000];

	meeting_import(d);
	next = next_file(d, 1);
	json_set(next, "signatures", json_new_array());
	assert_int_equal(bring(d, WIDE, next, said), REFUSED(ERR_UNTRUSTED));
	assert_non_null(strstr(said, "no key of the role"));
	meeting_sign(d, next, TARGETS_KEY);
	assert_in_range(bring(d, WIDE, next, said), 1001, 1999);
	meeting_sign(d, next, SPARE_KEY);
	json_set_text(member(next, "signed"), "expires",
		      "2026-06-01T00:00:00Z");
	assert_in_range(bring(d, WIDE, next, said), 1001, 1999);
	json_free(next);
}

/* A reason goes into the log as it is read by people, or not at all. */
static void a_reason_that_is_none_is_refused(void **state)
{
	struct json *next, *body = json_new_object();
	struct meeting *d = *state;
	char said[2000];

	meeting_import(d);
	next = next_file(d, 1);
	meeting_sign(d, next, SPARE_KEY);
	json_set_int(body, "v", 1);
	json_set_text(body, "role", WIDE);
	json_set(body, "envelope", json_clone(next));
	json_set_int(body, "reason", 7);
	assert_int_equal(
		ask(d, api_order_sign, "/v1/people/order-sign", body, said),
		REFUSED(ERR_FORMAT));
	json_set_text(body, "reason", "it does not start");
	assert_int_equal(
		ask(d, api_order_sign, "/v1/people/order-sign", body, said),
		200);
	json_free(body);
	json_free(next);
}

static void only_orders_are_brought_here(void **state)
{
	struct meeting *d = *state;
	struct json *next;
	char said[2000];

	meeting_import(d);
	next = next_file(d, 1);
	meeting_sign(d, next, SPARE_KEY);
	assert_int_equal(bring(d, "targets", next, said), REFUSED(ERR_REFUSED));
	assert_non_null(strstr(said, "operators sign"));
	assert_int_equal(bring(d, "../x", next, said), REFUSED(ERR_FORMAT));
	json_remove(member(next, "signed"), "version");
	assert_int_equal(bring(d, WIDE, next, said), REFUSED(ERR_FORMAT));
	json_free(next);
}

static void a_version_that_is_overtaken_is_a_conflict(void **state)
{
	struct meeting *d = *state;
	struct json *next;
	char said[2000];

	meeting_import(d);
	next = next_file(d, 1);
	meeting_sign(d, next, SPARE_KEY);
	meeting_import(d); /* version 2 came in meanwhile */
	assert_int_equal(bring(d, WIDE, next, said), 412);
	assert_non_null(strstr(said, "make the change again"));
	json_free(next);
}

static void a_change_against_the_rules_is_not_kept(void **state)
{
	struct meeting *d = *state;
	struct json *next;
	char said[2000];

	meeting_import(d);
	next = next_file(d, 5000); /* far ahead of all that there are */
	meeting_sign(d, next, SPARE_KEY);
	assert_int_equal(bring(d, WIDE, next, said), REFUSED(ERR_REFUSED));
	assert_non_null(strstr(said, "runs ahead"));
	assert_int_equal(
		ask(d, api_order_list, "/v1/people/orders", NULL, said), 200);
	assert_null(strstr(said, WIDE));
	json_free(next);
}

static void before_the_first_import_there_is_no_operator(void **state)
{
	struct json *envelope = json_new_object(), *body = json_new_object();
	struct meeting *d = *state;
	char said[2000];

	json_set_int(body, "version", 1);
	json_set(envelope, "signed", body);
	json_set(envelope, "signatures", json_new_array());
	assert_int_equal(bring(d, WIDE, envelope, said),
			 REFUSED(ERR_NOT_FOUND));
	assert_non_null(strstr(said, "nothing was imported yet"));
	assert_int_equal(
		ask(d, api_order_get, "/v1/people/order/" WIDE, NULL, said),
		REFUSED(ERR_NOT_FOUND));
	json_free(envelope);
}

static void who_acts_too_often_is_slowed_down(void **state)
{
	struct json *next, *body = json_new_object();
	struct meeting *d = *state;
	char said[2000];

	meeting_import(d);
	next = next_file(d, 1);
	meeting_sign(d, next, SPARE_KEY);
	d->api.acts.burst = 1;
	assert_int_equal(bring(d, WIDE, next, said), 200);
	assert_int_equal(bring(d, WIDE, next, said), REFUSED(ERR_BUSY));
	json_set_int(body, "v", 1);
	json_set_text(body, "role", WIDE);
	json_set_text(body, "reason", "in haste");
	json_set_int(body, "version", 2);
	assert_int_equal(ask(d, api_order_discard, "/v1/people/order-discard",
			     body, said),
			 REFUSED(ERR_BUSY));
	assert_int_equal(
		ask(d, api_order_get, "/v1/people/order/" WIDE, NULL, said),
		200);
	json_free(body);
	json_free(next);
}

/* Three of three: it is published, or it does not count at all. */
static void what_cannot_be_published_does_not_go_live(void **state)
{
	struct meeting *d = *state;
	struct err e = { 0 };
	struct json *next;
	char said[2000];

	meeting_import(d);
	next = next_file(d, 1);
	meeting_sign(d, next, SPARE_KEY);
	assert_ok(tuf_sign(next, d->repo->keys[OTHER_KEY], &e));
	assert_ok(tuf_sign(next, d->repo->keys[THIRD_KEY], &e));
	put_file(d->repo->dirfd, "incoming", "no folder", 0600);
	assert_in_range(bring(d, WIDE, next, said), 1001, 1999);
	assert_non_null(strstr(said, "incoming"));
	assert_ok(fs_remove(d->repo->dirfd, "incoming", &e));
	/* The chain of a repository whose root was never imported. */
	assert_in_range(bring(d, WIDE, next, said), 1001, 1999);
	assert_non_null(strstr(said, "root.json"));
	assert_int_equal(repo_version(d->repo, WIDE), 1);
	json_free(next);
}

/* ---- beside what else there is ------------------------------------------- */

#define ROUNDS 50
#define LIMIT  60 /* seconds: they take a small part of it */

struct clearing {
	struct meeting *d;
	atomic_bool ends;
	unsigned status; /* of the last one */
};

/* What is of no use is taken away, again and again; the plan is another one. */
static void *clear_away(void *arg)
{
	struct json *body = json_new_object();
	struct sha256 plan = { { 1 } };
	struct clearing *c = arg;
	char said[2000];

	json_set_int(body, "v", 1);
	json_set_text(body, "reason", "the disk is full");
	api_set_digest(body, "plan", &plan);
	while (!c->ends)
		c->status = ask(c->d, api_payload_remove,
				"/v1/people/payloads-remove", body, said);
	json_free(body);
	return NULL;
}

/* Both take `ordering` and `publishing`: whoever waits for the other one, while
 * that one waits for him, is ended by the alarm. */
static void what_goes_live_does_not_wait_for_ever(void **state)
{
	struct meeting *d = *state;
	struct clearing c = { .d = d };
	struct err e = { 0 };
	struct json *next;
	pthread_t other;
	char said[2000];

	meeting_import(d);
	next = next_file(d, 1);
	meeting_sign(d, next, SPARE_KEY);
	assert_ok(tuf_sign(next, d->repo->keys[OTHER_KEY], &e));
	assert_ok(tuf_sign(next, d->repo->keys[THIRD_KEY], &e));
	d->api.acts.burst = d->api.acts.per_minute = 1000000;
	(void)alarm(LIMIT);
	assert_int_equal(pthread_create(&other, NULL, clear_away, &c), 0);
	for (int i = 0; i < ROUNDS; i++)
		(void)bring(d, WIDE, next, said);
	c.ends = true;
	assert_int_equal(pthread_join(other, NULL), 0);
	(void)alarm(0);
	assert_int_equal(c.status, 412);
	assert_non_null(strstr(said, "root.json")); /* as far as publishing */
	json_free(next);
}

/* ---- planning ------------------------------------------------------------ */

static unsigned plan(struct meeting *d, const char *release, int64_t share,
		     char said[2000])
{
	struct json *body = json_new_object(), *cohorts = json_new_array();
	unsigned status;

	json_add(cohorts, json_new_text("canary"));
	json_set_int(body, "v", 1);
	json_set_text(body, "product", "kiosk");
	json_set_text(body, "release", release);
	json_set(body, "cohorts", cohorts);
	json_set_int(body, "share", share);
	status = ask(d, api_order_plan, "/v1/people/order-plan", body, said);
	json_free(body);
	return status;
}

static void a_plan_says_whom_a_share_opens(void **state)
{
	struct meeting *d = *state;
	struct err e = { 0 };
	char said[2000];

	meeting_import(d);
	assert_ok(store_cohort_add(d->api.store, "canary", &nobody, &e));
	assert_int_equal(plan(d, "2", 5000, said), REFUSED(ERR_REFUSED));
	for (unsigned i = 1; i <= 10; i++)
		(void)fleet_device(d->api.store, i);
	assert_int_equal(plan(d, "2", 5000, said), 200);
	assert_non_null(strstr(said, "\"devices\":10,\"opens\":5"));
	assert_int_equal(plan(d, "2", 10000, said), 200);
	assert_non_null(strstr(said, "\"opens\":10"));
}

static void a_plan_of_nonsense_is_none(void **state)
{
	struct meeting *d = *state;
	struct json *body = json_new_object();
	struct err e = { 0 };
	char said[2000];

	meeting_import(d);
	assert_ok(store_cohort_add(d->api.store, "canary", &nobody, &e));
	(void)fleet_device(d->api.store, 1);
	assert_int_equal(plan(d, "3", 5000, said), REFUSED(ERR_NOT_FOUND));
	assert_int_equal(plan(d, "2", 0, said), REFUSED(ERR_FORMAT));
	assert_int_equal(plan(d, "2", 10001, said), REFUSED(ERR_FORMAT));
	json_set_int(body, "v", 2);
	assert_int_equal(
		ask(d, api_order_plan, "/v1/people/order-plan", body, said),
		REFUSED(ERR_FORMAT));
	json_free(body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_signature_of_three_waits),
		TEST(signatures_of_one_change_meet),
		TEST(documents_are_read_by_their_digest),
		TEST(another_change_waits_for_the_first),
		TEST(whoever_is_no_operator_signs_nothing),
		TEST(a_reason_that_is_none_is_refused),
		TEST(only_orders_are_brought_here),
		TEST(a_version_that_is_overtaken_is_a_conflict),
		TEST(a_change_against_the_rules_is_not_kept),
		TEST(before_the_first_import_there_is_no_operator),
		TEST(who_acts_too_often_is_slowed_down),
		TEST(what_cannot_be_published_does_not_go_live),
		TEST(what_goes_live_does_not_wait_for_ever),
		TEST(a_plan_says_whom_a_share_opens),
		TEST(a_plan_of_nonsense_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
