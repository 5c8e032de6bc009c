/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe - what a device shows after whatever happened to it, and the rules
 * that it must never break.
 *
 * Slots, journal and status are read by the client's own code, as its next
 * start would; that a slot holds what it says is seen with picture.h.
 */
#ifndef TESTS_CRASH_OBSERVE_H
#define TESTS_CRASH_OBSERVE_H

#include "common/claim.h"
#include "tests/crash/picture.h"
#include "tests/crash/secrets.h"
#include "updater-client/boot_record.h"
#include "updater-client/floor_record.h"
#include "updater-client/journal.h"
#include "updater-client/settings.h"

#define WORLD_RELEASES 8
#define STANDING_LEN   16

/* What may be on the device: a configuration, and what releases hold. */
struct world {
	struct settings settings;
	size_t count;
	char ids[WORLD_RELEASES][NAME_MAX_LEN + 1];
	/* Of each component: of trees; images: all bytes. */
	struct buf pictures[WORLD_RELEASES][RELEASE_COMPONENTS_MAX];
	bool exact;  /* the slots have system attributes */
	bool is_bad; /* the release that is tried is never kept */
	struct secrets secrets;
};

/*
 * Each text is "ID=FOLDER", or "ID=IMAGE"; of an empty ID is what the factory
 * wrote, which no record names. The secrets may be none. End with world_done().
 */
int world_load(const char *config, const char *const *releases, size_t count,
	       struct world *w, struct err *e) NODISCARD;
void world_done(struct world *w);

struct observed {
	struct boot_record told; /* what boot control's record says */
	enum slot current;       /* images: that the next boot starts */
	bool boots;              /* a switch takes effect at the next boot */
	char runs[NAME_MAX_LEN + 1]; /* id of the release; "": nothing */
	bool has_factory; /* a slot holds something that the factory wrote */
	struct journal journal;
	struct floor_record floor;
	/* Who it is to a server. */
	bool enrolled, answered; /* or at least its certificate is there */
	char standing[STANDING_LEN], code[CLAIM_JOIN_LEN + 1];
};

/*
 * Look at the device. Any broken rule is an error that names it: what runs is
 * one complete release or nothing, a slot that claims a release holds it
 * whole, both records are readable, the journal's state fits the slot that is
 * current, who was not confirmed is on trial there and leads back, the status
 * says what is so; who is enrolled has both its keys, who
 * is active has nothing of the factory's left, and no secret lies where it must
 * not.
 */
int observe(const struct world *w, struct observed *o, struct err *e) NODISCARD;

#endif
