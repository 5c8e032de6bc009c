/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/boot_record.h"

#include <string.h>

#include "tests/unit/check.h"

static const struct boot_record on_trial = {
	.slot = SLOT_B, .trying = true, .back = SLOT_A, .left = 2
};

static int parse(const char *slot, const char *back, const char *left,
		 const char *failed)
{
	const char *const texts[BOOT_VARIABLES] = { slot, back, left, failed };
	struct boot_values values = { 0 };
	struct boot_record r;
	struct err e = { 0 };

	for (size_t i = 0; i < BOOT_VARIABLES; i++)
		assert_true(boot_values_set(
			&values,
			slice_of(boot_variable_name((enum boot_variable)i)),
			slice_of(texts[i])));
	return boot_record_parse(&values, &r, &e);
}

static void what_cannot_be_a_value_is_none(void **state)
{
	static const char cut[] = "a\0b";
	const struct slice values[] = {
		slice_of("longer than a value may be"),
		{ (const uint8_t *)cut, sizeof(cut) - 1 },
	};
	const struct slice name = slice_of(boot_variable_name(BOOT_SLOT));
	const struct boot_values wrong = { .of[BOOT_SLOT] = "?" };
	struct boot_values set = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		assert_true(boot_values_set(&set, name, values[i]));
		assert_memory_equal(&set, &wrong, sizeof(set));
	}
	assert_false(boot_values_set(&set, slice_of("others"), slice_of("a")));
}

static void a_record_becomes_texts_and_back(void **state)
{
	struct boot_values values;
	struct boot_record back;
	struct err e = { 0 };

	(void)state;
	boot_values_from(&on_trial, &values);
	assert_string_equal(values.of[BOOT_SLOT], "b");
	assert_string_equal(values.of[BOOT_BACK], "a");
	assert_string_equal(values.of[BOOT_LEFT], "2");
	assert_string_equal(values.of[BOOT_FAILED], "");
	assert_ok(boot_record_parse(&values, &back, &e));
	assert_true(boot_record_equal(&back, &on_trial));
}

static void partial_and_impossible_records_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse("", "", "", ""), 0);
	assert_int_equal(parse("a", "", "", "b"), 0);
	assert_int_equal(parse("", "a", "", ""), -1);
	assert_int_equal(parse("", "", "2", ""), -1);
	assert_int_equal(parse("", "", "", "a"), -1);
	assert_int_equal(parse("b", "a", "", ""), -1);
	assert_int_equal(parse("b", "", "2", ""), -1);
	assert_int_equal(parse("b", "b", "2", ""), -1);
	assert_int_equal(parse("b", "a", "10", ""), -1);
	assert_int_equal(parse("b", "a", "02", ""), -1);
	assert_int_equal(parse("b", "a", "-1", ""), -1);
	assert_int_equal(parse("c", "", "", ""), -1);
	assert_int_equal(parse("b", "", "", "b"), -1);
	assert_int_equal(parse("aaaaaaaaaaaaaaaa", "", "", ""), -1);
}

static void a_trial_has_as_many_starts_as_it_was_given(void **state)
{
	struct boot_record r = on_trial;

	(void)state;
	assert_int_equal(boot_record_start(&r), SLOT_B);
	assert_int_equal(boot_record_start(&r), SLOT_B);
	assert_int_equal(r.left, 0);
	assert_int_equal(boot_record_start(&r), SLOT_A);
	assert_false(r.trying);
	assert_int_equal(r.failed, SLOT_B);
	assert_int_equal(boot_record_start(&r), SLOT_A);
	assert_true(boot_record_is_valid(&r));
}

static void the_states_of_both_slots_are_derived(void **state)
{
	struct boot_record r = on_trial;

	(void)state;
	assert_int_equal(boot_record_state(&r, SLOT_B), BOOT_TRYING);
	assert_int_equal(boot_record_state(&r, SLOT_A), BOOT_GOOD);
	r = (struct boot_record){ .slot = SLOT_A, .failed = SLOT_B };
	assert_int_equal(boot_record_state(&r, SLOT_A), BOOT_GOOD);
	assert_int_equal(boot_record_state(&r, SLOT_B), BOOT_BAD);
	r = (struct boot_record){ .slot = SLOT_A };
	assert_int_equal(boot_record_state(&r, SLOT_B), BOOT_UNKNOWN);
	assert_int_equal(boot_record_state(&r, SLOT_NONE), BOOT_UNKNOWN);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_a_value_is_none),
		cmocka_unit_test(a_record_becomes_texts_and_back),
		cmocka_unit_test(partial_and_impossible_records_are_refused),
		cmocka_unit_test(a_trial_has_as_many_starts_as_it_was_given),
		cmocka_unit_test(the_states_of_both_slots_are_derived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
