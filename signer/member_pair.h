/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member_pair - the compressed members of two trees whose contents are worth
 * comparing: the new ones that can be made again, and old ones like them.
 */
#ifndef SIGNER_MEMBER_PAIR_H
#define SIGNER_MEMBER_PAIR_H

#include "signer/member_find.h"
#include "signer/pack_tree.h"

/* Contents of old members altogether, at most. */
#define MEMBER_OLD_MAX ((size_t)256 << 20)

struct member_pair {
	struct delta_members lists;
	uint8_t *old_raw; /* heap: the old members' contents, one by one */
};

/* Which files of a tree are looked at. */
struct member_filter {
	const void *ctx;
	bool (*old)(const void *ctx, const struct tree_entry *entry);
	bool (*fresh)(const void *ctx, const struct tree_entry *entry);
};

/* No new member: no old ones either. */
int member_pair_find(const struct pack_tree *old, const struct pack_tree *fresh,
		     const struct member_filter *filter,
		     struct member_pair *out, struct err *e) NODISCARD;
void member_pair_done(struct member_pair *p);

#endif
