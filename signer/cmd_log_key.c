/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_log_key - which keys may sign the server's audit log, and until when. */
#include <string.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "common/log_keys.h"
#include "common/named.h"
#include "common/opt.h"
#include "common/utc.h"
#include "signer/commands.h"
#include "signer/document.h"
#include "signer/watch.h"

#define DAYS_DEFAULT 365

static int read_public(const char *file, struct ec_public *out, struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	int rc = fs_read_path(file, &pem, e) ||
				 ec_public_from_pem(buf_slice(&pem), out, e)
			 ? -1
			 : 0;

	buf_done(&pem);
	return rc ? named_in(e, file) : 0;
}

/* What is listed now; none is an empty list. */
static int load_old(const struct repo *r, struct log_keys *out, struct err *e)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct err why = { 0 };
	struct json *j = NULL;
	int rc;

	out->count = 0;
	if (document_get(r, "targets", LOG_KEYS_PATH, &j, &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	rc = json_canonical(j, &bytes, e) ||
			     log_keys_parse(buf_slice(&bytes), out, e)
		     ? -1
		     : 0;
	json_free(j);
	buf_done(&bytes);
	return rc;
}

/* The newest first; what a key signed in its time stays good, so the former
 * ones stay, with their ends, as long as there is room. */
static int add_old(const struct log_keys *old, struct log_keys *k,
		   struct err *e)
{
	for (size_t i = 0; i < old->count; i++) {
		if (log_keys_find(k, &old->at[i].key) < k->count)
			return err_set(
				e, ERR_REFUSED,
				"this key is listed already, and no key "
				"signs for longer than it was given: "
				"pawl-server audit rotate makes another");
		if (k->count < LOG_KEYS_MAX)
			k->at[k->count++] = old->at[i];
	}
	return 0;
}

struct asked {
	const char *repo;
	char **files;
	size_t count;
	uint64_t days;
};

static int collect(const struct asked *a, const struct repo *r,
		   struct log_keys *k, struct err *e)
{
	if (a->count > LOG_KEYS_MAX)
		return err_set(e, ERR_USAGE, "at most %d keys", LOG_KEYS_MAX);
	for (size_t i = 0; i < a->count; i++) {
		struct ec_public key;

		if (read_public(a->files[i], &key, e) ||
		    key_check_allowed(&key, r->environment, e))
			return -1;
		if (log_keys_find(k, &key) < k->count)
			return err_set(e, ERR_USAGE, "%s: given twice",
				       a->files[i]);
		k->at[k->count].key = key;
		k->at[k->count++].until =
			k->issued + (int64_t)a->days * UTC_DAY;
	}
	return 0;
}

static int stage(const struct asked *a, struct report *out, struct err *e)
{
	struct log_keys k = { .issued = utc_now() }, old;
	char until[UTC_TEXT_LEN];
	struct json *j;
	struct repo r;
	int rc = -1;

	if (watch_open(a->repo, REPO_WRITE, &r, out, e))
		return -1;
	if (collect(a, &r, &k, e) == 0 && load_old(&r, &old, e) == 0 &&
	    add_old(&old, &k, e) == 0) {
		j = log_keys_format(&k);
		rc = document_put(
			&r, &(struct document){ "targets", LOG_KEYS_PATH, j },
			k.issued, out, e);
		json_free(j);
	}
	repo_close(&r);
	if (rc)
		return -1;
	utc_format(k.at[0].until, until);
	report_line(out,
		    "staged in targets: %zu keys of the audit log, the new "
		    "until %s",
		    k.count, until);
	return 0;
}

int cmd_log_key(int argc, char **argv, struct err *e)
{
	struct asked a = { .days = DAYS_DEFAULT };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_NUMBER("days", "N", &a.days, LOG_KEYS_DAYS_MAX,
			   "for how long it may sign (365)"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc = -1;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count < 2 || a.days == 0) {
		err_set(e, ERR_USAGE,
			"a REPO is needed, and audit.pub of the "
			"server");
	} else {
		a.repo = operands[0];
		a.files = operands + 1;
		a.count = (size_t)count - 1;
		rc = stage(&a, &out, e);
	}
	return report_end(&out, rc, e);
}
