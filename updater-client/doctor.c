/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/doctor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/utc.h"
#include "updater-client/confine.h"
#include "updater-client/counter.h"
#include "updater-client/hook.h"
#include "updater-client/identity.h"
#include "updater-client/keep.h"
#include "updater-client/posture.h"
#include "updater-client/session.h"
#include "updater-client/slot_image.h"

/* Journal, reports and metadata; less than this, and updates stand still. */
#define STATE_LEAST  (4u << 20)
#define PROBE        "doctor"
#define PROBE_NEW    "doctor.new"
#define PROBE_TARGET "a/tree"
#define RTC          "/sys/class/rtc/rtc0"

/* One examination. */
struct visit {
	const struct settings *config;
	const struct doctor_options *options;
	struct session *session;
	struct diagnosis *d;
};

/* ---- who may change what decides ----------------------------------------- */

static void check_writers(struct visit *v, const char *name, const char *path,
			  int flags)
{
	struct err e = { 0 };
	int fd = open(path, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		err_sys(&e, "%s", path);
	if (fd < 0 || fs_check_private(fd, path, &e))
		diagnosis_fail(v->d, name, &e,
			       "who can change it owns this device");
	else
		diagnosis_ok(v->d, name, "%s: nobody else may write it", path);
	fs_close(&fd);
}

/* Whoever may write the folder can put another file there. */
static void check_config(struct visit *v)
{
	const char *path = v->options->config_path;
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX_LEN];
	struct err e = { 0 };

	check_writers(v, "configuration", path, 0);
	if (!slash)
		check_writers(v, "configuration", ".", O_DIRECTORY);
	else if (text_format(folder, sizeof(folder), &e, "%.*s",
			     slash == path ? 1 : (int)(slash - path),
			     path) == 0)
		check_writers(v, "configuration", folder, O_DIRECTORY);
}

static void check_program(struct visit *v, const char *what,
			  const struct settings_command *c)
{
	struct err e = { 0 };
	int rc;

	if (c->argc == 0)
		return;
	rc = hook_check(c->argv[0], &e);
	if (rc == 0 && access(c->argv[0], X_OK))
		rc = err_sys(&e, "%s", c->argv[0]);
	if (rc) {
		e.code = ERR_CONFIG; /* it names what cannot be run */
		diagnosis_fail(v->d, "programs", &e, what);
	} else
		diagnosis_ok(v->d, "programs", "%s: %s", what, c->argv[0]);
}

static void check_programs(struct visit *v)
{
	const struct settings *c = v->config;

	check_program(v, "[trial] health", &c->health);
	check_program(v, "[restart] command", &c->restart);
	check_program(v, "[reboot] command", &c->reboot);
	check_program(v, "[install] consent", &c->consent);
	check_program(v, "[data] save", &c->data_save);
	check_program(v, "[data] restore", &c->data_restore);
	check_program(v, "[boot] command", &c->boot);
	check_program(v, "[floor] counter", &c->counter);
	for (size_t i = 0; i < c->slot_count; i++)
		check_program(v, "[slot] program", &c->slots[i].program);
	if (v->session->boot.control->reboots && c->reboot.argc == 0)
		diagnosis_warn(v->d, "programs",
			       "no [reboot] command: an update waits for "
			       "somebody to reboot");
	if (!v->session->boot.control->reboots && c->restart.argc == 0)
		diagnosis_warn(v->d, "programs",
			       "no [restart] command: what runs goes on until "
			       "somebody restarts it, and is tried like that");
}

/* ---- records ------------------------------------------------------------- */

/* Two writes in a row go to both of its copies, and each is read back. */
static int save_twice(struct session *s, struct err *e)
{
	int rc = 0;

	for (int copy = 0; rc == 0 && copy < 2; copy++)
		rc = session_save(s, e);
	return rc;
}

static void check_journal(struct visit *v)
{
	struct session *s = v->session;
	struct err e = { 0 };

	if (save_twice(s, &e))
		diagnosis_fail(v->d, "journal", &e,
			       "[device] state must be on a disk that can be "
			       "written and lasts");
	else if (s->reset)
		diagnosis_warn(v->d, "journal",
			       "both copies were damaged; written anew, what "
			       "was remembered is lost");
	else
		diagnosis_ok(v->d, "journal",
			     "both copies were written and read back");
}

static void check_space(struct visit *v)
{
	struct session *s = v->session;
	uint64_t state, slots, files, needed = 0;
	char have[16], want[16];
	struct err e = { 0 };

	if (fs_free_space(s->state_fd, &state, &files, &e) ||
	    fs_free_space(s->slots.dirfd, &slots, &files, &e)) {
		diagnosis_fail(v->d, "space", &e, NULL);
		return;
	}
	text_size(state, have);
	text_size(STATE_LEAST, want);
	if (state < STATE_LEAST) {
		(void)err_set(&e, ERR_SPACE, "%s free for [device] state",
			      have);
		diagnosis_fail(v->d, "space", &e,
			       "updates need several megabytes, and the "
			       "package");
	} else
		diagnosis_ok(v->d, "space", "%s free for [device] state", have);
	for (size_t i = 0; s->has_running && i < s->running.part_count; i++) {
		const struct slot_part *p = &s->running.parts[i];
		size_t at = settings_slot_of(v->config, p->component);

		if (at < v->config->slot_count &&
		    v->config->slots[at].kind != SLOT_IMAGE)
			needed += slot_part_room(p);
	}
	text_size(slots, have);
	text_size(needed, want);
	if (slots < needed)
		diagnosis_warn(v->d, "space",
			       "%s free for the slots; what runs takes %s: the "
			       "next one fits only in place of what the other "
			       "slot holds",
			       have, want);
	else
		diagnosis_ok(v->d, "space", "%s free for the slots", have);
}

/* What [keep] names can be copied. */
static void check_keep(struct visit *v)
{
	struct tree_copy_size size;
	struct err e = { 0 };
	char text[16];

	if (v->config->keep.count == 0)
		return;
	if (keep_measure(v->session, &size, &e)) {
		diagnosis_fail(v->d, "keep", &e,
			       "it could not be taken along, so nothing would "
			       "be installed");
		return;
	}
	text_size(size.bytes, text);
	diagnosis_ok(v->d, "keep", "%llu files to take along, %s",
		     (unsigned long long)size.inodes, text);
}

/* ---- slots and switching ------------------------------------------------- */

static int try_link(int dirfd, struct err *e)
{
	char target[sizeof(PROBE_TARGET) + 1];

	if (fs_remove_tree(dirfd, PROBE, e) ||
	    fs_remove_tree(dirfd, PROBE_NEW, e) ||
	    fs_symlink(dirfd, "b/tree", PROBE, e) ||
	    fs_symlink(dirfd, PROBE_TARGET, PROBE_NEW, e) ||
	    fs_rename(dirfd, PROBE_NEW, PROBE, e) || fs_sync(dirfd, e) ||
	    fs_readlink(dirfd, PROBE, target, sizeof(target), e))
		return -1;
	if (strcmp(target, PROBE_TARGET) != 0)
		return err_set(e, ERR_SYSTEM, "a replaced link stayed the old");
	return fs_remove_tree(dirfd, PROBE, e);
}

static void check_folder(struct visit *v)
{
	struct err e = { 0 };

	if (try_link(v->session->slots.dirfd, &e))
		diagnosis_fail(v->d, "slots", &e,
			       "[slot] path must be a folder on a disk that "
			       "knows links");
	else
		diagnosis_ok(v->d, "slots",
			     "%s: a link was made, replaced and removed",
			     v->config->slot_path);
}

/* The slot that does not run must be writable, by us, now. */
static void check_image(struct visit *v, const struct settings_slot *slot)
{
	enum slot current = v->session->current;
	enum slot other = slot_other(current);
	uint64_t room = 0;
	struct err e = { 0 };
	char size[16];
	int fd = -1;

	if (current != SLOT_NONE) {
		if (slot_image_open(slot, current, &fd, &e)) {
			diagnosis_fail(v->d, "slots", &e, NULL);
			return;
		}
		fs_close(&fd);
	}
	if (slot_image_open_new(slot, other, &fd, &e) ||
	    slot_image_room(fd, &room, &e)) {
		diagnosis_fail(v->d, "slots", &e, NULL);
	} else {
		text_size(room, size);
		diagnosis_ok(v->d, "slots", "%s can be written: room for %s",
			     other == SLOT_A ? slot->a : slot->b, size);
	}
	fs_close(&fd);
}

static void check_slots(struct visit *v)
{
	const struct settings *c = v->config;

	check_folder(v);
	for (size_t i = 0; i < c->slot_count; i++) {
		if (c->slots[i].kind == SLOT_IMAGE)
			check_image(v, &c->slots[i]);
		if (c->slots[i].attributes == TREE_SYSTEM && geteuid() != 0) {
			struct err e = { 0 };

			(void)err_set(&e, ERR_REFUSED,
				      "[%s] takes system attributes, which "
				      "root alone can write",
				      c->slots[i].section);
			diagnosis_fail(v->d, "slots", &e, "run it as root");
		}
	}
}

/*
 * There and back. Were the power cut between the two, the loader would find no
 * try left for the other slot, and start the one that runs.
 */
static int dry_switch(struct session *s, struct err *e)
{
	const struct boot_record there = {
		.slot = slot_other(s->current),
		.trying = true,
		.back = s->current,
	};
	/* Without a record its loader starts its default: what runs. */
	const struct boot_record back =
		s->record.slot != SLOT_NONE
			? s->record
			: (struct boot_record){ .slot = s->current };
	struct err why = { 0 };

	if (boot_write(&s->boot, &there, &why)) {
		/* It may be there for all that. */
		if (boot_write(&s->boot, &back, e) == 0)
			*e = why;
		return -1;
	}
	return boot_write(&s->boot, &back, e);
}

/* A link that led to an empty slot, if only for a moment, would start nothing.
 */
static bool has_another(const struct session *s)
{
	struct slot_release unused;
	struct err unreadable;
	bool found = false;

	return s->current != SLOT_NONE &&
	       slot_tree_release(&s->slots, slot_other(s->current), &unused,
				 &found, &unreadable) == 0 &&
	       found;
}

static void check_boot(struct visit *v)
{
	struct session *s = v->session;
	const char *name = s->boot.control->name;
	enum machine_state state = s->journal.machine.state;
	struct err e = s->boot_failure;

	if (e.code != ERR_NONE) {
		diagnosis_fail(v->d, "boot-control", &e, NULL);
		return;
	}
	if (state == MACHINE_TRIAL || state == MACHINE_REBOOT ||
	    state == MACHINE_INSTALLED || s->record.trying) {
		diagnosis_warn(v->d, "boot-control",
			       "%s: a switch is under way, so it was not "
			       "tried; ask again when it is over",
			       name);
		return;
	}
	if (!s->boot.control->reboots && !has_another(s)) {
		diagnosis_warn(v->d, "boot-control",
			       "%s: slot %s runs; the other one holds no "
			       "release, so it was not switched to",
			       name, slot_name(s->current));
		return;
	}
	if (dry_switch(s, &e) ||
	    (!s->boot.control->reboots &&
	     slot_link_keep(s->slots.dirfd, slot_other(s->current), &e)))
		diagnosis_fail(v->d, "boot-control", &e,
			       "this device could not switch");
	else
		diagnosis_ok(v->d, "boot-control",
			     "%s: switched to slot %s and back to %s", name,
			     slot_name(slot_other(s->current)),
			     slot_name(s->current));
}

/* ---- what it lives in ---------------------------------------------------- */

static void check_clock(struct visit *v)
{
	const struct journal *j = &v->session->journal;
	int64_t now = utc_now();
	struct err e = { 0 };
	char floor[UTC_TEXT_LEN];

	utc_format(j->time_floor, floor);
	if (j->trusted_until > 0 && now >= j->trusted_until) {
		(void)err_set(&e, ERR_EXPIRED,
			      "the clock is past the end of the root of trust");
		diagnosis_fail(v->d, "clock", &e,
			       "set it, or bring newer metadata");
		return;
	}
	if (now < j->time_floor)
		diagnosis_warn(v->d, "clock",
			       "behind %s, which has certainly passed; that "
			       "counts instead",
			       floor);
	else
		diagnosis_ok(v->d, "clock", "plausible");
	if (access(RTC, F_OK))
		diagnosis_warn(v->d, "clock",
			       "no hardware clock: after each boot, what was "
			       "signed last tells the time until it is set");
	else
		diagnosis_ok(v->d, "clock", "a hardware clock keeps it");
}

static void check_sandbox(struct visit *v)
{
	char text[CONFINE_TEXT_MAX];

	confine_describe(text);
	if (strstr(text, " no "))
		diagnosis_warn(v->d, "sandbox", "%s", text);
	else
		diagnosis_ok(v->d, "sandbox", "%s", text);
}

static void check_root(struct visit *v)
{
	if (posture_root_is_read_only())
		diagnosis_ok(v->d, "root", "mounted read-only");
	else
		diagnosis_warn(v->d, "root",
			       "mounted writable: what is changed there is in "
			       "no release");
}

/* Its keys lie where only the client reads. */
static void check_identity(struct visit *v)
{
	struct session *s = v->session;
	struct ec_private *key = NULL;
	struct err e = { 0 };
	struct device_keys keys;
	struct worker token;
	struct stat st;

	if (!s->enrolled) {
		diagnosis_warn(v->d, "identity",
			       "not enrolled: \"enroll\" with a claim code, or "
			       "update from folders");
		return;
	}
	if (session_keys(s, 0, &token, &keys, &e) ||
	    identity_open_decrypt_key(&keys, &key, &e)) {
		diagnosis_fail(v->d, "identity", &e,
			       "encrypted releases cannot be read");
	} else if (fstat(s->state_fd, &st) || (st.st_mode & 077)) {
		(void)err_set(&e, ERR_CONFIG, "%s can be read by others",
			      v->config->state);
		diagnosis_fail(v->d, "identity", &e,
			       "chmod 700: its keys are files there");
	} else if (keys.token) {
		diagnosis_ok(v->d, "identity", "enrolled; its keys are in %s",
			     device_key_is_in_hardware(&keys)
				     ? "hardware"
				     : "a token that does not say it is "
				       "hardware");
	} else
		diagnosis_ok(v->d, "identity",
			     "enrolled; its keys are files that only this "
			     "user reads");
	ec_free(key);
	worker_stop(&token);
}

/* Not opened: that would arm it. */
static void check_watchdog(struct visit *v)
{
	const char *path = v->config->watchdog;
	struct err e = { 0 };

	if (!path)
		return;
	if (access(path, W_OK) == 0) {
		diagnosis_ok(v->d, "watchdog", "%s can be armed", path);
		return;
	}
	err_sys(&e, "%s", path);
	diagnosis_fail(v->d, "watchdog", &e,
		       "a release that hangs would not be reset");
}

static void check_counter(struct visit *v)
{
	struct err e = { 0 };
	uint64_t value;

	if (v->config->counter.argc == 0)
		return;
	if (counter_read(v->config->counter.argv, &value, &e))
		diagnosis_fail(v->d, "counter", &e,
			       "without it nothing is installed");
	else
		diagnosis_ok(v->d, "counter", "the floor stands at %llu",
			     (unsigned long long)value);
}

/* Root of trust, servers, certificates and metadata, in one question. */
static void check_server(struct visit *v)
{
	struct message ask = {
		.kind = MESSAGE_CHOOSE,
		.choose = { .refresh = true,
			    .look = true,
			    .clock = utc_now(),
			    .floor = v->session->journal.time_floor },
	};
	struct policy_device *d = &ask.choose.device;
	struct session *s = v->session;
	struct err e = { 0 };
	struct message m;

	if (v->options->offline || v->config->urls.count == 0) {
		diagnosis_warn(v->d, "server", "not asked");
		return;
	}
	if (!s->enrolled) {
		diagnosis_warn(v->d, "server",
			       "not asked: the device is not enrolled");
		return;
	}
	text_copy(d->product, sizeof(d->product), v->config->product);
	d->slot_count = 1;
	d->slots[0].content = settings_content(&v->config->slots[0]);
	d->slots[0].attributes = v->config->slots[0].attributes;
	if (session_connect(s, -1, &e) ||
	    ipc_ask(&s->trust.channel, &ask, MESSAGE_DONE, SESSION_ASK_MS, &m,
		    &e))
		diagnosis_fail(v->d, "server", &e, NULL);
	else
		diagnosis_ok(v->d, "server",
			     "reached, and its metadata verify");
	session_disconnect(s);
}

int doctor_run(const struct settings *c, const struct doctor_options *options,
	       int stop_fd, struct diagnosis *d, struct err *e)
{
	struct visit v = { .config = c, .options = options, .d = d };
	struct session s;
	struct err why = { 0 };

	check_config(&v);
	if (session_open(&s, c, stop_fd, &why)) {
		if (why.code == ERR_BUSY) {
			*e = why;
			return -1;
		}
		diagnosis_fail(d, "state", &why,
			       "nothing further can be looked at");
		return 0;
	}
	s.progress = PROGRESS_QUIET;
	v.session = &s;
	check_journal(&v);
	check_slots(&v);
	check_boot(&v);
	check_space(&v);
	check_keep(&v);
	check_programs(&v);
	check_counter(&v);
	check_watchdog(&v);
	check_clock(&v);
	check_sandbox(&v);
	check_root(&v);
	check_identity(&v);
	check_server(&v);
	session_close(&s);
	return 0;
}
