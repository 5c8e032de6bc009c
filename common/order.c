/* SPDX-License-Identifier: Apache-2.0 */
#include "common/order.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bucket.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/utc.h"

#define FORMAT_VERSION 1

static const char *const members[] = { "v",       "type",   "kind",   "product",
				       "release", "digest", "number", "issued",
				       "expires", "phases", NULL };

static const char *const phase_members[] = { "cohorts",   "devices",
					     "limit",     "not_before",
					     "not_after", "emergency",
					     NULL };

static const char *const kind_names[] = {
	[ORDER_STAGED] = "staged",
	[ORDER_BASELINE] = "baseline",
	[ORDER_HALT] = "halt",
};

static const char *const folders[ORDER_PLACES] = {
	[ORDER_ONE] = "rollout",
	[ORDER_WIDE] = "rollout-wide",
	[ORDER_BASE] = "baseline",
};

const char *order_kind_name(enum order_kind kind)
{
	return kind_names[kind];
}

const char *order_folder(enum order_place place)
{
	return folders[place];
}

const char *order_role(enum order_place place)
{
	return place == ORDER_ONE ? ORDER_ROLE_ONE : ORDER_ROLE_WIDE;
}

int order_path(enum order_place place, const char *product, const char *release,
	       char out[PATH_MAX_LEN], struct err *e)
{
	return text_format(out, PATH_MAX_LEN, e, "%s/%s/%s.json",
			   folders[place], product, release);
}

void order_done(struct order *o)
{
	for (size_t i = 0; i < o->phase_count; i++)
		free(o->phases[i].devices);
	free(o->phases);
	o->phases = NULL;
	o->phase_count = 0;
}

/* ---- reading ------------------------------------------------------------- */

static int read_name(const struct json *j, const char *name,
		     char out[NAME_MAX_LEN + 1], struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	if (!name_is_valid(slice_of(text)))
		return err_set(e, ERR_FORMAT, "\"%s\" is not a name", name);
	return text_format(out, NAME_MAX_LEN + 1, e, "%s", text);
}

static int read_time(const struct json *j, const char *name, int64_t *out,
		     struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	return utc_parse(slice_of(text), out, e) ? err_in(e, "\"%s\"", name)
						 : 0;
}

static int read_kind(const struct json *j, enum order_kind *out, struct err *e)
{
	const char *text;

	if (json_get_text(j, "kind", &text, e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(kind_names); i++)
		if (strcmp(kind_names[i], text) == 0) {
			*out = (enum order_kind)i;
			return 0;
		}
	return err_set(e, ERR_FORMAT, "\"kind\" has an unknown value");
}

static int read_cohorts(const struct json *j, struct order_phase *p,
			struct err *e)
{
	const struct json *list;

	if (json_get_array(j, "cohorts", &list, e))
		return -1;
	if (json_count(list) > ORDER_COHORTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d cohorts in a phase",
			       ORDER_COHORTS_MAX);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *item = json_at(list, i);
		struct slice name = slice_of(json_text(item));

		if (!name_is_valid(name))
			return err_set(e, ERR_FORMAT, "a cohort is not a name");
		memcpy(p->cohorts[i], name.ptr, name.len + 1);
	}
	p->cohort_count = json_count(list);
	return 0;
}

static int read_devices(const struct json *j, struct order_phase *p,
			struct err *e)
{
	const struct json *list;
	size_t count;

	if (json_get_array(j, "devices", &list, e))
		return -1;
	count = json_count(list);
	if (count > ORDER_DEVICES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d devices in a phase",
			       ORDER_DEVICES_MAX);
	if (count == 0)
		return 0;
	p->devices = mem_alloc(count, sizeof(*p->devices));
	for (size_t i = 0; i < count; i++)
		if (hex_parse(slice_of(json_text(json_at(list, i))),
			      p->devices[i].bytes, DEVICE_ID_LEN, e))
			return err_in(e, "a device id");
	p->device_count = count;
	return 0;
}

static int read_phase(const struct json *j, struct order_phase *p,
		      struct err *e)
{
	const char *limit;

	if (json_only(j, phase_members, e) || read_cohorts(j, p, e) ||
	    read_devices(j, p, e) || json_get_text(j, "limit", &limit, e) ||
	    bucket_parse_limit(slice_of(limit), &p->limit, e) ||
	    read_time(j, "not_before", &p->not_before, e) ||
	    json_get_bool(j, "emergency", &p->emergency, e))
		return -1;
	if (json_get(j, "not_after") &&
	    read_time(j, "not_after", &p->not_after, e))
		return -1;
	if (p->cohort_count + p->device_count == 0)
		return err_set(e, ERR_FORMAT, "a phase is for nobody");
	if (p->not_after != 0 && p->not_after <= p->not_before)
		return err_set(e, ERR_FORMAT, "a phase ends before it begins");
	return 0;
}

static int read_phases(const struct json *j, struct order *o, struct err *e)
{
	const struct json *list;

	if (json_get_array(j, "phases", &list, e))
		return -1;
	if (json_count(list) == 0)
		return err_set(e, ERR_FORMAT, "no phases");
	if (json_count(list) > ORDER_PHASES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d phases",
			       ORDER_PHASES_MAX);
	o->phases = mem_alloc(json_count(list), sizeof(*o->phases));
	for (size_t i = 0; i < json_count(list); i++) {
		o->phase_count++;
		if (read_phase(json_at(list, i), &o->phases[i], e))
			return err_in(e, "phase %zu", i + 1);
	}
	return 0;
}

/* A baseline is for whole cohorts: no share, no list, no end of a phase. */
static int check_baseline(const struct order *o, struct err *e)
{
	for (size_t i = 0; i < o->phase_count; i++)
		if (o->phases[i].limit != BUCKET_ALL ||
		    o->phases[i].device_count > 0 ||
		    o->phases[i].not_after != 0)
			return err_set(e, ERR_FORMAT,
				       "a baseline is for whole cohorts");
	return 0;
}

static int read_life(const struct json *j, struct order *o, struct err *e)
{
	if (o->kind == ORDER_HALT) {
		/* It stands for as long as its role lists it. */
		if (json_get(j, "expires") || json_get(j, "phases"))
			return err_set(e, ERR_FORMAT,
				       "a halt has no phases and no end");
		return 0;
	}
	if (o->kind == ORDER_STAGED || json_get(j, "expires")) {
		if (read_time(j, "expires", &o->expires, e))
			return -1;
		if (o->expires <= o->issued)
			return err_set(e, ERR_FORMAT,
				       "it expires before it was issued");
	}
	if (o->kind == ORDER_STAGED &&
	    o->expires > o->issued + ORDER_STAGED_LIFE)
		return err_set(e, ERR_FORMAT,
			       "a staged order lives 31 days at most");
	if (read_phases(j, o, e))
		return -1;
	return o->kind == ORDER_BASELINE ? check_baseline(o, e) : 0;
}

static int read_members(const struct json *j, struct order *o, struct err *e)
{
	int64_t v, number;
	const char *type;

	if (json_get_text(j, "type", &type, e) ||
	    json_get_int(j, "v", 1, JSON_INT_MAX, &v, e))
		return -1;
	if (strcmp(type, "order") != 0)
		return err_set(e, ERR_FORMAT, "not an order");
	if (v != FORMAT_VERSION)
		return err_set(e, ERR_REFUSED, "it needs a newer updater");
	if (json_only(j, members, e) || read_kind(j, &o->kind, e) ||
	    read_name(j, "product", o->product, e) ||
	    read_name(j, "release", o->release, e) ||
	    json_get_hex(j, "digest", o->digest.bytes, SHA256_LEN, e) ||
	    json_get_int(j, "number", 1, JSON_INT_MAX, &number, e) ||
	    read_time(j, "issued", &o->issued, e))
		return -1;
	o->number = (uint64_t)number;
	return read_life(j, o, e);
}

/* There is one spelling of an order, so nothing hides in another. */
static int check_spelling(const struct order *o, struct slice in, struct err *e)
{
	struct buf again = BUF_INIT(ORDER_BYTES_MAX);
	int rc = order_format(o, &again, e);

	if (rc == 0 && !slice_equal(buf_slice(&again), in))
		rc = err_set(e, ERR_FORMAT, "not in canonical form");
	buf_done(&again);
	return rc;
}

int order_parse(struct slice in, struct order *out, struct err *e)
{
	struct order o = { .number = 0 };
	struct json *j = NULL;
	int rc = -1;

	if (in.len > ORDER_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the order is too long");
	if (json_parse(in, &j, e))
		return err_in(e, "order");
	if (read_members(j, &o, e) == 0 && check_spelling(&o, in, e) == 0) {
		*out = o;
		rc = 0;
	} else {
		order_done(&o);
	}
	json_free(j);
	return rc ? err_in(e, "order") : 0;
}

/* ---- writing ------------------------------------------------------------- */

static void set_time(struct json *j, const char *name, int64_t sec)
{
	char text[UTC_TEXT_LEN];

	utc_format(sec, text);
	json_set_text(j, name, text);
}

static struct json *cohorts_json(const struct order_phase *p)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < p->cohort_count; i++)
		json_add(list, json_new_text(p->cohorts[i]));
	return list;
}

static struct json *devices_json(const struct order_phase *p)
{
	struct json *list = json_new_array();
	char hex[2 * DEVICE_ID_LEN + 1];

	for (size_t i = 0; i < p->device_count; i++) {
		hex_format((struct slice){ p->devices[i].bytes, DEVICE_ID_LEN },
			   hex);
		json_add(list, json_new_text(hex));
	}
	return list;
}

static struct json *phase_json(const struct order_phase *p)
{
	struct json *j = json_new_object();
	char limit[BUCKET_TEXT_LEN];

	bucket_format_limit(p->limit, limit);
	json_set(j, "cohorts", cohorts_json(p));
	json_set(j, "devices", devices_json(p));
	json_set_text(j, "limit", limit);
	set_time(j, "not_before", p->not_before);
	if (p->not_after != 0)
		set_time(j, "not_after", p->not_after);
	json_set_bool(j, "emergency", p->emergency);
	return j;
}

int order_format(const struct order *o, struct buf *out, struct err *e)
{
	struct json *j = json_new_object();
	struct json *phases = json_new_array();
	int rc;

	json_set_int(j, "v", FORMAT_VERSION);
	json_set_text(j, "type", "order");
	json_set_text(j, "kind", kind_names[o->kind]);
	json_set_text(j, "product", o->product);
	json_set_text(j, "release", o->release);
	json_set_hex(j, "digest",
		     (struct slice){ o->digest.bytes, SHA256_LEN });
	json_set_int(j, "number", (int64_t)o->number);
	set_time(j, "issued", o->issued);
	if (o->expires != 0)
		set_time(j, "expires", o->expires);
	for (size_t i = 0; i < o->phase_count; i++)
		json_add(phases, phase_json(&o->phases[i]));
	if (o->kind == ORDER_HALT)
		json_free(phases);
	else
		json_set(j, "phases", phases);
	rc = json_canonical(j, out, e);
	json_free(j);
	return rc;
}

/* ---- one order by itself ------------------------------------------------- */

static bool may_stand(enum order_kind kind, enum order_place place)
{
	return place == ORDER_BASE ? kind == ORDER_BASELINE
				   : kind != ORDER_BASELINE;
}

int order_check(const struct order *o, enum order_place place,
		const struct release *r, struct err *e)
{
	if (!may_stand(o->kind, place))
		return err_set(e, ERR_UNTRUSTED,
			       "a %s order has no place under %s/",
			       kind_names[o->kind], folders[place]);
	if (strcmp(o->product, r->product) != 0 ||
	    strcmp(o->release, r->id) != 0 ||
	    !sha256_equal(&o->digest, &r->digest))
		return err_set(e, ERR_UNTRUSTED,
			       "the order under %s/ is for another release "
			       "or content than %s",
			       folders[place], r->id);
	return 0;
}

static bool has_cohort(const struct order_phase *p, const char *cohort)
{
	for (size_t i = 0; i < p->cohort_count; i++)
		if (strcmp(p->cohorts[i], cohort) == 0)
			return true;
	return false;
}

static bool has_device(const struct order_phase *p, const struct device_id *id)
{
	for (size_t i = 0; i < p->device_count; i++)
		if (memcmp(p->devices[i].bytes, id->bytes, DEVICE_ID_LEN) == 0)
			return true;
	return false;
}

/* Whoever the small phase lets in, the large one does, and as long. */
static bool phase_within(const struct order_phase *small, int64_t small_end,
			 const struct order_phase *large, int64_t large_end)
{
	if (large->limit < small->limit ||
	    large->not_before > small->not_before || large_end < small_end)
		return false;
	for (size_t i = 0; i < small->cohort_count; i++)
		if (!has_cohort(large, small->cohorts[i]))
			return false;
	for (size_t i = 0; i < small->device_count; i++)
		if (!has_device(large, &small->devices[i]))
			return false;
	return true;
}

static int64_t phase_end(const struct order *o, const struct order_phase *p)
{
	int64_t end = o->expires ? o->expires : INT64_MAX;

	return p->not_after != 0 && p->not_after < end ? p->not_after : end;
}

static bool phase_kept(const struct order *now, const struct order_phase *p,
		       const struct order *next)
{
	for (size_t i = 0; i < next->phase_count; i++) {
		const struct order_phase *q = &next->phases[i];

		if (phase_within(p, phase_end(now, p), q, phase_end(next, q)))
			return true;
	}
	return false;
}

int order_grows(const struct order *now, const struct order *next,
		struct err *e)
{
	if (next->kind == ORDER_HALT)
		return 0;
	for (size_t i = 0; i < now->phase_count; i++)
		if (!phase_kept(now, &now->phases[i], next))
			return err_set(e, ERR_REFUSED,
				       "a ladder only grows, and phase %zu of "
				       "order %llu is not in the new one: halt "
				       "instead",
				       i + 1, (unsigned long long)now->number);
	return 0;
}

/* ---- numbers ------------------------------------------------------------- */

static uint64_t newest_of_two(const struct order_set *orders)
{
	const struct order *wide = orders->at[ORDER_WIDE];
	const struct order *base = orders->at[ORDER_BASE];
	uint64_t newest = wide ? wide->number : 0;

	return base && base->number > newest ? base->number : newest;
}

/* One operator who runs away with the numbers is not followed. */
static bool is_within_reach(const struct order_set *orders,
			    enum order_place place)
{
	return place != ORDER_ONE ||
	       orders->at[place]->number <=
		       newest_of_two(orders) + 2 * ORDER_AHEAD;
}

uint64_t order_newest(const struct order_set *orders)
{
	const struct order *one = orders->at[ORDER_ONE];
	uint64_t newest = newest_of_two(orders);

	return one && one->number > newest && is_within_reach(orders, ORDER_ONE)
		       ? one->number
		       : newest;
}

int order_follows(const struct order_set *orders, enum order_place place,
		  const struct order *next, struct err *e)
{
	uint64_t newest = order_newest(orders);
	uint64_t most = newest + ORDER_AHEAD;

	if (place == ORDER_ONE)
		most = newest_of_two(orders) +
		       (next->kind == ORDER_HALT ? 2 : 1) * ORDER_AHEAD;
	if (next->number <= newest)
		return err_set(e, ERR_CONFLICT,
			       "order number %llu of %s comes after number "
			       "%llu: make it again from what is there",
			       (unsigned long long)next->number, next->release,
			       (unsigned long long)newest);
	if (next->number <= most)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "order number %llu of %s runs ahead: %s at most %llu",
		       (unsigned long long)next->number, next->release,
		       place == ORDER_ONE
			       ? "until two operators sign, it may be"
			       : "now it may be",
		       (unsigned long long)most);
}

/* ---- the decision -------------------------------------------------------- */

/* How far a refusal came: the one that came farthest is told. */
enum nearness {
	NEAR_NOTHING,
	NEAR_CLOSED,
	NEAR_EXPIRED,
	NEAR_COHORT,
	NEAR_OUTSIDE,
	NEAR_ONE,
	NEAR_TIME
};

struct judge {
	const struct release *release;
	const struct order_device *device;
	int64_t now, begin; /* by which ends and beginnings are judged */
	uint64_t bucket;
	uint64_t halt; /* highest number of a halt; 0: none */
	bool halted_one, halted_wide;
	enum nearness nearness;
	struct err why;
};

static void not_yet(struct judge *j, enum nearness how, const char *fmt, ...)
	PRINTF(3, 4);

static void not_yet(struct judge *j, enum nearness how, const char *fmt, ...)
{
	va_list args;

	if (how < j->nearness)
		return;
	va_start(args, fmt);
	(void)vsnprintf(j->why.msg, sizeof(j->why.msg), fmt, args);
	va_end(args);
	j->why.code = ERR_REFUSED;
	j->nearness = how;
}

static bool in_one_operator_share(const struct judge *j)
{
	const struct release *r = j->release;

	if (r->has_one_operator_limit && j->bucket <= r->one_operator_limit)
		return true;
	for (size_t i = 0; i < r->one_operator_cohort_count; i++)
		if (strcmp(r->one_operator_cohorts[i], j->device->cohort) == 0)
			return true;
	return false;
}

static void tell_outside(struct judge *j, const struct order_phase *p)
{
	char share[16], own[16];

	if (!has_cohort(p, j->device->cohort)) {
		not_yet(j, NEAR_COHORT,
			"the signed order opens %s to other cohorts, this "
			"device is in %s",
			j->release->id,
			j->device->cohort[0] ? j->device->cohort : "none");
		return;
	}
	bucket_format_share(p->limit, share);
	bucket_format_share(j->bucket, own);
	not_yet(j, NEAR_OUTSIDE,
		"the signed order opens %s of %s to %s, this device's bucket "
		"(at %s) is outside",
		share, j->device->cohort, j->release->id, own);
}

static bool phase_allows(struct judge *j, const struct order_phase *p,
			 enum order_place place, struct order_grant *out)
{
	bool listed = has_device(p, &j->device->id);
	char when[UTC_TEXT_LEN];

	if (!listed &&
	    (!has_cohort(p, j->device->cohort) || j->bucket > p->limit)) {
		tell_outside(j, p);
		return false;
	}
	if (place == ORDER_ONE && !in_one_operator_share(j)) {
		not_yet(j, NEAR_ONE,
			"one operator alone may not open %s to this device: "
			"two must sign",
			j->release->id);
		return false;
	}
	if (j->begin < p->not_before) {
		utc_format(p->not_before, when);
		not_yet(j, NEAR_TIME,
			"the signed order opens %s to this device from %s",
			j->release->id, when);
		return false;
	}
	if (p->not_after != 0 && j->now >= p->not_after) {
		utc_format(p->not_after, when);
		not_yet(j, NEAR_EXPIRED,
			"the signed order for %s closed this phase at %s",
			j->release->id, when);
		return false;
	}
	out->listed = listed;
	out->limit = p->limit;
	return true;
}

/*
 * Only what two operators signed after the halt stands above it. A halt halts
 * itself too.
 */
static bool is_halted(const struct judge *j, const struct order *o,
		      enum order_place place)
{
	if (place == ORDER_ONE)
		return j->halted_one || j->halted_wide;
	return o->number <= j->halt;
}

static bool order_opens(struct judge *j, const struct order *o,
			enum order_place place, struct order_grant *out)
{
	char when[UTC_TEXT_LEN];

	if (is_halted(j, o, place)) {
		not_yet(j, NEAR_CLOSED,
			"a signed order halts %s: only two operators open it "
			"again",
			j->release->id);
		return false;
	}
	if (o->expires != 0 && j->now >= o->expires) {
		utc_format(o->expires, when);
		not_yet(j, NEAR_EXPIRED, "the signed order for %s ended at %s",
			j->release->id, when);
		return false;
	}
	for (size_t i = 0; i < o->phase_count; i++) {
		if (!phase_allows(j, &o->phases[i], place, out))
			continue;
		out->place = place;
		out->number = o->number;
		out->phase = i;
		return true;
	}
	return false;
}

/* Does an order at this place have a say at all? */
static bool counts(const struct order_set *orders, enum order_place place)
{
	const struct order *o = orders->at[place];

	if (!o || !orders->one_expired || place == ORDER_BASE)
		return o != NULL;
	return place == ORDER_WIDE && o->kind == ORDER_HALT;
}

static void find_halts(struct judge *j, const struct order_set *orders)
{
	for (size_t i = 0; i < ORDER_PLACES; i++) {
		const struct order *o = orders->at[i];

		if (!counts(orders, (enum order_place)i) ||
		    o->kind != ORDER_HALT)
			continue;
		if (o->number > j->halt &&
		    is_within_reach(orders, (enum order_place)i))
			j->halt = o->number;
		if (i == ORDER_ONE)
			j->halted_one = true;
		else
			j->halted_wide = true;
	}
}

static void begin(struct judge *j)
{
	const struct order_device *d = j->device;

	j->now = d->clock > d->floor ? d->clock : d->floor;
	j->begin = j->now;
	/* Without a clock of its own, what the timestamp says must do. */
	if (d->clock <= d->floor && d->announced > j->begin)
		j->begin = d->announced;
	j->bucket = bucket_of(&j->release->digest, &d->id);
}

/* The rules, for whatever bucket the judge has in mind. */
static int judge_bucket(struct judge *j, const struct order_set *orders,
			struct order_grant *out, struct err *e)
{
	struct order_grant grant = { .number = 0 };
	const struct release *r = j->release;

	for (size_t i = 0; i < ORDER_PLACES; i++)
		if (orders->at[i] &&
		    order_check(orders->at[i], (enum order_place)i, r, e))
			return -1;
	find_halts(j, orders);
	not_yet(j, NEAR_NOTHING, "no signed order opens %s", r->id);
	for (size_t i = 0; i < ORDER_PLACES; i++)
		if (counts(orders, (enum order_place)i) &&
		    order_opens(j, orders->at[i], (enum order_place)i,
				&grant)) {
			*out = grant;
			return 0;
		}
	if (orders->one_expired)
		err_in(&j->why, "the operators' role rollout has expired");
	*e = j->why;
	return -1;
}

bool order_stands(const struct order_set *orders, enum order_place place)
{
	const struct order *o = orders->at[place];
	struct judge j = { .halt = 0 };

	find_halts(&j, orders);
	return o && o->kind != ORDER_HALT && !is_halted(&j, o, place);
}

int order_allows(const struct order_set *orders, const struct release *r,
		 const struct order_device *d, struct order_grant *out,
		 struct err *e)
{
	struct judge j = { .release = r, .device = d };

	begin(&j);
	return judge_bucket(&j, orders, out, e);
}

/* How far a grant goes: in one operator's order, not beyond his share. */
static uint64_t end_of(const struct judge *j, const struct order_grant *g)
{
	const struct release *r = j->release;

	for (size_t i = 0; i < r->one_operator_cohort_count; i++)
		if (strcmp(r->one_operator_cohorts[i], j->device->cohort) == 0)
			return g->limit;
	if (g->place == ORDER_ONE && r->one_operator_limit < g->limit)
		return r->one_operator_limit;
	return g->limit;
}

int order_reach(const struct order_set *orders, const struct release *r,
		const struct order_device *d, uint64_t *limit, struct err *e)
{
	struct judge j = { .release = r, .device = d };
	struct order_grant grant;
	struct err why;

	begin(&j);
	j.bucket = 0;
	if (judge_bucket(&j, orders, &grant, e))
		return -1;
	*limit = end_of(&j, &grant);
	/* Where one phase ends, another may go on; each step ends one of them.
	 */
	while (*limit < BUCKET_ALL) {
		j.bucket = *limit + 1;
		if (judge_bucket(&j, orders, &grant, &why))
			break;
		*limit = end_of(&j, &grant);
	}
	return 0;
}
