/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of x509.h: our own templates, field by field. */
#include "common/x509.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/der.h"
#include "common/pem.h"
#include "common/random.h"
#include "common/x509_oid.h"
#include "common/x509_parse.h"

#define SERIAL_LEN  16
#define DNS_MAX_LEN 253
#define LABEL_MAX   63
#define FIRST_2050  INT64_C(2524608000)   /* 2050-01-01T00:00:00Z */
#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Who signs: what of it goes into the new certificate. */
struct issuer {
	struct slice name; /* DER; empty: the new subject itself */
	struct slice key_id;
};

/* ---- checks -------------------------------------------------------------- */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static int check_common_name(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 0 || len > X509_NAME_MAX_LEN)
		return err_set(e, ERR_FORMAT, "common name has 1 to %d letters",
			       X509_NAME_MAX_LEN);
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(name[i]) && !strchr(" .-:", name[i]))
			return err_set(e, ERR_FORMAT,
				       "common name: letters, digits, space, "
				       "'.', '-', ':'");
	return 0;
}

/* Letters, digits and inner hyphens, in labels of at most 63. */
static bool is_dns_name(const char *name)
{
	size_t len = strlen(name), label = 0;

	for (size_t i = 0; i < len; i++) {
		bool edge = label == 0 || i + 1 == len || name[i + 1] == '.';

		if (name[i] == '.' && label > 0) {
			label = 0;
			continue;
		}
		if (!is_alnum(name[i]) && (name[i] != '-' || edge))
			return false;
		if (++label > LABEL_MAX)
			return false;
	}
	return label > 0 && len <= DNS_MAX_LEN;
}

static int check_template(const struct x509_template *t, bool self_signed,
			  struct err *e)
{
	if (check_common_name(t->common_name, e))
		return -1;
	if (t->not_before < 0 || t->not_after < t->not_before ||
	    t->not_after > LAST_SECOND)
		return err_set(e, ERR_FORMAT,
			       "certificate would never be "
			       "valid");
	if (t->kind == X509_SERVER && (!t->names || !t->names[0]))
		return err_set(e, ERR_FORMAT, "a server needs a name");
	if (!self_signed && (t->kind == X509_CA || t->kind == X509_PERSON))
		return err_set(e, ERR_REFUSED,
			       "only servers and devices have an issuer");
	return 0;
}

/* ---- fields -------------------------------------------------------------- */

static void put_serial(struct der_writer *w)
{
	uint8_t serial[SERIAL_LEN];

	random_bytes(serial, sizeof(serial));
	der_put_unsigned(w, (struct slice){ serial, sizeof(serial) });
}

static void put_name(struct der_writer *w, const char *common_name)
{
	size_t name = der_begin(w, DER_SEQUENCE);
	size_t set = der_begin(w, DER_SET);
	size_t pair = der_begin(w, DER_SEQUENCE);

	der_put(w, DER_OID, OID(oid_common_name));
	der_put_text(w, DER_UTF8_STRING, common_name);
	der_end(w, pair);
	der_end(w, set);
	der_end(w, name);
}

/* UTCTime has two digits for the year and ends in 2049 (RFC 5280, 4.1.2.5). */
static void put_time(struct der_writer *w, int64_t sec)
{
	bool is_short = sec < FIRST_2050;
	char iso[UTC_TEXT_LEN], text[UTC_TEXT_LEN];
	size_t n = 0;

	utc_format(sec, iso);
	for (const char *c = iso; *c; c++)
		if (*c != '-' && *c != ':' && *c != 'T')
			text[n++] = *c;
	text[n] = 0;
	der_put_text(w, is_short ? DER_UTC_TIME : DER_GENERALIZED_TIME,
		     is_short ? text + 2 : text);
}

static void put_validity(struct der_writer *w, const struct x509_template *t)
{
	size_t begin = der_begin(w, DER_SEQUENCE);

	put_time(w, t->not_before);
	put_time(w, t->not_after);
	der_end(w, begin);
}

static void put_key(struct der_writer *w, const struct ec_public *key)
{
	uint8_t spki[EC_SPKI_LEN];

	ec_public_to_spki(key, spki);
	der_put_raw(w, (struct slice){ spki, sizeof(spki) });
}

/* RFC 7093, 2 (1): the first 160 bits of the SHA-256 of the key. */
static void key_id_of(const struct ec_public *key, struct sha256 *id)
{
	sha256_of((struct slice){ key->point, EC_POINT_LEN }, id);
}

/* ---- extensions ---------------------------------------------------------- */

static void put_true(struct der_writer *w)
{
	static const uint8_t yes = 0xff;

	der_put(w, DER_BOOLEAN, (struct slice){ &yes, 1 });
}

struct extension {
	size_t whole, value;
};

static struct extension begin_extension(struct der_writer *w, struct slice oid,
					bool critical)
{
	struct extension x = { .whole = der_begin(w, DER_SEQUENCE) };

	der_put(w, DER_OID, oid);
	if (critical)
		put_true(w);
	x.value = der_begin(w, DER_OCTET_STRING);
	return x;
}

static void end_extension(struct der_writer *w, struct extension x)
{
	der_end(w, x.value);
	der_end(w, x.whole);
}

static void put_constraints(struct der_writer *w, bool is_ca)
{
	struct extension x =
		begin_extension(w, OID(oid_basic_constraints), true);
	size_t begin = der_begin(w, DER_SEQUENCE);

	if (is_ca) {
		put_true(w);
		der_put_unsigned(w, (struct slice){ 0 }); /* path length 0 */
	}
	der_end(w, begin);
	end_extension(w, x);
}

static void put_usage(struct der_writer *w, bool is_ca)
{
	static const uint8_t ca[] = { 1, X509_USAGE_CERT_SIGN |
						 X509_USAGE_CRL_SIGN };
	static const uint8_t leaf[] = { 7, X509_USAGE_SIGN };
	struct extension x = begin_extension(w, OID(oid_key_usage), true);

	/* First the number of unused bits. */
	der_put(w, DER_BIT_STRING, is_ca ? OID(ca) : OID(leaf));
	end_extension(w, x);
}

static void put_purpose(struct der_writer *w, enum x509_kind kind)
{
	struct extension x;
	size_t begin;

	if (kind == X509_CA)
		return;
	x = begin_extension(w, OID(oid_ext_key_usage), false);
	begin = der_begin(w, DER_SEQUENCE);
	der_put(w, DER_OID,
		kind == X509_SERVER ? OID(oid_server_auth)
				    : OID(oid_client_auth));
	der_end(w, begin);
	end_extension(w, x);
}

static void put_key_ids(struct der_writer *w, struct slice subject,
			struct slice issuer)
{
	struct extension x = begin_extension(w, OID(oid_subject_key_id), false);
	size_t begin;

	der_put(w, DER_OCTET_STRING, subject);
	end_extension(w, x);
	x = begin_extension(w, OID(oid_authority_key_id), false);
	begin = der_begin(w, DER_SEQUENCE);
	der_put(w, DER_CONTEXT(0), issuer);
	der_end(w, begin);
	end_extension(w, x);
}

/* GeneralName: [2] dNSName or [7] iPAddress. */
static int put_alt_name(struct der_writer *w, const char *name, struct err *e)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, name, &v4) == 1)
		der_put(w, DER_CONTEXT(7),
			(struct slice){ (const uint8_t *)&v4, sizeof(v4) });
	else if (inet_pton(AF_INET6, name, &v6) == 1)
		der_put(w, DER_CONTEXT(7),
			(struct slice){ (const uint8_t *)&v6, sizeof(v6) });
	else if (is_dns_name(name))
		der_put(w, DER_CONTEXT(2), slice_of(name));
	else
		return err_set(e, ERR_FORMAT,
			       "neither a DNS name nor an address");
	return 0;
}

static int put_alt_names(struct der_writer *w, const struct x509_template *t,
			 struct err *e)
{
	struct extension x;
	size_t begin;

	if (t->kind != X509_SERVER)
		return 0;
	x = begin_extension(w, OID(oid_subject_alt_name), false);
	begin = der_begin(w, DER_SEQUENCE);
	for (size_t i = 0; t->names[i]; i++)
		if (put_alt_name(w, t->names[i], e))
			return -1;
	der_end(w, begin);
	end_extension(w, x);
	return 0;
}

static int put_extensions(struct der_writer *w, const struct x509_template *t,
			  struct slice key_id, struct slice issuer_id,
			  struct err *e)
{
	size_t outer = der_begin(w, DER_EXPLICIT(3));
	size_t list = der_begin(w, DER_SEQUENCE);

	put_constraints(w, t->kind == X509_CA);
	put_usage(w, t->kind == X509_CA);
	put_purpose(w, t->kind);
	put_key_ids(w, key_id, issuer_id);
	if (put_alt_names(w, t, e))
		return -1;
	der_end(w, list);
	der_end(w, outer);
	return 0;
}

/* ---- certificates -------------------------------------------------------- */

static int format_tbs(const struct x509_template *t,
		      const struct ec_public *subject,
		      const struct issuer *issuer, struct buf *out,
		      struct err *e)
{
	static const uint8_t version_3 = 2;
	struct der_writer w = der_writer(out);
	struct sha256 id;
	struct slice key_id = { id.bytes, X509_KEY_ID_LEN };
	bool self = issuer->name.len == 0;
	size_t whole = der_begin(&w, DER_SEQUENCE);
	size_t version = der_begin(&w, DER_EXPLICIT(0));

	der_put_unsigned(&w, (struct slice){ &version_3, 1 });
	der_end(&w, version);
	put_serial(&w);
	der_put_raw(&w, OID(alg_ecdsa_sha256));
	if (self)
		put_name(&w, t->common_name);
	else
		der_put_raw(&w, issuer->name);
	put_validity(&w, t);
	put_name(&w, t->common_name);
	put_key(&w, subject);
	key_id_of(subject, &id);
	if (put_extensions(&w, t, key_id, self ? key_id : issuer->key_id, e))
		return -1;
	der_end(&w, whole);
	return der_finish(&w, e);
}

/* SEQUENCE { what is signed, algorithm, signature }, then as PEM. */
static int sign_and_format(struct slice body, const char *label,
			   const struct ec_private *key, struct buf *pem,
			   struct err *e)
{
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	struct der_writer w = der_writer(&der);
	size_t begin;
	int rc = -1;

	if (ec_sign(key, body, &sig, e))
		goto out;
	begin = der_begin(&w, DER_SEQUENCE);
	der_put_raw(&w, body);
	der_put_raw(&w, OID(alg_ecdsa_sha256));
	der_put_bits(&w, buf_slice(&sig));
	der_end(&w, begin);
	if (der_finish(&w, e) == 0)
		rc = pem_format(label, buf_slice(&der), pem, e);
out:
	buf_done(&sig);
	buf_done(&der);
	return rc;
}

/* The issuer's name and key id, borrowed from der; its key must be key. */
static int load_issuer(struct slice pem, const struct ec_private *key,
		       struct buf *der, struct issuer *out, struct err *e)
{
	struct ec_public own;
	struct x509_cert c;

	if (pem_parse(pem, "CERTIFICATE", der, e) ||
	    x509_parse_cert(buf_slice(der), &c, e))
		return err_in(e, "issuer");
	ec_public_of(key, &own);
	if (!ec_public_equal(&own, &c.public_key))
		return err_set(e, ERR_REFUSED,
			       "issuer's certificate is for another key");
	if (!c.is_ca || c.subject_id.len == 0)
		return err_set(e, ERR_REFUSED, "issuer is not a CA");
	out->name = c.subject;
	out->key_id = c.subject_id;
	return 0;
}

static int check_own_key(const struct ec_public *subject,
			 const struct ec_private *key, struct err *e)
{
	struct ec_public own;

	ec_public_of(key, &own);
	if (!ec_public_equal(&own, subject))
		return err_set(e, ERR_REFUSED,
			       "self-signed means with the subject's own key");
	return 0;
}

int x509_issue(const struct x509_template *t, const struct ec_public *subject,
	       struct slice issuer_pem, const struct ec_private *issuer_key,
	       struct buf *pem, struct err *e)
{
	bool self_signed = issuer_pem.len == 0;
	struct issuer issuer = { .name = { 0 } };
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf tbs = BUF_INIT(X509_PEM_MAX_LEN);
	int rc = -1;

	if (check_template(t, self_signed, e) || ec_public_check(subject, e) ||
	    (self_signed
		     ? check_own_key(subject, issuer_key, e)
		     : load_issuer(issuer_pem, issuer_key, &der, &issuer, e)))
		goto out;
	if (format_tbs(t, subject, &issuer, &tbs, e) == 0)
		rc = sign_and_format(buf_slice(&tbs), "CERTIFICATE", issuer_key,
				     pem, e);
out:
	buf_done(&der);
	buf_done(&tbs);
	return rc;
}

/* ---- requests ------------------------------------------------------------ */

static int format_request(const char *common_name, const struct ec_public *key,
			  struct buf *out, struct err *e)
{
	struct der_writer w = der_writer(out);
	size_t whole = der_begin(&w, DER_SEQUENCE);

	der_put_unsigned(&w, (struct slice){ 0 }); /* version 1 is 0 */
	put_name(&w, common_name);
	put_key(&w, key);
	der_put(&w, DER_EXPLICIT(0), (struct slice){ 0 });
	der_end(&w, whole);
	return der_finish(&w, e);
}

int x509_request(const struct ec_private *key, const char *common_name,
		 struct buf *pem, struct err *e)
{
	struct buf body = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_public public_key;
	int rc = -1;

	ec_public_of(key, &public_key);
	if (check_common_name(common_name, e) == 0 &&
	    format_request(common_name, &public_key, &body, e) == 0)
		rc = sign_and_format(buf_slice(&body), "CERTIFICATE REQUEST",
				     key, pem, e);
	buf_done(&body);
	return rc;
}
