/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_trust - what a TUF client trusts so far, and the checks that its parts
 * (tuf_client, tuf_find, tuf_import) share. Nobody else includes this.
 */
#ifndef COMMON_TUF_TRUST_H
#define COMMON_TUF_TRUST_H

#include "common/tuf_delegation.h"
#include "common/tuf_fetch.h"
#include "common/tuf_policy.h"

/* A delegated role, verified with the keys of the delegator that led to it. */
struct tuf_delegated {
	const struct tuf_meta *delegator;
	char name[TUF_ROLE_NAME_MAX];
	struct tuf_meta *meta;
};

struct tuf_role_state;

struct tuf_client {
	int dirfd;
	struct tuf_policy policy;
	int64_t now, floor; /* the clock, and the time that is past for sure */
	struct tuf_meta *root, *timestamp, *snapshot, *targets;
	/* What lay in the folder: lower bounds, and what need not be fetched */
	struct tuf_meta *old_timestamp, *old_medium, *old_snapshot;
	struct tuf_delegated *delegated;
	size_t delegated_count;
	struct tuf_role_state *roles; /* after an import */
	size_t role_count;
};

void tuf_trust_drop(struct tuf_meta **m);

/* Forget everything but root, before it is read anew. */
void tuf_trust_forget(struct tuf_client *c);

/* Add a verified role to the cache, which takes m over; name is a valid one. */
void tuf_trust_remember(struct tuf_client *c, const struct tuf_meta *delegator,
			const char *name, struct tuf_meta *m);

/* Add a role's name, which is foreign text, to a message. Returns -1. */
int tuf_trust_err(struct err *e, const char *name);

/* The keys that the current root names for a top-level role. */
void tuf_trust_ring(const struct tuf_client *c, const char *role,
		    struct tuf_keyring *ring);

/* Its keys for a role that a targets file delegates to. */
int tuf_trust_delegated_ring(const struct tuf_client *c,
			     const struct tuf_delegation *d,
			     struct tuf_keyring *ring, struct err *e) NODISCARD;

/*
 * What a threshold of keys has dated is past. One stolen key must not move a
 * production device's idea of time.
 */
void tuf_trust_date(struct tuf_client *c, const struct tuf_meta *m,
		    const struct tuf_keyring *ring);

/* The freeze attack: ERR_EXPIRED for what can no longer be relied on. */
int tuf_trust_fresh(const struct tuf_client *c, const struct tuf_meta *m,
		    struct err *e) NODISCARD;

/* A marked file comes from a medium only, and lives as long as root allows. */
int tuf_trust_mark(const struct tuf_client *c, const struct tuf_meta *m,
		   struct err *e) NODISCARD;

/* Fetch a file that another one announced. It is not persisted yet. */
int tuf_trust_obtain(const struct tuf_client *c, const struct tuf_source *from,
		     const struct tuf_wanted *w, struct tuf_meta **out,
		     struct err *e) NODISCARD;

int tuf_trust_keep(const struct tuf_client *c, const char *role,
		   const struct tuf_meta *m, struct err *e) NODISCARD;

/* Section 5.3: follow the chain of roots; the last must not have expired. */
int tuf_trust_root(struct tuf_client *c, const struct tuf_source *from,
		   struct err *e) NODISCARD;

/*
 * Read one file of the folder with the current root's keys; *out is left alone
 * if there is none that they signed.
 */
int tuf_trust_load(const struct tuf_client *c, const char *name,
		   enum tuf_role role, struct tuf_meta **out,
		   struct err *e) NODISCARD;

/*
 * Load a targets role as snapshot announces it: from the folder if it lies
 * there, else from the source (NULL: there is none).
 */
int tuf_trust_role(struct tuf_client *c, const struct tuf_source *from,
		   const char *name, const struct tuf_keyring *ring,
		   struct tuf_meta **out, struct err *e) NODISCARD;

#endif
