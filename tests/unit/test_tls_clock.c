/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/tls_clock.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "common/utc.h"
#include "common/x509.h"
#include "tests/unit/check.h"

#define NOW INT64_C(1800000000)

static X509 *self_signed(int64_t not_before, int64_t not_after)
{
	const struct x509_template t = { .kind = X509_CA,
					 .common_name = "Some server CA",
					 .not_before = not_before,
					 .not_after = not_after };
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_private *key = NULL;
	struct ec_public public_key;
	struct err e = { 0 };
	X509 *cert;
	BIO *bio;

	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &public_key);
	assert_ok(x509_issue(&t, &public_key, (struct slice){ 0 }, key, &pem,
			     &e));
	bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_non_null(cert);
	BIO_free(bio);
	ec_free(key);
	buf_done(&pem);
	return cert;
}

/* As a connection would: the context's parameters and its callback. */
static long judge(X509 *cert, X509 *trusted, int64_t now)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	X509_STORE *anchors = X509_STORE_new();
	long result;

	tls_clock_set(ctx, now);
	assert_int_equal(SSL_CTX_get_verify_mode(ctx), SSL_VERIFY_PEER);
	assert_int_equal(X509_STORE_add_cert(anchors, trusted), 1);
	assert_int_equal(X509_STORE_CTX_init(store, anchors, cert, NULL), 1);
	assert_int_equal(
		X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(store),
				       SSL_CTX_get0_param(ctx)),
		1);
	X509_STORE_CTX_set_verify_cb(store, SSL_CTX_get_verify_callback(ctx));
	(void)X509_verify_cert(store);
	result = X509_STORE_CTX_get_error(store);
	X509_STORE_CTX_free(store);
	X509_STORE_free(anchors);
	SSL_CTX_free(ctx);
	return result;
}

static void its_time_is_the_one_given(void **state)
{
	X509 *cert = self_signed(NOW - UTC_DAY, NOW + UTC_DAY);

	(void)state;
	assert_int_equal(judge(cert, cert, NOW), X509_V_OK);
	X509_free(cert);
}

/* A device at 1970 meets a certificate of yesterday. */
static void what_begins_later_is_taken(void **state)
{
	X509 *cert = self_signed(NOW - UTC_DAY, NOW + UTC_DAY);

	(void)state;
	assert_int_equal(judge(cert, cert, 1), X509_V_OK);
	X509_free(cert);
}

static void what_has_ended_is_not(void **state)
{
	X509 *cert = self_signed(NOW - UTC_DAY, NOW + UTC_DAY);
	long result = judge(cert, cert, NOW + 2 * UTC_DAY);

	(void)state;
	assert_int_equal(result, X509_V_ERR_CERT_HAS_EXPIRED);
	assert_true(tls_clock_is_expired(result));
	/* Far beyond what a small time_t can count: not before 1970. */
	assert_true(
		tls_clock_is_expired(judge(cert, cert, INT64_C(250000000000))));
	X509_free(cert);
}

/* Forgiving one thing must not forgive another. */
static void a_stranger_stays_one_at_any_time(void **state)
{
	X509 *cert = self_signed(NOW - UTC_DAY, NOW + UTC_DAY);
	X509 *other = self_signed(NOW - UTC_DAY, NOW + UTC_DAY);
	static const int64_t times[] = { 1, NOW, NOW + 2 * UTC_DAY };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		long result = judge(other, cert, times[i]);

		assert_int_not_equal(result, X509_V_OK);
	}
	assert_false(tls_clock_is_expired(judge(other, cert, 1)));
	assert_false(tls_clock_is_expired(X509_V_OK));
	X509_free(cert);
	X509_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_time_is_the_one_given),
		cmocka_unit_test(what_begins_later_is_taken),
		cmocka_unit_test(what_has_ended_is_not),
		cmocka_unit_test(a_stranger_stays_one_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
