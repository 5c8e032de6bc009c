/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/survey.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/store_observe.h"

struct survey {
	struct fixes *fixes; /* NULL: between two rounds */
	struct device_id after;
	struct score_facts found;
	/* of one step */
	int64_t now;
	size_t seen;
	struct err failed;
};

struct survey *survey_new(void)
{
	return mem_alloc(1, sizeof(struct survey));
}

static void end_round(struct survey *v)
{
	fixes_free(v->fixes);
	v->fixes = NULL;
}

void survey_free(struct survey *v)
{
	if (!v)
		return;
	end_round(v);
	free(v);
}

/* ---- a round begins ------------------------------------------------------ */

static void add_release(void *ctx, const struct store_release *r)
{
	struct survey *v = ctx;

	if (v->failed.code == ERR_NONE &&
	    fixes_add(v->fixes, r, &v->failed) == 0)
		v->failed.code = ERR_NONE;
}

static int begin_round(struct survey *v, struct store *s, struct err *e)
{
	v->fixes = fixes_new();
	v->after = (struct device_id){ { 0 } };
	v->found = (struct score_facts){ 0 };
	v->failed.code = ERR_NONE;
	if (store_release_each(s, add_release, v, e))
		return -1;
	if (v->failed.code == ERR_NONE)
		return 0;
	*e = v->failed;
	return -1;
}

/* ---- one device ---------------------------------------------------------- */

static bool is_silent(const struct store_device *d, int64_t now)
{
	int64_t heard = d->last_seen ? d->last_seen : d->enrolled;
	int64_t patience = 3 * (int64_t)d->interval_sec;

	if (patience < SURVEY_SILENT_SEC)
		patience = SURVEY_SILENT_SEC;
	return now - heard > patience;
}

/* A device renews with a third of the life left; here half of that is over. */
static bool is_ending(const struct store_device *d, int64_t now)
{
	struct x509_info info;
	struct err ignored; /* one that cannot be read is not good either */

	if (x509_inspect(slice_of(d->certificate), &info, &ignored))
		return true;
	return info.not_after - now < (info.not_after - info.not_before) / 6;
}

static uint32_t if_so(bool so, enum score_of what)
{
	return (uint32_t)so << what;
}

uint32_t survey_finds(const struct fixes *fixes, const struct store_device *d,
		      int64_t now)
{
	const struct rollout_device *f = &d->facts;
	const struct fixes_device fd = { f->product, f->model, f->hardware,
					 f->has_release, f->seq };

	return if_so(f->has_release && fixes_is_behind(fixes, &fd),
		     SCORE_BEHIND) |
	       if_so(is_silent(d, now), SCORE_SILENT) |
	       if_so(!f->has_release, SCORE_UNPROVISIONED) |
	       if_so(d->quarantined, SCORE_QUARANTINED) |
	       if_so(is_ending(d, now), SCORE_ENDING) |
	       if_so(d->first_use == WIRE_FIRST_USE_PENDING, SCORE_FIRST_USE) |
	       (f->posture.known & ~f->posture.yes) << SCORE_POSTURE;
}

static void see(void *ctx, const struct store_device *d)
{
	struct survey *v = ctx;
	struct score_facts *n = &v->found;
	uint32_t found;

	v->seen++;
	v->after = d->facts.id;
	if (d->revoked) {
		n->revoked += !d->retired;
		return;
	}
	found = survey_finds(v->fixes, d, v->now);
	n->devices++;
	n->behind += found >> SCORE_BEHIND & 1;
	n->silent += found >> SCORE_SILENT & 1;
	n->unprovisioned += found >> SCORE_UNPROVISIONED & 1;
	n->quarantined += found >> SCORE_QUARANTINED & 1;
	n->ending += found >> SCORE_ENDING & 1;
	n->first_use += found >> SCORE_FIRST_USE & 1;
	for (int i = 0; i < POSTURE_BITS; i++)
		n->lacking[i] += found >> (SCORE_POSTURE + i) & 1;
}

static void tell(const struct score_facts *found, struct score_facts *out)
{
	out->devices = found->devices;
	out->unprovisioned = found->unprovisioned;
	out->behind = found->behind;
	out->silent = found->silent;
	out->quarantined = found->quarantined;
	out->ending = found->ending;
	out->first_use = found->first_use;
	out->revoked = found->revoked;
	memcpy(out->lacking, found->lacking, sizeof(out->lacking));
}

int survey_step(struct survey *v, struct store *s, int64_t now, bool *done,
		struct score_facts *out, struct err *e)
{
	bool first = !v->fixes;

	v->now = now;
	v->seen = 0;
	if ((first && begin_round(v, s, e)) ||
	    store_survey(s, first ? NULL : &v->after, SURVEY_STEP, see, v, e)) {
		end_round(v);
		return -1;
	}
	*done = v->seen < SURVEY_STEP;
	if (*done) {
		end_round(v);
		tell(&v->found, out);
	}
	return 0;
}
