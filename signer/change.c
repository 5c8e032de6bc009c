/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/change.h"

#include <string.h>

#include "signer/rules.h"
#include "signer/standing.h"

static int stage(struct repo *r, const char *role, struct json *envelope,
		 struct report *out, struct err *e)
{
	size_t dropped;

	if (repo_stage(r, role, envelope, &dropped, e))
		return -1;
	if (dropped > 0)
		report_note(out,
			    "%s changed: %zu signature%s of the former one "
			    "dropped; sign again",
			    role, dropped, dropped == 1 ? "" : "s");
	return 0;
}

static int stage_again(struct repo *r, const char *role, int64_t now,
		       struct report *out, struct err *e)
{
	const struct repo_role *held = repo_role(r, role);
	struct json *envelope;
	struct standing s;

	if (!held->published || held->staged || !repo_is_listed(r, role))
		return 0;
	/* A judge that is still short of keys judges nothing yet. */
	if (standing_of(held->published, NULL, repo_judge(r, role), &s, e))
		return 0;
	if (standing_is_complete(&s))
		return 0;
	if (repo_begin(r, role, now, &envelope, e) ||
	    stage(r, role, envelope, out, e))
		return -1;
	report_note(out,
		    "the published %s lacks signatures under these keys: "
		    "staged again, to be signed with the new keys",
		    role);
	return 0;
}

static void say_findings(const struct findings *found, struct report *out)
{
	for (size_t i = 0; i < found->count; i++)
		report_note(out, "%s%s",
			    found->at[i].refuses ? "before anybody can sign: "
						 : "",
			    found->at[i].text);
}

int change_stage(struct repo *r, const char *role, struct json *envelope,
		 int64_t now, struct report *out, struct err *e)
{
	struct findings found = { 0 };

	if (stage(r, role, envelope, out, e))
		return -1;
	if (roles_is_delegated(role))
		return 0;
	if (strcmp(role, "root") == 0) {
		rules_root(repo_root(r), &found);
		say_findings(&found, out);
		if (stage_again(r, "targets", now, out, e))
			return -1;
	}
	for (size_t i = 0; i < r->delegated_count; i++)
		if (stage_again(r, r->delegated[i].name, now, out, e))
			return -1;
	return 0;
}
