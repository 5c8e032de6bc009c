/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/machine.h"

struct rule {
	enum machine_state state;
	enum machine_event event;
	enum machine_state next;
	enum machine_action action;
};

/* Everything but START, SWITCHED, UNHEALTHY, a stop and going back. */
static const struct rule rules[] = {
	{ MACHINE_IDLE, EVENT_CHOSEN, MACHINE_CHECKED, ACTION_ROOM },
	{ MACHINE_CONFIRMED, EVENT_CHOSEN, MACHINE_CHECKED, ACTION_ROOM },
	{ MACHINE_ROLLED_BACK, EVENT_CHOSEN, MACHINE_CHECKED, ACTION_ROOM },
	{ MACHINE_CHECKED, EVENT_ROOM, MACHINE_FETCHING, ACTION_FETCH },
	{ MACHINE_FETCHING, EVENT_FETCHED, MACHINE_APPLYING, ACTION_APPLY },
	/* A damaged base: the full package is fetched instead. */
	{ MACHINE_APPLYING, EVENT_CHOSEN, MACHINE_CHECKED, ACTION_ROOM },
	{ MACHINE_APPLYING, EVENT_APPLIED, MACHINE_INSTALLED, ACTION_SWITCH },
	{ MACHINE_TRIAL, EVENT_HEALTHY, MACHINE_TRIAL, ACTION_KEEP },
	{ MACHINE_TRIAL, EVENT_CONFIRM, MACHINE_TRIAL, ACTION_KEEP },
	{ MACHINE_TRIAL, EVENT_KEPT, MACHINE_CONFIRMED, ACTION_REST },
	{ MACHINE_REBOOT, EVENT_STOPPED, MACHINE_REBOOT, ACTION_REST },
	{ MACHINE_CONFIRMED, EVENT_CONFIRM, MACHINE_CONFIRMED, ACTION_REST },
	/* Until the switch, a failure leaves the device as it was. */
	{ MACHINE_CHECKED, EVENT_FAILED, MACHINE_IDLE, ACTION_REST },
	{ MACHINE_FETCHING, EVENT_FAILED, MACHINE_IDLE, ACTION_REST },
	{ MACHINE_APPLYING, EVENT_FAILED, MACHINE_IDLE, ACTION_REST },
	{ MACHINE_INSTALLED, EVENT_FAILED, MACHINE_IDLE, ACTION_REST },
};

static int impossible(const struct machine *m, enum machine_event event,
		      struct err *e)
{
	static const char *const names[EVENTS] = {
		"a start",           "a chosen release", "room on the disk",
		"a fetched package", "a written slot",   "a switch",
		"a good health",     "a bad health",     "a failure",
		"a kept slot",       "a stop",           "a confirmation",
		"a rollback",        "a replacement",
	};

	return err_set(e, ERR_CONFLICT, "%s makes no sense in the state %s",
		       names[event], machine_state_name(m->state));
}

static void rest(struct machine *m)
{
	*m = (struct machine){ .state = MACHINE_IDLE, .proven = m->proven };
}

static enum machine_action go_back(struct machine *m,
				   enum machine_reason reason)
{
	m->state = MACHINE_TRIAL;
	m->reason = reason;
	return ACTION_BACK;
}

static enum machine_action try_again(struct machine *m)
{
	if (m->attempts_left == 0)
		return go_back(m, REASON_ATTEMPTS);
	m->attempts_left--;
	return ACTION_TRY;
}

static enum machine_action gone_back(struct machine *m,
				     enum machine_reason reason)
{
	m->state = MACHINE_ROLLED_BACK;
	m->reason = reason;
	m->attempts_left = 0;
	return ACTION_REST;
}

/* Why another slot runs than the one that was to be tried. */
static enum machine_reason why_not(const struct machine *m,
				   const struct machine_input *in)
{
	if (in->failed == m->to)
		return REASON_ATTEMPTS;
	return m->state == MACHINE_REBOOT && in->next == m->to
		       ? REASON_NOT_SWITCHED
		       : REASON_FOREIGN;
}

/*
 * The other slot runs, and not `to`. If that is to start all the same, the
 * loader is told otherwise first.
 */
static enum machine_action settle_back(struct machine *m,
				       const struct machine_input *in,
				       enum machine_reason reason)
{
	if (in->reboots && in->next == m->to)
		return go_back(m, reason);
	return gone_back(m, reason);
}

/*
 * A start in TRIAL: what runs says on which side of a switch we fell. Where
 * nothing reboots, the link may be back and the program of before not yet
 * restarted: going back is done again, for it ends with that.
 */
static enum machine_action start_in_trial(struct machine *m,
					  const struct machine_input *in)
{
	if (m->reason != REASON_NONE)
		return in->current == m->to || !in->reboots
			       ? ACTION_BACK
			       : settle_back(m, in, m->reason);
	if (in->current == m->to)
		return try_again(m);
	return settle_back(m, in, why_not(m, in));
}

static enum machine_action begin_trial(struct machine *m)
{
	m->state = MACHINE_TRIAL;
	m->attempts_left = MACHINE_ATTEMPTS;
	m->stops = 0;
	return try_again(m);
}

/* The boot that leads to `to`: is it still to come, and did it? */
static enum machine_action start_on_way_there(struct machine *m,
					      const struct machine_input *in)
{
	if (in->current == m->to)
		return begin_trial(m);
	if (in->next == m->to && !in->rebooted)
		return ACTION_REBOOT;
	return settle_back(m, in, why_not(m, in));
}

/* And the one that leads back. A loader that does not obey is not asked for
 * ever: then the failed slot stays, and says so. */
static enum machine_action start_on_way_back(struct machine *m,
					     const struct machine_input *in)
{
	if (in->current != m->to)
		return settle_back(m, in, m->reason);
	if (in->next == m->to)
		return go_back(m, m->reason);
	if (!in->rebooted)
		return ACTION_REBOOT;
	if (m->attempts_left == 0)
		return ACTION_REST;
	m->attempts_left--;
	return ACTION_REBOOT;
}

/* Read back and perhaps switched, and then the power was cut. */
static enum machine_action start_installed(struct machine *m,
					   const struct machine_input *in)
{
	if (in->current == m->to)
		return begin_trial(m);
	if (in->failed == m->to)
		return gone_back(m, REASON_ATTEMPTS);
	if (in->reboots && in->next == m->to) {
		m->state = MACHINE_REBOOT;
		return start_on_way_there(m, in);
	}
	rest(m);
	return ACTION_REST;
}

static enum machine_action start(struct machine *m,
				 const struct machine_input *in)
{
	switch (m->state) {
	case MACHINE_CHECKED:
	case MACHINE_FETCHING:
	case MACHINE_APPLYING:
		rest(m);
		return ACTION_REST;
	case MACHINE_INSTALLED:
		return start_installed(m, in);
	case MACHINE_REBOOT:
		return m->reason == REASON_NONE ? start_on_way_there(m, in)
						: start_on_way_back(m, in);
	case MACHINE_TRIAL:
		return start_in_trial(m, in);
	default:
		return ACTION_REST;
	}
}

/* The switch is done: there, or back. */
static int switched(struct machine *m, const struct machine_input *in,
		    enum machine_action *action, struct err *e)
{
	const bool back = m->state == MACHINE_TRIAL && m->reason != REASON_NONE;

	if (!back && m->state != MACHINE_INSTALLED)
		return impossible(m, in->event, e);
	if (in->reboots && back == (in->current == m->to)) {
		m->state = MACHINE_REBOOT;
		m->attempts_left = back ? MACHINE_ATTEMPTS : 0;
		*action = ACTION_REBOOT;
	} else {
		*action = back ? gone_back(m, m->reason) : begin_trial(m);
	}
	return 0;
}

/* A clean stop does not use up an attempt; but not for ever. */
static void stop(struct machine *m, enum machine_action *action)
{
	*action = ACTION_REST;
	if (m->stops >= MACHINE_STOPS || m->attempts_left >= MACHINE_ATTEMPTS)
		return;
	m->stops++;
	m->attempts_left++;
	*action = ACTION_RENEW;
}

bool machine_has_proven(const struct machine *m, enum slot slot)
{
	return m->proven & 1U << slot;
}

/* A person goes back: out of a trial, or from what was already confirmed. */
static int person_back(struct machine *m, const struct machine_input *in,
		       enum machine_action *action, struct err *e)
{
	switch (m->state) {
	case MACHINE_TRIAL:
	case MACHINE_REBOOT:
		break;
	case MACHINE_IDLE:
	case MACHINE_CONFIRMED:
	case MACHINE_ROLLED_BACK:
		if (in->current == SLOT_NONE)
			return err_set(e, ERR_CONFLICT, "nothing is installed");
		if (!machine_has_proven(m, slot_other(in->current))) {
			m->state = MACHINE_INSTALLED;
			m->reason = REASON_NONE;
			m->from = in->current;
			m->to = slot_other(in->current);
			m->attempts_left = 0;
			*action = ACTION_SWITCH;
			return 0;
		}
		m->from = slot_other(in->current);
		m->to = in->current;
		m->attempts_left = 0;
		break;
	default:
		return impossible(m, in->event, e);
	}
	*action = go_back(m, REASON_PERSON);
	return 0;
}

/* What was never started goes, for its slot is to be written. */
static int replaced(struct machine *m, const struct machine_input *in,
		    enum machine_action *action, struct err *e)
{
	if (m->state != MACHINE_REBOOT || m->reason != REASON_NONE ||
	    in->current == m->to)
		return impossible(m, in->event, e);
	*action = go_back(m, REASON_REPLACED);
	return 0;
}

/* What a rule's transition does to the fields beside the state. */
static void carry(struct machine *m, const struct machine_input *in)
{
	switch (in->event) {
	case EVENT_CHOSEN:
		m->from = in->current;
		m->to = slot_other(in->current);
		m->reason = REASON_NONE;
		m->attempts_left = 0;
		break;
	case EVENT_FAILED:
		rest(m);
		break;
	case EVENT_FETCHED: /* what is there is written over */
		m->proven &= ~(1U << m->to);
		break;
	case EVENT_KEPT:
		m->proven |= 1U << m->to;
		m->attempts_left = 0;
		break;
	case EVENT_HEALTHY: /* the trial ends when the loader knows */
	case EVENT_CONFIRM:
	case EVENT_STOPPED:
		break;
	default:
		m->attempts_left = 0;
		break;
	}
}

static int by_rule(struct machine *m, const struct machine_input *in,
		   enum machine_action *action, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *r = &rules[i];

		if (r->state != m->state || r->event != in->event)
			continue;
		m->state = r->next;
		carry(m, in);
		*action = r->action;
		return 0;
	}
	return impossible(m, in->event, e);
}

int machine_step(struct machine *m, const struct machine_input *in,
		 enum machine_action *action, struct err *e)
{
	if (in->event == EVENT_START) {
		*action = start(m, in);
		return 0;
	}
	if (in->event == EVENT_ROLLBACK)
		return person_back(m, in, action, e);
	if (in->event == EVENT_REPLACED)
		return replaced(m, in, action, e);
	if (in->event == EVENT_SWITCHED)
		return switched(m, in, action, e);
	/* What does not run cannot be kept. */
	if (in->event == EVENT_CONFIRM && m->state == MACHINE_TRIAL &&
	    in->current != m->to)
		return impossible(m, in->event, e);
	/* There was no way back: it stays, and other releases may come. */
	if (m->state == MACHINE_TRIAL && m->reason != REASON_NONE &&
	    in->event == EVENT_FAILED) {
		rest(m);
		*action = ACTION_REST;
		return 0;
	}
	/* Once the way back was decided, only its end may follow. */
	if (m->state == MACHINE_TRIAL && m->reason != REASON_NONE)
		return impossible(m, in->event, e);
	if (m->state == MACHINE_TRIAL && in->event == EVENT_STOPPED) {
		stop(m, action);
		return 0;
	}
	if (m->state == MACHINE_TRIAL && in->event == EVENT_UNHEALTHY &&
	    in->reason != REASON_NONE) {
		*action = go_back(m, in->reason);
		return 0;
	}
	return by_rule(m, in, action, e);
}

const char *machine_state_name(enum machine_state s)
{
	static const char *const names[MACHINE_STATES] = {
		"idle",      "checked",     "fetching",
		"applying",  "installed",   "trial",
		"confirmed", "rolled-back", "reboot-pending",
	};

	return names[s];
}

const char *machine_reason_name(enum machine_reason r)
{
	static const char *const names[REASONS] = {
		"none",   "health",  "deadline",     "restart",  "attempts",
		"person", "foreign", "not-switched", "replaced",
	};

	return names[r];
}
