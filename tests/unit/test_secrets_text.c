/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/secrets_text.h"

#include <string.h>

#include "tests/unit/edge.h"

#define B64    "MHcCAQEEIKb1y0fJ8v2nq3Qm5hZ9xw7d4s6a1e2r3t4y5u6i7o8poAoGCCqGSM49"
#define AGE    "AGE-SECRET-KEY-"
#define BECH32 "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"
#define SCALAR "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43"

typedef bool judge(struct slice s, size_t anchor, struct secret *out);

/* Where the letters stand that lead there, and how often they come before. */
static size_t anchor_of(struct slice s, const char *letters, size_t len,
			unsigned skipped)
{
	const uint8_t *at = s.ptr - 1;

	do {
		at++;
		at = memmem(at, s.len - (size_t)(at - s.ptr), letters, len);
		assert_non_null(at);
	} while (skipped-- > 0);
	return (size_t)(at - s.ptr);
}

static bool is_found(judge *f, const char *text, const char *letters,
		     unsigned skipped)
{
	struct slice s = edge_copy(text, strlen(text));
	struct secret found = { 0 };

	return f(s, anchor_of(s, letters, 2, skipped), &found);
}

/* ---- PEM in UTF-16 ------------------------------------------------------- */

static struct slice widen(const char *text, uint8_t out[1024])
{
	size_t len = strlen(text);

	assert_true(2 * len <= 1024);
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = (uint8_t)text[i];
		out[2 * i + 1] = 0;
	}
	return edge_copy(out, 2 * len);
}

static void wide_text_is_a_key_where_it_begins(void **state)
{
	uint8_t room[1024];
	struct slice s = widen("-----BEGIN PRIVATE KEY-----\n" B64, room);
	struct secret found = { 0 };

	(void)state;
	assert_true(secrets_pem16(s, anchor_of(s, "G\0", 2, 0), &found));
	assert_int_equal(found.at, 0);
	/* another G, of what comes behind */
	found = (struct secret){ 0 };
	assert_false(secrets_pem16(s, anchor_of(s, "G\0", 2, 1), &found));
	s = widen("-----BEGIN PUBLIC KEY-----\n" B64, room);
	assert_false(secrets_pem16(s, anchor_of(s, "G\0", 2, 0), &found));
}

/* ---- age ----------------------------------------------------------------- */

static void an_age_key_has_its_name_a_one_and_its_letters(void **state)
{
	(void)state;
	assert_true(is_found(secrets_age, AGE "1" BECH32, "Y-", 0));
	assert_true(is_found(secrets_age, AGE "PQ-1" BECH32, "Y-", 0));
	assert_false(is_found(secrets_age, AGE "1" BECH32 " Y-", "Y-", 1));
	assert_false(is_found(secrets_age, AGE "Q" BECH32, "Y-", 0));
	assert_false(is_found(secrets_age, AGE "1QPZRY9X8GF2TV", "Y-", 0));
}

/* ---- JWK ----------------------------------------------------------------- */

#define AFTER ":\"EC\",\"d\":\"" SCALAR "\"}"

static void a_jwk_has_kty_as_a_member_of_its_own(void **state)
{
	static const char text[] = "\"kty\"" AFTER;
	struct secret found = { 0 };
	struct slice s;

	(void)state;
	assert_true(is_found(secrets_jwk, "{\"kty\"" AFTER, "kt", 0));
	assert_false(is_found(secrets_jwk, "{xkty\"" AFTER, "kt", 0));
	assert_false(is_found(secrets_jwk, "{\"kta\"" AFTER, "kt", 0));
	assert_false(is_found(secrets_jwk, "{\"ktyx\"" AFTER, "kt", 0));
	assert_false(is_found(secrets_jwk, "{\"kty", "kt", 0));
	/* Of what is before the slice nothing is known. */
	s = slice_sub(edge_copy(text, strlen(text)), 1, sizeof(text));
	assert_false(secrets_jwk(s, 0, &found));
}

/* ---- OpenPGP ------------------------------------------------------------- */

#define REST                                                                   \
	"\xc7"                                                                 \
	"123456789\xe5\x8b"                                                    \
	"cdefghijklmnopqrstuv"

static bool is_packet(const char *bytes, size_t len)
{
	return secrets_openpgp(edge_copy(bytes, len));
}

#define IS_PACKET(text) is_packet((text), sizeof(text) - 1)

static void a_packet_has_version_and_a_number_of_its_length(void **state)
{
	(void)state;
	assert_true(IS_PACKET("\x95\x01\xd8\x04\x5e\0\0\0\x01\x04\0\x80" REST));
	assert_false(
		IS_PACKET("\x95\x01\xd8\x03\x5e\0\0\0\x01\x04\0\x80" REST));
	/* 256 bits, 16 392, and 1023 of which the first is none of them */
	assert_false(
		IS_PACKET("\x95\x01\xd8\x04\x5e\0\0\0\x01\x01\0\x80" REST));
	assert_false(
		IS_PACKET("\x95\x01\xd8\x04\x5e\0\0\0\x01\x40\x08\x80" REST));
	assert_false(
		IS_PACKET("\x95\x01\xd8\x04\x5e\0\0\0\x01\x03\xff\x80" REST));
	/* a public key, and no packet */
	assert_false(
		IS_PACKET("\x99\x01\xd8\x04\x5e\0\0\0\x01\x04\0\x80" REST));
	assert_false(
		IS_PACKET("\x15\x01\xd8\x04\x5e\0\0\0\x01\x04\0\x80" REST));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(wide_text_is_a_key_where_it_begins),
		cmocka_unit_test(an_age_key_has_its_name_a_one_and_its_letters),
		cmocka_unit_test(a_jwk_has_kty_as_a_member_of_its_own),
		cmocka_unit_test(
			a_packet_has_version_and_a_number_of_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
