/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_members - the compressed members of the two streams of a delta, that
 * the records see unpacked. It is what a delta's payload begins with.
 * docs/delta-format.md, "Members".
 *
 * Pure: the parser is bounded, and what it returns keeps to every limit that is
 * said here.
 */
#ifndef COMMON_DELTA_MEMBERS_H
#define COMMON_DELTA_MEMBERS_H

#include "common/buf.h"
#include "common/member.h"

#define DELTA_HEAD_LEN     16
#define DELTA_HEAD_VERSION 4
#define DELTA_MEMBERS_MAX  4096       /* in each stream */
#define DELTA_LIST_MAX     (1u << 18) /* bytes of the list */

/* A payload begins with it; then the list follows. */
struct delta_head {
	uint32_t raw_len, packed_len; /* of the list; equal: not compressed */
};

int delta_parse_head(struct slice in, struct delta_head *out,
		     struct err *e) NODISCARD;
void delta_format_head(const struct delta_head *h, uint8_t out[DELTA_HEAD_LEN]);

struct delta_member {
	uint64_t at, packed_len; /* in the stream as it is */
	uint64_t raw_len;        /* at most DELTA_FILE_MAX, like packed_len */
	struct member_recipe recipe;
};

/* Ascending and disjoint. */
struct delta_member_list {
	struct delta_member *at; /* heap */
	size_t count;
	uint64_t packed_len, raw_len; /* sums */
};

struct delta_members {
	struct delta_member_list old, fresh;
};

/* old_len, new_len: of the streams as they are. */
int delta_parse_members(struct slice in, uint64_t old_len, uint64_t new_len,
			struct delta_members *out, struct err *e) NODISCARD;
int delta_format_members(const struct delta_members *m, struct buf *out,
			 struct err *e) NODISCARD;
void delta_members_done(struct delta_members *m);

void delta_member_add(struct delta_member_list *list,
		      const struct delta_member *member);

/* How much scratch space applying takes: unpacked old members, and room. */
uint64_t delta_members_scratch(const struct delta_members *m);

/* Where the room begins in it, and how long it is. */
uint64_t delta_members_room(const struct delta_members *m, uint64_t *len);

#endif
