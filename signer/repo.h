/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repo - the offline repository on a release engineer's disk.
 *
 *	pawl.ini       settings that are nobody else's business
 *	names.json     what engineers call their keys (never published)
 *	metadata/      what was published: N.root.json, N.targets.json
 *	staged/        root.json, targets.json: what is being signed; plain
 *	               files that engineers carry, sign and merge
 *	targets/       packages, under the names that they are published with
 *	online.key     lab and demo only: signs snapshot and timestamp,
 *	online.pass    and its passphrase
 *
 * A change is prepared under .work/ and comes into force by one rename, so an
 * interrupted command leaves the repository as it was. Whoever writes holds a
 * lock: two signers at once cannot mix their changes.
 */
#ifndef SIGNER_REPO_H
#define SIGNER_REPO_H

#include "common/ini.h"
#include "signer/envelope.h"

#define REPO_WORK ".work"

/* pawl.ini */
struct repo_settings {
	char *owner, *contact;
	struct ini_list products;
	uint64_t root_days, targets_days, snapshot_days, timestamp_hours;
};

/* The published and the staged envelope of a role; NULL where there is none. */
struct repo_role {
	struct json *published, *staged;
};

struct repo {
	const char *path; /* borrowed: as the user named it */
	int dirfd, lock_fd;
	struct repo_settings settings;
	enum environment environment;
	struct json *names; /* keyid: name */
	struct repo_role root, targets;
};

enum repo_access {
	REPO_READ,
	REPO_WRITE /* takes the lock, clears .work/ */
};

int repo_open(const char *path, enum repo_access access, struct repo *r,
	      struct err *e) NODISCARD;
void repo_close(struct repo *r);

/* Is there a repository (a folder with pawl.ini) at this path? */
bool repo_is_at(const char *path);

/* Write settings as a commented pawl.ini beneath dirfd. */
int repo_write_settings(int dirfd, const struct repo_settings *s,
			enum environment env, struct err *e) NODISCARD;
void repo_settings_default(struct repo_settings *s);
void repo_settings_done(struct repo_settings *s);
bool repo_has_product(const struct repo *r, const char *product);

struct repo_role *repo_role(struct repo *r, enum tuf_role role);

/* The root that judges targets now: the staged one, else the published. */
const struct json *repo_root(const struct repo *r);

/* Version of what is published; 0 for nothing. */
int64_t repo_version(const struct repo *r, enum tuf_role role);

/*
 * Begin a change: *envelope is a copy of what is staged, or of what is
 * published with the next version; without signatures, issued now, expiring
 * by the settings. The caller changes it and hands it to repo_stage().
 */
int repo_begin(const struct repo *r, enum tuf_role role, int64_t now,
	       struct json **envelope, struct err *e) NODISCARD;

/*
 * Make envelope the staged one; it is given away. Returns in *dropped how
 * many signatures the former one carried.
 */
int repo_stage(struct repo *r, enum tuf_role role, struct json *envelope,
	       size_t *dropped, struct err *e) NODISCARD;

/* Write the staged envelope again, after signatures were added. */
int repo_save_staged(struct repo *r, enum tuf_role role,
		     struct err *e) NODISCARD;

/* Forget what is staged for a role. */
int repo_unstage(struct repo *r, enum tuf_role role, struct err *e) NODISCARD;

/* The staged envelope becomes the published one of its version. */
int repo_commit(struct repo *r, enum tuf_role role, struct err *e) NODISCARD;

/* Call visit for each published targets version, newest first, then staged. */
int repo_each_targets(struct repo *r,
		      int (*visit)(void *ctx, const struct json *signed_part,
				   struct err *e),
		      void *ctx, struct err *e) NODISCARD;

/* Remember what people call a key; `name` obeys name_is_valid(). */
int repo_name_key(struct repo *r, const char *keyid, const char *name,
		  struct err *e) NODISCARD;

#endif
