/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/stage_attempt.h"

#include <string.h>

static const char *const names[STAGE_STATES] = {
	[STAGE_OFFERED] = "offered",
	[STAGE_DOWNLOADING] = "downloading",
	[STAGE_VERIFIED] = "verified",
	[STAGE_DEFERRED] = "deferred",
	[STAGE_STALLED] = "stalled",
	[STAGE_INSTALLED] = "installed",
	[STAGE_LOST] = "dark",
	[STAGE_CONFIRMED] = "confirmed",
	[STAGE_FAILED] = "failed",
	[STAGE_ROLLED_BACK] = "rolled-back",
	[STAGE_SKIPPED] = "skipped",
	[STAGE_WITHDRAWN] = "withdrawn",
	[STAGE_SUPERSEDED] = "superseded",
	[STAGE_EXPIRED] = "expired",
	[STAGE_RETIRED] = "retired",
};

const char *stage_state_name(enum stage_state state)
{
	return names[state];
}

int stage_state_parse(struct slice name, enum stage_state *out, struct err *e)
{
	for (int i = 0; i < STAGE_STATES; i++)
		if (slice_equal(slice_of(names[i]), name)) {
			*out = (enum stage_state)i;
			return 0;
		}
	return err_set(e, ERR_FORMAT, "unknown state");
}

const char *stage_skip_code(enum stage_skip why)
{
	static const char *const codes[STAGE_SKIPS] = {
		[SKIP_ALREADY] = "ALREADY",
		[SKIP_NEWER] = "NEWER",
		[SKIP_NO_PAYLOAD] = "NO_PAYLOAD",
		[SKIP_INCOMPATIBLE] = "INCOMPATIBLE",
		[SKIP_PINNED] = "PINNED",
		[SKIP_BLOCKED] = "BLOCKED",
		[SKIP_HARDWARE] = "HARDWARE",
	};

	return codes[why];
}

static bool is_skip(const char *code)
{
	for (int i = 0; i < STAGE_SKIPS; i++)
		if (strcmp(stage_skip_code((enum stage_skip)i), code) == 0)
			return true;
	return false;
}

static bool move(struct stage_attempt *a, enum stage_state to, const char *code,
		 int64_t now)
{
	size_t len = strlen(code);

	if (to == STAGE_INSTALLED && a->installed == 0)
		a->installed = now;
	a->state = (uint8_t)to;
	a->changed = now;
	a->until = 0;
	memset(a->code, 0, sizeof(a->code));
	memcpy(a->code, code, len < WIRE_CODE_MAX ? len : WIRE_CODE_MAX);
	return true;
}

/* ---- reports ------------------------------------------------------------- */

static bool has_installed(const struct stage_attempt *a)
{
	return a->state >= STAGE_INSTALLED;
}

/* Only forward; what was put off or stalled goes on where it is now. */
static void take_progress(struct stage_attempt *a, enum stage_state to,
			  int64_t now)
{
	bool waits = a->state == STAGE_DEFERRED || a->state == STAGE_STALLED;
	bool found = a->state == STAGE_LOST && to == STAGE_INSTALLED;

	if (found || (!has_installed(a) && (waits || to > a->state)))
		(void)move(a, to, "", now);
}

/* Not open to it now, and not for anything that the device or the release did.
 */
static bool must_wait(const char *code, bool lapsed)
{
	return strcmp(code, STAGE_REFUSED_CODE) == 0 ||
	       (lapsed && strcmp(code, STAGE_EXPIRED_CODE) == 0);
}

static void take_failure(struct stage_attempt *a, const struct wire_report *m,
			 bool lapsed, int64_t now)
{
	if (stage_has_ended(a->state))
		return;
	/* What is not for it, or not open to it, it did not try: no failure. */
	if (is_skip(m->code) && !has_installed(a))
		(void)move(a, STAGE_SKIPPED, m->code, now);
	else if (must_wait(m->code, lapsed) && !has_installed(a))
		(void)move(a, STAGE_DEFERRED, m->code, now);
	else
		(void)move(a, STAGE_FAILED, m->code, now);
}

/* A device may come back even after it was counted: then it says so. */
static void take_rollback(struct stage_attempt *a, const struct wire_report *m,
			  int64_t now)
{
	if (!stage_has_ended(a->state) || a->state == STAGE_CONFIRMED ||
	    a->state == STAGE_ROLLED_BACK)
		(void)move(a, STAGE_ROLLED_BACK, m->code, now);
}

bool stage_attempt_report(struct stage_attempt *a, const struct wire_report *m,
			  bool lapsed, int64_t now)
{
	if (m->sequence <= a->sequence)
		return false;
	a->sequence = m->sequence;
	a->heard = now;
	switch (m->state) {
	case WIRE_DOWNLOADING:
		take_progress(a, STAGE_DOWNLOADING, now);
		break;
	case WIRE_VERIFIED:
		take_progress(a, STAGE_VERIFIED, now);
		break;
	case WIRE_DEFERRED:
		if (!has_installed(a) && move(a, STAGE_DEFERRED, "", now))
			a->until = m->until;
		break;
	case WIRE_INSTALLED:
	case WIRE_CONFIRMED: /* a claim: a check-in must show it */
		take_progress(a, STAGE_INSTALLED, now);
		break;
	case WIRE_FAILED:
		take_failure(a, m, lapsed, now);
		break;
	case WIRE_ROLLED_BACK:
		take_rollback(a, m, now);
		break;
	}
	return true;
}

/* ---- check-ins ----------------------------------------------------------- */

static bool runs_it(struct stage_attempt *a, const struct wire_checkin *m,
		    int64_t now)
{
	if (a->state == STAGE_CONFIRMED)
		return false;
	/* The activation of the offer: nothing was started since, so what runs
	 * is not what was installed, but was there before. */
	if (m->confirmed && m->activation <= a->activation && !has_installed(a))
		return move(a, STAGE_SKIPPED, stage_skip_code(SKIP_ALREADY),
			    now);
	if (!m->confirmed || m->activation <= a->activation)
		return a->state == STAGE_LOST &&
		       move(a, STAGE_INSTALLED, "", now);
	/* The server's own guesses give way to what is seen. */
	if (stage_has_ended(a->state) && a->state != STAGE_EXPIRED &&
	    a->state != STAGE_FAILED && a->state != STAGE_ROLLED_BACK)
		return false;
	return move(a, STAGE_CONFIRMED, "", now);
}

/*
 * It runs what it ran before it installed. Where the count of trials is that of
 * the offer, the boot that starts the new one may still be to come: where a
 * loader gave up in between, the device says so itself, for its journal knows.
 * A lower count is that of a journal that was lost: it waits for nothing.
 */
static bool runs_the_old(struct stage_attempt *a, const struct wire_checkin *m,
			 const char *code, int64_t now)
{
	if (a->state != STAGE_INSTALLED && a->state != STAGE_LOST)
		return false;
	if (m->activation != a->activation)
		return move(a, STAGE_ROLLED_BACK, code, now);
	return a->state == STAGE_LOST && move(a, STAGE_INSTALLED, "", now);
}

static bool runs_older(struct stage_attempt *a, const struct wire_checkin *m,
		       int64_t now)
{
	if (a->state == STAGE_CONFIRMED)
		return move(a, STAGE_ROLLED_BACK, "RUNS_OLDER", now);
	return runs_the_old(a, m, "RUNS_OLDER", now);
}

bool stage_attempt_checkin(struct stage_attempt *a,
			   const struct stage_goal *what,
			   const struct wire_checkin *m, int64_t now)
{
	a->heard = now;
	a->interval_sec = m->interval_sec;
	if (m->has_release && sha256_equal(&m->digest, &what->digest))
		return runs_it(a, m, now);
	/* What it was to leave runs still, or again. */
	if (m->has_release && m->seq > what->seq && m->seq <= what->back_from)
		return runs_the_old(a, m, "RUNS_NEWER", now);
	if (m->has_release && m->seq > what->seq)
		return !stage_has_ended(a->state) &&
		       move(a, STAGE_SKIPPED, stage_skip_code(SKIP_NEWER), now);
	return runs_older(a, m, now);
}

static bool was_installed(const struct stage_attempt *a)
{
	return a->installed != 0 || a->state == STAGE_CONFIRMED ||
	       a->state == STAGE_ROLLED_BACK;
}

bool stage_attempt_checkin_older(struct stage_attempt *a,
				 const struct stage_goal *what,
				 const struct stage_attempt *newer,
				 const struct wire_checkin *m, int64_t now)
{
	bool runs = m->has_release && sha256_equal(&m->digest, &what->digest);

	if (runs || !was_installed(newer) || stage_has_ended(a->state))
		return stage_attempt_checkin(a, what, m, now);
	a->heard = now;
	return move(a, STAGE_ROLLED_BACK, STAGE_REPLACED_CODE, now);
}

/* ---- time ---------------------------------------------------------------- */

static int64_t longer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t stage_dark_sec(const struct stage_timers *t, uint32_t interval_sec)
{
	return longer(t->dark_min, (int64_t)t->dark_polls * interval_sec);
}

static int64_t progress_sec(const struct stage_timers *t, uint64_t size)
{
	if (t->min_rate == 0)
		return t->progress_min;
	return longer(t->progress_min, (int64_t)(size / t->min_rate));
}

int64_t stage_attempt_due(const struct stage_attempt *a,
			  const struct stage_timers *t, uint64_t size)
{
	switch ((enum stage_state)a->state) {
	case STAGE_OFFERED:
		return a->changed +
		       longer(t->start_min,
			      (int64_t)t->start_polls * a->interval_sec);
	case STAGE_DOWNLOADING:
	case STAGE_VERIFIED:
		return longer(a->changed, a->heard) + progress_sec(t, size);
	case STAGE_DEFERRED:
	case STAGE_STALLED:
		return a->changed + t->give_up;
	case STAGE_INSTALLED:
		return longer(a->installed, a->heard) +
		       stage_dark_sec(t, a->interval_sec);
	default:
		return INT64_MAX;
	}
}

bool stage_attempt_tick(struct stage_attempt *a, const struct stage_timers *t,
			uint64_t size, int64_t now)
{
	if (now < stage_attempt_due(a, t, size))
		return false;
	if (a->state == STAGE_INSTALLED)
		return move(a, STAGE_LOST, "DARK", now);
	if (a->state == STAGE_STALLED || a->state == STAGE_DEFERRED)
		return move(a, STAGE_EXPIRED, "", now);
	return move(a, STAGE_STALLED, "", now);
}

bool stage_attempt_end(struct stage_attempt *a, enum stage_state how,
		       const char *code, int64_t now)
{
	/* A dark one has not finished, and who retires the device knows why. */
	if (has_installed(a) && a->state != STAGE_LOST)
		return false;
	return move(a, how, code, now);
}
