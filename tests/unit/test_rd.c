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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_little_endian_integers),
		cmocka_unit_test(stays_bad_after_the_first_short_read),
		cmocka_unit_test(refuses_bytes_left_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
