/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/coverage.h"

#include <stdio.h>

#include "tests/unit/check.h"

#define FULL "{\"kind\":\"full\",\"bytes\":1000}"

static struct json *parsed(const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	assert_ok(json_parse(slice_of(text), &j, &e));
	return j;
}

static int cover(const char *packages, const char *running, struct json **out,
		 struct err *e)
{
	char text[1024];
	struct json *release, *runs;
	int rc;

	(void)snprintf(text, sizeof(text),
		       "{\"product\":\"kiosk\",\"seq\":9,\"requires_seq\":3,"
		       "\"detail\":{\"packages\":[%s]}}",
		       packages);
	release = parsed(text);
	runs = parsed(running);
	*out = NULL;
	rc = coverage_of(release, runs, out, e);
	json_free(release);
	json_free(runs);
	return rc;
}

static int64_t of(const struct json *j, const char *name)
{
	return json_int(json_get(j, name));
}

static const char running[] =
	"[{\"product\":\"kiosk\",\"release\":\"r9\",\"seq\":9,\"devices\":50},"
	"{\"product\":\"door\",\"release\":\"r5\",\"seq\":5,\"devices\":70},"
	"{\"product\":\"kiosk\",\"release\":\"r8\",\"seq\":8,\"devices\":10},"
	"{\"product\":\"kiosk\",\"release\":\"r5\",\"seq\":5,\"devices\":20},"
	"{\"product\":\"kiosk\",\"release\":\"r3\",\"seq\":3,\"devices\":30},"
	"{\"product\":\"kiosk\",\"release\":\"r2\",\"seq\":2,\"devices\":40},"
	"{\"product\":\"kiosk\",\"release\":\"\",\"seq\":0,\"devices\":60}]";

static void who_has_a_delta_is_counted_with_what_it_spares(void **state)
{
	struct json *j;
	const struct json *from;
	struct err e = { 0 };

	(void)state;
	assert_ok(cover(FULL
			",{\"kind\":\"delta\",\"from\":\"r8\",\"bytes\":100}"
			",{\"kind\":\"delta\",\"from\":\"r5\","
			"\"bytes\":300}"
			",{\"kind\":\"delta\",\"from\":\"r2\","
			"\"bytes\":200}",
			running, &j, &e));
	/* Neither who runs it, nor another product's. */
	assert_int_equal(of(j, "devices"), 160);
	assert_int_equal(of(j, "covered"), 30);
	assert_int_equal(of(j, "share"), 1875);
	/* A delta from what may not go there directly is of no use. */
	assert_int_equal(of(j, "stones"), 40);
	assert_int_equal(of(j, "egress_bytes"),
			 10 * 100 + 20 * 300 + (30 + 60) * 1000);
	assert_int_equal(of(j, "saved_bytes"), 10 * 900 + 20 * 700);
	from = json_get(j, "from");
	assert_int_equal(json_count(from), 5);
	assert_int_equal(of(json_at(from, 0), "devices"), 60);
	assert_string_equal(json_text(json_get(json_at(from, 0), "way")),
			    "full");
	assert_string_equal(json_text(json_get(json_at(from, 1), "way")),
			    "stone");
	assert_int_equal(of(json_at(from, 1), "saved_bytes"), 0);
	assert_string_equal(json_text(json_get(json_at(from, 3), "way")),
			    "delta");
	json_free(j);
}

static void the_next_one_is_from_where_most_have_none(void **state)
{
	const struct json *next;
	struct json *j;
	struct err e = { 0 };
	bool at_most = true;

	(void)state;
	assert_ok(cover(FULL
			",{\"kind\":\"delta\",\"from\":\"r8\",\"bytes\":100}"
			",{\"kind\":\"delta\",\"from\":\"r5\","
			"\"bytes\":300}",
			running, &j, &e));
	next = json_get(j, "next");
	/* Neither from nothing, nor by a stone. */
	assert_string_equal(json_text(json_get(next, "release")), "r3");
	assert_int_equal(of(next, "saves_bytes"), 30 * 800);
	assert_ok(json_get_bool(next, "at_most", &at_most, &e));
	assert_false(at_most);
	json_free(j);
	assert_ok(cover(FULL, running, &j, &e));
	next = json_get(j, "next");
	assert_int_equal(of(next, "saves_bytes"), 30 * 1000);
	assert_ok(json_get_bool(next, "at_most", &at_most, &e));
	assert_true(at_most);
	json_free(j);
}

static void nobody_is_covered_wholly(void **state)
{
	struct json *j;
	struct err e = { 0 };

	(void)state;
	assert_ok(cover(FULL, "[]", &j, &e));
	assert_int_equal(of(j, "devices"), 0);
	assert_int_equal(of(j, "share"), 10000);
	assert_null(json_get(j, "next"));
	json_free(j);
}

static void a_delta_that_is_larger_spares_nothing(void **state)
{
	struct json *j;
	struct err e = { 0 };

	(void)state;
	assert_ok(cover(FULL ",{\"kind\":\"delta\",\"from\":\"r8\","
			     "\"bytes\":1100}",
			running, &j, &e));
	assert_int_equal(of(j, "saved_bytes"), 0);
	assert_int_equal(of(json_get(j, "next"), "saves_bytes"), 0);
	json_free(j);
}

static void without_a_full_package_there_is_no_answer(void **state)
{
	struct json *j;
	struct err e = { 0 };

	(void)state;
	assert_refused(cover("{\"kind\":\"delta\",\"from\":\"r8\",\"bytes\":1}",
			     running, &j, &e),
		       ERR_FORMAT);
	assert_refused(cover("", running, &j, &e), ERR_FORMAT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			who_has_a_delta_is_counted_with_what_it_spares),
		cmocka_unit_test(the_next_one_is_from_where_most_have_none),
		cmocka_unit_test(nobody_is_covered_wholly),
		cmocka_unit_test(a_delta_that_is_larger_spares_nothing),
		cmocka_unit_test(without_a_full_package_there_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
