/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - listeners, the loop and its end.
 *
 * One loop serves all listeners. SIGTERM or SIGINT stops accepting, lets
 * requests under way finish for a while, then ends; a second one ends at once.
 * To drain is gentler: for a while the listeners stay open, so that whoever
 * comes can be told when to come again, and what was under way ends by itself.
 */
#ifndef UPDATE_SERVER_SERVER_H
#define UPDATE_SERVER_SERVER_H

#include "update-server/meter.h"
#include "update-server/scrape.h"

struct server_setup {
	const struct limits *limits; /* must outlive the server */
	/* As config.h has them; NULL: none. */
	const char *listen[LISTENER_COUNT];
	const char *origin_mode;
	const char *metrics;             /* likewise */
	const struct scrape_page *pages; /* of metrics */
	struct meter *meter;             /* NULL: nobody counts */
	struct slice certificate, key;   /* PEM; not needed after opening */
	struct slice device_ca;
	const struct route *routes;
	size_t route_count;
	int (*authorise)(struct server_api *api, enum listener listener,
			 const struct route *route, struct peer *peer,
			 struct err *e);
	void (*tick)(struct server_api *api); /* NULL: none */
	/* After each tick: whether to drain, and within how many seconds; 0:
	 * no. NULL: never. */
	unsigned (*drains)(struct server_api *api);
};

struct server;

/* Bind and listen everywhere, or fail. Nothing is accepted, no thread started
 * before server_run(). */
int server_open(const struct server_setup *setup, struct server **out,
		struct err *e) NODISCARD;

/* "127.0.0.1:8443", with the real port, or "unix:/path"; NULL for what is not
 * served. */
const char *server_address(const struct server *s, enum listener listener);
const char *server_metrics_address(const struct server *s);

/* Serve until a signal says stop and all is done. Uploads wait in a folder. */
int server_run(struct server *s, struct server_api *api, int upload_dirfd,
	       struct err *e) NODISCARD;

/* How many requests server_run() cut off at its end, as they took too long. */
size_t server_cut(const struct server *s);

void server_close(struct server *s);

#endif
