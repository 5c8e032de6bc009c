/* SPDX-License-Identifier: Apache-2.0 */
/* `audit list`, `audit export DIR`, `audit verify DIR --key FILE`, `audit
 * rotate DIR` and `audit replay DIR LOG`. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"
#include "common/named.h"
#include "common/text.h"
#include "common/utc.h"

#include "update-server/audit_verify.h"
#include "update-server/audit_words.h"
#include "update-server/beside.h"
#include "update-server/commands.h"
#include "update-server/ledger_check.h"
#include "update-server/log_key.h"
#include "update-server/log_mark.h"
#include "update-server/signed_keys.h"
#include "update-server/store.h"
#include "update-server/ui.h"

/* Each line of a list that the server gives in pages. */
typedef int take_line(void *ctx, const char *line, struct err *e);

/* ---- list ---------------------------------------------------------------- */

static int print_record(void *ctx, const char *line, struct err *e)
{
	char words[AUDIT_WORDS_MAX];

	(void)ctx;
	if (audit_words(slice_of(line), words, e))
		return err_in(e, "the server's answer");
	printf("%s\n", words);
	return 0;
}

/* The records themselves, a line each, for other programs. */
static int print_line(void *ctx, const char *line, struct err *e)
{
	(void)ctx;
	(void)e;
	printf("%s\n", line);
	return 0;
}

/* Records from the first on, up to size (0: all that there are). */
static int each_record(struct ui *u, uint64_t size, take_line *take, void *ctx,
		       struct err *e)
{
	uint64_t from = 0;
	size_t count = 1;

	while (count > 0 && (size == 0 || from < size)) {
		struct json *page = NULL;
		const struct json *list;
		char path[64];
		int rc = 0;

		if (text_format(path, sizeof(path), e, "/v1/people/audit/%llu",
				(unsigned long long)from) ||
		    people_get(u->client, path, &page, e))
			return -1;
		list = json_get(page, "records");
		count = json_count(list);
		for (size_t i = 0; rc == 0 && i < count; i++)
			if (size == 0 || from + i < size)
				rc = take(ctx, json_text(json_at(list, i)), e);
		from += count;
		json_free(page);
		if (rc)
			return -1;
	}
	return 0;
}

int command_audit_list(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 0, e) == 0)
		rc = each_record(&u, 0, u.json ? print_line : print_record,
				 NULL, e);
	ui_done(&u);
	return rc;
}

/* ---- export -------------------------------------------------------------- */

static int write_line(void *ctx, const char *line, struct err *e)
{
	const int *fd = ctx;

	if (fs_write(*fd, slice_of(line), e))
		return -1;
	return fs_write(*fd, slice_of("\n"), e);
}

/* Up to one of at least *size records, which is then the one of *size. */
static int each_checkpoint(struct ui *u, uint64_t *size, take_line *take,
			   void *ctx, struct err *e)
{
	int64_t after = 0, last = 0;

	do {
		struct json *page = NULL;
		const struct json *list;
		char path[64];
		int rc = 0;

		after = last;
		if (text_format(path, sizeof(path), e,
				"/v1/people/audit-checkpoints/%lld",
				(long long)after) ||
		    people_get(u->client, path, &page, e))
			return -1;
		list = json_get(page, "checkpoints");
		for (size_t i = 0; rc == 0 && i < json_count(list); i++)
			rc = take(ctx, json_text(json_at(list, i)), e);
		if (json_count(list) > 0)
			last = json_int(json_get(page, "last"));
		json_free(page);
		if (rc)
			return -1;
	} while (last > after && (uint64_t)last < *size);
	*size = (uint64_t)last;
	return 0;
}

static int each_signed(struct ui *u, uint64_t *size, take_line *take, void *ctx,
		       struct err *e)
{
	return each_record(u, *size, take, ctx, e);
}

typedef int each_line(struct ui *u, uint64_t *size, take_line *take, void *ctx,
		      struct err *e);

/* Under another name until all is whole: an export that was cut short looks
 * like none, not like a log that was. */
#define PART ".part"

static int write_part(struct ui *u, int dirfd, const char *name, uint64_t *size,
		      each_line *each, struct err *e)
{
	int fd = -1, rc = -1;

	if (fs_remove(dirfd, name, e) || fs_create(dirfd, name, 0644, &fd, e))
		return -1;
	if (each(u, size, write_line, &fd, e) == 0)
		rc = fs_sync(fd, e);
	fs_close(&fd);
	return rc;
}

/* The checkpoints are read first: others may have more signed meanwhile, and
 * the records of each one that is written must be there. For the same reason
 * they are put in place last. */
static int export(struct ui *u, int dirfd, uint64_t *size, struct err *e)
{
	struct json *head = NULL;
	int64_t at_least;
	int rc = -1;

	if (people_get(u->client, "/v1/people/audit-head", &head, e) ||
	    json_get_int(head, "size", 0, JSON_INT_MAX, &at_least, e))
		goto out;
	*size = (uint64_t)at_least;
	if (write_part(u, dirfd, AUDIT_CHECKPOINTS_FILE PART, size,
		       each_checkpoint, e) ||
	    write_part(u, dirfd, AUDIT_RECORDS_FILE PART, size, each_signed,
		       e) ||
	    fs_rename(dirfd, AUDIT_RECORDS_FILE PART, AUDIT_RECORDS_FILE, e))
		goto out;
	rc = fs_rename(dirfd, AUDIT_CHECKPOINTS_FILE PART,
		       AUDIT_CHECKPOINTS_FILE, e);
out:
	json_free(head);
	return rc;
}

int command_audit_export(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	uint64_t size = 0;
	int dirfd = -1, rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) ||
	    fs_make_dir(u.operands[0], 0755, &dirfd, e) ||
	    export(&u, dirfd, &size, e))
		goto out;
	if (u.json)
		printf("{\"records\":%llu}\n", (unsigned long long)size);
	else
		printf("%llu records; check them with\n"
		       "  pawl-server audit verify %s --key audit.pub\n",
		       (unsigned long long)size, u.operands[0]);
	rc = 0;
out:
	fs_close(&dirfd);
	ui_done(&u);
	return rc;
}

/* ---- verify -------------------------------------------------------------- */

static void print_findings(const struct audit_findings *f, bool json)
{
	char time[UTC_TEXT_LEN];

	utc_format(f->last.time, time);
	if (json) {
		printf("{\"records\":%llu,\"checkpoints\":%llu,"
		       "\"clock_back\":%llu,\"keys\":%zu,"
		       "\"passed_over\":%llu,\"signed\":\"%s\"}\n",
		       (unsigned long long)f->records,
		       (unsigned long long)f->checkpoints,
		       (unsigned long long)f->clock_back, f->keys,
		       (unsigned long long)f->passed_over, time);
		return;
	}
	printf("whole: %llu records, %llu checkpoints, the last of %s\n",
	       (unsigned long long)f->records,
	       (unsigned long long)f->checkpoints, time);
	if (f->keys > 1)
		printf("signed by %zu keys, one after another\n", f->keys);
	if (f->passed_over > 0)
		printf("%llu checkpoints are by keys before the one that was "
		       "named: they were not judged\n",
		       (unsigned long long)f->passed_over);
	if (f->clock_back > 0)
		printf("at %llu records the server's clock had gone back\n",
		       (unsigned long long)f->clock_back);
}

static int read_key(const char *file, struct ec_public *out, struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	int rc = fs_read_path(file, &pem, e) ||
				 ec_public_from_pem(buf_slice(&pem), out, e)
			 ? named_in(e, file)
			 : 0;

	buf_done(&pem);
	return rc;
}

/* By what an export is judged. */
struct judge {
	struct opt_list keys, kept;
	const char *root, *published; /* or what engineers signed */
	const char *ledger;           /* the keeper's own; NULL: none */
};

static int verify(const char *dir, const struct judge *by,
		  struct ledger_check *ledger, struct audit_findings *found,
		  struct err *e)
{
	const struct opt_list *key_files = &by->keys, *kept = &by->kept;
	struct ec_public keys[AUDIT_KEYS_MAX];
	struct log_keys listed;
	struct audit_check check = { .dirfd = -1,
				     .keys = keys,
				     .key_count = key_files->count,
				     .kept = kept->at,
				     .kept_count = kept->count,
				     .visit = ledger_check_see,
				     .ctx = ledger };
	int rc;

	if (check.key_count > ARRAY_LEN(keys))
		return err_set(e, ERR_USAGE, "--key: too many");
	for (size_t i = 0; i < check.key_count; i++)
		if (read_key(key_files->at[i], &keys[i], e))
			return err_in(e, "--key");
	if (by->root) {
		if (signed_keys_load(by->published, by->root, utc_now(),
				     &listed, e))
			return -1;
		check.listed = &listed;
	}
	if (fs_open_dir(dir, &check.dirfd, e))
		return -1;
	rc = audit_verify(&check, found, e);
	fs_close(&check.dirfd);
	return rc;
}

static void tell_certificate(const struct sha256 *certificate,
			     enum ledger_place where)
{
	static const char *const words[] = {
		[LEDGER_LOG] = "audit log alone",
		[LEDGER_SIGNED] = "keeper's ledger alone",
		[LEDGER_TAIL] = "keeper's ledger alone, not signed yet",
	};
	char hex[SHA256_HEX_LEN];

	sha256_format(certificate, hex);
	printf("%s is in the %s\n", hex, words[where]);
}

/* What the keeper says that it made, against what the server says. */
static int check_ledger(struct ledger_check *c, const char *path,
			const struct audit_findings *found, struct err *e)
{
	uint64_t count;

	if (found->last.ledger.size == 0)
		return err_set(e, ERR_UNTRUSTED,
			       "no keeper has signed a ledger in this log");
	if (ledger_check_file(c, path, &found->last.ledger, tell_certificate,
			      &count, e))
		return -1;
	return count == 0 ? 0
			  : err_set(e, ERR_UNTRUSTED,
				    "ledger and log do not name the same "
				    "certificates (%llu): find out about each",
				    (unsigned long long)count);
}

static int verify_both(const char *dir, const struct judge *by,
		       struct audit_findings *found, struct err *e)
{
	struct ledger_check *c = ledger_check_new();
	int rc = verify(dir, by, c, found, e);

	if (rc == 0 && by->ledger)
		rc = check_ledger(c, by->ledger, found, e);
	ledger_check_free(c);
	return rc;
}

int command_audit_verify(int argc, char **argv, struct err *e)
{
	struct audit_findings found;
	struct judge by = { .root = NULL };
	bool json = false;
	const struct opt opts[] = {
		OPT_LIST("key", "FILE", &by.keys, "a log key's public half"),
		OPT_TEXT("root", "FILE", &by.root,
			 "a root: by the keys that engineers signed"),
		OPT_TEXT("published", "DIR", &by.published,
			 "what pawl-signer publish wrote: where they stand"),
		OPT_LIST("checkpoint", "FILE", &by.kept,
			 "a checkpoint that was kept elsewhere"),
		OPT_TEXT("ledger", "FILE", &by.ledger,
			 "the keeper's ledger, to be held against it"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1 || (by.keys.count == 0) == !by.root ||
	    !by.root != !by.published)
		return err_set(e, ERR_USAGE,
			       "name an exported folder, and --key audit.pub "
			       "or --root and --published");
	if (verify_both(operands[0], &by, &found, e))
		return -1;
	print_findings(&found, json);
	return 0;
}

/* ---- rotate -------------------------------------------------------------- */

static int say_key(const char *key, uint64_t record, bool lost, struct err *e)
{
	struct json *j = json_new_object();

	json_set_text(j, "key", key);
	json_set_int(j, "record", (int64_t)record);
	json_set_bool(j, "lost", lost);
	return ui_say_json(j, e);
}

int command_audit_rotate(int argc, char **argv, struct err *e)
{
	struct log_key_change change;
	bool lost = false, json = false;
	const char *reason = NULL;
	const struct opt opts[] = {
		OPT_FLAG("lost", &lost,
			 "the key is gone: nobody hands over to the next"),
		OPT_TEXT("reason", "TEXT", &reason,
			 "why, for the log; needed where it is lost"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	char **operands, key[SHA256_HEX_LEN];
	int count;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1)
		return err_set(e, ERR_USAGE,
			       "name the server's folder (the server does not "
			       "run)");
	if ((lost && ui_need_reason(reason, e)) ||
	    log_key_change(operands[0], lost, reason, &change, e))
		return -1;
	sha256_format(&change.to, key);
	if (json)
		return say_key(key, change.record, lost, e);
	printf("the log's key is %s now, by record %llu\n", key,
	       (unsigned long long)change.record);
	if (lost)
		printf("give %s/audit.pub to the auditors yourself: no "
		       "signature tells them that it is yours\n",
		       operands[0]);
	return 0;
}

/* ---- replay -------------------------------------------------------------- */

struct replay {
	struct store *store;
	uint64_t size;         /* what the server has */
	struct sha256 log_key; /* whose it is; then whose the log says it is */
	bool other_key;
	uint64_t imports; /* among what came back, which bring no file */
};

static int replay_record(void *ctx, const struct audit_record *r, struct err *e)
{
	struct replay *p = ctx;
	struct sha256 next;

	if (r->act == AUDIT_LOG_KEY) {
		if (json_get_hex(r->objects, "key", next.bytes, SHA256_LEN, e))
			return -1;
		p->other_key = !sha256_equal(&next, &p->log_key);
	}
	p->imports += r->act == AUDIT_IMPORT && r->number >= p->size;
	return store_replay_take(p->store, r, p->size, e);
}

/* Nothing is taken over but after the whole export was found true. */
static int replay_all(struct replay *p, const struct audit_check *check,
		      struct audit_findings *found, struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = utc_now() };
	struct audit_check again = *check;
	int rc;

	if (audit_verify(check, found, e) ||
	    store_replay_begin(p->store, &p->size, e))
		return -1;
	again.visit = replay_record;
	again.ctx = p;
	rc = audit_verify(&again, found, e);
	if (rc == 0 && found->records <= p->size)
		rc = err_set(e, ERR_CONFLICT,
			     "nothing to replay: the server has all %llu "
			     "records of this export",
			     (unsigned long long)found->records);
	return store_replay_end(p->store, rc, p->size, found->records - p->size,
				&by, e);
}

/* Unless more was signed than came back. */
static int drop_mark(const char *dir, uint64_t records, struct err *e)
{
	uint64_t wanted;
	int dirfd = -1, rc = 0;

	if (fs_open_dir(dir, &dirfd, e))
		return -1;
	wanted = log_mark_read(dirfd);
	if (wanted == STORE_BEHIND_UNKNOWN || wanted <= records)
		rc = log_mark_drop(dirfd, e);
	fs_close(&dirfd);
	return rc;
}

static int replay(const char *dir, const struct audit_check *asked,
		  struct replay *p, struct audit_findings *found, struct err *e)
{
	struct audit_check check = *asked;
	char path[PATH_MAX_LEN];
	enum environment ignored;
	struct ec_public key;
	int lock = -1, rc = -1;

	if (text_format(path, sizeof(path), e, "%s/audit.pub", dir) ||
	    read_key(path, &key, e) || beside_lock(dir, &lock, e))
		return -1;
	ec_public_fingerprint(&key, &p->log_key);
	check.keys = &key;
	check.key_count = 1;
	if (beside_open_store(dir, &ignored, &p->store, e) == 0) {
		store_set_behind(p->store, 0); /* this is what makes it whole */
		rc = replay_all(p, &check, found, e);
	}
	if (rc == 0)
		rc = drop_mark(dir, found->records, e);
	store_close(p->store);
	fs_close(&lock);
	return rc;
}

static int say_replayed(uint64_t records, const struct replay *p, struct err *e)
{
	struct json *j = json_new_object();

	json_set_int(j, "records", (int64_t)records);
	json_set_int(j, "imports", (int64_t)p->imports);
	json_set_bool(j, "other_key", p->other_key);
	return ui_say_json(j, e);
}

int command_audit_replay(int argc, char **argv, struct err *e)
{
	struct opt_list kept = { .count = 0 };
	bool json = false;
	const struct opt opts[] = {
		OPT_LIST("checkpoint", "FILE", &kept,
			 "a checkpoint that was kept elsewhere"),
		OPT_FLAG("json", &json, "print JSON"),
		OPT_END,
	};
	struct audit_check check = { .dirfd = -1 };
	struct audit_findings found = { .records = 0 };
	struct replay p = { .store = NULL };
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 2)
		return err_set(e, ERR_USAGE,
			       "name the server's folder (the server does not "
			       "run) and an exported log");
	check.kept = kept.at;
	check.kept_count = kept.count;
	if (fs_open_dir(operands[1], &check.dirfd, e))
		return -1;
	rc = replay(operands[0], &check, &p, &found, e);
	fs_close(&check.dirfd);
	if (rc == 0 && json)
		return say_replayed(found.records - p.size, &p, e);
	if (rc == 0)
		printf("%llu records came back; every rollout is paused: look "
		       "at them, and resume\n",
		       (unsigned long long)(found.records - p.size));
	if (rc == 0 && p.imports > 0)
		printf("%llu imports of metadata are among them, and the "
		       "metadata is that of the backup: start the server, and "
		       "release import what was published last\n",
		       (unsigned long long)p.imports);
	if (rc == 0 && p.other_key)
		printf("the log has another key since this backup: bring "
		       "keys/audit.key and audit.pub back as they were, or "
		       "make a new one: pawl-server audit rotate %s --lost "
		       "--reason TEXT\n",
		       operands[0]);
	return rc;
}
