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
#include "common/mem.h"
#include "common/opt.h"
#include "common/order_draft.h"
#include "signer/commands.h"
#include "signer/document.h"
#include "signer/listing.h"

struct asked {
	struct report out;
	bool lab;
	const char *repo, *product, *id, *device;
	struct order_ask order;
};

struct orders {
	struct repo *repo;
	const struct order_ask *asked;
	struct release release;
	struct order at[ORDER_PLACES];
	struct order_set set; /* of those in `at` that there are */
};

/* ---- what there is ------------------------------------------------------- */

static int find_release(const struct repo *r, const char *product,
			const char *id, struct release *out, struct err *e)
{
	const struct repo_role *nightly = repo_role(r, "nightly");
	char role[ROLE_NAME_LEN];

	if (repo_role_of(r, product, role, e))
		return -1;
	if (listing_full(repo_current(repo_role(r, role)), product, id, out,
			 e) == 0)
		return 0;
	if (e->code != ERR_NOT_FOUND || !nightly)
		return -1;
	return listing_full(repo_current(nightly), product, id, out, e);
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
		o->set.at[place] = &o->at[place];
		rc = order_check(&o->at[place], place, &o->release, e);
	}
	json_free(j);
	buf_done(&bytes);
	return rc ? err_in(e, "%s", path) : 0;
}

static void orders_done(struct orders *o)
{
	for (size_t i = 0; i < ORDER_PLACES; i++)
		if (o->set.at[i])
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
	struct order new;

	order_draft_halt(&o->set, &o->release, o->asked->now, &new);
	return put_order(o, order_ask_place(o->asked), &new, out, e);
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

/* ---- open, baseline ------------------------------------------------------ */

static void say_phase(const struct order_phase *p, struct report *out)
{
	char share[16];

	bucket_format_share(p->limit, share);
	report_line(out, "opens %s of its cohorts, and %zu listed devices",
		    share, p->device_count);
}

static int open_order(struct orders *o, struct report *out, struct err *e)
{
	struct order new;
	int rc = -1;

	if (order_draft_open(&o->set, &o->release, o->asked, &new, e))
		return -1;
	if (put_order(o, order_ask_place(o->asked), &new, out, e) == 0) {
		say_phase(&new.phases[new.phase_count - 1], out);
		rc = halt_undone(o, out, e);
	}
	order_done(&new);
	return rc;
}

static int drop_if_replaced(struct orders *o, const struct order *next,
			    const char *path, struct report *out, struct err *e)
{
	struct buf bytes = BUF_INIT(ORDER_BYTES_MAX);
	struct json *j = NULL;
	struct order former;
	int rc = -1;

	if (document_get(o->repo, ORDER_ROLE_WIDE, path, &j, e) ||
	    json_canonical(j, &bytes, e) ||
	    order_parse(buf_slice(&bytes), &former, e))
		goto out;
	rc = 0;
	if (order_draft_replaces(next, &former)) {
		rc = document_remove(o->repo, ORDER_ROLE_WIDE, path,
				     o->asked->now, out, e);
		report_line(out, "takes the place of %s", path);
	}
	order_done(&former);
out:
	json_free(j);
	buf_done(&bytes);
	return rc ? err_in(e, "%s", path) : 0;
}

/* Former baselines of the product whose cohorts have a newer one now. */
static int drop_former(struct orders *o, const struct order *next,
		       struct report *out, struct err *e)
{
	const struct repo_role *held = repo_role(o->repo, ORDER_ROLE_WIDE);
	/* What is listed changes while it is looked through. */
	struct json *list = json_clone(json_get(repo_current(held), "targets"));
	char prefix[PATH_MAX_LEN], own[PATH_MAX_LEN];
	int rc = text_format(prefix, sizeof(prefix), e, "%s/%s/",
			     order_folder(ORDER_BASE), next->product) ||
				 order_path(ORDER_BASE, next->product,
					    next->release, own, e)
			 ? -1
			 : 0;

	for (void *m = json_first(list); rc == 0 && m; m = json_next(list, m))
		if (strncmp(json_name(m), prefix, strlen(prefix)) == 0 &&
		    strcmp(json_name(m), own) != 0)
			rc = drop_if_replaced(o, next, json_name(m), out, e);
	json_free(list);
	return rc;
}

static int baseline(struct orders *o, struct report *out, struct err *e)
{
	struct order new;
	int rc;

	if (order_draft_passed(&o->set, &o->release, o->asked, e) ||
	    order_draft_baseline(&o->set, &o->release, o->asked, &new, e))
		return -1;
	rc = put_order(o, ORDER_BASE, &new, out, e) ||
			     drop_former(o, &new, out, e)
		     ? -1
		     : 0;
	order_done(&new);
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
	struct assign to = { .issued = a->order.now, .lab = a->lab };
	struct buf bytes = BUF_INIT(ASSIGN_BYTES_MAX);
	struct json *j = NULL;
	char path[PATH_MAX_LEN];
	int rc = -1;

	if (!a->device || a->order.cohorts.count != 1 ||
	    !name_is_valid(slice_of(a->order.cohorts.at[0])) ||
	    hex_parse(slice_of(a->device), to.device.bytes, DEVICE_ID_LEN, e))
		return err_set(e, ERR_USAGE,
			       "--device ID and one --cohort are needed");
	memcpy(to.cohort, a->order.cohorts.at[0],
	       strlen(a->order.cohorts.at[0]) + 1);
	if (assign_path(&to.device, path, e) == 0 &&
	    next_version(r, path, &to.version, e) == 0 &&
	    assign_format(&to, &bytes, e) == 0 &&
	    json_parse(buf_slice(&bytes), &j, e) == 0)
		rc = document_put(
			r, &(struct document){ ORDER_ROLE_WIDE, path, j },
			a->order.now, out, e);
	if (rc == 0)
		report_line(out, "staged: %s to %s, version %llu%s", a->device,
			    to.cohort, (unsigned long long)to.version,
			    to.lab ? ", a lab device" : "");
	json_free(j);
	buf_done(&bytes);
	return rc;
}

/* ---- commands ------------------------------------------------------------ */

typedef int order_act(struct orders *o, struct report *out, struct err *e);

static int act(struct asked *a, order_act *what, struct err *e)
{
	struct orders o = { .asked = &a->order };
	struct repo r;
	int rc = -1;

	if (what && (!a->product || !a->id))
		return err_set(e, ERR_USAGE,
			       "--product and --release are needed");
	if (repo_open(a->repo, REPO_WRITE, &r, e))
		return -1;
	o.repo = &r;
	a->order.now = utc_now();
	a->order.production = r.environment == ENV_PRODUCTION;
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
	struct asked a = { .repo = NULL };
	const struct opt opts[] = {
		RELEASE_OPTIONS(&a),
		ORDER_ASK_OPTIONS(&a.order),
		OPT_END,
	};

	return run(argc, argv, opts, &a, open_order, e);
}

int cmd_order_baseline(int argc, char **argv, struct err *e)
{
	struct asked a = { .repo = NULL };
	const struct opt opts[] = {
		RELEASE_OPTIONS(&a),
		OPT_LIST("cohort", "C", &a.order.cohorts, "whole cohorts"),
		OPT_NUMBER("days", "N", &a.order.days, 400,
			   "life of the order (that of its role)"),
		OPT_END,
	};

	return run(argc, argv, opts, &a, baseline, e);
}

int cmd_order_halt(int argc, char **argv, struct err *e)
{
	struct asked a = { .repo = NULL };
	const struct opt opts[] = {
		RELEASE_OPTIONS(&a),
		OPT_FLAG("wide", &a.order.wide,
			 "signed by two: as firm as a baseline"),
		OPT_END,
	};

	return run(argc, argv, opts, &a, halt, e);
}

int cmd_order_assign(int argc, char **argv, struct err *e)
{
	struct asked a = { .repo = NULL };
	const struct opt opts[] = {
		OPT_TEXT("device", "ID", &a.device, "which device"),
		OPT_LIST("cohort", "C", &a.order.cohorts, "its new cohort"),
		OPT_FLAG("lab", &a.lab, "it takes nightly builds, too"),
		OPT_FLAG("json", &a.out.json, "print JSON"),
		OPT_END,
	};

	return run(argc, argv, opts, &a, NULL, e);
}
