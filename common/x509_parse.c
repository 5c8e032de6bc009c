/* SPDX-License-Identifier: Apache-2.0 */
#include "common/x509_parse.h"

#include <stdio.h>
#include <string.h>

#include "common/der.h"
#include "common/utc.h"
#include "common/x509_oid.h"

#define SERIAL_MAX_LEN 20 /* RFC 5280, 4.1.2.2 */

/* A BOOLEAN that has the default FALSE: DER writes it only when TRUE. */
static bool read_true(struct rd *r)
{
	struct slice s;

	if (!der_next_is(r, DER_BOOLEAN))
		return false;
	s = der_read(r, DER_BOOLEAN);
	if (s.len != 1 || s.ptr[0] != 0xff)
		r->bad = true;
	return !r->bad;
}

/* A nested reader must have been used up; failure spreads to the outer one. */
static void leave(struct rd *outer, const struct rd *inner)
{
	if (inner->bad || inner->rest.len > 0)
		outer->bad = true;
}

/* ---- names, times, keys -------------------------------------------------- */

static void read_text(struct rd *r, char out[X509_NAME_MAX_LEN + 1])
{
	uint8_t tag = der_next_is(r, DER_UTF8_STRING) ? DER_UTF8_STRING
						      : DER_PRINTABLE_STRING;
	struct slice s = der_read(r, tag);

	if (s.len == 0 || s.len > X509_NAME_MAX_LEN || out[0]) {
		r->bad = true;
		return;
	}
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < ' ' || s.ptr[i] > '~')
			r->bad = true;
	memcpy(out, s.ptr, s.len);
	out[s.len] = 0;
}

/* AttributeTypeAndValue; out gets a common name, of which one is allowed. */
static void read_attribute(struct rd *set, char out[X509_NAME_MAX_LEN + 1])
{
	struct rd pair = der_enter(set, DER_SEQUENCE);
	struct slice type = der_read(&pair, DER_OID);
	uint8_t tag;

	if (slice_equal(type, OID(oid_common_name)))
		read_text(&pair, out);
	else
		(void)der_read_any(&pair, &tag);
	leave(set, &pair);
}

/* A whole Name, header included. */
static struct slice read_name(struct rd *r, char out[X509_NAME_MAX_LEN + 1])
{
	struct slice from = r->rest;
	struct rd name = der_enter(r, DER_SEQUENCE);

	out[0] = 0;
	while (!name.bad && name.rest.len > 0) {
		struct rd set = der_enter(&name, DER_SET);

		do
			read_attribute(&set, out);
		while (!set.bad && set.rest.len > 0);
		leave(&name, &set);
	}
	leave(r, &name);
	if (r->bad)
		return (struct slice){ 0 };
	return slice_sub(from, 0, from.len - r->rest.len);
}

/*
 * UTCTime up to 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5), both to
 * the second and in UTC.
 */
static int64_t read_time(struct rd *r)
{
	bool is_short = der_next_is(r, DER_UTC_TIME);
	struct slice s =
		der_read(r, is_short ? DER_UTC_TIME : DER_GENERALIZED_TIME);
	const char *century = "";
	char text[UTC_TEXT_LEN];
	struct err ignored;
	int64_t sec = 0;

	if (s.len != (is_short ? 13 : 15)) {
		r->bad = true;
		return 0;
	}
	if (is_short)
		century = s.ptr[0] < '5' ? "20" : "19";
	else if (memcmp(s.ptr, "2050", 4) < 0)
		r->bad = true;
	(void)snprintf(text, sizeof(text), "%s%.*s-%.2s-%.2sT%.2s:%.2s:%.3s",
		       century, is_short ? 2 : 4, s.ptr, s.ptr + s.len - 11,
		       s.ptr + s.len - 9, s.ptr + s.len - 7, s.ptr + s.len - 5,
		       s.ptr + s.len - 3);
	if (utc_parse(slice_of(text), &sec, &ignored))
		r->bad = true;
	return sec;
}

static int read_key(struct rd *r, struct ec_public *out, struct err *e)
{
	uint8_t tag;

	return ec_public_from_spki(der_read_any(r, &tag), out, e);
}

/* ---- extensions ---------------------------------------------------------- */

static void read_constraints(struct rd *r, struct x509_cert *out)
{
	struct rd in = der_enter(r, DER_SEQUENCE);

	out->has_constraints = true;
	out->is_ca = read_true(&in);
	if (out->is_ca && der_next_is(&in, DER_INTEGER))
		(void)der_read_unsigned(&in);
	leave(r, &in);
}

static void read_usage(struct rd *r, struct x509_cert *out)
{
	struct slice s = der_read(r, DER_BIT_STRING);

	if (s.len < 2 || s.len > 3 || s.ptr[0] > 7 || s.ptr[1] == 0) {
		r->bad = true;
		return;
	}
	out->usage = s.ptr[1];
}

static void read_purposes(struct rd *r, struct x509_cert *out)
{
	struct rd in = der_enter(r, DER_SEQUENCE);

	do {
		struct slice purpose = der_read(&in, DER_OID);

		if (slice_equal(purpose, OID(oid_server_auth)))
			out->server_auth = true;
		else if (slice_equal(purpose, OID(oid_client_auth)))
			out->client_auth = true;
		else
			out->other_purpose = true;
	} while (!in.bad && in.rest.len > 0);
	leave(r, &in);
}

static void read_subject_id(struct rd *r, struct x509_cert *out)
{
	out->subject_id = der_read(r, DER_OCTET_STRING);
	if (out->subject_id.len == 0)
		r->bad = true;
}

static void read_issuer_id(struct rd *r, struct x509_cert *out)
{
	struct rd in = der_enter(r, DER_SEQUENCE);
	uint8_t tag;

	if (der_next_is(&in, DER_CONTEXT(0)))
		out->issuer_id = der_read(&in, DER_CONTEXT(0));
	while (!in.bad && in.rest.len > 0)
		(void)der_read_any(&in, &tag);
	leave(r, &in);
}

/* Names are matched by the TLS library of whoever connects, not by us. */
static void read_alt_names(struct rd *r, struct x509_cert *out)
{
	out->alt_names = der_read(r, DER_SEQUENCE);
}

static const struct extension {
	struct slice oid;
	void (*read)(struct rd *r, struct x509_cert *out);
} extensions[] = {
	{ { oid_subject_key_id, sizeof(oid_subject_key_id) }, read_subject_id },
	{ { oid_key_usage, sizeof(oid_key_usage) }, read_usage },
	{ { oid_subject_alt_name, sizeof(oid_subject_alt_name) },
	  read_alt_names },
	{ { oid_basic_constraints, sizeof(oid_basic_constraints) },
	  read_constraints },
	{ { oid_authority_key_id, sizeof(oid_authority_key_id) },
	  read_issuer_id },
	{ { oid_ext_key_usage, sizeof(oid_ext_key_usage) }, read_purposes },
};

/* *seen has a bit for each known extension: none may come twice. */
static void read_extension(struct rd *list, unsigned *seen,
			   struct x509_cert *out)
{
	struct rd one = der_enter(list, DER_SEQUENCE);
	struct slice oid = der_read(&one, DER_OID);
	struct rd value;
	size_t i = 0;

	(void)read_true(&one); /* critical: we know it or we say so anyway */
	value = rd_init(der_read(&one, DER_OCTET_STRING));
	leave(list, &one);
	while (i < ARRAY_LEN(extensions) &&
	       !slice_equal(oid, extensions[i].oid))
		i++;
	if (i == ARRAY_LEN(extensions)) {
		out->has_unknown = true;
		return;
	}
	if (*seen & 1u << i)
		list->bad = true;
	*seen |= 1u << i;
	extensions[i].read(&value, out);
	leave(list, &value);
}

static void read_extensions(struct rd *tbs, struct x509_cert *out)
{
	struct rd outer = der_enter(tbs, DER_EXPLICIT(3));
	struct rd list = der_enter(&outer, DER_SEQUENCE);
	unsigned seen = 0;

	do
		read_extension(&list, &seen, out);
	while (!list.bad && list.rest.len > 0);
	leave(&outer, &list);
	leave(tbs, &outer);
}

/* ---- certificates -------------------------------------------------------- */

static void read_version_3(struct rd *tbs)
{
	struct rd version = der_enter(tbs, DER_EXPLICIT(0));
	struct slice number = der_read_unsigned(&version);

	if (number.len != 1 || number.ptr[0] != 2)
		tbs->bad = true;
	leave(tbs, &version);
}

static int parse_tbs(struct slice whole, struct slice *algorithm,
		     struct x509_cert *out, struct err *e)
{
	struct rd r = rd_init(whole);
	struct rd tbs = der_enter(&r, DER_SEQUENCE);
	char issuer_name[X509_NAME_MAX_LEN + 1];
	struct rd validity;
	uint8_t tag;

	read_version_3(&tbs);
	if (der_read_unsigned(&tbs).len > SERIAL_MAX_LEN)
		tbs.bad = true;
	*algorithm = der_read_any(&tbs, &tag);
	out->issuer = read_name(&tbs, issuer_name);
	validity = der_enter(&tbs, DER_SEQUENCE);
	out->not_before = read_time(&validity);
	out->not_after = read_time(&validity);
	leave(&tbs, &validity);
	out->subject = read_name(&tbs, out->common_name);
	if (!tbs.bad && read_key(&tbs, &out->public_key, e))
		return -1;
	read_extensions(&tbs, out);
	return rd_finish(&tbs, e);
}

int x509_parse_cert(struct slice der, struct x509_cert *out, struct err *e)
{
	struct slice ours = { alg_ecdsa_sha256, sizeof(alg_ecdsa_sha256) };
	struct slice inner = { 0 }, outer;
	struct x509_cert c = { .usage = 0 };
	struct rd whole = rd_init(der);
	struct rd r = der_enter(&whole, DER_SEQUENCE);
	uint8_t tag;

	c.tbs = der_read_any(&r, &tag);
	outer = der_read_any(&r, &tag);
	c.signature = der_read_bits(&r);
	if (rd_finish(&r, e) || rd_finish(&whole, e) ||
	    parse_tbs(c.tbs, &inner, &c, e))
		return err_in(e, "certificate");
	if (!slice_equal(inner, outer))
		return err_set(e, ERR_FORMAT,
			       "certificate: names two signature algorithms");
	c.ecdsa_sha256 = slice_equal(inner, ours);
	*out = c;
	return 0;
}

/* ---- requests ------------------------------------------------------------ */

static int parse_request_info(struct slice whole, struct x509_csr *out,
			      struct err *e)
{
	struct rd r = rd_init(whole);
	struct rd info = der_enter(&r, DER_SEQUENCE);
	char name[X509_NAME_MAX_LEN + 1];

	if (der_read_unsigned(&info).len != 0)
		info.bad = true;
	(void)read_name(&info, name);
	if (!info.bad && read_key(&info, &out->public_key, e))
		return -1;
	/* Attributes are what somebody wishes for; nobody reads them. */
	(void)der_read(&info, DER_EXPLICIT(0));
	return rd_finish(&info, e);
}

int x509_parse_csr(struct slice der, struct x509_csr *out, struct err *e)
{
	struct slice ours = { alg_ecdsa_sha256, sizeof(alg_ecdsa_sha256) };
	struct x509_csr c = { .info = { 0 } };
	struct rd whole = rd_init(der);
	struct rd r = der_enter(&whole, DER_SEQUENCE);
	struct slice algorithm;
	uint8_t tag;

	c.info = der_read_any(&r, &tag);
	algorithm = der_read_any(&r, &tag);
	c.signature = der_read_bits(&r);
	if (rd_finish(&r, e) || rd_finish(&whole, e) ||
	    parse_request_info(c.info, &c, e))
		return err_in(e, "certificate request");
	if (!slice_equal(algorithm, ours))
		return err_set(e, ERR_FORMAT,
			       "certificate request: not ecdsa-with-SHA256");
	*out = c;
	return 0;
}
