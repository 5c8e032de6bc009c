/* SPDX-License-Identifier: Apache-2.0 */
/* tuf_policy - what a TUF client accepts, and how much of it. */
#ifndef COMMON_TUF_POLICY_H
#define COMMON_TUF_POLICY_H

#include "common/tuf_keys.h"

struct tuf_policy {
	struct tuf_rules rules;
	size_t root_max, timestamp_max, snapshot_max, targets_max;
	unsigned rotations_max;   /* roots per run; the next run goes on */
	unsigned delegations_max; /* roles visited per target */
	bool medium; /* source is a stick or folder: marked files are fine */
};

extern const struct tuf_policy tuf_policy_device; /* a device's caps */
extern const struct tuf_policy tuf_policy_server; /* the same, larger caps */

#endif
