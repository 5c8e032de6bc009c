/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/policy.h"

#include <string.h>

#include "common/json.h"
#include "common/utc.h"

int64_t policy_now(int64_t clock, int64_t floor)
{
	return clock > floor ? clock : floor;
}

/* No list is for all; what we do not know of ourselves is on none. */
static bool is_listed(char *const *names, size_t count, const char *own)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], own) == 0)
			return true;
	return count == 0;
}

/* The slot for this component: an index, or slot_count. */
static size_t slot_for(const struct policy_device *d, const char *component)
{
	size_t i = 0;

	while (i < d->slot_count &&
	       strcmp(d->slots[i].component, component) != 0 &&
	       !(d->slot_count == 1 && d->slots[i].component[0] == 0))
		i++;
	return i;
}

/* Together or not at all: a release has exactly what we have slots for. */
static int judge_components(const struct policy_device *d,
			    const struct release *r, struct err *e)
{
	if (r->component_count > d->slot_count)
		return err_set(e, ERR_REFUSED,
			       "%s has %zu components, this device has slots "
			       "for %zu",
			       r->id, r->component_count, d->slot_count);
	for (size_t i = 0; i < r->component_count; i++)
		if (slot_for(d, r->components[i].name) == d->slot_count)
			return err_set(e, ERR_REFUSED,
				       "%s has the component %s, for which "
				       "this device has no slot",
				       r->id, r->components[i].name);
	for (size_t i = 0; i < d->slot_count; i++)
		if (d->slots[i].component[0] &&
		    !release_has_component(r, d->slots[i].component))
			return err_set(e, ERR_REFUSED,
				       "%s has nothing for the slot %s", r->id,
				       d->slots[i].component);
	if (r->component_count > 1 && slot_for(d, r->components[0].name) != 0)
		return err_set(e, ERR_REFUSED,
			       "%s is started in %s, this device in %s", r->id,
			       r->components[0].name, d->slots[0].component);
	return 0;
}

static int judge_content(const struct policy_device *d, const struct release *r,
			 struct err *e)
{
	const struct policy_slot *s;

	if (judge_components(d, r, e))
		return -1;
	s = &d->slots[slot_for(d, r->component)];
	if (r->content != s->content)
		return err_set(e, ERR_REFUSED,
			       r->content == PACKAGE_IMAGE
				       ? "%s is an image, the slot holds trees"
				       : "%s is a tree, the slot holds images",
			       r->id);
	if (r->content == PACKAGE_TREE && r->attributes != s->attributes)
		return err_set(e, ERR_REFUSED,
			       "%s has other attributes than the slot takes",
			       r->id);
	return 0;
}

static int judge_kind(const struct policy_device *d, const struct release *r,
		      struct err *e)
{
	if (strcmp(r->product, d->product) != 0)
		return err_set(e, ERR_REFUSED, "%s is for the product %s",
			       r->id, r->product);
	if (!is_listed(r->models, r->model_count, d->model))
		return err_set(e, ERR_REFUSED, "%s is not for the model %s",
			       r->id, d->model[0] ? d->model : "(none)");
	if (!is_listed(r->hardware, r->hardware_count, d->hardware))
		return err_set(e, ERR_REFUSED,
			       "%s is not for the hardware %s ([device] "
			       "hardware)",
			       r->id, d->hardware[0] ? d->hardware : "(none)");
	if (judge_content(d, r, e))
		return -1;
	if (release_updater_check(r->min_updater, VERSION, e))
		return err_in(e, "%s", r->id);
	return 0;
}

static bool is_running(const struct policy_device *d, const struct release *r)
{
	return d->has_running && r->seq == d->seq &&
	       sha256_equal(&r->digest, &d->digest);
}

/* Signed for this very step, and wanted: by the server or by a person. */
static bool may_step_back(const struct policy_device *d,
			  const struct release *r)
{
	return d->way && (d->has_offer || d->step_back) &&
	       way_may_step_back(d->way, r->seq);
}

/* Newer, and neither directly nor over a stone to be reached from here. */
static bool is_stranded(const struct policy_device *d, const struct release *r)
{
	return d->way && d->has_running && r->seq > d->seq &&
	       way_is_closed(d->way, r->id, &r->digest, d->content_seq);
}

static int judge_order(const struct policy_device *d, const struct release *r,
		       struct err *e)
{
	/* At first use there is nothing that a step could skip. */
	if (!d->has_running)
		return 0;
	if (r->seq <= d->seq) {
		if (may_step_back(d, r))
			return 0;
		return err_set(e, ERR_ROLLBACK,
			       "%s (seq %llu) is not newer than what runs "
			       "(seq %llu)",
			       r->id, (unsigned long long)r->seq,
			       (unsigned long long)d->seq);
	}
	if (d->content_seq >= r->requires_seq)
		return 0;
	if (is_stranded(d, r))
		return err_set(e, ERR_REFUSED,
			       "stranded: %s needs at least seq %llu first, "
			       "seq %llu runs, and no listed release leads "
			       "there; ask its makers for a stepping stone, or "
			       "install one by hand (update --from)",
			       r->id, (unsigned long long)r->requires_seq,
			       (unsigned long long)d->content_seq);
	return err_set(e, ERR_REFUSED,
		       "%s needs at least seq %llu first, seq %llu runs", r->id,
		       (unsigned long long)r->requires_seq,
		       (unsigned long long)d->content_seq);
}

/* Only a way up from below the floor may lead through what lies below it. */
static int judge_floor(const struct policy_device *d, const struct release *r,
		       struct err *e)
{
	if (r->content_seq >= d->floor)
		return 0;
	if (d->has_running && r->seq > d->seq && d->way &&
	    way_is_stone(d->way, d->floor, r->id))
		return 0;
	return err_set(e, ERR_ROLLBACK,
		       "%s (content of seq %llu) lies below the floor, seq "
		       "%llu",
		       r->id, (unsigned long long)r->content_seq,
		       (unsigned long long)d->floor);
}

/* The way back is for who went, and for as long as it was signed for. */
static int judge_undo(const struct policy_device *d, const struct release *r,
		      int64_t now, struct err *e)
{
	char when[UTC_TEXT_LEN];

	if (!release_is_undo(r))
		return 0;
	if (!d->has_running || strcmp(d->running, r->undo_of) != 0)
		return err_set(e, ERR_REFUSED,
			       "%s takes back %s, which does not run here",
			       r->id, r->undo_of);
	if (now < r->undo_until)
		return 0;
	utc_format(r->undo_until, when);
	return err_set(e, ERR_REFUSED, "%s was good until %s", r->id, when);
}

/* What runs may be written again, whatever became of it since. */
static int judge_step(const struct policy_device *d, const struct release *r,
		      struct err *e)
{
	if (is_running(d, r) && d->repair)
		return 0;
	return judge_order(d, r, e) || judge_floor(d, r, e) ? -1 : 0;
}

int policy_allows(const struct policy_device *d, const struct release *r,
		  int64_t now, struct err *e)
{
	bool bound;

	if (judge_kind(d, r, e) || judge_step(d, r, e))
		return -1;
	if (!(is_running(d, r) && d->repair) && judge_undo(d, r, now, e))
		return -1;
	if (r->not_before > now)
		return err_set(e, ERR_REFUSED, "%s is not to be used yet",
			       r->id);
	bound = refusals_bind(&d->refusals, r->seq, d->seq);
	if (!d->retry &&
	    refusals_hold(&d->refusals, &r->digest, r->retry, bound))
		return err_set(e, ERR_REFUSED,
			       "%s%s was rolled back on this device and is not "
			       "tried again (update --retry does)",
			       r->id, bound ? " or one after it" : "");
	if (r->kind != PACKAGE_DELTA)
		return 0;
	if (d->full_only || !d->has_running ||
	    !sha256_equal(&r->base_digest,
			  &d->slots[slot_for(d, r->component)].digest))
		return err_set(e, ERR_CONFLICT, "%s as a delta needs %s", r->id,
			       r->base_id);
	for (size_t i = 0; i < r->library_count; i++)
		if (!member_library_is_here(r->libraries[i]))
			return err_set(e, ERR_CONFLICT,
				       "%s as a delta needs the library %s",
				       r->id, r->libraries[i]);
	return 0;
}

/* The offer itself, or what leads there while the direct way is closed. */
static bool is_offered(const struct policy_device *d, const struct release *r)
{
	const char *first;

	if (!d->has_offer)
		return true;
	if (strcmp(r->id, d->offer) == 0)
		return sha256_equal(&r->digest, &d->offer_digest);
	if (!d->way || !d->has_running)
		return false;
	first = way_first(d->way, d->offer, &d->offer_digest, d->content_seq);
	return first && strcmp(first, r->id) == 0;
}

/* A package of a newer release, or a smaller one of the same. */
static bool is_better(const struct policy_choice *c,
		      const struct policy_device *d, const struct release *r)
{
	const struct release *has = &c->packages[slot_for(d, r->component)];

	if (r->seq != c->seq)
		return r->seq > c->seq;
	return has->seq == 0 || r->package_len < has->package_len;
}

/* Two releases of one number are never mixed. */
static bool is_other(const struct policy_choice *c, const struct release *r)
{
	for (size_t i = 0; i < RELEASE_COMPONENTS_MAX; i++)
		if (c->packages[i].seq > 0 &&
		    (c->packages[i].seq != r->seq ||
		     !sha256_equal(&c->packages[i].digest, &r->digest)))
			return true;
	return false;
}

static void take(struct policy_choice *c, const struct policy_device *d,
		 struct release *r)
{
	struct release *to = &c->packages[slot_for(d, r->component)];

	if (is_other(c, r))
		policy_done(c);
	release_done(to);
	*to = *r;
	c->seq = r->seq;
	memset(r, 0, sizeof(*r));
	c->found = true;
	for (size_t i = 0; i < d->slot_count; i++)
		c->found &= c->packages[i].seq > 0;
}

/* What runs was opened before; everything else is asked for. */
static int ask_gate(const struct policy_choice *c,
		    const struct policy_device *d, const struct release *r,
		    char opened[SLOT_ORDER_MAX], struct err *e)
{
	opened[0] = 0;
	if (!c->gate || is_running(d, r))
		return 0;
	return c->gate->open(c->gate->ctx, r, opened, e);
}

/* Another base, or the way back from elsewhere: nobody need hear of it. */
static bool is_worth_telling(const struct policy_choice *c,
			     const struct policy_device *d,
			     const struct release *r, const struct err *why)
{
	if (why->code == ERR_CONFLICT || (release_is_undo(r) && !d->has_offer))
		return false;
	return r->seq >= c->hindrance_seq;
}

void policy_offer(struct policy_choice *c, const struct policy_device *d,
		  struct release *r, int64_t now)
{
	char opened[SLOT_ORDER_MAX];
	struct err why = { 0 };

	if (!is_offered(d, r))
		return;
	if (policy_allows(d, r, now, &why) == 0) {
		if (!is_better(c, d, r))
			return;
		(void)ask_gate(c, d, r, opened, &why);
	}
	if (why.code != ERR_NONE) {
		if (is_worth_telling(c, d, r, &why)) {
			c->hindrance = why;
			c->hindrance_seq = r->seq;
			c->stranded = is_stranded(d, r);
		}
		return;
	}
	memcpy(c->opened, opened, sizeof(c->opened));
	take(c, d, r);
}

/* Of a release that cannot be read no more is asked than whose it is. */
static void pass_over(struct policy_choice *c, const struct policy_device *d,
		      const struct tuf_target *t, const struct err *why)
{
	const struct json *pawl = json_get(t->custom, "pawl");
	const int64_t seq = json_int(json_get(pawl, "seq"));
	const uint64_t least = d->has_running && !d->has_offer ? d->seq + 1 : 1;

	if (strcmp(json_text(json_get(pawl, "product")), d->product) != 0 ||
	    (d->has_offer &&
	     strcmp(json_text(json_get(pawl, "release")), d->offer) != 0))
		return;
	if (seq < 1 || (uint64_t)seq < least ||
	    (uint64_t)seq < c->hindrance_seq)
		return;
	c->hindrance = *why;
	err_in(&c->hindrance, "%s", t->path);
	c->hindrance_seq = (uint64_t)seq;
	c->stranded = false;
}

int policy_consider(struct policy_choice *c, const struct policy_device *d,
		    const struct tuf_target *t, bool lab, int64_t now,
		    struct err *e)
{
	struct release release = { 0 };
	struct err why = { 0 };

	if (release_parse(t, &release, &why) == 0) {
		/* Whatever role lists it: one key is enough for a nightly. */
		if (lab || !release.nightly)
			policy_offer(c, d, &release, now);
		release_done(&release);
		return 0;
	}
	if (why.code == ERR_NOT_FOUND)
		return 0; /* another type of target */
	if (why.code == ERR_REFUSED) {
		if (lab || !release_is_nightly(t->path))
			pass_over(c, d, t, &why);
		return 0;
	}
	*e = why;
	return err_in(e, "%s", t->path);
}

void policy_done(struct policy_choice *c)
{
	for (size_t i = 0; i < RELEASE_COMPONENTS_MAX; i++)
		release_done(&c->packages[i]);
	c->seq = 0;
	c->found = false;
}

int policy_verdict(const struct policy_choice *c, const struct policy_device *d,
		   struct err *e)
{
	if (c->seq > 0)
		return err_set(e, ERR_NOT_FOUND,
			       "signed metadata lists no package of some "
			       "component of the release with seq %llu",
			       (unsigned long long)c->seq);
	if (c->hindrance.code == ERR_NONE) {
		if (!d->has_offer)
			return 0;
		return err_set(e, ERR_NOT_FOUND,
			       "the server offers %s, which signed metadata "
			       "does not list for this device",
			       d->offer);
	}
	if (c->hindrance.code == ERR_ROLLBACK && !d->has_offer &&
	    d->has_running && c->hindrance_seq <= d->seq)
		return 0; /* what is listed is what runs, or older */
	*e = c->hindrance;
	return -1;
}
