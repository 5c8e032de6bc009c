/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn_pool - the connections of a server: who is there, and who gives way.
 *
 * At most a few handshakes are computed at a time, and every listener has its
 * own share of connections: where that is used up, the oldest stranger gives
 * way, then the oldest idle one.
 */
#ifndef UPDATE_SERVER_CONN_POOL_H
#define UPDATE_SERVER_CONN_POOL_H

#include "update-server/conn.h"

struct conn_pool;

/* limits must outlive the pool. */
struct conn_pool *conn_pool_new(struct uv_loop_s *loop,
				const struct limits *limits);
/* All connections must be gone. */
void conn_pool_free(struct conn_pool *p);

/* A connection waits at a listening socket. port must outlive it. */
void conn_pool_accept(struct conn_pool *p, struct uv_stream_s *listening,
		      const struct conn_port *port);

/* Ask every answer without an end whether there is more to say. */
void conn_pool_wake(struct conn_pool *p);

/* Close those whose certificates' CA has ended by now. */
void conn_pool_expire(struct conn_pool *p, int64_t now);

/* We are about to go: close what idles, and mark what is under way. Who comes
 * now is served all the same. */
void conn_pool_drain(struct conn_pool *p);
/* How many of those that were marked are under way still. */
size_t conn_pool_left(const struct conn_pool *p);

/* Close what idles; let each request under way be its connection's last.
 * `done` is called when the last connection is gone, at once if none is. */
void conn_pool_finish(struct conn_pool *p, void (*done)(void *ctx), void *ctx);

/* Close them all now; how many of them were in the midst of a request. */
size_t conn_pool_cut(struct conn_pool *p);

#endif
