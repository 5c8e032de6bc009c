/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ratchet - the floor of this device: joins what metadata, the record, the
 * slots and the hardware know of it, and lets it only rise.
 *
 * All steps can be done again: a power cut between them is mended when the
 * floor is settled at the next start.
 */
#ifndef UPDATER_CLIENT_RATCHET_H
#define UPDATER_CLIENT_RATCHET_H

#include "updater-client/session.h"

/*
 * Read the hardware counter, if one is configured, and settle. ERR_SYSTEM when
 * it cannot be read: then nobody knows what may be installed.
 */
int ratchet_begin(struct session *s, struct err *e) NODISCARD;

/* Nothing below this is installed. */
uint64_t ratchet_floor(const struct session *s);

/* A floor commit was verified: remember it, and settle. */
int ratchet_learn(struct session *s, uint64_t verified,
		  struct err *e) NODISCARD;

/*
 * Store the floor if what runs now allows it: in the record, in the record of
 * the slot that runs, in the hardware, in this order, each only if it is not
 * there yet. Call it once a release was confirmed.
 */
int ratchet_settle(struct session *s, struct err *e) NODISCARD;

/* ERR_ROLLBACK when what a slot holds lies below the stored floor. */
int ratchet_check_back(const struct session *s, const struct slot_release *r,
		       struct err *e) NODISCARD;

/*
 * The floor was stored after `to` was installed, and lies above it but not
 * above `from`: `to` must not start. (A device that comes up from far below may
 * have to pass by way of what lies below its floor, and then so does `from`.)
 */
bool ratchet_has_overtaken(const struct session *s);

#endif
