/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta.h"

#include <stdlib.h>
#include <string.h>

#include "common/delta_cover.h"
#include "common/delta_predict.h"
#include "common/delta_unpack.h"
#include "common/mem.h"

#define BUFFER_LEN 65536
#define NEVER      UINT64_MAX

struct decoder {
	const struct delta_io *io;
	uint64_t old_len;
	uint64_t taken; /* bytes of the payload */
	uint64_t new_left;
	uint64_t ops_left, reads_left;
	struct delta_unpack *unpack;
	/* the record under way */
	struct delta_record record;
	struct rd streams[DELTA_INSERTS];
	uint64_t record_left; /* bytes that it has still to yield */
	uint64_t old_end;     /* of the segment before */
	uint64_t right_left;  /* covered bytes before the next wrong one */
	/* the segment under way */
	struct delta_segment segment;
	uint64_t segment_left;
	struct delta_cover *covers;
	uint32_t next_cover;
	uint32_t gap_left, cover_left;
	uint64_t cover_at;
	bool cover_is_home; /* all of it */
	struct delta_map map;
	/* buffers */
	uint8_t old[BUFFER_LEN];
	uint8_t diff[DELTA_BLOCK];
	uint8_t fresh[DELTA_BEFORE + DELTA_BLOCK];
};

/* ---- old and new stream -------------------------------------------------- */

static int read_old(struct decoder *d, uint64_t at, uint8_t *out, size_t len,
		    struct err *e)
{
	if (len == 0)
		return 0;
	if (len > d->reads_left)
		return err_set(e, ERR_LIMIT, "delta reads too much of the old");
	d->reads_left -= len;
	return d->io->old_at(d->io->ctx, at, out, len, e);
}

/* For delta_unpack: the prefix. */
static int read_prefix(void *ctx, uint64_t at, void *out, size_t len,
		       struct err *e)
{
	return read_old(ctx, at, out, len, e);
}

static int read_records(void *ctx, void *out, size_t len, size_t *got,
			struct err *e)
{
	struct decoder *d = ctx;

	if (d->io->more(d->io->ctx, out, len, got, e))
		return -1;
	d->taken += *got;
	return 0;
}

/* Bytes of the segment under way, which the caller knows to have room. */
static int yield(struct decoder *d, struct slice bytes, struct err *e)
{
	d->record_left -= bytes.len;
	d->segment_left -= bytes.len;
	return d->io->emit(d->io->ctx, bytes, e);
}

/* Remember the last bytes of the segment, which some predictors look at. */
static void remember(struct decoder *d, const uint8_t *bytes, size_t len)
{
	size_t some = len < DELTA_BEFORE ? len : DELTA_BEFORE;

	memmove(d->fresh, d->fresh + some, DELTA_BEFORE - some);
	memcpy(d->fresh + DELTA_BEFORE - some, bytes + len - some, some);
}

/* ---- segments ------------------------------------------------------------ */

static int get_offset(struct decoder *d, uint64_t from, uint64_t *out,
		      struct err *e)
{
	struct rd *r = &d->streams[DELTA_OFFSETS];

	return d->record.offset_words
		       ? delta_get_word(r, d->segment.old_at, d->old_len, out,
					e)
		       : delta_get_place(r, from, d->old_len, out, e);
}

static int get_cover(struct decoder *d, uint64_t *from, uint64_t *left,
		     struct delta_cover *out, struct err *e)
{
	uint64_t gap, len, at;

	if (delta_get_varint(&d->streams[DELTA_GAPS], &gap, e) ||
	    delta_get_varint(&d->streams[DELTA_LENGTHS], &len, e) ||
	    get_offset(d, *from, &at, e))
		return -1;
	if (len == 0)
		return err_set(e, ERR_FORMAT, "delta has an empty cover");
	if (gap > *left || len > *left - gap)
		return err_set(e, ERR_LIMIT, "delta yields too much");
	if (len > d->old_len - at)
		return err_set(e, ERR_FORMAT, "delta reads beside the old");
	*left -= gap + len;
	*from = at + len;
	*out = (struct delta_cover){ at, (uint32_t)gap, (uint32_t)len };
	return 0;
}

static int get_covers(struct decoder *d, struct err *e)
{
	const struct delta_segment *s = &d->segment;
	uint64_t left = s->len, from = s->old_at;

	if (s->cover_count > d->ops_left)
		return err_set(e, ERR_LIMIT, "delta has too many operations");
	d->ops_left -= s->cover_count;
	d->covers = mem_resize(d->covers, s->cover_count + (size_t)1,
			       sizeof(*d->covers));
	for (uint32_t i = 0; i < s->cover_count; i++)
		if (get_cover(d, &from, &left, &d->covers[i], e))
			return -1;
	d->map.spans = mem_resize(d->map.spans, delta_spans_max(s),
				  sizeof(*d->map.spans));
	delta_map_covers(s, d->covers, &d->map);
	return 0;
}

/* The gap before the next cover; behind the last one, all that is left. */
static void begin_cover(struct decoder *d)
{
	d->cover_left = 0;
	d->gap_left = 0;
	if (d->next_cover >= d->segment.cover_count)
		return;
	d->gap_left = d->covers[d->next_cover].gap;
	d->cover_left = d->covers[d->next_cover].len;
	d->cover_at = d->covers[d->next_cover].old_at;
	d->cover_is_home =
		delta_is_home(&d->segment, d->cover_at, d->cover_left);
	d->next_cover++;
}

static int begin_segment(struct decoder *d, struct err *e)
{
	if (d->ops_left == 0)
		return err_set(e, ERR_LIMIT, "delta has too many operations");
	d->ops_left--;
	if (delta_get_segment(&d->streams[DELTA_SEGMENTS], d->old_end,
			      d->old_len, &d->segment, e))
		return -1;
	if (d->segment.len > d->new_left + d->record_left)
		return err_set(e, ERR_LIMIT, "delta yields too much");
	d->old_end = d->segment.old_at + d->segment.old_len;
	d->segment_left = d->segment.len;
	d->next_cover = 0;
	memset(d->fresh, 0, DELTA_BEFORE);
	if (d->segment.kind == DELTA_PATCH && get_covers(d, e))
		return -1;
	begin_cover(d);
	return 0;
}

/* ---- copies -------------------------------------------------------------- */

static int copy_through(struct decoder *d, uint64_t at, uint64_t len,
			struct err *e)
{
	while (len > 0) {
		size_t some = len < BUFFER_LEN ? (size_t)len : BUFFER_LEN;

		if (d->io->old_at(d->io->ctx, at, d->old, some, e) ||
		    d->io->emit(d->io->ctx, (struct slice){ d->old, some }, e))
			return -1;
		at += some;
		len -= some;
	}
	return 0;
}

/* A copy does not go on in the next record: it costs nothing in this one. */
static int copy(struct decoder *d, struct err *e)
{
	const uint64_t len = d->segment_left, at = d->segment.old_at;

	if (len > d->record_left)
		return err_set(e, ERR_FORMAT, "delta record cuts a copy");
	if (len > d->reads_left)
		return err_set(e, ERR_LIMIT, "delta reads too much of the old");
	d->reads_left -= len;
	d->record_left -= len;
	d->segment_left = 0;
	if (d->io->emit_old)
		return d->io->emit_old(d->io->ctx, at, len, e);
	return copy_through(d, at, len, e);
}

/* ---- patches ------------------------------------------------------------- */

/* A gap may go on in the next record. */
static int insert(struct decoder *d, uint64_t len, struct err *e)
{
	if (len > d->record_left)
		len = d->record_left;
	while (len > 0) {
		const size_t some = len < BUFFER_LEN ? (size_t)len : BUFFER_LEN;

		if (delta_unpack_inserts(d->unpack, d->old, some, e))
			return -1;
		remember(d, d->old, some);
		if (yield(d, (struct slice){ d->old, some }, e))
			return -1;
		len -= some;
	}
	return 0;
}

/* How many right bytes come before the next wrong one; NEVER when there is
 * none in this record. */
static int next_wrong(struct decoder *d, struct err *e)
{
	d->right_left = NEVER;
	if (d->streams[DELTA_RIGHTS].rest.len == 0)
		return 0;
	return delta_get_varint(&d->streams[DELTA_RIGHTS], &d->right_left, e);
}

static int get_wrongs(struct decoder *d, size_t len, struct err *e)
{
	size_t at = 0;

	memset(d->diff, 0, len);
	while (d->right_left < len - at) {
		at += (size_t)d->right_left;
		d->diff[at] = rd_u8(&d->streams[DELTA_DIFFS]);
		if (d->diff[at++] == 0)
			return err_set(e, ERR_FORMAT,
				       "delta changes what it has not");
		if (next_wrong(d, e))
			return -1;
	}
	if (d->right_left != NEVER)
		d->right_left -= len - at;
	return 0;
}

/* The block's old bytes with those around it that the home file has. */
static int read_around(struct decoder *d, size_t len, struct err *e)
{
	const struct delta_segment *s = &d->segment;
	uint64_t at = d->cover_at - s->old_at, end = at + len;
	size_t before = at < DELTA_BEFORE ? (size_t)at : DELTA_BEFORE;
	size_t after = s->old_len - end < DELTA_AFTER
			       ? (size_t)(s->old_len - end)
			       : DELTA_AFTER;

	memset(d->old, 0, DELTA_BEFORE);
	memset(d->old + DELTA_BEFORE + len, 0, DELTA_AFTER);
	return read_old(d, d->cover_at - before, d->old + DELTA_BEFORE - before,
			before + len + after, e);
}

static int get_choice(struct decoder *d, enum delta_predictor *out,
		      struct err *e)
{
	uint8_t choice;

	*out = DELTA_AS_IS;
	if (!d->cover_is_home || d->streams[DELTA_CHOICES].rest.len == 0)
		return 0;
	choice = rd_u8(&d->streams[DELTA_CHOICES]);
	if (choice >= DELTA_PREDICTORS)
		return err_set(e, ERR_FORMAT, "delta has an unknown predictor");
	*out = choice;
	return 0;
}

static int predict(struct decoder *d, size_t len, uint32_t new_at,
		   struct err *e)
{
	struct delta_block block = {
		d->old, len, (uint32_t)(d->cover_at - d->segment.old_at), new_at
	};
	enum delta_predictor predictor;

	if (get_choice(d, &predictor, e))
		return -1;
	if (predictor != DELTA_AS_IS) {
		if (read_around(d, len, e))
			return -1;
		delta_rebuild(predictor, &d->map, &block, d->diff, d->fresh);
		return 0;
	}
	if (read_old(d, d->cover_at, d->old, len, e))
		return -1;
	for (size_t i = 0; i < len; i++)
		d->fresh[DELTA_BEFORE + i] = (uint8_t)(d->old[i] + d->diff[i]);
	return 0;
}

/* A block: what a cover has up to the next multiple of DELTA_BLOCK. */
static int patch_block(struct decoder *d, struct err *e)
{
	const uint32_t new_at = d->segment.within +
				(uint32_t)(d->segment.len - d->segment_left);
	size_t len = DELTA_BLOCK - new_at % DELTA_BLOCK;

	if (len > d->cover_left)
		len = d->cover_left;
	if (len > d->record_left)
		return err_set(e, ERR_FORMAT, "delta record cuts a block");
	if (get_wrongs(d, len, e) || predict(d, len, new_at, e) ||
	    yield(d, (struct slice){ d->fresh + DELTA_BEFORE, len }, e))
		return -1;
	memmove(d->fresh, d->fresh + len, DELTA_BEFORE);
	d->cover_at += len;
	d->cover_left -= (uint32_t)len;
	return 0;
}

static int patch(struct decoder *d, struct err *e)
{
	const uint64_t before = d->segment_left;

	if (d->gap_left > 0) {
		if (insert(d, d->gap_left, e))
			return -1;
		d->gap_left -= (uint32_t)(before - d->segment_left);
		return 0;
	}
	if (d->cover_left > 0)
		return patch_block(d, e);
	if (d->next_cover < d->segment.cover_count) {
		begin_cover(d);
		return 0;
	}
	return insert(d, d->segment_left, e);
}

/* ---- records ------------------------------------------------------------- */

static int end_record(struct decoder *d, struct err *e)
{
	for (size_t i = 0; i < DELTA_INSERTS; i++)
		if (rd_finish(&d->streams[i], e))
			return err_in(e, "delta record");
	if (!delta_unpack_is_done(d->unpack))
		return err_set(e, ERR_FORMAT, "delta record is too long");
	if (d->right_left != NEVER)
		return err_set(e, ERR_FORMAT, "delta changes what it has not");
	return 0;
}

static int run_record(struct decoder *d, struct err *e)
{
	d->record_left = d->record.new_len;
	d->old_end = 0;
	if (next_wrong(d, e))
		return -1;
	while (d->record_left > 0) {
		if (d->segment_left == 0 && begin_segment(d, e))
			return -1;
		if (d->segment.kind == DELTA_COPY ? copy(d, e) : patch(d, e))
			return -1;
	}
	return end_record(d, e);
}

/* Nothing of this record is needed any more. */
static int point(struct decoder *d, uint64_t new_len, struct err *e)
{
	const struct package_point at = {
		.packed = d->taken - delta_unpack_ahead(d->unpack),
		.records = new_len - d->new_left,
	};

	return d->io->point && d->segment_left == 0
		       ? d->io->point(d->io->ctx, &at, e)
		       : 0;
}

static int run(struct decoder *d, uint64_t new_len, struct err *e)
{
	while (d->new_left > 0) {
		if (delta_unpack_next(d->unpack, &d->record, d->streams, e))
			return -1;
		if (d->record.new_len > d->new_left)
			return err_set(e, ERR_LIMIT, "delta yields too much");
		d->new_left -= d->record.new_len;
		if (run_record(d, e) || point(d, new_len, e))
			return -1;
	}
	return delta_unpack_end(d->unpack, e);
}

int delta_apply(enum package_codec codec, uint64_t old_len, uint64_t new_len,
		const struct delta_io *io, struct err *e)
{
	const uint64_t longer = old_len > new_len ? old_len : new_len;
	struct decoder *d = mem_alloc(1, sizeof(*d));
	const struct delta_source from = {
		d,       read_records, read_prefix,
		old_len, &d->ops_left, io->whole ? new_len : 0
	};
	int rc;

	d->io = io;
	d->old_len = old_len;
	d->taken = io->from.packed;
	d->new_left = new_len - io->from.records;
	d->ops_left = DELTA_OPS_FREE + new_len / DELTA_OP_LEN;
	d->reads_left = longer + longer / 2 + DELTA_READS_FREE;
	/* Without records there is one segment, which inserts all. */
	d->segment.kind = DELTA_PATCH;
	d->segment_left = from.whole;
	rc = delta_unpack_new(codec, &from, &d->unpack, e);
	if (!rc)
		rc = run(d, new_len, e);
	delta_unpack_free(d->unpack);
	free(d->covers);
	free(d->map.spans);
	free(d);
	return rc;
}
