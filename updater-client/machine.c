/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/machine.h"

struct rule {
	enum machine_state state;
	enum machine_event event;
	enum machine_state next;
	enum machine_action action;
};

/* Everything but START, UNHEALTHY and what a person asks for. */
static const struct rule rules[] = {
	{ MACHINE_IDLE, EVENT_CHOSEN, MACHINE_CHECKED, ACTION_ROOM },
	{ MACHINE_CONFIRMED, EVENT_CHOSEN, MACHINE_CHECKED, ACTION_ROOM },
	{ MACHINE_ROLLED_BACK, EVENT_CHOSEN, MACHINE_CHECKED, ACTION_ROOM },
	{ MACHINE_CHECKED, EVENT_ROOM, MACHINE_FETCHING, ACTION_FETCH },
	{ MACHINE_FETCHING, EVENT_FETCHED, MACHINE_APPLYING, ACTION_APPLY },
	/* A damaged base: the full package is fetched instead. */
	{ MACHINE_APPLYING, EVENT_CHOSEN, MACHINE_CHECKED, ACTION_ROOM },
	{ MACHINE_APPLYING, EVENT_APPLIED, MACHINE_INSTALLED, ACTION_SWITCH },
	{ MACHINE_INSTALLED, EVENT_SWITCHED, MACHINE_TRIAL, ACTION_TRY },
	{ MACHINE_TRIAL, EVENT_HEALTHY, MACHINE_CONFIRMED, ACTION_REST },
	{ MACHINE_TRIAL, EVENT_STOPPED, MACHINE_TRIAL, ACTION_REST },
	{ MACHINE_TRIAL, EVENT_CONFIRM, MACHINE_CONFIRMED, ACTION_REST },
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
		"a start",          "a chosen release",
		"room on the disk", "a fetched package",
		"a written slot",   "a switch",
		"a good health",    "a bad health",
		"a failure",        "a stop",
		"a confirmation",   "a rollback",
	};

	return err_set(e, ERR_CONFLICT, "%s makes no sense in the state %s",
		       names[event], machine_state_name(m->state));
}

static void rest(struct machine *m)
{
	*m = (struct machine){ .state = MACHINE_IDLE };
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

/* A start in TRIAL: the link says on which side of a switch we fell. */
static enum machine_action start_in_trial(struct machine *m, enum slot current)
{
	if (current == m->to)
		return m->reason == REASON_NONE ? try_again(m) : ACTION_BACK;
	return gone_back(m,
			 m->reason == REASON_NONE ? REASON_FOREIGN : m->reason);
}

static enum machine_action start(struct machine *m, enum slot current)
{
	switch (m->state) {
	case MACHINE_CHECKED:
	case MACHINE_FETCHING:
	case MACHINE_APPLYING:
		rest(m);
		return ACTION_REST;
	case MACHINE_INSTALLED:
		if (current != m->to) {
			rest(m);
			return ACTION_REST;
		}
		m->state = MACHINE_TRIAL;
		m->attempts_left = MACHINE_ATTEMPTS;
		return try_again(m);
	case MACHINE_TRIAL:
		return start_in_trial(m, current);
	default:
		return ACTION_REST;
	}
}

/* A person goes back: out of a trial, or from what was already confirmed. */
static int person_back(struct machine *m, const struct machine_input *in,
		       enum machine_action *action, struct err *e)
{
	switch (m->state) {
	case MACHINE_TRIAL:
		break;
	case MACHINE_IDLE:
	case MACHINE_CONFIRMED:
	case MACHINE_ROLLED_BACK:
		if (in->current == SLOT_NONE)
			return err_set(e, ERR_CONFLICT, "nothing is installed");
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
	case EVENT_SWITCHED:
		m->attempts_left = MACHINE_ATTEMPTS - 1;
		break;
	case EVENT_STOPPED: /* a clean stop does not use up an attempt */
		m->attempts_left++;
		break;
	case EVENT_FAILED:
		rest(m);
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
		*action = start(m, in->current);
		return 0;
	}
	if (in->event == EVENT_ROLLBACK)
		return person_back(m, in, action, e);
	/* Once the way back was decided, only its end may follow. */
	if (m->state == MACHINE_TRIAL && m->reason != REASON_NONE) {
		if (in->event != EVENT_SWITCHED)
			return impossible(m, in->event, e);
		*action = gone_back(m, m->reason);
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
		"idle",      "checked", "fetching",  "applying",
		"installed", "trial",   "confirmed", "rolled-back",
	};

	return names[s];
}

const char *machine_reason_name(enum machine_reason r)
{
	static const char *const names[REASONS] = {
		"none",     "health", "deadline", "restart",
		"attempts", "person", "foreign",
	};

	return names[r];
}
