/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor - the floor commit: the engineers' word that nothing older than this is
 * to be installed any more. docs/anti-rollback.md.
 *
 * A target "floor/<product>.json" of the role that signs the product's
 * releases. The floor is compared with a release's content_seq, so an undo
 * counts as what it brings back. Pure.
 */
#ifndef COMMON_FLOOR_H
#define COMMON_FLOOR_H

#include "common/statement.h"

struct floor {
	char product[NAME_MAX_LEN + 1];
	uint64_t seq; /* the lowest content_seq that may be installed */
	int64_t issued;
};

/* As statement_parse(). */
int floor_parse(struct slice in, struct floor *out, struct err *e) NODISCARD;
/* The caller owns it. */
struct json *floor_format(const struct floor *f);

int floor_path(const char *product, char out[PATH_MAX_LEN],
	       struct err *e) NODISCARD;

#endif
