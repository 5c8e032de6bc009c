/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets_text - recognise private keys in the containers that are text, or
 * named by text: PEM (RFC 7468 and its ancestors, also in UTF-16), OpenSSH,
 * PuTTY, JWK (RFC 7517), age, WireGuard, GnuPG, and our own key files.
 *
 * A marker alone, as programs and manuals carry it, is no key: what makes it
 * one must follow.
 */
#ifndef SIGNER_SECRETS_TEXT_H
#define SIGNER_SECRETS_TEXT_H

#include "signer/secrets_der.h"

/*
 * Is there a container whose rare letters stand at `anchor`? Each looks for
 * its own; what stands before and behind is looked at.
 */
bool secrets_pem(struct slice s, size_t anchor, struct secret *out);   /* GI */
bool secrets_pem16(struct slice s, size_t anchor, struct secret *out); /* G\0 */
bool secrets_named(struct slice s, size_t anchor, struct secret *out); /* -k */
bool secrets_putty(struct slice s, size_t anchor, struct secret *out); /* TY */
bool secrets_age(struct slice s, size_t anchor, struct secret *out);   /* Y- */
bool secrets_wireguard(struct slice s, size_t anchor,
		       struct secret *out);                          /* eK */
bool secrets_jwk(struct slice s, size_t anchor, struct secret *out); /* kt */

/* An OpenPGP secret key packet (RFC 9580, 5.5.3), at the start of a file. */
bool secrets_openpgp(struct slice start);

/* A letter of base64 or base64url: its value, else -1. */
int base64_value(uint8_t c);

#endif
