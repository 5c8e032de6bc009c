/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <string.h>

#include "signer/secrets.h"

#define B64    "MHcCAQEEIKb1y0fJ8v2nq3Qm5hZ9xw7d4s6a1e2r3t4y5u6i7o8poAoGCCqGSM49"
#define SCALAR "0123456789abcdef0123456789abcdef"
#define CURVE  "\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"

struct sample {
	const char *bytes;
	size_t len;
};

#define SAMPLE(text)                                                           \
	{                                                                      \
		(text), sizeof(text) - 1                                       \
	}

static const struct sample secrets[] = {
	SAMPLE("-----BEGIN PRIVATE KEY-----\n" B64),
	SAMPLE("-----BEGIN EC PRIVATE KEY-----\r\n" B64),
	SAMPLE("-----BEGIN ENCRYPTED PRIVATE KEY-----\n" B64),
	SAMPLE("-----BEGIN OPENSSH PRIVATE KEY-----\n" B64),
	SAMPLE("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"),
	SAMPLE("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n" B64),
	SAMPLE("key = \"-----BEGIN PRIVATE KEY-----\\n" B64 "\\n\""),
	/* printf '%s\n' '-----BEGIN PRIVATE KEY-----' | base64 */
	SAMPLE("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg=="),
	SAMPLE("\x30\x77\x02\x01\x01\x04\x20" SCALAR CURVE),
	SAMPLE("\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d"
	       "\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x6d"),
	SAMPLE("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04"
	       "\x20" SCALAR),
	SAMPLE("PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n"),
	SAMPLE("AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQQPZRY9X8GF"),
	SAMPLE("{\"kty\":\"EC\",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43\"}"),
	SAMPLE("{\"d\": \"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43\", \"kty\":1}"),
	SAMPLE("{\"format\":\"pawl-key-1\",\"sealed\":\"00\"}"),
};

static const struct sample harmless[] = {
	SAMPLE(""),
	SAMPLE("-"),
	SAMPLE("-----BEGIN PUBLIC KEY-----\n" B64),
	SAMPLE("-----BEGIN CERTIFICATE-----\n" B64),
	/* What a parser of such files has in its strings. */
	SAMPLE("-----BEGIN PRIVATE KEY-----\0-----END PRIVATE KEY-----"),
	SAMPLE("-----BEGIN RSA PRIVATE KEY-----\nMIIE...\n"),
	SAMPLE("-----BEGIN %s PRIVATE KEY"),
	/* printf '%s\n' '-----BEGIN CERTIFICATE-----' | base64 */
	SAMPLE("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="),
	SAMPLE("\x02\x01\x01\x04\x20" SCALAR),
	SAMPLE("\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48"),
	SAMPLE("\x02\x01\x00\x02\x82"),
	SAMPLE("AGE-SECRET-KEY-1"),
	SAMPLE("PuTTY-User-Key-File-2"),
	SAMPLE("{\"kty\":\"EC\",\"x\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk4\"}"),
	SAMPLE("{\"kty\":\"EC\"},{\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk4\"}"),
	SAMPLE("{\"format\":\"pawl-key-1\"}"),
};

static struct slice slice_from(const struct sample *s)
{
	return (struct slice){ (const uint8_t *)s->bytes, s->len };
}

static void every_container_is_known(void **state)
{
	size_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		if (!secrets_find(slice_from(&secrets[i]), secrets[i].len, true,
				  &at))
			fail_msg("not found: %zu %s", i, secrets[i].bytes);
}

static void what_only_looks_like_one_is_left_alone(void **state)
{
	const char *what;
	size_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
		what = secrets_find(slice_from(&harmless[i]), harmless[i].len,
				    true, &at);
		if (what)
			fail_msg("%s found: %zu %s", what, i,
				 harmless[i].bytes);
	}
}

static void the_offset_is_where_it_starts(void **state)
{
	static const char text[] =
		"some text\n-----BEGIN PRIVATE KEY-----\n" B64;
	size_t at = 0;

	(void)state;
	assert_non_null(
		secrets_find(slice_of(text), sizeof(text) - 1, true, &at));
	assert_int_equal(at, 10);
}

/* Windows overlap: each finding belongs to the window in which it starts. */
static void only_starts_within_the_window_count(void **state)
{
	static const char text[] =
		"0123456789-----BEGIN PRIVATE KEY-----\n" B64;
	size_t at;

	(void)state;
	assert_null(secrets_find(slice_of(text), 10, true, &at));
	assert_non_null(secrets_find(slice_of(text), 11, true, &at));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_container_is_known),
		cmocka_unit_test(what_only_looks_like_one_is_left_alone),
		cmocka_unit_test(the_offset_is_where_it_starts),
		cmocka_unit_test(only_starts_within_the_window_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
