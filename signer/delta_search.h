/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_search - which old content is worth searching in.
 *
 * What changed always is. Of what both releases hold most has nothing to give
 * to what is new, and sorting its suffixes would be most of the work. So
 * samples of the new content that the changed old content lacks are looked for
 * in it; a span that has some of them is searched too.
 */
#ifndef SIGNER_DELTA_SEARCH_H
#define SIGNER_DELTA_SEARCH_H

#include "signer/stream_view.h"

/* Both views, and by span what of each the other holds as well. */
struct delta_search {
	struct stream_view *old, *fresh;
	const bool *old_same, *fresh_same;
};

/* Set useful[], by old span, for those that are the same and have something. */
int delta_search_useful(const struct delta_search *s, bool *useful,
			struct err *e) NODISCARD;

#endif
