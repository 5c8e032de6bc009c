/* SPDX-License-Identifier: Apache-2.0 */
#include "common/signed_json.h"

#include "tests/unit/check.h"

#define MAX 4096

static struct json *sign(const struct ec_private *key, const char *what)
{
	struct json *body = json_new_object(), *whole = NULL;
	struct err e = { 0 };

	json_set_text(body, "type", what);
	assert_ok(signed_json_make(body, "sig", key, MAX, &whole, &e));
	return whole;
}

static int verify(const struct json *whole, const struct ec_private *key,
		  struct err *e)
{
	struct ec_public point;

	ec_public_of(key, &point);
	return signed_json_verify(whole, "sig", &point, MAX, e);
}

static void what_was_signed_is_verified(void **state)
{
	struct ec_private *key = NULL;
	struct json *whole;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&key, &e));
	whole = sign(key, "this");
	assert_ok(verify(whole, key, &e));
	json_free(whole);
	ec_free(key);
}

static void another_object_or_another_key_is_refused(void **state)
{
	struct ec_private *key = NULL, *other = NULL;
	struct json *whole, *foreign;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&key, &e));
	assert_ok(ec_generate(&other, &e));
	whole = sign(key, "this");
	foreign = sign(key, "that");
	assert_refused(verify(whole, other, &e), ERR_UNTRUSTED);
	json_set_text(foreign, "sig", json_text(json_get(whole, "sig")));
	assert_refused(verify(foreign, key, &e), ERR_UNTRUSTED);
	json_free(foreign);
	json_free(whole);
	ec_free(other);
	ec_free(key);
}

static void what_is_no_signature_is_refused(void **state)
{
	static const char *const wrong[] = { "00", "0", "xy", "3006" };
	char long_one[2 * EC_SIG_MAX_LEN + 3];
	struct ec_private *key = NULL;
	struct json *whole;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&key, &e));
	whole = sign(key, "this");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		json_set_text(whole, "sig", wrong[i]);
		assert_int_equal(verify(whole, key, &e), -1);
	}
	json_set_text(whole, "sig", "");
	assert_refused(verify(whole, key, &e), ERR_FORMAT);
	memset(long_one, '0', sizeof(long_one));
	long_one[sizeof(long_one) - 1] = 0;
	json_set_text(whole, "sig", long_one);
	assert_refused(verify(whole, key, &e), ERR_FORMAT);
	json_free(whole);
	ec_free(key);
}

static void more_than_is_meant_is_not_signed(void **state)
{
	struct json *body = json_new_object(), *whole = NULL;
	struct ec_private *key = NULL;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&key, &e));
	json_set_text(body, "type", "longer than eight bytes");
	assert_refused(signed_json_make(body, "sig", key, 8, &whole, &e),
		       ERR_LIMIT);
	assert_null(whole);
	ec_free(key);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_signed_is_verified),
		cmocka_unit_test(another_object_or_another_key_is_refused),
		cmocka_unit_test(what_is_no_signature_is_refused),
		cmocka_unit_test(more_than_is_meant_is_not_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
