/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/beside.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/text.h"

#include "update-server/config.h"
#include "update-server/home.h"
#include "update-server/log_mark.h"
#include "update-server/store.h"

#define REQUEST_MAX   2048
#define AWAIT_STEP_MS 50
#define AWAIT_STEPS   400
#define COPIES_MAX    1000000
/* What the server waits at its end besides: [limits] stop_sec is 600 at most,
 * 10 if nobody says else. */
#define DRAIN_SLACK_SEC 30

int beside_open_store(const char *dir, enum environment *environment,
		      struct store **out, struct err *e)
{
	struct config c = { 0 };
	char path[PATH_MAX_LEN];
	enum environment env;
	int dirfd = -1, rc = -1;

	if (config_load(dir, NULL, &c, e))
		return -1;
	if (environment_parse(slice_of(c.environment), &env, e) == 0 &&
	    text_format(path, sizeof(path), e, "%s/" HOME_DATABASE, c.dir) ==
		    0 &&
	    fs_open_dir(c.dir, &dirfd, e) == 0)
		rc = store_open(path, out, e);
	if (rc == 0) {
		store_set_behind(*out, log_mark_read(dirfd));
		*environment = env;
	}
	fs_close(&dirfd);
	config_done(&c);
	return rc;
}

int beside_lock(const char *dir, int *lock, struct err *e)
{
	int dirfd = -1, run = -1, rc = -1;

	if (fs_open_dir(dir, &dirfd, e) || fs_mkdirs(dirfd, "run", 0700, e) ||
	    fs_open(dirfd, "run", O_RDONLY | O_DIRECTORY | O_CLOEXEC, &run, e))
		goto out;
	rc = fs_lock(run, "server.lock", lock, e);
	if (rc)
		err_in(e, "stop the server first");
out:
	fs_close(&run);
	fs_close(&dirfd);
	return rc;
}

/* ---- acts beside the running server -------------------------------------- */

/* Nothing of it is secret, and the server may be another user than we. */
static int put_request(int dirfd, const char *path, struct json *j,
		       struct err *e)
{
	struct buf text = BUF_INIT(REQUEST_MAX);
	int rc = json_print(j, true, &text, e);

	if (rc == 0)
		rc = fs_replace_file(dirfd, path, buf_slice(&text), 0644, e);
	buf_done(&text);
	return rc;
}

/* NULL if there is none that can be read. */
static struct json *read_request(int dirfd, const char *path)
{
	struct buf text = BUF_INIT(REQUEST_MAX);
	struct json *j = NULL;
	struct err none;

	if (fs_read_file(dirfd, path, &text, &none) ||
	    json_parse(buf_slice(&text), &j, &none))
		j = NULL;
	buf_done(&text);
	return j;
}

/* What the server says instead of doing it is read once. */
static int check_refused(int dirfd, const char *path, struct err *e)
{
	struct json *j = read_request(dirfd, path);
	const char *why = json_text(json_get(j, BESIDE_REFUSED));
	struct err none;
	int rc = 0;

	if (why[0]) {
		rc = err_set(e, ERR_REFUSED, "%s", why);
		if (fs_remove(dirfd, path, &none))
			rc = -1;
	}
	json_free(j);
	return rc;
}

/* The server takes the file away once it has done it, or says why not. */
static int await_gone(int dirfd, const char *path, struct err *e)
{
	for (int i = 0; i < AWAIT_STEPS; i++) {
		struct err why = { 0 };
		struct stat st;

		if (fs_stat(dirfd, path, &st, &why)) {
			if (why.code == ERR_NOT_FOUND)
				return 0;
			*e = why;
			return -1;
		}
		if (check_refused(dirfd, path, e))
			return -1;
		(void)poll(NULL, 0, AWAIT_STEP_MS);
	}
	return err_set(e, ERR_BUSY, "the running server has not done it");
}

int beside_await_checkpoint(const char *dir, bool *runs, struct err *e)
{
	struct err taken = { 0 };
	int dirfd = -1, lock = -1, rc = -1;

	*runs = beside_lock(dir, &lock, &taken) != 0;
	fs_close(&lock);
	if (!*runs)
		return 0;
	if (taken.code != ERR_BUSY) {
		*e = taken;
		return -1;
	}
	if (fs_open_dir(dir, &dirfd, e) == 0 &&
	    fs_replace_file(dirfd, STORE_WANTED, slice_of(""), 0600, e) == 0)
		rc = await_gone(dirfd, STORE_WANTED, e);
	if (rc && e->code == ERR_BUSY)
		err_in(e, "not signed and exported yet, which is tried again "
			  "each minute");
	fs_close(&dirfd);
	return rc;
}

/* Copies that wait to be recorded. */
struct copies {
	int64_t count;
	int64_t payloads; /* 1, or 0 without them: of the last */
};

/* Those from when no server ran. */
static struct copies copies_before(int dirfd)
{
	struct json *j = read_request(dirfd, STORE_BACKUP);
	struct copies c = { 0 };
	struct err none;

	if (!j || json_get_int(j, "copies", 0, COPIES_MAX, &c.count, &none) ||
	    json_get_int(j, "payloads", 0, 1, &c.payloads, &none))
		c = (struct copies){ 0 };
	json_free(j);
	return c;
}

static int ask_for_record(int dirfd, const struct copies *c, bool waits,
			  struct err *e)
{
	struct json *j = json_new_object();
	int rc;

	json_set_int(j, "copies", c->count);
	json_set_int(j, "payloads", c->payloads);
	if (waits)
		json_set_int(j, BESIDE_WAITS, 1);
	rc = put_request(dirfd, STORE_BACKUP, j, e);
	json_free(j);
	return rc;
}

/*
 * An older server does not know of it: no copy is made then, which would bring
 * its database to a shape that it cannot read. Those before wait on.
 */
static int await_record(int dirfd, const struct copies *before, struct err *e)
{
	struct err none;

	if (await_gone(dirfd, STORE_BACKUP, e) == 0)
		return 0;
	if (fs_remove(dirfd, STORE_BACKUP, &none) == 0 && e->code == ERR_BUSY)
		err_in(e, "no record of the backup (is it an older server? "
			  "start it anew; or another command beside it: wait "
			  "for that)");
	if (before->count > 0 && ask_for_record(dirfd, before, false, &none))
		err_in(e, "%lld earlier backups stay without a record",
		       (long long)before->count);
	return -1;
}

/* One at a time, whoever makes them: root's file is the folder's owner's. */
static int lock_backups(int dirfd, int *lock, struct err *e)
{
	struct stat st;

	if (fs_lock(dirfd, "run/backup.lock", lock, e))
		return -1;
	if (geteuid() == 0 && fs_stat(dirfd, "run", &st, e) == 0 &&
	    fchown(*lock, st.st_uid, st.st_gid))
		return err_sys(e, "run/backup.lock");
	return 0;
}

int beside_record_backup(const char *dir, bool payloads, bool *runs,
			 struct err *e)
{
	struct err taken = { 0 };
	struct copies before, now;
	int dirfd = -1, one = -1, lock = -1, rc = -1;

	/* With the server's lock in hand none starts before it is noted. */
	*runs = beside_lock(dir, &lock, &taken) != 0;
	if (*runs && taken.code != ERR_BUSY) {
		*e = taken;
		return -1;
	}
	if (fs_open_dir(dir, &dirfd, e) || lock_backups(dirfd, &one, e))
		goto out;
	before = copies_before(dirfd);
	now = (struct copies){ before.count + 1, payloads };
	if (ask_for_record(dirfd, &now, *runs, e) == 0)
		rc = *runs ? await_record(dirfd, &before, e) : 0;
out:
	fs_close(&one);
	fs_close(&lock);
	fs_close(&dirfd);
	return rc;
}

static int ask_to_drain(int dirfd, uint64_t within, const char *reason,
			struct err *e)
{
	struct json *j = json_new_object();
	int rc;

	json_set_int(j, "within", (int64_t)within);
	json_set_text(j, "reason", reason);
	rc = put_request(dirfd, STORE_DRAIN, j, e);
	json_free(j);
	return rc;
}

/* 0 once nobody holds the folder's lock. */
static int lock_is_free(const char *dir, struct err *e)
{
	int lock = -1, rc = beside_lock(dir, &lock, e);

	fs_close(&lock);
	return rc;
}

/* What the server left behind, which is gone by now. */
static int read_end(const char *dir, uint64_t *cut, struct err *e)
{
	struct buf file = BUF_INIT(256);
	struct json *j = NULL;
	int dirfd = -1, rc = -1;
	struct err why = { 0 };
	int64_t n;

	if (fs_open_dir(dir, &dirfd, e))
		return -1;
	if (fs_read_file(dirfd, STORE_ENDED, &file, &why) ||
	    json_parse(buf_slice(&file), &j, &why) ||
	    json_get_int(j, "cut", 0, INT32_MAX, &n, &why))
		(void)err_set(e, ERR_SYSTEM,
			      "the server did not end in order (%s): its log "
			      "says why",
			      why.msg);
	else
		rc = 0;
	if (rc == 0)
		*cut = (uint64_t)n;
	json_free(j);
	buf_done(&file);
	fs_close(&dirfd);
	return rc;
}

/* Until the lock is free, or the server says that it does not go. */
static int await_end(const char *dir, int dirfd, uint64_t within, struct err *e)
{
	/* Beside that, requests that came last are given their time. */
	uint64_t steps = (within + DRAIN_SLACK_SEC) * 1000 / AWAIT_STEP_MS;
	struct err taken = { 0 };

	for (uint64_t i = 0; i < steps; i++) {
		if (lock_is_free(dir, &taken) == 0)
			return 0;
		if (taken.code != ERR_BUSY) {
			*e = taken;
			return -1;
		}
		if (check_refused(dirfd, STORE_DRAIN, e))
			return -1;
		(void)poll(NULL, 0, AWAIT_STEP_MS);
	}
	return err_set(e, ERR_BUSY, "the server still runs: its log says why");
}

int beside_drain(const char *dir, uint64_t within, const char *reason,
		 struct beside_drained *out, struct err *e)
{
	struct err taken = { 0 };
	int dirfd = -1, rc = -1;

	out->cut = 0;
	out->ran = lock_is_free(dir, &taken) != 0;
	if (!out->ran)
		return 0;
	if (taken.code != ERR_BUSY) {
		*e = taken;
		return -1;
	}
	if (fs_open_dir(dir, &dirfd, e) == 0 &&
	    ask_to_drain(dirfd, within, reason, e) == 0 &&
	    await_end(dir, dirfd, within, e) == 0)
		rc = read_end(dir, &out->cut, e);
	fs_close(&dirfd);
	return rc;
}
