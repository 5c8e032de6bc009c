/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlet - a published folder: what a server imports, a web server serves and
 * a stick carries.
 *
 *	metadata/1.root.json ... N.root.json, V.targets.json, W.<role>.json
 *	         [S.snapshot.json, timestamp.json]
 *	targets/<dir>/<sha256>.<name>
 *
 * Packages are there before the metadata that names them, and timestamp.json
 * comes last, so whoever reads the folder meanwhile sees the old or the new
 * state (TUF 1.0.34, section 6.2).
 */
#ifndef SIGNER_OUTLET_H
#define SIGNER_OUTLET_H

#include "signer/online.h"
#include "signer/repo.h"

/* Packages that were copied, and those that were there. */
struct outlet_count {
	uint64_t copied, kept, bytes;
};

/*
 * May this repository be published into that folder? It is empty, or what the
 * same repository published before lies in it, whatever else a web server or a
 * person keeps there. ERR_CONFLICT names what is in the way; ERR_USAGE if it is
 * the repository.
 */
int outlet_check_folder(const struct repo *r, int dirfd,
			struct err *e) NODISCARD;

/*
 * Verify what a device would be given, exactly as it would: from the first
 * root on, in a fresh folder of trust. Staged files count as published.
 */
int outlet_check_repo(const struct repo *r, int64_t now,
		      struct err *e) NODISCARD;

/*
 * The same for a folder that was written; with snapshot and timestamp when
 * `online`.
 */
int outlet_check(const struct repo *r, int dirfd, bool online, int64_t now,
		 struct err *e) NODISCARD;

/*
 * Copy what targets and the delegated roles list (staged files count as
 * published) and is missing in dirfd.
 */
int outlet_packages(const struct repo *r, int dirfd, struct outlet_count *count,
		    struct err *e) NODISCARD;

/*
 * Write the root chain, the published targets and delegated roles; `online`
 * may be NULL.
 * ERR_CONFLICT when the folder holds other bytes under the same name: it
 * belongs to another repository.
 */
int outlet_metadata(const struct repo *r, const struct online_files *online,
		    int dirfd, struct err *e) NODISCARD;

#endif
