/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_tls - the renewal of the certificate that the server shows, and of the
 * CA that issues it, by who installs the server. Each is in the audit log
 * before it is in place; a running server takes the new certificate up by
 * itself.
 */
#ifndef UPDATE_SERVER_SERVER_TLS_H
#define UPDATE_SERVER_SERVER_TLS_H

#include "common/buf.h"

/* The names of the present TLS certificate, each with a NUL behind it. */
int server_tls_names(const char *dir, struct buf *out, struct err *e) NODISCARD;
/* A new TLS certificate for the same key and the given names. */
int server_tls_renew(const char *dir, const char *const *names,
		     struct err *e) NODISCARD;

/*
 * Another CA for the server's certificates: first made, ca-next.pem, to be
 * named in the signed site; later put in place of ca.pem, with a new TLS
 * certificate by it. ERR_CONFLICT, ERR_NOT_FOUND.
 */
int server_tls_next_ca(const char *dir, struct err *e) NODISCARD;
int server_tls_switch_ca(const char *dir, const char *const *names,
			 const char *reason, struct err *e) NODISCARD;

#endif
