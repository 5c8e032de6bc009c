/* SPDX-License-Identifier: Apache-2.0 */
#include "common/order_step.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/tuf_write.h"
#include "common/utc.h"

#define ASSIGN_FOLDER "assign/"

struct reading {
	const char *role;
	const struct order_facts *facts;
	const struct json *now, *next; /* lists of entries */
	struct order_step step;
};

static const struct json *list_of(const struct json *signed_part)
{
	return signed_part ? json_get(signed_part, "targets") : NULL;
}

static const struct json *part_of(const struct order_facts *f, const char *role)
{
	return strcmp(role, ORDER_ROLE_ONE) == 0 ? f->one : f->wide;
}

/* ---- what a release has now ---------------------------------------------- */

static int read_order(const struct order_facts *f, const char *path,
		      const struct json *entry, struct order *out,
		      struct err *e)
{
	struct buf bytes = BUF_INIT(ORDER_BYTES_MAX);
	int rc = f->document(f->ctx, path, entry, &bytes, e) ||
				 order_parse(buf_slice(&bytes), out, e)
			 ? -1
			 : 0;

	buf_done(&bytes);
	return rc;
}

int order_step_orders(const struct order_facts *facts, const char *product,
		      const char *release, struct order at[ORDER_PLACES],
		      struct order_set *set, struct err *e)
{
	*set = (struct order_set){ .at = { NULL } };
	for (size_t i = 0; i < ORDER_PLACES; i++) {
		enum order_place place = (enum order_place)i;
		const struct json *entry;
		char path[PATH_MAX_LEN];
		struct err unreadable;

		if (order_path(place, product, release, path, e)) {
			order_step_orders_done(set, at);
			return -1;
		}
		entry = json_get(list_of(part_of(facts, order_role(place))),
				 path);
		if (entry &&
		    read_order(facts, path, entry, &at[i], &unreadable) == 0)
			set->at[i] = &at[i];
	}
	return 0;
}

void order_step_orders_done(struct order_set *set,
			    struct order at[ORDER_PLACES])
{
	for (size_t i = 0; i < ORDER_PLACES; i++)
		if (set->at[i])
			order_done(&at[i]);
	*set = (struct order_set){ .at = { NULL } };
}

/* ---- one order ----------------------------------------------------------- */

static bool is_halt(const struct order *o)
{
	return o && o->kind == ORDER_HALT;
}

static int judge_change(enum order_place place, const struct order *after,
			const struct order_set *now, struct err *e)
{
	if (order_follows(now, place, after, e))
		return -1;
	if (place == ORDER_ONE && after->kind != ORDER_HALT &&
	    (is_halt(now->at[ORDER_ONE]) || is_halt(now->at[ORDER_WIDE])))
		return err_set(e, ERR_REFUSED,
			       "%s is halted: only two operators open it again",
			       after->release);
	return now->at[place] ? order_grows(now->at[place], after, e) : 0;
}

static int check_place(const struct reading *r, const struct order_change *c,
		       struct err *e)
{
	struct release release = { .seq = 0 };
	const struct order *o = &c->after;
	char path[PATH_MAX_LEN];

	if (order_path(c->place, o->product, o->release, path, e))
		return -1;
	if (strcmp(path, c->path) != 0)
		return err_set(e, ERR_UNTRUSTED, "it is the order of %s", path);
	memcpy(release.product, o->product, sizeof(release.product));
	memcpy(release.id, o->release, sizeof(release.id));
	if (r->facts->release(r->facts->ctx, o->product, o->release,
			      &release.digest, e))
		return -1;
	return order_check(o, c->place, &release, e);
}

static int judge_order(const struct reading *r, const struct order_change *c,
		       struct err *e)
{
	struct order at[ORDER_PLACES];
	struct order_set now;
	int rc;

	if (check_place(r, c, e) ||
	    order_step_orders(r->facts, c->after.product, c->after.release, at,
			      &now, e))
		return -1;
	rc = judge_change(c->place, &c->after, &now, e);
	order_step_orders_done(&now, at);
	return rc;
}

static bool is_listed(const struct reading *r, const struct order *o)
{
	struct sha256 digest;
	struct err why = { 0 };

	return r->facts->release(r->facts->ctx, o->product, o->release, &digest,
				 &why) == 0 ||
	       why.code != ERR_NOT_FOUND;
}

/* A baseline of the same product that comes with this very step. */
static bool is_replaced(const struct reading *r, const struct order *gone)
{
	char prefix[PATH_MAX_LEN];
	struct err ignored;

	if (gone->kind != ORDER_BASELINE ||
	    text_format(prefix, sizeof(prefix), &ignored, "%s/%s/",
			order_folder(ORDER_BASE), gone->product))
		return false;
	for (void *m = json_first(r->next); m; m = json_next(r->next, m))
		if (strncmp(json_name(m), prefix, strlen(prefix)) == 0 &&
		    !json_same(json_value(m), json_get(r->now, json_name(m))))
			return true;
	return false;
}

static int judge_gone(const struct reading *r, const struct order_change *c,
		      struct err *e)
{
	if (!c->had || !is_listed(r, &c->before) || is_replaced(r, &c->before))
		return 0;
	return err_set(e, ERR_REFUSED,
		       "a %s order is not taken away: halt %s instead",
		       order_kind_name(c->before.kind), c->before.release);
}

/* ---- one path ------------------------------------------------------------ */

static bool find_place(const char *role, const char *path,
		       enum order_place *out)
{
	size_t folder = strcspn(path, "/");

	for (size_t i = 0; i < ORDER_PLACES; i++) {
		enum order_place place = (enum order_place)i;

		if (strcmp(order_role(place), role) == 0 &&
		    slice_equal(slice_sub(slice_of(path), 0, folder),
				slice_of(order_folder(place)))) {
			*out = place;
			return true;
		}
	}
	return false;
}

static int read_assignment(const struct reading *r, const char *path,
			   const struct json *entry, struct assign *out,
			   struct err *e)
{
	struct buf bytes = BUF_INIT(ASSIGN_BYTES_MAX);
	char right[PATH_MAX_LEN];
	int rc = -1;

	if (r->facts->document(r->facts->ctx, path, entry, &bytes, e) ||
	    assign_parse(buf_slice(&bytes), out, e) ||
	    assign_path(&out->device, right, e))
		goto out;
	rc = strcmp(right, path) == 0
		     ? 0
		     : err_set(e, ERR_UNTRUSTED, "it is of another device");
out:
	buf_done(&bytes);
	return rc;
}

static int change_assignment(const struct reading *r, struct order_change *c,
			     struct err *e)
{
	const struct json *was = json_get(r->now, c->path);
	const struct json *is = json_get(r->next, c->path);
	struct assign before = { .version = 0 };
	struct err unreadable;

	c->assignment = true;
	if (!is)
		return err_set(e, ERR_REFUSED, "an assignment stays");
	if (was && read_assignment(r, c->path, was, &before, &unreadable))
		before.version = 0;
	if (read_assignment(r, c->path, is, &c->move, e))
		return -1;
	if (c->move.version > before.version)
		return 0;
	return err_set(e, ERR_CONFLICT,
		       "version %llu of it comes after version %llu",
		       (unsigned long long)c->move.version,
		       (unsigned long long)before.version);
}

static int change_order(const struct reading *r, struct order_change *c,
			struct err *e)
{
	const struct json *was = json_get(r->now, c->path);
	const struct json *is = json_get(r->next, c->path);
	struct err unreadable;

	if (!find_place(r->role, c->path, &c->place))
		return err_set(e, ERR_REFUSED, "no order of the role %s",
			       r->role);
	c->had = was && read_order(r->facts, c->path, was, &c->before,
				   &unreadable) == 0;
	if (!is)
		return judge_gone(r, c, e);
	if (read_order(r->facts, c->path, is, &c->after, e))
		return -1;
	c->has = true;
	return judge_order(r, c, e);
}

static int change(struct reading *r, const char *path, struct err *e)
{
	struct order_step *s = &r->step;
	struct order_change *c;
	char shown[200];
	int rc;

	if (s->count % 16 == 0)
		s->changes = mem_resize(s->changes, s->count + 16,
					sizeof(*s->changes));
	c = &s->changes[s->count++];
	*c = (struct order_change){ .place = ORDER_ONE };
	rc = text_format(c->path, sizeof(c->path), e, "%s", path);
	if (rc == 0 && strcmp(r->role, ORDER_ROLE_WIDE) == 0 &&
	    strncmp(path, ASSIGN_FOLDER, strlen(ASSIGN_FOLDER)) == 0)
		rc = change_assignment(r, c, e);
	else if (rc == 0)
		rc = change_order(r, c, e);
	if (rc == 0)
		return 0;
	text_escape(slice_of(path), shown, sizeof(shown));
	return err_in(e, "%s", shown);
}

static int read_changes(struct reading *r, struct err *e)
{
	for (void *m = json_first(r->next); m; m = json_next(r->next, m))
		if (!json_same(json_value(m), json_get(r->now, json_name(m))) &&
		    change(r, json_name(m), e))
			return -1;
	for (void *m = json_first(r->now); m; m = json_next(r->now, m))
		if (!json_get(r->next, json_name(m)) &&
		    change(r, json_name(m), e))
			return -1;
	return 0;
}

/* ---- the whole step ------------------------------------------------------ */

static struct json *rest_of(const struct json *signed_part)
{
	static const char *const moving[] = { "version", "issued", "expires",
					      "targets" };
	struct json *rest = json_clone(signed_part);

	for (size_t i = 0; i < ARRAY_LEN(moving); i++)
		json_remove(rest, moving[i]);
	return rest;
}

static bool is_rest_same(const struct json *now, const struct json *next)
{
	struct json *a, *b;
	bool same;

	if (!now)
		return true;
	a = rest_of(now);
	b = rest_of(next);
	same = json_same(a, b);
	json_free(a);
	json_free(b);
	return same;
}

int order_step_read(const char *role, const struct json *next,
		    const struct order_facts *facts, struct order_step *out,
		    struct err *e)
{
	const struct json *now = part_of(facts, role);
	struct reading r = { .role = role,
			     .facts = facts,
			     .now = list_of(now),
			     .next = list_of(next) };

	if (now)
		r.step.from = json_int(json_get(now, "version"));
	if (json_get_int(next, "version", 1, JSON_INT_MAX, &r.step.to, e))
		return -1;
	if (r.step.to < r.step.from)
		return err_set(e, ERR_ROLLBACK,
			       "%s: version %lld comes after version %lld",
			       role, (long long)r.step.to,
			       (long long)r.step.from);
	if (r.step.from > 0 && r.step.to - r.step.from > ORDER_AHEAD)
		return err_set(
			e, ERR_REFUSED,
			"%s: version %lld runs ahead of version %lld, by "
			"more than %u",
			role, (long long)r.step.to, (long long)r.step.from,
			ORDER_AHEAD);
	r.step.rest_same = is_rest_same(now, next);
	if (read_changes(&r, e)) {
		order_step_done(&r.step);
		return -1;
	}
	*out = r.step;
	return 0;
}

void order_step_done(struct order_step *s)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->changes[i].had)
			order_done(&s->changes[i].before);
		if (s->changes[i].has)
			order_done(&s->changes[i].after);
	}
	free(s->changes);
	*s = (struct order_step){ .count = 0 };
}

/* ---- making one ---------------------------------------------------------- */

static void set_time(struct json *j, const char *name, int64_t when)
{
	char text[UTC_TEXT_LEN];

	utc_format(when, text);
	json_set_text(j, name, text);
}

struct json *order_step_make(const struct json *now, int64_t issued,
			     int64_t expires, const struct order_put *puts,
			     size_t count)
{
	struct json *envelope = json_new_object();
	struct json *list = json_clone(list_of(now));
	struct json *next = json_clone(now);

	for (size_t i = 0; i < count; i++) {
		if (puts[i].bytes.len == 0)
			json_remove(list, puts[i].path);
		else
			json_set(list, puts[i].path,
				 tuf_document_entry(puts[i].type,
						    puts[i].bytes));
	}
	json_set_int(next, "version", json_int(json_get(now, "version")) + 1);
	set_time(next, "issued", issued);
	set_time(next, "expires", expires);
	json_set(next, "targets", list);
	json_set(envelope, "signatures", json_new_array());
	json_set(envelope, "signed", next);
	return envelope;
}
