/* SPDX-License-Identifier: Apache-2.0 */
/* `token`, `device`, `cohort` and `server status`. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "update-server/commands.h"
#include "update-server/ui.h"

#define TOKEN_DAYS 30
#define TOKENS_MAX 1000
#define DAYS_MAX   400

/* A request of one member, whose answer is only looked at for --json. */
static int act(struct ui *u, const char *path, struct json *body,
	       const char *done, struct err *e)
{
	struct json *answer = NULL;
	int rc;

	if (people_post(u->client, path, body, &answer, e))
		return -1;
	rc = 0;
	if (u->json)
		rc = ui_print_json(answer, e);
	else
		printf("%s\n", done);
	json_free(answer);
	return rc;
}

/* ---- tokens -------------------------------------------------------------- */

static void print_tokens(const struct json *answer, bool plain)
{
	const struct json *list = json_get(answer, "tokens");

	for (size_t i = 0; i < json_count(list); i++)
		printf("%s\n", json_text(json_get(json_at(list, i), "claim")));
	if (plain)
		return;
	fprintf(stderr,
		"%zu claim code(s), good until %s; they are not shown again\n",
		json_count(list), json_text(json_get(answer, "expires")));
}

int command_token_create(int argc, char **argv, struct err *e)
{
	const char *product = NULL, *model = NULL, *cohort = NULL;
	uint64_t count = 1, days = TOKEN_DAYS;
	bool plain = false;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("product", "P", &product, "what the device is"),
		OPT_TEXT("model", "M", &model, "which model"),
		OPT_TEXT("cohort", "C", &cohort, "the cohort it joins"),
		OPT_NUMBER("count", "N", &count, TOKENS_MAX, "how many (1)"),
		OPT_NUMBER("days", "D", &days, DAYS_MAX, "good so long (30)"),
		OPT_FLAG("plain", &plain, "print the codes and nothing else"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	struct json *body, *answer = NULL;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 0, e))
		goto out;
	if (!product || !model || !cohort) {
		(void)err_set(e, ERR_USAGE,
			      "--product, --model and --cohort are needed");
		goto out;
	}
	body = json_new_object();
	json_set_text(body, "product", product);
	json_set_text(body, "model", model);
	json_set_text(body, "cohort", cohort);
	json_set_int(body, "count", (int64_t)count);
	json_set_int(body, "days", (int64_t)days);
	if (people_post(u.client, "/v1/people/tokens", body, &answer, e))
		goto out;
	rc = 0;
	if (u.json)
		rc = ui_print_json(answer, e);
	else
		print_tokens(answer, plain);
out:
	json_free(answer);
	ui_done(&u);
	return rc;
}

int command_token_list(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = { "id",     "state",  "product",
					       "model",  "cohort", "expires",
					       "device", NULL };

	return ui_list(argc, argv, "/v1/people/tokens", "tokens", columns, e);
}

int command_token_revoke(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *body;
	uint64_t id;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) ||
	    num_parse(slice_of(u.operands[0]), UINT32_MAX, &id, e))
		goto out;
	body = json_new_object();
	json_set_int(body, "id", (int64_t)id);
	rc = act(&u, "/v1/people/token-revoke", body, "revoked", e);
out:
	ui_done(&u);
	return rc;
}

/* ---- devices ------------------------------------------------------------- */

int command_device_list(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = {
		"id",           "state",     "model", "cohort", "release",
		"last_attempt", "last_seen", "way",   NULL
	};

	return ui_list(argc, argv, "/v1/people/devices", "devices", columns, e);
}

static void print_evidence(const struct json *attempts)
{
	size_t n = json_count(attempts);
	const struct json *last = n > 0 ? json_at(attempts, n - 1) : NULL;
	const char *evidence = json_text(json_get(last, "evidence"));
	char code[64];

	if (!evidence[0])
		return;
	text_escape(slice_of(json_text(json_get(last, "code"))), code,
		    sizeof(code));
	printf("\nevidence of the last attempt (%s):\n", code);
	ui_lines(evidence);
}

static void print_device(const struct json *j)
{
	static const char *const fields[] = {
		"id",       "state",     "product", "model",     "cohort",
		"release",  "seq",       "digest",  "confirmed", "updater",
		"enrolled", "last_seen", "way",     NULL
	};
	static const char *const attempts[] = { "id",      "rollout", "release",
						"state",   "code",    "offered",
						"changed", NULL };
	static const char *const why[] = { "rollout", "release", "why", NULL };

	ui_fields(j, fields);
	printf("\nattempts:\n");
	ui_table(json_get(j, "attempts"), attempts);
	printf("\nrollouts:\n");
	ui_table(json_get(j, "rollouts"), why);
	print_evidence(json_get(j, "attempts"));
}

int command_device_show(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *answer = NULL;
	char path[256];
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) ||
	    ui_path("/v1/people/device/", u.operands[0], path, sizeof(path),
		    e) ||
	    people_get(u.client, path, &answer, e))
		goto out;
	rc = 0;
	if (u.json)
		rc = ui_print_json(answer, e);
	else
		print_device(answer);
out:
	json_free(answer);
	ui_done(&u);
	return rc;
}

static int on_device(int argc, char **argv, const char *path, const char *done,
		     struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *body;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (!name_is_valid(slice_of(u.operands[0]))) {
		(void)err_set(e, ERR_USAGE, "not a device id");
		goto out;
	}
	body = json_new_object();
	json_set_text(body, "id", u.operands[0]);
	rc = act(&u, path, body, done, e);
out:
	ui_done(&u);
	return rc;
}

int command_device_revoke(int argc, char **argv, struct err *e)
{
	return on_device(argc, argv, "/v1/people/device-revoke",
			 "revoked: its next request is refused", e);
}

int command_device_retire(int argc, char **argv, struct err *e)
{
	return on_device(argc, argv, "/v1/people/device-retire",
			 "retired: it is no part of the fleet any more", e);
}

int command_device_release(int argc, char **argv, struct err *e)
{
	return on_device(argc, argv, "/v1/people/device-release",
			 "released: of its two keys the first one stands", e);
}

/* ---- cohorts and the server ---------------------------------------------- */

int command_cohort_create(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *body;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (!name_is_valid(slice_of(u.operands[0]))) {
		(void)err_set(e, ERR_USAGE,
			      "a name has small letters, digits, . _ -");
		goto out;
	}
	body = json_new_object();
	json_set_text(body, "name", u.operands[0]);
	rc = act(&u, "/v1/people/cohorts", body, "created", e);
out:
	ui_done(&u);
	return rc;
}

int command_cohort_list(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = { "name", "devices", NULL };

	return ui_list(argc, argv, "/v1/people/cohorts", "cohorts", columns, e);
}

int command_server_status(int argc, char **argv, struct err *e)
{
	static const char *const fields[] = { "version", "environment",
					      "started", "root",
					      "targets", "timestamp_expires",
					      "devices", "revoked",
					      "log",     NULL };
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *answer = NULL;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 0, e) ||
	    people_get(u.client, "/v1/people/status", &answer, e))
		goto out;
	rc = 0;
	if (u.json) {
		rc = ui_print_json(answer, e);
	} else {
		ui_fields(answer, fields);
		ui_roles(answer);
	}
out:
	json_free(answer);
	ui_done(&u);
	return rc;
}
