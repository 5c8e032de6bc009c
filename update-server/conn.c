/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/conn.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <uv.h>

#include "common/mem.h"

#define READ_LEN   ((size_t)64 * 1024)
#define LINGER_SEC 2
#define LINGER_MAX ((uint64_t)1024 * 1024)
#define STREAM_MAX ((uint64_t)4096) /* a listener has nothing to say */
#define STREAMS    128              /* answers without an end, at a listener */

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

struct list {
	struct conn *first, *last;
};

struct conn_pool {
	uv_loop_t *loop;
	const struct limits *limits;
	struct list lists[LISTENER_COUNT][LIST_COUNT];
	size_t counts[LISTENER_COUNT]; /* in the lists */
	size_t alive;                  /* those and the closing ones */
	unsigned handshakes;           /* on workers now */
	unsigned next_listener;        /* whose handshake is next */
	/* When the first of the CAs ends that they are known by. */
	int64_t next_end;
	bool finishing;
	void (*done)(void *ctx);
	void *done_ctx;
	char read_buf[READ_LEN]; /* used up before the loop reads again */
};

struct conn {
	struct conn_pool *pool;
	const struct conn_port *port;
	struct conn *prev, *next;
	enum list_name list;
	enum phase phase;

	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_write_t write;
	uv_shutdown_t shutdown;
	uv_work_t work;
	unsigned handles; /* tcp and timer, until closed */
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

static void step(struct conn *c);
static void begin_end(struct conn *c);
static void read_stop(struct conn *c);
static void start_handshakes(struct conn_pool *p);

/* ---- counting ------------------------------------------------------------ */

static struct meter *meter_of(const struct conn *c)
{
	return c->port->site.meter;
}

static void count_failed_handshake(const struct conn *c, enum meter_tls why)
{
	meter_tls_failed(meter_of(c), c->port->site.listener, why);
}

/* ---- lists --------------------------------------------------------------- */

static struct list *list_of(struct conn *c)
{
	return &c->pool->lists[c->port->site.listener][c->list];
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

static bool has_certificate(const struct conn *c, const struct sha256 *print)
{
	return c->peer.present && sha256_equal(&c->peer.fingerprint, print);
}

/* ---- the end of a connection --------------------------------------------- */

/* Free what the last of handles and worker leaves behind. */
static void release(struct conn *c)
{
	struct conn_pool *p = c->pool;

	if (c->handles > 0 || c->working)
		return;
	exchange_free(c->exchange);
	tls_close(c->tls);
	buf_done(&c->out);
	buf_done(&c->early);
	free(c);
	p->alive--;
	if (p->alive == 0 && p->finishing && p->done)
		p->done(p->done_ctx);
}

static void on_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;

	c->handles--;
	release(c);
}

static void conn_close(struct conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	list_remove(c);
	c->pool->counts[c->port->site.listener]--;
	meter_closed(meter_of(c), c->port->site.listener);
	if (c->working)
		(void)uv_cancel((uv_req_t *)&c->work); /* if not begun */
	uv_close((uv_handle_t *)&c->tcp, on_closed);
	uv_close((uv_handle_t *)&c->timer, on_closed);
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

/* ---- deadlines ----------------------------------------------------------- */

/* Bytes that the client took or gave: the kernel's queue does not count. */
static uint64_t progress(const struct conn *c)
{
	size_t queued =
		uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
	int in_kernel = 0;
	uv_os_fd_t fd;

	if (c->phase != PHASE_ANSWER)
		return c->got;
	if (uv_fileno((const uv_handle_t *)&c->tcp, &fd) ||
	    ioctl(fd, SIOCOUTQ, &in_kernel) || in_kernel < 0)
		in_kernel = 0;
	return c->put - queued - (uint64_t)in_kernel;
}

/* Too little since the last look? Not while we are the ones who take long. */
static bool is_too_slow(struct conn *c)
{
	const struct limits *l = c->pool->limits;
	uint64_t now = progress(c);
	bool waiting = c->phase == PHASE_ANSWER ? c->writing : !c->working;
	bool slow = waiting && c->stalled &&
		    now - c->mark < l->body_rate * l->stall_sec;

	c->mark = now;
	c->stalled = waiting;
	return slow;
}

static void on_deadline(uv_timer_t *timer)
{
	struct conn *c = timer->data;

	switch (c->phase) {
	case PHASE_HEAD:
		exchange_refuse(c->exchange, 408, "the request took too long");
		step(c);
		break;
	case PHASE_BODY:
		if (!is_too_slow(c))
			break;
		exchange_refuse(c->exchange, 408, "the body came too slowly");
		step(c);
		break;
	case PHASE_ANSWER:
		if (is_too_slow(c))
			conn_close(c);
		break;
	case PHASE_IDLE:
		begin_end(c);
		step(c);
		break;
	default:
		if (c->phase == PHASE_HANDSHAKE)
			count_failed_handshake(c, METER_TLS_TIMEOUT);
		conn_close(c);
		break;
	}
}

static enum list_name list_of_phase(enum phase phase)
{
	switch (phase) {
	case PHASE_HANDSHAKE:
	case PHASE_LINGER: /* nobody waits for it any more */
		return LIST_STRANGERS;
	case PHASE_IDLE:
	case PHASE_HEAD: /* half a head is no request yet */
	case PHASE_STREAM:
		return LIST_IDLE;
	default:
		return LIST_BUSY;
	}
}

static void enter_phase(struct conn *c, enum phase phase)
{
	const struct limits *l = c->pool->limits;
	const uint64_t seconds[] = {
		[PHASE_HANDSHAKE] = l->handshake_sec,
		[PHASE_IDLE] = l->idle_sec,
		[PHASE_HEAD] = l->head_sec,
		[PHASE_BODY] = l->stall_sec,
		[PHASE_ANSWER] = l->stall_sec,
		[PHASE_STREAM] = 0,
		[PHASE_LINGER] = LINGER_SEC,
	};
	uint64_t ms = seconds[phase] * 1000;
	bool repeats = phase == PHASE_BODY || phase == PHASE_ANSWER;

	c->phase = phase;
	list_move(c, list_of_phase(phase));
	/* Of an answer the first look only notes where it stands. */
	c->mark = c->got;
	c->stalled = phase == PHASE_BODY;
	if (phase == PHASE_STREAM)
		(void)uv_timer_stop(&c->timer);
	else
		(void)uv_timer_start(&c->timer, on_deadline, ms,
				     repeats ? ms : 0);
}

/* Going on with the same thing does not move its deadline. */
static void set_phase(struct conn *c)
{
	static const enum phase phases[] = {
		[EXCHANGE_IDLE] = PHASE_IDLE,
		[EXCHANGE_HEAD] = PHASE_HEAD,
		[EXCHANGE_BODY] = PHASE_BODY,
		[EXCHANGE_ANSWER] = PHASE_ANSWER,
		[EXCHANGE_STREAM] = PHASE_STREAM,
	};
	enum phase phase = phases[exchange_phase(c->exchange)];

	/* Who does not take what there is, is slow like anybody else. */
	if (phase == PHASE_STREAM && c->writing)
		phase = PHASE_ANSWER;
	if (phase != c->phase)
		enter_phase(c, phase);
}

/* ---- writing ------------------------------------------------------------- */

static void on_written(uv_write_t *write, int status)
{
	struct conn *c = write->data;

	c->writing = false;
	buf_done(&c->out);
	if (status < 0)
		conn_close(c);
	else
		step(c);
}

/* Write what TLS has for the client; most often the socket takes it at once. */
static void flush(struct conn *c)
{
	uv_buf_t bytes;
	struct err e;
	int sent;

	if (tls_take(c->tls, &c->out, &e)) {
		conn_close(c);
		return;
	}
	if (c->out.len == 0)
		return;
	bytes = uv_buf_init((char *)c->out.ptr, (unsigned)c->out.len);
	sent = uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1);
	if (sent < 0 && sent != UV_EAGAIN) {
		conn_close(c);
		return;
	}
	c->put += c->out.len;
	meter_sent(meter_of(c), c->port->site.listener, c->out.len);
	if (sent > 0 && (size_t)sent == c->out.len) {
		buf_done(&c->out);
		return;
	}
	if (sent > 0) {
		bytes.base += sent;
		bytes.len -= (size_t)sent;
	}
	c->writing = true;
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &bytes, 1, on_written))
		conn_close(c);
}

/* ---- reading ------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct conn *c = handle->data;

	(void)suggested;
	*out = uv_buf_init(c->pool->read_buf, sizeof(c->pool->read_buf));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
	struct conn *c = stream->data;
	struct slice in = { (const uint8_t *)bytes->base, 0 };
	struct err e;

	if (got == 0)
		return;
	if (got < 0) {
		if (c->phase == PHASE_HANDSHAKE)
			count_failed_handshake(c, METER_TLS_LEFT);
		conn_close(c);
		return;
	}
	in.len = (size_t)got;
	c->got += in.len;
	if (c->phase == PHASE_LINGER || c->phase == PHASE_STREAM) {
		if (c->got - c->mark >
		    (c->phase == PHASE_LINGER ? LINGER_MAX : STREAM_MAX))
			conn_close(c);
		return;
	}
	/* Sent ahead: one helping is kept, the rest waits in the kernel. */
	if (c->working || c->writing) {
		read_stop(c);
		if (buf_add(&c->early, in, &e))
			conn_close(c);
		return;
	}
	if (tls_feed(c->tls, in, &e))
		conn_close(c);
	else
		step(c);
}

static void read_start(struct conn *c)
{
	if (c->reading || c->closing)
		return;
	c->reading = true;
	if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read))
		conn_close(c);
}

static void read_stop(struct conn *c)
{
	c->reading = false;
	(void)uv_read_stop((uv_stream_t *)&c->tcp);
}

/* ---- the handshake ------------------------------------------------------- */

/* The oldest connection of this device in a list; adds to *count. */
static struct conn *find_device(const struct conn *c, enum list_name list,
				size_t *count)
{
	struct conn *oldest = NULL;
	struct conn *o = c->pool->lists[LISTENER_DEVICE][list].first;

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

	if (count >= c->pool->limits->connections_per_device)
		conn_close(idle ? idle : busy);
}

static void handshake_on_worker(uv_work_t *work)
{
	struct conn *c = work->data;
	struct err e;

	c->failed = tls_handshake(c->tls, &c->handshake_done, &e) != 0;
}

/* Say farewell once all is written, and give the client time to hear it. */
static void begin_end(struct conn *c)
{
	c->ending = true;
	tls_end(c->tls);
	flush(c);
}

static void meet(struct conn *c)
{
	struct tls_certificate shown;

	c->peer.present = tls_peer(c->tls, &shown);
	if (!c->peer.present)
		return;
	c->peer.fingerprint = shown.fingerprint;
	c->peer.certificate = shown.der;
	c->peer.not_after = shown.not_after;
	c->peer.trusted_until = shown.trusted_until;
	if (shown.trusted_until < c->pool->next_end)
		c->pool->next_end = shown.trusted_until;
}

static void after_handshake(uv_work_t *work, int status)
{
	struct conn *c = work->data;

	c->working = false;
	c->pool->handshakes--;
	start_handshakes(c->pool);
	if (c->closing || status != 0) {
		release(c);
		return;
	}
	flush(c);
	if (c->failed) {
		count_failed_handshake(c, tls_lacks_certificate(c->tls)
						  ? METER_TLS_CERTIFICATE
						  : METER_TLS_PROTOCOL);
		c->ending = true; /* the alert was flushed */
	} else if (c->handshake_done && !c->closing) {
		/* Here and not on the worker: the loop looks at all peers. */
		meet(c);
		if (c->port->site.listener == LISTENER_DEVICE)
			make_room_for_device(c);
		c->exchange = exchange_new(&c->port->site, &c->peer);
	}
	step(c);
}

static void start_handshake(struct conn *c)
{
	list_move(c, LIST_STRANGERS);
	c->working = true;
	c->pool->handshakes++;
	if (uv_queue_work(c->pool->loop, &c->work, handshake_on_worker,
			  after_handshake)) {
		c->working = false;
		c->pool->handshakes--;
		conn_close(c);
	}
}

/* Listeners take turns: a flood at one does not keep people out of another. */
static void start_handshakes(struct conn_pool *p)
{
	unsigned empty = 0;

	while (p->handshakes < p->limits->handshakes &&
	       empty < LISTENER_COUNT) {
		struct conn *c = p->lists[p->next_listener][LIST_QUEUED].first;

		p->next_listener = (p->next_listener + 1) % LISTENER_COUNT;
		empty = c ? 0 : empty + 1;
		if (c)
			start_handshake(c);
	}
}

static void step_handshake(struct conn *c)
{
	if (!tls_ready(c->tls)) {
		read_start(c);
		return;
	}
	list_move(c, LIST_QUEUED);
	start_handshakes(c->pool);
}

/* ---- requests ------------------------------------------------------------ */

/* Encrypt what the exchange has to say. */
static int encrypt(struct conn *c)
{
	struct err e;

	if (tls_write(c->tls, exchange_bytes(c->exchange), &e))
		return -1;
	exchange_sent(c->exchange);
	return 0;
}

static void exchange_on_worker(uv_work_t *work)
{
	struct conn *c = work->data;

	while (exchange_want(c->exchange) == EXCHANGE_WORK)
		exchange_work(c->exchange);
	c->failed = exchange_want(c->exchange) == EXCHANGE_SEND && encrypt(c);
}

/* A certificate was revoked, a device blocked: its other connections end here
 * and now. */
static void cut_certificate(const struct conn *c, const struct sha256 *print)
{
	for (int l = 0; l < LISTENER_COUNT; l++)
		for (int i = 0; i < LIST_COUNT; i++)
			close_list(&c->pool->lists[l][i], c, print);
}

static void after_exchange(uv_work_t *work, int status)
{
	struct conn *c = work->data;
	struct sha256 print;

	c->working = false;
	if (status == 0 && exchange_take_cut(c->exchange, &print))
		cut_certificate(c, &print);
	if (c->closing || status != 0) {
		release(c);
		return;
	}
	if (c->failed) {
		conn_close(c);
		return;
	}
	flush(c);
	step(c);
}

static void start_work(struct conn *c)
{
	c->working = true;
	if (uv_queue_work(c->pool->loop, &c->work, exchange_on_worker,
			  after_exchange)) {
		c->working = false;
		conn_close(c);
	}
}

/* Read what was decrypted already; false when the socket must bring more. */
static bool read_some(struct conn *c)
{
	struct err e;
	size_t room, got;
	bool ended;
	uint8_t *to = exchange_room(c->exchange, &room);

	if (!to || tls_read(c->tls, to, room, &got, &ended, &e)) {
		flush(c); /* an alert */
		c->ending = true;
		return false;
	}
	if (ended || tls_has_output(c->tls)) {
		/* Output while reading is the answer to a renegotiation. */
		begin_end(c);
		return false;
	}
	if (got > 0)
		exchange_got(c->exchange, got);
	return got > 0;
}

/* One more answer without an end: beyond so many the oldest gives way, and
 * comes again if somebody still listens. */
static void enter_stream(struct conn *c)
{
	struct conn *o =
		c->pool->lists[c->port->site.listener][LIST_IDLE].first;
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
	set_phase(c);
}

/* False when only the socket can take us further. */
static bool step_exchange(struct conn *c)
{
	if (c->pool->finishing)
		exchange_finish(c->exchange);
	switch (exchange_want(c->exchange)) {
	case EXCHANGE_READ:
		if (read_some(c) || c->ending)
			return true;
		set_phase(c);
		read_start(c);
		return false;
	case EXCHANGE_WORK:
		set_phase(c);
		start_work(c);
		break;
	case EXCHANGE_SEND:
		if (encrypt(c))
			conn_close(c);
		else
			flush(c);
		break;
	case EXCHANGE_WAIT:
		if (c->phase != PHASE_STREAM)
			enter_stream(c);
		read_start(c); /* to see it go */
		return false;
	case EXCHANGE_CLOSE:
		begin_end(c);
		break;
	}
	return true;
}

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
	(void)shutdown;
	(void)status; /* the linger deadline ends it either way */
}

/*
 * A socket that is closed with bytes unread is reset, and the client may never
 * see our last answer. So stop sending, and read a little into the void.
 */
static void linger(struct conn *c)
{
	if (c->phase == PHASE_LINGER)
		return;
	enter_phase(c, PHASE_LINGER);
	if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown)) {
		conn_close(c);
		return;
	}
	read_start(c);
}

static int take_early(struct conn *c)
{
	struct err e;
	int rc = tls_feed(c->tls, buf_slice(&c->early), &e);

	buf_done(&c->early);
	return rc;
}

/* Go as far as possible without waiting for client, disk or worker. */
static void step(struct conn *c)
{
	bool going = true;

	while (going && !c->closing && !c->working && !c->writing) {
		if (c->early.len > 0 && take_early(c)) {
			conn_close(c);
		} else if (c->ending) {
			linger(c);
			going = false;
		} else if (!c->exchange) {
			step_handshake(c);
			going = false;
		} else {
			going = step_exchange(c);
		}
	}
	if (c->closing || !c->writing || !c->exchange)
		return;
	if (!c->ending)
		set_phase(c);
	else if (c->phase != PHASE_ANSWER)
		enter_phase(c, PHASE_ANSWER);
}

/* ---- the pool ------------------------------------------------------------ */

struct conn_pool *conn_pool_new(struct uv_loop_s *loop,
				const struct limits *limits)
{
	struct conn_pool *p = mem_alloc(1, sizeof(*p));

	p->loop = loop;
	p->limits = limits;
	p->next_end = INT64_MAX;
	return p;
}

void conn_pool_free(struct conn_pool *p)
{
	free(p);
}

/*
 * A listener that is full loses its oldest stranger, or its oldest idler.
 * Where anybody is let in, slow requests are no reason to keep others out.
 */
static void make_room(struct conn_pool *p, enum listener listener)
{
	static const enum list_name order[] = { LIST_STRANGERS, LIST_QUEUED,
						LIST_IDLE, LIST_BUSY };
	size_t count = listener == LISTENER_ENROLMENT ? 4 : 3;

	if (p->counts[listener] < p->limits->connections)
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
		struct conn *o = c->pool->lists[listener][i].first;

		for (; o; o = o->next) {
			if (o == c || o->peer.present ||
			    !whence_same(&o->peer.whence, &c->peer.whence))
				continue;
			count++;
			if (!oldest)
				oldest = o;
		}
	}
	if (count < c->pool->limits->connections_per_address)
		return;
	meter_crowded_out(meter_of(c), listener);
	conn_close(oldest);
}

static void see_whence(struct conn *c)
{
	struct sockaddr_storage from = { 0 };
	int len = sizeof(from);

	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&from, &len) == 0)
		whence_of(&from, &c->peer.whence);
}

static struct conn *conn_new(struct conn_pool *p, const struct conn_port *port)
{
	struct conn *c = mem_alloc(1, sizeof(*c));

	c->pool = p;
	c->port = port;
	c->out = (struct buf)BUF_INIT(TLS_OUT_MAX);
	c->early = (struct buf)BUF_INIT(READ_LEN);
	c->tcp.data = c->timer.data = c->work.data = c->write.data = c;
	/* Neither fails: no socket is made yet. */
	(void)uv_tcp_init(p->loop, &c->tcp);
	(void)uv_timer_init(p->loop, &c->timer);
	c->handles = 2;
	p->alive++;
	p->counts[port->site.listener]++;
	meter_opened(port->site.meter, port->site.listener);
	list_append(c, LIST_STRANGERS);
	return c;
}

void conn_pool_accept(struct conn_pool *p, struct uv_stream_s *listening,
		      const struct conn_port *port)
{
	enum listener listener = port->site.listener;
	struct conn *c;
	struct err e;

	make_room(p, listener);
	c = conn_new(p, port);
	if (uv_accept(listening, (uv_stream_t *)&c->tcp) ||
	    p->counts[listener] > p->limits->connections ||
	    uv_tcp_nodelay(&c->tcp, 1) || tls_open(port->tls, &c->tls, &e)) {
		conn_close(c);
		return;
	}
	see_whence(c);
	make_room_for_address(c);
	enter_phase(c, PHASE_HANDSHAKE);
	step(c);
}

static void close_lists(struct conn_pool *p, unsigned lists)
{
	for (int l = 0; l < LISTENER_COUNT; l++)
		for (unsigned i = 0; i < LIST_COUNT; i++)
			if (lists & 1U << i)
				close_list(&p->lists[l][i], NULL, NULL);
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
			step(c);
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
	p->finishing = true;
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
