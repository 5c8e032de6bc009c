/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/secrets_text.h"

#include <string.h>

#define LABEL_MAX      40
#define BASE64_RUN_MIN 32
#define NEAR           4096 /* how far apart the parts of one key may be */

static bool has(struct slice s, size_t at, const char *text)
{
	size_t len = strlen(text);

	return at <= s.len && s.len - at >= len &&
	       memcmp(s.ptr + at, text, len) == 0;
}

static bool contains(struct slice s, const char *text)
{
	return s.len > 0 && memmem(s.ptr, s.len, text, strlen(text)) != NULL;
}

/* Where text begins whose letter number `back` stands at the anchor. */
static bool begins(struct slice s, size_t anchor, size_t back, const char *text,
		   struct secret *out)
{
	if (anchor < back || !has(s, anchor - back, text))
		return false;
	out->at = anchor - back;
	out->len = strlen(text);
	return true;
}

/* One more than the value of each letter; 0 for what is none. */
static const uint8_t base64_values[256] = {
	/* clang-format off */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 63, 0, 63, 0, 64,
	53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 0, 0, 0, 0, 0, 0,
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 0, 0, 0, 0, 64,
	0, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
	42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 0, 0, 0, 0, 0,
	/* clang-format on */
};

int base64_value(uint8_t c)
{
	return base64_values[c] - 1;
}

/* Something follows: the marker is not just a constant of a program. */
static bool is_alnum(struct slice s, size_t at)
{
	return at < s.len && base64_value(s.ptr[at]) >= 0;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Letters of base64 at the start, line ends (also written "\n") skipped. */
static size_t base64_run(struct slice s)
{
	size_t run = 0;

	for (size_t i = 0; i < s.len && run < BASE64_RUN_MIN; i++) {
		if (s.ptr[i] == '\\' && i + 1 < s.len &&
		    (s.ptr[i + 1] == 'n' || s.ptr[i + 1] == 'r'))
			i++;
		else if (base64_value(s.ptr[i]) >= 0)
			run++;
		else if (!is_blank(s.ptr[i]) && s.ptr[i] != '"')
			break;
	}
	return run;
}

/* ---- PEM ----------------------------------------------------------------- */

/* Bytes up to the end of "-----BEGIN ... PRIVATE KEY...-----"; 0 if not. */
static size_t pem_header_len(struct slice s)
{
	struct slice label;
	const uint8_t *end;

	/* The second form is that of ssh.com. */
	if (!has(s, 0, "-----BEGIN ") && !has(s, 0, "---- BEGIN "))
		return 0;
	label = slice_sub(s, 11, LABEL_MAX);
	if (label.len == 0) /* nothing follows: memmem() wants bytes */
		return 0;
	end = memmem(label.ptr, label.len, "----", 4);
	if (!end)
		return 0;
	label.len = (size_t)(end - label.ptr);
	if (!contains(label, "PRIVATE KEY"))
		return 0;
	return 11 + label.len + (has(s, 0, "-----") ? 5 : 4);
}

static size_t pem_len(struct slice s, size_t header)
{
	const uint8_t *end;
	struct slice body = slice_sub(s, header, s.len);

	end = body.len > 0 ? memmem(body.ptr, body.len, "----", 4) : NULL;
	return header + (end ? (size_t)(end - body.ptr) : body.len);
}

/* A header alone, as parsers carry it, is no key: base64 must follow. */
static size_t is_pem(struct slice s)
{
	size_t header = pem_header_len(s);
	struct slice body;

	if (header == 0)
		return 0;
	body = slice_sub(s, header, NEAR);
	while (body.len > 0 && (body.ptr[0] == '\r' || body.ptr[0] == '\n'))
		body = slice_sub(body, 1, body.len);
	if (!has(body, 0, "Proc-Type:") && !has(body, 0, "Version:") &&
	    !has(body, 0, "Comment:") && base64_run(body) < BASE64_RUN_MIN)
		return 0;
	return pem_len(s, header);
}

bool secrets_pem(struct slice s, size_t anchor, struct secret *out)
{
	size_t len;

	if (anchor < 7) /* "-----BE" */
		return false;
	len = is_pem(slice_sub(s, anchor - 7, s.len));
	if (len == 0)
		return false;
	*out = (struct secret){ "a PEM private key", anchor - 7, len };
	return true;
}

/* Every second byte: the other ones of ASCII in UTF-16 are zero. */
bool secrets_pem16(struct slice s, size_t anchor, struct secret *out)
{
	uint8_t narrow[512];
	size_t len = 0;

	if (!begins(s, anchor, 14, "-", out))
		return false;
	for (size_t i = out->at; i < s.len && len < sizeof(narrow); i += 2) {
		if (i + 1 < s.len && s.ptr[i + 1] != 0)
			break;
		narrow[len++] = s.ptr[i];
	}
	len = is_pem((struct slice){ narrow, len });
	if (len == 0)
		return false;
	out->what = "a PEM private key in UTF-16";
	out->len = 2 * len;
	return true;
}

/* ---- OpenSSH, GnuPG, ours ------------------------------------------------ */

/* The magic, then the cipher's name with its length (PROTOCOL.key). */
static bool is_openssh(struct slice s, size_t at)
{
	struct slice length = slice_sub(s, at + 15, 4);

	return length.len == 4 && s.ptr[at + 14] == 0 &&
	       memcmp(length.ptr, "\0\0\0", 3) == 0 && length.ptr[3] >= 4 &&
	       length.ptr[3] <= 64;
}

static size_t hex_run(struct slice s)
{
	size_t run = 0;

	while (run < s.len && s.ptr[run] != 0 &&
	       strchr("0123456789abcdef", s.ptr[run]))
		run++;
	return run;
}

static bool is_ours(struct slice s)
{
	static const char member[] = "\"sealed\"";
	const uint8_t *sealed;
	struct slice value;

	sealed = memmem(s.ptr, s.len, member, sizeof(member) - 1);
	if (!sealed)
		return false;
	value = slice_sub(s, (size_t)(sealed - s.ptr) + sizeof(member) - 1,
			  s.len);
	while (value.len > 0 && (is_blank(value.ptr[0]) ||
				 value.ptr[0] == ':' || value.ptr[0] == '"'))
		value = slice_sub(value, 1, value.len);
	return hex_run(value) >= 64;
}

bool secrets_named(struct slice s, size_t anchor, struct secret *out)
{
	/* Canonical and extended S-expressions of private-keys-v1.d. */
	static const struct {
		size_t back;
		const char *text;
	} gnupg[] = {
		{ 11, "(11:private-key(" },
		{ 21, "(21:protected-private-key(" },
		{ 13, "Key: (private-key (" },
		{ 23, "Key: (protected-private-key (" },
	};
	size_t from = anchor > NEAR ? anchor - NEAR : 0;

	if (begins(s, anchor, 7, "openssh-key-v1", out) &&
	    is_openssh(s, out->at)) {
		out->what = "an OpenSSH key";
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(gnupg); i++)
		if (begins(s, anchor, gnupg[i].back, gnupg[i].text, out) &&
		    is_alnum(s, out->at + out->len)) {
			out->what = "a GnuPG key";
			return true;
		}
	if (begins(s, anchor, 5, "\"pawl-key-1\"", out) &&
	    is_ours(slice_sub(s, from, 2 * NEAR))) {
		out->what = "a key file of Pawl";
		return true;
	}
	return false;
}

/* ---- PuTTY, age, WireGuard ----------------------------------------------- */

bool secrets_putty(struct slice s, size_t anchor, struct secret *out)
{
	if (!begins(s, anchor, 3, "PuTTY-User-Key-File-", out))
		return false;
	out->what = "a PuTTY key";
	return is_alnum(s, out->at + out->len) &&
	       contains(slice_sub(s, out->at, NEAR), "Private-Lines:");
}

/* Bech32 (BIP 173): 58 letters after the 1 for an X25519 identity. */
bool secrets_age(struct slice s, size_t anchor, struct secret *out)
{
	struct slice data;
	size_t run = 0;

	if (!begins(s, anchor, 13, "AGE-SECRET-KEY-", out))
		return false;
	data = slice_sub(s, out->at + 15, 2200);
	if (has(data, 0, "PQ-"))
		data = slice_sub(data, 3, data.len);
	if (!has(data, 0, "1"))
		return false;
	data = slice_sub(data, 1, data.len);
	while (run < data.len && data.ptr[run] != 0 &&
	       strchr("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", data.ptr[run]))
		run++;
	out->what = "an age key";
	return run >= 50;
}

bool secrets_wireguard(struct slice s, size_t anchor, struct secret *out)
{
	size_t run = 0;
	struct slice value;

	if (!begins(s, anchor, 6, "PrivateKey", out))
		return false;
	value = slice_sub(s, out->at + out->len, 64);
	while (value.len > 0 && (value.ptr[0] == ' ' || value.ptr[0] == '='))
		value = slice_sub(value, 1, value.len);
	while (run < value.len && base64_value(value.ptr[run]) >= 0)
		run++;
	out->what = "a WireGuard key";
	out->len += 48;
	return run == 43 && has(value, 43, "=");
}

/* ---- JWK ----------------------------------------------------------------- */

/* Back to the brace that opens the object, ahead to the one that ends it. */
static struct slice object_around(struct slice s, size_t anchor, size_t *at)
{
	size_t first = anchor, end = anchor, depth = 0;

	while (first > 0 && anchor - first < NEAR) {
		first--;
		if (s.ptr[first] == '}')
			depth++;
		else if (s.ptr[first] == '{' && depth-- == 0)
			break;
	}
	for (depth = 0; end < s.len && end - anchor < NEAR; end++)
		if (s.ptr[end] == '{')
			depth++;
		else if (s.ptr[end] == '}' && depth-- == 0)
			break;
	*at = first;
	return slice_sub(s, first, end - first);
}

static bool is_quote(uint8_t c)
{
	return c == '"' || c == '\'' || c == '\\';
}

/* The value of a member, as far as quotes, colons and blanks are before it. */
static struct slice member(struct slice object, char name)
{
	for (size_t i = 1; i + 1 < object.len; i++) {
		struct slice value;

		if (object.ptr[i] != (uint8_t)name ||
		    !is_quote(object.ptr[i - 1]) ||
		    !is_quote(object.ptr[i + 1]))
			continue;
		value = slice_sub(object, i + 1, object.len);
		while (value.len > 0 &&
		       (is_quote(value.ptr[0]) || is_blank(value.ptr[0]) ||
			value.ptr[0] == ':'))
			value = slice_sub(value, 1, value.len);
		return value;
	}
	return (struct slice){ NULL, 0 };
}

/* "kty" with "d" (RFC 7518: EC, OKP and RSA), or "k" of a symmetric key. */
bool secrets_jwk(struct slice s, size_t anchor, struct secret *out)
{
	struct slice object;

	if (anchor == 0 || !is_quote(s.ptr[anchor - 1]) ||
	    !has(s, anchor, "kty") || s.len - anchor < 4 ||
	    !is_quote(s.ptr[anchor + 3]))
		return false;
	object = object_around(s, anchor, &out->at);
	out->len = object.len;
	out->what = "a private JWK";
	if (base64_run(member(object, 'd')) >= BASE64_RUN_MIN)
		return true;
	out->what = "a symmetric JWK";
	return contains(object, "oct") && base64_run(member(object, 'k')) >= 22;
}

/* ---- OpenPGP ------------------------------------------------------------- */

static uint16_t be16(struct slice s, size_t at)
{
	if (at + 1 >= s.len)
		return 0;
	return (uint16_t)((unsigned)s.ptr[at] << 8 | s.ptr[at + 1]);
}

/* The packet's tag, and where its contents begin; 0 for no packet. */
static unsigned packet(struct slice s, size_t *at)
{
	static const uint8_t old_lengths[] = { 2, 3, 5, 0 };

	if (s.len < 16 || (s.ptr[0] & 0x80) == 0)
		return 0;
	if ((s.ptr[0] & 0x40) == 0) {
		*at = old_lengths[s.ptr[0] & 3];
		return *at == 0 ? 0 : s.ptr[0] >> 2 & 15;
	}
	*at = s.ptr[1] < 192 ? 2 : s.ptr[1] < 224 ? 3 : 6;
	return s.ptr[0] & 63;
}

/* A number whose length in bits is exact, as it must be. */
static bool is_mpi(struct slice s, size_t at, unsigned min, unsigned max)
{
	unsigned bits = be16(s, at);
	uint8_t top;

	if (bits < min || bits > max || at + 2 >= s.len)
		return false;
	top = s.ptr[at + 2];
	return top >> ((bits - 1) % 8) == 1;
}

static bool is_curve(struct slice s, size_t at)
{
	return at + 1 < s.len && s.ptr[at] >= 3 && s.ptr[at] <= 20 &&
	       (s.ptr[at + 1] == 0x2b || s.ptr[at + 1] == 0x2a);
}

bool secrets_openpgp(struct slice start)
{
	size_t at = 0;
	unsigned tag = packet(start, &at);

	if ((tag != 5 && tag != 7) || at + 8 >= start.len || start.ptr[at] != 4)
		return false;
	switch (start.ptr[at + 5]) {
	case 1: /* RSA */
	case 2:
	case 3:
	case 16: /* Elgamal, DSA */
	case 17:
		return is_mpi(start, at + 6, 512, 16384);
	case 18: /* ECDH, ECDSA, EdDSA */
	case 19:
	case 22:
		return is_curve(start, at + 6);
	default:
		return false;
	}
}
