/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hpke.h"

#include <openssl/evp.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/reference.h"
#include "tests/unit/vectors.h"

#define INFO "Ode on a Grecian Urn"

/*
 * RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, base mode. Ours differs
 * from both in the AEAD's id, and from the first in the key's length.
 */
struct rfc_case {
	uint16_t aead_id;
	size_t key_len;
	const char *ephemeral, *receiver, *enc, *shared, *key, *nonce,
		*exporter;
};

static const struct rfc_case rfc[] = {
	/* A.3.1, AES-128-GCM */
	{ 1, 16,
	  "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb",
	  "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
	  "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac9"
	  "8536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4",
	  "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
	  "868c066ef58aae6dc589b6cfdd18f97e", "4e0bc5018beba4bf004cca59",
	  "14ad94af484a7ad3ef40e9f3be99ecc6fa9036df9d4920548424df127ee0d99f" },
	/* ChaCha20-Poly1305, from the RFC's published set */
	{ 3, 32,
	  "7550253e1147aae48839c1f8af80d2770fb7a4c763afe7d0afa7e0f42a5b3689",
	  "a4d1c55836aa30f9b3fbb6ac98d338c877c2867dd3a77396d13f68d3ab150d3b",
	  "04c07836a0206e04e31d8ae99bfd549380b072a1b1b82e563c935c095827824fc1"
	  "559eac6fb9e3c70cd3193968994e7fe9781aa103f5b50e934b5b2f387e381291",
	  "806520f82ef0b03c823b7fc524b6b55a088f566b9751b89551c170f4113bd850",
	  "a8f45490a92a3b04d1dbf6cf2c3939ad8bfc9bfcb97c04bffe116730c9dfe3fc",
	  "726b4390ed2209809f58c693",
	  "4f9bd9b3a8db7d7c3a5b9d44fdc1f6e37d5d77689ade5ec44a7242016e6aa205" },
};

static void from_hex(const char *hex, uint8_t *out)
{
	struct err e = { 0 };

	assert_ok(hex_parse(slice_of(hex), out, strlen(hex) / 2, &e));
}

static struct ec_private *key_of(const char *hex)
{
	struct ec_private *key = NULL;
	uint8_t scalar[EC_SCALAR_LEN];
	struct err e = { 0 };

	from_hex(hex, scalar);
	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	return key;
}

static void agrees_on_the_secrets_of_the_standard(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rfc); i++) {
		struct ec_private *ephemeral = key_of(rfc[i].ephemeral);
		struct ec_private *receiver = key_of(rfc[i].receiver);
		uint8_t wanted[EC_POINT_LEN], shared[SHA256_LEN];
		struct ec_public enc, to;
		struct err e = { 0 };

		ec_public_of(ephemeral, &enc);
		ec_public_of(receiver, &to);
		from_hex(rfc[i].enc, wanted);
		assert_memory_equal(enc.point, wanted, EC_POINT_LEN);
		from_hex(rfc[i].shared, wanted);
		assert_ok(hpke_encap(ephemeral, &to, shared, &e));
		assert_memory_equal(shared, wanted, SHA256_LEN);
		assert_ok(hpke_decap(receiver, &enc, shared, &e));
		assert_memory_equal(shared, wanted, SHA256_LEN);
		ec_free(ephemeral);
		ec_free(receiver);
	}
}

static void derives_the_keys_of_the_standard(void **state)
{
	uint8_t shared[SHA256_LEN], wanted[SHA256_LEN];
	struct hpke_context c;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rfc); i++) {
		from_hex(rfc[i].shared, shared);
		assert_ok(hpke_schedule(rfc[i].aead_id, rfc[i].key_len, shared,
					slice_of(INFO), &c, &e));
		from_hex(rfc[i].key, wanted);
		assert_memory_equal(c.key, wanted, rfc[i].key_len);
		from_hex(rfc[i].nonce, wanted);
		assert_memory_equal(c.nonce, wanted, AEAD_NONCE_LEN);
		from_hex(rfc[i].exporter, wanted);
		assert_memory_equal(c.exporter, wanted, SHA256_LEN);
	}
}

static struct ec_private *vector_key(const json_t *c, const char *name)
{
	return key_of(vectors_text(c, name));
}

static void assert_vector(const json_t *c, const char *name, const uint8_t *is,
			  size_t len)
{
	struct buf wanted = BUF_INIT(1024);

	assert_true(slice_equal(vectors_bytes(c, name, &wanted),
				(struct slice){ is, len }));
	buf_done(&wanted);
}

/* Opened by another library, under the key and nonce that we derived. */
static void assert_opens(const json_t *message, const struct hpke_context *k,
			 bool chacha)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	struct buf aad = BUF_INIT(256), sealed = BUF_INIT(256);
	struct buf nonce = BUF_INIT(64);
	struct slice more = vectors_bytes(message, "aad", &aad);
	struct slice in = vectors_bytes(message, "ct", &sealed);
	uint8_t out[256], own[AEAD_NONCE_LEN];
	int len, n;

	/* Section 5.2: the number is added to the base nonce. */
	memcpy(own, k->nonce, sizeof(own));
	n = (int)json_integer_value(json_object_get(message, "seq"));
	own[AEAD_NONCE_LEN - 1] ^= (uint8_t)n;
	own[AEAD_NONCE_LEN - 2] ^= (uint8_t)(n >> 8);
	assert_true(slice_equal(vectors_bytes(message, "nonce", &nonce),
				(struct slice){ own, sizeof(own) }));
	assert_int_equal(EVP_DecryptInit_ex(x,
					    chacha ? EVP_chacha20_poly1305()
						   : EVP_aes_128_gcm(),
					    NULL, k->key, own),
			 1);
	assert_int_equal(
		EVP_DecryptUpdate(x, NULL, &len, more.ptr, (int)more.len), 1);
	assert_int_equal(
		EVP_CIPHER_CTX_ctrl(
			x, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN,
			(void *)(uintptr_t)(in.ptr + in.len - AEAD_TAG_LEN)),
		1);
	assert_int_equal(EVP_DecryptUpdate(x, out, &len, in.ptr,
					   (int)(in.len - AEAD_TAG_LEN)),
			 1);
	assert_int_equal(EVP_DecryptFinal_ex(x, out + len, &n), 1);
	assert_vector(message, "pt", out, (size_t)len);
	EVP_CIPHER_CTX_free(x);
	buf_done(&aad);
	buf_done(&sealed);
	buf_done(&nonce);
}

static void try_case(const json_t *c)
{
	struct ec_private *ephemeral = vector_key(c, "skEm");
	struct ec_private *receiver = vector_key(c, "skRm");
	int aead = (int)json_integer_value(json_object_get(c, "aead_id"));
	json_t *messages = json_object_get(c, "encryptions");
	size_t key_len = strlen(vectors_text(c, "key")) / 2;
	struct buf info = BUF_INIT(256);
	uint8_t shared[SHA256_LEN];
	struct ec_public enc, to;
	struct hpke_context k;
	struct err e = { 0 };

	assert_true(aead == 1 || aead == 3);
	ec_public_of(ephemeral, &enc);
	ec_public_of(receiver, &to);
	assert_vector(c, "enc", enc.point, EC_POINT_LEN);
	assert_vector(c, "pkRm", to.point, EC_POINT_LEN);
	assert_ok(hpke_encap(ephemeral, &to, shared, &e));
	assert_vector(c, "shared_secret", shared, SHA256_LEN);
	assert_ok(hpke_decap(receiver, &enc, shared, &e));
	assert_vector(c, "shared_secret", shared, SHA256_LEN);
	assert_ok(hpke_schedule((uint16_t)aead, key_len, shared,
				vectors_bytes(c, "info", &info), &k, &e));
	assert_vector(c, "key", k.key, key_len);
	assert_vector(c, "base_nonce", k.nonce, AEAD_NONCE_LEN);
	assert_vector(c, "exporter_secret", k.exporter, SHA256_LEN);
	assert_true(json_array_size(messages) > 0);
	for (size_t i = 0; i < json_array_size(messages); i++)
		assert_opens(json_array_get(messages, i), &k, aead == 3);
	ec_free(ephemeral);
	ec_free(receiver);
	buf_done(&info);
}

/* The set that was published with the RFC: each step, and what it seals. */
static void agrees_with_the_published_set(void **state)
{
	json_t *all = vectors_load("hpke_rfc9180_p256.json");
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < json_array_size(all); i++, tried++)
		try_case(json_array_get(all, i));
	assert_int_equal(tried, 2);
	json_decref(all);
}

static void seals_what_the_reference_seals(void **state)
{
	struct ec_private *ephemeral = key_of(rfc[0].ephemeral);
	struct ec_private *receiver = key_of(rfc[0].receiver);
	const struct hpke_bound counted = { slice_of(INFO),
					    slice_of("Count-0") };
	uint8_t key[32], wanted[160];
	struct slice plain = reference_bytes("stream.content_key", key, 32);
	struct slice sealed = reference_bytes("hpke.sealed", wanted, 160);
	struct buf out = BUF_INIT(256), again = BUF_INIT(256);
	struct ec_public to;
	struct err e = { 0 };

	(void)state;
	ec_public_of(receiver, &to);
	assert_ok(hpke_seal_with(ephemeral, &to, &counted, plain, &out, &e));
	assert_int_equal(out.len, 113);
	assert_true(slice_equal(buf_slice(&out), sealed));
	assert_ok(hpke_open(receiver, &counted, sealed, &again, &e));
	assert_true(slice_equal(buf_slice(&again), plain));
	ec_free(ephemeral);
	ec_free(receiver);
	buf_done(&out);
	buf_done(&again);
}

static void opens_for_the_receiver_in_this_context_only(void **state)
{
	struct ec_private *receiver = key_of(rfc[0].receiver);
	struct ec_private *other = key_of(rfc[1].receiver);
	struct buf sealed = BUF_INIT(256), out = BUF_INIT(256);
	const struct hpke_bound right = { .info = slice_of(INFO) };
	const struct hpke_bound other_info = { .info = slice_of("else") };
	const struct hpke_bound other_data = { slice_of(INFO), slice_of("x") };
	struct ec_public to;
	struct err e = { 0 };

	(void)state;
	ec_public_of(receiver, &to);
	assert_ok(hpke_seal(&to, &right, slice_of("secret"), &sealed, &e));
	assert_int_equal(sealed.len, HPKE_OVERHEAD + 6);
	assert_refused(hpke_open(other, &right, buf_slice(&sealed), &out, &e),
		       ERR_UNTRUSTED);
	assert_refused(
		hpke_open(receiver, &other_info, buf_slice(&sealed), &out, &e),
		ERR_UNTRUSTED);
	assert_refused(
		hpke_open(receiver, &other_data, buf_slice(&sealed), &out, &e),
		ERR_UNTRUSTED);
	assert_ok(hpke_open(receiver, &right, buf_slice(&sealed), &out, &e));
	assert_string_equal(buf_text(&out), "secret");
	ec_free(receiver);
	ec_free(other);
	buf_done(&sealed);
	buf_done(&out);
}

static void refuses_what_was_cut_or_changed(void **state)
{
	struct ec_private *receiver = key_of(rfc[0].receiver);
	const struct hpke_bound counted = { slice_of(INFO),
					    slice_of("Count-0") };
	uint8_t bytes[160];
	struct slice sealed = reference_bytes("hpke.sealed", bytes, 160);
	struct buf out = BUF_INIT(256);
	struct err e = { 0 };

	(void)state;
	for (size_t len = 0; len < sealed.len; len += 7)
		assert_refused(hpke_open(receiver, &counted,
					 slice_sub(sealed, 0, len), &out, &e),
			       ERR_UNTRUSTED);
	assert_refused_saying(hpke_open(receiver, &counted,
					slice_sub(sealed, 0, HPKE_OVERHEAD - 1),
					&out, &e),
			      ERR_UNTRUSTED, "sealed key is too short");
	for (size_t i = 0; i < sealed.len; i++) {
		bytes[i] ^= 0x40;
		assert_refused(hpke_open(receiver, &counted, sealed, &out, &e),
			       ERR_UNTRUSTED);
		bytes[i] ^= 0x40;
	}
	assert_int_equal(out.len, 0);
	ec_free(receiver);
	buf_done(&out);
}

static void a_key_is_as_long_as_the_cipher_takes(void **state)
{
	static const uint8_t shared[SHA256_LEN];
	struct hpke_context c;
	struct err e = { 0 };

	(void)state;
	assert_ok(hpke_schedule(HPKE_AES_256_GCM, AEAD_KEY_LEN, shared,
				slice_of(INFO), &c, &e));
	assert_refused(hpke_schedule(HPKE_AES_256_GCM, AEAD_KEY_LEN + 1, shared,
				     slice_of(INFO), &c, &e),
		       ERR_LIMIT);
}

static void every_envelope_has_an_ephemeral_key_of_its_own(void **state)
{
	struct ec_private *receiver = key_of(rfc[0].receiver);
	struct buf a = BUF_INIT(256), b = BUF_INIT(256);
	const struct hpke_bound none = { .info = { 0 } };
	struct ec_public to;
	struct err e = { 0 };

	(void)state;
	ec_public_of(receiver, &to);
	assert_ok(hpke_seal(&to, &none, slice_of("secret"), &a, &e));
	assert_ok(hpke_seal(&to, &none, slice_of("secret"), &b, &e));
	assert_memory_not_equal(a.ptr, b.ptr, EC_POINT_LEN);
	ec_free(receiver);
	buf_done(&a);
	buf_done(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_as_long_as_the_cipher_takes),
		cmocka_unit_test(agrees_on_the_secrets_of_the_standard),
		cmocka_unit_test(derives_the_keys_of_the_standard),
		cmocka_unit_test(agrees_with_the_published_set),
		cmocka_unit_test(seals_what_the_reference_seals),
		cmocka_unit_test(opens_for_the_receiver_in_this_context_only),
		cmocka_unit_test(refuses_what_was_cut_or_changed),
		cmocka_unit_test(
			every_envelope_has_an_ephemeral_key_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
