/* SPDX-License-Identifier: Apache-2.0 */
/* What happens, told to people while it does. */
#include "common/json.h"
#include "common/utc.h"

#include "update-server/api.h"
#include "update-server/events.h"

#define PAGE      500 /* records at a time */
#define ALIVE_SEC 15

struct telling {
	struct feed *s;
	struct buf *out;
	size_t count;
};

static int tell_act(void *ctx, struct slice record, struct err *e)
{
	struct telling *t = ctx;

	t->s->next++;
	t->count++;
	return events_format(EVENT_ACT, t->s->next, record, t->out, e);
}

/* The log is asked, not told: what another process adds to it counts too. */
static int tell_more(struct server_api *api, struct feed *s, struct buf *out,
		     struct err *e)
{
	struct telling t = { .s = s, .out = out };
	uint64_t changes = store_changes(api->store);
	int64_t now = utc_now();

	if (store_audit_each(api->store, s->next, PAGE, tell_act, &t, e))
		return -1;
	s->hungry = t.count == PAGE;
	if (changes != s->changes &&
	    events_format(EVENT_CHANGED, 0, (struct slice){ 0 }, out, e))
		return -1;
	s->changes = changes;
	if (out->len == 0 && now >= s->spoke && now < s->spoke + ALIVE_SEC)
		return 0;
	s->spoke = now;
	return out->len > 0 ? 0 : events_format_alive(out, e);
}

static int start(struct server_api *api, uint64_t from, struct response *a,
		 struct err *e)
{
	a->type = "text/event-stream";
	a->more = tell_more;
	a->feed = (struct feed){ .next = from,
				 .changes = store_changes(api->store),
				 .spoke = utc_now() };
	return events_format(EVENT_START, from, (struct slice){ 0 }, &a->body,
			     e);
}

int api_events(struct server_api *api, const struct request *q,
	       struct response *a, struct err *e)
{
	uint64_t size;

	(void)q;
	if (store_audit_size(api->store, &size, e))
		return -1;
	return start(api, size, a, e);
}

/* A cursor from before a backup was restored may lie ahead: then what comes is
 * not what this listener waits for. */
int api_events_from(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	uint64_t from, size;

	if (num_parse(slice_of(api_rest(q, "/v1/people/events/")), JSON_INT_MAX,
		      &from, e))
		return err_set(e, ERR_NOT_FOUND, "not a cursor");
	if (store_audit_size(api->store, &size, e))
		return -1;
	if (from > size)
		return err_set(e, ERR_CONFLICT,
			       "the audit log has only %llu records: was a "
			       "backup restored?",
			       (unsigned long long)size);
	return start(api, from, a, e);
}
