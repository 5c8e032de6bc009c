/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper_log.h"

#include <string.h>

#include "common/fs.h"
#include "common/json.h"

#define AUDIT_FILE "keeper/audit.json"
#define FILE_MAX   16384

/* A keeper of before has signed none. */
static int read_ledger_head(const struct json *j, struct merkle_head *out,
			    struct err *e)
{
	int64_t size;

	if (!json_get(j, "ledger_size"))
		return 0;
	if (json_get_int(j, "ledger_size", 0, JSON_INT_MAX, &size, e) ||
	    json_get_hex(j, "ledger_root", out->root.bytes, SHA256_LEN, e))
		return -1;
	out->size = (uint64_t)size;
	return 0;
}

int keeper_log_open(struct keeper_log *l, struct err *e)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct audit_checkpoint c = { 0 };
	struct json *j = NULL;
	int64_t size;
	struct err why;
	int rc = -1;

	if (fs_read_file(l->dirfd, AUDIT_FILE, &file, &why)) {
		if (why.code == ERR_NOT_FOUND)
			rc = 0; /* nothing was signed yet */
		else
			*e = why;
		goto out;
	}
	if (json_parse(buf_slice(&file), &j, e) ||
	    json_get_int(j, "size", 0, JSON_INT_MAX, &size, e) ||
	    json_get_int(j, "time", 0, JSON_INT_MAX, &c.time, e) ||
	    json_get_hex(j, "root", c.head.root.bytes, SHA256_LEN, e) ||
	    read_ledger_head(j, &c.ledger, e)) {
		err_in(e, AUDIT_FILE);
		goto out;
	}
	c.head.size = (uint64_t)size;
	l->last = c;
	rc = 0;
out:
	json_free(j);
	buf_done(&file);
	return rc;
}

static int save(struct keeper_log *l, const struct audit_checkpoint *c,
		struct err *e)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct json *j = json_new_object();
	int rc = -1;

	json_set_int(j, "size", (int64_t)c->head.size);
	json_set_int(j, "time", c->time);
	json_set_hex(j, "root",
		     (struct slice){ c->head.root.bytes, SHA256_LEN });
	json_set_int(j, "ledger_size", (int64_t)c->ledger.size);
	json_set_hex(j, "ledger_root",
		     (struct slice){ c->ledger.root.bytes, SHA256_LEN });
	if (json_print(j, true, &file, e) == 0)
		rc = fs_replace_file(l->dirfd, AUDIT_FILE, buf_slice(&file),
				     0600, e);
	if (rc == 0)
		l->last = *c;
	json_free(j);
	buf_done(&file);
	return rc;
}

int keeper_log_sign(struct keeper_log *l, const struct keeper_request *q,
		    const struct ledger *ledger, int64_t now,
		    struct keeper_answer *a, struct err *e)
{
	struct buf text = BUF_INIT(AUDIT_CHECKPOINT_MAX);
	struct audit_checkpoint c = { .head = q->head,
				      .ledger = l->last.ledger,
				      .time = now };
	int rc = -1;

	if (merkle_check_consistency(&l->last.head, &q->head, &q->proof, e))
		return err_in(e,
			      "audit log against the checkpoint of %llu "
			      "records that was signed last",
			      (unsigned long long)l->last.head.size);
	if (c.time < l->last.time)
		c.time = l->last.time;
	if (ledger)
		ledger_head(ledger, &c.ledger);
	if (save(l, &c, e) == 0 &&
	    audit_checkpoint_sign(&c, l->key, &text, e) == 0) {
		memcpy(a->checkpoint, buf_text(&text), text.len + 1);
		rc = 0;
	}
	buf_done(&text);
	return rc;
}
