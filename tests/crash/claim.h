/* SPDX-License-Identifier: Apache-2.0 */
/* claim - what the client has said so far, in its lines, and is held to. */
#ifndef TESTS_CRASH_CLAIM_H
#define TESTS_CRASH_CLAIM_H

#include "tests/crash/observe.h"

#define CLAIM_LINE_MAX 1024

enum claim_kind {
	CLAIM_NOTHING,
	CLAIM_SWITCHED,
	CLAIM_CONFIRMED,
	CLAIM_ROLLED_BACK,
};

struct claim {
	enum claim_kind kind;
	enum slot slot; /* the last that was switched to; SLOT_NONE: none */
	char release[NAME_MAX_LEN + 1]; /* confirmed or rolled back */
	/* What no later command takes back: */
	char code[CLAIM_JOIN_LEN + 1]; /* a person was told it; "": none */
	bool enrolled, active;
};

/*
 * Take in one line: an event of the client's log, or "begin" where a new
 * command starts, which may move on from what was claimed before, or what a
 * test has read in a status ("standing active"). True if the claim is now
 * another.
 */
bool claim_read(struct claim *c, const char *line);

/* ERR_CONFLICT when the device is not as claimed. */
int claim_check(const struct claim *c, const struct observed *o,
		struct err *e) NODISCARD;

const char *claim_name(const struct claim *c);

#endif
