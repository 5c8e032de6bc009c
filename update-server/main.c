/* SPDX-License-Identifier: Apache-2.0 */
#include "common/opt.h"
#include "common/secret.h"

#include "update-server/commands.h"

/* One line per command; each lives in the module that its name suggests. */
static const struct command commands[] = {
	{ "init", "DIR [--environment E] [--name DNS-or-IP]...",
	  "make all that a server needs", command_init },
	{ "run", "DIR | --config FILE [--check-config]", "serve", command_run },
	{ "person create",
	  "FOLDER --name NAME --url URL --ca FILE [--environment E]",
	  "your own key and certificate, made on your own machine",
	  command_person_create },
	{ "person add", "DIR CERTIFICATE [--role ROLE]",
	  "let somebody in, as operator, officer, auditor or admin",
	  command_person_add },
	{ "person list", "DIR", "who may do what", command_person_list },
	{ "person revoke", "DIR FINGERPRINT",
	  "refuse somebody from the next request on", command_person_revoke },
	{ "tls renew", "DIR [--name DNS-or-IP]...",
	  "a new TLS certificate for the same key", command_tls_renew },
	{ "tls next-ca", "DIR", "make another CA for the server",
	  command_tls_next_ca },
	{ "tls switch-ca", "DIR [--name DNS-or-IP]...",
	  "show certificates of the next CA from now on",
	  command_tls_switch_ca },
	{ "release import", "DIR",
	  "verify and take in what `pawl-signer publish` wrote",
	  command_release_import },
	{ "release list", "", "what can be rolled out", command_release_list },
	{ "release show", "ID", "one release and its packages",
	  command_release_show },
	{ "token create",
	  "--product P --model M --cohort C [--count N] [--days D]",
	  "claim codes for new devices", command_token_create },
	{ "token list", "", "claim codes and what became of them",
	  command_token_list },
	{ "token revoke", "ID", "an unused claim code is no longer good",
	  command_token_revoke },
	{ "device list", "", "who runs what", command_device_list },
	{ "device show", "ID",
	  "one device, its attempts, and why it gets what it gets",
	  command_device_show },
	{ "device release", "ID",
	  "out of quarantine: of two keys the first one stands",
	  command_device_release },
	{ "device revoke", "ID", "refuse it from its next request on",
	  command_device_revoke },
	{ "device export", "FILE [--product P]",
	  "active devices and their keys, signed by you",
	  command_device_export },
	{ "envelope import", "DIR",
	  "take in the keys that `pawl-signer wrap` sealed",
	  command_envelope_import },
	{ "cohort create", "NAME", "a new cohort", command_cohort_create },
	{ "cohort list", "", "cohorts and their devices", command_cohort_list },
	{ "rollout create", "NAME --release ID --cohort C... [--share PERCENT]",
	  "plan a rollout", command_rollout_create },
	{ "rollout list", "", "all rollouts", command_rollout_list },
	{ "rollout show", "NAME", "one rollout and its attempts",
	  command_rollout_show },
	{ "rollout start", "NAME [--share PERCENT]",
	  "open it, or open it wider", command_rollout_start },
	{ "rollout pause", "NAME --reason TEXT", "offer it to nobody for now",
	  command_rollout_pause },
	{ "rollout resume", "NAME [--share PERCENT]", "go on",
	  command_rollout_resume },
	{ "simulate", "FILE [--json]",
	  "what a rollout would do in an imagined fleet", command_simulate },
	{ "bundle export", "DIR --valid DAYS",
	  "a medium that devices install from", command_bundle_export },
	{ "audit list", "", "who did what", command_audit_list },
	{ "audit export", "DIR", "the log and its checkpoints, for auditors",
	  command_audit_export },
	{ "audit verify", "DIR --key FILE [--checkpoint FILE]...",
	  "check an exported log, offline", command_audit_verify },
	{ "server status", "", "versions, expiry, devices",
	  command_server_status },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.purpose = "offers signed releases to a fleet of devices",
		.commands = commands,
		.command_count = ARRAY_LEN(commands),
	};

	secret_guard();
	return program_main(&program, argc, argv);
}
