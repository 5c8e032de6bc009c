/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order_import - may what comes follow the operators' file that counts now?
 * The rules are common/order_step; what they are judged with comes from the
 * store, the payloads on the disk and whoever knows which releases are listed.
 */
#ifndef UPDATE_SERVER_ORDER_IMPORT_H
#define UPDATE_SERVER_ORDER_IMPORT_H

#include "common/order_step.h"
#include "update-server/store.h"

struct order_import {
	struct store *store;
	int dirfd; /* the server's folder */
	/* As in struct order_facts; NULL: what the store lists. */
	int (*release)(void *ctx, const char *product, const char *id,
		       struct sha256 *digest, struct err *e);
	void *ctx;
};

/* Is it one of the two roles that operators sign? */
bool order_import_is_role(const char *role);

/* As order_step_read() for the signed part of one of them. */
int order_import_check(const struct order_import *in, const char *role,
		       const struct json *next, struct err *e) NODISCARD;

/* The version of a role that counts now; 0 for none. */
int order_import_version(struct store *s, const char *role, int64_t *out,
			 struct err *e) NODISCARD;

/*
 * The newest stored file of a role ("targets" too); *out is NULL if there is
 * none, else the caller's.
 */
int order_import_file(struct store *s, const char *role, struct json **out,
		      struct err *e) NODISCARD;

#endif
