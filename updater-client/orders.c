/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/orders.h"

#include <stdio.h>
#include <string.h>

#include "common/assign.h"
#include "common/bucket.h"

/* ---- the cohort ---------------------------------------------------------- */

static int judge_assignment(struct orders *o, struct slice in, struct err *e)
{
	struct assign a, pinned = { .device = o->device.id,
				    .version = o->cohort_version,
				    .lab = o->lab };
	bool is_newer;
	struct err why = { 0 };

	memcpy(pinned.cohort, o->device.cohort, sizeof(pinned.cohort));
	if (assign_parse(in, &a, e))
		return -1;
	if (assign_judge(&a, &pinned, &is_newer, &why)) {
		/* An older one is not followed; what is pinned stands. */
		if (why.code == ERR_ROLLBACK)
			return 0;
		*e = why;
		return -1;
	}
	if (!is_newer)
		return 0;
	o->moved = true;
	memcpy(o->device.cohort, a.cohort, sizeof(o->device.cohort));
	o->cohort_version = a.version;
	o->lab = a.lab;
	return 0;
}

static int follow(struct orders *o, struct err *e)
{
	struct buf in = BUF_INIT(ASSIGN_BYTES_MAX);
	struct err why = { 0 };
	char path[PATH_MAX_LEN];
	int rc = 0;

	if (o->followed)
		return 0;
	if (assign_path(&o->device.id, path, e))
		return -1;
	if (tuf_client_document(o->client, o->from, path, ASSIGN_BYTES_MAX, &in,
				&why) == 0)
		rc = judge_assignment(o, buf_slice(&in), e);
	else if (why.code != ERR_NOT_FOUND)
		rc = -1;
	if (rc && why.code != ERR_NONE)
		*e = why;
	buf_done(&in);
	o->followed = rc == 0;
	return rc;
}

void orders_follow(struct orders *o)
{
	struct err ignored;

	if (o->staging_signed && o->enrolled && follow(o, &ignored))
		o->followed = false;
}

bool orders_lab(const struct orders *o)
{
	return o->followed && o->lab;
}

/* ---- the orders of one release ------------------------------------------- */

struct found {
	struct order at[ORDER_PLACES];
	bool has[ORDER_PLACES];
	bool one_expired; /* the file of the role rollout has */
};

static int fetch_order(struct orders *o, const struct release *r,
		       enum order_place place, struct found *f, struct err *e)
{
	struct buf in = BUF_INIT(ORDER_BYTES_MAX);
	struct err why = { 0 };
	char path[PATH_MAX_LEN];
	int rc = 0;

	if (order_path(place, r->product, r->id, path, e))
		return -1;
	if (tuf_client_document(o->client, o->from, path, ORDER_BYTES_MAX, &in,
				&why) == 0) {
		rc = order_parse(buf_slice(&in), &f->at[place], e);
		f->has[place] = rc == 0;
	} else if (why.code == ERR_EXPIRED && place == ORDER_ONE) {
		f->one_expired = true;
	} else if (why.code != ERR_NOT_FOUND) {
		*e = why;
		rc = -1;
	}
	buf_done(&in);
	return rc ? err_in(e, "orders for %s", r->id) : 0;
}

static void found_done(struct found *f)
{
	for (size_t i = 0; i < ORDER_PLACES; i++)
		if (f->has[i])
			order_done(&f->at[i]);
}

static int describe(const struct order_grant *g, const char *cohort,
		    char out[SLOT_ORDER_MAX], struct err *e)
{
	char share[16];

	if (g->listed)
		return text_format(out, SLOT_ORDER_MAX, e,
				   "%s order %llu, phase %zu: by id",
				   order_folder(g->place),
				   (unsigned long long)g->number, g->phase + 1);
	bucket_format_share(g->limit, share);
	return text_format(
		out, SLOT_ORDER_MAX, e, "%s order %llu, phase %zu: %s of %s",
		order_folder(g->place), (unsigned long long)g->number,
		g->phase + 1, share, cohort);
}

static int judge(struct orders *o, const struct release *r,
		 char opened[SLOT_ORDER_MAX], struct err *e)
{
	struct found f = { .one_expired = false };
	struct order_set set = { .one_expired = false };
	struct order_grant grant;
	int rc = -1;

	for (size_t i = 0; i < ORDER_PLACES; i++)
		if (fetch_order(o, r, (enum order_place)i, &f, e))
			goto out;
	for (size_t i = 0; i < ORDER_PLACES; i++)
		set.at[i] = f.has[i] ? &f.at[i] : NULL;
	set.one_expired = f.one_expired;
	if (order_allows(&set, r, &o->device, &grant, e))
		goto out;
	rc = describe(&grant, o->device.cohort, opened, e);
out:
	found_done(&f);
	return rc;
}

int orders_open(struct orders *o, const struct release *r,
		char opened[SLOT_ORDER_MAX], struct err *e)
{
	if (!o->staging_signed && !release_is_undo(r)) {
		opened[0] = 0;
		return 0;
	}
	if (!o->enrolled)
		return err_set(e, ERR_REFUSED,
			       "%s needs a signed order, and those are for "
			       "enrolled devices: enroll first",
			       r->id);
	if (strcmp(o->asked, r->id) != 0 ||
	    !sha256_equal(&o->asked_digest, &r->digest)) {
		o->verdict = (struct err){ .code = ERR_NONE };
		memcpy(o->asked, r->id, sizeof(o->asked));
		o->asked_digest = r->digest;
		if (follow(o, &o->verdict) == 0)
			(void)judge(o, r, o->opened, &o->verdict);
	}
	if (o->verdict.code != ERR_NONE) {
		*e = o->verdict;
		return -1;
	}
	memcpy(opened, o->opened, SLOT_ORDER_MAX);
	return 0;
}
