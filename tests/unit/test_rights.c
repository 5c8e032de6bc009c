/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/rights.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"

static bool may(const char *role, enum method method, const char *path)
{
	const struct route route = { .method = method, .path = path };
	struct err e = { 0 };

	return rights_check(role, &route, &e) == 0;
}

static void every_role_reads(void **state)
{
	(void)state;
	assert_true(may("admin", METHOD_GET, "/v1/people/devices"));
	assert_true(may("operator", METHOD_GET, "/v1/people/audit/"));
	assert_true(may("officer", METHOD_GET, "/v1/people/rollouts"));
	assert_true(may("auditor", METHOD_GET, "/v1/people/registry"));
}

static void each_changes_what_is_its_work(void **state)
{
	static const char *const operators[] = {
		"payload/",      "metadata/",     "publish",
		"envelopes/",    "cohorts",       "rollouts",
		"rollout-start", "rollout-pause", "rollout-resume",
		"order-plan",    "order-sign",    "order-discard",
	};
	static const char *const officers[] = {
		"tokens",         "token-revoke",   "device-revoke",
		"token-activate", "device-approve", "device-deny",
		"device-retire",  "device-release", "bundle",
	};
	char path[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		(void)snprintf(path, sizeof(path), "/v1/people/%s",
			       operators[i]);
		assert_true(may("admin", METHOD_POST, path));
		assert_true(may("operator", METHOD_POST, path));
		assert_false(may("officer", METHOD_POST, path));
		assert_false(may("auditor", METHOD_PUT, path));
	}
	for (size_t i = 0; i < ARRAY_LEN(officers); i++) {
		(void)snprintf(path, sizeof(path), "/v1/people/%s",
			       officers[i]);
		assert_true(may("admin", METHOD_POST, path));
		assert_true(may("officer", METHOD_POST, path));
		assert_false(may("operator", METHOD_POST, path));
		assert_false(may("auditor", METHOD_POST, path));
	}
}

static void what_nobody_thought_of_is_the_admins(void **state)
{
	(void)state;
	assert_true(may("admin", METHOD_POST, "/v1/people/new"));
	assert_false(may("operator", METHOD_POST, "/v1/people/new"));
	assert_false(may("officer", METHOD_POST, "/v1/people/new"));
}

static void another_role_is_none(void **state)
{
	(void)state;
	assert_true(rights_is_role(slice_of("auditor")));
	assert_false(rights_is_role(slice_of("root")));
	assert_false(rights_is_role(slice_of("")));
	assert_false(may("root", METHOD_GET, "/v1/people/devices"));
	assert_false(may("", METHOD_POST, "/v1/people/tokens"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_reads),
		cmocka_unit_test(each_changes_what_is_its_work),
		cmocka_unit_test(what_nobody_thought_of_is_the_admins),
		cmocka_unit_test(another_role_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
