/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member_prove - how compressed bytes were made: their content is compressed
 * with one recipe after another until one gives the very bytes.
 */
#ifndef SIGNER_MEMBER_PROVE_H
#define SIGNER_MEMBER_PROVE_H

#include "common/member.h"

#define MEMBER_MAX ((size_t)256 << 20) /* of a member's content */

/* What compressing again may take of a device's memory. */
#define MEMBER_MEMORY ((uint64_t)16 << 20)

/* Packed bytes, somewhere, and what they were made of. */
struct member {
	uint64_t at, packed_len;
	uint64_t raw_len;
	struct member_recipe recipe;
};

/* Ascending and disjoint. */
struct member_list {
	struct member *at; /* heap */
	size_t count;
};

/* A recipe that is as good as any to unpack with. */
struct member_recipe member_unpacker(enum member_kind kind);

void member_list_add(struct member_list *list, const struct member *m);

struct member_raw {
	uint8_t *bytes; /* heap */
	size_t len, cap;
};

/*
 * Unpack what begins where `packed` does, at most `most` bytes of content and
 * with so much memory; *used of the packed bytes belong to it. Of the recipe
 * only what unpacking needs counts. out->bytes is the caller's, also on
 * failure.
 */
int member_unpack(const struct member_recipe *r, struct slice packed,
		  size_t most, struct member_raw *out, size_t *used,
		  struct err *e) NODISCARD;

/* A member's content: m->raw_len bytes from its packed ones. */
int member_content(const struct member *m, struct slice packed, uint8_t *out,
		   struct err *e) NODISCARD;

/* Does it give these bytes, within MEMBER_MEMORY? */
bool member_yields(const struct member_recipe *r, struct slice raw,
		   struct slice packed);

/*
 * Find the recipe: r->kind is told, of LZ4 the block length and of deflate the
 * frame too. False when there is none.
 */
bool member_prove(struct slice raw, struct slice packed,
		  struct member_recipe *r);

#endif
