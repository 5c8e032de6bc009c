/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/beside.h"

#include <fcntl.h>
#include <poll.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/text.h"

#include "update-server/config.h"
#include "update-server/home.h"
#include "update-server/store.h"

#define AWAIT_STEP_MS 50
#define AWAIT_STEPS   400
/* What the server waits at its end besides: [limits] stop_sec is 600 at most,
 * 10 if nobody says else. */
#define DRAIN_SLACK_SEC 30

int beside_open_store(const char *dir, enum environment *environment,
		      struct store **out, struct err *e)
{
	struct config c = { 0 };
	char path[PATH_MAX_LEN];
	enum environment env;
	int rc = -1;

	if (config_load(dir, NULL, &c, e))
		return -1;
	if (environment_parse(slice_of(c.environment), &env, e) == 0 &&
	    text_format(path, sizeof(path), e, "%s/" HOME_DATABASE, c.dir) == 0)
		rc = store_open(path, out, e);
	if (rc == 0)
		*environment = env;
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

/* The server takes the file away once it has done it. */
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
		(void)poll(NULL, 0, AWAIT_STEP_MS);
	}
	return err_set(e, ERR_BUSY,
		       "the running server has not signed and exported it "
		       "(its log says why): it tries again each "
		       "minute");
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
	fs_close(&dirfd);
	return rc;
}

static int ask_to_drain(const char *dir, uint64_t within, struct err *e)
{
	struct buf text = BUF_INIT(64);
	int dirfd = -1, rc = -1;

	if (buf_addf(&text, e, "{\"within\":%llu}\n",
		     (unsigned long long)within) == 0 &&
	    fs_open_dir(dir, &dirfd, e) == 0)
		rc = fs_replace_file(dirfd, STORE_DRAIN, buf_slice(&text), 0600,
				     e);
	fs_close(&dirfd);
	buf_done(&text);
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

int beside_drain(const char *dir, uint64_t within, struct beside_drained *out,
		 struct err *e)
{
	/* Beside that, requests that came last are given their time. */
	uint64_t steps = (within + DRAIN_SLACK_SEC) * 1000 / AWAIT_STEP_MS;
	struct err taken = { 0 };

	out->cut = 0;
	out->ran = lock_is_free(dir, &taken) != 0;
	if (!out->ran)
		return 0;
	if (taken.code == ERR_BUSY && ask_to_drain(dir, within, e))
		return -1;
	for (uint64_t i = 0; taken.code == ERR_BUSY && i < steps; i++) {
		taken = (struct err){ 0 };
		if (lock_is_free(dir, &taken) == 0)
			return read_end(dir, &out->cut, e);
		(void)poll(NULL, 0, AWAIT_STEP_MS);
	}
	if (taken.code == ERR_BUSY)
		return err_set(e, ERR_BUSY,
			       "the server still runs: its log says why");
	*e = taken;
	return -1;
}
