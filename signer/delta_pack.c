/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_pack.h"

#include <stdlib.h>

#include "common/mem.h"

/* The frame of a stream may be a little larger than the stream. */
#define PACKED_MAX (DELTA_RECORD_MAX + (64u << 10))

void delta_packing_new(struct delta_packing **out)
{
	struct delta_packing *p = mem_alloc(1, sizeof(*p));

	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		p->streams[i] = (struct buf)BUF_INIT(DELTA_RECORD_MAX);
		p->packed[i] = (struct buf)BUF_INIT(PACKED_MAX);
	}
	p->prefix = (struct buf)BUF_INIT(DELTA_PREFIX_MAX);
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
	free(p);
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

static int try_prefix(struct delta_packing *p, struct encode_how *how,
		      struct err *e)
{
	struct buf *inserts = &p->packed[DELTA_INSERTS];
	struct buf packed = BUF_INIT(PACKED_MAX);
	int rc = -1;

	how->prefix = buf_slice(&p->prefix);
	if (encode_with(how, buf_slice(&p->streams[DELTA_INSERTS]), &packed, e))
		goto out;
	rc = 0;
	if (packed.len + p->packed[DELTA_PREFIX].len >= inserts->len) {
		p->streams[DELTA_PREFIX].len = 0;
		p->packed[DELTA_PREFIX].len = 0;
		p->record.raw_len[DELTA_PREFIX] = 0;
		p->record.packed_len[DELTA_PREFIX] = 0;
		goto out;
	}
	p->record.packed_len[DELTA_INSERTS] = (uint32_t)packed.len;
	buf_done(inserts);
	*inserts = packed;
	return 0;
out:
	buf_done(&packed);
	return rc;
}

static int pack_inserts(struct delta_packing *p, const struct encode_how *how,
			struct err *e)
{
	struct encode_how same = *how;

	if (pack_stream(p, DELTA_PREFIX, how, e))
		return -1;
	if (p->prefix.len > 0 &&
	    encode_model(how, buf_slice(&p->streams[DELTA_INSERTS]),
			 &same.model, e))
		return -1;
	if (pack_stream(p, DELTA_INSERTS, &same, e))
		return -1;
	return p->prefix.len > 0 ? try_prefix(p, &same, e) : 0;
}

/* Parts are streams, those that take the longest first. */
static int pack_part(void *ctx, size_t index, struct err *e)
{
	const struct delta_pack_job *job = ctx;
	const size_t stream = DELTA_STREAMS - 1 - index % DELTA_STREAMS;
	struct delta_packing *p = job->records[index / DELTA_STREAMS];
	const struct encode_how how = { .codec = job->codec,
					.window_len = DELTA_WINDOW,
					.fast = job->fast };

	if (stream == DELTA_INSERTS)
		return pack_inserts(p, &how, e);
	return stream == DELTA_PREFIX ? 0 : pack_stream(p, stream, &how, e);
}

int delta_pack(struct crew *c, struct delta_pack_job *job, struct err *e)
{
	return crew_run(c, job->count * DELTA_STREAMS, pack_part, job, e);
}
