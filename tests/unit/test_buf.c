/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"

#include <string.h>

#include "tests/unit/check.h"

static void bytes_and_text_are_appended(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct err e = { 0 };

	(void)state;
	assert_string_equal(buf_text(&b), "");
	assert_ok(buf_add(&b, slice_of("abc"), &e));
	assert_ok(buf_addf(&b, &e, "-%d-%s", 42, "x"));
	assert_ok(buf_add(&b, (struct slice){ 0 }, &e));
	assert_string_equal(buf_text(&b), "abc-42-x");
	assert_true(slice_equal(buf_slice(&b), slice_of("abc-42-x")));
	buf_done(&b);
	assert_int_equal(b.len, 0);
	assert_ok(buf_add(&b, slice_of("again"), &e));
	assert_string_equal(buf_text(&b), "again");
	buf_wipe(&b);
	assert_string_equal(buf_text(&b), "");
}

static void integers_are_little_endian(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct err e = { 0 };

	(void)state;
	assert_ok(buf_add_le(&b, 0x0102, 2, &e));
	assert_ok(buf_add_le(&b, UINT64_C(0x1122334455667788), 8, &e));
	assert_ok(buf_add_le(&b, 0xabcd, 1, &e));
	assert_int_equal(b.len, 11);
	assert_memory_equal(b.ptr,
			    "\x02\x01\x88\x77\x66\x55\x44\x33\x22\x11\xcd", 11);
	buf_done(&b);
}

static void the_ceiling_holds_and_leaves_the_buffer_as_it_was(void **state)
{
	struct buf b = BUF_INIT(8);
	struct err e = { 0 };

	(void)state;
	assert_ok(buf_add(&b, slice_of("12345"), &e));
	assert_refused(buf_add(&b, slice_of("6789"), &e), ERR_LIMIT);
	assert_refused(buf_addf(&b, &e, "%d", 6789), ERR_LIMIT);
	assert_refused(buf_add_le(&b, 0, 4, &e), ERR_LIMIT);
	assert_null(buf_reserve(&b, SIZE_MAX, &e));
	assert_null(buf_reserve(&b, SIZE_MAX - 4, &e));
	assert_string_equal(buf_text(&b), "12345");
	assert_ok(buf_addf(&b, &e, "678"));
	assert_string_equal(buf_text(&b), "12345678");
	assert_refused(buf_add(&b, slice_of("9"), &e), ERR_LIMIT);
	buf_done(&b);
}

static void a_buffer_that_may_hold_nothing_holds_nothing(void **state)
{
	struct buf b = BUF_INIT(0);
	struct err e = { 0 };

	(void)state;
	assert_ok(buf_add(&b, slice_of(""), &e));
	assert_refused(buf_add(&b, slice_of("x"), &e), ERR_LIMIT);
	buf_done(&b);
}

static void reserved_room_is_the_callers_to_fill(void **state)
{
	struct buf b = BUF_INIT(100000);
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		uint8_t *room = buf_reserve(&b, 1000, &e);

		assert_non_null(room);
		memset(room, (int)i, 1000);
		b.len += 1000;
	}
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(b.ptr[i * 1000 + 999], i);
	assert_null(buf_reserve(&b, 1, &e));
	buf_done(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_and_text_are_appended),
		cmocka_unit_test(integers_are_little_endian),
		cmocka_unit_test(
			the_ceiling_holds_and_leaves_the_buffer_as_it_was),
		cmocka_unit_test(a_buffer_that_may_hold_nothing_holds_nothing),
		cmocka_unit_test(reserved_room_is_the_callers_to_fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
