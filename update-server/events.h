/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events - what happens, as a text/event-stream (WHATWG HTML, "Server-sent
 * events"): formatted here for the server, read here by our commands. Pure.
 *
 *	event: start	id: cursor	data: {"v":1}
 *	event: act	id: cursor	data: an audit record, canonical
 *	event: changed			data: {"v":1}
 *	: (a comment: still here)
 *
 * A cursor is the number of the audit record to go on with. Every act has its
 * record, so who comes back with a cursor misses none, whatever was restarted.
 * "changed" says that something of the store did (devices, attempts, ...), and
 * nothing of what.
 */
#ifndef UPDATE_SERVER_EVENTS_H
#define UPDATE_SERVER_EVENTS_H

#include "common/buf.h"

/* One line of a stream: a record and the word before it. */
#define EVENTS_LINE_MAX 4200

enum event_kind {
	EVENT_START,
	EVENT_ACT,
	EVENT_CHANGED,
	EVENT_KINDS
};

/* Append an event. record is used for an act, cursor for all but a change. */
int events_format(enum event_kind kind, uint64_t cursor, struct slice record,
		  struct buf *out, struct err *e) NODISCARD;
/* Append a sign of life. */
int events_format_alive(struct buf *out, struct err *e) NODISCARD;

struct event {
	enum event_kind kind;
	uint64_t cursor;     /* the newest that was said */
	struct slice record; /* of an act; borrowed for the call */
};

/* Bytes in pieces of any size; zeroed with EVENTS_READER_INIT. */
struct events_reader {
	struct buf line;
	struct buf data;
	bool known; /* what the event in hand is, if it is one of ours */
	enum event_kind kind;
	uint64_t cursor;
};

#define EVENTS_READER_INIT                                                     \
	{                                                                      \
		.line = BUF_INIT(EVENTS_LINE_MAX),                             \
		.data = BUF_INIT(EVENTS_LINE_MAX)                              \
	}

void events_reader_done(struct events_reader *r);
/*
 * Hands each event that is whole to visit, whose failure ends it. Comments and
 * kinds of events that we do not know are passed over. ERR_FORMAT, ERR_LIMIT.
 */
int events_read(struct events_reader *r, struct slice in,
		int (*visit)(void *ctx, const struct event *event,
			     struct err *e),
		void *ctx, struct err *e) NODISCARD;

#endif
