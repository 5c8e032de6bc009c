/* SPDX-License-Identifier: Apache-2.0 */
#include "common/stream.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/reference.h"

static void reference_stream(struct stream *s)
{
	uint8_t key[STREAM_KEY_LEN], header[64];

	(void)reference_bytes("stream.content_key", key, sizeof(key));
	stream_init(key, reference_bytes("stream.header", header, 64), s);
}

static void derives_what_the_reference_derives(void **state)
{
	uint8_t wanted[32];
	struct stream s;
	struct err e = { 0 };

	(void)state;
	reference_stream(&s);
	(void)reference_bytes("stream.key", wanted, 32);
	assert_memory_equal(s.key, wanted, 32);
	(void)reference_bytes("stream.prefix", wanted, 32);
	assert_memory_equal(s.prefix, wanted, STREAM_PREFIX_LEN);
	(void)reference_bytes("stream.commitment", wanted, 32);
	assert_memory_equal(s.commitment, wanted, 32);
	assert_ok(stream_check(&s, wanted, &e));
	stream_done(&s);
}

struct place_case {
	const char *name;
	struct stream_place at;
};

static const struct place_case places[] = {
	{ "stream.chunk.00000000.0", { 0, false } },
	{ "stream.chunk.00000000.1", { 0, true } },
	{ "stream.chunk.00000001.0", { 1, false } },
	{ "stream.chunk.01020304.1", { 0x01020304, true } },
};

static void seals_what_the_reference_seals(void **state)
{
	uint8_t plain[64], wanted[64];
	struct slice text = reference_bytes("stream.plain", plain, 64);
	struct stream s;
	struct err e = { 0 };

	(void)state;
	reference_stream(&s);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct buf out = BUF_INIT(64);

		assert_ok(stream_seal(&s, places[i].at, text, &out, &e));
		assert_true(slice_equal(
			buf_slice(&out),
			reference_bytes(places[i].name, wanted, 64)));
		buf_done(&out);
	}
}

static void a_whole_chunk_is_65536_bytes(void **state)
{
	uint8_t *plain = malloc(STREAM_PLAIN_LEN + 1);
	struct buf out = BUF_INIT(STREAM_CHUNK_LEN);
	struct sha256 wanted, got;
	struct stream s;
	struct err e = { 0 };

	(void)state;
	assert_non_null(plain);
	for (size_t i = 0; i <= STREAM_PLAIN_LEN; i++)
		plain[i] = (uint8_t)(i % 251);
	reference_stream(&s);
	assert_ok(stream_seal(&s, (struct stream_place){ 5, false },
			      (struct slice){ plain, STREAM_PLAIN_LEN }, &out,
			      &e));
	assert_int_equal(out.len, STREAM_CHUNK_LEN);
	sha256_of(buf_slice(&out), &got);
	(void)reference_bytes("stream.full.sha256", wanted.bytes, 32);
	assert_true(sha256_equal(&got, &wanted));
	assert_refused(
		stream_seal(&s, (struct stream_place){ 5, false },
			    (struct slice){ plain, STREAM_PLAIN_LEN + 1 }, &out,
			    &e),
		ERR_LIMIT);
	assert_refused(stream_seal(&s, (struct stream_place){ 5, false },
				   (struct slice){ plain, 0 }, &out, &e),
		       ERR_LIMIT);
	buf_done(&out);
	free(plain);
}

/* Chunks moved, repeated, cut off at the end, or continued after the last. */
static void a_chunk_opens_in_its_own_place_only(void **state)
{
	uint8_t sealed[64];
	struct stream s;
	struct err e = { 0 };

	(void)state;
	reference_stream(&s);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct slice chunk =
			reference_bytes(places[i].name, sealed, 64);
		struct buf out = BUF_INIT(64);

		for (size_t k = 0; k < ARRAY_LEN(places); k++) {
			if (k == i)
				continue;
			assert_refused(
				stream_open(&s, places[k].at, chunk, &out, &e),
				ERR_UNTRUSTED);
			assert_int_equal(out.len, 0);
		}
		assert_ok(stream_open(&s, places[i].at, chunk, &out, &e));
		buf_done(&out);
	}
}

static void refuses_every_changed_bit_and_length(void **state)
{
	const struct stream_place at = { 0, false };
	uint8_t sealed[64];
	struct slice chunk =
		reference_bytes("stream.chunk.00000000.0", sealed, 64);
	struct buf out = BUF_INIT(64);
	struct stream s;
	struct err e = { 0 };

	(void)state;
	reference_stream(&s);
	for (size_t bit = 0; bit < 8 * chunk.len; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_refused(stream_open(&s, at, chunk, &out, &e),
			       ERR_UNTRUSTED);
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < chunk.len; len++)
		assert_refused(
			stream_open(&s, at, slice_sub(chunk, 0, len), &out, &e),
			ERR_UNTRUSTED);
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

/* The same content key under another header is another stream (D01, D08). */
static void another_header_or_key_is_another_stream(void **state)
{
	uint8_t key[STREAM_KEY_LEN], header[64], sealed[64];
	struct slice h = reference_bytes("stream.header", header, 64);
	struct slice chunk =
		reference_bytes("stream.chunk.00000000.0", sealed, 64);
	struct buf out = BUF_INIT(64);
	struct stream right, other;
	struct err e = { 0 };

	(void)state;
	reference_stream(&right);
	(void)reference_bytes("stream.content_key", key, sizeof(key));
	for (int i = 0; i < 2; i++) {
		header[63] ^= i == 0 ? 1 : 0;
		key[0] ^= i == 1 ? 1 : 0;
		stream_init(key, h, &other);
		assert_memory_not_equal(other.key, right.key, 32);
		assert_memory_not_equal(other.prefix, right.prefix,
					STREAM_PREFIX_LEN);
		assert_refused(stream_check(&other, right.commitment, &e),
			       ERR_UNTRUSTED);
		assert_refused(stream_open(&other,
					   (struct stream_place){ 0, false },
					   chunk, &out, &e),
			       ERR_UNTRUSTED);
		header[63] ^= i == 0 ? 1 : 0;
	}
	buf_done(&out);
}

static void lengths_are_judged_before_any_arithmetic(void **state)
{
	static const uint8_t bytes[STREAM_CHUNK_LEN + 1];
	const size_t wrong[] = { 0, AEAD_TAG_LEN, STREAM_CHUNK_LEN + 1 };
	struct stream_place at = { 0, false };
	struct buf out = BUF_INIT(2 * STREAM_CHUNK_LEN);
	struct stream s;
	struct err e = { 0 };

	(void)state;
	reference_stream(&s);
	assert_refused_saying(
		stream_seal(&s, at, (struct slice){ bytes, 0 }, &out, &e),
		ERR_LIMIT, "no chunk of 0 bytes");
	assert_refused_saying(
		stream_seal(&s, at,
			    (struct slice){ bytes, STREAM_PLAIN_LEN + 1 }, &out,
			    &e),
		ERR_LIMIT, "no chunk of");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused_saying(
			stream_open(&s, at, (struct slice){ bytes, wrong[i] },
				    &out, &e),
			ERR_UNTRUSTED, "impossible length");
	buf_done(&out);
	stream_done(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_what_the_reference_derives),
		cmocka_unit_test(seals_what_the_reference_seals),
		cmocka_unit_test(a_whole_chunk_is_65536_bytes),
		cmocka_unit_test(lengths_are_judged_before_any_arithmetic),
		cmocka_unit_test(a_chunk_opens_in_its_own_place_only),
		cmocka_unit_test(refuses_every_changed_bit_and_length),
		cmocka_unit_test(another_header_or_key_is_another_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
