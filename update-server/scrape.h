/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape - the listener of monitoring: plain HTTP, a few pages to GET, nothing
 * to change. Who scrapes has no certificate, so it is bound to this machine's
 * own addresses (config.h sees to that), and it shows numbers about the server,
 * never about one device or person.
 *
 * A few connections at a time, one request each, ten seconds for all of it. A
 * page of a browser is refused, also one whose name was turned to us: Host must
 * be an address or "localhost".
 */
#ifndef UPDATE_SERVER_SCRAPE_H
#define UPDATE_SERVER_SCRAPE_H

#include "update-server/route.h"

struct uv_loop_s; /* libuv's */
struct scrape;

/* Fills in status, type and body, on a worker. -1: 500, and e is logged. */
struct scrape_page {
	const char *path;
	int (*print)(struct server_api *api, struct response *a, struct err *e);
};

/* The server's own: api_monitor.c. */
extern const struct scrape_page server_pages[];

/* Listen; nobody is answered before scrape_start(). pages, ended by a path of
 * NULL, must outlive it. *out is to be stopped and freed even after a failure.
 */
int scrape_open(struct uv_loop_s *loop, const char *address,
		const struct scrape_page *pages, struct scrape **out,
		struct err *e) NODISCARD;
/* "127.0.0.1:9464", with the real port. */
const char *scrape_address(const struct scrape *s);
void scrape_start(struct scrape *s, struct server_api *api);

/* Stop listening and cut what is open. The loop must run until all is closed;
 * scrape_free() comes after. Both take NULL. */
void scrape_stop(struct scrape *s);
void scrape_free(struct scrape *s);

#endif
