/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_office - what the keeper does with its keys: device certificates here,
 * snapshots and timestamps in keeper_metadata, checkpoints of the audit log in
 * keeper_log. It signs no bytes that it is handed.
 *
 * A certificate is built from our template around the public key of a request
 * whose signature and possession proof were verified here, and only for whom an
 * officer's own signature stands: a claim code of a batch that an officer
 * signed, good once; an approval of that key; or, at a renewal, the old key's
 * signature for a device that nobody has ended. All that, and every certificate
 * that was made, is in the keeper's own ledger before it is answered.
 *
 * Files beneath the server's folder: keeper/ledger (see ledger.h) and
 * keeper/people.json (read: see keeper_people.h).
 */
#ifndef UPDATE_SERVER_KEEPER_OFFICE_H
#define UPDATE_SERVER_KEEPER_OFFICE_H

#include "common/keyfile.h"

#include "update-server/keeper_wire.h"

#define KEEPER_WARRANT_RATE 600 /* taken a minute; ends not counted */
#define KEEPER_SERVERS_MAX  2

struct keeper_office;

struct keeper_setup {
	int dirfd; /* the server's folder; stays the caller's */
	enum environment environment;
	struct ec_private *ca;     /* taken over */
	struct ec_private *online; /* taken over */
	struct ec_private *log;    /* taken over */
	/* Seals its memory; taken over. NULL: an office for the log alone. */
	struct ec_private *ledger;
	const char *ca_pem; /* that of `ca` first, then those before it */
	/* Which server this is, to who signs warrants: its own CA, and the next
	 * one. */
	struct sha256 servers[KEEPER_SERVERS_MAX];
	size_t server_count;
	/* A device without a claim code needs the words of two officers. */
	bool four_eyes;
	uint64_t device_days;
	uint64_t enrol_rate; /* certificates per minute */
};

int keeper_office_open(const struct keeper_setup *setup,
		       struct keeper_office **out, struct err *e) NODISCARD;
void keeper_office_close(struct keeper_office *o);

/* Do one request. A failure is put into the answer. */
void keeper_office_do(struct keeper_office *o, const struct keeper_request *q,
		      int64_t now, struct keeper_answer *a);

#endif
