/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff - exactly what differs between two JSON trees, for a person who is
 * about to sign the second one.
 *
 * Complete by construction: every member is compared, known or not, so nothing
 * can be signed that was not shown. Lists of texts and numbers are compared as
 * sets (a list of key ids), other lists as a whole.
 */
#ifndef SIGNER_DIFF_H
#define SIGNER_DIFF_H

#include "common/json.h"

/*
 * Append to `changes` (an array) one object per difference: "change" (added,
 * removed, changed), "path" (roles.root.threshold, targets["a/b"].length) and
 * "before" and "after" where there is one. before may be NULL: all is added.
 */
int diff_json(const struct json *before, const struct json *after,
	      struct json *changes, struct err *e) NODISCARD;

/*
 * One change as a line of text: "+ path = value", "- path = value" or
 * "~ path: before -> after"; foreign bytes escaped, nothing cut.
 */
int diff_line(const struct json *change, struct buf *out,
	      struct err *e) NODISCARD;

#endif
