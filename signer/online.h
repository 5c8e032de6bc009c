/* SPDX-License-Identifier: Apache-2.0 */
/*
 * online - snapshot and timestamp signed by the offline repository itself, so
 * that one person in a lab gets a folder from which a device installs.
 *
 * Lab and demo only. The key stands in REPO/online.key and its passphrase
 * beside it in REPO/online.pass: whoever reads the folder has both, which is
 * why production refuses it. Versions rise with every publication and are
 * remembered in REPO/metadata/timestamp.json.
 */
#ifndef SIGNER_ONLINE_H
#define SIGNER_ONLINE_H

#include "signer/repo.h"

/* Make online.key and online.pass (both 0600) with a random passphrase. */
int online_make(const struct repo *r, struct ec_public *out,
		struct err *e) NODISCARD;

/*
 * May this repository sign them at all? ERR_REFUSED in production, or when the
 * root that will be published does not list the key.
 */
int online_check(const struct repo *r, struct err *e) NODISCARD;

/* The two files of one publication. */
struct online_files {
	int64_t snapshot_version;
	struct buf snapshot, timestamp;
};

/*
 * Sign snapshot and timestamp over the published targets and delegated roles,
 * with the next versions, and remember those. ERR_REFUSED as above. The caller
 * ends `out` with online_done() in any case.
 */
int online_sign(struct repo *r, int64_t now, struct online_files *out,
		struct err *e) NODISCARD;
void online_done(struct online_files *f);

#endif
