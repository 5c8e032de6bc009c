/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/orders.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/release.h"
#include "common/tuf_delegation.h"

#include "update-server/documents.h"

/*
 * Nothing here counts what it reads: the import bounds what is listed, all of
 * it together, long before memory would (publish.c, PAYLOADS_MAX).
 */
struct chapter {
	struct release release; /* of its full package */
	struct order at[ORDER_PLACES];
	bool has[ORDER_PLACES];
	struct err unreadable; /* an order of it is */
	int64_t expires;       /* of the file that lists it */
};

/* One of the two roles as devices find it. */
struct role {
	bool delegated; /* if not, it lists nothing, and that is no error */
	struct json *file;
	int64_t expires; /* 0: never signed */
	char problem[ERR_MSG_LEN];
};

struct orders {
	int dirfd; /* borrowed while it is read */
	bool staging_signed;
	int64_t root_expires, targets_expire;
	struct role one, wide;
	unsigned wide_signers;
	struct chapter *chapters;
	size_t chapter_count;
	struct assign *assigned;
	size_t assigned_count;
};

/* ---- metadata that was imported ------------------------------------------ */

static int read_end(const struct json *file, int64_t *out, struct err *e)
{
	const char *text;

	return json_get_text(documents_signed(file), "expires", &text, e) ||
			       utc_parse(slice_of(text), out, e)
		       ? -1
		       : 0;
}

static int read_role(struct store *s, const struct store_role *found,
		     struct role *r, struct err *e)
{
	if (documents_metadata(s, found->name, found->version, &r->file, e) ||
	    read_end(r->file, &r->expires, e))
		return -1;
	memcpy(r->problem, found->problem, sizeof(r->problem));
	return 0;
}

/* How many sign it; 0: it is delegated to nobody. */
static unsigned signers(const struct json *targets, const char *role)
{
	struct tuf_delegation d;

	return tuf_delegation_named(
		       json_get(documents_signed(targets), "delegations"), role,
		       &d)
		       ? (unsigned)json_int(json_get(d.role, "threshold"))
		       : 0;
}

/* ---- releases ------------------------------------------------------------ */

static int take_release(struct orders *o, const char *path,
			const struct json *entry, int64_t expires,
			struct err *e)
{
	struct tuf_target t;
	struct release r = { 0 };

	if (tuf_target_read(path, entry, &t, e))
		return -1;
	if (release_parse(&t, &r, e)) {
		release_done(&r);
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	}
	if (r.kind != PACKAGE_FULL) {
		release_done(&r);
		return 0;
	}
	if (o->chapter_count % 64 == 0)
		o->chapters = mem_resize(o->chapters, o->chapter_count + 64,
					 sizeof(*o->chapters));
	o->chapters[o->chapter_count] =
		(struct chapter){ .release = r, .expires = expires };
	o->chapter_count++;
	return 0;
}

static int take_releases(struct orders *o, const struct json *file,
			 struct err *e)
{
	const struct json *targets =
		json_get(documents_signed(file), "targets");
	int64_t expires;

	if (read_end(file, &expires, e))
		return -1;
	for (void *m = json_first(targets); m; m = json_next(targets, m))
		if (take_release(o, json_name(m), json_value(m), expires, e))
			return err_in(e, "%s", json_name(m));
	return 0;
}

/* ---- documents ----------------------------------------------------------- */

static int take_order(struct orders *o, struct chapter *c,
		      enum order_place place, struct err *e)
{
	const struct role *role = place == ORDER_ONE ? &o->one : &o->wide;
	const struct json *entry;
	struct buf bytes = BUF_INIT(ORDER_BYTES_MAX);
	char path[PATH_MAX_LEN];
	int rc = 0;

	if (!role->file)
		return 0;
	if (order_path(place, c->release.product, c->release.id, path, e))
		return -1;
	entry = json_get(json_get(documents_signed(role->file), "targets"),
			 path);
	if (!entry)
		return 0;
	rc = documents_read(o->dirfd, entry, &bytes, e) ||
			     order_parse(buf_slice(&bytes), &c->at[place], e)
		     ? err_in(e, "%s", path)
		     : 0;
	c->has[place] = rc == 0;
	buf_done(&bytes);
	return rc;
}

/* What devices cannot read opens its release to nobody, and no other's. */
static void take_orders(struct orders *o)
{
	for (size_t i = 0; i < o->chapter_count; i++) {
		struct chapter *c = &o->chapters[i];

		for (size_t place = 0; place < ORDER_PLACES; place++)
			if (take_order(o, c, (enum order_place)place,
				       &c->unreadable))
				break;
	}
}

/* Devices look under their own id alone, and believe no other's. */
static int check_place(const struct assign *a, const char *path, struct err *e)
{
	char own[PATH_MAX_LEN];

	if (assign_path(&a->device, own, e))
		return -1;
	return strcmp(own, path) == 0
		       ? 0
		       : err_set(e, ERR_UNTRUSTED, "it is for another device");
}

static int take_assignment(struct orders *o, const char *path,
			   const struct json *entry, struct err *e)
{
	struct buf bytes = BUF_INIT(ASSIGN_BYTES_MAX);
	struct assign a;
	int rc = -1;

	if (documents_read(o->dirfd, entry, &bytes, e) == 0 &&
	    assign_parse(buf_slice(&bytes), &a, e) == 0 &&
	    check_place(&a, path, e) == 0) {
		if (o->assigned_count % 64 == 0)
			o->assigned =
				mem_resize(o->assigned, o->assigned_count + 64,
					   sizeof(*o->assigned));
		o->assigned[o->assigned_count++] = a;
		rc = 0;
	}
	buf_done(&bytes);
	return rc;
}

static int take_assignments(struct orders *o, struct err *e)
{
	const struct json *targets =
		json_get(documents_signed(o->wide.file), "targets");

	if (o->wide.problem[0])
		return 0;
	for (void *m = json_first(targets); m; m = json_next(targets, m))
		if (strncmp(json_name(m), "assign/", 7) == 0 &&
		    take_assignment(o, json_name(m), json_value(m), e))
			return err_in(e, "%s", json_name(m));
	return 0;
}

/* ---- the whole book ------------------------------------------------------ */

static int read_roles(struct orders *o, struct store *s, struct err *e)
{
	struct store_role *roles = mem_alloc(STORE_ROLES_MAX, sizeof(*roles));
	struct json *file = NULL;
	size_t count;
	int rc = store_roles(s, roles, &count, e);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (strcmp(roles[i].name, ORDER_ROLE_ONE) == 0)
			rc = read_role(s, &roles[i], &o->one, e);
		else if (strcmp(roles[i].name, ORDER_ROLE_WIDE) == 0)
			rc = read_role(s, &roles[i], &o->wide, e);
		else if (!roles[i].problem[0]) {
			rc = documents_metadata(s, roles[i].name,
						roles[i].version, &file, e);
			if (rc == 0)
				rc = take_releases(o, file, e);
			json_free(file);
			file = NULL;
		}
	}
	free(roles);
	return rc;
}

static int read_top(struct orders *o, struct store *s, int64_t root,
		    int64_t targets, struct err *e)
{
	struct json *file = NULL;
	int rc = documents_metadata(s, "root", root, &file, e);

	if (rc == 0)
		rc = read_end(file, &o->root_expires, e);
	if (rc == 0)
		o->staging_signed =
			strcmp(json_text(json_get(
				       json_get(documents_signed(file), "pawl"),
				       "staging")),
			       "signed") == 0;
	json_free(file);
	file = NULL;
	if (rc == 0)
		rc = documents_metadata(s, "targets", targets, &file, e);
	if (rc == 0) {
		o->wide_signers = signers(file, ORDER_ROLE_WIDE);
		o->one.delegated = signers(file, ORDER_ROLE_ONE) > 0;
		o->wide.delegated = o->wide_signers > 0;
		rc = read_end(file, &o->targets_expire, e) ||
				     take_releases(o, file, e)
			     ? -1
			     : 0;
	}
	json_free(file);
	return rc;
}

static int read_book(struct orders *o, struct store *s, struct err *e)
{
	int64_t root, targets;

	if (store_metadata_versions(s, &root, &targets, e))
		return -1;
	if (root == 0)
		return 0;
	if (read_top(o, s, root, targets, e) || read_roles(o, s, e))
		return -1;
	take_orders(o);
	return take_assignments(o, e);
}

int orders_read(struct store *s, int dirfd, struct orders **out, struct err *e)
{
	struct orders *o = mem_alloc(1, sizeof(*o));
	int rc;

	o->dirfd = dirfd;
	rc = read_book(o, s, e);
	json_free(o->one.file);
	json_free(o->wide.file);
	o->one.file = NULL;
	o->wide.file = NULL;
	if (rc) {
		orders_free(o);
		return err_in(e, "orders");
	}
	*out = o;
	return 0;
}

void orders_free(struct orders *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->chapter_count; i++) {
		struct chapter *c = &o->chapters[i];

		for (size_t place = 0; place < ORDER_PLACES; place++)
			if (c->has[place])
				order_done(&c->at[place]);
		release_done(&c->release);
	}
	free(o->chapters);
	free(o->assigned);
	free(o);
}

/* ---- the decision -------------------------------------------------------- */

static const struct chapter *find(const struct orders *o,
				  const struct rollout *r)
{
	const struct chapter *nightly = NULL;

	for (size_t i = 0; i < o->chapter_count; i++) {
		const struct chapter *c = &o->chapters[i];

		if (strcmp(c->release.product, r->product) != 0 ||
		    strcmp(c->release.id, r->release) != 0 ||
		    !sha256_equal(&c->release.digest, &r->digest))
			continue;
		/* What one key says of it never comes before what more do. */
		if (!c->release.nightly)
			return c;
		nightly = c;
	}
	return nightly;
}

/* As on the device: a file that cannot be had is never "no halt". */
static int check_role(const struct role *r, const char *name, int64_t now,
		      bool *expired, struct err *e)
{
	*expired = false;
	if (!r->delegated)
		return 0;
	if (r->expires == 0)
		return err_set(e, ERR_REFUSED,
			       "the operators' role %s was never signed", name);
	*expired = now >= r->expires;
	if (*expired || !r->problem[0])
		return 0;
	return err_set(e, ERR_REFUSED, "the operators' role %s: %s", name,
		       r->problem);
}

/* The orders of a chapter as they count now. */
static int gather(const struct orders *o, const struct chapter *c, int64_t now,
		  struct order_set *set, struct err *e)
{
	bool wide_expired;

	*set = (struct order_set){ .one_expired = false };
	if (c->unreadable.code != ERR_NONE)
		return err_set(e, ERR_REFUSED, "%s", c->unreadable.msg);
	if (check_role(&o->one, ORDER_ROLE_ONE, now, &set->one_expired, e) ||
	    check_role(&o->wide, ORDER_ROLE_WIDE, now, &wide_expired, e))
		return -1;
	if (wide_expired)
		return err_set(e, ERR_REFUSED,
			       "the operators' role rollout-wide has expired");
	for (size_t i = 0; i < ORDER_PLACES; i++)
		set->at[i] = c->has[i] ? &c->at[i] : NULL;
	return 0;
}

static int judge(const struct orders *o, const struct chapter *c,
		 const struct order_device *d, struct err *e)
{
	struct order_set set;
	struct order_grant grant;

	if (gather(o, c, d->clock, &set, e))
		return -1;
	if (order_allows(&set, &c->release, d, &grant, e)) {
		e->code = ERR_REFUSED;
		return -1;
	}
	return 0;
}

static bool needs_order(const struct orders *o, const struct chapter *c)
{
	return o->staging_signed || release_is_undo(&c->release);
}

int orders_judge(const struct orders *o, const struct rollout *r,
		 const struct rollout_device *d, int64_t now, struct err *e)
{
	struct order_device device = { .id = d->id, .clock = now };
	const struct chapter *c = o ? find(o, r) : NULL;

	if (!o)
		return err_set(e, ERR_REFUSED, "the orders cannot be read");
	if (!c)
		return err_set(e, ERR_REFUSED,
			       "%s is not in the signed metadata", r->release);
	if (!needs_order(o, c))
		return 0;
	memcpy(device.cohort, d->cohort, sizeof(device.cohort));
	return judge(o, c, &device, e);
}

void orders_reach(const struct orders *o, const struct rollout *r, int64_t now,
		  struct orders_reach *out)
{
	const struct chapter *c = o ? find(o, r) : NULL;
	struct order_device d = { .clock = now };
	struct order_set set;
	struct err why = { 0 };
	uint64_t limit;

	*out = (struct orders_reach){ .needed = !c || needs_order(o, c),
				      .limit = BUCKET_ALL };
	if (!c)
		(void)err_set(&why, ERR_REFUSED,
			      "%s is not in the signed metadata", r->release);
	if (!c || !out->needed || gather(o, c, now, &set, &why))
		goto out;
	for (size_t i = 0; i < r->cohort_count; i++) {
		memcpy(d.cohort, r->cohorts[i], sizeof(d.cohort));
		if (order_reach(&set, &c->release, &d, &limit, &why))
			limit = 0;
		else
			out->any = true;
		if (limit < out->limit)
			out->limit = limit;
	}
out:
	if (!out->needed)
		out->any = true;
	else if (!out->any)
		out->limit = 0;
	memcpy(out->why, why.msg, sizeof(out->why));
}

unsigned orders_wide_signers(const struct orders *o)
{
	return o ? o->wide_signers : 0;
}

/* ---- baselines ----------------------------------------------------------- */

static bool names_cohort(const struct order *o, const char *cohort)
{
	for (size_t i = 0; i < o->phase_count; i++)
		for (size_t n = 0; n < o->phases[i].cohort_count; n++)
			if (strcmp(o->phases[i].cohorts[n], cohort) == 0)
				return true;
	return false;
}

static bool has_baseline(const struct orders *o, const struct rollout *r,
			 const char *cohort)
{
	for (size_t i = 0; i < o->chapter_count; i++) {
		const struct chapter *c = &o->chapters[i];

		if (strcmp(c->release.product, r->product) == 0 &&
		    c->release.seq >= r->seq && c->has[ORDER_BASE] &&
		    names_cohort(&c->at[ORDER_BASE], cohort))
			return true;
	}
	return false;
}

bool orders_lack_baseline(const struct orders *o, const struct rollout *r)
{
	const struct chapter *c = o ? find(o, r) : NULL;

	if (!c || !needs_order(o, c) || release_is_undo(&c->release))
		return false;
	for (size_t i = 0; i < r->cohort_count; i++)
		if (!has_baseline(o, r, r->cohorts[i]))
			return true;
	return false;
}

/* ---- over time ----------------------------------------------------------- */

/* At these alone, what is open changes. */
#define MOMENTS_MAX (ORDER_PLACES * (2 * ORDER_PHASES_MAX + 1) + 2)

struct moments {
	int64_t at[MOMENTS_MAX];
	size_t count;
};

static void add_moment(struct moments *m, int64_t at)
{
	if (at > 0)
		m->at[m->count++] = at;
}

static int compare_moments(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void gather_moments(const struct orders *o, const struct chapter *c,
			   struct moments *m)
{
	m->count = 0;
	for (size_t i = 0; i < ORDER_PLACES; i++) {
		const struct order *order = &c->at[i];

		if (!c->has[i])
			continue;
		add_moment(m, order->expires);
		for (size_t n = 0; n < order->phase_count; n++) {
			add_moment(m, order->phases[n].not_before);
			add_moment(m, order->phases[n].not_after);
		}
	}
	add_moment(m, o->one.expires);
	add_moment(m, o->wide.expires);
	qsort(m->at, m->count, sizeof(m->at[0]), compare_moments);
}

/* When so much is open, from now on; 0 if it is already, or never is. */
static int64_t opens_at(const struct orders *o, const struct rollout *r,
			const struct moments *m, uint64_t limit, int64_t now)
{
	struct orders_reach reach;

	orders_reach(o, r, now, &reach);
	if (reach.any && reach.limit >= limit)
		return 0;
	for (size_t i = 0; i < m->count; i++) {
		if (m->at[i] <= now)
			continue;
		orders_reach(o, r, m->at[i], &reach);
		if (reach.any && reach.limit >= limit)
			return m->at[i];
	}
	return 0;
}

static int64_t ends_at(const struct orders *o, const struct rollout *r,
		       const struct moments *m)
{
	struct orders_reach reach;

	for (size_t i = m->count; i-- > 0;) {
		orders_reach(o, r, m->at[i] - 1, &reach);
		if (reach.any)
			return m->at[i];
	}
	return 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void orders_times(const struct orders *o, const struct rollout *r,
		  const struct ladder *l, int64_t now, struct orders_times *out)
{
	const struct chapter *c = o ? find(o, r) : NULL;
	struct moments m;

	*out = (struct orders_times){ .expires = 0 };
	if (!c)
		return;
	out->metadata = earlier(o->root_expires,
				earlier(o->targets_expire, c->expires));
	if (!needs_order(o, c))
		return;
	gather_moments(o, c, &m);
	out->expires = ends_at(o, r, &m);
	for (size_t i = 0; i < l->count; i++)
		out->not_before[i] = opens_at(o, r, &m, l->rungs[i].limit, now);
}

int orders_each_assigned(const struct orders *o,
			 int (*visit)(void *ctx, const struct assign *a,
				      struct err *e),
			 void *ctx, struct err *e)
{
	for (size_t i = 0; i < o->assigned_count; i++)
		if (visit(ctx, &o->assigned[i], e))
			return -1;
	return 0;
}
