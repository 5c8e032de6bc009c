/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/token_start.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM   "pawl-token"
#define PATH_LEN  4096
#define FD_BEYOND 10 /* where no descriptor is that we replace */

/* Beside our own program, wherever that was installed. */
static int find_program(char path[PATH_LEN], struct err *e)
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_LEN - 1);
	char *slash;

	if (len < 0)
		return err_sys(e, "/proc/self/exe");
	path[len] = 0;
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash - path) + sizeof(PROGRAM) + 1 > PATH_LEN)
		return err_set(e, ERR_SYSTEM, "no folder of programs");
	memcpy(slash + 1, PROGRAM, sizeof(PROGRAM));
	return 0;
}

/* To where the program looks for them, and open beyond its start. */
static int place(int channel_fd, int state_fd, struct err *e)
{
	int channel = fcntl(channel_fd, F_DUPFD, FD_BEYOND);
	int state = fcntl(state_fd, F_DUPFD, FD_BEYOND);
	int rc = 0;

	if (channel < 0 || state < 0 || dup2(channel, TOKEN_CHANNEL_FD) < 0 ||
	    dup2(state, TOKEN_STATE_FD) < 0)
		rc = err_sys(e, "descriptors");
	close(channel);
	close(state);
	return rc;
}

static char *word(char *text)
{
	static char none[] = "";

	return text ? text : none;
}

/* Returns only if it fails. */
static void start(const struct token_setup *setup, int channel_fd,
		  struct err *e)
{
	const struct settings_token *s = setup->settings;
	char path[PATH_LEN], rights[2] = { (char)('0' + setup->rights), 0 };
	char *words[] = { path,
			  rights,
			  word(s->module),
			  word(s->label),
			  word(s->pin),
			  word(s->provider),
			  NULL };

	/* The module's own; nobody else's environment has them. */
	for (size_t i = 0; i < s->variables.count; i++)
		if (putenv(s->variables.at[i]))
			abort();
	if (find_program(path, e) || place(channel_fd, setup->state_fd, e))
		return;
	(void)execv(path, words);
	(void)err_sys(e, "%s, which uses the keys of [keys]", path);
	e->code = ERR_SYSTEM; /* no key is missing, whatever errno is */
}

/* The process, until it is the program; else what went wrong is told. */
static void run(void *ctx, struct channel *control)
{
	const struct token_setup *setup = ctx;
	int own = fcntl(control->fd, F_DUPFD_CLOEXEC, FD_BEYOND);
	struct err failure = { 0 }, unheard;
	struct message m;

	start(setup, control->fd, &failure);
	control->fd = own;
	while (ipc_receive(control, IPC_FOREVER, &m, &unheard) == 0)
		if (ipc_answer(control, -1, 0, &failure, &unheard))
			break;
}

int token_start(const struct settings *c, int state_fd, unsigned rights,
		int stop_fd, struct worker *out, struct err *e)
{
	struct token_setup setup = { &c->token, state_fd, rights };
	const struct worker_task task = {
		.name = "token",
		.run = run,
		.ctx = &setup,
		.keep = { state_fd },
		.keep_count = 1,
	};

	if (!c->token.module && !c->token.provider)
		return 0;
	return worker_start(&task, stop_fd, out, e);
}

int token_fd(const struct worker *token)
{
	return token->pid > 0 ? token->channel.fd : -1;
}
