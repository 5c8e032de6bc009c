/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollout - who is offered what, and what became of it. Pure: facts in,
 * decision out; the clock and chance are parameters.
 *
 * A rollout opens a share of its cohorts. The share becomes a bucket limit
 * once, when it is opened: the m-th smallest bucket of the population, with
 * m = max(1, ceil(share x N)); so a share of anything is at least one device,
 * and a larger share always contains the smaller. A device that joins later
 * falls inside in proportion.
 *
 * An attempt is one device's try at one rollout's release, born at the first
 * offer. Only a check-in that runs the release confirmed, after a new
 * activation, makes it a success; what a report claims never does.
 */
#ifndef UPDATE_SERVER_ROLLOUT_H
#define UPDATE_SERVER_ROLLOUT_H

#include "common/bucket.h"
#include "common/wire.h"

#define ROLLOUT_SHARE_ALL   10000 /* basis points */
#define ROLLOUT_COHORTS_MAX 16
#define ROLLOUT_ATTEMPTS    3 /* failures in a row before a day's rest */
#define ROLLOUT_REST_SEC    UTC_DAY

/* ---- the rollout ---------------------------------------------------------
 */

enum rollout_state {
	ROLLOUT_DRAFT,
	ROLLOUT_RUNNING,
	ROLLOUT_PAUSED,
	ROLLOUT_COMPLETED /* everybody has it; late joiners are still served */
};

const char *rollout_state_name(enum rollout_state state);
int rollout_state_parse(struct slice name, enum rollout_state *out,
			struct err *e) NODISCARD;

struct rollout {
	int64_t id;
	char name[NAME_MAX_LEN + 1];
	enum rollout_state state;
	char product[NAME_MAX_LEN + 1];
	char release[NAME_MAX_LEN + 1];
	struct sha256 digest;
	uint64_t seq, requires_seq;
	int64_t not_before;                                /* 0: at once */
	char models[RELEASE_MODELS_MAX][NAME_MAX_LEN + 1]; /* none: any */
	size_t model_count;
	char cohorts[ROLLOUT_COHORTS_MAX][NAME_MAX_LEN + 1];
	size_t cohort_count;
	uint32_t share; /* basis points */
	/* For devices that run something newer, where that is authorised. */
	bool step_back;
	uint64_t limit; /* open up to this bucket; counts once started */
	uint64_t population;
	char reason[WIRE_REASON_MAX]; /* why it is paused */
	int64_t created, changed;
};

/*
 * The limit that opens `share` of these devices; sorts them. UINT64_MAX for
 * all of them. ERR_REFUSED for nobody, ERR_USAGE for a share of 0 or > all.
 */
int rollout_limit(uint64_t *buckets, size_t count, uint32_t share,
		  uint64_t *limit, struct err *e) NODISCARD;

/* Is this device one of those a rollout is for, whatever is open now? */
bool rollout_concerns(const struct rollout *r, const char *product,
		      const char *model, const char *cohort);

/* ---- the decision --------------------------------------------------------
 */

/* From the registry, but for what runs now: that the device says itself. */
struct rollout_device {
	struct device_id id;
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char cohort[NAME_MAX_LEN + 1];
	bool has_release;
	bool confirmed;
	uint64_t seq;
	struct sha256 digest;
};

/* This device's attempts at this release, in whatever rollout. */
struct rollout_past {
	bool left; /* it was stepped back from this, or from something newer */
	bool stepped;     /* it went back to this by this very rollout */
	bool rolled_back; /* and no person has cleared it since */
	unsigned failed;
	int64_t last_failed;
};

enum rollout_verdict {
	VERDICT_OFFER,
	VERDICT_CLOSED,      /* draft or paused */
	VERDICT_NOT_FOR,     /* other product, model or cohort */
	VERDICT_ALREADY,     /* runs it */
	VERDICT_NEWER,       /* runs something newer */
	VERDICT_STRANDED,    /* must take an older release first: none leads */
	VERDICT_FLOOR,       /* nothing so old is installed any more */
	VERDICT_STEPPED,     /* went back once, and has something newer again */
	VERDICT_LEFT,        /* was stepped back from */
	VERDICT_EARLY,       /* the release says not before */
	VERDICT_OUTSIDE,     /* its bucket is not open yet */
	VERDICT_NO_ORDER,    /* no signed order opens it to this device */
	VERDICT_ROLLED_BACK, /* tried it and came back */
	VERDICT_RESTING,     /* failed too often; tomorrow again */
	VERDICT_TRIAL,       /* something else is on trial there */
	VERDICT_BEHIND,      /* the server was restored from a backup */
	VERDICT_NO_KEY,      /* encrypted, and no key was sealed for it */
};

/* What signed metadata says of it, for this device. */
struct rollout_word {
	/* The operators' orders open it, or it needs none: a server is never
	 * wider than they are. */
	bool ordered;
	bool stranded; /* it requires what does not run, and no stone leads */
	bool below_floor; /* the release, or the stone that leads to it */
	bool back;        /* stepping back to it from what runs is authorised */
};

enum rollout_verdict rollout_decide(const struct rollout *r,
				    const struct rollout_device *d,
				    const struct rollout_past *past,
				    const struct rollout_word *word,
				    int64_t now);

/* The verdict in words. */
const char *rollout_why(enum rollout_verdict verdict);

/* An interval with jitter of a tenth either way; chance is any 64 bits. */
uint32_t rollout_next_check(uint32_t interval_sec, uint64_t chance);

/* ---- attempts ------------------------------------------------------------
 */

enum attempt_state {
	ATTEMPT_OFFERED,
	ATTEMPT_DOWNLOADING,
	ATTEMPT_VERIFIED,
	ATTEMPT_DEFERRED,
	ATTEMPT_INSTALLED,
	/* from here on: ended */
	ATTEMPT_CONFIRMED,
	ATTEMPT_FAILED,
	ATTEMPT_ROLLED_BACK,
	ATTEMPT_SKIPPED,
	ATTEMPT_SUPERSEDED,
	ATTEMPT_STATES
};

/* What a device reports that may not install now: exit status 10. The attempt
 * waits, and earns no rest. */
#define ATTEMPT_REFUSED_CODE "REFUSED"

const char *attempt_state_name(enum attempt_state state);
int attempt_state_parse(struct slice name, enum attempt_state *out,
			struct err *e) NODISCARD;

struct attempt {
	int64_t id, rollout;
	struct device_id device;
	struct sha256 digest; /* what was offered */
	uint64_t seq;
	uint64_t back_from; /* a step back: the seq that ran then; else 0 */
	enum attempt_state state;
	uint32_t sequence;   /* of the last report; 0: none yet */
	uint64_t activation; /* the device's, when it was offered */
	char code[WIRE_CODE_MAX + 1];
	int64_t offered, changed;
};

/*
 * Take in a report. True if the attempt changed and must be stored; false for
 * a duplicate or one that was overtaken, which is acknowledged all the same.
 * Sequences start at 1.
 */
bool attempt_report(struct attempt *a, const struct wire_report *m,
		    int64_t now);

/* Take in what a check-in says runs now. True if the attempt changed. */
bool attempt_checkin(struct attempt *a, const struct wire_checkin *m,
		     int64_t now);

#endif
