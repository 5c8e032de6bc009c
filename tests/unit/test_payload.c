/* SPDX-License-Identifier: Apache-2.0 */
#include "common/payload.h"

#include "signer/encode.h"
#include "tests/unit/box.h"

#define TEXT "the plain bytes of a full package, whatever they are"

static const enum package_codec codecs[] = { PACKAGE_RAW, PACKAGE_ZSTD,
					     PACKAGE_LZMA };

/* A package of TEXT whose header says plain_len, and rest behind the frame. */
static void make(struct raw_package *p, struct release *r,
		 enum package_codec codec, uint64_t plain_len, const char *rest)
{
	struct package_header h = { .kind = PACKAGE_FULL,
				    .content = PACKAGE_TREE,
				    .codec = codec,
				    .window_len = 4096,
				    .plain_len = plain_len };
	struct buf payload = BUF_INIT(1 << 20);
	struct err e = { 0 };

	assert_ok(encode_all(codec, slice_of(TEXT), 4096, &payload, &e));
	assert_ok(buf_add(&payload, slice_of(rest), &e));
	raw_make(p, h, buf_slice(&payload), r);
	buf_done(&payload);
}

static int read_all(struct raw_package *p, const struct release *r,
		    struct buf *out, struct err *e)
{
	struct package_reader *reader = NULL;
	struct payload *payload = NULL;
	struct slice got = { (const uint8_t *)"", 1 };
	int rc = -1;

	if (!raw_open(p, r, &reader, e) && !payload_open(reader, &payload, e))
		rc = 0;
	while (!rc && got.len > 0) {
		rc = payload_next(payload, &got, e);
		if (!rc)
			rc = buf_add(out, got, e);
	}
	payload_close(payload);
	package_close(reader);
	return rc;
}

static void the_plain_bytes_come_out(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct raw_package p = { 0 };
		struct release r = { .seq = 1 };
		struct buf out = BUF_INIT(1 << 20);

		make(&p, &r, codecs[i], strlen(TEXT), "");
		assert_ok(read_all(&p, &r, &out, &e));
		assert_string_equal(buf_text(&out), TEXT);
		buf_done(&out);
		buf_done(&p.bytes);
	}
}

static void more_than_the_header_says_is_refused(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct raw_package p = { 0 };
		struct release r = { .seq = 1 };
		struct buf out = BUF_INIT(1 << 20);

		make(&p, &r, codecs[i], strlen(TEXT) - 1, "");
		assert_refused(read_all(&p, &r, &out, &e), ERR_LIMIT);
		assert_int_equal(out.len, 0);
		buf_done(&out);
		buf_done(&p.bytes);
	}
}

static void less_than_the_header_says_is_refused(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct raw_package p = { 0 };
		struct release r = { .seq = 1 };
		struct buf out = BUF_INIT(1 << 20);

		make(&p, &r, codecs[i], strlen(TEXT) + 1, "");
		assert_refused(read_all(&p, &r, &out, &e), ERR_FORMAT);
		buf_done(&out);
		buf_done(&p.bytes);
	}
}

/* A second frame, a skippable one, or a single byte. */
static void nothing_may_follow_the_frame(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(codecs); i++) {
		struct raw_package p = { 0 };
		struct release r = { .seq = 1 };
		struct buf out = BUF_INIT(1 << 20);

		make(&p, &r, codecs[i], strlen(TEXT), "x");
		assert_refused(read_all(&p, &r, &out, &e), ERR_FORMAT);
		buf_done(&out);
		buf_done(&p.bytes);
	}
}

static void a_frame_that_does_not_end_is_refused(void **state)
{
	struct raw_package p = { 0 };
	struct release r = { .seq = 1 };
	struct buf out = BUF_INIT(1 << 20);
	struct package_header h = { .kind = PACKAGE_FULL,
				    .content = PACKAGE_TREE,
				    .codec = PACKAGE_LZMA,
				    .window_len = 4096,
				    .plain_len = strlen(TEXT) };
	struct buf payload = BUF_INIT(1 << 20);
	struct err e = { 0 };

	(void)state;
	assert_ok(encode_all(PACKAGE_LZMA, slice_of(TEXT), 4096, &payload, &e));
	for (size_t cut = 1; cut < payload.len; cut++) {
		raw_make(&p, h, slice_sub(buf_slice(&payload), 0, cut), &r);
		assert_refused(read_all(&p, &r, &out, &e), ERR_FORMAT);
	}
	buf_done(&payload);
	buf_done(&out);
	buf_done(&p.bytes);
}

/* TEXT three times, each a frame of its own. */
static void make_frames(struct raw_package *p, struct release *r,
			enum package_codec codec, struct slice rest)
{
	struct package_header h = { .kind = PACKAGE_FULL,
				    .content = PACKAGE_IMAGE,
				    .codec = codec,
				    .window_len = 4096,
				    .plain_len = 3 * strlen(TEXT) };
	struct buf payload = BUF_INIT(1 << 20);
	struct err e = { 0 };

	for (int i = 0; i < 3; i++)
		assert_ok(
			encode_all(codec, slice_of(TEXT), 4096, &payload, &e));
	assert_ok(buf_add(&payload, rest, &e));
	raw_make(p, h, buf_slice(&payload), r);
	buf_done(&payload);
}

static void several_frames_are_one_payload(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct raw_package p = { 0 };
		struct release r = { .seq = 1 };
		struct buf out = BUF_INIT(1 << 20);

		make_frames(&p, &r, codecs[i], slice_of(""));
		assert_ok(read_all(&p, &r, &out, &e));
		assert_string_equal(buf_text(&out), TEXT TEXT TEXT);
		buf_done(&out);
		buf_done(&p.bytes);
		/* And nothing follows the last. */
		make_frames(&p, &r, codecs[i], slice_of("x"));
		assert_refused(read_all(&p, &r, &out, &e),
			       codecs[i] == PACKAGE_RAW ? ERR_LIMIT
							: ERR_FORMAT);
		buf_done(&out);
		buf_done(&p.bytes);
	}
}

/* Else a package could cost a device as many of them as fit in it. */
static void an_empty_frame_among_others_is_refused(void **state)
{
	struct package_header h = { .kind = PACKAGE_FULL,
				    .content = PACKAGE_IMAGE,
				    .window_len = 4096,
				    .plain_len = strlen(TEXT) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct raw_package p = { 0 };
		struct release r = { .seq = 1 };
		struct buf payload = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
		struct err e = { 0 };

		h.codec = codecs[i];
		if (h.codec == PACKAGE_RAW)
			continue;
		assert_ok(
			encode_all(h.codec, slice_of(""), 4096, &payload, &e));
		assert_ok(encode_all(h.codec, slice_of(TEXT), 4096, &payload,
				     &e));
		raw_make(&p, h, buf_slice(&payload), &r);
		assert_refused_saying(read_all(&p, &r, &out, &e), ERR_FORMAT,
				      "empty frame");
		buf_done(&payload);
		buf_done(&out);
		buf_done(&p.bytes);
	}
}

/* From each point that one reader is told another gets exactly the rest. */
static void read_from(struct raw_package *p, const struct release *r,
		      const struct package_point *at)
{
	struct package_reader *reader = NULL;
	struct payload *payload = NULL;
	struct buf out = BUF_INIT(1 << 20);
	struct slice got = { (const uint8_t *)"", 1 };
	struct err e = { 0 };

	assert_ok(raw_open(p, r, &reader, &e));
	assert_ok(payload_open(reader, &payload, &e));
	assert_ok(payload_resume(payload, at, &e));
	while (got.len > 0) {
		assert_ok(payload_next(payload, &got, &e));
		assert_ok(buf_add(&out, got, &e));
	}
	assert_string_equal(buf_text(&out), (TEXT TEXT TEXT) + at->plain);
	payload_close(payload);
	package_close(reader);
	buf_done(&out);
}

static void another_reader_goes_on_at_any_point(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(codecs); i++) {
		struct raw_package p = { 0 };
		struct release r = { .seq = 1 };
		struct package_reader *reader = NULL;
		struct payload *payload = NULL;
		struct package_point at;
		struct slice got;
		unsigned points = 0;

		make_frames(&p, &r, codecs[i], slice_of(""));
		assert_ok(raw_open(&p, &r, &reader, &e));
		assert_ok(payload_open(reader, &payload, &e));
		assert_false(payload_point(payload, &at));
		do {
			assert_ok(payload_next(payload, &got, &e));
			if (got.len == 0 || !payload_point(payload, &at))
				continue;
			read_from(&p, &r, &at);
			points++;
		} while (got.len > 0);
		assert_int_equal(points, 2); /* the end is none */
		assert_false(payload_point(payload, &at));
		payload_close(payload);
		package_close(reader);
		buf_done(&p.bytes);
	}
}

static int resume(enum package_codec codec, const struct package_point *at,
		  struct err *failure)
{
	struct raw_package p = { 0 };
	struct release r = { .seq = 1 };
	struct package_reader *reader = NULL;
	struct payload *payload = NULL;
	struct err e = { 0 };
	int rc;

	make_frames(&p, &r, codec, slice_of(""));
	assert_ok(raw_open(&p, &r, &reader, &e));
	assert_ok(payload_open(reader, &payload, &e));
	rc = payload_resume(payload, at, failure);
	payload_close(payload);
	package_close(reader);
	buf_done(&p.bytes);
	return rc;
}

static void what_is_no_point_is_refused(void **state)
{
	const uint64_t len = 3 * strlen(TEXT);
	struct package_point at = { .packed = 5, .plain = 6 };
	struct err e = { 0 };

	(void)state;
	assert_refused(resume(PACKAGE_RAW, &at, &e), ERR_FORMAT);
	at = (struct package_point){ .packed = len, .plain = len };
	assert_refused(resume(PACKAGE_RAW, &at, &e), ERR_FORMAT);
	assert_refused(resume(PACKAGE_ZSTD, &at, &e), ERR_FORMAT);
	at = (struct package_point){ .packed = 1u << 20, .plain = 6 };
	assert_refused(resume(PACKAGE_ZSTD, &at, &e), ERR_FORMAT);
	at = (struct package_point){ .packed = 7, .plain = 7 };
	assert_ok(resume(PACKAGE_RAW, &at, &e));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_frames_are_one_payload),
		cmocka_unit_test(an_empty_frame_among_others_is_refused),
		cmocka_unit_test(another_reader_goes_on_at_any_point),
		cmocka_unit_test(what_is_no_point_is_refused),
		cmocka_unit_test(the_plain_bytes_come_out),
		cmocka_unit_test(more_than_the_header_says_is_refused),
		cmocka_unit_test(less_than_the_header_says_is_refused),
		cmocka_unit_test(nothing_may_follow_the_frame),
		cmocka_unit_test(a_frame_that_does_not_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
