/* SPDX-License-Identifier: Apache-2.0 */
/* The method of a key is the one way for an application to sign by itself;
 * OpenSSL 3 would have a whole provider in its place. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "updater-client/tls_key.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define APP_DATA 0 /* the index that OpenSSL leaves to applications */

struct tls_key {
	const struct ec_private *key;
	EC_KEY_METHOD *method;
	EVP_PKEY *lent;
	X509 *certificate;
	struct err failure;
};

/* FIPS 186-5, 6.4.1: of a longer digest the leftmost bits count. */
/* NOLINTNEXTLINE(readability-function-size): so OpenSSL calls it */
static int sign(int type, const unsigned char *digest, int len,
		unsigned char *out, unsigned int *out_len, const BIGNUM *kinv,
		const BIGNUM *r, EC_KEY *ec)
{
	struct tls_key *k = EC_KEY_get_ex_data(ec, APP_DATA);
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct sha256 in;
	int good = 0;

	(void)type;
	(void)kinv;
	(void)r;
	if (len < SHA256_LEN) {
		(void)err_set(&k->failure, ERR_REFUSED,
			      "the server wants a signature over a digest of "
			      "%d bytes",
			      len);
		return 0;
	}
	memcpy(in.bytes, digest, SHA256_LEN);
	/* The room is that of ECDSA_size(): EC_SIG_MAX_LEN. */
	if (ec_sign_digest(k->key, &in, &sig, &k->failure) == 0) {
		memcpy(out, sig.ptr, sig.len);
		*out_len = (unsigned)sig.len;
		good = 1;
	}
	buf_done(&sig);
	return good;
}

static X509 *read_certificate(struct slice pem)
{
	BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *certificate = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

	BIO_free(in);
	return certificate;
}

/* The public half, and how to sign with the other. */
static bool make_lent(struct tls_key *k)
{
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	struct ec_public own;

	ec_public_of(k->key, &own);
	k->method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	k->lent = EVP_PKEY_new();
	if (!ec || !k->method || !k->lent)
		goto bad;
	EC_KEY_METHOD_set_sign(k->method, sign, NULL, NULL);
	if (EC_KEY_oct2key(ec, own.point, EC_POINT_LEN, NULL) != 1 ||
	    EC_KEY_set_method(ec, k->method) != 1 ||
	    EC_KEY_set_ex_data(ec, APP_DATA, k) != 1 ||
	    EVP_PKEY_assign_EC_KEY(k->lent, ec) != 1)
		goto bad;
	return true;
bad:
	EC_KEY_free(ec);
	return false;
}

int tls_key_new(struct slice certificate, const struct ec_private *key,
		struct tls_key **out, struct err *e)
{
	struct tls_key *k = mem_alloc(1, sizeof(*k));
	int rc;

	k->key = key;
	k->certificate = read_certificate(certificate);
	if (!make_lent(k) || !k->certificate)
		rc = err_set(e, ERR_SYSTEM,
			     "OpenSSL cannot use the device's certificate");
	else if (X509_check_private_key(k->certificate, k->lent) != 1)
		rc = err_set(e, ERR_UNTRUSTED,
			     "the device's certificate is not for the key in "
			     "the token");
	else {
		*out = k;
		return 0;
	}
	tls_key_free(k);
	return rc;
}

void tls_key_free(struct tls_key *k)
{
	if (!k)
		return;
	X509_free(k->certificate);
	EVP_PKEY_free(k->lent);
	EC_KEY_METHOD_free(k->method);
	free(k);
}

bool tls_key_lend(const struct tls_key *k, void *ssl_ctx)
{
	return SSL_CTX_use_certificate(ssl_ctx, k->certificate) == 1 &&
	       SSL_CTX_use_PrivateKey(ssl_ctx, k->lent) == 1;
}

int tls_key_failure(struct tls_key *k, struct err *e)
{
	if (!k || k->failure.code == ERR_NONE)
		return 0;
	*e = k->failure;
	k->failure.code = ERR_NONE;
	return -1;
}
