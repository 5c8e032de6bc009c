/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/rollout.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
	[ROLLOUT_DRAFT] = "draft",
	[ROLLOUT_RUNNING] = "running",
	[ROLLOUT_PAUSED] = "paused",
	[ROLLOUT_COMPLETED] = "completed",
};

static const char *const attempt_names[ATTEMPT_STATES] = {
	[ATTEMPT_OFFERED] = "offered",
	[ATTEMPT_DOWNLOADING] = "downloading",
	[ATTEMPT_VERIFIED] = "verified",
	[ATTEMPT_DEFERRED] = "deferred",
	[ATTEMPT_INSTALLED] = "installed",
	[ATTEMPT_CONFIRMED] = "confirmed",
	[ATTEMPT_FAILED] = "failed",
	[ATTEMPT_ROLLED_BACK] = "rolled-back",
	[ATTEMPT_SKIPPED] = "skipped",
	[ATTEMPT_SUPERSEDED] = "superseded",
};

static int find_name(const char *const *names, size_t count, struct slice name,
		     size_t *out, struct err *e)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal(slice_of(names[i]), name)) {
			*out = i;
			return 0;
		}
	return err_set(e, ERR_FORMAT, "unknown state");
}

const char *rollout_state_name(enum rollout_state state)
{
	return state_names[state];
}

int rollout_state_parse(struct slice name, enum rollout_state *out,
			struct err *e)
{
	size_t i;

	if (find_name(state_names, ARRAY_LEN(state_names), name, &i, e))
		return -1;
	*out = (enum rollout_state)i;
	return 0;
}

const char *attempt_state_name(enum attempt_state state)
{
	return attempt_names[state];
}

int attempt_state_parse(struct slice name, enum attempt_state *out,
			struct err *e)
{
	size_t i;

	if (find_name(attempt_names, ARRAY_LEN(attempt_names), name, &i, e))
		return -1;
	*out = (enum attempt_state)i;
	return 0;
}

/* ---- membership ---------------------------------------------------------- */

static int compare_buckets(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

int rollout_limit(uint64_t *buckets, size_t count, uint32_t share,
		  uint64_t *limit, struct err *e)
{
	size_t exposed;

	if (share == 0 || share > ROLLOUT_SHARE_ALL)
		return err_set(e, ERR_USAGE,
			       "a share is more than 0 %% and at most 100 %%");
	if (count == 0)
		return err_set(e, ERR_REFUSED,
			       "no device is in these cohorts for this "
			       "product and model");
	if (share == ROLLOUT_SHARE_ALL) {
		*limit = UINT64_MAX;
		return 0;
	}
	qsort(buckets, count, sizeof(*buckets), compare_buckets);
	exposed = (count * share + ROLLOUT_SHARE_ALL - 1) / ROLLOUT_SHARE_ALL;
	*limit = buckets[exposed - 1];
	return 0;
}

static bool is_listed(const char (*names)[NAME_MAX_LEN + 1], size_t count,
		      const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

bool rollout_concerns(const struct rollout *r, const char *product,
		      const char *model, const char *cohort)
{
	return strcmp(r->product, product) == 0 &&
	       (r->model_count == 0 ||
		is_listed(r->models, r->model_count, model)) &&
	       is_listed(r->cohorts, r->cohort_count, cohort);
}

/* ---- the decision -------------------------------------------------------- */

/* What runs is newer: back only once, and only where that was signed. */
static enum rollout_verdict decide_back(const struct rollout_device *d,
					const struct rollout_past *past,
					const struct rollout_word *word)
{
	if (!word->back)
		return VERDICT_NEWER;
	if (past->stepped)
		return VERDICT_STEPPED;
	return d->confirmed ? VERDICT_OFFER : VERDICT_TRIAL;
}

/* What the device runs already settles most cases. */
static enum rollout_verdict decide_version(const struct rollout *r,
					   const struct rollout_device *d,
					   const struct rollout_past *past,
					   const struct rollout_word *word)
{
	if (!d->has_release)
		return VERDICT_OFFER;
	if (sha256_equal(&d->digest, &r->digest))
		return VERDICT_ALREADY;
	if (d->seq >= r->seq)
		return decide_back(d, past, word);
	if (!d->confirmed)
		return VERDICT_TRIAL;
	if (word->stranded)
		return VERDICT_STRANDED;
	return past->left ? VERDICT_LEFT : VERDICT_OFFER;
}

enum rollout_verdict rollout_decide(const struct rollout *r,
				    const struct rollout_device *d,
				    const struct rollout_past *past,
				    const struct rollout_word *word,
				    int64_t now)
{
	enum rollout_verdict verdict;

	if (!rollout_concerns(r, d->product, d->model, d->cohort))
		return VERDICT_NOT_FOR;
	verdict = decide_version(r, d, past, word);
	if (verdict != VERDICT_OFFER)
		return verdict;
	if (word->below_floor)
		return VERDICT_FLOOR;
	if (r->state != ROLLOUT_RUNNING && r->state != ROLLOUT_COMPLETED)
		return VERDICT_CLOSED;
	if (r->not_before > now)
		return VERDICT_EARLY;
	if (bucket_of(&r->digest, &d->id) > r->limit)
		return VERDICT_OUTSIDE;
	if (!word->ordered)
		return VERDICT_NO_ORDER;
	if (past->rolled_back)
		return VERDICT_ROLLED_BACK;
	/* Every third failure earns a rest, so a broken device cannot hammer.
	 */
	if (past->failed > 0 && past->failed % ROLLOUT_ATTEMPTS == 0 &&
	    now < past->last_failed + ROLLOUT_REST_SEC)
		return VERDICT_RESTING;
	return VERDICT_OFFER;
}

const char *rollout_why(enum rollout_verdict verdict)
{
	static const char no_key[] =
		"encrypted, and no key was sealed for it: device export, "
		"pawl-signer wrap, envelope import";
	static const char *const words[] = {
		[VERDICT_OFFER] = "open for this device",
		[VERDICT_CLOSED] = "not running",
		[VERDICT_NOT_FOR] = "for another product, model or cohort",
		[VERDICT_ALREADY] = "runs there already",
		[VERDICT_NEWER] = "something newer runs there",
		[VERDICT_STRANDED] = "stranded: no listed release leads there",
		[VERDICT_FLOOR] = "below the floor, nothing so old goes in",
		[VERDICT_STEPPED] = "went back to it once already",
		[VERDICT_LEFT] = "was stepped back from there",
		[VERDICT_EARLY] = "the release is not to be installed yet",
		[VERDICT_OUTSIDE] = "its share is not open to this device yet",
		[VERDICT_NO_ORDER] = "no signed order opens it to this device",
		[VERDICT_ROLLED_BACK] = "this device tried it and came back",
		[VERDICT_RESTING] = "failed there too often today",
		[VERDICT_TRIAL] = "another release is on trial there",
		[VERDICT_BEHIND] = "the server was restored from a backup",
		[VERDICT_NO_KEY] = no_key,
	};

	return words[verdict];
}

uint32_t rollout_next_check(uint32_t interval_sec, uint64_t chance)
{
	uint32_t spread = interval_sec / 10;

	if (interval_sec == 0)
		return 1;
	return interval_sec - spread +
	       (uint32_t)(chance % (2 * (uint64_t)spread + 1));
}

/* ---- attempts ------------------------------------------------------------ */

static void move(struct attempt *a, enum attempt_state to, const char *code,
		 int64_t now)
{
	size_t len = strlen(code);

	a->state = to;
	memset(a->code, 0, sizeof(a->code));
	memcpy(a->code, code, len < WIRE_CODE_MAX ? len : WIRE_CODE_MAX);
	a->changed = now;
}

static bool has_ended(const struct attempt *a)
{
	return a->state >= ATTEMPT_CONFIRMED;
}

static void take_progress(struct attempt *a, enum attempt_state to, int64_t now)
{
	/* Only forward: an installed release is not being downloaded. What was
	 * put off goes on wherever it was. */
	if (!has_ended(a) && (to > a->state || a->state == ATTEMPT_DEFERRED))
		move(a, to, "", now);
}

static void take_failure(struct attempt *a, const struct wire_report *m,
			 int64_t now)
{
	if (has_ended(a))
		return;
	/* Not open to it, by its orders: it did not try, so it did not fail. */
	if (strcmp(m->code, ATTEMPT_REFUSED_CODE) == 0 &&
	    a->state < ATTEMPT_INSTALLED)
		move(a, ATTEMPT_DEFERRED, m->code, now);
	else
		move(a, ATTEMPT_FAILED, m->code, now);
}

/* A device may come back even after it was counted: then it says so. */
static void take_rollback(struct attempt *a, const struct wire_report *m,
			  int64_t now)
{
	if (!has_ended(a) || a->state == ATTEMPT_CONFIRMED ||
	    a->state == ATTEMPT_ROLLED_BACK)
		move(a, ATTEMPT_ROLLED_BACK, m->code, now);
}

bool attempt_report(struct attempt *a, const struct wire_report *m, int64_t now)
{
	if (m->sequence <= a->sequence)
		return false;
	a->sequence = m->sequence;
	switch (m->state) {
	case WIRE_DOWNLOADING:
		take_progress(a, ATTEMPT_DOWNLOADING, now);
		break;
	case WIRE_VERIFIED:
		take_progress(a, ATTEMPT_VERIFIED, now);
		break;
	case WIRE_DEFERRED:
		take_progress(a, ATTEMPT_DEFERRED, now);
		break;
	case WIRE_INSTALLED:
	case WIRE_CONFIRMED: /* a claim: the next check-in must show it */
		take_progress(a, ATTEMPT_INSTALLED, now);
		break;
	case WIRE_FAILED:
		take_failure(a, m, now);
		break;
	case WIRE_ROLLED_BACK:
		take_rollback(a, m, now);
		break;
	}
	return true;
}

static bool confirm(struct attempt *a, const struct wire_checkin *m,
		    int64_t now)
{
	if (a->state == ATTEMPT_CONFIRMED || a->state == ATTEMPT_SUPERSEDED)
		return false;
	/* The same activation as at the offer means that nothing was started
	 * since, so this cannot be the release that was installed. */
	if (!m->confirmed || m->activation <= a->activation)
		return false;
	move(a, ATTEMPT_CONFIRMED, "", now);
	return true;
}

/* What it was to leave runs still, or again. */
static bool stays_ahead(struct attempt *a, int64_t now)
{
	if (a->state != ATTEMPT_INSTALLED)
		return false;
	move(a, ATTEMPT_ROLLED_BACK, "RUNS_NEWER", now);
	return true;
}

bool attempt_checkin(struct attempt *a, const struct wire_checkin *m,
		     int64_t now)
{
	bool newer = m->has_release && m->seq > a->seq;

	if (m->has_release && sha256_equal(&m->digest, &a->digest))
		return confirm(a, m, now);
	if (newer && m->seq <= a->back_from)
		return stays_ahead(a, now);
	if (newer && !has_ended(a)) {
		move(a, ATTEMPT_SKIPPED, "NEWER", now);
		return true;
	}
	/* Installed or even confirmed, and now something older runs. */
	if (!newer &&
	    (a->state == ATTEMPT_INSTALLED || a->state == ATTEMPT_CONFIRMED)) {
		move(a, ATTEMPT_ROLLED_BACK, "RUNS_OLDER", now);
		return true;
	}
	return false;
}
