/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor_record - what this device knows of the floor, across power cuts, and
 * the rules by which it rises. docs/anti-rollback.md.
 *
 * Two numbers, each a content_seq: `verified`, the highest floor commit that
 * was ever verified here, bars installing; `stored` bars falling back, too. It
 * follows only when a confirmed slot is at or above it, so that no device is
 * left without anything that it may run. Neither ever goes down. Files floor.0
 * and floor.1, kept as twin.h says.
 */
#ifndef UPDATER_CLIENT_FLOOR_RECORD_H
#define UPDATER_CLIENT_FLOOR_RECORD_H

#include "updater-client/twin.h"

#define FLOOR_RECORD_LEN 128

struct floor_record {
	uint64_t stored, verified;
};

/* Everything that speaks of the floor. Whoever rolls one back forgets one. */
struct floor_facts {
	struct floor_record record;
	uint64_t counter;     /* of the hardware; 0: none */
	uint64_t slots[2];    /* as each slot's record says; 0: nothing */
	bool confirmed;       /* what runs is a release that was confirmed, */
	uint64_t content_seq; /* with this content */
};

/* Nothing below this is installed: the highest that anybody knows of. */
uint64_t floor_to_install(const struct floor_facts *f);

/* What is to be stored now; never below f->record.stored. */
uint64_t floor_to_store(const struct floor_facts *f);

/* As twin_open(), twin_peek(), twin_write(). */
int floor_record_open(int dirfd, struct twin_file *file, struct floor_record *r,
		      bool *reset, struct err *e) NODISCARD;
int floor_record_peek(int dirfd, struct floor_record *r, bool *reset,
		      struct err *e) NODISCARD;
int floor_record_write(struct twin_file *file, const struct floor_record *r,
		       struct err *e) NODISCARD;

/* One record; ERR_FORMAT. */
int floor_record_parse(struct slice in, struct floor_record *r,
		       uint64_t *sequence, struct err *e) NODISCARD;
void floor_record_format(const struct floor_record *r, uint64_t sequence,
			 uint8_t out[FLOOR_RECORD_LEN]);

#endif
