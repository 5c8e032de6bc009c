/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/install.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "updater-client/data.h"
#include "updater-client/ending.h"
#include "updater-client/fill.h"
#include "updater-client/first_use.h"
#include "updater-client/preflight.h"
#include "updater-client/ratchet.h"
#include "updater-client/relay.h"
#include "updater-client/report.h"
#include "updater-client/slot_handler.h"
#include "updater-client/source.h"
#include "updater-client/status.h"
#include "updater-client/switch.h"
#include "updater-client/trial.h"
#include "updater-client/undo.h"
#include "updater-client/watchdog.h"

/* One drive through the machine. */
struct install {
	struct session *s;
	struct plan plan;
	const struct message_choose *choose; /* NULL: no fall-back to full */
	char from[NAME_MAX_LEN + 1];         /* the release before */
	struct err failure; /* of an action; code ERR_NONE: none */
	struct trial_outcome trial;
	bool again; /* told by a run that was cut off, in part maybe */
	/* Fetched with each package. */
	uint8_t sealed[RELEASE_COMPONENTS_MAX][KEYBOX_SEALED_LEN];
};

/* The same release again, as a full package. */
static int choose_full(struct install *in, struct err *e)
{
	struct message ask = { .kind = MESSAGE_CHOOSE, .choose = *in->choose };
	struct message m;

	ask.choose.refresh = false;
	ask.choose.device.full_only = true;
	if (ipc_ask(&in->s->trust.channel, &ask, MESSAGE_PLAN, SESSION_ASK_MS,
		    &m, e))
		return -1;
	if (!sha256_equal(&m.plan.release.digest, &in->plan.release.digest))
		return err_set(e, ERR_CONFLICT,
			       "the full package is of another release");
	in->plan = m.plan;
	return 0;
}

/* ---- ROOM ---------------------------------------------------------------- */

static uint64_t scratch_of(const struct plan *p)
{
	uint64_t len = 0;

	for (size_t i = 0; i < p->release.part_count; i++)
		len += p->packages[i].scratch_len;
	return len;
}

/* A delta may take space meanwhile that the full package does not. */
static int do_room(struct install *in, struct err *e)
{
	struct err unused = { 0 };

	if (preflight_room(in->s, &in->plan, e) == 0)
		return 0;
	if (e->code != ERR_SPACE || scratch_of(&in->plan) == 0 || !in->choose ||
	    choose_full(in, &unused))
		return -1;
	log_event(LOG_INFO, "delta-too-large", "reason=\"%s\"", e->msg);
	return preflight_room(in->s, &in->plan, e);
}

/* ---- FETCH --------------------------------------------------------------- */

/* Our sealed key of an encrypted package; without it, why fetch that? */
static int fetch_envelope(struct install *in, size_t i, struct err *e)
{
	const struct plan_package *p = &in->plan.packages[i];
	struct session *s = in->s;
	const struct message_envelope ask = { p->package_digest,
					      s->identity.device };

	if (!p->encrypted)
		return 0;
	if (!s->enrolled)
		return err_set(e, ERR_REFUSED,
			       "%s is encrypted, and this device is not "
			       "enrolled: it has no key",
			       in->plan.release.id);
	return source_envelope(&s->source.channel, &ask, in->sealed[i], e);
}

static int fetch_package(struct install *in, size_t i, struct err *e)
{
	const struct plan_package *p = &in->plan.packages[i];
	struct message m = {
		.kind = MESSAGE_PACKAGE,
		.package = {
			.head_digest = p->head_digest,
			.package_digest = p->package_digest,
			.head_len = p->head_len,
			.package_len = p->package_len,
		},
	};

	struct ipc_work work = { .what = "fetching",
				 .total = p->package_len,
				 .progress = in->s->progress,
				 .listener = in->s->listener,
				 .idle_ms = SOURCE_IDLE_MS };

	memcpy(m.package.path, p->path, sizeof(p->path));
	if (ipc_send(&in->s->source.channel, &m, e) ||
	    ipc_follow(&in->s->source.channel, &work, e))
		return -1;
	source_tell(work.count, p->package_len);
	return 0;
}

/* Which package it was, for a release may have several. */
static int in_part(const struct install *in, size_t i, struct err *e)
{
	const struct slot_release *r = &in->plan.release;

	return err_in(e, "package %s of release %s", r->parts[i].component,
		      r->id);
}

static int do_fetch(struct install *in, struct err *e)
{
	const size_t count = in->plan.release.part_count;

	for (size_t i = 0; i < count; i++)
		if (fetch_envelope(in, i, e))
			return -1;
	/* While another waits for its boot, the attempt is still that one's. */
	if (in->s->journal.machine.state != MACHINE_REBOOT) {
		report_add(in->s, WIRE_DOWNLOADING, "", slice_of(""));
		report_flush(in->s);
	}
	if (preflight_tidy(in->s, &in->plan,
			   in->s->window > 0 ? INTAKE_WINDOW : INTAKE_WHOLE, e))
		return -1;
	for (size_t i = 0; i < count && in->s->window == 0; i++)
		if (fetch_package(in, i, e))
			return in_part(in, i, e);
	return 0;
}

/* ---- APPLY --------------------------------------------------------------- */

/* From the start, or where a former run was cut off. */
static int begin_slot(struct install *in, size_t *part, struct err *e)
{
	struct session *s = in->s;
	enum slot to = s->journal.machine.to;

	*part = s->checkpoint.part;
	if (s->checkpoint.slot == to)
		return fill_may(s, to, e);
	return fill_begin(s, to, &in->plan, e);
}

/* One component; what passed through a window leaves room for the next. */
static int write_part(struct install *in, size_t i, struct err *e)
{
	struct session *s = in->s;
	const enum slot to = s->journal.machine.to;

	if (s->window == 0)
		return fill_write(s, to, &in->plan, i, in->sealed[i], e);
	if ((s->checkpoint.slot == SLOT_NONE &&
	     relay_complete(s, &in->plan, i, e)) ||
	    fill_write(s, to, &in->plan, i, in->sealed[i], e) ||
	    relay_complete(s, &in->plan, i + 1, e) || fill_end(s, to, e))
		return -1;
	return intake_clean(s->spool_fd, NULL, 0, INTAKE_WHOLE, e);
}

/*
 * A slot that is half written, and with which nobody goes on: it would take the
 * room that the next try needs. What still has a record is not touched.
 */
static void discard(struct session *s, enum slot which)
{
	struct slot_release r;
	struct err e = { 0 };
	bool found = true;

	if (which == SLOT_NONE || which == s->current ||
	    relay_is_begun(s, which) ||
	    slot_tree_release(&s->slots, which, &r, &found, &e) || found)
		return;
	if (slot_tree_empty(&s->slots, which, &e))
		log_event(LOG_WARNING, "slot-not-emptied", "%s", e.msg);
}

/* All are there and read back before the slot says that it holds any. */
static int fill_slot(struct install *in, struct err *e)
{
	struct session *s = in->s;
	enum slot to = s->journal.machine.to;
	size_t i;

	if (s->window == 0)
		report_add(s, WIRE_VERIFIED, "", slice_of(""));
	if (begin_slot(in, &i, e))
		return -1;
	for (; i < in->plan.release.part_count; i++)
		if (write_part(in, i, e))
			return in_part(in, i, e);
	if (s->window > 0)
		report_add(s, WIRE_VERIFIED, "", slice_of(""));
	return fill_check(s, to, &in->plan.release, e) ? relay_spoil(s) : 0;
}

static int fill_and_seal(struct install *in, struct err *e)
{
	struct session *s = in->s;

	in->plan.release.floor = ratchet_floor(s);
	/* A slot with a record is whole: nothing goes on there any more. */
	if (fill_slot(in, e) ||
	    slot_handler_prepare(s, s->journal.machine.to, e) ||
	    relay_forget(s, e) ||
	    slot_tree_seal(&s->slots, s->journal.machine.to, &in->plan.release,
			   e))
		return -1;
	return 0;
}

static int do_apply(struct install *in, struct err *e)
{
	struct session *s = in->s;

	if (fill_and_seal(in, e)) {
		discard(s, s->journal.machine.to);
		return -1;
	}
	first_use_vouch(s, s->journal.machine.to);
	report_add(s, WIRE_INSTALLED, "", slice_of(""));
	report_flush(s);
	return 0;
}

/* Whatever the factory left in the journal: it is nobody's device yet. */
static int may_confirm(const struct session *s, struct err *e)
{
	if (s->enrolled || s->config->environment != ENV_PRODUCTION)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "a production device is enrolled before it confirms "
		       "anything");
}

static bool falls_back(struct install *in)
{
	struct err why = in->failure, none = { 0 };

	/* Where there is no full one, what the delta lacked is the reason. */
	if (why.code != ERR_CONFLICT || !in->choose ||
	    !plan_has_delta(&in->plan) || choose_full(in, &none))
		return false;
	log_event(LOG_WARNING, "base-damaged",
		  "reason=\"%s\"; taking the full package", why.msg);
	in->failure.code = ERR_NONE;
	return true;
}

/* ---- SWITCH ---- */

/* Who signed that it may be tried again meant once. */
static int spend_retry(struct install *in, struct err *e)
{
	if (in->plan.retry == 0)
		return 0;
	refusals_spend(&in->s->journal.refusals, &in->plan.release.digest,
		       in->plan.retry);
	return session_save(in->s, e);
}

/* ---- TRY --------------------------------------------------- */

void install_say_overtaken(struct session *s)
{
	(void)snprintf(s->journal.detail, sizeof(s->journal.detail),
		       "the floor rose to seq %llu",
		       (unsigned long long)s->floor.stored);
}

static void do_try(struct install *in, struct machine_input *next)
{
	struct session *s = in->s;
	struct err e = { 0 };

	if (ratchet_has_overtaken(s)) {
		install_say_overtaken(s);
		next->event = EVENT_UNHEALTHY;
		next->reason = REASON_REPLACED;
		return;
	}
	trial_arm(s->config);
	/* What goes along is there before what uses it starts. */
	if (slot_handler_put(s, s->journal.machine.to, false, &e))
		trial_fail(s, &e, &in->trial);
	else
		trial_run(s, &in->trial);
	next->event = in->trial.event;
	next->reason = in->trial.reason;
	memcpy(s->journal.detail, in->trial.detail, sizeof(s->journal.detail));
}

/* ---- the drive ----------------------------------------------------------- */

/*
 * Without a way back what failed stays, and says so; only then can a release
 * that mends it come. Anything else is tried again at the next start.
 */
static int do_back(struct install *in, struct machine_input *next,
		   struct err *e)
{
	struct session *s = in->s;

	next->event = EVENT_SWITCHED;
	if (switch_back(s, e) == 0)
		return 0;
	if (e->code != ERR_ROLLBACK)
		return -1;
	/* The loader would count on, and end where nothing may run. */
	if (s->current == s->journal.machine.to) {
		struct err untold = { 0 };

		if (switch_keep(s, &untold)) {
			*e = untold;
			return -1;
		}
	}
	e->code = ERR_HEALTH;
	next->event = EVENT_FAILED;
	return 0;
}

static void do_reboot(struct session *s, struct machine_input *next)
{
	next->event = EVENT_STOPPED;
	if (s->journal.machine.reason == REASON_NONE &&
	    ratchet_has_overtaken(s)) {
		install_say_overtaken(s);
		next->event = EVENT_REPLACED;
		return;
	}
	report_flush(s);
	switch_reboot(s);
}

/* Do one action; what came of it is the next input. */
static int perform(struct install *in, enum machine_action action,
		   struct machine_input *next)
{
	struct err *e = &in->failure;
	int rc = 0;

	switch (action) {
	case ACTION_ROOM:
		rc = do_room(in, e) || switch_prove(in->s, e) ? -1 : 0;
		next->event = EVENT_ROOM;
		break;
	case ACTION_FETCH:
		rc = do_fetch(in, e);
		next->event = EVENT_FETCHED;
		break;
	case ACTION_APPLY:
		rc = do_apply(in, e);
		next->event = EVENT_APPLIED;
		if (rc && falls_back(in)) {
			next->event = EVENT_CHOSEN;
			rc = 0;
		}
		break;
	case ACTION_SWITCH:
		rc = spend_retry(in, e) || switch_there(in->s, e) ? -1 : 0;
		next->event = EVENT_SWITCHED;
		break;
	case ACTION_TRY:
		do_try(in, next);
		break;
	case ACTION_BACK:
		return do_back(in, next, e);
	case ACTION_KEEP:
		/* A person may confirm what was cut off before it had all. */
		rc = may_confirm(in->s, e) ||
		     slot_handler_put(in->s, in->s->journal.machine.to, false,
				      e) ||
		     switch_keep(in->s, e);
		next->event = EVENT_KEPT;
		return rc;
	case ACTION_REBOOT:
		do_reboot(in->s, next);
		return 0;
	default:
		break;
	}
	if (rc)
		next->event = EVENT_FAILED;
	return 0;
}

/* A switch that failed may have happened all the same: the link tells. */
static int after_failed_switch(struct install *in, struct machine_input *next)
{
	struct err unreadable = { 0 };

	if (session_look(in->s, &unreadable)) {
		in->failure = unreadable;
		return -1;
	}
	next->event = EVENT_START;
	return 0;
}

static int run(struct install *in, struct machine_input next, struct err *e)
{
	enum machine_action action;

	for (;;) {
		if (session_step(in->s, &next, &action, e))
			return -1;
		status_publish(in->s->config);
		if (action == ACTION_REST)
			return 0;
		if (action == ACTION_RENEW)
			return switch_renew(in->s, e);
		if (perform(in, action, &next) ||
		    (action == ACTION_SWITCH && next.event == EVENT_FAILED &&
		     after_failed_switch(in, &next))) {
			*e = in->failure;
			return -1;
		}
	}
}

/* The watchdog of a trial lasts until what was decided is done. */
static int drive(struct install *in, struct machine_input next, struct err *e)
{
	int rc = run(in, next, e);

	watchdog_disarm();
	return rc;
}

/* ---- entries ------------------------------------------------------------- */

static struct install *install_new(struct session *s)
{
	struct install *in = mem_alloc(1, sizeof(*in));

	in->s = s;
	if (s->has_running)
		memcpy(in->from, s->running.id, sizeof(in->from));
	return in;
}

static int conclude(struct install *in, struct err *e)
{
	const struct ending end = {
		.release = in->s->journal.release,
		.from = in->from,
		.failure = &in->failure,
		.said = { in->trial.evidence.bytes, in->trial.evidence.len },
		.again = in->again,
	};

	return ending_conclude(in->s, &end, e);
}

static bool is_same(const struct machine *a, const struct machine *b)
{
	return a->state == b->state && a->attempts_left == b->attempts_left;
}

/* What ran before the switch that a former run began. */
static void recall_from(struct install *in)
{
	struct slot_release r;
	struct err unreadable;
	bool found = false;

	in->from[0] = 0;
	if (slot_tree_release(&in->s->slots, in->s->journal.machine.from, &r,
			      &found, &unreadable) == 0 &&
	    found)
		memcpy(in->from, r.id, sizeof(in->from));
}

static bool is_at_rest(const struct session *s)
{
	const enum machine_state state = s->journal.machine.state;

	return state == MACHINE_IDLE || state == MACHINE_CONFIRMED ||
	       state == MACHINE_ROLLED_BACK;
}

int install_recover(struct session *s, struct err *e)
{
	const struct machine before = s->journal.machine;
	struct install *in;
	int rc;

	data_clear(s);
	in = install_new(s);
	in->again = s->journal.untold > 0;
	recall_from(in);
	rc = drive(in, (struct machine_input){ .event = EVENT_START }, e);
	if (rc == 0 && before.state == MACHINE_APPLYING)
		discard(s, before.to);
	/* An unfinished update that never got to the switch is only let go. */
	if (rc == 0 && (s->journal.untold > 0 ||
			(!is_same(&before, &s->journal.machine) &&
			 (s->journal.machine.state != MACHINE_IDLE ||
			  in->failure.code != ERR_NONE))))
		rc = conclude(in, e);
	else if (rc == 0)
		data_settle(s); /* it may have been cut off just before */
	if (is_at_rest(s))
		slot_handler_settle(s);
	free(in);
	return rc;
}

int install_release(struct session *s, struct plan *plan,
		    const struct message_choose *choose, struct err *e)
{
	struct install *in;
	int rc;

	if (data_check(s, e)) {
		ending_failed(s, plan->release.id, s->journal.attempt, e);
		return -1;
	}
	in = install_new(s);
	in->plan = *plan;
	in->choose = choose;
	s->journal.digest = plan->release.digest;
	memcpy(s->journal.release, plan->release.id,
	       sizeof(s->journal.release));
	s->journal.detail[0] = 0;
	rc = drive(in, (struct machine_input){ .event = EVENT_CHOSEN }, e);
	*plan = in->plan;
	if (rc == 0)
		rc = conclude(in, e);
	free(in);
	return rc;
}

int install_confirm(struct session *s, struct err *e)
{
	bool trial = s->journal.machine.state == MACHINE_TRIAL;
	struct install *in = install_new(s);
	int rc = drive(in, (struct machine_input){ .event = EVENT_CONFIRM }, e);

	if (rc == 0 && trial)
		rc = conclude(in, e);
	free(in);
	return rc;
}

int install_take_back(struct session *s, enum machine_event why, struct err *e)
{
	struct install *in = install_new(s);
	int rc = drive(in, (struct machine_input){ .event = why }, e);

	if (rc == 0)
		rc = conclude(in, e);
	free(in);
	return rc;
}

int install_rollback(struct session *s, struct err *e)
{
	const enum machine_state state = s->journal.machine.state;

	if (data_check(s, e))
		return -1;
	/* Else it is the release under way that is taken back. */
	if (state != MACHINE_TRIAL && state != MACHINE_REBOOT
		    ? undo_begin(s, e)
		    : undo_check(s, e))
		return -1;
	s->journal.detail[0] = 0;
	return install_take_back(s, EVENT_ROLLBACK, e);
}

int install_prepare(struct session *s, struct plan *plan,
		    const struct message_choose *choose, struct err *e)
{
	struct install *in = install_new(s);
	int rc;

	in->plan = *plan;
	in->choose = choose;
	rc = do_room(in, e) || do_fetch(in, e) ? -1 : 0;
	*plan = in->plan;
	free(in);
	return rc;
}
