/* SPDX-License-Identifier: Apache-2.0 */
#include "common/package.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/secret.h"

static const uint8_t magic[8] = { 'P', 'A', 'W', 'L', 'P', 'K', 'G', 0 };

#define RESERVED_LEN 24 /* zeroes at the end of the header */

struct package_reader {
	struct package_source from;
	struct package_header header;
	uint64_t head_len;
	uint8_t *head;         /* header and chunk table, verified */
	uint32_t next;         /* index of the chunk that is read next */
	size_t skip;           /* of its bytes, which nobody wants */
	struct stream *stream; /* NULL: nothing can be decrypted */
	struct buf plain;      /* of the chunk, when it was encrypted */
	struct slice ready;    /* what package_read() hands out next */
	uint8_t chunk[PACKAGE_CHUNK_LEN];
};

uint64_t package_head_len(uint32_t chunk_count)
{
	return PACKAGE_HEADER_LEN + (uint64_t)SHA256_LEN * chunk_count;
}

static uint64_t chunks_for(uint64_t payload_len)
{
	return payload_len / PACKAGE_CHUNK_LEN +
	       (payload_len % PACKAGE_CHUNK_LEN > 0 ? 1 : 0);
}

static int check_header(const struct package_header *h, struct err *e)
{
	if (h->kind != PACKAGE_FULL && h->kind != PACKAGE_DELTA)
		return err_set(e, ERR_FORMAT, "unknown kind of package %d",
			       (int)h->kind);
	if (h->content != PACKAGE_TREE && h->content != PACKAGE_IMAGE)
		return err_set(e, ERR_FORMAT, "unknown content of package %d",
			       (int)h->content);
	if (h->codec != PACKAGE_RAW && h->codec != PACKAGE_ZSTD &&
	    h->codec != PACKAGE_LZMA)
		return err_set(e, ERR_FORMAT, "unknown compression %d",
			       (int)h->codec);
	if (h->cipher != PACKAGE_PLAIN && h->cipher != PACKAGE_STREAM)
		return err_set(e, ERR_FORMAT, "unknown encryption %d",
			       (int)h->cipher);
	if (h->window_len > PACKAGE_WINDOW_MAX)
		return err_set(e, ERR_LIMIT, "window of %u bytes is too large",
			       h->window_len);
	if (h->chunk_count > PACKAGE_CHUNKS_MAX)
		return err_set(e, ERR_LIMIT, "%u chunks are too many",
			       h->chunk_count);
	if (h->chunk_count == 0 || chunks_for(h->payload_len) != h->chunk_count)
		return err_set(e, ERR_FORMAT,
			       "chunk table does not fit the payload");
	/* A last chunk with nothing in it but its tag. */
	if (h->cipher == PACKAGE_STREAM &&
	    (h->payload_len - 1) % PACKAGE_CHUNK_LEN < AEAD_TAG_LEN)
		return err_set(e, ERR_FORMAT,
			       "an encrypted chunk holds nothing");
	return 0;
}

int package_parse_header(struct slice in, struct package_header *h,
			 struct err *e)
{
	struct rd r = rd_init(in);
	struct package_header out;
	uint8_t got[sizeof(magic)];
	uint8_t reserved[RESERVED_LEN];
	static const uint8_t zeroes[RESERVED_LEN];
	uint32_t version;

	rd_copy(&r, got, sizeof(got));
	version = rd_le16(&r);
	out.kind = rd_u8(&r);
	out.content = rd_u8(&r);
	out.codec = rd_u8(&r);
	out.cipher = rd_u8(&r);
	rd_copy(&r, reserved, 2);
	if (memcmp(reserved, zeroes, 2) != 0)
		return err_set(e, ERR_FORMAT, "unknown package flags");
	out.chunk_count = rd_le32(&r);
	out.window_len = rd_le32(&r);
	out.payload_len = rd_le64(&r);
	out.plain_len = rd_le64(&r);
	rd_copy(&r, reserved, sizeof(reserved));
	if (rd_finish(&r, e))
		return err_in(e, "package header");
	if (memcmp(got, magic, sizeof(magic)) != 0)
		return err_set(e, ERR_FORMAT, "not a package");
	if (version != PACKAGE_VERSION)
		return err_set(e, ERR_FORMAT, "package version %u is unknown",
			       version);
	if (memcmp(reserved, zeroes, sizeof(reserved)) != 0)
		return err_set(e, ERR_FORMAT, "unknown package fields");
	if (check_header(&out, e))
		return -1;
	*h = out;
	return 0;
}

static uint8_t *put_le(uint8_t *p, uint64_t value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(value >> (8 * i));
	return p + len;
}

void package_format_header(const struct package_header *h,
			   uint8_t out[PACKAGE_HEADER_LEN])
{
	uint8_t *p = out + sizeof(magic);

	memset(out, 0, PACKAGE_HEADER_LEN);
	memcpy(out, magic, sizeof(magic));
	p = put_le(p, PACKAGE_VERSION, 2);
	p = put_le(p, h->kind, 1);
	p = put_le(p, h->content, 1);
	p = put_le(p, h->codec, 1);
	p = put_le(p, h->cipher, 1);
	p = put_le(p, 0, 2);
	p = put_le(p, h->chunk_count, 4);
	p = put_le(p, h->window_len, 4);
	p = put_le(p, h->payload_len, 8);
	(void)put_le(p, h->plain_len, 8); /* the last field */
}

static int read_head(struct package_reader *r, uint64_t file_len,
		     const struct sha256 *digest, struct err *e)
{
	struct slice head = { r->head, (size_t)r->head_len };
	struct sha256 got;

	if (r->from.read_at(r->from.ctx, 0, r->head, head.len, e))
		return err_in(e, "package header");
	sha256_of(head, &got);
	if (!sha256_equal(&got, digest))
		return err_set(e, ERR_UNTRUSTED,
			       "package header is not the signed one");
	if (package_parse_header(slice_sub(head, 0, PACKAGE_HEADER_LEN),
				 &r->header, e))
		return -1;
	if (package_head_len(r->header.chunk_count) != r->head_len ||
	    r->header.payload_len != file_len - r->head_len)
		return err_set(e, ERR_FORMAT,
			       "package header does not fit the package");
	return 0;
}

int package_open(const struct package_source *from, uint64_t file_len,
		 uint64_t head_len, const struct sha256 *head_digest,
		 struct package_reader **out, struct err *e)
{
	struct package_reader *r;

	if (head_len < PACKAGE_HEADER_LEN || head_len > file_len)
		return err_set(e, ERR_FORMAT, "package of impossible length");
	if (head_len > PACKAGE_HEAD_MAX)
		return err_set(e, ERR_LIMIT, "chunk table is too large");
	r = mem_alloc(1, sizeof(*r));
	r->from = *from;
	r->head_len = head_len;
	r->head = mem_alloc((size_t)head_len, 1);
	r->plain = (struct buf)BUF_INIT(STREAM_PLAIN_LEN);
	if (read_head(r, file_len, head_digest, e)) {
		package_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

const struct package_header *package_header(const struct package_reader *r)
{
	return &r->header;
}

/* How long chunk `index` must be. */
static size_t length_of_chunk(const struct package_header *h, uint32_t index)
{
	uint64_t before = (uint64_t)index * PACKAGE_CHUNK_LEN;
	uint64_t left = h->payload_len - before;

	return left < PACKAGE_CHUNK_LEN ? (size_t)left : PACKAGE_CHUNK_LEN;
}

int package_check_chunk(const struct package_reader *r, uint32_t index,
			struct slice bytes, struct err *e)
{
	struct sha256 got, want;

	if (index >= r->header.chunk_count ||
	    bytes.len != length_of_chunk(&r->header, index))
		return err_set(e, ERR_UNTRUSTED,
			       "chunk %u of the package has a wrong length",
			       index);
	memcpy(want.bytes, r->head + package_head_len(index), SHA256_LEN);
	sha256_of(bytes, &got);
	if (!sha256_equal(&got, &want))
		return err_set(e, ERR_UNTRUSTED,
			       "chunk %u of the package is damaged", index);
	return 0;
}

int package_decrypt(struct package_reader *r,
		    const uint8_t content_key[STREAM_KEY_LEN],
		    const uint8_t commitment[STREAM_COMMITMENT_LEN],
		    struct err *e)
{
	struct stream *stream;

	if (r->header.cipher != PACKAGE_STREAM)
		return err_set(e, ERR_REFUSED, "package is not encrypted");
	stream = secret_new(sizeof(*stream));
	stream_init(content_key, (struct slice){ r->head, PACKAGE_HEADER_LEN },
		    stream);
	if (stream_check(stream, commitment, e)) {
		secret_free(stream, sizeof(*stream));
		return -1;
	}
	secret_free(r->stream, sizeof(*r->stream));
	r->stream = stream;
	return 0;
}

/* The chunk's bytes, digest compared already, become what is read. */
static int open_chunk(struct package_reader *r, struct slice chunk,
		      struct err *e)
{
	const struct stream_place at = {
		.index = r->next,
		.last = r->next == r->header.chunk_count - 1,
	};

	if (r->header.cipher == PACKAGE_PLAIN) {
		r->ready = chunk;
		return 0;
	}
	r->plain.len = 0;
	if (stream_open(r->stream, at, chunk, &r->plain, e))
		return err_in(e, "chunk %u of the package", r->next);
	r->ready = buf_slice(&r->plain);
	return 0;
}

static int next_chunk(struct package_reader *r, struct err *e)
{
	struct slice chunk = { r->chunk, length_of_chunk(&r->header, r->next) };
	uint64_t offset = r->head_len + (uint64_t)r->next * PACKAGE_CHUNK_LEN;

	if (r->header.cipher != PACKAGE_PLAIN && !r->stream)
		return err_set(e, ERR_REFUSED,
			       "package is encrypted, and its key is not here");
	if (r->from.read_at(r->from.ctx, offset, r->chunk, chunk.len, e) ||
	    package_check_chunk(r, r->next, chunk, e) ||
	    open_chunk(r, chunk, e))
		return -1;
	if (r->skip >= r->ready.len)
		return err_set(e, ERR_FORMAT, "the package ends before that");
	r->ready = slice_sub(r->ready, r->skip, r->ready.len);
	r->skip = 0;
	r->next++;
	return 0;
}

uint32_t package_chunk_payload(enum package_cipher cipher)
{
	return cipher == PACKAGE_PLAIN ? PACKAGE_CHUNK_LEN : STREAM_PLAIN_LEN;
}

int package_seek(struct package_reader *r, uint64_t offset, struct err *e)
{
	const uint32_t each = package_chunk_payload(r->header.cipher);

	if (offset / each >= r->header.chunk_count)
		return err_set(e, ERR_FORMAT, "the package ends before that");
	r->ready = (struct slice){ 0 };
	r->next = (uint32_t)(offset / each);
	r->skip = (size_t)(offset % each);
	return 0;
}

int package_read(struct package_reader *r, void *out, size_t len, size_t *got,
		 struct err *e)
{
	if (r->ready.len == 0 && r->next < r->header.chunk_count &&
	    next_chunk(r, e))
		return -1;
	if (len > r->ready.len)
		len = r->ready.len;
	if (len > 0)
		memcpy(out, r->ready.ptr, len);
	r->ready = slice_sub(r->ready, len, r->ready.len);
	*got = len;
	return 0;
}

void package_close(struct package_reader *r)
{
	if (!r)
		return;
	buf_wipe(&r->plain);
	secret_free(r->stream, sizeof(*r->stream));
	free(r->head);
	free(r);
}
