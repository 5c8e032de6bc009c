/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_return - devices that come back after a restore: by the chain of their
 * renewals, or one by one, by an officer's word.
 */
#ifndef UPDATE_SERVER_STORE_RETURN_H
#define UPDATE_SERVER_STORE_RETURN_H

#include "update-server/store.h"

/* Since when devices may come back; 0: they may not. */
int store_readopt_since(struct store *s, int64_t *since,
			struct err *e) NODISCARD;
/* ERR_CONFLICT if they may not. */
int store_readopt_close(struct store *s, const struct audit_by *by,
			struct err *e) NODISCARD;

/*
 * A device that our CA certified comes back, in quarantine
 * (store_device_release() ends that). One whose id the registry has comes back
 * as what it was, or not: ERR_CONFLICT; and so for whoever was revoked, and for
 * a key that is known. ERR_NOT_FOUND for no cohort. The log keeps the reason's
 * digest.
 */
struct store_readopt {
	struct device_id id;
	struct sha256 fingerprint, spki;
	char product[NAME_MAX_LEN + 1], model[NAME_MAX_LEN + 1];
	char cohort[NAME_MAX_LEN + 1];
};

int store_readopt(struct store *s, const struct store_readopt *d,
		  const struct audit_by *by, const char *reason,
		  struct err *e) NODISCARD;

/* A device shows renewals that this registry does not know. */
struct store_return {
	struct device_id id;
	const struct wire_readopt *chain;
	struct sha256 fingerprint, spki; /* of the certificate it shows */
	const char *certificate;         /* that one, PEM */
	size_t from;                     /* the link to begin with */
};

enum store_origin {
	ORIGIN_UNKNOWN, /* nothing here leads to it */
	ORIGIN_KNOWN,   /* link `from` renews what the device has here */
	ORIGIN_FORKED   /* link `from` renews what went on otherwise here */
};

/*
 * Where the registry's knowledge of it meets the chain; fills in r->from. Each
 * key of the chain is as the registry has it; that they signed is not yet
 * looked at. ERR_REFUSED for who was revoked or is in quarantine.
 */
int store_return_find(struct store *s, struct store_return *r,
		      enum store_origin *out, struct err *e) NODISCARD;
/*
 * Follow a chain that was verified, on record. As at a renewal the old
 * certificate is good as well, until the one shown is seen again.
 */
int store_return(struct store *s, const struct store_return *r,
		 const struct audit_by *by, struct err *e) NODISCARD;
/* Two boards have one identity: neither is heard until a person has decided. */
int store_return_fork(struct store *s, const struct store_return *r,
		      const struct audit_by *by, struct err *e) NODISCARD;

#endif
