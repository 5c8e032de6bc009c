/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish - from a staged folder of metadata to what devices are served.
 *
 * What an operator brought is verified exactly as a device would: the TUF
 * chain from what was imported before, then every target's payload, length and
 * package head. Only then does anything change: files for the keeper to verify
 * for itself, one transaction in the store, the keeper's signatures. If that
 * is cut short, publish_finish() completes it from what is stored.
 */
#ifndef UPDATE_SERVER_PUBLISH_H
#define UPDATE_SERVER_PUBLISH_H

#include "update-server/api.h"

struct publish_summary {
	int64_t root, targets;
	size_t releases, payloads;
	bool first; /* this root was trusted for want of another */
	struct sha256 first_root;
	size_t role_count; /* that came */
};

/*
 * What was staged. No newer root than `root` is looked at, for an earlier
 * import that was cut short may have left others behind. Root and targets 0
 * are those imported before: a delegated role can come on its own.
 */
struct publish_order {
	const char *staged; /* a folder's name beneath incoming/ */
	struct audit_by by; /* who imports */
	int64_t root, targets;
	struct tuf_import_role roles[TUF_IMPORT_ROLES_MAX];
	size_t role_count;
};

/* Whatever comes of it, the staged folder is gone afterwards. */
int publish_staged(struct server_api *api, const struct publish_order *order,
		   struct publish_summary *out, struct err *e) NODISCARD;

#endif
