/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a scenario says, a small fleet survives an hour of it; or its
 * rollout is refused, as where all of its devices are pinned elsewhere. */
#include <stdlib.h>

#include "update-server/sim_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct sim_world w;
	static struct sim_result r;
	struct err e;

	if (sim_file_parse((struct slice){ data, len }, "scenario", &w, &e))
		return 0;
	w.devices = w.devices % 40 + 1;
	w.hours = 1;
	if (sim_run(&w, NULL, &r, &e)) {
		if (e.code != ERR_REFUSED)
			abort();
	} else if (r.exposed > w.devices) {
		abort();
	}
	return 0;
}
