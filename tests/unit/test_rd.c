/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rd.h"

#include "tests/unit/check.h"

static const uint8_t bytes[] = { 1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0 };

static void reads_little_endian_integers(void **state)
{
	struct rd r = rd_init((struct slice){ bytes, sizeof(bytes) });
	struct err e = { 0 };

	(void)state;
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_le16(&r), 2);
	assert_int_equal(rd_le32(&r), 3);
	assert_int_equal(rd_le64(&r), 4);
	assert_int_equal(rd_finish(&r, &e), 0);
}

static void stays_bad_after_the_first_short_read(void **state)
{
	struct rd r = rd_init((struct slice){ bytes, 3 });
	struct err e = { 0 };

	(void)state;
	assert_int_equal(rd_le32(&r), 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_int_equal(rd_slice(&r, 1).len, 0);
	assert_int_equal(rd_finish(&r, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
}

static void refuses_bytes_left_over(void **state)
{
	struct rd r = rd_init((struct slice){ bytes, 2 });
	struct err e = { 0 };

	(void)state;
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_finish(&r, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
}

static void slices_never_reach_past_their_end(void **state)
{
	struct slice s = slice_of("hello");

	(void)state;
	assert_true(slice_equal(slice_sub(s, 1, 3), slice_of("ell")));
	assert_true(slice_equal(slice_sub(s, 3, SIZE_MAX), slice_of("lo")));
	assert_int_equal(slice_sub(s, 5, 1).len, 0);
	assert_int_equal(slice_sub(s, SIZE_MAX, SIZE_MAX).len, 0);
	assert_int_equal(slice_of(NULL).len, 0);
	assert_true(slice_equal(slice_of(""), slice_of(NULL)));
	assert_false(slice_equal(s, slice_of("hellO")));
	assert_false(slice_equal(s, slice_of("hell")));
}

static void a_copy_that_does_not_fit_is_zeroes(void **state)
{
	struct rd r = rd_init((struct slice){ bytes, 4 });
	uint8_t out[3] = { 9, 9, 9 };

	(void)state;
	rd_copy(&r, out, 3);
	assert_memory_equal(out, bytes, 3);
	rd_copy(&r, out, 2);
	assert_int_equal(out[0], 0);
	assert_int_equal(out[1], 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_true(r.bad);
}

static void a_short_read_of_nothing_is_no_end(void **state)
{
	struct rd r = rd_init((struct slice){ bytes, 0 });
	struct err e = { 0 };

	(void)state;
	assert_ok(rd_finish(&r, &e));
	(void)rd_u8(&r);
	assert_refused(rd_finish(&r, &e), ERR_FORMAT);
}

static void an_absurd_length_is_a_short_read(void **state)
{
	struct rd r = rd_init((struct slice){ bytes, sizeof(bytes) });
	struct err e = { 0 };

	(void)state;
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_slice(&r, SIZE_MAX).len, 0);
	assert_refused(rd_finish(&r, &e), ERR_FORMAT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_little_endian_integers),
		cmocka_unit_test(stays_bad_after_the_first_short_read),
		cmocka_unit_test(refuses_bytes_left_over),
		cmocka_unit_test(slices_never_reach_past_their_end),
		cmocka_unit_test(a_copy_that_does_not_fit_is_zeroes),
		cmocka_unit_test(a_short_read_of_nothing_is_no_end),
		cmocka_unit_test(an_absurd_length_is_a_short_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
