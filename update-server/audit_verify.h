/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_verify - is an exported audit log whole and true? Needs the log key's
 * public half and nothing else: no server, no database, no network.
 *
 * The export is a folder with records.jsonl (a record a line, in order) and
 * checkpoints.jsonl (a signed checkpoint a line). Checkpoints that were kept
 * elsewhere, earlier, show what a signature alone cannot: that whoever holds
 * the key did not write another history.
 */
#ifndef UPDATE_SERVER_AUDIT_VERIFY_H
#define UPDATE_SERVER_AUDIT_VERIFY_H

#include "common/log_keys.h"

#include "update-server/audit_keys.h"

#define AUDIT_RECORDS_FILE     "records.jsonl"
#define AUDIT_CHECKPOINTS_FILE "checkpoints.jsonl"

struct audit_check {
	int dirfd;
	const struct ec_public *keys; /* that are pinned: audit_keys.h */
	size_t key_count;
	const struct log_keys *listed; /* NULL; or pinned as well */
	const char *const *kept;       /* paths of other checkpoints */
	size_t kept_count;
	/* Each record as it is found well formed; may be NULL. */
	int (*visit)(void *ctx, const struct audit_record *r, struct err *e);
	void *ctx;
};

struct audit_findings {
	uint64_t records, checkpoints;
	uint64_t passed_over; /* checkpoints of earlier keys */
	size_t keys;          /* that signed */
	uint64_t clock_back;  /* records at which the clock had gone back */
	struct audit_checkpoint last;
};

/* ERR_UNTRUSTED or ERR_ROLLBACK with the first thing that is wrong. */
int audit_verify(const struct audit_check *check, struct audit_findings *out,
		 struct err *e) NODISCARD;

#endif
