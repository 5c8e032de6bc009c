/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "signer/secrets.h"

#define B64 "MHcCAQEEIKb1y0fJ8v2nq3Qm5hZ9xw7d4s6a1e2r3t4y5u6i7o8poAoGCCqGSM49"
#define SCALAR                                                                 \
	"\xc7"                                                                 \
	"123456789\xe5\x8b"                                                    \
	"cdefghijklmnopqrstuv"
#define HEX64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BECH32 "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"
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
	SAMPLE("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\n"),
	SAMPLE("\x30\x77\x02\x01\x01\x04\x20" SCALAR CURVE),
	SAMPLE("\x30\x25\x02\x01\x01\x04\x20" SCALAR),
	SAMPLE("\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d"
	       "\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x6d" SCALAR),
	SAMPLE("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04"
	       "\x20" SCALAR),
	SAMPLE("PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n"),
	/* BER without lengths, as browsers write it */
	SAMPLE("\x30\x80\x02\x01\x03\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d"
	       "\x01\x07\x01\xa0\x80"),
	/* PBES2, parameters shortened */
	SAMPLE("\x30\x23\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d\x30"
	       "\x00\x04\x12" SCALAR),
	SAMPLE("AGE-SECRET-KEY-1" BECH32),
	SAMPLE("openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none"),
	SAMPLE("(11:private-key(3:rsa(1:n257:"),
	SAMPLE("Created: 20200101T000000\nKey: (protected-private-key (ecc"),
	SAMPLE("[Interface]\nPrivateKey = "
	       "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n"),
	SAMPLE("{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ\"}"),
	SAMPLE("\\\"kty\\\":\\\"OKP\\\",\\\"d\\\":\\\"nWGxne_9WmC6hEr0kuwsxERJ"
	       "xWl7MmkZcDusAxyuf2A\\\""),
	/* RFC 9580: version 4, RSA of 1024 bits */
	SAMPLE("\x95\x01\xd8\x04\x5e\0\0\0\x01\x04\0\x80" SCALAR),
	SAMPLE("\x94\x58\x04\x5e\0\0\0\x16\x09\x2b\x06\x01\x04" SCALAR),
	SAMPLE("{\"kty\":\"EC\",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43\"}"),
	SAMPLE("{\"d\": \"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43\", \"kty\":1}"),
	SAMPLE("{\"format\":\"pawl-key-1\",\"sealed\":\"" HEX64 "\"}"),
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
	SAMPLE("\x02\x01\x01\x04\x20" SCALAR),
	SAMPLE("\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48"),
	SAMPLE("\x02\x01\x00\x02\x82"),
	/* The bytes before a key, as a constant, and no key. */
	SAMPLE("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04"
	       "\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	/* The next such constants behind it, and text: SoftHSM has them so. */
	SAMPLE("\x30\x46\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x6f\x04\x3a\x04"
	       "\x38\x30\x47\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x71\x04\x3b"
	       "\x04\x39"
	       "Could not encode EDDSA public key\0OSSLEDPublicKey.cpp"),
	/* SNMP: version 1, a community, [0] */
	SAMPLE("\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04"),
	/* A PKCS#12 MAC of the newest kind, which guards and holds nothing */
	SAMPLE("\x30\x23\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e\x30"
	       "\x00\x04\x12" SCALAR),
	SAMPLE("openssh-key-v1\0%s: invalid format"),
	SAMPLE("PuTTY-User-Key-File-\0Private-Lines:"),
	SAMPLE("(11:private-key(\0(21:protected-private-key("),
	SAMPLE("Key: (shadowed-private-key (ecc"),
	SAMPLE("(private-key (rsa (n %m)(e %m)(d %m)))"),
	SAMPLE("PrivateKey = ABCD=\nPrivateKeyFile=/etc/key"),
	/* A public key packet */
	SAMPLE("\x99\x01\x0d\x04\x5e\0\0\0\x01\x04\0\x80" SCALAR),
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

static const char *find(struct slice s, struct secret *out)
{
	const char *what = secrets_at_start(s);
	size_t next;

	if (what) {
		*out = (struct secret){ what, 0, s.len };
		return what;
	}
	return secrets_next(s, 0, s.len, out, &next) ? out->what : NULL;
}

static void every_container_is_known(void **state)
{
	struct secret found;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		if (!find(slice_from(&secrets[i]), &found))
			fail_msg("not found: %zu %s", i, secrets[i].bytes);
}

static void what_only_looks_like_one_is_left_alone(void **state)
{
	struct secret found;
	const char *what;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
		what = find(slice_from(&harmless[i]), &found);
		if (what)
			fail_msg("%s found: %zu %s", what, i,
				 harmless[i].bytes);
	}
}

/* A cut container is one as long as what tells it is there. */
static void no_cut_reads_past_the_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		for (size_t len = 0; len < secrets[i].len; len++) {
			/* On the heap, where a sanitizer watches the end. */
			uint8_t *copy = malloc(len + 1);
			struct secret found;

			assert_non_null(copy);
			memcpy(copy + 1, secrets[i].bytes, len);
			(void)find((struct slice){ copy + 1, len }, &found);
			free(copy);
		}
}

static void the_offset_is_where_it_starts(void **state)
{
	static const char text[] =
		"some text\n-----BEGIN PRIVATE KEY-----\n" B64;
	struct secret found;

	(void)state;
	assert_non_null(find(slice_of(text), &found));
	assert_int_equal(found.at, 10);
	assert_int_equal(found.len, sizeof(text) - 1 - 10);
}

/* Windows overlap: each finding belongs to the one that has its anchor. */
static void only_anchors_within_the_window_count(void **state)
{
	static const char text[] =
		"0123456789-----BEGIN PRIVATE KEY-----\n" B64;
	struct secret found;
	size_t next;

	(void)state;
	assert_false(secrets_next(slice_of(text), 0, 17, &found, &next));
	assert_int_equal(next, 17);
	assert_true(secrets_next(slice_of(text), 17, 18, &found, &next));
	assert_int_equal(found.at, 10);
	assert_int_equal(next, 18);
	assert_false(secrets_next(slice_of(text), 18, sizeof(text) - 1, &found,
				  &next));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_container_is_known),
		cmocka_unit_test(what_only_looks_like_one_is_left_alone),
		cmocka_unit_test(no_cut_reads_past_the_end),
		cmocka_unit_test(the_offset_is_where_it_starts),
		cmocka_unit_test(only_anchors_within_the_window_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
