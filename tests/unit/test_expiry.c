/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/expiry.h"

#include <stdio.h>

#include "tests/unit/box.h"

#define NOW INT64_C(2000000000)

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

#define ENDING(when)                                                           \
	slice_of("{\"signed\":{\"issued\":\"2026-01-01T00:00:00Z\","           \
		 "\"expires\":\"" when "\"}}")

static void import(struct store *s, const struct store_role *roles,
		   size_t count)
{
	const struct store_file files[] = {
		{ .name = "1.root.json",
		  .bytes = ENDING("2030-01-01T00:00:00Z"),
		  .root = 1 },
		{ .name = "1.targets.json",
		  .bytes = ENDING("2029-01-01T00:00:00Z"),
		  .targets = 1 },
		{ .name = "1.rollout.json",
		  .bytes = ENDING("2026-02-01T00:00:00Z") },
		{ .name = "2.nightly.json",
		  .bytes = ENDING("2026-03-01T00:00:00Z") },
	};
	const struct store_import in = { .files = files,
					 .file_count = 4,
					 .roles = roles,
					 .role_count = count };
	struct err e = { 0 };

	assert_ok(store_import(s, &in, &by, &e));
}

static int64_t end_of(struct expiry *x, struct store *s, const char *role)
{
	static struct expiry_of all[EXPIRY_MAX];
	size_t count = 0;
	struct err e = { 0 };

	assert_ok(expiry_read(x, s, all, &count, &e));
	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].role, role) == 0)
			return all[i].when;
	return 0;
}

static int64_t at(const char *text)
{
	int64_t when = 0;
	struct err e = { 0 };

	assert_ok(utc_parse(slice_of(text), &when, &e));
	return when;
}

static void a_role_counts_until_nothing_delegates_to_it(void **state)
{
	static struct expiry x;
	struct store_role roles[] = {
		{ .name = "rollout", .version = 1 },
		{ .name = "nightly", .version = 2 },
	};

	expiry_init(&x);
	import(*state, roles, 2);
	assert_int_equal(end_of(&x, *state, "root"),
			 at("2030-01-01T00:00:00Z"));
	assert_int_equal(end_of(&x, *state, "rollout"),
			 at("2026-02-01T00:00:00Z"));
	assert_int_equal(end_of(&x, *state, "nightly"),
			 at("2026-03-01T00:00:00Z"));
	/* What another import says of it once it has expired. */
	strcpy(roles[0].problem, "expired at 2026-02-01T00:00:00Z");
	import(*state, roles, 2);
	assert_int_equal(end_of(&x, *state, "rollout"),
			 at("2026-02-01T00:00:00Z"));
	import(*state, roles, 1);
	assert_int_equal(end_of(&x, *state, "nightly"), 0);
	assert_int_equal(end_of(&x, *state, "rollout"),
			 at("2026-02-01T00:00:00Z"));
	expiry_done(&x);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_role_counts_until_nothing_delegates_to_it, fresh,
			gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
