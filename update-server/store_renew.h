/* SPDX-License-Identifier: Apache-2.0 */
/* store_renew - the next certificate of a device, in the place of the last. */
#ifndef UPDATE_SERVER_STORE_RENEW_H
#define UPDATE_SERVER_STORE_RENEW_H

#include "update-server/store.h"

/* A device's next certificate, in place of the one that it showed. */
struct store_renewal {
	struct device_id device;
	struct sha256 from; /* the certificate that it showed */
	struct sha256 spki; /* the new key */
	struct sha256 fingerprint;
	char certificate[X509_PEM_MAX_LEN];
	struct decrypt_key decrypt; /* the same key, with the new key's proof */
};

/*
 * May this device go on with this key? If the very key was accepted before (the
 * answer was lost), *again is true and r->certificate what it was given then.
 * If another key was, the identity is quarantined, on the disk, and the call is
 * ERR_REFUSED. ERR_CONFLICT for a key that is known, whoever holds it.
 */
int store_renew_check(struct store *s, struct store_renewal *r,
		      const struct audit_by *by, bool *again,
		      struct err *e) NODISCARD;
/* Take the new key and certificate beside the old. */
int store_renew(struct store *s, const struct store_renewal *r,
		const struct audit_by *by, struct err *e) NODISCARD;

#endif
