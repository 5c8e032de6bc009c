/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_order - the operators' part: rollout orders and assignments are staged
 * here as documents of the roles rollout and rollout-wide, then signed, merged
 * and published like everything else.
 *
 * A ladder is grown by one phase per `order open`, so it cannot shrink. What
 * the release engineers signed says which content an order is for.
 */
#include <stdlib.h>
#include <string.h>

#include "common/assign.h"
#include "common/bucket.h"
#include "common/chance.h"
#include "common/mem.h"
#include "common/opt.h"
#include "common/order.h"
#include "common/utc.h"
#include "signer/commands.h"
#include "signer/document.h"
#include "signer/listing.h"

#define STAGED_DAYS 30

struct asked {
	struct report out;
	const char *repo, *product, *id, *limit, *share, *not_before,
		*not_after, *device;
	struct opt_list cohorts, devices;
	uint64_t days, fleet;
	bool wide, emergency;
	int64_t now;
};

struct orders {
	struct repo *repo;
	const struct asked *asked;
	struct release release;
	struct order at[ORDER_PLACES];
	bool has[ORDER_PLACES];
};

/* ---- what there is ------------------------------------------------------- */

static int find_release(const struct repo *r, const char *product,
			const char *id, struct release *out, struct err *e)
{
	char role[ROLE_NAME_LEN];

	return repo_role_of(r, product, role, e) ||
			       listing_full(repo_current(repo_role(r, role)),
					    product, id, out, e)
		       ? -1
		       : 0;
}

static int read_order(struct orders *o, enum order_place place, struct err *e)
{
	struct buf bytes = BUF_INIT(ORDER_BYTES_MAX);
	struct json *j = NULL;
	struct err why = { 0 };
	char path[PATH_MAX_LEN];
	int rc = -1;

	if (!repo_role(o->repo, order_role(place)))
		return 0;
	if (order_path(place, o->release.product, o->release.id, path, e))
		return -1;
	if (document_get(o->repo, order_role(place), path, &j, &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	if (json_canonical(j, &bytes, e) == 0 &&
	    order_parse(buf_slice(&bytes), &o->at[place], e) == 0) {
		o->has[place] = true;
		rc = order_check(&o->at[place], place, &o->release, e);
	}
	json_free(j);
	buf_done(&bytes);
	return rc ? err_in(e, "%s", path) : 0;
}

static void orders_done(struct orders *o)
{
	for (size_t i = 0; i < ORDER_PLACES; i++)
		if (o->has[i])
			order_done(&o->at[i]);
	release_done(&o->release);
}

/* All orders of one release; end with orders_done() in any case. */
static int orders_find(struct orders *o, const char *product, const char *id,
		       struct err *e)
{
	if (find_release(o->repo, product, id, &o->release, e))
		return -1;
	for (size_t i = 0; i < ORDER_PLACES; i++)
		if (read_order(o, (enum order_place)i, e))
			return -1;
	return 0;
}

static uint64_t next_number(const struct orders *o)
{
	struct order_set set = { .at = { NULL } };

	for (size_t i = 0; i < ORDER_PLACES; i++)
		set.at[i] = o->has[i] ? &o->at[i] : NULL;
	return order_newest(&set) + 1;
}

static struct order begin_order(const struct orders *o, enum order_kind kind)
{
	struct order new = { .kind = kind,
			     .digest = o->release.digest,
			     .number = next_number(o),
			     .issued = o->asked->now };

	memcpy(new.product, o->release.product, sizeof(new.product));
	memcpy(new.release, o->release.id, sizeof(new.release));
	return new;
}

static int put_order(struct orders *o, enum order_place place,
		     const struct order *new, struct report *out, struct err *e)
{
	struct buf bytes = BUF_INIT(ORDER_BYTES_MAX);
	struct json *j = NULL;
	struct order again;
	char path[PATH_MAX_LEN];
	int rc = -1;

	/* What a device would not read is not signed. */
	if (order_path(place, new->product, new->release, path, e) ||
	    order_format(new, &bytes, e) ||
	    order_parse(buf_slice(&bytes), &again, e))
		goto out;
	order_done(&again);
	if (json_parse(buf_slice(&bytes), &j, e) == 0)
		rc = document_put(
			o->repo,
			&(struct document){ order_role(place), path, j },
			o->asked->now, out, e);
	if (rc == 0)
		report_line(out, "staged: %s, a %s order, number %llu", path,
			    order_kind_name(new->kind),
			    (unsigned long long)new->number);
out:
	json_free(j);
	buf_done(&bytes);
	return rc;
}

/* ---- halt ---------------------------------------------------------------- */

static int halt(struct orders *o, struct report *out, struct err *e)
{
	enum order_place place = o->asked->wide ? ORDER_WIDE : ORDER_ONE;
	struct order new = begin_order(o, ORDER_HALT);

	return put_order(o, place, &new, out, e);
}

/* Opening the way back closes the way there, with the same signature. */
static int halt_undone(struct orders *o, struct report *out, struct err *e)
{
	struct orders bad = { .repo = o->repo, .asked = o->asked };
	int rc = -1;

	if (!release_is_undo(&o->release))
		return 0;
	if (orders_find(&bad, o->release.product, o->release.undo_of, e) == 0)
		rc = halt(&bad, out, e);
	orders_done(&bad);
	return rc;
}

/* ---- phases -------------------------------------------------------------- */

static int read_time(const char *text, const char *what, int64_t *out,
		     struct err *e)
{
	if (text && utc_parse(slice_of(text), out, e)) {
		e->code = ERR_USAGE;
		return err_in(e, "--%s (as 2026-12-24T06:00:00Z)", what);
	}
	return 0;
}

/* The server's limit is believed as far as chance allows. */
static int read_limit(const struct asked *a, uint64_t *limit, struct err *e)
{
	uint32_t share = BUCKET_SHARE_ALL;

	if (a->share && bucket_parse_share(a->share, &share, e))
		return err_in(e, "--share");
	*limit = bucket_limit_of(share);
	if (!a->limit)
		return 0;
	if (!a->share || a->fleet == 0)
		return err_set(e, ERR_USAGE,
			       "--limit wants --share and --devices, to be "
			       "compared with");
	if (bucket_parse_limit(slice_of(a->limit), limit, e)) {
		e->code = ERR_USAGE;
		return err_in(e, "--limit");
	}
	return chance_check(*limit, share, a->fleet, e);
}

static int read_members(const struct asked *a, struct order_phase *p,
			struct err *e)
{
	if (a->cohorts.count > ORDER_COHORTS_MAX ||
	    a->cohorts.count + a->devices.count == 0)
		return err_set(e, ERR_USAGE,
			       "1 to %d --cohort, or --device ID, are needed",
			       ORDER_COHORTS_MAX);
	for (size_t i = 0; i < a->cohorts.count; i++) {
		if (!name_is_valid(slice_of(a->cohorts.at[i])))
			return err_set(e, ERR_USAGE, "--cohort: not a name");
		memcpy(p->cohorts[p->cohort_count++], a->cohorts.at[i],
		       strlen(a->cohorts.at[i]) + 1);
	}
	if (a->devices.count == 0)
		return 0;
	p->devices = mem_alloc(a->devices.count, sizeof(*p->devices));
	for (size_t i = 0; i < a->devices.count; i++)
		if (hex_parse(slice_of(a->devices.at[i]),
			      p->devices[p->device_count++].bytes,
			      DEVICE_ID_LEN, e)) {
			e->code = ERR_USAGE;
			return err_in(e, "--device");
		}
	return 0;
}

static int read_phase(const struct asked *a, struct order_phase *p,
		      struct err *e)
{
	p->not_before = a->now;
	p->emergency = a->emergency;
	return read_members(a, p, e) || read_limit(a, &p->limit, e) ||
			       read_time(a->not_before, "not-before",
					 &p->not_before, e) ||
			       read_time(a->not_after, "not-after",
					 &p->not_after, e)
		       ? -1
		       : 0;
}

/* ---- open, baseline ------------------------------------------------------ */

static int check_halts(const struct orders *o, enum order_place place,
		       struct err *e)
{
	bool halted =
		(o->has[ORDER_ONE] && o->at[ORDER_ONE].kind == ORDER_HALT) ||
		(o->has[ORDER_WIDE] && o->at[ORDER_WIDE].kind == ORDER_HALT);

	if (place == ORDER_ONE && halted)
		return err_set(e, ERR_REFUSED,
			       "%s is halted: only two operators open it "
			       "again (--wide)",
			       o->release.id);
	return 0;
}

/* The former ladder with one more phase; borrows the former ones. */
static int grow(const struct orders *o, enum order_place place,
		const struct order_phase *added, struct order *new,
		struct err *e)
{
	const struct order *now = o->has[place] ? &o->at[place] : NULL;
	size_t before = now ? now->phase_count : 0;

	if (before == ORDER_PHASES_MAX)
		return err_set(e, ERR_LIMIT, "an order has at most %d phases",
			       ORDER_PHASES_MAX);
	new->phases = mem_alloc(before + 1, sizeof(*new->phases));
	if (before > 0)
		memcpy(new->phases, now->phases, before * sizeof(*now->phases));
	new->phases[before] = *added;
	new->phase_count = before + 1;
	return 0;
}

static void say_phase(const struct order_phase *p, struct report *out)
{
	char share[16];

	bucket_format_share(p->limit, share);
	report_line(out, "opens %s of its cohorts, and %zu listed devices",
		    share, p->device_count);
}

static int open_order(struct orders *o, struct report *out, struct err *e)
{
	enum order_place place = o->asked->wide ? ORDER_WIDE : ORDER_ONE;
	struct order new = begin_order(o, ORDER_STAGED);
	struct order_phase phase = { .limit = 0 };
	int rc = -1;

	new.expires = o->asked->now +
		      (int64_t)(o->asked->days ? o->asked->days : STAGED_DAYS) *
			      UTC_DAY;
	if (check_halts(o, place, e) == 0 &&
	    read_phase(o->asked, &phase, e) == 0 &&
	    grow(o, place, &phase, &new, e) == 0 &&
	    put_order(o, place, &new, out, e) == 0) {
		say_phase(&phase, out);
		rc = halt_undone(o, out, e);
	}
	free(phase.devices);
	free(new.phases);
	return rc;
}

static int baseline(struct orders *o, struct report *out, struct err *e)
{
	struct order new = begin_order(o, ORDER_BASELINE);
	struct order_phase phase = { .limit = BUCKET_ALL,
				     .not_before = o->asked->now };
	int rc = -1;

	if (o->asked->days > 0)
		new.expires = o->asked->now + (int64_t)o->asked->days *UTC_DAY;
	new.phases = &phase;
	new.phase_count = 1;
	if (read_members(o->asked, &phase, e) == 0)
		rc = put_order(o, ORDER_BASE, &new, out, e);
	free(phase.devices);
	return rc;
}

/* ---- assign -------------------------------------------------------------- */

static int next_version(const struct repo *r, const char *path, uint64_t *out,
			struct err *e)
{
	struct json *j = NULL;
	struct err why = { 0 };

	*out = 1;
	if (document_get(r, ORDER_ROLE_WIDE, path, &j, &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	*out = (uint64_t)json_int(json_get(j, "version")) + 1;
	json_free(j);
	return 0;
}

static int assign(struct repo *r, const struct asked *a, struct report *out,
		  struct err *e)
{
	struct assign to = { .issued = a->now };
	struct buf bytes = BUF_INIT(ASSIGN_BYTES_MAX);
	struct json *j = NULL;
	char path[PATH_MAX_LEN];
	int rc = -1;

	if (!a->device || a->cohorts.count != 1 ||
	    !name_is_valid(slice_of(a->cohorts.at[0])) ||
	    hex_parse(slice_of(a->device), to.device.bytes, DEVICE_ID_LEN, e))
		return err_set(e, ERR_USAGE,
			       "--device ID and one --cohort are needed");
	memcpy(to.cohort, a->cohorts.at[0], strlen(a->cohorts.at[0]) + 1);
	if (assign_path(&to.device, path, e) == 0 &&
	    next_version(r, path, &to.version, e) == 0 &&
	    assign_format(&to, &bytes, e) == 0 &&
	    json_parse(buf_slice(&bytes), &j, e) == 0)
		rc = document_put(
			r, &(struct document){ ORDER_ROLE_WIDE, path, j },
			a->now, out, e);
	if (rc == 0)
		report_line(out, "staged: %s to %s, version %llu", a->device,
			    to.cohort, (unsigned long long)to.version);
	json_free(j);
	buf_done(&bytes);
	return rc;
}

/* ---- commands ------------------------------------------------------------ */

typedef int order_act(struct orders *o, struct report *out, struct err *e);

static int act(struct asked *a, order_act *what, struct err *e)
{
	struct orders o = { .asked = a };
	struct repo r;
	int rc = -1;

	if (what && (!a->product || !a->id))
		return err_set(e, ERR_USAGE,
			       "--product and --release are needed");
	if (repo_open(a->repo, REPO_WRITE, &r, e))
		return -1;
	o.repo = &r;
	a->now = utc_now();
	if (!what)
		rc = assign(&r, a, &a->out, e);
	else if (orders_find(&o, a->product, a->id, e) == 0)
		rc = what(&o, &a->out, e);
	orders_done(&o);
	repo_close(&r);
	return rc;
}

static int run(int argc, char **argv, const struct opt *opts, struct asked *a,
	       order_act *what, struct err *e)
{
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 1) {
		a->repo = operands[0];
		rc = act(a, what, e);
	} else {
		rc = err_set(e, ERR_USAGE, "one REPO is needed");
	}
	return report_end(&a->out, rc, e);
}

#define RELEASE_OPTIONS(a)                                                     \
	OPT_TEXT("product", "P", &(a)->product, "which product"),              \
		OPT_TEXT("release", "ID", &(a)->id, "which release"),          \
		OPT_FLAG("json", &(a)->out.json, "print JSON")

int cmd_order_open(int argc, char **argv, struct err *e)
{
	struct asked a = { .days = 0 };
	const struct opt opts[] = {
		RELEASE_OPTIONS(&a),
		OPT_FLAG("wide", &a.wide, "two operators sign, no share binds"),
		OPT_LIST("cohort", "C", &a.cohorts, "to whom"),
		OPT_LIST("device", "ID", &a.devices, "to this one as well"),
		OPT_TEXT("share", "PERCENT", &a.share, "of them (100)"),
		OPT_TEXT("limit", "HEX", &a.limit,
			 "the bucket limit that the server planned for it"),
		OPT_NUMBER("devices", "N", &a.fleet, CHANCE_DEVICES_MAX,
			   "how many devices that was planned for"),
		OPT_TEXT("not-before", "UTC", &a.not_before, "(at once)"),
		OPT_TEXT("not-after", "UTC", &a.not_after, "(at the end)"),
		OPT_NUMBER("days", "N", &a.days, 31, "life of the order (30)"),
		OPT_FLAG("emergency", &a.emergency, "the server may not wait"),
		OPT_END,
	};

	return run(argc, argv, opts, &a, open_order, e);
}

int cmd_order_baseline(int argc, char **argv, struct err *e)
{
	struct asked a = { .days = 0 };
	const struct opt opts[] = {
		RELEASE_OPTIONS(&a),
		OPT_LIST("cohort", "C", &a.cohorts, "whole cohorts"),
		OPT_NUMBER("days", "N", &a.days, 400,
			   "life of the order (that of its role)"),
		OPT_END,
	};

	return run(argc, argv, opts, &a, baseline, e);
}

int cmd_order_halt(int argc, char **argv, struct err *e)
{
	struct asked a = { .days = 0 };
	const struct opt opts[] = {
		RELEASE_OPTIONS(&a),
		OPT_FLAG("wide", &a.wide,
			 "signed by two: as firm as a baseline"),
		OPT_END,
	};

	return run(argc, argv, opts, &a, halt, e);
}

int cmd_order_assign(int argc, char **argv, struct err *e)
{
	struct asked a = { .days = 0 };
	const struct opt opts[] = {
		OPT_TEXT("device", "ID", &a.device, "which device"),
		OPT_LIST("cohort", "C", &a.cohorts, "its new cohort"),
		OPT_FLAG("json", &a.out.json, "print JSON"),
		OPT_END,
	};

	return run(argc, argv, opts, &a, NULL, e);
}
