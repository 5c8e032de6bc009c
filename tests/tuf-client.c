/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf-client - the TUF client workflow on the command line that TUF's own
 * conformance suite drives:
 *
 *	tuf-client --metadata-dir DIR init ROOT
 *	tuf-client --metadata-url URL --metadata-dir DIR refresh
 *	tuf-client --metadata-url URL --metadata-dir DIR --target-name T...
 *		--target-dir TDIR --target-base-url TURL download
 *
 * It is the product's code but for what the product does without: plain HTTP,
 * foreign repositories, RSA and Ed25519. Exit status 0: all done; 1: not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <sodium.h>

#include "common/fs.h"
#include "common/text.h"
#include "common/tuf_client.h"
#include "common/tuf_store.h"
#include "common/utc.h"

#define TARGETS_MAX      64
#define TARGET_BYTES_MAX (256 << 20)
#define URL_MAX_LEN      8192
#define TOTAL_SEC        60L
#define STALL_SEC        10L

struct options {
	const char *metadata_dir, *metadata_url;
	const char *target_dir, *target_base_url;
	const char *targets[TARGETS_MAX];
	size_t target_count;
	const char *command, *argument;
};

/* ---- RSA ----------------------------------------------------------------- */

static int rsa_read(struct slice public_text, mbedtls_pk_context *key,
		    struct err *e)
{
	mbedtls_pk_init(key);
	/* mbedtls wants the NUL that the text has behind it. */
	if (mbedtls_pk_parse_public_key(key, public_text.ptr,
					public_text.len + 1) ||
	    !mbedtls_pk_can_do(key, MBEDTLS_PK_RSA)) {
		mbedtls_pk_free(key);
		return err_set(e, ERR_FORMAT, "not an RSA public key");
	}
	return 0;
}

static int rsa_identify(struct slice public_text, struct sha256 *identity,
			struct err *e)
{
	unsigned char der[4096];
	mbedtls_pk_context key;
	int len;

	if (rsa_read(public_text, &key, e))
		return -1;
	len = mbedtls_pk_write_pubkey_der(&key, der, sizeof(der));
	mbedtls_pk_free(&key);
	if (len <= 0)
		return err_set(e, ERR_FORMAT, "not an RSA public key");
	/* It is written to the end of the buffer. */
	sha256_of((struct slice){ der + sizeof(der) - len, (size_t)len },
		  identity);
	return 0;
}

/* The two ways in which TUF's repositories use the same keys. */
static int rsa_verify_as(mbedtls_pk_type_t way, const void *options,
			 struct slice public_text, struct slice message,
			 struct slice sig, struct err *e)
{
	mbedtls_pk_context key;
	struct sha256 digest;
	int rc;

	if (rsa_read(public_text, &key, e))
		return -1;
	sha256_of(message, &digest);
	rc = mbedtls_pk_verify_ext(way, options, &key, MBEDTLS_MD_SHA256,
				   digest.bytes, SHA256_LEN, sig.ptr, sig.len);
	mbedtls_pk_free(&key);
	return rc ? err_set(e, ERR_UNTRUSTED, "wrong signature") : 0;
}

static int pss_verify(struct slice public_text, struct slice message,
		      struct slice sig, struct err *e)
{
	static const mbedtls_pk_rsassa_pss_options any_salt = {
		MBEDTLS_MD_SHA256, MBEDTLS_RSA_SALT_LEN_ANY
	};

	return rsa_verify_as(MBEDTLS_PK_RSASSA_PSS, &any_salt, public_text,
			     message, sig, e);
}

static int pkcs1_verify(struct slice public_text, struct slice message,
			struct slice sig, struct err *e)
{
	return rsa_verify_as(MBEDTLS_PK_RSA, NULL, public_text, message, sig,
			     e);
}

static const char *const rsa_keytypes[] = { "rsa", NULL };
static const struct tuf_scheme pss_scheme = { "rsassa-pss-sha256", rsa_keytypes,
					      rsa_identify, pss_verify };
static const struct tuf_scheme pkcs1_scheme = { "rsa-pkcs1v15-sha256",
						rsa_keytypes, rsa_identify,
						pkcs1_verify };

/* ---- ed25519 ------------------------------------------------------------- */

static int ed25519_identify(struct slice public_text, struct sha256 *identity,
			    struct err *e)
{
	uint8_t key[crypto_sign_PUBLICKEYBYTES];

	if (hex_parse(public_text, key, sizeof(key), e))
		return -1;
	sha256_of((struct slice){ key, sizeof(key) }, identity);
	return 0;
}

static int ed25519_verify(struct slice public_text, struct slice message,
			  struct slice sig, struct err *e)
{
	uint8_t key[crypto_sign_PUBLICKEYBYTES];

	if (hex_parse(public_text, key, sizeof(key), e))
		return -1;
	if (sig.len != crypto_sign_BYTES ||
	    crypto_sign_verify_detached(sig.ptr, message.ptr, message.len, key))
		return err_set(e, ERR_UNTRUSTED, "wrong signature");
	return 0;
}

static const char *const ed25519_keytypes[] = { "ed25519", NULL };
static const struct tuf_scheme ed25519_scheme = { "ed25519", ed25519_keytypes,
						  ed25519_identify,
						  ed25519_verify };

static const struct tuf_scheme *const all_schemes[] = {
	&tuf_scheme_ecdsa, &pss_scheme, &pkcs1_scheme, &ed25519_scheme, NULL
};

/* ---- HTTP ---------------------------------------------------------------- */

struct transfer {
	struct buf *out;
	struct err *e;
	bool failed;
};

static size_t receive(char *bytes, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;

	t->failed =
		buf_add(t->out,
			(struct slice){ (const uint8_t *)bytes, size * count },
			t->e) != 0;
	return t->failed ? 0 : size * count;
}

/*
 * Only scheme, host and port are for curl to understand; everything behind is
 * sent as it is. What would end or split the request line is refused.
 */
static int split_url(const char *url, char *origin, size_t size,
		     const char **target, struct err *e)
{
	static const char scheme[] = "http://";
	const char *host = url + sizeof(scheme) - 1;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return err_set(e, ERR_USAGE, "not an http:// URL");
	for (const char *c = url; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return err_set(e, ERR_FORMAT,
				       "a URL with a space or control byte");
	*target = host + strcspn(host, "/");
	if (**target == 0)
		*target = "/";
	return text_format(origin, size, e, "%s%.*s/", scheme,
			   (int)strcspn(host, "/"), host);
}

static int set_up(CURL *curl, const char *origin, const char *target,
		  struct transfer *t)
{
	return curl_easy_setopt(curl, CURLOPT_URL, origin) ||
	       curl_easy_setopt(curl, CURLOPT_REQUEST_TARGET, target) ||
	       curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http") ||
	       curl_easy_setopt(curl, CURLOPT_PROXY, "") ||
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) ||
	       curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
				CURL_HTTP_VERSION_1_1) ||
	       curl_easy_setopt(curl, CURLOPT_TIMEOUT, TOTAL_SEC) ||
	       curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) ||
	       curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_SEC) ||
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) ||
	       curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
}

static int judge(CURL *curl, CURLcode rc, const struct transfer *t,
		 struct err *e)
{
	long status = 0;

	if (t->failed)
		return -1;
	if (rc)
		return err_set(e, ERR_NETWORK, "%s", curl_easy_strerror(rc));
	if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status))
		return err_set(e, ERR_NETWORK, "no status");
	if (status == 403 || status == 404)
		return err_set(e, ERR_NOT_FOUND, "HTTP status %ld", status);
	if (status != 200)
		return err_set(e, ERR_NETWORK, "HTTP status %ld", status);
	return 0;
}

static int http_get(const char *url, struct buf *out, struct err *e)
{
	struct transfer t = { out, e, false };
	char origin[URL_MAX_LEN];
	const char *target;
	CURL *curl;
	int rc;

	if (split_url(url, origin, sizeof(origin), &target, e))
		return -1;
	curl = curl_easy_init();
	if (!curl)
		return err_set(e, ERR_SYSTEM, "curl");
	if (set_up(curl, origin, target, &t))
		rc = err_set(e, ERR_SYSTEM, "curl");
	else
		rc = judge(curl, curl_easy_perform(curl), &t, e);
	curl_easy_cleanup(curl);
	return rc;
}

/* An error page must not count as the file that it stands for. */
static int get_under(const char *base, const char *name, struct buf *out,
		     struct err *e)
{
	size_t len = strlen(base), before = out->len;
	char url[URL_MAX_LEN];

	if (text_format(url, sizeof(url), e, "%s%s%s", base,
			len > 0 && base[len - 1] == '/' ? "" : "/", name))
		return -1;
	if (http_get(url, out, e)) {
		out->len = before;
		return -1;
	}
	return 0;
}

static int fetch(void *ctx, const char *name, size_t max, struct buf *out,
		 struct err *e)
{
	(void)max; /* is the ceiling of out */
	return get_under(ctx, name, out, e);
}

/* ---- download ------------------------------------------------------------ */

static int check_content(const struct tuf_target *t, struct slice bytes,
			 struct err *e)
{
	struct tuf_file file = {
		.has_length = true,
		.length = (int64_t)t->length,
		.has_sha256 = t->has_sha256,
		.has_sha512 = t->has_sha512,
		.sha256 = t->sha256,
	};

	memcpy(file.sha512, t->sha512, sizeof(file.sha512));
	return tuf_file_check(&file, bytes, e);
}

/* With consistent snapshots a target's file name starts with its digest. */
static int remote_path(const struct tuf_client *c, const struct tuf_target *t,
		       char *out, size_t size, struct err *e)
{
	const struct json *root = tuf_client_signed(c, TUF_ROOT);
	const char *slash = strrchr(t->path, '/');
	size_t dir_len = slash ? (size_t)(slash + 1 - t->path) : 0;
	char hex[2 * SHA512_LEN + 1];
	struct err absent = { 0 };
	bool consistent = false;

	if (json_get_bool(root, "consistent_snapshot", &consistent, &absent) ||
	    !consistent)
		return text_format(out, size, e, "%s", t->path);
	hex_format(t->has_sha256 ? (struct slice){ t->sha256.bytes, SHA256_LEN }
				 : (struct slice){ t->sha512, SHA512_LEN },
		   hex);
	return text_format(out, size, e, "%.*s%s.%s", (int)dir_len, t->path,
			   hex, t->path + dir_len);
}

/* A flat, encoded name: no path of a repository becomes one of ours. */
static void local_name(const char *path, char out[TUF_NAME_MAX])
{
	char hex[SHA256_HEX_LEN];
	struct err too_long = { 0 };
	struct sha256 digest;

	if (tuf_store_encode(path, out, &too_long) == 0 && *out &&
	    strcmp(out, ".") != 0 && strcmp(out, "..") != 0)
		return;
	sha256_of(slice_of(path), &digest);
	sha256_format(&digest, hex);
	snprintf(out, TUF_NAME_MAX, "%s", hex);
}

static bool lies_there(int dirfd, const char *name, const struct tuf_target *t)
{
	struct buf bytes = BUF_INIT((size_t)t->length);
	struct err why = { 0 };
	bool same = fs_read_file(dirfd, name, &bytes, &why) == 0 &&
		    check_content(t, buf_slice(&bytes), &why) == 0;

	buf_done(&bytes);
	return same;
}

static int download_one(struct tuf_client *c, const struct tuf_source *from,
			const struct options *o, int dirfd, const char *path,
			struct err *e)
{
	char url_path[URL_MAX_LEN], name[TUF_NAME_MAX];
	struct buf bytes = BUF_INIT(0);
	struct tuf_target t;
	int rc = -1;

	if (tuf_client_find(c, from, path, &t, e))
		return -1;
	local_name(path, name);
	if (t.length > TARGET_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "target is too large");
	if (lies_there(dirfd, name, &t))
		return 0;
	bytes.max = (size_t)t.length;
	if (remote_path(c, &t, url_path, sizeof(url_path), e) ||
	    get_under(o->target_base_url, url_path, &bytes, e) ||
	    check_content(&t, buf_slice(&bytes), e) ||
	    fs_replace_file(dirfd, name, buf_slice(&bytes), 0644, e))
		goto out;
	rc = 0;
out:
	buf_done(&bytes);
	return rc;
}

/* ---- commands ------------------------------------------------------------ */

static struct tuf_policy policy(void)
{
	struct tuf_policy p = tuf_policy_server;

	p.rules.schemes = all_schemes;
	p.rules.foreign = true;
	return p;
}

static int run_init(const struct options *o, struct err *e)
{
	struct tuf_policy p = policy();
	struct buf root = BUF_INIT(p.root_max);
	int dirfd = -1, rc = -1;

	if (fs_make_dir(o->metadata_dir, 0755, &dirfd, e) == 0 &&
	    fs_read_path(o->argument, &root, e) == 0)
		rc = tuf_client_init(dirfd, &p, buf_slice(&root), e);
	buf_done(&root);
	fs_close(&dirfd);
	return rc;
}

static int download(struct tuf_client *c, const struct tuf_source *from,
		    const struct options *o, struct err *e)
{
	int dirfd = -1, rc = 0;

	if (fs_make_dir(o->target_dir, 0755, &dirfd, e))
		return -1;
	for (size_t i = 0; rc == 0 && i < o->target_count; i++) {
		rc = download_one(c, from, o, dirfd, o->targets[i], e);
		if (rc)
			err_in(e, "%s", o->targets[i]);
	}
	fs_close(&dirfd);
	return rc;
}

static int run_refresh(const struct options *o, struct err *e)
{
	struct tuf_policy p = policy();
	struct tuf_source from = { (void *)(uintptr_t)o->metadata_url, fetch };
	struct tuf_client *c = NULL;
	int dirfd = -1, rc = -1;

	if (fs_open_dir(o->metadata_dir, &dirfd, e) ||
	    tuf_client_open(dirfd, &p, utc_now(), &c, e) ||
	    tuf_client_refresh(c, &from, e))
		goto out;
	rc = o->target_count ? download(c, &from, o, e) : 0;
out:
	tuf_client_close(c);
	fs_close(&dirfd);
	return rc;
}

/* ---- the command line ---------------------------------------------------- */

static int take_option(struct options *o, const char *name, const char *value,
		       struct err *e)
{
	if (strcmp(name, "--metadata-dir") == 0)
		o->metadata_dir = value;
	else if (strcmp(name, "--metadata-url") == 0)
		o->metadata_url = value;
	else if (strcmp(name, "--target-dir") == 0)
		o->target_dir = value;
	else if (strcmp(name, "--target-base-url") == 0)
		o->target_base_url = value;
	else if (strcmp(name, "--target-name") == 0 &&
		 o->target_count < TARGETS_MAX)
		o->targets[o->target_count++] = value;
	else
		return err_set(e, ERR_USAGE, "unknown option %s", name);
	return 0;
}

static int read_options(int argc, char **argv, struct options *o, struct err *e)
{
	int i = 1;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i += 2)
		if (i + 1 == argc || take_option(o, argv[i], argv[i + 1], e))
			return err_set(e, ERR_USAGE, "option %s", argv[i]);
	if (i < argc)
		o->command = argv[i++];
	if (i < argc)
		o->argument = argv[i++];
	return i < argc ? err_set(e, ERR_USAGE, "too many arguments") : 0;
}

static int run(int argc, char **argv, struct err *e)
{
	struct options o = { 0 };
	bool refresh, get, init;

	if (read_options(argc, argv, &o, e))
		return -1;
	if (!o.command || !o.metadata_dir)
		return err_set(e, ERR_USAGE, "no command, or no folder");
	init = strcmp(o.command, "init") == 0 && o.argument;
	refresh = strcmp(o.command, "refresh") == 0 && o.metadata_url;
	get = strcmp(o.command, "download") == 0 && o.metadata_url &&
	      o.target_count && o.target_dir && o.target_base_url;
	if (init)
		return run_init(&o, e);
	if (refresh)
		o.target_count = 0;
	if (refresh || get)
		return run_refresh(&o, e);
	return err_set(e, ERR_USAGE, "init, refresh or download; see source");
}

int main(int argc, char **argv)
{
	char shown[ERR_MSG_LEN * 4];
	struct err e = { 0 };

	if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_ALL) ||
	    run(argc, argv, &e)) {
		text_escape(slice_of(e.msg), shown, sizeof(shown));
		fprintf(stderr, "tuf-client: %s\n", shown);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
