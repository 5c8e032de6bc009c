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

#include "tests/crash/picture.h"
#include "updater-client/floor_record.h"
#include "updater-client/journal.h"
#include "updater-client/settings.h"

#define WORLD_RELEASES 8
#define CLAIM_LINE_MAX 1024

/* What may be on the device: a configuration, and what releases hold. */
struct world {
	struct settings settings;
	size_t count;
	char ids[WORLD_RELEASES][NAME_MAX_LEN + 1];
	/* Of each component: of trees; images: all bytes. */
	struct buf pictures[WORLD_RELEASES][RELEASE_COMPONENTS_MAX];
	bool exact; /* the slots have system attributes */
};

/* Each text is "ID=FOLDER", or "ID=IMAGE". End with world_done(). */
int world_load(const char *config, const char *const *releases, size_t count,
	       struct world *w, struct err *e) NODISCARD;
void world_done(struct world *w);

struct observed {
	enum slot told;    /* what boot control's record says */
	enum slot current; /* images: that the next boot starts */
	bool boots;        /* a switch takes effect at the next boot */
	char runs[NAME_MAX_LEN + 1]; /* id of the release; "": nothing */
	struct journal journal;
	struct floor_record floor;
};

/*
 * Look at the device. Any broken rule is an error that names it: what runs is
 * one complete release or nothing, a slot that claims a release holds it
 * whole, both records are readable, the journal's state fits the slot that is
 * current, the status says what is so.
 */
int observe(const struct world *w, struct observed *o, struct err *e) NODISCARD;

/* ---- what the client has claimed so far, in its lines -------------------- */

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
};

/*
 * Take in one line: an event of the client's log, or "begin" where a new
 * command starts, which may move on from what was claimed before. True if the
 * claim is now another.
 */
bool claim_read(struct claim *c, const char *line);

/* ERR_CONFLICT when the device is not as claimed. */
int claim_check(const struct claim *c, const struct observed *o,
		struct err *e) NODISCARD;

const char *claim_name(const struct claim *c);

#endif
