/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM 2.0 through OpenSSL's provider for it (tpm2-openssl). The TPM makes a
 * key and wraps it with one that never leaves it; the wrapped key is a PEM file
 * of the state folder ("TSS2 PRIVATE KEY") and of use to that TPM alone. So a
 * TPM's few places for keys are not used up, however often keys are renewed.
 *
 * All of it is done in a library context of its own, in which nothing but the
 * provider computes: a key that it does not know is an error here, never one
 * that OpenSSL uses by itself.
 */
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "updater-client/token.h"

#define KEY_MAX   4096
#define STRUCTURE "PrivateKeyInfo" /* so the provider names TSS2 keys */

struct provider {
	const struct token_setup *setup;
	OSSL_LIB_CTX *library;
	OSSL_PROVIDER *named, *base;
};

static int failed(const struct provider *t, const char *what, struct err *e)
{
	return err_set(e, ERR_SYSTEM,
		       "the keys behind OpenSSL's provider %s: %s failed: is "
		       "the TPM there, and may this process use it?",
		       t->setup->settings->provider, what);
}

static void provider_close(void *self)
{
	struct provider *t = self;

	if (!t)
		return;
	if (t->named)
		(void)OSSL_PROVIDER_unload(t->named);
	if (t->base)
		(void)OSSL_PROVIDER_unload(t->base);
	OSSL_LIB_CTX_free(t->library);
	free(t);
}

static int provider_open(const struct token_setup *setup, void **self,
			 struct err *e)
{
	struct provider *t = mem_alloc(1, sizeof(*t));

	*self = t;
	t->setup = setup;
	t->library = OSSL_LIB_CTX_new();
	if (!t->library)
		return failed(t, "starting", e);
	/* "base" reads and writes PEM, and has no algorithms. */
	t->base = OSSL_PROVIDER_load(t->library, "base");
	t->named = OSSL_PROVIDER_load(t->library, setup->settings->provider);
	return t->base && t->named ? 0 : failed(t, "loading it", e);
}

/* ---- the wrapped keys ---------------------------------------------------- */

struct file {
	char name[TOKEN_NAME_LEN + sizeof(".key")];
};

static struct file file_of(const char *name)
{
	struct file f = { "" };
	struct err never;

	if (text_format(f.name, sizeof(f.name), &never, "%s.key", name))
		abort();
	return f;
}

static int decode(struct provider *t, const struct buf *pem, EVP_PKEY **out,
		  struct err *e)
{
	const unsigned char *at = pem->ptr;
	size_t left = pem->len;
	OSSL_DECODER_CTX *d = OSSL_DECODER_CTX_new_for_pkey(
		out, "PEM", NULL, "EC", EVP_PKEY_KEYPAIR, t->library, NULL);
	int good = d && OSSL_DECODER_from_data(d, &at, &left) == 1;

	OSSL_DECODER_CTX_free(d);
	return good ? 0 : failed(t, "loading a key", e);
}

static int load(struct provider *t, const char *name, EVP_PKEY **out,
		struct err *e)
{
	struct buf pem = BUF_INIT(KEY_MAX);
	int rc = -1;

	if (fs_read_file(t->setup->state_fd, file_of(name).name, &pem, e) == 0)
		rc = decode(t, &pem, out, e);
	buf_done(&pem);
	return rc;
}

static int provider_find(void *self, const char *name, struct ec_public *out,
			 struct err *e)
{
	struct provider *t = self;
	EVP_PKEY *key = NULL;
	size_t len = 0;
	int good;

	if (load(t, name, &key, e))
		return -1;
	good = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY,
					       out->point, EC_POINT_LEN,
					       &len) == 1;
	EVP_PKEY_free(key);
	return good && len == EC_POINT_LEN ? ec_public_check(out, e)
					   : failed(t, "its public key", e);
}

static int store(struct provider *t, const char *name, EVP_PKEY *key,
		 struct err *e)
{
	OSSL_ENCODER_CTX *w = OSSL_ENCODER_CTX_new_for_pkey(
		key, OSSL_KEYMGMT_SELECT_ALL, "PEM", STRUCTURE, NULL);
	unsigned char *pem = NULL;
	size_t len = 0;
	int rc;

	rc = w && OSSL_ENCODER_to_data(w, &pem, &len) == 1
		     ? fs_replace_file(t->setup->state_fd, file_of(name).name,
				       (struct slice){ pem, len }, 0600, e)
		     : failed(t, "writing a key", e);
	OPENSSL_free(pem);
	OSSL_ENCODER_CTX_free(w);
	return rc;
}

static int provider_make(void *self, const char *name, struct err *e)
{
	struct provider *t = self;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(t->library, NULL, "EC", "P-256");
	int rc = key ? store(t, name, key, e) : failed(t, "making a key", e);

	EVP_PKEY_free(key);
	return rc;
}

/* ---- what they are for --------------------------------------------------- */

static int split_signature(struct slice der, uint8_t rs[EC_RS_LEN])
{
	const unsigned char *at = der.ptr;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
	int rc = -1;

	if (sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, EC_SCALAR_LEN) > 0 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + EC_SCALAR_LEN,
			 EC_SCALAR_LEN) > 0)
		rc = 0;
	ECDSA_SIG_free(sig);
	return rc;
}

static int provider_sign(void *self, const char *name,
			 const struct sha256 *digest, uint8_t rs[EC_RS_LEN],
			 struct err *e)
{
	struct provider *t = self;
	uint8_t der[2 * EC_SIG_MAX_LEN];
	size_t len = sizeof(der);
	EVP_PKEY_CTX *c = NULL;
	EVP_PKEY *key = NULL;
	int rc = -1;

	if (load(t, name, &key, e))
		return -1;
	c = EVP_PKEY_CTX_new_from_pkey(t->library, key, NULL);
	if (!c || EVP_PKEY_sign_init(c) != 1 ||
	    EVP_PKEY_sign(c, der, &len, digest->bytes, SHA256_LEN) != 1 ||
	    split_signature((struct slice){ der, len }, rs))
		(void)failed(t, "signing", e);
	else
		rc = 0;
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(key);
	return rc;
}

/* The other's key, as one that the provider computes with. */
static EVP_PKEY *import(struct provider *t, const struct ec_public *point)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(t->library, "EC", NULL);
	char group[] = "P-256";
	struct ec_public copy = *point;
	OSSL_PARAM with[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
						 group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
						  copy.point, EC_POINT_LEN),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;

	if (c && EVP_PKEY_fromdata_init(c) == 1)
		(void)EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, with);
	EVP_PKEY_CTX_free(c);
	return key;
}

static int provider_agree(void *self, const char *name,
			  const struct ec_public *with,
			  uint8_t shared[EC_SHARED_LEN], struct err *e)
{
	struct provider *t = self;
	size_t len = EC_SHARED_LEN;
	EVP_PKEY *key = NULL, *other;
	EVP_PKEY_CTX *c;
	int rc = -1;

	if (load(t, name, &key, e))
		return -1;
	other = import(t, with);
	c = EVP_PKEY_CTX_new_from_pkey(t->library, key, NULL);
	if (!other || !c || EVP_PKEY_derive_init(c) != 1 ||
	    EVP_PKEY_derive_set_peer(c, other) != 1 ||
	    EVP_PKEY_derive(c, shared, &len) != 1 || len != EC_SHARED_LEN)
		(void)failed(t, "key agreement", e);
	else
		rc = 0;
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(other);
	EVP_PKEY_free(key);
	return rc;
}

/* With the state folder's other keys, by who asked: identity.c. */
static int provider_destroy(void *self, const char *name, struct err *e)
{
	struct provider *t = self;

	return *name ? fs_remove(t->setup->state_fd, file_of(name).name, e) : 0;
}

static bool provider_is_hardware(void *self)
{
	(void)self; /* no more is known of it than that it is meant to be */
	return true;
}

const struct token_ops token_provider = {
	provider_open, provider_close, provider_find,    provider_make,
	provider_sign, provider_agree, provider_destroy, provider_is_hardware,
};
