/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_record - what a boot loader is told about the slots: one small record,
 * and what a loader makes of it. Pure: bytes in, decision out.
 *
 *	pawl_slot=b    the slot that starts
 *	pawl_back=a    it is on trial; this one takes its place if it fails
 *	pawl_left=3    starts that are left to it
 *	pawl_failed=   the slot that was given up last
 *
 * All four are always written together. An empty one is as good as a missing
 * one; without any there is no record yet, and the loader starts its default.
 * What else is known of a slot is derived from these. docs/boot-control.md.
 */
#ifndef UPDATER_CLIENT_BOOT_RECORD_H
#define UPDATER_CLIENT_BOOT_RECORD_H

#include "updater-client/slot.h"

#define BOOT_LEFT_MAX  9 /* one digit, for loaders without arithmetic */
#define BOOT_VALUE_LEN 8

struct boot_record {
	enum slot slot; /* NONE: there is no record yet */
	bool trying;
	enum slot back; /* trying: never NONE */
	uint32_t left;  /* trying */
	enum slot failed;
};

enum boot_state {
	BOOT_UNKNOWN,
	BOOT_GOOD,
	BOOT_TRYING,
	BOOT_BAD
};

enum boot_variable {
	BOOT_SLOT,
	BOOT_BACK,
	BOOT_LEFT,
	BOOT_FAILED,
	BOOT_VARIABLES
};

/* The record as texts; "" for what is not set. */
struct boot_values {
	char of[BOOT_VARIABLES][BOOT_VALUE_LEN];
};

/* "pawl_slot", ... */
const char *boot_variable_name(enum boot_variable v);

/*
 * Set the variable of that name; false when it is none of ours. What is too
 * long to be a value, or holds a NUL, is kept as "?", which no record has.
 */
bool boot_values_set(struct boot_values *to, struct slice name,
		     struct slice value);

/* ERR_FORMAT for anything that boot_values_from() does not make. */
int boot_record_parse(const struct boot_values *from, struct boot_record *out,
		      struct err *e) NODISCARD;
void boot_values_from(const struct boot_record *r, struct boot_values *out);

bool boot_record_is_valid(const struct boot_record *r);
bool boot_record_equal(const struct boot_record *a,
		       const struct boot_record *b);

enum boot_state boot_record_state(const struct boot_record *r, enum slot s);
/* "good", "trying", "bad", "unknown". */
const char *boot_state_name(enum boot_state s);

/*
 * What a loader or guard does before each start: count it, or go back when
 * none is left. Returns the slot to start.
 */
enum slot boot_record_start(struct boot_record *r);

#endif
