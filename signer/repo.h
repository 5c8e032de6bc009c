/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repo - the offline repository on a release engineer's disk.
 *
 *	pawl.ini       settings that are nobody else's business
 *	names.json     what engineers call their keys (never published)
 *	metadata/      what was published: N.root.json, N.targets.json and
 *	               N.<role>.json of every role that targets delegate to
 *	staged/        <role>.json: what is being signed; plain files that
 *	               engineers carry, sign and merge
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

#include "signer/envelope.h"
#include "signer/repo_settings.h"

#define REPO_WORK ".work"

#define REPO_DELEGATED_MAX 32

/* The published and the staged envelope of a role; NULL where there is none. */
struct repo_role {
	char name[ROLE_NAME_LEN];
	struct json *published, *staged;
};

struct repo {
	const char *path; /* borrowed: as the user named it */
	int dirfd, lock_fd;
	struct repo_settings settings;
	enum environment environment;
	struct json *names; /* keyid: name */
	struct repo_role root, targets;
	/*
	 * Those that targets delegate to, staged or published, in their order;
	 * then those that once were: snapshot must list them for ever.
	 */
	struct repo_role delegated[REPO_DELEGATED_MAX];
	size_t delegated_count;
};

enum repo_access {
	REPO_READ,
	REPO_WRITE /* takes the lock, clears .work/ */
};

/* A repository that is only being made; its folder is not open yet. */
void repo_init(struct repo *r, const char *path);

int repo_open(const char *path, enum repo_access access, struct repo *r,
	      struct err *e) NODISCARD;
void repo_close(struct repo *r);

/* Is there a repository (a folder with pawl.ini) at this path? */
bool repo_is_at(const char *path);
/* ERR_NOT_FOUND if there is none. */
int repo_need_at(const char *path, struct err *e) NODISCARD;

bool repo_has_product(const struct repo *r, const char *product);

/*
 * A role by its name, NULL when there is none; and all of them by number:
 * root, targets, then the delegated ones.
 */
const struct repo_role *repo_role(const struct repo *r, const char *role);
const struct repo_role *repo_role_at(const struct repo *r, size_t index);
size_t repo_role_count(const struct repo *r);

/* What counts now: the staged file's signed part, else the published one's. */
const struct json *repo_current(const struct repo_role *role);

/* The root that judges targets now: the staged one, else the published. */
const struct json *repo_root(const struct repo *r);

/* Whose keys count for a role: repo_root(), or targets for a delegated one. */
const struct json *repo_judge(const struct repo *r, const char *role);

/* The role that signs a product's releases: its own, else targets. */
int repo_role_of(const struct repo *r, const char *product,
		 char role[ROLE_NAME_LEN], struct err *e) NODISCARD;

/* Is the role delegated to by what counts now? True for root and targets. */
bool repo_is_listed(const struct repo *r, const char *role);

/* Version of what is published; 0 for nothing. */
int64_t repo_version(const struct repo *r, const char *role);

/*
 * Begin a change: *envelope is a copy of what is staged, or of what is
 * published with the next version; without signatures, issued now, expiring
 * by the settings. A delegated role that was never published begins empty.
 * The caller changes it and hands it to repo_stage().
 */
int repo_begin(const struct repo *r, const char *role, int64_t now,
	       struct json **envelope, struct err *e) NODISCARD;

/*
 * The same for a delegated role that begins: empty, for what it listed when it
 * was a role before may have been withdrawn since.
 */
int repo_begin_first(const struct repo *r, const char *role, int64_t now,
		     struct json **envelope, struct err *e) NODISCARD;

/*
 * Make envelope the staged one; it is given away. Returns in *dropped how
 * many signatures the former one carried.
 */
int repo_stage(struct repo *r, const char *role, struct json *envelope,
	       size_t *dropped, struct err *e) NODISCARD;

/*
 * Keep a file that was signed and published elsewhere as the newest of its
 * role; bytes are those of envelope, which is given away. ERR_CONFLICT when it
 * is not newer than ours, or when something of the role is staged here.
 */
int repo_take_over(struct repo *r, const char *role, struct json *envelope,
		   struct slice bytes, struct err *e) NODISCARD;

/* Write the staged envelope again, after signatures were added. */
int repo_save_staged(struct repo *r, const char *role, struct err *e) NODISCARD;

/* Forget what is staged for a role. */
int repo_unstage(struct repo *r, const char *role, struct err *e) NODISCARD;

/* Go on as if it were not staged; the file stays. */
void repo_set_aside(struct repo *r, const char *role);

/* The staged envelope becomes the published one of its version. */
int repo_commit(struct repo *r, const char *role, struct err *e) NODISCARD;

/* Call visit for each published envelope of a role, newest first. */
int repo_each_version(const struct repo *r, const char *role,
		      int (*visit)(void *ctx, const struct json *envelope,
				   struct err *e),
		      void *ctx, struct err *e) NODISCARD;

/*
 * Call visit for the signed part of every version of targets and of each
 * delegated role that was published, newest first, then of the staged one.
 */
int repo_each_targets(struct repo *r,
		      int (*visit)(void *ctx, const struct json *signed_part,
				   struct err *e),
		      void *ctx, struct err *e) NODISCARD;

/* Remember what people call a key; `name` obeys name_is_valid(). */
int repo_name_key(struct repo *r, const char *keyid, const char *name,
		  struct err *e) NODISCARD;

#endif
