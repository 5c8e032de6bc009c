/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/encode.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "common/mem.h"

#define OUT_LEN        65536
#define ZSTD_LEVEL     19
#define ZSTD_RECORDS   22
#define ZSTD_FAST      6
#define MAGIC_LEN      4 /* what each frame of zstd begins with */
#define ONE_SEGMENT    0x20
#define LZMA_PRESET    (9 | LZMA_PRESET_EXTREME)
#define LZMA_FAST      2
#define SAMPLE_LEN     (256u << 10)
#define SHORT_LEN      4096 /* of which all that can be made is made */
#define DICTIONARY_MIN LZMA_DICT_SIZE_MIN
#define LZMA_OVERHEAD  1024 /* what a frame of random bytes may grow, and */
#define LZMA_SHARE     1024 /* one byte in so many */

struct encoder {
	enum package_codec codec;
	uint32_t window_len;
	struct encoder_sink to;
	ZSTD_CCtx *zstd;
	lzma_stream lzma;
	uint8_t out[OUT_LEN];
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

static int zstd_error(size_t rc, struct err *e)
{
	return err_set(e, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(rc));
}

static int lzma_error(lzma_ret rc, struct err *e)
{
	return err_set(e, ERR_SYSTEM, "lzma: error %d", (int)rc);
}

/* ---- pieces -------------------------------------------------------------- */

struct setting {
	ZSTD_cParameter what;
	int value;
};

static int set_all(ZSTD_CCtx *zstd, const struct setting *settings,
		   size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		size_t rc = ZSTD_CCtx_setParameter(zstd, settings[i].what,
						   settings[i].value);

		if (ZSTD_isError(rc))
			return zstd_error(rc, e);
	}
	return 0;
}

static int set_zstd(ZSTD_CCtx *zstd, int level, uint32_t window_len,
		    struct err *e)
{
	const struct setting settings[] = {
		{ ZSTD_c_compressionLevel, level },
		{ ZSTD_c_windowLog, log2_of(window_len) },
		{ ZSTD_c_checksumFlag, 0 },
	};

	return set_all(zstd, settings, ARRAY_LEN(settings), e);
}

/*
 * Who does not know the length of all has tables for the largest window of the
 * level. These have the same share of a smaller one.
 */
static int fit_tables(ZSTD_CCtx *zstd, uint32_t window_len, struct err *e)
{
	const struct setting settings[] = {
		{ ZSTD_c_hashLog, log2_of(window_len) - 1 },
		{ ZSTD_c_chainLog, log2_of(window_len) + 1 },
	};

	return set_all(zstd, settings, ARRAY_LEN(settings), e);
}

/* The header of a frame that is one segment, which its length alone fixes. */
static int drop_header(uint8_t *frame, size_t *len, struct err *e)
{
	static const size_t lengths[] = { 1, 2, 4, 8 };
	const uint8_t what = frame[MAGIC_LEN];
	const size_t header_len = MAGIC_LEN + 1 + lengths[what >> 6];

	if ((what & 0x3f) != ONE_SEGMENT)
		return err_set(e, ERR_SYSTEM, "zstd: an unexpected frame");
	*len -= header_len;
	memmove(frame, frame + header_len, *len);
	return 0;
}

static int zstd_all(const struct encode_how *how, struct slice in,
		    struct buf *out, struct err *e)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(in.len);
	uint8_t *to = buf_reserve(out, room, e);
	size_t len;
	int rc = -1;

	if (!zstd || !to ||
	    set_zstd(zstd, how->fast ? ZSTD_FAST : ZSTD_RECORDS,
		     how->window_len, e))
		goto out;
	len = ZSTD_CCtx_refPrefix(zstd, how->prefix.ptr, how->prefix.len);
	if (!ZSTD_isError(len))
		len = ZSTD_compress2(zstd, to, room, in.ptr, in.len);
	if (ZSTD_isError(len)) {
		zstd_error(len, e);
		goto out;
	}
	if (how->bare && drop_header(to, &len, e))
		goto out;
	out->len += len;
	rc = 0;
out:
	ZSTD_freeCCtx(zstd);
	return rc;
}

/* How literals and positions are modelled; what is best differs by stream. */
struct model {
	uint32_t lc, lp, pb;
};

static const struct model models[] = {
	{ 3, 0, 2 }, { 3, 0, 0 }, { 0, 0, 0 }, { 4, 0, 0 }, { 0, 2, 2 },
};

/*
 * The match finder's tables are as large as its dictionary, so it is no larger
 * than what can be referred to.
 */
static uint32_t dictionary_for(const struct encode_how *how, struct slice in)
{
	uint32_t len = DICTIONARY_MIN;

	while (len < how->window_len && len < how->prefix.len + in.len)
		len *= 2;
	return len;
}

static int lzma_with(const struct encode_how *how, struct slice in,
		     const struct model *model, struct buf *out, struct err *e)
{
	size_t room = in.len + in.len / LZMA_SHARE + LZMA_OVERHEAD;
	uint8_t *to = buf_reserve(out, room, e);
	lzma_options_lzma options;
	const lzma_filter chain[] = {
		{ .id = LZMA_FILTER_LZMA2, .options = &options },
		{ .id = LZMA_VLI_UNKNOWN, .options = NULL },
	};
	size_t len = 0;
	lzma_ret rc;

	if (!to)
		return -1;
	if (lzma_lzma_preset(&options, how->fast ? LZMA_FAST : LZMA_PRESET))
		return err_set(e, ERR_SYSTEM, "lzma: unknown preset");
	options.dict_size = dictionary_for(how, in);
	options.preset_dict = how->prefix.ptr;
	options.preset_dict_size = (uint32_t)how->prefix.len;
	options.lc = model->lc;
	options.lp = model->lp;
	options.pb = model->pb;
	rc = lzma_raw_buffer_encode(chain, NULL, in.ptr, in.len, to, &len,
				    room);
	if (rc != LZMA_OK)
		return lzma_error(rc, e);
	out->len += len;
	return 0;
}

/* The model that does best; best_out is what it makes. */
static int try_models(const struct encode_how *how, struct slice in,
		      unsigned *best, struct buf *best_out, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < ARRAY_LEN(models) && !rc; i++) {
		struct buf out = BUF_INIT(SIZE_MAX);

		rc = lzma_with(how, in, &models[i], &out, e);
		if (!rc && (i == 0 || out.len < best_out->len)) {
			struct buf other = *best_out;

			*best = i + 1;
			*best_out = out;
			out = other;
		}
		buf_done(&out);
	}
	return rc;
}

/*
 * A sample from the middle tells, and the fast setting: which model is best
 * depends little on how well repetitions are found.
 */
int encode_model(const struct encode_how *how, struct slice in, unsigned *out,
		 struct err *e)
{
	const struct encode_how fast = { .window_len = how->window_len,
					 .fast = true };
	struct buf best = BUF_INIT(SIZE_MAX);
	struct slice sample = in;
	int rc;

	*out = how->fast ? 1 : 0;
	if (how->codec != PACKAGE_LZMA || how->fast)
		return 0;
	if (in.len > SAMPLE_LEN)
		sample = slice_sub(in, (in.len - SAMPLE_LEN) / 2, SAMPLE_LEN);
	rc = try_models(&fast, sample, out, &best, e);
	buf_done(&best);
	return rc;
}

static int lzma_short(const struct encode_how *how, struct slice in,
		      struct buf *out, struct err *e)
{
	struct buf best = BUF_INIT(SIZE_MAX);
	unsigned model;
	int rc = try_models(how, in, &model, &best, e);

	if (!rc)
		rc = buf_add(out, buf_slice(&best), e);
	buf_done(&best);
	return rc;
}

static int lzma_all(const struct encode_how *how, struct slice in,
		    struct buf *out, struct err *e)
{
	unsigned model = how->fast ? 1 : how->model;

	if (model == 0 && in.len <= SHORT_LEN && how->prefix.len == 0)
		return lzma_short(how, in, out, e);
	if (model == 0 && encode_model(how, in, &model, e))
		return -1;
	return lzma_with(how, in, &models[model - 1], out, e);
}

int encode_with(const struct encode_how *how, struct slice in, struct buf *out,
		struct err *e)
{
	switch (how->codec) {
	case PACKAGE_RAW:
		return buf_add(out, in, e);
	case PACKAGE_ZSTD:
		return zstd_all(how, in, out, e);
	case PACKAGE_LZMA:
		return lzma_all(how, in, out, e);
	}
	return err_set(e, ERR_FORMAT, "unknown compression");
}

int encode_all(enum package_codec codec, struct slice in, uint32_t window_len,
	       struct buf *out, struct err *e)
{
	const struct encode_how how = { .codec = codec,
					.window_len = window_len };

	return encode_with(&how, in, out, e);
}

/* ---- streams ------------------------------------------------------------- */

static int start_zstd(struct encoder *c, uint32_t window_len, struct err *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	c->zstd = ZSTD_createCCtx();
	if (!c->zstd)
		return err_set(e, ERR_SYSTEM, "zstd: out of memory");
	if (set_zstd(c->zstd, ZSTD_LEVEL, window_len, e) ||
	    fit_tables(c->zstd, window_len, e))
		return -1;
	/*
	 * With workers the input is cut the same way however many there are;
	 * without any it is not. A library without threads refuses: then the
	 * result differs, as it may from version to version.
	 */
	(void)ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_nbWorkers,
				     cores > 1 ? (int)cores : 1);
	return 0;
}

static int start_lzma(struct encoder *c, uint32_t window_len, struct err *e)
{
	lzma_options_lzma options;
	const lzma_filter chain[] = {
		{ .id = LZMA_FILTER_LZMA2, .options = &options },
		{ .id = LZMA_VLI_UNKNOWN, .options = NULL },
	};
	lzma_ret rc;

	if (lzma_lzma_preset(&options, LZMA_PRESET))
		return err_set(e, ERR_SYSTEM, "lzma: unknown preset");
	options.dict_size = window_len;
	rc = lzma_raw_encoder(&c->lzma, chain);
	return rc == LZMA_OK ? 0 : lzma_error(rc, e);
}

int encoder_new(enum package_codec codec, uint32_t window_len,
		const struct encoder_sink *to, struct encoder **out,
		struct err *e)
{
	static const lzma_stream lzma_init = LZMA_STREAM_INIT;
	struct encoder *c = mem_alloc(1, sizeof(*c));
	int rc = 0;

	c->codec = codec;
	c->window_len = window_len;
	c->to = *to;
	c->lzma = lzma_init;
	if (codec == PACKAGE_ZSTD)
		rc = start_zstd(c, window_len, e);
	else if (codec == PACKAGE_LZMA)
		rc = start_lzma(c, window_len, e);
	if (rc) {
		encoder_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

void encoder_free(struct encoder *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->zstd);
	lzma_end(&c->lzma);
	free(c);
}

static int pass_on(struct encoder *c, size_t len, struct err *e)
{
	return len > 0 ? c->to.write(c->to.ctx, (struct slice){ c->out, len },
				     e)
		       : 0;
}

static int run_zstd(struct encoder *c, struct slice in, ZSTD_EndDirective how,
		    struct err *e)
{
	ZSTD_inBuffer from = { in.ptr, in.len, 0 };
	size_t rc;

	do {
		ZSTD_outBuffer to = { c->out, sizeof(c->out), 0 };

		rc = ZSTD_compressStream2(c->zstd, &to, &from, how);
		if (ZSTD_isError(rc))
			return zstd_error(rc, e);
		if (pass_on(c, to.pos, e))
			return -1;
	} while (from.pos < from.size || (how == ZSTD_e_end && rc > 0));
	return 0;
}

static int run_lzma(struct encoder *c, struct slice in, lzma_action how,
		    struct err *e)
{
	lzma_ret rc;

	c->lzma.next_in = in.ptr;
	c->lzma.avail_in = in.len;
	do {
		c->lzma.next_out = c->out;
		c->lzma.avail_out = sizeof(c->out);
		rc = lzma_code(&c->lzma, how);
		if (rc != LZMA_OK && rc != LZMA_STREAM_END)
			return lzma_error(rc, e);
		if (pass_on(c, sizeof(c->out) - c->lzma.avail_out, e))
			return -1;
	} while (c->lzma.avail_in > 0 ||
		 (how == LZMA_FINISH && rc != LZMA_STREAM_END));
	return 0;
}

int encoder_add(struct encoder *c, struct slice bytes, struct err *e)
{
	if (bytes.len == 0)
		return 0;
	switch (c->codec) {
	case PACKAGE_RAW:
		return c->to.write(c->to.ctx, bytes, e);
	case PACKAGE_ZSTD:
		return run_zstd(c, bytes, ZSTD_e_continue, e);
	case PACKAGE_LZMA:
		return run_lzma(c, bytes, LZMA_RUN, e);
	}
	return err_set(e, ERR_FORMAT, "unknown compression");
}

int encoder_end(struct encoder *c, struct err *e)
{
	const struct slice nothing = { 0 };

	if (c->codec == PACKAGE_ZSTD)
		return run_zstd(c, nothing, ZSTD_e_end, e);
	if (c->codec == PACKAGE_LZMA)
		return run_lzma(c, nothing, LZMA_FINISH, e);
	return 0;
}

int encoder_again(struct encoder *c, struct err *e)
{
	/* zstd begins a frame by itself. */
	return c->codec == PACKAGE_LZMA ? start_lzma(c, c->window_len, e) : 0;
}
