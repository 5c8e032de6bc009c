/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/secrets_der.h"

#include <string.h>

#include "common/der.h"

#define RSA_MIN_LEN 48 /* of a modulus: 384 bits */
#define KEY_MIN_LEN 16
#define LEN_OF_LEN  3

/* An element's contents; they may reach past the slice. */
struct element {
	uint8_t tag;
	size_t at, len;
};

static size_t end_of(const struct element *x)
{
	return x->at + x->len;
}

/* Only definite lengths in their shortest form, as DER has them. */
static bool element_at(struct slice s, size_t at, struct element *x)
{
	size_t count, len = 0;

	if (at > s.len || s.len - at < 2)
		return false;
	x->tag = s.ptr[at];
	count = s.ptr[at + 1];
	if (count < 0x80) {
		x->at = at + 2;
		x->len = count;
		return true;
	}
	count -= 0x80;
	if (count > LEN_OF_LEN || s.len - at - 2 < count)
		return false;
	for (size_t i = 0; i < count; i++)
		len = len << 8 | s.ptr[at + 2 + i];
	/* Without a length it is 0 here. */
	if (len < 0x80 || len >> 8 * (count - 1) == 0)
		return false;
	x->at = at + 2 + count;
	x->len = len;
	return true;
}

static bool tagged(struct slice s, size_t at, uint8_t tag, struct element *x)
{
	return element_at(s, at, x) && x->tag == tag;
}

/* The SEQUENCE whose contents begin at `at`, and where its own tag is. */
static bool around(struct slice s, size_t at, struct element *x, size_t *tag_at)
{
	for (size_t back = 2; back <= 2 + LEN_OF_LEN && back <= at; back++)
		if (tagged(s, at - back, DER_SEQUENCE, x) && x->at == at) {
			*tag_at = at - back;
			return true;
		}
	return false;
}

static bool has(struct slice s, size_t at, const char *bytes, size_t len)
{
	return at <= s.len && s.len - at >= len &&
	       memcmp(s.ptr + at, bytes, len) == 0;
}

/* ---- PKCS#8 -------------------------------------------------------------- */

struct algorithm {
	const char *what;
	const char *oid;
	size_t len;
};

#define ALGORITHM(what, oid)                                                   \
	{                                                                      \
		(what), (oid), sizeof(oid) - 1                                 \
	}

static const struct algorithm algorithms[] = {
	ALGORITHM("a PKCS#8 EC key", "\x2a\x86\x48\xce\x3d\x02\x01"),
	ALGORITHM("a PKCS#8 RSA key", "\x2a\x86\x48\x86\xf7\x0d\x01\x01"),
	ALGORITHM("a PKCS#8 Ed25519 key", "\x2b\x65\x70"),
	ALGORITHM("a PKCS#8 X25519 key", "\x2b\x65\x6e"),
};

static const char *algorithm_name(struct slice s, const struct element *oid)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (has(s, oid->at, algorithms[i].oid, algorithms[i].len))
			return algorithms[i].what;
	return "a PKCS#8 key";
}

/* What may follow the key within its SEQUENCE: attributes, public key. */
static bool may_follow(struct slice s, size_t at, size_t end)
{
	if (at >= end || at >= s.len)
		return at <= end;
	return s.ptr[at] == DER_EXPLICIT(0) || s.ptr[at] == DER_CONTEXT(1) ||
	       s.ptr[at] == DER_EXPLICIT(1);
}

/*
 * Programs carry the bytes in front of a key as a constant, with other things
 * behind: zeroes, text or the next such constant. A key repeats few of its
 * bytes, and half of them are above 127: of the shortest, 32 bytes, one in
 * 2^32 has none that is.
 */
static bool is_varied(struct slice s, const struct element *key)
{
	struct slice bytes = slice_sub(s, key->at, 34);
	unsigned repeated = 0, high = 0;

	for (size_t i = 0; i < bytes.len; i++) {
		repeated += memchr(bytes.ptr, bytes.ptr[i], i) != NULL;
		high += bytes.ptr[i] >> 7;
	}
	return bytes.len >= KEY_MIN_LEN && repeated <= 12 && high > 0;
}

/* From the algorithm on: SEQUENCE { OID, ... }, OCTET STRING. */
static const char *is_pkcs8(struct slice s, size_t at, size_t end)
{
	struct element algorithm, oid, key;

	if (!tagged(s, at, DER_SEQUENCE, &algorithm) ||
	    !tagged(s, algorithm.at, DER_OID, &oid) || oid.len < 3 ||
	    end_of(&oid) > end_of(&algorithm) ||
	    !tagged(s, end_of(&algorithm), DER_OCTET_STRING, &key) ||
	    key.len < KEY_MIN_LEN || !may_follow(s, end_of(&key), end) ||
	    !is_varied(s, &key))
		return NULL;
	return algorithm_name(s, &oid);
}

/* ---- SEC1, PKCS#1, DSA --------------------------------------------------- */

static const char *is_sec1(struct slice s, size_t at, size_t end)
{
	struct element scalar, more, inner;

	if (!tagged(s, at, DER_OCTET_STRING, &scalar) || scalar.len < 20 ||
	    scalar.len > 72 || end_of(&scalar) > end)
		return NULL;
	if (end_of(&scalar) == end)
		return scalar.len >= 28 ? "a SEC1 EC key" : NULL;
	if (tagged(s, end_of(&scalar), DER_EXPLICIT(0), &more) &&
	    (tagged(s, more.at, DER_OID, &inner) ||
	     tagged(s, more.at, DER_SEQUENCE, &inner)) &&
	    end_of(&inner) == end_of(&more) && end_of(&more) <= end)
		return "a SEC1 EC key";
	if (tagged(s, end_of(&scalar), DER_EXPLICIT(1), &more) &&
	    tagged(s, more.at, DER_BIT_STRING, &inner) &&
	    end_of(&inner) == end_of(&more) && end_of(&more) == end)
		return "a SEC1 EC key";
	return NULL;
}

/* Integers one after the other, each of a length within its range. */
struct range {
	size_t min, max;
};

static bool integers(struct slice s, size_t at, size_t end,
		     const struct range *want, size_t count)
{
	struct element x;

	for (size_t i = 0; i < count; i++) {
		if (!tagged(s, at, DER_INTEGER, &x) || x.len < want[i].min ||
		    x.len > want[i].max || end_of(&x) > end)
			return false;
		at = end_of(&x);
	}
	return true;
}

/* n, e, d (RFC 8017, A.1.2): the next integer is looked for where it fits. */
static const char *is_rsa(struct slice s, size_t at, size_t end)
{
	struct element n;
	struct range want[3] = { { RSA_MIN_LEN, 4096 }, { 1, 9 }, { 16, 0 } };

	if (!tagged(s, at, DER_INTEGER, &n))
		return NULL;
	want[2].max = n.len;
	return integers(s, at, end, want, ARRAY_LEN(want)) ? "a PKCS#1 RSA key"
							   : NULL;
}

static const char *is_dsa(struct slice s, size_t at, size_t end)
{
	/* p, q, g, y, x as OpenSSL writes them. */
	static const struct range want[] = {
		{ 64, 2049 }, { 20, 33 }, { 1, 2049 }, { 60, 2049 }, { 1, 33 },
	};

	return integers(s, at, end, want, ARRAY_LEN(want)) ? "a DSA key" : NULL;
}

/* ---- encrypted PKCS#8, PKCS#12 ------------------------------------------- */

/* Of PKCS#5, all but PBMAC1, which guards and does not encrypt. */
static bool encrypts(struct slice s, const struct element *oid)
{
	static const char pkcs5[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x05";
	static const char pkcs12[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01";
	static const char jks[] = "\x2b\x06\x01\x04\x01\x2a\x02\x11\x01\x01";
	static const char jceks[] = "\x2b\x06\x01\x04\x01\x2a\x02\x13\x01";

	if (oid->len > s.len - oid->at)
		return false;
	switch (oid->len) {
	case 9:
		return has(s, oid->at, jceks, 9) ||
		       (has(s, oid->at, pkcs5, 8) && s.ptr[oid->at + 8] != 14);
	case 10:
		return has(s, oid->at, pkcs12, 9) || has(s, oid->at, jks, 10);
	default:
		return false;
	}
}

/* SEQUENCE { SEQUENCE { OID, ... }, OCTET STRING }, and nothing more. */
static bool is_encrypted(struct slice s, size_t anchor, struct secret *out)
{
	struct element oid, algorithm, outer, key;
	size_t inner_at;

	if (!tagged(s, anchor, DER_OID, &oid) || !encrypts(s, &oid) ||
	    !around(s, anchor, &algorithm, &inner_at) ||
	    !around(s, inner_at, &outer, &out->at) ||
	    !tagged(s, end_of(&algorithm), DER_OCTET_STRING, &key) ||
	    key.len < KEY_MIN_LEN || end_of(&key) != end_of(&outer))
		return false;
	out->what = "an encrypted PKCS#8 key";
	out->len = end_of(&outer) - out->at;
	return true;
}

/* Version 3, then SEQUENCE { OID of PKCS#7 data or signed data, ... }. */
static bool is_store(struct slice s, size_t at)
{
	static const char pkcs7[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07";
	struct element content;
	size_t oid;

	if (has(s, at, "\x30\x80", 2))
		oid = at + 2;
	else if (tagged(s, at, DER_SEQUENCE, &content))
		oid = content.at;
	else
		return false;
	return has(s, oid, pkcs7, 10) && s.len - oid > 10 &&
	       (s.ptr[oid + 10] == 1 || s.ptr[oid + 10] == 2);
}

static bool is_pkcs12(struct slice s, size_t anchor, struct secret *out)
{
	struct element outer;

	if (!is_store(s, anchor + 3))
		return false;
	out->what = "a PKCS#12 store";
	if (around(s, anchor, &outer, &out->at)) {
		out->len = end_of(&outer) - out->at;
		return true;
	}
	if (anchor < 2 || !has(s, anchor - 2, "\x30\x80", 2))
		return false;
	out->at = anchor - 2;
	out->len = s.len - out->at;
	return true;
}

/* ---- all of them --------------------------------------------------------- */

static const char *by_version(struct slice s, size_t anchor, size_t end)
{
	size_t at = anchor + 3;
	const char *what;

	switch (s.ptr[anchor + 2]) {
	case 0:
		what = is_pkcs8(s, at, end);
		if (!what)
			what = is_rsa(s, at, end);
		return what ? what : is_dsa(s, at, end);
	case 1:
		what = is_pkcs8(s, at, end);
		return what ? what : is_sec1(s, at, end);
	default:
		return NULL;
	}
}

bool secrets_der(struct slice s, size_t anchor, struct secret *out)
{
	struct element outer;

	if (anchor >= s.len || s.len - anchor < 4)
		return false;
	if (s.ptr[anchor] == DER_OID)
		return is_encrypted(s, anchor, out);
	if (!has(s, anchor, "\x02\x01", 2))
		return false;
	if (s.ptr[anchor + 2] == 3)
		return is_pkcs12(s, anchor, out);
	if (!around(s, anchor, &outer, &out->at))
		return false;
	out->what = by_version(s, anchor, end_of(&outer));
	out->len = end_of(&outer) - out->at;
	return out->what != NULL;
}
