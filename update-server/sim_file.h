/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_file - a scenario for sim.h as an INI file; every key is optional. The
 * keys are in docs/fleet.md.
 */
#ifndef UPDATE_SERVER_SIM_FILE_H
#define UPDATE_SERVER_SIM_FILE_H

#include "common/rd.h"

#include "update-server/sim.h"

/* ERR_CONFIG names file, line and key. */
int sim_file_parse(struct slice text, const char *file, struct sim_world *out,
		   struct err *e) NODISCARD;

#endif
