/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - the server's end of TLS over bytes in memory, through mbedtls.
 *
 * TLS 1.2 with ECDHE-ECDSA and AES-GCM or ChaCha20-Poly1305 over X25519 or
 * P-256 (and TLS 1.3 where mbedtls has it), nothing else: no renegotiation, no
 * compression, no resumption. Tickets would have to be bound to certificate
 * and listener; until they are, none is issued, so every connection proves its
 * key and every request is judged by the registry.
 *
 * A struct tls_server is shared by all threads once it is open; a struct tls
 * belongs to one thread at a time. No socket is known here: the caller feeds
 * what came and sends what tls_take() gives.
 */
#ifndef UPDATE_SERVER_TLS_H
#define UPDATE_SERVER_TLS_H

#include "common/buf.h"
#include "common/digest.h"
#include "update-server/host.h"

/* Most that may wait for being sent: a piece of a file and its framing. */
#define TLS_OUT_MAX (256 * 1024)
/* Most that may wait for being read. */
#define TLS_IN_MAX (128 * 1024)

enum tls_clients {
	TLS_CLIENTS_NONE,   /* a client shows no certificate */
	TLS_CLIENTS_OF_CA,  /* one that a CA of ours signed, depth 1 */
	TLS_CLIENTS_PINNED, /* any valid one; the registry knows which */
	/* No TLS at all: for what may be read by anybody, and is verified by
	 * whoever gets it. On the loopback alone: config.h. */
	TLS_CLIENTS_PLAIN,
};

struct tls_server;

/* PEM throughout; client_ca is used for TLS_CLIENTS_OF_CA alone. */
int tls_server_open(struct slice certificate, struct slice key,
		    enum tls_clients clients, struct slice client_ca,
		    struct tls_server **out, struct err *e) NODISCARD;
void tls_server_close(struct tls_server *s);

/* The names of our certificate, borrowed from s. ERR_LIMIT if there are more.
 */
int tls_server_names(const struct tls_server *s, struct host_names *out,
		     struct err *e) NODISCARD;

struct tls;

/* One connection; s must outlive it. */
int tls_open(const struct tls_server *s, struct tls **out,
	     struct err *e) NODISCARD;
void tls_close(struct tls *t);

/* Bytes from the socket; ERR_LIMIT when too many wait already. */
int tls_feed(struct tls *t, struct slice bytes, struct err *e) NODISCARD;

/* Does what was fed hold a whole record, so that the next call has work? */
bool tls_ready(struct tls *t);

bool tls_has_output(const struct tls *t);

/* Append what is to be sent to out, whose ceiling is TLS_OUT_MAX. */
int tls_take(struct tls *t, struct buf *out, struct err *e) NODISCARD;

/*
 * Take the handshake as far as the bytes at hand allow. Computes for some
 * milliseconds: never on the loop. ERR_UNTRUSTED when it failed; what
 * tls_take() then gives is the alert.
 */
int tls_handshake(struct tls *t, bool *done, struct err *e) NODISCARD;

/* After a handshake that failed: was it for the peer's certificate? */
bool tls_lacks_certificate(const struct tls *t);

struct tls_certificate {
	struct sha256 fingerprint;
	int64_t not_after;
	/* When the CA ends that it is by, of several the last; INT64_MAX where
	 * no CA is asked. */
	int64_t trusted_until;
	struct slice der; /* lives as long as the connection */
};

/*
 * The certificate that the peer proved to hold; false without one. A device's
 * may have ended (route.h says what it may still ask); nothing else about it is
 * forgiven.
 */
bool tls_peer(const struct tls *t, struct tls_certificate *out);

/*
 * Read decrypted bytes: *got of them, 0 when more must be fed first, or *ended
 * when the peer said that it will send no more.
 */
int tls_read(struct tls *t, void *out, size_t len, size_t *got, bool *ended,
	     struct err *e) NODISCARD;

/* Encrypt all of it into what tls_take() gives. */
int tls_write(struct tls *t, struct slice bytes, struct err *e) NODISCARD;

/* Say that nothing more will be sent. */
void tls_end(struct tls *t);

#endif
