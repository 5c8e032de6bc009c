/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_match - find out which parts of new bytes come from old ones.
 *
 * The idea is that of bsdiff (Colin Percival, "Naive differences of executable
 * code"): with a suffix array of the old bytes the longest exact match of each
 * new position is found; matches are grown forwards and backwards while most
 * bytes agree, for where code has moved, the addresses in it changed.
 */
#ifndef SIGNER_DELTA_MATCH_H
#define SIGNER_DELTA_MATCH_H

#include "common/buf.h"

/* A range of the new bytes that resembles a range of the old ones. */
struct cover {
	uint64_t new_at, old_at, len;
};

struct cover_list {
	struct cover *at; /* heap */
	size_t count, cap;
};

void cover_list_add(struct cover_list *list, const struct cover *c);
void cover_list_done(struct cover_list *list);

#define MATCHER_OLD_MAX ((size_t)INT32_MAX)

struct matcher;

/*
 * old must outlive the matcher and be at most MATCHER_OLD_MAX bytes. Takes 4 to
 * 5 bytes of memory for each of them, and 64 MiB.
 */
int matcher_new(struct slice old, struct matcher **out,
		struct err *e) NODISCARD;
void matcher_free(struct matcher *m);

/*
 * Append the covers of a piece, ascending and disjoint; new_at counts from the
 * beginning of the piece. hint is where in the old bytes the piece is likely
 * to continue from. gain: how many bytes more than the cover under way another
 * place must explain before it is gone to.
 */
void matcher_run(const struct matcher *m, struct slice piece, uint64_t hint,
		 unsigned gain, struct cover_list *out);

#endif
