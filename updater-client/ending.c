/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/ending.h"

#include <string.h>

#include "common/log.h"
#include "common/utc.h"
#include "updater-client/data.h"
#include "updater-client/history.h"
#include "updater-client/intake.h"
#include "updater-client/ratchet.h"
#include "updater-client/report.h"

static const char *reason_code(enum machine_reason reason)
{
	static const char *const codes[REASONS] = {
		"",
		"HEALTH_FAILED",
		"HEALTH_DEADLINE",
		"RESTART_FAILED",
		"TRIAL_ATTEMPTS",
		"BY_PERSON",
		"SWITCHED_BACK",
		"NOT_SWITCHED",
		"REPLACED",
	};

	return codes[reason];
}

static void note(const struct session *s, const struct ending *end,
		 const char *result, const char *reason, const char *detail)
{
	const struct history_entry entry = {
		.time = policy_now(utc_now(), s->journal.time_floor),
		.release = end->release,
		.from = end->from,
		.result = result,
		.reason = reason,
		.detail = detail,
	};
	struct err e = { 0 };

	if (end->again && history_ends_with(s->state_fd, &entry))
		return;
	if (history_add(s->state_fd, &entry, &e))
		log_event(LOG_WARNING, "history-not-kept", "%s", e.msg);
	log_event(LOG_INFO, result, "release=%s from=%s reason=\"%s%s%s\"",
		  entry.release, end->from[0] ? end->from : "-", reason,
		  detail[0] ? ": " : "", detail);
}

/* Who authorised a step back did not mean it to be undone by the next poll. */
static int leave_behind(struct session *s, struct err *e)
{
	struct journal *j = &s->journal;
	struct slot_release left;
	bool found;

	if (slot_tree_release(&s->slots, j->machine.from, &left, &found, e))
		return -1;
	if (!found || !s->has_running || left.seq <= s->running.seq)
		return 0;
	refusals_add(&j->refusals, &left.digest, 0);
	return session_save(s, e);
}

static int conclude_confirmed(struct session *s, const struct ending *end)
{
	struct err unused;

	/* What cannot be kept now is settled at the next start. */
	if (leave_behind(s, &unused) || ratchet_settle(s, &unused))
		log_event(LOG_WARNING, "floor-not-kept", "%s", unused.msg);
	note(s, end, "confirmed", "", "");
	report_add(s, WIRE_CONFIRMED, "", slice_of(""));
	/* The package has done its work; its room is given back. */
	if (intake_clean(s->spool_fd, NULL, 0, INTAKE_WHOLE, &unused))
		log_event(LOG_WARNING, "spool-not-emptied", "%s", unused.msg);
	return 0;
}

/* Gone back, and nothing was wrong with what it came from. */
static bool was_wanted(enum machine_reason reason)
{
	return reason == REASON_PERSON || reason == REASON_REPLACED;
}

static int conclude_rolled_back(struct session *s, const struct ending *end,
				struct err *e)
{
	const enum machine_reason reason = s->journal.machine.reason;
	const struct ending back = { .release = end->release,
				     .from = s->has_running ? s->running.id
							    : "",
				     .again = end->again };
	struct slice evidence = end->said;

	if (evidence.len == 0)
		evidence = slice_of(s->journal.detail);
	note(s, &back, "rolled-back", machine_reason_name(reason),
	     s->journal.detail);
	report_add(s, WIRE_ROLLED_BACK, reason_code(reason), evidence);
	if (was_wanted(reason))
		return 0;
	return err_set(e, ERR_HEALTH, "%s was rolled back (%s%s%s), %s runs",
		       s->journal.release, machine_reason_name(reason),
		       s->journal.detail[0] ? ": " : "", s->journal.detail,
		       s->has_running ? s->running.id : "nothing");
}

/* The rest is told when that boot has come. */
static int conclude_reboot(const struct session *s, struct err *e)
{
	const struct journal *j = &s->journal;

	if (j->machine.reason == REASON_NONE || was_wanted(j->machine.reason))
		return 0;
	return err_set(e, ERR_HEALTH,
		       "%s did not prove itself (%s%s%s), the next boot goes "
		       "back to slot %s",
		       j->release, machine_reason_name(j->machine.reason),
		       j->detail[0] ? ": " : "", j->detail,
		       slot_name(s->record.slot));
}

/* Nothing was activated. */
static void note_failure(const struct session *s, const struct ending *end,
			 const struct err *failure)
{
	if (!report_is_passing(failure->code))
		note(s, end, "failed", err_name(failure->code), failure->msg);
}

static int conclude_failed(struct session *s, const struct ending *end,
			   struct err *e)
{
	*e = *end->failure;
	report_failure(s, s->journal.attempt, e);
	note_failure(s, end, e);
	return -1;
}

void ending_failed(struct session *s, const char *release, uint64_t attempt,
		   const struct err *failure)
{
	const struct ending end = { .release = release,
				    .from = s->has_running ? s->running.id
							   : "" };

	report_failure(s, attempt, failure);
	note_failure(s, &end, failure);
	report_flush(s);
}

/* Only now is nothing owed for how it ended. */
static void told(struct session *s)
{
	struct err e = { 0 };

	if (s->journal.untold == 0)
		return;
	s->journal.untold = 0;
	if (session_save(s, &e))
		log_event(LOG_WARNING, "end-not-noted", "%s", e.msg);
}

int ending_conclude(struct session *s, const struct ending *end, struct err *e)
{
	int rc;

	data_settle(s);
	switch (s->journal.machine.state) {
	case MACHINE_CONFIRMED:
		rc = conclude_confirmed(s, end);
		break;
	case MACHINE_ROLLED_BACK:
		rc = conclude_rolled_back(s, end, e);
		break;
	case MACHINE_REBOOT:
		rc = conclude_reboot(s, e);
		break;
	case MACHINE_TRIAL:
		rc = err_set(e, ERR_BUSY,
			     "asked to stop; the trial of %s goes on at the "
			     "next start",
			     s->journal.release);
		break;
	default:
		rc = conclude_failed(s, end, e);
		break;
	}
	told(s);
	report_flush(s);
	return rc;
}
