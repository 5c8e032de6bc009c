/* SPDX-License-Identifier: Apache-2.0 */
/* online_role - does a root let this server's key sign what is online? */
#ifndef UPDATE_SERVER_ONLINE_ROLE_H
#define UPDATE_SERVER_ONLINE_ROLE_H

#include "common/ec.h"
#include "common/json.h"

/*
 * Of a verified root's "signed": snapshot and timestamp must name the key,
 * each with threshold 1. ERR_REFUSED says what to do.
 */
int online_role_check(const struct json *root_signed,
		      const struct ec_public *key, struct err *e) NODISCARD;

#endif
