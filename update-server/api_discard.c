/* SPDX-License-Identifier: Apache-2.0 */
/* A rollout that was planned and never started, let go. */
#include "common/log.h"

#include "update-server/api.h"

static int read_body(const struct request *q, char name[NAME_MAX_LEN + 1],
		     char reason[STAGE_REASON_MAX], int64_t *revision,
		     struct err *e)
{
	static const char *const known[] = { "v", "name", "revision", "reason",
					     NULL };
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = api_get_name(j, "name", name, e) || api_get_reason(j, reason, e) ||
			     json_get_int(j, "revision", 1, JSON_INT_MAX,
					  revision, e)
		     ? -1
		     : 0;
	json_free(j);
	return rc;
}

int api_rollout_discard(struct server_api *api, const struct request *q,
			struct response *a, struct err *e)
{
	char name[NAME_MAX_LEN + 1], reason[STAGE_REASON_MAX];
	struct audit_by by;
	int64_t revision;
	int rc;

	if (read_body(q, name, reason, &revision, e) || api_by(api, q, &by, e))
		return -1;
	by.reason = reason;
	(void)pthread_mutex_lock(&api->attempts);
	rc = store_rollout_discard(api->store, name, (uint64_t)revision, &by,
				   e);
	if (rc == 0)
		rc = api_read_rollouts_locked(api, e);
	(void)pthread_mutex_unlock(&api->attempts);
	if (rc)
		return api_conflict(a, e);
	log_event(LOG_INFO, "rollout-discarded", "by=%s name=%s why=%s",
		  q->peer->id, name, reason);
	return response_json(a, 200, api_answer(), e);
}
