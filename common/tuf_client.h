/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_client - the client workflow of The Update Framework 1.0.34, section 5.
 *
 * The client owns a folder of trusted metadata: root.json, timestamp.json,
 * snapshot.json, targets.json and <percent-encoded role>.json hold the exact
 * bytes that were received, each written only once it passed every check. It
 * asks a source for files by their name in the repository ("2.root.json",
 * "timestamp.json", "7.targets.json") and never touches the network itself,
 * so the same code runs on the device, at the server's import, over a stick
 * and in the conformance program.
 *
 * Everything read from the folder is verified again with the current root's
 * keys at each run. Expiry is judged against the one `now` given at opening,
 * or what signed metadata proves to be later.
 * What was announced by a timestamp that is marked as a medium's is believed
 * in that run alone: the timestamp is kept as "medium-timestamp", and only its
 * versions bind later runs. docs/metadata.md lists every check in its order.
 */
#ifndef COMMON_TUF_CLIENT_H
#define COMMON_TUF_CLIENT_H

#include "common/tuf_fetch.h"
#include "common/tuf_policy.h"

struct tuf_client;

/* Trust a first root: it must verify against itself; expiry is not judged. */
int tuf_client_init(int dirfd, const struct tuf_policy *policy,
		    struct slice root, struct err *e) NODISCARD;

/*
 * Load what is trusted so far. The folder must hold a root.json, and stay open
 * until the client is closed.
 */
int tuf_client_open(int dirfd, const struct tuf_policy *policy, int64_t now,
		    struct tuf_client **out, struct err *e) NODISCARD;
void tuf_client_close(struct tuf_client *c);

/* Sections 5.3 to 5.6: root, timestamp, snapshot, top-level targets. */
int tuf_client_refresh(struct tuf_client *c, const struct tuf_source *from,
		       struct err *e) NODISCARD;

#define TUF_DOCUMENT_MAX     65536 /* bytes of a signed document */
#define TUF_IMPORT_ROLES_MAX 32    /* that targets may delegate to */

/* One delegated role of an import, and the version that comes. */
struct tuf_import_role {
	char name[NAME_MAX_LEN + 1];
	int64_t version;
};

struct tuf_import {
	int64_t targets; /* 0: those that lie in the folder */
	const struct tuf_import_role *roles;
	size_t role_count;
};

/* A role that the imported targets delegate to. */
struct tuf_role_state {
	char name[NAME_MAX_LEN + 1];
	int64_t version; /* 0: nobody has signed it yet */
	/* Why what lies there no longer counts: other keys, or expired. */
	struct err unusable; /* code ERR_NONE: it counts */
};

/*
 * What an importer does: follow the root chain, then accept targets and
 * delegated roles by their signatures alone, with no snapshot or timestamp.
 * ERR_ROLLBACK for a lower version than trusted, ERR_CONFLICT for the same one
 * with other bytes, ERR_REFUSED for a role that targets does not delegate to
 * or that delegates further. All of it is verified before any of it (but the
 * root chain) is persisted. A role that does not come stays as it lies there;
 * if it no longer counts, that is no failure: it cannot be found then.
 */
int tuf_client_import(struct tuf_client *c, const struct tuf_source *from,
		      const struct tuf_import *what, struct err *e) NODISCARD;

/* After an import: the number of roles that targets delegates to. */
size_t tuf_client_roles(const struct tuf_client *c,
			const struct tuf_role_state **out);

/*
 * Find a target, through delegations (5.6.7, pre-order). Delegated metadata
 * that is missing or old is fetched from `from` (NULL: there is no source).
 * ERR_NOT_FOUND.
 */
int tuf_client_find(struct tuf_client *c, const struct tuf_source *from,
		    const char *path, struct tuf_target *out,
		    struct err *e) NODISCARD;

/* Call visit for each target of the top-level targets role, in path order;
 * stops with its error when it returns -1. */
int tuf_client_each(struct tuf_client *c,
		    int (*visit)(void *ctx, const struct tuf_target *t,
				 struct err *e),
		    void *ctx, struct err *e) NODISCARD;

/*
 * The same for a role that the top-level targets delegate to: fetch it if need
 * be, and visit those of its targets that a search for their path finds in it
 * (so nothing outside what was delegated to it). ERR_NOT_FOUND if targets does
 * not delegate to such a role or the snapshot does not list it yet; a role that
 * cannot be had fails otherwise.
 */
int tuf_client_each_in(struct tuf_client *c, const struct tuf_source *from,
		       const char *role,
		       int (*visit)(void *ctx, const struct tuf_target *t,
				    struct err *e),
		       void *ctx, struct err *e) NODISCARD;

/*
 * The verified "signed" tree of a role that targets delegates to; NULL unless
 * an import, or a search that went through it, has loaded it.
 */
const struct json *tuf_client_signed_in(const struct tuf_client *c,
					const char *role);

/*
 * Find a small signed document and append its bytes, at most max, after their
 * length and every digest that we know were verified. It is fetched by its
 * consistent name, see TUF_TARGETS_DIR. ERR_NOT_FOUND when no role lists it.
 */
int tuf_client_document(struct tuf_client *c, const struct tuf_source *from,
			const char *path, size_t max, struct buf *out,
			struct err *e) NODISCARD;

/* Exact trusted bytes and the verified "signed" tree; NULL if not loaded. */
struct slice tuf_client_bytes(const struct tuf_client *c, enum tuf_role role);
const struct json *tuf_client_signed(const struct tuf_client *c,
				     enum tuf_role role);
int64_t tuf_client_version(const struct tuf_client *c, enum tuf_role role);
/* When it ends; 0 if not loaded. */
int64_t tuf_client_expires(const struct tuf_client *c, enum tuf_role role);

void tuf_client_site(const struct tuf_client *c, struct tuf_site *out);

/*
 * The time that has certainly passed: the highest "issued" of threshold-signed
 * metadata seen so far (root and targets, those in the folder included; in
 * production only with a threshold of 2). Expiry is judged against the later
 * of this and `now`. 0 in a foreign repository.
 */
int64_t tuf_client_time_floor(const struct tuf_client *c);

#endif
