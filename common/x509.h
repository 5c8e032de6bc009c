/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509 - the few certificates that transport needs (RFC 5280). Never used for
 * software: what runs is decided by TUF keys alone.
 *
 * Certificates are made from our own templates: nothing of a request is taken
 * over but its public key. Depth is exactly 1: a CA and its leaves. Serials
 * are random, 128 bits; all keys are P-256. Text is PEM, one block each.
 */
#ifndef COMMON_X509_H
#define COMMON_X509_H

#include "common/ec.h"
#include "common/utc.h"

#define X509_PEM_MAX_LEN 4096
#define DEVICE_ID_LEN    16

/* 16 random bytes, 32 hex digits in text: a device's whole identity. */
struct device_id {
	uint8_t bytes[DEVICE_ID_LEN];
};

enum x509_kind {
	X509_CA,     /* CA:TRUE pathlen 0, keyCertSign, cRLSign */
	X509_SERVER, /* serverAuth, subjectAltName from `names` */
	X509_DEVICE, /* clientAuth; CN is the device id in hex */
	X509_PERSON, /* clientAuth, self-signed; the registry pins it */
};

struct x509_template {
	enum x509_kind kind;
	const char *common_name; /* letters, digits, space, . - : */
	/* X509_SERVER: DNS names and IP addresses, NULL-terminated. */
	const char *const *names;
	int64_t not_before, not_after;
};

/*
 * Append a certificate for subject, signed by issuer_key in the name of
 * issuer_pem's subject; an empty issuer_pem means self-signed.
 */
int x509_issue(const struct x509_template *t, const struct ec_public *subject,
	       struct slice issuer_pem, const struct ec_private *issuer_key,
	       struct buf *pem, struct err *e) NODISCARD;

/* What we need to know of a certificate. */
struct x509_info {
	char common_name[65];
	struct ec_public public_key;
	struct sha256 fingerprint; /* SHA-256 of the DER */
	int64_t not_before, not_after;
	bool is_ca;
};

/* Parse one certificate, PEM or DER, P-256 only. Verifies nothing. */
int x509_inspect(struct slice cert, struct x509_info *out,
		 struct err *e) NODISCARD;

/*
 * Verify a leaf against exactly one CA: signature by the CA's key, depth 1,
 * CA:FALSE, key usage for the kind, and the dates at `now`; of the leaf, not of
 * the CA, a past end is forgiven if `expired_is_fine`. ERR_UNTRUSTED or
 * ERR_EXPIRED; whatever our templates do not make (an unknown extension, two
 * purposes...) is untrusted. For X509_PERSON `ca` is the pinned certificate
 * itself.
 */
int x509_verify(struct slice leaf, struct slice ca, enum x509_kind kind,
		int64_t now, bool expired_is_fine, struct err *e) NODISCARD;

/*
 * Cut the first PEM certificate off a text that holds several, one behind the
 * other; false when there is none any more.
 */
bool x509_next(struct slice *text, struct slice *one);

/* The same by any CA of such a text. ERR_CONFIG if it holds none. */
int x509_verify_by_any(struct slice leaf, struct slice cas, enum x509_kind kind,
		       int64_t now, bool expired_is_fine,
		       struct err *e) NODISCARD;

/* Does the leaf name this CA as its issuer? By names and key ids alone. */
bool x509_names_issuer(struct slice leaf, struct slice ca);
/* Does it name one of several, whose end has not come? For a leaf that was
 * verified before. */
bool x509_is_covered(struct slice leaf, struct slice cas, int64_t now);

/* Append a PKCS#10 request (PEM) whose subject is `common_name`. */
int x509_request(const struct ec_private *key, const char *common_name,
		 struct buf *pem, struct err *e) NODISCARD;

/*
 * The public key of a request, after verifying the request's own signature
 * over it (which mbedtls does not do when parsing). ERR_FORMAT for anything
 * but a named P-256 key, ERR_UNTRUSTED for a bad signature.
 */
int x509_request_key(struct slice pem, struct ec_public *out,
		     struct err *e) NODISCARD;

/* The private key as unencrypted PEM (SEC1), for libcurl or mbedtls' own use
 * in memory only. The caller wipes out. */
int x509_private_pem(const struct ec_private *key, struct buf *out,
		     struct err *e) NODISCARD;

#endif
