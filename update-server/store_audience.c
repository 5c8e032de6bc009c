/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a rollout is for: devices that are members of it, counted and listed. */
#include <stdlib.h>
#include <string.h>

#include "common/bucket.h"
#include "common/mem.h"

#include "update-server/store_db.h"

#define MEMBERS_MAX (16u << 20)

/* What decides who is meant; a release's version is looked up only where a
 * selector may ask for it. */
#define MEMBERS                                                                \
	"SELECT id, model, cohort, release, seq, digest, enrolled, last_seen," \
	" updater, posture_known, posture_yes, lab,"                           \
	" pin, hardware, blocked, first_use, "
#define OF_PRODUCT " FROM device WHERE product = ? AND revoked = 0"
#define ITS_VERSION                                                            \
	"(SELECT version FROM release l WHERE l.product = device.product"      \
	" AND l.id = device.release)"

static struct sql_query *query_members(struct store *s, const struct stage *r)
{
	return sql_query(s->db,
			 r->selector.count > 0 ? MEMBERS ITS_VERSION OF_PRODUCT
					       : MEMBERS "NULL" OF_PRODUCT,
			 SQL_BIND(sql_text(r->what.product)));
}

static void read_member(struct sql_query *q, const struct stage *r,
			struct rollout_device *d)
{
	memset(d, 0, sizeof(*d));
	memcpy(d->product, r->what.product, sizeof(d->product));
	sql_get_blob(q, 0, d->id.bytes, DEVICE_ID_LEN);
	sql_get_text(q, 1, d->model, sizeof(d->model));
	sql_get_text(q, 2, d->cohort, sizeof(d->cohort));
	d->has_release = !sql_get_null(q, 3);
	sql_get_text(q, 3, d->release, sizeof(d->release));
	d->seq = (uint64_t)sql_get_int(q, 4);
	sql_get_blob(q, 5, d->digest.bytes, SHA256_LEN);
	d->enrolled = sql_get_int(q, 6);
	sql_get_text(q, 8, d->updater, sizeof(d->updater));
	d->posture.known = (uint32_t)sql_get_int(q, 9);
	d->posture.yes = (uint32_t)sql_get_int(q, 10);
	d->lab = sql_get_int(q, 11) != 0;
	rollout_keep_to(d, sql_get_int(q, 14) != 0, !sql_get_null(q, 12),
			(uint64_t)sql_get_int(q, 12));
	sql_get_text(q, 13, d->hardware, sizeof(d->hardware));
	rollout_hear(d, (enum wire_first_use)sql_get_int(q, 15));
	sql_get_text(q, 16, d->version, sizeof(d->version));
}

/* An undo's phases are of those that run what it undoes, few as they may be. */
static bool is_member(const struct stage *r, const struct rollout_device *d)
{
	return stage_concerns(r, d) && !rollout_is_pinned(&r->what, d) &&
	       (!r->is_undo ||
		(d->has_release && sha256_equal(&d->digest, &r->undo_of)));
}

struct members {
	const struct stage *r;
	uint64_t *buckets;
	size_t count, room;
};

static void take_member(struct members *m, const struct device_id *id)
{
	if (m->count == m->room) {
		m->room = m->room ? 2 * m->room : 1024;
		m->buckets = mem_resize(m->buckets, m->room, sizeof(uint64_t));
	}
	m->buckets[m->count++] = bucket_of(&m->r->what.digest, id);
}

static int read_buckets(struct store *s, struct members *m, struct err *e)
{
	struct rollout_device d;
	struct sql_query *q = query_members(s, m->r);

	while (m->count < MEMBERS_MAX && sql_next(q)) {
		read_member(q, m->r, &d);
		if (is_member(m->r, &d))
			take_member(m, &d.id);
	}
	return sql_end(q, e);
}

int store_rollout_buckets(struct store *s, const struct stage *r,
			  uint64_t **buckets, size_t *count, struct err *e)
{
	struct members m = { .r = r };
	int rc;

	store_lock(s);
	rc = store_unlock(s, read_buckets(s, &m, e));
	*buckets = m.buckets;
	*count = m.count;
	return rc;
}

int store_rollout_plan(struct store *s, const struct rollout *r, uint32_t share,
		       struct store_opening *out, struct err *e)
{
	struct stage *of = mem_alloc(1, sizeof(*of));
	struct store_opening o = { 0 };
	uint64_t *buckets = NULL;
	size_t count = 0;
	int rc;

	of->what = *r;
	rc = store_rollout_buckets(s, of, &buckets, &count, e);
	if (rc == 0)
		rc = rollout_limit(buckets, count, share, &o.limit, e);
	if (rc == 0) {
		o.population = count;
		for (size_t i = 0; i < count; i++)
			o.opened += buckets[i] <= o.limit;
		*out = o;
	}
	free(buckets);
	free(of);
	return rc;
}

/* Not of its cohorts, or of its cohorts and of another model. */
static void add_other(const struct stage *r, struct store_audience *a,
		      const struct rollout_device *d)
{
	const struct rollout *w = &r->what;
	const char *model = w->model_count ? w->models[0] : d->model;

	if (rollout_concerns(w, d->product, model, d->cohort))
		a->other_model++;
	else
		a->other_cohort++;
}

static void add_to_audience(const struct stage *r, struct store_audience *a,
			    const struct rollout_device *d, bool silent)
{
	if (!rollout_concerns(&r->what, d->product, d->model, d->cohort)) {
		add_other(r, a, d);
		return;
	}
	if (!rollout_fits(&r->what, d)) {
		a->other_hardware++;
		return;
	}
	if (!rollout_selects(&r->selector, d)) {
		a->unselected++;
		return;
	}
	if (r->what.lab_only && !d->lab) {
		a->no_lab++;
		return;
	}
	if (!stage_concerns(r, d)) {
		a->excluded++;
		return;
	}
	if (rollout_is_pinned(&r->what, d)) {
		a->blocked += d->blocked;
		a->pinned += !d->blocked;
		return;
	}
	if (!is_member(r, d)) {
		a->not_undone++;
		return;
	}
	a->devices++;
	a->newer += d->seq >= r->what.seq && !r->what.step_back;
	a->on_seq += d->has_release && d->seq == a->of_seq;
	a->silent += silent;
	a->young += d->enrolled > a->enrolled_after;
	a->clockless +=
		(d->posture.known & ~d->posture.yes) >> POSTURE_HARDWARE_CLOCK &
		1;
}

int store_rollout_audience(struct store *s, const struct stage *r,
			   struct store_audience *out, struct err *e)
{
	struct store_audience a = { .enrolled_after = out->enrolled_after,
				    .of_seq = out->of_seq };
	struct rollout_device d;
	struct sql_query *q;
	int rc;

	store_lock(s);
	q = query_members(s, r);
	while (sql_next(q)) {
		read_member(q, r, &d);
		add_to_audience(r, &a, &d, sql_get_int(q, 7) == 0);
	}
	rc = store_unlock(s, sql_end(q, e));
	if (rc == 0)
		*out = a;
	return rc;
}

/* ---- what they run --------------------------------------------------------
 */

/* How many run what; few releases, so a list will do. */
struct running {
	struct running_release {
		char id[NAME_MAX_LEN + 1];
		uint64_t devices;
	} * at;
	size_t count;
};

static void add_running(struct running *all, const char *id)
{
	struct running_release *r;
	size_t i = 0;

	while (i < all->count && strcmp(all->at[i].id, id) != 0)
		i++;
	if (i == all->count) {
		all->at = mem_resize(all->at, i + 1, sizeof(*all->at));
		r = &all->at[all->count++];
		memset(r, 0, sizeof(*r));
		memcpy(r->id, id, strlen(id));
	}
	all->at[i].devices++;
}

static int compare_running(const void *a, const void *b)
{
	const struct running_release *x = a, *y = b;

	return (x->devices < y->devices) - (x->devices > y->devices);
}

int store_rollout_from(struct store *s, const struct stage *r,
		       void (*visit)(void *ctx, const char *release,
				     uint64_t devices),
		       void *ctx, struct err *e)
{
	struct running all = { .count = 0 };
	struct rollout_device d;
	struct sql_query *q;
	int rc;

	store_lock(s);
	q = query_members(s, r);
	while (sql_next(q)) {
		read_member(q, r, &d);
		if (d.seq < r->what.seq && is_member(r, &d))
			add_running(&all, d.release);
	}
	rc = store_unlock(s, sql_end(q, e));
	if (all.count > 0)
		qsort(all.at, all.count, sizeof(*all.at), compare_running);
	for (size_t i = 0; rc == 0 && i < all.count; i++)
		visit(ctx, all.at[i].id, all.at[i].devices);
	free(all.at);
	return rc;
}
