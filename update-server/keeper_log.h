/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_log - the keeper's part in the audit log: it signs a checkpoint only
 * for a log that provably grew from the one it signed last. The head is on the
 * disk (keeper/audit.json) before it is signed, so of two logs that differ the
 * keeper has signed one at most; and its clock never goes back.
 */
#ifndef UPDATE_SERVER_KEEPER_LOG_H
#define UPDATE_SERVER_KEEPER_LOG_H

#include "update-server/keeper_wire.h"
#include "update-server/ledger.h"

struct keeper_log {
	int dirfd;                    /* the server's folder; the caller's */
	struct ec_private *key;       /* the caller's */
	struct audit_checkpoint last; /* size 0: none */
};

/* Read what was signed last, if anything; the caller filled in the rest. */
int keeper_log_open(struct keeper_log *l, struct err *e) NODISCARD;

/* KEEPER_CHECKPOINT, with the ledger's head beside it if there is a ledger. */
int keeper_log_sign(struct keeper_log *l, const struct keeper_request *q,
		    const struct ledger *ledger, int64_t now,
		    struct keeper_answer *a, struct err *e) NODISCARD;

#endif
