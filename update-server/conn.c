/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/conn.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/mem.h"

#define LINGER_SEC 2
#define LINGER_MAX ((uint64_t)1024 * 1024)
#define STREAM_MAX ((uint64_t)4096) /* a listener has nothing to say */

static void begin_end(struct conn *c);
static void read_stop(struct conn *c);

/* ---- counting ------------------------------------------------------------ */

static void count_failed_handshake(const struct conn *c, enum meter_tls why)
{
	meter_tls_failed(c->port->site.meter, c->port->site.listener, why);
}

/* ---- the end of a connection --------------------------------------------- */

/* Free what the last of handles and worker leaves behind. */
static void release(struct conn *c)
{
	struct conn_keeper *k = c->keeper;

	if (c->handles > 0 || c->working)
		return;
	exchange_free(c->exchange);
	tls_close(c->tls);
	buf_done(&c->out);
	buf_done(&c->early);
	free(c);
	k->is_gone(k);
}

static void on_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;

	c->handles--;
	release(c);
}

void conn_close(struct conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	c->keeper->leaves(c);
	if (c->working)
		(void)uv_cancel((uv_req_t *)&c->work); /* if not begun */
	uv_close(&c->socket.handle, on_closed);
	uv_close((uv_handle_t *)&c->timer, on_closed);
}

/* ---- deadlines ----------------------------------------------------------- */

/* Bytes that the client took or gave: the kernel's queue does not count. */
static uint64_t progress(const struct conn *c)
{
	size_t queued = uv_stream_get_write_queue_size(&c->socket.stream);
	int in_kernel = 0;
	uv_os_fd_t fd;

	if (c->phase != PHASE_ANSWER)
		return c->got;
	if (uv_fileno(&c->socket.handle, &fd) ||
	    ioctl(fd, SIOCOUTQ, &in_kernel) || in_kernel < 0)
		in_kernel = 0;
	return c->put - queued - (uint64_t)in_kernel;
}

/* Too little since the last look? Not while we are the ones who take long. */
static bool is_too_slow(struct conn *c)
{
	const struct limits *l = c->keeper->limits;
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
		conn_step(c);
		break;
	case PHASE_BODY:
		if (!is_too_slow(c))
			break;
		exchange_refuse(c->exchange, 408, "the body came too slowly");
		conn_step(c);
		break;
	case PHASE_ANSWER:
		if (is_too_slow(c))
			conn_close(c);
		break;
	case PHASE_IDLE:
		begin_end(c);
		conn_step(c);
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
	const struct limits *l = c->keeper->limits;
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
	c->keeper->moves(c, list_of_phase(phase));
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
		conn_step(c);
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
	sent = uv_try_write(&c->socket.stream, &bytes, 1);
	if (sent < 0 && sent != UV_EAGAIN) {
		conn_close(c);
		return;
	}
	c->put += c->out.len;
	meter_sent(c->port->site.meter, c->port->site.listener, c->out.len);
	if (sent > 0 && (size_t)sent == c->out.len) {
		buf_done(&c->out);
		return;
	}
	if (sent > 0) {
		bytes.base += sent;
		bytes.len -= (size_t)sent;
	}
	c->writing = true;
	if (uv_write(&c->write, &c->socket.stream, &bytes, 1, on_written))
		conn_close(c);
}

/* ---- reading ------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct conn *c = handle->data;

	(void)suggested;
	*out = uv_buf_init(c->keeper->read_buf, sizeof(c->keeper->read_buf));
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
		conn_step(c);
}

static void read_start(struct conn *c)
{
	if (c->reading || c->closing)
		return;
	c->reading = true;
	if (uv_read_start(&c->socket.stream, on_alloc, on_read))
		conn_close(c);
}

static void read_stop(struct conn *c)
{
	c->reading = false;
	(void)uv_read_stop(&c->socket.stream);
}

/* ---- the handshake ------------------------------------------------------- */

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
}

static void after_handshake(uv_work_t *work, int status)
{
	struct conn *c = work->data;

	c->working = false;
	c->keeper->frees_worker(c->keeper);
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
		c->keeper->is_known(c);
		c->exchange = exchange_new(&c->port->site, &c->peer);
	}
	conn_step(c);
}

void conn_start_handshake(struct conn *c)
{
	c->keeper->moves(c, LIST_STRANGERS);
	c->working = true;
	if (uv_queue_work(c->keeper->loop, &c->work, handshake_on_worker,
			  after_handshake)) {
		c->working = false;
		c->keeper->frees_worker(c->keeper);
		conn_close(c);
	}
}

static void step_handshake(struct conn *c)
{
	if (!tls_ready(c->tls)) {
		read_start(c);
		return;
	}
	c->keeper->moves(c, LIST_QUEUED);
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

static void after_exchange(uv_work_t *work, int status)
{
	struct conn *c = work->data;
	struct sha256 print;

	c->working = false;
	if (status == 0 && exchange_take_cut(c->exchange, &print))
		c->keeper->cuts(c, &print);
	if (c->closing || status != 0) {
		release(c);
		return;
	}
	if (c->failed) {
		conn_close(c);
		return;
	}
	flush(c);
	conn_step(c);
}

static void start_work(struct conn *c)
{
	c->working = true;
	if (uv_queue_work(c->keeper->loop, &c->work, exchange_on_worker,
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

/* False when only the socket can take us further. */
static bool step_exchange(struct conn *c)
{
	if (c->keeper->finishing)
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
		if (c->phase != PHASE_STREAM) {
			c->keeper->streams(c);
			set_phase(c);
		}
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
	if (uv_shutdown(&c->shutdown, &c->socket.stream, on_shutdown)) {
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
void conn_step(struct conn *c)
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

static void see_whence(struct conn *c)
{
	struct sockaddr_storage from = { 0 };
	int len = sizeof(from);

	if (!c->port->is_local &&
	    uv_tcp_getpeername(&c->socket.tcp, (struct sockaddr *)&from,
			       &len) == 0)
		whence_of(&from, &c->peer.whence);
}

struct conn *conn_new(struct conn_keeper *k, const struct conn_port *port)
{
	struct conn *c = mem_alloc(1, sizeof(*c));

	c->keeper = k;
	c->port = port;
	c->out = (struct buf)BUF_INIT(TLS_OUT_MAX);
	c->early = (struct buf)BUF_INIT(CONN_READ_LEN);
	/* None fails: no socket is made yet. */
	if (port->is_local)
		(void)uv_pipe_init(k->loop, &c->socket.pipe, 0);
	else
		(void)uv_tcp_init(k->loop, &c->socket.tcp);
	(void)uv_timer_init(k->loop, &c->timer);
	c->socket.handle.data = c->timer.data = c->work.data = c->write.data =
		c;
	c->handles = 2;
	return c;
}

int conn_accept(struct conn *c, struct uv_stream_s *listening)
{
	struct err e;

	if (uv_accept(listening, &c->socket.stream) ||
	    (!c->port->is_local && uv_tcp_nodelay(&c->socket.tcp, 1)) ||
	    tls_open(c->port->tls, &c->tls, &e))
		return -1;
	see_whence(c);
	enter_phase(c, PHASE_HANDSHAKE);
	return 0;
}
