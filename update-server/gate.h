/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate - may a rollout go on? Statistics, and nothing else: counts in, a
 * verdict out. How to read it: docs/fleet.md.
 *
 * A naive rule ("more than 2 % of reports failed") stops half of all good
 * rollouts by chance, because it is asked after every report. Here a failure
 * rate counts only as far as it is proven: by the exact (Clopper-Pearson)
 * one-sided bounds, 99 % to stop and 95 % to pass. Counts go in, bounds come
 * out in basis points; no bound is ever rounded in the release's favour.
 */
#ifndef UPDATE_SERVER_GATE_H
#define UPDATE_SERVER_GATE_H

#include <stdbool.h>
#include <stdint.h>

#define GATE_ALL 10000 /* basis points */

/* What a failure's code says about the release. */
enum gate_class {
	GATE_REL,   /* the release: it did not verify, start or stay healthy */
	GATE_ENV,   /* the device's surroundings: network, disk, people */
	GATE_INFRA, /* ours: missing or expired on the server */
	GATE_SEC,   /* somebody's signature is wrong: a person must look */
	GATE_CLASSES
};

/* "release", "environment", "infrastructure", "security". */
const char *gate_class_name(enum gate_class c);

/*
 * The class of a code as devices report it ("HEALTH_FAILED") and the server
 * infers it ("RUNS_OLDER"). What nobody knows counts against the release.
 */
enum gate_class gate_class_of(const char *code);

/* ---- bounds of one rate -------------------------------------------------- */

/*
 * One-sided Clopper-Pearson bounds of bad out of n, in basis points: the lower
 * one (99 %) rounded down, the upper one (95 %) rounded up. bad <= n, n > 0.
 */
uint32_t gate_lower(uint64_t bad, uint64_t n);
uint32_t gate_upper(uint64_t bad, uint64_t n);

/* Is the lower bound above, the upper bound at or under this limit? Exact. */
bool gate_exceeds(uint64_t bad, uint64_t n, uint32_t limit);
bool gate_stays_under(uint64_t bad, uint64_t n, uint32_t limit);

/* How many devices with none bad it takes to stay under a limit > 0. */
uint64_t gate_sample(uint32_t limit);

/* ---- darkness: bounds of an excess --------------------------------------- */

/*
 * People switch devices off, so devices that installed and went dark are
 * compared with devices that were online in the same hours and were offered
 * nothing. The counts of both; n may be 0.
 */
struct gate_dark {
	uint64_t dark, n;                 /* installed */
	uint64_t control_dark, control_n; /* not offered yet */
};

/*
 * Lower bound (99 %) of the difference of both rates in basis points, rounded
 * down; 0 where there is no excess or nobody to compare with. From both rates'
 * Clopper-Pearson bounds (the square-and-add method of Newcombe, Statistics in
 * Medicine 17, 1998, method 10).
 */
uint32_t gate_excess(const struct gate_dark *d);
/* Upper bound (95 %) of it, rounded up; GATE_ALL where nobody is to compare
 * with. */
uint32_t gate_excess_most(const struct gate_dark *d);

/* ---- the verdict --------------------------------------------------------- */

struct gate_policy {
	uint32_t max_fail;   /* basis points; above 0 */
	uint32_t coverage;   /* basis points of those that started */
	uint64_t min_sample; /* 0: gate_sample(max_fail) */
	uint32_t breaker;    /* basis points of payload or signature trouble */
};

#define GATE_CODE_LEN 33

/* The code that most of some failures have, and how many; n 0: none is known.
 * It is told to people, and decides nothing. */
struct gate_reason {
	char code[GATE_CODE_LEN];
	uint64_t n;
};

/* Of one phase, or of all phases of a rollout, within one gate epoch. */
struct gate_facts {
	uint64_t confirmed;
	uint64_t bad;       /* failures and roll-backs of class GATE_REL */
	uint64_t trouble;   /* failures of GATE_INFRA and GATE_SEC */
	uint64_t other;     /* failures of GATE_ENV */
	uint64_t lost;      /* installed and dark now */
	uint64_t awaited;   /* installed, and not back yet */
	uint64_t started;   /* went beyond the offer, whatever came of it */
	uint64_t size;      /* devices that this phase opens to */
	uint32_t early_bad; /* of the first GATE_EARLY that ended */
	bool stop_code;     /* one of the codes that stop at once was seen */
	bool late;          /* whoever comes has come */
	/* A person went on after a stop, and some had confirmed by then. */
	bool resumed;
	struct gate_dark dark;
	/* How dark it usually is: as `dark` has it, and where nobody was left
	 * to compare with, as it was the last time that there was. */
	uint64_t usual_dark, usual_n;
	/* Of `bad`, of `trouble`, and of what stops at once. */
	struct gate_reason why_bad, why_trouble, why_stopped;
};

#define GATE_EARLY 5

enum gate_verdict {
	GATE_GATHERING, /* nothing proven yet */
	GATE_PASS,      /* proven good */
	GATE_SMALL,     /* too few to prove it; nothing bad: a person decides */
	GATE_SILENT,    /* good, but for some that installed it and are dark */
	/* from here on: stop */
	GATE_TRIP_RATE,
	GATE_TRIP_EARLY,
	GATE_TRIP_CODE,
	GATE_TRIP_DARK,
	GATE_TRIP_TROUBLE
};

/* Some reason to stop, or GATE_GATHERING. */
enum gate_verdict gate_trips(const struct gate_policy *p,
			     const struct gate_facts *f);

/*
 * The whole verdict of a phase. Time is the caller's business: how long a
 * verdict must stand before it counts.
 */
enum gate_verdict gate_judge(const struct gate_policy *p,
			     const struct gate_facts *f);

/* The sample that a policy asks for. */
uint64_t gate_needed(const struct gate_policy *p);

/* "gathering", "pass", "small", "rate", "early", ... */
const char *gate_verdict_name(enum gate_verdict v);

/* One line for people: "9 of 131 failed (6.8 %, at least 2.7 %; limit 2 %), top
 * reason BOOT_TIMEOUT (7)". */
void gate_describe(const struct gate_policy *p, const struct gate_facts *f,
		   enum gate_verdict v, char *out, uint32_t size);

#endif
