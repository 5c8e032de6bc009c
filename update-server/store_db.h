/* SPDX-License-Identifier: Apache-2.0 */
/* store_db - what the files of the store share; nobody else includes it. */
#ifndef UPDATE_SERVER_STORE_DB_H
#define UPDATE_SERVER_STORE_DB_H

#include <pthread.h>

#include "update-server/sql.h"
#include "update-server/stage_tally.h"
#include "update-server/store.h"

struct report_proofs;
struct store_readopt;

#define SEEN_MAX 4096

/* The column "revoked": 0 as long as the device belongs to the fleet. */
enum {
	REVOKED = 1,
	RETIRED
};

struct seen {
	struct device_id id;
	int64_t when;
};

#define CONTROL_MAX 512

/* Rows that are read under the lock at once: a millisecond. */
#define STORE_PAGE_MAX 256

/* What the hours of a rollout's control group gained since the last write. */
struct control {
	int64_t rollout, hour;
	int64_t seen, last;
};

struct store {
	struct sql *db;
	pthread_mutex_t lock, turn; /* who waits holds the turn: it is next */
	struct seen seen[SEEN_MAX]; /* not yet written */
	size_t seen_count;
	struct control control[CONTROL_MAX]; /* likewise */
	size_t control_count;
	struct tally tally; /* to work on, under the lock */
	int dirfd;          /* where free space is looked for; the caller's */
	uint64_t reserve; /* bytes of it for the audit log; 0: not looked at */
	uint64_t behind;  /* store_set_behind() */
};

/* Two steps of the schema: what store_overview reads. */
extern const char store_overview_tables[], store_overview_triggers[],
	store_overview_attempts_index[];

/*
 * store_move, as the store is opened and nobody else uses it: the first steps,
 * or all. Is a move under way?
 */
int store_move_opened(struct store *s, bool whole, struct err *e) NODISCARD;
int store_move_is_on(struct store *s, bool *on, struct err *e) NODISCARD;

/* The columns that store_boards_read() reads, of table device. */
#define STORE_BOARDS "boots, returns, drops"

void store_boards_read(struct sql_query *q, int column,
		       struct store_boards *out);

struct sql_value sql_digest(const struct sha256 *digest);
struct sql_value sql_device(const struct device_id *id);

/* Under the lock: */
int store_device_find_locked(struct store *s, const struct device_id *id,
			     struct store_device *out, struct err *e) NODISCARD;
/* What it says of itself, heard at that time: in *d; in its row. */
int store_device_hear_locked(struct store *s, struct store_device *d,
			     const struct wire_checkin *m, int64_t when,
			     struct err *e) NODISCARD;
int store_device_write_locked(struct store *s, const struct store_device *d,
			      const struct wire_checkin *m, int64_t when,
			      struct err *e) NODISCARD;
/* As store_readopt(), without a record. */
int store_readopt_locked(struct store *s, const struct store_readopt *d,
			 int64_t now, struct err *e) NODISCARD;
/* The backup lacks what devices have: they may come back. */
int store_readopt_open_locked(struct store *s, int64_t now,
			      struct err *e) NODISCARD;
int store_take_key_locked(struct store *s, const struct sha256 *spki,
			  const char *who, struct err *e) NODISCARD;
/* ERR_CONFLICT if somebody has, or had, this key. */
int store_key_is_new_locked(struct store *s, const struct sha256 *spki,
			    struct err *e) NODISCARD;
int store_flush_locked(struct store *s, struct err *e) NODISCARD;
/* Would a record that is not urgent be taken? ERR_SPACE, ERR_CONFLICT. */
int store_may_log_locked(const struct store *s, struct err *e) NODISCARD;
/* Inside a transaction; what it records is undone with it. Frees *r. */
int store_log_locked(struct store *s, struct audit_record *r,
		     struct err *e) NODISCARD;
int store_pause_locked(struct store *s, const char *name, const char *reason,
		       const struct audit_by *by, struct err *e) NODISCARD;
/* An attempt of the rollout went from `before` (NULL: it is new) to `after`. */
int store_tally_move_locked(struct store *s, int64_t rollout,
			    const struct tally_stops *stops,
			    const struct stage_attempt *before,
			    const struct stage_attempt *after,
			    struct err *e) NODISCARD;
/* A device that is offered something is none of the others any more. There must
 * be room for so many rollouts, which is made outside a transaction. */
int store_control_room_locked(struct store *s, size_t rollouts,
			      struct err *e) NODISCARD;
/* The kind of this device as it is now, in that rollout. */
int store_kind_of_locked(struct store *s, int64_t rollout,
			 const struct device_id *device, int64_t *out,
			 struct err *e) NODISCARD;
/* Its counters, after an attempt went from `before` (NULL: it is new). */
int store_kind_move_locked(struct store *s, const struct attempt *a,
			   const struct stage_attempt *before,
			   struct err *e) NODISCARD;
/* A device is forgotten: it is no kind's sample any more. */
int store_kind_forget_locked(struct store *s, const struct device_id *id,
			     struct err *e) NODISCARD;
void store_control_leaves_locked(struct store *s, int64_t rollout,
				 int64_t seen);
int store_control_flush_locked(struct store *s, struct err *e) NODISCARD;
/* A device leaves the fleet: what it had not installed ends. */
int store_attempt_save_locked(struct store *s, const struct stage *r,
			      const struct attempt *a, const char *evidence,
			      struct err *e) NODISCARD;
int store_attempts_withdraw_locked(struct store *s, const struct device_id *id,
				   int64_t now, struct err *e) NODISCARD;
/* A new gate epoch: nothing has installed in it yet. */
int store_tally_epoch_locked(struct store *s, int64_t rollout,
			     struct err *e) NODISCARD;
/* The next record of the log, as these very bytes. */
int store_keep_record_locked(struct store *s, const struct audit_record *r,
			     struct slice text, struct err *e) NODISCARD;
/* If it is this device's next certificate, it takes the old one's place. */
int store_show_locked(struct store *s, const struct device_id *id,
		      const struct sha256 *fingerprint,
		      struct err *e) NODISCARD;

/* ERR_REFUSED or ERR_BUSY in words, and counted, unless it opens. */
int store_claim_check_locked(struct store *s, const struct store_ask *ask,
			     struct err *e) NODISCARD;
/* Inside a transaction: use it up. Fills in the device's cohort. */
int store_claim_take_locked(struct store *s, const struct sha256 *claim,
			    struct store_device *d, int64_t now, int64_t *token,
			    struct err *e) NODISCARD;

/* Inside a transaction: use up an approval. Fills in the device's cohort. */
int store_waiting_take_locked(struct store *s, struct store_device *d,
			      int64_t now, struct err *e) NODISCARD;
/* ERR_NOT_FOUND, ERR_CONFLICT unless who is to be replaced is of this kind and
 * still belongs to the fleet. */
int store_successor_check_locked(struct store *s,
				 const struct store_successor *successor,
				 const char *product, const char *model,
				 struct err *e) NODISCARD;
struct sql_value store_successor_value(const struct store_successor *successor);
void store_successor_read(struct sql_query *q, int column,
			  struct store_successor *out);
/* Every record is the one whose hash is in the tree. */
int store_audit_check_locked(struct store *s, struct err *e) NODISCARD;
int store_forget_locked(struct store *s, const struct device_id *id,
			struct err *e) NODISCARD;
/* Start a batch's life, unless it has. */
int store_batch_start_locked(struct store *s, int64_t id, int64_t now,
			     struct err *e) NODISCARD;

/* That the log of `size` records holds the one at index, and has grown from its
 * first `from`. */
int store_prove_locked(struct store *s, uint64_t index, uint64_t from,
		       uint64_t size, struct report_proofs *out,
		       struct err *e) NODISCARD;

/* An import that the log tells of came back with it; of one that was made: a
 * role, before its row is written (it may begin anew, with other keys), and all
 * of it, after its files are. */
int store_recorded_replay_locked(struct store *s, const struct json *objects,
				 struct err *e) NODISCARD;
int store_recorded_role_locked(struct store *s, const struct store_role *r,
			       struct err *e) NODISCARD;
int store_recorded_top_locked(struct store *s, struct err *e) NODISCARD;

void store_lock(struct store *s);
/* After everybody who waits for it: for who reads the fleet page by page. */
void store_lock_in_turn(struct store *s);
/* Returns rc, so that calls can end in it. */
int store_unlock(struct store *s, int rc);

/* Is it there for people? ERR_NOT_FOUND. */
int store_cohort_need_locked(struct store *s, const char *name,
			     struct err *e) NODISCARD;
/* The log tells of it: it is there now; one that was removed as new, without
 * the rule that it had. */
int store_cohort_appear_locked(struct store *s, const char *name, int64_t now,
			       struct err *e) NODISCARD;
/* So, where operators signed that this device is of it; but one that was
 * removed stays so unless that device is of the fleet. */
int store_cohort_for_locked(struct store *s, const char *name,
			    const struct device_id *device, int64_t now,
			    struct err *e) NODISCARD;

#endif
