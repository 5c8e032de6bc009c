/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn - one connection: its socket, its deadlines, and how it goes from the
 * handshake through requests to its end.
 *
 * It is at any moment reading, computing on a worker, or writing, never two of
 * them, so nothing of it needs a lock and a slow client holds back only itself.
 * Handshakes and all that blocks run on workers, so that the loop always
 * answers. Every phase has a deadline.
 */
#ifndef UPDATE_SERVER_CONN_H
#define UPDATE_SERVER_CONN_H

#include <uv.h>

#include "update-server/exchange.h"
#include "update-server/tls.h"

#define CONN_READ_LEN ((size_t)64 * 1024)

struct conn;

enum phase {
	PHASE_HANDSHAKE,
	PHASE_IDLE,
	PHASE_HEAD,
	PHASE_BODY,
	PHASE_ANSWER,
	PHASE_STREAM, /* until the client goes; gives way like who idles */
	PHASE_LINGER, /* all is said; the client may take its time to hear it */
};

/* Every connection that is not closing is in exactly one list, oldest first. */
enum list_name {
	LIST_STRANGERS, /* handshake */
	LIST_QUEUED,    /* handshake that waits for a worker */
	LIST_IDLE,
	LIST_BUSY,
	LIST_COUNT
};

/*
 * Who keeps connections, and what they tell him. None is called from a worker.
 */
struct conn_keeper {
	uv_loop_t *loop;
	const struct limits *limits;
	bool finishing; /* each request is its connection's last */
	/* It belongs into another list; in LIST_QUEUED it waits to be told
	 * that it may begin (conn_start_handshake). */
	void (*moves)(struct conn *c, enum list_name to);
	/* A worker is free again. */
	void (*frees_worker)(struct conn_keeper *k);
	/* Its handshake is done: who it is stands in c->peer. */
	void (*is_known)(struct conn *c);
	/* An answer without an end begins. */
	void (*streams)(struct conn *c);
	/* A certificate counts no more: of who showed it c alone may go on. */
	void (*cuts)(struct conn *c, const struct sha256 *print);
	/* It closes, and is in no list from now on; later it is freed. */
	void (*leaves)(struct conn *c);
	void (*is_gone)(struct conn_keeper *k);
	char read_buf[CONN_READ_LEN]; /* used up before the loop reads again */
};

/* From another machine, or from this one by a path. */
union conn_socket {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_tcp_t tcp;
	uv_pipe_t pipe;
};

/* What connections to one listener have in common. */
struct conn_port {
	bool is_local; /* pipes; else tcp */
	struct exchange_site site;
	struct tls_server *tls;
};

struct conn {
	struct conn_keeper *keeper;
	const struct conn_port *port;
	struct conn *prev, *next;
	enum list_name list;
	enum phase phase;

	union conn_socket socket;
	uv_timer_t timer;
	uv_write_t write;
	uv_shutdown_t shutdown;
	uv_work_t work;
	unsigned handles; /* socket and timer, until closed */
	bool closing;
	bool working; /* a worker owns tls, peer and exchange */
	bool writing;
	bool reading;
	bool ending;  /* all is written but the farewell */
	bool failed;  /* by the worker */
	bool stalled; /* a write was under way at the last look */
	bool marked;  /* it was under way when the draining began */

	struct tls *tls;
	struct peer peer;
	struct exchange *exchange; /* once the handshake is done */
	bool handshake_done;
	struct buf out;   /* being written */
	struct buf early; /* came while a worker or a write was under way */
	uint64_t got, put;
	uint64_t mark; /* progress at the last look */
};

/* Not accepted yet, and in no list. Both must outlive it. */
struct conn *conn_new(struct conn_keeper *k, const struct conn_port *port);
/* Take what waits at the socket; nobody has shown anything yet. Not 0: it is of
 * no use, close it. */
int conn_accept(struct conn *c, struct uv_stream_s *listening) NODISCARD;
/* Go as far as possible without waiting for client, disk or worker. */
void conn_step(struct conn *c);
/* Its turn has come: compute what is to be said, on a worker. */
void conn_start_handshake(struct conn *c);
/* Now, whatever it is at; freed when its worker is done. */
void conn_close(struct conn *c);

#endif
