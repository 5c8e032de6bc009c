/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unused - payload files that nothing refers to, and the sealed keys of such
 * packages. Something does if the signed
 * metadata lists it, the newest file of a role that cannot be used now
 * (expired, other keys) too; if it is of a release that a rollout is still
 * about, or that a listed delta starts from; if a file of the operators that
 * lacks signatures names it. What came lately is left alone as well: an import
 * brings its payloads first, and then the metadata that lists them.
 */
#ifndef UPDATE_SERVER_UNUSED_H
#define UPDATE_SERVER_UNUSED_H

#include "update-server/blobs.h"
#include "update-server/store.h"

struct unused {
	struct blob *at; /* by name */
	size_t count;
	uint64_t bytes;
	uint64_t referred, recent; /* files that stay, and why */
};

/* A release that somebody is still about. */
struct unused_held {
	const char *product, *release;
};

struct unused_ask {
	int dirfd;      /* the server's folder */
	int64_t before; /* what came later stays */
	/* The releases of rollouts that are not over. */
	const struct unused_held *held;
	size_t held_count;
};

/* What is of no use. End it with unused_done() in any case. */
int unused_find(struct store *s, const struct unused_ask *ask,
		struct unused *out, struct err *e) NODISCARD;
void unused_done(struct unused *u);

/* Over the names and lengths of what would go: who agrees to it saw the same.
 */
void unused_plan(const struct unused *u, struct sha256 *out);

#endif
