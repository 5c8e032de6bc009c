/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_payload.h"

#include <stdlib.h>
#include <string.h>

#include "common/compress.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/scratch.h"

#define BUFFER_LEN 65536

struct rebuild {
	const struct delta_io *io;
	const struct delta_allowance *may;
	uint64_t old_len;
	struct delta_members members;
	struct scratch scratch;
	uint64_t scratch_used;
	uint8_t *room; /* mapped */
	size_t room_len;
	/* the new stream as the records see it */
	uint64_t at;      /* how far it is in the packed stream */
	size_t next;      /* of the new members */
	uint64_t in_left; /* of the member under way */
	uint64_t out_left;
	struct member_stream *stream;
	uint8_t buffer[BUFFER_LEN];
};

/* ---- the list of members ------------------------------------------------- */

static int read_exactly(const struct delta_source *from, uint8_t *out,
			size_t len, struct err *e)
{
	while (len > 0) {
		size_t got;

		if (from->more(from->ctx, out, len, &got, e))
			return -1;
		if (got == 0)
			return err_set(e, ERR_FORMAT, "delta is cut off");
		out += got;
		len -= got;
	}
	return 0;
}

static int inflate_list(enum package_codec codec, struct slice in,
			struct slice out, uint8_t *to, struct err *e)
{
	struct decompress_step s = { .in = in, .out = to, .out_len = out.len };
	struct decompressor *d = NULL;
	size_t used = 0, got = 0;
	int rc = decompress_new(codec, DELTA_WINDOW, &d, e);

	while (rc == 0 && !s.ended) {
		rc = decompress(d, &s, e);
		used += s.used;
		got += s.got;
		if (rc == 0 && !s.ended && s.used == 0 && s.got == 0)
			break;
		s.in = slice_sub(in, used, in.len);
		s.out = to + got;
		s.out_len = out.len - got;
	}
	decompress_free(d);
	if (rc == 0 && (!s.ended || used != in.len || got != out.len))
		rc = err_set(e, ERR_FORMAT, "delta has a wrong list");
	return rc;
}

int delta_read_members(enum package_codec codec,
		       const struct delta_source *from, uint64_t new_len,
		       struct delta_members *out, uint64_t *len, struct err *e)
{
	uint8_t head[DELTA_HEAD_LEN];
	struct delta_head h = { 0 };
	uint8_t *packed = NULL, *raw = NULL;
	struct slice list;
	int rc = -1;

	if (read_exactly(from, head, sizeof(head), e) ||
	    delta_parse_head((struct slice){ head, sizeof(head) }, &h, e))
		return -1;
	packed = mem_alloc(h.packed_len + (size_t)1, 1);
	raw = mem_alloc(h.raw_len + (size_t)1, 1);
	list = (struct slice){ raw, h.raw_len };
	if (read_exactly(from, packed, h.packed_len, e))
		goto out;
	if (h.packed_len == h.raw_len)
		memcpy(raw, packed, h.raw_len);
	else if (inflate_list(codec, (struct slice){ packed, h.packed_len },
			      list, raw, e))
		goto out;
	*len = DELTA_HEAD_LEN + h.packed_len;
	rc = delta_parse_members(list, from->old_len, new_len, out, e);
out:
	free(packed);
	free(raw);
	return rc;
}

static int take_room(struct rebuild *r, struct err *e)
{
	const uint64_t len = delta_members_scratch(&r->members);
	uint64_t room_len, room_at;

	if (len > r->may->scratch_max)
		return err_set(e, ERR_LIMIT,
			       "delta takes more scratch space than signed");
	room_at = delta_members_room(&r->members, &room_len);
	if (scratch_open(r->may->scratch_dirfd, len, &r->scratch, e))
		return -1;
	if (room_len > 0 &&
	    scratch_map(&r->scratch, room_at, (size_t)room_len, &r->room, e))
		return -1;
	r->room_len = (size_t)room_len;
	return 0;
}

/* ---- old members --------------------------------------------------------- */

static int keep_old(void *ctx, struct slice bytes, struct err *e)
{
	struct rebuild *r = ctx;
	const uint64_t at = r->scratch_used;

	r->scratch_used += bytes.len;
	return fs_write_at(r->scratch.fd, at, bytes, e);
}

static struct member_task task_for(struct rebuild *r,
				   const struct delta_member *m)
{
	return (struct member_task){ .recipe = m->recipe,
				     .raw_len = m->raw_len,
				     .memory_max = r->may->memory_max,
				     .room = r->room,
				     .ctx = r };
}

static int feed_old(struct rebuild *r, struct member_stream *stream,
		    const struct delta_member *m, struct err *e)
{
	uint64_t done = 0;

	while (done < m->packed_len) {
		size_t some = m->packed_len - done < BUFFER_LEN
				      ? (size_t)(m->packed_len - done)
				      : BUFFER_LEN;
		size_t used;

		if (r->io->old_at(r->io->ctx, m->at + done, r->buffer, some,
				  e) ||
		    member_add(stream, (struct slice){ r->buffer, some }, &used,
			       e))
			return -1;
		if (used != some)
			return err_set(e, ERR_FORMAT,
				       "compressed content has a wrong length");
		done += some;
	}
	return member_end(stream, e);
}

static int unpack_old(struct rebuild *r, struct err *e)
{
	for (size_t i = 0; i < r->members.old.count; i++) {
		const struct delta_member *m = &r->members.old.at[i];
		struct member_task task = task_for(r, m);
		struct member_stream *stream = NULL;
		int rc;

		task.put = keep_old;
		rc = member_start(&task, &stream, e);
		if (!rc)
			rc = feed_old(r, stream, m, e);
		member_free(stream);
		if (rc)
			return err_in(e, "an old member");
	}
	return 0;
}

static int old_at(void *ctx, uint64_t offset, void *out, size_t len,
		  struct err *e)
{
	struct rebuild *r = ctx;
	uint8_t *to = out;
	size_t some = 0, got;

	if (offset < r->old_len) {
		some = r->old_len - offset < len ? (size_t)(r->old_len - offset)
						 : len;
		if (r->io->old_at(r->io->ctx, offset, to, some, e))
			return -1;
	}
	if (some == len)
		return 0;
	if (fs_read_at(r->scratch.fd, offset + some - r->old_len, to + some,
		       len - some, &got, e))
		return -1;
	return got == len - some
		       ? 0
		       : err_set(e, ERR_SYSTEM, "scratch space is cut off");
}

/* ---- new members --------------------------------------------------------- */

static int give(void *ctx, struct slice bytes, struct err *e)
{
	struct rebuild *r = ctx;

	if (bytes.len > r->out_left)
		return err_set(e, ERR_CONFLICT,
			       "compressing again gives other bytes here: take "
			       "the full package");
	r->out_left -= bytes.len;
	return r->io->emit(r->io->ctx, bytes, e);
}

/* Bytes of the new stream, as it is, before the next member begins. */
static uint64_t before_next(const struct rebuild *r)
{
	return r->next < r->members.fresh.count
		       ? r->members.fresh.at[r->next].at - r->at
		       : UINT64_MAX;
}

static int begin_member(struct rebuild *r, struct err *e)
{
	const struct delta_member *m = &r->members.fresh.at[r->next++];
	struct member_task task = task_for(r, m);

	task.pack = true;
	task.put = give;
	r->in_left = m->raw_len;
	r->out_left = m->packed_len;
	r->at += m->packed_len;
	return member_start(&task, &r->stream, e);
}

static int add_to_member(struct rebuild *r, struct slice bytes, struct err *e)
{
	size_t used;
	int rc;

	if (member_add(r->stream, bytes, &used, e))
		return -1;
	r->in_left -= bytes.len;
	if (r->in_left > 0)
		return 0;
	rc = member_end(r->stream, e);
	member_free(r->stream);
	r->stream = NULL;
	if (rc == 0 && r->out_left > 0)
		return err_set(e, ERR_CONFLICT,
			       "compressing again gives other bytes here: take "
			       "the full package");
	return rc;
}

/* How many of len bytes stand together, within a member or outside of all. */
static int together(struct rebuild *r, uint64_t len, uint64_t *out,
		    struct err *e)
{
	uint64_t most;

	if (!r->stream && before_next(r) == 0 && begin_member(r, e))
		return -1;
	most = r->stream ? r->in_left : before_next(r);
	*out = len < most ? len : most;
	return 0;
}

static int emit(void *ctx, struct slice bytes, struct err *e)
{
	struct rebuild *r = ctx;

	while (bytes.len > 0) {
		struct slice part;
		uint64_t some;

		if (together(r, bytes.len, &some, e))
			return -1;
		part = slice_sub(bytes, 0, (size_t)some);
		bytes = slice_sub(bytes, part.len, bytes.len);
		if (r->stream) {
			if (add_to_member(r, part, e))
				return -1;
			continue;
		}
		r->at += part.len;
		if (r->io->emit(r->io->ctx, part, e))
			return -1;
	}
	return 0;
}

static int copy_some(struct rebuild *r, uint64_t offset, uint64_t some,
		     struct err *e)
{
	if (!r->stream && r->io->emit_old && offset < r->old_len) {
		r->at += some;
		return r->io->emit_old(r->io->ctx, offset, some, e);
	}
	while (some > 0) {
		size_t part = some < BUFFER_LEN ? (size_t)some : BUFFER_LEN;

		if (old_at(r, offset, r->buffer, part, e) ||
		    emit(r, (struct slice){ r->buffer, part }, e))
			return -1;
		offset += part;
		some -= part;
	}
	return 0;
}

static int emit_old(void *ctx, uint64_t offset, uint64_t len, struct err *e)
{
	struct rebuild *r = ctx;

	while (len > 0) {
		uint64_t some;

		if (together(r, len, &some, e))
			return -1;
		if (offset < r->old_len && some > r->old_len - offset)
			some = r->old_len - offset;
		if (copy_some(r, offset, some, e))
			return -1;
		offset += some;
		len -= some;
	}
	return 0;
}

/* ---- the whole ----------------------------------------------------------- */

static int more(void *ctx, void *out, size_t len, size_t *got, struct err *e)
{
	struct rebuild *r = ctx;

	return r->io->more(r->io->ctx, out, len, got, e);
}

static int run(struct rebuild *r, enum package_codec codec, uint64_t new_len,
	       struct err *e)
{
	const struct delta_member_list *old = &r->members.old,
				       *fresh = &r->members.fresh;
	const struct delta_io io = { r, more, old_at, emit, emit_old };

	/* At most 4096 members of 4 GiB each: nothing overflows. */
	return delta_apply(codec, r->old_len + old->raw_len,
			   new_len - fresh->packed_len + fresh->raw_len, &io,
			   e);
}

int delta_payload_apply(enum package_codec codec, uint64_t old_len,
			uint64_t new_len, const struct delta_io *io,
			struct delta_allowance *may, struct err *e)
{
	const struct delta_source from = { io->ctx, io->more, io->old_at,
					   old_len };
	struct rebuild *r = mem_alloc(1, sizeof(*r));
	uint64_t list_len;
	int rc = -1;

	may->had_members = false;
	r->io = io;
	r->may = may;
	r->old_len = old_len;
	r->scratch.fd = -1;
	if (delta_read_members(codec, &from, new_len, &r->members, &list_len,
			       e))
		goto out;
	may->had_members = r->members.old.count + r->members.fresh.count > 0;
	if (may->had_members && (take_room(r, e) || unpack_old(r, e)))
		goto out;
	rc = run(r, codec, new_len, e);
out:
	member_free(r->stream);
	scratch_unmap(r->room, r->room_len);
	scratch_close(&r->scratch);
	delta_members_done(&r->members);
	free(r);
	return rc;
}
