/* SPDX-License-Identifier: Apache-2.0 */
/* What people say of one device: that it keeps to a release, that what it made
 * of one is forgiven, that it is given nothing for now. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"

struct asked {
	struct device_id id;
	char hex[2 * DEVICE_ID_LEN + 1];
	char reason[STAGE_REASON_MAX];
	char release[NAME_MAX_LEN + 1]; /* "": what it runs */
};

static int read_asked(const struct request *q, bool with_release,
		      struct asked *out, struct err *e)
{
	static const char *const pin[] = { "v", "id", "reason", "release",
					   NULL };
	static const char *const other[] = { "v", "id", "reason", NULL };
	struct json *j;
	int rc = -1;

	if (api_body(q, with_release ? pin : other, &j, e))
		return -1;
	if (api_get_device(j, &out->id, e) == 0 &&
	    api_get_reason(j, out->reason, e) == 0 &&
	    (!json_get(j, "release") ||
	     api_get_name(j, "release", out->release, e) == 0))
		rc = 0;
	json_free(j);
	hex_format((struct slice){ out->id.bytes, DEVICE_ID_LEN }, out->hex);
	return rc;
}

/* Whoever has cohorts of their own looks after the devices of these alone. */
static int check_scope(struct server_api *api, const struct request *q,
		       const struct store_device *d, struct err *e)
{
	struct store_person p;

	return store_person_find(api->store, &q->peer->fingerprint, &p, e) ||
			       rights_check_cohort(&p.scope, d->facts.cohort, e)
		       ? -1
		       : 0;
}

static int begin(struct server_api *api, const struct request *q,
		 struct asked *k, struct store_device *d, struct audit_by *by,
		 struct err *e)
{
	return store_device_find(api->store, &k->id, d, e) ||
			       check_scope(api, q, d, e) ||
			       api_by(api, q, by, e)
		       ? -1
		       : 0;
}

static int find_pin(struct server_api *api, const struct store_device *d,
		    const struct asked *k, struct store_pin *out, struct err *e)
{
	struct store_release r = { 0 };

	if (!k->release[0] && !d->facts.has_release)
		return err_set(e, ERR_USAGE,
			       "it runs no release yet: name one (--release)");
	if (store_release_find(api->store, d->facts.product,
			       k->release[0] ? k->release : d->facts.release,
			       &r, e))
		return -1;
	out->seq = r.seq;
	memcpy(out->release, r.id, sizeof(out->release));
	store_release_done(&r);
	return 0;
}

static int set_pin(struct server_api *api, const struct request *q, bool on,
		   struct response *a, struct err *e)
{
	struct store_device *d = mem_alloc(1, sizeof(*d));
	struct asked k = { .release = "" };
	struct store_pin p = { .reason = k.reason };
	struct audit_by by;
	int rc = -1;

	if (read_asked(q, on, &k, e) || begin(api, q, &k, d, &by, e))
		goto out;
	p.device = k.id;
	if ((on && find_pin(api, d, &k, &p, e)) ||
	    store_device_pin(api->store, &p, &by, e))
		goto out;
	log_event(LOG_INFO, on ? "device-pinned" : "device-unpinned",
		  "by=%s id=%s release=%s why=%s", q->peer->id, k.hex,
		  p.release, k.reason);
	rc = response_json(a, 200, api_answer(), e);
out:
	free(d);
	return rc;
}

int api_device_pin(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	return set_pin(api, q, true, a, e);
}

int api_device_unpin(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	return set_pin(api, q, false, a, e);
}

int api_device_clear(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct store_device *d = mem_alloc(1, sizeof(*d));
	struct asked k = { .release = "" };
	struct store_clear c = { .reason = k.reason };
	struct audit_by by;
	struct json *j;
	int64_t cleared;
	int rc = -1;

	if (read_asked(q, false, &k, e) || begin(api, q, &k, d, &by, e))
		goto out;
	c.device = k.id;
	if (store_device_clear(api->store, &c, &by, &cleared, e))
		goto out;
	log_event(LOG_INFO, "device-cleared",
		  "by=%s id=%s attempts=%lld why=%s", q->peer->id, k.hex,
		  (long long)cleared, k.reason);
	j = api_answer();
	json_set_int(j, "attempts", cleared);
	rc = response_json(a, 200, j, e);
out:
	free(d);
	return rc;
}

static int set_block(struct server_api *api, const struct request *q, bool on,
		     struct response *a, struct err *e)
{
	struct asked k = { .release = "" };
	struct audit_by by;

	if (read_asked(q, false, &k, e) || api_by(api, q, &by, e))
		return -1;
	by.reason = k.reason;
	if (store_device_block(api->store, &k.id, on, &by, &a->cut_fingerprint,
			       e))
		return -1;
	/* What it is downloading ends now, too. */
	a->cut = on;
	/* A backup of yesterday must not undo it unnoticed. */
	if (api_checkpoint(api, e))
		return err_in(e,
			      "it is %s, but the audit log could not be signed",
			      on ? "blocked" : "not blocked any more");
	log_event(LOG_WARNING, on ? "device-blocked" : "device-unblocked",
		  "by=%s id=%s why=%s", q->peer->id, k.hex, k.reason);
	return response_json(a, 200, api_answer(), e);
}

int api_device_block(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	return set_block(api, q, true, a, e);
}

int api_device_unblock(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	return set_block(api, q, false, a, e);
}
