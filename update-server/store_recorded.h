/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_recorded - the versions of metadata that imports had brought, as far as
 * only the audit log tells: after a restore and its replay, what was imported
 * since the backup is not here, and devices that saw it take nothing older. The
 * newest import on record says what there was; what is imported then makes up
 * for it.
 */
#ifndef UPDATE_SERVER_STORE_RECORDED_H
#define UPDATE_SERVER_STORE_RECORDED_H

#include "update-server/store.h"

/* "root", "targets", or a delegated role: on record, and here (0: not at all).
 */
struct store_missing {
	char role[NAME_MAX_LEN + 1];
	int64_t recorded, here;
};

/* Whatever is older here than on record. */
int store_missing_each(struct store *s,
		       void (*visit)(void *ctx, const struct store_missing *m),
		       void *ctx, struct err *e) NODISCARD;

#endif
