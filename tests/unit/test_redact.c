/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/redact.h"

#include <string.h>

#include "tests/unit/check.h"

#define JWT "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"

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
	static const char one[] = "a\n-----BEGIN EC PRIVATE KEY-----\nMHcC\n"
				  "-----END EC PRIVATE KEY-----\nb";
	static const char cut[] = "a -----BEGIN PRIVATE KEY-----\nMHcC";

	(void)state;
	assert_string_equal(of(one), "a\n[redacted]\nb");
	assert_string_equal(of(cut), "a [redacted]");
	assert_string_equal(of(JWT), "[redacted]");
}

/* As clients wrote it before: a line's end was four letters. */
static void escaped_bytes_are_no_letters_of_a_name(void **state)
{
	(void)state;
	assert_string_equal(of("up\nAuthorization: Bearer s3cr3t\nx"),
			    "up\n[redacted]\nx");
	assert_string_equal(of("up\\x0aAuthorization: Bearer s3cr3t\\x0ax"),
			    "up\\x0a[redacted]\\x0ax");
	assert_string_equal(of("up\\nAuthorization: Bearer s3cr3t"),
			    "up\\n[redacted]");
	assert_string_equal(of("Proxy-Authorization: Basic abc\nx"),
			    "[redacted]\nx");
	assert_string_equal(of("a\n" JWT "\nb"), "a\n[redacted]\nb");
	assert_string_equal(of("a\\x0a" JWT "\\x0ab"),
			    "a\\x0a[redacted]\\x0ab");
	assert_string_equal(of("a\\x1b" JWT), "a\\x1b[redacted]");
	assert_string_equal(of("password\\x09=\\x09hunter2\\x0ab"),
			    "password\\x09=\\x09[redacted]\\x0ab");
	/* What is no line's end is the value's. */
	assert_string_equal(of("password=hun\\xffter b"),
			    "password=[redacted] b");
	assert_string_equal(of("C:\\x0g\\token=1"),
			    "C:\\x0g\\token=[redacted]");
}

static void a_block_without_its_beginning_is_a_key(void **state)
{
	(void)state;
	assert_string_equal(of("MHcC\nMIIB\n-----END EC PRIVATE KEY-----\nb"),
			    "[redacted]\nb");
	assert_string_equal(of("MHcC\n-----END A-----\nb\n-----BEGIN "
			       "B-----\nMII\n-----END B-----\nc"),
			    "[redacted]\nb\n[redacted]\nc");
	assert_string_equal(of("MHcC-----END A-----MIIC-----END B-----c"),
			    "[redacted][redacted]c");
	assert_string_equal(of("MHcC\n-----END A"), "[redacted]");
	assert_string_equal(of("-- client\nlog\n\n-- said\nMHcC\n"
			       "-----END A-----\nb"),
			    "-- client\nlog\n\n-- said\n[redacted]\nb");
}

static void what_is_unfinished_ends_with_its_section(void **state)
{
	(void)state;
	assert_string_equal(of("a\n-----BEGIN X\n-- client\nlog\n"
			       "-----BEGIN Y\n-- boot\npanic"),
			    "a\n[redacted]\n-- client\nlog\n"
			    "[redacted]\n-- boot\npanic");
	assert_string_equal(of("a\\x0aCookie:\\x0a-- client\\x0alog"
			       "-----BEGIN Y\\x0a-- boot\\x0apanic"),
			    "a\\x0a[redacted]\\x0a-- client\\x0alog"
			    "[redacted]\\x0a-- boot\\x0apanic");
	/* Other lines are none. */
	assert_string_equal(of("-----BEGIN X\n-- other\nMHcC"), "[redacted]");
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
		cmocka_unit_test(escaped_bytes_are_no_letters_of_a_name),
		cmocka_unit_test(a_block_without_its_beginning_is_a_key),
		cmocka_unit_test(what_is_unfinished_ends_with_its_section),
		cmocka_unit_test(what_does_not_fit_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
