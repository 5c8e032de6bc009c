/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a rollout is for: devices that are members of it, counted and listed. */
#include "update-server/store_audience.h"

#include <stdlib.h>
#include <string.h>

#include "common/bucket.h"
#include "common/mem.h"

#include "update-server/store_db.h"

#define MEMBERS_MAX (16u << 20)

/* ---- the fleet, a page at a time ------------------------------------------
 */

/* What decides who is meant; a release's version is looked up only where a
 * selector may ask for it. */
#define MEMBERS                                                                \
	"SELECT id, model, cohort, release, seq, digest, enrolled, last_seen," \
	" updater, posture_known, posture_yes, lab,"                           \
	" pin, hardware, blocked, first_use, revoked, "
/* Whoever is revoked is passed over here and not there: a page is so many rows,
 * and not as many as it takes to find so many. */
#define A_PAGE " FROM device WHERE product = ? AND id > ? ORDER BY id LIMIT ?"
#define ITS_VERSION                                                            \
	"(SELECT version FROM release l WHERE l.product = device.product"      \
	" AND l.id = device.release)"

struct member {
	struct rollout_device d;
	bool silent; /* it never came */
};

struct page {
	const struct stage *r;
	struct device_id last;
	size_t rows, count;
	struct member at[STORE_PAGE_MAX];
};

static struct sql_query *query_members(struct store *s, const struct page *p)
{
	return sql_query(
		s->db,
		p->r->selector.count > 0 ? MEMBERS ITS_VERSION A_PAGE
					 : MEMBERS "NULL" A_PAGE,
		SQL_BIND(sql_text(p->r->what.product),
			 p->rows ? sql_device(&p->last) : sql_blob("", 0),
			 sql_int(STORE_PAGE_MAX)));
}

static void read_member(struct sql_query *q, const char *product,
			struct member *m)
{
	struct rollout_device *d = &m->d;

	memset(m, 0, sizeof(*m));
	sql_get_blob(q, 0, d->id.bytes, DEVICE_ID_LEN);
	sql_get_text(q, 1, d->model, sizeof(d->model));
	sql_get_text(q, 2, d->cohort, sizeof(d->cohort));
	d->has_release = !sql_get_null(q, 3);
	sql_get_text(q, 3, d->release, sizeof(d->release));
	d->seq = (uint64_t)sql_get_int(q, 4);
	sql_get_blob(q, 5, d->digest.bytes, SHA256_LEN);
	d->enrolled = sql_get_int(q, 6);
	m->silent = sql_get_int(q, 7) == 0;
	sql_get_text(q, 8, d->updater, sizeof(d->updater));
	d->posture.known = (uint32_t)sql_get_int(q, 9);
	d->posture.yes = (uint32_t)sql_get_int(q, 10);
	d->lab = sql_get_int(q, 11) != 0;
	rollout_keep_to(d, sql_get_int(q, 14) != 0, !sql_get_null(q, 12),
			(uint64_t)sql_get_int(q, 12));
	sql_get_text(q, 13, d->hardware, sizeof(d->hardware));
	rollout_hear(d, (enum wire_first_use)sql_get_int(q, 15));
	memcpy(d->product, product, strlen(product));
	sql_get_text(q, 17, d->version, sizeof(d->version));
}

static int read_page(struct store *s, struct page *p, struct err *e)
{
	struct sql_query *q;
	size_t rows = 0;

	store_lock_in_turn(s);
	q = query_members(s, p);
	p->count = 0;
	while (rows < STORE_PAGE_MAX && sql_next(q)) {
		struct member *m = &p->at[p->count];

		read_member(q, p->r->what.product, m);
		p->last = m->d.id;
		p->count += sql_get_int(q, 16) == 0;
		rows++;
	}
	p->rows = rows;
	return store_unlock(s, sql_end(q, e));
}

/*
 * Every device of the rollout's product. Devices check in between the pages, so
 * whoever changes or comes meanwhile is seen as before or as after it.
 */
static int each_of_product(struct store *s, const struct stage *r,
			   void (*visit)(void *ctx, const struct member *m),
			   void *ctx, struct err *e)
{
	struct page *p = mem_alloc(1, sizeof(*p));
	int rc;

	p->r = r;
	do {
		rc = read_page(s, p, e);
		for (size_t i = 0; rc == 0 && i < p->count; i++)
			visit(ctx, &p->at[i]);
	} while (rc == 0 && p->rows == STORE_PAGE_MAX);
	free(p);
	return rc;
}

struct members {
	const struct stage *r;
	bool all; /* also those that have it */
	uint64_t *buckets;
	size_t count, room;
};

static void take_member(void *ctx, const struct member *of)
{
	struct members *m = ctx;

	if (m->count == MEMBERS_MAX || !stage_has_member(m->r, &of->d) ||
	    (!m->all && rollout_is_there(&m->r->what, &of->d)))
		return;
	if (m->count == m->room) {
		m->room = m->room ? 2 * m->room : 1024;
		m->buckets = mem_resize(m->buckets, m->room, sizeof(uint64_t));
	}
	m->buckets[m->count++] = bucket_of(&m->r->what.digest, &of->d.id);
}

int store_rollout_buckets(struct store *s, struct stage *r, uint64_t **buckets,
			  size_t *count, struct err *e)
{
	struct members m = { .r = r };
	int rc = each_of_product(s, r, take_member, &m, e);

	/* Where all have it, it is for whoever comes. */
	r->everybody = m.all = rc == 0 && m.count == 0;
	if (m.all)
		rc = each_of_product(s, r, take_member, &m, e);
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

struct audience {
	const struct stage *r;
	struct store_audience a;
};

static void add_to_audience(void *ctx, const struct member *of)
{
	struct audience *all = ctx;
	const struct stage *r = all->r;
	const struct rollout_device *d = &of->d;
	struct store_audience *a = &all->a;

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
	if (!stage_has_member(r, d)) {
		a->not_undone++;
		return;
	}
	if (rollout_is_there(&r->what, d)) {
		a->there++;
		return;
	}
	a->devices++;
	a->on_seq += d->has_release && d->seq == a->of_seq;
	a->silent += of->silent;
	a->young += d->enrolled > a->enrolled_after;
	a->clockless +=
		(d->posture.known & ~d->posture.yes) >> POSTURE_HARDWARE_CLOCK &
		1;
}

int store_rollout_audience(struct store *s, const struct stage *r,
			   struct store_audience *out, struct err *e)
{
	struct audience all = { r,
				{ .enrolled_after = out->enrolled_after,
				  .of_seq = out->of_seq } };
	int rc = each_of_product(s, r, add_to_audience, &all, e);

	if (rc == 0)
		*out = all.a;
	return rc;
}

/* ---- what they run --------------------------------------------------------
 */

/* How many run what; few releases, so a list will do. */
struct running {
	const struct stage *r;
	struct running_release {
		char id[NAME_MAX_LEN + 1];
		uint64_t devices;
	} * at;
	size_t count;
};

static void add_running(void *ctx, const struct member *of)
{
	struct running *all = ctx;
	const char *id = of->d.release;
	struct running_release *r;
	size_t i = 0;

	if (!stage_has_member(all->r, &of->d) ||
	    rollout_is_there(&all->r->what, &of->d))
		return;
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
	struct running all = { .r = r };
	int rc = each_of_product(s, r, add_running, &all, e);

	if (all.count > 0)
		qsort(all.at, all.count, sizeof(*all.at), compare_running);
	for (size_t i = 0; rc == 0 && i < all.count; i++)
		visit(ctx, all.at[i].id, all.at[i].devices);
	free(all.at);
	return rc;
}

/* ---- what they ran before -------------------------------------------------
 */

/* The releases of a product, the first of each content, and how many hold
 * which. Few, as above; whatever else a device names is none of ours. */
struct held {
	struct held_release {
		struct sha256 digest;
		char id[NAME_MAX_LEN + 1];
		uint64_t devices;
	} * at;
	size_t count;
};

struct held_page {
	const struct rollout *r;
	struct device_id last;
	size_t rows, count;
	struct sha256 before[STORE_PAGE_MAX];
};

static struct held_release *held_of(const struct held *all,
				    const struct sha256 *digest)
{
	for (size_t i = 0; i < all->count; i++)
		if (sha256_equal(&all->at[i].digest, digest))
			return &all->at[i];
	return NULL;
}

static int read_releases(struct store *s, const char *product, struct held *all,
			 struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT digest, id FROM release WHERE product = ?"
		      " ORDER BY seq",
		      SQL_BIND(sql_text(product)));
	while (sql_next(q)) {
		struct held_release r = { .devices = 0 };

		sql_get_blob(q, 0, r.digest.bytes, SHA256_LEN);
		sql_get_text(q, 1, r.id, sizeof(r.id));
		if (held_of(all, &r.digest))
			continue;
		all->at = mem_resize(all->at, all->count + 1, sizeof(*all->at));
		all->at[all->count++] = r;
	}
	return store_unlock(s, sql_end(q, e));
}

static int read_held(struct store *s, struct held_page *p, struct err *e)
{
	struct sql_query *q;
	size_t rows = 0;

	store_lock_in_turn(s);
	q = sql_query(s->db,
		      "SELECT id, seq = ?, before FROM device"
		      " WHERE product = ? AND release = ? AND revoked = 0"
		      " AND id > ? ORDER BY id LIMIT ?",
		      SQL_BIND(sql_int((int64_t)p->r->seq),
			       sql_text(p->r->product), sql_text(p->r->release),
			       p->rows ? sql_device(&p->last) : sql_blob("", 0),
			       sql_int(STORE_PAGE_MAX)));
	p->count = 0;
	while (rows < STORE_PAGE_MAX && sql_next(q)) {
		sql_get_blob(q, 0, p->last.bytes, DEVICE_ID_LEN);
		rows++;
		if (sql_get_int(q, 1) == 0 || sql_get_null(q, 2))
			continue;
		sql_get_blob(q, 2, p->before[p->count].bytes, SHA256_LEN);
		p->count++;
	}
	p->rows = rows;
	return store_unlock(s, sql_end(q, e));
}

static int count_held(struct store *s, const struct rollout *r,
		      struct held *all, struct err *e)
{
	struct held_page *p = mem_alloc(1, sizeof(*p));
	struct held_release *known;
	int rc;

	p->r = r;
	do {
		rc = read_held(s, p, e);
		for (size_t i = 0; rc == 0 && i < p->count; i++) {
			known = held_of(all, &p->before[i]);
			if (known)
				known->devices++;
		}
	} while (rc == 0 && p->rows == STORE_PAGE_MAX);
	free(p);
	return rc;
}

static int compare_held(const void *a, const void *b)
{
	const struct held_release *x = a, *y = b;

	return (x->devices < y->devices) - (x->devices > y->devices);
}

int store_rollout_before(struct store *s, const struct rollout *r,
			 void (*visit)(void *ctx, const char *release,
				       uint64_t devices),
			 void *ctx, struct err *e)
{
	struct held all = { NULL, 0 };
	int rc = read_releases(s, r->product, &all, e);

	if (rc == 0)
		rc = count_held(s, r, &all, e);
	if (rc == 0 && all.count > 0)
		qsort(all.at, all.count, sizeof(*all.at), compare_held);
	for (size_t i = 0; rc == 0 && i < all.count; i++)
		if (all.at[i].devices > 0)
			visit(ctx, all.at[i].id, all.at[i].devices);
	free(all.at);
	return rc;
}
