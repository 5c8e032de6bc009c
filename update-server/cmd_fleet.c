/* SPDX-License-Identifier: Apache-2.0 */
/* `device` and `server status`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/claim.h"
#include "common/fs.h"
#include "common/letter.h"
#include "common/mem.h"
#include "common/named.h"
#include "common/text.h"
#include "common/wire_body.h"
#include "common/wire_enrol.h"

#include "update-server/commands.h"
#include "update-server/ui.h"

/* ---- devices ------------------------------------------------------------- */

int command_device_waiting(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = { "code",   "state", "product",
					       "model",  "since", "expires",
					       "cohort", NULL };

	return ui_list(argc, argv, "/v1/people/waiting", "waiting", columns, e);
}

/* ---- by file ------------------------------------------------------------- */

/* A device that never sees the server: its request, and what it is given. */
struct carried {
	const char *request, *out;
	struct buf text;
};

/*
 * The officer read the code from the device itself: a file that somebody put in
 * the place of its own is of another key.
 */
static int read_request(struct carried *c, const char *code, struct err *e)
{
	struct wire_enrol *m = mem_alloc(1, sizeof(*m));
	char is[CLAIM_JOIN_LEN + 1];
	struct ec_public key;
	int rc = -1;

	if (fs_read_path(c->request, &c->text, e) ||
	    wire_parse_enrol(buf_slice(&c->text), m, e) ||
	    wire_enrol_check(m, &key, e) || letter_check_nonce(m, e)) {
		(void)named_in(e, c->request);
		goto out;
	}
	claim_join_code(&key, m->nonce, &m->root, is);
	rc = strcmp(is, code) == 0
		     ? 0
		     : err_set(e, ERR_UNTRUSTED,
			       "%s: of another device than the one that shows "
			       "this code",
			       c->request);
out:
	free(m);
	return rc;
}

/* It waits from now on, or is in already: then its answer is written. */
static int carry(struct ui *u, const struct carried *c, bool *in, struct err *e)
{
	struct buf text = BUF_INIT(LETTER_MAX);
	struct json *body = NULL, *answer = NULL;
	int dirfd = -1, rc = -1;
	char name[NAMED_MAX];

	if (json_parse(buf_slice(&c->text), &body, e) ||
	    people_post(u->client, "/v1/people/device-join", body, &answer, e))
		return -1;
	*in = json_get(answer, "identity") != NULL;
	if (!*in)
		rc = 0;
	else if (json_print(answer, false, &text, e) == 0 &&
		 named_open(c->out, &dirfd, name, e) == 0)
		rc = fs_replace_file(dirfd, name, buf_slice(&text), 0644, e);
	fs_close(&dirfd);
	buf_done(&text);
	json_free(answer);
	return rc;
}

static int approve_carried(struct ui *u, const struct carried *c,
			   struct json *body, struct err *e)
{
	bool in = false;

	if (carry(u, c, &in, e)) {
		json_free(body);
		return -1;
	}
	if (in) {
		json_free(body);
		printf("it was let in before; %s is its answer\n", c->out);
		return 0;
	}
	if (ui_act(u, "/v1/people/device-approve", body,
		   "approved: its answer is written", e) ||
	    carry(u, c, &in, e))
		return -1;
	return in ? 0
		  : err_set(e, ERR_BUSY,
			    "not let in yet: where two officers are asked, "
			    "the other one runs this with the same files");
}

/* The code that the device shows. */
static int read_code(const struct ui *u, char code[CLAIM_JOIN_LEN + 1],
		     struct err *e)
{
	if (claim_parse_join_code(slice_of(u->operands[0]), code, e) == 0)
		return 0;
	return err_set(e, ERR_USAGE, "the device shows it: XXXX-XXXX-XXXX");
}

int command_device_approve(int argc, char **argv, struct err *e)
{
	struct carried c = { .text = BUF_INIT(WIRE_BODY_MAX) };
	const char *cohort = NULL, *replaces = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		UI_OPTIONS(&u),
		OPT_TEXT("cohort", "C", &cohort, "the cohort it joins"),
		OPT_TEXT("replaces", "DEVICE", &replaces,
			 "it takes this device's place"),
		OPT_TEXT("request", "FILE", &c.request,
			 "what a device without a connection asks"),
		OPT_TEXT("out", "FILE", &c.out, "where its answer goes"),
		OPT_END,
	};
	char code[CLAIM_JOIN_LEN + 1];
	struct json *body;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (!cohort || !c.request != !c.out) {
		(void)err_set(e, ERR_USAGE,
			      cohort ? "--request and --out go together"
				     : "--cohort is needed");
		goto out;
	}
	if (read_code(&u, code, e) || (c.request && read_request(&c, code, e)))
		goto out;
	body = json_new_object();
	json_set_text(body, "code", code);
	json_set_text(body, "cohort", cohort);
	if (replaces)
		json_set_text(body, "replaces", replaces);
	rc = c.request ? approve_carried(&u, &c, body, e)
		       : ui_act(&u, "/v1/people/device-approve", body,
				"approved: it is let in when it asks next", e);
out:
	buf_done(&c.text);
	ui_done(&u);
	return rc;
}

int command_device_deny(int argc, char **argv, struct err *e)
{
	const char *reason = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		UI_OPTIONS(&u),
		OPT_TEXT("reason", "TEXT", &reason, "why, for the others"),
		OPT_END,
	};
	char code[CLAIM_JOIN_LEN + 1];
	struct json *body;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (ui_need_reason(reason, e) || read_code(&u, code, e))
		goto out;
	body = json_new_object();
	json_set_text(body, "code", code);
	json_set_text(body, "reason", reason);
	rc = ui_act(&u, "/v1/people/device-deny", body, "denied", e);
out:
	ui_done(&u);
	return rc;
}

/* The path that asks for devices: all, or those of which this is true. */
static int device_path(const struct ui_question *q, char out[PATH_MAX_LEN],
		       struct err *e)
{
	return q->where || q->lacks ? ui_question_path(q, out, e)
				    : text_format(out, PATH_MAX_LEN, e,
						  "/v1/people/devices");
}

int command_device_list(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = {
		"id",           "state",     "model", "cohort", "release",
		"last_attempt", "last_seen", "way",   NULL
	};
	struct ui_question asked = { .where = NULL };
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("where", "SELECTOR", &asked.where, "which of them"),
		OPT_TEXT("lacks", "CVE", &asked.lacks,
			 "those that lack what a release mends"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	struct json *answer = NULL;
	char path[PATH_MAX_LEN];
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 0, e) ||
	    device_path(&asked, path, e) ||
	    ui_get_pages(&u, path, "devices", &answer, e))
		goto out;
	rc = 0;
	if (u.json)
		rc = ui_print_json(answer, e);
	else
		ui_table(json_get(answer, "devices"), columns);
out:
	json_free(answer);
	ui_done(&u);
	return rc;
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
		"id",     "state",     "product", "model",    "hardware",
		"cohort", "lab",       "pin",     "release",  "seq",
		"digest", "confirmed", "updater", "enrolled", "last_seen",
		"way",    NULL
	};
	static const char *const says[] = { "sandbox",        "secure_boot",
					    "root_read_only", "hardware_clock",
					    "hardware_key",   "config_private",
					    "first_use",      NULL };
	static const char *const attempts[] = { "id",      "rollout", "release",
						"state",   "code",    "offered",
						"changed", "until",   NULL };
	static const char *const why[] = { "rollout", "release", "why", NULL };

	ui_fields(j, fields);
	printf("\nit says of itself:\n");
	ui_fields(j, says);
	printf("\nattempts:\n");
	ui_table(json_get(j, "attempts"), attempts);
	printf("\nrollouts:\n");
	ui_table(json_get(j, "rollouts"), why);
	print_evidence(json_get(j, "attempts"));
}

int command_device_show(int argc, char **argv, struct err *e)
{
	return ui_show(argc, argv, "/v1/people/device/", print_device, e);
}

/* ---- what is said of one, and why ----------------------------------------
 */

static int say_of(int argc, char **argv, bool pins, const char *path,
		  const char *done, struct err *e)
{
	const char *reason = NULL, *release = NULL;
	struct ui u = { 0 };
	const struct opt opts[] = {
		UI_OPTIONS(&u),
		OPT_TEXT("reason", "TEXT", &reason, "why, for the others"),
		pins ? (struct opt)OPT_TEXT("release", "ID", &release,
					    "which (what it runs)")
		     : (struct opt)OPT_END,
		OPT_END,
	};
	struct json *body;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (ui_need_reason(reason, e))
		goto out;
	if (!name_is_valid(slice_of(u.operands[0]))) {
		(void)err_set(e, ERR_USAGE,
			      "not a device id: see `device list`");
		goto out;
	}
	body = json_new_object();
	json_set_text(body, "id", u.operands[0]);
	json_set_text(body, "reason", reason);
	if (release)
		json_set_text(body, "release", release);
	rc = ui_act(&u, path, body, done, e);
out:
	ui_done(&u);
	return rc;
}

int command_device_revoke(int argc, char **argv, struct err *e)
{
	return say_of(argc, argv, false, "/v1/people/device-revoke",
		      "revoked: its next request is refused", e);
}

int command_device_retire(int argc, char **argv, struct err *e)
{
	return say_of(argc, argv, false, "/v1/people/device-retire",
		      "retired: it is no part of the fleet any more", e);
}

int command_device_forget(int argc, char **argv, struct err *e)
{
	return say_of(argc, argv, false, "/v1/people/device-forget",
		      "forgotten: only the audit log knows its id", e);
}

int command_device_release(int argc, char **argv, struct err *e)
{
	return say_of(argc, argv, false, "/v1/people/device-release",
		      "released: of its two keys the first one stands", e);
}

int command_device_block(int argc, char **argv, struct err *e)
{
	return say_of(argc, argv, false, "/v1/people/device-block",
		      "blocked: it is given nothing until device unblock", e);
}

int command_device_unblock(int argc, char **argv, struct err *e)
{
	return say_of(argc, argv, false, "/v1/people/device-unblock",
		      "unblocked: it takes what comes", e);
}

int command_device_pin(int argc, char **argv, struct err *e)
{
	return say_of(argc, argv, true, "/v1/people/device-pin",
		      "pinned: it is offered no other release", e);
}

int command_device_unpin(int argc, char **argv, struct err *e)
{
	return say_of(argc, argv, false, "/v1/people/device-unpin",
		      "unpinned: it takes what comes", e);
}

int command_device_clear(int argc, char **argv, struct err *e)
{
	return say_of(argc, argv, false, "/v1/people/device-clear",
		      "cleared: it is offered again what it came back from", e);
}

/* ---- ours, and unknown ----------------------------------------------------
 */

int command_device_unknown(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = { "code", "id", "first", "last",
					       NULL };

	return ui_list(argc, argv, "/v1/people/unknown", "unknown", columns, e);
}

int command_device_readopt(int argc, char **argv, struct err *e)
{
	static const char *const names[] = { "product", "model", "cohort",
					     "reason" };
	const char *values[ARRAY_LEN(names)] = { NULL };
	struct ui u = { 0 };
	const struct opt opts[] = {
		UI_OPTIONS(&u),
		OPT_TEXT("product", "P", &values[0], "what it is"),
		OPT_TEXT("model", "M", &values[1], "which one"),
		OPT_TEXT("cohort", "C", &values[2], "where it belongs"),
		OPT_TEXT("reason", "TEXT", &values[3],
			 "how you know that it is ours"),
		OPT_END,
	};
	struct json *body = json_new_object();
	char code[CLAIM_JOIN_LEN + 1];
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (claim_parse_join_code(slice_of(u.operands[0]), code, e)) {
		(void)err_set(e, ERR_USAGE,
			      "the device shows it: XXXX-XXXX-XXXX");
		goto out;
	}
	json_set_text(body, "code", code);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!values[i]) {
			(void)err_set(e, ERR_USAGE, "--%s is missing",
				      names[i]);
			goto out;
		}
		json_set_text(body, names[i], values[i]);
	}
	rc = ui_act(&u, "/v1/people/device-readopt", body,
		    "known again, in quarantine: device release lets it out",
		    e);
	body = NULL; /* taken over */
out:
	json_free(body);
	ui_done(&u);
	return rc;
}

int command_server_close_readopt(int argc, char **argv, struct err *e)
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

	if (ui_start(&u, argc, argv, opts, 0, e))
		goto out;
	if (ui_need_reason(reason, e))
		goto out;
	body = json_new_object();
	json_set_text(body, "reason", reason);
	rc = ui_act(&u, "/v1/people/readopt-close", body,
		    "closed: whom the registry does not know enrolls anew", e);
out:
	ui_done(&u);
	return rc;
}

/* ---- the server ---------------------------------------------------------- */

static void print_status(const struct json *j)
{
	static const char *const fields[] = {
		"version", "environment", "started",
		"root",    "targets",     "timestamp_expires",
		"devices", "revoked",     "quarantined",
		"log",     "log_key",     "readopt",
		NULL
	};

	ui_fields(j, fields);
	ui_roles(j);
}

int command_server_status(int argc, char **argv, struct err *e)
{
	return ui_show(argc, argv, "/v1/people/status", print_status, e);
}
