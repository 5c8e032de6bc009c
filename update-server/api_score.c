/* SPDX-License-Identifier: Apache-2.0 */
/* How well the fleet is looked after: surveyed, judged, and kept by the day. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/tuf_due.h"

#include "update-server/api.h"
#include "update-server/backup_note.h"
#include "update-server/store_observe.h"

#define ROUND_SEC  600 /* from the end of one round to the next */
#define BACKUP_SEC (7 * UTC_DAY)
#define DAY_LEN    10 /* of a time's text */
#define DETAIL_MAX (STORE_DETAIL_MAX - 1)

/* ---- facts of the server's ----------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The nearest end of what people sign, as they are told of it. */
static void look_at_signed(const struct expiry_of *role, int64_t now,
			   struct score_facts *f)
{
	int due = tuf_due(role->issued, role->when, now);
	int64_t left = role->when - now;
	bool nearer =
		f->signed_due < 0 ? due >= 0 : due >= 0 && due < f->signed_due;

	if (nearer || (due == f->signed_due && left < f->signed_left))
		f->signed_left = left;
	if (nearer)
		f->signed_due = due;
}

static int look_at_metadata(struct server_api *api, int64_t now,
			    struct score_facts *f, struct err *e)
{
	struct expiry_of *roles = mem_alloc(EXPIRY_MAX, sizeof(*roles));
	size_t count = 0;
	int rc = expiry_read(&api->expiry, api->store, roles, &count, e);

	f->online_left = f->signed_left = INT64_MAX;
	f->signed_due = -1;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (expiry_is_online(&roles[i]))
			f->online_left =
				least(f->online_left, roles[i].when - now);
		else
			look_at_signed(&roles[i], now, f);
	}
	free(roles);
	return rc;
}

static void look_at_certificates(struct server_api *api, int64_t now,
				 struct score_facts *f)
{
	const struct slice shown[] = { api->tls_certificate,
				       buf_slice(&api->device_cas) };
	struct log_listed log_key;
	int64_t end;

	api_log_key(api, &log_key, &end);
	f->certificate_left = end - now;
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		int64_t when = expiry_of_pem(shown[i]);

		if (when > 0)
			f->certificate_left =
				least(f->certificate_left, when - now);
	}
}

static void see_person(void *ctx, const struct store_person *p)
{
	uint64_t *conflicts = ctx;

	*conflicts += !p->revoked && strchr(p->roles, ' ');
}

/* In a lab one person may do it all. */
static int look_at_people(struct server_api *api, struct score_facts *f,
			  struct err *e)
{
	if (api->environment != ENV_PRODUCTION)
		return 0;
	f->one_person = !api->config->four_eyes;
	return store_person_each(api->store, see_person, &f->role_conflicts, e);
}

/* Since the day began, or the server did. */
static void look_at_strangers(struct server_api *api, int64_t now,
			      struct score_facts *f)
{
	uint64_t total = meter_total(api->meter, METER_REVOKED_SEEN);

	if (api->strangers_day != now / UTC_DAY) {
		api->strangers_day = now / UTC_DAY;
		api->strangers_before = api->strangers_before == 0 ? 0 : total;
	}
	f->revoked_seen = total - api->strangers_before;
}

/* ---- the round ----------------------------------------------------------- */

static int keep(struct server_api *api, const struct score_facts *f,
		int64_t now, struct err *e)
{
	struct buf text = BUF_INIT(DETAIL_MAX);
	struct store_score kept = { .when = now };
	struct score s;
	struct json *j;
	int rc;

	score_judge(f, &s);
	j = score_json(f, &s);
	rc = json_print(j, false, &text, e);
	json_free(j);
	kept.points = s.points;
	kept.detail = buf_text(&text);
	if (rc == 0)
		rc = store_score_put(api->store, &kept, e);
	buf_done(&text);
	if (rc)
		return -1;
	(void)pthread_mutex_lock(&api->surveying);
	api->found = *f;
	api->points = (int)s.points;
	(void)pthread_mutex_unlock(&api->surveying);
	return 0;
}

static int step(struct server_api *api, int64_t now, struct err *e)
{
	struct score_facts f = { 0 };
	bool done;

	if (survey_step(api->survey, api->store, now, &done, &f, e))
		return -1;
	if (!done)
		return 0;
	api->next_survey = now + ROUND_SEC;
	if (look_at_metadata(api, now, &f, e) || look_at_people(api, &f, e))
		return -1;
	look_at_certificates(api, now, &f);
	look_at_strangers(api, now, &f);
	f.log_behind = api->behind;
	f.backup_late = api->environment == ENV_PRODUCTION &&
			now - backup_noted(api->dirfd) > BACKUP_SEC;
	return keep(api, &f, now, e);
}

void api_survey(struct server_api *api, int64_t now)
{
	struct err e = { 0 };

	/* A clock that was set back does not stop it. */
	if (now < api->next_survey && api->next_survey - now <= ROUND_SEC)
		return;
	if (step(api, now, &e) == 0)
		return;
	api->next_survey = now + ROUND_SEC;
	log_event(LOG_ERROR, "fleet-not-surveyed", "why=%s", e.msg);
}

bool api_found(struct server_api *api, struct score_facts *found,
	       unsigned *points)
{
	bool known;

	(void)pthread_mutex_lock(&api->surveying);
	known = api->points >= 0;
	*found = api->found;
	*points = known ? (unsigned)api->points : 0;
	(void)pthread_mutex_unlock(&api->surveying);
	return known;
}

/* ---- the answer ---------------------------------------------------------- */

struct history {
	struct json *newest;  /* the detail; NULL: none yet */
	int64_t when;         /* of that */
	struct json *history; /* all of them, the newest first */
};

static void set_day(struct json *j, int64_t when)
{
	char text[UTC_TEXT_LEN];

	utc_format(when, text);
	text[DAY_LEN] = '\0';
	json_set_text(j, "day", text);
}

static void see_day(void *ctx, const struct store_score *score)
{
	struct history *h = ctx;
	struct json *day = json_new_object();
	struct err ignored; /* what we wrote ourselves can be read */

	if (json_count(h->history) == 0 &&
	    json_parse(slice_of(score->detail), &h->newest, &ignored) == 0)
		h->when = score->when;
	set_day(day, score->when);
	json_set_int(day, "points", score->points);
	json_add(h->history, day);
}

int api_score_get(struct server_api *api, const struct request *q,
		  struct response *a, struct err *e)
{
	struct history h = { .history = json_new_array() };
	int rc = store_score_each(api->store, see_day, &h, e);

	(void)q;
	if (rc == 0 && !h.newest)
		rc = err_set(e, ERR_NOT_FOUND,
			     "the fleet was not surveyed yet: ask again in a "
			     "minute");
	if (rc) {
		json_free(h.history);
		return -1;
	}
	json_set_int(h.newest, "v", 1);
	api_set_time(h.newest, "surveyed", h.when);
	json_set(h.newest, "history", h.history);
	return response_json(a, 200, h.newest, e);
}
