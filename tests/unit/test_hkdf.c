/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hkdf.h"

#include <string.h>

#include "common/text.h"
#include "tests/unit/check.h"
#include "tests/unit/vectors.h"

struct rfc_case {
	const char *secret, *salt, *info, *out;
};

/* RFC 5869, A.1 and A.3. */
static const struct rfc_case rfc[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	  "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
	  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
	  "34007208d5b887185865" },
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
	  "9d201395faa4b61a96c8" },
};

static struct slice from_hex(const char *hex, uint8_t *out)
{
	struct err e = { 0 };

	assert_ok(hex_parse(slice_of(hex), out, strlen(hex) / 2, &e));
	return (struct slice){ out, strlen(hex) / 2 };
}

static void derives_the_keys_of_the_standard(void **state)
{
	uint8_t secret[64], salt[64], info[64], wanted[64], got[64];
	uint8_t key[HKDF_KEY_LEN];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rfc); i++) {
		struct slice out = from_hex(rfc[i].out, wanted);

		hkdf_extract(from_hex(rfc[i].salt, salt),
			     from_hex(rfc[i].secret, secret), key);
		assert_ok(hkdf_expand(key, from_hex(rfc[i].info, info), got,
				      out.len, &e));
		assert_memory_equal(got, wanted, out.len);
	}
}

static void gives_no_more_than_the_standard_allows(void **state)
{
	static uint8_t out[HKDF_OUT_MAX + 1];
	uint8_t key[HKDF_KEY_LEN] = { 1 };
	struct err e = { 0 };

	(void)state;
	assert_ok(hkdf_expand(key, slice_of("x"), out, HKDF_OUT_MAX, &e));
	assert_refused(hkdf_expand(key, slice_of("x"), out, sizeof(out), &e),
		       ERR_LIMIT);
	assert_refused(hkdf_expand(key, slice_of("x"), out, 0, &e), ERR_LIMIT);
}

static void run_vector(const json_t *test)
{
	struct buf secret = BUF_INIT(1024), salt = BUF_INIT(1024);
	struct buf info = BUF_INIT(1024), wanted = BUF_INIT(HKDF_OUT_MAX);
	bool valid = strcmp(vectors_text(test, "result"), "valid") == 0;
	json_int_t len = json_integer_value(json_object_get(test, "size"));
	static uint8_t out[HKDF_OUT_MAX];
	uint8_t key[HKDF_KEY_LEN];
	struct err e = { 0 };

	hkdf_extract(vectors_bytes(test, "salt", &salt),
		     vectors_bytes(test, "ikm", &secret), key);
	(void)vectors_bytes(test, "info", &info);
	(void)vectors_bytes(test, "okm", &wanted);
	if (valid) {
		assert_int_equal(len, wanted.len);
		assert_ok(hkdf_expand(key, buf_slice(&info), out, wanted.len,
				      &e));
		assert_memory_equal(out, wanted.ptr, wanted.len);
	} else {
		assert_refused(hkdf_expand(key, buf_slice(&info), out,
					   (size_t)len, &e),
			       ERR_LIMIT);
	}
	buf_done(&secret);
	buf_done(&salt);
	buf_done(&info);
	buf_done(&wanted);
}

static void agrees_with_wycheproof(void **state)
{
	json_t *root = vectors_load("hkdf_sha256_test.json");
	json_t *group, *test;
	size_t i, k, count = 0;

	(void)state;
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			run_vector(test);
			count++;
		}
	}
	assert_true(count > 80);
	json_decref(root);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_the_keys_of_the_standard),
		cmocka_unit_test(gives_no_more_than_the_standard_allows),
		cmocka_unit_test(agrees_with_wycheproof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
