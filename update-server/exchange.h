/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange - requests and answers of one connection, without a socket.
 *
 * Plain bytes come in through exchange_room()/exchange_got(), answers go out
 * through exchange_bytes()/exchange_sent(); exchange_want() says what is next.
 * One request at a time: bytes that a client sends ahead wait. Only
 * exchange_work() touches files and handlers, so that it alone needs a worker.
 */
#ifndef UPDATE_SERVER_EXCHANGE_H
#define UPDATE_SERVER_EXCHANGE_H

#include "update-server/host.h"
#include "update-server/meter.h"

/* A large body travels in pieces of this size, either way. */
#define EXCHANGE_PIECE ((size_t)128 * 1024)

/* What all connections of a listener share. */
struct exchange_site {
	enum listener listener;
	struct meter *meter; /* NULL: nobody counts */
	const struct route *routes;
	size_t route_count;
	struct server_api *api;
	int (*authorise)(struct server_api *api, enum listener listener,
			 const struct route *route, struct peer *peer,
			 struct err *e);
	int upload_dirfd; /* where uploads wait, nameless */
	/* What Host must be; NULL: any, for strangers may know us by a name
	 * that we had. */
	const struct host_names *names;
};

enum exchange_want {
	EXCHANGE_READ,  /* bytes of the client */
	EXCHANGE_WORK,  /* exchange_work() on a worker */
	EXCHANGE_SEND,  /* exchange_bytes() to the client */
	EXCHANGE_WAIT,  /* exchange_wake(), now and then */
	EXCHANGE_CLOSE, /* nothing: this was the last */
};

/* What a client is given time for. */
enum exchange_phase {
	EXCHANGE_IDLE, /* nothing of a request was read yet */
	EXCHANGE_HEAD,
	EXCHANGE_BODY,
	EXCHANGE_ANSWER, /* we compute or send */
	EXCHANGE_STREAM, /* an answer without an end waits for more to say */
};

struct exchange;

/* peer is kept by the caller, and changed by authorise(). */
struct exchange *exchange_new(const struct exchange_site *site,
			      struct peer *peer);
void exchange_free(struct exchange *x);

enum exchange_want exchange_want(const struct exchange *x);
enum exchange_phase exchange_phase(const struct exchange *x);

/* Where to put up to *len bytes when EXCHANGE_READ is wanted, len > 0. */
uint8_t *exchange_room(struct exchange *x, size_t *len);
void exchange_got(struct exchange *x, size_t len);

/* Take the next step that blocks: judge the peer, run the handler, move a
 * piece between file and memory. */
void exchange_work(struct exchange *x);

/* What to send when EXCHANGE_SEND is wanted; exchange_sent() ends the loan. */
struct slice exchange_bytes(const struct exchange *x);
void exchange_sent(struct exchange *x);

/* Look whether there is more to say, when EXCHANGE_WAIT is wanted. */
void exchange_wake(struct exchange *x);

/* Answer an ill-timed client (408, 503) and close; only while reading. */
void exchange_refuse(struct exchange *x, unsigned status, const char *why);

/* Let the request under way be the last. */
void exchange_finish(struct exchange *x);

/* A handler revoked this certificate; asked once after each work. */
bool exchange_take_cut(struct exchange *x, struct sha256 *fingerprint);

#endif
