/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cohort create|list|rule|count|rm`. `cohort add` is in cmd_order.c, for two
 * operators sign where a device belongs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "update-server/commands.h"
#include "update-server/selector.h"
#include "update-server/store_cohort.h"
#include "update-server/ui.h"

static int check_name(const char *name, struct err *e)
{
	return name_is_valid(slice_of(name))
		       ? 0
		       : err_set(e, ERR_USAGE,
				 "a name has small letters, digits, . _ -");
}

int command_cohort_create(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct json *body;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) ||
	    check_name(u.operands[0], e))
		goto out;
	body = json_new_object();
	json_set_text(body, "name", u.operands[0]);
	rc = ui_act(&u, "/v1/people/cohorts", body, "created", e);
out:
	ui_done(&u);
	return rc;
}

int command_cohort_list(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = { "name", "devices", "revision",
					       "rule", NULL };

	return ui_list(argc, argv, "/v1/people/cohorts", "cohorts", columns, e);
}

/* ---- as it is now -------------------------------------------------------- */

static int find_cohort(struct ui *u, struct json **out, struct err *e)
{
	struct json *all = NULL;
	const struct json *list;

	if (check_name(u->operands[0], e) ||
	    people_get(u->client, "/v1/people/cohorts", &all, e))
		return -1;
	list = json_get(all, "cohorts");
	for (size_t i = 0; !*out && i < json_count(list); i++)
		if (strcmp(json_text(json_get(json_at(list, i), "name")),
			   u->operands[0]) == 0)
			*out = json_clone(json_at(list, i));
	json_free(all);
	return *out ? 0
		    : err_set(e, ERR_NOT_FOUND,
			      "no cohort %s (cohort list shows them)",
			      u->operands[0]);
}

/* ---- rule, rm ------------------------------------------------------------ */

struct change {
	struct ui ui;
	const char *reason, *where;
	uint64_t revision;
	bool all;
};

static int post_change(struct change *c, const char *path, const char *rule,
		       const char *done, struct err *e)
{
	struct json *body;

	if (ui_need_reason(c->reason, e))
		return -1;
	if (c->revision == 0)
		return err_set(e, ERR_USAGE,
			       "--revision N is needed, of the cohort that you "
			       "looked at: `cohort list` prints it");
	if (check_name(c->ui.operands[0], e))
		return -1;
	body = json_new_object();
	json_set_text(body, "name", c->ui.operands[0]);
	json_set_text(body, "reason", c->reason);
	json_set_int(body, "revision", (int64_t)c->revision);
	if (rule)
		json_set_text(body, "rule", rule);
	return ui_act(&c->ui, path, body, done, e);
}

int command_cohort_rule(int argc, char **argv, struct err *e)
{
	struct change c = { .all = false };
	const struct opt opts[] = {
		OPT_TEXT("where", "SELECTOR", &c.where,
			 "rollouts made from now on are for those"),
		OPT_FLAG("all", &c.all, "or for all of it, as at first"),
		OPT_TEXT("reason", "TEXT", &c.reason, "why, for the others"),
		OPT_NUMBER("revision", "N", &c.revision, INT32_MAX,
			   "only if it is still this one"),
		UI_OPTIONS(&c.ui),
		OPT_END,
	};
	struct selector parsed;
	int rc = -1;

	if (ui_start(&c.ui, argc, argv, opts, 1, e))
		goto out;
	if (!c.where == !c.all) {
		(void)err_set(e, ERR_USAGE, "--where SELECTOR or --all");
		goto out;
	}
	if (c.where && selector_parse(slice_of(c.where), &parsed, e)) {
		(void)err_in(e, "--where");
		goto out;
	}
	rc = post_change(&c, "/v1/people/cohort-rule", c.where ? c.where : "",
			 c.where ? "rollouts that are made from now on are "
				   "for those"
				 : "rollouts that are made from now on are "
				   "for all of it",
			 e);
out:
	ui_done(&c.ui);
	return rc;
}

/* Where a device belongs is signed: none is taken out but into another. */
int command_cohort_rm(int argc, char **argv, struct err *e)
{
	struct change c = { .all = false };
	const struct opt opts[] = {
		OPT_TEXT("reason", "TEXT", &c.reason, "why, for the others"),
		OPT_NUMBER("revision", "N", &c.revision, INT32_MAX,
			   "only if it is still this one"),
		UI_OPTIONS(&c.ui),
		OPT_END,
	};
	int rc = -1;

	if (ui_start(&c.ui, argc, argv, opts, 1, e) == 0)
		rc = post_change(&c, "/v1/people/cohort-remove", NULL,
				 "removed", e);
	ui_done(&c.ui);
	return rc;
}

/* ---- count --------------------------------------------------------------- */

/* The server looks at some two thousand devices for one answer. */
static int count_matches(struct ui *u, const char *where, int64_t *out,
			 struct err *e)
{
	char path[PATH_MAX_LEN], from[2 * 16 + 2] = "", whole[PATH_MAX_LEN];
	const struct ui_question q = { .where = where, .count = true };
	struct json *page = NULL;
	const char *next;
	int rc;

	if (ui_question_path(&q, path, e))
		return -1;
	*out = 0;
	do {
		if (text_format(whole, sizeof(whole), e, "%s%s", path, from) ||
		    people_get(u->client, whole, &page, e))
			return -1;
		*out += json_int(json_get(page, "matched"));
		next = json_text(json_get(page, "next"));
		rc = text_format(from, sizeof(from), e, "%s%s",
				 next[0] ? "/" : "", next);
		json_free(page);
		page = NULL;
	} while (rc == 0 && from[0]);
	return rc;
}

static int join_selectors(const char *cohort, const char *rule,
			  const char *where, char *out, size_t size,
			  struct err *e)
{
	return text_format(out, size, e, "cohort = %s%s%s%s%s", cohort,
			   rule[0] ? " and " : "", rule,
			   where[0] ? " and " : "", where);
}

/* What the server is asked is one selector. */
static int check_together(const char *text, struct err *e)
{
	struct selector parsed;

	if (selector_parse(slice_of(text), &parsed, e))
		return err_in(e, "the cohort, its rule and --where are one "
				 "selector");
	return 0;
}

static int say_count(struct ui *u, struct json *cohort, const char *where,
		     struct err *e)
{
	const char *rule = json_text(json_get(cohort, "rule"));
	long long devices = (long long)json_int(json_get(cohort, "devices"));
	char selector[3 * SELECTOR_TEXT_MAX];
	int64_t matched = devices;

	if (strcmp(rule, STORE_RULE_LOST) == 0)
		return err_set(e, ERR_REFUSED,
			       "the rule of cohort %s was lost with a restore: "
			       "say it again, cohort rule",
			       u->operands[0]);
	/* How many there are at all is kept, and costs nothing. */
	if ((rule[0] || where[0]) &&
	    (join_selectors(u->operands[0], rule, where, selector,
			    sizeof(selector), e) ||
	     check_together(selector, e) ||
	     count_matches(u, selector, &matched, e)))
		return -1;
	if (u->json) {
		json_set_text(cohort, "where", where);
		json_set_int(cohort, "matched", matched);
		json_set_int(cohort, "v", 1);
		return ui_print_json(cohort, e);
	}
	printf("%lld devices", devices);
	if (rule[0] || where[0])
		printf(", %lld of them match%s%s%s%s", (long long)matched,
		       rule[0] ? " its rule " : "", rule,
		       rule[0] && where[0] ? " and" : "",
		       where[0] ? " the selector" : "");
	printf("\n");
	return 0;
}

int command_cohort_count(int argc, char **argv, struct err *e)
{
	const char *where = "";
	struct ui u = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("where", "SELECTOR", &where, "which of them, besides"),
		UI_OPTIONS(&u),
		OPT_END,
	};
	struct json *cohort = NULL;
	struct selector parsed;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e))
		goto out;
	if (selector_parse(slice_of(where), &parsed, e))
		(void)err_in(e, "--where");
	else if (find_cohort(&u, &cohort, e) == 0)
		rc = say_count(&u, cohort, where, e);
out:
	json_free(cohort);
	ui_done(&u);
	return rc;
}
