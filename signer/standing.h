/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing - how far the signatures of a staged file are: who has signed, who
 * could, and how many are missing.
 *
 * Targets need the threshold of the root that will be published with them, a
 * delegated role that of the targets that delegate to it. A root needs its own
 * threshold and, after the first, that of the root before it (TUF 1.0.34,
 * section 6.1).
 */
#ifndef SIGNER_STANDING_H
#define SIGNER_STANDING_H

#include "common/tuf_write.h"

struct standing {
	size_t judge_count; /* 0: none is known, so nobody can judge */
	struct {
		const char *who; /* "root", "the root before", "targets" */
		struct tuf_progress progress;
	} judges[2];
};

/*
 * "Signed" parts, NULL where there is none: `by` lists the role's keys (a root,
 * or targets for a delegated role), `before` is the root before a root.
 */
int standing_of(const struct json *envelope, const struct json *before,
		const struct json *by, struct standing *out,
		struct err *e) NODISCARD;

bool standing_is_complete(const struct standing *s);

/*
 * Write what is missing: "1 of bob, carol" or "nothing"; names maps key ids
 * to what people call them.
 */
int standing_missing(const struct standing *s, const struct json *names,
		     struct buf *out, struct err *e) NODISCARD;

/* Write who has signed: "alice, bob" or "nobody". */
int standing_signers(const struct standing *s, const struct json *names,
		     struct buf *out, struct err *e) NODISCARD;

/* The same for programs. The caller owns it. */
struct json *standing_json(const struct standing *s, const struct json *names);

#endif
