/* SPDX-License-Identifier: Apache-2.0 */
/*
 * first_use - after enrolment nothing of the factory's content runs any more.
 *
 * A slot is vouched for once this identity has written it from signed content
 * and read it back, or has found, reading all of it, that it holds exactly what
 * a signed release says. Until both slots are, or are empty, what runs is
 * written to the other slot and tried, as any update is; the journal remembers.
 * docs/device-states.md.
 */
#ifndef UPDATER_CLIENT_FIRST_USE_H
#define UPDATER_CLIENT_FIRST_USE_H

#include "updater-client/session.h"

/* Vouch for a slot that was just read back; in the journal with its next step.
 * Of who is not enrolled nothing is noted. */
void first_use_vouch(struct session *s, enum slot which);

/* Is this one vouched for by who is enrolled now, or empty? */
bool first_use_is_ours(const struct session *s, enum slot which);

/* Is that so for both slots? False for who is not enrolled. */
bool first_use_is_done(const struct session *s);

/* "vanilla", "enrolling", "provisioned" or "active". */
const char *first_use_standing(const struct session *s);

#endif
