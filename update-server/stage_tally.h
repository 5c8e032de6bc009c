/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage_tally - the counters of one rollout. Each is changed when an attempt
 * is, so whatever a gate or a page shows is read, never searched for: nothing
 * here grows with the fleet.
 *
 * What a gate judges belongs to a gate epoch. A new epoch (somebody resumed
 * after a stop) starts at zero: what failed before does not stop again. What is
 * shown to people is counted over all epochs.
 */
#ifndef UPDATE_SERVER_STAGE_TALLY_H
#define UPDATE_SERVER_STAGE_TALLY_H

#include "update-server/ladder.h"
#include "update-server/stage_attempt.h"

#define TALLY_HOURS     168 /* a week; older hours are forgotten */
#define TALLY_HOUR      INT64_C(3600)
#define TALLY_STOP_MAX  8
#define TALLY_NO_HOUR   INT64_MIN
#define TALLY_PHASE_ALL LADDER_RUNGS_MAX

/* Codes that stop a rollout at once. */
struct tally_stops {
	char code[TALLY_STOP_MAX][WIRE_CODE_MAX + 1];
	size_t count;
};

/* Of one phase in this epoch. */
struct tally_gate {
	uint64_t under_way; /* went beyond the offer; of whatever epoch */
	uint64_t awaited;   /* of those: installed, and not heard of since */
	uint64_t confirmed, lost;
	uint64_t failed[GATE_CLASSES];
	uint32_t early, early_bad; /* of the first GATE_EARLY */
	bool stop_code;
};

#define TALLY_CODES_MAX 64

/* Failures of a phase in this epoch that have one code. Devices say what codes
 * there are: where they say too many, the rarest are forgotten. */
struct tally_code {
	char code[WIRE_CODE_MAX + 1];
	uint16_t phase;
	uint64_t n;
};

/* Devices by the hour in which they were online. */
struct tally_hour {
	int64_t hour;
	uint64_t installed, dark; /* of this epoch */
	uint64_t seen,
		last; /* not offered anything: seen then, and then last */
};

struct tally {
	uint16_t epoch;
	uint64_t states[LADDER_RUNGS_MAX][STAGE_STATES];
	struct tally_gate gate[LADDER_RUNGS_MAX];
	struct tally_code codes[TALLY_CODES_MAX];
	size_t code_count;
	struct tally_hour hours[TALLY_HOURS];
};

void tally_init(struct tally *t);

/* An attempt went from `before` (NULL: it is new) to `after`. */
void tally_move(struct tally *t, const struct tally_stops *stops,
		const struct stage_attempt *before,
		const struct stage_attempt *after);

/* So many attempts are like this one: for who kept the counters in rows. What
 * ended first and the hours are not in them. */
void tally_add(struct tally *t, const struct stage_attempt *like, uint64_t n);

/*
 * A device that this rollout has offered nothing, and does not now, was seen;
 * `before` is when it was the last time (TALLY_NO_HOUR: never). The second: it
 * is offered something now, and was last seen then. Whoever is offered in an
 * hour is none of that hour's others: it would be one that never goes dark.
 */
void tally_control_seen(struct tally *t, int64_t before, int64_t now);
void tally_control_leaves(struct tally *t, int64_t seen);

/* From here on a new epoch counts. */
void tally_epoch(struct tally *t, uint16_t epoch);

/*
 * What the gate judges: one phase, or TALLY_PHASE_ALL. Darkness is of the whole
 * rollout, over hours that lie more than `dark_sec` back.
 */
void tally_facts(const struct tally *t, size_t phase, int64_t dark_sec,
		 int64_t now, struct gate_facts *out);

/* The codes of these facts' failures; nothing else of them is touched. */
void tally_reasons(const struct tally *t, size_t phase,
		   const struct tally_stops *stops, struct gate_facts *out);

/* How many attempts are in this state, over all phases. */
uint64_t tally_count(const struct tally *t, enum stage_state state);

#endif
