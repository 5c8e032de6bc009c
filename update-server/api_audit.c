/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log as people read it, and its checkpoints. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/log_mark.h"
#include "update-server/store_recorded.h"

#define PAGE          500 /* records or checkpoints of one answer */
#define MARK_MAX      2048
#define EXPORTED_NAME "checkpoint.json"

/* ---- checkpoints --------------------------------------------------------- */

/* Where something else than this machine sees it (docs/audit-log.md). */
static int export_checkpoint(struct server_api *api, const char *text,
			     struct err *e)
{
	struct buf line = BUF_INIT(AUDIT_CHECKPOINT_MAX + 1);
	int dirfd = -1, rc = -1;

	if (fs_make_dir(api->config->audit_export, 0700, &dirfd, e) == 0 &&
	    buf_addf(&line, e, "%s\n", text) == 0)
		rc = fs_replace_file(dirfd, EXPORTED_NAME, buf_slice(&line),
				     0644, e);
	fs_close(&dirfd);
	buf_done(&line);
	return rc ? err_in(e, "[audit] export") : 0;
}

/* What the keeper has signed is where the proof must start, also after a crash
 * between its signature and our note of it. */
static int ask_keeper(struct server_api *api, struct keeper_request *q,
		      struct keeper_answer *a, struct err *e)
{
	q->op = KEEPER_HEAD;
	if (keeper_ask(api->keeper, q, a, e) ||
	    store_audit_prove(api->store, a->head.size, &q->head, &q->proof, e))
		return -1;
	q->op = KEEPER_CHECKPOINT;
	return keeper_ask(api->keeper, q, a, e);
}

static int make_checkpoint(struct server_api *api, struct err *e)
{
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	int rc = -1;

	if (ask_keeper(api, q, a, e) == 0 &&
	    store_checkpoint_put(api->store, q->head.size, a->checkpoint, e) ==
		    0)
		rc = export_checkpoint(api, a->checkpoint, e);
	free(q);
	free(a);
	return rc;
}

/* By our key or, since that was changed, by the one before it. */
static int open_own(struct server_api *api, struct slice text,
		    struct audit_checkpoint *out, struct err *e)
{
	static const char *const names[] = { KEEPER_LOG_PUB,
					     KEEPER_FORMER_PUB };
	struct err why = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
		struct ec_public key;
		int rc = fs_read_file(api->dirfd, names[i], &pem, &why) ||
					 ec_public_from_pem(buf_slice(&pem),
							    &key, &why) ||
					 audit_checkpoint_open(text, &key, out,
							       &why)
				 ? -1
				 : 0;

		buf_done(&pem);
		if (rc == 0)
			return 0;
		if (i == 0 || why.code != ERR_NOT_FOUND)
			*e = why;
	}
	return -1;
}

/* The keeper certifies, and takes words, of which our log says nothing: what it
 * noted is signed soon, also where nobody acts. */
static int ledger_grew(struct server_api *api, const char *text, bool *grew,
		       struct err *e)
{
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	struct audit_checkpoint c;
	int rc = -1;

	q->op = KEEPER_HEAD;
	if (keeper_ask(api->keeper, q, a, e) == 0 &&
	    open_own(api, slice_of(text), &c, e) == 0) {
		*grew = a->ledger_size > c.ledger.size;
		rc = 0;
	}
	free(q);
	free(a);
	return rc;
}

/* An export that failed is tried again, also when nothing was added since. */
static int checkpoint(struct server_api *api, struct err *e)
{
	char text[AUDIT_CHECKPOINT_MAX + 1];
	uint64_t size, signed_size;
	bool grew = false;

	/* What tells that something is missing must not be written over. */
	if (store_check_whole(api->store, e) ||
	    store_audit_size(api->store, &size, e) ||
	    store_checkpoint_latest(api->store, &signed_size, text, e))
		return -1;
	if (size == signed_size && size > 0 && ledger_grew(api, text, &grew, e))
		return -1;
	if (size != signed_size || grew)
		return make_checkpoint(api, e);
	if (size == api->exported)
		return 0;
	return export_checkpoint(api, text, e);
}

int api_checkpoint(struct server_api *api, struct err *e)
{
	uint64_t size;
	char text[AUDIT_CHECKPOINT_MAX + 1];
	int rc;

	(void)pthread_mutex_lock(&api->checkpointing);
	rc = checkpoint(api, e);
	if (rc == 0)
		rc = store_checkpoint_latest(api->store, &size, text, e);
	if (rc == 0)
		api->exported = size;
	(void)pthread_mutex_unlock(&api->checkpointing);
	return rc;
}

int api_audit_head(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	char text[AUDIT_CHECKPOINT_MAX + 1];
	uint64_t size;
	struct json *j;

	(void)q;
	if (api_checkpoint(api, e) ||
	    store_checkpoint_latest(api->store, &size, text, e))
		return -1;
	j = api_answer();
	json_set_int(j, "size", (int64_t)size);
	json_set_text(j, "checkpoint", text);
	return response_json(a, 200, j, e);
}

/* ---- after a restore ----------------------------------------------------- */

/* How many records were signed, if ours are not those; else 0. */
static int compare_with(struct server_api *api, const struct merkle_head *known,
			uint64_t size, uint64_t *behind, struct err *e)
{
	struct sha256 root = { { 0 } };

	if (known->size <= size &&
	    store_audit_root(api->store, known->size, &root, e))
		return -1;
	*behind = known->size > 0 && !sha256_equal(&root, &known->root)
			  ? known->size
			  : 0;
	return 0;
}

/* What lies in the export folder; a head of size 0 if there is nothing. */
static int read_exported(struct server_api *api, struct merkle_head *out,
			 struct err *e)
{
	struct buf text = BUF_INIT(AUDIT_CHECKPOINT_MAX + 1);
	struct audit_checkpoint c = { .time = 0 };
	char path[PATH_MAX_LEN];
	int rc = -1;

	if (text_format(path, sizeof(path), e, "%s/" EXPORTED_NAME,
			api->config->audit_export))
		return -1;
	if (fs_read_path(path, &text, e))
		rc = e->code == ERR_NOT_FOUND ? 0 : -1;
	else if (open_own(api, buf_slice(&text), &c, e) == 0)
		rc = 0;
	else if (e->code == ERR_UNTRUSTED)
		err_in(e, "this server's log key did not sign it (a restored "
			  "backup? bring keys/audit.key and audit.pub back as "
			  "they were, or move it away)");
	*out = c.head;
	buf_done(&text);
	return rc ? err_in(e, "%s", path) : 0;
}

static int ask_head(struct server_api *api, struct merkle_head *out,
		    struct err *e)
{
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	int rc;

	q->op = KEEPER_HEAD;
	rc = keeper_ask(api->keeper, q, a, e);
	*out = a->head;
	free(q);
	free(a);
	return rc;
}

static void note_missing(void *ctx, const struct store_missing *m)
{
	bool *older = ctx;

	(void)m;
	*older = true;
}

bool api_metadata_is_older(struct server_api *api)
{
	bool older = false;
	struct err ignored; /* who asks looks at the database by himself */

	return store_missing_each(api->store, note_missing, &older, &ignored) ==
		       0 &&
	       older;
}

static void log_missing(void *ctx, const struct store_missing *m)
{
	(void)ctx;
	log_event(LOG_ERROR, "metadata-behind",
		  "role=%s recorded=%lld here=%lld hint=\"it was imported "
		  "before the backup was restored: release import what was "
		  "published last; what operators signed, they sign anew, with "
		  "a higher version\"",
		  m->role, (long long)m->recorded, (long long)m->here);
}

static int check_import(struct server_api *api, struct err *e)
{
	return store_missing_each(api->store, log_missing, NULL, e);
}

int api_check_log(struct server_api *api, struct err *e)
{
	struct merkle_head signed_head, exported;
	uint64_t size, first, second;

	if (store_audit_size(api->store, &size, e) ||
	    ask_head(api, &signed_head, e) ||
	    read_exported(api, &exported, e) ||
	    compare_with(api, &signed_head, size, &first, e) ||
	    compare_with(api, &exported, size, &second, e))
		return -1;
	if (first == 0 && second == 0)
		return log_mark_drop(api->dirfd, e) || check_import(api, e) ? -1
									    : 0;
	if (second > first)
		first = second;
	if (log_mark_put(api->dirfd, first, e))
		return -1;
	api->behind = true;
	store_set_behind(api->store, first);
	log_event(LOG_ERROR, "log-behind",
		  "records=%llu signed=%llu hint=\"was a backup restored? "
		  "pawl-server audit replay\"",
		  (unsigned long long)size, (unsigned long long)first);
	return 0;
}

/* Of a mark that was made by hand nobody knows why. */
static void read_mark(struct server_api *api, char reason[STAGE_REASON_MAX])
{
	struct buf text = BUF_INIT(MARK_MAX);
	struct json *j = NULL;
	struct err none;

	reason[0] = 0;
	if (fs_read_file(api->dirfd, STORE_RESTORED, &text, &none) ||
	    json_parse(buf_slice(&text), &j, &none) ||
	    api_get_reason(j, reason, &none))
		reason[0] = 0;
	json_free(j);
	buf_done(&text);
}

int api_note_restore(struct server_api *api, struct err *e)
{
	struct audit_by by = api_by_system();
	char reason[STAGE_REASON_MAX];
	struct err none;
	struct stat st;

	if (api->behind || fs_stat(api->dirfd, STORE_RESTORED, &st, &none))
		return 0;
	read_mark(api, reason);
	by.reason = reason[0] ? reason : NULL;
	if (store_note_restore(api->store, &by, e) ||
	    fs_remove(api->dirfd, STORE_RESTORED, e))
		return err_in(e, "after a restore");
	log_event(LOG_WARNING, "backup-restored",
		  "why=%s hint=\"every rollout is paused: resume what shall "
		  "go on\"",
		  reason);
	return 0;
}

bool api_four_eyes(const struct server_api *api)
{
	return api->environment == ENV_PRODUCTION && api->config->four_eyes;
}

void api_note_four_eyes(struct server_api *api)
{
	const struct audit_by by = api_by_system();
	struct audit_record r;
	struct err e = { 0 };

	if (api->environment != ENV_PRODUCTION || api->config->four_eyes)
		return;
	log_event(
		LOG_WARNING, "four-eyes-off",
		"hint=\"one person does what takes two: [people] four_eyes\"");
	if (api->behind)
		return;
	audit_record_init(&r, AUDIT_FOUR_EYES_OFF, &by);
	json_set_text(r.objects, "environment",
		      environment_name(api->environment));
	/* Devices are served all the same. */
	if (store_log(api->store, &r, &e))
		log_event(LOG_ERROR, "four-eyes-not-recorded", "why=%s", e.msg);
}

/* ---- pages --------------------------------------------------------------- */

static int path_number(const struct request *q, const char *prefix,
		       uint64_t *out, struct err *e)
{
	if (num_parse(slice_of(api_rest(q, prefix)), JSON_INT_MAX, out, e))
		return err_set(e, ERR_NOT_FOUND, "not a number");
	return 0;
}

/* Records travel as text: their very bytes are what the tree is over. */
static int add_record(void *ctx, struct slice record, struct err *e)
{
	struct buf text = BUF_INIT(AUDIT_RECORD_MAX);
	int rc = buf_add(&text, record, e);

	if (rc == 0)
		json_add(ctx, json_new_text(buf_text(&text)));
	buf_done(&text);
	return rc;
}

int api_audit_list(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	struct json *list, *j;
	uint64_t from, size;

	if (path_number(q, "/v1/people/audit/", &from, e) ||
	    store_audit_size(api->store, &size, e))
		return -1;
	list = json_new_array();
	if (store_audit_each(api->store, from, PAGE, add_record, list, e)) {
		json_free(list);
		return -1;
	}
	j = api_answer();
	json_set_int(j, "size", (int64_t)size);
	json_set(j, "records", list);
	return response_json(a, 200, j, e);
}

struct checkpoints {
	struct json *list;
	uint64_t last;
};

static int add_checkpoint(void *ctx, uint64_t size, const char *text,
			  struct err *e)
{
	struct checkpoints *c = ctx;

	(void)e;
	json_add(c->list, json_new_text(text));
	c->last = size;
	return 0;
}

int api_audit_checkpoints(struct server_api *api, const struct request *q,
			  struct response *a, struct err *e)
{
	struct checkpoints c = { 0 };
	struct json *j;
	uint64_t after;

	if (path_number(q, "/v1/people/audit-checkpoints/", &after, e))
		return -1;
	c.list = json_new_array();
	if (store_checkpoint_each(api->store, (int64_t)after, PAGE,
				  add_checkpoint, &c, e)) {
		json_free(c.list);
		return -1;
	}
	j = api_answer();
	if (c.last > 0)
		json_set_int(j, "last", (int64_t)c.last);
	json_set(j, "checkpoints", c.list);
	return response_json(a, 200, j, e);
}
