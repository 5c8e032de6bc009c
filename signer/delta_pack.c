/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_pack.h"

#include <stdlib.h>

#include "common/mem.h"

/* The frame of a stream may be a little larger than the stream. */
#define GUESS_MIN  ((size_t)64 << 10) /* bytes of inserts */
#define WORDS_MIN  32                 /* offsets */
#define PACKED_MAX (DELTA_RECORD_MAX + (64u << 10))

void delta_packing_new(struct delta_packing **out)
{
	struct delta_packing *p = mem_alloc(1, sizeof(*p));

	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		p->streams[i] = (struct buf)BUF_INIT(DELTA_RECORD_MAX);
		p->packed[i] = (struct buf)BUF_INIT(PACKED_MAX);
	}
	p->prefix = (struct buf)BUF_INIT(DELTA_PREFIX_MAX);
	p->words = (struct buf)BUF_INIT(DELTA_RECORD_MAX);
	*out = p;
}

void delta_packing_free(struct delta_packing *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		buf_done(&p->streams[i]);
		buf_done(&p->packed[i]);
	}
	buf_done(&p->prefix);
	buf_done(&p->words);
	free(p);
}

int delta_packing_copy(const struct delta_packing *p,
		       struct delta_packing **out, struct err *e)
{
	struct delta_packing *copy;
	int rc = 0;

	delta_packing_new(&copy);
	copy->record = p->record;
	copy->spare = p->spare;
	for (size_t i = 0; i < DELTA_STREAMS && !rc; i++)
		rc = buf_add(&copy->streams[i], buf_slice(&p->streams[i]), e);
	if (rc || buf_add(&copy->prefix, buf_slice(&p->prefix), e) ||
	    buf_add(&copy->words, buf_slice(&p->words), e)) {
		delta_packing_free(copy);
		return -1;
	}
	*out = copy;
	return 0;
}

size_t delta_packing_len(const struct delta_packing *p)
{
	size_t len = 0;

	for (size_t i = 0; i < DELTA_STREAMS; i++)
		len += p->packed[i].len;
	return len;
}

/* Compress a stream, unless that makes it no smaller. */
static int pack_stream(struct delta_packing *p, size_t i,
		       const struct encode_how *how, struct err *e)
{
	const struct slice raw = buf_slice(&p->streams[i]);
	struct buf *packed = &p->packed[i];

	if (raw.len > 0 && how->codec != PACKAGE_RAW &&
	    encode_with(how, raw, packed, e))
		return -1;
	if (packed->len == 0 || packed->len >= raw.len) {
		packed->len = 0;
		if (buf_add(packed, raw, e))
			return -1;
	}
	p->record.raw_len[i] = (uint32_t)raw.len;
	p->record.packed_len[i] = (uint32_t)packed->len;
	return 0;
}

/* What the fast setting makes of it. */
static int measure(struct encode_how how, struct slice prefix, struct slice in,
		   size_t *len, struct err *e)
{
	struct buf packed = BUF_INIT(PACKED_MAX);
	int rc;

	how.prefix = prefix;
	how.fast = true;
	rc = encode_with(&how, in, &packed, e);
	*len = packed.len;
	buf_done(&packed);
	return rc;
}

/* ---- offsets ------------------------------------------------------------- */

/*
 * Are most varints so long that they are noise to one who compresses bytes?
 * Words at least tell the place of each byte in its number. To look costs time,
 * so where ways are only compared it must be plain.
 */
static bool may_be_words(const struct delta_packing *p, bool fast)
{
	const size_t len = p->streams[DELTA_OFFSETS].len;
	const size_t count = p->words.len / DELTA_WORD_LEN;
	const size_t least = fast ? count * 3 : count * 2 + count / 2;

	return count >= WORDS_MIN && len >= least &&
	       p->words.len <= len + p->spare;
}

/* The words, which measured well, instead of what was packed. */
static int take_words(struct delta_packing *p, const struct encode_how *how,
		      struct err *e)
{
	const struct buf varints = p->streams[DELTA_OFFSETS];

	p->streams[DELTA_OFFSETS] = p->words;
	p->words = varints;
	p->record.offset_words = true;
	p->packed[DELTA_OFFSETS].len = 0;
	return pack_stream(p, DELTA_OFFSETS, how, e);
}

static int pack_offsets(struct delta_packing *p, const struct encode_how *how,
			struct err *e)
{
	const struct slice nothing = { 0 };
	size_t len;

	if (pack_stream(p, DELTA_OFFSETS, how, e))
		return -1;
	if (!may_be_words(p, how->fast) || how->codec == PACKAGE_RAW)
		return 0;
	delta_split_words(p->words.ptr, p->words.len);
	if (measure(*how, nothing, buf_slice(&p->words), &len, e))
		return -1;
	return len < p->packed[DELTA_OFFSETS].len ? take_words(p, how, e) : 0;
}

/* ---- inserts and their prefix -------------------------------------------- */

static void drop_prefix(struct delta_packing *p)
{
	p->streams[DELTA_PREFIX].len = 0;
	p->packed[DELTA_PREFIX].len = 0;
	p->record.raw_len[DELTA_PREFIX] = 0;
	p->record.packed_len[DELTA_PREFIX] = 0;
}

/* The inserts behind the prefix, if that is less than what is there. */
static int try_prefix(struct delta_packing *p, struct encode_how *how,
		      struct err *e)
{
	struct buf *inserts = &p->packed[DELTA_INSERTS];
	struct buf packed = BUF_INIT(PACKED_MAX);

	how->prefix = buf_slice(&p->prefix);
	if (encode_with(how, buf_slice(&p->streams[DELTA_INSERTS]), &packed,
			e)) {
		buf_done(&packed);
		return -1;
	}
	if (packed.len + p->packed[DELTA_PREFIX].len >= inserts->len) {
		drop_prefix(p);
		buf_done(&packed);
		return 0;
	}
	p->record.packed_len[DELTA_INSERTS] = (uint32_t)packed.len;
	buf_done(inserts);
	*inserts = packed;
	return 0;
}

/*
 * Of many inserts the fast setting tells whether a prefix is of use: by a wide
 * margin or hardly at all.
 */
static int guess_prefix(struct delta_packing *p, const struct encode_how *how,
			bool *useful, struct err *e)
{
	const struct slice in = buf_slice(&p->streams[DELTA_INSERTS]);
	const struct slice nothing = { 0 };
	const struct encode_how fast = { .codec = how->codec,
					 .window_len = how->window_len,
					 .bare = true };
	size_t plain = 0, behind = 0;

	if (measure(fast, nothing, in, &plain, e) ||
	    measure(fast, buf_slice(&p->prefix), in, &behind, e))
		return -1;
	*useful = behind + p->packed[DELTA_PREFIX].len < plain;
	return 0;
}

static int pack_behind(struct delta_packing *p, struct encode_how *how,
		       struct err *e)
{
	bool useful;

	if (how->fast || p->streams[DELTA_INSERTS].len < GUESS_MIN)
		return pack_stream(p, DELTA_INSERTS, how, e) ||
				       try_prefix(p, how, e)
			       ? -1
			       : 0;
	if (guess_prefix(p, how, &useful, e))
		return -1;
	if (useful)
		how->prefix = buf_slice(&p->prefix);
	else
		drop_prefix(p);
	return pack_stream(p, DELTA_INSERTS, how, e);
}

static int pack_inserts(struct delta_packing *p, const struct encode_how *how,
			struct err *e)
{
	struct encode_how same = *how;

	if (pack_stream(p, DELTA_PREFIX, how, e))
		return -1;
	if (p->prefix.len == 0)
		return pack_stream(p, DELTA_INSERTS, &same, e);
	if (encode_model(how, buf_slice(&p->streams[DELTA_INSERTS]),
			 &same.model, e))
		return -1;
	return pack_behind(p, &same, e);
}

/* Parts are streams, those that take the longest first. */
static int pack_part(void *ctx, size_t index, struct err *e)
{
	const struct delta_pack_job *job = ctx;
	const size_t stream = DELTA_STREAMS - 1 - index % DELTA_STREAMS;
	struct delta_packing *p = job->records[index / DELTA_STREAMS];
	const struct encode_how how = { .codec = job->codec,
					.window_len = DELTA_WINDOW,
					.fast = job->fast,
					.bare = true };

	if (stream == DELTA_INSERTS)
		return pack_inserts(p, &how, e);
	if (stream == DELTA_OFFSETS)
		return pack_offsets(p, &how, e);
	return stream == DELTA_PREFIX ? 0 : pack_stream(p, stream, &how, e);
}

int delta_pack(struct crew *c, struct delta_pack_job *job, struct err *e)
{
	return crew_run(c, job->count * DELTA_STREAMS, pack_part, job, e);
}
