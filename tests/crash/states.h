/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states - what a disk may hold after the power went at any moment of a
 * recorded run: everything that was written before the last flush, and of what
 * was written since then any part, for a disk may reorder and tear.
 *
 * An epoch is what lies between two flushes. Of its writes, a state keeps a
 * piece each (perhaps nothing, perhaps all of it). Three kinds are made:
 *
 *	prefix	the first n writes
 *	torn	the first n writes, and a part of the next, its start or its end
 *	subset	any writes, some of them torn: all subsets of few writes; of
 *		many, each write alone, each one missing, and random ones
 *
 * What a state may be held to is what had been said by then: see claims below.
 */
#ifndef TESTS_CRASH_STATES_H
#define TESTS_CRASH_STATES_H

#include "tests/crash/claim.h"

#define STATES_SECTOR 512  /* no disk tears one of these */
#define STATES_BLOCK  4096 /* of the file system */

struct states_write {
	uint64_t offset;
	uint32_t len;
	const uint8_t *bytes;
	size_t time; /* number of its record */
};

struct states_epoch {
	size_t first, count; /* its writes */
	size_t begin, end;   /* numbers of the flushes around it */
};

struct states_claim {
	size_t time;
	struct claim claim;
};

/* A recorded run, taken apart. */
struct states_run {
	struct buf log;
	struct states_write *writes;
	struct states_epoch *epochs;
	struct states_claim *claims;
	size_t write_count, epoch_count, claim_count, most_writes;
};

int states_load(const char *path, struct states_run *run,
		struct err *e) NODISCARD;
void states_done(struct states_run *run);

enum state_kind {
	STATE_PREFIX,
	STATE_TORN,
	STATE_SUBSET,
	STATE_KINDS
};

struct state_piece {
	uint32_t from, to; /* bytes of the write that are kept */
};

struct state {
	enum state_kind kind;
	const struct states_run *run;
	const struct states_epoch *epoch;
	struct state_piece *pieces; /* one for each write of the epoch */
};

/* Who goes through all states; a result other than 0 ends it. */
struct states_visitor {
	void *ctx;
	int (*visit)(void *ctx, const struct state *s);
	/* The epoch is over: all that it wrote is on the medium. */
	int (*advance)(void *ctx, const struct states_epoch *epoch);
};

/* The more rounds, the more random subsets; the same ones each time. */
int states_each(const struct states_run *run, unsigned rounds,
		const struct states_visitor *v);

/*
 * Which claims may have been made when the power went: *first to *last of
 * run->claims. The run must have said at least "begin" before.
 */
void state_claims(const struct state *s, size_t *first, size_t *last);

/* For people: how to come to this state. */
void state_describe(const struct state *s, char *out, size_t size);

#endif
