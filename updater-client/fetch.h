/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch - requests over mutually authenticated TLS, through libcurl.
 *
 * The server is whoever holds a certificate of the pinned CA for the host in
 * the URL; the system's CAs, redirects, other protocols, netrc and libcurl's
 * environment variables play no part, nor does a proxy but the one that is
 * given, which sees whom we call and no more (CONNECT). Every transfer has a
 * limit of bytes, a lowest speed and a deadline; that of a package moves with
 * the bytes that come. When it is over, or the line is cut, the next call of
 * fetch_get() asks the next server. Too often in a run, and the error says to
 * leave it for a minute (retry_sec).
 */
#ifndef UPDATER_CLIENT_FETCH_H
#define UPDATER_CLIENT_FETCH_H

#include "common/ec.h"

/* Where the bytes of an answer go, piece by piece. */
struct sink {
	void *ctx;
	int (*take)(void *ctx, struct slice bytes, struct err *e);
};

struct fetch;

struct fetch_setup {
	char *const *urls; /* https://host:port, tried in order */
	size_t url_count;
	struct slice ca;               /* PEM; the only CAs trusted */
	struct slice certificate, key; /* PEM; empty: none */
	const struct ec_private *held; /* in place of key, if not NULL */
	int64_t now;                   /* see tls_clock.h */
	const char *proxy; /* http://[user:password@]host:port; NULL: none */
	uint64_t rate;     /* bytes a second that may come; 0: any */
	uint64_t patience_sec; /* how far behind a fair speed; 0: as usual */
	/* Whoever answers will do: for what proves itself, see source.h. */
	bool unverified;
};

/* What setup points to must live as long as the fetch. */
int fetch_new(const struct fetch_setup *setup, struct fetch **out,
	      struct err *e) NODISCARD;
void fetch_free(struct fetch *f);

/*
 * GET a path ('/' first): the bytes from `from` up to, not including, `to`.
 * With from = 0 it is the whole file, which may be shorter than `to`. A longer
 * one is ERR_LIMIT. ERR_NOT_FOUND for 403 and 404; ERR_NETWORK for whatever a
 * later try may mend; the sink's own error when it fails. The sink may have
 * been given bytes when it fails.
 */
int fetch_get(struct fetch *f, const char *path, uint64_t from, uint64_t to,
	      const struct sink *sink, struct err *e) NODISCARD;

/*
 * POST JSON; any status but that of a busy server is an answer. The body is
 * appended to answer.
 */
int fetch_post(struct fetch *f, const char *path, struct slice body,
	       struct buf *answer, unsigned *status, struct err *e) NODISCARD;

#endif
