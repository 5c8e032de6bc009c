/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage - a rollout in phases that stops itself. Pure: facts and the server's
 * time in, decisions and the next state out. In prose: docs/fleet.md.
 *
 *	DRAFT > PENDING > SCHEDULED > RUNNING <> PAUSED
 *	RUNNING > COMPLETED | ABORTED | SUPERSEDED
 *	a phase: WAITING > OPEN > BAKING > PASSED, or HELD for a person
 *
 * Every change raises the revision. Whoever stores a stage does so only if the
 * revision is still the one that was read (compare and set), and the audit
 * record in the same transaction: so of two evaluators, or of an evaluator and
 * a person, one wins and the other looks again.
 */
#ifndef UPDATE_SERVER_STAGE_H
#define UPDATE_SERVER_STAGE_H

#include "update-server/rollout.h"
#include "update-server/stage_tally.h"
#include "update-server/window.h"

#define STAGE_EXCLUDED_MAX 32
#define STAGE_REASON_MAX   256

enum stage_phase_state {
	PHASE_WAITING,
	PHASE_OPEN,   /* offered; evidence is gathered */
	PHASE_BAKING, /* proven good; watched a while longer */
	PHASE_HELD,   /* waiting for a person */
	PHASE_PASSED
};

enum stage_status {
	STAGE_DRAFT,
	STAGE_PENDING, /* waiting for somebody else than its author */
	STAGE_SCHEDULED,
	STAGE_RUNNING,
	STAGE_PAUSED,
	STAGE_COMPLETED, /* late joiners are still served */
	STAGE_ABORTED,
	STAGE_REPLACED /* superseded by a later rollout */
};

enum stage_pause {
	PAUSE_NONE,
	PAUSE_PERSON,
	PAUSE_GATE,     /* failures, darkness, a stop code */
	PAUSE_TROUBLE,  /* payloads or signatures */
	PAUSE_EVIDENCE, /* it never came */
	PAUSE_ORDER,    /* the signed order ended */
	PAUSE_METADATA, /* what lists the release has expired */
	PAUSE_LAST = PAUSE_METADATA
};

const char *stage_status_name(enum stage_status s);
const char *stage_phase_name(enum stage_phase_state s);
const char *stage_pause_name(enum stage_pause p);

struct stage_policy {
	struct gate_policy gate;
	struct stage_timers timers;
	struct tally_stops stops;
	uint32_t poll_sec;      /* how often the fleet means to come */
	int64_t evidence_sec;   /* how long a phase may gather evidence */
	int64_t new_device_sec; /* younger devices do not count in gates */
	uint32_t attempts;      /* failures before a rest; above 0 */
	int64_t rest_sec;
	uint32_t four_eyes;      /* share above which resuming after a stop
				    wants a second person; basis points */
	uint32_t delta_coverage; /* basis points, or start is refused */
	/* The ladder: growing shares, 0 first for canaries; none: the usual one
	 * for so many devices. */
	uint32_t shares[LADDER_RUNGS_MAX];
	size_t share_count;
	/* How long each phase is watched; phases beyond: as usual. */
	int64_t watch[LADDER_RUNGS_MAX];
	size_t watch_count;
};

/* What the documentation calls the usual policy. */
extern const struct stage_policy stage_usual;

struct stage {
	struct rollout what; /* and to whom */
	/* Of them only those that it selects; by stage_set_where(). */
	char where[SELECTOR_TEXT_MAX + 1];
	struct selector selector;
	struct device_id excluded[STAGE_EXCLUDED_MAX];
	size_t excluded_count;
	uint64_t size; /* bytes to download */
	bool is_undo;  /* only for devices that run undo_of */
	struct sha256 undo_of;
	bool urgent; /* skips waiting: bakes and windows; nothing else */
	int priority;

	uint64_t revision; /* from 1 */
	enum stage_status status;
	enum stage_pause pause;
	enum gate_verdict verdict; /* that paused it */
	char reason[STAGE_REASON_MAX];
	uint16_t epoch;
	char author[NAME_MAX_LEN + 1];
	/* What somebody did last, so that who repeats it is told so: who, what,
	 * and on which revision; stage_act(). */
	char last_by[NAME_MAX_LEN + 1];
	int last_verb;
	uint64_t last_revision;
	/* All that it is for had it when it was planned: they are its
	 * population then. */
	bool everybody;
	/* Who asked for an act that wants a second person; "" for nobody. */
	char asked_by[NAME_MAX_LEN + 1];
	int asked_verb;
	uint64_t acked; /* security failures that somebody has looked at */
	int64_t created, changed, started;

	/* when */
	struct stage_policy policy;
	struct ladder ladder; /* the very limits of the signed order */
	int64_t not_before[LADDER_RUNGS_MAX];
	int64_t opened_at[LADDER_RUNGS_MAX]; /* for people; 0: not yet */
	int64_t passed_at[LADDER_RUNGS_MAX];
	int64_t expires; /* the order's end; 0: none */
	bool has_window;
	uint16_t window_from, window_to; /* minutes of the local day */
	struct window_zone zone;

	size_t phase; /* the one that is open; all below it have passed */
	enum stage_phase_state phase_state;
	int64_t opened; /* this phase, or since when its evidence counts */
	int64_t baking; /* since when; 0: not yet */
	/* The signed order opens less than this phase: it gathers what evidence
	 * there is, and nobody is to blame that it is little. Not stored. */
	bool order_short;
	bool quiet; /* no attempt changed since it was looked at. Not stored. */
	int64_t metadata_ends; /* of what lists it; 0: not known. Not stored. */
};

/*
 * The ladder that its policy has for so many devices; limits are still unset.
 * ERR_REFUSED for nobody, ERR_USAGE for shares that do not grow.
 */
int stage_make_ladder(struct stage *s, uint64_t population,
		      struct err *e) NODISCARD;

/* Narrow it to devices that a selector matches; "" is all. As
 * selector_parse(). */
int stage_set_where(struct stage *s, struct slice text,
		    struct err *e) NODISCARD;

/* ---- what a device gets -------------------------------------------------- */

struct stage_question {
	const struct rollout_device *device;
	const struct rollout_past *past;
	const struct rollout_word *word;
	/* Of the release and the device; NULL: worked out where it matters. */
	const uint64_t *bucket;
	int64_t now;
};

/* Is this device one of those it is for, whatever is open now? */
bool stage_concerns(const struct stage *s, const struct rollout_device *d);

/* And is it counted among them: not pinned; of an undo, it runs what that
 * undoes, for its phases are of those, few as they may be. */
bool stage_has_member(const struct stage *s, const struct rollout_device *d);

/* Decide for this device now. Of an offer *phase is the device's own phase. */
enum rollout_verdict stage_decide(const struct stage *s,
				  const struct stage_question *q,
				  size_t *phase);

/* Does a new attempt of this device count in gates? */
bool stage_counts(const struct stage *s, const struct rollout_device *d,
		  int64_t now);

/* Up to which bucket it is open now; false: to nobody. */
bool stage_limit(const struct stage *s, uint64_t *limit);
/* Whether what lists the release has expired, as far as that is known. */
bool stage_has_lapsed(const struct stage *s, int64_t now);

/* Of two rollouts that both have an offer: is a's the one to make? */
bool stage_is_preferred(const struct stage *a, const struct stage *b);

/* ---- what time and evidence do ------------------------------------------- */

enum stage_event {
	EVENT_NONE,
	EVENT_OPENED, /* a phase */
	EVENT_BAKING,
	EVENT_HELD,
	EVENT_PASSED, /* and the next one opens when it may */
	EVENT_PAUSED,
	EVENT_COMPLETED /* and is a candidate for the cohorts' baseline */
};

/*
 * Look at the gates. Any event but EVENT_NONE changed the stage: store it, log
 * it and call again, until nothing is left to do.
 */
enum stage_event stage_tick(struct stage *s, const struct tally *t,
			    int64_t now);

/* The gate's facts and verdict on the open phase. */
enum gate_verdict stage_judge(const struct stage *s, const struct tally *t,
			      int64_t now, struct gate_facts *facts);

/* ---- what people do ------------------------------------------------------ */

enum stage_verb {
	STAGE_SUBMIT = 1,
	STAGE_APPROVE, /* not by the author */
	STAGE_START,
	STAGE_PAUSE,
	STAGE_RESUME,
	STAGE_ADVANCE, /* a held phase */
	STAGE_ABORT,
	STAGE_SUPERSEDE,
	STAGE_ACK,      /* somebody looked at what the alert says */
	STAGE_ROLLBACK, /* stop, for the fleet shall come back from it */
	STAGE_VERB_LAST = STAGE_ROLLBACK
};

/* "submit", "approve", ... */
const char *stage_verb_name(enum stage_verb verb);

struct stage_act {
	enum stage_verb verb;
	const char *by;
	/* Needed to pause, resume, abort, supersede, acknowledge, roll back;
	 * and to start what is for one device alone, where two people are. */
	const char *reason;
	/* The revision that the person saw; 0 with STAGE_PAUSE alone: stop,
	 * whatever it is now. */
	uint64_t revision;
	int64_t now;
	uint64_t security; /* for STAGE_ACK: how many it acknowledges */
};

/* What start insists on. */
struct stage_ready {
	/* What a device would refuse of release and order, or a package that is
	 * not here as it was signed; code ERR_NONE: nothing. */
	struct err refused;
	int64_t metadata_expires; /* whichever of it is first */
	uint32_t delta_coverage;  /* basis points of the population */
};

/*
 * Resuming after the gate stopped it above the four-eyes share takes two
 * people: the first one's act is remembered in asked_by, and changes nothing
 * else. ERR_CONFLICT: somebody changed it meanwhile (HTTP 412), or it is in
 * another state. ERR_REFUSED and ERR_USAGE say what is missing. The same act by
 * the same person again is a no-op: *changed is false. `ready` is for
 * STAGE_START.
 */
int stage_act(struct stage *s, const struct stage_act *act,
	      const struct stage_ready *ready, bool *changed,
	      struct err *e) NODISCARD;

/* After STAGE_RESUME: the tally must start the epoch s->epoch. */

/* ---- back ---------------------------------------------------------------- */

enum stage_way_back {
	BACK_UNDO, /* operators open the undo release at once */
	BACK_STEP, /* likewise, by a step back that is authorised */
	BACK_ASK   /* release engineers must sign: the request says what */
};

struct stage_back_facts {
	bool has_undo; /* listed, verified, its undo_of is this release */
	int64_t undo_until;
	uint64_t undo_content_seq;
	uint64_t floor; /* committed, or 0 */
	bool has_step;  /* authorised now, to what is not below the floor */
};

/* "undo", "step-back", "ask". */
const char *stage_back_name(enum stage_way_back way);

/* How a fleet comes back from a release; *why for people. */
enum stage_way_back stage_way_back(const struct stage_back_facts *f,
				   int64_t now, const char **why);

#endif
