/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage - how much of a fleet comes to a release by a delta, what that
 * spares, and from which release one more would spare the most. Pure.
 */
#ifndef UPDATE_SERVER_COVERAGE_H
#define UPDATE_SERVER_COVERAGE_H

#include "common/json.h"

/*
 * `release` is what `release show` answers, `running` the overview's releases:
 * [{"product","release","seq","devices"}]. *out, the caller's:
 *	devices   that run an older release of the product
 *	covered   those of them with a delta; share in basis points
 *	stones    those that another release has to be given first
 *	egress_bytes, saved_bytes    of devices without the stones
 *	from      [{"release","devices","way","bytes","saved_bytes"}], most
 *	          devices first; way: "delta", "full" or "stone"
 *	next      {"release","devices","saves_bytes"}: the base of the delta to
 *	          make next, and what it would spare if it were as small as
 *	          this release's other deltas are; without any, what it spares
 *	          at most, and "at_most": true. Left out if there is none.
 * ERR_FORMAT if the release has no full package.
 */
int coverage_of(const struct json *release, const struct json *running,
		struct json **out, struct err *e) NODISCARD;

#endif
