/* SPDX-License-Identifier: Apache-2.0 */
/* `rollout
 * list|status|watch|approve|start|pause|resume|advance|abort|supersede|rollback`
 * and `gate show|ack`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/fs.h"

#include "update-server/commands.h"
#include "update-server/ui.h"

#define WATCH_SEC   2
#define REQUEST_MAX 16384

/* ---- in words ------------------------------------------------------------ */

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
	printf(any ? "\n" : "no attempts yet\n");
}

static void print_gate(const struct json *j)
{
	static const char *const fields[] = { "verdict", "words",   "confirmed",
					      "bad",     "dark",    "trouble",
					      "other",   "started", "needed",
					      NULL };
	static const char *const control[] = { "dark",         "n",
					       "control_dark", "control_n",
					       "excess",       NULL };
	const struct json *gate = json_get(j, "gate");

	int lower = (int)json_int(json_get(gate, "lower"));
	int upper = (int)json_int(json_get(gate, "upper"));
	int limit = (int)json_int(json_get(gate, "max_fail"));

	ui_fields(gate, fields);
	printf("\nso %d.%02d %% to %d.%02d %% of all would fail; the limit is "
	       "%d.%02d %%\n",
	       lower / 100, lower % 100, upper / 100, upper % 100, limit / 100,
	       limit % 100);
	printf("\ndarkness, against devices that were offered nothing:\n");
	ui_fields(json_get(gate, "control"), control);
}

/* What a person does now. */
static void print_next(const struct json *next)
{
	const struct json *commands = json_get(next, "commands");

	printf("\n");
	ui_lines(json_text(json_get(next, "words")));
	for (size_t i = 0; i < json_count(commands); i++)
		printf("      pawl-server %s\n",
		       json_text(json_at(commands, i)));
}

#define ATTEMPTS_SHOWN 20 /* what stands above them stays in sight */

static void print_attempts(const struct json *all)
{
	static const char *const columns[] = { "device", "n",       "state",
					       "code",   "changed", "until",
					       NULL };
	struct json *newest = json_new_array();
	size_t count = json_count(all);

	for (size_t i = 0; i < count && i < ATTEMPTS_SHOWN; i++)
		json_add(newest, json_clone(json_at(all, i)));
	if (count > 0) {
		printf("\n");
		ui_table(newest, columns);
	}
	if (count > ATTEMPTS_SHOWN)
		printf("the newest %d; --json has more\n", ATTEMPTS_SHOWN);
	json_free(newest);
}

static void print_rollout(const struct json *j)
{
	static const char *const fields[] = {
		"name",       "verdict", "state",   "revision", "alert",
		"product",    "release", "cohorts", "where",    "percent",
		"population", "author",  "started", "changed",  NULL
	};
	static const char *const phases[] = { "n",     "percent", "size",
					      "state", "opened",  "passed",
					      NULL };
	static const char *const failures[] = { "class", "code", "state",
						"phase", "n",    NULL };

	ui_fields(j, fields);
	ui_window(j);
	print_next(json_get(j, "next"));
	printf("\n");
	ui_table(json_get(j, "phases"), phases);
	printf("\n%s\n", json_text(json_get(json_get(j, "order"), "words")));
	printf("%s\n", json_text(json_get(json_get(j, "gate"), "words")));
	print_counts(json_get(j, "counts"));
	if (json_count(json_get(j, "failures")) > 0) {
		printf("\n");
		ui_table(json_get(j, "failures"), failures);
	}
	print_attempts(json_get(j, "attempts"));
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

/* ---- looking ------------------------------------------------------------- */

int command_rollout_list(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = { "name",    "state",   "release",
					       "cohorts", "percent", "verdict",
					       "alert",   NULL };

	return ui_list(argc, argv, "/v1/people/rollouts", "rollouts", columns,
		       e);
}

static int fetch(struct ui *u, struct json **out, struct err *e)
{
	char path[256];

	if (ui_path("/v1/people/rollout/", u->operands[0], path, sizeof(path),
		    e))
		return -1;
	return people_get(u->client, path, out, e);
}

int command_rollout_status(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *answer = NULL;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) == 0 &&
	    fetch(&u, &answer, e) == 0)
		rc = finish(&u, answer, e);
	ui_done(&u);
	return rc;
}

int command_gate_show(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *answer = NULL;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) || fetch(&u, &answer, e))
		goto out;
	rc = 0;
	if (u.json)
		rc = ui_print_json(json_get(answer, "gate"), e);
	else
		print_gate(answer);
out:
	json_free(answer);
	ui_done(&u);
	return rc;
}

/* ---- watching ------------------------------------------------------------ */

static bool is_state(const struct json *j, const char *state)
{
	return strcmp(json_text(json_get(j, "state")), state) == 0;
}

/* Whether it has come to an end that a script waits for; *rc is then set. */
static bool is_through(const struct json *j, bool until_person, int *rc,
		       struct err *e)
{
	const char *verdict = json_text(json_get(j, "verdict"));

	*rc = 0;
	if (is_state(j, "completed"))
		return true;
	if (is_state(j, "paused"))
		*rc = err_set(e, ERR_HEALTH, "%s", verdict);
	else if (is_state(j, "aborted") || is_state(j, "superseded"))
		*rc = err_set(e, ERR_REFUSED, "%s", verdict);
	else
		return until_person &&
		       strcmp(json_text(json_get(j, "waits_for")), "person") ==
			       0;
	return true;
}

static void tell_change(const struct ui *u, const struct json *j, char *last,
			size_t size)
{
	const char *verdict = json_text(json_get(j, "verdict"));

	if (strcmp(last, verdict) == 0)
		return;
	(void)snprintf(last, size, "%s", verdict);
	if (!u->json)
		ui_lines(verdict);
	(void)fflush(stdout);
}

static int watch(struct ui *u, bool until_person, struct err *e)
{
	const struct timespec pause = { .tv_sec = WATCH_SEC };
	struct json *answer = NULL;
	char last[1024] = "";
	bool through;
	int rc;

	for (;;) {
		if (fetch(u, &answer, e))
			return -1;
		tell_change(u, answer, last, sizeof(last));
		through = is_through(answer, until_person, &rc, e);
		if (through && u->json && ui_print_json(answer, e))
			rc = -1;
		json_free(answer);
		if (through)
			return rc;
		(void)nanosleep(&pause, NULL);
	}
}

int command_rollout_watch(int argc, char **argv, struct err *e)
{
	bool until_person = false;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_FLAG("until-person", &until_person,
			 "end, too, when it waits for somebody"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) == 0)
		rc = watch(&u, until_person, e);
	ui_done(&u);
	return rc;
}

/* ---- acting -------------------------------------------------------------- */

/* What an act names of the revision that the person saw. */
enum names {
	REVISION,
	PLAN,  /* a start: what was planned says it all */
	AT_ALL /* to stop offering waits for nobody who looks again */
};

struct act {
	const char *path;
	bool reason; /* must be said */
	enum names names;
};

static int need_revision(uint64_t revision, struct err *e)
{
	return revision > 0 ? 0
			    : err_set(e, ERR_USAGE,
				      "--revision N is needed, of the rollout "
				      "that you looked at: `rollout status "
				      "NAME` prints it");
}

static int current_revision(struct ui *u, uint64_t *out, struct err *e)
{
	struct json *now = NULL;

	if (fetch(u, &now, e))
		return -1;
	*out = (uint64_t)json_int(json_get(now, "revision"));
	json_free(now);
	return 0;
}

static int set_revision(struct ui *u, struct json *body, uint64_t revision,
			enum names names, struct err *e)
{
	if ((names == REVISION && need_revision(revision, e)) ||
	    (names == PLAN && revision == 0 &&
	     current_revision(u, &revision, e)))
		return -1;
	if (revision > 0)
		json_set_int(body, "revision", (int64_t)revision);
	return 0;
}

static int post(struct ui *u, const char *path, struct json *body,
		struct err *e)
{
	struct json *answer = NULL;

	if (people_post(u->client, path, body, &answer, e))
		return -1;
	if (!u->json && ui_was_repeated(answer))
		printf("done before: nothing was changed\n\n");
	return finish(u, answer, e);
}

static int run_act(int argc, char **argv, const struct act *act, struct err *e)
{
	const char *reason = NULL, *plan = NULL;
	uint64_t revision = 0;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_NUMBER("revision", "N", &revision, INT32_MAX,
			   "only if it is still this one"),
		OPT_TEXT("reason", "TEXT", &reason, "why, for the others"),
		UI_OPTIONS(&u),
		act->names == PLAN
			? (struct opt)OPT_TEXT("plan", "SHA256", &plan,
					       "what `rollout plan` printed")
			: (struct opt)OPT_END,
		OPT_END,
	};
	struct json *body;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if ((act->reason && ui_need_reason(reason, e)) ||
	    (plan && ui_check_plan(plan, "rollout plan NAME", e)))
		goto out;
	body = json_new_object();
	json_set_text(body, "name", u.operands[0]);
	if (reason)
		json_set_text(body, "reason", reason);
	if (plan)
		json_set_text(body, "plan", plan);
	if (set_revision(&u, body, revision, act->names, e))
		json_free(body);
	else
		rc = post(&u, act->path, body, e);
out:
	ui_done(&u);
	return rc;
}

#define P "/v1/people/rollout-"

int command_rollout_submit(int argc, char **argv, struct err *e)
{
	static const struct act act = { P "submit", false, REVISION };

	return run_act(argc, argv, &act, e);
}

int command_rollout_agree(int argc, char **argv, struct err *e)
{
	static const struct act act = { P "approve", false, REVISION };

	return run_act(argc, argv, &act, e);
}

int command_rollout_start(int argc, char **argv, struct err *e)
{
	static const struct act act = { P "start", false, PLAN };

	return run_act(argc, argv, &act, e);
}

int command_rollout_pause(int argc, char **argv, struct err *e)
{
	static const struct act act = { P "pause", true, AT_ALL };

	return run_act(argc, argv, &act, e);
}

int command_rollout_resume(int argc, char **argv, struct err *e)
{
	static const struct act act = { P "resume", true, REVISION };

	return run_act(argc, argv, &act, e);
}

int command_rollout_advance(int argc, char **argv, struct err *e)
{
	static const struct act act = { P "advance", false, REVISION };

	return run_act(argc, argv, &act, e);
}

int command_rollout_abort(int argc, char **argv, struct err *e)
{
	static const struct act act = { P "abort", true, REVISION };

	return run_act(argc, argv, &act, e);
}

int command_rollout_supersede(int argc, char **argv, struct err *e)
{
	static const struct act act = { P "supersede", true, REVISION };

	return run_act(argc, argv, &act, e);
}

/* Of what is gone there is nothing to show. */
int command_rollout_drop(int argc, char **argv, struct err *e)
{
	const char *reason = NULL;
	uint64_t revision = 0;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_NUMBER("revision", "N", &revision, INT32_MAX,
			   "only if it is still this one"),
		OPT_TEXT("reason", "TEXT", &reason, "why, for the others"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	struct json *body = NULL;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (ui_need_reason(reason, e))
		goto out;
	body = json_new_object();
	json_set_text(body, "name", u.operands[0]);
	json_set_text(body, "reason", reason);
	if (set_revision(&u, body, revision, REVISION, e))
		goto out;
	rc = ui_act(&u, P "discard", body, "discarded: its name is free again",
		    e);
	body = NULL; /* taken over */
out:
	json_free(body);
	ui_done(&u);
	return rc;
}

/* ---- the way back -------------------------------------------------------- */

/* Said where the way back leaves devices behind. */
static void print_selected(const struct json *back)
{
	const struct json *selected = json_get(back, "selected");
	const struct json *runs = json_get(back, "runs");

	if (selected && json_int(selected) < json_int(runs))
		printf("\nof %lld devices that run it, %lld are selected\n",
		       (long long)json_int(runs),
		       (long long)json_int(selected));
}

static void print_back(const struct json *j)
{
	static const char *const fields[] = { "words",   "to",    "runs",
					      "holds",   "floor", "undo_until",
					      "rollout", NULL };
	static const char *const steps[] = { "step", NULL };
	static const char *const head[] = { "name", "verdict", "revision",
					    NULL };
	static const char *const before[] = { "release", "devices", NULL };
	const struct json *back = json_get(j, "back");

	if (ui_was_repeated(j))
		printf("stopped by you before: nothing was changed\n\n");
	ui_fields(j, head);
	printf("\n");
	ui_fields(back, fields);
	if (json_count(json_get(back, "before")) > 0) {
		printf("\nwhat their other slot still holds:\n");
		ui_table(json_get(back, "before"), before);
	}
	print_selected(back);
	if (json_get(back, "failed"))
		printf("\nits rollout was not made: %s\n",
		       json_text(json_get(back, "failed")));
	printf("\n");
	ui_table(json_get(back, "next"), steps);
}

/* Does the file ask for just that, whoever asked, when and why? */
static bool is_same_request(const char *path, const struct json *request)
{
	static const char *const of_a_try[] = { "reason", "devices", "asked_by",
						"asked" };
	struct buf text = BUF_INIT(REQUEST_MAX);
	struct json *there = NULL, *wanted = json_clone(request);
	struct err unused;
	bool same = false;

	if (fs_read_path(path, &text, &unused) == 0 &&
	    json_parse(buf_slice(&text), &there, &unused) == 0) {
		for (size_t i = 0; i < ARRAY_LEN(of_a_try); i++) {
			json_remove(there, of_a_try[i]);
			json_remove(wanted, of_a_try[i]);
		}
		same = json_same(there, wanted);
	}
	json_free(there);
	json_free(wanted);
	buf_done(&text);
	return same;
}

/* A file of this name that is there already stays as it is. */
static int write_file(const char *path, struct slice text, struct err *e)
{
	FILE *f = fopen(path, "wxe");
	int rc;

	if (!f && errno == EEXIST)
		return err_set(e, ERR_CONFLICT,
			       "%s is there already, and not this request: it "
			       "stays as it is; move it away, or name another "
			       "file (--request)",
			       path);
	if (!f)
		return err_sys(e, "%s", path);
	rc = fwrite(text.ptr, 1, text.len, f) == text.len ? 0 : -1;
	if (fclose(f) || rc)
		return err_sys(e, "%s", path);
	return 0;
}

static int write_request(const struct ui *u, const struct json *request,
			 const char *path, struct err *e)
{
	struct buf text = BUF_INIT(REQUEST_MAX);
	char usual[NAME_MAX_LEN + 32];
	int rc = -1;

	if (!path) {
		(void)snprintf(usual, sizeof(usual), "%s-way-back.json",
			       u->operands[0]);
		path = usual;
	}
	if (is_same_request(path, request)) {
		if (!u->json)
			printf("\nthe request, for the release engineers, is "
			       "there already: %s\n",
			       path);
		rc = 0;
	} else if (json_print(request, true, &text, e) == 0 &&
		   write_file(path, buf_slice(&text), e) == 0) {
		if (!u->json)
			printf("\nthe request, for the release engineers: %s\n",
			       path);
		rc = 0;
	}
	buf_done(&text);
	return rc;
}

static int roll_back(struct ui *u, const char *reason, const char *file,
		     struct err *e)
{
	struct json *body = json_new_object(), *answer = NULL;
	uint64_t revision;
	int rc = -1;

	json_set_text(body, "name", u->operands[0]);
	json_set_text(body, "reason", reason);
	/* It only stops, as a pause does, and says what may be done. */
	if (current_revision(u, &revision, e)) {
		json_free(body);
		return -1;
	}
	json_set_int(body, "revision", (int64_t)revision);
	if (people_post(u->client, P "rollback", body, &answer, e))
		return -1;
	rc = 0;
	if (u->json)
		rc = ui_print_json(answer, e);
	else
		print_back(answer);
	if (rc == 0 && json_get(answer, "request"))
		rc = write_request(u, json_get(answer, "request"), file, e);
	json_free(answer);
	return rc;
}

int command_rollout_rollback(int argc, char **argv, struct err *e)
{
	const char *reason = NULL, *file = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("reason", "TEXT", &reason, "why, for the others"),
		OPT_TEXT("request", "FILE", &file,
			 "where to write what engineers are asked for "
			 "(NAME-way-back.json)"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) == 0 &&
	    ui_need_reason(reason, e) == 0)
		rc = roll_back(&u, reason, file, e);
	ui_done(&u);
	return rc;
}

int command_gate_ack(int argc, char **argv, struct err *e)
{
	static const struct act act = { P "ack", true, REVISION };

	return run_act(argc, argv, &act, e);
}
