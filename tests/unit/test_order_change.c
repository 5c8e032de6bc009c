/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two operators over a folder that they carry: what one makes and signs, the
 * other takes only if it is that, and nothing but a change of orders.
 */
#include "update-server/order_change.h"

#include <stdlib.h>

#include "common/mem.h"
#include "tests/unit/meeting.h"
#include "tests/unit/people_server.h"

#define PATH "rollout/kiosk/2.json"
#define FILE "stick/metadata/2.rollout.json"

struct office {
	struct repo *repo;
	struct order_trust trust;
	struct order_desk desk;
	struct order_change_set change;
	char stick[80];
};

static struct release a_release(void)
{
	struct release r = {
		.product = "kiosk",
		.id = "2",
		.version = "x",
		.seq = 2,
		.content_seq = 2,
		.issued = NOW,
		.health_deadline_sec = 300,
		.component = "main",
		.content = PACKAGE_TREE,
		.attributes = TREE_APP,
		.manifest_len = 1000,
		.content_len = 123456,
		.entries = 17,
		.kind = PACKAGE_FULL,
		.head_len = PACKAGE_HEADER_LEN + SHA256_LEN,
		.package_len = 5000,
		.window_len = 1 << 20,
		.apply_memory = 4 << 20,
	};

	memset(r.digest.bytes, 5, SHA256_LEN);
	return r;
}

static void begin(struct office *o)
{
	o->change = (struct order_change_set){ .trust = &o->trust,
					       .desk = &o->desk,
					       .role = "rollout" };
}

static int setup(void **state)
{
	struct office *o = mem_alloc(1, sizeof(*o));
	struct release r = a_release();
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	o->repo = repo_new();
	assert_ok(release_path(&r, path, &e));
	json_set(member(repo_body(o->repo, "targets"), "targets"), path,
		 release_format(&r));
	repo_delegate(o->repo, "targets", "rollout", SPARE_KEY,
		      "rollout/*/*.json");
	repo_publish(o->repo, "rollout");
	repo_release(o->repo);
	repo_trust(o->repo);
	assert_ok(tuf_client_open(o->repo->dirfd, &o->repo->policy, NOW,
				  &o->trust.client, &e));
	assert_ok(tuf_client_refresh(o->trust.client, &o->repo->source, &e));
	o->trust.source = o->repo->source;
	o->trust.environment = ENV_PRODUCTION;
	o->trust.one = repo_body(o->repo, "rollout");
	(void)snprintf(o->stick, sizeof(o->stick), "%s/stick", o->repo->dir);
	assert_ok(order_desk_open(NULL, o->stick, &o->desk, &e));
	begin(o);
	*state = o;
	return 0;
}

static int teardown(void **state)
{
	struct office *o = *state;

	order_change_done(&o->change);
	order_desk_close(&o->desk);
	tuf_client_close(o->trust.client);
	repo_free(o->repo);
	free(o);
	return 0;
}

/* ---- two operators ------------------------------------------------------- */

static void put_halt(struct office *o, uint64_t number)
{
	struct order halt = { .kind = ORDER_HALT,
			      .product = "kiosk",
			      .release = "2",
			      .number = number,
			      .issued = NOW };
	struct err e = { 0 };

	memset(halt.digest.bytes, 5, SHA256_LEN);
	assert_ok(order_change_put(&o->change, ORDER_ONE, &halt, &e));
}

static int sign(struct office *o, unsigned key, struct err *e)
{
	struct keyring ring = { .count = 1 };
	struct json *answer = NULL;
	int rc;

	ring.at[0].path = "op";
	ring.at[0].private_key = o->repo->keys[key];
	ec_public_of(o->repo->keys[key], &ring.at[0].public_key);
	if (tuf_keyid(&ring.at[0].public_key, ring.at[0].keyid, e))
		return -1;
	rc = order_change_sign(&o->change, &ring, &answer, e);
	json_free(answer);
	return rc;
}

/* What the first one did; then the second begins. */
static void make_and_sign(struct office *o)
{
	struct err e = { 0 };

	put_halt(o, 1);
	assert_ok(order_change_make(&o->change, NOW, &e));
	assert_ok(sign(o, SPARE_KEY, &e));
	order_change_done(&o->change);
	begin(o);
}

static int take(struct office *o, struct err *e)
{
	int rc = order_change_take(&o->change, e);

	order_change_done(&o->change);
	begin(o);
	return rc;
}

/* The file that waits is another, signed again by this key or (KEY_COUNT) not.
 */
static void spoil(struct office *o, const char *name, struct json *value,
		  unsigned key)
{
	struct buf bytes = BUF_INIT(100000);
	struct json *envelope = NULL;
	struct err e = { 0 };

	assert_ok(fs_read_file(o->repo->dirfd, FILE, &bytes, &e));
	assert_ok(json_parse(buf_slice(&bytes), &envelope, &e));
	json_set(tuf_envelope_signed(envelope), name, value);
	if (key < KEY_COUNT) {
		json_set(envelope, "signatures", json_new_array());
		assert_ok(tuf_sign(envelope, o->repo->keys[key], &e));
	}
	bytes.len = 0;
	assert_ok(tuf_envelope_bytes(envelope, &bytes, &e));
	assert_ok(fs_replace_file(o->repo->dirfd, FILE, buf_slice(&bytes), 0600,
				  &e));
	buf_done(&bytes);
	json_free(envelope);
}

static void the_second_takes_what_the_first_has_signed(void **state)
{
	struct office *o = *state;
	struct sha256 digest;
	struct err e = { 0 };

	put_halt(o, 1);
	assert_ok(order_change_make(&o->change, NOW, &e));
	digest = o->change.digest;
	assert_ok(sign(o, SPARE_KEY, &e));
	order_change_done(&o->change);
	begin(o);
	assert_ok(order_change_take(&o->change, &e));
	assert_true(sha256_equal(&o->change.digest, &digest));
	assert_int_equal(o->change.step.count, 1);
	assert_string_equal(o->change.step.changes[0].path, PATH);
	assert_non_null(o->change.words);
}

static void only_a_key_of_the_role_signs(void **state)
{
	struct office *o = *state;
	struct err e = { 0 };

	put_halt(o, 1);
	assert_ok(order_change_make(&o->change, NOW, &e));
	assert_refused_saying(sign(o, OTHER_KEY, &e), ERR_REFUSED,
			      "not a key of the role");
	order_change_done(&o->change);
	begin(o);
	assert_refused(take(o, &e), ERR_NOT_FOUND);
}

static void what_nobody_may_change_is_not_made(void **state)
{
	struct office *o = *state;
	struct err e = { 0 };

	put_halt(o, 5000);
	assert_refused_saying(order_change_make(&o->change, NOW, &e),
			      ERR_REFUSED, "runs ahead");
	order_change_done(&o->change);
	begin(o);
	o->trust.one = NULL;
	put_halt(o, 1);
	assert_refused_saying(order_change_make(&o->change, NOW, &e),
			      ERR_NOT_FOUND, "never signed");
}

static void changed_bytes_are_nobodys(void **state)
{
	struct office *o = *state;
	struct err e = { 0 };

	make_and_sign(o);
	spoil(o, "expires", json_new_text("2026-12-20T00:00:00Z"), KEY_COUNT);
	assert_int_equal(take(o, &e), -1);
	assert_int_equal(e.code, ERR_UNTRUSTED);
	spoil(o, "expires", json_new_text("2026-12-20T00:00:00Z"), OTHER_KEY);
	assert_int_equal(take(o, &e), -1);
	assert_int_equal(e.code, ERR_UNTRUSTED);
}

/* Signed by an operator all the same. */
static void nothing_but_orders_is_taken(void **state)
{
	struct office *o = *state;
	struct err e = { 0 };

	make_and_sign(o);
	assert_ok(take(o, &e));
	spoil(o, "version", json_new_int(3), SPARE_KEY);
	assert_refused(take(o, &e), ERR_CONFLICT);
	make_and_sign(o);
	spoil(o, "more", json_new_text("x"), SPARE_KEY);
	assert_refused(take(o, &e), ERR_REFUSED);
	make_and_sign(o);
	spoil(o, "spec_version", json_new_text("2.0.0"), SPARE_KEY);
	assert_int_equal(take(o, &e), -1);
	/* nor what a device would not read, or not believe */
	make_and_sign(o);
	spoil(o, "expires", json_new_text("tomorrow"), SPARE_KEY);
	assert_refused(take(o, &e), ERR_FORMAT);
	make_and_sign(o);
	spoil(o, "issued", json_new_text("2030-01-01T00:00:00Z"), SPARE_KEY);
	assert_int_equal(take(o, &e), -1);
}

static void changes_at_once_are_bounded(void **state)
{
	struct office *o = *state;
	struct err e = { 0 };

	for (int i = 0; i < ORDER_CHANGE_MAX; i++)
		assert_ok(order_change_remove(&o->change, PATH, &e));
	assert_refused(order_change_remove(&o->change, PATH, &e), ERR_LIMIT);
	assert_int_equal(o->change.count, ORDER_CHANGE_MAX);
	assert_string_equal(o->change.puts[3].path, PATH);
}

/* Where the only one lies that make_and_sign() made. */
static void the_document(struct office *o, char name[200])
{
	static const char folder[] = "stick/targets/rollout/kiosk";
	int fd = openat(o->repo->dirfd, folder, O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	const struct dirent *at;

	assert_non_null(d);
	name[0] = 0;
	while ((at = readdir(d)))
		if (at->d_name[0] != '.')
			(void)snprintf(name, 200, "%s/%.100s", folder,
				       at->d_name);
	closedir(d);
	assert_string_not_equal(name, "");
}

static void a_document_of_other_bytes_is_not_taken(void **state)
{
	struct office *o = *state;
	char name[200];
	struct err e = { 0 };

	make_and_sign(o);
	the_document(o, name);
	assert_ok(fs_replace_file(o->repo->dirfd, name, slice_of("{}"), 0600,
				  &e));
	assert_refused(take(o, &e), ERR_UNTRUSTED);
}

/* What the carried folder lacks is asked of the server; never passed over. */
static void a_document_that_is_nowhere_is_missed(void **state)
{
	struct office *o = *state;
	struct people_server server;
	struct meeting there = { 0 };
	char name[200];
	struct err e = { 0 };

	meeting_open(&there);
	people_server_open(&server);
	meeting_person(&there, &server.person);
	people_server_serve(&server, &there.api);
	o->trust.server = server.client;
	make_and_sign(o);
	the_document(o, name);
	assert_ok(fs_remove(o->repo->dirfd, name, &e));
	assert_refused(take(o, &e), ERR_NOT_FOUND);
	o->trust.server = NULL;
	people_server_close(&server);
	meeting_close(&there);
}

/* Which no device would read. */
static void a_file_that_is_too_large_is_not_made(void **state)
{
	struct office *o = *state;
	struct buf text = BUF_INIT(2000000);
	struct err e = { 0 };

	for (int i = 0; i < 100001; i++)
		assert_ok(buf_add(&text, slice_of("0123456789"), &e));
	json_set_text(repo_body(o->repo, "rollout"), "note", buf_text(&text));
	put_halt(o, 1);
	assert_refused(order_change_make(&o->change, NOW, &e), ERR_LIMIT);
	buf_done(&text);
}

/* What an operator signs without a look would stop every device that reads it.
 */
static void an_entry_that_devices_refuse_is_not_taken(void **state)
{
	struct office *o = *state;
	struct json *targets;
	struct err e = { 0 };

	put_halt(o, 1);
	assert_ok(order_change_make(&o->change, NOW, &e));
	targets = json_clone(
		json_get(json_get(o->change.envelope, "signed"), "targets"));
	json_set_text(member(member(targets, PATH), "hashes"), "sha512", "no");
	assert_ok(sign(o, SPARE_KEY, &e));
	order_change_done(&o->change);
	begin(o);
	spoil(o, "targets", targets, SPARE_KEY);
	assert_refused(take(o, &e), ERR_FORMAT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_second_takes_what_the_first_has_signed),
		TEST(only_a_key_of_the_role_signs),
		TEST(what_nobody_may_change_is_not_made),
		TEST(changed_bytes_are_nobodys),
		TEST(nothing_but_orders_is_taken),
		TEST(changes_at_once_are_bounded),
		TEST(a_document_of_other_bytes_is_not_taken),
		TEST(a_document_that_is_nowhere_is_missed),
		TEST(a_file_that_is_too_large_is_not_made),
		TEST(an_entry_that_devices_refuse_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
