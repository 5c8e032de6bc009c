/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/report.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"
#include "updater-client/hook.h"

#define FOLDER   "reports"
#define NAME_LEN 48

#define BOOT_LOG_MS   10000
#define BOOT_LOG_MAX  2048 /* its last bytes */
#define BOOT_LOG_ROOM 3072 /* for them, escaped */

/* Names sort by attempt and sequence: both are padded. */
struct waiting {
	char names[REPORT_PENDING_MAX][NAME_LEN];
	size_t count;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void collect(DIR *dir, struct waiting *w)
{
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		struct err unused;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    w->count == REPORT_PENDING_MAX)
			continue;
		if (text_format(w->names[w->count], NAME_LEN, &unused, "%s",
				entry->d_name) == 0)
			w->count++;
	}
	qsort(w->names, w->count, sizeof(w->names[0]), by_name);
}

static void list(int state_fd, struct waiting *w)
{
	struct err missing;
	DIR *dir;
	int fd = -1;

	w->count = 0;
	if (fs_open(state_fd, FOLDER, O_RDONLY | O_DIRECTORY, &fd, &missing))
		return;
	dir = fdopendir(fd);
	if (!dir) {
		fs_close(&fd);
		return;
	}
	collect(dir, w);
	(void)closedir(dir); /* it was only read */
}

size_t report_pending(int state_fd)
{
	struct waiting w;

	list(state_fd, &w);
	return w.count;
}

static int path_of(const char *name, char out[PATH_MAX_LEN], struct err *e)
{
	return text_format(out, PATH_MAX_LEN, e, FOLDER "/%s", name);
}

static int forget(int state_fd, const char *name, struct err *e)
{
	char path[PATH_MAX_LEN];

	if (path_of(name, path, e))
		return -1;
	return fs_remove(state_fd, path, e);
}

static int place_of(const struct wire_report *r, char path[PATH_MAX_LEN],
		    struct err *e)
{
	return text_format(path, PATH_MAX_LEN, e, FOLDER "/%020llu.%010u",
			   (unsigned long long)r->attempt,
			   (unsigned)r->sequence);
}

static bool is_kept(int state_fd, const struct wire_report *r)
{
	char path[PATH_MAX_LEN];
	struct err e = { 0 };
	struct stat st;

	return place_of(r, path, &e) == 0 &&
	       fs_stat(state_fd, path, &st, &e) == 0;
}

/* A new one, or the same again with more to say. */
static int keep(int state_fd, const struct wire_report *report, struct err *e)
{
	struct message m = { .kind = MESSAGE_REPORT, .report = *report };
	struct buf bytes = BUF_INIT(MESSAGE_MAX);
	struct waiting w;
	char path[PATH_MAX_LEN];
	int rc = -1;

	if (place_of(report, path, e))
		return -1;
	list(state_fd, &w);
	if (w.count == REPORT_PENDING_MAX &&
	    strcmp(w.names[w.count - 1], path + sizeof(FOLDER)) != 0 &&
	    forget(state_fd, w.names[0], e))
		return -1;
	if (message_format(&m, &bytes, e) == 0 &&
	    fs_mkdirs(state_fd, FOLDER, 0700, e) == 0)
		rc = fs_replace_file(state_fd, path, buf_slice(&bytes), 0600,
				     e);
	buf_done(&bytes);
	return rc;
}

/* ---- evidence ------------------------------------------------------------ */

/*
 * Add text at a place with room for that many bytes, a NUL among them, and cut
 * what has none; the place behind it. Its lines stay lines, so that the server
 * sees where a word begins; nothing else may act on a terminal.
 */
static char *add(char *at, size_t room, struct slice text)
{
	while (text.len > 0 && room > 1) {
		size_t len = 0, used;

		while (len < text.len && text.ptr[len] != '\n' &&
		       text.ptr[len] != '\t')
			len++;
		text_escape(slice_sub(text, 0, len), at, room);
		used = strlen(at);
		if (len < text.len && room - used > 1)
			at[used++] = (char)text.ptr[len++];
		at += used;
		room -= used;
		text = slice_sub(text, len, text.len);
	}
	*at = 0;
	return at;
}

/* What the boot before has left, where somebody keeps it. */
static struct slice read_boot_log(const struct session *s,
				  struct hook_output *said)
{
	const struct hook h = { .argv = s->config->boot_log.argv,
				.dirfd = -1,
				.deadline_ms = BOOT_LOG_MS,
				.stop_fd = s->stop_fd };
	struct err e = { 0 };
	size_t skip;

	if (hook_run(&h, said, &e))
		log_event(LOG_WARNING, "boot-log-not-read", "%s", e.msg);
	skip = said->len > BOOT_LOG_MAX ? said->len - BOOT_LOG_MAX : 0;
	return (struct slice){ said->bytes + skip, said->len - skip };
}

/*
 * Of what failed: the last of what came before, what the boot left, and what it
 * said itself. That comes last, for whatever it says, it is as if the release
 * had said it; it takes no room from the others.
 */
static void gather(enum wire_state state, struct slice said, struct slice boot,
		   char out[WIRE_EVIDENCE_MAX + 1])
{
	const char *const end = out + WIRE_EVIDENCE_MAX + 1;

	if (state == WIRE_FAILED || state == WIRE_ROLLED_BACK) {
		out = add(out, (size_t)(end - out), slice_of("-- client\n"));
		out = add(out, (size_t)(end - out), log_last());
		if (boot.len > 0) {
			out = add(out, (size_t)(end - out),
				  slice_of("\n-- boot\n"));
			out = add(out, BOOT_LOG_ROOM, boot);
		}
		out = add(out, (size_t)(end - out), slice_of("\n-- said\n"));
	}
	(void)add(out, (size_t)(end - out), said);
}

static void add_report(struct session *s, uint64_t attempt,
		       enum wire_state state, const char *code,
		       struct slice evidence, int64_t until)
{
	struct wire_report m = {
		.attempt = attempt,
		.sequence = s->journal.untold,
		.state = state,
		.activation = s->journal.activation,
		.until = until,
	};
	struct hook_output left = { .len = 0 };
	struct slice boot = slice_of("");
	struct err e = { 0 };

	/* An end has got its number together with its state in the journal:
	 * told again after a power cut, it is the same report. The run that was
	 * cut off knew more, and what reads the boot log may have ended it. */
	if (m.attempt == 0 || (m.sequence > 0 && is_kept(s->state_fd, &m)))
		return;
	if (s->has_running)
		m.running = s->running.digest;
	gather(state, evidence, boot, m.evidence);
	if (m.sequence == 0)
		m.sequence = ++s->journal.report_sequence;
	if (text_format(m.code, sizeof(m.code), &e, "%s", code) ||
	    (s->journal.untold == 0 && session_save(s, &e)) ||
	    keep(s->state_fd, &m, &e))
		log_event(LOG_WARNING, "report-not-kept", "%s", e.msg);
	if (state != WIRE_ROLLED_BACK || s->config->boot_log.argc == 0)
		return;
	/* Reading it takes a while: a cut meanwhile loses nothing else. */
	boot = read_boot_log(s, &left);
	gather(state, evidence, boot, m.evidence);
	if (keep(s->state_fd, &m, &e))
		log_event(LOG_WARNING, "boot-log-not-kept", "%s", e.msg);
}

void report_add(struct session *s, enum wire_state state, const char *code,
		struct slice evidence)
{
	add_report(s, s->journal.attempt, state, code, evidence, 0);
}

void report_deferred(struct session *s, const char *why, int64_t until)
{
	add_report(s, s->journal.attempt, WIRE_DEFERRED, "", slice_of(why),
		   until);
}

/* "not-found" as reports write it: NOT_FOUND. */
static void error_code(enum err_code code, char out[WIRE_CODE_MAX + 1])
{
	size_t i = 0;

	for (const char *p = err_name(code); *p && i < WIRE_CODE_MAX; p++) {
		int c = *p == '-' ? '_' : toupper((unsigned char)*p);

		out[i++] = (char)c;
	}
	out[i] = 0;
}

bool report_is_passing(enum err_code code)
{
	return code == ERR_NETWORK || code == ERR_BUSY;
}

void report_failure(struct session *s, uint64_t attempt,
		    const struct err *failure)
{
	char code[WIRE_CODE_MAX + 1];

	if (report_is_passing(failure->code))
		return;
	error_code(failure->code, code);
	/* No signature is wrong: what was written did not stay so. */
	if (s->unlike && failure->code == ERR_UNTRUSTED)
		(void)snprintf(code, sizeof(code), "VERIFY_FAILED");
	s->unlike = false;
	add_report(s, attempt, WIRE_FAILED, code, slice_of(failure->msg), 0);
}

/* ---- sending ------------------------------------------------------------- */

/* What waits on the disk may be damaged; then there is nothing to send. */
static int load(int state_fd, const char *name, struct message *m,
		struct err *e)
{
	struct buf bytes = BUF_INIT(MESSAGE_MAX);
	char path[PATH_MAX_LEN];
	int rc = -1;

	if (path_of(name, path, e) == 0 &&
	    fs_read_file(state_fd, path, &bytes, e) == 0 &&
	    message_parse(buf_slice(&bytes), m, e) == 0)
		rc = m->kind == MESSAGE_REPORT
			     ? 0
			     : err_set(e, ERR_FORMAT, "not a report");
	buf_done(&bytes);
	return rc;
}

static bool is_temporary(enum err_code code)
{
	return code == ERR_NETWORK || code == ERR_SYSTEM || code == ERR_BUSY ||
	       code == ERR_UNTRUSTED || code == ERR_EXPIRED ||
	       code == ERR_SPACE;
}

/* False when the server cannot be reached, so that the rest waits, too. */
static bool send_one(struct session *s, const char *name)
{
	struct message m, answer;
	struct err e = { 0 };

	if (load(s->state_fd, name, &m, &e)) {
		log_event(LOG_WARNING, "report-dropped", "%s", e.msg);
	} else if (ipc_ask(&s->trust.channel, &m, MESSAGE_DONE, SESSION_ASK_MS,
			   &answer, &e)) {
		if (is_temporary(e.code))
			return false;
		log_event(LOG_WARNING, "report-refused", "%s", e.msg);
	}
	if (forget(s->state_fd, name, &e)) {
		log_event(LOG_WARNING, "report-not-removed", "%s", e.msg);
		return false;
	}
	return true;
}

void report_flush(struct session *s)
{
	struct waiting w;

	if (s->from_folder || s->trust.pid <= 0)
		return;
	list(s->state_fd, &w);
	for (size_t i = 0; i < w.count; i++)
		if (!send_one(s, w.names[i]))
			return;
}
