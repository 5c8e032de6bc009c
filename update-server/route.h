/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route - one request as a handler sees it, and the table of handlers.
 *
 * The front (http, tls, conn, server) reads a whole request head, looks the
 * route up by listener, method and path, checks the caller, and runs the
 * handler on a worker thread; the handler fills a response and returns. It
 * never sees a socket. Handlers run concurrently: what they share locks itself
 * (the store does). Nothing of a request is echoed into response headers.
 */
#ifndef UPDATE_SERVER_ROUTE_H
#define UPDATE_SERVER_ROUTE_H

#include "common/buf.h"
#include "common/digest.h"
#include "common/json.h"
#include "common/wire.h"
#include "common/wire_enrol.h"

#include "update-server/config.h"
#include "update-server/http.h"
#include "update-server/whence.h"

struct peer {
	bool present;              /* a client certificate was shown */
	struct sha256 fingerprint; /* of its DER */
	int64_t not_after;         /* its end, which may have passed */
	int64_t trusted_until;     /* its CA's end: nothing is forgiven then */
	struct slice certificate;  /* its DER; borrowed from the session */
	struct whence whence;      /* where a stranger comes from */
	char id[65];               /* filled in by server_api.authorise() */
};

struct request {
	enum listener listener;
	enum method method;
	const char *path; /* as sent: no decoding, no query, '/' first */
	const struct peer *peer;
	struct slice body; /* in memory; empty for a streamed upload */
	int upload_fd;     /* streamed upload: an unlinked file; else -1 */
	uint64_t upload_len;
	/* One enrolment nonce per connection, spent by its use. */
	bool *nonce_valid;
	uint8_t *nonce; /* WIRE_NONCE_LEN */
};

#define RESPONSE_BODY_MAX ((size_t)4 * 1024 * 1024) /* answers in memory */

struct server_api; /* the back's state: store, keeper, metadata, blobs */

/* Where an answer without an end has come to; only its handler reads it. */
struct feed {
	uint64_t next;
	uint64_t changes;
	int64_t spoke; /* when it last said something */
	bool hungry;   /* there is more to say already */
};

/* The front sets status 200, type "application/json", body empty, no file. */
struct response {
	unsigned status;  /* 200, or another; the front makes 206, 304, 416 */
	const char *type; /* constant; "application/json" for bodies */
	struct buf body;  /* the answer, or: */
	int file_fd;      /* an open file to send; -1: none. Owned. */
	uint64_t file_len;
	bool ranges;          /* file: Range is honoured */
	bool immutable;       /* may be cached for ever */
	char etag[68];        /* quoted by the front; "" for none */
	unsigned retry_after; /* seconds; 0 for none */
	bool page;            /* for a browser: see answer.h */
	/* Revoked or blocked: end every connection of this certificate, now. */
	bool cut;
	struct sha256 cut_fingerprint;
	/*
	 * An answer without an end: after the body, `more` is asked about once
	 * a second, on a worker, what there is to add, until the client goes
	 * or is no longer welcome. The front keeps the feed between.
	 */
	int (*more)(struct server_api *api, struct feed *s, struct buf *out,
		    struct err *e);
	struct feed feed;
};

enum route_kind {
	ROUTE_PLAIN,
	ROUTE_LAST_WORD, /* what a device did: heard whatever else is not */
	ROUTE_UPLOAD,    /* the body goes to upload_fd, not to memory */
	ROUTE_RENEWAL,   /* open to a device whose certificate has ended */
	/* The same, and to one that the registry does not know; the handler
	 * judges. peer->id is empty then. */
	ROUTE_RETURN,
	ROUTE_PAGE, /* for browsers; a link from elsewhere may lead here */
};

struct route {
	unsigned listeners; /* bit per enum listener */
	enum method method;
	const char *path; /* exact, or a prefix when it ends in '/' */
	size_t body_max;  /* larger is 413 before it is read */
	enum route_kind kind;
	/* 0, or -1 with e: the front then answers wire_status(e->code). */
	int (*handle)(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e);
};

extern const struct route server_routes[];
extern const size_t server_route_count;

/*
 * May this peer use this route on this listener now? Called for every request,
 * resumed sessions included, so a revocation takes effect at the next one.
 * Fills peer->id (device id in hex, or the person's name). ERR_REFUSED if not.
 */
int server_authorise(struct server_api *api, enum listener listener,
		     const struct route *route, struct peer *peer,
		     struct err *e) NODISCARD;

/* Answer with JSON; takes value. */
int response_json(struct response *a, unsigned status, struct json *value,
		  struct err *e) NODISCARD;

/* ---- life ---------------------------------------------------------------- */

struct meter;  /* what is counted: meter.h */
struct keeper; /* the process that alone holds the CA and online keys */

/*
 * Fork the keeper, before any thread or descriptor of the loop exists. It
 * opens its own keys with a passphrase that only it reads (c->keeper_unlock).
 */
int keeper_start(const struct config *c, struct keeper **out,
		 struct err *e) NODISCARD;
/* Ask it to end, wait for it; NULL is fine. */
void keeper_stop(struct keeper *k);

/* Open store and repository. After api_close() no handler runs any more. */
int api_open(const struct config *c, struct keeper *k, struct meter *m,
	     struct server_api **out, struct err *e) NODISCARD;
void api_close(struct server_api *api);

/* What the server shows of itself: for devices that get it in a file. Both are
 * borrowed. */
void api_show(struct server_api *api, const struct ec_private *key,
	      struct slice certificate);

/* Called about once a second on a worker thread, never twice at a time:
 * renewing the timestamp, ageing rollouts. */
void api_tick(struct server_api *api);
/* Within how many seconds the server wants to be gone; 0: it stays. */
unsigned api_drains(struct server_api *api);

#endif
