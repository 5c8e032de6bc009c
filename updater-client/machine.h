/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine - the state machine of an update: events in, next state and the one
 * action to do out. It is pure; whoever drives it writes the next state to the
 * journal first and then does the action, so that a power cut at any instant
 * is answered by MACHINE_START.
 *
 *	IDLE -> CHECKED -> FETCHING -> APPLYING -> INSTALLED -> TRIAL
 *	TRIAL -> CONFIRMED, or TRIAL with a reason -> ROLLED_BACK
 *
 * Where a switch takes effect at the next boot there is a REBOOT between
 * INSTALLED and TRIAL, and one with a reason before ROLLED_BACK.
 *
 * A slot never changes without a reason that was persisted before. What a
 *person goes back to at rest is tried, too, unless it was confirmed here.
 */
#ifndef UPDATER_CLIENT_MACHINE_H
#define UPDATER_CLIENT_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "updater-client/slot.h"

#define MACHINE_ATTEMPTS 3 /* starts of a trial before it has failed */
#define MACHINE_STOPS    8 /* clean stops that do not count as one of them */

enum machine_state {
	MACHINE_IDLE,
	MACHINE_CHECKED,
	MACHINE_FETCHING,
	MACHINE_APPLYING,
	MACHINE_INSTALLED, /* the new slot was read back; the switch is next */
	MACHINE_TRIAL,     /* the new slot is current, and not yet trusted */
	MACHINE_CONFIRMED,
	MACHINE_ROLLED_BACK,
	MACHINE_REBOOT, /* the loader was told; the boot is still to come */
	MACHINE_STATES
};

enum machine_reason {
	REASON_NONE,
	REASON_HEALTH,   /* a health command said no */
	REASON_DEADLINE, /* it did not answer in time */
	REASON_RESTART,  /* the restart command failed */
	REASON_ATTEMPTS, /* trials were interrupted too often */
	REASON_PERSON,   /* somebody asked for it */
	REASON_FOREIGN,  /* the other slot was made current by somebody else */
	REASON_NOT_SWITCHED, /* still told to start it, the loader never did */
	REASON_REPLACED,     /* another release came before its boot did */
	REASONS
};

enum machine_event {
	EVENT_START,    /* a client starts: what was left behind? */
	EVENT_CHOSEN,   /* there is a release to install */
	EVENT_ROOM,     /* there is space for it */
	EVENT_FETCHED,  /* the package is complete and verified */
	EVENT_APPLIED,  /* the slot was written and read back */
	EVENT_SWITCHED, /* link or loader now says what it should */
	EVENT_HEALTHY,
	EVENT_UNHEALTHY,
	EVENT_FAILED,   /* the action failed; nothing was activated. TRIAL,
			   going back: there is nothing to go back to */
	EVENT_KEPT,     /* the new slot is no longer on trial */
	EVENT_STOPPED,  /* asked to stop; it goes on at the next start */
	EVENT_CONFIRM,  /* a person confirms */
	EVENT_ROLLBACK, /* a person wants the other slot back */
	EVENT_REPLACED, /* REBOOT, on the way there: there is a release that
			   takes the place of the one that waits */
	EVENTS
};

enum machine_action {
	ACTION_REST, /* nothing left to do */
	ACTION_ROOM,
	ACTION_FETCH,
	ACTION_APPLY,
	ACTION_SWITCH, /* make `to` current */
	ACTION_TRY,    /* restart, then ask the health commands */
	ACTION_BACK,   /* make `from` current again */
	ACTION_KEEP,   /* tell the loader that `to` is good */
	ACTION_RENEW,  /* give the loader's count back what a clean stop took */
	ACTION_REBOOT, /* if and when it is allowed */
};

struct machine {
	enum machine_state state;
	enum machine_reason reason; /* TRIAL (going back), ROLLED_BACK */
	enum slot from, to;         /* of the switch under way */
	uint32_t attempts_left;     /* TRIAL; REBOOT: of boots that go back */
	uint32_t stops;             /* TRIAL: clean ones so far */
	uint32_t proven; /* slots, a bit each, whose content was confirmed */
};

struct machine_input {
	enum machine_event event;
	enum slot current;          /* always: the slot that runs now */
	enum machine_reason reason; /* UNHEALTHY: why */
	/* What boot control says; for the symlink current and false. */
	bool reboots;     /* a switch takes effect at the next boot */
	bool rebooted;    /* there was a boot since the last switch */
	enum slot next;   /* what starts next */
	enum slot failed; /* what it gave up on by itself */
};

/*
 * ERR_CONFLICT for an event that cannot happen in this state; *m is then
 * unchanged. *action is what to do once *m is in the journal.
 */
int machine_step(struct machine *m, const struct machine_input *in,
		 enum machine_action *action, struct err *e) NODISCARD;

/* Was what the slot holds confirmed here, so that going back needs no trial? */
bool machine_has_proven(const struct machine *m, enum slot slot);

/* "idle", "trial", ...; "health", "attempts", ...: for people and reports. */
const char *machine_state_name(enum machine_state s);
const char *machine_reason_name(enum machine_reason r);

#endif
