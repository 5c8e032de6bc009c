/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data - what a release does to data that survive a switch can be undone with
 * it: a local program saves them before the switch, another brings them back
 * when the release is rolled back.
 *
 *	STATE/data/       what the save program has put there
 *	STATE/data.new    the same once more, until it takes the place of that
 *	STATE/data.kept   the digest of the release that is tried with them
 *
 * The mark is written when the save is complete and durable, and goes when the
 * release is confirmed, the data are back, or a loader never started it. So a
 * cut repeats a step, and never brings back data of another time. Nothing of
 * this happens without [data].
 */
#ifndef UPDATER_CLIENT_DATA_H
#define UPDATER_CLIENT_DATA_H

#include "updater-client/session.h"

/*
 * Before anything else is begun. ERR_CONFLICT while data of an earlier release
 * wait to be brought back: they would be lost.
 */
int data_check(const struct session *s, struct err *e) NODISCARD;

/* Before the switch. Failing, nothing may be switched. */
int data_save(struct session *s, struct err *e) NODISCARD;

/*
 * A boot is about to end the old release, which went on writing since: its data
 * take the place of those that were saved at the switch, at once. Failing is
 * logged, and leaves those.
 */
void data_save_again(const struct session *s);

/*
 * What is left of a copy that was cut off counts for nothing, and takes room
 * that the release on trial may need: before that is judged, it goes.
 */
void data_clear(const struct session *s);

/* The release was rolled back, and the old one is current again. Failing is
 * logged, and tried again by data_settle(). *restored: they are back. */
void data_restore(struct session *s, bool *restored);

/* Whatever the journal says of the trial: bring back, forget, or wait. */
void data_settle(struct session *s);

#endif
