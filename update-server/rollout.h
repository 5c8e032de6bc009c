/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollout - what is offered to whom, as far as the release, the device and what
 * is signed settle it. Pure: facts in, verdict out. When it is offered, phase
 * by phase, is stage.h; what became of it is stage_attempt.h.
 */
#ifndef UPDATE_SERVER_ROLLOUT_H
#define UPDATE_SERVER_ROLLOUT_H

#include "common/bucket.h"
#include "common/release.h"
#include "common/wire.h"

#include "update-server/selector.h"

#define ROLLOUT_SHARE_ALL   10000 /* basis points */
#define ROLLOUT_COHORTS_MAX 16

struct rollout {
	int64_t id;
	char name[NAME_MAX_LEN + 1];
	char product[NAME_MAX_LEN + 1];
	char release[NAME_MAX_LEN + 1];
	struct sha256 digest;
	uint64_t seq, requires_seq;
	int64_t not_before;                                /* 0: at once */
	char models[RELEASE_MODELS_MAX][NAME_MAX_LEN + 1]; /* none: any */
	size_t model_count;
	char hardware[RELEASE_HARDWARE_MAX][NAME_MAX_LEN + 1]; /* likewise */
	size_t hardware_count;
	char cohorts[ROLLOUT_COHORTS_MAX][NAME_MAX_LEN + 1];
	size_t cohort_count;
	/* For devices that run something newer, where that is authorised. */
	bool step_back;
	bool lab_only; /* a nightly build, and the fleet is no lab */
};

/*
 * The limit that opens `share` of these devices; sorts them. UINT64_MAX for
 * all of them. ERR_REFUSED for nobody, ERR_USAGE for a share of 0 or > all.
 */
int rollout_limit(uint64_t *buckets, size_t count, uint32_t share,
		  uint64_t *limit, struct err *e) NODISCARD;

/* Is it for such devices, whatever is open now? */
bool rollout_concerns(const struct rollout *r, const char *product,
		      const char *model, const char *cohort);

/* Is a word one of those that single spaces separate? None means any. */
bool rollout_has_word(const char *words, const char *word);

/* ---- the decision -------------------------------------------------------- */

/* From the registry, but for what runs now: that the device says itself. */
struct rollout_device {
	struct device_id id;
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char cohort[NAME_MAX_LEN + 1];
	char hardware[NAME_MAX_LEN + 1]; /* as it said last; "": nothing */
	bool hardware_unheard; /* it has not come yet, or is too old to say */
	bool lab;              /* two operators assigned it there */
	bool has_release;
	bool confirmed;
	bool pinned, blocked; /* who is blocked keeps to a seq that is none */
	uint64_t pin;         /* a pinned device takes this seq and no other */
	uint64_t seq;
	struct sha256 digest;
	int64_t enrolled;
	/* What a selector may ask for besides; "" where it is not known. */
	char release[NAME_MAX_LEN + 1];
	char version[RELEASE_VERSION_MAX + 1]; /* of a release of ours */
	char updater[RELEASE_VERSION_MAX + 1];
	struct wire_posture posture;
};

/*
 * How much "" says, once hardware is read: whoever says first_use knows that
 * member, too.
 */
static inline void rollout_hear(struct rollout_device *d,
				enum wire_first_use said)
{
	d->hardware_unheard = !d->hardware[0] && said == WIRE_FIRST_USE_UNSAID;
}

/*
 * Is its release for the revision of this device's hardware? What a release
 * lists, a device that names none has no part in; of one that is unheard nobody
 * knows, so it may come: it refuses by itself what is not for it.
 */
bool rollout_fits(const struct rollout *r, const struct rollout_device *d);

/* What people said: it is blocked, or keeps to one release, or neither. */
static inline void rollout_keep_to(struct rollout_device *d, bool blocked,
				   bool pinned, uint64_t pin)
{
	d->blocked = blocked;
	d->pinned = pinned || blocked;
	d->pin = blocked ? 0 : pin;
}

/* Does it keep to another release than this one? */
static inline bool rollout_is_pinned(const struct rollout *r,
				     const struct rollout_device *d)
{
	return d->pinned && d->pin != r->seq;
}

/* Does it run this release's content, or something newer that it is not to go
 * back from? */
bool rollout_is_there(const struct rollout *r, const struct rollout_device *d);

/* Is it one of those that a selector selects? */
bool rollout_selects(const struct selector *s, const struct rollout_device *d);

/* This device's attempts at this release, in whatever rollout. */
struct rollout_past {
	bool left; /* it was stepped back from this, or from something newer */
	bool stepped;     /* it went back to this by this very rollout */
	bool rolled_back; /* and no person has cleared it since */
	unsigned failed;
	int64_t last_failed;
	unsigned ended; /* in whatever way */
	int64_t last_ended;
};

enum rollout_verdict {
	VERDICT_OFFER,
	VERDICT_CLOSED,   /* neither running nor completed */
	VERDICT_NOT_FOR,  /* other product, model or cohort */
	VERDICT_HARDWARE, /* for other revisions of the hardware */
	VERDICT_EXCLUDED, /* left out by name */
	VERDICT_SELECTOR, /* not one of those that are selected */
	VERDICT_PINNED,   /* the device keeps to another release */
	VERDICT_BLOCKED,  /* it is given nothing */
	VERDICT_UNDO,     /* an undo, and what it undoes does not run there */
	VERDICT_ALREADY,  /* runs it */
	VERDICT_NEWER,    /* runs something newer */
	VERDICT_STRANDED, /* must take an older release first: none leads */
	VERDICT_FLOOR,    /* nothing so old is installed any more */
	VERDICT_STEPPED,  /* went back once, and has something newer again */
	VERDICT_LEFT,     /* was stepped back from */
	VERDICT_EARLY,    /* the release says not before */
	VERDICT_OUTSIDE,  /* its bucket is not open yet */
	VERDICT_WINDOW,   /* not in these hours */
	VERDICT_NO_ORDER, /* no signed order opens it to this device */
	VERDICT_ROLLED_BACK, /* tried it and came back */
	VERDICT_RESTING,     /* tried too often; tomorrow again */
	VERDICT_TRIAL,       /* something else is on trial there */
	VERDICT_BEHIND,      /* the server was restored from a backup */
	VERDICT_NO_KEY,      /* encrypted, and no key was sealed for it */
	VERDICT_LAB,         /* a nightly build, and this is no lab device */
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

/*
 * VERDICT_OFFER unless what runs there, or what is signed, is against it;
 * whether it is open to the device now is not asked here.
 */
enum rollout_verdict rollout_judge(const struct rollout *r,
				   const struct rollout_device *d,
				   const struct rollout_past *past,
				   const struct rollout_word *word);

/* The verdict as a word ("outside"), and in words. */
const char *rollout_verdict_name(enum rollout_verdict verdict);
const char *rollout_why(enum rollout_verdict verdict);

/* An interval with jitter of a tenth either way; chance is any 64 bits. */
uint32_t rollout_next_check(uint32_t interval_sec, uint64_t chance);

#endif
