/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a piece of code says on standard output and standard error: run it in a
 * child process and read both back.
 */
#ifndef TESTS_UNIT_SAID_H
#define TESTS_UNIT_SAID_H

#define SAID_LEN 16384

struct said {
	int status; /* exit status; -1 if a signal ended it */
	char out[SAID_LEN];
	char err[SAID_LEN];
};

/* Run what(ctx) as the whole of a child; its return is the exit status. */
static void said_run(struct said *s, int (*what)(void *ctx), void *ctx);

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void said_read(FILE *f, char *to)
{
	size_t len;

	rewind(f);
	len = fread(to, 1, SAID_LEN - 1, f);
	to[len] = 0;
	(void)fclose(f);
}

static void said_run(struct said *s, int (*what)(void *ctx), void *ctx)
{
	FILE *out = tmpfile(), *err = tmpfile();
	int status = 0;
	pid_t child;

	assert_non_null(out);
	assert_non_null(err);
	(void)fflush(NULL);
	child = fork();
	if (child == 0) {
		if (dup2(fileno(out), STDOUT_FILENO) < 0 ||
		    dup2(fileno(err), STDERR_FILENO) < 0)
			_exit(99);
		exit(what(ctx));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	s->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	said_read(out, s->out);
	said_read(err, s->err);
}

#endif
