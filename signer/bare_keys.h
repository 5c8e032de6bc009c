/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_keys - the places of a file where a known key's bare scalar may stand.
 *
 * Each place where 32 bytes could be random (surprise.h) is tried, as long as
 * there are places left: what is compressed or encrypted is nothing else. Then
 * those where scalars have been seen: behind the DER headers of an OCTET STRING
 * or INTEGER; and 32 random bytes that do not stand between others, at a
 * multiple of 16. Of what was decoded, a base64 or hexadecimal word that is a
 * scalar and no more, and what is behind a header. docs/secret-scan.md has what
 * it costs.
 */
#ifndef SIGNER_BARE_KEYS_H
#define SIGNER_BARE_KEYS_H

#include "signer/scalars.h"

#define BARE_KEYS_ALL UINT64_MAX /* places that are never used up */

/* One window of a file, or what was decoded out of one. */
struct bare_keys {
	struct scalars *known; /* may be NULL; borrowed */
	struct slice bytes;
	size_t from, to; /* where in it a key may begin */
	uint64_t base;   /* offset of the bytes in the file */
	bool whole;      /* they are all of it */
	bool decoded;    /* they stand in the file as text */
	/* How many places that could be random may be tried yet. */
	uint64_t places;
	bool all_or_none; /* and where there are more, none is: it is no text */
	/* The private half of the key of this name; -1 ends it all. */
	int (*found)(void *ctx, const char *name, size_t at, struct err *e);
	void *ctx;
};

/* *used of the places were tried. -1 only if found() says so. */
int bare_keys_find(const struct bare_keys *b, uint64_t *used,
		   struct err *e) NODISCARD;

#endif
