/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local program that speaks for a loader:
 *
 *	PROGRAM... read
 *		prints the record, a line NAME=VALUE for each variable, nothing
 *		else; what is missing is not set
 *	PROGRAM... write NAME=VALUE...
 *		makes the four variables that follow the record, durably, all or
 *		none; an empty VALUE is one that is not set
 */
#include "updater-client/boot.h"

#include <string.h>

#include "updater-client/boot_reply.h"
#include "updater-client/hook.h"

/* A kernel may have to be copied, to a slow medium. */
#define DEADLINE_MS  120000
#define ARGUMENT_LEN 32

static int run(const struct boot *b, char **words, size_t count,
	       struct hook_output *said, struct err *e)
{
	char *argv[SETTINGS_ARGS_MAX + BOOT_VARIABLES + 2];
	struct hook h = { .argv = argv,
			  .dirfd = -1,
			  .deadline_ms = DEADLINE_MS,
			  .stop_fd = -1 };
	const struct settings_command *c = &b->config->boot;
	char shown[160];
	size_t n = 0;

	for (; n < c->argc; n++)
		argv[n] = c->argv[n];
	for (size_t i = 0; i < count; i++)
		argv[n++] = words[i];
	argv[n] = NULL;
	if (hook_run(&h, said, e) == 0)
		return 0;
	text_escape((struct slice){ said->bytes, said->len }, shown,
		    sizeof(shown));
	e->code = e->code == ERR_CONFIG ? ERR_CONFIG : ERR_SYSTEM;
	return err_in(e, "%s%s%s", words[0], shown[0] ? ": " : "", shown);
}

static int command_read(const struct boot *b, struct boot_record *out,
			struct err *e)
{
	char verb[] = "read";
	char *words[] = { verb };
	struct boot_values values = { 0 };
	struct hook_output said;

	if (run(b, words, 1, &said, e) ||
	    boot_reply_parse((struct slice){ said.bytes, said.len }, &values,
			     e))
		return -1;
	return boot_record_parse(&values, out, e);
}

static int command_write(const struct boot *b, const struct boot_record *r,
			 struct err *e)
{
	char verb[] = "write";
	char text[BOOT_VARIABLES][ARGUMENT_LEN];
	char *words[BOOT_VARIABLES + 1] = { verb };
	struct boot_values values;
	struct hook_output said;

	boot_values_from(r, &values);
	for (size_t i = 0; i < BOOT_VARIABLES; i++) {
		if (text_format(text[i], ARGUMENT_LEN, e, "%s=%s",
				boot_variable_name((enum boot_variable)i),
				values.of[i]))
			return -1;
		words[i + 1] = text[i];
	}
	return run(b, words, ARRAY_LEN(words), &said, e);
}

const struct boot_control boot_command = {
	.name = "command",
	.reboots = true,
	.read = command_read,
	.write = command_write,
};
