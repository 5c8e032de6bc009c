/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_policy.h"

#define CAPS(snapshot, targets)                                                \
	.rules = { .schemes = tuf_schemes_product }, .root_max = 512000,       \
	.timestamp_max = 16384, .snapshot_max = (snapshot),                    \
	.targets_max = (targets), .rotations_max = 64, .delegations_max = 32

const struct tuf_policy tuf_policy_device = { CAPS(1000000, 1000000) };
const struct tuf_policy tuf_policy_server = { CAPS(2000000, 5000000) };
