/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_checkpoint - a signed head of the audit log: so many records, with this
 * root, at this time; and likewise of the keeper's ledger. One line of
 *canonical JSON:
 *
 *	{"sig":"<hex DER>","signed":{"ledger_root":"<hex>","ledger_size":5,
 *	 "log":"<key fingerprint>","root":"<hex>","size":12,"time":"...",
 *	 "type":"audit-checkpoint","v":1}}
 *
 * The signature is ECDSA-SHA-256 over the canonical bytes of "signed", by the
 * log key, which signs nothing else. Pure.
 */
#ifndef UPDATE_SERVER_AUDIT_CHECKPOINT_H
#define UPDATE_SERVER_AUDIT_CHECKPOINT_H

#include "common/ec.h"
#include "common/json.h"
#include "common/merkle.h"

#define AUDIT_CHECKPOINT_MAX 1024

struct audit_checkpoint {
	struct merkle_head head;
	struct merkle_head ledger; /* size 0: nothing is said of it */
	int64_t time;
};

int audit_checkpoint_sign(const struct audit_checkpoint *c,
			  const struct ec_private *key, struct buf *out,
			  struct err *e) NODISCARD;

/* The fingerprint of the key that it says it was signed by. */
int audit_checkpoint_log(struct slice in, struct sha256 *out,
			 struct err *e) NODISCARD;

/* ERR_UNTRUSTED unless this key signed it; ERR_FORMAT. A newline at the end is
 * no part of it. */
int audit_checkpoint_open(struct slice in, const struct ec_public *key,
			  struct audit_checkpoint *out,
			  struct err *e) NODISCARD;

#endif
