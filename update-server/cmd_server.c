/* SPDX-License-Identifier: Apache-2.0 */
/* `server backup`, `server restore`, `server check`: by who installs it. */
#include <stdio.h>

#include "common/fs.h"
#include "common/opt.h"
#include "common/text.h"
#include "common/utc.h"

#include "update-server/backup.h"
#include "update-server/backup_note.h"
#include "update-server/beside.h"
#include "update-server/blobs.h"
#include "update-server/ca_record.h"
#include "update-server/commands.h"
#include "update-server/config.h"
#include "update-server/store.h"
#include "update-server/store_return.h"
#include "update-server/ui.h"

#define DRAIN_WITHIN 40
#define DRAIN_MAX    3600

static int parse(int argc, char **argv, const struct opt *opts, int wanted,
		 char ***operands, struct err *e)
{
	int count;

	if (opt_parse(argc, argv, opts, operands, &count, e))
		return -1;
	return count == wanted ? 0
			       : err_set(e, ERR_USAGE,
					 wanted == 1 ? "name the server's "
						       "folder"
						     : "name two folders: "
						       "from, to");
}

static uint64_t bytes_of(const struct backup_list *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->count; i++)
		sum += l->files[i].len;
	return sum;
}

static int say_backup(const char *what, const struct backup_list *l,
		      struct err *e)
{
	struct json *j = json_new_object();

	json_set_text(j, "done", what);
	json_set_int(j, "files", (int64_t)l->count);
	json_set_int(j, "bytes", (int64_t)bytes_of(l));
	json_set_int(j, "records", (int64_t)l->records);
	return ui_say_json(j, e);
}

static void say(const char *what, const struct backup_list *l)
{
	char size[16];

	text_size(bytes_of(l), size);
	printf("%s %zu files, %s, %llu records of the audit log\n", what,
	       l->count, size, (unsigned long long)l->records);
}

int command_server_backup(int argc, char **argv, struct err *e)
{
	struct backup_list l = { 0 };
	bool lean = false, json = false, runs = false;
	const struct opt opts[] = {
		OPT_FLAG("without-payloads", &lean,
			 "leave out what `release import` brings again"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int rc = -1;

	if (parse(argc, argv, opts, 2, &operands, e) == 0)
		rc = backup_make(operands[0], operands[1], !lean, &l, &runs, e);
	if (rc == 0 && backup_note(operands[0], utc_now(), e))
		rc = err_in(e, "the backup is whole, but not noted");
	if (rc == 0 && json) {
		rc = say_backup("saved", &l, e);
	} else if (rc == 0) {
		say("saved", &l);
		printf("the keys are not in it: keep %s/keys apart\n",
		       operands[0]);
		if (!runs)
			printf("no server runs: the audit log has it at the "
			       "next start\n");
	}
	backup_list_done(&l);
	return rc;
}

int command_server_restore(int argc, char **argv, struct err *e)
{
	struct backup_list l = { 0 };
	const char *reason = NULL;
	bool json = false;
	const struct opt opts[] = {
		OPT_TEXT("reason", "TEXT", &reason, "why, for the log"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int rc = -1;

	if (parse(argc, argv, opts, 2, &operands, e) == 0 &&
	    ui_need_reason(reason, e) == 0)
		rc = backup_restore(operands[0], operands[1], reason, &l, e);
	if (rc == 0 && json) {
		rc = say_backup("restored", &l, e);
	} else if (rc == 0) {
		say("restored", &l);
		if (backup_missing_keys(operands[1]) > 0)
			printf("bring the keys back to %s/keys, mode 0600\n",
			       operands[1]);
		printf("it comes up with every rollout paused; if the audit "
		       "log lacks something that was\nsigned, bring that back "
		       "first: pawl-server audit replay\n");
	}
	backup_list_done(&l);
	return rc;
}

/* ---- check --------------------------------------------------------------- */

struct payloads {
	int dirfd;
	size_t count;
	int64_t readopt_since; /* 0: closed */
};

static int check_payload(void *ctx, const struct sha256 *digest,
			 uint64_t length, struct err *e)
{
	struct payloads *p = ctx;
	char hex[SHA256_HEX_LEN];
	struct sha256 is;
	uint64_t len;
	int fd = -1, rc = -1;

	sha256_format(digest, hex);
	if (blobs_open(p->dirfd, digest, &fd, &len, e) ||
	    sha256_of_range(fd, 0, len, &is, e))
		goto out;
	rc = len == length && sha256_equal(&is, digest)
		     ? 0
		     : err_set(e, ERR_UNTRUSTED,
			       "its file holds something else");
	p->count++;
out:
	fs_close(&fd);
	return rc ? err_in(e, "payload %.16s", hex) : 0;
}

static int check(const char *dir, struct payloads *p, struct err *e)
{
	enum environment environment;
	struct config c = { 0 };
	struct store *s = NULL;
	int rc = -1;

	if (config_load(dir, NULL, &c, e) || fs_open_dir(dir, &p->dirfd, e) ||
	    beside_open_store(dir, &environment, &s, e) || store_check(s, e) ||
	    ca_record_check(&c, s, e) ||
	    store_readopt_since(s, &p->readopt_since, e))
		goto out;
	rc = store_payload_each(s, check_payload, p, e);
out:
	store_close(s);
	fs_close(&p->dirfd);
	config_done(&c);
	return rc;
}

static void say_readopt(int64_t since)
{
	char text[UTC_TEXT_LEN];

	if (since == 0)
		return;
	utc_format(since, text);
	printf("since %s devices that it does not know may come back; when "
	       "all have, an\nadmin ends that: pawl-server server "
	       "close-readopt\n",
	       text);
}

static int say_check(const struct payloads *p, struct err *e)
{
	struct json *j = json_new_object();
	char text[UTC_TEXT_LEN] = "";

	if (p->readopt_since != 0)
		utc_format(p->readopt_since, text);
	json_set_int(j, "payloads", (int64_t)p->count);
	json_set_text(j, "readopt", text);
	return ui_say_json(j, e);
}

int command_server_check(int argc, char **argv, struct err *e)
{
	struct payloads p = { .dirfd = -1 };
	bool json = false;
	const struct opt opts[] = {
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	char **operands;

	if (parse(argc, argv, opts, 1, &operands, e) ||
	    check(operands[0], &p, e))
		return -1;
	if (backup_missing_keys(operands[0]) > 0)
		return err_set(e, ERR_NOT_FOUND,
			       "the server does not start without its keys");
	if (json)
		return say_check(&p, e);
	printf("configuration, database, audit log, keys' files and %zu "
	       "payloads are what they were\n",
	       p.count);
	say_readopt(p.readopt_since);
	return 0;
}

int command_server_drain(int argc, char **argv, struct err *e)
{
	uint64_t within = DRAIN_WITHIN;
	struct beside_drained end = { .ran = false };
	char text[64];
	const char *reason = NULL;
	bool json = false;
	const struct opt opts[] = {
		OPT_NUMBER("within", "SEC", &within, DRAIN_MAX,
			   "what is under way is cut off then (40)"),
		OPT_TEXT("reason", "TEXT", &reason, "why, for the log"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	char **operands;

	if (parse(argc, argv, opts, 1, &operands, e))
		return -1;
	if (within == 0)
		return err_set(e, ERR_USAGE, "--within: 1 to %d seconds",
			       DRAIN_MAX);
	if (ui_need_reason(reason, e) ||
	    beside_drain(operands[0], within, reason, &end, e))
		return -1;
	(void)snprintf(text, sizeof(text), "{\"ran\":%s,\"cut\":%llu}",
		       end.ran ? "true" : "false", (unsigned long long)end.cut);
	if (json)
		program_print_json(text);
	else if (end.cut == 0)
		printf(end.ran ? "drained: the server has ended\n"
			       : "no server runs there\n");
	if (end.cut == 0)
		return 0;
	return err_set(e, ERR_NETWORK,
		       "the server has ended, and cut %llu requests off that "
		       "took longer: give them more time, --within",
		       (unsigned long long)end.cut);
}
