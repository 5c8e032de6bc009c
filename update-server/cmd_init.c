/* SPDX-License-Identifier: Apache-2.0 */
/* `init DIR` and `tls renew DIR`: the commands of who installs the server. */
#include <stdio.h>
#include <string.h>

#include "common/fs.h"
#include "common/opt.h"
#include "common/x509.h"

#include "update-server/commands.h"
#include "update-server/config.h"
#include "update-server/home.h"
#include "update-server/init.h"
#include "update-server/server_tls.h"
#include "update-server/ui.h"

/* An address to listen on is a name in the certificate, unless it is "all". */
static size_t add_listener_name(const char *listen, char *out, size_t size,
				struct err *e)
{
	struct address a;

	if (address_parse(slice_of(listen), &a, e) ||
	    strcmp(a.host, "0.0.0.0") == 0 || strcmp(a.host, "::") == 0 ||
	    strlen(a.host) >= size)
		return 0;
	memcpy(out, a.host, strlen(a.host) + 1);
	return 1;
}

static bool is_named(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static void add_name(const char **names, const char *name)
{
	size_t count = 0;

	if (is_named(names, name))
		return;
	while (names[count])
		count++;
	if (count < INIT_NAMES_MAX)
		names[count] = name;
}

/* What it is called now, unless it is told otherwise. */
static int keep_names(const char *dir, struct opt_list *names, struct buf *held,
		      struct err *e)
{
	const char *name, *end;

	if (names->count > 0)
		return 0;
	if (server_tls_names(dir, held, e))
		return -1;
	name = (const char *)held->ptr;
	end = name + held->len;
	for (; name < end && names->count < ARRAY_LEN(names->at);
	     name += strlen(name) + 1)
		names->at[names->count++] = name;
	return 0;
}

static int collect_names(const struct opt_list *given, const char **names,
			 struct err *e)
{
	if (given->count > INIT_NAMES_MAX - 8)
		return err_set(e, ERR_USAGE, "--name: too many");
	for (size_t i = 0; i < given->count; i++)
		add_name(names, given->at[i]);
	/* The server's own commands reach it here. */
	add_name(names, "localhost");
	add_name(names, "127.0.0.1");
	return 0;
}

static void print_next(const char *dir)
{
	printf("made %s\n"
	       "\n"
	       "next:\n"
	       "  1. give %s/online.pub to the release engineers:\n"
	       "       pawl-signer init REPO --online-key online.pub ...\n"
	       "  2. start the server:\n"
	       "       pawl-server run %s\n"
	       "  3. import what they publish:\n"
	       "       pawl-server release import DIR --operator "
	       "%s/admin/operator.conf\n"
	       "  4. devices get %s/ca.pem in their image (pawl-signer "
	       "factory --server-ca)\n"
	       "\n"
	       "keys/keeper.secret opens the keeper's keys: keep it apart from "
	       "backups of this\n"
	       "folder, or better let [keeper] unlock in server.conf name a "
	       "systemd credential\n"
	       "or a command.\n",
	       dir, dir, dir, dir, dir);
}

int command_init(int argc, char **argv, struct err *e)
{
	struct init_options o = { .environment = ENV_LAB,
				  .device = "0.0.0.0:8443",
				  .enrolment = "0.0.0.0:8444",
				  .people = "127.0.0.1:8445",
				  .admin = "admin" };
	const char *environment = NULL;
	struct opt_list names = { .count = 0 };
	bool json = false;
	const struct opt opts[] = {
		OPT_TEXT("environment", "E", &environment,
			 "demo, lab (default) or production"),
		OPT_LIST("name", "DNS-or-IP", &names,
			 "a name by which devices reach this server"),
		OPT_TEXT("device-listen", "HOST:PORT", &o.device,
			 "for enrolled devices (0.0.0.0:8443)"),
		OPT_TEXT("enrol-listen", "HOST:PORT", &o.enrolment,
			 "for new devices (0.0.0.0:8444)"),
		OPT_TEXT("people-listen", "HOST:PORT", &o.people,
			 "for operators (127.0.0.1:8445)"),
		OPT_TEXT("admin", "NAME", &o.admin, "the first person (admin)"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	char listen[3][46];
	char **operands;
	int count;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1)
		return err_set(e, ERR_USAGE, "name one folder");
	if (environment &&
	    environment_parse(slice_of(environment), &o.environment, e))
		return err_in(e, "--environment");
	if (collect_names(&names, o.names, e))
		return -1;
	if (add_listener_name(o.device, listen[0], sizeof(listen[0]), e))
		add_name(o.names, listen[0]);
	if (add_listener_name(o.enrolment, listen[1], sizeof(listen[1]), e))
		add_name(o.names, listen[1]);
	if (add_listener_name(o.people, listen[2], sizeof(listen[2]), e))
		add_name(o.names, listen[2]);
	o.dir = operands[0];
	if (init_make(&o, e))
		return -1;
	if (json)
		printf("{\"made\":true}\n");
	else
		print_next(o.dir);
	return 0;
}

/* Which file it is in, and until when it is good. */
static int say_certificate(const char *dir, const char *file, struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	char path[PATH_MAX_LEN], end[UTC_TEXT_LEN];
	struct x509_info info;
	struct json *j;
	int rc = text_format(path, sizeof(path), e, "%s/%s", dir, file) ||
				 fs_read_path(path, &pem, e) ||
				 x509_inspect(buf_slice(&pem), &info, e)
			 ? -1
			 : 0;

	buf_done(&pem);
	if (rc)
		return -1;
	utc_format(info.not_after, end);
	j = json_new_object();
	json_set_text(j, "file", path);
	json_set_hex(j, "certificate",
		     (struct slice){ info.fingerprint.bytes, SHA256_LEN });
	json_set_text(j, "ends", end);
	return ui_say_json(j, e);
}

static int renew_with(int argc, char **argv, bool switch_ca, const char *what,
		      struct err *e)
{
	const char *all[INIT_NAMES_MAX + 1] = { NULL };
	struct opt_list names = { .count = 0 };
	const char *reason = NULL;
	bool json = false;
	const struct opt opts[] = {
		OPT_LIST("name", "DNS-or-IP", &names,
			 "a name by which devices reach this server "
			 "(without: those that it has)"),
		OPT_FLAG("json", &json, "print JSON"),
		switch_ca ? (struct opt)OPT_TEXT("reason", "TEXT", &reason,
						 "why, for the log")
			  : (struct opt)OPT_END,
		OPT_END,
	};
	struct buf held = BUF_INIT(X509_PEM_MAX_LEN);
	char **operands;
	int count, rc = -1;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1)
		return err_set(e, ERR_USAGE, "name one folder");
	if (switch_ca && ui_need_reason(reason, e))
		return -1;
	if (keep_names(operands[0], &names, &held, e) == 0 &&
	    collect_names(&names, all, e) == 0)
		rc = switch_ca
			     ? server_tls_switch_ca(operands[0], all, reason, e)
			     : server_tls_renew(operands[0], all, e);
	buf_done(&held);
	if (rc == 0 && json)
		return say_certificate(operands[0], HOME_TLS_PEM, e);
	if (rc == 0)
		printf("%s; restart the server to use it\n", what);
	return rc;
}

int command_tls_renew(int argc, char **argv, struct err *e)
{
	return renew_with(argc, argv, false, "renewed", e);
}

int command_tls_switch_ca(int argc, char **argv, struct err *e)
{
	return renew_with(argc, argv, true, "ca.pem is the next CA now", e);
}

int command_tls_next_ca(int argc, char **argv, struct err *e)
{
	bool json = false;
	const struct opt opts[] = {
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1)
		return err_set(e, ERR_USAGE, "name one folder");
	if (server_tls_next_ca(operands[0], e))
		return -1;
	if (json)
		return say_certificate(operands[0], HOME_NEXT_CA_PEM, e);
	printf("made %s/ca-next.pem: name it in the signed site, then wait "
	       "until devices have it\n",
	       operands[0]);
	return 0;
}
