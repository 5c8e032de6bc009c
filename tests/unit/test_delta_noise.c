/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_noise.h"

#include <string.h>

#include "tests/unit/check.h"

#define LEN ((size_t)5 << 19) /* more than is compressed at a time */

static uint8_t bytes[LEN];

static void fill(uint8_t *to, size_t len, uint8_t mask)
{
	uint32_t seed = 7;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		to[i] = (uint8_t)(seed >> 24) & mask;
	}
}

static bool is_noise(size_t len)
{
	struct err e = { 0 };
	bool noise;

	assert_ok(delta_noise_is((struct slice){ bytes, len }, &noise, &e));
	return noise;
}

static void random_bytes_are_noise(void **state)
{
	(void)state;
	fill(bytes, LEN, 0xff);
	assert_true(is_noise(LEN));
	assert_true(is_noise(65536));
}

static void digits_of_random_numbers_are_not(void **state)
{
	(void)state;
	fill(bytes, LEN, 0x0f);
	assert_false(is_noise(LEN));
	assert_false(is_noise(65536));
}

static void of_noise_a_sixteenth_may_be_something_else(void **state)
{
	(void)state;
	fill(bytes, LEN, 0xff);
	memset(bytes, 0, LEN / 16);
	assert_true(is_noise(LEN));
	memset(bytes, 0, LEN / 7);
	assert_false(is_noise(LEN));
}

static void what_is_not_noise_may_stand_at_the_end(void **state)
{
	(void)state;
	fill(bytes, LEN, 0xff);
	memset(bytes + LEN - LEN / 7, 0, LEN / 7);
	assert_false(is_noise(LEN));
}

static void a_little_is_never_noise(void **state)
{
	(void)state;
	fill(bytes, LEN, 0xff);
	assert_false(is_noise(65535));
	assert_false(is_noise(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_bytes_are_noise),
		cmocka_unit_test(digits_of_random_numbers_are_not),
		cmocka_unit_test(of_noise_a_sixteenth_may_be_something_else),
		cmocka_unit_test(what_is_not_noise_may_stand_at_the_end),
		cmocka_unit_test(a_little_is_never_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
