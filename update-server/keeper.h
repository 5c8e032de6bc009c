/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper - the server's end of the socketpair to its keeper process, and the
 * process itself (keeper_start() and keeper_stop() are declared in route.h).
 *
 * The keeper alone opens the device CA's, the online and the audit log's key,
 * and the one that seals its own memory, with a passphrase that only it reads
 * (see unlock.h). Thread-safe: requests wait their turn.
 */
#ifndef UPDATE_SERVER_KEEPER_H
#define UPDATE_SERVER_KEEPER_H

#include "update-server/keeper_wire.h"
#include "update-server/route.h"

/* Where the keeper's keyfiles lie beneath the server's folder. */
#define KEEPER_CA_KEY "keys/device-ca.key"
/* Of a `ca rotate` that was cut off, until somebody moves it. */
#define KEEPER_NEXT_CA_KEY "keys/device-ca-next.key"
#define KEEPER_ONLINE_KEY  "keys/online.key"
#define KEEPER_LOG_KEY     "keys/audit.key"
#define KEEPER_LEDGER_KEY  "keys/ledger.key"
#define KEEPER_CA_PEM_MAX  16384
/* The public halves of the log key and of the one before it. */
#define KEEPER_LOG_PUB    "audit.pub"
#define KEEPER_FORMER_PUB "audit-former.pub"

/* Ask and wait. A refusal of the keeper comes back as this call's failure. */
int keeper_ask(struct keeper *k, const struct keeper_request *q,
	       struct keeper_answer *a, struct err *e) NODISCARD;

/*
 * The life of the process at its end of the socketpair: unlock, say so, answer
 * requests until the other end closes. Returns its exit status.
 */
int keeper_process(const struct config *c, int fd);

#endif
