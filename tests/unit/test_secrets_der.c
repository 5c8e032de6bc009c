/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/secrets_der.h"

#include <string.h>

#include "tests/unit/edge.h"

#define BYTES16                                                                \
	"\xc7"                                                                 \
	"123456789\xe5\x8b"                                                    \
	"cdef"
#define BYTES32  BYTES16 "ghijklmnopqrstuv"
#define BYTES128 BYTES32 BYTES32 BYTES32 BYTES32
#define EC_OID   "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
#define P256_OID "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define EC_ALG   "\x30\x13" EC_OID P256_OID
#define PBES2    "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"
#define PKCS7    "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"

/* What it should be recognised as, or NULL; and where its anchor is. */
struct sample {
	const char *what, *bytes;
	size_t len, anchor;
};

#define SAMPLE(what, anchor, text)                                             \
	{                                                                      \
		(what), (text), sizeof(text) - 1, (anchor)                     \
	}

static const struct sample keys[] = {
	SAMPLE("a SEC1 EC key", 2, "\x30\x25\x02\x01\x01\x04\x20" BYTES32),
	SAMPLE("a SEC1 EC key", 2,
	       "\x30\x31\x02\x01\x01\x04\x20" BYTES32 "\xa0\x0a" P256_OID),
	/* no parameters, and the public key, shortened */
	SAMPLE("a SEC1 EC key", 2,
	       "\x30\x29\x02\x01\x01\x04\x20" BYTES32 "\xa1\x02\x03\x00"),
	SAMPLE("a PKCS#8 EC key", 2,
	       "\x30\x3a\x02\x01\x00" EC_ALG "\x04\x20" BYTES32),
	SAMPLE("a PKCS#8 EC key", 2,
	       "\x30\x3e\x02\x01\x00" EC_ALG "\x04\x20" BYTES32
	       "\xa1\x02\x03\x00"),
	SAMPLE("a PKCS#8 Ed25519 key", 2,
	       "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04"
	       "\x20" BYTES32),
	SAMPLE("a PKCS#8 key", 2,
	       "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x71\x04\x22\x04"
	       "\x20" BYTES32),
	SAMPLE("a PKCS#1 RSA key", 4,
	       "\x30\x82\x01\x0f\x02\x01\x00\x02\x81\x81\0" BYTES128
	       "\x02\x03\x01\x00\x01\x02\x81\x80" BYTES128),
	SAMPLE("a DSA key", 3,
	       "\x30\x81\xed\x02\x01\x00\x02\x40" BYTES32 BYTES32
	       "\x02\x20" BYTES32 "\x02\x20" BYTES32 "\x02\x40" BYTES32 BYTES32
	       "\x02\x20" BYTES32),
	SAMPLE("an encrypted PKCS#8 key", 4,
	       "\x30\x21\x30\x0d" PBES2 "\x30\x00\x04\x10" BYTES16),
	/* PKCS#12's own schemes, Java's */
	SAMPLE("an encrypted PKCS#8 key", 4,
	       "\x30\x22\x30\x0e\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01"
	       "\x03\x30\x00\x04\x10" BYTES16),
	SAMPLE("an encrypted PKCS#8 key", 4,
	       "\x30\x22\x30\x0e\x06\x0a\x2b\x06\x01\x04\x01\x2a\x02\x11\x01"
	       "\x01\x05\x00\x04\x10" BYTES16),
	SAMPLE("an encrypted PKCS#8 key", 4,
	       "\x30\x21\x30\x0d\x06\x09\x2b\x06\x01\x04\x01\x2a\x02\x13\x01"
	       "\x05\x00\x04\x10" BYTES16),
	SAMPLE("a PKCS#12 store", 2, "\x30\x10\x02\x01\x03\x30\x0b" PKCS7),
	SAMPLE("a PKCS#12 store", 2, "\x30\x80\x02\x01\x03\x30\x80" PKCS7),
};

static const struct sample others[] = {
	SAMPLE(NULL, 2, "\x30\x25"),
	/* lengths not in their shortest form, indefinite, or absurd */
	SAMPLE(NULL, 3, "\x30\x81\x25\x02\x01\x01\x04\x20" BYTES32),
	SAMPLE(NULL, 4, "\x30\x82\x00\x25\x02\x01\x01\x04\x20" BYTES32),
	SAMPLE(NULL, 4,
	       "\x30\x82\x00\xcb\x02\x01\x00" EC_ALG
	       "\x04\x81\xb0" BYTES128 BYTES32 BYTES16),
	SAMPLE(NULL, 2, "\x30\x80\x02\x01\x01\x04\x20" BYTES32),
	/* wraps to the 0x81 at its begin, which is like an attribute's tag */
	SAMPLE(NULL, 3,
	       "\x30\x81\x87\x02\x01\x00" EC_ALG
	       "\x04\x88\xff\xff\xff\xff\xff\xff\xff\xdc" BYTES128),
	/* not an INTEGER of one byte; no version that a key has */
	SAMPLE(NULL, 2, "\x30\x25\x04\x01\x01\x04\x20" BYTES32),
	SAMPLE(NULL, 2, "\x30\x25\x02\x01\x02\x04\x20" BYTES32),
	SAMPLE(NULL, 2, "\x30\x25\x02\x01\x03\x04\x20" BYTES32),
	/* a scalar too short, too long, beyond its SEQUENCE, with what is
	 * neither curve nor public key behind it */
	SAMPLE(NULL, 2, "\x30\x15\x02\x01\x01\x04\x10" BYTES16),
	SAMPLE(NULL, 2, "\x30\x55\x02\x01\x01\x04\x50" BYTES32 BYTES32 BYTES16),
	SAMPLE(NULL, 2, "\x30\x24\x02\x01\x01\x04\x20" BYTES32),
	SAMPLE(NULL, 2, "\x30\x27\x02\x01\x01\x04\x20" BYTES32 "\x05\x00"),
	SAMPLE(NULL, 2,
	       "\x30\x32\x02\x01\x01\x04\x20" BYTES32 "\xa0\x0b" P256_OID
	       "\x00"),
	SAMPLE(NULL, 2,
	       "\x30\x30\x02\x01\x01\x04\x20" BYTES32 "\xa0\x0a" P256_OID),
	/* PKCS#8: no algorithm, no OID, a short one, one that is longer than
	 * the algorithm; no key, a short one, one that ends elsewhere */
	SAMPLE(NULL, 2,
	       "\x30\x3a\x02\x01\x00\x31\x13" EC_OID P256_OID
	       "\x04\x20" BYTES32),
	SAMPLE(NULL, 2,
	       "\x30\x3a\x02\x01\x00\x30\x13\x04\x07\x2a\x86\x48\xce\x3d\x02"
	       "\x01" P256_OID "\x04\x20" BYTES32),
	SAMPLE(NULL, 2,
	       "\x30\x2b\x02\x01\x00\x30\x04\x06\x02\x2b\x65\x04\x20" BYTES32),
	SAMPLE(NULL, 2,
	       "\x30\x30\x02\x01\x00\x30\x09\x06\x08\x2a\x86\x48\xce\x3d\x02"
	       "\x01\x04\x20" BYTES32),
	SAMPLE(NULL, 2, "\x30\x3a\x02\x01\x00" EC_ALG "\x05\x20" BYTES32),
	SAMPLE(NULL, 2, "\x30\x29\x02\x01\x00" EC_ALG "\x04\x0f" BYTES16),
	SAMPLE(NULL, 2, "\x30\x39\x02\x01\x00" EC_ALG "\x04\x20" BYTES32),
	SAMPLE(NULL, 2,
	       "\x30\x3c\x02\x01\x00" EC_ALG "\x04\x20" BYTES32 "\x05\x00"),
	/* RSA: what is no modulus, a short one, a long exponent, one that is
	 * no INTEGER; the private one short, longer than the modulus, or
	 * beyond the end */
	SAMPLE(NULL, 2,
	       "\x30\x2a\x02\x01\x00\x04\x10" BYTES16
	       "\x02\x01\x03\x02\x10" BYTES16),
	SAMPLE(NULL, 2,
	       "\x30\x2a\x02\x01\x00\x02\x10" BYTES16
	       "\x02\x01\x03\x02\x10" BYTES16),
	SAMPLE(NULL, 4,
	       "\x30\x82\x01\x16\x02\x01\x00\x02\x81\x81\0" BYTES128 "\x02\x0a"
	       "0123456789\x02\x81\x80" BYTES128),
	SAMPLE(NULL, 4,
	       "\x30\x82\x01\x0f\x02\x01\x00\x02\x81\x81\0" BYTES128
	       "\x04\x03\x01\x00\x01\x02\x81\x80" BYTES128),
	SAMPLE(NULL, 3,
	       "\x30\x81\x9d\x02\x01\x00\x02\x81\x81\0" BYTES128
	       "\x02\x03\x01\x00\x01\x02\x0f" BYTES16),
	SAMPLE(NULL, 4,
	       "\x30\x82\x01\x11\x02\x01\x00\x02\x81\x80" BYTES128
	       "\x02\x03\x01\x00\x01\x02\x81\x83\0\0\0" BYTES128),
	SAMPLE(NULL, 4,
	       "\x30\x82\x01\x0e\x02\x01\x00\x02\x81\x81\0" BYTES128
	       "\x02\x03\x01\x00\x01\x02\x81\x80" BYTES128),
	/* encrypted: by nothing known, its key short, or not the last */
	SAMPLE(NULL, 4,
	       "\x30\x21\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x06\x0d"
	       "\x30\x00\x04\x10" BYTES16),
	SAMPLE(NULL, 4,
	       "\x30\x22\x30\x0e\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0b\x01"
	       "\x03\x30\x00\x04\x10" BYTES16),
	SAMPLE(NULL, 4, "\x30\x20\x30\x0d" PBES2 "\x30\x00\x04\x0f" BYTES16),
	SAMPLE(NULL, 4,
	       "\x30\x23\x30\x0d" PBES2 "\x30\x00\x04\x10" BYTES16 "\x05\x00"),
	SAMPLE(NULL, 4, "\x30\x21\x30\x0d" PBES2 "\x30\x00\x05\x10" BYTES16),
	SAMPLE(NULL, 4, "\x30\x21\x31\x0d" PBES2 "\x30\x00\x04\x10" BYTES16),
	SAMPLE(NULL, 4, "\x31\x21\x30\x0d" PBES2 "\x30\x00\x04\x10" BYTES16),
	/* a store: with other contents, or around which there is none */
	SAMPLE(NULL, 2,
	       "\x30\x10\x02\x01\x03\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d"
	       "\x01\x07\x03"),
	SAMPLE(NULL, 2, "\x30\x10\x02\x01\x03\x31\x0b" PKCS7),
	SAMPLE(NULL, 2, "\x31\x80\x02\x01\x03\x30\x80" PKCS7),
	SAMPLE(NULL, 0, "\x02\x01\x03\x30\x80" PKCS7),
};

static struct slice bytes_of(const struct sample *s)
{
	return edge_copy(s->bytes, s->len);
}

static void each_structure_is_known_by_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct secret found = { 0 };

		if (!secrets_der(bytes_of(&keys[i]), keys[i].anchor, &found))
			fail_msg("not found: %zu, %s", i, keys[i].what);
		assert_string_equal(found.what, keys[i].what);
		assert_int_equal(found.at, 0);
		assert_int_equal(found.len, keys[i].len);
	}
}

static void what_does_not_agree_with_itself_is_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct secret found = { 0 };

		if (secrets_der(bytes_of(&others[i]), others[i].anchor, &found))
			fail_msg("%s found: %zu", found.what, i);
	}
}

/* Each length of each sample, and each place to look at. */
static void nothing_is_read_past_the_end(void **state)
{
	struct secret found;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		for (size_t len = 0; len < keys[i].len; len++) {
			struct slice cut = edge_copy(keys[i].bytes, len);

			for (size_t at = 0; at <= len + 1; at++)
				(void)secrets_der(cut, at, &found);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_structure_is_known_by_its_name),
		cmocka_unit_test(what_does_not_agree_with_itself_is_none),
		cmocka_unit_test(nothing_is_read_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
