/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter - what the server counts of its own work, from its start on. Threads
 * count at the same time and none waits: whoever reads sees each number as it
 * is then. Nothing here names a device, and nothing grows with the fleet.
 *
 * Every call takes NULL for "nobody counts".
 */
#ifndef UPDATE_SERVER_METER_H
#define UPDATE_SERVER_METER_H

#include "update-server/egress.h"
#include "update-server/exposition.h"
#include "update-server/route.h"

struct meter;

/* routes must outlive it; their paths become labels. */
struct meter *meter_new(const struct route *routes, size_t count);
void meter_free(struct meter *m);

/* ---- at the front -------------------------------------------------------- */

/* A connection came or went. */
void meter_opened(struct meter *m, enum listener listener);
void meter_closed(struct meter *m, enum listener listener);
/* One was closed so that another has room. */
void meter_crowded_out(struct meter *m, enum listener listener);
/* Bytes for a client, as they go over the wire. */
void meter_sent(struct meter *m, enum listener listener, uint64_t bytes);

enum meter_tls {
	METER_TLS_PROTOCOL,    /* no TLS, or none that we speak */
	METER_TLS_CERTIFICATE, /* none, or not one of ours */
	METER_TLS_TIMEOUT,
	METER_TLS_LEFT, /* the other side went away */
	METER_TLS_COUNT
};

/* A handshake that came to nothing. */
void meter_tls_failed(struct meter *m, enum listener listener,
		      enum meter_tls why);

/*
 * A request was answered. `route` is one of those of meter_new(), or NULL where
 * none fits; `ns` is how long we took from the whole request on, 0 if it never
 * was whole.
 */
void meter_answered(struct meter *m, enum listener listener,
		    const struct route *route, unsigned status, uint64_t ns);

/* ---- behind it ----------------------------------------------------------- */

enum meter_event {
	METER_CHECKIN_UPDATE, /* something is offered */
	METER_CHECKIN_NOTHING,
	METER_CHECKIN_WAIT,
	METER_CHECKIN_FAILED,
	METER_SECURITY,     /* a device reported a bad signature or the like */
	METER_REVOKED_SEEN, /* who was revoked tried to talk to us */
	METER_ENROLLED,
	METER_ENROL_REFUSED,
	METER_EVENTS
};

void meter_count(struct meter *m, enum meter_event event);
uint64_t meter_total(const struct meter *m, enum meter_event event);

/* From the start on: bytes that went to clients of a listener, and requests
 * that were told to come again later (503). */
uint64_t meter_sent_to(const struct meter *m, enum listener listener);
uint64_t meter_busy(const struct meter *m, enum listener listener);

/*
 * The event loop went round once, and that took it so long beside waiting: so
 * long nobody else was heard. For the one thread of that loop alone; now_ns is
 * of a clock that never goes back.
 */
void meter_turned(struct meter *m, uint64_t now_ns, uint64_t ns);
/* The longest of this minute and the one before. */
uint64_t meter_worst_turn(const struct meter *m);

/* Of single packages; lives as long as m. */
struct egress *meter_egress(struct meter *m);

/* A transaction was committed. */
void meter_committed(struct meter *m, uint64_t ns);

/* All of it. */
void meter_expose(const struct meter *m, struct exposition *x);

#endif
