/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_watch - who hears how far the work on a tree or an image is, and may
 * end it. It is also how they know that the work does not hang.
 */
#ifndef COMMON_TREE_WATCH_H
#define COMMON_TREE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct tree_watch {
	void *ctx;
	/*
	 * Bytes done so far, told at each entry, too: a hundred thousand of
	 * those may hold none. Fewer than before, or 0: it goes on, and that
	 * is all. A -1 stops the work with the error.
	 */
	int (*advance)(void *ctx, uint64_t bytes, struct err *e);
};

/* NULL is nobody. */
int tree_watch_tell(const struct tree_watch *w, uint64_t bytes,
		    struct err *e) NODISCARD;

/*
 * For a step whose bytes are not those that are counted, as reading a base
 * before the first is written: who watches hears that it goes on. `stopped`
 * afterwards tells their -1 from what was found wrong.
 */
struct tree_prelude {
	const struct tree_watch *watch;
	bool stopped;
};

/* A watch for that step; it points to *p. */
struct tree_watch tree_watch_prelude(struct tree_prelude *p);

#endif
