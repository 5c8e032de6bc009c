/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_members.h"

#include <stdlib.h>
#include <string.h>

#include "common/delta_record.h"
#include "common/mem.h"
#include "common/scratch.h"

/* ---- head ---------------------------------------------------------------- */

size_t delta_head_len(uint8_t flags)
{
	return (flags & DELTA_HEAD_LIST) != 0 ? DELTA_HEAD_MAX : 1;
}

static uint32_t get_length(struct rd *r)
{
	const uint32_t low = rd_le16(r);

	return low | (uint32_t)rd_u8(r) << 16;
}

int delta_parse_head(struct slice in, struct delta_head *out, struct err *e)
{
	struct rd r = rd_init(in);
	const uint8_t flags = rd_u8(&r);
	const bool list = (flags & DELTA_HEAD_LIST) != 0;
	struct delta_head h = { .blank = (flags & DELTA_HEAD_BLANK) != 0,
				.whole = (flags & DELTA_HEAD_WHOLE) != 0 };

	if (flags > (DELTA_HEAD_BLANK | DELTA_HEAD_LIST | DELTA_HEAD_WHOLE))
		return err_set(e, ERR_CONFLICT,
			       "unknown delta format: it is for another "
			       "updater");
	if (list) {
		h.raw_len = get_length(&r);
		h.packed_len = get_length(&r);
	}
	if (rd_finish(&r, e))
		return err_in(e, "delta head");
	if (h.packed_len > h.raw_len || (h.packed_len > 0) != list)
		return err_set(e, ERR_FORMAT, "delta head is impossible");
	if (h.raw_len > DELTA_LIST_MAX)
		return err_set(e, ERR_LIMIT, "delta has too many members");
	*out = h;
	return 0;
}

size_t delta_format_head(const struct delta_head *h,
			 uint8_t out[DELTA_HEAD_MAX])
{
	const uint32_t lengths[] = { h->raw_len, h->packed_len };

	out[0] = (uint8_t)((h->blank ? DELTA_HEAD_BLANK : 0) |
			   (h->raw_len > 0 ? DELTA_HEAD_LIST : 0) |
			   (h->whole ? DELTA_HEAD_WHOLE : 0));
	for (size_t i = 0; i < 6; i++)
		out[1 + i] = (uint8_t)(lengths[i / 3] >> (i % 3 * 8));
	return delta_head_len(out[0]);
}

/* ---- reading ------------------------------------------------------------- */

/* A number from `least` to `most`. */
static int get_number(struct rd *r, uint64_t least, uint64_t most,
		      uint64_t *out, struct err *e)
{
	if (delta_get_varint(r, out, e))
		return -1;
	if (*out > most)
		return err_set(e, ERR_LIMIT, "delta holds too large a number");
	if (*out < least)
		return err_set(e, ERR_FORMAT, "delta has an empty member");
	return 0;
}

static int get_len(struct rd *r, uint32_t *out, struct err *e)
{
	uint64_t len;

	if (get_number(r, 1, DELTA_FILE_MAX, &len, e))
		return -1;
	*out = (uint32_t)len;
	return 0;
}

static int get_recipe(struct rd *r, struct member_recipe *out, struct err *e)
{
	uint64_t kind;

	if (get_number(r, 1, MEMBER_KINDS - 1, &kind, e))
		return -1;
	out->kind = (enum member_kind)kind;
	for (size_t i = 0; i < MEMBER_PARAMS; i++)
		if (delta_get_varint(r, &out->params[i], e))
			return -1;
	if (!member_is_valid(out))
		return err_set(e, ERR_FORMAT, "delta has an unknown recipe");
	return 0;
}

static int get_recipes(struct rd *r, struct delta_members *m, struct err *e)
{
	uint64_t count;

	if (get_number(r, 0, DELTA_RECIPES_MAX, &count, e))
		return -1;
	while (m->recipe_count < count)
		if (get_recipe(r, &m->recipes[m->recipe_count++], e))
			return -1;
	return 0;
}

/* Which recipe; and what is stored has one length alone. */
static int get_lens(struct rd *r, const struct delta_members *m,
		    uint8_t *recipe, uint32_t *packed_len, uint32_t *raw_len,
		    struct err *e)
{
	uint64_t number;

	if (get_number(r, 0, m->recipe_count, &number, e) ||
	    get_len(r, packed_len, e))
		return -1;
	*recipe = (uint8_t)number;
	*raw_len = *packed_len;
	return number == DELTA_STORED ? 0 : get_len(r, raw_len, e);
}

static int get_parts(struct rd *r, uint64_t old_len, struct delta_members *m,
		     struct err *e)
{
	uint64_t count, end = 0;

	if (get_number(r, 0, DELTA_PARTS_MAX, &count, e))
		return -1;
	m->parts = mem_alloc(count + 1, sizeof(*m->parts));
	while (m->part_count < count) {
		struct delta_part *p = &m->parts[m->part_count++];
		const uint64_t len = old_len + m->old_len;

		if (delta_get_place(r, end, len, &p->at, e) ||
		    get_lens(r, m, &p->recipe, &p->packed_len, &p->raw_len, e))
			return -1;
		if (p->packed_len > len - p->at)
			return err_set(e, ERR_FORMAT,
				       "delta has an impossible member");
		end = p->at + p->packed_len;
		m->old_len += p->raw_len;
	}
	return 0;
}

/* While steps are read. */
struct steps {
	struct delta_members *m;
	struct delta_step *pack; /* whose steps these are, or NULL */
	uint64_t pack_left;      /* of them */
	uint64_t take_end;
	uint64_t out_left; /* of the new stream */
};

static int get_pass(struct rd *r, const struct steps *s,
		    struct delta_step *step, struct err *e)
{
	const uint64_t most = s->pack ? DELTA_FILE_MAX : s->out_left;

	return get_number(r, 1, most, &step->len, e);
}

static int get_keep(struct rd *r, const struct steps *s,
		    struct delta_step *step, struct err *e)
{
	uint32_t len;

	if (get_lens(r, s->m, &step->recipe, &step->packed_len, &len, e))
		return -1;
	step->len = len;
	return 0;
}

static int get_take(struct rd *r, const struct steps *s,
		    struct delta_step *step, struct err *e)
{
	const uint64_t kept = s->m->kept_len;

	if (delta_get_place(r, s->take_end, kept, &step->at, e) ||
	    get_number(r, 1, DELTA_FILE_MAX, &step->len, e))
		return -1;
	if (step->len > kept - step->at)
		return err_set(e, ERR_FORMAT, "delta takes what is not kept");
	return 0;
}

static int get_pack(struct rd *r, const struct steps *s,
		    struct delta_step *step, struct err *e)
{
	uint64_t recipe;

	if (get_number(r, 1, s->m->recipe_count, &recipe, e) ||
	    get_len(r, &step->packed_len, e) ||
	    get_number(r, 1, DELTA_PARTS_MAX, &step->len, e))
		return -1;
	step->recipe = (uint8_t)recipe;
	return 0;
}

/* A step whose output is packed. */
static int count_packed(struct steps *s, const struct delta_step *step,
			struct err *e)
{
	if (step->kind != DELTA_PASS && step->kind != DELTA_TAKE)
		return err_set(e, ERR_FORMAT, "delta packs what it packs");
	if (step->len > DELTA_FILE_MAX - s->pack->raw_len)
		return err_set(e, ERR_LIMIT, "delta packs too much");
	s->pack->raw_len += (uint32_t)step->len;
	if (step->kind == DELTA_PASS)
		s->m->grown += step->len;
	if (--s->pack_left == 0)
		s->pack = NULL;
	return 0;
}

/* One whose output is of the new stream. */
static int count_out(struct steps *s, struct delta_step *step, struct err *e)
{
	uint64_t out = 0;

	switch (step->kind) {
	case DELTA_PASS:
		s->m->grown += step->len;
		out = step->len;
		break;
	case DELTA_KEEP:
		s->m->grown += step->len;
		s->m->kept_len += step->packed_len;
		break;
	case DELTA_TAKE:
		out = step->len;
		break;
	case DELTA_PACK:
		out = step->packed_len;
		s->pack = step;
		s->pack_left = step->len;
		break;
	}
	if (out > s->out_left)
		return err_set(e, ERR_FORMAT, "delta has an impossible member");
	s->m->grown -= out;
	s->out_left -= out;
	return 0;
}

static int get_step(struct rd *r, struct steps *s, struct delta_step *step,
		    struct err *e)
{
	static int (*const get[])(struct rd * r, const struct steps *s,
				  struct delta_step *step, struct err *e) = {
		[DELTA_PASS] = get_pass,
		[DELTA_KEEP] = get_keep,
		[DELTA_TAKE] = get_take,
		[DELTA_PACK] = get_pack,
	};
	uint64_t kind;

	if (get_number(r, 0, ARRAY_LEN(get) - 1, &kind, e))
		return -1;
	step->kind = (enum delta_step_kind)kind;
	if (get[kind](r, s, step, e))
		return -1;
	if (step->kind == DELTA_TAKE)
		s->take_end = step->at + step->len;
	return s->pack ? count_packed(s, step, e) : count_out(s, step, e);
}

static int get_steps(struct rd *r, uint64_t new_len, struct delta_members *m,
		     struct err *e)
{
	struct steps s = { .m = m, .out_left = new_len };
	uint64_t count;

	if (get_number(r, 0, DELTA_PARTS_MAX, &count, e))
		return -1;
	m->steps = mem_alloc(count + 1, sizeof(*m->steps));
	while (m->step_count < count)
		if (get_step(r, &s, &m->steps[m->step_count++], e))
			return -1;
	if (s.pack)
		return err_set(e, ERR_FORMAT, "delta has an unfinished member");
	return 0;
}

int delta_parse_members(struct slice in, uint64_t old_len, uint64_t new_len,
			struct delta_members *out, struct err *e)
{
	struct delta_members m = { .recipe_count = 0 };
	struct rd r = rd_init(in);

	if (in.len > 0 &&
	    (get_recipes(&r, &m, e) || get_parts(&r, old_len, &m, e) ||
	     get_steps(&r, new_len, &m, e) || rd_finish(&r, e) ||
	     delta_members_check_work(&m, old_len, new_len, e))) {
		delta_members_done(&m);
		return err_in(e, "members");
	}
	*out = m;
	return 0;
}

/* ---- writing ------------------------------------------------------------- */

static int put_number(struct buf *out, uint64_t value, struct err *e)
{
	uint8_t bytes[DELTA_NUMBER_MAX];
	const size_t len = delta_put_varint(value, bytes);

	return buf_add(out, (struct slice){ bytes, len }, e);
}

static int put_place(struct buf *out, uint64_t from, uint64_t to, struct err *e)
{
	const uint64_t step = to - from;

	return put_number(out, (step << 1) ^ (0 - (step >> 63)), e);
}

static int put_recipes(const struct delta_members *m, struct buf *out,
		       struct err *e)
{
	if (put_number(out, m->recipe_count, e))
		return -1;
	for (size_t i = 0; i < m->recipe_count; i++) {
		if (put_number(out, m->recipes[i].kind, e))
			return -1;
		for (size_t j = 0; j < MEMBER_PARAMS; j++)
			if (put_number(out, m->recipes[i].params[j], e))
				return -1;
	}
	return 0;
}

static int put_lens(struct buf *out, uint8_t recipe, uint64_t packed_len,
		    uint64_t raw_len, struct err *e)
{
	if (put_number(out, recipe, e) || put_number(out, packed_len, e))
		return -1;
	return recipe == DELTA_STORED ? 0 : put_number(out, raw_len, e);
}

static int put_parts(const struct delta_members *m, struct buf *out,
		     struct err *e)
{
	uint64_t end = 0;

	if (put_number(out, m->part_count, e))
		return -1;
	for (size_t i = 0; i < m->part_count; i++) {
		const struct delta_part *p = &m->parts[i];

		if (put_place(out, end, p->at, e) ||
		    put_lens(out, p->recipe, p->packed_len, p->raw_len, e))
			return -1;
		end = p->at + p->packed_len;
	}
	return 0;
}

static int put_step(struct buf *out, const struct delta_step *s,
		    uint64_t *take_end, struct err *e)
{
	if (put_number(out, s->kind, e))
		return -1;
	switch (s->kind) {
	case DELTA_PASS:
		break;
	case DELTA_KEEP:
		return put_lens(out, s->recipe, s->packed_len, s->len, e);
	case DELTA_TAKE:
		if (put_place(out, *take_end, s->at, e))
			return -1;
		*take_end = s->at + s->len;
		break;
	case DELTA_PACK:
		if (put_number(out, s->recipe, e) ||
		    put_number(out, s->packed_len, e))
			return -1;
		break;
	}
	return put_number(out, s->len, e);
}

int delta_format_members(const struct delta_members *m, struct buf *out,
			 struct err *e)
{
	uint64_t take_end = 0;

	if (m->part_count == 0 && m->step_count == 0)
		return 0;
	if (put_recipes(m, out, e) || put_parts(m, out, e) ||
	    put_number(out, m->step_count, e))
		return -1;
	for (size_t i = 0; i < m->step_count; i++)
		if (put_step(out, &m->steps[i], &take_end, e))
			return -1;
	return 0;
}

uint8_t delta_members_recipe(struct delta_members *m,
			     const struct member_recipe *r)
{
	size_t i = 0;

	while (i < m->recipe_count && (m->recipes[i].kind != r->kind ||
				       memcmp(m->recipes[i].params, r->params,
					      sizeof(r->params)) != 0))
		i++;
	if (i == DELTA_RECIPES_MAX)
		return DELTA_STORED;
	m->recipes[i] = *r;
	if (i == m->recipe_count)
		m->recipe_count++;
	return (uint8_t)(i + 1);
}

void delta_members_add_part(struct delta_members *m,
			    const struct delta_part *part)
{
	m->parts = mem_resize(m->parts, m->part_count + 1, sizeof(*m->parts));
	m->parts[m->part_count++] = *part;
	m->old_len += part->raw_len;
}

/* `grown` follows when the whole list is parsed. */
void delta_members_add_step(struct delta_members *m,
			    const struct delta_step *step)
{
	m->steps = mem_resize(m->steps, m->step_count + 1, sizeof(*m->steps));
	m->steps[m->step_count++] = *step;
	if (step->kind == DELTA_KEEP)
		m->kept_len += step->packed_len;
}

/* ---- both ---------------------------------------------------------------- */

static uint64_t work_of(const struct delta_members *m,
			const struct delta_step *s)
{
	uint64_t len = 0;

	switch (s->kind) {
	case DELTA_PASS:
		return 0; /* what packs it counts it */
	case DELTA_KEEP:
		return s->len + s->packed_len;
	case DELTA_TAKE:
		return s->len;
	case DELTA_PACK:
		break;
	}
	for (uint64_t i = 1; i <= s->len && s + i < m->steps + m->step_count;
	     i++)
		len += s[i].len;
	return len + s->packed_len;
}

int delta_members_check_work(const struct delta_members *m, uint64_t old_len,
			     uint64_t new_len, struct err *e)
{
	/* At most 65536 times 8 GiB, so that it does not overflow. */
	uint64_t work = 0;

	for (size_t i = 0; i < m->part_count; i++)
		work += (uint64_t)m->parts[i].packed_len + m->parts[i].raw_len;
	for (size_t i = 0; i < m->step_count; i++)
		work += work_of(m, &m->steps[i]);
	if (work < DELTA_WORK_FREE ||
	    (work - DELTA_WORK_FREE) / DELTA_WORK_TIMES <= old_len ||
	    (work - DELTA_WORK_FREE) / DELTA_WORK_TIMES - old_len <= new_len)
		return 0;
	return err_set(e, ERR_LIMIT,
		       "delta has more to unpack and pack than its content "
		       "explains");
}

bool delta_members_is_empty(const struct delta_members *m)
{
	return m->part_count == 0 && m->step_count == 0;
}

void delta_members_done(struct delta_members *m)
{
	free(m->parts);
	free(m->steps);
	*m = (struct delta_members){ .recipe_count = 0 };
}

uint64_t delta_members_room(const struct delta_members *m, uint64_t *len)
{
	*len = 0;
	for (size_t i = 0; i < m->recipe_count; i++) {
		const uint64_t room = member_room(&m->recipes[i]);

		if (room > *len)
			*len = room;
	}
	return (m->old_len + m->kept_len + SCRATCH_ALIGN - 1) / SCRATCH_ALIGN *
	       SCRATCH_ALIGN;
}

uint64_t delta_members_scratch(const struct delta_members *m)
{
	uint64_t len;
	uint64_t at = delta_members_room(m, &len);

	return at + len;
}
