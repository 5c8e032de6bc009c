/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_names - by which names a server certificate may be reached (RFC 5280,
 * 4.2.1.6), so that the next one has them too. Verifies nothing.
 */
#ifndef COMMON_X509_NAMES_H
#define COMMON_X509_NAMES_H

#include "common/buf.h"

/*
 * Append each DNS name and IP address of a certificate (PEM or DER), each with
 * a NUL behind it; nothing for one without. A name of another kind, or one with
 * bytes that no name has, is ERR_FORMAT.
 */
int x509_names(struct slice cert, struct buf *out, struct err *e) NODISCARD;

#endif
