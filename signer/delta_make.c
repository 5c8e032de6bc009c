/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_make.h"

#include <stdlib.h>

#include "common/delta.h"
#include "common/mem.h"
#include "signer/delta_blank.h"
#include "signer/delta_steps.h"
#include "signer/delta_whole.h"

struct maker {
	struct delta_writer_setup setup;
	struct delta_sight sight;
	struct delta_blank blank;
	bool is_blank;
};

/* What the payload begins with. */
static int put_head(struct maker *m, const struct encoder_sink *to, bool whole,
		    uint64_t *len, struct err *e)
{
	struct buf raw = BUF_INIT(DELTA_LIST_MAX);
	struct buf packed = BUF_INIT(2 * (size_t)DELTA_LIST_MAX);
	const struct encode_how how = { .codec = m->setup.codec,
					.window_len = DELTA_WINDOW,
					.bare = true };
	struct slice list;
	uint8_t head[DELTA_HEAD_MAX];
	size_t head_len;
	int rc = -1;

	if (delta_format_members(&m->sight.views.members, &raw, e) ||
	    (raw.len > 0 && encode_with(&how, buf_slice(&raw), &packed, e)))
		goto out;
	list = packed.len < raw.len ? buf_slice(&packed) : buf_slice(&raw);
	head_len = delta_format_head(&(struct delta_head){ (uint32_t)raw.len,
							   (uint32_t)list.len,
							   m->is_blank, whole },
				     head);
	*len = head_len + list.len;
	if (to->write(to->ctx, (struct slice){ head, head_len }, e) == 0 &&
	    (list.len == 0 || to->write(to->ctx, list, e) == 0))
		rc = 0;
out:
	buf_done(&raw);
	buf_done(&packed);
	return rc;
}

static uint64_t raw_len_of(const struct delta_step *s)
{
	uint64_t len = 0;

	if (s->kind != DELTA_PACK)
		return s->len;
	for (uint64_t i = 1; i <= s->len; i++)
		len += s[i].len;
	return len;
}

/* What compressing takes, one member at a time. */
static uint64_t memory_of(const struct delta_members *list)
{
	uint64_t most = 0;

	for (size_t i = 0; i < list->step_count; i++) {
		const struct delta_step *s = &list->steps[i];
		uint64_t memory;

		if (s->recipe == DELTA_STORED)
			continue;
		memory = member_memory(&list->recipes[s->recipe - 1],
				       raw_len_of(s));
		if (memory > most)
			most = memory;
	}
	return most;
}

static void describe(const struct maker *m, struct delta_made *out)
{
	const struct delta_members *list = &m->sight.views.members;

	out->blank_pays =
		!m->is_blank && delta_blank_would_pay(&m->blank, out->len);
	if (delta_members_is_empty(list))
		return;
	for (size_t i = 0; i < list->recipe_count; i++)
		out->kinds[list->recipes[i].kind] = true;
	out->memory = memory_of(list) +
		      list->part_count * sizeof(*list->parts) +
		      list->step_count * sizeof(*list->steps) +
		      2 * (size_t)DELTA_LIST_MAX;
	out->scratch_len = delta_members_scratch(list);
}

/* ---- the whole ----------------------------------------------------------- */

/*
 * What readers may read of the old beside what is covered, less what
 * predictors look at.
 */
static uint64_t spare_reads(const struct maker *m)
{
	const uint64_t old_len = m->sight.views.old.len,
		       new_len = m->sight.views.fresh.len;

	return (old_len > new_len ? old_len : new_len) / 2 -
	       new_len / DELTA_AROUND_SHARE + DELTA_READS_FREE;
}

static int add_bytes(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

/* What is little is made in two ways, of which the smaller one counts. */
static int make_little(struct maker *m, const struct delta_job *job,
		       struct delta_made *made, struct err *e)
{
	struct buf records = BUF_INIT(SIZE_MAX), whole = BUF_INIT(SIZE_MAX);
	const struct encoder_sink *to = &job->to;
	enum package_codec codec;
	const struct buf *best = &records;
	uint64_t len;
	int rc = -1;

	m->setup.to = (struct encoder_sink){ &records, add_bytes };
	if (delta_steps_write(&m->sight, &m->setup, job->watch, &made->codec,
			      &len, e) ||
	    delta_whole_make(&m->setup, &m->sight.views, &whole, &codec, e))
		goto out;
	if (whole.len < records.len) {
		best = &whole;
		made->codec = codec;
	}
	if (put_head(m, to, best == &whole, &made->len, e) == 0)
		rc = to->write(to->ctx, buf_slice(best), e);
	made->len += best->len;
out:
	buf_done(&records);
	buf_done(&whole);
	return rc;
}

static int make_any(struct maker *m, const struct delta_job *job,
		    struct delta_made *made, struct err *e)
{
	uint64_t len;

	if (delta_whole_is_tried(&m->sight.views, &m->setup))
		return make_little(m, job, made, e);
	if (put_head(m, &job->to, false, &made->len, e) ||
	    delta_steps_write(&m->sight, &m->setup, job->watch, &made->codec,
			      &len, e))
		return -1;
	made->len += len;
	return 0;
}

static int run(struct maker *m, const struct delta_job *job,
	       struct delta_made *out, struct err *e)
{
	struct delta_sighted of = { .old = job->old,
				    .fresh = job->fresh,
				    .setup = &m->setup,
				    .plain = job->plain,
				    .search_max = job->search_max };
	struct delta_made made = { .len = 0 };

	m->setup = (struct delta_writer_setup){ .codec = job->codec,
						.to = job->to,
						.ctx = &m->sight,
						.old_at = delta_sight_read };
	if (!job->plain && job->fresh->content != PACKAGE_IMAGE)
		delta_blank_make(job->old, job->fresh, &m->blank);
	m->is_blank = job->blank || delta_blank_pays(&m->blank);
	if (m->is_blank)
		of.fresh = &m->blank.tree;
	if (crew_new(job->jobs, &m->setup.crew, e) ||
	    delta_sight_open(&m->sight, &of, &made.gave_up, e))
		return -1;
	m->setup.prefix_max = spare_reads(m);
	/* The list is of the codec that was asked for. */
	m->setup.any_codec = delta_members_is_empty(&m->sight.views.members);
	if (make_any(m, job, &made, e))
		return -1;
	describe(m, &made);
	*out = made;
	return 0;
}

int delta_make(const struct delta_job *job, struct delta_made *out,
	       struct err *e)
{
	struct maker m = { .is_blank = false };
	const int rc = run(&m, job, out, e);

	crew_free(m.setup.crew);
	delta_sight_done(&m.sight);
	delta_blank_done(&m.blank);
	return rc;
}
