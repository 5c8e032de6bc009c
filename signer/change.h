/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change - put a changed file in place of what is staged, and say what that
 * means for signatures.
 */
#ifndef SIGNER_CHANGE_H
#define SIGNER_CHANGE_H

#include "signer/repo.h"
#include "signer/report.h"

/*
 * Stage envelope, which is given away; says how many signatures of the former
 * one no longer count. A file that was published and lacks signatures under
 * the keys that a changed root, or changed targets, list for it is staged
 * again with the same content, to be signed anew.
 */
int change_stage(struct repo *r, const char *role, struct json *envelope,
		 int64_t now, struct report *out, struct err *e) NODISCARD;

#endif
