/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_clock - by which time the server's certificate is judged.
 *
 * A device without a clock must still reach a server whose certificate is of
 * yesterday. So not-after is judged against the time given, which is never
 * below what signed metadata proves, and not-before of the pinned chain is not
 * judged at all. Everything else about the certificate is judged as ever.
 */
#ifndef UPDATER_CLIENT_TLS_CLOCK_H
#define UPDATER_CLIENT_TLS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* ssl_ctx is OpenSSL's SSL_CTX, as libcurl hands it out. */
void tls_clock_set(void *ssl_ctx, int64_t now);

/* Does OpenSSL's verification result say that it was good once? */
bool tls_clock_is_expired(long verify_result);

#endif
