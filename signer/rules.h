/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - what this repository may sign: pure rules over the "signed" part of
 * root, targets and delegated roles, judged before a signature is made and
 * again before anything is published.
 *
 * A finding either refuses or warns. Rules depend on the environment that root
 * says it is for: production wants thresholds of at least two, no key in two
 * roles, no known example key and signed staging; lab allows one engineer to
 * hold everything and says so; demo is for throwing away.
 */
#ifndef SIGNER_RULES_H
#define SIGNER_RULES_H

#include "common/keyfile.h"
#include "common/tuf_write.h"

#define RULES_ROOT_DAYS_MAX       730
#define RULES_TARGETS_DAYS_MAX    400
#define RULES_SHORT_DAYS_MAX      90 /* one key signs: nightly, rollout */
#define RULES_SNAPSHOT_DAYS_MAX   90
#define RULES_TIMESTAMP_HOURS_MAX 168
#define RULES_MEDIUM_DAYS_MAX     400
#define RULES_CLOCK_SLACK_SEC     3600
#define RULES_ROLE_KEYS_MAX       16
#define RULES_DELEGATED_MAX       32 /* as many as a device visits */

#define FINDINGS_MAX     24
#define FINDING_TEXT_MAX 256

struct finding {
	bool refuses;
	char text[FINDING_TEXT_MAX];
};

struct findings {
	struct finding at[FINDINGS_MAX];
	size_t count;
};

void findings_add(struct findings *f, bool refuses, const char *fmt, ...)
	PRINTF(3, 4);

/* 0, or ERR_REFUSED with the first refusal and how many more there are. */
int findings_judge(const struct findings *f, struct err *e) NODISCARD;

/* "issued" and "expires" of any role at the time `now`. */
void rules_dates(const struct json *signed_part, int64_t now,
		 struct findings *out);

/* Keys, roles, thresholds and the signed "pawl" object of a root. */
void rules_root(const struct json *root, struct findings *out);

/*
 * A root after another one: version exactly one higher, same environment,
 * `issued` not going back. before may be NULL for the first.
 */
void rules_root_after(const struct json *before, const struct json *root,
		      struct findings *out);

/*
 * Paths, lengths and digests of targets or a delegated role, which lists only
 * what its name allows; whom targets delegate to, with which keys.
 */
void rules_targets(const struct json *targets, struct findings *out);

/* Targets say which environment they are for; it must be the repository's. */
void rules_targets_for(const struct json *targets, enum environment env,
		       struct findings *out);

/* No key of root's is one of a role that targets delegate to. */
void rules_sharing(const struct json *root, const struct json *targets,
		   struct findings *out);

/* Dates and content of any role at once. */
void rules_judge(const struct json *signed_part, int64_t now,
		 struct findings *out);

/* The environment that a root, or targets, are for. ERR_FORMAT. */
int rules_environment(const struct json *signed_part, enum environment *out,
		      struct err *e) NODISCARD;

#endif
