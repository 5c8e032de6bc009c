/* SPDX-License-Identifier: Apache-2.0 */
#include "common/der.h"

#include "tests/unit/check.h"

#define RD(...)                                                                \
	rd_init((struct slice){ (const uint8_t[]){ __VA_ARGS__ },              \
				sizeof((const uint8_t[]){ __VA_ARGS__ }) })

static void assert_bytes(struct slice s, const void *wanted, size_t len)
{
	assert_int_equal(s.len, len);
	if (len > 0)
		assert_memory_equal(s.ptr, wanted, len);
}

static void reads_nested_elements(void **state)
{
	struct rd r = RD(0x30, 0x05, 0x0c, 0x01, 'a', 0x05, 0x00);
	struct rd in = der_enter(&r, DER_SEQUENCE);
	struct err e = { 0 };
	uint8_t tag;

	(void)state;
	assert_true(der_next_is(&in, DER_UTF8_STRING));
	assert_false(der_next_is(&in, DER_OID));
	assert_bytes(der_read(&in, DER_UTF8_STRING), "a", 1);
	assert_bytes(der_read_any(&in, &tag), "\x05\x00", 2);
	assert_int_equal(tag, 0x05);
	assert_false(der_next_is(&in, 0));
	assert_ok(rd_finish(&in, &e));
	assert_ok(rd_finish(&r, &e));
}

static void refuses_another_tag(void **state)
{
	struct rd r = RD(0x31, 0x00);
	struct rd in = der_enter(&r, DER_SEQUENCE);

	(void)state;
	assert_true(r.bad);
	assert_true(in.bad);
}

static void refuses_lengths_that_are_not_the_shortest(void **state)
{
	struct rd indefinite = RD(0x30, 0x80, 0x00, 0x00);
	struct rd padded = RD(0x04, 0x81, 0x01, 0xaa);
	struct rd zeroes = RD(0x04, 0x82, 0x00, 0x01, 0xaa);
	struct rd huge = RD(0x04, 0x84, 0x01, 0x00, 0x00, 0x00);
	struct rd beyond = RD(0x04, 0x02, 0xaa);
	struct rd cut = RD(0x04);
	struct rd *all[] = {
		&indefinite, &padded, &zeroes, &huge, &beyond, &cut
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		uint8_t tag = all[i]->rest.ptr[0];

		assert_bytes(der_read(all[i], tag), NULL, 0);
		assert_true(all[i]->bad);
	}
}

/* 8 bytes of length are all that a number holds: the ninth goes unseen. */
static void refuses_a_length_that_wraps_around(void **state)
{
	static uint8_t bytes[11 + 200] = { 0x04, 0x89, 1, [10] = 200 };
	struct rd r = rd_init((struct slice){ bytes, sizeof(bytes) });

	(void)state;
	(void)der_read(&r, DER_OCTET_STRING);
	assert_true(r.bad);
}

static void refuses_a_long_length_with_a_zero_before_it(void **state)
{
	uint8_t bytes[4 + 128] = { 0x04, 0x82, 0x00, 0x80 };
	struct rd r = rd_init((struct slice){ bytes, sizeof(bytes) });

	(void)state;
	assert_bytes(der_read(&r, DER_OCTET_STRING), NULL, 0);
	assert_true(r.bad);
}

static void refuses_tags_of_several_bytes(void **state)
{
	struct rd r = RD(0x1f, 0x01, 0x00);
	uint8_t tag;

	(void)state;
	assert_bytes(der_read_any(&r, &tag), NULL, 0);
	assert_true(r.bad);
}

static void reads_integers_in_their_shortest_form_only(void **state)
{
	struct rd zero = RD(0x02, 0x01, 0x00);
	struct rd small = RD(0x02, 0x01, 0x7f);
	struct rd big = RD(0x02, 0x02, 0x00, 0x80);
	struct rd empty = RD(0x02, 0x00);
	struct rd negative = RD(0x02, 0x01, 0x80);
	struct rd padded = RD(0x02, 0x02, 0x00, 0x7f);

	(void)state;
	assert_bytes(der_read_unsigned(&zero), NULL, 0);
	assert_false(zero.bad);
	assert_bytes(der_read_unsigned(&small), "\x7f", 1);
	assert_bytes(der_read_unsigned(&big), "\x80", 1);
	assert_false(big.bad);
	(void)der_read_unsigned(&empty);
	assert_true(empty.bad);
	(void)der_read_unsigned(&negative);
	assert_true(negative.bad);
	(void)der_read_unsigned(&padded);
	assert_true(padded.bad);
}

static void reads_bit_strings_of_whole_bytes_only(void **state)
{
	struct rd whole = RD(0x03, 0x02, 0x00, 0xaa);
	struct rd part = RD(0x03, 0x02, 0x01, 0xaa);
	struct rd none = RD(0x03, 0x00);

	(void)state;
	assert_bytes(der_read_bits(&whole), "\xaa", 1);
	assert_false(whole.bad);
	(void)der_read_bits(&part);
	assert_true(part.bad);
	(void)der_read_bits(&none);
	assert_true(none.bad);
}

static void writes_what_it_reads(void **state)
{
	static const uint8_t zeroes[300];
	static const size_t lens[] = { 0, 1, 127, 128, 255, 256, 300 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct buf out = BUF_INIT(1024);
		struct der_writer w = der_writer(&out);
		size_t begin = der_begin(&w, DER_SEQUENCE);
		struct rd r, in;

		der_put(&w, DER_OCTET_STRING,
			(struct slice){ zeroes, lens[i] });
		der_put_unsigned(&w, slice_of("\x80"));
		der_put_unsigned(&w, (struct slice){ zeroes, 2 });
		der_put_bits(&w, slice_of("b"));
		der_put_text(&w, DER_UTF8_STRING, "text");
		der_end(&w, begin);
		assert_ok(der_finish(&w, &e));
		r = rd_init(buf_slice(&out));
		in = der_enter(&r, DER_SEQUENCE);
		assert_int_equal(der_read(&in, DER_OCTET_STRING).len, lens[i]);
		assert_bytes(der_read_unsigned(&in), "\x80", 1);
		assert_bytes(der_read_unsigned(&in), NULL, 0);
		assert_bytes(der_read_bits(&in), "b", 1);
		assert_bytes(der_read(&in, DER_UTF8_STRING), "text", 4);
		assert_ok(rd_finish(&in, &e));
		assert_ok(rd_finish(&r, &e));
		buf_done(&out);
	}
}

static void tells_when_the_ceiling_was_reached(void **state)
{
	static const uint8_t zeroes[16];
	struct buf out = BUF_INIT(16);
	struct der_writer w = der_writer(&out);
	size_t begin = der_begin(&w, DER_SEQUENCE);
	struct err e = { 0 };

	(void)state;
	der_put(&w, DER_OCTET_STRING, (struct slice){ zeroes, 13 });
	assert_ok(der_finish(&w, &e));
	der_end(&w, begin);
	assert_refused(der_finish(&w, &e), ERR_LIMIT);
	buf_done(&out);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_nested_elements),
		cmocka_unit_test(refuses_another_tag),
		cmocka_unit_test(refuses_lengths_that_are_not_the_shortest),
		cmocka_unit_test(refuses_a_length_that_wraps_around),
		cmocka_unit_test(refuses_a_long_length_with_a_zero_before_it),
		cmocka_unit_test(refuses_tags_of_several_bytes),
		cmocka_unit_test(reads_integers_in_their_shortest_form_only),
		cmocka_unit_test(reads_bit_strings_of_whole_bytes_only),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(tells_when_the_ceiling_was_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
