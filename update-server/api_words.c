/* SPDX-License-Identifier: Apache-2.0 */
/* How a rollout stands, and whom it waits for, in a line. */
#include <stdio.h>

#include "update-server/api.h"

/* "14:00" is not enough where it is tomorrow's. */
static const char *when(int64_t at, char out[UTC_TEXT_LEN])
{
	utc_format(at, out);
	return out;
}

static int64_t bake_of(const struct stage *s)
{
	return s->urgent ? 0 : s->ladder.rungs[s->phase].bake_sec;
}

/* The order opens less than the phase: nobody else is waited for. */
static bool waits_for_order(struct server_api *api, const struct stage *s,
			    int64_t now, struct orders_reach *reach)
{
	uint64_t limit;

	if (s->status != STAGE_RUNNING || s->phase_state != PHASE_OPEN ||
	    !stage_limit(s, &limit))
		return false;
	api_order_reach(api, &s->what, now, reach);
	return reach->limit < limit;
}

void api_order_words(const struct stage *s, const struct orders_reach *r,
		     char *out, size_t size)
{
	char opens[16], wanted[16];

	if (!r->any) {
		(void)snprintf(out, size, "waiting for the order: %s", r->why);
		return;
	}
	bucket_format_share(r->limit, opens);
	bucket_format_share(s->ladder.rungs[s->phase].limit, wanted);
	(void)snprintf(out, size,
		       "waiting for the order: what is signed opens %s, this "
		       "phase is %s",
		       opens, wanted);
}

static void running_words(struct server_api *api, const struct stage *s,
			  int64_t now, char *out, size_t size)
{
	struct orders_reach reach;
	char at[UTC_TEXT_LEN];
	int used = snprintf(out, size, "phase %zu of %zu: ", s->phase + 1,
			    s->ladder.count);

	out += used;
	size -= (size_t)used;
	if (waits_for_order(api, s, now, &reach))
		api_order_words(s, &reach, out, size);
	else if (s->phase_state == PHASE_WAITING)
		(void)snprintf(out, size,
			       s->not_before[s->phase] > now ? "opens at %s"
							     : "about to open",
			       when(s->not_before[s->phase], at));
	else if (s->phase_state == PHASE_BAKING)
		(void)snprintf(out, size, "good so far, watching until %s",
			       when(s->baking + bake_of(s), at));
	else if (s->phase_state == PHASE_HELD)
		(void)snprintf(out, size, "waiting for you to %s",
			       s->phase + 1 < s->ladder.count
				       ? "open what follows"
				       : "let it complete");
	else
		(void)snprintf(out, size, "open, evidence is gathered");
}

static void completed_words(struct server_api *api, const struct stage *s,
			    char *out, size_t size)
{
	const struct rollout *w = &s->what;
	size_t used;

	if (!api_lacks_baseline(api, s)) {
		(void)snprintf(out, size,
			       "completed; devices that come late get it");
		return;
	}
	used = (size_t)snprintf(out, size,
				"completed, waiting for you: two operators "
				"sign the baseline, or devices that come when "
				"its order has ended get nothing: pawl-server "
				"rollout baseline %s %s",
				w->product, w->release);
	for (size_t i = 0; i < w->cohort_count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used,
					 " --cohort %s", w->cohorts[i]);
	if (used < size)
		(void)snprintf(out + used, size - used, " --key FILE");
}

static const char *paused_by(enum stage_pause p)
{
	static const char *const words[] = {
		[PAUSE_NONE] = "nobody",
		[PAUSE_PERSON] = "a person",
		[PAUSE_GATE] = "its gate",
		[PAUSE_TROUBLE] = "payload or signature trouble",
		[PAUSE_EVIDENCE] = "insufficient evidence",
		[PAUSE_ORDER] = "the end of its order",
		[PAUSE_METADATA] = "the end of its metadata",
	};

	return words[p];
}

void api_rollout_words(struct server_api *api, const struct stage *s,
		       int64_t now, char *out, size_t size)
{
	switch (s->status) {
	case STAGE_DRAFT:
		(void)snprintf(out, size,
			       "a draft of %s: nobody approves or starts it "
			       "before it is submitted",
			       s->author);
		break;
	case STAGE_PENDING:
		(void)snprintf(
			out, size,
			"waiting for somebody else than %s to approve it",
			s->author);
		break;
	case STAGE_SCHEDULED:
		(void)snprintf(out, size, "not started");
		break;
	case STAGE_RUNNING:
		running_words(api, s, now, out, size);
		break;
	case STAGE_PAUSED:
		(void)snprintf(out, size, "PAUSED by %s: %s%s%s%s",
			       paused_by(s->pause), s->reason,
			       s->asked_by[0] ? "; " : "", s->asked_by,
			       s->asked_by[0] ? " resumed it: a second person "
						"must agree"
					      : "");
		break;
	case STAGE_COMPLETED:
		completed_words(api, s, out, size);
		break;
	case STAGE_ABORTED:
	case STAGE_REPLACED:
	default:
		(void)snprintf(out, size, "%s: %s",
			       stage_status_name(s->status), s->reason);
		break;
	}
}

const char *api_waits_for(struct server_api *api, const struct stage *s,
			  int64_t now)
{
	struct orders_reach reach;

	if (s->status == STAGE_DRAFT)
		return "submission";
	if (s->status == STAGE_PENDING)
		return "approval";
	if (s->status == STAGE_SCHEDULED)
		return "start";
	if (s->status == STAGE_PAUSED)
		return s->asked_by[0] ? "second-person" : "person";
	if (s->status == STAGE_RUNNING && s->phase_state == PHASE_HELD)
		return "person";
	if (api_lacks_baseline(api, s))
		return "baseline";
	return waits_for_order(api, s, now, &reach) ? "order" : "";
}
