/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One that failed is no pattern. */
#define APART_MIN 2

static struct kinds_group *group_of(struct kinds *k, const char *name)
{
	struct kinds_group *g;
	bool last = k->count >= KINDS_GROUPS_MAX - 1;

	for (size_t i = 0; i < k->count; i++)
		if (strcmp(k->groups[i].name, name) == 0)
			return &k->groups[i];
	if (last && strcmp(name, KINDS_REST) != 0)
		return group_of(k, KINDS_REST);
	g = &k->groups[k->count++];
	*g = (struct kinds_group){ .sample_count = 0 };
	(void)snprintf(g->name, sizeof(g->name), "%s", name);
	return g;
}

void kinds_add(struct kinds *k, const char *name, const struct kinds_counts *n,
	       const struct device_id *sample)
{
	struct kinds_group *g = group_of(k, name);

	g->n.offered += n->offered;
	g->n.confirmed += n->confirmed;
	g->n.bad += n->bad;
	g->n.other += n->other;
	g->n.dark += n->dark;
	if (sample && g->sample_count < KINDS_SAMPLES)
		g->samples[g->sample_count++] = *sample;
}

/* ---- who stands apart ---------------------------------------------------- */

/* So many of so many. */
struct rate {
	uint64_t bad, n;
};

static struct rate failures(const struct kinds_counts *c)
{
	return (struct rate){ c->bad, c->bad + c->confirmed };
}

static struct rate darkness(const struct kinds_counts *c)
{
	return (struct rate){ c->dark, c->dark + c->bad + c->confirmed };
}

static struct rate without(const struct rate *all, const struct rate *one)
{
	return (struct rate){ all->bad - one->bad, all->n - one->n };
}

/* Says how, if it does; what it says is added to words. */
static bool stands_apart(const char *verb, const struct rate *one,
			 const struct rate *rest, char words[KINDS_WORDS])
{
	size_t used = strlen(words);
	uint32_t least, most;

	if (one->bad < APART_MIN || rest->n == 0)
		return false;
	least = gate_lower(one->bad, one->n);
	most = gate_upper(rest->bad, rest->n);
	if (least <= most)
		return false;
	(void)snprintf(words + used, KINDS_WORDS - used,
		       "%s%s more often than the others: %llu of %llu, at "
		       "least %u.%02u %%; of the others %llu of %llu, at most "
		       "%u.%02u %%",
		       used > 0 ? "; " : "", verb, (unsigned long long)one->bad,
		       (unsigned long long)one->n, least / 100, least % 100,
		       (unsigned long long)rest->bad,
		       (unsigned long long)rest->n, most / 100, most % 100);
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct kinds_group *x = a, *y = b;
	bool x_apart = x->fails_more || x->dark_more;
	bool y_apart = y->fails_more || y->dark_more;

	if (x_apart != y_apart)
		return x_apart ? -1 : 1;
	if (x->n.bad != y->n.bad)
		return x->n.bad > y->n.bad ? -1 : 1;
	if (x->n.offered != y->n.offered)
		return x->n.offered > y->n.offered ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void judge(struct kinds_group *g, const struct rate *failed,
		  const struct rate *dark)
{
	struct rate one = failures(&g->n), other = darkness(&g->n);
	struct rate rest = without(failed, &one);
	struct rate others = without(dark, &other);

	g->lower = one.n ? gate_lower(one.bad, one.n) : 0;
	g->upper = one.n ? gate_upper(one.bad, one.n) : GATE_ALL;
	g->words[0] = 0;
	g->fails_more = stands_apart("fails", &one, &rest, g->words);
	g->dark_more = stands_apart("goes dark", &other, &others, g->words);
}

void kinds_judge(struct kinds *k)
{
	struct rate failed = { 0, 0 }, dark = { 0, 0 };

	for (size_t i = 0; i < k->count; i++) {
		struct rate f = failures(&k->groups[i].n);
		struct rate d = darkness(&k->groups[i].n);

		failed.bad += f.bad;
		failed.n += f.n;
		dark.bad += d.bad;
		dark.n += d.n;
	}
	for (size_t i = 0; i < k->count; i++)
		judge(&k->groups[i], &failed, &dark);
	qsort(k->groups, k->count, sizeof(k->groups[0]), compare);
}
