/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_members - how the two streams of a delta are seen by its records: with
 * compressed members unpacked, and with what belongs together standing
 * together. It is what a delta's payload begins with. docs/delta-format.md,
 * "Members".
 *
 * Pure: the parser is bounded, and what it returns keeps to every limit that is
 * said here.
 */
#ifndef COMMON_DELTA_MEMBERS_H
#define COMMON_DELTA_MEMBERS_H

#include "common/buf.h"
#include "common/member.h"

#define DELTA_HEAD_MAX    7 /* flags, two lengths of three bytes */
#define DELTA_HEAD_BLANK  1 /* flags: digests are left out */
#define DELTA_HEAD_LIST   2 /* there is a list, and its lengths */
#define DELTA_HEAD_WHOLE  4 /* there are no records: struct delta_source */
#define DELTA_RECIPES_MAX 64
#define DELTA_PARTS_MAX   32768      /* of the old, and steps of the new */
#define DELTA_LIST_MAX    (1u << 20) /* bytes of the list */

/*
 * What is unpacked, kept, taken and packed has at most so many times the bytes
 * of both streams, and a little: else a short list would keep a device busy for
 * days. An image that is a tenth of its content stays below that.
 */
#define DELTA_WORK_TIMES 32
#define DELTA_WORK_FREE  (UINT64_C(64) << 20)

/* A payload begins with it; then the list follows. */
struct delta_head {
	uint32_t raw_len, packed_len; /* of the list; equal: not compressed */
	bool blank, whole;            /* see struct delta_members */
};

/* Bytes of a head that begins with this one. */
size_t delta_head_len(uint8_t flags);

/*
 * `in` has that length. ERR_CONFLICT: a delta for another updater, in whose
 * place the full package can be taken.
 */
int delta_parse_head(struct slice in, struct delta_head *out,
		     struct err *e) NODISCARD;
/* Returns its length. */
size_t delta_format_head(const struct delta_head *h,
			 uint8_t out[DELTA_HEAD_MAX]);

/* Of parts and steps: 0, or 1 + an index into the recipes. */
#define DELTA_STORED 0

/*
 * A part of the old stream that stands behind it a second time: unpacked, or
 * as it is. It may be of an earlier part. Lengths are 1 to DELTA_FILE_MAX.
 */
struct delta_part {
	uint64_t at;
	uint32_t packed_len, raw_len; /* equal if it is stored */
	uint8_t recipe;
};

enum delta_step_kind {
	DELTA_PASS, /* len bytes of the records go out */
	DELTA_KEEP, /* len bytes of the records are kept, packed */
	DELTA_TAKE, /* len of the kept bytes, from at on, go out */
	DELTA_PACK, /* what the following len steps let out is packed */
};

/* What becomes of what the records yield. Behind the last, all goes out. */
struct delta_step {
	uint64_t len; /* at least 1 */
	uint64_t at;  /* take */
	enum delta_step_kind kind;
	uint32_t packed_len; /* keep (len if it is stored) and pack */
	uint32_t raw_len;    /* pack: what these steps let out */
	uint8_t recipe;      /* keep and pack */
};

struct delta_members {
	/*
	 * What the new manifest says of its files' digests counts for nothing:
	 * who makes the files puts theirs there, and then compares the whole.
	 */
	bool blank;
	bool whole; /* what follows is no records: struct delta_source */
	struct member_recipe recipes[DELTA_RECIPES_MAX];
	size_t recipe_count;
	struct delta_part *parts; /* heap */
	size_t part_count;
	struct delta_step *steps; /* heap */
	size_t step_count;
	uint64_t old_len;  /* of all parts' contents */
	uint64_t kept_len; /* of all that is kept */
	uint64_t grown; /* what records yield, less the new stream; mod 2^64 */
};

/* old_len, new_len: of the streams as they are. */
int delta_parse_members(struct slice in, uint64_t old_len, uint64_t new_len,
			struct delta_members *out, struct err *e) NODISCARD;
int delta_format_members(const struct delta_members *m, struct buf *out,
			 struct err *e) NODISCARD;
void delta_members_done(struct delta_members *m);

/*
 * Whether a device would do all of it: ERR_LIMIT if not. Parsed lists passed
 * it.
 */
int delta_members_check_work(const struct delta_members *m, uint64_t old_len,
			     uint64_t new_len, struct err *e) NODISCARD;

/* For writers: the number of a recipe, DELTA_STORED when there is no room. */
uint8_t delta_members_recipe(struct delta_members *m,
			     const struct member_recipe *r);
void delta_members_add_part(struct delta_members *m,
			    const struct delta_part *part);
/* The steps that a pack counts are added behind it. */
void delta_members_add_step(struct delta_members *m,
			    const struct delta_step *step);

/* Nothing is unpacked, kept or packed: records see the streams as they are. */
bool delta_members_is_empty(const struct delta_members *m);

/*
 * How much scratch space applying takes: the parts' contents, behind them what
 * is kept, and room.
 */
uint64_t delta_members_scratch(const struct delta_members *m);

/* Where the room begins in it, and how long it is. */
uint64_t delta_members_room(const struct delta_members *m, uint64_t *len);

#endif
