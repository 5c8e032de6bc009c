/* SPDX-License-Identifier: Apache-2.0 */
/* `ca`: the CA of devices' certificates, by who installs the server. */
#include <stdio.h>

#include "common/opt.h"

#include "update-server/commands.h"
#include "update-server/device_ca.h"
#include "update-server/keeper.h"

#define OVERLAP_DAYS 400 /* so long may a device lie in a drawer */
#define DAYS_MAX     3650

static int print_json(const struct device_cas *cas, struct err *e)
{
	struct buf text = BUF_INIT(KEEPER_CA_PEM_MAX);
	struct json *j = json_new_object(), *list = json_new_array();
	char hex[SHA256_HEX_LEN], when[UTC_TEXT_LEN];
	int rc;

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
	json_set_int(j, "v", 1);
	rc = json_print(j, true, &text, e);
	if (rc == 0)
		(void)fwrite(text.ptr, 1, text.len, stdout);
	json_free(j);
	buf_done(&text);
	return rc;
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

static int print_cas(const struct device_cas *cas, bool json, struct err *e)
{
	if (json)
		return print_json(cas, e);
	print_words(cas);
	return 0;
}

int command_ca_status(int argc, char **argv, struct err *e)
{
	bool json = false;
	const struct opt opts[] = {
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	struct device_cas cas;
	char **operands;
	int count;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1)
		return err_set(e, ERR_USAGE, "name the server's folder");
	return device_ca_status(operands[0], &cas, e) ||
			       print_cas(&cas, json, e)
		       ? -1
		       : 0;
}

int command_ca_rotate(int argc, char **argv, struct err *e)
{
	uint64_t days = OVERLAP_DAYS;
	bool json = false;
	const struct opt opts[] = {
		OPT_NUMBER("overlap", "DAYS", &days, DAYS_MAX,
			   "so long is the former one trusted (400)"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	struct device_cas cas;
	char **operands;
	int count;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1)
		return err_set(e, ERR_USAGE, "name the server's folder");
	if (days == 0)
		return err_set(e, ERR_USAGE,
			       "--overlap: 1 to %d; who trusts it no longer "
			       "says so with ca withdraw",
			       DAYS_MAX);
	if (device_ca_rotate(operands[0], days, &cas, e) ||
	    print_cas(&cas, json, e))
		return -1;
	if (!json)
		printf("restart the server to use it, and keep a copy of "
		       "keys/ again now\n");
	return 0;
}

int command_ca_withdraw(int argc, char **argv, struct err *e)
{
	uint64_t leave = 0;
	bool json = false;
	const struct opt opts[] = {
		OPT_NUMBER("leave", "N", &leave, UINT32_MAX,
			   "so many devices are on it, and enrol anew"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	struct sha256 fingerprint;
	struct device_cas cas;
	char **operands;
	int count;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 2)
		return err_set(e, ERR_USAGE,
			       "name the server's folder and a fingerprint "
			       "(ca status shows them)");
	if (sha256_parse(slice_of(operands[1]), &fingerprint, e))
		return err_in(e, "the fingerprint");
	if (device_ca_withdraw(operands[0], &fingerprint, leave, &cas, e) ||
	    print_cas(&cas, json, e))
		return -1;
	if (!json)
		printf("restart the server: it trusts that one until then; "
		       "keep a copy of keys/ again\nnow, for an older one "
		       "has it still\n");
	return 0;
}
