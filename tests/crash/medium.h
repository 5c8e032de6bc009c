/* SPDX-License-Identifier: Apache-2.0 */
/*
 * medium - the disk of one explorer: the bytes that surely are on it, and, in
 * memory under a loop device, one state after the other to be mounted.
 */
#ifndef TESTS_CRASH_MEDIUM_H
#define TESTS_CRASH_MEDIUM_H

#include "tests/crash/states.h"

struct medium {
	size_t size, blocks;
	uint8_t *stable;  /* what was flushed */
	uint8_t *live;    /* the state; what the loop device shows */
	uint64_t *hashes; /* of the blocks of stable */
	uint64_t sum;     /* of all of stable */
	size_t *touched;  /* blocks in which live differs from stable */
	size_t touched_count;
	bool *is_touched;
	int live_fd;
	char loop[32];
};

/* Load the image that the run began with, and attach it to a loop device of
 * this sector size. */
int medium_open(const char *image, uint32_t sector, struct medium *m,
		struct err *e) NODISCARD;
void medium_close(struct medium *m);

/* Make live this state. Its hash tells states of different bytes apart. */
uint64_t medium_show(struct medium *m, const struct state *s);
/* Make live what is stable; after a mount, all of it was perhaps changed. */
void medium_reset(struct medium *m, bool mounted);
/* Make stable what the epoch wrote. */
void medium_advance(struct medium *m, const struct states_run *run,
		    const struct states_epoch *epoch);

int medium_save(const struct medium *m, const char *path,
		struct err *e) NODISCARD;

#endif
