/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_keys - which keys sign an audit log, one after another.
 *
 * Whoever checks a log pins one key or more. A record `log-key` names the next
 * one. That counts once the key before it has signed a checkpoint over the
 * record. Where the former key was lost, nobody can sign so: then the next one
 * counts for who pins it as well. A key that was replaced never signs again.
 *
 * Where engineers signed the list of keys (common/log_keys.h), each of them is
 * pinned until its end, and no other one counts, whoever hands over to it.
 *
 * Checkpoints by other keys from before the first pinned one are passed over:
 * what follows is over the same records. Pure.
 */
#ifndef UPDATE_SERVER_AUDIT_KEYS_H
#define UPDATE_SERVER_AUDIT_KEYS_H

#include "update-server/audit_checkpoint.h"
#include "update-server/audit_record.h"

#define AUDIT_KEYS_MAX 64 /* of one log, in all its life */

struct audit_key {
	struct ec_public key;
	struct sha256 id; /* fingerprint */
	bool pinned;
	int64_t until; /* 0: not said */
	bool named;    /* by a record: */
	uint64_t record;
	struct sha256 from; /* the one before it, */
	bool lost;          /* which was lost */
	bool signs, signed_once;
};

struct audit_keys {
	struct audit_key at[AUDIT_KEYS_MAX];
	size_t count;
	uint64_t covered; /* records under the newest checkpoint */
	bool listed_only;
};

int audit_keys_pin(struct audit_keys *k, const struct ec_public *key,
		   struct err *e) NODISCARD;

/* One of a signed list: what it signed after `until` is ERR_EXPIRED. */
int audit_keys_pin_listed(struct audit_keys *k, const struct ec_public *key,
			  int64_t until, struct err *e) NODISCARD;

/* What a record says of keys: `log-key` alone. Before any checkpoint. */
int audit_keys_note(struct audit_keys *k, const struct audit_record *r,
		    struct err *e) NODISCARD;

/*
 * The next checkpoint of the log, by the key whose turn it is. *judged is false
 * for one that was passed over. ERR_UNTRUSTED, ERR_FORMAT.
 */
int audit_keys_open(struct audit_keys *k, struct slice line,
		    struct audit_checkpoint *out, bool *judged,
		    struct err *e) NODISCARD;

/* One that was kept elsewhere: by any key that is pinned or has signed. */
int audit_keys_open_kept(const struct audit_keys *k, struct slice line,
			 struct audit_checkpoint *out, struct err *e) NODISCARD;

#endif
