/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/listen_local.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "common/fs.h"

#include "update-server/config.h"

#define BACKLOG 1024
/* For as long as another start may take here. */
#define TRIES   50
#define WAIT_NS 100000000

static int fail(struct err *e, int rc, const char *what)
{
	return err_set(e, ERR_SYSTEM, "%s: %s", what, uv_strerror(rc));
}

/* Only "nobody listens" says that nobody does: a full queue is somebody's. */
static int check_dead(const char *path, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return err_sys(e, "socket");
	memcpy(sa.sun_path, path, strlen(path) + 1); /* local_parse() */
	rc = connect(fd, (const struct sockaddr *)&sa, sizeof(sa));
	if (rc == 0 || errno == EAGAIN)
		rc = err_set(e, ERR_CONFIG, "%s: somebody listens there", path);
	else if (errno == ECONNREFUSED)
		rc = 0;
	else
		rc = err_sys(e, "%s", path);
	fs_close(&fd);
	return rc;
}

static int clear(int dirfd, const char *path, const char *name, struct err *e)
{
	struct err why = { 0 };
	struct stat st;

	if (fs_stat(dirfd, name, &st, &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFIG,
			       "%s: there is something else, and it stays",
			       path);
	return check_dead(path, e) || fs_remove(dirfd, name, e) ? -1 : 0;
}

static int bind_at(struct uv_pipe_s *pipe, const struct local *at,
		   struct err *e)
{
	mode_t before = umask(~(mode_t)at->mode & 0777);
	int rc = uv_pipe_bind(pipe, at->path);

	(void)umask(before);
	return rc ? fail(e, rc, at->path) : 0;
}

/* Of two that start at once one replaces what was left, not both. Whoever may
 * enter the folder can hold it, and must not keep us waiting for ever. */
static int hold(int dirfd, const char *folder, struct err *e)
{
	const struct timespec wait = { .tv_nsec = WAIT_NS };

	for (int i = 0; i < TRIES; i++) {
		if (flock(dirfd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, "%s", folder);
		(void)nanosleep(&wait, NULL);
	}
	return err_set(e, ERR_CONFIG, "%s: somebody holds a lock on it",
		       folder);
}

int listen_local(struct uv_pipe_s *pipe, const struct local *at,
		 void (*on_connection)(struct uv_stream_s *listening,
				       int status),
		 struct err *e)
{
	char folder[LOCAL_PATH_MAX];
	const char *name = strrchr(at->path, '/') + 1;
	size_t len = (size_t)(name - at->path);
	int dirfd = -1, rc = -1;

	memcpy(folder, at->path, len);
	folder[len] = 0;
	if (fs_open_dir(folder, &dirfd, e)) {
		e->code = ERR_CONFIG;
		return -1;
	}
	if (hold(dirfd, folder, e) || clear(dirfd, at->path, name, e) ||
	    bind_at(pipe, at, e))
		goto out;
	rc = uv_listen((uv_stream_t *)pipe, BACKLOG, on_connection);
	if (rc)
		rc = fail(e, rc, at->path);
out:
	fs_close(&dirfd);
	return rc;
}
