/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay - a package that is written as it comes, where it has no room whole:
 * between the process that fetches and the one that writes.
 *
 * Both work on one file, a window on the package (intake.h). The one is told
 * which places are free again, the other which bytes are there; neither hears
 * of the other but through here. Points at which a later run could go on are on
 * the disk (checkpoint.h) before the places of what came before are freed.
 */
#ifndef UPDATER_CLIENT_RELAY_H
#define UPDATER_CLIENT_RELAY_H

#include "updater-client/session.h"

/*
 * Read what a former run has left. A checkpoint counts if it is of this plan
 * and slot and if packages pass through a window now, too; else it is
 * forgotten, durably, as relay_forget() does it.
 */
int relay_open(struct session *s, const struct plan *plan,
	       struct err *e) NODISCARD;
int relay_forget(struct session *s, struct err *e) NODISCARD;

/* Is there one of that slot, of whatever plan? */
bool relay_is_begun(struct session *s, enum slot which);

/* What was written is no good: the next run begins anew. -1, always. */
int relay_spoil(struct session *s);

/* Note, durably, that all components before `part` are complete. */
int relay_complete(struct session *s, const struct plan *plan, size_t part,
		   struct err *e) NODISCARD;

/*
 * Have the source begin with a component's package, where the checkpoint says,
 * and wait until its window is there to be opened.
 */
int relay_begin(struct session *s, const struct plan *plan, size_t part,
		struct err *e) NODISCARD;

/*
 * Until the writer, which was told its work, is done. When either fails the
 * other is stopped. What the source could not bring is brought another time;
 * but where the writer failed nobody goes on.
 */
int relay_run(struct session *s, struct worker *writer,
	      const struct message_apply *m, struct err *e) NODISCARD;

#endif
