/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire - what device and server say to each other: JSON bodies, parsed and
 * formatted in this one place for both ends (those of enrolment and renewal in
 * wire_enrol.h). docs/protocol.md is the prose.
 *
 * Enrolment listener (no client certificate):
 *	POST /v1/nonce   {}            -> struct wire_nonce
 *	POST /v1/enrol   wire_enrol    -> struct wire_identity
 *	POST /v1/join    wire_enrol    -> struct wire_joined
 *	GET  /metadata/<file>          (root chain, timestamp, ...)
 * Device listener (client certificate required):
 *	POST /v1/checkin wire_checkin  -> struct wire_decision
 *	POST /v1/report  wire_report   -> {"v":1}
 *	POST /v1/renew   wire_renew    -> struct wire_identity
 *	POST /v1/renewed {"v":1}       -> {"v":1}
 *	POST /v1/readopt wire_readopt  -> struct wire_readopted
 *	GET  /metadata/<file>, GET /targets/<dir>/<sha256>.<name> (Range, ETag)
 * An error is {"v":1,"error":"<err_name>","message":"..."} with the status of
 * wire_status(). Unknown members are refused by the server and ignored by the
 * device, so servers are updated first.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include "common/release.h"
#include "common/wire_body.h"

#define WIRE_EVIDENCE_MAX 8192
#define WIRE_CODE_MAX     32
#define WIRE_BOOT_LEN     8
#define WIRE_REASON_MAX   256

/*
 * How a device is built, as it says itself: a fixed set, and nothing that tells
 * one device from another of its kind. What it cannot tell is not known.
 */
enum wire_posture_bit {
	POSTURE_SANDBOX,        /* its processes are confined */
	POSTURE_SECURE_BOOT,    /* the firmware verifies what it starts */
	POSTURE_ROOT_READ_ONLY, /* "/" is mounted so */
	POSTURE_HARDWARE_CLOCK, /* a clock that runs while it is off */
	POSTURE_HARDWARE_KEY,   /* its key cannot be copied off it */
	POSTURE_CONFIG_PRIVATE, /* nobody else may write what decides there */
	POSTURE_BITS
};

struct wire_posture {
	uint32_t known, yes; /* a bit for each; yes only where known */
};

/* "sandbox", "secure_boot"...: in messages and selectors. */
const char *wire_posture_name(enum wire_posture_bit bit);

/* At first use a device writes both of its slots with what is signed for it. */
enum wire_first_use {
	WIRE_FIRST_USE_UNSAID, /* an older updater */
	WIRE_FIRST_USE_PENDING,
	WIRE_FIRST_USE_DONE
};

struct wire_checkin {
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char hardware[NAME_MAX_LEN + 1]; /* its revision; "": not said */
	bool has_release; /* false: vanilla, nothing of ours runs */
	char release[NAME_MAX_LEN + 1];
	uint64_t seq;
	struct sha256 digest;
	bool confirmed;        /* the running slot is committed */
	uint64_t activation;   /* rises at each trial start */
	uint32_t interval_sec; /* own poll interval */
	char updater[RELEASE_VERSION_MAX + 1];
	/* Another number after each start of the board; older ones say none. */
	bool has_boot;
	uint8_t boot[WIRE_BOOT_LEN];
	struct wire_posture posture; /* older ones say none */
	enum wire_first_use first_use;
};

enum wire_action {
	WIRE_NOTHING,
	WIRE_UPDATE,
	WIRE_WAIT
};

struct wire_decision {
	enum wire_action action;
	char release[NAME_MAX_LEN + 1]; /* update: which */
	struct sha256 digest;           /* update: its release digest */
	uint64_t attempt;               /* update: for the reports */
	uint32_t next_check_sec;        /* jitter already applied */
	char reason[WIRE_REASON_MAX];   /* for people: why this answer */
};

enum wire_state {
	WIRE_DOWNLOADING,
	WIRE_VERIFIED,
	WIRE_INSTALLED,
	WIRE_CONFIRMED,
	WIRE_FAILED,
	WIRE_ROLLED_BACK,
	WIRE_DEFERRED,
};

struct wire_report {
	uint64_t attempt;
	uint32_t sequence; /* rises within an attempt; lower ones are ignored */
	enum wire_state state;
	char code[WIRE_CODE_MAX + 1]; /* failed, rolled back: "HEALTH_FAILED" */
	uint64_t activation;
	/* deferred: when its window opens next, by its own clock; 0: not said
	 */
	int64_t until;
	struct sha256 running;                /* release digest that runs now */
	char evidence[WIRE_EVIDENCE_MAX + 1]; /* last lines; valid UTF-8 */
};

int wire_format_checkin(const struct wire_checkin *m, struct buf *out,
			struct err *e) NODISCARD;
int wire_parse_checkin(struct slice in, struct wire_checkin *m,
		       struct err *e) NODISCARD;
int wire_format_decision(const struct wire_decision *m, struct buf *out,
			 struct err *e) NODISCARD;
int wire_parse_decision(struct slice in, struct wire_decision *m,
			struct err *e) NODISCARD;
int wire_format_report(const struct wire_report *m, struct buf *out,
		       struct err *e) NODISCARD;
int wire_parse_report(struct slice in, struct wire_report *m,
		      struct err *e) NODISCARD;
int wire_format_error(const struct err *failure, struct buf *out,
		      struct err *e) NODISCARD;
/* Turns an error body into *failure; ERR_FORMAT in e if it is not one. */
int wire_parse_error(struct slice in, struct err *failure,
		     struct err *e) NODISCARD;

/* HTTP status for an error code: 400, 403, 404, 409, 413, 429, 503, 500. */
int wire_status(enum err_code code);

const char *wire_state_name(enum wire_state state);

#endif
