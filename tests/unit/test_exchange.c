/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/exchange.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"

#include "tests/unit/check.h"

#define FILE_LEN (2 * EXCHANGE_PIECE + 7)

struct server_api {
	unsigned handled;
	bool refuses;
	unsigned said; /* of a stream */
	struct sha256 uploaded;
	uint64_t uploaded_len;
};

static int post_echo(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	api->handled++;
	return buf_add(&a->body, q->body, e);
}

static int get_path(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	api->handled++;
	return buf_addf(&a->body, e, "%s", q->path);
}

static int put_upload(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	(void)a;
	api->handled++;
	api->uploaded_len = q->upload_len;
	assert_int_equal(q->body.len, 0);
	return sha256_of_range(q->upload_fd, 0, q->upload_len, &api->uploaded,
			       e);
}

/* FILE_LEN bytes of which each tells its place. */
static int get_file(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	uint8_t *bytes = malloc(FILE_LEN);
	int rc;

	(void)q;
	api->handled++;
	assert_non_null(bytes);
	for (size_t i = 0; i < FILE_LEN; i++)
		bytes[i] = (uint8_t)(i % 251);
	assert_int_equal(fs_open_nameless(AT_FDCWD, &a->file_fd, e), 0);
	rc = fs_write(a->file_fd, (struct slice){ bytes, FILE_LEN }, e);
	free(bytes);
	a->type = "application/octet-stream";
	a->file_len = FILE_LEN;
	a->ranges = true;
	a->immutable = true;
	(void)strcpy(a->etag, "tag");
	return rc;
}

/* The file becomes shorter than the handler said. */
static int get_short(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	int rc = get_file(api, q, a, e);

	return rc ? rc : fs_truncate(a->file_fd, EXCHANGE_PIECE + 1, e);
}

static int get_fail(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	(void)q;
	(void)a;
	api->handled++;
	return err_set(e, ERR_SYSTEM, "inner detail");
}

static int get_busy(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	(void)q;
	(void)a;
	api->handled++;
	(void)err_set(e, ERR_BUSY, "later");
	e->retry_sec = 9;
	return -1;
}

static int get_conflict(struct server_api *api, const struct request *q,
			struct response *a, struct err *e)
{
	(void)q;
	(void)a;
	api->handled++;
	return err_set(e, ERR_CONFLICT, "somebody was faster");
}

/* Says something every second time that it is asked, and once three at once. */
static int say_more(struct server_api *api, struct feed *f, struct buf *out,
		    struct err *e)
{
	if (api->said == 100)
		return err_set(e, ERR_SYSTEM, "no more");
	f->hungry = api->said >= 4 && api->said < 6;
	if (api->said++ % 2 && !f->hungry)
		return 0;
	return buf_addf(out, e, "[%u]", (unsigned)f->next++);
}

static int get_stream(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	(void)q;
	api->handled++;
	a->type = "text/event-stream";
	a->more = say_more;
	a->feed.next = 7;
	return buf_addf(&a->body, e, "(start)");
}

static int authorise(struct server_api *api, enum listener listener,
		     const struct route *route, struct peer *peer,
		     struct err *e)
{
	(void)route;
	(void)listener;
	(void)peer;
	if (api->refuses)
		return err_set(e, ERR_REFUSED, "not you");
	return 0;
}

static const struct route routes[] = {
	{ 1U << LISTENER_DEVICE, METHOD_POST, "/echo", 1000, ROUTE_PLAIN,
	  post_echo },
	{ 1U << LISTENER_DEVICE, METHOD_GET, "/path/", 0, ROUTE_PLAIN,
	  get_path },
	{ 1U << LISTENER_DEVICE, METHOD_PUT, "/upload", 1 << 20, ROUTE_UPLOAD,
	  put_upload },
	{ 1U << LISTENER_DEVICE, METHOD_GET, "/file", 0, ROUTE_PLAIN,
	  get_file },
	{ 1U << LISTENER_DEVICE, METHOD_GET, "/blob/", 0, ROUTE_PLAIN,
	  get_file },
	{ 1U << LISTENER_DEVICE, METHOD_GET, "/busy/", 0, ROUTE_PLAIN,
	  get_busy },
	{ 1U << LISTENER_DEVICE, METHOD_GET, "/short", 0, ROUTE_PLAIN,
	  get_short },
	{ 1U << LISTENER_DEVICE, METHOD_GET, "/fail", 0, ROUTE_PLAIN,
	  get_fail },
	{ 1U << LISTENER_DEVICE, METHOD_GET, "/conflict", 0, ROUTE_PLAIN,
	  get_conflict },
	{ 1U << LISTENER_DEVICE, METHOD_GET, "/stream", 0, ROUTE_PLAIN,
	  get_stream },
	{ 1U << LISTENER_DEVICE, METHOD_GET, "/renew", 0, ROUTE_RENEWAL,
	  get_path },
	{ 1U << LISTENER_DEVICE, METHOD_GET, "/return", 0, ROUTE_RETURN,
	  get_path },
	{ 1U << LISTENER_PEOPLE, METHOD_GET, "/people", 0, ROUTE_PLAIN,
	  get_path },
	{ 1U << LISTENER_PEOPLE, METHOD_POST, "/act", 1000, ROUTE_PLAIN,
	  post_echo },
	{ 1U << LISTENER_PEOPLE, METHOD_GET, "/", 0, ROUTE_PAGE, get_path },
};

static struct server_api api;
static struct peer peer;
static struct exchange_site site;

static int setup(void **state)
{
	(void)state;
	api = (struct server_api){ 0 };
	peer = (struct peer){ .present = true,
			      .not_after = INT64_MAX,
			      .trusted_until = INT64_MAX };
	site = (struct exchange_site){ .listener = LISTENER_DEVICE,
				       .routes = routes,
				       .route_count = ARRAY_LEN(routes),
				       .api = &api,
				       .authorise = authorise,
				       .upload_dirfd = AT_FDCWD };
	return 0;
}

/* Give up to step bytes at a time, take what comes, until nothing moves. */
static void drive(struct exchange *x, struct slice in, size_t step,
		  struct buf *out)
{
	struct err e = { 0 };

	for (;;) {
		size_t len;
		uint8_t *to;

		switch (exchange_want(x)) {
		case EXCHANGE_READ:
			if (in.len == 0)
				return;
			to = exchange_room(x, &len);
			assert_non_null(to);
			assert_true(len > 0);
			if (len > step)
				len = step;
			if (len > in.len)
				len = in.len;
			memcpy(to, in.ptr, len);
			in = slice_sub(in, len, in.len);
			exchange_got(x, len);
			break;
		case EXCHANGE_WORK:
			exchange_work(x);
			break;
		case EXCHANGE_SEND:
			assert_ok(buf_add(out, exchange_bytes(x), &e));
			exchange_sent(x);
			break;
		case EXCHANGE_WAIT:
		case EXCHANGE_CLOSE:
			return;
		}
	}
}

static void answer_to(struct slice in, size_t step, struct buf *out,
		      bool *closed)
{
	struct exchange *x = exchange_new(&site, &peer);

	drive(x, in, step, out);
	*closed = exchange_want(x) == EXCHANGE_CLOSE;
	exchange_free(x);
}

static bool starts_with(const struct buf *b, const char *text)
{
	return slice_equal(slice_sub(buf_slice(b), 0, strlen(text)),
			   slice_of(text));
}

#define H "Host: h\r\n"

static void answers_are_the_same_however_the_bytes_come(void **state)
{
	static const char all[] =
		"POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"
		"GET /path/a HTTP/1.1\r\n" H "\r\n"
		"HEAD /path/b HTTP/1.1\r\n" H "\r\n"
		"PUT /upload HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
		"GET /conflict HTTP/1.1\r\n" H "\r\n"
		"GET /none HTTP/1.1\r\n" H "\r\n"
		"POST /echo HTTP/1.1\r\n" H
		"Connection: close\r\nContent-Length: 0\r\n\r\n";
	struct buf once = BUF_INIT(1 << 20);
	bool closed;

	(void)state;
	answer_to(slice_of(all), SIZE_MAX, &once, &closed);
	assert_true(closed);
	assert_int_equal(api.handled, 6);
	assert_non_null(strstr(buf_text(&once), "\r\n\r\nhelloHTTP/1.1 200"));
	assert_non_null(strstr(buf_text(&once), "\r\n\r\n/path/aHTTP/1.1 200"));
	assert_null(strstr(buf_text(&once), "/path/b"));
	assert_non_null(strstr(buf_text(&once), "HTTP/1.1 409 Conflict"));
	assert_non_null(strstr(buf_text(&once), "HTTP/1.1 404 Not Found"));
	for (size_t step = 1; step < sizeof(all); step++) {
		struct buf again = BUF_INIT(1 << 20);

		answer_to(slice_of(all), step, &again, &closed);
		assert_true(slice_equal(buf_slice(&again), buf_slice(&once)));
		buf_done(&again);
	}
	buf_done(&once);
}

static void a_truncated_request_reaches_no_handler(void **state)
{
	static const char all[] =
		"POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello";

	(void)state;
	for (size_t len = 0; len < sizeof(all) - 1; len++) {
		struct buf out = BUF_INIT(4096);
		bool closed;

		answer_to(slice_sub(slice_of(all), 0, len), 7, &out, &closed);
		assert_int_equal(out.len, 0);
		assert_false(closed);
		assert_int_equal(api.handled, 0);
		buf_done(&out);
	}
}

static void who_is_not_welcome_reaches_no_handler(void **state)
{
	static const char *const requests[] = {
		"POST /echo HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n",
		"PUT /upload HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc",
		"PUT /upload HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n",
		"GET /file HTTP/1.1\r\n" H "\r\n",
	};

	(void)state;
	api.refuses = true;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct buf out = BUF_INIT(4096);
		bool closed;

		answer_to(slice_of(requests[i]), SIZE_MAX, &out, &closed);
		assert_true(starts_with(&out, "HTTP/1.1 403 "));
		assert_int_equal(api.handled, 0);
		buf_done(&out);
	}
}

static void a_route_belongs_to_its_listener(void **state)
{
	static const char request[] = "GET /people HTTP/1.1\r\n" H "\r\n";
	struct buf out = BUF_INIT(4096);
	bool closed;

	(void)state;
	answer_to(slice_of(request), SIZE_MAX, &out, &closed);
	assert_true(starts_with(&out, "HTTP/1.1 404 "));
	buf_done(&out);
	site.listener = LISTENER_PEOPLE;
	answer_to(slice_of(request), SIZE_MAX, &out, &closed);
	assert_true(starts_with(&out, "HTTP/1.1 200 "));
	buf_done(&out);
}

static unsigned status_of(const char *request)
{
	struct buf out = BUF_INIT(4096);
	unsigned status = 0;
	bool closed;

	answer_to(slice_of(request), SIZE_MAX, &out, &closed);
	assert_true(starts_with(&out, "HTTP/1.1 "));
	for (size_t i = 9; i < 12; i++)
		status = status * 10 + (out.ptr[i] - '0');
	buf_done(&out);
	return status;
}

static void only_peoples_own_page_borrows_their_certificate(void **state)
{
#define POST_ACT "POST /act HTTP/1.1\r\n" H "Content-Length: 1\r\n"
	(void)state;
	assert_int_equal(status_of("GET /path/a HTTP/1.1\r\n" H
				   "Origin: https://h\r\n\r\n"),
			 403);
	site.listener = LISTENER_PEOPLE;
	assert_int_equal(status_of(POST_ACT "\r\nx"), 200);
	assert_int_equal(status_of(POST_ACT
				   "Origin: https://h\r\n"
				   "Sec-Fetch-Site: same-origin\r\n\r\nx"),
			 200);
	assert_int_equal(status_of(POST_ACT "Origin: https://evil\r\n\r\nx"),
			 403);
	assert_int_equal(status_of(POST_ACT "Origin: http://h\r\n\r\nx"), 403);
	assert_int_equal(status_of(POST_ACT "Origin: null\r\n\r\nx"), 403);
	assert_int_equal(
		status_of(POST_ACT "Sec-Fetch-Site: cross-site\r\n\r\nx"), 403);
	/* A link may lead to a page, which says nothing by itself. */
	assert_int_equal(status_of("GET / HTTP/1.1\r\n" H
				   "Sec-Fetch-Site: cross-site\r\n\r\n"),
			 200);
	assert_int_equal(status_of("GET /people HTTP/1.1\r\n" H
				   "Sec-Fetch-Site: cross-site\r\n\r\n"),
			 403);
#undef POST_ACT
}

static void after_a_refusal_nothing_more_is_read(void **state)
{
	static const char *const requests[] = {
		"POST /echo HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n",
		"POST /none HTTP/1.1\r\n" H "Content-Length: 50\r\n\r\n",
		"PUT /echo HTTP/1.1\r\n" H "Content-Length: 50\r\n\r\n",
		"GET /echo HTTP/1.0\r\n" H "\r\n",
		"GET /path/a HTTP/1.1\r\n" H "Origin: null\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" H
		"Transfer-Encoding: chunked\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct buf in = BUF_INIT(4096), out = BUF_INIT(4096);
		struct err e = { 0 };
		bool closed;

		assert_ok(buf_addf(&in, &e,
				   "%sGET /path/x HTTP/1.1\r\n" H "\r\n",
				   requests[i]));
		answer_to(buf_slice(&in), SIZE_MAX, &out, &closed);
		assert_true(closed);
		assert_int_equal(api.handled, 0);
		assert_non_null(strstr(buf_text(&out), "Connection: close"));
		assert_null(strstr(buf_text(&out), "200 OK"));
		buf_done(&in);
		buf_done(&out);
	}
}

static void consent_is_given_only_to_who_waits_for_it(void **state)
{
	static const char asks[] =
		"POST /echo HTTP/1.1\r\n" H "Content-Length: 2\r\n"
		"Expect: 100-continue\r\n\r\n";
	struct buf out = BUF_INIT(4096);
	struct exchange *x = exchange_new(&site, &peer);

	(void)state;
	drive(x, slice_of(asks), SIZE_MAX, &out);
	assert_string_equal(buf_text(&out), "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(exchange_phase(x), EXCHANGE_BODY);
	drive(x, slice_of("ab"), SIZE_MAX, &out);
	assert_non_null(strstr(buf_text(&out), "200 OK"));
	exchange_free(x);
	buf_done(&out);
}

static void files_go_in_pieces_and_parts(void **state)
{
	static const char request[] =
		"GET /file HTTP/1.1\r\n" H "Range: bytes=100-\r\n\r\n";
	struct buf out = BUF_INIT(1 << 20);
	const char *body;
	bool closed;

	(void)state;
	answer_to(slice_of(request), SIZE_MAX, &out, &closed);
	assert_true(starts_with(&out, "HTTP/1.1 206 "));
	assert_false(closed);
	body = strstr(buf_text(&out), "\r\n\r\n") + 4;
	assert_int_equal(out.len - (size_t)(body - buf_text(&out)),
			 FILE_LEN - 100);
	for (size_t i = 0; i < FILE_LEN - 100; i++)
		assert_int_equal((uint8_t)body[i], (i + 100) % 251);
	buf_done(&out);
}

static void a_file_that_became_shorter_ends_the_connection(void **state)
{
	struct buf out = BUF_INIT(1 << 20);
	bool closed;

	(void)state;
	answer_to(slice_of("GET /short HTTP/1.1\r\n" H "\r\n"), SIZE_MAX, &out,
		  &closed);
	assert_true(closed);
	assert_true(out.len < FILE_LEN);
	buf_done(&out);
}

static void an_upload_arrives_whole(void **state)
{
	static const size_t sizes[] = { 0,
					1,
					EXCHANGE_PIECE - 1,
					EXCHANGE_PIECE,
					EXCHANGE_PIECE + 1,
					3 * EXCHANGE_PIECE };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct buf in = BUF_INIT(1 << 20), out = BUF_INIT(4096);
		struct sha256 want;
		uint8_t *body;
		bool closed;

		assert_ok(buf_addf(&in, &e,
				   "PUT /upload HTTP/1.1\r\n" H
				   "Content-Length: %zu\r\n\r\n",
				   sizes[i]));
		body = buf_reserve(&in, sizes[i], &e);
		assert_non_null(body);
		for (size_t k = 0; k < sizes[i]; k++)
			body[k] = (uint8_t)(k * 7 % 253);
		sha256_of((struct slice){ body, sizes[i] }, &want);
		in.len += sizes[i];
		answer_to(buf_slice(&in), 5000, &out, &closed);
		assert_true(starts_with(&out, "HTTP/1.1 200 "));
		assert_int_equal(api.uploaded_len, sizes[i]);
		assert_true(sha256_equal(&want, &api.uploaded));
		buf_done(&in);
		buf_done(&out);
	}
}

static void what_failed_inside_is_not_told(void **state)
{
	struct buf out = BUF_INIT(4096);
	bool closed;

	(void)state;
	answer_to(slice_of("GET /fail HTTP/1.1\r\n" H "\r\n"), SIZE_MAX, &out,
		  &closed);
	assert_true(starts_with(&out, "HTTP/1.1 500 "));
	assert_null(strstr(buf_text(&out), "inner detail"));
	buf_done(&out);
}

static void at_the_end_the_request_under_way_is_the_last(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct exchange *x = exchange_new(&site, &peer);

	(void)state;
	drive(x,
	      slice_of("POST /echo HTTP/1.1\r\n" H
		       "Content-Length: 2\r\n\r\na"),
	      SIZE_MAX, &out);
	exchange_finish(x);
	assert_int_equal(exchange_want(x), EXCHANGE_READ);
	drive(x, slice_of("bGET /path/a HTTP/1.1\r\n" H "\r\n"), SIZE_MAX,
	      &out);
	assert_int_equal(exchange_want(x), EXCHANGE_CLOSE);
	assert_int_equal(api.handled, 1);
	exchange_free(x);
	x = exchange_new(&site, &peer);
	exchange_finish(x);
	assert_int_equal(exchange_want(x), EXCHANGE_CLOSE);
	exchange_free(x);
	buf_done(&out);
}

static void who_is_too_slow_is_told_so(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct exchange *x = exchange_new(&site, &peer);

	(void)state;
	assert_int_equal(exchange_phase(x), EXCHANGE_IDLE);
	drive(x, slice_of("GET /path/a HT"), SIZE_MAX, &out);
	assert_int_equal(exchange_phase(x), EXCHANGE_HEAD);
	exchange_refuse(x, 408, "too slow");
	drive(x, (struct slice){ 0 }, 1, &out);
	assert_true(starts_with(&out, "HTTP/1.1 408 "));
	assert_int_equal(exchange_want(x), EXCHANGE_CLOSE);
	exchange_free(x);
	buf_done(&out);
}

/* A certificate's own end is forgiven who renews it; its CA's end to nobody. */
static void the_end_of_a_ca_is_forgiven_nobody(void **state)
{
	static const char *const requests[] = {
		"GET /path/a HTTP/1.1\r\n" H "\r\n",
		"GET /renew HTTP/1.1\r\n" H "\r\n",
		"GET /return HTTP/1.1\r\n" H "\r\n",
	};

	(void)state;
	peer.not_after = utc_now() - 1;
	assert_int_not_equal(status_of(requests[0]), 200);
	assert_int_equal(status_of(requests[1]), 200);
	assert_int_equal(status_of(requests[2]), 200);
	peer.trusted_until = utc_now() - 1;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		assert_int_not_equal(status_of(requests[i]), 200);
	peer.not_after = INT64_MAX;
	assert_int_not_equal(status_of(requests[0]), 200);
	/* Who shows no certificate has no CA. */
	peer = (struct peer){ .present = false };
	assert_int_equal(status_of(requests[0]), 200);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

/* ---- answers without an end ------------------------------------------- */

static const char stream_head[] =
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	"Cache-Control: no-store\r\nConnection: close\r\n"
	"X-Content-Type-Options: nosniff\r\n\r\n";

static struct exchange *open_stream(const char *request, struct buf *out)
{
	struct exchange *x = exchange_new(&site, &peer);

	drive(x, slice_of(request), SIZE_MAX, out);
	return x;
}

static void wake(struct exchange *x, struct buf *out)
{
	out->len = 0;
	exchange_wake(x);
	drive(x, (struct slice){ 0 }, 1, out);
}

static void a_stream_says_what_comes_each_time_that_it_is_woken(void **state)
{
	struct buf out = BUF_INIT(1 << 16);
	struct exchange *x;

	(void)state;
	/* What is sent behind it is never looked at. */
	x = open_stream("GET /stream HTTP/1.1\r\n" H "\r\n"
			"GET /path/a HTTP/1.1\r\n" H "\r\n",
			&out);
	assert_true(starts_with(&out, stream_head));
	assert_string_equal(buf_text(&out) + strlen(stream_head), "(start)");
	assert_int_equal(exchange_want(x), EXCHANGE_WAIT);
	assert_int_equal(exchange_phase(x), EXCHANGE_STREAM);
	wake(x, &out);
	assert_string_equal(buf_text(&out), "[7]");
	wake(x, &out);
	assert_int_equal(out.len, 0);
	assert_int_equal(exchange_want(x), EXCHANGE_WAIT);
	wake(x, &out);
	assert_string_equal(buf_text(&out), "[8]");
	wake(x, &out);
	wake(x, &out); /* there is more at once, twice */
	assert_string_equal(buf_text(&out), "[9][10][11]");
	assert_int_equal(api.handled, 1);
	exchange_free(x);
	buf_done(&out);
}

static void a_stream_ends_when_its_listener_is_no_longer_welcome(void **state)
{
	struct buf out = BUF_INIT(1 << 16);
	struct exchange *x;

	(void)state;
	x = open_stream("GET /stream HTTP/1.1\r\n" H "\r\n", &out);
	api.refuses = true;
	wake(x, &out);
	assert_int_equal(out.len, 0);
	assert_int_equal(exchange_want(x), EXCHANGE_CLOSE);
	assert_int_equal(api.said, 0);
	exchange_free(x);
	api.refuses = false;

	x = open_stream("GET /stream HTTP/1.1\r\n" H "\r\n", &out);
	peer.not_after = 1;
	wake(x, &out);
	assert_int_equal(exchange_want(x), EXCHANGE_CLOSE);
	exchange_free(x);
	peer.not_after = INT64_MAX;

	x = open_stream("GET /stream HTTP/1.1\r\n" H "\r\n", &out);
	api.said = 100;
	wake(x, &out);
	assert_int_equal(exchange_want(x), EXCHANGE_CLOSE);
	exchange_free(x);

	x = open_stream("GET /stream HTTP/1.1\r\n" H "\r\n", &out);
	exchange_finish(x);
	assert_int_equal(exchange_want(x), EXCHANGE_CLOSE);
	exchange_free(x);
	buf_done(&out);
}

static void the_head_of_a_stream_is_an_answer_like_others(void **state)
{
	struct buf out = BUF_INIT(1 << 16);
	struct exchange *x;

	(void)state;
	x = open_stream("HEAD /stream HTTP/1.1\r\n" H "\r\n", &out);
	assert_string_equal(buf_text(&out), stream_head);
	assert_int_equal(exchange_want(x), EXCHANGE_CLOSE);
	exchange_wake(x);
	assert_int_equal(exchange_want(x), EXCHANGE_CLOSE);
	exchange_free(x);
	buf_done(&out);
}

#define BLOB                                                                   \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.full"

static void each_byte_of_a_package_is_counted_for_it(void **state)
{
	static const char all[] =
		"GET /blob/" BLOB " HTTP/1.1\r\n" H "\r\n"
		"GET /blob/" BLOB " HTTP/1.1\r\n" H "Range: bytes=10-29\r\n\r\n"
		"HEAD /blob/" BLOB " HTTP/1.1\r\n" H "\r\n"
		"GET /blob/" BLOB " HTTP/1.1\r\n" H
		"If-None-Match: \"tag\"\r\n\r\n"
		"GET /path/" BLOB " HTTP/1.1\r\n" H "\r\n"
		"GET /file HTTP/1.1\r\n" H "\r\n"
		"GET /busy/" BLOB " HTTP/1.1\r\n" H "\r\n";
	struct egress_count counts[EGRESS_MAX];
	struct buf out = BUF_INIT(1 << 20);
	struct meter *m = meter_new(routes, ARRAY_LEN(routes));
	struct sha256 blob;
	bool closed;

	(void)state;
	memset(&blob, 0xaa, sizeof(blob));
	site.meter = m;
	answer_to(slice_of(all), SIZE_MAX, &out, &closed);
	assert_int_equal(api.handled, 7);
	assert_true(closed);
	assert_int_equal(egress_take(meter_egress(m), counts), 1);
	assert_memory_equal(&counts[0].package, &blob, sizeof(blob));
	assert_int_equal(counts[0].sent, FILE_LEN + 20);
	assert_int_equal(counts[0].busy, 1);
	buf_done(&out);
	meter_free(m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_stream_says_what_comes_each_time_that_it_is_woken),
		TEST(a_stream_ends_when_its_listener_is_no_longer_welcome),
		TEST(the_end_of_a_ca_is_forgiven_nobody),
		TEST(the_head_of_a_stream_is_an_answer_like_others),
		TEST(answers_are_the_same_however_the_bytes_come),
		TEST(a_truncated_request_reaches_no_handler),
		TEST(who_is_not_welcome_reaches_no_handler),
		TEST(a_route_belongs_to_its_listener),
		TEST(only_peoples_own_page_borrows_their_certificate),
		TEST(after_a_refusal_nothing_more_is_read),
		TEST(consent_is_given_only_to_who_waits_for_it),
		TEST(files_go_in_pieces_and_parts),
		TEST(each_byte_of_a_package_is_counted_for_it),
		TEST(a_file_that_became_shorter_ends_the_connection),
		TEST(an_upload_arrives_whole),
		TEST(what_failed_inside_is_not_told),
		TEST(at_the_end_the_request_under_way_is_the_last),
		TEST(who_is_too_slow_is_told_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
