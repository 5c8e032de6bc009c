/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets_der - recognise private keys in DER by their structure.
 *
 * PKCS#8 and OneAsymmetricKey (RFC 5958), encrypted PKCS#8 (PBES1, PBES2, the
 * PKCS#12 and Java schemes), SEC1 (RFC 5915), PKCS#1 (RFC 8017), OpenSSL's DSA
 * form and PKCS#12 stores (RFC 7292; these also in BER). Tags and lengths must
 * agree with each other, so that random bytes and tables of object ids do not.
 */
#ifndef SIGNER_SECRETS_DER_H
#define SIGNER_SECRETS_DER_H

#include "common/rd.h"

/* A private key in a slice, and what it was recognised by. */
struct secret {
	const char *what; /* "a PKCS#8 EC key" */
	size_t at, len;   /* len may reach past what was looked at */
};

/*
 * Is there a structure whose first INTEGER (02 01) or object id (06) has its
 * tag at `anchor`? What stands before the anchor is looked at, too.
 */
bool secrets_der(struct slice s, size_t anchor, struct secret *out);

#endif
