/* SPDX-License-Identifier: Apache-2.0 */
#include "common/x509.h"

#include <stdlib.h>
#include <string.h>

#include "common/der.h"
#include "common/pem.h"
#include "common/x509_oid.h"
#include "tests/unit/check.h"

#define NOW  INT64_C(1800000000) /* 2027-01-15 */
#define YEAR (365 * UTC_DAY)

static struct ec_private *ca_key, *leaf_key, *other_key;
static struct ec_public ca_public, leaf_public, other_public;
static struct buf ca = BUF_INIT(X509_PEM_MAX_LEN);

static const char *const server_names[] = { "updates.example.org", "127.0.0.1",
					    "::1", NULL };

static struct x509_template template_for(enum x509_kind kind)
{
	return (struct x509_template){
		.kind = kind,
		.common_name = kind == X509_CA ? "Test CA" : "Leaf 1",
		.names = kind == X509_SERVER ? server_names : NULL,
		.not_before = NOW - UTC_DAY,
		.not_after = NOW + YEAR,
	};
}

static int make_ca(void **state)
{
	struct x509_template t = template_for(X509_CA);
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&ca_key, &e));
	assert_ok(ec_generate(&leaf_key, &e));
	assert_ok(ec_generate(&other_key, &e));
	ec_public_of(ca_key, &ca_public);
	ec_public_of(leaf_key, &leaf_public);
	ec_public_of(other_key, &other_public);
	assert_ok(x509_issue(&t, &ca_public, (struct slice){ 0 }, ca_key, &ca,
			     &e));
	return 0;
}

static int free_ca(void **state)
{
	(void)state;
	ec_free(ca_key);
	ec_free(leaf_key);
	ec_free(other_key);
	buf_done(&ca);
	return 0;
}

static void issue(const struct x509_template *t, struct buf *pem)
{
	struct err e = { 0 };

	buf_done(pem);
	assert_ok(x509_issue(t, &leaf_public, buf_slice(&ca), ca_key, pem, &e));
}

static int verify(const struct buf *leaf, enum x509_kind kind, int64_t now,
		  struct err *e)
{
	return x509_verify(buf_slice(leaf), buf_slice(&ca), kind, now, false,
			   e);
}

/* ---- issuing and inspecting ---------------------------------------------- */

static void a_leaf_says_what_the_template_said(void **state)
{
	struct x509_template t = template_for(X509_DEVICE);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_info from_pem, from_der;
	struct sha256 wanted;
	struct err e = { 0 };

	(void)state;
	issue(&t, &pem);
	assert_ok(x509_inspect(buf_slice(&pem), &from_pem, &e));
	assert_string_equal(from_pem.common_name, "Leaf 1");
	assert_true(ec_public_equal(&from_pem.public_key, &leaf_public));
	assert_int_equal(from_pem.not_before, t.not_before);
	assert_int_equal(from_pem.not_after, t.not_after);
	assert_false(from_pem.is_ca);
	assert_ok(pem_parse(buf_slice(&pem), "CERTIFICATE", &der, &e));
	assert_ok(x509_inspect(buf_slice(&der), &from_der, &e));
	sha256_of(buf_slice(&der), &wanted);
	assert_true(sha256_equal(&from_pem.fingerprint, &wanted));
	assert_true(sha256_equal(&from_der.fingerprint, &wanted));
	buf_done(&pem);
	buf_done(&der);
}

static void a_ca_says_that_it_is_one(void **state)
{
	struct x509_info info;
	struct err e = { 0 };

	(void)state;
	assert_ok(x509_inspect(buf_slice(&ca), &info, &e));
	assert_true(info.is_ca);
	assert_string_equal(info.common_name, "Test CA");
}

static void each_certificate_has_a_serial_of_its_own(void **state)
{
	struct x509_template t = template_for(X509_DEVICE);
	struct buf a = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf b = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_info one, two;
	struct err e = { 0 };

	(void)state;
	issue(&t, &a);
	issue(&t, &b);
	assert_ok(x509_inspect(buf_slice(&a), &one, &e));
	assert_ok(x509_inspect(buf_slice(&b), &two, &e));
	assert_false(sha256_equal(&one.fingerprint, &two.fingerprint));
	buf_done(&a);
	buf_done(&b);
}

static void dates_work_on_both_sides_of_2050(void **state)
{
	static const int64_t dates[] = {
		0,                     /* 1970 */
		INT64_C(2524607999),   /* the last second of 2049 */
		INT64_C(2524608000),   /* the first of 2050 */
		INT64_C(253402300799), /* the last of 9999 */
	};
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_info info;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
		struct x509_template t = template_for(X509_DEVICE);

		t.not_before = 0;
		t.not_after = dates[i];
		issue(&t, &pem);
		assert_ok(x509_inspect(buf_slice(&pem), &info, &e));
		assert_int_equal(info.not_before, 0);
		assert_int_equal(info.not_after, dates[i]);
	}
	buf_done(&pem);
}

/* 65 characters. */
#define TOO_LONG                                                               \
	"12345678901234567890123456789012345678901234567890123456789012345"

static void refuses_templates_that_make_no_sense(void **state)
{
	static const char *const no_names[] = { NULL };
	static const char *const bad_names[][2] = {
		{ "", NULL },     { "a..b", NULL },      { "-a.b", NULL },
		{ "a-.b", NULL }, { "a.b-", NULL },      { "a b", NULL },
		{ "*.b", NULL },  { "a/b", NULL },       { "a.", NULL },
		{ "a\nb", NULL }, { "fe80::1%1", NULL }, { "[::1]", NULL },
	};
	static const char *const bad_common_names[] = {
		"", "a,b", "a/b", "a\nb", "\xc3\xa4", "a=b", TOO_LONG,
	};
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_template t;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_common_names); i++) {
		t = template_for(X509_DEVICE);
		t.common_name = bad_common_names[i];
		assert_refused(x509_issue(&t, &leaf_public, buf_slice(&ca),
					  ca_key, &pem, &e),
			       ERR_FORMAT);
	}
	t = template_for(X509_SERVER);
	for (size_t i = 0; i < ARRAY_LEN(bad_names); i++) {
		t.names = bad_names[i];
		assert_refused(x509_issue(&t, &leaf_public, buf_slice(&ca),
					  ca_key, &pem, &e),
			       ERR_FORMAT);
	}
	t.names = no_names;
	assert_refused(
		x509_issue(&t, &leaf_public, buf_slice(&ca), ca_key, &pem, &e),
		ERR_FORMAT);
	t = template_for(X509_DEVICE);
	t.not_after = t.not_before - 1;
	assert_refused(
		x509_issue(&t, &leaf_public, buf_slice(&ca), ca_key, &pem, &e),
		ERR_FORMAT);
	t = template_for(X509_DEVICE);
	t.not_before = -1;
	assert_refused(
		x509_issue(&t, &leaf_public, buf_slice(&ca), ca_key, &pem, &e),
		ERR_FORMAT);
	t.not_before = 0;
	t.not_after = INT64_C(253402300800); /* the year 10000 */
	assert_refused(
		x509_issue(&t, &leaf_public, buf_slice(&ca), ca_key, &pem, &e),
		ERR_FORMAT);
	assert_int_equal(pem.len, 0);
	buf_done(&pem);
}

/* More names than fit are refused, not left out. */
static void refuses_more_names_than_fit(void **state)
{
	const char *names[64] = { NULL };
	struct x509_template t = template_for(X509_SERVER);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };
	char name[224];

	(void)state;
	memset(name, 'a', sizeof(name));
	for (size_t i = 55; i < sizeof(name); i += 56)
		name[i] = '.';
	name[sizeof(name) - 1] = 0;
	t.names = names;
	for (size_t i = 0; i < ARRAY_LEN(names) - 1; i++) {
		names[i] = name;
		if (x509_issue(&t, &leaf_public, buf_slice(&ca), ca_key, &pem,
			       &e)) {
			assert_int_equal(e.code, ERR_LIMIT);
			assert_true(i > 3);
			continue;
		}
		buf_done(&pem);
		assert_true(i < 12);
	}
	buf_done(&pem);
}

static void refuses_issuers_that_may_not_issue(void **state)
{
	struct x509_template t = template_for(X509_DEVICE);
	struct buf leaf = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_public nowhere = { { 4 } };
	struct slice none = { 0 };
	struct err e = { 0 };

	(void)state;
	issue(&t, &leaf);
	/* a leaf as issuer, a key that is not the CA's, no point, no PEM */
	assert_refused(x509_issue(&t, &other_public, buf_slice(&leaf), leaf_key,
				  &pem, &e),
		       ERR_REFUSED);
	assert_refused(x509_issue(&t, &leaf_public, buf_slice(&ca), other_key,
				  &pem, &e),
		       ERR_REFUSED);
	assert_refused(
		x509_issue(&t, &nowhere, buf_slice(&ca), ca_key, &pem, &e),
		ERR_FORMAT);
	assert_refused(
		x509_issue(&t, &leaf_public, slice_of("CA"), ca_key, &pem, &e),
		ERR_FORMAT);
	/* self-signed, but with another's key */
	assert_refused(x509_issue(&t, &leaf_public, none, other_key, &pem, &e),
		       ERR_REFUSED);
	/* depth is 1: no CA below a CA */
	t = template_for(X509_CA);
	assert_refused(
		x509_issue(&t, &leaf_public, buf_slice(&ca), ca_key, &pem, &e),
		ERR_REFUSED);
	assert_int_equal(pem.len, 0);
	buf_done(&leaf);
	buf_done(&pem);
}

/* ---- verifying ----------------------------------------------------------- */

static void verifies_leaves_for_their_use_alone(void **state)
{
	struct buf leaf = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_template t = template_for(X509_DEVICE);
	struct err e = { 0 };

	(void)state;
	issue(&t, &leaf);
	assert_ok(verify(&leaf, X509_DEVICE, NOW, &e));
	assert_refused(verify(&leaf, X509_SERVER, NOW, &e), ERR_UNTRUSTED);
	assert_refused(verify(&leaf, X509_CA, NOW, &e), ERR_UNTRUSTED);
	assert_refused(verify(&leaf, X509_PERSON, NOW, &e), ERR_UNTRUSTED);
	t = template_for(X509_SERVER);
	issue(&t, &leaf);
	assert_ok(verify(&leaf, X509_SERVER, NOW, &e));
	assert_refused(verify(&leaf, X509_DEVICE, NOW, &e), ERR_UNTRUSTED);
	buf_done(&leaf);
}

static void judges_the_dates(void **state)
{
	struct x509_template t = template_for(X509_DEVICE);
	struct buf leaf = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	issue(&t, &leaf);
	assert_ok(verify(&leaf, X509_DEVICE, t.not_before, &e));
	assert_ok(verify(&leaf, X509_DEVICE, t.not_after, &e));
	assert_refused(verify(&leaf, X509_DEVICE, t.not_before - 1, &e),
		       ERR_UNTRUSTED);
	assert_refused(verify(&leaf, X509_DEVICE, t.not_after + 1, &e),
		       ERR_EXPIRED);
	/* Only the leaf's expiry can be forgiven. */
	t.not_after = NOW + 1;
	leaf.len = 0;
	issue(&t, &leaf);
	assert_ok(x509_verify(buf_slice(&leaf), buf_slice(&ca), X509_DEVICE,
			      NOW + YEAR, true, &e));
	assert_refused(x509_verify(buf_slice(&leaf), buf_slice(&ca),
				   X509_DEVICE, NOW + YEAR + 1, true, &e),
		       ERR_EXPIRED);
	assert_refused(x509_verify(buf_slice(&leaf), buf_slice(&ca),
				   X509_DEVICE, t.not_before - 1, true, &e),
		       ERR_UNTRUSTED);
	assert_refused(x509_verify(buf_slice(&leaf), buf_slice(&ca),
				   X509_SERVER, t.not_after + 1, true, &e),
		       ERR_UNTRUSTED);
	buf_done(&leaf);
}

static void an_expired_ca_vouches_for_nobody(void **state)
{
	struct x509_template t = template_for(X509_DEVICE);
	struct buf leaf = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	t.not_after = NOW + 10 * YEAR;
	issue(&t, &leaf);
	assert_refused(verify(&leaf, X509_DEVICE, NOW + 2 * YEAR, &e),
		       ERR_EXPIRED);
	buf_done(&leaf);
}

static void several_cas_are_each_asked_and_each_has_its_end(void **state)
{
	struct x509_template t = template_for(X509_CA);
	struct x509_template device = template_for(X509_DEVICE);
	struct buf all = BUF_INIT(4 * X509_PEM_MAX_LEN);
	struct buf other = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf leaf = BUF_INIT(X509_PEM_MAX_LEN);
	struct slice rest, one;
	struct err e = { 0 };

	(void)state;
	issue(&device, &leaf);
	/* A CA of another key and a name of its own, then ours. */
	t.common_name = "another CA";
	assert_ok(x509_issue(&t, &leaf_public, (struct slice){ 0 }, leaf_key,
			     &other, &e));
	assert_ok(buf_add(&all, buf_slice(&other), &e));
	assert_refused(x509_verify_by_any(buf_slice(&leaf), buf_slice(&all),
					  X509_DEVICE, NOW, false, &e),
		       ERR_UNTRUSTED);
	assert_false(x509_is_covered(buf_slice(&leaf), buf_slice(&all), NOW));
	assert_ok(buf_add(&all, buf_slice(&ca), &e));
	assert_ok(x509_verify_by_any(buf_slice(&leaf), buf_slice(&all),
				     X509_DEVICE, NOW, false, &e));
	assert_true(x509_is_covered(buf_slice(&leaf), buf_slice(&all), NOW));
	assert_false(x509_names_issuer(buf_slice(&leaf), buf_slice(&other)));
	rest = buf_slice(&all);
	assert_true(x509_next(&rest, &one) && x509_next(&rest, &one));
	assert_true(x509_names_issuer(buf_slice(&leaf), one));
	assert_false(x509_next(&rest, &one));
	/* The end of our CA is nothing that is forgiven with the leaf's. */
	assert_refused(x509_verify_by_any(buf_slice(&leaf), buf_slice(&all),
					  X509_DEVICE, NOW + 2 * YEAR, true,
					  &e),
		       ERR_EXPIRED);
	assert_false(x509_is_covered(buf_slice(&leaf), buf_slice(&all),
				     NOW + 2 * YEAR));
	/* Nor is a text without a certificate anybody's word. */
	assert_refused(x509_verify_by_any(buf_slice(&leaf), slice_of("\n"),
					  X509_DEVICE, NOW, false, &e),
		       ERR_CONFIG);
	buf_done(&all);
	buf_done(&other);
	buf_done(&leaf);
}

/* The same CA, renewed, stands behind its own certificate that ended. */
static void a_renewed_ca_is_asked_after_its_end(void **state)
{
	struct x509_template t = template_for(X509_CA);
	struct x509_template device = template_for(X509_DEVICE);
	struct buf all = BUF_INIT(4 * X509_PEM_MAX_LEN);
	struct buf renewed = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf other = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf leaf = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	device.not_after = NOW + 10 * YEAR;
	issue(&device, &leaf);
	t.not_after = NOW + 10 * YEAR;
	assert_ok(x509_issue(&t, &ca_public, (struct slice){ 0 }, ca_key,
			     &renewed, &e));
	t.common_name = "another CA";
	assert_ok(x509_issue(&t, &other_public, (struct slice){ 0 }, other_key,
			     &other, &e));
	assert_ok(buf_add(&all, buf_slice(&ca), &e));
	assert_ok(buf_add(&all, buf_slice(&other), &e));
	/* Nobody else knows it: its end is what is told. */
	assert_refused_saying(x509_verify_by_any(buf_slice(&leaf),
						 buf_slice(&all), X509_DEVICE,
						 NOW + 2 * YEAR, false, &e),
			      ERR_EXPIRED, "its CA ended");
	assert_ok(buf_add(&all, buf_slice(&renewed), &e));
	assert_ok(x509_verify_by_any(buf_slice(&leaf), buf_slice(&all),
				     X509_DEVICE, NOW + 2 * YEAR, false, &e));
	buf_done(&all);
	buf_done(&renewed);
	buf_done(&other);
	buf_done(&leaf);
}

static void refuses_a_leaf_of_another_ca(void **state)
{
	struct x509_template t = template_for(X509_CA);
	struct buf twin = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf leaf = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	/* same name, another key */
	assert_ok(x509_issue(&t, &other_public, (struct slice){ 0 }, other_key,
			     &twin, &e));
	t = template_for(X509_DEVICE);
	assert_ok(x509_issue(&t, &leaf_public, buf_slice(&twin), other_key,
			     &leaf, &e));
	assert_refused(verify(&leaf, X509_DEVICE, NOW, &e), ERR_UNTRUSTED);
	assert_ok(x509_verify(buf_slice(&leaf), buf_slice(&twin), X509_DEVICE,
			      NOW, false, &e));
	buf_done(&leaf);
	buf_done(&twin);
}

static void refuses_a_leaf_in_another_issuers_name(void **state)
{
	struct x509_template t = template_for(X509_CA);
	struct buf twin = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf leaf = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	/* same key, another name */
	t.common_name = "Other CA";
	assert_ok(x509_issue(&t, &ca_public, (struct slice){ 0 }, ca_key, &twin,
			     &e));
	t = template_for(X509_DEVICE);
	assert_ok(x509_issue(&t, &leaf_public, buf_slice(&twin), ca_key, &leaf,
			     &e));
	assert_refused(verify(&leaf, X509_DEVICE, NOW, &e), ERR_UNTRUSTED);
	buf_done(&leaf);
	buf_done(&twin);
}

static void refuses_a_leaf_as_issuer_and_a_ca_as_leaf(void **state)
{
	struct x509_template t = template_for(X509_DEVICE);
	struct buf leaf = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	issue(&t, &leaf);
	assert_refused(x509_verify(buf_slice(&leaf), buf_slice(&leaf),
				   X509_DEVICE, NOW, false, &e),
		       ERR_UNTRUSTED);
	assert_refused(verify(&ca, X509_DEVICE, NOW, &e), ERR_UNTRUSTED);
	/* self-signed */
	buf_done(&leaf);
	assert_ok(x509_issue(&t, &leaf_public, (struct slice){ 0 }, leaf_key,
			     &leaf, &e));
	assert_refused(verify(&leaf, X509_DEVICE, NOW, &e), ERR_UNTRUSTED);
	assert_refused(x509_verify(buf_slice(&leaf), buf_slice(&leaf),
				   X509_DEVICE, NOW, false, &e),
		       ERR_UNTRUSTED);
	buf_done(&leaf);
}

static void a_person_is_who_was_pinned(void **state)
{
	struct x509_template t = template_for(X509_PERSON);
	struct buf one = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf two = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	assert_ok(x509_issue(&t, &leaf_public, (struct slice){ 0 }, leaf_key,
			     &one, &e));
	assert_ok(x509_issue(&t, &leaf_public, (struct slice){ 0 }, leaf_key,
			     &two, &e));
	assert_ok(x509_verify(buf_slice(&one), buf_slice(&one), X509_PERSON,
			      NOW, false, &e));
	assert_refused(x509_verify(buf_slice(&one), buf_slice(&two),
				   X509_PERSON, NOW, false, &e),
		       ERR_UNTRUSTED);
	assert_refused(x509_verify(buf_slice(&one), buf_slice(&one),
				   X509_PERSON, NOW + 2 * YEAR, false, &e),
		       ERR_EXPIRED);
	buf_done(&one);
	buf_done(&two);
}

static void refuses_any_flipped_bit_and_any_cut(void **state)
{
	struct x509_template t = template_for(X509_DEVICE);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	issue(&t, &pem);
	assert_ok(pem_parse(buf_slice(&pem), "CERTIFICATE", &der, &e));
	assert_ok(verify(&der, X509_DEVICE, NOW, &e));
	for (size_t i = 0; i < der.len; i++) {
		der.ptr[i] ^= (uint8_t)(1u << (i % 8));
		assert_refused(verify(&der, X509_DEVICE, NOW, &e),
			       ERR_UNTRUSTED);
		der.ptr[i] ^= (uint8_t)(1u << (i % 8));
	}
	for (size_t len = 0; len < der.len; len++)
		assert_refused(x509_verify(slice_sub(buf_slice(&der), 0, len),
					   buf_slice(&ca), X509_DEVICE, NOW,
					   false, &e),
			       ERR_UNTRUSTED);
	assert_ok(buf_add(&der, slice_of("\n"), &e));
	assert_refused(verify(&der, X509_DEVICE, NOW, &e), ERR_UNTRUSTED);
	buf_done(&pem);
	buf_done(&der);
}

/* ---- certificates that our templates would never make -------------------- */

struct forgery {
	const char *name;
	const char *constraints; /* hex of the extension's value */
	const char *usage, *purpose, *extra;
	bool inspects; /* is at least X.509 */
	/* Instead of what is usual there: */
	const char *version, *serial; /* hex */
	const char *not_after;        /* as GeneralizedTime */
	const char *not_before, *subject;
	const char *names; /* hex of a whole Name */
	const char *after; /* hex that follows the signature */
};

#define NO_CA       "3000"
#define SIGN        "03020780"
#define CLIENT      "300a06082b06010505070302"
#define SERVER_TOO  "301406082b0601050507030206082b06010505070301"
#define WITH_EMAIL  "301406082b0601050507030206082b06010505070304"
#define UNKNOWN     "300a06032a030404030c0161"
#define UNKNOWN_CRI "300d06032a03040101ff04030c0161"
#define AGAIN       "300c0603551d130101ff04023000"

#define FINE NO_CA, SIGN, CLIENT, "", .inspects = false

static const struct forgery forgeries[] = {
	{ "constraints INTEGER without BOOLEAN", "3003020101", SIGN, CLIENT, "",
	  .inspects = false },
	{ "constraints FALSE in full", "3003010100", SIGN, CLIENT, "",
	  .inspects = false },
	{ "constraints TRUE that is not FF", "3003010101", SIGN, CLIENT, "",
	  .inspects = false },
	{ "constraints that go on", "30000500", SIGN, CLIENT, "",
	  .inspects = false },
	{ "a CA", "30030101ff", SIGN, CLIENT, "", .inspects = true },
	{ "no constraints", NULL, SIGN, CLIENT, "", .inspects = true },
	{ "no key usage", NO_CA, NULL, CLIENT, "", .inspects = true },
	{ "may sign certificates", NO_CA, "03020284", CLIENT, "",
	  .inspects = true },
	{ "empty key usage", NO_CA, "030100", CLIENT, "", .inspects = false },
	{ "no purpose", NO_CA, SIGN, NULL, "", .inspects = true },
	{ "empty purpose", NO_CA, SIGN, "3000", "", .inspects = false },
	{ "a server too", NO_CA, SIGN, SERVER_TOO, "", .inspects = true },
	{ "for e-mail too", NO_CA, SIGN, WITH_EMAIL, "", .inspects = true },
	{ "an unknown extension", NO_CA, SIGN, CLIENT, UNKNOWN,
	  .inspects = true },
	{ "an unknown critical one", NO_CA, SIGN, CLIENT, UNKNOWN_CRI,
	  .inspects = true },
	{ "constraints twice", NO_CA, SIGN, CLIENT, AGAIN, .inspects = false },
	{ "version 2", FINE, .version = "a003020101" },
	{ "no version", FINE, .version = "" },
	{ "a negative serial", FINE, .serial = "0201ff" },
	{ "a serial of 21 bytes", FINE,
	  .serial = "0215010101010101010101010101010101010101010101" },
	{ "GeneralizedTime before 2050", FINE, .not_after = "20490101000000Z" },
	{ "a fraction of a second", FINE, .not_after = "20500101000000.5Z" },
	{ "no such month", FINE, .not_before = "261301000000Z" },
	{ "another zone", FINE, .not_before = "260101000000+" },
	{ "no seconds", FINE, .not_before = "2601010000Z" },
	{ "no name in the name", FINE, .subject = "" },
	{ "a line end in the name", FINE, .subject = "Leaf\n1" },
	{ "foreign letters in the name", FINE, .subject = "Le\xc3\xa4" },
	{ "a name of 65 letters", FINE, .subject = TOO_LONG },
	{ "two names", FINE,
	  .names = "3018310a300806035504030c0141310a300806035504030c0142" },
	{ "more in its time", FINE, .not_after = "2060xx1127030000Z" },
	{ "a usage of many bytes", NO_CA, "030407800000", CLIENT, "",
	  .inspects = false },
	{ "a usage that lacks more than a byte", NO_CA, "03020880", CLIENT, "",
	  .inspects = false },
	{ "a usage for nothing", NO_CA, "03020700", CLIENT, "",
	  .inspects = false },
	{ "a key without an id", NO_CA, SIGN, CLIENT, "30090603551d0e04020400",
	  .inspects = false },
	{ "something after the signature", FINE, .after = "0500" },
};

static void put_hex(struct der_writer *w, const char *hex)
{
	for (; *hex; hex += 2) {
		char digits[3] = { hex[0], hex[1], 0 };
		uint8_t byte = (uint8_t)strtoul(digits, NULL, 16);

		der_put_raw(w, (struct slice){ &byte, 1 });
	}
}

static void put_extension(struct der_writer *w, struct slice oid,
			  const char *hex)
{
	size_t whole, value;

	if (!hex)
		return;
	whole = der_begin(w, DER_SEQUENCE);
	der_put(w, DER_OID, oid);
	value = der_begin(w, DER_OCTET_STRING);
	put_hex(w, hex);
	der_end(w, value);
	der_end(w, whole);
}

static void put_test_name(struct der_writer *w, const char *name)
{
	size_t a = der_begin(w, DER_SEQUENCE), b = der_begin(w, DER_SET);
	size_t c = der_begin(w, DER_SEQUENCE);

	der_put(w, DER_OID, OID(oid_common_name));
	der_put_text(w, DER_UTF8_STRING, name);
	der_end(w, c);
	der_end(w, b);
	der_end(w, a);
}

static void put_tbs(struct der_writer *w, const struct forgery *f)
{
	uint8_t spki[EC_SPKI_LEN];
	size_t tbs = der_begin(w, DER_SEQUENCE), part, list;

	put_hex(w, f->version ? f->version : "a003020102");
	put_hex(w, f->serial ? f->serial : "020101");
	der_put_raw(w, OID(alg_ecdsa_sha256));
	put_test_name(w, "Test CA");
	part = der_begin(w, DER_SEQUENCE);
	der_put_text(w, DER_UTC_TIME,
		     f->not_before ? f->not_before : "260101000000Z");
	if (f->not_after)
		der_put_text(w, DER_GENERALIZED_TIME, f->not_after);
	else
		der_put_text(w, DER_UTC_TIME, "360101000000Z");
	der_end(w, part);
	if (f->names)
		put_hex(w, f->names);
	else
		put_test_name(w, f->subject ? f->subject : "Leaf 1");
	ec_public_to_spki(&leaf_public, spki);
	der_put_raw(w, (struct slice){ spki, sizeof(spki) });
	part = der_begin(w, DER_EXPLICIT(3));
	list = der_begin(w, DER_SEQUENCE);
	put_extension(w, OID(oid_basic_constraints), f->constraints);
	put_extension(w, OID(oid_key_usage), f->usage);
	put_extension(w, OID(oid_ext_key_usage), f->purpose);
	put_hex(w, f->extra);
	der_end(w, list);
	der_end(w, part);
	der_end(w, tbs);
}

/* What an insider with the CA's key, or a fault in it, could make. */
static void forge(const struct forgery *f, struct buf *der)
{
	struct buf tbs = BUF_INIT(4096), sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct der_writer w = der_writer(&tbs), out = der_writer(der);
	struct err e = { 0 };
	size_t whole;

	put_tbs(&w, f);
	assert_ok(der_finish(&w, &e));
	assert_ok(ec_sign(ca_key, buf_slice(&tbs), &sig, &e));
	buf_done(der);
	whole = der_begin(&out, DER_SEQUENCE);
	der_put_raw(&out, buf_slice(&tbs));
	der_put_raw(&out, OID(alg_ecdsa_sha256));
	der_put_bits(&out, buf_slice(&sig));
	put_hex(&out, f->after ? f->after : "");
	der_end(&out, whole);
	assert_ok(der_finish(&out, &e));
	buf_done(&tbs);
	buf_done(&sig);
}

static void refuses_odd_certificates_even_if_the_ca_signed_them(void **state)
{
	static const struct forgery plain = { "plain", FINE };
	static const struct forgery late = { "late", FINE,
					     .not_after = "20500101000000Z" };
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	struct x509_info info;
	struct err e = { 0 };

	(void)state;
	forge(&plain, &der);
	assert_ok(verify(&der, X509_DEVICE, NOW, &e));
	forge(&late, &der);
	assert_ok(verify(&der, X509_DEVICE, NOW, &e));
	for (size_t i = 0; i < ARRAY_LEN(forgeries); i++) {
		const struct forgery *f = &forgeries[i];

		forge(f, &der);
		print_message("  %s\n", f->name);
		assert_refused(verify(&der, X509_DEVICE, NOW, &e),
			       ERR_UNTRUSTED);
		assert_int_equal(x509_inspect(buf_slice(&der), &info, &e),
				 f->inspects ? 0 : -1);
	}
	buf_done(&der);
}

static void a_ca_without_a_key_id_issues_nothing(void **state)
{
	static const struct forgery f = {
		"a CA", "30030101ff", SIGN, NULL, "", .inspects = true
	};
	struct x509_template t = template_for(X509_DEVICE);
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf out = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	forge(&f, &der);
	assert_ok(pem_format("CERTIFICATE", buf_slice(&der), &pem, &e));
	assert_refused(x509_issue(&t, &other_public, buf_slice(&pem), leaf_key,
				  &out, &e),
		       ERR_REFUSED);
	buf_done(&der);
	buf_done(&pem);
	buf_done(&out);
}

/* ---- requests ------------------------------------------------------------ */

/*
 * Made by "openssl req -new -sha256" with requested extensions: CA:TRUE,
 * keyCertSign, and the server's DNS name.
 */
#define OPENSSL_CSR                                                            \
	"-----BEGIN CERTIFICATE REQUEST-----\n"                                \
	"MIIBMjCB2QIBADAoMQ8wDQYDVQQDDAZkZXZpY2UxFTATBgNVBAoMDFNvbWUgRmFj\n"   \
	"dG9yeTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLU6WxhhdeERZc8qNFTG4/5m\n"   \
	"UmGXWtRqWgfrMfRf8UFxeV7bIK5vHTGtzec0P6AUm7MmLdDwphtTIzmKLaKXg4Og\n"   \
	"TzBNBgkqhkiG9w0BCQ4xQDA+MA8GA1UdEwEB/wQFMAMBAf8wCwYDVR0PBAQDAgIE\n"   \
	"MB4GA1UdEQQXMBWCE3VwZGF0ZXMuZXhhbXBsZS5vcmcwCgYIKoZIzj0EAwIDSAAw\n"   \
	"RQIgFKFqJH/bW9Xtk/p8BjTwgwXG73vTwZPwZoBV6XhVvB4CIQCfBY/JRxePHa20\n"   \
	"GHAF/qvD4yJIBGOj81OR7tAp4GINJw==\n"                                   \
	"-----END CERTIFICATE REQUEST-----\n"
/* The same with -newkey of another curve, secp384r1. */
#define P384_CSR                                                               \
	"-----BEGIN CERTIFICATE REQUEST-----\n"                                \
	"MIIBcDCB9gIBADAoMQ8wDQYDVQQDDAZkZXZpY2UxFTATBgNVBAoMDFNvbWUgRmFj\n"   \
	"dG9yeTB2MBAGByqGSM49AgEGBSuBBAAiA2IABIl2hWKkndDFoTAfl+nmuVrE+6Y5\n"   \
	"NSu0Tz2lw1jZvo4LQ/deFbEzBClzY78kChuDZOJjmjbV3idXa2s6gLXJY+b2jH+b\n"   \
	"dQqTWwjugLuTpQ6/yTG8ozLmm5xkuT1wNLLLY6BPME0GCSqGSIb3DQEJDjFAMD4w\n"   \
	"DwYDVR0TAQH/BAUwAwEB/zALBgNVHQ8EBAMCAgQwHgYDVR0RBBcwFYITdXBkYXRl\n"   \
	"cy5leGFtcGxlLm9yZzAKBggqhkjOPQQDAgNpADBmAjEA3nJ39LWFy75Z5W0ZnyFs\n"   \
	"OTLBQutI5RcFzHeSDwhjmOip5BBnJ9AQcxyK9CV+1yVMAjEA76IRr1lh5T++ZgBR\n"   \
	"46LxVlNOrRzlBWICWln3VSGlheKXyi2jgVlhAib60fkzZzi8\n"                   \
	"-----END CERTIFICATE REQUEST-----\n"

static void a_request_gives_its_key(void **state)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	assert_ok(x509_request(leaf_key, "some device", &pem, &e));
	assert_ok(x509_request_key(buf_slice(&pem), &key, &e));
	assert_true(ec_public_equal(&key, &leaf_public));
	buf_done(&pem);
}

static void what_a_request_wishes_for_is_not_looked_at(void **state)
{
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	assert_ok(x509_request_key(slice_of(OPENSSL_CSR), &key, &e));
}

static void refuses_requests_for_other_keys(void **state)
{
	struct ec_public key;
	struct err e = { 0 };

	(void)state;
	assert_refused(x509_request_key(slice_of(P384_CSR), &key, &e),
		       ERR_FORMAT);
	assert_refused(x509_request_key(buf_slice(&ca), &key, &e), ERR_FORMAT);
	assert_refused(x509_request_key(slice_of(""), &key, &e), ERR_FORMAT);
}

/* Mutate the request and encode it again; the code that comes is returned. */
static enum err_code request_code(struct slice der)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct ec_public key;
	struct err e = { 0 };
	int rc;

	assert_ok(pem_format("CERTIFICATE REQUEST", der, &pem, &e));
	rc = x509_request_key(buf_slice(&pem), &key, &e);
	buf_done(&pem);
	return rc ? e.code : ERR_NONE;
}

static void refuses_a_request_that_its_key_did_not_sign(void **state)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };
	uint8_t *name;

	(void)state;
	assert_ok(x509_request(leaf_key, "some device", &pem, &e));
	assert_ok(pem_parse(buf_slice(&pem), "CERTIFICATE REQUEST", &der, &e));
	assert_int_equal(request_code(buf_slice(&der)), ERR_NONE);
	/* The name is signed, well formed, and now another. */
	name = memmem(der.ptr, der.len, "some", 4);
	assert_non_null(name);
	name[0] = 'S';
	assert_int_equal(request_code(buf_slice(&der)), ERR_UNTRUSTED);
	name[0] = 's';
	/* Somebody else's key in it: no proof that the sender holds it. */
	name = memmem(der.ptr, der.len, leaf_public.point, EC_POINT_LEN);
	assert_non_null(name);
	memcpy(name, other_public.point, EC_POINT_LEN);
	assert_int_equal(request_code(buf_slice(&der)), ERR_UNTRUSTED);
	memcpy(name, leaf_public.point, EC_POINT_LEN);
	for (size_t i = 0; i < der.len; i++) {
		der.ptr[i] ^= (uint8_t)(1u << (i % 8));
		assert_int_not_equal(request_code(buf_slice(&der)), ERR_NONE);
		der.ptr[i] ^= (uint8_t)(1u << (i % 8));
	}
	for (size_t len = 1; len < der.len; len++)
		assert_int_not_equal(
			request_code(slice_sub(buf_slice(&der), 0, len)),
			ERR_NONE);
	buf_done(&pem);
	buf_done(&der);
}

/* Signed as it should be, with something more in three places. */
static void put_request(const char *in_info, const char *in_request,
			const char *after, struct buf *der)
{
	struct buf info = BUF_INIT(4096), sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct der_writer w = der_writer(&info), out = der_writer(der);
	uint8_t spki[EC_SPKI_LEN];
	struct err e = { 0 };
	size_t whole = der_begin(&w, DER_SEQUENCE);

	put_hex(&w, "020100");
	put_test_name(&w, "some device");
	ec_public_to_spki(&leaf_public, spki);
	der_put_raw(&w, (struct slice){ spki, sizeof(spki) });
	put_hex(&w, "a000");
	put_hex(&w, in_info);
	der_end(&w, whole);
	assert_ok(ec_sign(leaf_key, buf_slice(&info), &sig, &e));
	buf_done(der);
	whole = der_begin(&out, DER_SEQUENCE);
	der_put_raw(&out, buf_slice(&info));
	der_put_raw(&out, OID(alg_ecdsa_sha256));
	der_put_bits(&out, buf_slice(&sig));
	put_hex(&out, in_request);
	der_end(&out, whole);
	put_hex(&out, after);
	buf_done(&info);
	buf_done(&sig);
}

static void refuses_a_request_that_goes_on(void **state)
{
	struct buf der = BUF_INIT(X509_PEM_MAX_LEN);

	(void)state;
	put_request("", "", "", &der);
	assert_int_equal(request_code(buf_slice(&der)), ERR_NONE);
	put_request("0500", "", "", &der);
	assert_int_equal(request_code(buf_slice(&der)), ERR_FORMAT);
	put_request("", "0500", "", &der);
	assert_int_equal(request_code(buf_slice(&der)), ERR_FORMAT);
	put_request("", "", "0500", &der);
	assert_int_equal(request_code(buf_slice(&der)), ERR_FORMAT);
	buf_done(&der);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leaf_says_what_the_template_said),
		cmocka_unit_test(a_ca_says_that_it_is_one),
		cmocka_unit_test(each_certificate_has_a_serial_of_its_own),
		cmocka_unit_test(dates_work_on_both_sides_of_2050),
		cmocka_unit_test(refuses_templates_that_make_no_sense),
		cmocka_unit_test(refuses_more_names_than_fit),
		cmocka_unit_test(refuses_issuers_that_may_not_issue),
		cmocka_unit_test(verifies_leaves_for_their_use_alone),
		cmocka_unit_test(judges_the_dates),
		cmocka_unit_test(an_expired_ca_vouches_for_nobody),
		cmocka_unit_test(
			several_cas_are_each_asked_and_each_has_its_end),
		cmocka_unit_test(a_renewed_ca_is_asked_after_its_end),
		cmocka_unit_test(refuses_a_leaf_of_another_ca),
		cmocka_unit_test(refuses_a_leaf_in_another_issuers_name),
		cmocka_unit_test(refuses_a_leaf_as_issuer_and_a_ca_as_leaf),
		cmocka_unit_test(a_person_is_who_was_pinned),
		cmocka_unit_test(refuses_any_flipped_bit_and_any_cut),
		cmocka_unit_test(
			refuses_odd_certificates_even_if_the_ca_signed_them),
		cmocka_unit_test(a_request_gives_its_key),
		cmocka_unit_test(what_a_request_wishes_for_is_not_looked_at),
		cmocka_unit_test(refuses_requests_for_other_keys),
		cmocka_unit_test(refuses_a_request_that_its_key_did_not_sign),
		cmocka_unit_test(refuses_a_request_that_goes_on),
		cmocka_unit_test(a_ca_without_a_key_id_issues_nothing),
	};

	return cmocka_run_group_tests(tests, make_ca, free_ca);
}
