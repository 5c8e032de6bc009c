/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compress.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "common/buf.h"
#include "common/le.h"
#include "common/mem.h"

#define CHUNK_LEN   65536u /* of bytes that LZMA2 has as they are, at most */
#define CHUNK_FIRST 1      /* it begins a dictionary */
#define CHUNK_NEXT  2
#define DROP_LEN    8192
#define HEADER_LEN  9    /* of a zstd frame: with a length of 32 bits */
#define ONE_SEGMENT 0xa0 /* which is the window, too */

static const uint8_t zstd_magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };

struct decompressor {
	enum package_codec codec;
	uint32_t window_len;
	bool began;        /* with the frame itself */
	size_t magic_seen; /* zstd: bytes of the magic number compared so far */
	struct buf prefix; /* zstd */
	bool has_prefix;   /* LZMA */
	ZSTD_DCtx *zstd;
	lzma_stream lzma;
};

static int log2_of(uint32_t power)
{
	int log = 0;

	while (power > 1) {
		power >>= 1;
		log++;
	}
	return log;
}

static int start_zstd(struct decompressor *d, struct err *e)
{
	if (!d->zstd)
		d->zstd = ZSTD_createDCtx();
	if (!d->zstd)
		return err_set(e, ERR_SYSTEM, "zstd: out of memory");
	d->magic_seen = 0;
	if (ZSTD_isError(ZSTD_DCtx_reset(d->zstd, ZSTD_reset_session_only)) ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax,
						log2_of(d->window_len))))
		return err_set(e, ERR_LIMIT, "zstd: window of %u bytes refused",
			       d->window_len);
	return 0;
}

static int start_lzma(struct decompressor *d, struct err *e)
{
	lzma_options_lzma options = { .dict_size = d->window_len };
	const lzma_filter chain[] = {
		{ .id = LZMA_FILTER_LZMA2, .options = &options },
		{ .id = LZMA_VLI_UNKNOWN, .options = NULL },
	};
	lzma_ret rc = lzma_raw_decoder(&d->lzma, chain);

	if (rc != LZMA_OK)
		return err_set(e, ERR_SYSTEM, "lzma: cannot start (%d)",
			       (int)rc);
	return 0;
}

int decompress_reset(struct decompressor *d, struct err *e)
{
	d->began = false;
	d->has_prefix = false;
	buf_done(&d->prefix);
	switch (d->codec) {
	case PACKAGE_RAW:
		return 0;
	case PACKAGE_ZSTD:
		return start_zstd(d, e);
	case PACKAGE_LZMA:
		return start_lzma(d, e);
	}
	return err_set(e, ERR_FORMAT, "unknown compression %d", (int)d->codec);
}

/* ---- prefixes ------------------------------------------------------------ */

/* All of `in`; what comes out was handed in by who calls. */
static int feed_lzma(struct decompressor *d, struct slice in, struct err *e)
{
	uint8_t drop[DROP_LEN];

	d->lzma.next_in = in.ptr;
	d->lzma.avail_in = in.len;
	do {
		lzma_ret rc;

		d->lzma.next_out = drop;
		d->lzma.avail_out = sizeof(drop);
		rc = lzma_code(&d->lzma, LZMA_RUN);
		if (rc != LZMA_OK)
			return err_set(e, ERR_SYSTEM, "lzma: no prefix (%d)",
				       (int)rc);
	} while (d->lzma.avail_in > 0 || d->lzma.avail_out == 0);
	return 0;
}

/*
 * As a chunk that is not compressed, which leaves the decoder as a preset
 * dictionary does, but without a second copy of it all.
 */
static int add_chunk(struct decompressor *d, struct slice bytes, struct err *e)
{
	const uint8_t head[] = { d->has_prefix ? CHUNK_NEXT : CHUNK_FIRST,
				 (uint8_t)((bytes.len - 1) >> 8),
				 (uint8_t)(bytes.len - 1) };

	d->has_prefix = true;
	return feed_lzma(d, (struct slice){ head, sizeof(head) }, e) ||
			       feed_lzma(d, bytes, e)
		       ? -1
		       : 0;
}

int decompress_prefix(struct decompressor *d, struct slice bytes, struct err *e)
{
	if (d->codec == PACKAGE_ZSTD)
		return buf_add(&d->prefix, bytes, e);
	while (d->codec == PACKAGE_LZMA && bytes.len > 0) {
		const struct slice chunk = slice_sub(bytes, 0, CHUNK_LEN);

		if (add_chunk(d, chunk, e))
			return -1;
		bytes = slice_sub(bytes, chunk.len, bytes.len);
	}
	return 0;
}

static bool window_is_valid(uint32_t len)
{
	return len >= COMPRESS_WINDOW_MIN && len <= PACKAGE_WINDOW_MAX &&
	       (len & (len - 1)) == 0;
}

int decompress_new(enum package_codec codec, uint32_t window_len,
		   struct decompressor **out, struct err *e)
{
	static const lzma_stream lzma_init = LZMA_STREAM_INIT;
	struct decompressor *d;

	if (codec != PACKAGE_RAW && !window_is_valid(window_len))
		return err_set(e, ERR_LIMIT, "window of %u bytes is refused",
			       window_len);
	d = mem_alloc(1, sizeof(*d));
	d->codec = codec;
	d->window_len = window_len;
	d->lzma = lzma_init;
	d->prefix = (struct buf)BUF_INIT(window_len);
	if (decompress_reset(d, e)) {
		decompress_free(d);
		return -1;
	}
	*out = d;
	return 0;
}

void decompress_free(struct decompressor *d)
{
	if (!d)
		return;
	ZSTD_freeDCtx(d->zstd);
	lzma_end(&d->lzma);
	buf_done(&d->prefix);
	free(d);
}

/* The library skips skippable frames by itself, so they must not reach it. */
static int check_magic(struct decompressor *d, struct slice in, struct err *e)
{
	for (size_t i = 0; i < in.len && d->magic_seen < sizeof(zstd_magic);
	     i++, d->magic_seen++) {
		if (in.ptr[i] != zstd_magic[d->magic_seen])
			return err_set(e, ERR_FORMAT, "not a zstd frame");
	}
	return 0;
}

static int run_zstd(struct decompressor *d, struct decompress_step *s,
		    struct err *e)
{
	ZSTD_inBuffer in = { s->in.ptr, s->in.len, 0 };
	ZSTD_outBuffer out = { s->out, s->out_len, 0 };
	size_t rc;

	if (!d->began && ZSTD_isError(ZSTD_DCtx_refPrefix(
				 d->zstd, d->prefix.ptr, d->prefix.len)))
		return err_set(e, ERR_SYSTEM, "zstd: no prefix");
	d->began = true;
	if (check_magic(d, s->in, e))
		return -1;
	rc = ZSTD_decompressStream(d->zstd, &out, &in);
	if (ZSTD_isError(rc)) {
		bool window = ZSTD_getErrorCode(rc) ==
			      ZSTD_error_frameParameter_windowTooLarge;

		return err_set(e, window ? ERR_LIMIT : ERR_FORMAT, "zstd: %s",
			       ZSTD_getErrorName(rc));
	}
	s->used = in.pos;
	s->got = out.pos;
	s->ended = rc == 0;
	return 0;
}

int decompress_bare(struct decompressor *d, uint32_t len, struct err *e)
{
	uint8_t header[HEADER_LEN] = { 0 };
	struct decompress_step s = { .in = { header, sizeof(header) } };

	memcpy(header, zstd_magic, sizeof(zstd_magic));
	header[sizeof(zstd_magic)] = ONE_SEGMENT;
	le32_put(header + sizeof(zstd_magic) + 1, len);
	return d->codec == PACKAGE_ZSTD ? run_zstd(d, &s, e) : 0;
}

static int run_lzma(struct decompressor *d, struct decompress_step *s,
		    struct err *e)
{
	lzma_ret rc;

	d->lzma.next_in = s->in.ptr;
	d->lzma.avail_in = s->in.len;
	d->lzma.next_out = s->out;
	d->lzma.avail_out = s->out_len;
	rc = lzma_code(&d->lzma, LZMA_RUN);
	/* LZMA_BUF_ERROR: nothing to do, which the caller sees himself. */
	if (rc != LZMA_OK && rc != LZMA_STREAM_END && rc != LZMA_BUF_ERROR)
		return err_set(e,
			       rc == LZMA_MEM_ERROR ? ERR_SYSTEM : ERR_FORMAT,
			       "lzma: damaged input (%d)", (int)rc);
	s->used = s->in.len - d->lzma.avail_in;
	s->got = s->out_len - d->lzma.avail_out;
	s->ended = rc == LZMA_STREAM_END;
	return 0;
}

static int copy_raw(struct decompress_step *s)
{
	size_t len = s->in.len < s->out_len ? s->in.len : s->out_len;

	if (len > 0)
		memcpy(s->out, s->in.ptr, len);
	s->used = len;
	s->got = len;
	s->ended = false;
	return 0;
}

int decompress(struct decompressor *d, struct decompress_step *s, struct err *e)
{
	switch (d->codec) {
	case PACKAGE_RAW:
		return copy_raw(s);
	case PACKAGE_ZSTD:
		return run_zstd(d, s, e);
	case PACKAGE_LZMA:
		break; /* others were refused when it was made */
	}
	return run_lzma(d, s, e);
}
