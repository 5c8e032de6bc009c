/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scalars - find the private half of public keys that we know (P-256).
 *
 * A bare private key is 32 bytes that look like any others; only its public key
 * tells it. So each place costs arithmetic on the curve: about 11 microseconds
 * alone; where many are tried at once, a fiftieth of that (docs/secret-scan.md
 * has what was measured).
 */
#ifndef SIGNER_SCALARS_H
#define SIGNER_SCALARS_H

#include "common/ec.h"

#define SCALARS_MAX 512 /* keys that may be known */

struct scalars; /* heap */

struct scalars *scalars_new(void);
void scalars_free(struct scalars *s);

/*
 * Know a key, by the x coordinate of its point, under a name; twice the same
 * is fine. ERR_LIMIT; ERR_FORMAT if no point has it.
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

/* Many places at once. */
struct scalars_search {
	struct slice bytes;
	/* A bit for each place that is tried: 1 << (i & 7) of byte i >> 3. */
	const uint8_t *places;
	size_t count; /* of bits: the last window of 32 bytes ends in bytes */
	/* In no order; -1 ends it all. */
	int (*found)(void *ctx, const char *name, size_t at, struct err *e);
	void *ctx;
};

/* -1 only if found() says so. */
int scalars_search(struct scalars *s, const struct scalars_search *search,
		   struct err *e) NODISCARD;

#endif
