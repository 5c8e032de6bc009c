/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_ca - the CAs that devices' certificates chain to, for who installs the
 * server: the one that issues, and those that it took the place of.
 *
 * keys/device-ca.pem holds their certificates, the one that issues first; its
 * private key is keys/device-ca.key. A CA that is replaced loses its key for
 * good. Before that it signs one more certificate for itself, whose end is the
 * day on which nobody trusts it any more: so each who reads the file keeps to
 * that day, with nothing to remember and nobody able to move it. Devices change
 * over as they renew.
 *
 * Server and keeper use what changed here once they are started anew.
 */
#ifndef UPDATE_SERVER_DEVICE_CA_H
#define UPDATE_SERVER_DEVICE_CA_H

#include "common/x509.h"

#define DEVICE_CA_MAX 4

struct device_ca {
	char name[65];
	struct sha256 fingerprint;
	int64_t not_after;
	/* That are not revoked or retired, by the certificate they hold. */
	uint64_t devices;
};

struct device_cas {
	struct device_ca at[DEVICE_CA_MAX]; /* the first issues */
	size_t count;
	uint64_t others; /* devices whose certificate is by none of them */
	/* Known by their fingerprint alone, since a log was replayed. */
	uint64_t unread;
};

/* How things stand; the server may run beside it. */
int device_ca_status(const char *dir, struct device_cas *out,
		     struct err *e) NODISCARD;

/*
 * A new CA, and the one before it trusted for so many days more (to its own
 * end at most). Recorded. Cut off, it is finished or begun anew by the next
 * call, and by the keeper's start. ERR_LIMIT while all places are taken.
 */
int device_ca_rotate(const char *dir, uint64_t days, const char *reason,
		     struct device_cas *out, struct err *e) NODISCARD;

/*
 * Trust that former CA no longer. ERR_CONFLICT while devices are on it, unless
 * `leave` is exactly how many; for the one that issues; and while there are
 * devices whose certificates nobody here has seen. Recorded.
 */
int device_ca_withdraw(const char *dir, const struct sha256 *fingerprint,
		       uint64_t leave, const char *reason,
		       struct device_cas *out, struct err *e) NODISCARD;

#endif
