/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL signs with a key that it does not have. */
#include "updater-client/tls_key.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "common/x509.h"
#include "tests/unit/check.h"

/* Stands in for a token: a key of ours behind the holder's functions. */
struct holder {
	struct ec_private *real;
	bool gone, wrong;
	unsigned asked;
};

static int held_sign(void *ctx, const struct sha256 *digest,
		     uint8_t rs[EC_RS_LEN], struct err *e)
{
	struct holder *h = ctx;
	struct buf der = BUF_INIT(EC_SIG_MAX_LEN);
	size_t at = 4;

	h->asked++;
	if (h->gone)
		return err_set(e, ERR_SYSTEM, "the token is gone");
	assert_int_equal(ec_sign_digest(h->real, digest, &der, e), 0);
	/* SEQUENCE of two INTEGERs, each as short as can be. */
	memset(rs, 0, EC_RS_LEN);
	for (size_t half = 0; half < 2; half++) {
		size_t len = der.ptr[at - 1], skip = len > 32 ? len - 32 : 0;

		memcpy(rs + 32 * half + 32 - (len - skip), der.ptr + at + skip,
		       len - skip);
		at += len + 2;
	}
	rs[7] ^= h->wrong;
	buf_done(&der);
	return 0;
}

static int held_agree(void *ctx, const struct ec_public *with,
		      uint8_t shared[EC_SHARED_LEN], struct err *e)
{
	(void)ctx;
	(void)with;
	(void)shared;
	return err_set(e, ERR_REFUSED, "not asked for here");
}

static void leave(void *ctx)
{
	(void)ctx;
}

struct world {
	struct holder holder;
	struct ec_private *held;
	struct buf certificate;
};

static void issue(const struct ec_private *key, struct buf *pem)
{
	const struct x509_template t = { .kind = X509_PERSON,
					 .common_name = "device",
					 .not_before = 1700000000,
					 .not_after = 1800000000 };
	struct ec_public own;
	struct err e = { 0 };

	ec_public_of(key, &own);
	assert_ok(x509_issue(&t, &own, (struct slice){ 0 }, key, pem, &e));
}

static int open_world(void **state)
{
	static struct world w;
	const struct ec_holder holder = { &w.holder, held_sign, held_agree,
					  leave };
	struct ec_public own;
	struct err e = { 0 };

	w = (struct world){ .certificate = BUF_INIT(X509_PEM_MAX_LEN) };
	assert_ok(ec_generate(&w.holder.real, &e));
	ec_public_of(w.holder.real, &own);
	assert_ok(ec_private_held(&own, &holder, &w.held, &e));
	issue(w.holder.real, &w.certificate);
	*state = &w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	ec_free(w->held);
	ec_free(w->holder.real);
	buf_done(&w->certificate);
	return 0;
}

/* Sign as a handshake does, with what an SSL_CTX was lent. */
static bool signs(struct tls_key *k, const EVP_MD *md, const struct world *w)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	EVP_PKEY *key, *public = NULL;
	unsigned char sig[128];
	size_t len = sizeof(sig);
	bool good;

	(void)w;
	assert_true(tls_key_lend(k, ctx));
	key = SSL_CTX_get0_privatekey(ctx);
	public = X509_get0_pubkey(SSL_CTX_get0_certificate(ctx));
	assert_int_equal(EVP_DigestSignInit(hash, NULL, md, NULL, key), 1);
	good = EVP_DigestSign(hash, sig, &len, (const uint8_t *)"hello", 5) ==
	       1;
	if (good) {
		EVP_MD_CTX_reset(hash);
		assert_int_equal(
			EVP_DigestVerifyInit(hash, NULL, md, NULL, public), 1);
		assert_int_equal(EVP_DigestVerify(hash, sig, len,
						  (const uint8_t *)"hello", 5),
				 1);
	}
	EVP_MD_CTX_free(hash);
	SSL_CTX_free(ctx);
	return good;
}

static void a_lent_key_signs_with_any_digest_of_tls(void **state)
{
	struct world *w = *state;
	struct tls_key *k = NULL;
	struct err e = { 0 };

	assert_ok(tls_key_new(buf_slice(&w->certificate), w->held, &k, &e));
	assert_true(signs(k, EVP_sha256(), w));
	assert_true(signs(k, EVP_sha384(), w));
	assert_true(signs(k, EVP_sha512(), w));
	assert_int_equal(w->holder.asked, 3);
	assert_ok(tls_key_failure(k, &e));
	tls_key_free(k);
}

static void a_digest_that_is_too_short_is_refused(void **state)
{
	struct world *w = *state;
	struct tls_key *k = NULL;
	struct err e = { 0 };

	assert_ok(tls_key_new(buf_slice(&w->certificate), w->held, &k, &e));
	assert_false(signs(k, EVP_sha1(), w));
	assert_int_equal(w->holder.asked, 0);
	assert_refused(tls_key_failure(k, &e), ERR_REFUSED);
	tls_key_free(k);
}

static void why_it_did_not_sign_is_told_once(void **state)
{
	struct world *w = *state;
	struct tls_key *k = NULL;
	struct err e = { 0 };

	assert_ok(tls_key_new(buf_slice(&w->certificate), w->held, &k, &e));
	w->holder.gone = true;
	assert_false(signs(k, EVP_sha256(), w));
	assert_refused_saying(tls_key_failure(k, &e), ERR_SYSTEM,
			      "the token is gone");
	assert_ok(tls_key_failure(k, &e));
	w->holder.gone = false;
	w->holder.wrong = true;
	assert_false(signs(k, EVP_sha256(), w));
	assert_refused_saying(tls_key_failure(k, &e), ERR_SYSTEM,
			      "does not verify");
	assert_ok(tls_key_failure(NULL, &e));
	tls_key_free(k);
}

static void a_certificate_of_another_key_is_refused(void **state)
{
	struct world *w = *state;
	struct buf other = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *key = NULL;
	struct tls_key *k = NULL;
	struct err e = { 0 };

	assert_ok(ec_generate(&key, &e));
	issue(key, &other);
	assert_refused(tls_key_new(buf_slice(&other), w->held, &k, &e),
		       ERR_UNTRUSTED);
	assert_refused(tls_key_new(slice_of("no certificate"), w->held, &k, &e),
		       ERR_SYSTEM);
	assert_null(k);
	buf_done(&other);
	ec_free(key);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lent_key_signs_with_any_digest_of_tls),
		TEST(a_digest_that_is_too_short_is_refused),
		TEST(why_it_did_not_sign_is_told_once),
		TEST(a_certificate_of_another_key_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
