/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/tls.h"

#include <mbedtls/aes.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <stdlib.h>
#include <string.h>

#include "common/mbed.h"
#include "common/mem.h"
#include "common/x509.h"

/* mbedtls 3 hides the fields of its structures behind this name. */
#ifndef MBEDTLS_PRIVATE
#define MBEDTLS_PRIVATE(member) member
#endif

#define RECORD_HEAD_LEN 5
#define RECORD_MAX      (RECORD_HEAD_LEN + 16384 + 2048)
#define RECORD_TYPE_MIN 20 /* change_cipher_spec */
#define RECORD_TYPE_MAX 23 /* application_data */
#define SAN_KIND_MASK   0x1f
#define SAN_DNS         2
#define SAN_ADDRESS     7

struct tls_server {
	enum tls_clients clients;
	mbedtls_ssl_config conf;
	mbedtls_x509_crt certificate;
	mbedtls_x509_crt client_ca;
	mbedtls_pk_context key;
};

struct tls {
	const struct tls_server *server;
	mbedtls_ssl_context ssl;
	struct buf in;
	size_t in_used;
	size_t released; /* bytes after in_used that mbedtls may have */
	struct buf out;
};

/* ChaCha20 first: devices seldom have AES in hardware, and mbedtls 2.28 is
 * faster with it even where it has. */
static const int suites[] = {
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
#endif
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	0,
};

static const mbedtls_x509_crt_profile profile = {
	.allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256),
	.allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA) |
		       MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY),
	.allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1),
};

/* ---- what differs between mbedtls 2.28 and 3 ----------------------------- */

#if MBEDTLS_VERSION_MAJOR >= 3

#include <psa/crypto.h>

static void set_versions_and_groups(mbedtls_ssl_config *conf)
{
	static const uint16_t groups[] = {
		MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
		MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
		MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
	};
	static const uint16_t signatures[] = {
		MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
		MBEDTLS_TLS1_3_SIG_NONE,
	};

	mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_groups(conf, groups);
	mbedtls_ssl_conf_sig_algs(conf, signatures);
}

static int start_library(void)
{
	return (int)psa_crypto_init();
}

static int warm_key(mbedtls_pk_context *key)
{
	return mbedtls_pk_can_do(key, MBEDTLS_PK_ECDSA) ? 0 : -1;
}

static int warm_ca(mbedtls_pk_context *key)
{
	return warm_key(key);
}

#else

static void set_versions_and_groups(mbedtls_ssl_config *conf)
{
	/* X25519 first: 2.28 computes it faster. */
	static const mbedtls_ecp_group_id groups[] = {
		MBEDTLS_ECP_DP_CURVE25519,
		MBEDTLS_ECP_DP_SECP256R1,
		MBEDTLS_ECP_DP_NONE,
	};
	static const int hashes[] = { MBEDTLS_MD_SHA256, MBEDTLS_MD_NONE };

	mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3,
				     MBEDTLS_SSL_MINOR_VERSION_3);
	mbedtls_ssl_conf_max_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3,
				     MBEDTLS_SSL_MINOR_VERSION_3);
	mbedtls_ssl_conf_curves(conf, groups);
	mbedtls_ssl_conf_sig_hashes(conf, hashes);
}

/*
 * What the processor can do is asked at the first use of AES, and another
 * thread that comes then may take the answer for there and see none
 * (CVE-2025-52496).
 */
static int start_library(void)
{
	static const uint8_t any[16];
	mbedtls_aes_context aes;
	int rc;

	mbedtls_aes_init(&aes);
	rc = mbedtls_aes_setkey_enc(&aes, any, 8 * sizeof(any));
	mbedtls_aes_free(&aes);
	return rc;
}

/*
 * A generic key is copied whenever it is used; an ECDSA one keeps its table of
 * multiples. That table is made by the first use, so the callers use it here,
 * before threads share the key.
 */
static int make_fast(mbedtls_pk_context *key)
{
	mbedtls_pk_context fast;
	int rc;

	if (!mbedtls_pk_can_do(key, MBEDTLS_PK_ECDSA))
		return MBEDTLS_ERR_PK_TYPE_MISMATCH;
	mbedtls_pk_init(&fast);
	rc = mbedtls_pk_setup(&fast,
			      mbedtls_pk_info_from_type(MBEDTLS_PK_ECDSA));
	if (rc == 0)
		rc = mbedtls_ecdsa_from_keypair(mbedtls_pk_ec(fast),
						mbedtls_pk_ec(*key));
	if (rc != 0) {
		mbedtls_pk_free(&fast);
		return rc;
	}
	mbedtls_pk_free(key);
	*key = fast;
	return 0;
}

static int warm_key(mbedtls_pk_context *key)
{
	static const uint8_t hash[SHA256_LEN] = { 1 };
	uint8_t sig[MBEDTLS_ECDSA_MAX_LEN];
	size_t sig_len;
	int rc = make_fast(key);

	if (rc == 0)
		rc = mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, sizeof(hash),
				     sig, &sig_len, random_for_mbedtls, NULL);
	return rc;
}

static int warm_ca(mbedtls_pk_context *key)
{
	/* r = s = 1: well formed, so everything is computed, and wrong. */
	static const uint8_t sig[] = { 0x30, 6, 2, 1, 1, 2, 1, 1 };
	static const uint8_t hash[SHA256_LEN] = { 1 };
	int rc = make_fast(key);

	if (rc == 0 && mbedtls_pk_verify(key, MBEDTLS_MD_SHA256, hash,
					 sizeof(hash), sig, sizeof(sig)) == 0)
		rc = MBEDTLS_ERR_ECP_VERIFY_FAILED;
	return rc;
}

#endif

/* ---- the server ---------------------------------------------------------- */

static int fail(struct err *e, enum err_code code, int rc, const char *what)
{
	char text[128];

	mbedtls_strerror(rc, text, sizeof(text));
	return err_set(e, code, "%s: %s", what, text);
}

/*
 * Beyond mbedtls' own checks: exactly one CA above the leaf, whatever its
 * basicConstraints say (CVE-2026-49300), and a leaf made for clients.
 */
static int judge_link(void *unused, mbedtls_x509_crt *crt, int depth,
		      uint32_t *flags)
{
	(void)unused;
	if (depth > 1)
		*flags |= MBEDTLS_X509_BADCERT_OTHER;
	if (depth == 0 && (crt->MBEDTLS_PRIVATE(ca_istrue) ||
			   !(crt->MBEDTLS_PRIVATE(ext_types) &
			     MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE)))
		*flags |= MBEDTLS_X509_BADCERT_OTHER;
	/* A device back from the drawer must be able to ask for renewal; each
	 * request is judged by the date again, and by the registry. */
	if (depth == 0)
		*flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_EXPIRED;
	return 0;
}

static void set_clients(struct tls_server *s)
{
	switch (s->clients) {
	case TLS_CLIENTS_NONE:
		mbedtls_ssl_conf_authmode(&s->conf, MBEDTLS_SSL_VERIFY_NONE);
		break;
	case TLS_CLIENTS_OF_CA:
		mbedtls_ssl_conf_authmode(&s->conf,
					  MBEDTLS_SSL_VERIFY_REQUIRED);
		mbedtls_ssl_conf_ca_chain(&s->conf, &s->client_ca, NULL);
		mbedtls_ssl_conf_verify(&s->conf, judge_link, NULL);
		break;
	case TLS_CLIENTS_PLAIN: /* it has no TLS to configure */
		break;
	case TLS_CLIENTS_PINNED:
		/* There is no CA to require; peer_is_fine() judges after. */
		mbedtls_ssl_conf_authmode(&s->conf,
					  MBEDTLS_SSL_VERIFY_OPTIONAL);
		break;
	}
}

/* Every PEM block of text; it is followed by a NUL, as mbedtls wants. */
static int parse_certificates(mbedtls_x509_crt *to, struct slice pem,
			      const char *what, struct err *e)
{
	struct buf text = BUF_INIT(pem.len);
	int rc = buf_add(&text, pem, e);

	if (rc == 0) {
		rc = mbedtls_x509_crt_parse(to, text.ptr, text.len + 1);
		if (rc != 0)
			rc = fail(e, ERR_CONFIG, rc, what);
	}
	buf_done(&text);
	return rc;
}

static int load_key(struct tls_server *s, struct slice pem, struct err *e)
{
	struct buf text = BUF_INIT(pem.len);
	int rc;

	if (buf_add(&text, pem, e))
		return -1;
	rc = mbed_pk_parse_key(&s->key, text.ptr, text.len + 1);
	buf_wipe(&text);
	if (rc == 0)
		rc = warm_key(&s->key);
	if (rc != 0)
		return fail(e, ERR_CONFIG, rc, "TLS key");
	return 0;
}

static int load_client_ca(struct tls_server *s, struct slice pem, struct err *e)
{
	mbedtls_x509_crt *ca = &s->client_ca;

	if (parse_certificates(ca, pem, "device CA", e))
		return -1;
	for (; ca; ca = ca->next) {
		int rc = warm_ca(&ca->pk);

		if (rc != 0)
			return fail(e, ERR_CONFIG, rc, "device CA");
	}
	return 0;
}

static int configure(struct tls_server *s, struct err *e)
{
	int rc = mbedtls_ssl_config_defaults(&s->conf, MBEDTLS_SSL_IS_SERVER,
					     MBEDTLS_SSL_TRANSPORT_STREAM,
					     MBEDTLS_SSL_PRESET_DEFAULT);

	if (rc == 0)
		rc = mbedtls_ssl_conf_own_cert(&s->conf, &s->certificate,
					       &s->key);
	if (rc != 0)
		return fail(e, ERR_CONFIG, rc, "TLS");
	set_versions_and_groups(&s->conf);
	mbedtls_ssl_conf_ciphersuites(&s->conf, suites);
	mbedtls_ssl_conf_cert_profile(&s->conf, &profile);
	mbedtls_ssl_conf_renegotiation(&s->conf,
				       MBEDTLS_SSL_RENEGOTIATION_DISABLED);
	mbedtls_ssl_conf_rng(&s->conf, random_for_mbedtls, NULL);
	set_clients(s);
	return 0;
}

int tls_server_open(struct slice certificate, struct slice key,
		    enum tls_clients clients, struct slice client_ca,
		    struct tls_server **out, struct err *e)
{
	struct tls_server *s;
	int rc = start_library();

	if (rc != 0)
		return fail(e, ERR_SYSTEM, rc, "mbedtls");
	s = mem_alloc(1, sizeof(*s));
	s->clients = clients;
	mbedtls_ssl_config_init(&s->conf);
	mbedtls_x509_crt_init(&s->certificate);
	mbedtls_x509_crt_init(&s->client_ca);
	mbedtls_pk_init(&s->key);
	if (clients == TLS_CLIENTS_PLAIN) {
		*out = s;
		return 0;
	}
	if (parse_certificates(&s->certificate, certificate, "TLS certificate",
			       e) ||
	    load_key(s, key, e) ||
	    (clients == TLS_CLIENTS_OF_CA && load_client_ca(s, client_ca, e)) ||
	    configure(s, e)) {
		tls_server_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

/* RFC 5280, section 4.2.1.6: the tag says which kind of name it is. */
int tls_server_names(const struct tls_server *s, struct host_names *out,
		     struct err *e)
{
	const mbedtls_x509_sequence *n = &s->certificate.subject_alt_names;

	out->count = 0;
	for (; n; n = n->next) {
		int kind = n->buf.tag & SAN_KIND_MASK;

		if (kind != SAN_DNS && kind != SAN_ADDRESS)
			continue;
		if (out->count == HOST_NAMES_MAX)
			return err_set(e, ERR_LIMIT,
				       "the TLS certificate has more than %d "
				       "names",
				       HOST_NAMES_MAX);
		out->at[out->count++] = (struct host_name){
			.is_address = kind == SAN_ADDRESS,
			.bytes = { n->buf.p, n->buf.len },
		};
	}
	return 0;
}

void tls_server_close(struct tls_server *s)
{
	if (!s)
		return;
	mbedtls_ssl_config_free(&s->conf);
	mbedtls_x509_crt_free(&s->certificate);
	mbedtls_x509_crt_free(&s->client_ca);
	mbedtls_pk_free(&s->key);
	free(s);
}

static bool is_plain(const struct tls *t)
{
	return t->server->clients == TLS_CLIENTS_PLAIN;
}

/* ---- one connection ------------------------------------------------------ */

static int send_to_buf(void *ctx, const unsigned char *bytes, size_t len)
{
	struct tls *t = ctx;
	struct err ignored;

	if (buf_add(&t->out, (struct slice){ bytes, len }, &ignored))
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	return (int)len;
}

/*
 * Whole records only are handed on, so that bytes which trickle in one by one
 * cost a comparison each and not a visit to a worker. What cannot be a record
 * goes through at once: mbedtls shall refuse it.
 */
static void release_record(struct tls *t)
{
	struct slice rest = slice_sub(buf_slice(&t->in), t->in_used, t->in.len);
	size_t len;

	if (t->released > 0 || rest.len == 0)
		return;
	if (rest.ptr[0] < RECORD_TYPE_MIN || rest.ptr[0] > RECORD_TYPE_MAX) {
		t->released = rest.len;
		return;
	}
	if (rest.len < RECORD_HEAD_LEN)
		return;
	len = RECORD_HEAD_LEN + (size_t)rest.ptr[3] * 256 + rest.ptr[4];
	if (len > RECORD_MAX)
		t->released = rest.len;
	else if (rest.len >= len)
		t->released = len;
}

static int receive_from_buf(void *ctx, unsigned char *to, size_t len)
{
	struct tls *t = ctx;

	release_record(t);
	if (t->released == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	if (len > t->released)
		len = t->released;
	memcpy(to, t->in.ptr + t->in_used, len);
	t->in_used += len;
	t->released -= len;
	if (t->in_used == t->in.len) {
		/* Most connections are idle: hold nothing for them. */
		buf_done(&t->in);
		t->in_used = 0;
	}
	return (int)len;
}

int tls_open(const struct tls_server *s, struct tls **out, struct err *e)
{
	struct tls *t = mem_alloc(1, sizeof(*t));
	int rc;

	t->server = s;
	t->in = (struct buf)BUF_INIT(TLS_IN_MAX);
	t->out = (struct buf)BUF_INIT(TLS_OUT_MAX);
	mbedtls_ssl_init(&t->ssl);
	if (is_plain(t)) {
		*out = t;
		return 0;
	}
	rc = mbedtls_ssl_setup(&t->ssl, &s->conf);
	if (rc != 0) {
		tls_close(t);
		return fail(e, ERR_SYSTEM, rc, "TLS");
	}
	mbedtls_ssl_set_bio(&t->ssl, t, send_to_buf, receive_from_buf, NULL);
	*out = t;
	return 0;
}

void tls_close(struct tls *t)
{
	if (!t)
		return;
	mbedtls_ssl_free(&t->ssl);
	buf_wipe(&t->in);
	buf_wipe(&t->out);
	free(t);
}

int tls_feed(struct tls *t, struct slice bytes, struct err *e)
{
	if (t->in_used > 0) {
		memmove(t->in.ptr, t->in.ptr + t->in_used,
			t->in.len - t->in_used);
		t->in.len -= t->in_used;
		t->in_used = 0;
	}
	return buf_add(&t->in, bytes, e);
}

bool tls_ready(struct tls *t)
{
	if (is_plain(t))
		return true;
	release_record(t);
	return t->released > 0;
}

bool tls_has_output(const struct tls *t)
{
	return t->out.len > 0;
}

int tls_take(struct tls *t, struct buf *out, struct err *e)
{
	if (t->out.len == 0)
		return 0;
	if (out->len == 0) {
		buf_done(out);
		*out = t->out;
		t->out = (struct buf)BUF_INIT(TLS_OUT_MAX);
		return 0;
	}
	if (buf_add(out, buf_slice(&t->out), e))
		return -1;
	buf_done(&t->out);
	return 0;
}

/* A pinned certificate must be shown, and nothing but its signer unknown. */
static bool peer_is_fine(const struct tls *t)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&t->ssl);

	if (t->server->clients != TLS_CLIENTS_PINNED)
		return true;
	return mbedtls_ssl_get_peer_cert(&t->ssl) != NULL &&
	       (flags & ~(uint32_t)MBEDTLS_X509_BADCERT_NOT_TRUSTED) == 0;
}

static void alert(struct tls *t, unsigned char reason)
{
	/* A courtesy: the connection ends with it or without. */
	(void)mbedtls_ssl_send_alert_message(
		&t->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, reason);
}

int tls_handshake(struct tls *t, bool *done, struct err *e)
{
	int rc;

	if (is_plain(t)) {
		*done = true;
		return 0;
	}
	rc = mbedtls_ssl_handshake(&t->ssl);
	if (rc == MBEDTLS_ERR_SSL_WANT_READ) {
		*done = false;
		return 0;
	}
	if (rc != 0) {
		/* mbedtls is silent about a missing certificate. */
		if (t->out.len == 0)
			alert(t, MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE);
		return fail(e, ERR_UNTRUSTED, rc, "TLS handshake");
	}
	if (!peer_is_fine(t)) {
		alert(t, MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED);
		return err_set(e, ERR_UNTRUSTED,
			       "TLS handshake: no valid client certificate");
	}
	*done = true;
	return 0;
}

bool tls_lacks_certificate(const struct tls *t)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&t->ssl);

	/* All ones: there is no session whose peer could be judged. */
	return flags != 0 && flags != UINT32_MAX;
}

/* It was verified against one of them when the connection was opened. */
static int64_t trusted_until(const struct tls_server *s, struct slice der)
{
	int64_t end = 0;

	if (s->clients != TLS_CLIENTS_OF_CA)
		return INT64_MAX;
	for (const mbedtls_x509_crt *ca = &s->client_ca; ca; ca = ca->next) {
		struct slice one = { ca->raw.p, ca->raw.len };
		struct x509_info info;
		struct err ignored;

		if (x509_names_issuer(der, one) &&
		    x509_inspect(one, &info, &ignored) == 0 &&
		    info.not_after > end)
			end = info.not_after;
	}
	return end;
}

bool tls_peer(const struct tls *t, struct tls_certificate *out)
{
	const mbedtls_x509_crt *crt =
		is_plain(t) ? NULL : mbedtls_ssl_get_peer_cert(&t->ssl);
	struct x509_info info;
	struct err ignored;

	if (!crt)
		return false;
	out->der = (struct slice){ crt->raw.p, crt->raw.len };
	sha256_of(out->der, &out->fingerprint);
	/* One whose end we cannot read has ended. */
	out->not_after = x509_inspect(out->der, &info, &ignored) == 0
				 ? info.not_after
				 : 0;
	out->trusted_until = trusted_until(t->server, out->der);
	return true;
}

static size_t read_plain(struct tls *t, void *out, size_t len)
{
	size_t waits = t->in.len - t->in_used;

	if (len > waits)
		len = waits;
	if (len == 0)
		return 0;
	memcpy(out, t->in.ptr + t->in_used, len);
	t->in_used += len;
	if (t->in_used == t->in.len) {
		buf_done(&t->in);
		t->in_used = 0;
	}
	return len;
}

int tls_read(struct tls *t, void *out, size_t len, size_t *got, bool *ended,
	     struct err *e)
{
	int rc;

	*got = 0;
	*ended = false;
	if (is_plain(t)) {
		*got = read_plain(t, out, len);
		return 0;
	}
	rc = mbedtls_ssl_read(&t->ssl, out, len);
	if (rc > 0) {
		*got = (size_t)rc;
		return 0;
	}
	if (rc == 0 || rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
		*ended = true;
		return 0;
	}
	if (rc == MBEDTLS_ERR_SSL_WANT_READ)
		return 0;
	return fail(e, ERR_NETWORK, rc, "TLS");
}

int tls_write(struct tls *t, struct slice bytes, struct err *e)
{
	if (is_plain(t))
		return buf_add(&t->out, bytes, e);
	while (bytes.len > 0) {
		int rc = mbedtls_ssl_write(&t->ssl, bytes.ptr, bytes.len);

		if (rc <= 0)
			return fail(e, ERR_NETWORK, rc, "TLS");
		bytes = slice_sub(bytes, (size_t)rc, bytes.len);
	}
	return 0;
}

void tls_end(struct tls *t)
{
	/* A courtesy: when it does not fit, the peer sees the socket close. */
	if (!is_plain(t))
		(void)mbedtls_ssl_close_notify(&t->ssl);
}
