/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scalars - find the private half of public keys that we know (P-256).
 *
 * A bare private key is 32 bytes that look like any others; only its public
 * key tells it. Judging one candidate is a multiplication of the generator,
 * here by table, about a hundred times faster than a signature's; and that of
 * the next byte offset follows from it (8 doublings, 2 additions), so a whole
 * file can be searched at every offset.
 *
 * The arithmetic is for searching alone: it takes no care of side channels and
 * no result of it ever signs or verifies. common/ec does that.
 */
#ifndef SIGNER_SCALARS_H
#define SIGNER_SCALARS_H

#include "common/ec.h"

#define SCALARS_MAX 256 /* keys that may be known */

struct scalars; /* heap */

struct scalars *scalars_new(void);
void scalars_free(struct scalars *s);

/*
 * Know a key, by the x coordinate of its point, under a name; twice the same
 * is fine. ERR_LIMIT.
 */
int scalars_add(struct scalars *s, const uint8_t x[EC_SCALAR_LEN],
		const char *name, struct err *e) NODISCARD;

size_t scalars_count(const struct scalars *s);

/*
 * The name of the key whose private scalar, or its negative, these bytes are
 * (most significant first); NULL if of none.
 */
const char *scalars_match(struct scalars *s,
			  const uint8_t bytes[EC_SCALAR_LEN]);

/* The same at every offset; *at is where. */
const char *scalars_search(struct scalars *s, struct slice bytes, size_t *at);

#endif
