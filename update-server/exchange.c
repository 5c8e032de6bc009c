/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/exchange.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/steady.h"
#include "common/text.h"
#include "common/utc.h"

#include "update-server/answer.h"
#include "update-server/overload.h"

#define READ_STEP 2048
#define SEND_MAX  (EXCHANGE_PIECE + ANSWER_HEAD_MAX)

enum state {
	STATE_HEAD,     /* reading a head */
	STATE_JUDGE,    /* an upload: is the peer welcome, make the file */
	STATE_CONTINUE, /* "100 Continue" waits for being sent */
	STATE_BODY,     /* reading a body */
	STATE_SPILL,    /* a full piece of an upload waits for the disk */
	STATE_HANDLE,   /* a whole request waits for its handler */
	STATE_SEND,     /* bytes in `out` wait for being sent */
	STATE_FETCH,    /* the next piece of a file waits for being read */
	STATE_WAIT,     /* an answer without an end has said what there was */
	STATE_MORE,     /* it was woken */
	STATE_CLOSED,
};

struct exchange {
	const struct exchange_site *site;
	struct peer *peer;
	enum state state;
	bool last; /* close after this answer */

	struct buf in; /* a head, and what the client sent ahead */
	struct http_scan scan;
	size_t head_len;
	struct http_request http;
	const struct route *route;
	uint64_t since; /* the request was whole; 0: it is not yet */

	struct buf body;    /* whole, or one piece of an upload */
	uint64_t body_left; /* still to come */
	int upload_fd;
	uint64_t upload_len;
	bool nonce_valid;
	uint8_t nonce[WIRE_NONCE_LEN];

	struct buf out;
	size_t out_used; /* sent already */
	int file_fd;     /* being sent */
	uint64_t file_offset, file_left;
	bool cut;
	struct sha256 cut_fingerprint;

	/* Of an answer without an end; else more is NULL. */
	int (*more)(struct server_api *api, struct feed *s, struct buf *out,
		    struct err *e);
	struct feed feed;
};

struct exchange *exchange_new(const struct exchange_site *site,
			      struct peer *peer)
{
	struct exchange *x = mem_alloc(1, sizeof(*x));

	x->site = site;
	x->peer = peer;
	x->in = (struct buf)BUF_INIT(HTTP_HEAD_MAX);
	x->out = (struct buf)BUF_INIT(SIZE_MAX);
	x->upload_fd = -1;
	x->file_fd = -1;
	return x;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	buf_wipe(&x->in);
	buf_wipe(&x->body);
	buf_done(&x->out);
	fs_close(&x->upload_fd);
	fs_close(&x->file_fd);
	mem_wipe(x->nonce, sizeof(x->nonce));
	free(x);
}

enum exchange_want exchange_want(const struct exchange *x)
{
	switch (x->state) {
	case STATE_HEAD:
	case STATE_BODY:
		return EXCHANGE_READ;
	case STATE_JUDGE:
	case STATE_SPILL:
	case STATE_HANDLE:
	case STATE_FETCH:
	case STATE_MORE:
		return EXCHANGE_WORK;
	case STATE_WAIT:
		return EXCHANGE_WAIT;
	case STATE_CONTINUE:
	case STATE_SEND:
		return EXCHANGE_SEND;
	case STATE_CLOSED:
		break;
	}
	return EXCHANGE_CLOSE;
}

enum exchange_phase exchange_phase(const struct exchange *x)
{
	switch (x->state) {
	case STATE_HEAD:
		return x->in.len == 0 ? EXCHANGE_IDLE : EXCHANGE_HEAD;
	case STATE_JUDGE:
	case STATE_CONTINUE:
	case STATE_BODY:
	case STATE_SPILL:
		return EXCHANGE_BODY;
	case STATE_WAIT:
	case STATE_MORE:
		return EXCHANGE_STREAM;
	default:
		return EXCHANGE_ANSWER;
	}
}

/* ---- answers ------------------------------------------------------------- */

/* Head and, unless only the head was asked for, the body. */
static void put_answer(struct exchange *x, struct answer *a, struct slice body)
{
	struct err never; /* the buffer has no ceiling that this could reach */
	int rc;

	meter_answered(x->site->meter, x->site->listener, x->route, a->status,
		       x->since ? steady_ns() - x->since : 0);
	a->close = x->last;
	x->out.len = x->out_used = 0;
	rc = answer_format(a, &x->out, &never);
	if (rc == 0 && x->http.method != METHOD_HEAD)
		rc = buf_add(&x->out, body, &never);
	x->state = rc == 0 ? STATE_SEND : STATE_CLOSED;
}

static void put_error(struct exchange *x, unsigned status, unsigned allow,
		      const struct err *failure)
{
	struct buf body = BUF_INIT(2 * ERR_MSG_LEN * 6);
	struct answer a = { .status = status,
			    .type = "application/json",
			    .allow = allow,
			    .retry_after = failure->retry_sec > 0
						   ? failure->retry_sec
					   : status == 503 ? 5
							   : 0 };
	struct err ignored;

	if (status == 503)
		egress_busy(meter_egress(x->site->meter), x->http.path);
	if (wire_format_error(failure, &body, &ignored))
		body.len = 0; /* the status alone says enough */
	a.body_len = body.len;
	put_answer(x, &a, buf_slice(&body));
	buf_done(&body);
}

/* The request could not be understood: what follows it cannot be either. */
static void refuse(struct exchange *x, unsigned status, unsigned allow,
		   const struct err *why)
{
	x->last = true;
	put_error(x, status, allow, why);
}

void exchange_refuse(struct exchange *x, unsigned status, const char *why)
{
	struct err e;

	(void)err_set(&e, status == 503 ? ERR_BUSY : ERR_NETWORK, "%s", why);
	refuse(x, status, 0, &e);
}

/*
 * A handler failed. What went wrong inside is for the log and for people who
 * run the server, not for strangers.
 */
static void put_failure(struct exchange *x, const struct err *why)
{
	unsigned status = (unsigned)wire_status(why->code);
	struct err shown = *why;

	/* It is we who go away, so the connection ends with this. */
	if (why->code == ERR_BUSY && why->retry_sec > 0) {
		refuse(x, 503, 0, why);
		return;
	}
	if (status >= 500) {
		log_event(LOG_ERROR, "request-failed", "path=%.*s why=%s",
			  (int)x->http.path.len, (const char *)x->http.path.ptr,
			  why->msg);
		if (x->site->listener != LISTENER_PEOPLE)
			(void)err_set(&shown, why->code,
				      "the server could not do this now");
	}
	if (x->body_left > 0)
		refuse(x, status, 0, &shown);
	else
		put_error(x, status, 0, &shown);
}

/* ---- from head to handler ------------------------------------------------ */

static bool route_matches(const struct route *r, enum listener listener,
			  struct slice path)
{
	struct slice want = slice_of(r->path);
	bool prefix = want.len > 1 && want.ptr[want.len - 1] == '/';

	if (!(r->listeners & 1U << listener))
		return false;
	if (prefix)
		return path.len > want.len &&
		       slice_equal(slice_sub(path, 0, want.len), want);
	return slice_equal(path, want);
}

/* HEAD is answered by what answers GET. */
static bool method_matches(enum method offered, enum method asked)
{
	return offered == asked ||
	       (offered == METHOD_GET && asked == METHOD_HEAD);
}

static const struct route *find_route(const struct exchange *x, unsigned *allow)
{
	const struct route *routes = x->site->routes;

	*allow = 0;
	/* No decoding, no "..", no query: a path is names with single slashes.
	 */
	if (!http_path_is_plain(x->http.path) &&
	    !slice_equal(x->http.path, slice_of("/")))
		return NULL;
	for (size_t i = 0; i < x->site->route_count; i++) {
		if (!route_matches(&routes[i], x->site->listener, x->http.path))
			continue;
		if (method_matches(routes[i].method, x->http.method))
			return &routes[i];
		*allow |= 1U << routes[i].method;
		if (routes[i].method == METHOD_GET)
			*allow |= 1U << METHOD_HEAD;
	}
	return NULL;
}

/* Move what is already here of the body behind the head, and the rest up. */
static void take_early_body(struct exchange *x)
{
	size_t here = x->in.len - x->head_len;
	struct slice part;
	struct err ignored;

	if (here > x->body_left)
		here = (size_t)x->body_left;
	part = slice_sub(buf_slice(&x->in), x->head_len, here);
	if (buf_add(&x->body, part, &ignored))
		return; /* cannot be: the ceiling was checked */
	x->body_left -= here;
	memmove(x->in.ptr + x->head_len, x->in.ptr + x->head_len + here,
		x->in.len - x->head_len - here);
	x->in.len -= here;
}

/* After the head, and after each bit of a body. */
static void advance_body(struct exchange *x)
{
	if (x->route->kind == ROUTE_UPLOAD && x->body.len > 0 &&
	    (x->body_left == 0 || x->body.len == EXCHANGE_PIECE))
		x->state = STATE_SPILL;
	else
		x->state = x->body_left == 0 ? STATE_HANDLE : STATE_BODY;
	if (x->state == STATE_HANDLE)
		x->since = steady_ns();
}

static void start_body(struct exchange *x)
{
	take_early_body(x);
	advance_body(x);
	/* Who waits for our consent has sent nothing yet. */
	if (x->http.expect_continue && x->state == STATE_BODY) {
		struct err ignored;

		x->out.len = x->out_used = 0;
		if (buf_add(&x->out, answer_continue(), &ignored) == 0)
			x->state = STATE_CONTINUE;
	}
}

/*
 * A browser shows a certificate for whatever page asks it to. People's own
 * pages are served from here; devices have none.
 */
static bool is_borrowed(const struct exchange *x)
{
	if (x->site->listener != LISTENER_PEOPLE)
		return x->http.origin.len > 0 || x->http.fetch_site.len > 0;
	if (x->route && x->route->kind == ROUTE_PAGE && x->http.origin.len == 0)
		return false;
	return http_is_foreign(&x->http, "https://");
}

static void start_request(struct exchange *x)
{
	struct err e = { 0 };
	unsigned allow;

	x->last = x->last || x->http.close;
	x->body_left = x->http.body_len;
	x->route = find_route(x, &allow);
	if (x->site->names && !host_is_named(x->http.host, x->site->names)) {
		(void)err_set(&e, ERR_REFUSED, "this Host is not ours");
		refuse(x, 421, 0, &e);
		return;
	}
	if (is_borrowed(x)) {
		(void)err_set(&e, ERR_REFUSED, "no page but ours may ask this");
		refuse(x, 403, 0, &e);
		return;
	}
	if (!x->route) {
		(void)err_set(&e, allow ? ERR_REFUSED : ERR_NOT_FOUND,
			      allow ? "not by this method" : "no such path");
		/* A body that nobody reads would be taken for a request. */
		if (x->body_left > 0)
			refuse(x, allow ? 405 : 404, allow, &e);
		else
			put_error(x, allow ? 405 : 404, allow, &e);
		return;
	}
	if (x->body_left > x->route->body_max) {
		(void)err_set(&e, ERR_LIMIT, "the body is too large");
		refuse(x, 413, 0, &e);
		return;
	}
	x->body.max = x->route->kind == ROUTE_UPLOAD ? EXCHANGE_PIECE
						     : x->route->body_max;
	if (x->route->kind == ROUTE_UPLOAD)
		x->state = STATE_JUDGE;
	else
		start_body(x);
}

static void read_head(struct exchange *x)
{
	unsigned status = 500;
	struct err e = { 0 };

	if (http_scan(&x->scan, buf_slice(&x->in), &x->head_len, &status, &e)) {
		refuse(x, status, 0, &e);
		return;
	}
	if (x->head_len == 0)
		return;
	if (http_parse(slice_sub(buf_slice(&x->in), 0, x->head_len), &x->http,
		       &status, &e)) {
		refuse(x, status, 0, &e);
		return;
	}
	start_request(x);
}

uint8_t *exchange_room(struct exchange *x, size_t *len)
{
	struct buf *to = x->state == STATE_HEAD ? &x->in : &x->body;
	size_t want = READ_STEP;
	struct err ignored;

	/* Grow with what has come, never with what was announced. */
	if (to->cap > to->len + READ_STEP)
		want = to->cap - to->len - 1;
	if (want > to->max - to->len)
		want = to->max - to->len;
	if (x->state == STATE_BODY && want > x->body_left)
		want = (size_t)x->body_left;
	*len = want;
	return buf_reserve(to, want, &ignored);
}

void exchange_got(struct exchange *x, size_t len)
{
	if (x->state == STATE_HEAD) {
		x->in.len += len;
		read_head(x);
		return;
	}
	x->body.len += len;
	x->body_left -= len;
	advance_body(x);
}

/* ---- on a worker --------------------------------------------------------- */

/* Asked for each request: dates pass, and certificates are revoked, while a
 * connection is open. */
static int welcome(struct exchange *x, struct err *e)
{
	const struct peer *p = x->peer;

	if (p->present && utc_now() > p->trusted_until)
		return err_set(e, ERR_EXPIRED,
			       "the CA of this certificate has ended");
	if (p->present && utc_now() > p->not_after &&
	    x->route->kind != ROUTE_RENEWAL && x->route->kind != ROUTE_RETURN)
		return err_set(e, ERR_EXPIRED,
			       "this certificate has ended: it can only be "
			       "renewed");
	return x->site->authorise(x->site->api, x->site->listener, x->route,
				  x->peer, e);
}

/* An upload may be large: ask who it is before taking any of it. */
static void judge(struct exchange *x)
{
	struct err e = { 0 };

	if (welcome(x, &e) ||
	    fs_open_nameless(x->site->upload_dirfd, &x->upload_fd, &e)) {
		put_failure(x, &e);
		return;
	}
	x->upload_len = 0;
	start_body(x);
}

static void spill(struct exchange *x)
{
	struct err e = { 0 };

	if (fs_write(x->upload_fd, buf_slice(&x->body), &e)) {
		put_failure(x, &e);
		return;
	}
	x->upload_len += x->body.len;
	x->body.len = 0;
	advance_body(x);
}

/* All that there is now; then, as long as the client stays, what comes. */
static void put_stream(struct exchange *x, const struct response *r)
{
	struct answer a = { .status = r->status,
			    .type = r->type,
			    .endless = true };

	x->last = true;
	put_answer(x, &a, buf_slice(&r->body));
	if (x->http.method == METHOD_HEAD)
		return;
	x->more = r->more;
	x->feed = r->feed;
}

static void put_response(struct exchange *x, struct response *r)
{
	uint64_t len = r->file_fd >= 0 ? r->file_len : r->body.len;
	char etag[sizeof(r->etag) + 2] = "";
	struct http_part part = { r->status, 0, len };
	struct answer a = { .type = r->type,
			    .etag = etag,
			    .whole_len = len,
			    .ranges = r->ranges,
			    .immutable = r->immutable,
			    .page = r->page,
			    .retry_after = r->retry_after };
	struct err ignored;

	if (r->etag[0] &&
	    text_format(etag, sizeof(etag), &ignored, "\"%s\"", r->etag))
		etag[0] = '\0';
	if (r->status == 200 && (etag[0] || r->ranges))
		part = http_select(&x->http, etag, r->ranges, len);
	a.status = part.status;
	a.part = part;
	a.body_len = part.len;
	if (r->file_fd < 0) {
		put_answer(x, &a,
			   slice_sub(buf_slice(&r->body), (size_t)part.offset,
				     (size_t)part.len));
		return;
	}
	put_answer(x, &a, (struct slice){ 0 });
	if (part.len == 0 || x->http.method == METHOD_HEAD)
		return;
	x->file_fd = r->file_fd;
	r->file_fd = -1;
	x->file_offset = part.offset;
	x->file_left = part.len;
	x->state = STATE_FETCH; /* the first piece goes with the head */
}

/* The path as text: the space behind it becomes its end. */
static const char *path_text(struct exchange *x)
{
	size_t at = (size_t)(x->http.path.ptr - x->in.ptr) + x->http.path.len;

	x->in.ptr[at] = '\0';
	return (const char *)x->in.ptr + (at - x->http.path.len);
}

static void handle(struct exchange *x)
{
	struct request q = { .listener = x->site->listener,
			     .method = x->http.method,
			     .path = path_text(x),
			     .peer = x->peer,
			     .body = buf_slice(&x->body),
			     .upload_fd = x->upload_fd,
			     .upload_len = x->upload_len,
			     .nonce_valid = &x->nonce_valid,
			     .nonce = x->nonce };
	struct response r = { .status = 200,
			      .type = "application/json",
			      .body = BUF_INIT(RESPONSE_BODY_MAX),
			      .file_fd = -1 };
	struct err e = { 0 };

	if (overload_check(x->site->listener, x->route->kind,
			   steady_ns() - x->since, &e) ||
	    welcome(x, &e) || x->route->handle(x->site->api, &q, &r, &e))
		put_failure(x, &e);
	else if (r.more)
		put_stream(x, &r);
	else
		put_response(x, &r);
	x->cut = r.cut;
	x->cut_fingerprint = r.cut_fingerprint;
	buf_done(&r.body);
	fs_close(&r.file_fd);
}

/* The next piece of the file behind what waits already (the head). */
static void fetch(struct exchange *x)
{
	size_t len = x->file_left < EXCHANGE_PIECE ? (size_t)x->file_left
						   : EXCHANGE_PIECE;
	struct err e = { 0 };
	uint8_t *to = buf_reserve(&x->out, len, &e);
	size_t got = 0;

	if (!to || fs_read_at(x->file_fd, x->file_offset, to, len, &got, &e) ||
	    got < len) {
		/* The length was promised: all that is left is to break off. */
		log_event(LOG_ERROR, "file-not-sent", "why=%s",
			  got < len && !e.code ? "it became shorter" : e.msg);
		x->state = STATE_CLOSED;
		return;
	}
	egress_sent(meter_egress(x->site->meter), x->http.path, len);
	x->out.len += len;
	x->file_offset += len;
	x->file_left -= len;
	x->state = STATE_SEND;
}

/* Who was revoked since hears no more of it. */
static void add_more(struct exchange *x)
{
	struct err e = { 0 };

	buf_done(&x->out); /* idle streams hold no memory */
	x->out_used = 0;
	if (welcome(x, &e) || x->more(x->site->api, &x->feed, &x->out, &e)) {
		log_event(LOG_INFO, "stream-ended", "who=%s why=%s",
			  x->peer->id, e.msg);
		x->state = STATE_CLOSED;
		return;
	}
	x->state = x->out.len > 0 ? STATE_SEND : STATE_WAIT;
}

void exchange_work(struct exchange *x)
{
	switch (x->state) {
	case STATE_JUDGE:
		judge(x);
		break;
	case STATE_SPILL:
		spill(x);
		break;
	case STATE_HANDLE:
		handle(x);
		break;
	case STATE_FETCH:
		fetch(x);
		break;
	case STATE_MORE:
		add_more(x);
		break;
	default:
		break;
	}
}

/* ---- sending ------------------------------------------------------------- */

struct slice exchange_bytes(const struct exchange *x)
{
	return slice_sub(buf_slice(&x->out), x->out_used, SEND_MAX);
}

/* Forget a request; what was sent ahead becomes the start of the next. */
static void next_request(struct exchange *x)
{
	size_t ahead = x->in.len - x->head_len;

	fs_close(&x->upload_fd);
	fs_close(&x->file_fd);
	buf_done(&x->out);
	buf_wipe(&x->body);
	if (ahead > 0)
		memmove(x->in.ptr, x->in.ptr + x->head_len, ahead);
	else
		buf_done(&x->in);
	x->in.len = ahead;
	x->scan = (struct http_scan){ 0 };
	x->head_len = 0;
	x->http = (struct http_request){ 0 };
	x->route = NULL;
	x->since = 0;
	x->state = STATE_HEAD;
	if (ahead > 0)
		read_head(x);
}

void exchange_sent(struct exchange *x)
{
	x->out_used += exchange_bytes(x).len;
	if (x->out_used < x->out.len)
		return;
	x->out.len = x->out_used = 0;
	if (x->state == STATE_CONTINUE)
		x->state = STATE_BODY;
	else if (x->file_left > 0)
		x->state = STATE_FETCH;
	else if (x->more)
		x->state = x->feed.hungry ? STATE_MORE : STATE_WAIT;
	else if (x->last)
		x->state = STATE_CLOSED;
	else
		next_request(x);
}

void exchange_wake(struct exchange *x)
{
	if (x->state == STATE_WAIT)
		x->state = STATE_MORE;
}

void exchange_finish(struct exchange *x)
{
	x->last = true;
	if (exchange_phase(x) == EXCHANGE_IDLE ||
	    exchange_phase(x) == EXCHANGE_STREAM)
		x->state = STATE_CLOSED;
}

bool exchange_take_cut(struct exchange *x, struct sha256 *fingerprint)
{
	bool cut = x->cut;

	if (cut)
		*fingerprint = x->cut_fingerprint;
	x->cut = false;
	return cut;
}
