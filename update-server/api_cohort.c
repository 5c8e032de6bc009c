/* SPDX-License-Identifier: Apache-2.0 */
/* What people see and do of cohorts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "update-server/api.h"
#include "update-server/store_cohort.h"

/* ---- list, create -------------------------------------------------------- */

static void list_cohort(void *ctx, const struct store_cohort *c)
{
	struct json *j = json_new_object();

	json_set_text(j, "name", c->name);
	json_set_int(j, "devices", (int64_t)c->devices);
	json_set_text(j, "rule", c->rule);
	json_set_int(j, "revision", (int64_t)c->revision);
	json_add(ctx, j);
}

int api_cohort_list(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	struct json *list = json_new_array(), *j;

	(void)q;
	if (store_cohort_each(api->store, list_cohort, list, e)) {
		json_free(list);
		return -1;
	}
	j = api_answer();
	json_set(j, "cohorts", list);
	return response_json(a, 200, j, e);
}

int api_cohort_create(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "name", NULL };
	char name[NAME_MAX_LEN + 1];
	struct audit_by by;
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = api_get_name(j, "name", name, e);
	json_free(j);
	if (rc || api_by(api, q, &by, e) ||
	    store_cohort_add(api->store, name, &by, e))
		return -1;
	log_event(LOG_INFO, "cohort-created", "by=%s name=%s", q->peer->id,
		  name);
	return response_json(a, 200, api_answer(), e);
}

/* ---- change -------------------------------------------------------------- */

struct change {
	char name[NAME_MAX_LEN + 1];
	char rule[SELECTOR_TEXT_MAX + 1];
	char reason[STAGE_REASON_MAX];
	uint64_t revision;
	struct audit_by by;
};

static int get_rule(const struct json *j, char out[SELECTOR_TEXT_MAX + 1],
		    struct err *e)
{
	struct selector parsed;
	const char *text;

	if (json_get_text(j, "rule", &text, e) ||
	    selector_parse(slice_of(text), &parsed, e))
		return -1;
	memcpy(out, text, strlen(text) + 1); /* bounded by the parser */
	return 0;
}

static int read_change(struct server_api *api, const struct request *q,
		       bool rule, struct change *c, struct err *e)
{
	static const char *const of_rule[] = { "v",      "name", "revision",
					       "reason", "rule", NULL };
	static const char *const of_removal[] = { "v", "name", "revision",
						  "reason", NULL };
	int64_t revision = 0;
	struct json *j;
	int rc;

	if (api_body(q, rule ? of_rule : of_removal, &j, e))
		return -1;
	rc = api_get_name(j, "name", c->name, e) ||
			     json_get_int(j, "revision", 1, JSON_INT_MAX,
					  &revision, e) ||
			     api_get_reason(j, c->reason, e) ||
			     (rule && get_rule(j, c->rule, e)) ||
			     api_by(api, q, &c->by, e)
		     ? -1
		     : 0;
	json_free(j);
	c->revision = (uint64_t)revision;
	c->by.reason = c->reason;
	return rc;
}

int api_cohort_rule(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	struct change c = { .rule = "" };
	struct json *j;
	struct cohort_rule rule;
	bool changed;

	if (read_change(api, q, true, &c, e))
		return -1;
	rule = (struct cohort_rule){ c.name, c.revision, c.rule };
	if (store_cohort_rule(api->store, &rule, &c.by, &changed, e))
		return api_conflict(a, e);
	if (changed)
		log_event(LOG_INFO, "cohort-narrowed",
			  "by=%s name=%s rule=%s why=%s", q->peer->id, c.name,
			  c.rule, c.reason);
	j = api_answer();
	json_set_int(j, "revision", (int64_t)c.revision + 1);
	json_set_bool(j, "repeated", !changed);
	return response_json(a, 200, j, e);
}

int api_cohort_remove(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	struct change c = { .rule = "" };
	struct json *j;
	bool changed;

	if (read_change(api, q, false, &c, e))
		return -1;
	if (store_cohort_remove(api->store, c.name, c.revision, &c.by, &changed,
				e))
		return api_conflict(a, e);
	if (changed)
		log_event(LOG_WARNING, "cohort-removed", "by=%s name=%s why=%s",
			  q->peer->id, c.name, c.reason);
	j = api_answer();
	json_set_bool(j, "repeated", !changed);
	return response_json(a, 200, j, e);
}

/* ---- what a rule does ---------------------------------------------------- */

/* The way back is for whoever runs what is undone, whatever they are now. */
static int leads_back(struct server_api *api, const struct json *j, bool *out,
		      struct err *e)
{
	char release[NAME_MAX_LEN + 1], product[NAME_MAX_LEN + 1] = "";
	struct store_release r = { 0 };
	struct json *detail = NULL;
	int rc = -1;

	*out = false;
	if (json_get(j, "step_back") &&
	    (json_get_bool(j, "step_back", out, e) || *out))
		return *out ? 0 : -1;
	if (api_get_name(j, "release", release, e) ||
	    (json_get(j, "product") &&
	     api_get_name(j, "product", product, e)) ||
	    store_release_find(api->store, product, release, &r, e))
		return -1;
	if (json_parse(slice_of(r.detail), &detail, e) == 0) {
		*out = json_text(json_get(detail, "undo_of"))[0] != 0;
		rc = 0;
	}
	json_free(detail);
	store_release_done(&r);
	return rc;
}

/* All of them have this one: what is for several is narrowed once. */
static int common_rule(struct server_api *api, const struct json *cohorts,
		       struct store_cohort *out, struct err *e)
{
	struct store_cohort c;

	for (size_t i = 0; i < json_count(cohorts); i++) {
		if (store_cohort_find(api->store,
				      json_text(json_at(cohorts, i)), &c, e))
			return -1;
		if (i > 0 && strcmp(c.rule, out->rule) != 0)
			return err_set(e, ERR_REFUSED,
				       "cohorts %s and %s have different "
				       "rules: make a rollout for each",
				       out->name, c.name);
		if (i == 0)
			*out = c;
	}
	if (strcmp(out->rule, STORE_RULE_LOST) != 0)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "the rule of cohort %s was lost with a restore: say it "
		       "again, cohort rule",
		       out->name);
}

static int join(const char *where, const char *rule, struct json *j,
		struct err *e)
{
	char text[2 * SELECTOR_TEXT_MAX + 8];

	if (!where[0] || strcmp(where, rule) == 0) {
		json_set_text(j, "where", rule);
		return 0;
	}
	if (text_format(text, sizeof(text), e, "%s and %s", where, rule))
		return err_set(e, ERR_LIMIT, "where: too long");
	json_set_text(j, "where", text);
	return 0;
}

int api_cohort_narrow(struct server_api *api, struct json *j, struct err *e)
{
	struct store_cohort of = { .rule = "" };
	const char *where = "";
	char held[SELECTOR_TEXT_MAX + 1];
	bool back = false;

	if (leads_back(api, j, &back, e))
		return -1;
	if (back)
		return 0;
	if (common_rule(api, json_get(j, "cohorts"), &of, e) ||
	    (json_get(j, "where") && json_get_text(j, "where", &where, e)))
		return -1;
	if (!of.rule[0])
		return 0;
	/* The text is the body's own, which changes. */
	if (text_format(held, sizeof(held), e, "%s", where))
		return err_set(e, ERR_LIMIT, "where: at most %d bytes",
			       SELECTOR_TEXT_MAX);
	return join(held, of.rule, j, e);
}
