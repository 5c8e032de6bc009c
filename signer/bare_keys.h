/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_keys - the places of a file where a known key's bare scalar may stand.
 *
 * To judge every place of every file takes too long, so they are looked for
 * where they have been seen: a file, an archive member, a base64 word or a
 * hexadecimal one that is nothing else; anywhere in a file of up to
 * BARE_KEYS_SMALL bytes; behind the DER headers of an OCTET STRING or INTEGER;
 * in a binary, 32 random bytes that do not stand between others, at a multiple
 * of 16, and of 4 within its first BARE_KEYS_NEAR bytes. "Exhaustive" looks at
 * each offset of the first BARE_KEYS_EXHAUSTIVE bytes of each file, member and
 * decoded word. docs/secret-scan.md has what it costs.
 */
#ifndef SIGNER_BARE_KEYS_H
#define SIGNER_BARE_KEYS_H

#include "signer/scalars.h"

#define BARE_KEYS_SMALL      512
#define BARE_KEYS_NEAR       (4u << 10)
#define BARE_KEYS_EXHAUSTIVE (1u << 20)

/* One window of a file, or what was decoded out of one. */
struct bare_keys {
	struct scalars *known; /* may be NULL; borrowed */
	bool exhaustive;
	struct slice bytes;
	size_t from, to; /* where in it a key may begin */
	uint64_t base;   /* offset of the bytes in the file */
	bool whole;      /* they are all of it */
	bool decoded;    /* they stand in the file as text */
	/* Was a finding told that reaches over this place? */
	bool (*is_told)(void *ctx, size_t at);
	/* The private half of the key of this name; -1 ends it all. */
	int (*found)(void *ctx, const char *name, size_t at, struct err *e);
	void *ctx;
};

/* -1 only if found() says so. */
int bare_keys_find(const struct bare_keys *b, struct err *e) NODISCARD;

#endif
