/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "signer/sift_level.h"
#include "signer/unwrap.h"

#define PIECE 4096 /* that is read at a time */

/* ---- what is seen -------------------------------------------------------- */

static void bury(struct level *l, const struct embedded *what)
{
	const uint64_t at = l->base + what->at;

	/* How a file begins was judged before. */
	if (at == 0)
		return;
	if (l->sift->buried == SIFT_EMBEDDED_MAX) {
		l->too_many = true;
		return;
	}
	if (l->buried_count == l->buried_room) {
		l->buried_room = l->buried_room > 0 ? 2 * l->buried_room : 16;
		l->buried = mem_resize(l->buried, l->buried_room,
				       sizeof(*l->buried));
	}
	l->sift->buried++;
	l->buried[l->buried_count++] = (struct buried){ at, *what };
}

void level_find_buried(const struct view *v)
{
	struct embedded what;
	size_t from = v->from;

	while (embedded_next(v->bytes, v->level->base, from, v->to, &what,
			     &from))
		bury(v->level, &what);
}

/* ---- what is opened ------------------------------------------------------ */

/*
 * Of a file that cannot be read again, all that comes from the first embedded
 * thing on is kept, until it is known to be too much.
 */
int level_keep_copy(struct level *l, struct err *e)
{
	const uint64_t end = l->base + l->have;
	uint64_t kept;

	if (l->buried_count == 0 || l->source->place || l->too_large)
		return 0;
	if (l->copy.fd < 0) {
		l->copy_base = l->base;
		if (fs_open_nameless(l->sift->settings->scratch_dirfd,
				     &l->copy.fd, e) ||
		    level_find_room(l, l->copy.fd, &l->copy_blocks, e))
			return -1;
	}
	kept = l->copy_base + l->copy.len;
	if (fs_write_sparse(l->copy.fd, l->copy.len,
			    slice_sub((struct slice){ l->window, l->have },
				      (size_t)(kept - l->base),
				      (size_t)(end - kept)),
			    e))
		return -1;
	l->copy.len = end - l->copy_base;
	l->too_large = !level_is_within(l->copy.fd, l->copy_blocks);
	return fs_truncate(l->copy.fd, l->copy.len, e);
}

/* A source of what is embedded; what it reads counts like what comes out. */
struct digging {
	struct inside in;
	uint64_t seen;           /* of a zip, as unwrap_seen() */
	uint64_t taken;          /* of a stream that is_sure() */
	struct peek_place place; /* from its first byte on */
	uint64_t at;
	uint8_t piece[PIECE];
};

static int dig(void *ctx, struct slice *bytes, struct err *e)
{
	struct digging *d = ctx;
	const uint64_t left = d->place.len - d->at;
	size_t got;

	if (fs_read_at(d->place.fd, d->place.offset + d->at, d->piece,
		       left < PIECE ? (size_t)left : PIECE, &got, e))
		return -1;
	d->at += got;
	*bytes = (struct slice){ d->piece, got };
	return inside_count(&d->in, got, e);
}

/* Do its streams make one that is whole, with sums or sizes that say so? Then
 * what begins in it is a part of it. */
static bool is_sure(enum unwrap_kind kind)
{
	return kind == UNWRAP_XZ || kind == UNWRAP_ZSTD || kind == UNWRAP_LZ4 ||
	       kind == UNWRAP_BZIP2 || kind == UNWRAP_LZIP;
}

/*
 * What only looked like one, or ends in other bytes, is no damage; but the
 * header of a zip's member says so much that it is one.
 */
static int open_stream(struct digging *d, enum unwrap_kind kind, struct err *e)
{
	const bool zip = kind == UNWRAP_ARCHIVE;
	int rc;

	rc = unwrap_open(kind, dig, d, &d->in.archive, e);
	if (rc == 0)
		rc = inside_sift_members(&d->in, e);
	if (zip && d->in.archive)
		d->seen = unwrap_seen(d->in.archive);
	if (rc == 0 && is_sure(kind))
		d->taken = unwrap_taken(d->in.archive);
	unwrap_close(d->in.archive);
	if (rc == 0 || (e->code == ERR_FORMAT && !d->in.shut && d->seen == 0 &&
			!d->in.outer->sift->stopped))
		return 0;
	return inside_forgive(&d->in, e);
}

static int tell_buried(const struct level *l, const struct buried *b,
		       struct err *e)
{
	char why[SIFT_WHAT_SIZE];

	return text_format(why, sizeof(why), e,
			   "holds %s at byte %llu, which is not opened here",
			   b->what.closed, (unsigned long long)b->at) ||
			       level_unread(l, why, true, e)
		       ? -1
		       : 0;
}

/*
 * Up to where nothing is looked for any more: it was opened with another. Of a
 * zip that are the members that were entered: libarchive ends with the first
 * zip of several, and at a member that is encrypted or damaged.
 */
struct dug {
	uint64_t image, stream, zip;
};

static bool is_dug(const struct dug *dug, const struct buried *b)
{
	return b->at < dug->image || b->at < dug->stream ||
	       (b->what.archive == UNWRAP_ARCHIVE && b->at < dug->zip);
}

static int open_buried(struct level *l, const struct buried *b,
		       const struct peek_place *place, struct dug *dug,
		       struct err *e)
{
	struct digging d = { .place = *place };
	struct level *inner;
	char name[64];

	if (l->depth + 1 >= SIFT_DEPTH_MAX ||
	    (b->what.image != PEEK_NONE && l->sift->images == SIFT_IMAGES_MAX))
		return level_unread(l, "nested too deep", true, e);
	if (text_format(name, sizeof(name), e, "!@%llu",
			(unsigned long long)b->at))
		return -1;
	inner = level_enter(l, l->source, name);
	if (b->what.image != PEEK_NONE) {
		if (b->what.len <= place->len)
			dug->image = b->at + b->what.len;
		inner->image = b->what.image;
		return level_open_image(inner, place, e);
	}
	d.in.outer = inner;
	inner->noted = l->noted;
	if (open_stream(&d, b->what.archive, e))
		return -1;
	if (d.taken > 0)
		dug->stream = b->at + d.taken;
	if (d.seen > 0)
		dug->zip = b->at + d.seen;
	return 0;
}

static int open_all_buried(struct level *l, struct err *e)
{
	const struct peek_place *all =
		l->source->place ? l->source->place : &l->copy;
	const uint64_t base = l->source->place ? 0 : l->copy_base;
	struct dug dug = { 0 };
	bool told = false;

	for (size_t i = 0; i < l->buried_count && !sift_is_spent(l->sift);
	     i++) {
		const struct buried *b = &l->buried[i];
		const uint64_t at = b->at - base;
		const struct peek_place place = { .fd = all->fd,
						  .offset = all->offset + at,
						  .len = all->len - at };

		/* Of a file that became shorter, nothing is left there. */
		if (is_dug(&dug, b) || at >= all->len)
			continue;
		if (b->what.closed) {
			if (!told && tell_buried(l, b, e))
				return -1;
			told = true;
		} else if (open_buried(l, b, &place, &dug, e)) {
			return -1;
		}
	}
	return 0;
}

int level_sift_buried(struct level *l, struct err *e)
{
	if (l->too_many &&
	    level_unread(l, "holds too many archives in its midst", true, e))
		return -1;
	if (l->too_large)
		return level_unread(
			l,
			"holds archives in its midst and is too large to "
			"be copied and looked into",
			true, e);
	return open_all_buried(l, e);
}
