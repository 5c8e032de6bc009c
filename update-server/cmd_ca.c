/* SPDX-License-Identifier: Apache-2.0 */
/* `ca`: the CA of devices' certificates, by who installs the server. */
#include <stdio.h>

#include "common/opt.h"

#include "update-server/commands.h"
#include "update-server/device_ca.h"
#include "update-server/ui.h"

#define OVERLAP_DAYS 400 /* so long may a device lie in a drawer */
#define DAYS_MAX     3650

static int print_json(const struct device_cas *cas, struct err *e)
{
	struct json *j = json_new_object(), *list = json_new_array();
	char hex[SHA256_HEX_LEN], when[UTC_TEXT_LEN];

	for (size_t i = 0; i < cas->count; i++) {
		struct json *one = json_new_object();

		sha256_format(&cas->at[i].fingerprint, hex);
		utc_format(cas->at[i].not_after, when);
		json_set_text(one, "name", cas->at[i].name);
		json_set_text(one, "certificate", hex);
		json_set_text(one, "ends", when);
		json_set_bool(one, "issues", i == 0);
		json_set_int(one, "devices", (int64_t)cas->at[i].devices);
		json_add(list, one);
	}
	json_set(j, "cas", list);
	json_set_int(j, "others", (int64_t)cas->others);
	json_set_int(j, "unread", (int64_t)cas->unread);
	return ui_say_json(j, e);
}

static void print_words(const struct device_cas *cas)
{
	char hex[SHA256_HEX_LEN], when[UTC_TEXT_LEN];

	for (size_t i = 0; i < cas->count; i++) {
		sha256_format(&cas->at[i].fingerprint, hex);
		utc_format(cas->at[i].not_after, when);
		printf("%s  until %s  %llu devices  %s  %s\n",
		       i == 0 ? "issues" : "former", when,
		       (unsigned long long)cas->at[i].devices, hex,
		       cas->at[i].name);
	}
	if (cas->others > 0)
		printf("%llu devices hold a certificate of none of them: "
		       "enrol them anew\n",
		       (unsigned long long)cas->others);
	if (cas->unread > 0)
		printf("%llu devices have not shown their certificate since "
		       "the log was replayed\n",
		       (unsigned long long)cas->unread);
}

/* What each of the three does: read its line, act, and show what there is now,
 * with what to do next. */
struct ca_command {
	bool json;
	char **operands;
	struct device_cas cas;
};

static int parse(int argc, char **argv, const struct opt *opts, int wanted,
		 struct ca_command *c, struct err *e)
{
	int count;

	if (opt_parse(argc, argv, opts, &c->operands, &count, e))
		return -1;
	if (count == wanted)
		return 0;
	return err_set(e, ERR_USAGE,
		       wanted == 1 ? "name the server's folder"
				   : "name the server's folder and a "
				     "fingerprint (ca status shows them)");
}

static int show(const struct ca_command *c, const char *next, struct err *e)
{
	if (c->json)
		return print_json(&c->cas, e);
	print_words(&c->cas);
	printf("%s", next);
	return 0;
}

int command_ca_status(int argc, char **argv, struct err *e)
{
	struct ca_command c = { .json = false };
	const struct opt opts[] = {
		OPT_FLAG("json", &c.json, "print JSON"),
		OPT_END,
	};

	return parse(argc, argv, opts, 1, &c, e) ||
			       device_ca_status(c.operands[0], &c.cas, e) ||
			       show(&c, "", e)
		       ? -1
		       : 0;
}

int command_ca_rotate(int argc, char **argv, struct err *e)
{
	const char *reason = NULL;
	uint64_t days = OVERLAP_DAYS;
	struct ca_command c = { .json = false };
	const struct opt opts[] = {
		OPT_NUMBER("overlap", "DAYS", &days, DAYS_MAX,
			   "so long is the former one trusted (400)"),
		OPT_TEXT("reason", "TEXT", &reason, "why, for the log"),
		OPT_FLAG("json", &c.json, "print JSON"),
		OPT_END,
	};

	if (parse(argc, argv, opts, 1, &c, e))
		return -1;
	if (days == 0)
		return err_set(e, ERR_USAGE,
			       "--overlap: 1 to %d; who trusts it no longer "
			       "says so with ca withdraw",
			       DAYS_MAX);
	return ui_need_reason(reason, e) ||
			       device_ca_rotate(c.operands[0], days, reason,
						&c.cas, e) ||
			       show(&c,
				    "restart the server to use it, and keep a "
				    "copy of keys/ again now\n",
				    e)
		       ? -1
		       : 0;
}

int command_ca_withdraw(int argc, char **argv, struct err *e)
{
	const char *reason = NULL;
	uint64_t leave = 0;
	struct ca_command c = { .json = false };
	const struct opt opts[] = {
		OPT_NUMBER("leave", "N", &leave, UINT32_MAX,
			   "so many devices are on it, and enrol anew"),
		OPT_TEXT("reason", "TEXT", &reason, "why, for the log"),
		OPT_FLAG("json", &c.json, "print JSON"),
		OPT_END,
	};
	struct sha256 fingerprint;

	if (parse(argc, argv, opts, 2, &c, e))
		return -1;
	if (sha256_parse(slice_of(c.operands[1]), &fingerprint, e))
		return err_set(e, ERR_FORMAT,
			       "not a CA's fingerprint, 64 hex digits (ca "
			       "status shows them)");
	return ui_need_reason(reason, e) ||
			       device_ca_withdraw(c.operands[0], &fingerprint,
						  leave, reason, &c.cas, e) ||
			       show(&c,
				    "restart the server: it trusts that one "
				    "until then; keep a copy of keys/ again\n"
				    "now, for an older one has it still\n",
				    e)
		       ? -1
		       : 0;
}
