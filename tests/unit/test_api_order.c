/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update-server/api_order: the place where operators' signatures meet. What has
 * not enough of them waits, what nobody may sign is refused, and whoever comes
 * second is told so. (What has enough is published: tests/e2e/84.)
 */
#include <fcntl.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/order_step.h"
#include "tests/unit/tuf_repo.h"
#include "update-server/api.h"
#include "update-server/blobs.h"

#define WIDE "rollout-wide"
#define PATH WIDE "/kiosk/2.json"

#define THIRD_KEY (OTHER_KEY + 1)

struct desk {
	struct repo *repo;
	struct server_api api;
	struct peer ann;
};

static const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = NOW };

/* ---- what was imported --------------------------------------------------- */

static void take_file(struct desk *d, const char *role, struct store_file *f)
{
	repo_publish(d->repo, role);
	repo_name(d->repo, role, f->name);
	f->bytes = buf_slice(&repo_file(d->repo, f->name)->bytes);
}

/* Three operators, who all sign; release 2 is listed. */
static void import(struct desk *d)
{
	char detail[] = "{}";
	struct store_release release = { .product = "kiosk",
					 .id = "2",
					 .version = "2",
					 .seq = 2,
					 .detail = detail };
	struct store_role role = { .name = WIDE };
	struct store_file files[2] = { { .targets = 0 } };
	struct store_import in = { .files = files,
				   .file_count = 2,
				   .roles = &role,
				   .role_count = 1,
				   .releases = &release,
				   .release_count = 1 };
	struct json *entry = repo_delegate(d->repo, "targets", WIDE, SPARE_KEY,
					   WIDE "/*/*.json");
	struct err e = { 0 };

	repo_assign(d->repo,
		    member(member(repo_body(d->repo, "targets"), "delegations"),
			   "keys"),
		    entry, KEY(SPARE_KEY) | KEY(OTHER_KEY) | KEY(THIRD_KEY), 3);
	repo_find(d->repo, WIDE)->signers =
		KEY(SPARE_KEY) | KEY(OTHER_KEY) | KEY(THIRD_KEY);
	memset(release.digest.bytes, 5, SHA256_LEN);
	take_file(d, "targets", &files[0]);
	files[0].targets = repo_version(d->repo, "targets");
	take_file(d, WIDE, &files[1]);
	role.version = repo_version(d->repo, WIDE);
	assert_ok(store_import(d->api.store, &in, &by, &e));
}

static void add_person(struct desk *d)
{
	struct store_person p = { .name = "ann",
				  .roles = "operator",
				  .scope = { .share = 10000 } };
	struct sha256 spki = { { 9 } };
	struct err e = { 0 };

	p.fingerprint = d->ann.fingerprint = (struct sha256){ { 8 } };
	memcpy(d->ann.id, "ann", 4);
	assert_ok(store_person_add(d->api.store, &p, &spki, &by, &e));
}

static int setup(void **state)
{
	struct desk *d = mem_alloc(1, sizeof(*d));
	char path[96];
	struct err e = { 0 };

	d->repo = repo_new();
	(void)snprintf(path, sizeof(path), "%s/db", d->repo->dir);
	assert_ok(store_open(path, &d->api.store, &e));
	d->api.dirfd = d->repo->dirfd;
	d->api.acts.burst = d->api.acts.per_minute = 100;
	(void)pthread_mutex_init(&d->api.guessing, NULL);
	(void)pthread_mutex_init(&d->api.ordering, NULL);
	add_person(d);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct desk *d = *state;

	(void)pthread_mutex_destroy(&d->api.guessing);
	(void)pthread_mutex_destroy(&d->api.ordering);
	store_close(d->api.store);
	repo_free(d->repo);
	free(d);
	return 0;
}

/* ---- what comes ---------------------------------------------------------- */

/* The next file, with a halt of that number, which was uploaded before. */
static struct json *next_file(struct desk *d, uint64_t number)
{
	struct order o = { .kind = ORDER_HALT,
			   .product = "kiosk",
			   .release = "2",
			   .number = number,
			   .issued = NOW };
	struct buf text = BUF_INIT(ORDER_BYTES_MAX);
	struct order_put put = { .path = PATH, .type = "order" };
	struct sha256 digest;
	struct err e = { 0 };
	struct json *next;
	int fd = -1;

	memset(o.digest.bytes, 5, SHA256_LEN);
	assert_ok(order_format(&o, &text, &e));
	put.bytes = buf_slice(&text);
	sha256_of(put.bytes, &digest);
	assert_ok(
		fs_replace_file(d->repo->dirfd, "upload", put.bytes, 0600, &e));
	assert_ok(fs_open(d->repo->dirfd, "upload", O_RDONLY, &fd, &e));
	assert_ok(blobs_put(d->repo->dirfd, fd, text.len, &digest, &e));
	fs_close(&fd);
	next = order_step_make(repo_body(d->repo, WIDE), NOW, NOW + UTC_DAY,
			       &put, 1);
	buf_done(&text);
	return next;
}

/* A handler's answer: its status, with its words in `said`. */
static unsigned ask(struct desk *d, api_handler *handler, const char *path,
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

static unsigned bring(struct desk *d, const char *role,
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

static void signed_by(struct desk *d, struct json *envelope, unsigned key)
{
	struct err e = { 0 };

	json_set(envelope, "signatures", json_new_array());
	assert_ok(tuf_sign(envelope, d->repo->keys[key], &e));
}

#define REFUSED(code) (1000U + (code))

static void one_signature_of_three_waits(void **state)
{
	struct desk *d = *state;
	struct json *next;
	char said[2000];
	uint64_t before, after;
	struct err e = { 0 };

	import(d);
	next = next_file(d, 1);
	signed_by(d, next, SPARE_KEY);
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
	assert_non_null(strstr(said, PATH));
	json_free(next);
}

static void signatures_of_one_change_meet(void **state)
{
	struct desk *d = *state;
	struct json *next;
	char said[2000];

	import(d);
	next = next_file(d, 1);
	signed_by(d, next, SPARE_KEY);
	assert_int_equal(bring(d, WIDE, next, said), 200);
	for (int i = 0; i < 2; i++) { /* the same one again adds nothing */
		signed_by(d, next, OTHER_KEY);
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
	struct desk *d = *state;
	char said[2000], path[128], hex[SHA256_HEX_LEN];
	const struct json *entry;
	struct json *next;

	import(d);
	next = next_file(d, 1);
	entry = json_get(json_get(json_get(next, "signed"), "targets"), PATH);
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
	struct desk *d = *state;
	struct json *one, *two;
	char said[2000];

	import(d);
	one = next_file(d, 1);
	two = next_file(d, 2);
	signed_by(d, one, SPARE_KEY);
	signed_by(d, two, OTHER_KEY);
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
	assert_int_equal(ask(d, api_order_discard, "/v1/people/order-discard",
			     body, said),
			 200);
	assert_int_equal(bring(d, WIDE, two, said), 200);
	json_free(body);
	json_free(one);
	json_free(two);
}

static void whoever_is_no_operator_signs_nothing(void **state)
{
	struct desk *d = *state;
	struct json *next;
	char said[2000];

	import(d);
	next = next_file(d, 1);
	json_set(next, "signatures", json_new_array());
	assert_int_equal(bring(d, WIDE, next, said), REFUSED(ERR_UNTRUSTED));
	assert_non_null(strstr(said, "no key of the role"));
	signed_by(d, next, TARGETS_KEY);
	assert_in_range(bring(d, WIDE, next, said), 1001, 1999);
	signed_by(d, next, SPARE_KEY);
	json_set_text(member(next, "signed"), "expires",
		      "2026-06-01T00:00:00Z");
	assert_in_range(bring(d, WIDE, next, said), 1001, 1999);
	json_free(next);
}

static void only_orders_are_brought_here(void **state)
{
	struct desk *d = *state;
	struct json *next;
	char said[2000];

	import(d);
	next = next_file(d, 1);
	signed_by(d, next, SPARE_KEY);
	assert_int_equal(bring(d, "targets", next, said), REFUSED(ERR_REFUSED));
	assert_non_null(strstr(said, "operators sign"));
	assert_int_equal(bring(d, "../x", next, said), REFUSED(ERR_FORMAT));
	json_remove(member(next, "signed"), "version");
	assert_int_equal(bring(d, WIDE, next, said), REFUSED(ERR_FORMAT));
	json_free(next);
}

static void a_version_that_is_overtaken_is_a_conflict(void **state)
{
	struct desk *d = *state;
	struct json *next;
	char said[2000];

	import(d);
	next = next_file(d, 1);
	signed_by(d, next, SPARE_KEY);
	import(d); /* version 2 came in meanwhile */
	assert_int_equal(bring(d, WIDE, next, said), 412);
	assert_non_null(strstr(said, "make the change again"));
	json_free(next);
}

static void a_change_against_the_rules_is_not_kept(void **state)
{
	struct desk *d = *state;
	struct json *next;
	char said[2000];

	import(d);
	next = next_file(d, 5000); /* far ahead of all that there are */
	signed_by(d, next, SPARE_KEY);
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
	struct desk *d = *state;
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
	struct desk *d = *state;
	struct json *next;
	char said[2000];

	import(d);
	next = next_file(d, 1);
	signed_by(d, next, SPARE_KEY);
	d->api.acts.burst = 1;
	assert_int_equal(bring(d, WIDE, next, said), 200);
	assert_int_equal(bring(d, WIDE, next, said), REFUSED(ERR_BUSY));
	json_free(next);
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
		TEST(only_orders_are_brought_here),
		TEST(a_version_that_is_overtaken_is_a_conflict),
		TEST(a_change_against_the_rules_is_not_kept),
		TEST(before_the_first_import_there_is_no_operator),
		TEST(who_acts_too_often_is_slowed_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
