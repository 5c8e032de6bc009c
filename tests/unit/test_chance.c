/* SPDX-License-Identifier: Apache-2.0 */
#include "common/chance.h"

#include "common/bucket.h"
#include "tests/unit/check.h"

static uint64_t of(double share)
{
	return (uint64_t)(share * 18446744073709551615.0);
}

/* Borders from sums of exact fractions:
 * python3: sum(comb(n,k)*p**k*(1-p)**(n-k) for k in range(m)) < 0.001 */
static void more_than_chance_allows_is_refused(void **state)
{
	static const struct {
		double limit;
		uint64_t devices;
		uint32_t share;
		enum err_code wanted;
	} cases[] = {
		/* one of 10: (1-p)^10 = 0.001 at p = 0.4988 */
		{ 0.498, 10, 1000, ERR_NONE },
		{ 0.500, 10, 1000, ERR_REFUSED },
		/* one of one: all but 0.001 */
		{ 0.998, 1, 100, ERR_NONE },
		{ 0.9991, 1, 100, ERR_REFUSED },
		/* 10 of 1000 */
		{ 0.010, 1000, 100, ERR_NONE },
		{ 0.020, 1000, 100, ERR_NONE },
		{ 0.024, 1000, 100, ERR_REFUSED },
		/* 1 % of a million: hardly any room */
		{ 0.0100, 1000000, 100, ERR_NONE },
		{ 0.0103, 1000000, 100, ERR_NONE },
		{ 0.0104, 1000000, 100, ERR_REFUSED },
		{ 0.5, 1000000, 100, ERR_REFUSED },
		/* half */
		{ 0.5, 100, 5000, ERR_NONE },
		{ 0.99, 100, 5000, ERR_REFUSED },
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int rc;

		e.code = ERR_NONE;
		rc = chance_check(of(cases[i].limit), cases[i].share,
				  cases[i].devices, &e);
		if (e.code != cases[i].wanted ||
		    rc != (cases[i].wanted ? -1 : 0))
			fail_msg("case %zu: %d", i, (int)e.code);
	}
}

static void everybody_needs_no_chance_and_nobody_is_no_fleet(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(chance_check(BUCKET_ALL, 10000, 5, &e));
	assert_ok(chance_check(0, 1, 5, &e));
	assert_refused(chance_check(BUCKET_ALL, 9999, 5, &e), ERR_REFUSED);
	assert_refused(chance_check(1, 100, 0, &e), ERR_USAGE);
	assert_refused(
		chance_check(BUCKET_ALL, 9999, CHANCE_DEVICES_MAX + 1, &e),
		ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_than_chance_allows_is_refused),
		cmocka_unit_test(
			everybody_needs_no_chance_and_nobody_is_no_fleet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
