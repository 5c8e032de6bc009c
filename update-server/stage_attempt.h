/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage_attempt - one device's try at one release, from the first offer to its
 * end. Pure: messages and the server's time in, the next state out. Times that
 * a device writes are never looked at.
 *
 *	OFFERED > DOWNLOADING > VERIFIED > INSTALLED > CONFIRMED
 *
 * Success is seen, not reported: a check-in that runs the release, confirmed,
 * with a higher activation than at the offer. Reports may come twice, late and
 * in any order; what a check-in says runs now is the truth. What was
 * left still runs until the boot that is awaited: gone back has only who counts
 * another activation than at the offer, or says so.
 */
#ifndef UPDATE_SERVER_STAGE_ATTEMPT_H
#define UPDATE_SERVER_STAGE_ATTEMPT_H

#include "common/wire.h"

#include "update-server/gate.h"

enum stage_state {
	STAGE_OFFERED,
	STAGE_DOWNLOADING,
	STAGE_VERIFIED,
	STAGE_DEFERRED,  /* somebody at the device said: later */
	STAGE_STALLED,   /* silent before it installed; goes on when it can */
	STAGE_INSTALLED, /* and not yet seen running it */
	STAGE_LOST,      /* installed and dark since; may still come back */
	/* from here on: ended, for good or bad */
	STAGE_CONFIRMED,
	STAGE_FAILED,
	STAGE_ROLLED_BACK,
	/* from here on: ended, and says nothing about the release */
	STAGE_SKIPPED,
	STAGE_WITHDRAWN, /* it left the rollout before it installed */
	STAGE_SUPERSEDED,
	STAGE_EXPIRED, /* never came for it */
	STAGE_RETIRED, /* the device left the fleet */
	STAGE_STATES
};

/* "offered", "rolled-back", ... and back; ERR_FORMAT. */
const char *stage_state_name(enum stage_state state);
int stage_state_parse(struct slice name, enum stage_state *out,
		      struct err *e) NODISCARD;

static inline bool stage_has_ended(enum stage_state state)
{
	return state >= STAGE_CONFIRMED;
}

/* What is offered. */
struct stage_goal {
	struct sha256 digest;
	uint64_t seq;
	uint64_t back_from; /* a step back: the seq that ran then; else 0 */
};

/* What a device reports that may not install now: exit status 10. The attempt
 * waits, and is no failure. */
#define STAGE_REFUSED_CODE "REFUSED"
/* What it reports of metadata that has ended: exit status 7. It waits as well,
 * where the server knows that this is so: then the device is right. */
#define STAGE_EXPIRED_CODE "EXPIRED"
/* Rolled back before its boot came, for a newer release took its place there:
 * it was not tried, so it may be offered again. */
#define STAGE_REPLACED_CODE "REPLACED"

/* Why an attempt is skipped; each has a code, which a device may report as well
 * as the server infers it. It did not try, so it is no failure. */
enum stage_skip {
	SKIP_ALREADY,      /* it ran it before anything was installed */
	SKIP_NEWER,        /* something newer came in between */
	SKIP_NO_PAYLOAD,   /* none that it can open */
	SKIP_INCOMPATIBLE, /* nothing that is signed leads there from here */
	SKIP_PINNED,
	SKIP_BLOCKED,
	SKIP_HARDWARE, /* it is for other revisions */
	STAGE_SKIPS
};

/* "ALREADY", "NEWER", "NO_PAYLOAD", ... */
const char *stage_skip_code(enum stage_skip why);

/* All in seconds, but for min_rate in bytes a second. */
struct stage_timers {
	int64_t start_min, progress_min, dark_min;
	int64_t give_up; /* after so long an attempt that stalls expires */
	uint32_t start_polls, dark_polls;
	uint32_t min_rate;
};

struct stage_attempt {
	uint64_t activation; /* the device's, when it was offered */
	int64_t offered;
	int64_t changed;
	int64_t heard;     /* last sign of life since the offer */
	int64_t installed; /* 0: not yet */
	int64_t until;     /* deferred: by the device's clock; 0: not said */
	uint32_t sequence; /* of the last report; 0: none yet */
	uint32_t interval_sec; /* how often this device means to come */
	uint16_t epoch;        /* gate epoch of its last change */
	uint8_t phase;
	uint8_t state; /* enum stage_state */
	bool counted;  /* in gates; a new device's is not */
	bool stone;    /* of the stepping stone, not of the release itself */
	char code[WIRE_CODE_MAX + 1];
};

/*
 * Each returns true if the attempt changed and must be stored. The caller sets
 * a->epoch before: a change belongs to the gate epoch in which it happens.
 * lapsed: what lists the release has ended, by the server's own knowledge.
 */
bool stage_attempt_report(struct stage_attempt *a, const struct wire_report *m,
			  bool lapsed, int64_t now);
bool stage_attempt_checkin(struct stage_attempt *a,
			   const struct stage_goal *what,
			   const struct wire_checkin *m, int64_t now);
/*
 * The same of one that had installed when something newer was offered: it waits
 * for its boot still, unless that one was installed in its place.
 */
bool stage_attempt_checkin_older(struct stage_attempt *a,
				 const struct stage_goal *what,
				 const struct stage_attempt *newer,
				 const struct wire_checkin *m, int64_t now);
/* Time passed: STALLED, LOST or EXPIRED where it is due. */
bool stage_attempt_tick(struct stage_attempt *a, const struct stage_timers *t,
			uint64_t size, int64_t now);

/* When the next tick can change something; INT64_MAX: never. */
int64_t stage_attempt_due(const struct stage_attempt *a,
			  const struct stage_timers *t, uint64_t size);

/*
 * End what has not installed yet, or went dark: WITHDRAWN, SUPERSEDED, SKIPPED.
 * What has installed otherwise finishes by itself.
 */
bool stage_attempt_end(struct stage_attempt *a, enum stage_state how,
		       const char *code, int64_t now);

/* How long an installed device may be silent before it counts as dark. */
int64_t stage_dark_sec(const struct stage_timers *t, uint32_t interval_sec);

#endif
