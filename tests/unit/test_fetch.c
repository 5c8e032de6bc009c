/* SPDX-License-Identifier: Apache-2.0 */
/* Requests over real TLS, to a server of the test's own that lies, cuts, hangs
 * or is somebody else. */
#include "updater-client/fetch.h"

#include "common/buf.h"
#include "common/steady.h"
#include "common/text.h"
#include "tests/unit/tls_server.h"

#define NOW   INT64_C(1780000000) /* 2026-05-28T20:26:40Z */
#define WHOLE UINT64_MAX

struct world {
	struct tls_server at[2], proxy;
	char *urls[2];
	struct fetch_setup setup;
	struct fetch *fetch;
	struct buf got;
	struct err refusal; /* of the sink, if it has a code */
};

static struct world w;

/* ---- the servers --------------------------------------------------------- */

/* "Range: bytes=N-", or -1. */
static long range_of(const struct tls_talk *t)
{
	const char *at = strstr(t->request, "\r\nRange: bytes=");

	return at ? strtol(at + strlen("\r\nRange: bytes="), NULL, 10) : -1;
}

static void answer_range(struct tls_talk *t)
{
	const long from = range_of(t);

	if (from >= 0)
		tls_answer(t, "206 Partial Content", "",
			   slice_of("0123456789" + from));
	else
		tls_answer(t, "200 OK", "", slice_of("0123456789"));
}

/* Says nothing more until whoever asked has left. */
static void hang(const struct tls_talk *t)
{
	char unread[256];

	while (recv(t->fd, unread, sizeof(unread), 0) > 0)
		;
}

static void say_endlessly(struct tls_talk *t)
{
	char page[16384];

	memset(page, 'x', sizeof(page));
	(void)tls_say(t, "HTTP/1.1 500 No\r\nConnection: close\r\n\r\n");
	while (tls_send(t, page, sizeof(page)))
		;
}

static bool ends_with(const char *path, const char *end)
{
	const size_t len = strlen(path), end_len = strlen(end);

	return len >= end_len && strcmp(path + len - end_len, end) == 0;
}

/* What is asked for says what the server does. */
static void answer(struct tls_talk *t)
{
	static const struct {
		const char *path, *status, *more, *body;
	} table[] = {
		{ "/403", "403 No", "", "no" },
		{ "/404", "404 No", "", "no" },
		{ "/targets/404", "404 No", "", "no" },
		{ "/500", "500 No", "", "no" },
		{ "/302", "302 Go", "Location: /whole\r\n", "" },
		{ "/503", "503 Busy", "", "busy" },
		{ "/later", "503 Busy", "Retry-After: 33\r\n", "busy" },
		{ "/429", "429 Busy", "Retry-After: 5\r\n", "busy" },
		{ "/empty", "200 OK", "", "" },
		{ "/ignores-range", "200 OK", "", "0123456789" },
		{ "/refused", "409 Conflict", "", "{\"why\":1}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(t->path, table[i].path) == 0) {
			tls_answer(t, table[i].status, table[i].more,
				   slice_of(table[i].body));
			return;
		}
	if (strcmp(t->path, "/cut") == 0) {
		(void)tls_say(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"
				 "\r\n01234");
	} else if (strcmp(t->path, "/hangs") == 0) {
		(void)tls_say(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"
				 "\r\n0");
		hang(t);
	} else if (ends_with(t->path, "/silent")) {
		hang(t);
	} else if (strcmp(t->path, "/endless") == 0) {
		say_endlessly(t);
	} else {
		answer_range(t);
	}
}

/* A proxy that lets nobody through; its ctx is how it says so. */
static void refuse(struct tls_talk *t)
{
	tls_answer(t, t->ctx, "", slice_of("no"));
}

static void start(struct tls_server *s, void (*how)(struct tls_talk *t))
{
	s->answer = how;
	s->not_before = NOW - UTC_DAY;
	s->not_after = NOW + UTC_DAY;
	tls_server_start(s);
}

/* ---- the client ---------------------------------------------------------- */

static int take(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	if (w.refusal.code != ERR_NONE) {
		*e = w.refusal;
		return -1;
	}
	return buf_add(&w.got, bytes, e);
}

static void begin(void)
{
	struct err e = { 0 };

	fetch_free(w.fetch);
	w.fetch = NULL;
	assert_ok(fetch_new(&w.setup, &w.fetch, &e));
}

static int get(const char *path, uint64_t from, uint64_t to, struct err *e)
{
	const struct sink sink = { NULL, take };

	w.got.len = 0;
	e->retry_sec = 0;
	return fetch_get(w.fetch, path, from, to, &sink, e);
}

static void assert_got(const char *text)
{
	assert_int_equal(w.got.len, strlen(text));
	if (text[0])
		assert_memory_equal(w.got.ptr, text, w.got.len);
}

static void forget_asked(void)
{
	w.at[0].asked[0] = 0;
	if (w.at[1].pid > 0)
		w.at[1].asked[0] = 0;
}

static int setup(void **state)
{
	(void)state;
	w = (struct world){ .got = BUF_INIT(1 << 20) };
	start(&w.at[0], answer);
	w.urls[0] = w.at[0].url;
	w.setup = (struct fetch_setup){ .urls = w.urls,
					.url_count = 1,
					.ca = buf_slice(&w.at[0].own.ca),
					.now = NOW };
	begin();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fetch_free(w.fetch);
	tls_server_stop(&w.at[0]);
	tls_server_stop(&w.at[1]);
	tls_server_stop(&w.proxy);
	buf_done(&w.got);
	return 0;
}

/* Another server, whose CA is trusted as well. */
static void add_second(void)
{
	static struct buf both = BUF_INIT(2 * X509_PEM_MAX_LEN);
	struct err e = { 0 };

	start(&w.at[1], answer);
	w.urls[1] = w.at[1].url;
	both.len = 0;
	assert_ok(buf_add(&both, buf_slice(&w.at[0].own.ca), &e));
	assert_ok(buf_add(&both, buf_slice(&w.at[1].own.ca), &e));
	w.setup.ca = buf_slice(&both);
	w.setup.url_count = 2;
	begin();
}

static unsigned count_asked(const char *line)
{
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_LEN(w.at); i++)
		for (const char *at = w.at[i].pid > 0 ? w.at[i].asked : "";
		     (at = strstr(at, line)); at++)
			count++;
	return count;
}

/* ---- bytes --------------------------------------------------------------- */

static void a_file_comes_whole_or_from_some_byte_on(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(get("/whole", 0, WHOLE, &e));
	assert_got("0123456789");
	assert_ok(get("/whole", 4, 10, &e));
	assert_got("456789");
	assert_non_null(strstr(w.at[0].asked, "Range: bytes=4-9\r\n"));
	/* A server that knows no ranges sends what we have again. */
	assert_ok(get("/ignores-range", 4, 10, &e));
	assert_got("456789");
	assert_ok(get("/empty", 0, WHOLE, &e));
	assert_got("");
	forget_asked();
	assert_ok(get("/whole", 0, WHOLE, &e));
	assert_null(strstr(w.at[0].asked, "Range:"));
}

static void what_is_longer_than_it_should_be_is_refused(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(get("/whole", 0, 10, &e));
	assert_refused_saying(get("/whole", 0, 9, &e), ERR_LIMIT,
			      "more than it should");
	assert_refused(get("/ignores-range", 4, 9, &e), ERR_LIMIT);
	assert_true(w.got.len <= 5);
}

static void the_failure_of_who_takes_is_told_as_it_is(void **state)
{
	struct err e = { 0 };

	(void)state;
	(void)err_set(&w.refusal, ERR_CONFLICT, "no more");
	assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_CONFLICT,
			      "no more");
}

static void what_a_path_says_is_asked_as_it_is(void **state)
{
	char longest[3000];
	struct err e = { 0 };

	(void)state;
	assert_ok(get("/a/../b", 0, WHOLE, &e));
	assert_non_null(strstr(w.at[0].asked, "GET /a/../b HTTP/1.1\r\n"));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = 0;
	assert_refused(get(longest, 0, WHOLE, &e), ERR_LIMIT);
}

/* ---- posting ------------------------------------------------------------- */

static int post(const char *path, struct buf *answered, unsigned *status,
		struct err *e)
{
	/* A slice ends where it ends. */
	const struct slice body = slice_sub(slice_of("{\"v\":1}more"), 0, 7);

	return fetch_post(w.fetch, path, body, answered, status, e);
}

static void a_body_is_posted_and_any_status_is_an_answer(void **state)
{
	struct buf answered = BUF_INIT(64);
	unsigned status = 0;
	struct err e = { 0 };

	(void)state;
	/* Nothing of an earlier request is left in it... */
	assert_ok(get("/whole", 4, 10, &e));
	forget_asked();
	assert_ok(post("/v1/checkin", &answered, &status, &e));
	assert_int_equal(status, 200);
	assert_string_equal(buf_text(&answered), "0123456789");
	assert_non_null(strstr(w.at[0].asked, "POST /v1/checkin HTTP/1.1\r\n"));
	assert_non_null(strstr(w.at[0].asked,
			       "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(w.at[0].asked, "\r\n\r\n{\"v\":1}\n"));
	assert_null(strstr(w.at[0].asked, "Range:"));
	answered.len = 0;
	assert_ok(post("/refused", &answered, &status, &e));
	assert_int_equal(status, 409);
	assert_string_equal(buf_text(&answered), "{\"why\":1}");
	/* ...nor of this one in the next. */
	forget_asked();
	assert_ok(get("/whole", 0, WHOLE, &e));
	assert_non_null(strstr(w.at[0].asked, "GET /whole HTTP/1.1\r\n"));
	assert_null(strstr(w.at[0].asked, "Content-Type:"));
	buf_done(&answered);
}

static void an_answer_has_its_room(void **state)
{
	struct buf answered = BUF_INIT(9);
	unsigned status = 7;
	struct err e = { 0 };

	(void)state;
	assert_refused(post("/v1/checkin", &answered, &status, &e), ERR_LIMIT);
	assert_refused(post("/503", &answered, &status, &e), ERR_NETWORK);
	assert_int_equal(status, 7);
	assert_int_equal(answered.len, 0);
	buf_done(&answered);
}

/* ---- what a server may say ----------------------------------------------- */

static void a_status_has_its_meaning(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(get("/403", 0, WHOLE, &e), ERR_NOT_FOUND,
			      "not there (403)");
	assert_refused_saying(get("/404", 0, WHOLE, &e), ERR_NOT_FOUND,
			      "not there (404)");
	assert_refused_saying(get("/500", 0, WHOLE, &e), ERR_NETWORK,
			      "the server answered 500");
	/* Nobody is followed elsewhere. */
	assert_refused_saying(get("/302", 0, WHOLE, &e), ERR_NETWORK,
			      "the server answered 302");
	assert_null(strstr(w.at[0].asked, "GET /whole "));
	assert_got("");
}

static void a_busy_server_may_say_when_it_is_not(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(get("/503", 0, WHOLE, &e), ERR_NETWORK,
			      "the server is busy");
	assert_null(strstr(e.msg, "wants to be asked"));
	assert_int_equal(e.retry_sec, 0);
	assert_refused_saying(get("/later", 0, WHOLE, &e), ERR_NETWORK,
			      "wants to be asked in 33 s");
	assert_int_equal(e.retry_sec, 33);
	assert_refused(get("/429", 0, WHOLE, &e), ERR_NETWORK);
	assert_int_equal(e.retry_sec, 5);
}

static void an_endless_error_page_is_left(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(get("/endless", 0, WHOLE, &e), ERR_LIMIT,
			      "an endless error page");
}

static void a_cut_is_told_after_the_bytes_that_came(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused(get("/cut", 0, WHOLE, &e), ERR_NETWORK);
	assert_got("01234");
	assert_non_null(strstr(e.msg, w.at[0].url));
}

/* ---- slowness ------------------------------------------------------------ */

static void who_is_slow_is_left_and_at_last_for_a_minute(void **state)
{
	struct err e = { 0 };

	(void)state;
	w.setup.patience_sec = 1;
	begin();
	for (unsigned i = 1; i <= 8; i++) {
		assert_refused_saying(get("/hangs", 0, WHOLE, &e), ERR_NETWORK,
				      "slower than 4096 bytes a second");
		assert_int_equal(e.retry_sec, i < 8 ? 0 : 60);
	}
}

/* A low rate that we ourselves allow is not held against the server. */
static void what_is_fair_is_less_where_less_is_allowed(void **state)
{
	struct err e = { 0 };

	(void)state;
	w.setup.patience_sec = 1;
	w.setup.rate = 1000;
	begin();
	assert_refused_saying(get("/hangs", 0, WHOLE, &e), ERR_NETWORK,
			      "slower than 500 bytes a second");
}

static void other_failures_are_not_slowness(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		assert_refused(get("/500", 0, WHOLE, &e), ERR_NETWORK);
		assert_int_equal(e.retry_sec, 0);
	}
}

/* The last time is the end, though there is another server. */
static void behind_the_last_slow_one_nobody_is_asked(void **state)
{
	char of[3][80], *urls[3];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(of); i++) {
		(void)snprintf(of[i], sizeof(of[i]), "%s/%zu", w.at[0].url, i);
		urls[i] = of[i];
	}
	w.setup.urls = urls;
	w.setup.url_count = ARRAY_LEN(urls);
	w.setup.patience_sec = 1;
	begin();
	for (unsigned i = 0; i < 2; i++) {
		assert_refused_saying(get("/silent", 0, WHOLE, &e), ERR_NETWORK,
				      of[2]);
		assert_int_equal(e.retry_sec, 0);
	}
	assert_refused_saying(get("/silent", 0, WHOLE, &e), ERR_NETWORK, of[1]);
	assert_int_equal(e.retry_sec, 60);
}

static void who_hangs_is_left_after_its_time(void **state)
{
	const int64_t begun = steady_ms();
	struct err e = { 0 };

	(void)state;
	w.setup.patience_sec = 5; /* a slow machine has its byte first */
	begin();
	assert_refused_saying(get("/hangs", 0, WHOLE, &e), ERR_NETWORK,
			      "slower than");
	assert_got("0");
	assert_true(steady_ms() - begun >= 1000);
}

/* ---- one of several ------------------------------------------------------ */

static void what_one_server_cannot_give_another_may(void **state)
{
	struct err e = { 0 };

	(void)state;
	add_second();
	tls_server_stop(&w.at[0]);
	assert_ok(get("/whole", 0, WHOLE, &e));
	assert_got("0123456789");
	/* And it is asked first from then on. */
	assert_refused(get("/500", 0, WHOLE, &e), ERR_NETWORK);
	assert_int_equal(count_asked("GET /500 "), 1);
}

static void every_server_is_asked_before_it_is_given_up(void **state)
{
	struct err e = { 0 };

	(void)state;
	add_second();
	assert_refused(get("/503", 0, WHOLE, &e), ERR_NETWORK);
	assert_int_equal(count_asked("GET /503 "), 2);
	/* What is signed to be there may be lost on one of them... */
	assert_refused(get("/targets/404", 0, WHOLE, &e), ERR_NOT_FOUND);
	assert_int_equal(count_asked("GET /targets/404 "), 2);
	/* ...and that there is no newer root one says for all. */
	assert_refused(get("/404", 0, WHOLE, &e), ERR_NOT_FOUND);
	assert_int_equal(count_asked("GET /404 "), 1);
	(void)err_set(&w.refusal, ERR_NETWORK, "no more");
	assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_NETWORK,
			      "no more");
	assert_int_equal(count_asked("GET /whole "), 1);
}

/* Else whoever takes the bytes would be given those of two servers. */
static void behind_a_cut_the_next_call_goes_on_elsewhere(void **state)
{
	struct err e = { 0 };

	(void)state;
	add_second();
	assert_refused(get("/cut", 0, WHOLE, &e), ERR_NETWORK);
	assert_got("01234");
	assert_int_equal(count_asked("GET /cut "), 1);
	assert_ok(get("/whole", 5, 10, &e));
	assert_got("56789");
	assert_non_null(strstr(w.at[1].asked, "Range: bytes=5-9\r\n"));
}

static void without_a_server_the_configuration_is_to_blame(void **state)
{
	struct err e = { 0 };

	(void)state;
	w.setup.url_count = 0;
	begin();
	assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_CONFIG,
			      "no server is configured");
}

static void where_nobody_listens_no_proxy_is_blamed(void **state)
{
	struct err e = { 0 };

	(void)state;
	begin();
	tls_server_end(&w.at[0]);
	assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_NETWORK,
			      w.at[0].url);
	assert_null(strstr(e.msg, "proxy"));
}

/* ---- who the server is --------------------------------------------------- */

static void only_the_pinned_ca_vouches_for_a_server(void **state)
{
	struct err e = { 0 };

	(void)state;
	start(&w.at[1], answer);
	w.urls[0] = w.at[1].url;
	begin();
	assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_UNTRUSTED,
			      "is not our server");
	assert_null(strstr(e.msg, "proxy"));
	assert_string_equal(w.at[1].asked, "");
	/* Who only asks for what proves itself may ask anybody. */
	w.setup.unverified = true;
	begin();
	assert_ok(get("/whole", 0, WHOLE, &e));
}

/* By the client's own now, whatever the clock of this machine says. */
static void a_certificate_has_its_end(void **state)
{
	struct err e = { 0 };

	(void)state;
	w.setup.now = w.at[0].not_after + 1;
	begin();
	assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_EXPIRED,
			      "its certificate has expired");
	w.setup.now = w.at[0].not_after - 1;
	begin();
	assert_ok(get("/whole", 0, WHOLE, &e));
}

static void
certificates_that_are_none_are_a_matter_of_configuration(void **state)
{
	static const char nonsense[] = "-----BEGIN CERTIFICATE-----\nAAAA\n"
				       "-----END CERTIFICATE-----\n";
	static char too_long[9 << 20];
	struct err e = { 0 };

	(void)state;
	w.setup.ca = slice_of(nonsense);
	begin();
	assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_CONFIG,
			      "the server's CA: ");
	w.setup.ca = buf_slice(&w.at[0].own.ca);
	w.setup.certificate = w.setup.key = slice_of(nonsense);
	begin();
	assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_CONFIG,
			      "our own certificate: ");
	/* libcurl takes no megabytes for one. */
	w.setup.ca =
		(struct slice){ (const uint8_t *)too_long, sizeof(too_long) };
	fetch_free(w.fetch);
	w.fetch = NULL;
	assert_refused_saying(fetch_new(&w.setup, &w.fetch, &e), ERR_SYSTEM,
			      "libcurl lacks something");
	assert_null(w.fetch);
}

/* ---- who we are ---------------------------------------------------------- */

static struct ec_private *a_device(struct buf *pem)
{
	const struct x509_template t = { .kind = X509_PERSON,
					 .common_name = "device",
					 .not_before = NOW - UTC_DAY,
					 .not_after = NOW + UTC_DAY };
	struct ec_private *key = NULL;
	struct ec_public own;
	struct err e = { 0 };

	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &own);
	assert_ok(x509_issue(&t, &own, (struct slice){ 0 }, key, pem, &e));
	return key;
}

static void want_certificates(void)
{
	tls_server_stop(&w.at[0]);
	w.at[0].asks_who = true;
	start(&w.at[0], answer);
	w.setup.ca = buf_slice(&w.at[0].own.ca);
}

static void a_server_is_shown_our_certificate(void **state)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf key_pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *key = a_device(&pem);
	struct err e = { 0 };

	(void)state;
	want_certificates();
	begin();
	assert_refused(get("/whole", 0, WHOLE, &e), ERR_NETWORK);
	assert_ok(x509_private_pem(key, &key_pem, &e));
	w.setup.certificate = buf_slice(&pem);
	w.setup.key = buf_slice(&key_pem);
	begin();
	assert_ok(get("/whole", 0, WHOLE, &e));
	ec_free(key);
	buf_done(&pem);
	buf_wipe(&key_pem);
}

static int sign_nothing(void *ctx, const struct sha256 *digest,
			uint8_t rs[EC_RS_LEN], struct err *e)
{
	(void)ctx;
	(void)digest;
	(void)rs;
	return err_set(e, ERR_SYSTEM, "the token is gone");
}

static int agree_on_nothing(void *ctx, const struct ec_public *with,
			    uint8_t shared[EC_SHARED_LEN], struct err *e)
{
	(void)ctx;
	(void)with;
	(void)shared;
	return err_set(e, ERR_SYSTEM, "the token is gone");
}

static void leave(void *ctx)
{
	(void)ctx;
}

static void a_token_that_does_not_sign_is_told_of(void **state)
{
	const struct ec_holder holder = { NULL, sign_nothing, agree_on_nothing,
					  leave };
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *key = a_device(&pem), *held = NULL;
	struct ec_public own;
	struct err e = { 0 };

	(void)state;
	want_certificates();
	ec_public_of(key, &own);
	assert_ok(ec_private_held(&own, &holder, &held, &e));
	w.setup.certificate = buf_slice(&pem);
	w.setup.held = held;
	begin();
	assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_SYSTEM,
			      "the token is gone");
	/* A certificate that is none is told of before anybody is asked. */
	w.setup.certificate = slice_of("nonsense");
	fetch_free(w.fetch);
	w.fetch = NULL;
	assert_int_equal(fetch_new(&w.setup, &w.fetch, &e), -1);
	assert_null(w.fetch);
	ec_free(held);
	ec_free(key);
	buf_done(&pem);
}

/* ---- proxies ------------------------------------------------------------- */

static void only_the_configured_proxy_is_used(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("no_proxy", "", 1), 0);
	begin();
	assert_ok(get("/whole", 0, WHOLE, &e));
	assert_int_equal(unsetenv("https_proxy"), 0);
	assert_int_equal(unsetenv("no_proxy"), 0);
}

static void a_proxy_that_lets_nobody_through_is_named(void **state)
{
	static char closed[] = "403 Closed", who[] = "407 Who";
	char *const how[] = { closed, who };
	static const char *const said[] = {
		"the proxy does not let us through (403)",
		"the proxy wants a name and a password",
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(how); i++) {
		w.proxy.plain = true;
		w.proxy.ctx = how[i];
		start(&w.proxy, refuse);
		w.setup.proxy = w.proxy.url;
		begin();
		assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_NETWORK,
				      said[i]);
		assert_non_null(strstr(w.proxy.asked, "CONNECT 127.0.0.1:"));
		assert_string_equal(w.at[0].asked, "");
		tls_server_stop(&w.proxy);
	}
	/* And one that is not there. */
	assert_refused_saying(get("/whole", 0, WHOLE, &e), ERR_NETWORK,
			      "through the proxy: ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_file_comes_whole_or_from_some_byte_on),
		TEST(what_is_longer_than_it_should_be_is_refused),
		TEST(the_failure_of_who_takes_is_told_as_it_is),
		TEST(what_a_path_says_is_asked_as_it_is),
		TEST(a_body_is_posted_and_any_status_is_an_answer),
		TEST(an_answer_has_its_room),
		TEST(a_status_has_its_meaning),
		TEST(a_busy_server_may_say_when_it_is_not),
		TEST(an_endless_error_page_is_left),
		TEST(a_cut_is_told_after_the_bytes_that_came),
		TEST(who_is_slow_is_left_and_at_last_for_a_minute),
		TEST(what_is_fair_is_less_where_less_is_allowed),
		TEST(other_failures_are_not_slowness),
		TEST(behind_the_last_slow_one_nobody_is_asked),
		TEST(who_hangs_is_left_after_its_time),
		TEST(what_one_server_cannot_give_another_may),
		TEST(every_server_is_asked_before_it_is_given_up),
		TEST(behind_a_cut_the_next_call_goes_on_elsewhere),
		TEST(without_a_server_the_configuration_is_to_blame),
		TEST(where_nobody_listens_no_proxy_is_blamed),
		TEST(only_the_pinned_ca_vouches_for_a_server),
		TEST(a_certificate_has_its_end),
		TEST(certificates_that_are_none_are_a_matter_of_configuration),
		TEST(a_server_is_shown_our_certificate),
		TEST(a_token_that_does_not_sign_is_told_of),
		TEST(only_the_configured_proxy_is_used),
		TEST(a_proxy_that_lets_nobody_through_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
