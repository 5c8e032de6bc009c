/* SPDX-License-Identifier: Apache-2.0 */
/* The device's side: commands, their options, and what they print. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/opt.h"
#include "common/utc.h"
#include "updater-client/advice.h"
#include "updater-client/daemon.h"
#include "updater-client/doctor.h"
#include "updater-client/doctor_image.h"
#include "updater-client/identity.h"
#include "updater-client/install.h"
#include "updater-client/join.h"
#include "updater-client/retire.h"
#include "updater-client/status.h"
#include "updater-client/status_file.h"
#include "updater-client/update.h"
#include "updater-client/worker.h"

#define EXIT_UPDATE_AVAILABLE 20
#define OUTPUT_MAX            (512 * 1024)

/* What the command line said, and the file that it named. A process runs one
 * command. */
static struct {
	const char *config_path;
	bool json, quiet, progress;
	struct update_options update;
	struct doctor_options doctor;
	struct doctor_image image;
	struct join_how join;
	bool asks;
	const char *device;
} given;

static struct settings config;
static int stop_fd = -1;

/* SIGTERM and SIGINT become something to wait for, not a sudden end. */
static int open_stop(int *fd, struct err *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return err_sys(e, "signals");
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? err_sys(e, "signals") : 0;
}

/* ---- options ---------------------------------------------------------------
 */

static const struct opt opts_daemon[] = {
	OPT_TEXT("config", "FILE", &given.config_path,
		 "configuration (" SETTINGS_DEFAULT ")"),
	OPT_FLAG("json", &given.json, "print JSON"),
	OPT_END,
};

/* What every command has that a person waits for. */
static const struct opt opts_common[] = {
	OPT_FLAG("quiet", &given.quiet, "no progress"),
	OPT_AND(opts_daemon),
};

static const struct opt opts_check[] = {
	OPT_TEXT("from", "PATH", &given.update.from,
		 "look into a folder or stick"),
	OPT_AND(opts_common),
};

static const struct opt opts_rollback[] = {
	OPT_FLAG("retry", &given.update.retry,
		 "also a release that was rolled back here"),
	OPT_AND(opts_common),
};

static const struct opt opts_update[] = {
	OPT_TEXT("from", "PATH", &given.update.from,
		 "install from a folder or stick"),
	OPT_FLAG("progress-json", &given.progress,
		 "tell programs how far it is"),
	OPT_FLAG("step-back", &given.update.step_back,
		 "also an older release, if that is authorised"),
	OPT_FLAG("repair", &given.update.repair,
		 "write the release that runs to the other slot"),
	OPT_AND(opts_rollback),
};

static const struct opt opts_doctor[] = {
	OPT_FLAG("offline", &given.doctor.offline, "do not ask the server"),
	OPT_TEXT("image", "DIR", &given.image.image,
		 "of an image's file system: is it the same for all?"),
	OPT_TEXT("factory", "DIR", &given.image.factory,
		 "with --image: what \"signer factory\" wrote"),
	OPT_AND(opts_common),
};

static const struct opt opts_enroll[] = {
	OPT_TEXT("claim-file", "FILE", &given.join.claim_file,
		 "the claim code; - is standard input"),
	OPT_FLAG("ask", &given.asks,
		 "without one: show a code for an officer to approve"),
	OPT_NUMBER("wait", "SECONDS", &given.join.wait_sec, 86400,
		   "so long for the officer (0)"),
	OPT_TEXT("request", "FILE", &given.join.request,
		 "without a connection: what an officer is to be brought"),
	OPT_TEXT("response", "FILE", &given.join.response,
		 "and what the officer gave back"),
	OPT_AND(opts_common),
};

static const struct opt opts_retire[] = {
	OPT_TEXT("device", "ID", &given.device,
		 "which device you believe this to be"),
	OPT_AND(opts_common),
};

static int parse(int argc, char **argv, const struct opt *opts, struct err *e)
{
	char **operands;
	int count;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count > 0)
		return err_set(e, ERR_USAGE, "%s: what is \"%s\"?", argv[0],
			       operands[0]);
	return 0;
}

static int load(struct err *e)
{
	if (settings_load(given.config_path, &config, e) ||
	    open_stop(&stop_fd, e))
		return -1;
	status_file_default(&config, given.config_path);
	return 0;
}

/* A command whose work begins when the configuration was read. */
static int with_config(int argc, char **argv, const struct opt *opts,
		       int (*work)(struct err *e), struct err *e)
{
	return parse(argc, argv, opts, e) || load(e) ? -1 : work(e);
}

static int print_as_json(struct json *j, bool indented, struct err *e)
{
	struct buf out = BUF_INIT(OUTPUT_MAX);
	int rc = json_print(j, indented, &out, e);

	if (rc == 0)
		program_print_json(buf_text(&out));
	buf_done(&out);
	json_free(j);
	return rc;
}

static int print_json(struct json *j, struct err *e)
{
	return print_as_json(j, true, e);
}

/* ---- check, update ------------------------------------------------------- */

static const char *result_name(enum update_result r)
{
	static const char *const names[] = { "nothing", "wait", "available",
					     "updated", "reboot-pending" };

	return names[r];
}

static struct json *outcome_json(const struct update_outcome *o)
{
	struct json *j = json_new_document();

	json_set_text(j, "result", result_name(o->result));
	json_set_text(j, "reason", o->reason);
	if (o->release[0]) {
		json_set_text(j, "release", o->release);
		json_set_text(j, "version", o->version);
		json_set_text(j, "package", o->is_delta ? "delta" : "full");
		json_set_int(j, "package_len", (int64_t)o->package_len);
	}
	if (o->next_check_sec > 0)
		json_set_int(j, "next_check_sec", o->next_check_sec);
	return j;
}

static void print_outcome(const struct session *s,
			  const struct update_outcome *o)
{
	const char *runs = s->has_running ? s->running.id : "nothing of ours";
	char size[16], reason[WIRE_REASON_MAX];

	text_size(o->package_len, size);
	text_escape(slice_of(o->reason), reason, sizeof(reason));
	switch (o->result) {
	case UPDATE_NOTHING:
		(void)printf("up to date: %s runs%s%s\n", runs,
			     reason[0] ? "; the server says: " : "", reason);
		break;
	case UPDATE_WAIT:
		(void)printf("%s runs; the server says to wait%s%s\n", runs,
			     reason[0] ? ": " : "", reason);
		break;
	case UPDATE_AVAILABLE:
		(void)printf("update available: %s %s (%s package, %s); %s "
			     "runs\n",
			     o->release, o->version,
			     o->is_delta ? "delta" : "full", size, runs);
		break;
	case UPDATE_REBOOT:
		(void)printf("slot %s starts at the next boot; until then %s "
			     "runs\n",
			     slot_name(s->record.slot), runs);
		break;
	case UPDATE_DONE:
		(void)printf("updated to %s %s (%s package, %s)\n", o->release,
			     o->version, o->is_delta ? "delta" : "full", size);
		break;
	}
}

static enum progress_kind progress_kind(void)
{
	if (given.progress)
		return PROGRESS_JSON;
	return given.quiet || given.json ? PROGRESS_QUIET : PROGRESS_PEOPLE;
}

static int run_update(struct err *e)
{
	struct update_outcome outcome;
	struct session s;
	int rc;

	if (session_open(&s, &config, stop_fd, e))
		return -1;
	s.progress = progress_kind();
	rc = update_run(&s, &given.update, &outcome, e);
	if (rc == 0 && given.json)
		rc = print_json(outcome_json(&outcome), e);
	else if (rc == 0)
		print_outcome(&s, &outcome);
	if (rc == 0 && outcome.result == UPDATE_AVAILABLE)
		rc = EXIT_UPDATE_AVAILABLE;
	session_close(&s);
	return rc;
}

static int update(struct err *e)
{
	int rc = run_update(e);

	if (rc < 0)
		advice_add(e);
	return rc;
}

static int cmd_check(int argc, char **argv, struct err *e)
{
	given.update.only_check = true;
	return with_config(argc, argv, opts_check, update, e);
}

static int cmd_update(int argc, char **argv, struct err *e)
{
	return with_config(argc, argv, opts_update, update, e);
}

/* ---- confirm, rollback --------------------------------------------------- */

static int done_json(const struct session *s, const char *result, struct err *e)
{
	struct json *j = json_new_document();

	json_set_text(j, "result", result);
	json_set_text(j, "slot", slot_name(s->current));
	json_set_text(j, "release", s->has_running ? s->running.id : "");
	json_set_text(j, "next", slot_name(s->record.slot));
	return print_json(j, e);
}

static void print_decision(const struct session *s, const char *result)
{
	const char *runs = s->has_running ? s->running.id : "nothing of ours";

	if (s->record.slot == s->current)
		(void)printf("%s: %s runs\n", result, runs);
	else
		(void)printf("%s: slot %s starts at the next boot; until then "
			     "%s runs\n",
			     result, slot_name(s->record.slot), runs);
}

static int decide(int (*decision)(struct session *s, struct err *e),
		  const char *result, struct err *e)
{
	struct session s;
	int rc;

	if (session_open(&s, &config, stop_fd, e))
		return -1;
	s.progress = progress_kind();
	s.retry = given.update.retry;
	rc = decision(&s, e);
	if (rc == 0 && given.json)
		rc = done_json(&s, result, e);
	else if (rc == 0)
		print_decision(&s, result);
	session_close(&s);
	return rc;
}

static int confirm(struct err *e)
{
	return decide(install_confirm, "confirmed", e);
}

static int cmd_confirm(int argc, char **argv, struct err *e)
{
	return with_config(argc, argv, opts_common, confirm, e);
}

static int roll_back(struct err *e)
{
	return decide(install_rollback, "rolled back", e);
}

static int cmd_rollback(int argc, char **argv, struct err *e)
{
	return with_config(argc, argv, opts_rollback, roll_back, e);
}

/* ---- status, doctor ------------------------------------------------------ */

static int cmd_status(int argc, char **argv, struct err *e)
{
	struct buf out = BUF_INIT(OUTPUT_MAX);
	struct err damage = { 0 }, unknown = { 0 };
	int rc = parse(argc, argv, opts_common, e);

	/* The truth is owed also to who has damaged the configuration. */
	if (rc == 0 && load(&damage)) {
		rc = settings_recall(given.config_path, &config, &unknown);
		if (rc == 0)
			status_file_default(&config, given.config_path);
	}
	if (rc == 0)
		rc = status_print(&config, damage.code ? &damage : NULL,
				  given.json, &out, e);
	if (rc == 0 && given.json)
		program_print_json(buf_text(&out));
	else if (rc == 0)
		(void)fputs(buf_text(&out), stdout);
	if (damage.code) {
		*e = damage;
		rc = -1;
	}
	buf_done(&out);
	return rc;
}

static int diagnosis_to_json(const struct diagnosis *d, struct err *e)
{
	struct json *j = json_new_document();
	struct err verdict;

	json_set_text(j, "result", finding_grade_name(diagnosis_worst(d)));
	json_set(j, "checks", diagnosis_json(d));
	if (diagnosis_verdict(d, &verdict))
		status_add_failure(j, &verdict);
	return print_json(j, e);
}

static int print_diagnosis(const struct diagnosis *d, struct err *e)
{
	struct buf out = BUF_INIT(OUTPUT_MAX);
	int rc = diagnosis_print(d, &out, e);

	if (rc == 0)
		(void)fputs(buf_text(&out), stdout);
	buf_done(&out);
	return rc;
}

static int doctor(struct diagnosis *d, struct err *e)
{
	given.doctor.config_path = given.image.config_path = given.config_path;
	if (given.image.image)
		return doctor_image(&given.image, d, e);
	return load(e) ? -1 : doctor_run(&config, &given.doctor, stop_fd, d, e);
}

static int cmd_doctor(int argc, char **argv, struct err *e)
{
	struct diagnosis *d = mem_alloc(1, sizeof(*d));
	int rc = parse(argc, argv, opts_doctor, e);

	if (rc == 0)
		rc = doctor(d, e);
	if (rc == 0)
		rc = given.json ? diagnosis_to_json(d, e)
				: print_diagnosis(d, e);
	if (rc == 0)
		rc = diagnosis_verdict(d, e);
	free(d);
	return rc;
}

/* ---- daemon -------------------------------------------------------------- */

static struct json *failure_json(const struct err *e)
{
	struct json *j = json_new_document();

	json_set_text(j, "error", err_name(e->code));
	json_set_text(j, "message", e->msg);
	json_set_int(j, "status", (int64_t)e->code);
	return j;
}

/* A line each. That nobody reads it any more is no matter of the device's. */
static void print_round(const struct update_outcome *o,
			const struct err *failure)
{
	struct err unheard;

	(void)print_as_json(failure ? failure_json(failure) : outcome_json(o),
			    false, &unheard);
	(void)fflush(stdout);
}

static int run_daemon(struct err *e)
{
	return daemon_run(&config, stop_fd, given.json ? print_round : NULL, e);
}

static int cmd_daemon(int argc, char **argv, struct err *e)
{
	return with_config(argc, argv, opts_daemon, run_daemon, e);
}

/* ---- enroll, retire ------------------------------------------------------ */

static int print_identity(const struct message_identity *id, struct err *e)
{
	char hex[2 * DEVICE_ID_LEN + 1];
	struct json *j;

	hex_format((struct slice){ id->device.bytes, DEVICE_ID_LEN }, hex);
	if (!given.json) {
		(void)printf("enrolled: device %s, cohort %s\n", hex,
			     id->cohort);
		return 0;
	}
	j = json_new_document();
	json_set_text(j, "device", hex);
	json_set_text(j, "cohort", id->cohort);
	return print_json(j, e);
}

/* For programs: the code that an officer is waited for with. */
static void tell_code(void)
{
	static char code[CLAIM_JOIN_LEN + 1];
	struct err none;
	int fd = -1;

	if (fs_open_dir(config.state, &fd, &none))
		return;
	identity_load_code(fd, code);
	fs_close(&fd);
	if (code[0])
		program_fail_json("join_code", code);
}

static int enroll(struct err *e)
{
	const struct join_how *how = &given.join;
	struct message_identity id;

	if (given.asks + (how->claim_file != NULL) + (how->request != NULL) +
		    (how->response != NULL) !=
	    1)
		return err_set(e, ERR_USAGE,
			       "enroll needs one of --claim-file (a claim code "
			       "is never an argument), --ask, --request and "
			       "--response");
	if (join_fleet(&config, how, stop_fd, &id, e)) {
		if (e->code == ERR_BUSY)
			tell_code();
		return -1;
	}
	return print_identity(&id, e);
}

static int cmd_enroll(int argc, char **argv, struct err *e)
{
	return with_config(argc, argv, opts_enroll, enroll, e);
}

static int print_retired(struct err *e)
{
	struct json *j;

	if (!given.json) {
		(void)printf("its keys are gone; have the server know: "
			     "pawl-server device retire %s "
			     "--reason TEXT\n",
			     given.device);
		return 0;
	}
	j = json_new_document();
	json_set_text(j, "result", "retired");
	json_set_text(j, "device", given.device);
	return print_json(j, e);
}

static int retire(struct err *e)
{
	if (!given.device)
		return err_set(e, ERR_USAGE, "retire needs --device ID");
	if (retire_device(&config, given.device, stop_fd, e))
		return -1;
	return print_retired(e);
}

static int cmd_retire(int argc, char **argv, struct err *e)
{
	return with_config(argc, argv, opts_retire, retire, e);
}

int main(int argc, char **argv)
{
	static const struct command commands[] = {
		{ "enroll", "--claim-file FILE | --ask [--wait SECONDS]",
		  "make a key and get an identity from the server",
		  cmd_enroll },
		{ "check", "[--from PATH]",
		  "is there an update? exit status 20 if so", cmd_check },
		{ "update", "[--from PATH] [--retry] [--repair] [--step-back]",
		  "install the update, try it, keep it or go back",
		  cmd_update },
		{ "confirm", "", "keep the release that is on trial",
		  cmd_confirm },
		{ "rollback", "[--retry]", "make the other slot current again",
		  cmd_rollback },
		{ "status", "", "what runs, why, and what happened before",
		  cmd_status },
		{ "doctor", "[--offline]",
		  "can this device update, switch and come back?", cmd_doctor },
		{ "retire", "--device ID", "out of service: its keys go",
		  cmd_retire },
		{ "daemon", "", "check and update from time to time",
		  cmd_daemon },
	};
	static const struct program program = {
		.purpose = "keeps this device on the release it should run",
		.commands = commands,
		.command_count = ARRAY_LEN(commands),
	};

	int status;

	worker_harden();
	mem_give_back();
	given.config_path = SETTINGS_DEFAULT;
	status = program_main(&program, argc, argv);
	fs_close(&stop_fd);
	settings_done(&config);
	return status;
}
