/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far an operator's acts on rollouts reach: their cohorts, their share. It
 * is looked at before every act, in the one place that each goes through.
 */
#include <string.h>

#include "update-server/api.h"

#define PEOPLE  "/v1/people/"
#define CREATE  PEOPLE "rollouts"
#define ROLLOUT PEOPLE "rollout-"
#define COHORT  PEOPLE "cohort-"

/*
 * It stops what is offered, and offers what leads back: to all, and to whoever
 * runs it, which is no share.
 */
static bool leads_back(const char *path)
{
	return strcmp(path, ROLLOUT "rollback") == 0;
}

/* What takes offers back is for every operator to do, at three in the night.
 * To end a rollout is not: a pause is as quick, and can be undone. */
static bool takes_away(const char *path)
{
	return strcmp(path, ROLLOUT "pause") == 0;
}

static int check_named(const struct rights_scope *scope, const struct json *j,
		       struct err *e)
{
	const struct json *list;

	if (scope->cohorts[0] == 0)
		return 0;
	if (json_get_array(j, "cohorts", &list, e))
		return -1;
	for (size_t i = 0; i < json_count(list); i++)
		if (rights_check_cohort(scope, json_text(json_at(list, i)), e))
			return -1;
	return json_count(list) > 0
		       ? 0
		       : err_set(e, ERR_REFUSED,
				 "name the cohorts: you are registered for %s",
				 scope->cohorts);
}

static int check_existing(struct server_api *api,
			  const struct rights_scope *scope,
			  const struct json *j, struct err *e)
{
	char name[NAME_MAX_LEN + 1];
	struct stage s;
	const struct rollout *r = &s.what;

	if (api_get_name(j, "name", name, e) ||
	    store_rollout_find(api->store, name, &s, e))
		return -1;
	if (r->cohort_count == 0 && scope->cohorts[0])
		return err_set(e, ERR_REFUSED,
			       "it is for all cohorts: you are registered "
			       "for %s",
			       scope->cohorts);
	for (size_t i = 0; i < r->cohort_count; i++)
		if (rights_check_cohort(scope, r->cohorts[i], e))
			return -1;
	return rights_check_share(scope,
				  s.ladder.rungs[s.ladder.count - 1].share, e);
}

static void widen(const struct json *number, int64_t *share)
{
	if (json_is_integer(number) && json_int(number) > *share)
		*share = json_int(number);
}

/* The most that a body asks to open; nothing that it says of it is everything.
 */
static int64_t wanted(const struct json *j, bool create)
{
	const struct json *lists[] = {
		json_get(j, "shares"),
		json_get(json_get(j, "policy"), "shares"),
	};
	int64_t share = 0;

	widen(json_get(j, "share"), &share);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t k = 0; k < json_count(lists[i]); k++)
			widen(json_at(lists[i], k), &share);
	return share > 0 || !create ? share : RIGHTS_SHARE_ALL;
}

/* What is no share at all is refused later, by whoever reads it. */
static int check_share(const struct rights_scope *scope, const struct json *j,
		       bool create, struct err *e)
{
	int64_t share = wanted(j, create);

	return rights_check_share(scope,
				  share > RIGHTS_SHARE_ALL ? RIGHTS_SHARE_ALL
							   : (uint32_t)share,
				  e);
}

static bool begins(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

/* What is done to a cohort itself is for whoever may have rollouts there. */
static int check_cohort(const struct request *q,
			const struct rights_scope *scope, struct err *e)
{
	char name[NAME_MAX_LEN + 1];
	struct json *j;
	int rc;

	if (json_parse(q->body, &j, e))
		return err_in(e, "body");
	rc = api_get_name(j, "name", name, e) ||
			     rights_check_cohort(scope, name, e)
		     ? -1
		     : 0;
	json_free(j);
	return rc;
}

static int check_body(struct server_api *api, const struct request *q,
		      const struct rights_scope *scope, struct err *e)
{
	bool create = strcmp(q->path, CREATE) == 0;
	struct json *j;
	int rc;

	if (json_parse(q->body, &j, e))
		return err_in(e, "body");
	rc = create ? check_named(scope, j, e)
		    : check_existing(api, scope, j, e);
	if (rc == 0)
		rc = leads_back(q->path)
			     ? rights_check_share(scope, RIGHTS_SHARE_ALL, e)
			     : check_share(scope, j, create, e);
	json_free(j);
	return rc;
}

int api_limits(struct server_api *api, const struct request *q, struct err *e)
{
	struct store_person p;

	/* To look is everybody's. */
	if (q->method == METHOD_GET)
		return 0;
	if (strcmp(q->path, CREATE) != 0 && !begins(q->path, COHORT) &&
	    (!begins(q->path, ROLLOUT) || takes_away(q->path)))
		return 0;
	if (store_person_find(api->store, &q->peer->fingerprint, &p, e))
		return -1;
	if (rights_is_boundless(&p.scope))
		return 0;
	return begins(q->path, COHORT) ? check_cohort(q, &p.scope, e)
				       : check_body(api, q, &p.scope, e);
}
