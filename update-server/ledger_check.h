/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_check - do the keeper's ledger and the audit log name the same
 * certificates? The ledger is the keeper's own word, the log is the server's: a
 * certificate that only the ledger names was made and hidden, or was made as
 * the server died; one that only the log names never was.
 */
#ifndef UPDATE_SERVER_LEDGER_CHECK_H
#define UPDATE_SERVER_LEDGER_CHECK_H

#include "common/merkle.h"

#include "update-server/audit_record.h"

struct ledger_check;

/* Where alone a certificate was found. */
enum ledger_place {
	LEDGER_LOG,    /* in the log */
	LEDGER_SIGNED, /* in what was signed of the ledger */
	LEDGER_TAIL,   /* in the ledger, behind its signed head */
};

struct ledger_check *ledger_check_new(void);
void ledger_check_free(struct ledger_check *c);

/* A record of the log, as audit_verify() visits them; ctx is the check. */
int ledger_check_see(void *ctx, const struct audit_record *r,
		     struct err *e) NODISCARD;

/*
 * Hold a copy of the ledger against what was seen and against its signed head;
 * what stands behind that head counts as the rest.
 * ERR_UNTRUSTED, ERR_ROLLBACK, or tell(ctx, ...) of each certificate that only
 * one of them names; *count: how many those are.
 */
int ledger_check_file(struct ledger_check *c, const char *path,
		      const struct merkle_head *head,
		      void (*tell)(const struct sha256 *certificate,
				   enum ledger_place where),
		      uint64_t *count, struct err *e) NODISCARD;

#endif
