/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage_policy - a rollout's policy as JSON: in requests, in answers and in the
 * store. Pure. Times are in seconds, rates in basis points; docs/fleet.md says
 * what each is for, and each has its bounds here.
 */
#ifndef UPDATE_SERVER_STAGE_POLICY_H
#define UPDATE_SERVER_STAGE_POLICY_H

#include "common/json.h"

#include "update-server/stage.h"

#define STAGE_POLICY_TEXT 4096

/*
 * Take over what the object has; what it leaves out stays as it was. ERR_FORMAT
 * for a member that is unknown or out of bounds; *p is then unchanged.
 */
int stage_policy_take(const struct json *j, struct stage_policy *p,
		      struct err *e) NODISCARD;
/* The same from text: exactly one object. */
int stage_policy_read(struct slice text, struct stage_policy *p,
		      struct err *e) NODISCARD;

/* Every member of it; the caller frees it. */
struct json *stage_policy_json(const struct stage_policy *p);
int stage_policy_write(const struct stage_policy *p,
		       char out[STAGE_POLICY_TEXT], struct err *e) NODISCARD;

#endif
