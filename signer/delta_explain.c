/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_explain.h"

#include <stdlib.h>

#include "common/delta_cover.h"
#include "common/mem.h"

#define NEVER UINT64_MAX

struct walk {
	struct delta_source from;
	const struct delta_visit *visit;
	struct delta_totals *totals;
	struct delta_record record;
	struct rd streams[DELTA_INSERTS];
	uint64_t record_left, old_end;
	uint64_t right_left; /* covered bytes before the next wrong one */
	/* the segment under way */
	struct delta_share share;
	uint64_t segment_left;
	struct delta_cover *covers;
	uint32_t next_cover;
	uint64_t gap_left, cover_left;
};

const char *delta_stream_name(enum delta_stream stream)
{
	static const char *const names[DELTA_STREAMS] = {
		"segments", "gaps",  "lengths", "offsets", "choices",
		"rights",   "diffs", "prefix",  "inserts"
	};

	return names[stream];
}

const char *delta_predictor_name(enum delta_predictor predictor)
{
	static const char *const names[DELTA_PREDICTORS] = {
		"as is",    "x86-64 code", "AArch64 code", "Arm code",
		"Thumb",    "pointers",    "words",        "relative",
		"anchored", "frames",      "relocations",  "carry 4",
		"carry 8",  "carry 12",    "carry 64"
	};

	return names[predictor];
}

/* ---- shares -------------------------------------------------------------- */

/* Raw bytes of a stream of this record, as packed bytes. */
static void charge(struct walk *w, enum delta_stream stream, uint64_t raw)
{
	const struct delta_record *r = &w->record;

	if (raw > 0)
		w->share.packed += (double)raw * r->packed_len[stream] /
				   r->raw_len[stream];
}

/* A number of one of the streams, charged to the segment. */
static int get_number(struct walk *w, enum delta_stream stream, uint64_t *out,
		      struct err *e)
{
	struct rd *r = &w->streams[stream];
	const size_t before = r->rest.len;

	if (delta_get_varint(r, out, e))
		return -1;
	charge(w, stream, before - r->rest.len);
	return 0;
}

/* ---- segments ------------------------------------------------------------ */

static int get_offset(struct walk *w, uint64_t from, uint64_t *out,
		      struct err *e)
{
	struct rd *r = &w->streams[DELTA_OFFSETS];
	const size_t before = r->rest.len;
	const int rc =
		w->record.offset_words
			? delta_get_word(r, w->share.segment.old_at,
					 w->from.old_len, out, e)
			: delta_get_place(r, from, w->from.old_len, out, e);

	charge(w, DELTA_OFFSETS, before - r->rest.len);
	return rc;
}

static int get_covers(struct walk *w, struct err *e)
{
	const struct delta_segment *s = &w->share.segment;
	uint64_t left = s->len, from = s->old_at;

	w->covers = mem_resize(w->covers, s->cover_count + (size_t)1,
			       sizeof(*w->covers));
	for (uint32_t i = 0; i < s->cover_count; i++) {
		uint64_t gap = 0, len = 0, at = 0;

		if (get_number(w, DELTA_GAPS, &gap, e) ||
		    get_number(w, DELTA_LENGTHS, &len, e) ||
		    get_offset(w, from, &at, e))
			return -1;
		if (gap > left || len > left - gap || len > UINT32_MAX)
			return err_set(e, ERR_LIMIT, "delta yields too much");
		left -= gap + len;
		from = at + len;
		w->covers[i] = (struct delta_cover){ at, (uint32_t)gap,
						     (uint32_t)len };
	}
	return 0;
}

static int begin_segment(struct walk *w, struct err *e)
{
	struct rd *r = &w->streams[DELTA_SEGMENTS];
	const size_t before = r->rest.len;
	const uint64_t at = w->share.at + w->share.segment.len;

	w->share = (struct delta_share){ .at = at };
	if (delta_get_segment(r, w->old_end, w->from.old_len, &w->share.segment,
			      e))
		return -1;
	charge(w, DELTA_SEGMENTS, before - r->rest.len);
	w->old_end = w->share.segment.old_at + w->share.segment.old_len;
	w->segment_left = w->share.segment.len;
	w->next_cover = 0;
	w->gap_left = 0;
	w->cover_left = 0;
	if (w->share.segment.kind == DELTA_COPY)
		return 0;
	return get_covers(w, e);
}

/* The next cover, with the gap before it; behind the last, what is left. */
static void begin_cover(struct walk *w)
{
	const struct delta_segment *s = &w->share.segment;
	const struct delta_cover *c;

	if (w->next_cover >= s->cover_count) {
		w->gap_left = w->segment_left;
		return;
	}
	c = &w->covers[w->next_cover++];
	w->gap_left = c->gap;
	w->cover_left = c->len;
	if (!delta_is_home(s, c->old_at, c->len))
		w->share.foreign += c->len;
}

/* ---- what they consist of ------------------------------------------------ */

static int next_wrong(struct walk *w, struct err *e)
{
	w->right_left = NEVER;
	if (w->streams[DELTA_RIGHTS].rest.len == 0)
		return 0;
	return get_number(w, DELTA_RIGHTS, &w->right_left, e);
}

static int pass_covered(struct walk *w, uint64_t len, struct err *e)
{
	w->share.covered += len;
	w->cover_left -= len;
	while (w->right_left < len) {
		len -= w->right_left + 1;
		w->share.wrong++;
		charge(w, DELTA_DIFFS, 1);
		if (next_wrong(w, e))
			return -1;
	}
	if (w->right_left != NEVER)
		w->right_left -= len;
	return 0;
}

static void pass_inserted(struct walk *w, uint64_t len)
{
	w->share.inserted += len;
	w->gap_left -= len;
	charge(w, DELTA_INSERTS,
	       len < w->record.raw_len[DELTA_INSERTS]
		       ? len
		       : w->record.raw_len[DELTA_INSERTS]);
}

/* Some bytes of the segment under way, of one kind. */
static int pass(struct walk *w, struct err *e)
{
	uint64_t len = w->segment_left;
	int rc = 0;

	if (w->share.segment.kind == DELTA_PATCH) {
		if (w->gap_left == 0 && w->cover_left == 0)
			begin_cover(w);
		len = w->gap_left > 0 ? w->gap_left : w->cover_left;
	}
	if (len > w->record_left)
		len = w->record_left;
	if (w->share.segment.kind == DELTA_COPY)
		w->share.covered += len;
	else if (w->gap_left > 0)
		pass_inserted(w, len);
	else
		rc = pass_covered(w, len, e);
	w->segment_left -= len;
	w->record_left -= len;
	return rc;
}

/* ---- records ------------------------------------------------------------- */

static int count_record(struct walk *w, struct err *e)
{
	struct rd choices = w->streams[DELTA_CHOICES];
	uint8_t header[DELTA_HEADER_MAX];

	w->totals->records++;
	w->totals->headers += 1 + delta_format_record(&w->record, header);
	w->totals->new_len += w->record.new_len;
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		w->totals->raw[i] += w->record.raw_len[i];
		w->totals->packed[i] += w->record.packed_len[i];
	}
	while (choices.rest.len > 0) {
		const uint8_t choice = rd_u8(&choices);

		if (choice >= DELTA_PREDICTORS)
			return err_set(e, ERR_FORMAT,
				       "delta has an unknown predictor");
		if (choice != DELTA_AS_IS)
			w->totals->blocks[choice]++;
	}
	return 0;
}

static int walk_record(struct walk *w, struct err *e)
{
	w->record_left = w->record.new_len;
	w->old_end = 0;
	if (count_record(w, e) || next_wrong(w, e))
		return -1;
	while (w->record_left > 0) {
		if (w->segment_left == 0 && begin_segment(w, e))
			return -1;
		if (pass(w, e))
			return -1;
		if (w->segment_left == 0 &&
		    w->visit->segment(w->visit->ctx, &w->share, e))
			return -1;
	}
	return 0;
}

int delta_explain(enum package_codec codec, const struct delta_source *from,
		  const struct delta_visit *visit, struct delta_totals *totals,
		  struct err *e)
{
	struct walk w = { .from = *from, .visit = visit, .totals = totals };
	struct delta_unpack *unpack = NULL;
	bool ended = false;
	int rc = -1;

	*totals = (struct delta_totals){ 0 };
	w.from.old_at = NULL;
	if (delta_unpack_new(codec, &w.from, &unpack, e))
		return -1;
	while (!ended) {
		if (delta_unpack_pass(unpack, &w.record, w.streams, e) ||
		    walk_record(&w, e))
			goto out;
		ended = delta_unpack_at_end(unpack, e);
	}
	rc = delta_unpack_end(unpack, e);
	if (!rc && w.segment_left > 0)
		rc = err_set(e, ERR_FORMAT, "delta is cut off");
out:
	delta_unpack_free(unpack);
	free(w.covers);
	return rc;
}
