/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - which of the releases that verified metadata lists this device
 * takes, and how. Pure: facts in, decision and reason out.
 *
 * Everything is judged here and nowhere else: product, model and revision of
 * the hardware, the updater, never a step back in seq unless one is authorised,
 * requires_seq, the floor, an undo only of what runs and in time, the
 * operators' order (through a gate), what was rolled back on this device
 * before, and a delta only on the very base that it was made from. Version text
 * is never compared.
 */
#ifndef UPDATER_CLIENT_POLICY_H
#define UPDATER_CLIENT_POLICY_H

#include "common/way.h"
#include "updater-client/refusals.h"
#include "updater-client/slot.h"

/* Where one component of a release goes. */
struct policy_slot {
	char component[NAME_MAX_LEN + 1]; /* "": whichever; the only slot */
	enum package_content content;
	enum tree_attributes attributes; /* of trees */
	struct sha256 digest;            /* of what runs; all zero: nothing */
};

struct policy_device {
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];    /* "": none */
	char hardware[NAME_MAX_LEN + 1]; /* its revision; "": not known */
	/* A release is for us when its components are these, all of them. */
	struct policy_slot slots[RELEASE_COMPONENTS_MAX];
	size_t slot_count;
	bool has_running;
	char running[NAME_MAX_LEN + 1]; /* the release that runs */
	uint64_t seq, content_seq;      /* of what runs */
	struct sha256 digest;
	struct refusals refusals; /* of releases that were rolled back here */
	bool retry;     /* a person says: try rolled-back ones again */
	bool repair;    /* what runs may be written again */
	bool full_only; /* the base was found damaged */
	bool has_offer; /* the server names one release; else the newest */
	char offer[NAME_MAX_LEN + 1];
	struct sha256 offer_digest;
	uint64_t floor; /* content below this seq is not installed; 0: none */
	bool step_back; /* a person says: an authorised step back, too */
	/* The trust process's own: what is listed. NULL: no such way. */
	const struct way *way;
};

/*
 * Asked last, of what the device would take: do the operators open it? Says
 * in words what did. ERR_REFUSED.
 */
struct policy_gate {
	int (*open)(void *ctx, const struct release *r,
		    char opened[SLOT_ORDER_MAX], struct err *e);
	void *ctx;
};

/* The release to install, or why there is none. */
struct policy_choice {
	const struct policy_gate *gate; /* NULL: everything is open */
	bool found;   /* one package for each slot of the device, */
	uint64_t seq; /* of the best so far; 0: none */
	struct release packages[RELEASE_COMPONENTS_MAX]; /* in that order */
	char opened[SLOT_ORDER_MAX]; /* found: by which order */
	/* Why the newest applicable one that was not taken was not. */
	struct err hindrance;
	uint64_t hindrance_seq;
	bool stranded; /* no listed release leads from here to that one */
};

/*
 * May the device install this release with this package at `now`? ERR_REFUSED
 * (not for us), ERR_ROLLBACK (older, or below the floor), ERR_CONFLICT (needs
 * another base).
 */
int policy_allows(const struct policy_device *d, const struct release *r,
		  int64_t now, struct err *e) NODISCARD;

/*
 * Put one listed package before the device; *r is taken over (and emptied)
 * when it is the best so far for its component. Start with a choice that is
 * zeroed but for its gate.
 */
void policy_offer(struct policy_choice *c, const struct policy_device *d,
		  struct release *r, int64_t now);
/*
 * The same for a target as it is listed; only `lab` devices take nightlies. A
 * release that is not for this updater is passed over, for what this one can
 * take may stand beside it; the verdict tells of it when nothing else is
 * found. ERR_FORMAT or ERR_LIMIT: a release that nobody could read.
 */
int policy_consider(struct policy_choice *c, const struct policy_device *d,
		    const struct tuf_target *t, bool lab, int64_t now,
		    struct err *e) NODISCARD;
void policy_done(struct policy_choice *c);

/*
 * Nothing found: 0 when all is well (up to date), else the reason why the
 * newest listed release is not installed.
 */
int policy_verdict(const struct policy_choice *c, const struct policy_device *d,
		   struct err *e) NODISCARD;

/* Time without a clock: the later of the clock and the signed floor. */
int64_t policy_now(int64_t clock, int64_t floor);

#endif
