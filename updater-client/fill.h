/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fill - a slot gets a release: one process writes it, another reads it back.
 *
 * Here is decided which descriptors those processes hold: the package, the slot
 * that runs (for a delta), and the slot that is written.
 */
#ifndef UPDATER_CLIENT_FILL_H
#define UPDATER_CLIENT_FILL_H

#include "updater-client/session.h"

/*
 * Empty a slot that does not run: its record goes first, so it counts as empty
 * until it is sealed. All that the plan needs is looked for before.
 * ERR_CONFLICT: the base of a delta is not there.
 */
int fill_begin(struct session *s, enum slot to, const struct plan *plan,
	       struct err *e) NODISCARD;

/*
 * Write one component of the plan from its spooled package, or (s->window) as
 * it comes, from where the checkpoint says; `sealed` is our sealed key of an
 * encrypted one. ERR_CONFLICT: the base of a delta is damaged.
 */
int fill_write(struct session *s, enum slot to, const struct plan *plan,
	       size_t index, const uint8_t sealed[KEYBOX_SEALED_LEN],
	       struct err *e) NODISCARD;

/* May this slot be written? ERR_CONFLICT when it runs. */
int fill_may(const struct session *s, enum slot to, struct err *e) NODISCARD;

/* Take away what a component has of an unfinished slot; an image has nothing.
 */
int fill_clear(const struct session *s, enum slot to,
	       const struct slot_part *part, struct err *e) NODISCARD;

/* All is written, and nobody goes on: what only that would need is removed. */
int fill_end(const struct session *s, enum slot to, struct err *e) NODISCARD;

/* Read one component back from the medium and compare it. */
int fill_check_part(struct session *s, enum slot which,
		    const struct slot_part *part, struct err *e) NODISCARD;

/*
 * Read all components back from the medium and compare them with what was
 * signed.
 */
int fill_check(struct session *s, enum slot which, const struct slot_release *r,
	       struct err *e) NODISCARD;

#endif
