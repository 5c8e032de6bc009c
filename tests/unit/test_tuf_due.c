/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_due.h"

#include "common/utc.h"
#include "tests/unit/check.h"

#define NOW INT64_C(1790000000)

static void an_end_is_announced_at_60_30_and_7_days(void **state)
{
	const int64_t issued = NOW - 300 * UTC_DAY;
	static const struct {
		int left, level; /* days */
	} cases[] = { { 61, -1 }, { 60, -1 }, { 59, 60 }, { 30, 60 },
		      { 29, 30 }, { 7, 30 },  { 6, 7 },   { 0, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			tuf_due(issued, NOW + cases[i].left * UTC_DAY, NOW),
			cases[i].level);
	/* A life of 30 days is not about to end on its first day. */
	assert_int_equal(tuf_due(NOW, NOW + 30 * UTC_DAY, NOW), -1);
	assert_int_equal(tuf_due(NOW - 20 * UTC_DAY, NOW + 10 * UTC_DAY, NOW),
			 30);
}

static void a_certificate_is_announced_at_30_and_7_days(void **state)
{
	static const struct {
		int64_t left;
		int level;
	} cases[] = { { 30 * UTC_DAY, -1 },
		      { 30 * UTC_DAY - 1, 30 },
		      { 7 * UTC_DAY, 30 },
		      { 7 * UTC_DAY - 1, 7 },
		      { 1, 7 },
		      { 0, 0 },
		      { -1, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(tuf_due_certificate(NOW + cases[i].left, NOW),
				 cases[i].level);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_end_is_announced_at_60_30_and_7_days),
		cmocka_unit_test(a_certificate_is_announced_at_30_and_7_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
