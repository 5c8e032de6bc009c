/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - everything the server knows, in one SQLite database (WAL, synced at
 * each commit). Thread-safe: one lock around each call, and each call that
 * changes something is one transaction that is on the disk when it returns.
 * Visitors run under the lock and must not call the store.
 *
 * Acts are in the audit log: whatever takes a struct audit_by writes its record
 * in the same transaction, and fails if it cannot.
 *
 * What it never holds: private keys, claim codes (their SHA-256 alone),
 * addresses or names of places.
 */
#ifndef UPDATE_SERVER_STORE_H
#define UPDATE_SERVER_STORE_H

#include "common/assign.h"
#include "common/claim.h"
#include "common/tuf_store.h"
#include "update-server/audit_checkpoint.h"
#include "update-server/audit_record.h"
#include "update-server/codes.h"
#include "update-server/kinds.h"
#include "update-server/rights.h"
#include "update-server/stage.h"

#define STORE_LIST_MAX     256 /* bytes of names joined by spaces, see below */
#define STORE_DETAIL_MAX   65536
#define STORE_ROLES_MAX    64
#define STORE_METADATA_MAX (5u << 20)

struct sql_engine;
struct store;

/* Opens or creates the file, and brings its schema up to date. */
int store_open(const char *path, struct store **out, struct err *e) NODISCARD;
/* The same in another database than SQLite: sql_engine.h. */
int store_open_with(const struct sql_engine *engine, const char *path,
		    struct store **out, struct err *e) NODISCARD;
/* Writes what is pending (last-seen times). */
void store_close(struct store *s);

/* A file in the server's folder from a restore until its next start. */
#define STORE_RESTORED "restored"
/* Likewise: whoever acts beside the server waits for a checkpoint. */
#define STORE_WANTED "run/checkpoint-wanted"
/* A TLS certificate that was made while the server runs, by who cannot tell it
 * otherwise; gone when the server starts. */
#define STORE_RENEWED "run/tls-renewed.pem"
/* {"within":SECONDS,"reason":TEXT}, from who wants the server to drain. */
#define STORE_DRAIN "run/drain"
/* {"copies":N,"payloads":1 OR 0}, from who makes backups, to be recorded. */
#define STORE_BACKUP "run/backup"
/* A running server takes such a request away once it is on record, or puts
 * {"refused":WHY} in its place. */
#define BESIDE_REFUSED "refused"
#define BESIDE_WAITS   "waits" /* 1: by who wants to know which */
/* {"cut":REQUESTS}, from a server that ended in order until the next starts. */
#define STORE_ENDED "run/ended"

/* The whole database as of one moment, into a new file, while others go on;
 * *records of the audit log are in it, or more. */
int store_copy(struct store *s, const char *path, uint64_t *records,
	       struct err *e) NODISCARD;
/* Is the database sound, and each record the one that the audit log's tree is
 * over? ERR_SYSTEM, ERR_UNTRUSTED. */
int store_check(struct store *s, struct err *e) NODISCARD;
/* It is a backup that was restored: every rollout is paused, and a record says
 * so. */
int store_note_restore(struct store *s, const struct audit_by *by,
		       struct err *e) NODISCARD;

/* ---- keys and people ----------------------------------------------------- */

/*
 * Remember that a public key is taken, for ever and whoever holds it: devices,
 * people, and our own. ERR_CONFLICT if it is known already.
 */
int store_key_take(struct store *s, const struct sha256 *spki, const char *who,
		   struct err *e) NODISCARD;

struct store_person {
	char name[NAME_MAX_LEN + 1];
	char roles[RIGHTS_ROLES_MAX]; /* joined by spaces */
	struct rights_scope scope;
	struct sha256 fingerprint;
	bool revoked;
};

/* Adds the person and takes the key. */
int store_person_add(struct store *s, const struct store_person *p,
		     const struct sha256 *spki, const struct audit_by *by,
		     struct err *e) NODISCARD;
/* Refused from the next request on, and its key is never taken again.
 * ERR_NOT_FOUND; ERR_CONFLICT if it was revoked before. */
int store_person_revoke(struct store *s, const struct sha256 *fingerprint,
			const struct audit_by *by, struct err *e) NODISCARD;
/* All that ever were, by name. */
int store_person_each(struct store *s,
		      void (*visit)(void *ctx, const struct store_person *p),
		      void *ctx, struct err *e) NODISCARD;
/* ERR_REFUSED for a stranger and for who was revoked. */
int store_person_find(struct store *s, const struct sha256 *fingerprint,
		      struct store_person *out, struct err *e) NODISCARD;

/* ---- claims -------------------------------------------------------------- */

enum claim_state {
	CLAIM_OPEN,
	CLAIM_USED,
	CLAIM_REVOKED
};

/* Why a code was not taken. The numbers stand in the database. */
enum claim_refusal {
	CLAIM_NOT_KNOWN,
	CLAIM_NOT_OURS, /* for another product or model */
	CLAIM_WAS_USED,
	CLAIM_WAS_REVOKED,
	CLAIM_NOT_ACTIVE, /* its batch is not, yet */
	CLAIM_EXPIRED,
	CLAIM_OVER_QUOTA,
	CLAIM_TOO_MANY, /* of its batch, in this hour */
	CLAIM_REFUSALS
};

/* In words, for who holds the code. */
const char *claim_refusal_words(enum claim_refusal why);
/* One word, for lists. */
const char *claim_refusal_name(enum claim_refusal why);

struct store_claim {
	int64_t id, batch;
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char cohort[NAME_MAX_LEN + 1];
	enum claim_state state;
	bool active;
	bool has_device;
	struct device_id device; /* that used it */
	int64_t created;
	int64_t expires; /* 0: counted from its batch's activation on */
};

/* A board that was reset, or got a new one, enrols anew: which identity ends
 * with that, as retired. */
struct store_successor {
	bool replaces;
	struct device_id replaced;
};

/* Codes that were made, are shipped, and are withdrawn together. */
struct store_batch {
	int64_t id; /* of its first code; the others follow it */
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char cohort[NAME_MAX_LEN + 1];
	uint64_t count;
	uint64_t quota;    /* at most so many are ever used; 0: all */
	uint64_t per_hour; /* and so many in an hour; 0: any number */
	int64_t created;
	int64_t activated; /* 0: not yet */
	int64_t life;      /* seconds from then on; 0: `expires` was given */
	int64_t expires;   /* 0: not known before it is activated */
	struct store_successor successor; /* of a batch of one alone */
	struct sha256 codes; /* the root of their tree: see codes.h */
	/* Filled in by store_batch_each(). */
	uint64_t used, revoked;
	uint64_t refused[CLAIM_REFUSALS];
};

/* All b->count codes or none; fills in b->id. ERR_NOT_FOUND: no such cohort. */
int store_batch_add(struct store *s, struct store_batch *b,
		    const struct sha256 *hashes, const struct audit_by *by,
		    struct err *e) NODISCARD;
int store_batch_each(struct store *s,
		     void (*visit)(void *ctx, const struct store_batch *b),
		     void *ctx, struct err *e) NODISCARD;
/* How often codes were brought that nobody gave out. */
int store_claim_strangers(struct store *s, uint64_t *count,
			  struct err *e) NODISCARD;
/* Its life starts. ERR_NOT_FOUND; ERR_CONFLICT if it did already. */
int store_batch_activate(struct store *s, int64_t id, const struct audit_by *by,
			 struct err *e) NODISCARD;
/* All its unused codes; *count is how many they were. ERR_NOT_FOUND. */
int store_batch_revoke(struct store *s, int64_t id, const struct audit_by *by,
		       uint64_t *count, struct err *e) NODISCARD;
/* Up to max codes in their order, after one (0: the first). */
int store_claim_each(struct store *s, int64_t after, size_t max,
		     void (*visit)(void *ctx, const struct store_claim *c),
		     void *ctx, struct err *e) NODISCARD;
/* Where a code stands in its batch. ERR_NOT_FOUND. */
int store_claim_place(struct store *s, const struct sha256 *hash,
		      struct codes_place *out, struct err *e) NODISCARD;
/* The root of a batch, or of the batch of a token and its place there; what was
 * made before officers signed has none (ERR_CONFLICT). ERR_NOT_FOUND. */
int store_batch_codes(struct store *s, int64_t batch, struct sha256 *codes,
		      struct err *e) NODISCARD;
int store_claim_codes(struct store *s, int64_t token, struct sha256 *codes,
		      uint64_t *index, struct err *e) NODISCARD;
/* ERR_CONFLICT if it was used. */
int store_claim_revoke(struct store *s, int64_t id, const struct audit_by *by,
		       struct err *e) NODISCARD;

/* ---- devices ------------------------------------------------------------- */

#define STORE_BOOTS_KEPT 4 /* so many boards are told apart */

/* What a device's check-ins say of the boards that they come from. */
struct store_boards {
	uint8_t boots[STORE_BOOTS_KEPT][WIRE_BOOT_LEN]; /* the newest first */
	int64_t returns, drops;
};

struct store_device {
	struct rollout_device facts;
	bool revoked; /* or retired: out of the fleet for good */
	bool retired;
	/* Two keys claimed to be the one that follows: refused until a person
	 * has decided. */
	bool quarantined;
	struct sha256 fingerprint; /* of the certificate */
	struct sha256 spki;
	struct decrypt_key decrypt; /* read by store_registry_each() alone */
	struct store_boards boards;
	char certificate[X509_PEM_MAX_LEN];
	uint64_t activation;
	uint32_t interval_sec;
	int64_t enrolled, last_seen;        /* 0: never */
	enum wire_first_use first_use;      /* as it said last */
	char pin_release[NAME_MAX_LEN + 1]; /* of facts.pin */
	/* Filled in by store_enrol(), from claim or approval. */
	struct store_successor successor;
	/* Only store_device_each() says how its newest attempt stands. */
	bool has_attempt;
	enum stage_state attempt;
	char attempt_code[WIRE_CODE_MAX + 1];
};

/*
 * May this key enrol with this claim? ERR_REFUSED says why not, for nobody
 * guesses a code: who has it was given it; ERR_BUSY if its batch had too many
 * in this hour. Each refusal is counted. If this very key has used this very
 * claim before (the answer was lost), *again is true and *out is the device.
 */
struct store_ask {
	struct sha256 claim, spki;
	const char *product, *model;
	const struct ec_public *decrypt;
	int64_t now;
};

/* ask->claim of those whom an officer let in; no code has this digest. */
extern const struct sha256 store_no_claim;

int store_enrol_check(struct store *s, const struct store_ask *ask, bool *again,
		      struct store_device *out, struct err *e) NODISCARD;

/*
 * Use up the claim and register the device, its key and its certificate, all
 * or nothing. The cohort comes from the claim and is filled in. Fails as above,
 * also for all but one of several racing for a claim. Without a claim (NULL) it
 * is the approval of the device's key that is used up.
 */
int store_enrol(struct store *s, const struct sha256 *claim,
		struct store_device *d, const struct audit_by *by,
		struct err *e) NODISCARD;

/*
 * ERR_REFUSED for an unknown, revoked or quarantined certificate. While a
 * renewal is under way both certificates are good; the first time that the new
 * one is shown it takes the old one's place.
 */
int store_device_authorise(struct store *s, const struct sha256 *fingerprint,
			   struct device_id *out, struct err *e) NODISCARD;
int store_device_find(struct store *s, const struct device_id *id,
		      struct store_device *out, struct err *e) NODISCARD;
/* Up to max devices in the order of their ids, after one (NULL: the first). */
int store_device_each(struct store *s, const struct device_id *after,
		      size_t max,
		      void (*visit)(void *ctx, const struct store_device *d),
		      void *ctx, struct err *e) NODISCARD;
/* The same for those that are not revoked, with certificate and keys. */
int store_registry_each(struct store *s, const struct device_id *after,
			size_t max,
			void (*visit)(void *ctx, const struct store_device *d),
			void *ctx, struct err *e) NODISCARD;
/* The certificate (PEM; "" where only its fingerprint is known) of each device
 * that is not revoked or retired, without an order. */
int store_certificates_each(struct store *s,
			    void (*visit)(void *ctx, const char *certificate),
			    void *ctx, struct err *e) NODISCARD;
/* The certificate of a device that is known by its fingerprint alone, since the
 * log was replayed; no other is touched. */
int store_device_certify(struct store *s, const struct sha256 *fingerprint,
			 const char *certificate, struct err *e) NODISCARD;
int store_device_counts(struct store *s, uint64_t *active, uint64_t *revoked,
			struct err *e) NODISCARD;
int store_device_revoke(struct store *s, const struct device_id *id,
			const struct audit_by *by, struct sha256 *fingerprint,
			struct err *e) NODISCARD;
/* The same for one that reached its end honourably. ERR_CONFLICT if it was
 * revoked or retired before. */
int store_device_retire(struct store *s, const struct device_id *id,
			const struct audit_by *by, struct sha256 *fingerprint,
			struct err *e) NODISCARD;

/* Out of quarantine: of its two next keys the one that came first stands. */
int store_device_release(struct store *s, const struct device_id *id,
			 const struct audit_by *by, struct err *e) NODISCARD;

/*
 * Does this check-in, of a device as it was found before, show that the
 * identity speaks from a second board? A number of a start of the board that
 * comes back after another one, twice, says so, for a board never has one
 * again; so does an activation counter that falls a second time. Then the
 * identity is in quarantine, on the disk, and *twin is true.
 */
int store_device_twin(struct store *s, const struct store_device *d,
		      const struct wire_checkin *m, const struct audit_by *by,
		      bool *twin, struct err *e) NODISCARD;
int store_quarantine_count(struct store *s, uint64_t *count,
			   struct err *e) NODISCARD;

/*
 * Take in what runs on a device. Written at once if it changed; a mere sign of
 * life is kept in memory and written with others by store_flush().
 */
int store_device_seen(struct store *s, struct store_device *d,
		      const struct wire_checkin *m, int64_t now,
		      struct err *e) NODISCARD;
/* Two operators moved it to this cohort, which is made if need be, into the lab
 * or out of it; one that is not registered is passed over. */
int store_device_assign(struct store *s, const struct assign *a, int64_t now,
			struct err *e) NODISCARD;
int store_flush(struct store *s, struct err *e) NODISCARD;

/*
 * One step of what an older program's store still lacks and takes long in a
 * large fleet; nobody else waits longer than some ten milliseconds for it.
 * *more is false once nothing is left.
 */
int store_move(struct store *s, bool *more, struct err *e) NODISCARD;
/* Another number than before, once anything was written by this process. */
uint64_t store_changes(struct store *s);

/* The release that a device keeps to; seq 0: to none any more. ERR_CONFLICT if
 * that is so already, or it is no part of the fleet. */
struct store_pin {
	struct device_id device;
	uint64_t seq;
	char release[NAME_MAX_LEN + 1];
	const char *reason;
};

int store_device_pin(struct store *s, const struct store_pin *p,
		     const struct audit_by *by, struct err *e) NODISCARD;

/*
 * Nothing is offered or handed out to it, or that ends, for by->reason; its
 * identity stays, and its connections are those of this fingerprint.
 * ERR_CONFLICT if that is so already, or it is no part of the fleet.
 */
int store_device_block(struct store *s, const struct device_id *id, bool on,
		       const struct audit_by *by, struct sha256 *fingerprint,
		       struct err *e) NODISCARD;
/* ERR_REFUSED while it is blocked. */
int store_device_may_fetch(struct store *s, const struct device_id *id,
			   struct err *e) NODISCARD;

/* What it made of releases is held against it no longer: *cleared attempts.
 * ERR_CONFLICT if there is nothing. */
struct store_clear {
	struct device_id device;
	const char *reason;
};

int store_device_clear(struct store *s, const struct store_clear *c,
		       const struct audit_by *by, int64_t *cleared,
		       struct err *e) NODISCARD;

/* ---- what is kept no longer -----------------------------------------------
 */

/* A round through all attempts, from all zeroes on but for seen_all. */
struct store_retained {
	int64_t at;                 /* up to this one they were looked at */
	int64_t evidence, attempts; /* how many went */
	/* Up to this device all were looked at, also those of days that no
	 * round came to; once that is done it stays so. */
	struct device_id seen;
	bool seen_all;
};

/* The next few attempts: evidence goes after 30 days, one that ended after 400,
 * but for what says that a release is not offered there again. */
int store_retain(struct store *s, int64_t now, struct store_retained *r,
		 bool *more, struct err *e) NODISCARD;
/*
 * Nothing of the device is left but what the audit log says of its id, and that
 * its keys are taken. ERR_CONFLICT while it belongs to the fleet.
 */
int store_device_forget(struct store *s, const struct device_id *id,
			const struct audit_by *by, struct err *e) NODISCARD;

/* ---- the audit log ------------------------------------------------------- */

/* Refuse acts but urgent ones while the disk has less than this free. */
void store_set_reserve(struct store *s, int dirfd, uint64_t bytes);
/*
 * The log is not the one that was signed: a backup was restored. Until its end
 * is back, nothing is added but urgent acts, or the two would fork; so there
 * are no other acts, and no rollout completes. store_check_whole() says so in
 * words, with the way out: ERR_CONFLICT. 0: it is whole.
 */
#define STORE_BEHIND_UNKNOWN UINT64_MAX
void store_set_behind(struct store *s, uint64_t records);
int store_check_whole(struct store *s, struct err *e) NODISCARD;
/* ERR_SPACE unless so many bytes more leave the reserve alone. */
int store_room(const struct store *s, uint64_t more, struct err *e) NODISCARD;

/* An act whose effect is not in the store. Frees *r. */
int store_log(struct store *s, struct audit_record *r, struct err *e) NODISCARD;

/* Since when the log's key signs: the newest record that names it. */
int store_log_key_since(struct store *s, int64_t *since,
			struct err *e) NODISCARD;

int store_audit_size(struct store *s, uint64_t *size, struct err *e) NODISCARD;
int store_audit_each(struct store *s, uint64_t from, size_t max,
		     int (*visit)(void *ctx, struct slice record,
				  struct err *e),
		     void *ctx, struct err *e) NODISCARD;
/* The head now, and that it grew from its first `from` records. ERR_ROLLBACK
 * if there are not so many. */
int store_audit_prove(struct store *s, uint64_t from, struct merkle_head *head,
		      struct merkle_proof *proof, struct err *e) NODISCARD;

/* The root over the first records; ERR_SYSTEM if there are not so many. */
int store_audit_root(struct store *s, uint64_t size, struct sha256 *out,
		     struct err *e) NODISCARD;

/*
 * After a restore: take back the end of the log. Every record of the verified
 * export goes through store_replay_take(), from the first on: the first `size`
 * are compared (ERR_UNTRUSTED: forked), the others appended as they are, with
 * what they did to the registry. store_replay_end() gets how that went; it
 * pauses every rollout and records the replay, or undoes all. No other call of
 * the store in between.
 */
int store_replay_begin(struct store *s, uint64_t *size,
		       struct err *e) NODISCARD;
int store_replay_take(struct store *s, const struct audit_record *r,
		      uint64_t size, struct err *e) NODISCARD;
int store_replay_end(struct store *s, int rc, uint64_t first, uint64_t count,
		     const struct audit_by *by, struct err *e) NODISCARD;

int store_checkpoint_put(struct store *s, uint64_t size, const char *text,
			 struct err *e) NODISCARD;
/* The newest; size 0 and "" if there is none. */
int store_checkpoint_latest(struct store *s, uint64_t *size,
			    char text[AUDIT_CHECKPOINT_MAX + 1],
			    struct err *e) NODISCARD;
/* Those of more records than `after`. */
int store_checkpoint_each(struct store *s, int64_t after, size_t max,
			  int (*visit)(void *ctx, uint64_t size,
				       const char *text, struct err *e),
			  void *ctx, struct err *e) NODISCARD;

/* ---- what is published --------------------------------------------------- */

/* The exact bytes of a metadata file; ERR_NOT_FOUND. Either may be NULL. */
int store_metadata_get(struct store *s, const char *name, struct buf *bytes,
		       struct sha256 *digest, struct err *e) NODISCARD;
/* Newest "<n>.root.json" and "<n>.targets.json"; 0 if none. */
int store_metadata_versions(struct store *s, int64_t *root, int64_t *targets,
			    struct err *e) NODISCARD;

/* Is this the SHA-256 of a root that was published, or nothing is yet? */
int store_metadata_root(struct store *s, const struct sha256 *digest, bool *may,
			struct err *e) NODISCARD;

/* Exact match of "<dir>/<sha256>.<name>". ERR_NOT_FOUND. */
int store_payload_find(struct store *s, const char *url, struct sha256 *digest,
		       uint64_t *length, struct err *e) NODISCARD;
/* Every payload that is listed. */
int store_payload_each(struct store *s,
		       int (*visit)(void *ctx, const struct sha256 *digest,
				    uint64_t length, struct err *e),
		       void *ctx, struct err *e) NODISCARD;
bool store_payload_known(struct store *s, const struct sha256 *digest);

struct store_file {
	char name[TUF_NAME_MAX];
	struct slice bytes;
	int64_t root, targets; /* its version if it is one of these, else 0 */
};

/* A delegated role, and why devices cannot use it; "" if they can. */
#define STORE_ROLE_DROPPED "targets no longer delegates to it"
struct store_role {
	char name[NAME_MAX_LEN + 1];
	int64_t version;
	char problem[ERR_MSG_LEN];
};

/* Every role that was ever imported, by name; at most STORE_ROLES_MAX. */
int store_roles(struct store *s, struct store_role roles[STORE_ROLES_MAX],
		size_t *count, struct err *e) NODISCARD;

struct store_payload {
	char url[PATH_MAX_LEN];
	struct sha256 digest;
	uint64_t length;
};

struct store_release {
	char product[NAME_MAX_LEN + 1];
	char id[NAME_MAX_LEN + 1];
	char version[RELEASE_VERSION_MAX + 1];
	char models[RELEASE_MODELS_MAX * (NAME_MAX_LEN + 1)]; /* by spaces */
	char hardware[RELEASE_HARDWARE_MAX * (NAME_MAX_LEN + 1)]; /* likewise */
	uint64_t seq, requires_seq;
	int64_t not_before;
	struct sha256 digest;
	bool listed;   /* in the newest targets metadata */
	bool lab_only; /* a nightly build, and the fleet is no lab */
	char *detail;  /* JSON for people; heap of whoever made this */
	int64_t imported;
};

/* The next version of an operators' role, which lacks signatures. */
struct store_stage {
	char role[NAME_MAX_LEN + 1];
	int64_t version, since;
	struct sha256 digest; /* of what is signed; for the log alone */
	unsigned signatures;  /* likewise */
};

/* Appends the envelope's bytes. ERR_NOT_FOUND. */
int store_stage_get(struct store *s, const char *role, struct store_stage *out,
		    struct buf *bytes, struct err *e) NODISCARD;
int store_stage_each(struct store *s,
		     void (*visit)(void *ctx, const struct store_stage *stage,
				   struct slice bytes),
		     void *ctx, struct err *e) NODISCARD;
/* In the place of what is staged for the role. */
int store_stage_put(struct store *s, const struct store_stage *stage,
		    struct slice bytes, const struct audit_by *by,
		    struct err *e) NODISCARD;
/* ERR_NOT_FOUND. An import of that version, or a later, takes it away too. */
int store_stage_drop(struct store *s, const char *role, int64_t version,
		     const struct audit_by *by, struct err *e) NODISCARD;

struct store_import {
	const struct store_file *files;
	size_t file_count;
	const struct store_payload *payloads;
	size_t payload_count;
	const struct store_release *releases;
	size_t release_count;
	/* All that targets delegates to; others are marked as no longer so. */
	const struct store_role *roles;
	size_t role_count;
};

/* All of an import, or nothing. What it does not list is no longer listed. */
int store_import(struct store *s, const struct store_import *in,
		 const struct audit_by *by, struct err *e) NODISCARD;

struct store_online {
	struct store_file snapshot;
	struct slice timestamp;
	/* Of a bundle that was signed just before; 0 days: none was. */
	int64_t bundle_days, bundle_snapshot;
};

/* Replace snapshot and timestamp together; older snapshots are dropped. A mere
 * new timestamp is no act. */
int store_online(struct store *s, const struct store_online *in,
		 const struct audit_by *by, struct err *e) NODISCARD;

/*
 * product "" is any: ERR_CONFLICT if several have a release so named.
 * ERR_NOT_FOUND if none has.
 */
int store_release_find(struct store *s, const char *product, const char *id,
		       struct store_release *out, struct err *e) NODISCARD;
void store_release_done(struct store_release *r);
int store_release_each(struct store *s,
		       void (*visit)(void *ctx, const struct store_release *r),
		       void *ctx, struct err *e) NODISCARD;

/* ---- rollouts ------------------------------------------------------------ */

/* Revision 1; fills in its id. ERR_NOT_FOUND: no such cohort. ERR_CONFLICT: the
 * name is taken. */
int store_rollout_add(struct store *s, struct stage *r,
		      const struct audit_by *by, struct err *e) NODISCARD;
int store_rollout_find(struct store *s, const char *name, struct stage *out,
		       struct err *e) NODISCARD;
/* All of them, newest release first; heap, for the caller to free. */
int store_rollout_all(struct store *s, struct stage **out, size_t *count,
		      struct err *e) NODISCARD;

/* A change of a rollout, and what is recorded of it. */
struct store_act {
	enum audit_act act;
	const struct audit_by *by;
	uint64_t revision;  /* that it was decided on */
	const char *reason; /* a person's, or NULL */
};

/*
 * Compare and set: stores what the rollout is to be if its revision is still
 * the one that the change was decided on (else ERR_CONFLICT), with the record
 * of the act and, where it completes, of that. A new gate epoch counts from
 * zero from here on.
 */
int store_rollout_save(struct store *s, const struct stage *next,
		       const struct store_act *act, struct err *e) NODISCARD;
/* One that was never started goes, and its name is free again. ERR_CONFLICT: it
 * has another revision; ERR_REFUSED: it was started. */
int store_rollout_discard(struct store *s, const char *name, uint64_t revision,
			  const struct audit_by *by, struct err *e) NODISCARD;

/* Has a rollout of a later release to the same cohorts completed? */
int store_rollout_later(struct store *s, const struct rollout *r, bool *out,
			struct err *e) NODISCARD;
/* How many of its product run its release, in whatever cohort; a counter. */
int store_rollout_running(struct store *s, const struct rollout *r,
			  uint64_t *out, struct err *e) NODISCARD;

/* ---- what came of it ----------------------------------------------------- */

/* Its counters in the epoch that it is in. */
int store_tally(struct store *s, const struct stage *r, int64_t now,
		struct tally *out, struct err *e) NODISCARD;

struct store_counter {
	size_t phase;
	uint16_t epoch;
	enum stage_state state;
	char code[WIRE_CODE_MAX + 1];
	bool counted;
	uint64_t n;
};

int store_counter_each(struct store *s, int64_t rollout,
		       void (*visit)(void *ctx, const struct store_counter *c),
		       void *ctx, struct err *e) NODISCARD;

#define STORE_CONTROL_MAX 64 /* rollouts in one call */

struct store_sign {
	struct device_id id;
	int64_t before, now; /* when it was seen the last time; 0: never */
	bool untried;        /* nothing was ever offered to it */
};

/*
 * A device was seen that these rollouts offer nothing now; those that never did
 * count it as one of the others. Kept in memory and written by store_flush(),
 * as other signs of life.
 */
int store_control_seen(struct store *s, const struct stage *const *rollouts,
		       size_t count, const struct store_sign *sign,
		       struct err *e) NODISCARD;

/* ---- attempts ------------------------------------------------------------ */

struct attempt {
	int64_t id, rollout;
	uint32_t n; /* of this device in this rollout, from 1 */
	struct device_id device;
	struct sha256 digest; /* what was offered */
	uint64_t seq;
	uint64_t back_from; /* a step back: the seq that ran then; else 0 */
	int64_t due;        /* when its timer rings; 0: never */
	int64_t kind; /* what store_kind_each() counts it under; 0: none */
	struct stage_attempt at;
};

/* What this device made of a release before: of the rollout's, or of the stone
 * that stands in its place. */
int store_past(struct store *s, const struct device_id *device,
	       const struct rollout *r, struct rollout_past *out,
	       struct err *e) NODISCARD;
/* The device's newest attempt; *found is false if there never was one. */
int store_attempt_latest(struct store *s, const struct device_id *device,
			 struct attempt *out, bool *found,
			 struct err *e) NODISCARD;
/* The newest of that device's before this one that has installed, and neither
 * was seen running nor ended. */
int store_attempt_waiting(struct store *s, const struct attempt *before,
			  struct attempt *out, bool *found,
			  struct err *e) NODISCARD;
/* ERR_NOT_FOUND unless it is this device's. */
int store_attempt_find(struct store *s, int64_t id,
		       const struct device_id *device, struct attempt *out,
		       struct err *e) NODISCARD;
/*
 * A first offer; fills in id and n, ends what the device had not installed of
 * anything else, and takes the device out of the rollout's control group: it
 * was `seen` there last (0: never).
 */
int store_attempt_add(struct store *s, const struct stage *r, struct attempt *a,
		      int64_t seen, struct err *e) NODISCARD;
/* With the rollout's counters. Evidence may be NULL: what is there stays. */
int store_attempt_save(struct store *s, const struct stage *r,
		       const struct attempt *a, const char *evidence,
		       struct err *e) NODISCARD;
#define STORE_DUE_MAX 256

struct store_due {
	struct attempt attempt;
	int64_t last_seen;
	uint32_t interval_sec;
	bool is_out; /* of the fleet: its silence says nothing */
};

/* The first whose timers have rung by now. */
int store_attempts_due(struct store *s, int64_t now, struct store_due *out,
		       size_t *count, struct err *e) NODISCARD;
/* As store_attempt_save(), so many at once. */
struct store_change {
	const struct stage *stage;
	struct attempt attempt;
};

int store_attempts_save(struct store *s, const struct store_change *list,
			size_t count, struct err *e) NODISCARD;
/* The first of a rollout that have not installed. */
int store_attempts_open(struct store *s, int64_t rollout, struct store_due *out,
			size_t *count, struct err *e) NODISCARD;

int store_attempt_each(struct store *s, const struct device_id *device,
		       void (*visit)(void *ctx, const struct attempt *a,
				     const char *rollout, const char *release,
				     const char *evidence),
		       void *ctx, struct err *e) NODISCARD;
/* The attempts of one rollout, newest first, `max` at most. */
int store_rollout_attempts(struct store *s, int64_t rollout, size_t max,
			   void (*visit)(void *ctx, const struct attempt *a,
					 const char *evidence),
			   void *ctx, struct err *e) NODISCARD;

/* ---- kinds of devices ---------------------------------------------------- */

/* What became of one rollout's attempts on one kind of device. */
struct store_kind {
	int64_t id;
	char cohort[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char hardware[NAME_MAX_LEN + 1]; /* "": it does not say */
	char runs[NAME_MAX_LEN + 1];     /* when it was offered; "": likewise */
	struct kinds_counts n;
	bool has_sample;
	struct device_id sample; /* the last that went wrong */
};

int store_kind_each(struct store *s, int64_t rollout,
		    void (*visit)(void *ctx, const struct store_kind *k),
		    void *ctx, struct err *e) NODISCARD;

#endif
