/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoded - find and decode base64 (also base64url) and hexadecimal text.
 *
 * A run is a word of ENCODED_MIN letters or more with the lines that go on
 * below it: what stands between lines may be blanks, quotes, commas, a plus or
 * a written "\n", so that keys in JSON, YAML and C strings are seen as well.
 * Looking for words of that length touches few bytes of ordinary content.
 */
#ifndef SIGNER_ENCODED_H
#define SIGNER_ENCODED_H

#include "common/rd.h"

#define ENCODED_MIN 40

struct encoded {
	size_t at, len; /* of the run, in the window */
	size_t word;    /* letters of its first word */
	size_t letters; /* of all */
	bool hex;       /* nothing but hexadecimal digits */
};

/*
 * The first run with a letter in [from, to) of the window; it may begin before
 * `from` and reach beyond `to`. *next is where to go on.
 */
bool encoded_next(struct slice window, size_t from, size_t to,
		  struct encoded *out, size_t *next);

/*
 * Decode a run from its letter number `skip` on; out has room for as many
 * bytes as the run has letters. Returns their number; bits that make no whole
 * byte are left out.
 */
size_t encoded_decode(struct slice window, const struct encoded *run,
		      size_t skip, uint8_t *out);

/* Is this, as the start of a file, base64 in lines and nothing else? */
bool encoded_is_all(struct slice start);

/* Decode base64 as a stream: letters may come in any pieces. */
struct base64 {
	uint32_t bits;
	unsigned have;
};

/* out has room for in.len bytes; returns how many there are. */
size_t base64_decode(struct base64 *b, struct slice in, uint8_t *out);

#endif
