/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operations - a command of the client is run again and again on copies of one
 * device; at its n-th operation below the device's folder it is stopped, or the
 * operation fails. Afterwards no rule may be broken, and the command run again
 * must come to its end. shim.h lists what can happen.
 *
 *	operations --how stop --fresh DIR --device DIR --client FILE
 *		--shim FILE --release ID=DIR... --runs ID [--every K]
 *		[--again] -- update --from DIR
 *
 * DIR/client.conf is the configuration; --nowhere and --content are files of
 * what must not lie about (secrets.h). --every K takes every K-th operation,
 * and --again stops the run after a stop once more, somewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/opt.h"
#include "common/text.h"
#include "tests/crash/claim.h"
#include "tests/crash/shim.h"
#include "updater-client/history.h"

#define PATH_LEN  4096
#define ARGS_MAX  32
#define LINES_MAX 65536
#define LIMIT_SEC 600  /* for one run of the client */
#define SPREAD    7919 /* no multiple of what anything counts */
#define STOPPED   (-1) /* how a run ended: killed */

struct test {
	const char *how, *fresh, *device, *client, *shim, *runs;
	struct opt_list releases, nowhere, content;
	uint64_t every, first, status;
	uint64_t usual; /* operations of a run that nothing disturbs */
	bool again, retry;
	char **command;
	int command_len;

	struct world world;
	struct shim_notes *notes;
	char notes_path[PATH_LEN], config[PATH_LEN];
	struct buf lines; /* what the client said in its last run */
};

/* ---- the device ---------------------------------------------------------- */

/* execv() does not change its arguments, but its type does not say so. */
static char *const *plain(const char *const *argv)
{
	return (char *const *)(uintptr_t)argv;
}

static int run_tool(const char *const *argv, struct err *e)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		(void)execvp(argv[0], plain(argv));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid < 0 || status != 0
		       ? err_set(e, ERR_SYSTEM, "%s failed", argv[0])
		       : 0;
}

static int make_fresh(const struct test *t, struct err *e)
{
	const char *remove[] = { "rm", "-rf", t->device, NULL };
	const char *copy[] = { "cp", "-a", t->fresh, t->device, NULL };

	return run_tool(remove, e) || run_tool(copy, e) ? -1 : 0;
}

/* ---- the client ---------------------------------------------------------- */

static void set_shim(const struct test *t, const char *how, uint64_t at)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)at);
	(void)setenv("LD_PRELOAD", t->shim, 1);
	(void)setenv("PAWL_SHIM_UNDER", t->device, 1);
	(void)setenv("PAWL_SHIM_NOTES", t->notes_path, 1);
	(void)setenv("PAWL_SHIM_HOW", how, 1);
	(void)setenv("PAWL_SHIM_AT", text, 1);
}

static void become_client(const struct test *t, const char *how, uint64_t at,
			  int out)
{
	const char *argv[ARGS_MAX + 6];
	int n = 0;

	argv[n++] = t->client;
	for (int i = 0; i < t->command_len; i++)
		argv[n++] = t->command[i];
	if (t->retry)
		argv[n++] = "--retry";
	argv[n++] = "--quiet";
	argv[n++] = "--config";
	argv[n++] = t->config;
	argv[n] = NULL;
	if (how)
		set_shim(t, how, at);
	/* A group of its own, for SHIM_STOP kills its group. */
	(void)setpgid(0, 0);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(out, STDERR_FILENO);
	(void)alarm(LIMIT_SEC);
	(void)execv(argv[0], plain(argv));
	_exit(127);
}

/* Run the command; *ended is its exit status or STOPPED. how NULL: no shim. */
static int run_client(struct test *t, const char *how, uint64_t at, int *ended,
		      struct err *e)
{
	int out = memfd_create("lines", MFD_CLOEXEC);
	int status = 0;
	size_t got = 0;
	uint8_t *room;
	pid_t pid;

	memset(t->notes, 0, sizeof(*t->notes));
	pid = out < 0 ? -1 : fork();
	if (pid == 0)
		become_client(t, how, at, out);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	t->lines.len = 0;
	room = buf_reserve(&t->lines, LINES_MAX - 1, e);
	if (pid < 0 || !room ||
	    fs_read_at(out, 0, room, LINES_MAX - 1, &got, e))
		return pid < 0 ? err_sys(e, "run the client") : -1;
	fs_close(&out);
	t->lines.len = got;
	room[got] = 0;
	*ended = WIFEXITED(status) ? WEXITSTATUS(status) : STOPPED;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		return err_set(e, ERR_SYSTEM, "the client died of signal %d",
			       WTERMSIG(status));
	return 0;
}

static struct claim claimed(const struct test *t)
{
	const char *at = buf_text(&t->lines);
	struct claim c = { 0 };

	for (; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		char line[CLAIM_LINE_MAX];

		(void)snprintf(line, sizeof(line), "%.*s",
			       (int)strcspn(at, "\n"), at);
		(void)claim_read(&c, line);
	}
	return c;
}

/* ---- one stop ------------------------------------------------------------ */

static int look(const struct test *t, struct observed *o, struct err *e)
{
	struct claim c = claimed(t);

	return observe(&t->world, o, e) || claim_check(&c, o, e) ? -1 : 0;
}

/* Success, said or not, is the new release running. */
static int check_end(const struct test *t, int ended, const struct observed *o,
		     struct err *e)
{
	if (ended == (int)t->status && strcmp(o->runs, t->runs) != 0)
		return err_set(e, ERR_CONFLICT, "status %d, and \"%s\" runs",
			       ended, o->runs);
	if (strcmp(t->how, "full") == 0 && ended != (int)t->status &&
	    ended != ERR_SPACE && ended != STOPPED)
		return err_set(e, ERR_CONFLICT,
			       "status %d for a disk without room", ended);
	return 0;
}

/*
 * A new slot that cannot be read in its trial has not proved itself: it is
 * taken back for that reason, and a person may have it tried again.
 */
static bool was_taken_back(const struct test *t, int ended,
			   const struct observed *o)
{
	const struct machine *m = &o->journal.machine;

	return strcmp(t->how, "unreadable") == 0 && ended == ERR_REFUSED &&
	       m->state == MACHINE_ROLLED_BACK && m->reason == REASON_HEALTH &&
	       o->journal.detail[0];
}

/* ---- how it ended is told once ------------------------------------------- */

#define ATTEMPT 7

/*
 * Who is stopped when an update has ended, and owes it to the history and the
 * server: from here on the attempt has a number, as a server gives it one.
 */
static int give_number(const struct test *t, const struct observed *o,
		       struct err *e)
{
	struct twin_file f = { 0 };
	struct journal j;
	int state_fd = -1, rc = -1;
	bool reset;

	if (o->journal.untold == 0)
		return 0;
	if (fs_open_dir(t->world.settings.state, &state_fd, e))
		return -1;
	if (journal_open(state_fd, &f, &j, &reset, e) == 0) {
		j.attempt = ATTEMPT;
		rc = journal_write(&f, &j, e);
	}
	twin_close(&f);
	fs_close(&state_fd);
	return rc;
}

static int check_report(int state_fd, const struct observed *owed,
			struct err *e)
{
	char path[64], other[64];
	struct stat st;
	struct err none;

	(void)snprintf(path, sizeof(path), "reports/%020d.%010u", ATTEMPT,
		       (unsigned)owed->journal.untold);
	(void)snprintf(other, sizeof(other), "reports/%020d.%010u", ATTEMPT,
		       (unsigned)owed->journal.untold + 1);
	if (fs_stat(state_fd, path, &st, e))
		return err_in(e, "the report of how it ended");
	if (fs_stat(state_fd, other, &st, &none) == 0)
		return err_set(e, ERR_CONFLICT, "its end is reported twice");
	return 0;
}

/* The same release over the same one before, again: a first use has it twice,
 * but once over what the factory wrote. */
static bool are_same(const struct json *a, const struct json *b)
{
	return strcmp(json_text(json_get(a, "release")),
		      json_text(json_get(b, "release"))) == 0 &&
	       strcmp(json_text(json_get(a, "from")),
		      json_text(json_get(b, "from"))) == 0;
}

static int check_history(int state_fd, const struct observed *o, struct err *e)
{
	struct json *entries = history_load(state_fd);
	const size_t count = json_count(entries);
	const struct json *last =
		count > 0 ? json_at(entries, count - 1) : NULL;
	const char *result, *release;
	int rc = 0;

	if (count == 0 || json_get_text(last, "release", &release, e) ||
	    json_get_text(last, "result", &result, e))
		rc = err_set(e, ERR_CONFLICT, "the history cannot be read");
	else if (strcmp(release, o->journal.release) != 0 ||
		 strcmp(result, machine_state_name(o->journal.machine.state)) !=
			 0)
		rc = err_set(e, ERR_CONFLICT, "the history ends with %s: %s",
			     release, result);
	else if (count > 1 && are_same(last, json_at(entries, count - 2)))
		rc = err_set(e, ERR_CONFLICT, "the history has %s twice",
			     release);
	json_free(entries);
	return rc;
}

/* After the run that follows a stop: `owed` is what was there before it. */
static int check_told(const struct test *t, const struct observed *owed,
		      const struct observed *o, struct err *e)
{
	const enum machine_state state = o->journal.machine.state;
	int state_fd = -1, rc = 0;

	if (strcmp(t->how, "stop") != 0 ||
	    (state != MACHINE_CONFIRMED && state != MACHINE_ROLLED_BACK))
		return 0;
	if (o->journal.untold != 0)
		return err_set(e, ERR_CONFLICT, "how it ended was never told");
	if (fs_open_dir(t->world.settings.state, &state_fd, e))
		return -1;
	if (check_history(state_fd, o, e) ||
	    (owed->journal.untold != 0 && check_report(state_fd, owed, e)))
		rc = -1;
	fs_close(&state_fd);
	return rc;
}

static int check_recovery(struct test *t, const struct observed *owed,
			  struct err *e)
{
	struct observed o;
	int ended = 0;

	t->retry = false;
	if (run_client(t, NULL, 0, &ended, e) || look(t, &o, e) ||
	    check_told(t, owed, &o, e))
		return err_in(e, "the run after it");
	if (was_taken_back(t, ended, &o)) {
		t->retry = true;
		if (run_client(t, NULL, 0, &ended, e) || look(t, &o, e))
			return err_in(e, "trying it again");
	}
	t->retry = false;
	/* A bad release may be known by now. */
	if (ended != (int)t->status && ended != 0 &&
	    !(t->status == ERR_HEALTH && ended == ERR_REFUSED))
		return err_set(e, ERR_CONFLICT, "the run after it: status %d",
			       ended);
	if (strcmp(o.runs, t->runs) != 0)
		return err_set(e, ERR_CONFLICT, "the run after it: \"%s\" runs",
			       o.runs);
	return 0;
}

/* *done: there is no n-th operation. */
static int check_one(struct test *t, uint64_t n, bool *done, struct err *e)
{
	char what[sizeof(t->notes->what)];
	struct observed o, after;
	int ended = 0;

	*done = false;
	if (make_fresh(t, e) || run_client(t, t->how, n, &ended, e))
		return -1;
	memcpy(what, t->notes->what, sizeof(what));
	if (!what[0]) {
		*done = true;
		return ended == (int)t->status
			       ? 0
			       : err_set(e, ERR_CONFLICT,
					 "status %d, and nothing disturbed it",
					 ended);
	}
	if (look(t, &o, e) || check_end(t, ended, &o, e) ||
	    give_number(t, &o, e))
		return err_in(e, "%s", what);
	/* A second stop, at any operation of the recovery: it has fewer than
	 * a run that nothing disturbs, or about as many. */
	if (t->again &&
	    (run_client(t, "stop", 1 + n * SPREAD % t->usual, &ended, e) ||
	     look(t, &after, e)))
		return err_in(e, "%s, then %s", what, t->notes->what);
	return check_recovery(t, &o, e) ? err_in(e, "%s", what) : 0;
}

/* ---- all of them --------------------------------------------------------- */

static int check_all(struct test *t, uint64_t *count, struct err *e)
{
	bool done = false;
	int ended = 0;

	if (t->again) {
		if (make_fresh(t, e) || run_client(t, "stop", 0, &ended, e))
			return -1;
		t->usual = t->notes->count > 0 ? t->notes->count : 1;
	}
	for (uint64_t n = t->first; !done; n += t->every) {
		if (check_one(t, n, &done, e)) {
			(void)fprintf(stderr, "%s", buf_text(&t->lines));
			return err_in(e, "%s at operation %llu", t->how,
				      (unsigned long long)n);
		}
		*count += !done;
	}
	return 0;
}

static int open_notes(struct test *t, struct err *e)
{
	struct buf zeros = BUF_INIT(sizeof(struct shim_notes));
	void *map;
	int fd = -1;

	if (text_format(t->notes_path, sizeof(t->notes_path), e, "%s.notes",
			t->device) ||
	    text_format(t->config, sizeof(t->config), e, "%s/client.conf",
			t->device) ||
	    !buf_reserve(&zeros, zeros.max, e))
		return -1;
	fd = open(t->notes_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	buf_done(&zeros);
	if (fd < 0 || ftruncate(fd, sizeof(*t->notes)))
		return err_sys(e, "%s", t->notes_path);
	map = mmap(NULL, sizeof(*t->notes), PROT_READ | PROT_WRITE, MAP_SHARED,
		   fd, 0);
	fs_close(&fd);
	if (map == MAP_FAILED)
		return err_sys(e, "%s", t->notes_path);
	t->notes = map;
	return 0;
}

static int run(int argc, char **argv, struct err *e)
{
	struct test t = { .every = 1,
			  .first = 1,
			  .lines = BUF_INIT(LINES_MAX) };
	const struct opt opts[] = {
		OPT_TEXT("how", "WORD", &t.how, "what happens"),
		OPT_TEXT("fresh", "DIR", &t.fresh, "the device before"),
		OPT_TEXT("device", "DIR", &t.device, "where its copies are"),
		OPT_TEXT("client", "FILE", &t.client, "updater-client"),
		OPT_TEXT("shim", "FILE", &t.shim, "shim.so"),
		OPT_LIST("release", "ID=DIR", &t.releases, "its tree"),
		OPT_TEXT("runs", "ID", &t.runs, "what runs in the end"),
		OPT_LIST("nowhere", "FILE", &t.nowhere, "a key in plain"),
		OPT_LIST("content", "FILE", &t.content, "in slots alone"),
		OPT_NUMBER("status", "N", &t.status, 255,
			   "the command's own end"),
		OPT_NUMBER("every", "K", &t.every, 1000000, "every K-th"),
		OPT_NUMBER("first", "N", &t.first, 1000000, "from the N-th"),
		OPT_FLAG("again", &t.again, "stop the recovery, too"),
		OPT_END,
	};
	uint64_t count = 0;
	int rc = -1;

	if (opt_parse(argc, argv, opts, &t.command, &t.command_len, e))
		return -1;
	if (!t.how || !t.fresh || !t.device || !t.client || !t.shim ||
	    !t.runs || t.every == 0 || t.first == 0 || t.command_len == 0 ||
	    t.command_len > ARGS_MAX)
		return err_set(e, ERR_USAGE,
			       "something is missing; see --help");
	if (open_notes(&t, e) || make_fresh(&t, e) ||
	    world_load(t.config, t.releases.at, t.releases.count, &t.world, e))
		return -1;
	t.world.is_bad = t.status == ERR_HEALTH;
	if (secrets_load(&t.nowhere, &t.content, &t.world.secrets, e) == 0)
		rc = check_all(&t, &count, e);
	world_done(&t.world);
	buf_done(&t.lines);
	if (rc)
		return -1;
	(void)printf("%s%s: %llu operations\n", t.how,
		     t.again ? ", then stop" : "", (unsigned long long)count);
	return count > 0 ? 0 : err_set(e, ERR_CONFLICT, "no operation met");
}

int main(int argc, char **argv)
{
	struct err e = { 0 };

	if (run(argc, argv, &e) == 0)
		return EXIT_SUCCESS;
	(void)fprintf(stderr, "operations: %s\n", e.msg);
	return EXIT_FAILURE;
}
