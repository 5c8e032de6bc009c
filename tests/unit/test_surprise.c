/* SPDX-License-Identifier: Apache-2.0 */
/* No random window is passed over; of text none is left. */
#include "signer/surprise.h"

#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "tests/unit/check.h"

#define LEN 40000

static uint8_t file[LEN], places[LEN / 8 + 1];

static bool is_marked(size_t at)
{
	return (places[at >> 3] >> (at & 7) & 1) != 0;
}

static size_t mark(size_t from, size_t to, size_t max)
{
	memset(places, 0, sizeof(places));
	return surprise_mark((struct slice){ file, LEN }, from, to, max,
			     places);
}

static void fill_with_text(void)
{
	static const char text[] =
		"The quick brown fox jumps over the lazy dog, \n\t"
		"0123456789 times; then it is {tired}.\r\n";

	for (size_t i = 0; i < LEN; i++)
		file[i] = (uint8_t)text[i % (sizeof(text) - 1)];
}

static void every_place_of_noise_is_marked(void **state)
{
	const size_t all = LEN - SURPRISE_LEN + 1;

	(void)state;
	random_bytes(file, LEN);
	assert_int_equal(mark(0, all, LEN), all);
	for (size_t i = 0; i < all; i++)
		assert_true(is_marked(i));
	for (size_t i = all; i < LEN; i++)
		assert_false(is_marked(i));
}

static void only_places_that_were_asked_for_are_marked(void **state)
{
	(void)state;
	random_bytes(file, LEN);
	assert_int_equal(mark(77, 1077, LEN), 1000);
	assert_false(is_marked(76));
	assert_true(is_marked(77));
	assert_true(is_marked(1076));
	assert_false(is_marked(1077));
	assert_int_equal(mark(77, 1077, 10), 10);
	assert_true(is_marked(86));
	assert_false(is_marked(87));
	assert_int_equal(mark(0, LEN - SURPRISE_LEN + 1, 0), 0);
	assert_int_equal(mark(0, 1, LEN), 1);
}

static void text_and_zeroes_are_passed_over(void **state)
{
	const size_t all = LEN - SURPRISE_LEN + 1;

	(void)state;
	memset(file, 0, LEN);
	assert_int_equal(mark(0, all, LEN), 0);
	fill_with_text();
	assert_true(mark(0, all, LEN) < 300);
	for (size_t i = 0; i < LEN; i++)
		file[i] = (uint8_t)(i % 4 == 3 ? 0xe2 : i >> 5);
	assert_true(mark(0, all, LEN) < LEN / 50);
}

/* Whatever is around it, at any distance from the next multiple of 32. */
static void a_scalar_is_marked_in_any_surroundings(void **state)
{
	const size_t all = LEN - SURPRISE_LEN + 1;
	uint8_t kept[SURPRISE_LEN];

	(void)state;
	for (unsigned around = 0; around < 3; around++) {
		if (around == 0)
			memset(file, 0, LEN);
		else if (around == 1)
			fill_with_text();
		else
			memset(file, 0xff, LEN);
		for (size_t at = 0; at < all; at += at < 300 ? 1 : 971) {
			memcpy(kept, file + at, sizeof(kept));
			random_bytes(file + at, sizeof(kept));
			(void)mark(0, all, LEN);
			assert_true(is_marked(at));
			memcpy(file + at, kept, sizeof(kept));
		}
	}
}

/* What comes again was seen before; what comes first was not. */
static void a_repetition_is_passed_over(void **state)
{
	(void)state;
	random_bytes(file, LEN);
	memcpy(file + 20000, file + 10000, 1000);
	(void)mark(0, LEN - SURPRISE_LEN + 1, LEN);
	assert_true(is_marked(10500));
	assert_false(is_marked(20500));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_place_of_noise_is_marked),
		cmocka_unit_test(only_places_that_were_asked_for_are_marked),
		cmocka_unit_test(text_and_zeroes_are_passed_over),
		cmocka_unit_test(a_scalar_is_marked_in_any_surroundings),
		cmocka_unit_test(a_repetition_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
