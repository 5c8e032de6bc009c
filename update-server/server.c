/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/server.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/utc.h"

#include "update-server/conn_pool.h"
#include "update-server/listen.h"
#include "update-server/listen_local.h"

#define TICK_MS        1000
#define DRAIN_LEAST_MS 2000 /* so long is it said at least */

struct door {
	struct server *server;
	struct conn_port port;
	union conn_socket socket;
	bool open;
	char address[LISTEN_ADDRESS_MAX];
	struct host_names names;
};

struct server {
	uv_loop_t loop;
	struct door doors[LISTENER_COUNT];
	struct conn_pool *pool;
	struct scrape *scrape; /* NULL: not served */
	const struct limits *limits;
	struct server_api *api;
	struct meter *meter;
	/* Of the loop's turn: when it began, and how long it had waited, ns */
	uv_prepare_t turn;
	uint64_t turn_began, turn_waited;
	void (*tick)(struct server_api *api);
	uv_timer_t tick_timer, stop_timer;
	uv_work_t tick_work;
	bool ticking;
	uv_signal_t sigterm, sigint;
	bool stopping;
	unsigned (*drains)(struct server_api *api);
	uint64_t drain_since, drain_end; /* ms of the loop; 0: not draining */
	size_t cut;                      /* requests, at the end */
};

static int fail(struct err *e, int rc, const char *what)
{
	return err_set(e, ERR_SYSTEM, "%s: %s", what, uv_strerror(rc));
}

/* ---- opening ------------------------------------------------------------- */

static void on_connection(uv_stream_t *listening, int status)
{
	struct door *d = listening->data;

	if (status == 0 && !d->server->stopping)
		conn_pool_accept(d->server->pool, listening, &d->port);
}

static int listen_door(struct door *d, const char *text, const char *mode,
		       struct err *e)
{
	struct local local;
	int rc;

	d->port.is_local = local_is(text);
	if (d->port.is_local && local_parse(text, mode, &local, e))
		return -1;
	rc = d->port.is_local
		     ? uv_pipe_init(&d->server->loop, &d->socket.pipe, 0)
		     : uv_tcp_init(&d->server->loop, &d->socket.tcp);
	if (rc)
		return fail(e, rc, "socket");
	d->socket.handle.data = d;
	d->open = true;
	if (!d->port.is_local)
		return listen_at(&d->socket.tcp, text, on_connection,
				 d->address, e);
	if (listen_local(&d->socket.pipe, &local, on_connection, e))
		return -1;
	return text_format(d->address, sizeof(d->address), e, "%s", text);
}

static int open_door(struct server *s, enum listener listener,
		     const struct server_setup *setup, struct err *e)
{
	static const enum tls_clients clients[LISTENER_COUNT] = {
		[LISTENER_ENROLMENT] = TLS_CLIENTS_NONE,
		[LISTENER_DEVICE] = TLS_CLIENTS_OF_CA,
		[LISTENER_PEOPLE] = TLS_CLIENTS_PINNED,
		[LISTENER_ORIGIN] = TLS_CLIENTS_PLAIN,
	};
	struct door *d = &s->doors[listener];

	d->server = s;
	d->port.site = (struct exchange_site){
		.listener = listener,
		.meter = setup->meter,
		.routes = setup->routes,
		.route_count = setup->route_count,
		.authorise = setup->authorise,
	};
	if (tls_server_open(setup->certificate, setup->key, clients[listener],
			    setup->device_ca, &d->port.tls, e) ||
	    tls_server_names(d->port.tls, &d->names, e))
		return -1;
	/* Who has to show a certificate has judged ours by its names first. */
	if (d->names.count > 0 &&
	    (listener == LISTENER_DEVICE || listener == LISTENER_PEOPLE))
		d->port.site.names = &d->names;
	return listen_door(d, setup->listen[listener], setup->origin_mode, e);
}

static int open_doors(struct server *s, const struct server_setup *setup,
		      struct err *e)
{
	for (int i = 0; i < LISTENER_COUNT; i++)
		if (setup->listen[i] &&
		    open_door(s, (enum listener)i, setup, e))
			return err_in(e, "%s listener",
				      listener_name((enum listener)i));
	if (setup->metrics &&
	    scrape_open(&s->loop, setup->metrics, setup->pages, &s->scrape, e))
		return err_in(e, "metrics listener");
	return 0;
}

/*
 * Each of mbedtls' record buffers gets a mapping of its own, neither from the
 * heap nor from what was kept at its top: pages of it that an idle connection
 * never touched then cost nothing.
 */
static void tune_memory(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 16000);
	(void)mallopt(M_TOP_PAD, 8192);
}

int server_open(const struct server_setup *setup, struct server **out,
		struct err *e)
{
	struct server *s = mem_alloc(1, sizeof(*s));
	int rc = uv_loop_init(&s->loop);

	if (rc) {
		free(s);
		return fail(e, rc, "loop");
	}
	tune_memory();
	/* Only then does it say how long it waited; it never fails for that. */
	(void)uv_loop_configure(&s->loop, UV_METRICS_IDLE_TIME);
	(void)uv_prepare_init(&s->loop, &s->turn);
	s->turn.data = s;
	s->meter = setup->meter;
	s->limits = setup->limits;
	s->tick = setup->tick;
	s->drains = setup->drains;
	s->pool = conn_pool_new(&s->loop, s->limits);
	/* These cannot fail: they only fill in memory. */
	(void)uv_timer_init(&s->loop, &s->tick_timer);
	(void)uv_timer_init(&s->loop, &s->stop_timer);
	(void)uv_signal_init(&s->loop, &s->sigterm);
	(void)uv_signal_init(&s->loop, &s->sigint);
	s->tick_timer.data = s->stop_timer.data = s->tick_work.data = s;
	s->sigterm.data = s->sigint.data = s;
	if (open_doors(s, setup, e)) {
		server_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

const char *server_address(const struct server *s, enum listener listener)
{
	return s->doors[listener].open ? s->doors[listener].address : NULL;
}

const char *server_metrics_address(const struct server *s)
{
	return s->scrape ? scrape_address(s->scrape) : NULL;
}

/* ---- the end ------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void close_doors(struct server *s)
{
	for (int i = 0; i < LISTENER_COUNT; i++)
		if (s->doors[i].open)
			close_handle(&s->doors[i].socket.handle, NULL);
	scrape_stop(s->scrape);
}

/* The last connection is gone: nothing keeps the loop but our own handles. */
static void on_all_done(void *ctx)
{
	struct server *s = ctx;

	close_handle((uv_handle_t *)&s->tick_timer, NULL);
	close_handle((uv_handle_t *)&s->stop_timer, NULL);
	close_handle((uv_handle_t *)&s->turn, NULL);
	close_handle((uv_handle_t *)&s->sigterm, NULL);
	close_handle((uv_handle_t *)&s->sigint, NULL);
}

static void on_stop_deadline(uv_timer_t *timer)
{
	struct server *s = timer->data;

	s->cut = conn_pool_cut(s->pool);
	log_event(LOG_WARNING, "connections-cut", "requests=%zu", s->cut);
}

static void stop(struct server *s, uint64_t wait_ms)
{
	s->stopping = true;
	close_doors(s);
	(void)uv_timer_start(&s->stop_timer, on_stop_deadline, wait_ms, 0);
	conn_pool_finish(s->pool, on_all_done, s);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct server *s = handle->data;

	if (s->stopping) {
		/* At once means at once: what lies on disk is always whole. */
		(void)signal(number, SIG_DFL);
		(void)raise(number);
		return;
	}
	log_event(LOG_INFO, "stop-requested", "signal=%d", number);
	stop(s, s->limits->stop_sec * 1000);
}

/* Each second from the wish on: end when nothing of before is under way any
 * more, and some were told to come again; or when the time is over. */
static void drain(struct server *s)
{
	uint64_t now = uv_now(&s->loop);
	unsigned within = s->drains ? s->drains(s->api) : 0;
	size_t left;

	if (within == 0)
		return;
	if (s->drain_end == 0) {
		s->drain_since = now;
		s->drain_end = now + within * UINT64_C(1000);
		conn_pool_drain(s->pool);
	}
	left = conn_pool_left(s->pool);
	if (now < s->drain_end &&
	    (left > 0 || now < s->drain_since + DRAIN_LEAST_MS))
		return;
	log_event(LOG_INFO, "drained", "sec=%llu left=%zu",
		  (unsigned long long)(now - s->drain_since) / 1000, left);
	stop(s, left > 0 ? 0 : s->limits->stop_sec * 1000);
}

size_t server_cut(const struct server *s)
{
	return s->cut;
}

void server_close(struct server *s)
{
	if (!s)
		return;
	close_doors(s);
	on_all_done(s);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&s->loop);
	conn_pool_free(s->pool);
	scrape_free(s->scrape);
	for (int i = 0; i < LISTENER_COUNT; i++)
		tls_server_close(s->doors[i].port.tls);
	free(s);
}

/* ---- running ------------------------------------------------------------- */

static void tick_on_worker(uv_work_t *work)
{
	struct server *s = work->data;

	s->tick(s->api);
}

static void after_tick(uv_work_t *work, int status)
{
	struct server *s = work->data;

	(void)status;
	s->ticking = false;
	if (s->stopping)
		return;
	conn_pool_expire(s->pool, utc_now());
	conn_pool_wake(s->pool);
	drain(s);
}

static void on_tick(uv_timer_t *timer)
{
	struct server *s = timer->data;

	if (s->ticking || s->stopping)
		return;
	s->ticking = uv_queue_work(&s->loop, &s->tick_work, tick_on_worker,
				   after_tick) == 0;
}

/* Before each wait: what was done since the last one. */
static void on_turn(uv_prepare_t *turn)
{
	struct server *s = turn->data;
	uint64_t now = uv_hrtime();
	uint64_t waited = uv_metrics_idle_time(&s->loop);

	if (s->turn_began > 0)
		meter_turned(s->meter, now,
			     now - s->turn_began - (waited - s->turn_waited));
	s->turn_began = now;
	s->turn_waited = waited;
}

int server_run(struct server *s, struct server_api *api, int upload_dirfd,
	       struct err *e)
{
	int rc = uv_signal_start(&s->sigterm, on_signal, SIGTERM);

	s->api = api;
	if (s->scrape)
		scrape_start(s->scrape, api);
	for (int i = 0; i < LISTENER_COUNT; i++) {
		s->doors[i].port.site.api = api;
		s->doors[i].port.site.upload_dirfd = upload_dirfd;
	}
	if (rc == 0)
		rc = uv_signal_start(&s->sigint, on_signal, SIGINT);
	if (rc == 0)
		rc = uv_prepare_start(&s->turn, on_turn);
	if (rc == 0 && s->tick)
		rc = uv_timer_start(&s->tick_timer, on_tick, TICK_MS, TICK_MS);
	if (rc)
		return fail(e, rc, "loop");
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	return 0;
}
