/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/audit_words.h"

#include <stdio.h>

#include "tests/unit/check.h"

#define PERSON                                                                 \
	"0700000000000000000000000000000000000000000000000000000000000000"
#define RECORD(cohort, clock)                                                  \
	"{\"act\":\"cohort-create\",\"actor\":{\"id\":\"" PERSON               \
	"\",\"kind\":\"person\"}," clock                                       \
	"\"n\":3,\"objects\":{\"cohort\":\"" cohort                            \
	"\"},\"time\":\"2023-11-14T22:13:20Z\",\"v\":1}"

static void a_record_is_one_line(void **state)
{
	char out[AUDIT_WORDS_MAX];
	struct err e = { 0 };

	(void)state;
	assert_ok(audit_words(slice_of(RECORD("canary", "")), out, &e));
	assert_string_equal(out, "     3  2023-11-14T22:13:20Z  person  "
				 "0700000000000000  cohort-create     "
				 "cohort=canary");
	assert_ok(audit_words(slice_of(RECORD("canary", "\"clock_back\":5,")),
			      out, &e));
	assert_non_null(strstr(out, "(the clock had gone back)"));
}

static void what_is_no_record_is_no_line(void **state)
{
	char out[AUDIT_WORDS_MAX] = "as before";
	struct err e = { 0 };

	(void)state;
	assert_refused(audit_words(slice_of("{}"), out, &e), ERR_FORMAT);
	/* What would move a terminal's cursor is no name. */
	assert_refused(audit_words(slice_of(RECORD("\\u001b[2J", "")), out, &e),
		       ERR_FORMAT);
	assert_string_equal(out, "as before");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_one_line),
		cmocka_unit_test(what_is_no_record_is_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
