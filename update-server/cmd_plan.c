/* SPDX-License-Identifier: Apache-2.0 */
/* `rollout create` and `rollout plan NAME`, `device why`. */
#include <stdio.h>
#include <string.h>

#include "common/bucket.h"
#include "common/fs.h"
#include "common/ini.h"
#include "common/text.h"

#include "update-server/commands.h"
#include "update-server/sim_file.h"
#include "update-server/ui.h"

/* ---- what create is told ------------------------------------------------- */

struct creation {
	const char *release, *product, *share, *phases, *watch;
	const char *window, *zone, *summer;
	const char *policy, *where;
	struct opt_list cohorts, exclude, set;
	bool step_back, urgent, draft;
	uint64_t priority;
};

static struct json *names(const struct opt_list *list)
{
	struct json *j = json_new_array();

	for (size_t i = 0; i < list->count; i++)
		json_add(j, json_new_text(list->at[i]));
	return j;
}

/* The next of words that commas separate. */
static bool next_word(const char **at, char out[64])
{
	size_t len = strcspn(*at, ",");

	if (len == 0 || len >= 64)
		return false;
	memcpy(out, *at, len);
	out[len] = 0;
	*at += len + ((*at)[len] == ',');
	return true;
}

/* "canary,5,25,100" */
static int set_shares(struct json *body, const char *option, const char *text,
		      struct err *e)
{
	struct json *list = json_new_array();
	char word[64];
	uint32_t share;

	json_set(body, "shares", list);
	for (const char *at = text; *at;) {
		if (!next_word(&at, word))
			return err_set(e, ERR_USAGE,
				       "--phases canary,5,25,100: percentages");
		share = 0;
		if (strcmp(word, "canary") != 0 &&
		    bucket_parse_share(word, &share, e))
			return err_in(e, "%s", option);
		json_add(list, json_new_int(share));
	}
	return 0;
}

/* "4h,90m,30": seconds without a letter. */
static int parse_time(const char *word, int64_t *out, struct err *e)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t len = strlen(word);
	struct slice digits = { (const uint8_t *)word, len };
	int64_t unit = 1;
	uint64_t n;

	for (size_t i = 0; len > 0 && i < ARRAY_LEN(units); i++)
		if (word[len - 1] == units[i].letter) {
			unit = units[i].seconds;
			digits.len = len - 1;
		}
	if (num_parse(digits, 365 * 86400, &n, e))
		return err_set(e, ERR_USAGE,
			       "--watch 4h,90m,30s: a time for each phase");
	*out = (int64_t)n * unit;
	return 0;
}

static int set_watch(struct json *body, const char *text, struct err *e)
{
	struct json *list = json_new_array();
	char word[64] = "";
	int64_t seconds = 0;

	json_set(body, "watch", list);
	for (const char *at = text; *at;) {
		if (!next_word(&at, word) || parse_time(word, &seconds, e))
			return err_set(e, ERR_USAGE,
				       "--watch 4h,90m,30s: a time for each "
				       "phase");
		json_add(list, json_new_int(seconds));
	}
	return 0;
}

/* Two digits; above 99 if they are none. */
static unsigned two_digits(const uint8_t *at)
{
	unsigned tens = at[0] - (unsigned)'0', ones = at[1] - (unsigned)'0';

	return tens > 9 || ones > 9 ? 100 : 10 * tens + ones;
}

/* "06:30" */
static int parse_minute(struct slice text, int64_t *out, struct err *e)
{
	unsigned hour, minute;

	hour = two_digits(text.ptr);
	minute = two_digits(text.ptr + 3);
	if (text.ptr[2] != ':' || hour > 23 || minute > 59)
		return err_set(e, ERR_USAGE, "--window 22:00-06:00");
	*out = (int64_t)hour * 60 + minute;
	return 0;
}

/* "+01:00", "-08:00" */
static int parse_zone(const char *text, int64_t *out, struct err *e)
{
	struct slice all = slice_of(text);
	int64_t minutes;

	if (all.len != 6 || (text[0] != '+' && text[0] != '-') ||
	    parse_minute((struct slice){ all.ptr + 1, 5 }, &minutes, e))
		return err_set(e, ERR_USAGE, "--zone +01:00, --zone -08:00");
	*out = text[0] == '-' ? -minutes : minutes;
	return 0;
}

/* Where the devices are. */
static int set_zone(struct json *window, const struct creation *c,
		    struct err *e)
{
	enum window_summer summer = SUMMER_NONE;
	int64_t zone = 0;

	if ((c->zone && parse_zone(c->zone, &zone, e)) ||
	    (c->summer && window_summer_parse(c->summer, &summer, e)))
		return -1;
	json_set_int(window, "zone_minutes", zone);
	json_set_text(window, "summer_time", window_summer_name(summer));
	return 0;
}

static int set_window(struct json *body, const struct creation *c,
		      struct err *e)
{
	struct slice all = slice_of(c->window ? c->window : "");
	struct json *j;
	int64_t from, to;

	if (!c->window && !c->zone && !c->summer)
		return 0;
	if (!c->window)
		return err_set(e, ERR_USAGE,
			       "--zone and --summer-time go with --window");
	j = json_new_object();

	json_set(body, "window", j);
	if (all.len != 11 || all.ptr[5] != '-' ||
	    parse_minute((struct slice){ all.ptr, 5 }, &from, e) ||
	    parse_minute((struct slice){ all.ptr + 6, 5 }, &to, e))
		return err_set(e, ERR_USAGE, "--window 22:00-06:00");
	json_set_int(j, "from", from);
	json_set_int(j, "to", to);
	return set_zone(j, c, e);
}

/* What was tried with `simulate` is what is used: the same file. */
static int set_policy(struct json *body, const char *path, struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	int rc = -1;

	if (fs_read_path(path, &text, e) == 0)
		rc = sim_file_rollout(buf_slice(&text), path, body, e);
	buf_done(&text);
	return rc;
}

/* "new_device_sec=0" */
static int set_values(struct json *body, const struct opt_list *list,
		      struct err *e)
{
	const struct json *from = json_get(body, "policy");
	struct json *j = from ? json_clone(from) : json_new_object();

	for (size_t i = 0; i < list->count; i++) {
		const char *equal = strchr(list->at[i], '=');
		char name[64];
		uint64_t value;

		if (!equal ||
		    num_parse(slice_of(equal + 1), UINT32_MAX, &value, e)) {
			json_free(j);
			return err_set(e, ERR_USAGE, "--set NAME=NUMBER");
		}
		if (text_format(name, sizeof(name), e, "%.*s",
				(int)(equal - list->at[i]), list->at[i])) {
			json_free(j);
			return -1;
		}
		json_set_int(j, name, (int64_t)value);
	}
	json_set(body, "policy", j);
	return 0;
}

static int describe(const struct creation *c, struct json *body, struct err *e)
{
	json_set_text(body, "release", c->release);
	if (c->product)
		json_set_text(body, "product", c->product);
	json_set(body, "cohorts", names(&c->cohorts));
	if (c->exclude.count > 0)
		json_set(body, "exclude", names(&c->exclude));
	if (c->policy && set_policy(body, c->policy, e))
		return -1;
	if (c->set.count > 0 && set_values(body, &c->set, e))
		return -1;
	if ((c->phases && set_shares(body, "--phases", c->phases, e)) ||
	    (c->share && set_shares(body, "--share", c->share, e)) ||
	    (c->watch && set_watch(body, c->watch, e)) ||
	    set_window(body, c, e))
		return -1;
	if (c->where)
		json_set_text(body, "where", c->where);
	if (c->urgent)
		json_set_bool(body, "urgent", true);
	if (c->priority)
		json_set_int(body, "priority", (int64_t)c->priority);
	if (c->step_back)
		json_set_bool(body, "step_back", true);
	if (c->draft)
		json_set_bool(body, "draft", true);
	return 0;
}

/* ---- plans --------------------------------------------------------------- */

/* A draft cannot start: it is submitted first. */
static void say_next(const struct json *j)
{
	const char *name = json_text(json_get(j, "name"));

	if (strcmp(json_text(json_get(j, "state")), "draft") == 0)
		printf("\nsubmit it with: pawl-server rollout submit %s "
		       "--revision %lld\n",
		       name, (long long)json_int(json_get(j, "revision")));
	else
		printf("\nstart it with: pawl-server rollout start %s --plan "
		       "%s\n",
		       name, json_text(json_get(j, "plan")));
}

static void print_plan(const struct json *j)
{
	static const char *const fields[] = {
		"name",       "product",      "release", "where", "revision",
		"population", "egress_bytes", "plan",    NULL
	};
	static const char *const phases[] = { "n",      "percent", "size",
					      "adds",   "limit",   "watch_sec",
					      "manual", "detects", NULL };
	static const char *const left_out[] = { "devices", "why", NULL };
	static const char *const from[] = { "release", "devices", "bytes",
					    "delta", NULL };
	const struct json *delta = json_get(j, "delta");

	ui_fields(j, fields);
	ui_window(j);
	printf("\n");
	ui_table(json_get(j, "phases"), phases);
	printf("\n%s\n", json_text(json_get(json_get(j, "order"), "words")));
	if (json_int(json_get(j, "clockless")) > 0)
		printf("%lld of them have no clock: when a phase of an order "
		       "begins for these, the server says (not before its "
		       "time by the keeper's clock)\n",
		       (long long)json_int(json_get(j, "clockless")));
	if (json_count(json_get(j, "left_out")) > 0) {
		printf("\nleft out, or not counted:\n");
		ui_table(json_get(j, "left_out"), left_out);
	}
	if (json_count(json_get(delta, "from")) > 0) {
		printf("\nby packages:\n");
		ui_table(json_get(delta, "from"), from);
	}
	say_next(j);
}

static int show_plan(struct ui *u, const char *name, struct err *e)
{
	struct json *answer = NULL;
	char path[256];
	int rc = 0;

	if (ui_path("/v1/people/rollout-plan/", name, path, sizeof(path), e) ||
	    people_get(u->client, path, &answer, e))
		return -1;
	if (u->json)
		rc = ui_print_json(answer, e);
	else
		print_plan(answer);
	json_free(answer);
	return rc;
}

static int say_no_plan(const struct ui *u, struct err *why)
{
	struct json *j;

	if (!u->json) {
		ui_lines(why->msg);
		return 0;
	}
	j = json_new_object();
	json_set_text(j, "name", u->operands[0]);
	json_set_text(j, "no_plan", why->msg);
	return ui_say_json(j, why);
}

int command_rollout_create(int argc, char **argv, struct err *e)
{
	struct creation c = { .release = NULL };
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("release", "ID", &c.release, "what to roll out"),
		OPT_TEXT("product", "P", &c.product,
			 "of which product, if several have such a release"),
		OPT_LIST("cohort", "C", &c.cohorts, "to whom"),
		OPT_TEXT("where", "SELECTOR", &c.where,
			 "of them only such, as for device list"),
		OPT_LIST("exclude", "ID", &c.exclude, "but not to this device"),
		OPT_TEXT("phases", "LIST", &c.phases,
			 "canary,5,25,100 (the usual ladder)"),
		OPT_TEXT("share", "PERCENT", &c.share, "one phase of so many"),
		OPT_TEXT("watch", "LIST", &c.watch,
			 "how long each phase is watched: 4h,12h,24h"),
		OPT_TEXT("window", "FROM-TO", &c.window,
			 "22:00-06:00, of the day there"),
		OPT_TEXT("zone", "+HH:MM", &c.zone,
			 "where the devices are: east of Greenwich (+00:00)"),
		OPT_TEXT("summer-time", "RULE", &c.summer,
			 "eu, us or none (none)"),
		OPT_TEXT("policy", "FILE", &c.policy,
			 "a scenario as for simulate: its [policy]"),
		OPT_LIST("set", "NAME=N", &c.set, "one number of the policy"),
		OPT_FLAG("urgent", &c.urgent, "no waiting, no window"),
		OPT_NUMBER("priority", "N", &c.priority, 100,
			   "before others of less (0)"),
		OPT_FLAG("step-back", &c.step_back,
			 "for devices that run something newer, by a signed "
			 "authorisation"),
		OPT_FLAG("draft", &c.draft,
			 "ask nobody to approve it yet: rollout submit does"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	struct json *body = json_new_object(), *answer = NULL;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (!c.release || c.cohorts.count == 0) {
		(void)err_set(e, ERR_USAGE,
			      "--release and --cohort are needed");
		goto out;
	}
	json_set_text(body, "name", u.operands[0]);
	if (describe(&c, body, e))
		goto out;
	rc = people_post(u.client, "/v1/people/rollouts", body, &answer, e);
	body = NULL;
	json_free(answer);
	if (rc)
		goto out;
	rc = show_plan(&u, u.operands[0], e);
	/* It is made all the same; when it can start, plan says so. */
	if (rc && e->code == ERR_REFUSED)
		rc = say_no_plan(&u, e);
out:
	json_free(body);
	ui_done(&u);
	return rc;
}

/* So many operands come before the first option. */
static int leading_operands(int argc, char **argv)
{
	int n = 1;

	while (n < argc && argv[n][0] != '-')
		n++;
	return n - 1;
}

int command_rollout_plan(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	int rc = -1;

	if (leading_operands(argc, argv) > 1)
		return command_order_plan(argc, argv, e);
	if (ui_start(&u, argc, argv, opts, 1, e) == 0)
		rc = show_plan(&u, u.operands[0], e);
	ui_done(&u);
	return rc;
}

int command_rollout_approve(int argc, char **argv, struct err *e)
{
	return leading_operands(argc, argv) > 0
		       ? command_rollout_agree(argc, argv, e)
		       : command_order_approve(argc, argv, e);
}

int command_rollout_discard(int argc, char **argv, struct err *e)
{
	return leading_operands(argc, argv) > 0
		       ? command_rollout_drop(argc, argv, e)
		       : command_order_discard(argc, argv, e);
}

/* ---- why a device gets what it gets -------------------------------------- */

static void print_why(const struct json *j)
{
	static const char *const fields[] = { "device", "product", "model",
					      "cohort", "runs",    "answer",
					      "way",    NULL };
	static const char *const columns[] = {
		"rollout", "release",  "goal",           "state",
		"why",     "phase",    "bucket_percent", "limit_percent",
		"attempt", "attempts", "window",         NULL
	};

	ui_fields(j, fields);
	printf("\n");
	ui_table(json_get(j, "rollouts"), columns);
}

int command_device_why(int argc, char **argv, struct err *e)
{
	return ui_show(argc, argv, "/v1/people/device-why/", print_why, e);
}
