/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tree_watch.h"

int tree_watch_tell(const struct tree_watch *w, uint64_t bytes, struct err *e)
{
	return w ? w->advance(w->ctx, bytes, e) : 0;
}

static int goes_on(void *ctx, uint64_t bytes, struct err *e)
{
	struct tree_prelude *p = ctx;

	(void)bytes;
	if (tree_watch_tell(p->watch, 0, e) == 0)
		return 0;
	p->stopped = true;
	return -1;
}

struct tree_watch tree_watch_prelude(struct tree_prelude *p)
{
	return (struct tree_watch){ p, goes_on };
}
