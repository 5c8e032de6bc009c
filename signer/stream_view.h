/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream_view - the two streams of a delta as its records see them
 * (common/delta_members.h): what is unpacked, in which order things stand, and
 * what each stretch of that is.
 */
#ifndef SIGNER_STREAM_VIEW_H
#define SIGNER_STREAM_VIEW_H

#include "common/delta_members.h"
#include "signer/stream_map.h"

/* Where the bytes of a span are. */
enum span_source {
	SPAN_STREAM, /* in the stream as it is, at `from` */
	SPAN_UNIT,   /* in the content of unit `index` */
	SPAN_FILE,   /* in file `index` of the map */
	SPAN_INNER   /* the content of member `index` of a file */
};

struct view_span {
	uint64_t at, len; /* in the view */
	enum span_source source;
	size_t index;
	uint64_t from;
	struct map_name name;
	struct sha256 digest; /* of its bytes */
	bool is_zero;
	bool is_packed; /* of no use to search in */
};

/* A compressed member of a file, as it stands in it. */
struct view_inner {
	uint32_t file;
	struct member member;
};

/* A file that is kept whole, though it goes out as it comes. */
struct view_whole {
	bool kept;
	uint64_t kept_at; /* of all that is kept */
};

struct stream_view {
	struct stream_map map;
	struct view_whole *whole; /* by file; NULL: none */
	bool *kept; /* by unit: the other stream holds its very bytes */
	bool *open; /* by unit: its content is seen, not its packed bytes */
	struct view_inner *inner; /* by file, ascending */
	size_t inner_count;
	struct view_span *spans; /* ascending; new: without a gap */
	size_t span_count, span_cap;
	uint64_t len;
	size_t cached; /* inner */
	uint8_t *cache;
};

struct view_pair {
	struct stream_view old, fresh;
	struct delta_members members;
};

struct view_how {
	bool plain; /* no images are cut, no members unpacked */
};

/*
 * Look at both trees, which are borrowed: cut images, find members, prove that
 * the new ones can be made again. The views follow.
 */
int view_pair_open(struct view_pair *v, const struct pack_tree *old,
		   const struct pack_tree *fresh, const struct view_how *how,
		   struct err *e) NODISCARD;
void view_pair_done(struct view_pair *v);

/* Keep a new file that is a stored unit without members, for others to refer
 * to. */
void view_keep_file(struct stream_view *v, uint32_t file);

/* Leave a member of a new file as it is. */
void view_drop_inner(struct stream_view *v, size_t index);

/* What of the old stream serves no member of the new one stays as it is. */
void view_forget_unused(struct view_pair *v);

/* See the old stream: its spans, and the parts in v->members. */
int view_old(struct view_pair *v, struct err *e) NODISCARD;

/*
 * See the new stream: its spans, and the steps in v->members. ERR_LIMIT when
 * that is more than a delta can tell: it may be tried again plain.
 */
int view_fresh(struct view_pair *v, struct err *e) NODISCARD;

/* Bytes of a span. */
int view_read(struct stream_view *v, const struct view_span *s, uint64_t from,
	      void *out, size_t len, struct err *e) NODISCARD;

/* For the above: the members of a file, and one more span at the end. */
void view_inner_of(const struct stream_view *v, uint32_t file, size_t *first,
		   size_t *count);
void view_add_span(struct stream_view *v, const struct view_span *s);
struct map_name view_inner_name(const struct stream_view *v, size_t index,
				size_t first);

#endif
