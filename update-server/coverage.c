/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/coverage.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define ALL 10000 /* basis points */

struct base {
	const char *release;
	uint64_t devices, bytes;
	bool delta, stone;
};

struct coverage {
	const struct json *packages;
	uint64_t full, deltas, delta_count;
	uint64_t devices, covered, stones, egress;
	struct base *at;
	size_t count;
};

static uint64_t number(const struct json *object, const char *name)
{
	int64_t n = json_int(json_get(object, name));

	return n > 0 ? (uint64_t)n : 0;
}

static const char *text(const struct json *object, const char *name)
{
	return json_text(json_get(object, name));
}

/* ---- what there is ------------------------------------------------------- */

static int read_packages(struct coverage *c, struct err *e)
{
	for (size_t i = 0; i < json_count(c->packages); i++) {
		const struct json *p = json_at(c->packages, i);

		if (strcmp(text(p, "kind"), "delta") == 0) {
			c->deltas += number(p, "bytes");
			c->delta_count++;
		} else {
			c->full = number(p, "bytes");
		}
	}
	return c->full > 0 ? 0
			   : err_set(e, ERR_FORMAT,
				     "the release has no full package");
}

/* 0: there is none. */
static uint64_t delta_from(const struct coverage *c, const char *release)
{
	for (size_t i = 0; release[0] && i < json_count(c->packages); i++) {
		const struct json *p = json_at(c->packages, i);

		if (strcmp(text(p, "from"), release) == 0)
			return number(p, "bytes");
	}
	return 0;
}

static void add_base(struct coverage *c, const struct json *release,
		     const struct json *runs)
{
	const char *name = text(runs, "release");
	uint64_t delta = delta_from(c, name);
	struct base *b = &c->at[c->count++];

	b->release = name;
	b->devices = number(runs, "devices");
	/* Whoever runs nothing of ours yet starts anywhere. */
	b->stone = name[0] &&
		   number(runs, "seq") < number(release, "requires_seq");
	b->delta = !b->stone && delta > 0;
	b->bytes = b->delta ? delta : c->full;
	c->devices += b->devices;
	c->covered += b->delta ? b->devices : 0;
	c->stones += b->stone ? b->devices : 0;
	c->egress += b->stone ? 0 : b->devices * b->bytes;
}

static int by_devices(const void *a, const void *b)
{
	const struct base *x = a, *y = b;

	if (x->devices != y->devices)
		return x->devices < y->devices ? 1 : -1;
	return strcmp(x->release, y->release);
}

/* ---- as JSON ------------------------------------------------------------- */

/* A delta that is no smaller than the package spares nothing. */
static uint64_t spared(const struct coverage *c, const struct base *b)
{
	return c->full > b->bytes ? b->devices * (c->full - b->bytes) : 0;
}

static struct json *base_json(const struct coverage *c, const struct base *b)
{
	struct json *j = json_new_object();

	json_set_text(j, "release", b->release);
	json_set_int(j, "devices", (int64_t)b->devices);
	json_set_text(j, "way",
		      b->stone   ? "stone"
		      : b->delta ? "delta"
				 : "full");
	json_set_int(j, "bytes", (int64_t)b->bytes);
	json_set_int(j, "saved_bytes", b->stone ? 0 : (int64_t)spared(c, b));
	return j;
}

/* They are sorted: the first that may have one is that of the most devices. */
static void set_next(const struct coverage *c, struct json *j)
{
	uint64_t usual = c->delta_count > 0 ? c->deltas / c->delta_count : 0;
	struct json *next;

	for (size_t i = 0; i < c->count; i++) {
		const struct base *b = &c->at[i];

		if (b->delta || b->stone || !b->release[0] || !b->devices)
			continue;
		next = json_new_object();
		json_set_text(next, "release", b->release);
		json_set_int(next, "devices", (int64_t)b->devices);
		json_set_int(next, "saves_bytes",
			     usual < c->full
				     ? (int64_t)(b->devices * (c->full - usual))
				     : 0);
		json_set_bool(next, "at_most", c->delta_count == 0);
		json_set(j, "next", next);
		return;
	}
}

static struct json *coverage_json(const struct coverage *c)
{
	struct json *j = json_new_document(), *from = json_new_array();
	uint64_t saved = 0;

	for (size_t i = 0; i < c->count; i++) {
		json_add(from, base_json(c, &c->at[i]));
		saved += c->at[i].stone ? 0 : spared(c, &c->at[i]);
	}
	json_set_int(j, "devices", (int64_t)c->devices);
	json_set_int(j, "covered", (int64_t)c->covered);
	json_set_int(j, "share",
		     c->devices ? (int64_t)(c->covered * ALL / c->devices)
				: ALL);
	json_set_int(j, "stones", (int64_t)c->stones);
	json_set_int(j, "full_bytes", (int64_t)c->full);
	json_set_int(j, "egress_bytes", (int64_t)c->egress);
	json_set_int(j, "saved_bytes", (int64_t)saved);
	json_set(j, "from", from);
	set_next(c, j);
	return j;
}

int coverage_of(const struct json *release, const struct json *running,
		struct json **out, struct err *e)
{
	struct coverage c = {
		.packages = json_get(json_get(release, "detail"), "packages"),
	};

	if (read_packages(&c, e))
		return -1;
	c.at = mem_alloc(json_count(running) + 1, sizeof(*c.at));
	for (size_t i = 0; i < json_count(running); i++) {
		const struct json *runs = json_at(running, i);

		if (strcmp(text(runs, "product"), text(release, "product")) ==
			    0 &&
		    number(runs, "seq") < number(release, "seq"))
			add_base(&c, release, runs);
	}
	qsort(c.at, c.count, sizeof(*c.at), by_devices);
	*out = coverage_json(&c);
	free(c.at);
	return 0;
}
