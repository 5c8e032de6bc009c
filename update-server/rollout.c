/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/rollout.h"

#include <stdlib.h>
#include <string.h>

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

bool rollout_fits(const struct rollout *r, const struct rollout_device *d)
{
	return r->hardware_count == 0 || d->hardware_unheard ||
	       is_listed(r->hardware, r->hardware_count, d->hardware);
}

bool rollout_has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	if (!words[0])
		return true;
	for (const char *w = words; w; w = strchr(w, ' ')) {
		w += *w == ' ';
		if (strncmp(w, word, len) == 0 && len > 0 &&
		    (w[len] == ' ' || w[len] == 0))
			return true;
	}
	return false;
}

static const char *known(const char *text)
{
	return text[0] ? text : NULL;
}

/* What it says of itself, as attributes. */
static size_t list_posture(const struct wire_posture *p,
			   struct selector_attribute out[POSTURE_BITS])
{
	size_t count = 0;

	for (int i = 0; i < POSTURE_BITS; i++)
		if (p->known >> i & 1)
			out[count++] = (struct selector_attribute){
				wire_posture_name((enum wire_posture_bit)i),
				p->yes >> i & 1 ? "yes" : "no"
			};
	return count;
}

bool rollout_selects(const struct selector *s, const struct rollout_device *d)
{
	struct selector_attribute attributes[POSTURE_BITS];
	const struct selector_facts facts = {
		.texts = { [SELECT_PRODUCT] = d->product,
			   [SELECT_MODEL] = d->model,
			   [SELECT_HARDWARE] = known(d->hardware),
			   [SELECT_COHORT] = d->cohort,
			   [SELECT_RELEASE] =
				   d->has_release ? known(d->release) : NULL,
			   [SELECT_VERSION] =
				   d->has_release ? known(d->version) : NULL,
			   [SELECT_UPDATER] = known(d->updater) },
		.has_seq = d->has_release,
		.seq = d->seq,
		.attributes = attributes,
		.attribute_count = list_posture(&d->posture, attributes),
	};

	return s->count == 0 || selector_matches(s, &facts);
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

bool rollout_is_there(const struct rollout *r, const struct rollout_device *d)
{
	return d->has_release && (sha256_equal(&d->digest, &r->digest) ||
				  (d->seq >= r->seq && !r->step_back));
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

enum rollout_verdict rollout_judge(const struct rollout *r,
				   const struct rollout_device *d,
				   const struct rollout_past *past,
				   const struct rollout_word *word)
{
	enum rollout_verdict verdict;

	if (!rollout_concerns(r, d->product, d->model, d->cohort))
		return VERDICT_NOT_FOR;
	if (!rollout_fits(r, d))
		return VERDICT_HARDWARE;
	if (r->lab_only && !d->lab)
		return VERDICT_LAB;
	verdict = decide_version(r, d, past, word);
	if (verdict != VERDICT_OFFER)
		return verdict;
	if (rollout_is_pinned(r, d))
		return d->blocked ? VERDICT_BLOCKED : VERDICT_PINNED;
	return word->below_floor ? VERDICT_FLOOR : VERDICT_OFFER;
}

const char *rollout_verdict_name(enum rollout_verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_OFFER] = "offer",
		[VERDICT_CLOSED] = "closed",
		[VERDICT_NOT_FOR] = "not-for",
		[VERDICT_HARDWARE] = "hardware",
		[VERDICT_EXCLUDED] = "excluded",
		[VERDICT_SELECTOR] = "not-selected",
		[VERDICT_PINNED] = "pinned",
		[VERDICT_BLOCKED] = "blocked",
		[VERDICT_UNDO] = "undo",
		[VERDICT_ALREADY] = "already",
		[VERDICT_NEWER] = "newer",
		[VERDICT_STRANDED] = "stranded",
		[VERDICT_FLOOR] = "floor",
		[VERDICT_STEPPED] = "stepped",
		[VERDICT_LEFT] = "left",
		[VERDICT_EARLY] = "early",
		[VERDICT_OUTSIDE] = "outside",
		[VERDICT_WINDOW] = "window",
		[VERDICT_NO_ORDER] = "no-order",
		[VERDICT_ROLLED_BACK] = "rolled-back",
		[VERDICT_RESTING] = "resting",
		[VERDICT_TRIAL] = "trial",
		[VERDICT_BEHIND] = "behind",
		[VERDICT_NO_KEY] = "no-key",
		[VERDICT_LAB] = "lab",
	};

	return names[verdict];
}

const char *rollout_why(enum rollout_verdict verdict)
{
	static const char no_key[] =
		"encrypted, and no key was sealed for it: device export, "
		"pawl-signer wrap, envelope import";
	static const char hardware[] =
		"for other revisions of the hardware than the device says";
	static const char *const words[] = {
		[VERDICT_OFFER] = "open for this device",
		[VERDICT_CLOSED] = "the rollout is not running",
		[VERDICT_NOT_FOR] = "for another product, model or cohort",
		[VERDICT_HARDWARE] = hardware,
		[VERDICT_EXCLUDED] = "this device is left out of it by name",
		[VERDICT_SELECTOR] = "its selector does not match this device",
		[VERDICT_PINNED] = "the device is pinned to another release",
		[VERDICT_BLOCKED] = "the device is blocked (device unblock)",
		[VERDICT_UNDO] = "undoes a release that does not run there",
		[VERDICT_ALREADY] = "runs there already",
		[VERDICT_NEWER] = "something newer runs there",
		[VERDICT_STRANDED] = "stranded: no listed release leads there",
		[VERDICT_FLOOR] = "below the floor, nothing so old goes in",
		[VERDICT_STEPPED] = "went back to it once already",
		[VERDICT_LEFT] = "was stepped back from there",
		[VERDICT_EARLY] = "the release is not to be installed yet",
		[VERDICT_OUTSIDE] = "its share is not open to this device yet",
		[VERDICT_WINDOW] = "outside the hours in which it is offered",
		[VERDICT_NO_ORDER] = "no signed order opens it to this device",
		[VERDICT_ROLLED_BACK] = "this device tried it and came back",
		[VERDICT_RESTING] = "tried there too often: tomorrow again",
		[VERDICT_TRIAL] = "another release is on trial there",
		[VERDICT_BEHIND] = "the server was restored from a backup",
		[VERDICT_NO_KEY] = no_key,
		[VERDICT_LAB] = "a nightly build, and this is no lab device",
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
