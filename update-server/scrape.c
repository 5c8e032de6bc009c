/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/scrape.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/log.h"
#include "common/mem.h"

#include "update-server/answer.h"
#include "update-server/listen.h"

#define VISITORS_MAX 8
#define VISIT_MS     10000

struct scrape {
	uv_loop_t *loop;
	uv_tcp_t tcp;
	const struct scrape_page *pages;
	struct server_api *api; /* NULL: not started */
	bool waiting;           /* somebody who has no place yet */
	struct visitor *visitors[VISITORS_MAX];
	char address[LISTEN_ADDRESS_MAX];
};

/* One connection: reads a head, prints a page on a worker, writes, ends. */
struct visitor {
	struct scrape *scrape;
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_work_t work;
	uv_write_t write;
	unsigned handles; /* tcp and timer, until closed */
	bool closing;
	bool working; /* a worker owns page, http and out */
	char in[HTTP_HEAD_MAX];
	size_t in_len;
	struct http_scan scan;
	struct http_request http;
	const struct scrape_page *page;
	struct buf out;
};

static void take_in(struct scrape *s, struct visitor **place);

/* ---- the end of a visit -------------------------------------------------- */

static void release(struct visitor *v)
{
	struct scrape *s = v->scrape;

	if (v->handles > 0 || v->working)
		return;
	for (size_t i = 0; i < VISITORS_MAX; i++) {
		if (s->visitors[i] != v)
			continue;
		s->visitors[i] = NULL;
		if (s->waiting && !uv_is_closing((uv_handle_t *)&s->tcp))
			take_in(s, &s->visitors[i]);
	}
	buf_done(&v->out);
	free(v);
}

static void on_closed(uv_handle_t *handle)
{
	struct visitor *v = handle->data;

	v->handles--;
	release(v);
}

static void visitor_close(struct visitor *v)
{
	if (v->closing)
		return;
	v->closing = true;
	if (v->working)
		(void)uv_cancel((uv_req_t *)&v->work); /* if not begun */
	uv_close((uv_handle_t *)&v->tcp, on_closed);
	uv_close((uv_handle_t *)&v->timer, on_closed);
}

static void on_late(uv_timer_t *timer)
{
	visitor_close(timer->data);
}

/* ---- answering ----------------------------------------------------------- */

static void on_written(uv_write_t *write, int status)
{
	(void)status; /* the visit is over either way */
	visitor_close(write->data);
}

static void send_out(struct visitor *v)
{
	uv_buf_t bytes = uv_buf_init((char *)v->out.ptr, (unsigned)v->out.len);

	(void)uv_read_stop((uv_stream_t *)&v->tcp);
	if (v->out.len == 0 ||
	    uv_write(&v->write, (uv_stream_t *)&v->tcp, &bytes, 1, on_written))
		visitor_close(v);
}

static void put_answer(struct visitor *v, const struct response *r)
{
	struct answer a = { .status = r->status,
			    .type = r->type,
			    .body_len = r->body.len,
			    .close = true };
	struct err never; /* no ceiling that this could reach */

	v->out.len = 0;
	if (answer_format(&a, &v->out, &never) ||
	    (v->http.method != METHOD_HEAD &&
	     buf_add(&v->out, buf_slice(&r->body), &never)))
		v->out.len = 0;
}

static void refuse(struct visitor *v, unsigned status)
{
	struct response r = { .status = status, .type = "text/plain" };
	struct buf body = BUF_INIT(64);
	struct err ignored;

	/* The status alone says enough where this cannot. */
	if (buf_addf(&body, &ignored, "%s\n", answer_reason(status)))
		body.len = 0;
	r.body = body;
	put_answer(v, &r);
	buf_done(&body);
}

static void print_on_worker(uv_work_t *work)
{
	struct visitor *v = work->data;
	struct response r = { .status = 200,
			      .type = "text/plain",
			      .body = BUF_INIT(RESPONSE_BODY_MAX) };
	struct err e = { 0 };

	if (v->page->print(v->scrape->api, &r, &e)) {
		log_event(LOG_ERROR, "monitoring-failed", "page=%s why=%s",
			  v->page->path, e.msg);
		refuse(v, 500);
	} else {
		put_answer(v, &r);
	}
	buf_done(&r.body);
}

static void after_print(uv_work_t *work, int status)
{
	struct visitor *v = work->data;

	v->working = false;
	if (v->closing)
		release(v);
	else if (status != 0)
		visitor_close(v);
	else
		send_out(v);
}

/* ---- the request --------------------------------------------------------- */

/* An address or "localhost", with or without a port: names can be turned. */
static bool is_literal(struct slice host)
{
	static const char local[] = "localhost";
	size_t len = sizeof(local) - 1;

	if (host.len >= len &&
	    slice_equal(slice_sub(host, 0, len), slice_of(local)))
		return host.len == len || host.ptr[len] == ':';
	if (host.len > 0 && host.ptr[0] == '[')
		return true;
	for (size_t i = 0; i < host.len; i++)
		if (!strchr("0123456789.:", host.ptr[i]))
			return false;
	return true;
}

static const struct scrape_page *find_page(const struct visitor *v)
{
	const struct scrape_page *p = v->scrape->pages;

	while (p->path && !slice_equal(v->http.path, slice_of(p->path)))
		p++;
	return p->path ? p : NULL;
}

/* 0, or what is wrong with the request. */
static unsigned judge(struct visitor *v)
{
	const struct http_request *q = &v->http;

	if (q->origin.len > 0 || !is_literal(q->host))
		return 403;
	if (q->method != METHOD_GET && q->method != METHOD_HEAD)
		return 405;
	if (!v->scrape->api)
		return 503;
	v->page = find_page(v);
	return v->page ? 0 : 404;
}

static void start(struct visitor *v)
{
	unsigned status = judge(v);

	if (status) {
		refuse(v, status);
		send_out(v);
		return;
	}
	(void)uv_read_stop((uv_stream_t *)&v->tcp);
	v->working = true;
	if (uv_queue_work(v->scrape->loop, &v->work, print_on_worker,
			  after_print)) {
		v->working = false;
		visitor_close(v);
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct visitor *v = handle->data;

	(void)suggested;
	*out = uv_buf_init(v->in + v->in_len,
			   (unsigned)(sizeof(v->in) - v->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
	struct visitor *v = stream->data;
	struct slice in = { (const uint8_t *)v->in, 0 };
	unsigned status = 400;
	size_t head_len = 0;
	struct err e;

	(void)bytes;
	if (got < 0) {
		visitor_close(v);
		return;
	}
	v->in_len += (size_t)got;
	in.len = v->in_len;
	if (http_scan(&v->scan, in, &head_len, &status, &e) ||
	    (head_len > 0 &&
	     http_parse(slice_sub(in, 0, head_len), &v->http, &status, &e))) {
		refuse(v, status);
		send_out(v);
		return;
	}
	if (head_len > 0)
		start(v);
}

/* ---- the listener -------------------------------------------------------- */

/* Once it is among the visitors it is closed with the others. */
static void take_in(struct scrape *s, struct visitor **place)
{
	struct visitor *v = mem_alloc(1, sizeof(*v));

	*place = v;
	s->waiting = false;
	v->scrape = s;
	v->out = (struct buf)BUF_INIT(SIZE_MAX);
	v->tcp.data = v->timer.data = v->work.data = v->write.data = v;
	/* Neither fails: no socket is made yet. */
	(void)uv_tcp_init(s->loop, &v->tcp);
	(void)uv_timer_init(s->loop, &v->timer);
	v->handles = 2;
	if (uv_accept((uv_stream_t *)&s->tcp, (uv_stream_t *)&v->tcp) ||
	    uv_timer_start(&v->timer, on_late, VISIT_MS, 0) ||
	    uv_read_start((uv_stream_t *)&v->tcp, on_alloc, on_read))
		visitor_close(v);
}

/* Who comes when all places are taken waits, with all behind it: a visit ends
 * within ten seconds. */
static void on_connection(uv_stream_t *listening, int status)
{
	struct scrape *s = listening->data;
	struct visitor **place = NULL;

	for (size_t i = 0; i < VISITORS_MAX && !place; i++)
		if (!s->visitors[i])
			place = &s->visitors[i];
	s->waiting = status == 0 && !place;
	if (status == 0 && place)
		take_in(s, place);
}

int scrape_open(struct uv_loop_s *loop, const char *address,
		const struct scrape_page *pages, struct scrape **out,
		struct err *e)
{
	struct scrape *s = mem_alloc(1, sizeof(*s));

	s->loop = loop;
	s->pages = pages;
	s->tcp.data = s;
	(void)uv_tcp_init(loop, &s->tcp); /* fills in memory alone */
	*out = s;
	return listen_at(&s->tcp, address, on_connection, s->address, e);
}

const char *scrape_address(const struct scrape *s)
{
	return s->address;
}

void scrape_start(struct scrape *s, struct server_api *api)
{
	s->api = api;
}

void scrape_stop(struct scrape *s)
{
	if (!s || uv_is_closing((uv_handle_t *)&s->tcp))
		return;
	uv_close((uv_handle_t *)&s->tcp, NULL);
	for (size_t i = 0; i < VISITORS_MAX; i++)
		if (s->visitors[i])
			visitor_close(s->visitors[i]);
}

void scrape_free(struct scrape *s)
{
	free(s);
}
