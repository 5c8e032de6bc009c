/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interview - ask a person for what no option said, a line for each question.
 * An empty line takes what is shown as usual. What cannot be is said, and asked
 * again; three times, then ERR_USAGE, as when the answers end.
 */
#ifndef SIGNER_INTERVIEW_H
#define SIGNER_INTERVIEW_H

#include <stdio.h>

#include "common/err.h"

#define INTERVIEW_LINE_MAX 200 /* bytes of an answer */
#define INTERVIEW_TRIES    3

/* One conversation; both streams are the caller's. */
struct interview {
	FILE *in, *out;
};

/* ERR_USAGE says in words why an answer cannot be. */
typedef int interview_check(void *ctx, const char *answer, struct err *e);

struct interview_question {
	const char *words;
	const char *usual;      /* what an empty line means; NULL: nothing */
	interview_check *check; /* NULL: any will do */
	void *ctx;
};

/* *out is the caller's, from mem_dup_str(). */
int interview_text(const struct interview *i,
		   const struct interview_question *q, char **out,
		   struct err *e) NODISCARD;

/* A number from min to max; *out is the usual one before. */
struct interview_range {
	uint64_t min, max;
};

int interview_number(const struct interview *i, const char *question,
		     const struct interview_range *range, uint64_t *out,
		     struct err *e) NODISCARD;

#endif
