/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compress.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "signer/encode.h"
#include "tests/unit/check.h"

/* Half of it is more than a window of a megabyte. */
#define TEXT_LEN ((size_t)9 << 18)

static const enum package_codec codecs[] = { PACKAGE_ZSTD, PACKAGE_LZMA };

/* Text that compresses, and whose repetitions lie far apart. */
static uint8_t *make_text(void)
{
	uint8_t *text = mem_alloc(TEXT_LEN, 1);
	uint32_t seed = 1;

	for (size_t i = 0; i < TEXT_LEN; i++) {
		seed = seed * 1103515245 + 12345;
		text[i] = i < TEXT_LEN / 2 ? (uint8_t)(seed >> 24) & 0x3f
					   : text[i - TEXT_LEN / 2];
	}
	return text;
}

/* Decode in small steps; the bytes up to the end of the frame. */
static int decode(enum package_codec codec, uint32_t window_len,
		  struct slice in, struct buf *out, bool *ended, struct err *e)
{
	struct decompressor *d = NULL;
	int rc = -1;

	*ended = false;
	if (decompress_new(codec, window_len, &d, e))
		return -1;
	while (!*ended) {
		uint8_t bytes[4096];
		struct decompress_step s = { .in = slice_sub(in, 0, 1000),
					     .out = bytes,
					     .out_len = sizeof(bytes) };

		if (decompress(d, &s, e) ||
		    buf_add(out, (struct slice){ bytes, s.got }, e))
			goto out;
		*ended = s.ended;
		if (s.used == 0 && s.got == 0 && !s.ended)
			break;
		in = slice_sub(in, s.used, in.len);
	}
	rc = 0;
out:
	decompress_free(d);
	return rc;
}

static void what_was_packed_comes_out_again(void **state)
{
	uint8_t *text = make_text();
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct buf packed = BUF_INIT(8 << 20), out = BUF_INIT(8 << 20);
		bool ended;

		assert_ok(encode_all(codecs[i],
				     (struct slice){ text, TEXT_LEN },
				     PACKAGE_WINDOW_MAX, &packed, &e));
		assert_true(packed.len < TEXT_LEN / 2);
		assert_ok(decode(codecs[i], PACKAGE_WINDOW_MAX,
				 buf_slice(&packed), &out, &ended, &e));
		assert_true(ended);
		assert_int_equal(out.len, TEXT_LEN);
		assert_memory_equal(out.ptr, text, TEXT_LEN);
		buf_done(&packed);
		buf_done(&out);
	}
	free(text);
}

static void nothing_is_a_frame_too(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct buf packed = BUF_INIT(1 << 20), out = BUF_INIT(10);
		bool ended;

		assert_ok(
			encode_all(codecs[i], slice_of(""), 4096, &packed, &e));
		assert_ok(decode(codecs[i], 4096, buf_slice(&packed), &out,
				 &ended, &e));
		assert_true(ended);
		assert_int_equal(out.len, 0);
		buf_done(&packed);
		buf_done(&out);
	}
}

static void a_window_larger_than_allowed_is_refused(void **state)
{
	uint8_t *text = make_text();
	struct buf packed = BUF_INIT(8 << 20), out = BUF_INIT(8 << 20);
	struct decompressor *d = NULL;
	struct err e = { 0 };
	bool ended;

	(void)state;
	assert_ok(encode_all(PACKAGE_ZSTD, (struct slice){ text, TEXT_LEN },
			     PACKAGE_WINDOW_MAX, &packed, &e));
	assert_refused(decode(PACKAGE_ZSTD, 1 << 20, buf_slice(&packed), &out,
			      &ended, &e),
		       ERR_LIMIT);
	packed.len = 0;
	/* LZMA2 names no window: it reaches back further than there is. */
	assert_ok(encode_all(PACKAGE_LZMA, (struct slice){ text, TEXT_LEN },
			     PACKAGE_WINDOW_MAX, &packed, &e));
	assert_refused(decode(PACKAGE_LZMA, 1 << 20, buf_slice(&packed), &out,
			      &ended, &e),
		       ERR_FORMAT);
	assert_refused(
		decompress_new(PACKAGE_ZSTD, PACKAGE_WINDOW_MAX * 2, &d, &e),
		ERR_LIMIT);
	assert_refused(decompress_new(PACKAGE_LZMA, 5000, &d, &e), ERR_LIMIT);
	assert_refused(decompress_new(PACKAGE_LZMA, 0, &d, &e), ERR_LIMIT);
	buf_done(&packed);
	buf_done(&out);
	free(text);
}

static void only_one_frame_is_taken(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct buf packed = BUF_INIT(1 << 20);
		struct decompressor *d = NULL;
		uint8_t out[64];
		struct decompress_step s = { .out = out,
					     .out_len = sizeof(out) };
		size_t first;

		assert_ok(encode_all(codecs[i], slice_of("first"), 4096,
				     &packed, &e));
		first = packed.len;
		assert_ok(encode_all(codecs[i], slice_of("second"), 4096,
				     &packed, &e));
		assert_ok(decompress_new(codecs[i], 4096, &d, &e));
		s.in = buf_slice(&packed);
		assert_ok(decompress(d, &s, &e));
		assert_true(s.ended);
		assert_int_equal(s.used, first);
		assert_int_equal(s.got, 5);
		decompress_free(d);
		buf_done(&packed);
	}
}

/* Of zstd, as deltas have them; LZMA2 has no header. */
static void a_bare_frame_comes_without_its_header(void **state)
{
	/* Its length is one byte, for it is its window, too. */
	static const uint8_t header[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 28 };
	const struct slice text = slice_of("once and once and once again");
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		const size_t less =
			codecs[i] == PACKAGE_ZSTD ? sizeof(header) : 0;
		const struct encode_how how = { .codec = codecs[i],
						.window_len = 4096,
						.bare = true };
		struct buf whole = BUF_INIT(1 << 20), bare = BUF_INIT(1 << 20);

		assert_ok(encode_all(codecs[i], text, 4096, &whole, &e));
		assert_ok(encode_with(&how, text, &bare, &e));
		assert_int_equal(bare.len + less, whole.len);
		assert_memory_equal(bare.ptr, whole.ptr + less, bare.len);
		assert_memory_equal(whole.ptr, header, less);
		buf_done(&whole);
		buf_done(&bare);
	}
}

static void skippable_and_other_frames_are_refused(void **state)
{
	static const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 1,
					     0,    0,    0,    0,    0x28 };
	static const uint8_t gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0 };
	static const uint8_t lzma[] = { 0x03, 0, 0, 0 }; /* no chunk */
	struct buf out = BUF_INIT(1 << 20);
	struct err e = { 0 };
	bool ended;

	(void)state;
	assert_refused(decode(PACKAGE_ZSTD, 4096,
			      (struct slice){ skippable, sizeof(skippable) },
			      &out, &ended, &e),
		       ERR_FORMAT);
	assert_refused(decode(PACKAGE_ZSTD, 4096,
			      (struct slice){ gzip, sizeof(gzip) }, &out,
			      &ended, &e),
		       ERR_FORMAT);
	assert_refused(decode(PACKAGE_LZMA, 4096,
			      (struct slice){ lzma, sizeof(lzma) }, &out,
			      &ended, &e),
		       ERR_FORMAT);
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

static void a_frame_cut_anywhere_never_ends(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct buf packed = BUF_INIT(1 << 20);

		assert_ok(encode_all(codecs[i], slice_of("cut me, cut me"),
				     4096, &packed, &e));
		for (size_t len = 0; len < packed.len; len++) {
			struct buf out = BUF_INIT(1 << 20);
			bool ended;

			assert_ok(decode(codecs[i], 4096,
					 slice_sub(buf_slice(&packed), 0, len),
					 &out, &ended, &e));
			assert_false(ended);
			buf_done(&out);
		}
		buf_done(&packed);
	}
}

static int collect(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

/* Pieces of any size give the same frame. */
static void a_stream_is_packed_the_same_in_any_pieces(void **state)
{
	uint8_t *text = make_text();
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct buf made[2] = { BUF_INIT(8 << 20), BUF_INIT(8 << 20) };
		static const size_t pieces[] = { 65536, 7777 };

		for (size_t n = 0; n < 2; n++) {
			const struct encoder_sink to = { &made[n], collect };
			struct encoder *c = NULL;

			assert_ok(encoder_new(codecs[i], 1 << 20, &to, &c, &e));
			for (size_t at = 0; at < TEXT_LEN; at += pieces[n])
				assert_ok(encoder_add(
					c,
					slice_sub((struct slice){ text,
								  TEXT_LEN },
						  at, pieces[n]),
					&e));
			assert_ok(encoder_end(c, &e));
			encoder_free(c);
		}
		assert_int_equal(made[0].len, made[1].len);
		assert_memory_equal(made[0].ptr, made[1].ptr, made[0].len);
		buf_done(&made[0]);
		buf_done(&made[1]);
	}
	free(text);
}

/* Decode what stands behind a prefix that comes in pieces. */
static int decode_behind(enum package_codec codec, uint32_t bare_len,
			 struct slice prefix, struct slice in, struct buf *out,
			 struct err *e)
{
	struct decompressor *d = NULL;
	struct decompress_step s = { .in = in };
	int rc = decompress_new(codec, PACKAGE_WINDOW_MAX, &d, e);

	/* One decoder for several frames, as readers have it. */
	for (unsigned i = 0; i < 2 && !rc; i++) {
		struct slice rest = prefix;

		rc = decompress_reset(d, e);
		while (rest.len > 0 && !rc) {
			const struct slice piece = slice_sub(rest, 0, 70001);

			rc = decompress_prefix(d, piece, e);
			rest = slice_sub(rest, piece.len, rest.len);
		}
	}
	if (!rc && bare_len > 0)
		rc = decompress_bare(d, bare_len, e);
	if (!rc) {
		s.out = buf_reserve(out, TEXT_LEN, e);
		s.out_len = TEXT_LEN;
		rc = decompress(d, &s, e);
		out->len = s.got;
	}
	decompress_free(d);
	return rc;
}

static void a_frame_refers_to_what_was_handed_in_before(void **state)
{
	static const size_t lens[] = { 1, 65536, 65537, 150001 };
	uint8_t *text = make_text();
	const size_t half = TEXT_LEN / 2, len = 20000;
	const struct slice in = { text + half, len };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(lens); i++) {
		const enum package_codec codec = codecs[i % 2];
		const struct slice prefix = { text, lens[i / 2] };
		struct buf packed = BUF_INIT(8 << 20), out = BUF_INIT(8 << 20);

		/* Two models, of which one counts positions. */
		for (unsigned model = 1; model <= 5; model += 4) {
			const struct encode_how how = {
				.codec = codec,
				.window_len = PACKAGE_WINDOW_MAX,
				.prefix = prefix,
				.bare = model > 1,
				.model = model
			};

			packed.len = 0;
			out.len = 0;
			assert_ok(encode_with(&how, in, &packed, &e));
			assert_ok(decode_behind(
				codec, how.bare ? (uint32_t)len : 0, prefix,
				buf_slice(&packed), &out, &e));
			assert_int_equal(out.len, len);
			assert_memory_equal(out.ptr, in.ptr, len);
		}
		/* It was of use, and another one is another frame. */
		if (prefix.len > len) {
			const struct slice other = { text + 1, prefix.len };

			assert_true(packed.len < 100);
			out.len = 0;
			if (!decode_behind(codec, (uint32_t)len, other,
					   buf_slice(&packed), &out, &e))
				assert_memory_not_equal(out.ptr, in.ptr, len);
		}
		buf_done(&packed);
		buf_done(&out);
	}
	free(text);
}

static void a_codec_that_is_none_is_refused(void **state)
{
	struct decompressor *d = NULL;
	struct err e = { 0 };

	(void)state;
	assert_refused(decompress_new((enum package_codec)99, 4096, &d, &e),
		       ERR_FORMAT);
	assert_null(d);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_packed_comes_out_again),
		cmocka_unit_test(nothing_is_a_frame_too),
		cmocka_unit_test(a_window_larger_than_allowed_is_refused),
		cmocka_unit_test(a_codec_that_is_none_is_refused),
		cmocka_unit_test(only_one_frame_is_taken),
		cmocka_unit_test(a_bare_frame_comes_without_its_header),
		cmocka_unit_test(skippable_and_other_frames_are_refused),
		cmocka_unit_test(a_frame_cut_anywhere_never_ends),
		cmocka_unit_test(a_frame_refers_to_what_was_handed_in_before),
		cmocka_unit_test(a_stream_is_packed_the_same_in_any_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
