/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/status_file.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"

#define FOLDER    "/run/pawl"
#define MEMORY_MS 3000
#define DISK_MS   60000

/* What install, fill and relay do that takes long. */
static const char *const phases[] = { "fetching", "writing",
				      "fetching and writing", "reading back" };

void status_file_default(struct settings *c, const char *config_path)
{
	if (!c->status && strcmp(config_path, SETTINGS_DEFAULT) == 0 &&
	    access(FOLDER, W_OK) == 0) {
		c->status_unasked = true;
		c->status = mem_dup_str(FOLDER "/status.json");
	} else if (c->status && strcmp(c->status, "none") == 0) {
		free(c->status);
		c->status = NULL;
	}
}

/* Its folder, and the name that it has there. */
static int open_folder(const struct settings *c, int *dirfd, const char **name,
		       struct err *e)
{
	char folder[PATH_MAX_LEN];

	*name = strrchr(c->status, '/') + 1;
	if (text_format(folder, sizeof(folder), e, "%.*s",
			(int)(*name - c->status), c->status))
		return -1;
	return fs_open_dir(folder, dirfd, e);
}

/* An object. Who may write there may lie in each of its members. */
static int load(const struct settings *c, struct json **out, struct err *e)
{
	struct buf text = BUF_INIT(STATUS_MAX);
	const char *name;
	int dirfd = -1;
	int rc = -1;

	if (open_folder(c, &dirfd, &name, e) == 0 &&
	    fs_read_file(dirfd, name, &text, e) == 0)
		rc = json_parse(buf_slice(&text), out, e);
	if (rc == 0 && !json_is_object(*out)) {
		json_free(*out);
		rc = err_set(e, ERR_FORMAT, "%s: not an object", c->status);
	}
	fs_close(&dirfd);
	buf_done(&text);
	return rc;
}

int status_file_write(const struct settings *c, struct slice text,
		      struct err *e)
{
	const char *name;
	int dirfd = -1;
	int rc = -1;

	if (open_folder(c, &dirfd, &name, e) == 0)
		rc = fs_replace_file(dirfd, name, text,
				     c->status_unasked ? 0640 : 0644, e);
	fs_close(&dirfd);
	return rc;
}

unsigned status_file_every_ms(const struct settings *c)
{
	unsigned every_ms = DISK_MS;
	const char *name;
	struct err unused;
	struct statfs fs;
	int dirfd = -1;

	if (c->status && open_folder(c, &dirfd, &name, &unused) == 0 &&
	    fstatfs(dirfd, &fs) == 0 &&
	    (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC))
		every_ms = MEMORY_MS;
	fs_close(&dirfd);
	return every_ms;
}

static struct json *describe(const struct progress *p)
{
	struct json *j = json_new_object();

	json_set_text(j, "phase", p->what);
	json_set_int(j, "done", (int64_t)p->done);
	json_set_int(j, "total", (int64_t)p->total);
	return j;
}

void status_file_tell(const struct settings *c, const struct progress *p)
{
	struct buf text = BUF_INIT(STATUS_MAX);
	struct json *j = NULL;
	struct err e = { 0 };

	if (!c->status || load(c, &j, &e))
		return;
	if (!p && !json_get(j, "progress"))
		goto out;
	if (p)
		json_set(j, "progress", describe(p));
	else
		json_remove(j, "progress");
	if (json_print(j, true, &text, &e) || buf_addf(&text, &e, "\n") ||
	    status_file_write(c, buf_slice(&text), &e))
		log_event(LOG_DEBUG, "progress-not-told", "reason=\"%s\"",
			  e.msg);
out:
	json_free(j);
	buf_done(&text);
}

static bool is_told(const struct json *file, struct progress *p)
{
	const struct json *told;
	const char *phase;
	int64_t done, total;
	struct err unused;

	if (json_get_object(file, "progress", &told, &unused) ||
	    json_get_text(told, "phase", &phase, &unused) ||
	    json_get_int(told, "done", 0, JSON_INT_MAX, &done, &unused) ||
	    json_get_int(told, "total", 0, JSON_INT_MAX, &total, &unused))
		return false;
	*p = (struct progress){ .done = (uint64_t)done,
				.total = (uint64_t)total };
	for (size_t i = 0; i < ARRAY_LEN(phases); i++)
		if (strcmp(phase, phases[i]) == 0)
			p->what = phases[i];
	return p->what;
}

struct json *status_file_progress(const struct settings *c)
{
	struct json *j = NULL, *told = NULL;
	struct err unreadable;
	struct progress p;

	if (!c->status || load(c, &j, &unreadable))
		return NULL;
	if (is_told(j, &p))
		told = describe(&p);
	json_free(j);
	return told;
}
