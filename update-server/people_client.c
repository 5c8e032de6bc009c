/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/people_client.h"

#include <curl/curl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/ini.h"
#include "common/keyfile.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/wire.h"
#include "common/x509.h"

#include "update-server/people_words.h"
#include "update-server/unlock.h"

#define ANSWER_MAX    (8u << 20)
#define LISTENERS_MAX 4096
#define CONNECT_SEC   15L
#define SLOW_BYTES    1L
/* An import hashes, and a plan looks at each device of a fleet, before there is
 * an answer: minutes, where a machine has other work. */
#define SLOW_SEC     600L
#define QUIET_SEC    30L /* a stream tells more often that it is there */
#define DEFAULT_FILE ".config/pawl/operator.conf"
#define BODY_MAX     1100000 /* the file of a role, at most */

struct operator_conf {
	char *url, *listeners, *ca, *certificate, *key, *unlock;
	char *root, *folder;
};

struct people_client {
	CURL *curl;
	char *url;
	struct ec_private *identity;
	struct buf ca, certificate, key; /* PEM in memory */
	char *trust[2];                  /* paths; NULL: not said */
	char message[CURL_ERROR_SIZE];
};

/* ---- operator.conf ------------------------------------------------------- */

#define TEXT(section, name, needed)                                            \
	{                                                                      \
		section, #name, INI_TEXT,                                      \
			offsetof(struct operator_conf, name), 0, 0, needed     \
	}

static const struct ini_key keys[] = {
	TEXT("server", url, false), TEXT("server", listeners, false),
	TEXT("server", ca, true),   TEXT("person", certificate, true),
	TEXT("person", key, true),  TEXT("person", unlock, true),
	TEXT("trust", root, false), TEXT("trust", folder, false),
};

/* The folder of a file, "." if none is named. */
static char *folder_of(const char *file)
{
	char *folder = mem_dup_str(file);
	char *slash = strrchr(folder, '/');

	if (!slash) {
		free(folder);
		return mem_dup_str(".");
	}
	slash[slash == folder] = 0;
	return folder;
}

static int beneath(const char *folder, const char *path, char out[PATH_MAX_LEN],
		   struct err *e)
{
	if (path[0] == '/')
		return text_format(out, PATH_MAX_LEN, e, "%s", path);
	return text_format(out, PATH_MAX_LEN, e, "%s/%s", folder, path);
}

static int read_beneath(const char *folder, const char *path, struct buf *out,
			struct err *e)
{
	char whole[PATH_MAX_LEN];

	if (beneath(folder, path, whole, e))
		return -1;
	return fs_read_path(whole, out, e);
}

static int open_key(const char *folder, const struct operator_conf *conf,
		    struct people_client *c, struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct buf secret = BUF_SECRET(PASSPHRASE_MAX_LEN);
	struct keyfile_info info;
	struct ec_private *key = NULL;
	int rc = -1;

	if (read_beneath(folder, conf->key, &file, e) ||
	    unlock_read(conf->unlock, folder, &secret, e) ||
	    keyfile_open(buf_slice(&file), buf_slice(&secret), &key, &info,
			 e) ||
	    x509_private_pem(key, &c->key, e))
		goto out;
	c->identity = key;
	key = NULL;
	rc = 0;
out:
	ec_free(key);
	buf_done(&file);
	buf_wipe(&secret);
	return rc;
}

/* The address that a server on this machine wrote down when it started. */
static int listener_url(const char *folder, const char *path, char **url,
			struct err *e)
{
	struct buf file = BUF_INIT(LISTENERS_MAX);
	char text[PATH_MAX_LEN];
	struct json *j = NULL;
	const char *address;
	int rc = -1;

	if (read_beneath(folder, path, &file, e)) {
		err_in(e, "is the server running?");
		goto out;
	}
	if (json_parse(buf_slice(&file), &j, e) ||
	    json_get_text(j, "people", &address, e) ||
	    text_format(text, sizeof(text), e, "https://%s", address))
		goto out;
	*url = mem_dup_str(text);
	rc = 0;
out:
	json_free(j);
	buf_done(&file);
	return rc;
}

static int take_url(struct people_client *c, const char *folder,
		    struct operator_conf *conf, struct err *e)
{
	if (!conf->url && conf->listeners)
		return listener_url(folder, conf->listeners, &c->url, e);
	if (!conf->url || strncmp(conf->url, "https://", 8) != 0)
		return err_set(e, ERR_CONFIG,
			       "[server] url: https://host:port");
	c->url = mem_dup_str(conf->url);
	return 0;
}

static int take_path(const char *folder, const char *path, char **out,
		     struct err *e)
{
	char whole[PATH_MAX_LEN];

	if (!path)
		return 0;
	if (beneath(folder, path, whole, e))
		return -1;
	*out = mem_dup_str(whole);
	return 0;
}

static int take_trust(struct people_client *c, const char *folder,
		      const struct operator_conf *conf, struct err *e)
{
	return take_path(folder, conf->root, &c->trust[PEOPLE_TRUST_ROOT], e) ||
			       take_path(folder,
					 conf->folder ? conf->folder : "trust",
					 &c->trust[PEOPLE_TRUST_FOLDER], e)
		       ? -1
		       : 0;
}

static int load(struct people_client *c, const char *file, struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	struct operator_conf conf = { 0 };
	char *folder = folder_of(file);
	int rc = -1;

	if (fs_read_path(file, &text, e)) {
		if (e->code == ERR_NOT_FOUND)
			err_in(e, "--operator FILE says who you are");
		goto out;
	}
	if (ini_load(buf_slice(&text), file, keys, ARRAY_LEN(keys), &conf, e))
		goto out;
	if (take_url(c, folder, &conf, e) || take_trust(c, folder, &conf, e) ||
	    read_beneath(folder, conf.ca, &c->ca, e) ||
	    read_beneath(folder, conf.certificate, &c->certificate, e) ||
	    people_words_certificate(buf_slice(&c->certificate),
				     conf.certificate, e) ||
	    open_key(folder, &conf, c, e)) {
		err_in(e, "%s", file);
		goto out;
	}
	rc = 0;
out:
	free(folder);
	ini_done(keys, ARRAY_LEN(keys), &conf);
	buf_done(&text);
	return rc;
}

static int default_file(char out[PATH_MAX_LEN], struct err *e)
{
	const char *home = getenv("HOME");

	if (!home || home[0] != '/')
		return err_set(e, ERR_USAGE, "name your --operator FILE");
	return text_format(out, PATH_MAX_LEN, e, "%s/" DEFAULT_FILE, home);
}

/* ---- the connection ------------------------------------------------------ */

static bool set_blob(CURL *curl, CURLoption option, const struct buf *b)
{
	struct curl_blob blob = { b->ptr, b->len, CURL_BLOB_COPY };

	return curl_easy_setopt(curl, option, &blob) == CURLE_OK;
}

#define SET(option, value)                                                     \
	(curl_easy_setopt(c->curl, option, value) == CURLE_OK)

/* What a request of this client always has; after each reset. */
static int prepare(struct people_client *c, const char *path, struct err *e)
{
	char url[PATH_MAX_LEN + 256];

	curl_easy_reset(c->curl);
	c->message[0] = 0;
	if (text_format(url, sizeof(url), e, "%s%s", c->url, path))
		return -1;
	if (SET(CURLOPT_URL, url) && SET(CURLOPT_ERRORBUFFER, c->message) &&
	    SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_PROTOCOLS_STR, "https") &&
	    SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_PROXY, "") &&
	    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
	    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	    SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
	    SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
	    SET(CURLOPT_CONNECTTIMEOUT, CONNECT_SEC) &&
	    SET(CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES) &&
	    SET(CURLOPT_LOW_SPEED_TIME, SLOW_SEC) &&
	    set_blob(c->curl, CURLOPT_CAINFO_BLOB, &c->ca) &&
	    set_blob(c->curl, CURLOPT_SSLCERT_BLOB, &c->certificate) &&
	    set_blob(c->curl, CURLOPT_SSLKEY_BLOB, &c->key))
		return 0;
	return err_set(e, ERR_SYSTEM, "libcurl cannot do what is needed");
}

int people_open(const char *file, struct people_client **out, struct err *e)
{
	struct people_client *c = mem_alloc(1, sizeof(*c));
	char path[PATH_MAX_LEN];
	int rc = -1;

	c->ca.max = c->certificate.max = c->key.max = X509_PEM_MAX_LEN;
	if (!file && default_file(path, e))
		goto out;
	if (load(c, file ? file : path, e))
		goto out;
	c->curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
			  ? curl_easy_init()
			  : NULL;
	if (!c->curl) {
		(void)err_set(e, ERR_SYSTEM, "libcurl does not start");
		goto out;
	}
	*out = c;
	c = NULL;
	rc = 0;
out:
	people_close(c);
	return rc;
}

int people_open_another(const struct people_client *c,
			struct people_client **out, struct err *e)
{
	struct people_client *new = mem_alloc(1, sizeof(*new));

	new->ca.max = new->certificate.max = new->key.max = X509_PEM_MAX_LEN;
	new->url = mem_dup_str(c->url);
	new->curl = curl_easy_init();
	if (!new->curl) {
		(void)err_set(e, ERR_SYSTEM, "libcurl does not start");
	} else if (buf_add(&new->ca, buf_slice(&c->ca), e) == 0 &&
		   buf_add(&new->certificate, buf_slice(&c->certificate), e) ==
			   0 &&
		   buf_add(&new->key, buf_slice(&c->key), e) == 0) {
		*out = new;
		return 0;
	}
	people_close(new);
	return -1;
}

int people_server(const struct people_client *c, struct sha256 *out,
		  struct err *e)
{
	static const char end[] = "-----END CERTIFICATE-----\n";
	const struct slice all = buf_slice(&c->ca);
	const uint8_t *at = memmem(all.ptr, all.len, end, strlen(end));
	struct x509_info info;

	if (!at || x509_inspect(slice_sub(all, 0,
					  (size_t)(at - all.ptr) + strlen(end)),
				&info, e))
		return err_set(e, ERR_CONFIG,
			       "[server] ca: no certificate of a P-256 key");
	*out = info.fingerprint;
	return 0;
}

void people_close(struct people_client *c)
{
	if (!c)
		return;
	if (c->curl)
		curl_easy_cleanup(c->curl);
	free(c->url);
	free(c->trust[PEOPLE_TRUST_ROOT]);
	free(c->trust[PEOPLE_TRUST_FOLDER]);
	buf_done(&c->ca);
	buf_done(&c->certificate);
	buf_wipe(&c->key);
	ec_free(c->identity);
	free(c);
}

int people_trust(const struct people_client *c, enum people_trust what,
		 char out[PATH_MAX_LEN], struct err *e)
{
	if (!c->trust[what])
		return err_set(
			e, ERR_CONFIG,
			"operator.conf: [trust] root = FILE is needed to "
			"sign orders: the engineers' 1.root.json");
	return text_format(out, PATH_MAX_LEN, e, "%s", c->trust[what]);
}

const struct ec_private *people_identity(const struct people_client *c)
{
	return c->identity;
}

struct slice people_certificate(const struct people_client *c)
{
	return buf_slice(&c->certificate);
}

/* ---- requests ------------------------------------------------------------ */

static size_t take(char *bytes, size_t size, size_t count, void *ctx)
{
	struct slice s = { (const uint8_t *)bytes, size * count };
	struct err ignored;

	return buf_add(ctx, s, &ignored) ? 0 : s.len;
}

/* An answer that is not a success holds the server's reason. */
static int judge(struct people_client *c, CURLcode code, struct slice answer,
		 struct err *e)
{
	struct err told, ignored;
	long status = 0;

	if (code != CURLE_OK)
		return people_words_failed(code, c->url, c->message, e);
	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300)
		return 0;
	if (wire_parse_error(answer, &told, &ignored) == 0) {
		*e = told;
		return -1;
	}
	return err_set(e, status == 404 ? ERR_NOT_FOUND : ERR_NETWORK,
		       "%s: status %ld", c->url, status);
}

static int perform(struct people_client *c, struct buf *answer, struct err *e)
{
	CURLcode code;

	if (!SET(CURLOPT_WRITEFUNCTION, take) ||
	    !SET(CURLOPT_WRITEDATA, answer))
		return err_set(e, ERR_SYSTEM, "libcurl");
	code = curl_easy_perform(c->curl);
	return judge(c, code, buf_slice(answer), e);
}

static int perform_json(struct people_client *c, struct json **out,
			struct err *e)
{
	struct buf answer = BUF_INIT(ANSWER_MAX);
	int rc = -1;

	if (perform(c, &answer, e) == 0)
		rc = json_parse(buf_slice(&answer), out, e);
	buf_done(&answer);
	return rc;
}

int people_get(struct people_client *c, const char *path, struct json **out,
	       struct err *e)
{
	if (prepare(c, path, e))
		return -1;
	return perform_json(c, out, e);
}

int people_post(struct people_client *c, const char *path, struct json *body,
		struct json **out, struct err *e)
{
	struct curl_slist *type =
		curl_slist_append(NULL, "Content-Type: application/json");
	struct buf text = BUF_INIT(BODY_MAX);
	int rc = -1;

	json_set_int(body, "v", 1);
	if (prepare(c, path, e) || json_print(body, false, &text, e))
		goto out;
	if (!SET(CURLOPT_POST, 1L) || !SET(CURLOPT_HTTPHEADER, type) ||
	    !SET(CURLOPT_POSTFIELDSIZE, (long)text.len) ||
	    !SET(CURLOPT_POSTFIELDS, buf_text(&text))) {
		(void)err_set(e, ERR_SYSTEM, "libcurl");
		goto out;
	}
	rc = perform_json(c, out, e);
out:
	curl_slist_free_all(type);
	json_free(body);
	buf_done(&text);
	return rc;
}

/* An open file, read or written from its start. */
struct body_stream {
	int fd;
	uint64_t offset, len;
	struct err failure;
};

static size_t give_file(char *room, size_t size, size_t count, void *ctx)
{
	struct body_stream *s = ctx;
	size_t want = size * count, got = 0;

	if (want > s->len - s->offset)
		want = (size_t)(s->len - s->offset);
	if (fs_read_at(s->fd, s->offset, room, want, &got, &s->failure))
		return CURL_READFUNC_ABORT;
	s->offset += got;
	return got;
}

int people_put(struct people_client *c, const char *path, int fd, uint64_t len,
	       struct err *e)
{
	struct buf answer = BUF_INIT(ANSWER_MAX);
	struct body_stream s = { .fd = fd, .len = len };
	int rc = -1;

	if (prepare(c, path, e))
		return -1;
	if (!SET(CURLOPT_UPLOAD, 1L) ||
	    !SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)len) ||
	    !SET(CURLOPT_READFUNCTION, give_file) || !SET(CURLOPT_READDATA, &s))
		(void)err_set(e, ERR_SYSTEM, "libcurl");
	else
		rc = perform(c, &answer, e);
	if (rc && s.failure.code != ERR_NONE)
		*e = s.failure;
	buf_done(&answer);
	return rc;
}

int people_put_bytes(struct people_client *c, const char *path,
		     struct slice bytes, struct err *e)
{
	struct buf answer = BUF_INIT(ANSWER_MAX);
	int rc = -1;

	if (prepare(c, path, e))
		return -1;
	if (!SET(CURLOPT_CUSTOMREQUEST, "PUT") ||
	    !SET(CURLOPT_POSTFIELDSIZE, (long)bytes.len) ||
	    !SET(CURLOPT_POSTFIELDS, (const char *)bytes.ptr))
		(void)err_set(e, ERR_SYSTEM, "libcurl");
	else
		rc = perform(c, &answer, e);
	buf_done(&answer);
	return rc;
}

int people_fetch(struct people_client *c, const char *path, struct buf *out,
		 struct err *e)
{
	/* Room for the words of a refusal, however little is wanted. */
	struct buf answer =
		BUF_INIT(out->max > ANSWER_MAX ? out->max : ANSWER_MAX);
	int rc = -1;

	if (prepare(c, path, e))
		return -1;
	/* What a refusal says is no part of what was asked for. */
	if (perform(c, &answer, e) == 0)
		rc = buf_add(out, buf_slice(&answer), e);
	buf_done(&answer);
	return rc;
}

static size_t take_file(char *bytes, size_t size, size_t count, void *ctx)
{
	struct body_stream *s = ctx;
	struct slice in = { (const uint8_t *)bytes, size * count };

	if (in.len > s->len - s->offset) {
		(void)err_set(&s->failure, ERR_LIMIT,
			      "more bytes than announced");
		return 0;
	}
	if (fs_write_at(s->fd, s->offset, in, &s->failure))
		return 0;
	s->offset += in.len;
	return in.len;
}

int people_fetch_file(struct people_client *c, const char *path, int fd,
		      uint64_t max, struct err *e)
{
	struct body_stream s = { .fd = fd, .len = max };
	int rc = -1;

	if (prepare(c, path, e))
		return -1;
	if (!SET(CURLOPT_WRITEFUNCTION, take_file) ||
	    !SET(CURLOPT_WRITEDATA, &s))
		(void)err_set(e, ERR_SYSTEM, "libcurl");
	else
		rc = judge(c, curl_easy_perform(c->curl), (struct slice){ 0 },
			   e);
	if (rc && s.failure.code != ERR_NONE)
		*e = s.failure;
	return rc;
}

struct listener_of {
	struct people_client *client;
	bool (*take)(void *ctx, struct slice bytes);
	void *ctx;
	struct buf refusal; /* of an answer that is no stream */
	bool ended;
};

static size_t hand_out(char *bytes, size_t size, size_t count, void *ctx)
{
	struct listener_of *l = ctx;
	struct slice in = { (const uint8_t *)bytes, size * count };
	long status = 0;

	(void)curl_easy_getinfo(l->client->curl, CURLINFO_RESPONSE_CODE,
				&status);
	if (status != 200)
		return take(bytes, size, count, &l->refusal);
	l->ended = !l->take(l->ctx, in);
	return l->ended ? 0 : in.len;
}

int people_stream(struct people_client *c, const char *path,
		  bool (*take_bytes)(void *ctx, struct slice bytes), void *ctx,
		  struct err *e)
{
	struct listener_of l = { .client = c,
				 .take = take_bytes,
				 .ctx = ctx,
				 .refusal = BUF_INIT(ANSWER_MAX) };
	CURLcode code;
	int rc = -1;

	if (prepare(c, path, e))
		return -1;
	if (!SET(CURLOPT_WRITEFUNCTION, hand_out) ||
	    !SET(CURLOPT_WRITEDATA, &l) ||
	    !SET(CURLOPT_LOW_SPEED_TIME, QUIET_SEC)) {
		(void)err_set(e, ERR_SYSTEM, "libcurl");
		goto out;
	}
	code = curl_easy_perform(c->curl);
	rc = l.ended ? 0 : judge(c, code, buf_slice(&l.refusal), e);
out:
	buf_done(&l.refusal);
	return rc;
}

/* ---- for somebody else --------------------------------------------------- */

static size_t pass_line(char *bytes, size_t size, size_t count, void *ctx)
{
	const struct people_relay *r = ctx;
	struct slice line = { (const uint8_t *)bytes, size * count };
	size_t all = line.len;

	while (line.len > 0 && (line.ptr[line.len - 1] == '\n' ||
				line.ptr[line.len - 1] == '\r'))
		line.len--;
	return r->line(r->ctx, line) ? 0 : all;
}

static size_t pass_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
	const struct people_relay *r = ctx;
	struct slice in = { (const uint8_t *)bytes, size * count };

	return r->bytes(r->ctx, in) ? 0 : in.len;
}

static int look_up(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c,
		   curl_off_t d)
{
	const struct people_relay *r = ctx;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return r->is_over(r->ctx);
}

/* The fields of a request that are the asker's own. */
static int relay_fields(const struct people_relay *r, struct curl_slist **out,
			struct err *e)
{
	char match[256];
	struct curl_slist *more;

	*out = curl_slist_append(NULL, "Content-Type: application/json");
	if (r->if_none_match.len == 0 || r->if_none_match.len > 128)
		return 0;
	if (text_format(match, sizeof(match), e, "If-None-Match: %.*s",
			(int)r->if_none_match.len,
			(const char *)r->if_none_match.ptr))
		return -1;
	more = curl_slist_append(*out, match);
	if (more)
		*out = more;
	return 0;
}

static bool set_relay(struct people_client *c, const struct people_relay *r,
		      struct curl_slist *fields)
{
	/* libcurl's const is not ours: it only hands the pointer back. */
	union {
		const struct people_relay *in;
		void *out;
	} ctx = { .in = r };
	bool posts = strcmp(r->method, "POST") == 0;

	return SET(CURLOPT_HTTPHEADER, fields) &&
	       SET(CURLOPT_HEADERFUNCTION, pass_line) &&
	       SET(CURLOPT_HEADERDATA, ctx.out) &&
	       SET(CURLOPT_WRITEFUNCTION, pass_bytes) &&
	       SET(CURLOPT_WRITEDATA, ctx.out) && SET(CURLOPT_NOPROGRESS, 0L) &&
	       SET(CURLOPT_XFERINFOFUNCTION, look_up) &&
	       SET(CURLOPT_XFERINFODATA, ctx.out) &&
	       SET(CURLOPT_NOBODY, strcmp(r->method, "HEAD") == 0 ? 1L : 0L) &&
	       (!posts ||
		(SET(CURLOPT_POST, 1L) &&
		 SET(CURLOPT_POSTFIELDSIZE, (long)r->body.len) &&
		 SET(CURLOPT_POSTFIELDS,
		     r->body.len > 0 ? (const char *)r->body.ptr : "")));
}

int people_relay(struct people_client *c, const struct people_relay *r,
		 struct err *e)
{
	struct curl_slist *fields = NULL;
	CURLcode code;
	int rc = -1;

	if (prepare(c, r->path, e) || relay_fields(r, &fields, e))
		goto out;
	if (!set_relay(c, r, fields)) {
		(void)err_set(e, ERR_SYSTEM, "libcurl");
		goto out;
	}
	code = curl_easy_perform(c->curl);
	rc = 0;
	if (code == CURLE_SSL_CERTPROBLEM ||
	    code == CURLE_PEER_FAILED_VERIFICATION)
		rc = err_set(e, ERR_UNTRUSTED, "%s: %s", c->url, c->message);
	else if (code != CURLE_OK)
		rc = err_set(e, ERR_NETWORK, "%s: %s", c->url,
			     c->message[0] ? c->message
					   : curl_easy_strerror(code));
out:
	curl_slist_free_all(fields);
	return rc;
}
