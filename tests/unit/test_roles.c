/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <string.h>

#include "signer/roles.h"

static void roles_are_known_by_their_names(void **state)
{
	static const char *const good[] = { "product-gateway", "product-a.b-c",
					    "nightly", "rollout",
					    "rollout-wide" };
	static const char *const bad[] = { "root",     "targets", "snapshot",
					   "product-", "product", "product-A",
					   "../x",     "",        "nightly2" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_ok(roles_check_delegated(good[i], &e));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(roles_check_delegated(bad[i], &e), ERR_USAGE);
}

static void a_role_covers_its_own_paths(void **state)
{
	static const struct {
		const char *role, *path;
		bool covered;
	} cases[] = {
		{ "product-gateway", "gateway/1/main-full.pawl", true },
		{ "product-gateway", "floor/gateway.json", true },
		{ "product-gateway", "stepback/gateway/3-2.json", true },
		{ "product-gateway", "gadget/1/main-full.pawl", false },
		{ "product-gateway", "floor/gadget.json", false },
		{ "product-gateway", "gateway/1", false },
		{ "product-gateway", "gateway/1/2/3", false },
		{ "nightly", "nightly/gateway/1/main-full.pawl", true },
		{ "nightly", "gateway/1/main-full.pawl", false },
		{ "rollout", "rollout/gateway/1.json", true },
		{ "rollout", "rollout-wide/gateway/1.json", false },
		{ "rollout", "baseline/gateway/1.json", false },
		{ "rollout-wide", "rollout-wide/gateway/1.json", true },
		{ "rollout-wide", "baseline/gateway/1.json", true },
		{ "rollout-wide", "assign/0123.json", true },
		{ "rollout-wide", "rollout/gateway/1.json", false },
		{ "targets", "site.json", true },
		{ "root", "site.json", false },
		{ "", "site.json", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (roles_cover(cases[i].role, cases[i].path) !=
		    cases[i].covered)
			fail_msg("%s: %s", cases[i].role, cases[i].path);
}

static void a_product_is_not_called_like_a_folder_of_documents(void **state)
{
	char role[ROLE_NAME_LEN], longest[NAME_MAX_LEN + 1];
	struct err e = { 0 };

	(void)state;
	assert_ok(roles_check_product("gateway", &e));
	assert_refused(roles_check_product("nightly", &e), ERR_USAGE);
	assert_refused(roles_check_product("floor", &e), ERR_USAGE);
	assert_refused(roles_check_product("Gateway", &e), ERR_USAGE);
	assert_ok(roles_of_product("gateway", role, &e));
	assert_string_equal(role, "product-gateway");
	memset(longest, 'a', NAME_MAX_LEN);
	longest[NAME_MAX_LEN] = 0;
	assert_int_equal(roles_of_product(longest, role, &e), -1);
}

static void a_duty_is_one_persons(void **state)
{
	(void)state;
	assert_true(roles_same_duty("rollout", "rollout-wide"));
	assert_true(roles_same_duty("snapshot", "timestamp"));
	assert_true(roles_same_duty("root", "root"));
	assert_false(roles_same_duty("rollout", "nightly"));
	assert_false(roles_same_duty("rollout", "timestamp"));
	assert_false(roles_same_duty("product-a", "product-b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_are_known_by_their_names),
		cmocka_unit_test(a_role_covers_its_own_paths),
		cmocka_unit_test(
			a_product_is_not_called_like_a_folder_of_documents),
		cmocka_unit_test(a_duty_is_one_persons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
