/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/secrets.h"

#include <string.h>

#define LABEL_MAX      40
#define BASE64_RUN_MIN 32
#define KEY_FILE_MAX   4096

static bool starts_with(struct slice s, const void *text, size_t len)
{
	return s.len >= len && memcmp(s.ptr, text, len) == 0;
}

static bool contains(struct slice s, const char *text)
{
	return s.len > 0 && memmem(s.ptr, s.len, text, strlen(text)) != NULL;
}

static bool is_base64(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '-' ||
	       c == '_';
}

/* Letters of base64 at the start, line ends (also written "\n") skipped. */
static size_t base64_run(struct slice s)
{
	size_t run = 0;

	for (size_t i = 0; i < s.len && run < BASE64_RUN_MIN; i++) {
		if (s.ptr[i] == '\\' && i + 1 < s.len &&
		    (s.ptr[i + 1] == 'n' || s.ptr[i + 1] == 'r'))
			i++;
		else if (is_base64(s.ptr[i]))
			run++;
		else if (s.ptr[i] != '\r' && s.ptr[i] != '\n' &&
			 s.ptr[i] != ' ' && s.ptr[i] != '\t')
			break;
	}
	return run;
}

/* ---- PEM, and PEM inside base64 ------------------------------------------ */

/* Bytes up to the end of "-----BEGIN ... PRIVATE KEY...-----"; 0 if not. */
static size_t pem_header_len(struct slice s)
{
	static const char begin[] = "-----BEGIN ";
	struct slice label;
	const uint8_t *end;

	if (!starts_with(s, begin, sizeof(begin) - 1))
		return 0;
	label = slice_sub(s, sizeof(begin) - 1, LABEL_MAX);
	if (label.len == 0) /* nothing follows: memmem() wants bytes */
		return 0;
	end = memmem(label.ptr, label.len, "-----", 5);
	if (!end)
		return 0;
	label.len = (size_t)(end - label.ptr);
	if (!contains(label, "PRIVATE KEY"))
		return 0;
	return sizeof(begin) - 1 + label.len + 5;
}

/* A header alone, as parsers carry it, is no key: base64 must follow. */
static bool is_pem(struct slice s)
{
	size_t len = pem_header_len(s);
	struct slice body;

	if (len == 0)
		return false;
	body = slice_sub(s, len, SECRETS_REACH);
	while (body.len > 0 && (body.ptr[0] == '\r' || body.ptr[0] == '\n'))
		body = slice_sub(body, 1, body.len);
	return starts_with(body, "Proc-Type:", 10) ||
	       starts_with(body, "Version:", 8) ||
	       starts_with(body, "Comment:", 8) ||
	       base64_run(body) >= BASE64_RUN_MIN;
}

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

static bool is_wrapped_pem(struct slice s)
{
	static const char begin[] = "LS0tLS1CRUdJTi"; /* "-----BEGIN" */
	uint8_t plain[64];
	uint32_t bits = 0;
	size_t len = 0;
	int have = 0;

	if (!starts_with(s, begin, sizeof(begin) - 1))
		return false;
	for (size_t i = 0; i < s.len && len < sizeof(plain); i++) {
		int value = base64_value(s.ptr[i]);

		if (value < 0)
			continue;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			plain[len++] = (uint8_t)(bits >> have);
		}
	}
	return pem_header_len((struct slice){ plain, len }) > 0;
}

/* ---- DER ----------------------------------------------------------------- */

struct pattern {
	const char *what;
	const char *bytes;
	size_t len;
};

#define PATTERN(what, text)                                                    \
	{                                                                      \
		(what), (text), sizeof(text) - 1                               \
	}

/* After the outer SEQUENCE's tag and length: version, algorithm, key. */
static const struct pattern pkcs8[] = {
	PATTERN("a PKCS#8 EC key", "\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48"
				   "\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce"
				   "\x3d\x03\x01\x07\x04"),
	PATTERN("a PKCS#8 EC key", "\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48"
				   "\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00"),
	PATTERN("a PKCS#8 RSA key", "\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48"
				    "\x86\xf7\x0d\x01\x01\x01\x05\x00\x04\x82"),
	PATTERN("a PKCS#8 Ed25519 key",
		"\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"),
	PATTERN("a PKCS#8 X25519 key",
		"\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x6e\x04\x22\x04\x20"),
};

/* SEC1 (RFC 5915): version 1, a 32-byte scalar, then the curve's name. */
static bool is_sec1(struct slice s)
{
	static const char start[] = "\x02\x01\x01\x04\x20";
	static const char curve[] = "\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03"
				    "\x01\x07";

	return starts_with(s, start, sizeof(start) - 1) &&
	       starts_with(slice_sub(s, sizeof(start) - 1 + 32, s.len), curve,
			   sizeof(curve) - 1);
}

/* PKCS#1 (RFC 8017): version 0, modulus, and 65537 right behind it. */
static bool is_pkcs1(struct slice s)
{
	static const char start[] = "\x02\x01\x00\x02\x82";
	static const char exponent[] = "\x02\x03\x01\x00\x01\x02\x82";
	size_t len;

	if (!starts_with(s, start, sizeof(start) - 1) || s.len < 7)
		return false;
	len = (size_t)s.ptr[5] << 8 | s.ptr[6];
	return starts_with(slice_sub(s, 7 + len, s.len), exponent,
			   sizeof(exponent) - 1);
}

static const char *find_der(struct slice s)
{
	if (s.ptr[0] != 0x02)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(pkcs8); i++)
		if (starts_with(s, pkcs8[i].bytes, pkcs8[i].len))
			return pkcs8[i].what;
	if (is_sec1(s))
		return "a SEC1 EC key";
	return is_pkcs1(s) ? "a PKCS#1 RSA key" : NULL;
}

/* ---- the rest ------------------------------------------------------------ */

static bool is_age(struct slice s)
{
	static const char begin[] = "AGE-SECRET-KEY-1";

	return starts_with(s, begin, sizeof(begin) - 1) &&
	       base64_run(slice_sub(s, sizeof(begin) - 1, 64)) >=
		       BASE64_RUN_MIN;
}

static bool is_putty(struct slice s)
{
	static const char begin[] = "PuTTY-User-Key-File-";

	return starts_with(s, begin, sizeof(begin) - 1) &&
	       contains(slice_sub(s, 0, SECRETS_REACH), "Private-Lines:");
}

/* {"kty": ..., "d": "<private part>"} in either order (RFC 7517). */
static bool is_jwk(struct slice s)
{
	struct slice near = slice_sub(s, 0, SECRETS_REACH);
	const uint8_t *d;
	struct slice value;

	if (!starts_with(s, "{", 1))
		return false;
	d = memchr(near.ptr, '}', near.len);
	if (d)
		near.len = (size_t)(d - near.ptr);
	d = memmem(near.ptr, near.len, "\"d\"", 3);
	if (!d || !contains(near, "\"kty\""))
		return false;
	value = slice_sub(near, (size_t)(d - near.ptr) + 3, near.len);
	while (value.len > 0 && (value.ptr[0] == ':' || value.ptr[0] == ' ' ||
				 value.ptr[0] == '"'))
		value = slice_sub(value, 1, value.len);
	return base64_run(value) >= BASE64_RUN_MIN;
}

static bool is_ours(struct slice file)
{
	return file.len <= KEY_FILE_MAX && starts_with(file, "{", 1) &&
	       contains(file, "\"pawl-key-1\"") && contains(file, "\"sealed\"");
}

static const char *find_here(struct slice s)
{
	switch (s.ptr[0]) {
	case '-':
		return is_pem(s) ? "a PEM private key" : NULL;
	case 'L':
		return is_wrapped_pem(s) ? "a PEM private key in base64" : NULL;
	case 'P':
		return is_putty(s) ? "a PuTTY key" : NULL;
	case 'A':
		return is_age(s) ? "an age key" : NULL;
	case '{':
		return is_jwk(s) ? "a private JWK" : NULL;
	default:
		return find_der(s);
	}
}

const char *secrets_find(struct slice bytes, size_t start_len, bool whole,
			 size_t *at)
{
	const char *what;

	if (whole && is_ours(bytes)) {
		*at = 0;
		return "a key file of Pawl";
	}
	for (size_t i = 0; i < start_len && i < bytes.len; i++) {
		what = find_here(slice_sub(bytes, i, bytes.len - i));
		if (what) {
			*at = i;
			return what;
		}
	}
	return NULL;
}
