/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/sim_file.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/ini.h"
#include "common/mem.h"

#include "update-server/stage_policy.h"

#define MINUTE INT64_C(60)
#define HOUR   INT64_C(3600)
#define ALL    BUCKET_SHARE_ALL
/* As long as a time of a policy may be. */
#define YEAR_HOURS 8760

/* No number of a file is as large: a member that it does not name. */
#define UNSAID UINT64_MAX

/* The numbers of [policy], as the file gives them, and as stage_policy.h has
 * them. */
struct told {
	uint64_t max_fail, min_sample, coverage, breaker;
	uint64_t evidence_hours, new_device_days, attempts, rest_hours;
	uint64_t give_up_hours, dark_polls, dark_minutes, start_minutes;
	uint64_t progress_hours, poll_minutes;
	uint64_t start_polls, min_rate, four_eyes, delta_coverage;
};

static const struct {
	const char *member;
	size_t at;
	int64_t unit;
} policy_numbers[] = {
	{ "max_fail", offsetof(struct told, max_fail), 1 },
	{ "min_sample", offsetof(struct told, min_sample), 1 },
	{ "coverage", offsetof(struct told, coverage), 1 },
	{ "breaker", offsetof(struct told, breaker), 1 },
	{ "evidence_sec", offsetof(struct told, evidence_hours), HOUR },
	{ "new_device_sec", offsetof(struct told, new_device_days), UTC_DAY },
	{ "attempts", offsetof(struct told, attempts), 1 },
	{ "rest_sec", offsetof(struct told, rest_hours), HOUR },
	{ "give_up_sec", offsetof(struct told, give_up_hours), HOUR },
	{ "dark_polls", offsetof(struct told, dark_polls), 1 },
	{ "dark_sec", offsetof(struct told, dark_minutes), MINUTE },
	{ "start_sec", offsetof(struct told, start_minutes), MINUTE },
	{ "progress_sec", offsetof(struct told, progress_hours), HOUR },
	{ "poll_sec", offsetof(struct told, poll_minutes), MINUTE },
	{ "start_polls", offsetof(struct told, start_polls), 1 },
	{ "min_rate", offsetof(struct told, min_rate), 1 },
	{ "four_eyes", offsetof(struct told, four_eyes), 1 },
	{ "delta_coverage", offsetof(struct told, delta_coverage), 1 },
};

/* The file's values, in its units; numbers as ini.h wants them. */
struct values {
	struct sim_world world;
	char *start, *summer;
	uint64_t zone_minutes, west;
	struct told told;
	uint64_t window_from, window_to;
	bool urgent, liars_are_new;
	struct ini_list stop_codes, shares, watch;
};

#define NUMBER(section, name, member, min, max)                                \
	{                                                                      \
		section, name, INI_NUMBER, offsetof(struct values, member),    \
			min, max, false                                        \
	}
#define WORLD(section, name, member, max)                                      \
	NUMBER(section, name, world.member, 0, max)
#define POLICY(name, member, min, max)                                         \
	NUMBER("policy", name, told.member, min, max)
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
	OTHER("fleet", "summer-time", INI_TEXT, summer),

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

	POLICY("max-fail", max_fail, 1, ALL),
	POLICY("min-sample", min_sample, 0, SIM_DEVICES_MAX),
	POLICY("coverage", coverage, 0, ALL),
	POLICY("breaker", breaker, 1, ALL),
	POLICY("evidence-hours", evidence_hours, 1, YEAR_HOURS),
	POLICY("new-device-days", new_device_days, 0, 365),
	POLICY("attempts", attempts, 1, 100),
	POLICY("rest-hours", rest_hours, 0, YEAR_HOURS),
	POLICY("give-up-hours", give_up_hours, 1, YEAR_HOURS),
	POLICY("dark-polls", dark_polls, 0, 1000),
	POLICY("dark-minutes", dark_minutes, 1, 100000),
	POLICY("start-minutes", start_minutes, 1, 100000),
	POLICY("start-polls", start_polls, 0, 1000),
	POLICY("progress-hours", progress_hours, 1, YEAR_HOURS),
	POLICY("min-rate", min_rate, 0, UINT32_MAX),
	POLICY("four-eyes", four_eyes, 0, ALL + 1),
	POLICY("delta-coverage", delta_coverage, 0, ALL),
	OTHER("policy", "share", INI_LIST, shares),
	OTHER("policy", "watch-minutes", INI_LIST, watch),
	POLICY("poll-minutes", poll_minutes, 1, 1440),
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
	*v = (struct values){ .start = NULL };
	memset(&v->told, 0xff, sizeof(v->told)); /* each UNSAID */
	sim_world_init(&v->world);
}

/* ---- the policy, of which only what the file says ------------------------ */

static void put_numbers(const struct told *told, struct json *policy)
{
	for (size_t i = 0; i < ARRAY_LEN(policy_numbers); i++) {
		const char *at = (const char *)told + policy_numbers[i].at;
		uint64_t number;

		memcpy(&number, at, sizeof(number));
		if (number != UNSAID)
			json_set_int(policy, policy_numbers[i].member,
				     (int64_t)number * policy_numbers[i].unit);
	}
}

struct per_phase {
	const char *key, *member;
	uint64_t max;
	int64_t unit;
};

/* One number for each phase, each in a line of its own. */
static int put_phases(const struct ini_list *list, const struct per_phase *what,
		      struct json *policy, struct err *e)
{
	struct json *numbers;
	uint64_t number;

	if (list->count == 0)
		return 0;
	numbers = json_new_array();
	json_set(policy, what->member, numbers);
	for (size_t i = 0; i < list->count; i++) {
		if (num_parse(slice_of(list->at[i]), what->max, &number, e))
			return err_in(e, "%s", what->key);
		json_add(numbers, json_new_int((int64_t)number * what->unit));
	}
	return 0;
}

static void put_stops(const struct ini_list *list, struct json *policy)
{
	struct json *codes = json_new_array();

	for (size_t i = 0; i < list->count; i++)
		json_add(codes, json_new_text(list->at[i]));
	json_set(policy, "stop_codes", codes);
}

static int put_policy(const struct values *v, struct json *policy,
		      struct err *e)
{
	static const struct per_phase shares = { "share", "shares", ALL, 1 };
	static const struct per_phase watch = { "watch-minutes", "watch",
						YEAR_HOURS * 60, MINUTE };

	put_numbers(&v->told, policy);
	if (v->stop_codes.count > 0)
		put_stops(&v->stop_codes, policy);
	if (put_phases(&v->shares, &shares, policy, e))
		return -1;
	return put_phases(&v->watch, &watch, policy, e);
}

/* By the server's own rules: what can be tried can be used. */
static int take_policy(const struct values *v, const char *file,
		       struct stage_policy *p, struct err *e)
{
	struct json *policy = json_new_object();
	int rc = put_policy(v, policy, e);

	if (rc == 0)
		rc = stage_policy_take(policy, p, e);
	json_free(policy);
	if (rc == 0)
		return 0;
	e->code = ERR_CONFIG;
	return err_in(e, "%s", file);
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
	if (v->summer && window_summer_parse(v->summer, &w->zone.summer, e)) {
		e->code = ERR_CONFIG;
		return err_in(e, "%s: summer-time", file);
	}
	w->liars_are_new = v->liars_are_new;
	w->stage.urgent = v->urgent;
	w->stage.has_window = v->window_from != v->window_to;
	w->stage.window_from = (uint16_t)v->window_from;
	w->stage.window_to = (uint16_t)v->window_to;
	return take_policy(v, file, &w->stage.policy, e);
}

static int load(struct slice text, const char *file, struct values *v,
		struct err *e)
{
	set_defaults(v);
	if (ini_load(text, file, keys, ARRAY_LEN(keys), v, e))
		return -1;
	return take_world(v, file, e);
}

static void values_free(struct values *v)
{
	ini_done(keys, ARRAY_LEN(keys), v);
	free(v);
}

int sim_file_parse(struct slice text, const char *file, struct sim_world *out,
		   struct err *e)
{
	struct values *v = mem_alloc(1, sizeof(*v));
	int rc = load(text, file, v, e);

	if (rc == 0)
		*out = v->world;
	values_free(v);
	return rc;
}

/* ---- what a rollout takes of it ------------------------------------------ */

static void put_window(const struct sim_world *w, struct json *body)
{
	struct json *window = json_new_object();

	json_set_int(window, "from", w->stage.window_from);
	json_set_int(window, "to", w->stage.window_to);
	json_set_int(window, "zone_minutes", w->zone.offset_min);
	json_set_text(window, "summer_time",
		      window_summer_name(w->zone.summer));
	json_set(body, "window", window);
}

int sim_file_rollout(struct slice text, const char *file, struct json *body,
		     struct err *e)
{
	struct values *v = mem_alloc(1, sizeof(*v));
	struct json *policy = json_new_object();
	int rc = load(text, file, v, e);

	if (rc == 0)
		rc = put_policy(v, policy, e);
	if (rc == 0 && v->world.stage.urgent)
		json_set_bool(body, "urgent", true);
	if (rc == 0 && v->world.stage.has_window)
		put_window(&v->world, body);
	if (rc == 0)
		json_set(body, "policy", policy);
	else
		json_free(policy);
	values_free(v);
	return rc;
}
