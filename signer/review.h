/* SPDX-License-Identifier: Apache-2.0 */
/*
 * review - what an engineer reads before signing.
 *
 * Five lines for people first (product, from, to, who signed, what is
 * missing); then, for each file, what the rules say and exactly what is signed
 * against what was signed before (diff.h).
 */
#ifndef SIGNER_REVIEW_H
#define SIGNER_REVIEW_H

#include "signer/envelope.h"
#include "signer/report.h"

#define REVIEW_FILES_MAX 34 /* root, targets, delegated roles */

/* One file under review; what is not known is NULL. */
struct review_file {
	const struct json *envelope;    /* what is, or would be, signed */
	const struct json *before;      /* "signed" of the same role before */
	const struct json *root_before; /* root files: judges them too */
	const struct json *by;          /* root or targets whose keys count */
};

struct review {
	struct review_file files[REVIEW_FILES_MAX];
	size_t count;
	const struct json *names; /* keyid: name; may be NULL */
	const char *owner;        /* may be NULL */
	int64_t now;
};

/* Say all of it: lines for people, members of the object for --json. */
int review_say(const struct review *v, struct report *out,
	       struct err *e) NODISCARD;

/* The five lines alone. */
int review_summary(const struct review *v, struct report *out,
		   struct err *e) NODISCARD;

#endif
