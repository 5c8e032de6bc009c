/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream - the encryption of a package's payload: AES-256-GCM, chunk by chunk,
 * in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: "Online
 * Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", section 7).
 *
 * A chunk is opened whole or not at all, so nothing unverified is passed on.
 * Its place and whether it is the last one stand in its nonce: chunks cannot
 * be moved, dropped, repeated or taken from another package. GCM alone does
 * not bind a ciphertext to one key; so a commitment to the key goes into what
 * the engineers sign and is compared first. docs/encryption.md has the bytes.
 */
#ifndef COMMON_STREAM_H
#define COMMON_STREAM_H

#include "common/aead.h"
#include "common/digest.h"

#define STREAM_KEY_LEN        32 /* the content key: random, for one package */
#define STREAM_PREFIX_LEN     7
#define STREAM_COMMITMENT_LEN 32
#define STREAM_CHUNK_LEN      65536
#define STREAM_PLAIN_LEN      (STREAM_CHUNK_LEN - AEAD_TAG_LEN)

/* What comes out of content key and header; wipe it when done. */
struct stream {
	uint8_t key[AEAD_KEY_LEN];
	uint8_t prefix[STREAM_PREFIX_LEN];
	uint8_t commitment[STREAM_COMMITMENT_LEN];
	struct sha256 header; /* associated with every chunk */
};

void stream_init(const uint8_t content_key[STREAM_KEY_LEN], struct slice header,
		 struct stream *out);
void stream_done(struct stream *s);

/* ERR_UNTRUSTED unless the commitment is the signed one. */
int stream_check(const struct stream *s,
		 const uint8_t commitment[STREAM_COMMITMENT_LEN],
		 struct err *e) NODISCARD;

struct stream_place {
	uint32_t index; /* from 0 */
	bool last;
};

/* Append a chunk: 1 to STREAM_PLAIN_LEN bytes and their tag. */
int stream_seal(const struct stream *s, struct stream_place at,
		struct slice plain, struct buf *out, struct err *e) NODISCARD;

/* Append the bytes of a chunk, or ERR_UNTRUSTED and nothing. */
int stream_open(const struct stream *s, struct stream_place at,
		struct slice chunk, struct buf *out, struct err *e) NODISCARD;

#endif
