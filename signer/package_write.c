/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/package_write.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/secret.h"

struct package_writer {
	int fd; /* the spool */
	uint64_t payload_len;
};

int package_writer_new(int scratch_dirfd, struct package_writer **out,
		       struct err *e)
{
	struct package_writer *w;
	int fd = -1;

	if (fs_open_nameless(scratch_dirfd, &fd, e))
		return err_in(e, "scratch folder");
	w = mem_alloc(1, sizeof(*w));
	w->fd = fd;
	*out = w;
	return 0;
}

void package_writer_free(struct package_writer *w)
{
	if (!w)
		return;
	fs_close(&w->fd);
	free(w);
}

int package_writer_add(struct package_writer *w, struct slice bytes,
		       struct err *e)
{
	if (fs_write(w->fd, bytes, e))
		return err_in(e, "spool");
	w->payload_len += bytes.len;
	return 0;
}

/* ---- cutting into chunks ------------------------------------------------- */

/* What all chunks of one package need. */
struct cutting {
	const struct package_writer *w;
	const struct stream *stream; /* NULL: not encrypted */
	size_t piece_len;            /* bytes of the payload in a whole chunk */
	uint64_t payload_len;        /* as distributed */
	uint32_t count;              /* of chunks */
	int fd;
	struct buf rest; /* of the head, behind the header */
	struct buf piece, sealed;
};

static int read_piece(struct cutting *c, uint32_t index, struct err *e)
{
	uint64_t offset = (uint64_t)index * c->piece_len;
	uint64_t left = c->w->payload_len - offset;
	size_t len = left < c->piece_len ? (size_t)left : c->piece_len;
	uint8_t *room;
	size_t got;

	c->piece.len = 0;
	room = buf_reserve(&c->piece, len, e);
	if (!room || fs_read_at(c->w->fd, offset, room, len, &got, e))
		return -1;
	if (got != len)
		return err_set(e, ERR_SYSTEM, "the spool was cut short");
	c->piece.len = len;
	return 0;
}

/* The next chunk, as it is distributed. */
static int make_chunk(struct cutting *c, uint32_t index, struct slice *out,
		      struct err *e)
{
	const struct stream_place at = { .index = index,
					 .last = index == c->count - 1 };

	if (read_piece(c, index, e))
		return -1;
	*out = buf_slice(&c->piece);
	if (!c->stream)
		return 0;
	c->sealed.len = 0;
	if (stream_seal(c->stream, at, *out, &c->sealed, e))
		return -1;
	*out = buf_slice(&c->sealed);
	return 0;
}

/* A single chunk belongs to the head; else the head has the digest of each. */
static int put_chunk(struct cutting *c, uint32_t index, struct err *e)
{
	const uint64_t offset = package_head_len(c->payload_len) +
				(uint64_t)index * PACKAGE_CHUNK_LEN;
	struct slice chunk;
	struct sha256 digest;

	if (make_chunk(c, index, &chunk, e))
		return -1;
	if (c->count == 1)
		return buf_add(&c->rest, chunk, e);
	sha256_of(chunk, &digest);
	if (buf_add(&c->rest, (struct slice){ digest.bytes, SHA256_LEN }, e))
		return -1;
	return fs_write_at(c->fd, offset, chunk, e);
}

static int put_head(const struct cutting *c, struct slice header,
		    struct release *r, struct err *e)
{
	struct digest digest;

	digest_start(&digest);
	digest_add(&digest, header);
	digest_add(&digest, buf_slice(&c->rest));
	digest_finish(&digest, &r->head_digest);
	if (fs_write_at(c->fd, 0, header, e) ||
	    fs_write_at(c->fd, header.len, buf_slice(&c->rest), e))
		return -1;
	return 0;
}

static int put_package(struct cutting *c, struct slice header,
		       struct release *r, struct err *e)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (put_chunk(c, i, e))
			return -1;
	return put_head(c, header, r, e);
}

static int count_chunks(struct cutting *c, uint64_t plain_len, struct err *e)
{
	const uint64_t len = c->w->payload_len;
	const uint64_t count =
		len / c->piece_len + (len % c->piece_len > 0 ? 1 : 0);

	if (count > PACKAGE_CHUNKS_MAX || plain_len >= PACKAGE_PLAIN_MAX)
		return err_set(e, ERR_LIMIT, "package is too large");
	c->count = (uint32_t)count;
	c->payload_len = len + count * (PACKAGE_CHUNK_LEN - c->piece_len);
	return 0;
}

int package_writer_end(struct package_writer *w,
		       const struct package_writer_end *how, struct release *r,
		       struct err *e)
{
	const size_t piece_len =
		how->content_key ? STREAM_PLAIN_LEN : PACKAGE_CHUNK_LEN;
	uint8_t header[PACKAGE_HEADER_LEN];
	const struct slice bytes = { header, sizeof(header) };
	struct package_header *h = how->h;
	struct stream *stream = secret_new(sizeof(*stream));
	struct cutting c = {
		.w = w,
		.stream = how->content_key ? stream : NULL,
		.piece_len = piece_len,
		.fd = how->fd,
		.rest = BUF_INIT((size_t)SHA256_LEN * PACKAGE_CHUNKS_MAX),
		.piece = BUF_INIT(PACKAGE_CHUNK_LEN),
		.sealed = BUF_INIT(PACKAGE_CHUNK_LEN),
	};
	int rc = -1;

	h->cipher = how->content_key ? PACKAGE_STREAM : PACKAGE_PLAIN;
	if (count_chunks(&c, h->plain_len, e))
		goto out;
	package_format_header(h, header);
	if (how->content_key)
		stream_init(how->content_key, bytes, stream);
	r->encrypted = how->content_key != NULL;
	memcpy(r->commitment, stream->commitment, STREAM_COMMITMENT_LEN);
	r->head_len = package_head_len(c.payload_len);
	r->window_len = h->window_len;
	r->package_len =
		c.count == 1 ? r->head_len : r->head_len + c.payload_len;
	rc = put_package(&c, bytes, r, e);
out:
	secret_free(stream, sizeof(*stream));
	buf_done(&c.rest);
	buf_wipe(&c.piece);
	buf_done(&c.sealed);
	if (rc)
		return err_in(e, "package");
	return sha256_of_range(how->fd, 0, r->package_len, &r->package_digest,
			       e);
}
