/* SPDX-License-Identifier: Apache-2.0 */
/*
 * letter - the answer to a device that never sees the server, in a file.
 *
 * What a connection would prove is proved by a signature: the server's TLS key
 * signs the identity, and its certificate, which must come from the CA that the
 * device pins, lies beside it. JSON:
 *
 *	{"v":1,"certificate":"<PEM>","identity":"<wire_identity>",
 *	 "signature":"<hex DER>"}
 *
 * Signed is a label that no handshake of TLS can spell (its nonce of 32 bytes
 * from the server comes before its end), and the text of the identity.
 */
#ifndef COMMON_LETTER_H
#define COMMON_LETTER_H

#include "common/wire_enrol.h"

/*
 * The nonce of a request in a file is the device's own: 16 random bytes, and of
 * them, product and model 16 bytes of a SHA-256. So the code that an officer
 * compares, and the proof of the key, are of these names too, which no
 * connection protects. Draw it for what m says; ERR_UNTRUSTED if it is not so.
 */
void letter_draw_nonce(struct wire_enrol *m);
int letter_check_nonce(const struct wire_enrol *m, struct err *e) NODISCARD;

#define LETTER_MAX (4 * X509_PEM_MAX_LEN)

/* Append it; `certificate` is the server's own, for this key. */
int letter_seal(const struct wire_identity *id, const struct ec_private *key,
		struct slice certificate, struct buf *out,
		struct err *e) NODISCARD;

/*
 * Whose identity it is, by a server of one of these CAs (PEM, one after the
 * other) at this time. ERR_UNTRUSTED, ERR_EXPIRED or ERR_FORMAT.
 */
int letter_open(struct slice in, struct slice cas, int64_t now,
		struct wire_identity *out, struct err *e) NODISCARD;

#endif
