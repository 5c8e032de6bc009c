/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ec.h"

#include <assert.h>
#include <mbedtls/bignum.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>
#include <stdlib.h>
#include <string.h>

#include "common/der.h"
#include "common/mbed.h"
#include "common/mem.h"
#include "common/pem.h"
#include "common/random.h"
#include "common/secret.h"

struct ec_private {
	uint8_t *scalar; /* EC_SCALAR_LEN bytes, where secrets lie; or */
	struct ec_holder holder; /* NULL, and somebody else has it */
	struct ec_public public_key;
};

/*
 * What stands before the point in every SubjectPublicKeyInfo that we accept:
 * id-ecPublicKey, prime256v1 by name, 65 bytes. Anything that differs (explicit
 * parameters, another curve, a compressed point) is not one of our keys.
 */
static const uint8_t spki_head[EC_SPKI_LEN - EC_POINT_LEN] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
	0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
	0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};

/* The numbers of one computation; all of them are wiped when it is done. */
struct work {
	mbedtls_ecp_group group;
	mbedtls_ecp_point point;
	mbedtls_mpi d, r, s;
};

static void work_init(struct work *w)
{
	mbedtls_ecp_group_init(&w->group);
	mbedtls_ecp_point_init(&w->point);
	mbedtls_mpi_init(&w->d);
	mbedtls_mpi_init(&w->r);
	mbedtls_mpi_init(&w->s);
	mbed_must(mbedtls_ecp_group_load(&w->group, MBEDTLS_ECP_DP_SECP256R1));
}

static void work_done(struct work *w)
{
	mbedtls_mpi_free(&w->s);
	mbedtls_mpi_free(&w->r);
	mbedtls_mpi_free(&w->d);
	mbedtls_ecp_point_free(&w->point);
	mbedtls_ecp_group_free(&w->group);
}

/* An affine point on the curve; so never infinity, which has no such form. */
static int load_point(struct work *w, const struct ec_public *key,
		      struct err *e)
{
	if (key->point[0] != 0x04 ||
	    mbedtls_ecp_point_read_binary(&w->group, &w->point, key->point,
					  EC_POINT_LEN) ||
	    mbedtls_ecp_check_pubkey(&w->group, &w->point))
		return err_set(e, ERR_FORMAT,
			       "public key is no point on P-256");
	return 0;
}

int ec_public_check(const struct ec_public *key, struct err *e)
{
	struct work w;
	int rc;

	work_init(&w);
	rc = load_point(&w, key, e);
	work_done(&w);
	return rc;
}

/* The private key whose scalar stands in w->d, which is in range. */
static void make_private(struct work *w, struct ec_private **out)
{
	struct ec_private *key = mem_alloc(1, sizeof(*key));
	size_t len = 0;

	key->scalar = secret_new(EC_SCALAR_LEN);
	mbed_must(mbedtls_mpi_write_binary(&w->d, key->scalar, EC_SCALAR_LEN));
	mbed_must(mbedtls_ecp_mul(&w->group, &w->point, &w->d, &w->group.G,
				  random_for_mbedtls, NULL));
	mbed_must(mbedtls_ecp_point_write_binary(
		&w->group, &w->point, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
		key->public_key.point, EC_POINT_LEN));
	*out = key;
}

int ec_generate(struct ec_private **out, struct err *e)
{
	struct work w;
	int rc = 0;

	work_init(&w);
	if (mbedtls_ecp_gen_privkey(&w.group, &w.d, random_for_mbedtls, NULL))
		rc = err_set(e, ERR_SYSTEM, "cannot make a key");
	else
		make_private(&w, out);
	work_done(&w);
	return rc;
}

int ec_private_from_scalar(const uint8_t scalar[EC_SCALAR_LEN],
			   struct ec_private **out, struct err *e)
{
	struct work w;
	int rc = 0;

	work_init(&w);
	mbed_must(mbedtls_mpi_read_binary(&w.d, scalar, EC_SCALAR_LEN));
	if (mbedtls_ecp_check_privkey(&w.group, &w.d))
		rc = err_set(e, ERR_FORMAT, "private key is out of range");
	else
		make_private(&w, out);
	work_done(&w);
	return rc;
}

int ec_private_held(const struct ec_public *public_key,
		    const struct ec_holder *holder, struct ec_private **out,
		    struct err *e)
{
	struct ec_private *key;

	if (ec_public_check(public_key, e))
		return -1;
	key = mem_alloc(1, sizeof(*key));
	key->holder = *holder;
	key->public_key = *public_key;
	*out = key;
	return 0;
}

bool ec_is_held(const struct ec_private *key)
{
	return !key->scalar;
}

void ec_free(struct ec_private *key)
{
	if (!key)
		return;
	if (key->scalar)
		secret_free(key->scalar, EC_SCALAR_LEN);
	else
		key->holder.free(key->holder.ctx);
	free(key);
}

void ec_private_scalar(const struct ec_private *key,
		       uint8_t scalar[EC_SCALAR_LEN])
{
	assert(key->scalar);
	memcpy(scalar, key->scalar, EC_SCALAR_LEN);
}

void ec_public_of(const struct ec_private *key, struct ec_public *out)
{
	*out = key->public_key;
}

bool ec_public_equal(const struct ec_public *a, const struct ec_public *b)
{
	return memcmp(a->point, b->point, EC_POINT_LEN) == 0;
}

void ec_public_to_spki(const struct ec_public *key, uint8_t out[EC_SPKI_LEN])
{
	memcpy(out, spki_head, sizeof(spki_head));
	memcpy(out + sizeof(spki_head), key->point, EC_POINT_LEN);
}

int ec_public_from_spki(struct slice der, struct ec_public *out, struct err *e)
{
	struct slice head = { spki_head, sizeof(spki_head) };
	struct ec_public key;

	if (der.len != EC_SPKI_LEN ||
	    !slice_equal(slice_sub(der, 0, head.len), head))
		return err_set(e, ERR_FORMAT,
			       "not a public key on P-256 by name");
	memcpy(key.point, der.ptr + head.len, EC_POINT_LEN);
	if (ec_public_check(&key, e))
		return -1;
	*out = key;
	return 0;
}

int ec_public_from_pem(struct slice pem, struct ec_public *out, struct err *e)
{
	struct buf der = BUF_INIT(EC_PEM_MAX_LEN);
	int rc = -1;

	if (pem.len > EC_PEM_MAX_LEN)
		return err_set(e, ERR_LIMIT, "public key above %d bytes",
			       EC_PEM_MAX_LEN);
	if (pem_parse(pem, "PUBLIC KEY", &der, e) == 0)
		rc = ec_public_from_spki(buf_slice(&der), out, e);
	buf_done(&der);
	return rc;
}

int ec_public_to_pem(const struct ec_public *key, struct buf *out,
		     struct err *e)
{
	uint8_t spki[EC_SPKI_LEN];

	ec_public_to_spki(key, spki);
	return pem_format("PUBLIC KEY", (struct slice){ spki, sizeof(spki) },
			  out, e);
}

void ec_public_fingerprint(const struct ec_public *key, struct sha256 *out)
{
	uint8_t spki[EC_SPKI_LEN];

	ec_public_to_spki(key, spki);
	sha256_of((struct slice){ spki, sizeof(spki) }, out);
}

/* 0 < number < n, which is the range of both halves of a signature. */
static int load_number(const struct work *w, struct slice bytes,
		       mbedtls_mpi *number)
{
	if (bytes.len == 0 || bytes.len > EC_SCALAR_LEN)
		return -1;
	mbed_must(mbedtls_mpi_read_binary(number, bytes.ptr, bytes.len));
	return mbedtls_mpi_cmp_mpi(number, &w->group.N) < 0 ? 0 : -1;
}

static int parse_signature(struct work *w, struct slice sig, struct err *e)
{
	struct rd whole = rd_init(sig);
	struct rd in = der_enter(&whole, DER_SEQUENCE);
	struct slice r = der_read_unsigned(&in);
	struct slice s = der_read_unsigned(&in);

	if (rd_finish(&in, e) || rd_finish(&whole, e) ||
	    load_number(w, r, &w->r) || load_number(w, s, &w->s))
		return err_set(e, ERR_UNTRUSTED, "signature is malformed");
	return 0;
}

static int verify_digest(const struct ec_public *key,
			 const struct sha256 *digest, struct slice sig,
			 struct err *e)
{
	struct work w;
	int rc = -1;

	work_init(&w);
	if (parse_signature(&w, sig, e))
		goto out;
	if (load_point(&w, key, e)) {
		e->code = ERR_UNTRUSTED;
		goto out;
	}
	if (mbedtls_ecdsa_verify(&w.group, digest->bytes, SHA256_LEN, &w.point,
				 &w.r, &w.s)) {
		err_set(e, ERR_UNTRUSTED, "signature does not verify");
		goto out;
	}
	rc = 0;
out:
	work_done(&w);
	return rc;
}

int ec_verify(const struct ec_public *key, struct slice message,
	      struct slice sig, struct err *e)
{
	struct sha256 digest;

	sha256_of(message, &digest);
	return verify_digest(key, &digest, sig, e);
}

static int format_signature(const struct work *w, struct buf *sig,
			    struct err *e)
{
	struct der_writer out = der_writer(sig);
	uint8_t number[EC_SCALAR_LEN];
	struct slice bytes = { number, sizeof(number) };
	size_t begin = der_begin(&out, DER_SEQUENCE);

	mbed_must(mbedtls_mpi_write_binary(&w->r, number, sizeof(number)));
	der_put_unsigned(&out, bytes);
	mbed_must(mbedtls_mpi_write_binary(&w->s, number, sizeof(number)));
	der_put_unsigned(&out, bytes);
	der_end(&out, begin);
	return der_finish(&out, e);
}

/* r and s, by whoever has the key. */
static int make_signature(struct work *w, const struct ec_private *key,
			  const struct sha256 *digest, struct err *e)
{
	uint8_t rs[EC_RS_LEN];

	if (!key->scalar) {
		if (key->holder.sign(key->holder.ctx, digest, rs, e))
			return -1;
		mbed_must(mbedtls_mpi_read_binary(&w->r, rs, EC_SCALAR_LEN));
		mbed_must(mbedtls_mpi_read_binary(&w->s, rs + EC_SCALAR_LEN,
						  EC_SCALAR_LEN));
		return 0;
	}
	mbed_must(mbedtls_mpi_read_binary(&w->d, key->scalar, EC_SCALAR_LEN));
	return mbedtls_ecdsa_sign(&w->group, &w->r, &w->s, &w->d, digest->bytes,
				  SHA256_LEN, random_for_mbedtls, NULL)
		       ? err_set(e, ERR_SYSTEM, "signing failed")
		       : 0;
}

/*
 * Signed with a random k straight from the kernel, not a deterministic one: two
 * signatures over one message, one of them disturbed, then give nothing away.
 */
int ec_sign_digest(const struct ec_private *key, const struct sha256 *digest,
		   struct buf *sig, struct err *e)
{
	struct buf made = BUF_INIT(EC_SIG_MAX_LEN);
	struct work w;
	int rc = -1;

	work_init(&w);
	if (make_signature(&w, key, digest, e) ||
	    format_signature(&w, &made, e))
		goto out;
	/* A signature from a disturbed computation could reveal the key. */
	if (verify_digest(&key->public_key, digest, buf_slice(&made), e)) {
		err_set(e, ERR_SYSTEM, "own signature does not verify");
		goto out;
	}
	rc = buf_add(sig, buf_slice(&made), e);
out:
	work_done(&w);
	buf_wipe(&made);
	return rc;
}

int ec_sign(const struct ec_private *key, struct slice message, struct buf *sig,
	    struct err *e)
{
	struct sha256 digest;

	sha256_of(message, &digest);
	return ec_sign_digest(key, &digest, sig, e);
}

int ec_agree(const struct ec_private *key, const struct ec_public *with,
	     uint8_t shared[EC_SHARED_LEN], struct err *e)
{
	uint8_t point[EC_POINT_LEN];
	mbedtls_ecp_point product;
	struct work w;
	size_t len = 0;
	int rc = -1;

	mbedtls_ecp_point_init(&product);
	work_init(&w);
	if (load_point(&w, with, e))
		goto out;
	if (!key->scalar) {
		rc = key->holder.agree(key->holder.ctx, with, shared, e);
		goto out;
	}
	mbed_must(mbedtls_mpi_read_binary(&w.d, key->scalar, EC_SCALAR_LEN));
	mbed_must(mbedtls_ecp_mul(&w.group, &product, &w.d, &w.point,
				  random_for_mbedtls, NULL));
	/* Never infinity: the curve's order is prime, the scalar below it. */
	mbed_must(mbedtls_ecp_point_write_binary(&w.group, &product,
						 MBEDTLS_ECP_PF_UNCOMPRESSED,
						 &len, point, sizeof(point)));
	memcpy(shared, point + 1, EC_SHARED_LEN);
	mem_wipe(point, sizeof(point));
	rc = 0;
out:
	mbedtls_ecp_point_free(&product);
	work_done(&w);
	return rc;
}
