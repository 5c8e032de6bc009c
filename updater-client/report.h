/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - what the server should hear of an attempt, kept until it did.
 *
 * Reports wait in files of the state folder and are sent in their order. They
 * never decide anything: a release that cannot be reported stays installed,
 * and the reports go out when the server is back.
 */
#ifndef UPDATER_CLIENT_REPORT_H
#define UPDATER_CLIENT_REPORT_H

#include "updater-client/session.h"

#define REPORT_PENDING_MAX 64

/*
 * Note a state of the attempt under way; nothing when the server gave none.
 * code is upper case ("HEALTH_FAILED") or ""; evidence may hold any bytes.
 * Failing to keep it is logged, not returned.
 */
void report_add(struct session *s, enum wire_state state, const char *code,
		struct slice evidence);

/* It is put off, until then if that is known; else 0. */
void report_deferred(struct session *s, const char *why, int64_t until);

/* The attempt failed, which need not be the one under way; unless a later try
 * may mend it: then it goes on. */
void report_failure(struct session *s, uint64_t attempt,
		    const struct err *failure);
bool report_is_passing(enum err_code code);

/* Send what waits, as far as that works now. */
void report_flush(struct session *s);

/* How many wait. */
size_t report_pending(int state_fd);

#endif
