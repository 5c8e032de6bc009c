/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places where a device's keys can be, for tests that hold for each: files,
 * and a PKCS#11 token, for which SoftHSM2 stands in. Without that the token's
 * half is skipped.
 */
#ifndef TESTS_UNIT_TOKEN_BOX_H
#define TESTS_UNIT_TOKEN_BOX_H

#include <glob.h>
#include <sys/wait.h>

#include "tests/unit/box.h"
#include "updater-client/device_key.h"
#include "updater-client/token_start.h"

#define TOKEN_PIN "246810"

struct token_box {
	struct box box;
	struct settings settings;
	struct worker worker;
	struct device_keys keys;
	char module[128], pin[128], variable[128];
};

static inline bool token_find_module(char out[128])
{
	glob_t found = { 0 };
	bool has =
		glob("/usr/lib/*/softhsm/libsofthsm2.so", 0, NULL, &found) ==
			0 ||
		glob("/usr/lib/softhsm/libsofthsm2.so", 0, NULL, &found) == 0;

	if (has)
		(void)snprintf(out, 128, "%s", found.gl_pathv[0]);
	globfree(&found);
	return has;
}

/* Run a tool on the box's token; nothing of a sanitizer goes along. */
static inline void token_tool(struct token_box *b, const char *const words[])
{
	char *const environment[] = { b->variable, NULL };
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(nowhere, STDOUT_FILENO);
		(void)dup2(nowhere, STDERR_FILENO);
		execve(words[0], (char *const *)(uintptr_t)words, environment);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A new token named "pawl" in the box. */
static inline void token_initialize(struct token_box *b)
{
	static const char *const words[] = { "/usr/bin/softhsm2-util",
					     "--init-token",
					     "--free",
					     "--label",
					     "pawl",
					     "--so-pin",
					     "87654321",
					     "--pin",
					     TOKEN_PIN,
					     NULL };
	char conf[256];

	(void)snprintf(b->pin, sizeof(b->pin), "%s/pin", b->box.path);
	(void)snprintf(b->variable, sizeof(b->variable),
		       "SOFTHSM2_CONF=%s/softhsm.conf", b->box.path);
	(void)snprintf(conf, sizeof(conf), "directories.tokendir = %s/tokens\n",
		       b->box.path);
	put_file(b->box.dir, "pin", TOKEN_PIN "\n", 0600);
	put_file(b->box.dir, "softhsm.conf", conf, 0600);
	close(box_folder(&b->box, "tokens"));
	token_tool(b, words);
}

/* What the program pawl-token does, in a process of ours. */
static inline void token_box_run(void *ctx, struct channel *control)
{
	const struct token_setup *setup = ctx;

	for (size_t i = 0; i < setup->settings->variables.count; i++)
		(void)putenv(setup->settings->variables.at[i]);
	token_run(ctx, control);
}

/* Start the process of the token with these rights. */
static inline void token_use(struct token_box *b, unsigned rights)
{
	struct token_setup setup = { &b->settings.token, b->box.dir, rights };
	const struct worker_task task = {
		.name = "token",
		.run = token_box_run,
		.ctx = &setup,
		.keep = { b->box.dir },
		.keep_count = 1,
	};
	struct err e = { 0 };

	worker_stop(&b->worker);
	assert_ok(worker_start(&task, -1, &b->worker, &e));
	b->keys.token = &b->worker.channel;
}

/* False, and nothing is there, if it cannot be had. */
static inline bool token_box_open(struct token_box *b)
{
	memset(b, 0, sizeof(*b));
	if (!token_find_module(b->module) ||
	    access("/usr/bin/softhsm2-util", X_OK))
		return false;
	box_open(&b->box);
	token_initialize(b);
	b->settings.token.module = b->module;
	b->settings.token.label = (char *)(uintptr_t) "pawl";
	b->settings.token.pin = b->pin;
	b->settings.token.variables.at[0] = b->variable;
	b->settings.token.variables.count = 1;
	b->keys.state_fd = b->box.dir;
	token_use(b, TOKEN_SIGN | TOKEN_AGREE | TOKEN_KEEP);
	return true;
}

static inline void file_box_open(struct token_box *b)
{
	memset(b, 0, sizeof(*b));
	box_open(&b->box);
	b->keys.state_fd = b->box.dir;
}

static inline void token_box_close(struct token_box *b)
{
	worker_stop(&b->worker);
	box_close(&b->box);
}

#endif
