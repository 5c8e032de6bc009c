/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/diagnosis.h"

#include <string.h>

#include "tests/unit/check.h"

static struct err failure(enum err_code code, const char *words)
{
	struct err e = { 0 };

	err_set(&e, code, "%s", words);
	return e;
}

static void the_worst_finding_is_the_verdict(void **state)
{
	struct diagnosis d = { 0 };
	struct err first = failure(ERR_SPACE, "no room");
	struct err second = failure(ERR_CONFIG, "no program");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(diagnosis_worst(&d), FINDING_OK);
	diagnosis_ok(&d, "journal", "written %d times", 2);
	assert_int_equal(diagnosis_worst(&d), FINDING_OK);
	diagnosis_warn(&d, "clock", "behind");
	assert_int_equal(diagnosis_worst(&d), FINDING_WARN);
	assert_ok(diagnosis_verdict(&d, &e)); /* updates work all the same */
	diagnosis_fail(&d, "space", &first, "make some");
	diagnosis_fail(&d, "programs", &second, NULL);
	diagnosis_ok(&d, "root", "read-only");
	assert_int_equal(diagnosis_worst(&d), FINDING_FAIL);
	assert_refused_saying(diagnosis_verdict(&d, &e), ERR_SPACE,
			      "2 of 5 checks failed, the first is space");
}

static void each_finding_is_one_line(void **state)
{
	struct buf out = BUF_INIT(65536);
	struct diagnosis d = { 0 };
	struct err why = failure(ERR_SPACE, "no \n room\x1b[2J");
	struct err e = { 0 };

	(void)state;
	diagnosis_ok(&d, "journal", "forged\nfail  journal");
	diagnosis_fail(&d, "space", &why, "make some");
	assert_ok(diagnosis_print(&d, &out, &e));
	assert_string_equal(buf_text(&out),
			    "ok    journal        forged\\x0afail  journal\n"
			    "fail  space          no \\x0a room\\x1b[2J; make "
			    "some\n");
	buf_done(&out);
}

static void programs_read_the_same(void **state)
{
	struct diagnosis d = { 0 };
	struct json *all;

	(void)state;
	diagnosis_warn(&d, "clock", "behind");
	all = diagnosis_json(&d);
	assert_int_equal(json_count(all), 1);
	assert_string_equal(json_text(json_get(json_at(all, 0), "name")),
			    "clock");
	assert_string_equal(json_text(json_get(json_at(all, 0), "grade")),
			    "warn");
	assert_string_equal(json_text(json_get(json_at(all, 0), "text")),
			    "behind");
	json_free(all);
}

static void more_than_fits_is_left_out(void **state)
{
	struct diagnosis d = { 0 };
	struct err why = failure(ERR_SPACE, "no room");

	(void)state;
	for (int i = 0; i < DIAGNOSIS_MAX; i++)
		diagnosis_ok(&d, "x", "y");
	diagnosis_ok(&d, "x", "y");
	diagnosis_warn(&d, "x", "y");
	diagnosis_fail(&d, "x", &why, NULL);
	assert_int_equal(d.count, DIAGNOSIS_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worst_finding_is_the_verdict),
		cmocka_unit_test(each_finding_is_one_line),
		cmocka_unit_test(programs_read_the_same),
		cmocka_unit_test(more_than_fits_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
