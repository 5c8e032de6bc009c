/* SPDX-License-Identifier: Apache-2.0 */
#include "common/aead.h"

#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/vectors.h"

static const uint8_t key[AEAD_KEY_LEN] = { 1, 2, 3 };
static const uint8_t nonce[AEAD_NONCE_LEN] = { 4, 5, 6 };

static void opens_what_it_sealed(void **state)
{
	struct slice associated = slice_of("header"), plain = slice_of("text");
	struct buf sealed = BUF_INIT(64), out = BUF_INIT(64);
	struct err e = { 0 };

	(void)state;
	assert_ok(buf_add(&sealed, slice_of("before"), &e));
	assert_ok(aead_seal(key, nonce, associated, plain, &sealed, &e));
	assert_int_equal(sealed.len, 6 + 4 + AEAD_TAG_LEN);
	assert_ok(aead_open(key, nonce, associated,
			    slice_sub(buf_slice(&sealed), 6, 64), &out, &e));
	assert_string_equal(buf_text(&out), "text");
	buf_done(&sealed);
	buf_done(&out);
}

static void seals_nothing_at_all(void **state)
{
	struct slice none = { 0 };
	struct buf sealed = BUF_INIT(16), out = BUF_INIT(0);
	struct err e = { 0 };

	(void)state;
	assert_ok(aead_seal(key, nonce, none, none, &sealed, &e));
	assert_int_equal(sealed.len, AEAD_TAG_LEN);
	assert_ok(aead_open(key, nonce, none, buf_slice(&sealed), &out, &e));
	assert_int_equal(out.len, 0);
	buf_done(&sealed);
	buf_done(&out);
}

/* The first case of AES-256 in the paper on GCM (McGrew, Viega: case 13). */
static void agrees_with_the_authors_of_gcm(void **state)
{
	static const uint8_t zero_key[AEAD_KEY_LEN], zero_nonce[AEAD_NONCE_LEN];
	static const uint8_t tag[AEAD_TAG_LEN] = {
		0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9,
		0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b,
	};
	struct buf sealed = BUF_INIT(16);
	struct err e = { 0 };

	(void)state;
	assert_ok(aead_seal(zero_key, zero_nonce, (struct slice){ 0 },
			    (struct slice){ 0 }, &sealed, &e));
	assert_memory_equal(sealed.ptr, tag, sizeof(tag));
	buf_done(&sealed);
}

static void refuses_any_change(void **state)
{
	struct slice associated = slice_of("header"), plain = slice_of("text");
	struct buf sealed = BUF_INIT(64), out = BUF_INIT(64);
	uint8_t other[AEAD_KEY_LEN] = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_ok(aead_seal(key, nonce, associated, plain, &sealed, &e));
	for (size_t i = 0; i < sealed.len * 8; i++) {
		sealed.ptr[i / 8] ^= (uint8_t)(1u << (i % 8));
		assert_refused(aead_open(key, nonce, associated,
					 buf_slice(&sealed), &out, &e),
			       ERR_UNTRUSTED);
		sealed.ptr[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_refused(aead_open(key, nonce, associated,
					 slice_sub(buf_slice(&sealed), 0, len),
					 &out, &e),
			       ERR_UNTRUSTED);
	assert_refused(aead_open(key, nonce, slice_of("Header"),
				 buf_slice(&sealed), &out, &e),
		       ERR_UNTRUSTED);
	assert_refused(aead_open(other, nonce, associated, buf_slice(&sealed),
				 &out, &e),
		       ERR_UNTRUSTED);
	assert_refused(
		aead_open(key, other, associated, buf_slice(&sealed), &out, &e),
		ERR_UNTRUSTED);
	assert_int_equal(out.len, 0);
	buf_done(&sealed);
	buf_done(&out);
}

static void stays_below_the_ceiling(void **state)
{
	struct buf sealed = BUF_INIT(64), out = BUF_INIT(19);
	struct buf small = BUF_INIT(3);
	struct err e = { 0 };

	(void)state;
	assert_refused(aead_seal(key, nonce, (struct slice){ 0 },
				 slice_of("text"), &out, &e),
		       ERR_LIMIT);
	assert_ok(aead_seal(key, nonce, (struct slice){ 0 }, slice_of("text"),
			    &sealed, &e));
	assert_refused(aead_open(key, nonce, (struct slice){ 0 },
				 buf_slice(&sealed), &small, &e),
		       ERR_LIMIT);
	buf_done(&sealed);
	buf_done(&small);
	buf_done(&out);
}

struct vector {
	struct buf key, nonce, associated, plain, sealed;
};

static void vector_load(const json_t *test, struct vector *v)
{
	(void)vectors_bytes(test, "key", &v->key);
	(void)vectors_bytes(test, "iv", &v->nonce);
	(void)vectors_bytes(test, "aad", &v->associated);
	(void)vectors_bytes(test, "msg", &v->plain);
	(void)vectors_bytes(test, "ct", &v->sealed);
	(void)vectors_bytes(test, "tag", &v->sealed);
	assert_int_equal(v->key.len, AEAD_KEY_LEN);
	assert_int_equal(v->nonce.len, AEAD_NONCE_LEN);
}

static void run_vector(const json_t *test)
{
	struct vector v = {
		BUF_INIT(64),      BUF_INIT(64),      BUF_INIT(1 << 16),
		BUF_INIT(1 << 16), BUF_INIT(1 << 16),
	};
	bool valid = strcmp(vectors_text(test, "result"), "valid") == 0;
	struct buf out = BUF_INIT(1 << 16), again = BUF_INIT(1 << 16);
	struct err e = { 0 };

	vector_load(test, &v);
	if (!valid) {
		assert_refused(aead_open(v.key.ptr, v.nonce.ptr,
					 buf_slice(&v.associated),
					 buf_slice(&v.sealed), &out, &e),
			       ERR_UNTRUSTED);
	} else {
		assert_ok(aead_open(v.key.ptr, v.nonce.ptr,
				    buf_slice(&v.associated),
				    buf_slice(&v.sealed), &out, &e));
		assert_true(slice_equal(buf_slice(&out), buf_slice(&v.plain)));
		assert_ok(aead_seal(v.key.ptr, v.nonce.ptr,
				    buf_slice(&v.associated),
				    buf_slice(&v.plain), &again, &e));
		assert_true(
			slice_equal(buf_slice(&again), buf_slice(&v.sealed)));
	}
	buf_done(&v.key);
	buf_done(&v.nonce);
	buf_done(&v.associated);
	buf_done(&v.plain);
	buf_done(&v.sealed);
	buf_done(&out);
	buf_done(&again);
}

static bool is_ours(const json_t *group)
{
	return json_integer_value(json_object_get(group, "keySize")) == 256 &&
	       json_integer_value(json_object_get(group, "ivSize")) == 96 &&
	       json_integer_value(json_object_get(group, "tagSize")) == 128;
}

static void agrees_with_wycheproof(void **state)
{
	json_t *root = vectors_load("aes_gcm_test.json");
	json_t *group, *test;
	size_t i, k, count = 0;

	(void)state;
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		if (!is_ours(group))
			continue;
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			run_vector(test);
			count++;
		}
	}
	assert_true(count > 50);
	json_decref(root);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_it_sealed),
		cmocka_unit_test(seals_nothing_at_all),
		cmocka_unit_test(agrees_with_the_authors_of_gcm),
		cmocka_unit_test(refuses_any_change),
		cmocka_unit_test(stays_below_the_ceiling),
		cmocka_unit_test(agrees_with_wycheproof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
