/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recipients - the devices to which keys of a product are sealed: taken from a
 * registry export that an officer signed, each of them verified, and compared
 * with the export that was accepted last.
 *
 * What was accepted last stands in the repository, one file per product:
 *
 *	registry/<product>.json   {"v":1, "made": UTC, "devices": {id: SHA-256
 *	                          of the decryption key}}
 */
#ifndef SIGNER_RECIPIENTS_H
#define SIGNER_RECIPIENTS_H

#include "common/registry.h"

struct recipient {
	struct device_id id;
	char model[NAME_MAX_LEN + 1];
	char cohort[NAME_MAX_LEN + 1];
	struct ec_public key;
	bool is_new; /* was not in the export before */
};

struct recipients {
	int64_t made;
	struct recipient *at; /* in the order of their ids */
	size_t count;
	size_t new_count, gone_count;
};

struct recipients_from {
	const char *product;
	struct slice file; /* the export */
	struct slice ca;   /* the device CA */
	struct ec_public officer;
};

/*
 * ERR_UNTRUSTED names the device or signature that does not verify; one such
 * device refuses the whole export. ERR_ROLLBACK for an export older than the
 * last one accepted, ERR_REFUSED when a device has another decryption key than
 * then.
 */
int recipients_load(int repo_dirfd, const struct recipients_from *from,
		    struct recipients *out, struct err *e) NODISCARD;

/* From now on this is the export that was accepted last. */
int recipients_accept(int repo_dirfd, const char *product,
		      const struct recipients *r, struct err *e) NODISCARD;
void recipients_done(struct recipients *r);

#endif
