/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two codes of enrolment that people carry from one screen to another: the
 * claim code that lets a device in, and the short one by which an officer
 * recognizes a device that has none.
 */
#ifndef PAWL_COMMON_CLAIM_H
#define PAWL_COMMON_CLAIM_H

#include "common/wire_enrol.h"

#define CLAIM_JOIN_LEN 14 /* "XXXX-XXXX-XXXX" */

/*
 * What a waiting device shows and an officer compares: 60 bits of the SHA-256
 * of "pawl/join/v2", the server's nonce, the root of trust and the key's
 * SubjectPublicKeyInfo, in digits and letters that nobody confuses. So many,
 * because a server that was taken over chooses the nonce and may search for
 * another key whose code is the same, for as long as the device waits.
 *
 * The root is the SHA-256 of the root.json that the device goes by: one that
 * was put in its place at the factory makes another code. NULL, and then
 * "pawl/join/v1", for who comes back with a certificate of ours.
 */
void claim_join_code(const struct ec_public *key,
		     const uint8_t nonce[WIRE_NONCE_LEN],
		     const struct sha256 *root, char out[CLAIM_JOIN_LEN + 1]);
/* As people type it: in either case, with or without the dashes. */
int claim_parse_join_code(struct slice text, char out[CLAIM_JOIN_LEN + 1],
			  struct err *e) NODISCARD;

#define CLAIM_TEXT_LEN 35

/* A claim code as people see it: "xxxxxxxx-xxxxxxxx-xxxxxxxx-xxxxxxxx". */
int claim_parse(struct slice text, uint8_t claim[WIRE_CLAIM_LEN],
		struct err *e) NODISCARD;
void claim_format(const uint8_t claim[WIRE_CLAIM_LEN],
		  char out[CLAIM_TEXT_LEN + 1]);

#endif
