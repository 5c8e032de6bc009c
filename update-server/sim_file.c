/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/sim_file.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/ini.h"
#include "common/mem.h"

#define HOUR INT64_C(3600)
#define ALL  BUCKET_SHARE_ALL

/* The file's values, in its units; numbers as ini.h wants them. */
struct values {
	struct sim_world world;
	char *start;
	uint64_t zone_minutes, west;
	uint64_t max_fail, min_sample, coverage, breaker;
	uint64_t evidence_hours, new_device_days, attempts, rest_hours;
	uint64_t give_up_hours, dark_polls, dark_minutes, start_minutes;
	uint64_t progress_hours, poll_minutes;
	uint64_t start_polls, min_rate, four_eyes, coverage_of_deltas;
	uint64_t window_from, window_to;
	bool summer_time, urgent, liars_are_new;
	struct ini_list stop_codes, shares, watch;
};

#define NUMBER(section, name, member, min, max)                                \
	{                                                                      \
		section, name, INI_NUMBER, offsetof(struct values, member),    \
			min, max, false                                        \
	}
#define WORLD(section, name, member, max)                                      \
	NUMBER(section, name, world.member, 0, max)
#define OTHER(section, name, kind, member)                                     \
	{                                                                      \
		section, name, kind, offsetof(struct values, member), 0, 0,    \
			false                                                  \
	}

static const struct ini_key keys[] = {
	NUMBER("fleet", "devices", world.devices, 1, SIM_DEVICES_MAX),
	WORLD("fleet", "seed", seed, UINT32_MAX),
	NUMBER("fleet", "poll-seconds", world.interval_sec, 60, 86400),
	WORLD("fleet", "checkins-per-second", checkins_per_sec, 1000000),
	NUMBER("fleet", "models", world.models, 1, 1000),
	WORLD("fleet", "night", night, ALL),
	WORLD("fleet", "away", away, ALL),
	WORLD("fleet", "canaries-away-hours", canaries_away_hours, 10000),
	WORLD("fleet", "liars", liars, ALL),
	OTHER("fleet", "liars-are-new", INI_BOOL, liars_are_new),
	WORLD("fleet", "defer", defer, ALL),
	WORLD("fleet", "need-stone", old, ALL),
	WORLD("fleet", "pinned", pinned, ALL),
	NUMBER("fleet", "zone-minutes", zone_minutes, 0, 14 * 60),
	NUMBER("fleet", "zone-west-minutes", west, 0, 12 * 60),
	OTHER("fleet", "summer-time", INI_BOOL, summer_time),

	WORLD("release", "fail", fail, ALL),
	WORLD("release", "brick", brick, ALL),
	WORLD("release", "late-revert", late_revert, ALL),
	WORLD("release", "no-room", env, ALL),
	WORLD("release", "missing", missing, ALL),
	WORLD("release", "bad-model", bad_model, 1000),
	WORLD("release", "bad-model-fail", bad_model_fail, ALL),
	WORLD("release", "begin-minutes", begin_min, 10000),
	WORLD("release", "download-minutes", download_min, 10000),
	WORLD("release", "deltas-reach", delta_coverage, ALL),
	WORLD("release", "restart-minutes", restart_min, 10000),
	OTHER("release", "urgent", INI_BOOL, urgent),
	WORLD("release", "undo", undo, ALL),

	NUMBER("policy", "max-fail", max_fail, 1, ALL),
	NUMBER("policy", "min-sample", min_sample, 0, SIM_DEVICES_MAX),
	NUMBER("policy", "coverage", coverage, 0, ALL),
	NUMBER("policy", "breaker", breaker, 1, ALL),
	NUMBER("policy", "evidence-hours", evidence_hours, 1, 10000),
	NUMBER("policy", "new-device-days", new_device_days, 0, 1000),
	NUMBER("policy", "attempts", attempts, 1, 100),
	NUMBER("policy", "rest-hours", rest_hours, 0, 10000),
	NUMBER("policy", "give-up-hours", give_up_hours, 1, 10000),
	NUMBER("policy", "dark-polls", dark_polls, 0, 1000),
	NUMBER("policy", "dark-minutes", dark_minutes, 1, 100000),
	NUMBER("policy", "start-minutes", start_minutes, 1, 100000),
	NUMBER("policy", "start-polls", start_polls, 0, 1000),
	NUMBER("policy", "progress-hours", progress_hours, 1, 10000),
	NUMBER("policy", "min-rate", min_rate, 0, UINT32_MAX),
	NUMBER("policy", "four-eyes", four_eyes, 0, ALL + 1),
	NUMBER("policy", "delta-coverage", coverage_of_deltas, 0, ALL),
	OTHER("policy", "share", INI_LIST, shares),
	OTHER("policy", "watch-minutes", INI_LIST, watch),
	NUMBER("policy", "poll-minutes", poll_minutes, 1, 1440),
	NUMBER("policy", "window-from", window_from, 0, 1439),
	NUMBER("policy", "window-to", window_to, 0, 1439),
	OTHER("policy", "stop-code", INI_LIST, stop_codes),

	NUMBER("run", "hours", world.hours, 1, SIM_HOURS_MAX),
	OTHER("run", "start", INI_TEXT, start),
	WORLD("run", "advance-after-hours", click_hours, 10000),
	WORLD("run", "resume-after-hours", resume_hours, 10000),
	WORLD("run", "pause-at-hour", pause_after, 10000),
	WORLD("run", "supersede-at-hour", supersede_after, 10000),
	WORLD("run", "order-ends-at-hour", order_hours, 10000),
	WORLD("run", "metadata-ends-at-hour", metadata_hours, 10000),
};

static void set_defaults(struct values *v)
{
	const struct stage_policy *p = &stage_usual;

	*v = (struct values){
		.max_fail = p->gate.max_fail,
		.coverage = p->gate.coverage,
		.breaker = p->gate.breaker,
		.evidence_hours = (uint64_t)(p->evidence_sec / HOUR),
		.new_device_days = (uint64_t)(p->new_device_sec / UTC_DAY),
		.attempts = p->attempts,
		.rest_hours = (uint64_t)(p->rest_sec / HOUR),
		.give_up_hours = (uint64_t)(p->timers.give_up / HOUR),
		.dark_polls = p->timers.dark_polls,
		.dark_minutes = (uint64_t)(p->timers.dark_min / 60),
		.start_minutes = (uint64_t)(p->timers.start_min / 60),
		.start_polls = p->timers.start_polls,
		.min_rate = p->timers.min_rate,
		.four_eyes = p->four_eyes,
		.coverage_of_deltas = p->delta_coverage,
		.progress_hours = (uint64_t)(p->timers.progress_min / HOUR),
		.poll_minutes = p->poll_sec / 60,
	};
	sim_world_init(&v->world);
}

static void take_policy(const struct values *v, struct stage_policy *p)
{
	p->gate.max_fail = (uint32_t)v->max_fail;
	p->gate.min_sample = v->min_sample;
	p->gate.coverage = (uint32_t)v->coverage;
	p->gate.breaker = (uint32_t)v->breaker;
	p->evidence_sec = (int64_t)v->evidence_hours * HOUR;
	p->new_device_sec = (int64_t)v->new_device_days * UTC_DAY;
	p->attempts = (uint32_t)v->attempts;
	p->rest_sec = (int64_t)v->rest_hours * HOUR;
	p->timers.give_up = (int64_t)v->give_up_hours * HOUR;
	p->timers.dark_polls = (uint32_t)v->dark_polls;
	p->timers.dark_min = (int64_t)v->dark_minutes * 60;
	p->timers.start_min = (int64_t)v->start_minutes * 60;
	p->timers.progress_min = (int64_t)v->progress_hours * HOUR;
	p->timers.start_polls = (uint32_t)v->start_polls;
	p->timers.min_rate = (uint32_t)v->min_rate;
	p->four_eyes = (uint32_t)v->four_eyes;
	p->delta_coverage = (uint32_t)v->coverage_of_deltas;
	p->poll_sec = (uint32_t)v->poll_minutes * 60;
}

/* One number for each phase, each in a line of its own. */
static int take_phases(const struct ini_list *list, const char *what,
		       uint64_t max, uint64_t out[LADDER_RUNGS_MAX],
		       struct err *e)
{
	if (list->count > LADDER_RUNGS_MAX)
		return err_set(e, ERR_CONFIG, "%s: %d phases at most", what,
			       LADDER_RUNGS_MAX);
	for (size_t i = 0; i < list->count; i++)
		if (num_parse(slice_of(list->at[i]), max, &out[i], e)) {
			e->code = ERR_CONFIG;
			return err_in(e, "%s", what);
		}
	return 0;
}

static int take_ladder(const struct values *v, const char *file,
		       struct stage_policy *p, struct err *e)
{
	uint64_t shares[LADDER_RUNGS_MAX], watch[LADDER_RUNGS_MAX];

	if (take_phases(&v->shares, "share", ALL, shares, e) ||
	    take_phases(&v->watch, "watch-minutes", 1000000, watch, e))
		return err_in(e, "%s", file);
	for (size_t i = 0; i < v->shares.count; i++)
		p->shares[i] = (uint32_t)shares[i];
	p->share_count = v->shares.count;
	for (size_t i = 0; i < v->watch.count; i++)
		p->watch[i] = (int64_t)watch[i] * 60;
	p->watch_count = v->watch.count;
	return 0;
}

static int take_stops(const struct values *v, const char *file,
		      struct tally_stops *to, struct err *e)
{
	if (v->stop_codes.count > TALLY_STOP_MAX)
		return err_set(e, ERR_CONFIG, "%s: stop-code: %d at most", file,
			       TALLY_STOP_MAX);
	for (size_t i = 0; i < v->stop_codes.count; i++) {
		const char *code = v->stop_codes.at[i];
		size_t len = strlen(code);

		if (len == 0 || len > WIRE_CODE_MAX)
			return err_set(e, ERR_CONFIG,
				       "%s: stop-code: 1 to %d bytes", file,
				       WIRE_CODE_MAX);
		memcpy(to->code[i], code, len + 1);
	}
	to->count = v->stop_codes.count;
	return 0;
}

static int take_world(struct values *v, const char *file, struct err *e)
{
	struct sim_world *w = &v->world;

	if (v->start && utc_parse(slice_of(v->start), &w->start, e)) {
		e->code = ERR_CONFIG;
		return err_in(e, "%s: start", file);
	}
	if (w->start > UTC_LAST - (int64_t)w->hours * HOUR)
		return err_set(e, ERR_CONFIG, "%s: start: too late", file);
	w->zone.offset_min = (int)v->zone_minutes - (int)v->west;
	w->zone.summer_time = v->summer_time;
	w->liars_are_new = v->liars_are_new;
	w->stage.urgent = v->urgent;
	w->stage.has_window = v->window_from != v->window_to;
	w->stage.window_from = (uint16_t)v->window_from;
	w->stage.window_to = (uint16_t)v->window_to;
	take_policy(v, &w->stage.policy);
	if (take_ladder(v, file, &w->stage.policy, e))
		return -1;
	return take_stops(v, file, &w->stage.policy.stops, e);
}

int sim_file_parse(struct slice text, const char *file, struct sim_world *out,
		   struct err *e)
{
	struct values *v = mem_alloc(1, sizeof(*v));
	int rc = -1;

	set_defaults(v);
	if (ini_load(text, file, keys, ARRAY_LEN(keys), v, e) == 0 &&
	    take_world(v, file, e) == 0) {
		*out = v->world;
		rc = 0;
	}
	ini_done(keys, ARRAY_LEN(keys), v);
	free(v);
	return rc;
}
