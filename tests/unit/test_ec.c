/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ec.h"

#include <string.h>

#include "common/pem.h"
#include "common/text.h"
#include "tests/unit/check.h"
#include "tests/unit/vectors.h"

/* One key in the forms that OpenSSL can give it. */
#define NAMED                                                                  \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtTpbGGF14RFlzyo0VMbj/mZSYZda\n"   \
	"1GpaB+sx9F/xQXF5Xtsgrm8dMa3N5zQ/oBSbsyYt0PCmG1MjOYotopeDgw==\n"       \
	"-----END PUBLIC KEY-----\n"
#define EXPLICIT                                                               \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA\n"   \
	"AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////\n"   \
	"///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd\n"   \
	"NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5\n"   \
	"RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA\n"   \
	"//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABLU6WxhhdeERZc8qNFTG4/5m\n"   \
	"UmGXWtRqWgfrMfRf8UFxeV7bIK5vHTGtzec0P6AUm7MmLdDwphtTIzmKLaKXg4M=\n"   \
	"-----END PUBLIC KEY-----\n"
#define COMPRESSED                                                             \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADtTpbGGF14RFlzyo0VMbj/mZSYZda\n"   \
	"1GpaB+sx9F/xQXE=\n"                                                   \
	"-----END PUBLIC KEY-----\n"
#define SECP256K1                                                              \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAE/Dz9ybyF37tsEGjq5lYy46Z3ZdgksJDy\n"   \
	"HkkI3LZEcPh80TFN7nQbvca0tTWBfuJMxwoIm2OBuhINXZVCJw/c2w==\n"           \
	"-----END PUBLIC KEY-----\n"

/* RFC 6979, A.2.5: P-256, SHA-256, message "sample". */
#define RFC_SCALAR                                                             \
	"c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define RFC_POINT                                                              \
	"0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"   \
	"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define RFC_R "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define RFC_S "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
/* The order n of the group, and n - s. */
#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define RFC_N_MINUS_S                                                          \
	"0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9"

static void from_hex(const char *hex, uint8_t *out)
{
	struct err e = { 0 };

	assert_ok(hex_parse(slice_of(hex), out, strlen(hex) / 2, &e));
}

static void known_key(struct ec_public *key)
{
	from_hex(RFC_POINT, key->point);
}

static int verify_hex(const char *hex, struct err *e)
{
	struct ec_public key;
	uint8_t sig[512];

	known_key(&key);
	from_hex(hex, sig);
	return ec_verify(&key, slice_of("sample"),
			 (struct slice){ sig, strlen(hex) / 2 }, e);
}

static void derives_the_public_key_of_the_standard(void **state)
{
	uint8_t scalar[EC_SCALAR_LEN], again[EC_SCALAR_LEN];
	struct ec_public wanted, got;
	struct ec_private *key = NULL;
	struct err e = { 0 };

	(void)state;
	from_hex(RFC_SCALAR, scalar);
	known_key(&wanted);
	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	ec_public_of(key, &got);
	assert_true(ec_public_equal(&wanted, &got));
	ec_private_scalar(key, again);
	assert_memory_equal(scalar, again, sizeof(scalar));
	ec_free(key);
	ec_free(NULL);
}

static void verifies_the_signature_of_the_standard(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(verify_hex("3046022100" RFC_R "022100" RFC_S, &e));
}

static void verifies_the_other_half_as_ecdsa_does(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(verify_hex("3045022100" RFC_R "0220" RFC_N_MINUS_S, &e));
}

static void refuses_malformed_signatures(void **state)
{
	static const char *const bad[] = {
		"",
		"30",
		"3000",
		/* cut, too long, something after it, indefinite length */
		"3046022100" RFC_R "022100",
		"3046022100" RFC_R "022100" RFC_S "00",
		"3048022100" RFC_R "022100" RFC_S "0500",
		"3080022100" RFC_R "022100" RFC_S "0000",
		/* lengths and numbers that are not the shortest */
		"308146022100" RFC_R "022100" RFC_S,
		"304702220000" RFC_R "022100" RFC_S,
		"3046022100" RFC_R "02220000" RFC_S,
		/* negative: the leading zero is missing */
		"30450220" RFC_R "022100" RFC_S,
		"3045022100" RFC_R "0220" RFC_S,
		/* r or s is 0, n, n + 1 or 2^256 */
		"3026020100022100" RFC_S,
		"3026022100" RFC_R "020100",
		"3026020100020100",
		"3006020101020100",
		"3046022100" ORDER "022100" RFC_S,
		"3046022100" RFC_R "022100" ORDER,
		"304702220100000000000000000000000000000000000000000000000000"
		"0000000000000000022100" RFC_S,
		/* not a sequence, not integers */
		"3146022100" RFC_R "022100" RFC_S,
		"3046042100" RFC_R "022100" RFC_S,
		/* bare r and s */
		RFC_R RFC_S,
		/* swapped */
		"3046022100" RFC_S "022100" RFC_R,
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(verify_hex(bad[i], &e), ERR_UNTRUSTED);
}

static void signs_what_verifies(void **state)
{
	struct buf a = BUF_INIT(EC_SIG_MAX_LEN), b = BUF_INIT(EC_SIG_MAX_LEN);
	struct ec_private *key = NULL;
	struct ec_public public_key;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &public_key);
	assert_ok(ec_sign(key, slice_of("message"), &a, &e));
	assert_ok(ec_sign(key, slice_of("message"), &b, &e));
	assert_false(slice_equal(buf_slice(&a), buf_slice(&b)));
	assert_ok(
		ec_verify(&public_key, slice_of("message"), buf_slice(&a), &e));
	assert_ok(
		ec_verify(&public_key, slice_of("message"), buf_slice(&b), &e));
	buf_done(&a);
	buf_done(&b);
	ec_free(key);
}

static void refuses_another_message_key_or_any_flipped_bit(void **state)
{
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct ec_private *key = NULL;
	struct ec_public mine, other;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&key, &e));
	ec_public_of(key, &mine);
	known_key(&other);
	assert_ok(ec_sign(key, slice_of("message"), &sig, &e));
	assert_refused(
		ec_verify(&mine, slice_of("Message"), buf_slice(&sig), &e),
		ERR_UNTRUSTED);
	assert_refused(
		ec_verify(&other, slice_of("message"), buf_slice(&sig), &e),
		ERR_UNTRUSTED);
	for (size_t i = 0; i < sig.len; i++) {
		sig.ptr[i] ^= (uint8_t)(1u << (i % 8));
		assert_refused(ec_verify(&mine, slice_of("message"),
					 buf_slice(&sig), &e),
			       ERR_UNTRUSTED);
		sig.ptr[i] ^= (uint8_t)(1u << (i % 8));
	}
	buf_done(&sig);
	ec_free(key);
}

static void a_signature_that_does_not_fit_is_not_added(void **state)
{
	struct buf sig = BUF_INIT(60);
	struct ec_private *key = NULL;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&key, &e));
	assert_refused(ec_sign(key, slice_of("message"), &sig, &e), ERR_LIMIT);
	assert_int_equal(sig.len, 0);
	buf_done(&sig);
	ec_free(key);
}

static void verifies_nothing_with_a_key_that_is_no_point(void **state)
{
	struct ec_public key = { { 0 } };
	uint8_t sig[72];
	struct slice s = { sig, sizeof(sig) };
	struct err e = { 0 };

	(void)state;
	from_hex("3046022100" RFC_R "022100" RFC_S, sig);
	assert_refused(ec_verify(&key, slice_of("sample"), s, &e),
		       ERR_UNTRUSTED);
	known_key(&key);
	key.point[64] ^= 1;
	assert_refused(ec_verify(&key, slice_of("sample"), s, &e),
		       ERR_UNTRUSTED);
}

static void refuses_private_keys_out_of_range(void **state)
{
	uint8_t scalar[EC_SCALAR_LEN] = { 0 };
	struct ec_private *key = NULL;
	struct err e = { 0 };

	(void)state;
	assert_refused(ec_private_from_scalar(scalar, &key, &e), ERR_FORMAT);
	from_hex(ORDER, scalar);
	assert_refused(ec_private_from_scalar(scalar, &key, &e), ERR_FORMAT);
	memset(scalar, 0xff, sizeof(scalar));
	assert_refused(ec_private_from_scalar(scalar, &key, &e), ERR_FORMAT);
	assert_null(key);
	from_hex(ORDER, scalar);
	scalar[31]--;
	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	ec_free(key);
}

static void writes_the_pem_that_it_reads(void **state)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_public_from_pem(slice_of(NAMED), &key, &e));
	assert_ok(ec_public_to_pem(&key, &pem, &e));
	assert_string_equal(buf_text(&pem), NAMED);
	buf_done(&pem);
}

static void names_a_key_by_the_digest_of_its_der(void **state)
{
	struct buf der = BUF_INIT(EC_PEM_MAX_LEN);
	struct sha256 wanted, got;
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	assert_ok(pem_parse(slice_of(NAMED), "PUBLIC KEY", &der, &e));
	sha256_of(buf_slice(&der), &wanted);
	assert_ok(ec_public_from_pem(slice_of(NAMED), &key, &e));
	ec_public_fingerprint(&key, &got);
	assert_true(sha256_equal(&wanted, &got));
	buf_done(&der);
}

static void refuses_keys_in_any_other_form(void **state)
{
	static const char *const bad[] = {
		EXPLICIT, COMPRESSED, SECP256K1, "", NAMED NAMED, NAMED "x",
	};
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(ec_public_from_pem(slice_of(bad[i]), &key, &e),
			       ERR_FORMAT);
}

static void refuses_a_key_with_a_byte_more_or_less(void **state)
{
	uint8_t spki[EC_SPKI_LEN + 1] = { 0 };
	struct ec_public key, got;
	struct err e = { 0 };

	(void)state;
	known_key(&key);
	ec_public_to_spki(&key, spki);
	assert_ok(ec_public_from_spki((struct slice){ spki, EC_SPKI_LEN }, &got,
				      &e));
	assert_refused(
		ec_public_from_spki((struct slice){ spki, EC_SPKI_LEN + 1 },
				    &got, &e),
		ERR_FORMAT);
	assert_refused(
		ec_public_from_spki((struct slice){ spki, EC_SPKI_LEN - 1 },
				    &got, &e),
		ERR_FORMAT);
}

static void refuses_texts_that_are_too_long_at_once(void **state)
{
	static uint8_t text[EC_PEM_MAX_LEN + 1];
	struct ec_public got;
	struct err e = { 0 };

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_refused_saying(
		ec_public_from_pem((struct slice){ text, sizeof(text) }, &got,
				   &e),
		ERR_LIMIT, "public key above");
}

static void refuses_another_algorithm_or_curve_around_a_good_point(void **state)
{
	uint8_t spki[EC_SPKI_LEN];
	struct slice der = { spki, sizeof(spki) };
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	known_key(&key);
	ec_public_to_spki(&key, spki);
	for (size_t i = 0; i < EC_SPKI_LEN - EC_POINT_LEN; i++) {
		spki[i] ^= 1;
		assert_refused(ec_public_from_spki(der, &key, &e), ERR_FORMAT);
		spki[i] ^= 1;
	}
	assert_ok(ec_public_from_spki(der, &key, &e));
}

static void refuses_points_that_are_not_on_the_curve(void **state)
{
	/* Infinity, as an encoder might write it: one zero byte, then padded.
	 */
	uint8_t spki[EC_SPKI_LEN];
	struct slice der = { spki, sizeof(spki) };
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	known_key(&key);
	assert_ok(ec_public_check(&key, &e));
	ec_public_to_spki(&key, spki);
	assert_ok(ec_public_from_spki(der, &key, &e));
	spki[EC_SPKI_LEN - 1] ^= 1;
	assert_refused(ec_public_from_spki(der, &key, &e), ERR_FORMAT);
	memset(spki + EC_SPKI_LEN - 64, 0, 64);
	assert_refused(ec_public_from_spki(der, &key, &e), ERR_FORMAT);
	spki[EC_SPKI_LEN - 65] = 0;
	assert_refused(ec_public_from_spki(der, &key, &e), ERR_FORMAT);
	/* Coordinates that are only right modulo p. */
	memset(spki + EC_SPKI_LEN - 64, 0xff, 64);
	spki[EC_SPKI_LEN - 65] = 4;
	assert_refused(ec_public_from_spki(der, &key, &e), ERR_FORMAT);
	der.len--;
	assert_refused(ec_public_from_spki(der, &key, &e), ERR_FORMAT);
}

static void run_vector(const struct ec_public *key, const json_t *test)
{
	struct buf message = BUF_INIT(1 << 16), sig = BUF_INIT(1 << 16);
	const char *result = vectors_text(test, "result");
	struct slice m = vectors_bytes(test, "msg", &message);
	struct slice s = vectors_bytes(test, "sig", &sig);
	struct err e = { 0 };

	if ((ec_verify(key, m, s, &e) == 0) != (strcmp(result, "valid") == 0))
		fail_msg("vector %lld (%s) must be %s",
			 (long long)json_integer_value(
				 json_object_get(test, "tcId")),
			 vectors_text(test, "comment"), result);
	buf_done(&message);
	buf_done(&sig);
}

static void agrees_with_wycheproof(void **state)
{
	json_t *root = vectors_load("ecdsa_secp256r1_sha256_test.json");
	json_t *group, *test;
	size_t i, k, count = 0;

	(void)state;
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		struct slice pem =
			slice_of(vectors_text(group, "publicKeyPem"));
		struct ec_public key;
		struct err e = { 0 };

		assert_ok(ec_public_from_pem(pem, &key, &e));
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			run_vector(&key, test);
			count++;
		}
	}
	assert_true(count > 400);
	json_decref(root);
}

/* SP 800-56A as in RFC 5903, 8.1: both sides, one x coordinate. */
static void agrees_on_the_secret_of_the_standard(void **state)
{
	static const char *const mine =
		"c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1"
		"433";
	static const char *const theirs =
		"c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476be"
		"e53";
	static const char *const secret =
		"d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b944"
		"2de";
	uint8_t scalar[EC_SCALAR_LEN], wanted[EC_SHARED_LEN];
	uint8_t shared[EC_SHARED_LEN];
	struct ec_private *a = NULL, *b = NULL;
	struct ec_public a_public, b_public;
	struct err e = { 0 };

	(void)state;
	from_hex(mine, scalar);
	assert_ok(ec_private_from_scalar(scalar, &a, &e));
	from_hex(theirs, scalar);
	assert_ok(ec_private_from_scalar(scalar, &b, &e));
	from_hex(secret, wanted);
	ec_public_of(a, &a_public);
	ec_public_of(b, &b_public);
	assert_ok(ec_agree(a, &b_public, shared, &e));
	assert_memory_equal(shared, wanted, EC_SHARED_LEN);
	assert_ok(ec_agree(b, &a_public, shared, &e));
	assert_memory_equal(shared, wanted, EC_SHARED_LEN);
	b_public.point[64] ^= 1;
	assert_refused(ec_agree(a, &b_public, shared, &e), ERR_FORMAT);
	ec_free(a);
	ec_free(b);
}

/* Private keys are written with or without leading zeroes there. */
static int agree_as(const json_t *test, struct slice point, uint8_t *shared)
{
	struct buf hex = BUF_INIT(256);
	struct slice number = vectors_bytes(test, "private", &hex);
	uint8_t scalar[EC_SCALAR_LEN] = { 0 };
	struct ec_private *key = NULL;
	struct ec_public with;
	struct err e = { 0 };
	int rc;

	while (number.len > 0 && number.ptr[0] == 0)
		number = slice_sub(number, 1, number.len);
	assert_true(number.len <= EC_SCALAR_LEN);
	memcpy(scalar + EC_SCALAR_LEN - number.len, number.ptr, number.len);
	buf_done(&hex);
	if (point.len != EC_POINT_LEN)
		return -1;
	memcpy(with.point, point.ptr, EC_POINT_LEN);
	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	rc = ec_agree(key, &with, shared, &e);
	ec_free(key);
	return rc;
}

static void run_agreement(const json_t *test)
{
	bool valid = strcmp(vectors_text(test, "result"), "valid") == 0;
	struct buf point = BUF_INIT(1024), wanted = BUF_INIT(64);
	uint8_t shared[EC_SHARED_LEN];

	(void)vectors_bytes(test, "public", &point);
	(void)vectors_bytes(test, "shared", &wanted);
	if ((agree_as(test, buf_slice(&point), shared) == 0) != valid)
		fail_msg("ECDH vector: %s", vectors_text(test, "comment"));
	if (valid)
		assert_memory_equal(shared, wanted.ptr, EC_SHARED_LEN);
	buf_done(&point);
	buf_done(&wanted);
}

static void agrees_on_secrets_with_wycheproof(void **state)
{
	json_t *root = vectors_load("ecdh_secp256r1_ecpoint_test.json");
	json_t *group, *test;
	size_t i, k, count = 0;

	(void)state;
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			run_agreement(test);
			count++;
		}
	}
	assert_true(count > 300);
	json_decref(root);
}

/* Of every encoding of a public key there, we take the one that we write. */
static void refuses_the_public_keys_that_wycheproof_refuses(void **state)
{
	json_t *root = vectors_load("ecdh_secp256r1_test.json");
	json_t *group, *test;
	size_t i, k, count = 0;

	(void)state;
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			const char *result = vectors_text(test, "result");
			struct buf der = BUF_INIT(65536);
			struct ec_public key;
			struct err e = { 0 };

			(void)vectors_bytes(test, "public", &der);
			if ((ec_public_from_spki(buf_slice(&der), &key, &e) ==
			     0) != (strcmp(result, "valid") == 0))
				fail_msg("public key: %s",
					 vectors_text(test, "comment"));
			buf_done(&der);
			count++;
		}
	}
	assert_true(count > 500);
	json_decref(root);
}

/* ---- a key that others hold ---------------------------------------------- */

struct elsewhere {
	uint8_t rs[EC_RS_LEN];
	bool gone;
	unsigned freed;
};

static int elsewhere_sign(void *ctx, const struct sha256 *digest,
			  uint8_t rs[EC_RS_LEN], struct err *e)
{
	const struct elsewhere *h = ctx;
	struct sha256 wanted;

	sha256_of(slice_of("sample"), &wanted);
	assert_true(sha256_equal(digest, &wanted));
	if (h->gone)
		return err_set(e, ERR_SYSTEM, "gone");
	memcpy(rs, h->rs, EC_RS_LEN);
	return 0;
}

static int elsewhere_agree(void *ctx, const struct ec_public *with,
			   uint8_t shared[EC_SHARED_LEN], struct err *e)
{
	const struct elsewhere *h = ctx;

	if (h->gone)
		return err_set(e, ERR_SYSTEM, "gone");
	memcpy(shared, with->point + 1, EC_SHARED_LEN);
	return 0;
}

static void elsewhere_free(void *ctx)
{
	struct elsewhere *h = ctx;

	h->freed++;
}

static struct ec_private *hold(struct elsewhere *h)
{
	const struct ec_holder holder = { h, elsewhere_sign, elsewhere_agree,
					  elsewhere_free };
	struct ec_private *key = NULL;
	struct ec_public known;
	struct err e = { 0 };

	known_key(&known);
	assert_ok(ec_private_held(&known, &holder, &key, &e));
	assert_true(ec_is_held(key));
	return key;
}

static void what_its_holder_signs_is_verified(void **state)
{
	struct elsewhere h = { .gone = false };
	struct ec_private *key = hold(&h);
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct ec_public known;
	struct err e = { 0 };

	(void)state;
	from_hex(RFC_R, h.rs);
	from_hex(RFC_S, h.rs + EC_SCALAR_LEN);
	assert_ok(ec_sign(key, slice_of("sample"), &sig, &e));
	known_key(&known);
	assert_ok(ec_verify(&known, slice_of("sample"), buf_slice(&sig), &e));
	sig.len = 0;
	/* One that is wrong, and none: nothing comes out. */
	h.rs[3] ^= 1;
	assert_refused(ec_sign(key, slice_of("sample"), &sig, &e), ERR_SYSTEM);
	h.gone = true;
	assert_refused(ec_sign(key, slice_of("sample"), &sig, &e), ERR_SYSTEM);
	assert_string_equal(e.msg, "gone");
	assert_int_equal(sig.len, 0);
	buf_done(&sig);
	ec_free(key);
	assert_int_equal(h.freed, 1);
}

static void its_holder_is_given_points_alone(void **state)
{
	struct elsewhere h = { .gone = false };
	struct ec_private *key = hold(&h);
	uint8_t shared[EC_SHARED_LEN] = { 0 };
	struct ec_public with;
	struct err e = { 0 };

	(void)state;
	known_key(&with);
	assert_ok(ec_agree(key, &with, shared, &e));
	assert_memory_equal(shared, with.point + 1, EC_SHARED_LEN);
	with.point[40] ^= 1;
	assert_refused(ec_agree(key, &with, shared, &e), ERR_FORMAT);
	h.gone = true;
	known_key(&with);
	assert_refused(ec_agree(key, &with, shared, &e), ERR_SYSTEM);
	ec_free(key);
}

static void what_is_no_point_is_held_by_nobody(void **state)
{
	struct elsewhere h = { .gone = false };
	const struct ec_holder holder = { &h, elsewhere_sign, elsewhere_agree,
					  elsewhere_free };
	struct ec_private *key = NULL;
	struct ec_public bad;
	struct err e = { 0 };

	(void)state;
	known_key(&bad);
	bad.point[1] ^= 1;
	assert_refused(ec_private_held(&bad, &holder, &key, &e), ERR_FORMAT);
	assert_int_equal(h.freed, 0);
	assert_ok(ec_generate(&key, &e));
	assert_false(ec_is_held(key));
	ec_free(key);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_the_public_key_of_the_standard),
		cmocka_unit_test(verifies_the_signature_of_the_standard),
		cmocka_unit_test(verifies_the_other_half_as_ecdsa_does),
		cmocka_unit_test(refuses_malformed_signatures),
		cmocka_unit_test(signs_what_verifies),
		cmocka_unit_test(
			refuses_another_message_key_or_any_flipped_bit),
		cmocka_unit_test(a_signature_that_does_not_fit_is_not_added),
		cmocka_unit_test(verifies_nothing_with_a_key_that_is_no_point),
		cmocka_unit_test(refuses_private_keys_out_of_range),
		cmocka_unit_test(writes_the_pem_that_it_reads),
		cmocka_unit_test(names_a_key_by_the_digest_of_its_der),
		cmocka_unit_test(refuses_keys_in_any_other_form),
		cmocka_unit_test(refuses_a_key_with_a_byte_more_or_less),
		cmocka_unit_test(refuses_texts_that_are_too_long_at_once),
		cmocka_unit_test(
			refuses_another_algorithm_or_curve_around_a_good_point),
		cmocka_unit_test(refuses_points_that_are_not_on_the_curve),
		cmocka_unit_test(what_its_holder_signs_is_verified),
		cmocka_unit_test(its_holder_is_given_points_alone),
		cmocka_unit_test(what_is_no_point_is_held_by_nobody),
		cmocka_unit_test(agrees_with_wycheproof),
		cmocka_unit_test(agrees_on_the_secret_of_the_standard),
		cmocka_unit_test(agrees_on_secrets_with_wycheproof),
		cmocka_unit_test(
			refuses_the_public_keys_that_wycheproof_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
