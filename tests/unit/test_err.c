/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/check.h"

static void every_way_to_fail_returns_minus_one(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, ERR_EXPIRED, "root %d", 7), -1);
	assert_int_equal(e.code, ERR_EXPIRED);
	assert_string_equal(e.msg, "root 7");
	assert_int_equal(err_in(&e, "metadata"), -1);
	assert_int_equal(e.code, ERR_EXPIRED);
	assert_string_equal(e.msg, "metadata: root 7");
	errno = EACCES;
	assert_int_equal(err_sys(&e, "file %s", "x"), -1);
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_string_equal(e.msg, "file x: Permission denied");
}

static void a_full_disk_and_a_missing_file_have_codes_of_their_own(void **state)
{
	static const struct {
		int number;
		enum err_code code;
	} cases[] = {
		{ ENOSPC, ERR_SPACE },      { EDQUOT, ERR_SPACE },
		{ EFBIG, ERR_SPACE },       { ENOENT, ERR_NOT_FOUND },
		{ ENOTDIR, ERR_SYSTEM },    { EIO, ERR_SYSTEM },
		{ ECONNRESET, ERR_SYSTEM },
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		errno = cases[i].number;
		err_sys(&e, "x");
		assert_int_equal(e.code, cases[i].code);
	}
}

static void long_messages_are_cut_not_overrun(void **state)
{
	char text[2000];
	struct err e = { 0 };

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	err_set(&e, ERR_FORMAT, "%s", text);
	assert_int_equal(strlen(e.msg), ERR_MSG_LEN - 1);
	for (int i = 0; i < 5; i++)
		err_in(&e, "%s", text);
	assert_true(strlen(e.msg) < ERR_MSG_LEN);
	errno = EIO;
	err_sys(&e, "%s", text);
	assert_true(strlen(e.msg) < ERR_MSG_LEN);
	assert_non_null(strstr(e.msg, ": Input/output error"));
}

static void every_code_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (int a = 0; a <= ERR_HEALTH; a++)
		for (int b = 0; b < a; b++)
			assert_string_not_equal(err_name((enum err_code)a),
						err_name((enum err_code)b));
	assert_string_equal(err_name(ERR_UNTRUSTED), "untrusted");
	assert_string_equal(err_name((enum err_code)200), "system");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_fail_returns_minus_one),
		cmocka_unit_test(
			a_full_disk_and_a_missing_file_have_codes_of_their_own),
		cmocka_unit_test(long_messages_are_cut_not_overrun),
		cmocka_unit_test(every_code_has_a_word_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
