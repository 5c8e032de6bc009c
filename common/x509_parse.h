/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_parse - certificates and requests as strict DER (RFC 5280, RFC 2986):
 * bytes in, fields out, no judgement. Every slice is borrowed from the input.
 */
#ifndef COMMON_X509_PARSE_H
#define COMMON_X509_PARSE_H

#include "common/ec.h"

#define X509_NAME_MAX_LEN 64 /* ub-common-name */
#define X509_KEY_ID_LEN   20

/* keyUsage, its first byte. */
#define X509_USAGE_SIGN      0x80 /* digitalSignature */
#define X509_USAGE_CERT_SIGN 0x04
#define X509_USAGE_CRL_SIGN  0x02

struct x509_cert {
	struct slice tbs; /* what is signed */
	struct slice issuer, subject;
	char common_name[X509_NAME_MAX_LEN + 1]; /* "" if it has none */
	struct ec_public public_key;
	int64_t not_before, not_after;
	bool has_constraints, is_ca;
	uint8_t usage; /* 0: no keyUsage */
	bool server_auth, client_auth, other_purpose;
	struct slice subject_id, issuer_id; /* key ids; empty if missing */
	struct slice alt_names;             /* what the extension holds */
	bool has_unknown; /* an extension that is none of the above */
	bool ecdsa_sha256;
	struct slice signature;
};

/*
 * Parse one certificate. ERR_FORMAT for anything that is not exactly X.509
 * version 3 in DER with a named P-256 key: among it trailing bytes, a
 * repeated extension, basicConstraints of any form but {} and {TRUE[, path]}
 * (libraries were fooled by an INTEGER without the BOOLEAN).
 */
int x509_parse_cert(struct slice der, struct x509_cert *out,
		    struct err *e) NODISCARD;

struct x509_csr {
	struct slice info; /* what is signed */
	struct ec_public public_key;
	struct slice signature;
};

/* Parse a PKCS#10 request, ecdsa-with-SHA256 and P-256 only. */
int x509_parse_csr(struct slice der, struct x509_csr *out,
		   struct err *e) NODISCARD;

#endif
