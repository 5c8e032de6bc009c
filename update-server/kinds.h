/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds - what a rollout came to on each kind of device: by cohort, by model,
 * by revision of the hardware, by the release that ran before. Pure: counts in,
 * groups with the bounds of their rates out, and which of them stand apart.
 *
 * A group stands apart when so much more fails in it than in all the others
 * together that chance does not explain it: its lower bound (99 %) is above
 * their upper bound (95 %), by the bounds that gates use. It informs people and
 * stops nothing: of many groups one may stand apart by chance.
 */
#ifndef UPDATE_SERVER_KINDS_H
#define UPDATE_SERVER_KINDS_H

#include "common/bucket.h"
#include "common/release.h"

#include "update-server/gate.h"

#define KINDS_GROUPS_MAX 64 /* what more there is goes into the last */
#define KINDS_SAMPLES    3
#define KINDS_WORDS      256
#define KINDS_REST       "*" /* the name of what was not told apart */

/* Of the attempts that count in gates. */
struct kinds_counts {
	uint64_t offered; /* ever */
	uint64_t confirmed;
	uint64_t bad;   /* failures and roll-backs of class GATE_REL */
	uint64_t other; /* failures of the other classes */
	uint64_t dark;
};

struct kinds_group {
	char name[NAME_MAX_LEN + 1]; /* "": the device does not say */
	struct kinds_counts n;
	struct device_id samples[KINDS_SAMPLES]; /* where it went wrong */
	size_t sample_count;
	/* Of bad among those that ended, in basis points: what gates read. */
	uint32_t lower, upper;
	bool fails_more, dark_more; /* than the others */
	char words[KINDS_WORDS];    /* how so; "" unless it stands apart */
};

struct kinds {
	struct kinds_group groups[KINDS_GROUPS_MAX];
	size_t count;
};

/* More of the group of this name; sample may be NULL. */
void kinds_add(struct kinds *k, const char *name, const struct kinds_counts *n,
	       const struct device_id *sample);

/* All were added: judge each, and sort: who stands apart first, then the most
 * failures, then the most devices. */
void kinds_judge(struct kinds *k);

#endif
