/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/conn_pool.h"

#include <stdlib.h>

#include "common/mem.h"

#define STREAMS 128 /* answers without an end, at a listener */

struct list {
	struct conn *first, *last;
};

struct conn_pool {
	struct conn_keeper keeper; /* first: see pool_of() */
	struct list lists[LISTENER_COUNT][LIST_COUNT];
	size_t counts[LISTENER_COUNT]; /* in the lists */
	size_t alive;                  /* those and the closing ones */
	unsigned handshakes;           /* on workers now */
	unsigned next_listener;        /* whose handshake is next */
	/* When the first of the CAs ends that they are known by. */
	int64_t next_end;
	void (*done)(void *ctx);
	void *done_ctx;
};

static struct conn_pool *pool_of(const struct conn *c)
{
	return (struct conn_pool *)c->keeper;
}

static struct meter *meter_of(const struct conn *c)
{
	return c->port->site.meter;
}

/* ---- lists --------------------------------------------------------------- */

static struct list *list_of(struct conn *c)
{
	return &pool_of(c)->lists[c->port->site.listener][c->list];
}

static void list_remove(struct conn *c)
{
	struct list *l = list_of(c);

	if (c->prev)
		c->prev->next = c->next;
	else
		l->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		l->last = c->prev;
	c->prev = c->next = NULL;
}

static void list_append(struct conn *c, enum list_name name)
{
	struct list *l;

	c->list = name;
	l = list_of(c);
	c->prev = l->last;
	c->next = NULL;
	if (l->last)
		l->last->next = c;
	else
		l->first = c;
	l->last = c;
}

static void list_move(struct conn *c, enum list_name name)
{
	if (c->list == name)
		return;
	list_remove(c);
	list_append(c, name);
}

static void add(struct conn *c)
{
	struct conn_pool *p = pool_of(c);
	enum listener listener = c->port->site.listener;

	p->alive++;
	p->counts[listener]++;
	meter_opened(meter_of(c), listener);
	list_append(c, LIST_STRANGERS);
}

static void leaves(struct conn *c)
{
	enum listener listener = c->port->site.listener;

	list_remove(c);
	pool_of(c)->counts[listener]--;
	meter_closed(meter_of(c), listener);
}

static void is_gone(struct conn_keeper *k)
{
	struct conn_pool *p = (struct conn_pool *)k;

	p->alive--;
	if (p->alive == 0 && p->keeper.finishing && p->done)
		p->done(p->done_ctx);
}

static bool has_certificate(const struct conn *c, const struct sha256 *print)
{
	return c->peer.present && sha256_equal(&c->peer.fingerprint, print);
}

/* Close all of a list but one, or those alone that showed a certificate. */
static void close_list(struct list *l, const struct conn *but,
		       const struct sha256 *print)
{
	struct conn *next;

	for (struct conn *c = l->first; c; c = next) {
		next = c->next;
		if ((but && c == but) || (print && !has_certificate(c, print)))
			continue;
		conn_close(c);
	}
}

static void close_lists(struct conn_pool *p, unsigned lists)
{
	for (int l = 0; l < LISTENER_COUNT; l++)
		for (unsigned i = 0; i < LIST_COUNT; i++)
			if (lists & 1U << i)
				close_list(&p->lists[l][i], NULL, NULL);
}

/* ---- who gives way ------------------------------------------------------- */

/*
 * A listener that is full loses its oldest stranger, or its oldest idler.
 * Where anybody is let in, slow requests are no reason to keep others out.
 */
static void make_room(struct conn_pool *p, enum listener listener)
{
	static const enum list_name order[] = { LIST_STRANGERS, LIST_QUEUED,
						LIST_IDLE, LIST_BUSY };
	size_t count = listener == LISTENER_ENROLMENT ? 4 : 3;

	if (p->counts[listener] < p->keeper.limits->connections)
		return;
	for (size_t i = 0; i < count; i++) {
		struct conn *oldest = p->lists[listener][order[i]].first;

		if (oldest) {
			meter_crowded_out(meter_of(oldest), listener);
			conn_close(oldest);
			return;
		}
	}
}

/* Where strangers are let in, and who has shown nothing is one of them. A fleet
 * stands behind one address: at its listener they are counted together. */
static bool counts_by_address(enum listener listener)
{
	return listener == LISTENER_ENROLMENT || listener == LISTENER_PEOPLE;
}

/* Those of one network give way to each other, its oldest first. */
static void make_room_for_address(const struct conn *c)
{
	enum listener listener = c->port->site.listener;
	struct conn *oldest = NULL;
	uint64_t count = 0;

	if (!counts_by_address(listener))
		return;
	for (int i = 0; i < LIST_COUNT; i++) {
		struct conn *o = pool_of(c)->lists[listener][i].first;

		for (; o; o = o->next) {
			if (o == c || o->peer.present ||
			    !whence_same(&o->peer.whence, &c->peer.whence))
				continue;
			count++;
			if (!oldest)
				oldest = o;
		}
	}
	if (count < c->keeper->limits->connections_per_address)
		return;
	meter_crowded_out(meter_of(c), listener);
	conn_close(oldest);
}

/* The oldest connection of this device in a list; adds to *count. */
static struct conn *find_device(const struct conn *c, enum list_name list,
				size_t *count)
{
	struct conn *oldest = NULL;
	struct conn *o = pool_of(c)->lists[LISTENER_DEVICE][list].first;

	for (; o; o = o->next) {
		if (!has_certificate(o, &c->peer.fingerprint))
			continue;
		(*count)++;
		if (!oldest)
			oldest = o;
	}
	return oldest;
}

/* One device may hold a few connections; its oldest gives way to a new one. */
static void make_room_for_device(const struct conn *c)
{
	size_t count = 0;
	struct conn *idle = find_device(c, LIST_IDLE, &count);
	struct conn *busy = find_device(c, LIST_BUSY, &count);

	if (count >= c->keeper->limits->connections_per_device)
		conn_close(idle ? idle : busy);
}

/* Beyond so many the oldest gives way, and comes again if somebody still
 * listens. */
static void streams(struct conn *c)
{
	struct conn *o =
		pool_of(c)->lists[c->port->site.listener][LIST_IDLE].first;
	struct conn *oldest = NULL;
	size_t count = 0;

	for (; o; o = o->next) {
		if (o->phase != PHASE_STREAM)
			continue;
		if (!oldest)
			oldest = o;
		count++;
	}
	if (count >= STREAMS)
		conn_close(oldest);
}

/* A certificate was revoked, a device blocked: its other connections end here
 * and now. */
static void cuts(struct conn *c, const struct sha256 *print)
{
	for (int l = 0; l < LISTENER_COUNT; l++)
		for (int i = 0; i < LIST_COUNT; i++)
			close_list(&pool_of(c)->lists[l][i], c, print);
}

/* ---- all of them --------------------------------------------------------- */

/* Listeners take turns: a flood at one does not keep people out of another. */
static void start_handshakes(struct conn_pool *p)
{
	unsigned empty = 0;

	while (p->handshakes < p->keeper.limits->handshakes &&
	       empty < LISTENER_COUNT) {
		struct conn *c = p->lists[p->next_listener][LIST_QUEUED].first;

		p->next_listener = (p->next_listener + 1) % LISTENER_COUNT;
		empty = c ? 0 : empty + 1;
		if (!c)
			continue;
		p->handshakes++;
		conn_start_handshake(c);
	}
}

static void frees_worker(struct conn_keeper *k)
{
	struct conn_pool *p = (struct conn_pool *)k;

	p->handshakes--;
	start_handshakes(p);
}

static void moves(struct conn *c, enum list_name to)
{
	list_move(c, to);
	if (to == LIST_QUEUED)
		start_handshakes(pool_of(c));
}

static void is_known(struct conn *c)
{
	struct conn_pool *p = pool_of(c);

	if (c->peer.present && c->peer.trusted_until < p->next_end)
		p->next_end = c->peer.trusted_until;
	if (c->port->site.listener == LISTENER_DEVICE)
		make_room_for_device(c);
}

struct conn_pool *conn_pool_new(struct uv_loop_s *loop,
				const struct limits *limits)
{
	struct conn_pool *p = mem_alloc(1, sizeof(*p));
	struct conn_keeper *k = &p->keeper;

	k->loop = loop;
	k->limits = limits;
	k->moves = moves;
	k->frees_worker = frees_worker;
	k->is_known = is_known;
	k->streams = streams;
	k->cuts = cuts;
	k->leaves = leaves;
	k->is_gone = is_gone;
	p->next_end = INT64_MAX;
	return p;
}

void conn_pool_free(struct conn_pool *p)
{
	free(p);
}

void conn_pool_accept(struct conn_pool *p, struct uv_stream_s *listening,
		      const struct conn_port *port)
{
	enum listener listener = port->site.listener;
	struct conn *c;

	make_room(p, listener);
	c = conn_new(&p->keeper, port);
	add(c);
	if (conn_accept(c, listening) ||
	    p->counts[listener] > p->keeper.limits->connections) {
		conn_close(c);
		return;
	}
	make_room_for_address(c);
	conn_step(c);
}

void conn_pool_wake(struct conn_pool *p)
{
	struct conn *next;

	for (int l = 0; l < LISTENER_COUNT; l++)
		for (struct conn *c = p->lists[l][LIST_IDLE].first; c;
		     c = next) {
			next = c->next;
			if (c->phase != PHASE_STREAM || c->working)
				continue;
			exchange_wake(c->exchange);
			conn_step(c);
		}
}

/* Whatever they are at: a CA ends because its key may be known to others. */
static void close_ended(struct conn_pool *p, struct list *l, int64_t now)
{
	struct conn *next;

	for (struct conn *c = l->first; c; c = next) {
		next = c->next;
		if (!c->peer.present)
			continue;
		if (c->peer.trusted_until < now)
			conn_close(c);
		else if (c->peer.trusted_until < p->next_end)
			p->next_end = c->peer.trusted_until;
	}
}

void conn_pool_expire(struct conn_pool *p, int64_t now)
{
	if (now <= p->next_end)
		return;
	p->next_end = INT64_MAX;
	for (int l = 0; l < LISTENER_COUNT; l++)
		for (int i = 0; i < LIST_COUNT; i++)
			close_ended(p, &p->lists[l][i], now);
}

void conn_pool_drain(struct conn_pool *p)
{
	close_lists(p,
		    1U << LIST_STRANGERS | 1U << LIST_QUEUED | 1U << LIST_IDLE);
	for (int l = 0; l < LISTENER_COUNT; l++)
		for (struct conn *c = p->lists[l][LIST_BUSY].first; c;
		     c = c->next)
			c->marked = true;
}

size_t conn_pool_left(const struct conn_pool *p)
{
	size_t left = 0;

	for (int l = 0; l < LISTENER_COUNT; l++)
		for (const struct conn *c = p->lists[l][LIST_BUSY].first; c;
		     c = c->next)
			left += c->marked;
	return left;
}

void conn_pool_finish(struct conn_pool *p, void (*done)(void *ctx), void *ctx)
{
	p->keeper.finishing = true;
	p->done = done;
	p->done_ctx = ctx;
	close_lists(p,
		    1U << LIST_STRANGERS | 1U << LIST_QUEUED | 1U << LIST_IDLE);
	if (p->alive == 0)
		done(ctx);
}

size_t conn_pool_cut(struct conn_pool *p)
{
	size_t busy = 0;

	for (int l = 0; l < LISTENER_COUNT; l++)
		for (const struct conn *c = p->lists[l][LIST_BUSY].first; c;
		     c = c->next)
			busy++;
	close_lists(p, ~0U);
	return busy;
}
