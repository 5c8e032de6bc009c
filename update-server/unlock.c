/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/unlock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/passphrase.h"
#include "common/text.h"

#define WORDS_MAX 32
#define FD_MAX    (1 << 20)

static int read_file(const char *dir, const char *path, struct buf *out,
		     struct err *e)
{
	char whole[PATH_MAX_LEN];
	struct stat st;
	int fd, rc = -1;

	if (text_format(whole, sizeof(whole), e, "%s%s%s",
			path[0] == '/' ? "" : dir, path[0] == '/' ? "" : "/",
			path))
		return -1;
	fd = open(whole, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, "%s", whole);
	if (fstat(fd, &st) != 0)
		(void)err_sys(e, "%s", whole);
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		(void)err_set(e, ERR_CONFIG,
			      "%s: others may open this secret: chmod 600",
			      whole);
	else if (fs_check_private(fd, whole, e) == 0)
		rc = passphrase_read(fd, "", false, out, e);
	fs_close(&fd);
	return rc;
}

static int read_credential(const char *name, struct buf *out, struct err *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (!dir || !name_is_valid(slice_of(name)))
		return err_set(e, ERR_CONFIG,
			       "credential:%s: systemd gave us none", name);
	return read_file(dir, name, out, e);
}

static int read_fd(const char *text, struct buf *out, struct err *e)
{
	uint64_t fd;

	if (num_parse(slice_of(text), FD_MAX, &fd, e))
		return err_in(e, "fd:%s", text);
	return passphrase_read((int)fd, "", false, out, e);
}

static void close_fd(int fd)
{
	int null;

	if (fd > STDERR_FILENO) {
		(void)close(fd);
		return;
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0)
		(void)dup2(null, fd);
	fs_close(&null);
}

/* Cut a line into words in place. */
static int split(char *line, char **words, struct err *e)
{
	size_t count = 0;

	for (char *at = line; *at;) {
		size_t len = strcspn(at, " ");
		bool last = at[len] == 0;

		if (len > 0 && count == WORDS_MAX)
			return err_set(e, ERR_CONFIG, "command: too long");
		if (len > 0)
			words[count++] = at;
		at[len] = 0;
		at += len + (last ? 0 : 1);
	}
	words[count] = NULL;
	if (count == 0 || words[0][0] != '/')
		return err_set(e, ERR_CONFIG,
			       "command: name the program by its whole path");
	return 0;
}

static void run_child(char **words, int out) NORETURN;
static void run_child(char **words, int out)
{
	int null = open("/dev/null", O_RDONLY);

	if (null >= 0 && dup2(null, 0) >= 0 && dup2(out, 1) >= 0)
		(void)execv(words[0], words);
	_exit(127);
}

static int run_command(char **words, struct buf *out, struct err *e)
{
	int pipe_fds[2], status = -1, rc;
	pid_t child;

	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return err_sys(e, "pipe");
	child = fork();
	if (child == 0)
		run_child(words, pipe_fds[1]);
	fs_close(&pipe_fds[1]);
	rc = child < 0 ? err_sys(e, "fork")
		       : passphrase_read(pipe_fds[0], "", false, out, e);
	fs_close(&pipe_fds[0]);
	if (child > 0 && waitpid(child, &status, 0) < 0)
		return err_sys(e, "%s", words[0]);
	if (rc == 0 && status != 0)
		return err_set(e, ERR_SYSTEM, "%s failed", words[0]);
	return rc;
}

static int read_command(const char *text, struct buf *out, struct err *e)
{
	char *words[WORDS_MAX + 1];
	char *line = mem_dup_str(text);
	int rc = split(line, words, e) || run_command(words, out, e) ? -1 : 0;

	free(line);
	return rc;
}

/* What follows a prefix, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

int unlock_read(const char *how, const char *dir, struct buf *out,
		struct err *e)
{
	const char *rest;

	rest = after(how, "file:");
	if (rest)
		return read_file(dir, rest, out, e);
	rest = after(how, "credential:");
	if (rest)
		return read_credential(rest, out, e);
	rest = after(how, "fd:");
	if (rest)
		return read_fd(rest, out, e);
	rest = after(how, "command:");
	if (rest)
		return read_command(rest, out, e);
	return err_set(e, ERR_CONFIG,
		       "unlock: want file:, credential:, fd: or command:");
}

void unlock_close(const char *how)
{
	const char *rest = after(how, "fd:");
	struct err ignored;
	uint64_t fd;

	if (rest && num_parse(slice_of(rest), FD_MAX, &fd, &ignored) == 0)
		close_fd((int)fd);
}
