/* SPDX-License-Identifier: Apache-2.0 */
/* What time, evidence and people do to a rollout. */
#include <stdio.h>
#include <string.h>

#include "update-server/stage.h"

/* ---- gates --------------------------------------------------------------- */

static int64_t dark_sec(const struct stage *s)
{
	return stage_dark_sec(&s->policy.timers, s->policy.poll_sec);
}

static uint64_t phase_size(const struct stage *s)
{
	const struct ladder_rung *r = &s->ladder.rungs[s->phase];

	return s->phase == 0 ? r->size : r->size - r[-1].size;
}

enum gate_verdict stage_judge(const struct stage *s, const struct tally *t,
			      int64_t now, struct gate_facts *facts)
{
	struct gate_facts all;
	enum gate_verdict v;

	/* What went wrong anywhere stops everything: phases that have passed
	 * are still being watched. */
	tally_facts(t, TALLY_PHASE_ALL, dark_sec(s), now, &all);
	tally_reasons(t, TALLY_PHASE_ALL, &s->policy.stops, &all);
	v = gate_trips(&s->policy.gate, &all);
	if (v != GATE_GATHERING) {
		*facts = all;
		return v;
	}
	tally_facts(t, s->phase, dark_sec(s), now, facts);
	tally_reasons(t, s->phase, &s->policy.stops, facts);
	facts->size = phase_size(s);
	/* What a person has judged is not asked for again. */
	facts->resumed = s->epoch > 0 && t->states[s->phase][STAGE_CONFIRMED];
	facts->late =
		!s->order_short && now >= s->opened + s->policy.evidence_sec;
	return gate_judge(&s->policy.gate, facts);
}

/* ---- time ---------------------------------------------------------------- */

static void pause(struct stage *s, enum stage_pause why, const char *reason)
{
	s->status = STAGE_PAUSED;
	s->pause = why;
	(void)snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

static enum stage_event trip(struct stage *s, enum gate_verdict v,
			     const struct gate_facts *facts)
{
	char reason[STAGE_REASON_MAX];

	gate_describe(&s->policy.gate, facts, v, reason, sizeof(reason));
	pause(s, v == GATE_TRIP_TROUBLE ? PAUSE_TROUBLE : PAUSE_GATE, reason);
	s->verdict = v;
	return EVENT_PAUSED;
}

static int64_t bake_sec(const struct stage *s)
{
	return s->urgent ? 0 : s->ladder.rungs[s->phase].bake_sec;
}

/* The phase has passed: the next one, or the end. */
static enum stage_event next_phase(struct stage *s, int64_t now)
{
	s->passed_at[s->phase] = now;
	s->baking = 0;
	s->phase_state = PHASE_WAITING;
	if (s->phase + 1 < s->ladder.count) {
		s->phase++;
		return EVENT_PASSED;
	}
	s->phase_state = PHASE_PASSED;
	s->status = STAGE_COMPLETED;
	return EVENT_COMPLETED;
}

static enum stage_event open_phase(struct stage *s, int64_t now)
{
	if (s->not_before[s->phase] > now)
		return EVENT_NONE;
	s->phase_state = PHASE_OPEN;
	s->opened = now;
	if (s->opened_at[s->phase] == 0)
		s->opened_at[s->phase] = now;
	return EVENT_OPENED;
}

static enum stage_event
wait_for_evidence(struct stage *s, const struct gate_facts *f, int64_t now)
{
	uint64_t failed = f->bad + f->trouble + f->other;
	uint64_t dark = f->lost + f->awaited;
	/* Something failed, and nobody is left to outweigh it. */
	bool stuck =
		f->bad > 0 && dark == 0 && f->confirmed + failed >= f->started;
	char reason[STAGE_REASON_MAX];

	if (s->order_short ||
	    now < s->opened + s->policy.evidence_sec + bake_sec(s))
		return EVENT_NONE;
	(void)snprintf(reason, sizeof(reason),
		       "too few devices have said how it went (%llu confirmed, "
		       "%llu failed, %llu installed it and are dark): look at "
		       "why, then resume to %s",
		       (unsigned long long)f->confirmed,
		       (unsigned long long)failed, (unsigned long long)dark,
		       stuck ? "go on all the same" : "wait longer");
	pause(s, PAUSE_EVIDENCE, reason);
	s->verdict = stuck ? GATE_SMALL : GATE_GATHERING;
	return EVENT_PAUSED;
}

/* A day: what people switch off, for the night or a shift, is on again. */
#define SILENT_SEC (24 * INT64_C(3600))

static bool is_for_a_person(const struct stage *s, enum gate_verdict v,
			    int64_t now)
{
	return v == GATE_SMALL || s->ladder.rungs[s->phase].manual ||
	       (v == GATE_SILENT &&
		now >= s->baking + bake_sec(s) + SILENT_SEC);
}

static enum stage_event look(struct stage *s, enum gate_verdict v,
			     const struct gate_facts *f, int64_t now)
{
	bool proven = v == GATE_PASS || v == GATE_SMALL || v == GATE_SILENT;

	if (s->phase_state == PHASE_HELD)
		return EVENT_NONE;
	if (!proven)
		return wait_for_evidence(s, f, now);
	if (s->phase_state == PHASE_OPEN) {
		s->phase_state = PHASE_BAKING;
		s->baking = now;
		return EVENT_BAKING;
	}
	if (now < s->baking + bake_sec(s))
		return EVENT_NONE;
	if (is_for_a_person(s, v, now)) {
		s->phase_state = PHASE_HELD;
		return EVENT_HELD;
	}
	return v == GATE_SILENT ? EVENT_NONE : next_phase(s, now);
}

/* Devices that come late get it still: what goes wrong there stops it, too. */
static enum stage_event watch_completed(struct stage *s, const struct tally *t,
					int64_t now)
{
	struct gate_facts facts;
	enum gate_verdict v;

	tally_facts(t, TALLY_PHASE_ALL, dark_sec(s), now, &facts);
	tally_reasons(t, TALLY_PHASE_ALL, &s->policy.stops, &facts);
	v = gate_trips(&s->policy.gate, &facts);
	return v >= GATE_TRIP_RATE ? trip(s, v, &facts) : EVENT_NONE;
}

static enum stage_event tick(struct stage *s, const struct tally *t,
			     int64_t now)
{
	struct gate_facts facts;
	enum gate_verdict v;

	if (s->status == STAGE_COMPLETED)
		return watch_completed(s, t, now);
	if (s->status != STAGE_RUNNING)
		return EVENT_NONE;
	if (s->expires && now >= s->expires) {
		pause(s, PAUSE_ORDER,
		      "the signed order has ended: sign a new one, then "
		      "resume");
		return EVENT_PAUSED;
	}
	if (stage_has_lapsed(s, now)) {
		pause(s, PAUSE_METADATA,
		      "the signed metadata has expired: have it extended, "
		      "import it, then resume");
		return EVENT_PAUSED;
	}
	if (s->phase_state == PHASE_WAITING && s->phase == 0)
		return open_phase(s, now);
	v = stage_judge(s, t, now, &facts);
	if (v >= GATE_TRIP_RATE)
		return trip(s, v, &facts);
	if (s->phase_state == PHASE_WAITING)
		return open_phase(s, now);
	return look(s, v, &facts, now);
}

/* What somebody asked for was about how it stood then. */
static void forget_asking(struct stage *s)
{
	s->asked_by[0] = 0;
	s->asked_verb = 0;
}

enum stage_event stage_tick(struct stage *s, const struct tally *t, int64_t now)
{
	enum stage_event event = tick(s, t, now);

	if (event != EVENT_NONE) {
		s->revision++;
		s->changed = now;
		forget_asking(s);
	}
	return event;
}

/* ---- people -------------------------------------------------------------- */

static bool is_said(const char *text)
{
	return text && text[0];
}

static bool wants_four_eyes(const struct stage *s)
{
	return s->policy.four_eyes <= BUCKET_SHARE_ALL;
}

/* Whoever does: the author stays who made the draft, and approves it not. */
static int submit(struct stage *s, const struct stage_act *a)
{
	s->status = wants_four_eyes(s) ? STAGE_PENDING : STAGE_SCHEDULED;
	if (!is_said(s->author))
		(void)snprintf(s->author, sizeof(s->author), "%s", a->by);
	return 0;
}

static int approve(struct stage *s, const struct stage_act *a, struct err *e)
{
	if (wants_four_eyes(s) && strcmp(a->by, s->author) == 0)
		return err_set(e, ERR_REFUSED,
			       "somebody else than its author approves a "
			       "rollout");
	s->status = STAGE_SCHEDULED;
	return 0;
}

/* The least time until its last phase can have passed. */
static int64_t planned_sec(const struct stage *s)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->ladder.count; i++)
		sum += s->urgent ? 0 : s->ladder.rungs[i].bake_sec;
	return sum;
}

static int check_ready(const struct stage *s, const struct stage_ready *ready,
		       int64_t now, struct err *e)
{
	char ends[UTC_TEXT_LEN];

	if (s->ladder.count == 0)
		return err_set(e, ERR_REFUSED, "the rollout has no phases");
	if (ready->refused.code != ERR_NONE) {
		*e = ready->refused;
		return -1;
	}
	if (ready->metadata_expires <= now + planned_sec(s)) {
		utc_format(ready->metadata_expires, ends);
		return err_set(e, ERR_EXPIRED,
			       "the signed metadata expires at %s, before the "
			       "last phase: have it extended first",
			       ends);
	}
	if (ready->delta_coverage < s->policy.delta_coverage)
		return err_set(e, ERR_REFUSED,
			       "deltas reach %u.%02u %% of the devices, not "
			       "%u.%02u %%",
			       ready->delta_coverage / 100,
			       ready->delta_coverage % 100,
			       s->policy.delta_coverage / 100,
			       s->policy.delta_coverage % 100);
	return 0;
}

static int start(struct stage *s, const struct stage_act *a,
		 const struct stage_ready *ready, struct err *e)
{
	if (check_ready(s, ready, a->now, e))
		return -1;
	/* Where two people are wanted, the other one has approved it. */
	if (wants_four_eyes(s) && s->ladder.population == 1 &&
	    !is_said(a->reason))
		return err_set(e, ERR_USAGE,
			       "it is aimed at one device: say why, --reason "
			       "TEXT");
	s->status = STAGE_RUNNING;
	s->started = a->now;
	s->phase = 0;
	s->phase_state = PHASE_WAITING;
	return 0;
}

/* Two people agree where the gate stopped it and much is open. */
static bool is_agreed(const struct stage *s, const struct stage_act *a)
{
	return s->ladder.rungs[s->phase].share < s->policy.four_eyes ||
	       !wants_four_eyes(s) ||
	       (s->asked_verb == STAGE_RESUME && s->asked_by[0] &&
		strcmp(s->asked_by, a->by) != 0);
}

static int resume(struct stage *s, const struct stage_act *a, struct err *e)
{
	/* Where too few are left to prove it, who goes on judges what failed,
	 * as after a stop. */
	bool tripped = s->pause == PAUSE_GATE || s->pause == PAUSE_TROUBLE ||
		       (s->pause == PAUSE_EVIDENCE && s->verdict == GATE_SMALL);

	if (s->expires && a->now >= s->expires)
		return err_set(e, ERR_EXPIRED,
			       "its signed order has ended: sign a new one");
	if (stage_has_lapsed(s, a->now))
		return err_set(e, ERR_EXPIRED,
			       "the signed metadata has expired: have it "
			       "extended, and import it");
	if (tripped && !is_agreed(s, a)) {
		s->asked_verb = STAGE_RESUME;
		(void)snprintf(s->asked_by, sizeof(s->asked_by), "%s", a->by);
		return 0;
	}
	/* What failed before was judged by a person now. */
	s->epoch = (uint16_t)(s->epoch + (tripped ? 1 : 0));
	s->status = s->phase_state == PHASE_PASSED ? STAGE_COMPLETED
						   : STAGE_RUNNING;
	s->pause = PAUSE_NONE;
	s->verdict = GATE_GATHERING;
	s->opened = a->now;
	s->baking = 0;
	if (s->phase_state == PHASE_BAKING || s->phase_state == PHASE_HELD)
		s->phase_state = PHASE_OPEN;
	return 0;
}

static int apply(struct stage *s, const struct stage_act *a,
		 const struct stage_ready *ready, struct err *e)
{
	switch (a->verb) {
	case STAGE_SUBMIT:
		return submit(s, a);
	case STAGE_APPROVE:
		return approve(s, a, e);
	case STAGE_START:
		return start(s, a, ready, e);
	case STAGE_PAUSE:
		pause(s, PAUSE_PERSON, a->reason);
		return 0;
	case STAGE_RESUME:
		return resume(s, a, e);
	case STAGE_ADVANCE:
		(void)next_phase(s, a->now);
		return 0;
	case STAGE_ABORT:
		s->status = STAGE_ABORTED;
		return 0;
	case STAGE_ACK:
		s->acked = a->security;
		return 0;
	case STAGE_ROLLBACK:
		/* What stopped it before wants two people all the same. */
		if (s->status != STAGE_PAUSED)
			pause(s, PAUSE_PERSON, a->reason);
		return 0;
	case STAGE_SUPERSEDE:
	default:
		s->status = STAGE_REPLACED;
		return 0;
	}
}

/* In which states an act is possible. */
static bool is_possible(const struct stage *s, enum stage_verb verb)
{
	bool live = s->status == STAGE_RUNNING || s->status == STAGE_PAUSED;

	switch (verb) {
	case STAGE_SUBMIT:
		return s->status == STAGE_DRAFT;
	case STAGE_APPROVE:
		return s->status == STAGE_PENDING;
	case STAGE_START:
		return s->status == STAGE_SCHEDULED;
	case STAGE_PAUSE:
		return s->status == STAGE_RUNNING ||
		       s->status == STAGE_COMPLETED;
	case STAGE_RESUME:
		return s->status == STAGE_PAUSED;
	case STAGE_ADVANCE:
		return s->status == STAGE_RUNNING &&
		       s->phase_state == PHASE_HELD;
	case STAGE_ABORT:
		return live || s->status <= STAGE_SCHEDULED;
	case STAGE_SUPERSEDE:
	case STAGE_ROLLBACK:
		return live || s->status == STAGE_COMPLETED;
	case STAGE_ACK:
		return true;
	default:
		return false;
	}
}

static bool wants_reason(enum stage_verb verb)
{
	return verb == STAGE_PAUSE || verb == STAGE_RESUME ||
	       verb == STAGE_ABORT || verb == STAGE_SUPERSEDE ||
	       verb == STAGE_ACK || verb == STAGE_ROLLBACK;
}

/* Time may have moved it on since: an answer that was lost is asked for late.
 * What stops it may be said of what has stopped: the way back is asked for
 * again whenever somebody wants to know how far it is. */
static bool is_replay(const struct stage *s, const struct stage_act *a)
{
	bool same =
		s->last_verb == (int)a->verb && strcmp(s->last_by, a->by) == 0;

	if (s->status == STAGE_PAUSED &&
	    ((a->verb == STAGE_PAUSE && a->revision == 0) ||
	     (a->verb == STAGE_ROLLBACK && same && a->revision == s->revision)))
		return true;
	return same && a->revision != 0 && a->revision == s->last_revision;
}

/* Whoever ended it and wants the fleet back is told how, late as it is. */
static int refuse(const struct stage *s, enum stage_verb verb, struct err *e)
{
	if (verb == STAGE_ROLLBACK && s->status >= STAGE_ABORTED)
		return err_set(e, ERR_CONFLICT,
			       "rollout %s is %s: no device is taken back by "
			       "it any more. Make a rollout of the release "
			       "that undoes it, or have the engineers sign the "
			       "old content anew",
			       s->what.name, stage_status_name(s->status));
	return err_set(e, ERR_CONFLICT,
		       "rollout %s is %s, phase %zu %s: `rollout status %s` "
		       "says what can be done",
		       s->what.name, stage_status_name(s->status), s->phase + 1,
		       stage_phase_name(s->phase_state), s->what.name);
}

static int check_act(const struct stage *s, const struct stage_act *a,
		     struct err *e)
{
	bool any = a->verb == STAGE_PAUSE && a->revision == 0;

	if (!is_said(a->by))
		return err_set(e, ERR_USAGE, "an act is somebody's");
	if (!any && a->revision != s->revision)
		return err_set(e, ERR_CONFLICT,
			       "rollout %s was changed meanwhile (revision "
			       "%llu now): look again",
			       s->what.name, (unsigned long long)s->revision);
	if (!is_possible(s, a->verb))
		return refuse(s, a->verb, e);
	if (wants_reason(a->verb) && !is_said(a->reason))
		return err_set(e, ERR_USAGE, "--reason TEXT is needed");
	return 0;
}

int stage_act(struct stage *s, const struct stage_act *act,
	      const struct stage_ready *ready, bool *changed, struct err *e)
{
	struct stage next = *s;

	if (is_replay(s, act)) {
		*changed = false;
		return 0;
	}
	if (check_act(s, act, e) || apply(&next, act, ready, e))
		return -1;
	next.revision++;
	next.changed = act->now;
	next.last_verb = (int)act->verb;
	next.last_revision = s->revision;
	(void)snprintf(next.last_by, sizeof(next.last_by), "%s", act->by);
	if (next.status != s->status) {
		forget_asking(&next);
		(void)snprintf(next.reason, sizeof(next.reason), "%s",
			       is_said(act->reason) ? act->reason : "");
	}
	*s = next;
	*changed = true;
	return 0;
}

/* ---- back ---------------------------------------------------------------- */

const char *stage_back_name(enum stage_way_back way)
{
	static const char *const names[] = {
		[BACK_UNDO] = "undo",
		[BACK_STEP] = "step-back",
		[BACK_ASK] = "ask",
	};

	return names[way];
}

enum stage_way_back stage_way_back(const struct stage_back_facts *f,
				   int64_t now, const char **why)
{
	bool ended = f->has_undo && now >= f->undo_until;
	bool below = f->has_undo && f->undo_content_seq < f->floor;

	if (f->has_undo && !ended && !below) {
		*why = "the undo release is ready: operators open it";
		return BACK_UNDO;
	}
	if (f->has_step) {
		*why = "a step back is signed: operators open it";
		return BACK_STEP;
	}
	if (!f->has_undo)
		*why = "no undo release was signed: release engineers must "
		       "sign the old content anew, or a step back";
	else if (below)
		*why = "the floor was raised above the old content: only a "
		       "newer release helps";
	else
		*why = "the undo release has ended: release engineers must "
		       "sign";
	return BACK_ASK;
}
