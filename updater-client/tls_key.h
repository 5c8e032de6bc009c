/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_key - lend OpenSSL a key that it never sees: of each handshake it hands
 * over a digest, and is given the signature (ec.h, struct ec_holder).
 */
#ifndef UPDATER_CLIENT_TLS_KEY_H
#define UPDATER_CLIENT_TLS_KEY_H

#include "common/ec.h"

struct tls_key;

/* The key must outlive it, and it the connections. ERR_UNTRUSTED: the
 * certificate (PEM) is another key's. */
int tls_key_new(struct slice certificate, const struct ec_private *key,
		struct tls_key **out, struct err *e) NODISCARD;
void tls_key_free(struct tls_key *k);

/* For all that is connected with it; ssl_ctx is OpenSSL's SSL_CTX. */
bool tls_key_lend(const struct tls_key *k, void *ssl_ctx);

/* Why the last signature could not be made; -1 and *e if so. */
int tls_key_failure(struct tls_key *k, struct err *e) NODISCARD;

#endif
