/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_floor - what devices may no longer go back to, and the one exception. */
#include <string.h>

#include "common/floor.h"
#include "common/opt.h"
#include "common/stepback.h"
#include "common/utc.h"
#include "signer/commands.h"
#include "signer/document.h"
#include "signer/listing.h"
#include "signer/watch.h"

#define BACK_DAYS_DEFAULT 30
#define BACK_DAYS_MAX     400

/* The repository, and the role that speaks for the product. */
struct place {
	struct repo repo;
	char role[ROLE_NAME_LEN];
	const char *product;
};

static int place_open(const char *path, const char *product, struct place *p,
		      struct report *out, struct err *e)
{
	if (!product)
		return err_set(e, ERR_USAGE, "--product is needed");
	if (watch_open(path, REPO_WRITE, &p->repo, out, e))
		return -1;
	p->product = product;
	if (!repo_has_product(&p->repo, product))
		err_set(e, ERR_NOT_FOUND,
			"this repository has no product \"%s\"", product);
	else if (repo_role_of(&p->repo, product, p->role, e) == 0)
		return 0;
	repo_close(&p->repo);
	return -1;
}

/* ---- what is listed ------------------------------------------------------ */

/* Roles that may list this product's releases, as devices look for them. */
static const struct json *listing_at(const struct place *p, size_t i)
{
	const char *role = i == 0 ? p->role : "targets";
	const struct repo_role *held = repo_role(&p->repo, role);

	return held ? repo_current(held) : NULL;
}

static size_t listing_count(const struct place *p)
{
	return strcmp(p->role, "targets") == 0 ? 1 : 2;
}

static int find(const struct place *p, const char *id, struct release *out,
		struct err *e)
{
	int rc = -1;

	err_set(e, ERR_NOT_FOUND, "%s lists no release %s", p->role, id);
	for (size_t i = 0; rc && i < listing_count(p); i++)
		if (listing_at(p, i))
			rc = listing_full(listing_at(p, i), p->product, id, out,
					  e);
	return rc;
}

/* Call visit for each listed release of the product. */
static void each(const struct place *p,
		 void (*visit)(void *ctx, const struct json *release),
		 void *ctx)
{
	for (size_t i = 0; i < listing_count(p); i++) {
		struct json *all;

		if (!listing_at(p, i))
			continue;
		all = listing_releases(listing_at(p, i));
		for (size_t k = 0; k < json_count(all); k++)
			if (strcmp(json_text(json_get(json_at(all, k),
						      "product")),
				   p->product) == 0)
				visit(ctx, json_at(all, k));
		json_free(all);
	}
}

static uint64_t content_seq(const struct json *release)
{
	return (uint64_t)json_int(json_get(release, "content_seq"));
}

static void keep_highest(void *ctx, const struct json *release)
{
	uint64_t *highest = ctx;

	if (content_seq(release) > *highest)
		*highest = content_seq(release);
}

/* The floor that counts now, staged or published; 0: none. */
static int current_floor(const struct place *p, uint64_t *seq, struct err *e)
{
	struct err why = { 0 };
	char path[PATH_MAX_LEN];
	struct json *j;
	int64_t value = 0;

	*seq = 0;
	if (floor_path(p->product, path, e))
		return -1;
	if (document_get(&p->repo, p->role, path, &j, &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	value = json_int(json_get(j, "seq"));
	json_free(j);
	*seq = (uint64_t)value;
	return 0;
}

/* ---- floor --------------------------------------------------------------- */

struct below {
	const struct place *place;
	struct report *out;
	uint64_t floor;
	const char *id; /* while a stone is looked for */
	bool is_stone;
};

static void look_for_stone(void *ctx, const struct json *release)
{
	struct below *b = ctx;

	b->is_stone |= content_seq(release) >= b->floor &&
		       strcmp(json_text(json_get(release, "stepping_stone")),
			      b->id) == 0;
}

static void warn_if_below(void *ctx, const struct json *release)
{
	struct below *b = ctx;

	if (content_seq(release) >= b->floor)
		return;
	b->id = json_text(json_get(release, "release"));
	b->is_stone = false;
	each(b->place, look_for_stone, b);
	if (b->is_stone)
		report_note(b->out,
			    "%s lies below the floor and stays a stepping "
			    "stone: devices below it may still run it for a "
			    "while",
			    b->id);
	else
		report_note(b->out,
			    "%s lies below the floor and is still listed: no "
			    "device takes it any more, withdraw it",
			    b->id);
}

/* What was asked for, as a seq. */
static int floor_of(const struct place *p, const char *id, uint64_t seq,
		    uint64_t *floor, struct err *e)
{
	struct release r;

	*floor = seq;
	if (!id)
		return 0;
	if (find(p, id, &r, e))
		return -1;
	*floor = r.content_seq;
	release_done(&r);
	return 0;
}

static int check_floor(const struct place *p, uint64_t floor, struct err *e)
{
	uint64_t now, highest = 0;

	if (current_floor(p, &now, e))
		return -1;
	if (floor < now)
		return err_set(
			e, ERR_REFUSED,
			"the floor of %s is seq %llu: it never goes down",
			p->product, (unsigned long long)now);
	if (floor == now)
		return err_set(e, ERR_CONFLICT,
			       "the floor of %s is seq %llu already",
			       p->product, (unsigned long long)now);
	each(p, keep_highest, &highest);
	if (floor > highest)
		return err_set(
			e, ERR_REFUSED,
			"no listed release of %s has content of seq %llu "
			"or above: such a floor would leave nothing to "
			"install",
			p->product, (unsigned long long)floor);
	return 0;
}

static int set_floor(struct place *p, const char *id, uint64_t seq,
		     struct report *out, struct err *e)
{
	struct below below = { .place = p, .out = out };
	struct floor floor = { .issued = utc_now() };
	char path[PATH_MAX_LEN];
	struct json *j;
	int rc;

	if (floor_of(p, id, seq, &floor.seq, e) ||
	    check_floor(p, floor.seq, e) || floor_path(p->product, path, e) ||
	    text_format(floor.product, sizeof(floor.product), e, "%s",
			p->product))
		return -1;
	below.floor = floor.seq;
	each(p, warn_if_below, &below);
	j = floor_format(&floor);
	rc = document_put(&p->repo, &(struct document){ p->role, path, j },
			  floor.issued, out, e);
	json_free(j);
	if (rc)
		return -1;
	report_line(out, "staged in %s: the floor of %s is seq %llu", p->role,
		    p->product, (unsigned long long)floor.seq);
	json_set_text(report_object(out), "role", p->role);
	json_set_int(report_object(out), "floor", (int64_t)floor.seq);
	return 0;
}

int cmd_floor(int argc, char **argv, struct err *e)
{
	const char *product = NULL, *id = NULL;
	struct report out = { 0 };
	uint64_t seq = 0;
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &product, "whose floor"),
		OPT_TEXT("release", "ID", &id, "the lowest that may run"),
		OPT_NUMBER("seq", "N", &seq, (uint64_t)JSON_INT_MAX,
			   "the same as a sequence number"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	struct place p = { .product = NULL };
	char **operands;
	int count, rc = -1;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1 || !id == !seq)
		err_set(e, ERR_USAGE,
			"one REPO is needed, and --release or --seq");
	else if (place_open(operands[0], product, &p, &out, e) == 0) {
		rc = set_floor(&p, id, seq, &out, e);
		repo_close(&p.repo);
	}
	return report_end(&out, rc, e);
}

/* ---- stepback ------------------------------------------------------------ */

struct past {
	const char *product, *id;
	uint64_t seq; /* 0: not found yet */
};

/* What devices run may be withdrawn by now. */
static int look_back(void *ctx, const struct json *targets, struct err *e)
{
	struct past *past = ctx;
	struct release r;
	struct err other;

	(void)e; /* looking back cannot fail */
	if (past->seq > 0 ||
	    listing_full(targets, past->product, past->id, &r, &other))
		return 0;
	past->seq = r.seq;
	release_done(&r);
	return 0;
}

static int find_from(struct place *p, const char *id, uint64_t *seq,
		     struct err *e)
{
	struct past past = { p->product, id, 0 };

	if (repo_each_targets(&p->repo, look_back, &past, e))
		return -1;
	if (past.seq == 0)
		return err_set(e, ERR_NOT_FOUND, "%s never had a release %s",
			       p->product, id);
	*seq = past.seq;
	return 0;
}

/* The release to go back to: listed, and not below the floor. */
static int find_to(const struct place *p, const char *id, uint64_t *seq,
		   struct err *e)
{
	struct release r;
	uint64_t floor, content;

	if (current_floor(p, &floor, e) || find(p, id, &r, e))
		return -1;
	*seq = r.seq;
	content = r.content_seq;
	release_done(&r);
	if (content < floor)
		return err_set(e, ERR_REFUSED,
			       "%s lies below the floor, seq %llu: no device "
			       "goes back there",
			       id, (unsigned long long)floor);
	return 0;
}

static int authorise(struct place *p, const char *from, const char *to,
		     uint64_t days, struct report *out, struct err *e)
{
	struct stepback back = { .issued = utc_now() };
	char path[PATH_MAX_LEN], until[UTC_TEXT_LEN];
	struct json *j;
	int rc;

	back.expires = back.issued + (int64_t)days * UTC_DAY;
	if (find_from(p, from, &back.from, e) || find_to(p, to, &back.to, e) ||
	    text_format(back.product, sizeof(back.product), e, "%s",
			p->product) ||
	    stepback_path(&back, path, e))
		return -1;
	if (back.to >= back.from)
		return err_set(e, ERR_USAGE, "%s is not older than %s", to,
			       from);
	j = stepback_format(&back);
	rc = document_put(&p->repo, &(struct document){ p->role, path, j },
			  back.issued, out, e);
	json_free(j);
	if (rc)
		return -1;
	utc_format(back.expires, until);
	report_line(out, "staged in %s: from %s back to %s, until %s", p->role,
		    from, to, until);
	json_set_text(report_object(out), "role", p->role);
	json_set_text(report_object(out), "path", path);
	return 0;
}

int cmd_stepback(int argc, char **argv, struct err *e)
{
	const char *product = NULL, *from = NULL, *to = NULL;
	uint64_t days = BACK_DAYS_DEFAULT;
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &product, "of which product"),
		OPT_TEXT("from", "ID", &from, "what devices run now"),
		OPT_TEXT("to", "ID", &to, "the listed release to go back to"),
		OPT_NUMBER("days", "N", &days, BACK_DAYS_MAX,
			   "how long it is good for (30)"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	struct place p = { .product = NULL };
	char **operands;
	int count, rc = -1;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1 || !from || !to || days == 0)
		err_set(e, ERR_USAGE,
			"one REPO is needed, --from and --to; at least a day");
	else if (place_open(operands[0], product, &p, &out, e) == 0) {
		rc = authorise(&p, from, to, days, &out, e);
		repo_close(&p.repo);
	}
	return report_end(&out, rc, e);
}
