/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_file - a scenario for sim.h as an INI file; every key is optional. The
 * keys are in docs/fleet.md.
 */
#ifndef UPDATE_SERVER_SIM_FILE_H
#define UPDATE_SERVER_SIM_FILE_H

#include "common/json.h"
#include "common/rd.h"

#include "update-server/sim.h"

/* ERR_CONFIG names file, line and key. */
int sim_file_parse(struct slice text, const char *file, struct sim_world *out,
		   struct err *e) NODISCARD;

/*
 * What a rollout takes of such a file, as the wire has it, into an object: its
 * "policy" with those members alone that the file names (what it leaves out is
 * the server's to say), and "window" and "urgent" if it has them. Fails as
 * sim_file_parse() does; *body is then unchanged.
 */
int sim_file_rollout(struct slice text, const char *file, struct json *body,
		     struct err *e) NODISCARD;

#endif
