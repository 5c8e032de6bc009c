/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/api.h"

#include <string.h>

#include "common/fs.h"
#include "common/log.h"

const char *api_rest(const struct request *q, const char *prefix)
{
	return q->path + strlen(prefix);
}

int api_path_name(const char **rest, char *out, size_t size)
{
	size_t len = strcspn(*rest, "/");

	if (len == 0 || len >= size)
		return -1;
	memcpy(out, *rest, len);
	out[len] = '\0';
	*rest += len + ((*rest)[len] == '/');
	return 0;
}

int api_body(const struct request *q, const char *const *known,
	     struct json **out, struct err *e)
{
	struct json *j = NULL;
	int64_t version;

	if (json_parse(q->body, &j, e))
		return err_in(e, "body");
	if (!json_is_object(j)) {
		(void)err_set(e, ERR_FORMAT, "body: not an object");
		goto bad;
	}
	if (json_get_int(j, "v", 1, 1, &version, e) || json_only(j, known, e))
		goto bad;
	*out = j;
	return 0;
bad:
	json_free(j);
	return -1;
}

int api_get_reason(const struct json *j, char out[STAGE_REASON_MAX],
		   struct err *e)
{
	const char *text;

	if (json_get_text(j, "reason", &text, e))
		return -1;
	if (!text[0] || strlen(text) >= STAGE_REASON_MAX)
		return err_set(e, ERR_USAGE,
			       "a reason has 1 to %d bytes: --reason TEXT",
			       STAGE_REASON_MAX - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

int api_conflict(struct response *a, struct err *e)
{
	const struct err why = *e;

	if (why.code != ERR_CONFLICT)
		return -1;
	a->status = 412;
	return wire_format_error(&why, &a->body, e);
}

int api_get_name(const struct json *j, const char *member,
		 char out[NAME_MAX_LEN + 1], struct err *e)
{
	const char *text;

	if (json_get_text(j, member, &text, e))
		return -1;
	if (!name_is_valid(slice_of(text)))
		return err_set(e, ERR_FORMAT,
			       "%s: not a name (small letters, digits, . _ -)",
			       member);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

int api_get_device(const struct json *j, struct device_id *out, struct err *e)
{
	return json_get_hex(j, "id", out->bytes, DEVICE_ID_LEN, e)
		       ? err_set(e, ERR_FORMAT,
				 "not a device id: see `device list`")
		       : 0;
}

int api_by(struct server_api *api, const struct request *q, struct audit_by *by,
	   struct err *e)
{
	int rc;

	if (api_limits(api, q, e))
		return -1;
	*by = (struct audit_by){ .kind = AUDIT_PERSON,
				 .person = q->peer->fingerprint,
				 .now = utc_now() };
	(void)pthread_mutex_lock(&api->guessing);
	rc = rate_take(&api->acts, &by->person, by->now, e);
	(void)pthread_mutex_unlock(&api->guessing);
	return rc;
}

struct audit_by api_by_system(void)
{
	return (struct audit_by){ .kind = AUDIT_SYSTEM, .now = utc_now() };
}

static int follow_assignment(void *ctx, const struct assign *a, struct err *e)
{
	const struct server_api *api = ctx;

	return store_device_assign(api->store, a, utc_now(), e);
}

/* A list that cannot be read says nothing; devices do not look at it. */
static void read_log_key(struct server_api *api)
{
	struct log_listed l = { .until = 0 };
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct err e = { 0 };
	struct ec_public own;

	if (fs_read_file(api->dirfd, KEEPER_LOG_PUB, &pem, &e) ||
	    ec_public_from_pem(buf_slice(&pem), &own, &e) ||
	    log_listed(api->store, api->dirfd, &own, &l, &e))
		log_event(LOG_ERROR, "log-keys-not-read", "why=%s", e.msg);
	buf_done(&pem);
	(void)pthread_rwlock_wrlock(&api->orders_lock);
	api->log_key = l;
	(void)pthread_rwlock_unlock(&api->orders_lock);
	if (l.has_list && !l.listed)
		log_event(LOG_ERROR, "log-key-not-listed",
			  "hint=\"pawl-signer log-key REPO audit.pub\"");
}

int api_read_orders(struct server_api *api, struct err *e)
{
	struct orders *orders = NULL, *before;
	struct ways *ways = NULL, *ways_before;
	struct err why = { 0 };
	int rc = orders_read(api->store, api->dirfd, &orders, e);

	if (ways_read(api->store, api->dirfd, api->environment == ENV_LAB,
		      &ways, &why) &&
	    rc == 0) {
		*e = why;
		rc = -1;
	}
	(void)pthread_rwlock_wrlock(&api->orders_lock);
	before = api->orders;
	ways_before = api->ways;
	api->orders = orders;
	api->ways = ways;
	(void)pthread_rwlock_unlock(&api->orders_lock);
	orders_free(before);
	ways_free(ways_before);
	read_log_key(api);
	/* Only an import replaces it, and there is one at a time. */
	if (rc == 0)
		rc = orders_each_assigned(orders, follow_assignment, api, e);
	/* It pauses what is listed no more. */
	if (api_read_rollouts(api, rc ? &why : e))
		rc = -1;
	return rc;
}

void api_log_key(struct server_api *api, struct log_listed *out, int64_t *end)
{
	(void)pthread_rwlock_rdlock(&api->orders_lock);
	*out = api->log_key;
	(void)pthread_rwlock_unlock(&api->orders_lock);
	*end = log_listed_end(out, api->log_key_since);
}

int api_ordered(struct server_api *api, const struct rollout *r,
		const struct rollout_device *d, int64_t now, struct err *e)
{
	int rc;

	(void)pthread_rwlock_rdlock(&api->orders_lock);
	rc = orders_judge(api->orders, r, d, now, e);
	(void)pthread_rwlock_unlock(&api->orders_lock);
	return rc;
}

void api_order_reach(struct server_api *api, const struct rollout *r,
		     int64_t now, struct orders_reach *out)
{
	(void)pthread_rwlock_rdlock(&api->orders_lock);
	orders_reach(api->orders, r, now, out);
	(void)pthread_rwlock_unlock(&api->orders_lock);
}

unsigned api_wide_signers(struct server_api *api)
{
	unsigned n;

	(void)pthread_rwlock_rdlock(&api->orders_lock);
	n = orders_wide_signers(api->orders);
	(void)pthread_rwlock_unlock(&api->orders_lock);
	return n;
}

void api_order_times(struct server_api *api, struct stage *s, int64_t now)
{
	struct orders_times t;

	/* Those that are over have no times any more. */
	if (s->status < STAGE_SCHEDULED || s->status > STAGE_PAUSED)
		return;
	(void)pthread_rwlock_rdlock(&api->orders_lock);
	orders_times(api->orders, &s->what, &s->ladder, now, &t);
	(void)pthread_rwlock_unlock(&api->orders_lock);
	memcpy(s->not_before, t.not_before, sizeof(s->not_before));
	s->expires = t.expires;
	s->metadata_ends = t.metadata;
}

bool api_lacks_baseline(struct server_api *api, const struct stage *s)
{
	const struct ladder *l = &s->ladder;
	bool lacks, later = false;
	struct err ignored; /* then it is told once too often */

	if (s->status != STAGE_COMPLETED || l->count == 0 ||
	    l->rungs[l->count - 1].share != ROLLOUT_SHARE_ALL || s->where[0] ||
	    s->what.step_back)
		return false;
	(void)pthread_rwlock_rdlock(&api->orders_lock);
	lacks = orders_lack_baseline(api->orders, &s->what);
	(void)pthread_rwlock_unlock(&api->orders_lock);
	return lacks &&
	       (store_rollout_later(api->store, &s->what, &later, &ignored) ||
		!later);
}

int api_way_allows(struct server_api *api, const struct rollout *r, int64_t now,
		   struct err *e)
{
	int rc;

	(void)pthread_rwlock_rdlock(&api->orders_lock);
	rc = ways_allow(api->ways, r, now, e);
	(void)pthread_rwlock_unlock(&api->orders_lock);
	return rc;
}

void api_way_back(struct server_api *api, const struct rollout *r, int64_t now,
		  struct ways_back *out)
{
	(void)pthread_rwlock_rdlock(&api->orders_lock);
	ways_back(api->ways, r, now, out);
	(void)pthread_rwlock_unlock(&api->orders_lock);
}

void api_explain_way(struct server_api *api, const struct rollout_device *d,
		     char out[WIRE_REASON_MAX])
{
	(void)pthread_rwlock_rdlock(&api->orders_lock);
	ways_explain(api->ways, d, out);
	(void)pthread_rwlock_unlock(&api->orders_lock);
}

int api_get_successor(const struct json *j, struct store_successor *out,
		      struct err *e)
{
	out->replaces = json_get(j, "replaces") != NULL;
	return out->replaces ? json_get_hex(j, "replaces", out->replaced.bytes,
					    DEVICE_ID_LEN, e)
			     : 0;
}

struct json *api_answer(void)
{
	struct json *j = json_new_document();

	return j;
}

int api_device_id(const struct request *q, struct device_id *out, struct err *e)
{
	return hex_parse(slice_of(q->peer->id), out->bytes, DEVICE_ID_LEN, e);
}

void api_set_time(struct json *j, const char *name, int64_t when)
{
	char text[UTC_TEXT_LEN] = "";

	if (when > 0)
		utc_format(when, text);
	json_set_text(j, name, text);
}

void api_set_day(struct json *j, const char *name, int64_t when)
{
	char text[UTC_TEXT_LEN] = "";

	if (when > 0) {
		utc_format(when, text);
		text[strcspn(text, "T")] = 0;
	}
	json_set_text(j, name, text);
}

void api_set_digest(struct json *j, const char *name,
		    const struct sha256 *digest)
{
	json_set_hex(j, name, (struct slice){ digest->bytes, SHA256_LEN });
}
