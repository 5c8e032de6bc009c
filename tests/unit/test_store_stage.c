/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define NOW 1000000

static const struct audit_by by = { .kind = AUDIT_PERSON,
				    .person = { { 7 } },
				    .now = NOW };

static char folder[] = "/tmp/pawl-stage.XXXXXX";
static char path[64];

static int fresh(void **state)
{
	struct store *s = NULL;
	struct err e = { 0 };

	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/db", folder);
	if (store_open(path, &s, &e))
		return -1;
	*state = s;
	return 0;
}

static int gone(void **state)
{
	static const char *const names[] = { "db", "db-wal", "db-shm" };

	store_close(*state);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

static void stage(struct store *s, int64_t version, int64_t since,
		  const char *bytes)
{
	struct store_stage stage = { .role = "rollout-wide",
				     .version = version,
				     .since = since,
				     .signatures = 1 };
	struct err e = { 0 };

	assert_ok(store_stage_put(s, &stage, slice_of(bytes), &by, &e));
}

static void count(void *ctx, const struct store_stage *stage,
		  struct slice bytes)
{
	size_t *n = ctx;

	assert_string_equal(stage->role, "rollout-wide");
	assert_true(bytes.len > 0);
	(*n)++;
}

static uint64_t records(struct store *s)
{
	struct err e = { 0 };
	uint64_t size;

	assert_ok(store_audit_size(s, &size, &e));
	return size;
}

static void assert_staged(struct store *s, int64_t version, int64_t since,
			  const char *text)
{
	struct buf bytes = BUF_INIT(64);
	struct store_stage stage;
	struct err e = { 0 };

	assert_ok(store_stage_get(s, "rollout-wide", &stage, &bytes, &e));
	assert_int_equal(stage.version, version);
	assert_int_equal(stage.since, since);
	assert_string_equal(buf_text(&bytes), text);
	buf_done(&bytes);
}

static void what_waits_is_kept_with_its_beginning(void **state)
{
	struct err e = { 0 };
	size_t n = 0;

	stage(*state, 4, NOW, "one signature");
	assert_staged(*state, 4, NOW, "one signature");
	stage(*state, 4, NOW + 9, "two signatures");
	assert_staged(*state, 4, NOW, "two signatures");
	stage(*state, 5, NOW + 9, "the next");
	assert_staged(*state, 5, NOW + 9, "the next");
	assert_ok(store_stage_each(*state, count, &n, &e));
	assert_int_equal(n, 1);
	assert_int_equal(records(*state), 3);
}

static void what_is_discarded_is_gone_and_in_the_log(void **state)
{
	struct buf bytes = BUF_INIT(64);
	struct store_stage stage_of;
	struct err e = { 0 };

	stage(*state, 4, NOW, "x");
	assert_refused(store_stage_drop(*state, "rollout-wide", 3, &by, &e),
		       ERR_NOT_FOUND);
	assert_refused(store_stage_drop(*state, "rollout", 4, &by, &e),
		       ERR_NOT_FOUND);
	assert_int_equal(records(*state), 1);
	assert_ok(store_stage_drop(*state, "rollout-wide", 4, &by, &e));
	assert_int_equal(records(*state), 2);
	assert_refused(
		store_stage_get(*state, "rollout-wide", &stage_of, &bytes, &e),
		ERR_NOT_FOUND);
	buf_done(&bytes);
}

static void import(struct store *s, int64_t version)
{
	struct store_role role = { .name = "rollout-wide", .version = version };
	struct store_import in = { .roles = &role, .role_count = 1 };
	struct err e = { 0 };

	assert_ok(store_import(s, &in, &by, &e));
}

static void what_was_imported_waits_no_more(void **state)
{
	struct buf bytes = BUF_INIT(64);
	struct store_stage stage_of;
	struct err e = { 0 };

	stage(*state, 4, NOW, "x");
	import(*state, 3);
	assert_staged(*state, 4, NOW, "x");
	import(*state, 4);
	assert_refused(
		store_stage_get(*state, "rollout-wide", &stage_of, &bytes, &e),
		ERR_NOT_FOUND);
	buf_done(&bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_waits_is_kept_with_its_beginning),
		TEST(what_is_discarded_is_gone_and_in_the_log),
		TEST(what_was_imported_waits_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
