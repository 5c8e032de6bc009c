/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_payload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/compress.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/scratch.h"

#define BUFFER_LEN 65536

struct rebuild {
	const struct delta_io *io;
	struct delta_allowance *may;
	uint64_t old_len;
	struct delta_members members;
	struct delta_head head; /* empty for who goes on */
	struct scratch scratch;
	uint64_t unpacked; /* bytes of the parts' contents so far */
	uint8_t *room;     /* mapped */
	size_t room_len;
	/* the new stream */
	size_t next;       /* step */
	uint64_t left;     /* bytes of the records that the last one awaits */
	bool keeping;      /* they are kept */
	uint64_t kept_len; /* so far */
	uint64_t inside;   /* steps whose output is still to be packed */
	uint64_t out_left; /* bytes that packing must still give */
	struct member_stream *stream;
	/* going on */
	struct package_point mark; /* behind the last record that ended whole */
	bool told;                 /* or something behind it */
	uint64_t skip; /* bytes of the records that were used before */
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

static int inflate_list(enum package_codec codec, struct slice in, uint8_t *to,
			uint32_t out_len, struct err *e)
{
	struct decompress_step s = { .in = in, .out = to, .out_len = out_len };
	struct decompressor *d = NULL;
	int rc = decompress_new(codec, DELTA_WINDOW, &d, e);

	if (rc == 0)
		rc = decompress_bare(d, out_len, e);
	while (rc == 0 && !s.ended) {
		rc = decompress(d, &s, e);
		if (rc == 0 && !s.ended && s.used == 0 && s.got == 0)
			break;
		s.in = slice_sub(s.in, s.used, s.in.len);
		s.out = (uint8_t *)s.out + s.got;
		s.out_len -= s.got;
	}
	decompress_free(d);
	if (rc == 0 && (!s.ended || s.in.len > 0 || s.out_len > 0))
		rc = err_set(e, ERR_FORMAT, "delta has a wrong list");
	return rc;
}

static int read_head(const struct delta_source *from, struct delta_head *out,
		     uint64_t *len, struct err *e)
{
	uint8_t head[DELTA_HEAD_MAX];
	size_t head_len;

	if (read_exactly(from, head, 1, e))
		return -1;
	head_len = delta_head_len(head[0]);
	if (read_exactly(from, head + 1, head_len - 1, e))
		return -1;
	*len = head_len;
	return delta_parse_head((struct slice){ head, head_len }, out, e);
}

/* Appended to *list, which is empty and has room for any. */
static int read_list(enum package_codec codec, const struct delta_source *from,
		     struct buf *list, uint64_t *len, struct delta_head *h,
		     struct err *e)
{
	uint8_t *packed, *raw;
	uint64_t head_len;
	int rc;

	if (read_head(from, h, &head_len, e))
		return -1;
	raw = buf_reserve(list, h->raw_len, e);
	if (!raw)
		return -1;
	packed = mem_alloc(h->packed_len + (size_t)1, 1);
	list->len = h->raw_len;
	rc = read_exactly(from, packed, h->packed_len, e);
	if (rc == 0 && h->packed_len == h->raw_len)
		memcpy(raw, packed, h->raw_len);
	else if (rc == 0)
		rc = inflate_list(codec,
				  (struct slice){ packed, h->packed_len }, raw,
				  h->raw_len, e);
	*len = head_len + h->packed_len;
	free(packed);
	return rc;
}

int delta_read_members(enum package_codec codec,
		       const struct delta_source *from, uint64_t new_len,
		       struct delta_members *out, uint64_t *len, struct err *e)
{
	struct buf list = BUF_INIT(DELTA_LIST_MAX);
	struct delta_head head = { 0 };
	int rc = read_list(codec, from, &list, len, &head, e);

	if (rc == 0)
		rc = delta_parse_members(buf_slice(&list), from->old_len,
					 new_len, out, e);
	if (rc == 0) {
		out->blank = head.blank;
		out->whole = head.whole;
	}
	buf_done(&list);
	return rc;
}

/* That of a payload whose beginning who goes on does not get again. */
static int get_list(struct rebuild *r, enum package_codec codec,
		    const struct delta_source *from, struct buf *list,
		    struct err *e)
{
	const int dirfd = r->may->scratch_dirfd;

	if (r->mark.packed > 0)
		return fs_read_file(dirfd, DELTA_KEPT_LIST, list, e);
	if (read_list(codec, from, list, &r->mark.packed, &r->head, e))
		return -1;
	r->may->blank = r->head.blank;
	if (r->may->blank || !r->io->point)
		return 0;
	return fs_replace_file(dirfd, DELTA_KEPT_LIST, buf_slice(list), 0600,
			       e);
}

static int get_members(struct rebuild *r, enum package_codec codec,
		       uint64_t new_len, struct err *e)
{
	const struct delta_io *io = r->io;
	const struct delta_source from = { .ctx = io->ctx, .more = io->more };
	struct buf list = BUF_INIT(DELTA_LIST_MAX);
	int rc = get_list(r, codec, &from, &list, e);

	if (rc == 0)
		rc = delta_parse_members(buf_slice(&list), r->old_len, new_len,
					 &r->members, e);
	buf_done(&list);
	return rc;
}

/* One that outlasts this run is reserved whole before anybody goes on. */
static int open_scratch(struct rebuild *r, uint64_t len, struct err *e)
{
	const int dirfd = r->may->scratch_dirfd;
	const char *const name = r->io->point ? DELTA_KEPT_SCRATCH : NULL;

	if (name && r->io->from.packed == 0 &&
	    fs_replace_file(dirfd, name, slice_of(""), 0600, e))
		return -1;
	return scratch_open(dirfd, name, len, &r->scratch, e);
}

static int take_room(struct rebuild *r, struct err *e)
{
	const uint64_t len = delta_members_scratch(&r->members);
	uint64_t room_len, room_at;

	if (len > r->may->scratch_max)
		return err_set(e, ERR_LIMIT,
			       "delta takes more scratch space than signed");
	room_at = delta_members_room(&r->members, &room_len);
	if (open_scratch(r, len, e))
		return -1;
	if (room_len > 0 &&
	    scratch_map(&r->scratch, room_at, (size_t)room_len, &r->room, e))
		return -1;
	r->room_len = (size_t)room_len;
	return 0;
}

/* ---- the old stream ------------------------------------------------------ */

static int read_scratch(struct rebuild *r, uint64_t at, void *out, size_t len,
			struct err *e)
{
	size_t got;

	if (fs_read_at(r->scratch.fd, at, out, len, &got, e))
		return -1;
	return got == len ? 0
			  : err_set(e, ERR_SYSTEM, "scratch space is cut off");
}

/* Behind it stand the contents of its parts, and what was kept: zeroes where
 * nothing was yet. */
static int old_at(void *ctx, uint64_t offset, void *out, size_t len,
		  struct err *e)
{
	struct rebuild *r = ctx;
	uint8_t *to = out;
	size_t some = 0;

	if (offset < r->old_len) {
		some = r->old_len - offset < len ? (size_t)(r->old_len - offset)
						 : len;
		if (r->io->old_at(r->io->ctx, offset, to, some, e))
			return -1;
	}
	if (some == len)
		return 0;
	return read_scratch(r, offset + some - r->old_len, to + some,
			    len - some, e);
}

static int keep_old(void *ctx, struct slice bytes, struct err *e)
{
	struct rebuild *r = ctx;
	const uint64_t at = r->unpacked;

	r->unpacked += bytes.len;
	if (fs_write_at(r->scratch.fd, at, bytes, e))
		return -1;
	/* A block was done with, and the next may be far away. */
	scratch_forget(r->room, r->room_len);
	return 0;
}

static struct member_task task_for(struct rebuild *r, uint8_t recipe,
				   uint64_t raw_len)
{
	return (struct member_task){
		.recipe = r->members.recipes[recipe - 1],
		.raw_len = raw_len,
		.memory_max = r->may->memory_max,
		.room = r->room,
		.ctx = r,
	};
}

static int feed_part(struct rebuild *r, struct member_stream *stream,
		     struct slice bytes, struct err *e)
{
	size_t used;

	if (!stream)
		return keep_old(r, bytes, e);
	if (member_add(stream, bytes, &used, e))
		return -1;
	return used == bytes.len
		       ? 0
		       : err_set(e, ERR_FORMAT,
				 "compressed content has a wrong length");
}

static int read_part(struct rebuild *r, const struct delta_part *p,
		     struct member_stream *stream, struct err *e)
{
	uint64_t done = 0;

	while (done < p->packed_len) {
		const uint64_t left = p->packed_len - done;
		const size_t some =
			left < BUFFER_LEN ? (size_t)left : BUFFER_LEN;

		if (old_at(r, p->at + done, r->buffer, some, e) ||
		    feed_part(r, stream, (struct slice){ r->buffer, some }, e))
			return -1;
		done += some;
	}
	return stream ? member_end(stream, e) : 0;
}

static int unpack_part(struct rebuild *r, const struct delta_part *p,
		       struct err *e)
{
	struct member_stream *stream = NULL;
	struct member_task task;
	int rc = 0;

	if (p->recipe != DELTA_STORED) {
		task = task_for(r, p->recipe, p->raw_len);
		task.packed_len = p->packed_len;
		task.put = keep_old;
		rc = member_start(&task, &stream, e);
	}
	if (!rc)
		rc = read_part(r, p, stream, e);
	member_free(stream);
	return rc ? err_in(e, "an old member") : 0;
}

static int unpack_old(struct rebuild *r, struct err *e)
{
	for (size_t i = 0; i < r->members.part_count; i++)
		if (unpack_part(r, &r->members.parts[i], e))
			return -1;
	return 0;
}

/* ---- the new stream ------------------------------------------------------ */

static int write_kept(struct rebuild *r, struct slice bytes, struct err *e)
{
	const uint64_t at = r->members.old_len + r->kept_len;

	r->kept_len += bytes.len;
	return fs_write_at(r->scratch.fd, at, bytes, e);
}

/* What a compressor gives. */
static int put_packed(void *ctx, struct slice bytes, struct err *e)
{
	struct rebuild *r = ctx;

	if (bytes.len > r->out_left)
		return err_set(e, ERR_CONFLICT,
			       "compressing again gives other bytes here: take "
			       "the full package");
	r->out_left -= bytes.len;
	if (r->keeping ? write_kept(r, bytes, e)
		       : r->io->emit(r->io->ctx, bytes, e))
		return -1;
	scratch_forget(r->room, r->room_len);
	return 0;
}

static int begin_packing(struct rebuild *r, const struct delta_step *s,
			 uint64_t raw_len, struct err *e)
{
	struct member_task task = task_for(r, s->recipe, raw_len);

	task.pack = true;
	task.put = put_packed;
	r->out_left = s->packed_len;
	return member_start(&task, &r->stream, e);
}

static int end_packing(struct rebuild *r, struct err *e)
{
	const int rc = member_end(r->stream, e);

	member_free(r->stream);
	r->stream = NULL;
	if (rc == 0 && r->out_left > 0)
		return err_set(e, ERR_CONFLICT,
			       "compressing again gives other bytes here: take "
			       "the full package");
	return rc;
}

static int put_out(struct rebuild *r, struct slice bytes, struct err *e)
{
	size_t used;

	if (r->stream)
		return member_add(r->stream, bytes, &used, e);
	return r->keeping ? write_kept(r, bytes, e)
			  : r->io->emit(r->io->ctx, bytes, e);
}

static int take(struct rebuild *r, const struct delta_step *s, struct err *e)
{
	uint64_t done = 0;

	while (done < s->len) {
		const uint64_t left = s->len - done;
		const size_t some =
			left < BUFFER_LEN ? (size_t)left : BUFFER_LEN;

		if (read_scratch(r, r->members.old_len + s->at + done,
				 r->buffer, some, e) ||
		    put_out(r, (struct slice){ r->buffer, some }, e))
			return -1;
		done += some;
	}
	return 0;
}

static int run_step(struct rebuild *r, const struct delta_step *s,
		    struct err *e)
{
	r->keeping = s->kind == DELTA_KEEP;
	if (r->stream)
		r->inside--;
	switch (s->kind) {
	case DELTA_PASS:
		r->left = s->len;
		return 0;
	case DELTA_KEEP:
		r->left = s->len;
		return s->recipe == DELTA_STORED
			       ? 0
			       : begin_packing(r, s, s->len, e);
	case DELTA_TAKE:
		return take(r, s, e);
	case DELTA_PACK:
		r->inside = s->len;
		return begin_packing(r, s, s->raw_len, e);
	}
	return -1;
}

/*
 * Where nothing is being packed somebody could go on, by the records behind the
 * mark: what was unpacked and kept is on the disk first. But with the rest of a
 * file alone nobody finds its digest.
 */
static int tell(struct rebuild *r, struct err *e)
{
	if (r->told || r->stream || r->may->blank || !r->io->point)
		return 0;
	r->told = true;
	if (r->scratch.fd >= 0 && fs_sync(r->scratch.fd, e))
		return -1;
	return r->io->point(r->io->ctx, &r->mark, e);
}

/* Bytes of the records that a step awaits, with those that it packs. */
static uint64_t awaits(const struct delta_step *s)
{
	uint64_t sum = 0;

	if (s->kind == DELTA_PASS || s->kind == DELTA_KEEP)
		return s->len;
	for (uint64_t i = 1; s->kind == DELTA_PACK && i <= s->len; i++)
		sum += awaits(&s[i]);
	return sum;
}

/* Go on to what awaits bytes of the records; *last: all that is still to come.
 */
static int go_on(struct rebuild *r, bool *last, struct err *e)
{
	*last = false;
	while (r->left == 0) {
		const struct delta_step *s;

		if (r->stream && r->inside == 0 && end_packing(r, e))
			return -1;
		if (r->next == r->members.step_count) {
			r->keeping = false;
			*last = true;
			return tell(r, e);
		}
		s = &r->members.steps[r->next];
		if (awaits(s) > 0 && tell(r, e))
			return -1;
		r->next++;
		if (run_step(r, s, e))
			return -1;
	}
	return 0;
}

/* As if the records up to there had come: what they are for was done. */
static int seek(struct rebuild *r, struct err *e)
{
	const struct package_point *from = &r->io->from;
	uint64_t ahead = from->records + from->again, out = 0;

	if (ahead < from->again)
		return err_set(e, ERR_FORMAT, "nothing begins there");
	while (r->left == 0 && r->next < r->members.step_count) {
		const struct delta_step *s = &r->members.steps[r->next];
		const uint64_t all = awaits(s);
		const uint64_t some = all < ahead ? all : ahead;

		if (some == 0 && all > 0)
			break;
		if (some < all && s->recipe != DELTA_STORED)
			return err_set(e, ERR_FORMAT, "nothing begins there");
		ahead -= some;
		r->left = all - some;
		r->keeping = s->kind == DELTA_KEEP;
		if (r->keeping)
			r->kept_len += some < all ? some : s->packed_len;
		else if (s->kind == DELTA_PACK)
			out += s->packed_len;
		else
			out += s->kind == DELTA_TAKE ? s->len : some;
		r->next += 1 + (s->kind == DELTA_PACK ? s->len : 0);
	}
	if (out + ahead != from->plain)
		return err_set(e, ERR_FORMAT, "nothing begins there");
	r->skip = from->again;
	return 0;
}

/* How many of len bytes were used by a former run. */
static uint64_t pass_over(struct rebuild *r, uint64_t len)
{
	const uint64_t some = len < r->skip ? len : r->skip;

	r->skip -= some;
	return some;
}

/* How many of len bytes have the same way to go. */
static int together(struct rebuild *r, uint64_t len, uint64_t *out,
		    struct err *e)
{
	bool last;

	if (go_on(r, &last, e))
		return -1;
	*out = last || len < r->left ? len : r->left;
	if (!last)
		r->left -= *out;
	r->mark.again += *out;
	return 0;
}

static int emit(void *ctx, struct slice bytes, struct err *e)
{
	struct rebuild *r = ctx;

	bytes = slice_sub(bytes, (size_t)pass_over(r, bytes.len), bytes.len);
	while (bytes.len > 0) {
		struct slice part;
		uint64_t some;

		if (together(r, bytes.len, &some, e))
			return -1;
		part = slice_sub(bytes, 0, (size_t)some);
		bytes = slice_sub(bytes, part.len, bytes.len);
		if (put_out(r, part, e))
			return -1;
	}
	return 0;
}

/* Bytes of the old stream, or behind it, that have the same way to go. */
static int copy(struct rebuild *r, uint64_t offset, uint64_t len, struct err *e)
{
	if (!r->stream && !r->keeping && r->io->emit_old &&
	    offset < r->old_len && len <= r->old_len - offset)
		return r->io->emit_old(r->io->ctx, offset, len, e);
	while (len > 0) {
		const size_t some = len < BUFFER_LEN ? (size_t)len : BUFFER_LEN;

		if (old_at(r, offset, r->buffer, some, e) ||
		    put_out(r, (struct slice){ r->buffer, some }, e))
			return -1;
		offset += some;
		len -= some;
	}
	return 0;
}

static int emit_old(void *ctx, uint64_t offset, uint64_t len, struct err *e)
{
	struct rebuild *r = ctx;
	const uint64_t used = pass_over(r, len);

	offset += used;
	len -= used;
	while (len > 0) {
		uint64_t some;

		if (together(r, len, &some, e) || copy(r, offset, some, e))
			return -1;
		offset += some;
		len -= some;
	}
	return 0;
}

/* All that the records yield has come: what was kept may still go out. */
static int finish(struct rebuild *r, struct err *e)
{
	bool last;

	if (go_on(r, &last, e))
		return -1;
	assert(last); /* the records yielded what the steps await */
	return 0;
}

/* ---- the whole ----------------------------------------------------------- */

static int more(void *ctx, void *out, size_t len, size_t *got, struct err *e)
{
	struct rebuild *r = ctx;

	return r->io->more(r->io->ctx, out, len, got, e);
}

static int point(void *ctx, const struct package_point *at, struct err *e)
{
	struct rebuild *r = ctx;
	bool last;

	r->mark = *at;
	r->told = false;
	/* What needs no more bytes is done first, as seek() takes it to be. */
	return go_on(r, &last, e) || tell(r, e) ? -1 : 0;
}

static int run(struct rebuild *r, enum package_codec codec, uint64_t new_len,
	       struct err *e)
{
	const struct delta_io io = { .ctx = r,
				     .from = r->mark,
				     .point = point,
				     .whole = r->head.whole,
				     .more = more,
				     .old_at = old_at,
				     .emit = emit,
				     .emit_old = emit_old };

	/* At most 65536 times 4 GiB more: nothing overflows. */
	if (delta_apply(codec,
			r->old_len + r->members.old_len + r->members.kept_len,
			new_len + r->members.grown, &io, e))
		return -1;
	return finish(r, e);
}

int delta_payload_apply(enum package_codec codec, uint64_t old_len,
			uint64_t new_len, const struct delta_io *io,
			struct delta_allowance *may, struct err *e)
{
	const bool anew = io->from.packed == 0;
	struct rebuild *r = mem_alloc(1, sizeof(*r));
	int rc = -1;

	may->had_members = may->blank = false;
	r->io = io;
	r->may = may;
	r->old_len = old_len;
	r->scratch.fd = -1;
	r->mark = io->from;
	r->told = true;
	if (get_members(r, codec, new_len, e))
		goto out;
	may->had_members = !delta_members_is_empty(&r->members);
	if (may->had_members && (take_room(r, e) || (anew && unpack_old(r, e))))
		goto out;
	if (seek(r, e) == 0)
		rc = run(r, codec, new_len, e);
out:
	member_free(r->stream);
	scratch_unmap(r->room, r->room_len);
	scratch_close(&r->scratch);
	delta_members_done(&r->members);
	free(r);
	return rc;
}
