/* SPDX-License-Identifier: Apache-2.0 */
/* A CA, and what it issues to a server of a test's at 127.0.0.1. */
#ifndef TESTS_UNIT_SERVER_CERTIFICATE_H
#define TESTS_UNIT_SERVER_CERTIFICATE_H

#include "common/x509.h"
#include "tests/unit/check.h"

/* All PEM; given back with server_certificate_done(). */
struct server_certificate {
	struct buf ca, certificate, key;
};

static inline void server_certificate_make(struct server_certificate *s,
					   int64_t not_before,
					   int64_t not_after)
{
	static const char *const names[] = { "127.0.0.1", NULL };
	const struct x509_template ca = { .kind = X509_CA,
					  .common_name = "CA",
					  .not_before = not_before,
					  .not_after = INT64_C(4000000000) };
	const struct x509_template leaf = { .kind = X509_SERVER,
					    .common_name = "server",
					    .names = names,
					    .not_before = not_before,
					    .not_after = not_after };
	struct ec_private *ca_key = NULL, *key = NULL;
	struct ec_public ca_public, own;
	struct err e = { 0 };

	s->ca = s->certificate = s->key =
		(struct buf)BUF_INIT(X509_PEM_MAX_LEN);
	assert_ok(ec_generate(&ca_key, &e));
	assert_ok(ec_generate(&key, &e));
	ec_public_of(ca_key, &ca_public);
	ec_public_of(key, &own);
	assert_ok(x509_issue(&ca, &ca_public, (struct slice){ 0 }, ca_key,
			     &s->ca, &e));
	assert_ok(x509_issue(&leaf, &own, buf_slice(&s->ca), ca_key,
			     &s->certificate, &e));
	assert_ok(x509_private_pem(key, &s->key, &e));
	ec_free(ca_key);
	ec_free(key);
}

static inline void server_certificate_done(struct server_certificate *s)
{
	buf_done(&s->ca);
	buf_done(&s->certificate);
	buf_wipe(&s->key);
}

#endif
