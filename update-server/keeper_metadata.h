/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_metadata - the keeper's part in TUF: it takes up targets metadata that
 * verify from its own trusted root, into its own folder, and signs snapshot and
 * timestamp for them. A version number is on the disk as used before anything
 * is signed with it, so none is ever signed twice.
 *
 * Files beneath the server's folder: metadata/ (read: what the server offers
 * for publication), keeper/trust/ (own TUF client), keeper/versions.json,
 * keeper/snapshot.json (the newest for the network).
 */
#ifndef UPDATE_SERVER_KEEPER_METADATA_H
#define UPDATE_SERVER_KEEPER_METADATA_H

#include "common/keyfile.h"

#include "update-server/keeper_wire.h"

#define KEEPER_SNAPSHOT_SEC  (7 * UTC_DAY)
#define KEEPER_TIMESTAMP_SEC UTC_DAY
#define KEEPER_ROLES_MAX     64 /* ever listed: a snapshot may not drop one */

struct keeper_versions {
	int64_t snapshot, timestamp; /* the highest ever used */
	int64_t targets;             /* taken up last */
	int64_t network;             /* the snapshot that the network has */
	int64_t network_targets;     /* what it lists */
	int64_t network_expires;
	/* Of every delegated role that was ever listed. */
	struct tuf_import_role roles[KEEPER_ROLES_MAX];
	size_t role_count;
};

struct keeper_metadata {
	int dirfd; /* the server's folder; the caller's */
	enum environment environment;
	struct ec_private *online; /* the caller's */
	struct keeper_versions versions;
};

/* Read what was signed before, if anything; the caller filled in the rest. */
int keeper_metadata_open(struct keeper_metadata *k, struct err *e) NODISCARD;

/* KEEPER_PUBLISH, KEEPER_BUNDLE and what signs anew what was taken up. */
int keeper_metadata_sign(struct keeper_metadata *k,
			 const struct keeper_request *q, int64_t now,
			 struct keeper_answer *a, struct err *e) NODISCARD;

#endif
