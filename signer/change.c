/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/change.h"

#include "signer/rules.h"
#include "signer/standing.h"

static int stage(struct repo *r, enum tuf_role role, struct json *envelope,
		 struct report *out, struct err *e)
{
	const char *name = envelope_role_name(role);
	size_t dropped;

	if (repo_stage(r, role, envelope, &dropped, e))
		return -1;
	if (dropped > 0)
		report_note(out,
			    "%s changed: %zu signature%s of the former one "
			    "dropped; sign again",
			    name, dropped, dropped == 1 ? "" : "s");
	return 0;
}

static int stage_targets_again(struct repo *r, int64_t now, struct report *out,
			       struct err *e)
{
	struct json *envelope;
	struct standing s;

	if (!r->targets.published || r->targets.staged)
		return 0;
	/* A root that is still short of keys judges nothing yet. */
	if (standing_of(r->targets.published, TUF_TARGETS, NULL, repo_root(r),
			&s, e))
		return 0;
	if (standing_is_complete(&s))
		return 0;
	if (repo_begin(r, TUF_TARGETS, now, &envelope, e) ||
	    stage(r, TUF_TARGETS, envelope, out, e))
		return -1;
	report_note(out,
		    "the published targets lack signatures under this root: "
		    "staged again, to be signed with the new keys");
	return 0;
}

int change_stage(struct repo *r, enum tuf_role role, struct json *envelope,
		 int64_t now, struct report *out, struct err *e)
{
	struct findings found = { 0 };

	if (stage(r, role, envelope, out, e))
		return -1;
	if (role == TUF_TARGETS)
		return 0;
	rules_root(envelope_signed(r->root.staged), &found);
	for (size_t i = 0; i < found.count; i++)
		report_note(out, "%s%s",
			    found.at[i].refuses ? "before anybody can sign: "
						: "",
			    found.at[i].text);
	return stage_targets_again(r, now, out, e);
}
