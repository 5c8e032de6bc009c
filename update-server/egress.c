/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/egress.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct egress {
	pthread_mutex_t lock;
	struct egress_count counts[EGRESS_MAX];
	size_t count, unsent; /* of these nothing went out of */
};

struct egress *egress_new(void)
{
	struct egress *g = mem_alloc(1, sizeof(*g));

	(void)pthread_mutex_init(&g->lock, NULL);
	return g;
}

void egress_free(struct egress *g)
{
	if (!g)
		return;
	(void)pthread_mutex_destroy(&g->lock);
	free(g);
}

/* The digest in the last part of a path; false if there is none. */
static bool find_digest(struct slice path, struct sha256 *out)
{
	size_t at = path.len, hex = (size_t)2 * SHA256_LEN;
	struct err none; /* it is another path, that is all */

	while (at > 0 && path.ptr[at - 1] != '/')
		at--;
	return path.len - at > hex && path.ptr[at + hex] == '.' &&
	       sha256_parse(slice_sub(path, at, hex), out, &none) == 0;
}

static struct egress_count *find(struct egress *g, const struct sha256 *package)
{
	for (size_t i = 0; i < g->count; i++)
		if (sha256_equal(&g->counts[i].package, package))
			return &g->counts[i];
	return NULL;
}

static void add(struct egress *g, const struct egress_count *more)
{
	struct egress_count *c = find(g, &more->package);

	if (!c && (g->count == EGRESS_MAX ||
		   (more->sent == 0 && g->unsent == EGRESS_MAX / 2)))
		return;
	if (!c) {
		c = &g->counts[g->count++];
		*c = (struct egress_count){ .package = more->package };
		g->unsent++;
	}
	if (c->sent == 0 && more->sent > 0)
		g->unsent--;
	c->sent += more->sent;
	c->busy += more->busy;
}

static void count(struct egress *g, struct slice path, uint64_t sent,
		  uint64_t busy)
{
	struct egress_count more = { .sent = sent, .busy = busy };

	if (!g || !find_digest(path, &more.package))
		return;
	(void)pthread_mutex_lock(&g->lock);
	add(g, &more);
	(void)pthread_mutex_unlock(&g->lock);
}

void egress_sent(struct egress *g, struct slice path, uint64_t bytes)
{
	count(g, path, bytes, 0);
}

void egress_busy(struct egress *g, struct slice path)
{
	count(g, path, 0, 1);
}

size_t egress_take(struct egress *g, struct egress_count *out)
{
	size_t taken;

	if (!g)
		return 0;
	(void)pthread_mutex_lock(&g->lock);
	taken = g->count;
	memcpy(out, g->counts, taken * sizeof(*out));
	g->count = g->unsent = 0;
	(void)pthread_mutex_unlock(&g->lock);
	return taken;
}

void egress_return(struct egress *g, const struct egress_count *counts,
		   size_t count)
{
	if (!g)
		return;
	(void)pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < count; i++)
		add(g, &counts[i]);
	(void)pthread_mutex_unlock(&g->lock);
}

struct egress_count egress_waiting(struct egress *g,
				   const struct sha256 *package)
{
	struct egress_count c = { .package = *package };
	const struct egress_count *found;

	if (!g)
		return c;
	(void)pthread_mutex_lock(&g->lock);
	found = find(g, package);
	if (found)
		c = *found;
	(void)pthread_mutex_unlock(&g->lock);
	return c;
}
