/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change - put a changed root or targets in place of what is staged, and say
 * what that means for signatures.
 */
#ifndef SIGNER_CHANGE_H
#define SIGNER_CHANGE_H

#include "signer/repo.h"
#include "signer/report.h"

/*
 * Stage envelope, which is given away; says how many signatures of the former
 * one no longer count. A root under which the published targets would lack
 * signatures stages the same targets again, to be signed anew.
 */
int change_stage(struct repo *r, enum tuf_role role, struct json *envelope,
		 int64_t now, struct report *out, struct err *e) NODISCARD;

#endif
