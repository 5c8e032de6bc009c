/* SPDX-License-Identifier: Apache-2.0 */
#include "common/x509.h"

#include <string.h>

#include "common/der.h"
#include "common/mem.h"
#include "common/pem.h"
#include "common/x509_parse.h"

/* The DER of one certificate that is PEM or DER already, appended to der. */
static int to_der(struct slice cert, struct buf *der, struct err *e)
{
	if (pem_is(cert))
		return pem_parse(cert, "CERTIFICATE", der, e);
	return buf_add(der, cert, e);
}

static int load(struct slice cert, struct buf *der, struct x509_cert *out,
		struct err *e)
{
	if (to_der(cert, der, e))
		return err_in(e, "certificate");
	return x509_parse_cert(buf_slice(der), out, e);
}

int x509_inspect(struct slice cert, struct x509_info *out, struct err *e)
{
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_cert c = { .usage = 0 };
	int rc = load(cert, &der, &c, e);

	if (rc == 0) {
		memcpy(out->common_name, c.common_name,
		       sizeof(out->common_name));
		out->public_key = c.public_key;
		out->not_before = c.not_before;
		out->not_after = c.not_after;
		out->is_ca = c.is_ca;
		sha256_of(buf_slice(&der), &out->fingerprint);
	}
	buf_done(&der);
	return rc;
}

/* ---- verifying ----------------------------------------------------------- */

static bool is_signing_ca(const struct x509_cert *ca)
{
	return ca->is_ca && (ca->usage & X509_USAGE_CERT_SIGN);
}

/*
 * A leaf is what our templates make: not a CA and says so, a key that signs
 * handshakes only, one purpose, nothing that we do not know.
 */
static bool is_leaf_for(const struct x509_cert *leaf, enum x509_kind kind)
{
	bool server = kind == X509_SERVER;

	return leaf->has_constraints && !leaf->is_ca && !leaf->has_unknown &&
	       leaf->usage == X509_USAGE_SIGN && !leaf->other_purpose &&
	       leaf->server_auth == server && leaf->client_auth == !server;
}

static bool is_issued_by(const struct x509_cert *leaf,
			 const struct x509_cert *ca)
{
	return leaf->ecdsa_sha256 && slice_equal(leaf->issuer, ca->subject) &&
	       (leaf->issuer_id.len == 0 ||
		slice_equal(leaf->issuer_id, ca->subject_id));
}

/* Who issued it, for what, and really: everything but the dates. */
static int check_issue(const struct x509_cert *leaf, const struct x509_cert *ca,
		       enum x509_kind kind, struct err *e)
{
	if (kind == X509_CA || !is_leaf_for(leaf, kind))
		return err_set(e, ERR_UNTRUSTED,
			       "certificate is not made for this use");
	if (kind != X509_PERSON && !is_signing_ca(ca))
		return err_set(e, ERR_UNTRUSTED, "issuer is not a CA");
	if (!is_issued_by(leaf, ca))
		return err_set(e, ERR_UNTRUSTED,
			       "certificate is from another issuer");
	if (ec_verify(&ca->public_key, leaf->tbs, leaf->signature, e))
		return err_in(e, "certificate");
	return 0;
}

/*
 * Expiry of the leaf can be forgiven. The CA's cannot: it is how a CA that was
 * replaced is withdrawn at a date. Nor a start in the future, as nobody issues
 * such a certificate.
 */
static int check_dates(const struct x509_cert *leaf, const struct x509_cert *ca,
		       int64_t now, bool expired_is_fine, struct err *e)
{
	char text[UTC_TEXT_LEN];

	if (now < leaf->not_before) {
		utc_format(leaf->not_before, text);
		return err_set(e, ERR_UNTRUSTED,
			       "certificate is valid from %s on only", text);
	}
	if (now > ca->not_after) {
		utc_format(ca->not_after, text);
		return err_set(e, ERR_EXPIRED, "its CA ended at %s", text);
	}
	if (!expired_is_fine && now > leaf->not_after) {
		utc_format(leaf->not_after, text);
		return err_set(e, ERR_EXPIRED, "certificate expired at %s",
			       text);
	}
	return 0;
}

int x509_verify(struct slice leaf, struct slice ca, enum x509_kind kind,
		int64_t now, bool expired_is_fine, struct err *e)
{
	struct buf leaf_der = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf ca_der = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_cert l = { .usage = 0 }, c = { .usage = 0 };
	int rc = -1;

	if (load(leaf, &leaf_der, &l, e) || load(ca, &ca_der, &c, e)) {
		e->code = ERR_UNTRUSTED;
		goto out;
	}
	if (kind == X509_PERSON &&
	    !slice_equal(buf_slice(&leaf_der), buf_slice(&ca_der))) {
		err_set(e, ERR_UNTRUSTED,
			"certificate is not the one that was pinned");
		goto out;
	}
	if (check_issue(&l, &c, kind, e) == 0)
		rc = check_dates(&l, &c, now, expired_is_fine, e);
out:
	buf_done(&leaf_der);
	buf_done(&ca_der);
	return rc;
}

/* ---- several CAs --------------------------------------------------------- */

bool x509_next(struct slice *text, struct slice *one)
{
	static const char end[] = "-----END CERTIFICATE-----";
	const uint8_t *at = NULL;
	size_t len;

	if (text->len > 0)
		at = memmem(text->ptr, text->len, end, sizeof(end) - 1);
	if (!at)
		return false;
	len = (size_t)(at - text->ptr) + sizeof(end) - 1;
	*one = slice_sub(*text, 0, len);
	*text = slice_sub(*text, len, text->len);
	return true;
}

/*
 * One that has ended is told so by its own CA; the others know nothing. It may
 * be the CA's end, and another with the same name and key follow: all are asked
 * before that is said.
 */
int x509_verify_by_any(struct slice leaf, struct slice cas, enum x509_kind kind,
		       int64_t now, bool expired_is_fine, struct err *e)
{
	struct err why = { 0 }, ended = { 0 };
	struct slice one;

	err_set(&why, ERR_CONFIG, "no CA certificate");
	while (x509_next(&cas, &one)) {
		if (x509_verify(leaf, one, kind, now, expired_is_fine, &why) ==
		    0)
			return 0;
		if (why.code == ERR_EXPIRED && ended.code == ERR_NONE)
			ended = why;
	}
	*e = ended.code == ERR_NONE ? why : ended;
	return -1;
}

bool x509_names_issuer(struct slice leaf, struct slice ca)
{
	struct buf leaf_der = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf ca_der = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_cert l = { .usage = 0 }, c = { .usage = 0 };
	struct err ignored;
	bool named = load(leaf, &leaf_der, &l, &ignored) == 0 &&
		     load(ca, &ca_der, &c, &ignored) == 0 &&
		     is_issued_by(&l, &c);

	buf_done(&leaf_der);
	buf_done(&ca_der);
	return named;
}

bool x509_is_covered(struct slice leaf, struct slice cas, int64_t now)
{
	struct x509_info info;
	struct slice one;
	struct err ignored;

	while (x509_next(&cas, &one))
		if (x509_names_issuer(leaf, one))
			return x509_inspect(one, &info, &ignored) == 0 &&
			       now <= info.not_after;
	return false;
}

int x509_request_key(struct slice pem, struct ec_public *out, struct err *e)
{
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_csr csr;
	int rc = -1;

	if (pem_parse(pem, "CERTIFICATE REQUEST", &der, e) ||
	    x509_parse_csr(buf_slice(&der), &csr, e))
		goto out;
	if (ec_verify(&csr.public_key, csr.info, csr.signature, e)) {
		err_in(e, "certificate request");
		goto out;
	}
	*out = csr.public_key;
	rc = 0;
out:
	buf_done(&der);
	return rc;
}

/* ---- private keys -------------------------------------------------------- */

/* RFC 5915: ECPrivateKey with its named curve and public key. */
static int format_private(const struct ec_private *key, struct buf *der,
			  struct err *e)
{
	static const uint8_t prime256v1[] = { 0x2a, 0x86, 0x48, 0xce,
					      0x3d, 0x03, 0x01, 0x07 };
	static const uint8_t one = 1;
	uint8_t scalar[EC_SCALAR_LEN];
	struct der_writer w = der_writer(der);
	struct ec_public public_key;
	size_t whole, part;

	ec_public_of(key, &public_key);
	ec_private_scalar(key, scalar);
	whole = der_begin(&w, DER_SEQUENCE);
	der_put_unsigned(&w, (struct slice){ &one, 1 });
	der_put(&w, DER_OCTET_STRING, (struct slice){ scalar, sizeof(scalar) });
	part = der_begin(&w, DER_EXPLICIT(0));
	der_put(&w, DER_OID, (struct slice){ prime256v1, sizeof(prime256v1) });
	der_end(&w, part);
	part = der_begin(&w, DER_EXPLICIT(1));
	der_put_bits(&w, (struct slice){ public_key.point, EC_POINT_LEN });
	der_end(&w, part);
	der_end(&w, whole);
	mem_wipe(scalar, sizeof(scalar));
	return der_finish(&w, e);
}

int x509_private_pem(const struct ec_private *key, struct buf *out,
		     struct err *e)
{
	struct buf der = BUF_SECRET(256);
	int rc = -1;

	if (format_private(key, &der, e) == 0)
		rc = pem_format("EC PRIVATE KEY", buf_slice(&der), out, e);
	buf_wipe(&der);
	return rc;
}
