/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/data.h"

#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/steady.h"
#include "updater-client/hook.h"
#include "updater-client/notify.h"
#include "updater-client/trial.h"

#define FOLDER   "data"
#define NEWER    "data.new" /* being made, while the one above counts */
#define MARK     "data.kept"
#define PATH_LEN 4096
#define POLL_MS  20

/* ---- the mark ------------------------------------------------------------ */

static bool read_mark(const struct session *s, struct sha256 *digest)
{
	struct buf text = BUF_INIT(2 * SHA256_LEN);
	struct err missing;
	bool is = fs_read_file(s->state_fd, MARK, &text, &missing) == 0 &&
		  text.len == 2 * SHA256_LEN &&
		  hex_parse(buf_slice(&text), digest->bytes, SHA256_LEN,
			    &missing) == 0;

	buf_done(&text);
	return is;
}

static int write_mark(const struct session *s, struct err *e)
{
	char hex[SHA256_HEX_LEN];

	sha256_format(&s->journal.digest, hex);
	return fs_replace_file(s->state_fd, MARK, slice_of(hex), 0600, e);
}

/* The mark first: what is half removed must not be brought back. */
static int forget(const struct session *s, struct err *e)
{
	return fs_remove_tree(s->state_fd, MARK, e) ||
			       fs_remove_tree(s->state_fd, FOLDER, e) ||
			       fs_remove_tree(s->state_fd, NEWER, e)
		       ? -1
		       : 0;
}

/* ---- the programs -------------------------------------------------------- */

static int run(const struct session *s, const struct settings_command *program,
	       const char *name, struct err *e)
{
	char slot[PATH_LEN], folder[PATH_LEN];
	struct hook h = {
		.argv = program->argv,
		.dirfd = -1,
		.slot = slot,
		.release = s->running.id,
		.data = folder,
		.deadline_ms = (int64_t)s->config->data_sec * 1000,
		.stop_fd = -1,
		.leaves_service = true,
	};
	struct hook_output unused;

	if (session_place(s, slot, sizeof(slot), NULL, e) ||
	    text_format(folder, sizeof(folder), e, "%s/%s", s->config->state,
			name))
		return -1;
	return hook_run(&h, &unused, e);
}

/* Whatever the program has written, where and how, is on the disk then. */
static int save_into(const struct session *s, const char *name, struct err *e)
{
	if (fs_mkdirs(s->state_fd, name, 0700, e) ||
	    run(s, &s->config->data_save, name, e))
		return -1;
	return syncfs(s->state_fd) ? err_sys(e, "sync") : 0;
}

/*
 * The watchdog of a trial is fed meanwhile, for so long as a program may take;
 * then what still hangs is reset.
 */
static void sync_all(int64_t fed_ms)
{
	const int64_t end = steady_ms() + fed_ms;
	const pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		/* It may outlive us: then it must not hold our locks. */
		(void)close_range(0, ~0U, 0);
		sync();
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0)
		(void)poll(NULL, 0,
			   steady_ms() < end ? notify_alive(POLL_MS) : POLL_MS);
	if (pid < 0 || status != 0)
		sync();
}

int data_check(const struct session *s, struct err *e)
{
	struct sha256 waiting;

	if (s->config->data_restore.argc == 0 ||
	    s->journal.machine.state != MACHINE_ROLLED_BACK ||
	    !read_mark(s, &waiting))
		return 0;
	return err_set(e, ERR_CONFLICT,
		       "the data from before an earlier release were not "
		       "brought back yet: see that [data] restore works, or "
		       "remove %s/%s to give them up",
		       s->config->state, MARK);
}

int data_save(struct session *s, struct err *e)
{
	if (s->config->data_save.argc == 0 || !s->has_running)
		return 0;
	if (forget(s, e) || save_into(s, FOLDER, e) || write_mark(s, e)) {
		if (e->code !=
		    ERR_SPACE) /* of this device, not of the release */
			e->code = ERR_SYSTEM;
		return err_in(e, "saving the data");
	}
	log_event(LOG_INFO, "data-saved", "release=%s", s->running.id);
	return 0;
}

static int renew(const struct session *s, struct err *e)
{
	return fs_remove_tree(s->state_fd, NEWER, e) ||
			       save_into(s, NEWER, e) ||
			       fs_exchange(s->state_fd, NEWER, FOLDER, e)
		       ? -1
		       : 0;
}

void data_save_again(const struct session *s)
{
	struct sha256 digest;
	struct err e = { 0 };

	if (!read_mark(s, &digest) || s->config->data_save.argc == 0)
		return;
	if (renew(s, &e))
		log_event(LOG_WARNING, "data-not-saved-again", "reason=\"%s\"",
			  e.msg);
	data_clear(s);
}

void data_clear(const struct session *s)
{
	struct err e = { 0 };

	if (fs_remove_tree(s->state_fd, NEWER, &e))
		log_event(LOG_WARNING, "data-not-forgotten", "%s", e.msg);
}

void data_restore(struct session *s, bool *restored)
{
	struct sha256 digest;
	struct err e = { 0 };

	*restored = false;
	if (!read_mark(s, &digest) ||
	    !sha256_equal(&digest, &s->journal.digest) || !s->has_running ||
	    s->config->data_restore.argc == 0)
		return;
	if (run(s, &s->config->data_restore, FOLDER, &e)) {
		log_event(LOG_ERROR, "data-not-restored", "%s", e.msg);
		return;
	}
	/* Wherever they are now: until then the copy is the only one. */
	sync_all((int64_t)s->config->data_sec * 1000);
	if (forget(s, &e)) {
		log_event(LOG_ERROR, "data-not-restored", "%s", e.msg);
		return;
	}
	log_event(LOG_INFO, "data-restored", "release=%s", s->running.id);
	*restored = true;
}

/* No start of that release came since they were saved. */
static bool never_ran(const struct session *s)
{
	return s->boot.control->reboots &&
	       (s->journal.machine.reason == REASON_NOT_SWITCHED ||
		strcmp(s->journal.boot, s->boot_number) == 0);
}

static void let_go(const struct session *s)
{
	struct err e = { 0 };

	if (forget(s, &e))
		log_event(LOG_WARNING, "data-not-forgotten", "%s", e.msg);
}

void data_settle(struct session *s)
{
	struct sha256 digest;
	bool restored = false;

	if (!read_mark(s, &digest))
		return;
	switch (s->journal.machine.state) {
	case MACHINE_INSTALLED:
	case MACHINE_TRIAL:
	case MACHINE_REBOOT:
		return;
	case MACHINE_ROLLED_BACK:
		/* What the old one has written meanwhile is newer. */
		if (never_ran(s) ||
		    !sha256_equal(&digest, &s->journal.digest)) {
			let_go(s);
			return;
		}
		data_restore(s, &restored);
		/* It was started on what the other one had left. */
		if (restored)
			trial_restart_old(s);
		return;
	default:
		let_go(s);
	}
}
