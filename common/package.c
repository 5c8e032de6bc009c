/* SPDX-License-Identifier: Apache-2.0 */
#include "common/package.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/secret.h"

static const uint8_t magic[4] = { 'P', 'A', 'W', 'L' };

#define WINDOW_BITS_MIN 12 /* of PACKAGE_WINDOW_MIN */
#define WINDOW_BITS_MAX 23

struct package_reader {
	struct package_source from;
	struct package_header header;
	uint64_t head_len, payload_len;
	uint32_t chunk_count;
	uint8_t *head; /* header, and chunk table or payload; verified */
	uint32_t next; /* index of the chunk that is read next */
	size_t skip;   /* of its bytes, which nobody wants */
	struct stream *stream; /* NULL: nothing can be decrypted */
	struct buf plain;      /* of the chunk, when it was encrypted */
	struct slice ready;    /* what package_read() hands out next */
	uint8_t chunk[PACKAGE_CHUNK_LEN];
};

uint64_t package_chunks(uint64_t payload_len)
{
	return payload_len / PACKAGE_CHUNK_LEN +
	       (payload_len % PACKAGE_CHUNK_LEN > 0 ? 1 : 0);
}

uint64_t package_head_len(uint64_t payload_len)
{
	return PACKAGE_HEADER_LEN +
	       (payload_len <= PACKAGE_CHUNK_LEN
			? payload_len
			: SHA256_LEN * package_chunks(payload_len));
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
	return 0;
}

/* The byte that stands for it: 0, or its binary logarithm. */
static uint8_t window_bits(uint32_t window_len)
{
	uint8_t bits = 0;

	while (window_len >> bits > 1)
		bits++;
	return bits;
}

static int read_window(struct rd *r, uint32_t *out, struct err *e)
{
	const uint8_t bits = rd_u8(r);

	if (bits > WINDOW_BITS_MAX || (bits > 0 && bits < WINDOW_BITS_MIN))
		return err_set(e, ERR_LIMIT, "window of 2^%u bytes is not one",
			       bits);
	*out = bits > 0 ? 1u << bits : 0;
	return 0;
}

int package_parse_header(struct slice in, struct package_header *h,
			 struct err *e)
{
	struct rd r = rd_init(in);
	struct package_header out;
	uint8_t got[sizeof(magic)];
	uint32_t version;

	rd_copy(&r, got, sizeof(got));
	version = rd_u8(&r);
	out.kind = rd_u8(&r);
	out.content = rd_u8(&r);
	out.codec = rd_u8(&r);
	out.cipher = rd_u8(&r);
	if (read_window(&r, &out.window_len, e))
		return -1;
	out.plain_len = rd_le32(&r);
	out.plain_len |= (uint64_t)rd_le16(&r) << 32;
	if (rd_finish(&r, e))
		return err_in(e, "package header");
	if (memcmp(got, magic, sizeof(magic)) != 0)
		return err_set(e, ERR_FORMAT, "not a package");
	if (version != PACKAGE_VERSION)
		return err_set(e, ERR_FORMAT, "package version %u is unknown",
			       version);
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

	memcpy(out, magic, sizeof(magic));
	p = put_le(p, PACKAGE_VERSION, 1);
	p = put_le(p, h->kind, 1);
	p = put_le(p, h->content, 1);
	p = put_le(p, h->codec, 1);
	p = put_le(p, h->cipher, 1);
	p = put_le(p, window_bits(h->window_len), 1);
	(void)put_le(p, h->plain_len, 6); /* the last field */
}

/* A head as long as the file holds the payload, too. */
static bool is_whole(const struct package_reader *r)
{
	return r->head_len == PACKAGE_HEADER_LEN + r->payload_len;
}

static int set_lengths(struct package_reader *r, uint64_t file_len,
		       uint64_t head_len, struct err *e)
{
	const uint64_t before =
		head_len == file_len ? PACKAGE_HEADER_LEN : head_len;

	if (head_len <= PACKAGE_HEADER_LEN || head_len > file_len)
		return err_set(e, ERR_FORMAT, "package of impossible length");
	if (head_len > PACKAGE_HEAD_MAX)
		return err_set(e, ERR_LIMIT, "chunk table is too large");
	r->head_len = head_len;
	r->payload_len = file_len - before;
	/* Only a single chunk is in the head, and it always is. */
	if (package_head_len(r->payload_len) != head_len ||
	    is_whole(r) != (head_len == file_len))
		return err_set(e, ERR_FORMAT,
			       "chunk table does not fit the payload");
	/* As many as the table has: not more than PACKAGE_CHUNKS_MAX. */
	r->chunk_count = (uint32_t)package_chunks(r->payload_len);
	return 0;
}

int package_find_head(uint64_t file_len, uint64_t *head_len, struct err *e)
{
	const uint64_t chunk = PACKAGE_CHUNK_LEN + SHA256_LEN;
	struct package_reader r;
	uint64_t len = file_len;

	if (file_len > PACKAGE_HEADER_LEN + PACKAGE_CHUNK_LEN)
		len = PACKAGE_HEADER_LEN +
		      SHA256_LEN *
			      ((file_len - PACKAGE_HEADER_LEN + chunk - 1) /
			       chunk);
	if (set_lengths(&r, file_len, len, e))
		return -1;
	*head_len = len;
	return 0;
}

static int read_head(struct package_reader *r, const struct sha256 *digest,
		     struct err *e)
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
	/* A last chunk with nothing in it but its tag. */
	if (r->header.cipher == PACKAGE_STREAM &&
	    (r->payload_len - 1) % PACKAGE_CHUNK_LEN < AEAD_TAG_LEN)
		return err_set(e, ERR_FORMAT,
			       "an encrypted chunk holds nothing");
	return 0;
}

int package_open(const struct package_source *from, uint64_t file_len,
		 uint64_t head_len, const struct sha256 *head_digest,
		 struct package_reader **out, struct err *e)
{
	struct package_reader *r = mem_alloc(1, sizeof(*r));

	r->from = *from;
	r->plain = (struct buf)BUF_INIT(STREAM_PLAIN_LEN);
	if (set_lengths(r, file_len, head_len, e))
		goto refused;
	r->head = mem_alloc((size_t)head_len, 1);
	if (read_head(r, head_digest, e))
		goto refused;
	*out = r;
	return 0;
refused:
	package_close(r);
	return -1;
}

const struct package_header *package_header(const struct package_reader *r)
{
	return &r->header;
}

/* How long chunk `index` must be. */
static size_t length_of_chunk(const struct package_reader *r, uint32_t index)
{
	uint64_t before = (uint64_t)index * PACKAGE_CHUNK_LEN;
	uint64_t left = r->payload_len - before;

	return left < PACKAGE_CHUNK_LEN ? (size_t)left : PACKAGE_CHUNK_LEN;
}

int package_check_chunk(const struct package_reader *r, uint32_t index,
			struct slice bytes, struct err *e)
{
	struct sha256 got, want;

	if (is_whole(r) || index >= r->chunk_count ||
	    bytes.len != length_of_chunk(r, index))
		return err_set(e, ERR_UNTRUSTED,
			       "chunk %u of the package has a wrong length",
			       index);
	memcpy(want.bytes,
	       r->head + PACKAGE_HEADER_LEN + (size_t)SHA256_LEN * index,
	       SHA256_LEN);
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
		.last = r->next == r->chunk_count - 1,
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

/* The chunk that is read next, its digest compared: of a payload that belongs
 * to the head that is done. */
static int find_chunk(struct package_reader *r, struct slice *out,
		      struct err *e)
{
	const uint64_t offset =
		r->head_len + (uint64_t)r->next * PACKAGE_CHUNK_LEN;
	const size_t len = length_of_chunk(r, r->next);

	*out = (struct slice){ r->chunk, len };
	if (!is_whole(r))
		return r->from.read_at(r->from.ctx, offset, r->chunk, len, e) ||
				       package_check_chunk(r, r->next, *out, e)
			       ? -1
			       : 0;
	*out = (struct slice){ r->head + PACKAGE_HEADER_LEN, len };
	return 0;
}

static int next_chunk(struct package_reader *r, struct err *e)
{
	struct slice chunk;

	if (r->header.cipher != PACKAGE_PLAIN && !r->stream)
		return err_set(e, ERR_REFUSED,
			       "package is encrypted, and its key is not here");
	if (find_chunk(r, &chunk, e) || open_chunk(r, chunk, e))
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

	if (offset / each >= r->chunk_count)
		return err_set(e, ERR_FORMAT, "the package ends before that");
	r->ready = (struct slice){ 0 };
	r->next = (uint32_t)(offset / each);
	r->skip = (size_t)(offset % each);
	return 0;
}

int package_read(struct package_reader *r, void *out, size_t len, size_t *got,
		 struct err *e)
{
	if (r->ready.len == 0 && r->next < r->chunk_count && next_chunk(r, e))
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
