/* SPDX-License-Identifier: Apache-2.0 */
#include "common/opt.h"

#include "update-server/commands.h"

/* One line per command; each lives in the module that its name suggests. */
static const struct command commands[] = {
	{ "init", "DIR [--environment E] [--name DNS-or-IP]...",
	  "make all that a server needs", command_init },
	{ "run", "DIR | --config FILE [--check-config]", "serve", command_run },
	{ "tls renew", "DIR [--name DNS-or-IP]...",
	  "a new TLS certificate for the same key", command_tls_renew },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.purpose = "offers signed releases to a fleet of devices",
		.commands = commands,
		.command_count = ARRAY_LEN(commands),
	};

	return program_main(&program, argc, argv);
}
