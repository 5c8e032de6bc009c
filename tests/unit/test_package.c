/* SPDX-License-Identifier: Apache-2.0 */
#include "common/package.h"

#include <string.h>

#include "tests/unit/check.h"

#define CHUNKS      3
#define LAST_LEN    1000
#define PAYLOAD_LEN (2 * PACKAGE_CHUNK_LEN + LAST_LEN)
#define HEAD_LEN    (PACKAGE_HEADER_LEN + CHUNKS * SHA256_LEN)
#define FILE_LEN    (HEAD_LEN + PAYLOAD_LEN)

/* Each test starts with a whole package in `file`. */
static uint8_t file[FILE_LEN];
static uint64_t file_len;
static struct sha256 head_digest;

static const struct package_header header = {
	.kind = PACKAGE_FULL,
	.content = PACKAGE_TREE,
	.codec = PACKAGE_ZSTD,
	.window_len = 1 << 20,
	.plain_len = 7777777,
};

static size_t chunk_len(size_t i)
{
	return i + 1 < CHUNKS ? PACKAGE_CHUNK_LEN : LAST_LEN;
}

static int setup(void **state)
{
	uint8_t *payload = file + HEAD_LEN;

	(void)state;
	for (size_t i = 0; i < PAYLOAD_LEN; i++)
		payload[i] = (uint8_t)(i * 31 + i / 253);
	package_format_header(&header, file);
	for (size_t i = 0; i < CHUNKS; i++) {
		struct slice chunk = { payload + i * PACKAGE_CHUNK_LEN,
				       chunk_len(i) };
		struct sha256 d;

		sha256_of(chunk, &d);
		memcpy(file + PACKAGE_HEADER_LEN + i * SHA256_LEN, d.bytes,
		       SHA256_LEN);
	}
	sha256_of((struct slice){ file, HEAD_LEN }, &head_digest);
	file_len = FILE_LEN;
	return 0;
}

static int read_file(void *ctx, uint64_t offset, void *out, size_t len,
		     struct err *e)
{
	(void)ctx;
	if (offset > file_len || len > file_len - offset)
		return err_set(e, ERR_FORMAT, "truncated");
	memcpy(out, file + offset, len);
	return 0;
}

static const struct package_source source = { NULL, read_file };

static int open_it(struct package_reader **r, struct err *e)
{
	return package_open(&source, FILE_LEN, HEAD_LEN, &head_digest, r, e);
}

/* Read on until the end in odd steps; how many bytes came out, all right. */
static int read_it(struct package_reader *r, size_t *total, struct err *e)
{
	uint8_t out[12345];
	size_t got;

	*total = 0;
	do {
		if (package_read(r, out, sizeof(out), &got, e))
			return -1;
		assert_memory_equal(out, file + HEAD_LEN + *total, got);
		*total += got;
	} while (got > 0);
	return 0;
}

static void a_header_survives_the_round_trip(void **state)
{
	uint8_t bytes[PACKAGE_HEADER_LEN];
	struct package_header back;
	struct err e = { 0 };

	(void)state;
	package_format_header(&header, bytes);
	assert_ok(package_parse_header((struct slice){ bytes, sizeof(bytes) },
				       &back, &e));
	assert_int_equal(back.kind, header.kind);
	assert_int_equal(back.content, header.content);
	assert_int_equal(back.codec, header.codec);
	assert_int_equal(back.window_len, header.window_len);
	assert_int_equal(back.plain_len, header.plain_len);
}

/* Every bit of a header means something; a changed one is refused or read. */
static void no_bit_of_a_header_is_ignored(void **state)
{
	struct package_header h;
	struct err e = { 0 };

	(void)state;
	for (size_t bit = 0; bit < (size_t)PACKAGE_HEADER_LEN * 8; bit++) {
		uint8_t bytes[PACKAGE_HEADER_LEN], again[PACKAGE_HEADER_LEN];
		struct slice in = { bytes, sizeof(bytes) };

		package_format_header(&header, bytes);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (package_parse_header(in, &h, &e))
			continue;
		package_format_header(&h, again);
		assert_memory_equal(bytes, again, sizeof(bytes));
	}
}

static void assert_header_refused(struct package_header h, enum err_code code)
{
	uint8_t bytes[PACKAGE_HEADER_LEN];
	struct package_header out;
	struct err e = { 0 };

	package_format_header(&h, bytes);
	assert_refused(
		package_parse_header((struct slice){ bytes, sizeof(bytes) },
				     &out, &e),
		code);
}

static void headers_outside_the_limits_are_refused(void **state)
{
	struct package_header h = header;

	(void)state;
	h.window_len = 2 * PACKAGE_WINDOW_MAX;
	assert_header_refused(h, ERR_LIMIT);
	h.window_len = PACKAGE_WINDOW_MIN / 2;
	assert_header_refused(h, ERR_LIMIT);
	h = header;
	h.codec = 3;
	assert_header_refused(h, ERR_FORMAT);
	h = header;
	h.kind = 0;
	assert_header_refused(h, ERR_FORMAT);
	h = header;
	h.content = 3;
	assert_header_refused(h, ERR_FORMAT);
	h = header;
	h.cipher = 2;
	assert_header_refused(h, ERR_FORMAT);
}

static void a_header_has_exactly_its_length(void **state)
{
	uint8_t bytes[PACKAGE_HEADER_LEN + 1] = { 0 };
	struct package_header h;
	struct err e = { 0 };

	(void)state;
	package_format_header(&header, bytes);
	for (size_t len = 0; len < PACKAGE_HEADER_LEN; len++)
		assert_refused(package_parse_header(
				       (struct slice){ bytes, len }, &h, &e),
			       ERR_FORMAT);
	assert_refused(package_parse_header(
			       (struct slice){ bytes, sizeof(bytes) }, &h, &e),
		       ERR_FORMAT);
}

static void a_whole_package_is_read_in_order(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };
	uint8_t more;
	size_t total;

	(void)state;
	assert_ok(open_it(&r, &e));
	assert_int_equal(package_header(r)->plain_len, 7777777);
	assert_ok(read_it(r, &total, &e));
	assert_int_equal(total, PAYLOAD_LEN);
	assert_ok(package_read(r, &more, 1, &total, &e));
	assert_int_equal(total, 0);
	package_close(r);
	package_close(NULL);
}

static void a_changed_head_is_not_opened(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < HEAD_LEN; i++) {
		file[i] ^= 1;
		assert_refused(open_it(&r, &e), ERR_UNTRUSTED);
		file[i] ^= 1;
	}
	assert_null(r);
}

/* The chunk with the changed byte, and what follows, never comes out. */
static void a_changed_byte_never_leaves_the_reader(void **state)
{
	static const size_t offsets[] = { 0,
					  1,
					  PACKAGE_CHUNK_LEN - 1,
					  PACKAGE_CHUNK_LEN,
					  2 * PACKAGE_CHUNK_LEN - 1,
					  2 * PACKAGE_CHUNK_LEN,
					  PAYLOAD_LEN - 1 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		size_t good = offsets[i] / PACKAGE_CHUNK_LEN;
		struct package_reader *r = NULL;
		size_t total;

		assert_ok(open_it(&r, &e));
		file[HEAD_LEN + offsets[i]] ^= 0x80;
		assert_refused(read_it(r, &total, &e), ERR_UNTRUSTED);
		assert_true(total <= good * PACKAGE_CHUNK_LEN);
		/* It stays refused, and nothing comes out the second time. */
		assert_refused(read_it(r, &total, &e), ERR_UNTRUSTED);
		assert_int_equal(total, 0);
		file[HEAD_LEN + offsets[i]] ^= 0x80;
		package_close(r);
	}
}

static void chunks_cannot_change_places(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };
	size_t total;

	(void)state;
	assert_ok(open_it(&r, &e));
	memmove(file + HEAD_LEN, file + HEAD_LEN + PACKAGE_CHUNK_LEN,
		PACKAGE_CHUNK_LEN);
	assert_refused(read_it(r, &total, &e), ERR_UNTRUSTED);
	assert_int_equal(total, 0);
	package_close(r);
}

static void a_package_that_was_cut_is_refused(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };
	size_t total;

	(void)state;
	file_len = FILE_LEN - 1;
	assert_ok(open_it(&r, &e));
	assert_refused(read_it(r, &total, &e), ERR_FORMAT);
	package_close(r);
	file_len = HEAD_LEN - 1;
	assert_refused(open_it(&r, &e), ERR_FORMAT);
}

static void lengths_must_fit_each_other(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };

	(void)state;
	assert_refused(package_open(&source, FILE_LEN - LAST_LEN, HEAD_LEN,
				    &head_digest, &r, &e),
		       ERR_FORMAT);
	assert_refused(package_open(&source, FILE_LEN, PACKAGE_HEADER_LEN,
				    &head_digest, &r, &e),
		       ERR_FORMAT);
	assert_refused_saying(package_open(&source, HEAD_LEN - 1, HEAD_LEN,
					   &head_digest, &r, &e),
			      ERR_FORMAT, "impossible length");
	assert_refused(package_open(&source, UINT64_MAX,
				    (uint64_t)PACKAGE_HEAD_MAX + 1,
				    &head_digest, &r, &e),
		       ERR_LIMIT);
	assert_refused(package_open(&source, FILE_LEN, HEAD_LEN + SHA256_LEN,
				    &head_digest, &r, &e),
		       ERR_FORMAT);
	/* The head of a single chunk, and as much again behind it. */
	for (uint64_t len = 1; len <= PACKAGE_CHUNK_LEN; len *= 16)
		assert_refused_saying(package_open(&source,
						   PACKAGE_HEADER_LEN + 2 * len,
						   PACKAGE_HEADER_LEN + len,
						   &head_digest, &r, &e),
				      ERR_FORMAT, "does not fit");
}

/* Of a file that is signed as shorter the last chunk is not the signed one. */
static void a_last_chunk_has_its_signed_length(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };
	size_t total;

	(void)state;
	assert_ok(package_open(&source, FILE_LEN - 1, HEAD_LEN, &head_digest,
			       &r, &e));
	assert_refused(read_it(r, &total, &e), ERR_UNTRUSTED);
	assert_int_equal(total, 2 * PACKAGE_CHUNK_LEN);
	package_close(r);
}

/* Whoever signs a longer table has no room for a second one behind it. */
static void a_chunk_table_is_as_long_as_its_chunks(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };

	(void)state;
	sha256_of((struct slice){ file, HEAD_LEN + SHA256_LEN }, &head_digest);
	assert_refused(package_open(&source, FILE_LEN, HEAD_LEN + SHA256_LEN,
				    &head_digest, &r, &e),
		       ERR_FORMAT);
	sha256_of((struct slice){ file, HEAD_LEN - SHA256_LEN }, &head_digest);
	assert_refused(package_open(&source, FILE_LEN, HEAD_LEN - SHA256_LEN,
				    &head_digest, &r, &e),
		       ERR_FORMAT);
	/* Nor does a head take more payload in than a chunk. */
	sha256_of((struct slice){ file, FILE_LEN }, &head_digest);
	assert_refused(
		package_open(&source, FILE_LEN, FILE_LEN, &head_digest, &r, &e),
		ERR_FORMAT);
}

/* ---- of a single chunk --------------------------------------------------- */

/* The head is all of it; returns the payload's length. */
static size_t make_whole(size_t payload_len)
{
	memmove(file + PACKAGE_HEADER_LEN, file + HEAD_LEN, payload_len);
	file_len = PACKAGE_HEADER_LEN + payload_len;
	sha256_of((struct slice){ file, (size_t)file_len }, &head_digest);
	return payload_len;
}

static int open_whole(struct package_reader **r, struct err *e)
{
	return package_open(&source, file_len, file_len, &head_digest, r, e);
}

static void a_payload_of_one_chunk_belongs_to_the_head(void **state)
{
	static const size_t lengths[] = { 1, 1000, PACKAGE_CHUNK_LEN };
	static uint8_t out[PACKAGE_CHUNK_LEN + 1];
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct package_reader *r = NULL;
		size_t len, got;

		setup(state);
		len = make_whole(lengths[i]);
		assert_ok(open_whole(&r, &e));
		/* It came with the head: nothing else is read any more. */
		memset(file, 0, sizeof(file));
		assert_ok(package_read(r, out, sizeof(out), &got, &e));
		assert_int_equal(got, len);
		setup(state);
		assert_memory_equal(out, file + HEAD_LEN, len);
		assert_ok(package_read(r, out, sizeof(out), &got, &e));
		assert_int_equal(got, 0);
		if (len > 500) {
			assert_ok(package_seek(r, 500, &e));
			assert_ok(package_read(r, out, sizeof(out), &got, &e));
			assert_int_equal(got, len - 500);
			assert_memory_equal(out, file + HEAD_LEN + 500, got);
		}
		assert_refused(package_check_chunk(
				       r, 0, (struct slice){ out, len }, &e),
			       ERR_UNTRUSTED);
		package_close(r);
	}
}

static void any_changed_byte_of_such_a_package_is_noticed(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };

	(void)state;
	make_whole(700);
	for (size_t i = 0; i < file_len; i++) {
		file[i] ^= 1;
		assert_refused(open_whole(&r, &e), ERR_UNTRUSTED);
		file[i] ^= 1;
	}
	file_len--;
	assert_refused(open_whole(&r, &e), ERR_UNTRUSTED);
}

/* A table of one digest, a chunk more than the head has room for, nothing. */
static void there_is_one_way_to_write_a_package(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };

	(void)state;
	file_len = PACKAGE_HEADER_LEN + SHA256_LEN + 1000;
	sha256_of((struct slice){ file, PACKAGE_HEADER_LEN + SHA256_LEN },
		  &head_digest);
	assert_refused(package_open(&source, file_len,
				    PACKAGE_HEADER_LEN + SHA256_LEN,
				    &head_digest, &r, &e),
		       ERR_FORMAT);
	make_whole(PACKAGE_CHUNK_LEN + 1);
	assert_refused(open_whole(&r, &e), ERR_FORMAT);
	make_whole(0);
	assert_refused(open_whole(&r, &e), ERR_FORMAT);
}

static void the_length_of_a_file_tells_that_of_its_head(void **state)
{
	const uint64_t chunk = PACKAGE_CHUNK_LEN;
	const struct {
		uint64_t payload, head;
	} good[] = {
		{ 1, PACKAGE_HEADER_LEN + 1 },
		{ chunk, PACKAGE_HEADER_LEN + chunk },
		{ chunk + 1, PACKAGE_HEADER_LEN + 2 * SHA256_LEN },
		{ 2 * chunk, PACKAGE_HEADER_LEN + 2 * SHA256_LEN },
		{ 2 * chunk + 1, PACKAGE_HEADER_LEN + 3 * SHA256_LEN },
		{ PACKAGE_CHUNKS_MAX * chunk, PACKAGE_HEAD_MAX },
	};
	const uint64_t bad[] = { 0, PACKAGE_HEADER_LEN,
				 PACKAGE_HEADER_LEN + chunk + 1,
				 PACKAGE_HEADER_LEN + chunk + 2 * SHA256_LEN,
				 PACKAGE_HEADER_LEN + 2 * SHA256_LEN +
					 2 * chunk + 1 };
	struct err e = { 0 };
	uint64_t head = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		const uint64_t payload = good[i].payload;

		assert_int_equal(package_head_len(payload), good[i].head);
		assert_ok(package_find_head(payload <= chunk
						    ? good[i].head
						    : good[i].head + payload,
					    &head, &e));
		assert_int_equal(head, good[i].head);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(package_find_head(bad[i], &head, &e),
			       ERR_FORMAT);
	assert_refused(
		package_find_head(PACKAGE_HEAD_MAX + SHA256_LEN +
					  (PACKAGE_CHUNKS_MAX + 1) * chunk,
				  &head, &e),
		ERR_LIMIT);
}

static void arriving_chunks_are_checked_one_by_one(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };

	(void)state;
	assert_ok(open_it(&r, &e));
	for (uint32_t i = 0; i < CHUNKS; i++) {
		struct slice chunk = { file + HEAD_LEN +
					       (size_t)i * PACKAGE_CHUNK_LEN,
				       chunk_len(i) };

		assert_ok(package_check_chunk(r, i, chunk, &e));
		assert_refused(
			package_check_chunk(r, (i + 1) % CHUNKS, chunk, &e),
			ERR_UNTRUSTED);
		chunk.len--;
		assert_refused_saying(package_check_chunk(r, i, chunk, &e),
				      ERR_UNTRUSTED, "wrong length");
	}
	/* As long as it would be if the count went on for ever. */
	assert_refused_saying(
		package_check_chunk(r, CHUNKS,
				    (struct slice){ file, PACKAGE_CHUNK_LEN },
				    &e),
		ERR_UNTRUSTED, "wrong length");
	package_close(r);
}

/* ---- encrypted ----------------------------------------------------------- */

static const uint8_t content_key[STREAM_KEY_LEN] = { 1, 2, 3 };
static uint8_t commitment[STREAM_COMMITMENT_LEN];

/* Table and head digest for whatever stands in the file now: as if signed. */
static void sign_again(void)
{
	for (size_t i = 0; i < CHUNKS; i++) {
		const uint8_t *chunk = file + HEAD_LEN + i * PACKAGE_CHUNK_LEN;
		struct sha256 d;

		sha256_of((struct slice){ chunk, chunk_len(i) }, &d);
		memcpy(file + PACKAGE_HEADER_LEN + i * SHA256_LEN, d.bytes,
		       SHA256_LEN);
	}
	sha256_of((struct slice){ file, HEAD_LEN }, &head_digest);
}

/* The plain bytes of chunk i begin with i + 1. */
static int setup_encrypted(void **state)
{
	struct package_header h = header;
	struct slice bytes = { file, PACKAGE_HEADER_LEN };
	struct buf plain = BUF_INIT(STREAM_PLAIN_LEN);
	struct stream stream;
	struct err e = { 0 };

	(void)state;
	h.cipher = PACKAGE_STREAM;
	package_format_header(&h, file);
	stream_init(content_key, bytes, &stream);
	memcpy(commitment, stream.commitment, sizeof(commitment));
	for (uint32_t i = 0; i < CHUNKS; i++) {
		struct buf sealed = BUF_INIT(STREAM_CHUNK_LEN);

		plain.len = 0;
		assert_non_null(buf_reserve(&plain, STREAM_PLAIN_LEN, &e));
		memset(plain.ptr, (int)i + 1, STREAM_PLAIN_LEN);
		assert_ok(stream_seal(
			&stream, (struct stream_place){ i, i == CHUNKS - 1 },
			(struct slice){ plain.ptr,
					chunk_len(i) - AEAD_TAG_LEN },
			&sealed, &e));
		memcpy(file + HEAD_LEN + (size_t)i * PACKAGE_CHUNK_LEN,
		       sealed.ptr, sealed.len);
		buf_done(&sealed);
	}
	buf_done(&plain);
	file_len = FILE_LEN;
	sign_again();
	return 0;
}

/* Read all; *total bytes came out and each was of its own chunk. */
static int decrypt_it(size_t *total, struct err *e)
{
	struct package_reader *r = NULL;
	uint8_t out[STREAM_PLAIN_LEN];
	size_t got = 1;
	int rc = open_it(&r, e);

	*total = 0;
	if (rc == 0)
		rc = package_decrypt(r, content_key, commitment, e);
	while (rc == 0 && got > 0) {
		rc = package_read(r, out, sizeof(out), &got, e);
		if (rc == 0 && got > 0)
			assert_int_equal(out[0], *total / STREAM_PLAIN_LEN + 1);
		if (rc == 0)
			*total += got;
	}
	package_close(r);
	return rc;
}

static void an_encrypted_package_is_read_with_its_key(void **state)
{
	struct err e = { 0 };
	size_t total;

	(void)state;
	assert_ok(decrypt_it(&total, &e));
	assert_int_equal(total, PAYLOAD_LEN - CHUNKS * AEAD_TAG_LEN);
}

static void nothing_is_read_without_the_key(void **state)
{
	struct package_reader *r = NULL;
	uint8_t out[16] = { 0 };
	struct err e = { 0 };
	size_t got;

	(void)state;
	assert_ok(open_it(&r, &e));
	assert_refused(package_read(r, out, sizeof(out), &got, &e),
		       ERR_REFUSED);
	assert_int_equal(out[0], 0);
	package_close(r);
}

/* D03: the signed commitment is compared before anything is decrypted. */
static void another_key_is_refused_before_anything_is_decrypted(void **state)
{
	uint8_t other[STREAM_KEY_LEN] = { 9 };
	struct package_reader *r = NULL;
	uint8_t out[16];
	struct err e = { 0 };
	size_t got;

	(void)state;
	assert_ok(open_it(&r, &e));
	assert_refused(package_decrypt(r, other, commitment, &e),
		       ERR_UNTRUSTED);
	assert_refused(package_read(r, out, sizeof(out), &got, &e),
		       ERR_REFUSED);
	commitment[0] ^= 1;
	assert_refused(package_decrypt(r, content_key, commitment, &e),
		       ERR_UNTRUSTED);
	package_close(r);
}

static void a_plain_package_takes_no_key(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };

	(void)state;
	assert_ok(open_it(&r, &e));
	assert_refused(package_decrypt(r, content_key, commitment, &e),
		       ERR_REFUSED);
	package_close(r);
}

/*
 * D01, as far as somebody could get who had chunk table and head signed anew:
 * chunks that were moved or repeated have right digests and wrong tags.
 */
static void encrypted_chunks_cannot_change_places(void **state)
{
	uint8_t *chunk[2] = { file + HEAD_LEN,
			      file + HEAD_LEN + PACKAGE_CHUNK_LEN };
	static uint8_t kept[PACKAGE_CHUNK_LEN];
	struct err e = { 0 };
	size_t total;

	(void)state;
	memcpy(kept, chunk[0], sizeof(kept));
	memcpy(chunk[0], chunk[1], sizeof(kept));
	memcpy(chunk[1], kept, sizeof(kept));
	sign_again();
	assert_refused(decrypt_it(&total, &e), ERR_UNTRUSTED);
	assert_int_equal(total, 0);
	memcpy(chunk[0], kept, sizeof(kept));
	sign_again();
	assert_refused(decrypt_it(&total, &e), ERR_UNTRUSTED);
	assert_int_equal(total, STREAM_PLAIN_LEN);
}

/* The same for a changed byte: nothing of its chunk comes out. */
static void nothing_of_a_changed_chunk_comes_out(void **state)
{
	struct err e = { 0 };
	size_t total;

	(void)state;
	file[HEAD_LEN + PACKAGE_CHUNK_LEN + 77] ^= 1;
	sign_again();
	assert_refused(decrypt_it(&total, &e), ERR_UNTRUSTED);
	assert_int_equal(total, STREAM_PLAIN_LEN);
}

/* A header that was exchanged is one under which no chunk opens. */
static void another_header_opens_no_chunk(void **state)
{
	struct err e = { 0 };
	size_t total;

	(void)state;
	file[5] = PACKAGE_DELTA;
	sign_again();
	assert_refused(decrypt_it(&total, &e), ERR_UNTRUSTED);
	assert_int_equal(total, 0);
}

static void an_encrypted_chunk_holds_more_than_its_tag(void **state)
{
	struct package_reader *r = NULL;
	struct err e = { 0 };
	const uint64_t least = FILE_LEN - LAST_LEN + AEAD_TAG_LEN;

	(void)state;
	assert_refused(
		package_open(&source, least, HEAD_LEN, &head_digest, &r, &e),
		ERR_FORMAT);
	assert_ok(package_open(&source, least + 1, HEAD_LEN, &head_digest, &r,
			       &e));
	assert_int_equal(package_header(r)->cipher, PACKAGE_STREAM);
	package_close(r);
}

static void a_single_chunk_is_decrypted_too(void **state)
{
	struct slice header_bytes = { file, PACKAGE_HEADER_LEN };
	struct buf sealed = BUF_INIT(STREAM_CHUNK_LEN);
	uint8_t plain[100], out[200];
	struct package_reader *r = NULL;
	struct stream stream;
	struct err e = { 0 };
	size_t got;

	(void)state;
	memset(plain, 7, sizeof(plain));
	stream_init(content_key, header_bytes, &stream);
	assert_ok(stream_seal(&stream, (struct stream_place){ 0, true },
			      (struct slice){ plain, sizeof(plain) }, &sealed,
			      &e));
	memcpy(file + HEAD_LEN, sealed.ptr, sealed.len);
	make_whole(sealed.len);
	assert_ok(open_whole(&r, &e));
	assert_refused(package_read(r, out, sizeof(out), &got, &e),
		       ERR_REFUSED);
	assert_ok(package_decrypt(r, content_key, commitment, &e));
	assert_ok(package_read(r, out, sizeof(out), &got, &e));
	assert_int_equal(got, sizeof(plain));
	assert_memory_equal(out, plain, sizeof(plain));
	package_close(r);
	buf_done(&sealed);
}

#define TEST(f)      cmocka_unit_test_setup(f, setup)
#define ENCRYPTED(f) cmocka_unit_test_setup(f, setup_encrypted)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_header_survives_the_round_trip),
		TEST(no_bit_of_a_header_is_ignored),
		TEST(headers_outside_the_limits_are_refused),
		TEST(a_header_has_exactly_its_length),
		TEST(a_whole_package_is_read_in_order),
		TEST(a_changed_head_is_not_opened),
		TEST(a_changed_byte_never_leaves_the_reader),
		TEST(chunks_cannot_change_places),
		TEST(a_package_that_was_cut_is_refused),
		TEST(lengths_must_fit_each_other),
		TEST(a_last_chunk_has_its_signed_length),
		TEST(a_chunk_table_is_as_long_as_its_chunks),
		TEST(a_payload_of_one_chunk_belongs_to_the_head),
		TEST(any_changed_byte_of_such_a_package_is_noticed),
		TEST(there_is_one_way_to_write_a_package),
		TEST(the_length_of_a_file_tells_that_of_its_head),
		TEST(arriving_chunks_are_checked_one_by_one),
		ENCRYPTED(an_encrypted_package_is_read_with_its_key),
		ENCRYPTED(nothing_is_read_without_the_key),
		ENCRYPTED(another_key_is_refused_before_anything_is_decrypted),
		TEST(a_plain_package_takes_no_key),
		ENCRYPTED(encrypted_chunks_cannot_change_places),
		ENCRYPTED(nothing_of_a_changed_chunk_comes_out),
		ENCRYPTED(another_header_opens_no_chunk),
		ENCRYPTED(an_encrypted_chunk_holds_more_than_its_tag),
		ENCRYPTED(a_single_chunk_is_decrypted_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
