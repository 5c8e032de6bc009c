/* SPDX-License-Identifier: Apache-2.0 */
/*
 * next_step - what a person who was woken up does next about a rollout: in a
 * sentence or two, and by which commands. Pure; pages and commands say the
 * same.
 */
#ifndef UPDATE_SERVER_NEXT_STEP_H
#define UPDATE_SERVER_NEXT_STEP_H

#include "common/json.h"

#include "update-server/stage.h"

struct next_step {
	const struct stage *stage;
	bool wants_order;    /* the signed order opens less than the phase */
	bool wants_baseline; /* completed, and no baseline has it yet */
	bool alert;          /* nobody has looked at a security failure yet */
};

/* {"words": TEXT, "commands": [TEXT...]}: without "pawl-server". */
struct json *next_step_json(const struct next_step *n);

#endif
