/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/guesses.h"

static struct guesses_network *find(struct guesses *g,
				    const struct whence *from)
{
	for (size_t i = 0; i < g->count; i++)
		if (whence_same(&g->networks[i].from, from))
			return &g->networks[i];
	return NULL;
}

static bool has_had_its_share(struct guesses *g, const struct whence *from,
			      uint64_t most)
{
	const struct guesses_network *n = find(g, from);
	const uint64_t share = most / GUESSES_SHARE;

	return n && n->count >= (share > 0 ? share : 1);
}

int guesses_may(struct guesses *g, const struct whence *from, uint64_t most,
		int64_t now, struct err *e)
{
	if (g->minute != now / 60)
		*g = (struct guesses){ .minute = now / 60 };
	if (g->all >= most || has_had_its_share(g, from, most))
		return err_set(e, ERR_BUSY,
			       "too many failed enrolments just now: try again "
			       "later");
	return 0;
}

void guesses_count(struct guesses *g, const struct whence *from)
{
	struct guesses_network *n = find(g, from);

	g->all++;
	if (!n && from->known && g->count < GUESSES_NETWORKS) {
		n = &g->networks[g->count++];
		*n = (struct guesses_network){ .from = *from };
	}
	if (n)
		n->count++;
}
