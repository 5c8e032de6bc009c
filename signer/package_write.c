/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/package_write.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

struct package_writer {
	int fd; /* the spool */
	struct buf table;
	struct digest *digest; /* of the chunk that is growing */
	uint64_t payload_len;
	size_t chunk_len;
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
	w->table =
		(struct buf)BUF_INIT((size_t)SHA256_LEN * PACKAGE_CHUNKS_MAX);
	w->digest = digest_new(DIGEST_SHA256);
	*out = w;
	return 0;
}

void package_writer_free(struct package_writer *w)
{
	if (!w)
		return;
	fs_close(&w->fd);
	buf_done(&w->table);
	digest_free(w->digest);
	free(w);
}

static int end_chunk(struct package_writer *w, struct err *e)
{
	struct sha256 digest;

	digest_finish(w->digest, digest.bytes);
	digest_reset(w->digest);
	w->chunk_len = 0;
	if (buf_add(&w->table, (struct slice){ digest.bytes, SHA256_LEN }, e))
		return err_set(e, ERR_LIMIT, "package is too large");
	return 0;
}

int package_writer_add(struct package_writer *w, struct slice bytes,
		       struct err *e)
{
	if (fs_write(w->fd, bytes, e))
		return err_in(e, "spool");
	w->payload_len += bytes.len;
	while (bytes.len > 0) {
		struct slice part =
			slice_sub(bytes, 0, PACKAGE_CHUNK_LEN - w->chunk_len);

		digest_add(w->digest, part);
		w->chunk_len += part.len;
		bytes = slice_sub(bytes, part.len, bytes.len);
		if (w->chunk_len == PACKAGE_CHUNK_LEN && end_chunk(w, e))
			return -1;
	}
	return 0;
}

static int write_head(struct package_writer *w, const struct package_header *h,
		      int fd, struct release *r, struct err *e)
{
	uint8_t header[PACKAGE_HEADER_LEN];
	struct digest *digest = digest_new(DIGEST_SHA256);
	const struct slice bytes = { header, sizeof(header) };

	package_format_header(h, header);
	digest_add(digest, bytes);
	digest_add(digest, buf_slice(&w->table));
	digest_finish(digest, r->head_digest.bytes);
	digest_free(digest);
	r->head_len = package_head_len(h->chunk_count);
	if (fs_write_at(fd, 0, bytes, e) ||
	    fs_write_at(fd, sizeof(header), buf_slice(&w->table), e))
		return -1;
	return 0;
}

int package_writer_end(struct package_writer *w, struct package_header *h,
		       int fd, struct release *r, struct err *e)
{
	if (w->chunk_len > 0 && end_chunk(w, e))
		return -1;
	h->chunk_count = (uint32_t)(w->table.len / SHA256_LEN);
	h->payload_len = w->payload_len;
	if (write_head(w, h, fd, r, e) ||
	    fs_copy_range(w->fd, 0, fd, r->head_len, w->payload_len, e))
		return err_in(e, "package");
	r->window_len = h->window_len;
	r->package_len = r->head_len + w->payload_len;
	return sha256_of_range(fd, 0, r->package_len, &r->package_digest, e);
}
