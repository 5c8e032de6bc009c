/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/sim_world.h"

void sim_world_init(struct sim_world *w)
{
	*w = (struct sim_world){
		.devices = 10000,
		.seed = 1,
		.hours = 96,
		.start = INT64_C(1767258000), /* 2026-01-01T09:00:00Z */
		.interval_sec = 3600,
		.models = 1,
		.restart_min = 3,
		.download_min = 10,
		.delta_coverage = GATE_ALL,
		.click_hours = 1,
		.stone = { .digest = { { 3 } }, .seq = 3 },
		.stage = { .what = { .name = "simulated",
				     .product = "product",
				     .cohorts = { "all" },
				     .cohort_count = 1,
				     .digest = { { 5 } },
				     .seq = 5,
				     .requires_seq = 2 },
			   .size = 20000000,
			   .revision = 1,
			   .status = STAGE_SCHEDULED,
			   .policy = stage_usual },
	};
}
