/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/steady.h"
#include "common/text.h"
#include "updater-client/tls_clock.h"
#include "updater-client/tls_key.h"

#define URL_LEN        2048
#define CONNECT_SEC    20
#define LOW_BYTES      512
#define LOW_SEC        30
#define BUFFER_LEN     32768
#define FAIR_RATE      4096 /* bytes a second, or half of what we allow */
#define BEGIN_MS       1000 /* what it costs to begin anew */
#define PATIENCE_SEC   120
#define SLOW_MAX       8  /* times in a run */
#define SLOW_RETRY_SEC 60 /* more than a source would wait for */
#define ERROR_BODY_MAX 65536u

struct fetch {
	CURL *curl;
	struct curl_slist *json_headers;
	struct fetch_setup setup;
	struct tls_key *lent; /* with a key that is held elsewhere */
	size_t url;           /* the one that worked last */
	int64_t behind_ms;    /* so much sooner a fair server had been */
	unsigned slow;        /* how often that became too much */
	char why[CURL_ERROR_SIZE];
};

/* One transfer under way. */
struct transfer {
	struct fetch *fetch;
	const struct sink *sink;
	bool any_status;  /* an error's body is an answer, too */
	uint64_t skip;    /* bytes before `from`, if the server ignored Range */
	uint64_t room;    /* bytes that may still come */
	uint64_t refused; /* bytes of an unwanted error page */
	bool started;
	uint64_t from;
	int64_t clock; /* up to here its speed was judged, */
	int64_t seen;  /* and up to this byte */
	int rc;
	struct err *e;
};

static long status_of(CURL *curl)
{
	long status = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* Overloaded, it says so in few words: one of our other servers may not be. */
static bool is_busy(long status)
{
	return status == 503;
}

/* What we do with the bytes takes its time; the server is not to blame. */
static int pass_on(struct transfer *t, struct slice bytes)
{
	const int64_t begun = steady_ms();
	int rc = t->sink->take(t->sink->ctx, bytes, t->e);

	t->clock += steady_ms() - begun;
	return rc;
}

static int take(struct transfer *t, struct slice bytes)
{
	long status = status_of(t->fetch->curl);
	size_t skip;

	if (status != 200 && status != 206 &&
	    (!t->any_status || is_busy(status))) {
		t->refused += bytes.len;
		return t->refused > ERROR_BODY_MAX ? -1 : 0;
	}
	if (!t->started && status == 200)
		t->skip = t->from;
	t->started = true;
	skip = t->skip < bytes.len ? (size_t)t->skip : bytes.len;
	t->skip -= skip;
	bytes = slice_sub(bytes, skip, bytes.len);
	if (bytes.len > t->room) {
		t->rc = err_set(t->e, ERR_LIMIT,
				"the server sends more than it should");
		return -1;
	}
	t->room -= bytes.len;
	if (bytes.len > 0)
		t->rc = pass_on(t, bytes);
	return t->rc;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
	struct slice in = { (const uint8_t *)bytes, size * count };

	return take(ctx, in) == 0 ? in.len : 0;
}

static int64_t fair_rate(const struct fetch *f)
{
	const uint64_t half = f->setup.rate / 2;

	return half > 0 && half < FAIR_RATE ? (int64_t)half : FAIR_RATE;
}

static bool is_too_late(const struct fetch *f)
{
	const uint64_t sec = f->setup.patience_sec;

	return f->behind_ms > 1000 * (int64_t)(sec > 0 ? sec : PATIENCE_SEC);
}

/*
 * At least once a second. Nothing is saved up: who was fast before may not be
 * slow for longer. It goes on from transfer to transfer, so that who cuts each
 * of them after a byte is slow as well.
 */
static int on_progress(void *ctx, curl_off_t total, curl_off_t count,
		       curl_off_t up_total, curl_off_t up)
{
	struct transfer *t = ctx;
	struct fetch *f = t->fetch;
	const int64_t now = steady_ms();

	(void)total;
	(void)up_total;
	(void)up;
	f->behind_ms +=
		now - t->clock - (count - t->seen) * 1000 / fair_rate(f);
	if (f->behind_ms < 0)
		f->behind_ms = 0;
	t->clock = now;
	t->seen = count;
	return is_too_late(f);
}

static CURLcode on_ssl_ctx(CURL *curl, void *ssl_ctx, void *ctx)
{
	const struct fetch *f = ctx;

	(void)curl;
	if (f->lent && !tls_key_lend(f->lent, ssl_ctx))
		return CURLE_SSL_CERTPROBLEM;
	if (f->setup.unverified)
		return CURLE_OK;
	tls_clock_set(ssl_ctx, f->setup.now);
	return CURLE_OK;
}

/* ---- options ------------------------------------------------------------- */

#define SET(option, value) curl_easy_setopt(f->curl, (option), (value))

/* What is the same for all. */
static const struct {
	uint16_t option, value;
} fixed[] = {
	/* Whatever libcurl would do by itself that we did not ask for. */
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_MAXREDIRS, 0 },
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_HTTPAUTH, 0 },
	{ CURLOPT_PATH_AS_IS, 1 },
	{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
	{ CURLOPT_PROXYTYPE, CURLPROXY_HTTP },
	{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
	{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
	/* Bounds. */
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_CONNECTTIMEOUT, CONNECT_SEC },
	{ CURLOPT_LOW_SPEED_LIMIT, LOW_BYTES },
	{ CURLOPT_LOW_SPEED_TIME, LOW_SEC },
	{ CURLOPT_BUFFERSIZE, BUFFER_LEN },
	{ CURLOPT_TCP_KEEPALIVE, 1 },
	{ CURLOPT_NOPROGRESS, 0 },
};

static bool set_fixed(struct fetch *f)
{
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (SET((CURLoption)fixed[i].option, (long)fixed[i].value) !=
		    CURLE_OK)
			return false;
	return SET(CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       SET(CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK &&
	       SET(CURLOPT_ACCEPT_ENCODING, NULL) == CURLE_OK &&
	       SET(CURLOPT_ERRORBUFFER, f->why) == CURLE_OK &&
	       SET(CURLOPT_USERAGENT, "pawl-client/" VERSION) == CURLE_OK &&
	       SET(CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)f->setup.rate) ==
		       CURLE_OK &&
	       SET(CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
	       SET(CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK;
}

static bool set_blob(struct fetch *f, CURLoption option, struct slice pem)
{
	struct curl_blob blob = {
		/* libcurl only reads it. */
		.data = (void *)(uintptr_t)pem.ptr,
		.len = pem.len,
		.flags = CURL_BLOB_NOCOPY,
	};

	return curl_easy_setopt(f->curl, option, &blob) == CURLE_OK;
}

static bool set_peer(struct fetch *f)
{
	const bool verified = !f->setup.unverified;
	bool good =
		SET(CURLOPT_CAINFO, NULL) == CURLE_OK &&
		SET(CURLOPT_CAPATH, NULL) == CURLE_OK &&
		set_blob(f, CURLOPT_CAINFO_BLOB, f->setup.ca) &&
		SET(CURLOPT_SSL_VERIFYPEER, verified ? 1L : 0L) == CURLE_OK &&
		SET(CURLOPT_SSL_VERIFYHOST, verified ? 2L : 0L) == CURLE_OK &&
		SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx) == CURLE_OK &&
		SET(CURLOPT_SSL_CTX_DATA, f) == CURLE_OK;

	if (!good || f->setup.certificate.len == 0 || f->setup.held)
		return good;
	return set_blob(f, CURLOPT_SSLCERT_BLOB, f->setup.certificate) &&
	       set_blob(f, CURLOPT_SSLKEY_BLOB, f->setup.key);
}

/* The one that is configured, or none: whatever the environment says. */
static bool set_proxy(struct fetch *f)
{
	const char *proxy = f->setup.proxy;

	return SET(CURLOPT_PROXY, proxy ? proxy : "") == CURLE_OK &&
	       SET(CURLOPT_NOPROXY, proxy ? "" : "*") == CURLE_OK &&
	       SET(CURLOPT_HTTPPROXYTUNNEL, proxy ? 1L : 0L) == CURLE_OK;
}

int fetch_new(const struct fetch_setup *setup, struct fetch **out,
	      struct err *e)
{
	struct fetch *f;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, ERR_SYSTEM, "libcurl does not start");
	f = mem_alloc(1, sizeof(*f));
	f->setup = *setup;
	f->curl = curl_easy_init();
	/* Without "Expect:", libcurl waits a second before larger bodies. */
	f->json_headers =
		curl_slist_append(NULL, "Content-Type: application/json");
	if (f->json_headers)
		(void)curl_slist_append(f->json_headers, "Expect:");
	if (!f->curl || !f->json_headers || !set_fixed(f) || !set_proxy(f) ||
	    !set_peer(f)) {
		fetch_free(f);
		return err_set(e, ERR_SYSTEM,
			       "libcurl lacks something that is needed "
			       "(7.85 with OpenSSL)");
	}
	if (setup->held &&
	    tls_key_new(setup->certificate, setup->held, &f->lent, e)) {
		fetch_free(f);
		return -1;
	}
	*out = f;
	return 0;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	curl_slist_free_all(f->json_headers);
	curl_easy_cleanup(f->curl);
	tls_key_free(f->lent); /* after the connections that use it */
	free(f);
}

/* ---- one request --------------------------------------------------------- */

static bool is_expired(CURL *curl)
{
	long result = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &result);
	return tls_clock_is_expired(result);
}

/* It did not even let us talk to the server. */
static bool is_proxy_s(const struct fetch *f, CURLcode code, long *status)
{
	if (!f->setup.proxy)
		return false;
	*status = 0;
	(void)curl_easy_getinfo(f->curl, CURLINFO_HTTP_CONNECTCODE, status);
	return *status >= 300 || code == CURLE_COULDNT_RESOLVE_PROXY ||
	       code == CURLE_COULDNT_CONNECT;
}

static int explain_proxy(long status, const char *shown, const char *url,
			 struct err *e)
{
	if (status == 407)
		return err_set(
			e, ERR_NETWORK,
			"%s: the proxy wants a name and a password: "
			"[server] proxy = http://NAME:PASSWORD@HOST:PORT",
			url);
	if (status >= 300)
		return err_set(e, ERR_NETWORK,
			       "%s: the proxy does not let us through (%ld)",
			       url, status);
	return err_set(e, ERR_NETWORK, "%s: through the proxy: %s", url, shown);
}

static int explain(const struct fetch *f, CURLcode code, const char *url,
		   struct err *e)
{
	long status;
	const char *why = f->why[0] ? f->why : curl_easy_strerror(code);
	char shown[CURL_ERROR_SIZE];

	text_escape(slice_of(why), shown, sizeof(shown));
	if (is_proxy_s(f, code, &status))
		return explain_proxy(status, shown, url, e);
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		if (is_expired(f->curl))
			return err_set(e, ERR_EXPIRED,
				       "%s: its certificate has expired, or "
				       "our clock is ahead of the truth",
				       url);
		return err_set(e, ERR_UNTRUSTED, "%s is not our server: %s%s",
			       url, shown,
			       f->setup.proxy
				       ? " (does the proxy open what is "
					 "encrypted? It has to pass this host "
					 "on untouched)"
				       : "");
	case CURLE_SSL_CERTPROBLEM:
		return err_set(e, ERR_CONFIG, "our own certificate: %s", shown);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(e, ERR_CONFIG, "the server's CA: %s", shown);
	case CURLE_ABORTED_BY_CALLBACK:
		return err_set(e, ERR_NETWORK,
			       "%s: slower than %u bytes a second", url,
			       (unsigned)fair_rate(f));
	default:
		return err_set(e, ERR_NETWORK, "%s: %s", url, shown);
	}
}

/* It may say for how long (RFC 9110, 10.2.3). */
static int say_busy(const struct transfer *t, const char *url)
{
	curl_off_t sec = 0;

	(void)curl_easy_getinfo(t->fetch->curl, CURLINFO_RETRY_AFTER, &sec);
	if (sec <= 0)
		return err_set(t->e, ERR_NETWORK, "%s: the server is busy",
			       url);
	err_set(t->e, ERR_NETWORK,
		"%s: the server is busy, and wants to be asked in %lld s", url,
		(long long)sec);
	t->e->retry_sec = sec < UINT32_MAX ? (uint32_t)sec : UINT32_MAX;
	return -1;
}

static int judge_status(long status, const struct transfer *t, const char *url)
{
	if (status == 200 || status == 206)
		return 0;
	if (status == 403 || status == 404)
		return err_set(t->e, ERR_NOT_FOUND, "%s: not there (%ld)", url,
			       status);
	if (is_busy(status) || status == 429)
		return say_busy(t, url);
	return err_set(t->e, ERR_NETWORK, "%s: the server answered %ld", url,
		       status);
}

static int perform(struct fetch *f, struct transfer *t, const char *url)
{
	CURLcode code;

	f->why[0] = 0;
	t->rc = 0;
	t->clock = steady_ms() - BEGIN_MS;
	if (t->from == 0)
		f->behind_ms = 0;
	if (SET(CURLOPT_URL, url) != CURLE_OK ||
	    SET(CURLOPT_WRITEDATA, t) != CURLE_OK ||
	    SET(CURLOPT_XFERINFODATA, t) != CURLE_OK)
		return err_set(t->e, ERR_SYSTEM, "libcurl refuses an option");
	code = curl_easy_perform(f->curl);
	if (t->rc)
		return -1;
	if (code == CURLE_WRITE_ERROR && t->refused > 0)
		return err_set(t->e, ERR_LIMIT, "%s: an endless error page",
			       url);
	if (tls_key_failure(f->lent, t->e))
		return -1;
	if (code != CURLE_OK)
		return explain(f, code, url, t->e);
	if (t->any_status && !is_busy(status_of(f->curl)))
		return 0;
	return judge_status(status_of(f->curl), t, url);
}

/* What is signed to be there may be lost on one server; that there is no newer
 * root, one of them can say for all. */
static bool is_lost(const struct transfer *t, const char *path)
{
	return t->e->code == ERR_NOT_FOUND &&
	       strncmp(path, "/targets/", 9) == 0;
}

/* Is another of our servers worth a try? */
static bool may_try_next(const struct transfer *t, const char *path)
{
	return t->rc == 0 &&
	       (t->e->code == ERR_NETWORK || t->e->code == ERR_UNTRUSTED ||
		t->e->code == ERR_EXPIRED || is_lost(t, path));
}

/* A run on which slowness was spent without end leaves the rest to the next
 * one, which hears first what has changed. Is this its end? */
static bool forgive_slow(struct fetch *f, struct err *e)
{
	if (!is_too_late(f))
		return false;
	f->behind_ms = 0;
	if (++f->slow < SLOW_MAX)
		return false;
	e->retry_sec = SLOW_RETRY_SEC;
	return true;
}

static int perform_somewhere(struct fetch *f, const struct transfer *start,
			     const char *path)
{
	for (size_t i = 0; i < f->setup.url_count; i++) {
		struct transfer t = *start;
		char url[URL_LEN];
		bool ends;

		if (text_format(url, sizeof(url), t.e, "%s%s",
				f->setup.urls[f->url], path))
			return -1;
		if (perform(f, &t, url) == 0)
			return 0;
		ends = forgive_slow(f, t.e);
		if (!may_try_next(&t, path))
			return -1;
		f->url = (f->url + 1) % f->setup.url_count;
		/* Whoever asks goes on behind the bytes that came; and another
		 * server's error would be told instead of this end. */
		if (t.started || ends)
			return -1;
	}
	if (f->setup.url_count == 0)
		return err_set(start->e, ERR_CONFIG,
			       "no server is configured ([server] url)");
	return -1;
}

int fetch_get(struct fetch *f, const char *path, uint64_t from, uint64_t to,
	      const struct sink *sink, struct err *e)
{
	struct transfer t = {
		.fetch = f,
		.sink = sink,
		.from = from,
		.room = to - from,
		.e = e,
	};
	char range[64];

	if (text_format(range, sizeof(range), e, "%llu-%llu",
			(unsigned long long)from, (unsigned long long)to - 1))
		return -1;
	if (SET(CURLOPT_HTTPGET, 1L) != CURLE_OK ||
	    SET(CURLOPT_HTTPHEADER, NULL) != CURLE_OK ||
	    SET(CURLOPT_RANGE, from > 0 ? range : NULL) != CURLE_OK)
		return err_set(e, ERR_SYSTEM, "libcurl refuses an option");
	return perform_somewhere(f, &t, path);
}

static int into_buf(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

int fetch_post(struct fetch *f, const char *path, struct slice body,
	       struct buf *answer, unsigned *status, struct err *e)
{
	const struct sink sink = { answer, into_buf };
	struct transfer t = {
		.fetch = f,
		.sink = &sink,
		.any_status = true,
		.room = answer->max - answer->len,
		.e = e,
	};

	/* To have a body makes it a POST. */
	if (SET(CURLOPT_POSTFIELDS, (const char *)body.ptr) != CURLE_OK ||
	    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) !=
		    CURLE_OK ||
	    SET(CURLOPT_HTTPHEADER, f->json_headers) != CURLE_OK ||
	    SET(CURLOPT_RANGE, NULL) != CURLE_OK)
		return err_set(e, ERR_SYSTEM, "libcurl refuses an option");
	if (perform_somewhere(f, &t, path))
		return -1;
	*status = (unsigned)status_of(f->curl);
	return 0;
}
