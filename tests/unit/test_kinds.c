/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/unit/check.h"

#include "update-server/kinds.h"

static struct kinds k;

static void add(const char *name, uint64_t bad, uint64_t confirmed,
		uint64_t dark)
{
	const struct kinds_counts n = { .offered = bad + confirmed + dark,
					.confirmed = confirmed,
					.bad = bad,
					.dark = dark };
	const struct device_id sample = { { 7 } };

	kinds_add(&k, name, &n, bad + dark > 0 ? &sample : NULL);
}

static int fresh(void **state)
{
	(void)state;
	memset(&k, 0, sizeof(k));
	return 0;
}

static void who_fails_more_than_the_others_stands_apart(void **state)
{
	(void)state;
	add("rev-a", 2, 398, 0);
	add("rev-b", 7, 23, 0);
	add("", 1, 199, 0);
	kinds_judge(&k);
	assert_int_equal(k.count, 3);
	assert_string_equal(k.groups[0].name, "rev-b");
	assert_true(k.groups[0].fails_more);
	assert_false(k.groups[0].dark_more);
	assert_string_equal(k.groups[0].words,
			    "fails more often than the others: 7 of 30, at "
			    "least 8.29 %; of the others 3 of 600, at most "
			    "1.29 %");
	assert_int_equal(k.groups[0].lower, gate_lower(7, 30));
	assert_int_equal(k.groups[0].upper, gate_upper(7, 30));
	assert_string_equal(k.groups[1].name, "rev-a");
	assert_false(k.groups[1].fails_more);
	assert_string_equal(k.groups[1].words, "");
}

/* The bounds just meet, and then they just part. */
static void what_chance_explains_does_not(void **state)
{
	(void)state;
	add("a", 0, 8, 0);
	add("b", 4, 0, 0);
	kinds_judge(&k);
	assert_true(gate_lower(4, 4) > gate_upper(0, 8));
	assert_true(k.groups[0].fails_more);
	(void)fresh(state);
	add("a", 0, 7, 0);
	add("b", 4, 0, 0);
	kinds_judge(&k);
	assert_true(gate_lower(4, 4) <= gate_upper(0, 7));
	assert_false(k.groups[0].fails_more || k.groups[1].fails_more);
}

static void one_failure_is_no_pattern_and_one_group_is_no_outlier(void **state)
{
	(void)state;
	add("a", 0, 1000, 0);
	add("b", 1, 0, 0);
	kinds_judge(&k);
	assert_false(k.groups[0].fails_more);
	(void)fresh(state);
	add("a", 50, 50, 0);
	kinds_judge(&k);
	assert_false(k.groups[0].fails_more);
}

static void who_goes_dark_more_stands_apart(void **state)
{
	(void)state;
	add("a", 0, 500, 4);
	add("b", 0, 60, 12);
	kinds_judge(&k);
	assert_string_equal(k.groups[0].name, "b");
	assert_true(k.groups[0].dark_more);
	assert_false(k.groups[0].fails_more);
	assert_non_null(strstr(k.groups[0].words, "goes dark more often"));
	assert_int_equal(k.groups[0].sample_count, 1);
}

/* Both at once: both are said, in the room there is. */
static void both_are_told(void **state)
{
	(void)state;
	add("a", 0, 1000000000, 0);
	add("b", 900000000, 100000000, 900000000);
	kinds_judge(&k);
	assert_true(k.groups[0].fails_more && k.groups[0].dark_more);
	assert_non_null(strstr(k.groups[0].words, "; goes dark more often"));
	assert_true(strlen(k.groups[0].words) < KINDS_WORDS);
}

static void what_more_groups_there_are_are_one(void **state)
{
	char name[16];
	uint64_t offered = 0;

	(void)state;
	for (int i = 0; i < 2 * KINDS_GROUPS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "rev-%d", i);
		add(name, 1, 1, 0);
	}
	kinds_judge(&k);
	assert_int_equal(k.count, KINDS_GROUPS_MAX);
	assert_string_equal(k.groups[0].name, KINDS_REST);
	assert_int_equal(k.groups[0].sample_count, KINDS_SAMPLES);
	for (size_t i = 0; i < k.count; i++)
		offered += k.groups[i].n.offered;
	assert_int_equal(offered, 4 * KINDS_GROUPS_MAX);
}

static void nothing_ended_is_no_rate(void **state)
{
	const struct kinds_counts n = { .offered = 3 };

	(void)state;
	kinds_add(&k, "a", &n, NULL);
	kinds_judge(&k);
	assert_int_equal(k.groups[0].lower, 0);
	assert_int_equal(k.groups[0].upper, GATE_ALL);
}

#define FRESH(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FRESH(who_fails_more_than_the_others_stands_apart),
		FRESH(what_chance_explains_does_not),
		FRESH(one_failure_is_no_pattern_and_one_group_is_no_outlier),
		FRESH(who_goes_dark_more_stands_apart),
		FRESH(both_are_told),
		FRESH(what_more_groups_there_are_are_one),
		FRESH(nothing_ended_is_no_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
