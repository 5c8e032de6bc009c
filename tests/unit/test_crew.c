/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/crew.h"

#include <sched.h>
#include <string.h>

#include "tests/unit/check.h"

#define PARTS 1000

struct sums {
	uint64_t at[PARTS];
	size_t bad; /* from here on parts fail */
};

static int sum(void *ctx, size_t index, struct err *e)
{
	struct sums *s = ctx;

	if (index >= s->bad) {
		sched_yield();
		return err_set(e, ERR_FORMAT, "part %zu", index);
	}
	for (size_t i = 0; i <= index; i++)
		s->at[index] += i;
	return 0;
}

static void check(struct crew *c, size_t count)
{
	struct sums s = { .bad = PARTS };
	struct err e = { 0 };

	assert_ok(crew_run(c, count, sum, &s, &e));
	for (size_t i = 0; i < PARTS; i++)
		assert_int_equal(s.at[i], i < count ? i * (i + 1) / 2 : 0);
}

static void every_part_is_done_once_by_any_number_of_threads(void **state)
{
	static const unsigned jobs[] = { 0, 1, 2, 3, 7 };
	struct err e = { 0 };

	(void)state;
	check(NULL, PARTS);
	for (size_t i = 0; i < 5; i++) {
		struct crew *c;

		assert_ok(crew_new(jobs[i], &c, &e));
		check(c, PARTS);
		check(c, 0);
		check(c, 1);
		check(c, 2);
		crew_free(c);
	}
	crew_free(NULL);
}

static void the_earliest_error_is_told_and_work_goes_on(void **state)
{
	struct sums s = { .bad = 5 };
	struct err e = { 0 };
	struct crew *c;

	(void)state;
	assert_ok(crew_new(4, &c, &e));
	for (unsigned i = 0; i < 100; i++) {
		memset(s.at, 0, sizeof(s.at));
		assert_int_equal(crew_run(c, 40, sum, &s, &e), -1);
		assert_string_equal(e.msg, "part 5");
	}
	check(c, PARTS);
	crew_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_part_is_done_once_by_any_number_of_threads),
		cmocka_unit_test(the_earliest_error_is_told_and_work_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
