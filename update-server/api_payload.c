/* SPDX-License-Identifier: Apache-2.0 */
/* Payload files: are they what they were, and what of them is of no use. */
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/unused.h"

#define VERIFY    "/v1/people/payload-verify/"
#define GRACE_SEC UTC_DAY /* what came lately may be of an import under way */
#define SHOWN_MAX 1000    /* files that an answer names */

/* ---- verify -------------------------------------------------------------- */

static const char *state_of(struct server_api *api, const struct sha256 *digest,
			    uint64_t *len, struct err *e)
{
	struct err why = { 0 };
	const char *state = NULL;
	struct sha256 is;
	int fd = -1;

	if (blobs_open(api->dirfd, digest, &fd, len, &why) == 0 &&
	    sha256_of_range(fd, 0, *len, &is, &why) == 0)
		state = sha256_equal(&is, digest) ? "whole" : "damaged";
	else if (why.code == ERR_NOT_FOUND)
		state = "missing";
	else
		*e = why;
	fs_close(&fd);
	return state;
}

static int verify(struct server_api *api, const struct sha256 *digest,
		  struct response *a, struct err *e)
{
	uint64_t len = 0;
	const char *state = state_of(api, digest, &len, e);
	struct json *j;

	if (!state)
		return -1;
	j = api_answer();
	api_set_digest(j, "sha256", digest);
	json_set_text(j, "state", state);
	json_set_int(j, "bytes", (int64_t)len);
	json_set_bool(j, "listed", store_payload_known(api->store, digest));
	return response_json(a, 200, j, e);
}

/* The whole file is read: one at a time, or devices would wait for workers. */
int api_payload_verify(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	struct sha256 digest;
	int rc;

	if (sha256_parse(slice_of(api_rest(q, VERIFY)), &digest, e))
		return err_set(e, ERR_NOT_FOUND, "not a sha256 digest");
	if (pthread_mutex_trylock(&api->verifying))
		return err_set(e, ERR_BUSY,
			       "somebody else verifies: try again when they "
			       "have done");
	rc = verify(api, &digest, a, e);
	(void)pthread_mutex_unlock(&api->verifying);
	return rc;
}

/* ---- what is of no use --------------------------------------------------- */

static bool is_over(const struct stage *s)
{
	return s->status == STAGE_COMPLETED || s->status == STAGE_ABORTED ||
	       s->status == STAGE_REPLACED;
}

/* The releases of rollouts that are not over. The caller frees it and *whats.
 */
static struct unused_held *list_held(struct server_api *api,
				     struct rollout **whats, size_t *count)
{
	struct unused_held *held;
	size_t n = 0;

	(void)pthread_mutex_lock(&api->attempts);
	*whats = mem_alloc(api->rollout_count + 1, sizeof(**whats));
	for (size_t i = 0; i < api->rollout_count; i++)
		if (!is_over(&api->rollouts[i]))
			(*whats)[n++] = api->rollouts[i].what;
	(void)pthread_mutex_unlock(&api->attempts);
	held = mem_alloc(n + 1, sizeof(*held));
	for (size_t i = 0; i < n; i++)
		held[i] = (struct unused_held){ (*whats)[i].product,
						(*whats)[i].release };
	*count = n;
	return held;
}

/*
 * Every file is looked at: not under `attempts`, for which devices would wait.
 * A rollout that is made meanwhile is about a release that is listed.
 */
static int find(struct server_api *api, int64_t before, struct unused *out,
		struct err *e)
{
	struct unused_ask ask = { .dirfd = api->dirfd, .before = before };
	struct rollout *whats;
	struct unused_held *held = list_held(api, &whats, &ask.held_count);
	int rc;

	ask.held = held;
	rc = unused_find(api->store, &ask, out, e);
	free(held);
	free(whats);
	return rc;
}

static struct json *files_json(const struct unused *u)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < u->count && i < SHOWN_MAX; i++) {
		struct json *one = json_new_object();

		json_set_text(one, "file", u->at[i].name);
		json_set_int(one, "bytes", (int64_t)u->at[i].len);
		api_set_time(one, "since", u->at[i].since);
		json_set_bool(one, "whole", u->at[i].whole);
		json_add(list, one);
	}
	return list;
}

/* Who wants this very plan, and waits for the other person; "" for nobody. */
static void asked_by(struct server_api *api, const struct sha256 *plan,
		     char out[NAME_MAX_LEN + 1])
{
	out[0] = 0;
	(void)pthread_mutex_lock(&api->publishing);
	if (sha256_equal(&api->removal_plan, plan))
		memcpy(out, api->removal_by, sizeof(api->removal_by));
	(void)pthread_mutex_unlock(&api->publishing);
}

int api_payload_unused(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	struct unused u = { .count = 0 };
	char name[NAME_MAX_LEN + 1];
	struct sha256 plan;
	struct json *j;
	int rc = -1;

	(void)q;
	if (find(api, utc_now() - GRACE_SEC, &u, e))
		goto out;
	unused_plan(&u, &plan);
	j = api_answer();
	json_set(j, "unused", files_json(&u));
	json_set_int(j, "files", (int64_t)u.count);
	json_set_int(j, "bytes", (int64_t)u.bytes);
	json_set_int(j, "referred", (int64_t)u.referred);
	json_set_int(j, "recent", (int64_t)u.recent);
	api_set_digest(j, "plan", &plan);
	asked_by(api, &plan, name);
	json_set_text(j, "asked_by", name);
	rc = response_json(a, 200, j, e);
out:
	unused_done(&u);
	return rc;
}

/* ---- and goes ------------------------------------------------------------ */

struct removal {
	struct sha256 plan; /* what the person saw */
	char reason[STAGE_REASON_MAX];
	struct audit_by by;
	char who[NAME_MAX_LEN + 1];
	bool asked; /* a second person has to say the same */
	uint64_t removed, bytes, busy;
};

static int read_removal(const struct request *q, struct removal *r,
			struct err *e)
{
	static const char *const known[] = { "v", "plan", "reason", NULL };
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = json_get_hex(j, "plan", r->plan.bytes, SHA256_LEN, e) ||
			     api_get_reason(j, r->reason, e)
		     ? -1
		     : 0;
	json_free(j);
	return rc;
}

/* Before the first file goes: what was cut off goes with the next act. */
static int log_removal(struct server_api *api, enum audit_act act,
		       const struct removal *r, const struct unused *u,
		       struct err *e)
{
	struct audit_record record;

	audit_record_init(&record, act, &r->by);
	json_set_int(record.objects, "files", (int64_t)u->count);
	json_set_int(record.objects, "bytes", (int64_t)u->bytes);
	audit_set_digest(&record, "plan", &r->plan);
	return store_log(api->store, &record, e);
}

/* What somebody reads, or has just brought again, stays. */
static int remove_all(struct server_api *api, struct removal *r,
		      const struct unused *u, int64_t before, struct err *e)
{
	for (size_t i = 0; i < u->count; i++) {
		const struct blob *b = &u->at[i];

		if (blobs_remove(api->dirfd, b, before, e) == 0) {
			r->removed++;
			r->bytes += b->len;
		} else if (e->code == ERR_BUSY || e->code == ERR_CONFLICT) {
			r->busy++;
		} else if (e->code != ERR_NOT_FOUND) {
			return -1;
		}
	}
	return 0;
}

/* What is gone is brought again by an import alone: where two people agree on
 * what is open to devices, they do so on what goes. */
static bool is_agreed(const struct server_api *api, const struct removal *r)
{
	return !api_four_eyes(api) ||
	       (api->removal_by[0] && strcmp(api->removal_by, r->who) != 0 &&
		sha256_equal(&api->removal_plan, &r->plan));
}

static int ask(struct server_api *api, struct removal *r,
	       const struct unused *u, struct err *e)
{
	r->asked = true;
	if (strcmp(api->removal_by, r->who) == 0 &&
	    sha256_equal(&api->removal_plan, &r->plan))
		return 0;
	if (log_removal(api, AUDIT_PAYLOADS_ASK, r, u, e))
		return -1;
	memcpy(api->removal_by, r->who, sizeof(api->removal_by));
	api->removal_plan = r->plan;
	return 0;
}

static int remove_agreed(struct server_api *api, struct removal *r,
			 const struct unused *u, int64_t before, struct err *e)
{
	if (!is_agreed(api, r))
		return ask(api, r, u, e);
	if (log_removal(api, AUDIT_PAYLOADS_REMOVE, r, u, e))
		return -1;
	api->removal_by[0] = 0;
	return remove_all(api, r, u, before, e);
}

/* With no import and no signature in between. */
static int remove_locked(struct server_api *api, struct removal *r,
			 struct err *e)
{
	int64_t before = r->by.now - GRACE_SEC;
	struct unused u = { .count = 0 };
	struct sha256 plan;
	int rc = -1;

	if (find(api, before, &u, e))
		goto out;
	unused_plan(&u, &plan);
	if (!sha256_equal(&plan, &r->plan))
		(void)err_set(e, ERR_CONFLICT,
			      "it is not what was planned any more: look at "
			      "release gc again");
	else
		rc = remove_agreed(api, r, &u, before, e);
out:
	unused_done(&u);
	return rc;
}

int api_payload_remove(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	struct removal r = { .removed = 0 };
	struct json *j;
	int rc;

	if (read_removal(q, &r, e) || api_by(api, q, &r.by, e))
		return -1;
	/* What is missing of the store may be what refers to them. */
	if (api->behind)
		return err_set(e, ERR_CONFLICT,
			       "the end of the audit log is missing: replay "
			       "it first");
	r.by.reason = r.reason;
	memcpy(r.who, q->peer->id, sizeof(r.who));
	(void)pthread_mutex_lock(&api->ordering);
	(void)pthread_mutex_lock(&api->publishing);
	rc = remove_locked(api, &r, e);
	(void)pthread_mutex_unlock(&api->publishing);
	(void)pthread_mutex_unlock(&api->ordering);
	if (r.removed > 0)
		log_event(LOG_WARNING, "payloads-removed",
			  "by=%s files=%llu bytes=%llu why=%s", q->peer->id,
			  (unsigned long long)r.removed,
			  (unsigned long long)r.bytes, r.reason);
	if (rc)
		return api_conflict(a, e);
	j = api_answer();
	json_set_int(j, "files", (int64_t)r.removed);
	json_set_int(j, "bytes", (int64_t)r.bytes);
	json_set_int(j, "busy", (int64_t)r.busy);
	if (r.asked)
		json_set_bool(j, "second_person", true);
	return response_json(a, 200, j, e);
}
