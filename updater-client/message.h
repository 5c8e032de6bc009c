/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - what the processes of one client say to each other.
 *
 * A message is one byte that names its kind and the fields of that kind, never
 * more than MESSAGE_MAX bytes. Each kind's layout stands in one function that
 * both writes and reads it, so the two ends cannot disagree. The reader
 * accepts exactly what the writer makes: bounded texts, known values, nothing
 * left over. A process that was taken over can send nothing else than this.
 */
#ifndef UPDATER_CLIENT_MESSAGE_H
#define UPDATER_CLIENT_MESSAGE_H

#include "common/keybox.h"
#include "common/wire.h"
#include "common/wire_enrol.h"
#include "updater-client/plan.h"
#include "updater-client/policy.h"

#define MESSAGE_MAX      32768
#define MESSAGE_DATA_MAX 32000 /* bytes of one MESSAGE_DATA */
#define MESSAGE_NAME_MAX TUF_SOURCE_NAME_MAX

enum message_kind {
	MESSAGE_DONE = 1, /* the request succeeded */
	MESSAGE_FAIL,     /* it did not: code and text */
	MESSAGE_PROGRESS, /* bytes done so far */
	MESSAGE_DATA,     /* a piece of an answer */
	/* to the source */
	MESSAGE_BEGIN,   /* the time by which certificates are judged */
	MESSAGE_GET,     /* metadata or a document by name -> DATA..., DONE */
	MESSAGE_POST,    /* a request body -> DATA..., DONE */
	MESSAGE_PACKAGE, /* a package into the spool -> PROGRESS..., DONE */
	/* to the trust process */
	MESSAGE_OPEN,    /* -> SITE */
	MESSAGE_SITE,    /* what the trusted root says */
	MESSAGE_CHECKIN, /* -> DECISION */
	MESSAGE_DECISION,
	MESSAGE_CHOOSE, /* -> PLAN or DONE: nothing to do */
	MESSAGE_PLAN,
	MESSAGE_REPORT, /* -> DONE */
	MESSAGE_ENROL,  /* -> IDENTITY */
	MESSAGE_IDENTITY,
	MESSAGE_RENEW,   /* ask for the next certificate -> DONE */
	MESSAGE_RENEWED, /* prove it good, and keep it -> DONE */
	/* to the process that writes a slot */
	MESSAGE_APPLY, /* -> PROGRESS..., DONE */
	/* to the source, and to the process that holds the decryption key; at
	 * the end, for what waits on disks to be reported names kinds by number
	 */
	MESSAGE_ENVELOPE, /* our sealed content key -> DATA, DONE */
	MESSAGE_UNWRAP,   /* -> KEY */
	MESSAGE_KEY,
	/* to the trust process: metadata and site alone -> DONE: 1, if new */
	MESSAGE_RESCUE,
	/* to the process that renews -> DONE: 1, if a person has to decide */
	MESSAGE_READOPT,
	/* While a package is written as it comes: from who writes, a point to
	 * go on at; and to the source, by way of the controlling process, that
	 * chunks before this one are done with. */
	MESSAGE_POINT,
	MESSAGE_TAKEN,
	/* to the process with the token, and back */
	MESSAGE_TOKEN,
};

struct message_get {
	char name[MESSAGE_NAME_MAX];
	uint64_t max;
};

enum message_route {
	ROUTE_NONCE,
	ROUTE_ENROL,
	ROUTE_CHECKIN,
	ROUTE_REPORT,
	ROUTE_RENEW,
	ROUTE_RENEWED,
	ROUTE_JOIN,
	ROUTE_READOPT,
	ROUTES
};

struct message_post {
	enum message_route route;
	struct slice body; /* borrowed */
};

struct message_package {
	char path[PATH_MAX_LEN];
	struct sha256 head_digest, package_digest;
	uint64_t head_len, package_len;
	uint32_t window, first; /* as in struct intake_package */
};

#define MESSAGE_ENOUGH UINT64_MAX /* TAKEN: nothing more is wanted */

struct message_envelope {
	struct sha256 package;
	struct device_id device; /* whom a medium is searched for */
};

struct message_unwrap {
	char product[NAME_MAX_LEN + 1];
	char release[NAME_MAX_LEN + 1];
	char target[PATH_MAX_LEN];
	struct device_id device;
	uint8_t sealed[KEYBOX_SEALED_LEN];
};

#define TOKEN_NAME_LEN 32 /* of a key, with its NUL */

/* What is asked (token.h), what of, and what is answered. */
enum token_act {
	TOKEN_ACT_FIND,    /* -> its point */
	TOKEN_ACT_MAKE,    /* -> nothing */
	TOKEN_ACT_SIGN,    /* a digest -> r and s */
	TOKEN_ACT_AGREE,   /* a point -> the shared secret */
	TOKEN_ACT_DESTROY, /* -> nothing; without a name: all of them */
	TOKEN_ACT_KIND,    /* -> 1: hardware */
};

struct message_token {
	enum token_act act;
	char name[TOKEN_NAME_LEN];
	uint8_t bytes[EC_POINT_LEN]; /* the rest is zero */
};

struct message_site {
	int64_t time_floor;
	int64_t trusted_until;                 /* when the trusted root ends */
	int64_t root_version, targets_version; /* 0: not there yet */
	enum environment environment;
	bool staging_signed;
	uint64_t floor; /* the floor commit that was verified; 0: none yet */
	bool assigned;  /* a signed assignment was found and is followed: */
	char cohort[NAME_MAX_LEN + 1];
	uint64_t cohort_version;
	bool lab;
};

struct message_choose {
	int64_t clock; /* the system's */
	int64_t floor; /* time that has certainly passed, as remembered */
	struct policy_device device;
	bool enrolled; /* else there is no id and no cohort: */
	struct device_id id;
	char cohort[NAME_MAX_LEN + 1]; /* as pinned */
	uint64_t cohort_version;
	bool lab;
	bool refresh; /* fetch metadata first; else what is loaded */
	bool look;    /* choose nothing: only learn time, floor and site */
};

struct message_enrol {
	int64_t clock;
	bool asks; /* has no claim code */
	uint8_t claim[WIRE_CLAIM_LEN];
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	struct sha256 root; /* what it trusts, if it asks */
};

/* One component: what is written, and from what. */
struct message_apply {
	struct slot_part part;
	struct plan_package package;
	uint32_t window; /* of its file, which is still being filled; or 0 */
	struct package_point from; /* where a former run got to */
};

struct message_identity {
	struct device_id device;
	char cohort[NAME_MAX_LEN + 1];
};

/* A union of all that a message can hold. */
struct message {
	enum message_kind kind;
	/* KEY, and APPLY of an encrypted package: whoever has it wipes it. */
	uint8_t content_key[STREAM_KEY_LEN];
	union {
		struct err failure;
		uint64_t count; /* PROGRESS, TAKEN; RENEW...: unused; PACKAGE's
				   DONE: bytes fetched */
		int64_t now;    /* BEGIN, OPEN: the clock */
		struct slice data;
		struct message_get get;
		struct message_post post;
		struct message_package package;
		struct message_envelope envelope;
		struct message_unwrap unwrap;
		struct message_token token; /* whoever has it wipes it */
		struct message_site site;
		struct wire_checkin checkin;
		struct wire_decision decision;
		struct message_choose choose;
		struct plan plan;
		struct message_apply apply;
		struct package_point point;
		struct wire_report report;
		struct message_enrol enrol;
		struct message_identity identity;
	};
};

/* Append the message's bytes. */
int message_format(const struct message *m, struct buf *out,
		   struct err *e) NODISCARD;

/* Slices in *m borrow from `in`. ERR_FORMAT. */
int message_parse(struct slice in, struct message *m, struct err *e) NODISCARD;

#endif
