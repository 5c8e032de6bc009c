/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_record - one act in the audit log, as canonical JSON. Pure.
 *
 * A record says when, who, what, and to which objects: ids, digests, numbers.
 * Never a person's name, free text or a secret, for what is in the log stays
 * there for ever: people are their certificate's fingerprint, and text is its
 * SHA-256. Each act has a fixed set of objects, checked when a record is
 * written and again when it is read. docs/audit-log.md is the prose.
 */
#ifndef UPDATE_SERVER_AUDIT_RECORD_H
#define UPDATE_SERVER_AUDIT_RECORD_H

#include "common/json.h"
#include "common/utc.h"
#include "common/x509.h"

#define AUDIT_RECORD_MAX 4096 /* bytes of one record */

enum audit_actor {
	AUDIT_PERSON, /* by certificate fingerprint */
	AUDIT_DEVICE, /* by device id */
	AUDIT_GATE,   /* a rule of the server's own */
	AUDIT_SYSTEM, /* the server itself, or who installs it */
};

/* Who acts, and when by the clock. */
struct audit_by {
	enum audit_actor kind;
	struct sha256 person;
	struct device_id device;
	int64_t now;
	/* Why, where the act has it: its SHA-256 goes into the record.
	 * Borrowed; NULL: nobody was asked. */
	const char *reason;
};

/* The order is that of the table in audit_record.c; files hold names alone. */
enum audit_act {
	AUDIT_INIT,
	AUDIT_TLS_RENEW,
	AUDIT_PERSON_ADD,
	AUDIT_PERSON_REVOKE,
	AUDIT_PAYLOAD_UPLOAD,
	AUDIT_METADATA_UPLOAD,
	AUDIT_ENVELOPES_UPLOAD,
	AUDIT_IMPORT,
	AUDIT_PUBLISH,
	AUDIT_BUNDLE_EXPORT,
	AUDIT_REPORT_EXPORT,
	AUDIT_OUTPOST_ADD,
	AUDIT_OUTPOST_REPORT,
	AUDIT_COHORT_CREATE,
	AUDIT_TOKEN_CREATE,
	AUDIT_TOKEN_ACTIVATE,
	AUDIT_TOKEN_REVOKE,
	AUDIT_BATCH_REVOKE,
	AUDIT_DEVICE_APPROVE,
	AUDIT_DEVICE_DENY,
	AUDIT_DEVICE_ENROL,
	AUDIT_DEVICE_RENEW,
	AUDIT_DEVICE_QUARANTINE,
	AUDIT_DEVICE_TWIN,
	AUDIT_DEVICE_RELEASE,
	AUDIT_DEVICE_REVOKE,
	AUDIT_DEVICE_RETIRE,
	AUDIT_DEVICE_FORGET,
	AUDIT_DEVICE_EXPORT,
	AUDIT_ROLLOUT_CREATE,
	AUDIT_ROLLOUT_START,
	AUDIT_ROLLOUT_RESUME,
	AUDIT_ROLLOUT_PAUSE,
	AUDIT_ROLLOUT_COMPLETE,
	AUDIT_ROLLOUT_SUBMIT,
	AUDIT_ROLLOUT_APPROVE,
	AUDIT_ROLLOUT_ASK,
	AUDIT_ROLLOUT_PHASE,
	AUDIT_ROLLOUT_ADVANCE,
	AUDIT_ROLLOUT_ABORT,
	AUDIT_ROLLOUT_SUPERSEDE,
	AUDIT_ROLLOUT_ACK,
	AUDIT_ROLLOUT_ROLLBACK,
	AUDIT_DEVICE_PIN,
	AUDIT_DEVICE_UNPIN,
	AUDIT_DEVICE_CLEAR,
	AUDIT_ORDER_STAGE,
	AUDIT_ORDER_DISCARD,
	AUDIT_LOG_REPLAY,
	AUDIT_SERVER_RESTORE,
	AUDIT_LOG_KEY,
	AUDIT_DEVICE_READOPT,
	AUDIT_DEVICE_RETURN,
	AUDIT_READOPT_CLOSE,
	AUDIT_TLS_NEXT_CA,
	AUDIT_DEVICE_ASK,
	AUDIT_TLS_SWITCH_CA,
	AUDIT_CA_ROTATE,
	AUDIT_DEVICE_BLOCK,
	AUDIT_DEVICE_UNBLOCK,
	AUDIT_CA_WITHDRAW,
	AUDIT_ROLLOUT_DISCARD,
	AUDIT_PAYLOADS_REMOVE,
	AUDIT_COHORT_RULE,
	AUDIT_COHORT_REMOVE,
	AUDIT_DEVICE_REPORT,
	AUDIT_FOUR_EYES_OFF,
	AUDIT_PAYLOADS_ASK,
	AUDIT_SERVER_BACKUP,
	AUDIT_SERVER_DRAIN,
	AUDIT_ACTS
};

const char *audit_act_name(enum audit_act act);
/* Whether it takes something away or only notes an end: such an act may use
 * the last of the disk. */
bool audit_act_is_urgent(enum audit_act act);

struct audit_record {
	enum audit_act act;
	struct audit_by by;
	uint64_t number; /* its place in the log, from 0 */
	int64_t time;    /* never before the record before it */
	/* Seconds by which the clock was behind that record; 0 as a rule. */
	int64_t clock_back;
	struct json *objects; /* filled in by whoever records */
};

/* The caller gives it an empty object to fill; audit_record_done() frees it. */
void audit_record_init(struct audit_record *r, enum audit_act act,
		       const struct audit_by *by);
void audit_record_done(struct audit_record *r);

/* Objects; a digest of text that must not stand in the log itself. */
void audit_set_digest(struct audit_record *r, const char *name,
		      const struct sha256 *digest);
void audit_set_device(struct audit_record *r, const struct device_id *id);
/* An array, of names joined by spaces. */
void audit_set_names(struct audit_record *r, const char *name,
		     const char *names);
void audit_set_secret(struct audit_record *r, const char *name,
		      const char *text);

/* Append it. ERR_FORMAT if it is not what its act has. */
int audit_record_format(const struct audit_record *r, struct buf *out,
			struct err *e) NODISCARD;
/* Exactly what audit_record_format() writes, and nothing else. ERR_FORMAT. */
int audit_record_parse(struct slice in, struct audit_record *r,
		       struct err *e) NODISCARD;

#endif
