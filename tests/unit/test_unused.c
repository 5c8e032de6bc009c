/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/unused.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/unit/box.h"
#include "tests/unit/put_blob.h"

#define NOW   INT64_C(2000000000)
#define MAYBE (NOW - UTC_DAY)

static struct box box;
static const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = NOW };

static int fresh(void **state)
{
	char path[96];
	struct store *s = NULL;
	struct err e = { 0 };

	box_open(&box);
	(void)snprintf(path, sizeof(path), "%s/db", box.path);
	assert_ok(store_open(path, &s, &e));
	*state = s;
	return 0;
}

static int gone(void **state)
{
	store_close(*state);
	box_close(&box);
	return 0;
}

/* A file that came then. */
static struct sha256 file(const char *content, int64_t since)
{
	struct timespec times[2] = { { .tv_sec = since }, { .tv_sec = since } };
	struct err e = { 0 };
	struct sha256 digest;
	char name[100], hex[SHA256_HEX_LEN];
	int fd = -1;

	sha256_of(slice_of(content), &digest);
	assert_ok(fs_replace_file(box.dir, "upload", slice_of(content), 0600,
				  &e));
	assert_ok(fs_open(box.dir, "upload", O_RDONLY, &fd, &e));
	assert_ok(put_blob(box.dir, fd, strlen(content), &digest, &e));
	fs_close(&fd);
	sha256_format(&digest, hex);
	(void)snprintf(name, sizeof(name), "blobs/%.2s/%s", hex, hex);
	assert_int_equal(utimensat(box.dir, name, times, 0), 0);
	return digest;
}

static int ask(struct store *s, const struct unused_held *held,
	       size_t held_count, struct unused *u, struct err *e)
{
	const struct unused_ask what = { .dirfd = box.dir,
					 .before = MAYBE,
					 .held = held,
					 .held_count = held_count };

	return unused_find(s, &what, u, e);
}

static struct unused find(struct store *s, const struct unused_held *held,
			  size_t held_count)
{
	struct unused u;
	struct err e = { 0 };

	assert_ok(ask(s, held, held_count, &u, &e));
	return u;
}

static bool is_in(const struct unused *u, const struct sha256 *digest)
{
	for (size_t i = 0; i < u->count; i++)
		if (u->at[i].whole && sha256_equal(&u->at[i].digest, digest))
			return true;
	return false;
}

/* Of one package each; of an import whose metadata lists only some. */
static struct store_release release(const char *id, const struct sha256 *digest,
				    const char *from, char detail[512])
{
	struct store_release r = { .listed = true, .seq = 1 };
	char hex[SHA256_HEX_LEN];

	sha256_format(digest, hex);
	(void)snprintf(
		detail, 512, "{\"packages\":[{\"sha256\":\"%s\"%s%s%s}]}", hex,
		from ? ",\"from\":\"" : "", from ? from : "", from ? "\"" : "");
	(void)snprintf(r.product, sizeof(r.product), "kiosk");
	(void)snprintf(r.id, sizeof(r.id), "%s", id);
	r.detail = detail;
	return r;
}

static void import(struct store *s, struct store_release *releases, size_t n,
		   const struct sha256 *listed)
{
	struct store_payload p = { .length = 1 };
	const struct store_import in = { .payloads = &p,
					 .payload_count = listed ? 1 : 0,
					 .releases = releases,
					 .release_count = n };
	struct err e = { 0 };

	(void)snprintf(p.url, sizeof(p.url), "kiosk/x/y");
	if (listed)
		p.digest = *listed;
	assert_ok(store_import(s, &in, &by, &e));
}

static void what_is_listed_or_came_lately_stays(void **state)
{
	struct sha256 listed = file("listed", 1), stray = file("stray", 1);
	struct sha256 late = file("late", MAYBE);
	struct unused u;

	import(*state, NULL, 0, &listed);
	u = find(*state, NULL, 0);
	assert_int_equal(u.count, 1);
	assert_int_equal(u.bytes, strlen("stray"));
	assert_true(is_in(&u, &stray));
	assert_false(is_in(&u, &late));
	assert_int_equal(u.referred, 1);
	assert_int_equal(u.recent, 1);
	unused_done(&u);
	(void)file("late", MAYBE - 1);
	u = find(*state, NULL, 0);
	assert_true(is_in(&u, &late));
	unused_done(&u);
}

/* Content keys of a package, sealed to devices. */
static void sealed(const struct sha256 *package, const char *end, int64_t since)
{
	struct timespec times[2] = { { .tv_sec = since }, { .tv_sec = since } };
	char name[130], hex[SHA256_HEX_LEN];
	struct err e = { 0 };

	sha256_format(package, hex);
	(void)snprintf(name, sizeof(name), "envelopes/%s.keys%s", hex, end);
	assert_ok(fs_mkdirs(box.dir, "envelopes", 0700, &e));
	assert_ok(fs_replace_file(box.dir, name, slice_of("k"), 0600, &e));
	assert_int_equal(utimensat(box.dir, name, times, 0), 0);
}

static void sealed_keys_go_with_their_package(void **state)
{
	struct sha256 listed = file("listed", 1), gone = { { 1 } },
		      late = { { 2 } };
	struct unused u;
	struct err e = { 0 };

	import(*state, NULL, 0, &listed);
	sealed(&listed, "", 1);
	sealed(&gone, "", 1);
	sealed(&late, "", MAYBE);
	sealed(&listed, ".0123456789abcdef", 1);
	/* No name of ours. */
	sealed(&gone, ".0123456789abcdeg", 1);
	sealed(&gone, ".0123456789abcde", 1);
	sealed(&gone, "0", 1);
	u = find(*state, NULL, 0);
	assert_int_equal(u.count, 2);
	assert_true(is_in(&u, &gone));
	assert_false(is_in(&u, &listed));
	assert_int_equal(u.referred, 2);
	assert_int_equal(u.recent, 1);
	for (size_t i = 0; i < u.count; i++)
		assert_ok(blobs_remove(box.dir, &u.at[i], MAYBE, &e));
	unused_done(&u);
	u = find(*state, NULL, 0);
	assert_int_equal(u.count, 0);
	assert_int_equal(u.referred, 2);
	unused_done(&u);
}

/* It is being imported again: not listed yet, and its keys are old. */
static void old_keys_of_a_package_that_came_lately_stay(void **state)
{
	struct sha256 late = file("late", MAYBE), old = file("old", 1);
	struct unused u;

	sealed(&late, "", 1);
	sealed(&late, ".0123456789abcdef", 1);
	sealed(&old, "", 1);
	u = find(*state, NULL, 0);
	assert_int_equal(u.recent, 2);
	/* The other package, its keys, and what was not yet a file of keys. */
	assert_int_equal(u.count, 3);
	for (size_t i = 0; i < u.count; i++)
		assert_true(!u.at[i].whole ||
			    sha256_equal(&u.at[i].digest, &old));
	unused_done(&u);
}

static void what_a_rollout_is_about_stays(void **state)
{
	static const struct unused_held held = { "kiosk", "r1" },
					other = { "other", "r1" };
	struct sha256 digest = file("r1", 1);
	struct store_release r;
	struct unused u;
	char detail[512];

	r = release("r1", &digest, NULL, detail);
	import(*state, &r, 1, NULL);
	import(*state, NULL, 0, NULL); /* listed no more */
	u = find(*state, &held, 1);
	assert_int_equal(u.count, 0);
	unused_done(&u);
	u = find(*state, &other, 1);
	assert_true(is_in(&u, &digest));
	unused_done(&u);
	u = find(*state, NULL, 0);
	assert_true(is_in(&u, &digest));
	unused_done(&u);
}

static void what_a_listed_delta_starts_from_stays(void **state)
{
	struct sha256 base = file("r1", 1), delta = file("r1 to r2", 1);
	struct store_release r1, r2;
	struct unused u;
	char detail[2][512];

	r1 = release("r1", &base, NULL, detail[0]);
	r2 = release("r2", &delta, "r1", detail[1]);
	import(*state, &r1, 1, NULL);
	import(*state, &r2, 1, &delta);
	u = find(*state, NULL, 0);
	assert_int_equal(u.count, 0);
	unused_done(&u);
	/* The delta is withdrawn, and with it what it was for. */
	import(*state, NULL, 0, NULL);
	u = find(*state, NULL, 0);
	assert_int_equal(u.count, 2);
	unused_done(&u);
}

static void what_waits_for_signatures_keeps_its_documents(void **state)
{
	struct store_stage stage = { .role = "rollout-wide", .version = 2 };
	struct sha256 digest = file("{\"an\":\"order\"}", 1);
	struct err e = { 0 };
	char hex[SHA256_HEX_LEN], text[512];
	struct unused u;

	sha256_format(&digest, hex);
	(void)snprintf(text, sizeof(text),
		       "{\"signed\":{\"targets\":{\"rollout-wide/k/1.json\":"
		       "{\"hashes\":{\"sha256\":\"%s\"}}}}}",
		       hex);
	u = find(*state, NULL, 0);
	assert_true(is_in(&u, &digest));
	unused_done(&u);
	assert_ok(store_stage_put(*state, &stage, slice_of(text), &by, &e));
	u = find(*state, NULL, 0);
	assert_int_equal(u.count, 0);
	unused_done(&u);
	/* What cannot be read refers to nobody knows what. */
	stage.version = 3;
	assert_ok(store_stage_put(*state, &stage, slice_of("{"), &by, &e));
	assert_int_equal(ask(*state, NULL, 0, &u, &e), -1);
	unused_done(&u);
}

/* A role's newest file; nothing that it lists counts as listed. */
static void import_role(struct store *s, const char *text)
{
	struct store_role role = { .name = "operators",
				   .version = 3,
				   .problem = "it has expired" };
	struct store_file f = { .name = "3.operators.json",
				.bytes = slice_of(text) };
	const struct store_import in = {
		.files = &f, .file_count = 1, .roles = &role, .role_count = 1
	};
	struct err e = { 0 };

	assert_ok(store_import(s, &in, &by, &e));
}

static void what_an_unusable_role_lists_stays(void **state)
{
	struct sha256 digest = file("{\"an\":\"assignment\"}", 1);
	char hex[SHA256_HEX_LEN], text[512];
	struct err e = { 0 };
	struct unused u;

	sha256_format(&digest, hex);
	(void)snprintf(text, sizeof(text),
		       "{\"signed\":{\"targets\":{\"operators/a.json\":"
		       "{\"hashes\":{\"sha256\":\"%s\"}}}}}",
		       hex);
	import(*state, NULL, 0, NULL);
	u = find(*state, NULL, 0);
	assert_true(is_in(&u, &digest));
	unused_done(&u);
	import_role(*state, text);
	u = find(*state, NULL, 0);
	assert_int_equal(u.count, 0);
	assert_int_equal(u.referred, 1);
	unused_done(&u);
	/* What cannot be read lists nobody knows what. */
	import_role(*state, "{");
	assert_int_equal(ask(*state, NULL, 0, &u, &e), -1);
	assert_non_null(strstr(e.msg, "operators"));
	unused_done(&u);
}

static void what_cannot_be_read_of_a_release_lets_nothing_go(void **state)
{
	static const struct unused_held held = { "kiosk", "r1" };
	struct sha256 digest = file("r1", 1);
	struct store_release r;
	struct err e = { 0 };
	struct unused u;
	char detail[512];

	r = release("r1", &digest, NULL, detail);
	memcpy(detail, "{{", 2);
	import(*state, &r, 1, NULL);
	assert_int_equal(ask(*state, &held, 1, &u, &e), -1);
	assert_non_null(strstr(e.msg, "release import"));
	unused_done(&u);
	/* A digest of it that is none. */
	r = release("r1", &digest, NULL, detail);
	strchr(detail, ':')[14] = 'x';
	import(*state, &r, 1, NULL);
	assert_int_equal(ask(*state, &held, 1, &u, &e), -1);
	unused_done(&u);
}

static void a_plan_is_of_these_files_alone(void **state)
{
	struct sha256 one, same, other;
	struct unused u;

	(void)file("a", 1);
	(void)file("b", 1);
	u = find(*state, NULL, 0);
	unused_plan(&u, &one);
	unused_plan(&u, &same);
	assert_true(sha256_equal(&one, &same));
	u.at[1].len++;
	unused_plan(&u, &other);
	assert_false(sha256_equal(&one, &other));
	u.at[1].len--;
	u.count--;
	unused_plan(&u, &other);
	assert_false(sha256_equal(&one, &other));
	unused_done(&u);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_listed_or_came_lately_stays),
		TEST(sealed_keys_go_with_their_package),
		TEST(old_keys_of_a_package_that_came_lately_stay),
		TEST(what_a_rollout_is_about_stays),
		TEST(what_a_listed_delta_starts_from_stays),
		TEST(what_waits_for_signatures_keeps_its_documents),
		TEST(what_an_unusable_role_lists_stays),
		TEST(what_cannot_be_read_of_a_release_lets_nothing_go),
		TEST(a_plan_is_of_these_files_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
