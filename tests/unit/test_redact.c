/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/redact.h"

#include <string.h>

#include "tests/unit/check.h"

static const char *of(const char *text)
{
	static char out[512];
	size_t len = redact(slice_of(text), out, sizeof(out));

	assert_int_equal(len, strlen(out));
	return out;
}

static void ordinary_text_stays_as_it_is(void **state)
{
	static const char *const plain[] = {
		"",
		"the health check of r1 speaks\nexit status 3\n",
		"GET https://updates.example/targets/x.pawl: 503",
		"mail to someone@example.org about issue 7",
		"sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c",
		"the token of our esteem; a secret, they say",
		"-----BEGINNING-----",
		"eyjafjallajokull.is.far",
		"key = left; password\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		assert_string_equal(of(plain[i]), plain[i]);
}

static void what_is_named_like_a_secret_has_no_value(void **state)
{
	(void)state;
	assert_string_equal(of("password=hunter2 user=ann"),
			    "password=[redacted] user=ann");
	assert_string_equal(of("DB_PASSWORD: 'hunter2'"),
			    "DB_PASSWORD: '[redacted]'");
	assert_string_equal(of("{\"api_key\": \"abc\", \"n\": 1}"),
			    "{\"api_key\": \"[redacted]\", \"n\": 1}");
	assert_string_equal(of("/x?access_token=a.b&n=1"),
			    "/x?access_token=[redacted]&n=1");
	assert_string_equal(of("Secret-Key=x"), "Secret-Key=[redacted]");
	assert_string_equal(of("Authorization: Bearer abc def\nnext"),
			    "[redacted]\nnext");
	assert_string_equal(of("> Set-Cookie: a=b; c"), "> [redacted]");
}

static void credentials_leave_urls(void **state)
{
	(void)state;
	assert_string_equal(of("fetch https://ann:pw@host/x?y"),
			    "fetch https://[redacted]@host/x?y");
	assert_string_equal(of("mqtt://device7@broker"),
			    "mqtt://[redacted]@broker");
	assert_string_equal(of("http://host/a@b"), "http://host/a@b");
}

static void keys_and_tokens_are_taken_out(void **state)
{
	static const char jwt[] = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln";
	static const char one[] = "a\n-----BEGIN EC PRIVATE KEY-----\nMHcC\n"
				  "-----END EC PRIVATE KEY-----\nb";
	static const char cut[] = "a -----BEGIN PRIVATE KEY-----\nMHcC";

	(void)state;
	assert_string_equal(of(one), "a\n[redacted]\nb");
	assert_string_equal(of(cut), "a [redacted]");
	assert_string_equal(of(jwt), "[redacted]");
}

static void what_does_not_fit_is_cut(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(redact(slice_of("0123456789"), out, sizeof(out)), 7);
	assert_string_equal(out, "0123456");
	assert_int_equal(redact(slice_of("token=x"), out, sizeof(out)), 7);
	assert_string_equal(out, "token=[");
	assert_int_equal(redact(slice_of("x"), out, 1), 0);
	assert_string_equal(out, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_text_stays_as_it_is),
		cmocka_unit_test(what_is_named_like_a_secret_has_no_value),
		cmocka_unit_test(credentials_leave_urls),
		cmocka_unit_test(keys_and_tokens_are_taken_out),
		cmocka_unit_test(what_does_not_fit_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
