/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/status_file.h"

#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/text.h"

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

static int load(const struct settings *c, struct json **out, struct err *e)
{
	struct buf text = BUF_INIT(STATUS_MAX);
	const char *name;
	int dirfd = -1;
	int rc = -1;

	if (open_folder(c, &dirfd, &name, e) == 0 &&
	    fs_read_file(dirfd, name, &text, e) == 0)
		rc = json_parse(buf_slice(&text), out, e);
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
		rc = fs_replace_file(dirfd, name, text, 0644, e);
	fs_close(&dirfd);
	return rc;
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
	json_set(j, "progress", describe(p));
	if (json_print(j, true, &text, &e) || buf_addf(&text, &e, "\n") ||
	    status_file_write(c, buf_slice(&text), &e))
		log_event(LOG_DEBUG, "progress-not-told", "reason=\"%s\"",
			  e.msg);
	json_free(j);
	buf_done(&text);
}

struct json *status_file_progress(const struct settings *c)
{
	struct json *j = NULL, *progress = NULL;
	const struct json *told;
	struct err unreadable;

	if (!c->status || load(c, &j, &unreadable))
		return NULL;
	told = json_get(j, "progress");
	if (told)
		progress = json_clone(told);
	json_free(j);
	return progress;
}
