/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/log_key.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/passphrase.h"

#include "update-server/beside.h"
#include "update-server/config.h"
#include "update-server/keeper.h"
#include "update-server/keeper_office.h"
#include "update-server/store.h"
#include "update-server/unlock.h"

#define NEXT_KEY "keys/audit-next.key"

struct change {
	int dirfd;
	enum environment environment;
	struct buf secret;
	struct ec_private *former, *next; /* former: NULL if it was lost */
	struct ec_public former_public, next_public;
	struct store *store;
	const char *reason;
	struct log_key_change out;
};

/* ---- keys ---------------------------------------------------------------- */

static int open_former(struct change *c, bool lost, struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct keyfile_info info;
	struct ec_public own;
	int rc = -1;

	if (fs_read_file(c->dirfd, KEEPER_LOG_PUB, &pem, e) ||
	    ec_public_from_pem(buf_slice(&pem), &c->former_public, e)) {
		err_in(e, KEEPER_LOG_PUB);
		goto out;
	}
	ec_public_fingerprint(&c->former_public, &c->out.from);
	rc = 0;
	if (lost)
		goto out;
	rc = -1;
	if (fs_read_file(c->dirfd, KEEPER_LOG_KEY, &file, e) ||
	    keyfile_open(buf_slice(&file), buf_slice(&c->secret), &c->former,
			 &info, e)) {
		err_in(e,
		       KEEPER_LOG_KEY " (if it is lost: --lost --reason TEXT)");
		goto out;
	}
	ec_public_of(c->former, &own);
	rc = ec_public_equal(&own, &c->former_public)
		     ? 0
		     : err_set(e, ERR_CONFLICT,
			       KEEPER_LOG_PUB
			       " is not the public half of " KEEPER_LOG_KEY);
out:
	buf_done(&pem);
	buf_done(&file);
	return rc;
}

static int make_next(struct change *c, struct err *e)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	int rc = -1;

	if (ec_generate(&c->next, e) ||
	    keyfile_seal(c->next, c->environment, "log", buf_slice(&c->secret),
			 &file, e) ||
	    fs_replace_file(c->dirfd, NEXT_KEY, buf_slice(&file), 0600, e))
		goto out;
	ec_public_of(c->next, &c->next_public);
	ec_public_fingerprint(&c->next_public, &c->out.to);
	rc = 0;
out:
	buf_done(&file);
	return rc;
}

static int write_public(struct change *c, const char *name,
			const struct ec_public *key, struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	int rc = ec_public_to_pem(key, &pem, e) ||
				 fs_replace_file(c->dirfd, name,
						 buf_slice(&pem), 0644, e)
			 ? -1
			 : 0;

	buf_done(&pem);
	return rc;
}

/* The private half first: it is what the log's next checkpoint needs. */
static int put_in_place(struct change *c, struct err *e)
{
	return write_public(c, KEEPER_FORMER_PUB, &c->former_public, e) ||
			       fs_rename(c->dirfd, NEXT_KEY, KEEPER_LOG_KEY,
					 e) ||
			       write_public(c, KEEPER_LOG_PUB, &c->next_public,
					    e)
		       ? -1
		       : 0;
}

/* ---- the log ------------------------------------------------------------- */

static int record(struct change *c, bool lost, struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM,
				     .now = utc_now(),
				     .reason = c->reason };
	struct audit_record r;

	if (store_audit_size(c->store, &c->out.record, e) ||
	    store_key_take(c->store, &c->out.to, "audit log key", e))
		return -1;
	audit_record_init(&r, AUDIT_LOG_KEY, &by);
	audit_set_digest(&r, "from", &c->out.from);
	audit_set_digest(&r, "key", &c->out.to);
	json_set_hex(r.objects, "point",
		     (struct slice){ c->next_public.point, EC_POINT_LEN });
	json_set_int(r.objects, "lost", lost);
	return store_log(c->store, &r, e);
}

static int ask(struct keeper_office *o, struct keeper_request *q,
	       enum keeper_op op, struct keeper_answer *a, struct err *e)
{
	q->op = op;
	keeper_office_do(o, q, utc_now(), a);
	if (a->failure.code == ERR_NONE)
		return 0;
	*e = a->failure;
	return -1;
}

/* As the keeper does it, from its memory of what was signed. */
static int sign_last(struct change *c, struct keeper_office *o, struct err *e)
{
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	int rc = ask(o, q, KEEPER_HEAD, a, e) ||
				 store_audit_prove(c->store, a->head.size,
						   &q->head, &q->proof, e) ||
				 ask(o, q, KEEPER_CHECKPOINT, a, e) ||
				 store_checkpoint_put(c->store, q->head.size,
						      a->checkpoint, e)
			 ? -1
			 : 0;

	free(q);
	free(a);
	return rc;
}

/* Nothing is added to a log that is not the one that was signed. */
static int check_log(struct change *c, struct keeper_office *o, struct err *e)
{
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	int rc = ask(o, q, KEEPER_HEAD, a, e) ||
				 store_audit_prove(c->store, a->head.size,
						   &q->head, &q->proof, e) ||
				 merkle_check_consistency(&a->head, &q->head,
							  &q->proof, e)
			 ? -1
			 : 0;

	free(q);
	free(a);
	return rc ? err_in(e, "audit log") : 0;
}

static int open_office(struct change *c, struct keeper_office **out,
		       struct err *e)
{
	const struct keeper_setup setup = { .dirfd = c->dirfd,
					    .environment = c->environment,
					    .log = c->former,
					    .ca_pem = "" };

	c->former = NULL; /* taken over, also by an opening that failed */
	return keeper_office_open(&setup, out, e);
}

/* ---- all of it ----------------------------------------------------------- */

static int change(struct change *c, const struct config *config, bool lost,
		  struct err *e)
{
	struct keeper_office *o = NULL;
	int rc = -1;

	if (fs_open_dir(config->dir, &c->dirfd, e) ||
	    unlock_read(config->keeper_unlock, config->dir, &c->secret, e) ||
	    open_former(c, lost, e) ||
	    beside_open_store(config->dir, &c->environment, &c->store, e) ||
	    open_office(c, &o, e))
		return -1;
	if (check_log(c, o, e) == 0 && make_next(c, e) == 0 &&
	    record(c, lost, e) == 0 && (lost || sign_last(c, o, e) == 0))
		rc = put_in_place(c, e);
	keeper_office_close(o);
	return rc;
}

int log_key_change(const char *dir, bool lost, const char *reason,
		   struct log_key_change *out, struct err *e)
{
	struct change c = { .dirfd = -1,
			    .reason = reason,
			    .secret = BUF_SECRET(PASSPHRASE_MAX_LEN) };
	struct config config = { 0 };
	int lock = -1, rc = -1;

	if (config_load(dir, NULL, &config, e))
		return -1;
	if (beside_lock(config.dir, &lock, e) == 0)
		rc = change(&c, &config, lost, e);
	if (rc == 0)
		*out = c.out;
	store_close(c.store);
	ec_free(c.former);
	ec_free(c.next);
	buf_wipe(&c.secret);
	fs_close(&c.dirfd);
	fs_close(&lock);
	config_done(&config);
	return rc;
}
