/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep - what a device has of its own and takes along: [keep].
 *
 *	PATH/a/keep/...    PATH/b/keep/...
 *
 * It stands beside a slot's content, never in it, for what was signed stays as
 * it was signed. Before a switch the named paths are copied from the slot that
 * runs to the one that will; what is not named is not taken along. Each slot
 * has its own copy from then on: what a release makes of it is gone with that
 * release. A copy is complete and durable before it has its name.
 */
#ifndef UPDATER_CLIENT_KEEP_H
#define UPDATER_CLIENT_KEEP_H

#include "common/tree_copy.h"
#include "updater-client/session.h"

/* What the copy will take. */
int keep_measure(const struct session *s, struct tree_copy_size *out,
		 struct err *e) NODISCARD;

/* Into the slot that was just filled. Failing, nothing may be switched. */
int keep_carry(const struct session *s, struct err *e) NODISCARD;

/*
 * The boot that leads to the new slot is near: what has changed since. Failing
 * is logged; the former copy stays.
 */
void keep_again(const struct session *s);

#endif
