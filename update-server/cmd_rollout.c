/* SPDX-License-Identifier: Apache-2.0 */
/* `rollout create|list|show|start|pause|resume`. */
#include <stdio.h>
#include <string.h>

#include "common/bucket.h"

#include "update-server/commands.h"
#include "update-server/ui.h"

static void print_counts(const struct json *counts)
{
	bool any = false;

	for (void *m = json_first(counts); m; m = json_next(counts, m)) {
		if (json_int(json_value(m)) == 0)
			continue;
		printf("%s%s %lld", any ? ", " : "attempts: ", json_name(m),
		       (long long)json_int(json_value(m)));
		any = true;
	}
	printf(any ? "\n\n" : "no attempts yet\n");
	(void)any;
}

static void print_rollout(const struct json *j)
{
	static const char *const fields[] = {
		"name",    "state",   "product",    "release",
		"cohorts", "percent", "population", "reason",
		"created", "changed", NULL
	};
	static const char *const columns[] = { "device", "state", "code",
					       "changed", NULL };
	const struct json *attempts = json_get(j, "attempts");

	ui_fields(j, fields);
	printf("\n");
	print_counts(json_get(j, "counts"));
	if (json_count(attempts) > 0)
		ui_table(attempts, columns);
}

static int finish(struct ui *u, struct json *answer, struct err *e)
{
	int rc = 0;

	if (u->json)
		rc = ui_print_json(answer, e);
	else
		print_rollout(answer);
	json_free(answer);
	return rc;
}

/* Post and print what the rollout is now. */
static int post(struct ui *u, const char *path, struct json *body,
		struct err *e)
{
	struct json *answer = NULL;

	if (people_post(u->client, path, body, &answer, e))
		return -1;
	return finish(u, answer, e);
}

static struct json *names(const struct opt_list *list)
{
	struct json *j = json_new_array();

	for (size_t i = 0; i < list->count; i++)
		json_add(j, json_new_text(list->at[i]));
	return j;
}

int command_rollout_create(int argc, char **argv, struct err *e)
{
	const char *release = NULL, *product = NULL, *share_text = NULL;
	struct opt_list cohorts = { .count = 0 };
	bool step_back = false;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("release", "ID", &release, "what to roll out"),
		OPT_TEXT("product", "P", &product,
			 "of which product, if several have such a release"),
		OPT_LIST("cohort", "C", &cohorts, "to whom"),
		OPT_TEXT("share", "PERCENT", &share_text,
			 "to how many of them (100)"),
		OPT_FLAG("step-back", &step_back,
			 "for devices that run something newer, by a signed "
			 "authorisation"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	uint32_t share = BUCKET_SHARE_ALL;
	struct json *body;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (!release || cohorts.count == 0) {
		(void)err_set(e, ERR_USAGE,
			      "--release and --cohort are needed");
		goto out;
	}
	if (share_text && bucket_parse_share(share_text, &share, e)) {
		err_in(e, "--share");
		goto out;
	}
	body = json_new_object();
	json_set_text(body, "name", u.operands[0]);
	json_set_text(body, "release", release);
	if (product)
		json_set_text(body, "product", product);
	json_set(body, "cohorts", names(&cohorts));
	json_set_int(body, "share", share);
	if (step_back)
		json_set_bool(body, "step_back", true);
	rc = post(&u, "/v1/people/rollouts", body, e);
out:
	ui_done(&u);
	return rc;
}

int command_rollout_list(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = {
		"name",    "state",      "product", "release", "cohorts",
		"percent", "population", "reason",  NULL
	};

	return ui_list(argc, argv, "/v1/people/rollouts", "rollouts", columns,
		       e);
}

int command_rollout_show(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *answer = NULL;
	char path[256];
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) ||
	    ui_path("/v1/people/rollout/", u.operands[0], path, sizeof(path),
		    e) ||
	    people_get(u.client, path, &answer, e))
		goto out;
	rc = finish(&u, answer, e);
out:
	ui_done(&u);
	return rc;
}

static int open_rollout(int argc, char **argv, const char *path, struct err *e)
{
	const char *share_text = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("share", "PERCENT", &share_text,
			 "a larger share than before"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	struct json *body;
	uint32_t share = 0;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (share_text && bucket_parse_share(share_text, &share, e)) {
		err_in(e, "--share");
		goto out;
	}
	body = json_new_object();
	json_set_text(body, "name", u.operands[0]);
	if (share_text)
		json_set_int(body, "share", share);
	rc = post(&u, path, body, e);
out:
	ui_done(&u);
	return rc;
}

int command_rollout_start(int argc, char **argv, struct err *e)
{
	return open_rollout(argc, argv, "/v1/people/rollout-start", e);
}

int command_rollout_resume(int argc, char **argv, struct err *e)
{
	return open_rollout(argc, argv, "/v1/people/rollout-resume", e);
}

int command_rollout_pause(int argc, char **argv, struct err *e)
{
	const char *reason = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("reason", "TEXT", &reason, "why, for the others"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	struct json *body;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (!reason) {
		(void)err_set(e, ERR_USAGE, "--reason TEXT is needed");
		goto out;
	}
	body = json_new_object();
	json_set_text(body, "name", u.operands[0]);
	json_set_text(body, "reason", reason);
	rc = post(&u, "/v1/people/rollout-pause", body, e);
out:
	ui_done(&u);
	return rc;
}
