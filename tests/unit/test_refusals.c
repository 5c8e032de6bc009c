/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/refusals.h"

#include <string.h>

#include "tests/unit/check.h"

/* Of a release, by its seq, as all of these tests have it. */
static struct sha256 digest_of(uint64_t seq)
{
	return (struct sha256){ { (uint8_t)seq } };
}

/* Is the release held, where seq 1 runs? */
static bool hold(const struct refusals *r, uint64_t seq, uint64_t retry)
{
	const struct sha256 digest = digest_of(seq);

	return refusals_hold(r, &digest, retry, refusals_bind(r, seq, 1));
}

static void roll_back(struct refusals *r, uint64_t seq, uint64_t retry)
{
	const struct sha256 digest = digest_of(seq);

	if (retry > 0)
		refusals_spend(r, &digest, retry);
	refusals_add(r, &digest, seq);
}

static void what_was_rolled_back_is_held_and_nothing_else(void **state)
{
	struct refusals r = { 0 };

	(void)state;
	assert_false(hold(&r, 3, 0));
	roll_back(&r, 3, 0);
	assert_true(hold(&r, 3, 0));
	assert_false(hold(&r, 2, 0));
	assert_false(hold(&r, 4, 0));
	roll_back(&r, 3, 0);
	assert_int_equal(r.count, 1);
}

static void each_signed_number_counts_once_and_for_its_release(void **state)
{
	struct refusals r = { 0 };

	(void)state;
	roll_back(&r, 3, 0);
	roll_back(&r, 4, 0);
	assert_false(hold(&r, 3, 1));
	roll_back(&r, 3, 1);
	assert_true(hold(&r, 3, 1));
	assert_false(hold(&r, 3, 2));
	assert_false(hold(&r, 3, 257)); /* no byte of it is lost */
	assert_false(hold(&r, 4, 1));
	assert_int_equal(r.seq, 0);
	assert_int_equal(r.retry, 0);
}

static void
only_the_latest_are_remembered_and_then_there_is_a_bound(void **state)
{
	struct refusals r = { 0 };
	struct sha256 first = digest_of(2), last = digest_of(10);

	(void)state;
	for (uint64_t seq = 2; seq <= 9; seq++)
		roll_back(&r, seq, 0);
	assert_int_equal(r.count, REFUSALS_MAX);
	assert_true(refusals_have(&r, &first));
	assert_int_equal(r.seq, 0);
	roll_back(&r, 10, 0);
	assert_int_equal(r.count, REFUSALS_MAX);
	assert_false(refusals_have(&r, &first));
	assert_true(refusals_have(&r, &last));
	assert_int_equal(r.seq, 10);
	/* It holds the forgotten one, and does not sink. */
	assert_true(hold(&r, 2, 0));
	roll_back(&r, 2, 0);
	assert_int_equal(r.seq, 10);
	assert_false(hold(&r, 11, 0));
	/* What makes no bound, makes none. */
	first = digest_of(12);
	refusals_add(&r, &first, 0);
	assert_int_equal(r.seq, 10);
}

static void what_runs_and_what_is_older_is_no_matter_of_bounds(void **state)
{
	const struct refusals r = { .seq = 4 };

	(void)state;
	assert_true(refusals_bind(&r, 4, 3));
	assert_false(refusals_bind(&r, 5, 3));
	assert_false(refusals_bind(&r, 4, 4));
	assert_false(refusals_bind(&r, 3, 4));
}

static void of_many_only_a_higher_number_counts(void **state)
{
	struct refusals r = { .seq = 9, .retry = 2 };

	(void)state;
	assert_true(hold(&r, 5, 0));
	assert_true(hold(&r, 5, 1));
	assert_true(hold(&r, 5, 2));
	assert_false(hold(&r, 5, 3));
	roll_back(&r, 5, 3);
	assert_true(hold(&r, 5, 3));
	/* One that is known by its digest has a number of its own. */
	r = (struct refusals){ .retry = 2 };
	roll_back(&r, 5, 0);
	assert_false(hold(&r, 5, 1));
}

static void a_number_that_pushes_another_out_is_a_bound(void **state)
{
	struct refusals r = { 0 };
	struct sha256 digest = digest_of(9);

	(void)state;
	for (uint64_t seq = 2; seq <= 5; seq++)
		roll_back(&r, seq, 7);
	assert_int_equal(r.count, REFUSALS_MAX);
	assert_int_equal(r.retry, 0);
	refusals_spend(&r, &digest, 3);
	assert_int_equal(r.retry, 3);
	refusals_spend(&r, &digest, 2);
	assert_int_equal(r.retry, 3);
	assert_int_equal(r.seq, 0);
}

static void who_proves_itself_is_forgiven(void **state)
{
	struct refusals r = { .seq = 9, .retry = 2 };
	struct sha256 digest = digest_of(5);

	(void)state;
	roll_back(&r, 4, 0);
	roll_back(&r, 5, 0);
	roll_back(&r, 6, 0);
	/* An older one of many leaves the bounds. */
	refusals_forgive(&r, &digest, 5);
	assert_false(refusals_have(&r, &digest));
	assert_int_equal(r.count, 2);
	assert_true(hold(&r, 4, 0));
	assert_true(hold(&r, 6, 0));
	assert_int_equal(r.seq, 9);
	assert_int_equal(r.retry, 2);
	digest = digest_of(9);
	refusals_forgive(&r, &digest, 9);
	assert_int_equal(r.seq, 0);
	assert_int_equal(r.retry, 0);
	assert_int_equal(r.count, 2);
}

/* ---- it comes to an end -------------------------------------------------- */

#define LISTED 9
#define EACH   3 /* how often one of them is tried, with one number */

/* Releases of seq 2 and up, all bad: by which number each may be retried. */
struct list {
	uint64_t retry[LISTED];
	size_t count;
};

/* The newest that is not held fails, as often as there is one. */
static void try_all(struct refusals *r, const struct list *l)
{
	unsigned tried[LISTED] = { 0 };
	size_t i = l->count;

	while (i > 0) {
		i--;
		if (hold(r, i + 2, l->retry[i]))
			continue;
		assert_true(++tried[i] <= EACH);
		roll_back(r, i + 2, l->retry[i]);
		i = l->count;
	}
}

/* Whatever list of nine; then all of them are signed to be tried again. */
static void any_list_of_bad_releases_comes_to_an_end(void **state)
{
	size_t lists = 1;

	(void)state;
	for (size_t i = 0; i < LISTED; i++)
		lists *= 3;
	for (size_t n = 0; n < lists; n++) {
		struct refusals r = { 0 };
		struct list l = { .count = LISTED };

		for (size_t i = 0, rest = n; i < LISTED; i++, rest /= 3)
			l.retry[i] = rest % 3;
		try_all(&r, &l);
		for (size_t i = 0; i < LISTED; i++)
			l.retry[i] += 2;
		try_all(&r, &l);
		/* And the next good one is not in their way. */
		assert_false(hold(&r, LISTED + 2, 0));
	}
}

/* The list grows by one, wherever it is, and nothing else is tried much. */
static void what_is_listed_later_comes_to_an_end_too(void **state)
{
	struct refusals r = { 0 };
	struct list l = { .count = 0 };

	(void)state;
	for (unsigned n = 0; n < 2000; n++) {
		const size_t at = (n * 7 + n / 5) % LISTED;

		if (at >= l.count)
			l.count = at + 1;
		l.retry[at]++;
		try_all(&r, &l);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_rolled_back_is_held_and_nothing_else),
		cmocka_unit_test(
			each_signed_number_counts_once_and_for_its_release),
		cmocka_unit_test(
			only_the_latest_are_remembered_and_then_there_is_a_bound),
		cmocka_unit_test(
			what_runs_and_what_is_older_is_no_matter_of_bounds),
		cmocka_unit_test(of_many_only_a_higher_number_counts),
		cmocka_unit_test(a_number_that_pushes_another_out_is_a_bound),
		cmocka_unit_test(who_proves_itself_is_forgiven),
		cmocka_unit_test(any_list_of_bad_releases_comes_to_an_end),
		cmocka_unit_test(what_is_listed_later_comes_to_an_end_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
