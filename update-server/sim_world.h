/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_world - what there is to simulate (sim.h): a release, a fleet that does
 * not exist, and the people who look after both.
 */
#ifndef UPDATE_SERVER_SIM_WORLD_H
#define UPDATE_SERVER_SIM_WORLD_H

#include "update-server/stage.h"
#include "update-server/window.h"

#define SIM_DEVICES_MAX 4000000
#define SIM_HOURS_MAX   (24 * 60)

/* Rates are in basis points of the devices. */
struct sim_world {
	uint64_t devices;
	uint64_t seed;
	uint64_t hours; /* that are simulated */
	int64_t start;
	uint64_t interval_sec;
	/* What the server bears: devices that something urgent waits for are
	 * told to come as often as that allows; 0: nobody comes sooner. */
	uint64_t checkins_per_sec;
	struct window_zone zone;

	/* the release */
	uint64_t fail;        /* fails its health check and goes back */
	uint64_t brick;       /* never comes back after installing */
	uint64_t late_revert; /* goes back hours after it was a success */
	uint64_t env;         /* no room on its disk */
	uint64_t missing;     /* a payload that cannot be had */
	uint64_t models; /* kinds of hardware, in equal parts; at least 1 */
	uint64_t
		bad_model; /* which of them fails more often, from 1; 0: none */
	uint64_t bad_model_fail;
	uint64_t restart_min;    /* from installing to its next check-in */
	uint64_t begin_min;      /* from the offer until it begins; minutes */
	uint64_t download_min;   /* minutes */
	uint64_t delta_coverage; /* devices that a delta reaches */

	/* the fleet */
	uint64_t night;     /* switched off in any one night, from 20:00 on */
	uint64_t away;      /* never come at all */
	uint64_t liars;     /* say that it failed, and run it */
	bool liars_are_new; /* they enrolled yesterday */
	uint64_t defer;     /* put it off for a day */
	uint64_t old;       /* need the stepping stone first */
	uint64_t pinned;    /* keep to another release */
	uint64_t undo; /* an undo, and so many run what it undoes; 0: none */
	uint64_t canaries_away_hours; /* the lowest 20 are silent at first */

	/* the people */
	/* After which somebody advances what is held, unless devices that
	 * installed it are missing. */
	uint64_t click_hours;
	uint64_t resume_hours; /* after which somebody resumes; 0: never */
	uint64_t pause_after, supersede_after; /* hours; 0: never */
	uint64_t order_hours; /* after which the signed order ends; 0: never */
	uint64_t metadata_hours; /* after which what lists it expires; 0: never
				  */

	struct stage_goal stone; /* for those that need one first */

	struct stage stage; /* revision, policy, flags; ladder if it has one */
};

/* Defaults: a good release, 10 000 devices, three days, the usual policy. */
void sim_world_init(struct sim_world *w);

#endif
