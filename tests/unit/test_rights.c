/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what, as a matrix: every route of the people's listener has a row
 * here, and a route without one fails the test.
 */
#include "update-server/rights.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"

#define P "/v1/people/"

enum work {
	READ, /* of everybody */
	OPERATOR,
	OFFICER,
	ADMIN
};

static const struct row {
	const char *path;
	enum method method;
	enum work work;
} rows[] = {
	{ "/metadata/", METHOD_GET, READ },
	{ "/targets/", METHOD_GET, READ },
#define PAGE(path)              { path, METHOD_GET, READ },
#define GET(path)               { P path, METHOD_GET, READ },
#define ACT(method, path, work) { P path, METHOD_##method, work },
#include "tests/unit/rights_rows.h"
};

static const char *const roles[] = { "operator", "officer", "admin",
				     "auditor" };
static const enum work does[] = { OPERATOR, OFFICER, ADMIN, READ };

static bool may(const char *held, enum method method, const char *path)
{
	const struct route route = { .method = method, .path = path };
	struct err e = { 0 };

	return rights_check(held, &route, &e) == 0;
}

static const struct row *row_of(const struct route *r)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].method == r->method &&
		    strcmp(rows[i].path, r->path) == 0)
			return &rows[i];
	return NULL;
}

static void check_row(const struct row *row)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		bool wanted = row->work == READ || row->work == does[i];

		if (may(roles[i], row->method, row->path) != wanted)
			fail_msg("%s, %s %s: not %s", roles[i],
				 method_name(row->method), row->path,
				 wanted ? "allowed" : "refused");
	}
}

static void every_role_has_its_routes_and_no_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i]);
}

static void every_route_has_a_row_and_every_row_a_route(void **state)
{
	bool used[ARRAY_LEN(rows)] = { false };

	(void)state;
	for (size_t i = 0; i < server_route_count; i++) {
		const struct route *r = &server_routes[i];
		const struct row *row = row_of(r);

		if (!(r->listeners & 1U << LISTENER_PEOPLE))
			continue;
		if (!row)
			fail_msg("who may %s %s? Add a row",
				 method_name(r->method), r->path);
		else
			used[row - rows] = true;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (!used[i])
			fail_msg("no route %s", rows[i].path);
}

static void what_nobody_thought_of_is_the_admins(void **state)
{
	(void)state;
	assert_true(may("admin", METHOD_POST, P "new"));
	assert_false(may("operator", METHOD_POST, P "new"));
	assert_false(may("officer", METHOD_POST, P "new"));
}

static void who_holds_several_roles_does_the_work_of_each(void **state)
{
	(void)state;
	assert_true(may("operator officer", METHOD_POST, P "cohorts"));
	assert_true(may("operator officer", METHOD_POST, P "tokens"));
	assert_false(may("operator officer", METHOD_POST, P "new"));
	assert_false(may("admin auditor", METHOD_POST, P "cohorts"));
}

static void another_role_is_none(void **state)
{
	static const char *const bad[] = { "",
					   "root",
					   "operators",
					   "operator  officer",
					   "operator ",
					   " operator",
					   "operator operator",
					   "operator,officer",
					   "Admin" };

	(void)state;
	assert_true(rights_are_roles(slice_of("auditor")));
	assert_true(rights_are_roles(slice_of("admin operator officer")));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(rights_are_roles(slice_of(bad[i])));
		assert_false(may(bad[i], METHOD_GET, P "devices"));
	}
}

static void a_scope_ends_at_its_cohorts_and_its_share(void **state)
{
	const struct rights_scope all = { .share = RIGHTS_SHARE_ALL };
	const struct rights_scope some = { .cohorts = "lab shop", .share = 50 };
	struct err e = { 0 };

	(void)state;
	assert_true(rights_is_boundless(&all));
	assert_false(rights_is_boundless(&some));
	assert_ok(rights_check_cohort(&all, "any", &e));
	assert_ok(rights_check_share(&all, RIGHTS_SHARE_ALL, &e));
	assert_ok(rights_check_cohort(&some, "lab", &e));
	assert_ok(rights_check_cohort(&some, "shop", &e));
	assert_refused(rights_check_cohort(&some, "sho", &e), ERR_REFUSED);
	assert_refused(rights_check_cohort(&some, "lab shop", &e), ERR_REFUSED);
	assert_refused(rights_check_cohort(&some, "", &e), ERR_REFUSED);
	assert_ok(rights_check_share(&some, 50, &e));
	assert_refused(rights_check_share(&some, 51, &e), ERR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_has_its_routes_and_no_others),
		cmocka_unit_test(every_route_has_a_row_and_every_row_a_route),
		cmocka_unit_test(what_nobody_thought_of_is_the_admins),
		cmocka_unit_test(who_holds_several_roles_does_the_work_of_each),
		cmocka_unit_test(another_role_is_none),
		cmocka_unit_test(a_scope_ends_at_its_cohorts_and_its_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
