/* SPDX-License-Identifier: Apache-2.0 */
#include "common/opt.h"

#include "signer/commands.h"

/* One line per command; each lives in the module that its name suggests. */
static const struct command commands[] = {
	{ "key generate", "FILE --environment E",
	  "make a key: FILE (encrypted) and FILE.pub", command_key_generate },
	{ "key show", "FILE", "what a key file or a public key is",
	  command_key_show },
	{ "init", "REPO --environment E --owner TEXT --product NAME",
	  "make an offline repository", command_init },
	{ "key import", "REPO --role ROLE FILE.pub", "give a key a role",
	  command_key_import },
	{ "key remove", "REPO --role ROLE KEY", "take a role from a key",
	  command_key_remove },
	{ "threshold", "REPO --role ROLE --signatures N",
	  "how many keys of a role must sign", command_threshold },
	{ "release create", "REPO --product P --id ID --input DIR|TAR",
	  "make a release's packages and stage it", command_release_create },
	{ "release withdraw", "REPO --product P --id ID",
	  "take a release off the list", command_release_withdraw },
	{ "release list", "REPO", "releases, staged ones included",
	  command_release_list },
	{ "release show", "REPO --product P --id ID", "all about one release",
	  command_release_show },
	{ "inspect", "REPO|FILE", "what is staged, against what was signed",
	  command_inspect },
	{ "sign", "REPO|FILE --key KEYFILE", "sign what is staged",
	  command_sign },
	{ "merge", "REPO FILE...", "bring home signatures made elsewhere",
	  command_merge },
	{ "extend", "REPO", "stage the same content with new dates",
	  command_extend },
	{ "discard", "REPO --role ROLE", "forget what is staged",
	  command_discard },
	{ "publish", "REPO DIR", "verify and write what a server imports",
	  command_publish },
	{ "factory", "REPO DIR --url URL", "what every new device is given",
	  command_factory },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.purpose = "decides, offline, what devices may run",
		.commands = commands,
		.command_count = ARRAY_LEN(commands),
	};

	return program_main(&program, argc, argv);
}
