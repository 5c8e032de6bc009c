/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/opt.h"
#include "common/secret.h"

#include "signer/commands.h"
#include "signer/sandbox.h"

/* One line per command; each lives in the module that its name suggests. */
static const struct command commands[] = {
	{ "key generate", "FILE... --environment E",
	  "make a key: FILE (encrypted) and FILE.pub", cmd_key_generate },
	{ "key external", "FILE --environment E --public PUB -- COMMAND...",
	  "a key that a token or a service holds: FILE names the command",
	  cmd_key_external },
	{ "key show", "FILE", "what a key file or a public key is",
	  cmd_key_show },
	{ "init", "REPO --environment E --owner TEXT --product NAME",
	  "make an offline repository", cmd_init },
	{ "key import", "REPO --role ROLE FILE.pub", "give a key a role",
	  cmd_key_import },
	{ "key remove", "REPO --role ROLE KEY", "take a role from a key",
	  cmd_key_remove },
	{ "threshold", "REPO --role ROLE --signatures N",
	  "how many keys of a role must sign", cmd_threshold },
	{ "role add", "REPO ROLE --key FILE.pub --threshold N",
	  "let targets delegate to a role", cmd_role_add },
	{ "role remove", "REPO ROLE", "take a delegated role back",
	  cmd_role_remove },
	{ "role list", "REPO", "roles, their keys and dates", cmd_role_list },
	{ "release create", "REPO --product P --id ID --input DIR|TAR",
	  "make a release's packages and stage it", cmd_release_create },
	{ "release retry", "REPO --product P --id ID",
	  "have devices that took it back try it once more",
	  cmd_release_retry },
	{ "release withdraw", "REPO --product P --id ID",
	  "take a release off the list", cmd_release_withdraw },
	{ "release list", "REPO", "releases, staged ones included",
	  cmd_release_list },
	{ "release show", "REPO --product P --id ID", "all about one release",
	  cmd_release_show },
	{ "floor", "REPO --product P --release ID",
	  "what lies below is never installed again", cmd_floor },
	{ "stepback", "REPO --product P --from ID --to ID",
	  "let devices go back to one older release", cmd_stepback },
	{ "delta explain", "FILE [--input DIR|TAR]",
	  "where the bytes of a delta went", cmd_delta_explain },
	{ "scan", "PATH...", "look for private keys in any file or folder",
	  cmd_scan },
	{ "order open", "REPO --product P --release ID --cohort C",
	  "operators: open a release to devices", cmd_order_open },
	{ "order baseline", "REPO --product P --release ID --cohort C",
	  "operators: what whole cohorts run from now on", cmd_order_baseline },
	{ "order halt", "REPO --product P --release ID",
	  "operators: close a release for everybody", cmd_order_halt },
	{ "order take", "REPO FOLDER",
	  "go on from what operators signed elsewhere", cmd_order_take },
	{ "order assign", "REPO --device ID --cohort C",
	  "operators: move a device to another cohort", cmd_order_assign },
	{ "inspect", "REPO|FILE", "what is staged, against what was signed",
	  cmd_inspect },
	{ "sign", "REPO|FILE --key KEYFILE", "sign what is staged", cmd_sign },
	{ "merge", "REPO FILE...", "bring home signatures made elsewhere",
	  cmd_merge },
	{ "extend", "REPO [--role ROLE]",
	  "stage the same content with new dates", cmd_extend },
	{ "discard", "REPO --role ROLE", "forget what is staged", cmd_discard },
	{ "checklist", "REPO", "what production wants before it publishes",
	  cmd_checklist },
	{ "publish", "REPO DIR", "verify and write what a server imports",
	  cmd_publish },
	{ "wrap", "REPO --product P --id ID --registry FILE --output DIR",
	  "seal an encrypted release's keys to devices", cmd_wrap },
	{ "site", "REPO --url URL --ca FILE.pem",
	  "where the servers are and whose certificates are theirs", cmd_site },
	{ "log-key", "REPO AUDIT.pub...",
	  "which keys may sign the server's audit log", cmd_log_key },
	{ "factory", "REPO DIR --url URL", "what every new device is given",
	  cmd_factory },
};

/* What may sign, by keys that only another program can use. */
static bool starts_programs(int argc, char **argv)
{
	const char *first = argc > 1 ? argv[1] : "";

	return strcmp(first, "sign") == 0 || strcmp(first, "init") == 0 ||
	       (strcmp(first, "key") == 0 && argc > 2 &&
		strcmp(argv[2], "external") == 0);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.purpose = "decides, offline, what devices may run",
		.commands = commands,
		.command_count = ARRAY_LEN(commands),
	};

	struct err e = { 0 };

	secret_guard();
	if (!starts_programs(argc, argv) && sandbox_enter(&e)) {
		fprintf(stderr, "signer: %s\n", e.msg);
		return (int)e.code;
	}
	if (!secret_can_lock())
		fputs("note: keys may reach swap: this account locks no "
		      "memory (ulimit -l)\n",
		      stderr);
	return program_main(&program, argc, argv);
}
