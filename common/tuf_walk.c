/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_walk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct walk {
	const char *path;
	const struct tuf_loader *loader;
	unsigned max, visited_count;
	char (*visited)[TUF_ROLE_NAME_MAX];
	struct tuf_target *out;
	bool over; /* found, or stopped by a terminating delegation */
	bool found;
};

static bool was_visited(const struct walk *w, const char *name)
{
	for (unsigned i = 0; i < w->visited_count; i++)
		if (strcmp(w->visited[i], name) == 0)
			return true;
	return false;
}

static int visit_role(struct walk *w, const struct tuf_meta *m, struct err *e);

static int follow(struct walk *w, const struct tuf_meta *delegator,
		  const struct tuf_delegation *d, struct err *e)
{
	const struct tuf_meta *m = NULL;

	if (was_visited(w, d->name))
		return 0;
	if (w->visited_count == w->max)
		return err_set(e, ERR_LIMIT, "more than %u delegated roles",
			       w->max);
	memcpy(w->visited[w->visited_count++], d->name, sizeof(d->name));
	if (w->loader->load(w->loader->ctx, delegator, d, &m, e))
		return -1;
	return visit_role(w, m, e);
}

/* Recursion is bounded by max: each level has visited a role of its own. */
static int visit_role(struct walk *w, const struct tuf_meta *m, struct err *e)
{
	const struct json *delegations = json_get(m->body, "delegations");
	struct tuf_delegation d;
	struct err why = { 0 };
	size_t at = 0;

	if (tuf_targets_get(m, w->path, w->out, &why) == 0) {
		w->over = w->found = true;
		return 0;
	}
	if (why.code != ERR_NOT_FOUND) {
		*e = why;
		return -1;
	}
	while (delegations && !w->over &&
	       tuf_delegation_next(delegations, w->path, &at, &d)) {
		if (follow(w, m, &d, e))
			return -1;
		w->over = w->over || d.terminating;
	}
	return 0;
}

int tuf_walk(const struct tuf_meta *targets, const char *path, unsigned max,
	     const struct tuf_loader *loader, struct tuf_target *out,
	     struct err *e)
{
	struct tuf_target target = { 0 };
	struct walk w = {
		.path = path, .loader = loader, .max = max, .out = &target
	};
	int rc;

	assert(max <= TUF_WALK_MAX);
	w.visited = mem_alloc(max ? max : 1, sizeof(*w.visited));
	rc = visit_role(&w, targets, e);
	free(w.visited);
	if (rc == 0 && !w.found)
		return err_set(e, ERR_NOT_FOUND, "no such target");
	if (rc == 0)
		*out = target;
	return rc;
}

static int compare_paths(const void *a, const void *b)
{
	const struct tuf_target *left = a, *right = b;

	return strcmp(left->path, right->path);
}

int tuf_targets_each(const struct tuf_meta *m,
		     int (*visit)(void *ctx, const struct tuf_target *t,
				  struct err *e),
		     void *ctx, struct err *e)
{
	const struct json *targets = json_get(m->body, "targets");
	struct tuf_target *list =
		mem_alloc(json_count(targets) + 1, sizeof(*list));
	size_t count = 0;
	int rc = -1;

	for (void *i = json_first(targets); i; i = json_next(targets, i))
		if (tuf_target_read(json_name(i), json_value(i), &list[count++],
				    e))
			goto out;
	qsort(list, count, sizeof(*list), compare_paths);
	for (size_t i = 0; i < count; i++)
		if (visit(ctx, &list[i], e))
			goto out;
	rc = 0;
out:
	free(list);
	return rc;
}
