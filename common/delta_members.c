/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_members.h"

#include <stdlib.h>

#include "common/delta_record.h"
#include "common/le.h"
#include "common/mem.h"
#include "common/scratch.h"

/* ---- head ---------------------------------------------------------------- */

int delta_parse_head(struct slice in, struct delta_head *out, struct err *e)
{
	struct rd r = rd_init(in);
	struct delta_head h;
	uint32_t version, zero;

	version = rd_le32(&r);
	zero = rd_le32(&r);
	h.raw_len = rd_le32(&r);
	h.packed_len = rd_le32(&r);
	if (rd_finish(&r, e))
		return err_in(e, "delta head");
	if (version != DELTA_HEAD_VERSION || zero != 0)
		return err_set(e, ERR_FORMAT, "unknown delta format");
	if (h.packed_len > h.raw_len || (h.packed_len == 0 && h.raw_len > 0))
		return err_set(e, ERR_FORMAT, "delta head is impossible");
	if (h.raw_len > DELTA_LIST_MAX)
		return err_set(e, ERR_LIMIT, "delta has too many members");
	*out = h;
	return 0;
}

void delta_format_head(const struct delta_head *h, uint8_t out[DELTA_HEAD_LEN])
{
	le32_put(out, DELTA_HEAD_VERSION);
	le32_put(out + 4, 0);
	le32_put(out + 8, h->raw_len);
	le32_put(out + 12, h->packed_len);
}

/* ---- reading ------------------------------------------------------------- */

static int get_number(struct rd *r, uint64_t max, uint64_t *out, struct err *e)
{
	if (delta_get_varint(r, out, e))
		return -1;
	if (*out > max)
		return err_set(e, ERR_LIMIT, "delta holds too large a number");
	return 0;
}

static int get_recipe(struct rd *r, struct member_recipe *out, struct err *e)
{
	uint64_t kind;

	if (get_number(r, MEMBER_KINDS - 1, &kind, e))
		return -1;
	out->kind = (enum member_kind)kind;
	for (size_t i = 0; i < MEMBER_PARAMS; i++)
		if (delta_get_varint(r, &out->params[i], e))
			return -1;
	if (!member_is_valid(out))
		return err_set(e, ERR_FORMAT, "delta has an unknown recipe");
	return 0;
}

/* end: where the member before ended, and then where this one does. */
static int get_member(struct rd *r, uint64_t len, uint64_t *end,
		      struct delta_member *out, struct err *e)
{
	uint64_t gap;

	if (get_number(r, len - *end, &gap, e) ||
	    get_number(r, DELTA_FILE_MAX, &out->packed_len, e) ||
	    get_number(r, DELTA_FILE_MAX, &out->raw_len, e) ||
	    get_recipe(r, &out->recipe, e))
		return -1;
	out->at = *end + gap;
	if (out->packed_len == 0 || out->raw_len == 0 ||
	    out->packed_len > len - out->at)
		return err_set(e, ERR_FORMAT, "delta has an impossible member");
	*end = out->at + out->packed_len;
	return 0;
}

static int get_list(struct rd *r, uint64_t len, struct delta_member_list *list,
		    struct err *e)
{
	uint64_t count, end = 0;

	if (get_number(r, DELTA_MEMBERS_MAX, &count, e))
		return -1;
	for (uint64_t i = 0; i < count; i++) {
		struct delta_member member;

		if (get_member(r, len, &end, &member, e))
			return -1;
		delta_member_add(list, &member);
	}
	return 0;
}

int delta_parse_members(struct slice in, uint64_t old_len, uint64_t new_len,
			struct delta_members *out, struct err *e)
{
	struct delta_members m = { .old = { .count = 0 } };
	struct rd r = rd_init(in);

	if (in.len > 0 &&
	    (get_list(&r, old_len, &m.old, e) ||
	     get_list(&r, new_len, &m.fresh, e) || rd_finish(&r, e))) {
		delta_members_done(&m);
		return err_in(e, "members");
	}
	*out = m;
	return 0;
}

/* ---- writing ------------------------------------------------------------- */

static int put_number(struct buf *out, uint64_t value, struct err *e)
{
	do {
		uint8_t byte =
			(uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));

		if (buf_add(out, (struct slice){ &byte, 1 }, e))
			return -1;
		value >>= 7;
	} while (value > 0);
	return 0;
}

static int put_list(const struct delta_member_list *list, struct buf *out,
		    struct err *e)
{
	uint64_t end = 0;

	if (put_number(out, list->count, e))
		return -1;
	for (size_t i = 0; i < list->count; i++) {
		const struct delta_member *m = &list->at[i];

		if (put_number(out, m->at - end, e) ||
		    put_number(out, m->packed_len, e) ||
		    put_number(out, m->raw_len, e) ||
		    put_number(out, m->recipe.kind, e))
			return -1;
		for (size_t j = 0; j < MEMBER_PARAMS; j++)
			if (put_number(out, m->recipe.params[j], e))
				return -1;
		end = m->at + m->packed_len;
	}
	return 0;
}

int delta_format_members(const struct delta_members *m, struct buf *out,
			 struct err *e)
{
	if (m->old.count == 0 && m->fresh.count == 0)
		return 0;
	return put_list(&m->old, out, e) || put_list(&m->fresh, out, e) ? -1
									: 0;
}

/* ---- both ---------------------------------------------------------------- */

void delta_member_add(struct delta_member_list *list,
		      const struct delta_member *member)
{
	list->at = mem_resize(list->at, list->count + 1, sizeof(*list->at));
	list->at[list->count++] = *member;
	list->packed_len += member->packed_len;
	list->raw_len += member->raw_len;
}

void delta_members_done(struct delta_members *m)
{
	free(m->old.at);
	free(m->fresh.at);
	*m = (struct delta_members){ .old = { .count = 0 } };
}

static uint64_t room_of(const struct delta_member_list *list)
{
	uint64_t most = 0;

	for (size_t i = 0; i < list->count; i++) {
		uint64_t room = member_room(&list->at[i].recipe);

		if (room > most)
			most = room;
	}
	return most;
}

uint64_t delta_members_room(const struct delta_members *m, uint64_t *len)
{
	const uint64_t old = room_of(&m->old), fresh = room_of(&m->fresh);

	*len = old > fresh ? old : fresh;
	return (m->old.raw_len + SCRATCH_ALIGN - 1) / SCRATCH_ALIGN *
	       SCRATCH_ALIGN;
}

uint64_t delta_members_scratch(const struct delta_members *m)
{
	uint64_t len;
	uint64_t at = delta_members_room(m, &len);

	return at + len;
}
