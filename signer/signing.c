/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/signing.h"

#include <string.h>

#include "signer/names.h"
#include "signer/rules.h"

static const struct json *published_root(const struct repo *r)
{
	return r->root.published ? envelope_signed(r->root.published) : NULL;
}

/* What a file may say because of others in the repository. */
static void judge_among(const struct repo *r, const struct json *signed_part,
			struct findings *found)
{
	const char *role = envelope_role_of(signed_part);

	if (strcmp(role, "root") == 0) {
		rules_root_after(published_root(r), signed_part, found);
		return;
	}
	rules_targets_for(signed_part, r->environment, found);
	if (strcmp(role, "targets") == 0)
		rules_sharing(repo_root(r), signed_part, found);
	else if (!repo_is_listed(r, role))
		findings_add(found, true,
			     "targets no longer delegate to %s: discard it",
			     role);
}

int signing_judge(const struct repo *r, const char *role, int64_t now,
		  struct report *out, struct err *e)
{
	const struct json *signed_part =
		envelope_signed(repo_role(r, role)->staged);
	struct findings found = { 0 };

	rules_judge(signed_part, now, &found);
	judge_among(r, signed_part, &found);
	for (size_t i = 0; i < found.count; i++)
		if (!found.at[i].refuses)
			report_note(out, "%s", found.at[i].text);
	if (findings_judge(&found, e))
		return err_in(e, "staged/%s.json", role);
	return 0;
}

/* Is this key one whose signature on the staged file would count? */
static bool counts(const struct repo *r, const char *role, const char *keyid)
{
	if (roles_has(repo_judge(r, role), role, keyid))
		return true;
	return strcmp(role, "root") == 0 && published_root(r) &&
	       roles_has(published_root(r), "root", keyid);
}

/* One run over what is staged; used[i] when key i signed something. */
struct session {
	struct repo *repo;
	const struct keyring *keys;
	int64_t now;
	bool used[KEYRING_MAX];
};

static int sign_role(struct session *s, const char *role, struct report *out,
		     struct err *e)
{
	struct repo *r = s->repo;
	const struct keyring *keys = s->keys;
	struct json *staged = repo_role(r, role)->staged;
	char fallback[NAMES_SHORT_LEN];
	size_t signers = 0;

	for (size_t i = 0; staged && i < keys->count; i++)
		signers += counts(r, role, keys->at[i].keyid);
	if (signers == 0)
		return 0;
	if (signing_judge(r, role, s->now, out, e))
		return -1;
	for (size_t i = 0; i < keys->count; i++) {
		if (!counts(r, role, keys->at[i].keyid))
			continue;
		if (keyring_sign(&keys->at[i], staged, e))
			return -1;
		s->used[i] = true;
		report_line(out, "%s signed %s version %lld",
			    names_find(r->names, keys->at[i].keyid, fallback),
			    role, (long long)envelope_version(staged));
	}
	return repo_save_staged(r, role, e);
}

int signing_repo(struct repo *r, const struct keyring *keys, int64_t now,
		 struct report *out, struct err *e)
{
	struct session s = { .repo = r, .keys = keys, .now = now };

	bool any = false;

	for (size_t i = 0; i < repo_role_count(r); i++)
		any = any || repo_role_at(r, i)->staged;
	if (!any)
		return err_set(
			e, ERR_NOT_FOUND,
			"nothing is staged, so there is nothing to sign");
	for (size_t i = 0; i < repo_role_count(r); i++)
		if (sign_role(&s, repo_role_at(r, i)->name, out, e))
			return -1;
	for (size_t i = 0; i < keys->count; i++)
		if (!s.used[i])
			return err_set(e, ERR_REFUSED,
				       "%s: what is staged needs no signature "
				       "of this key (%.12s)",
				       keys->at[i].path, keys->at[i].keyid);
	return 0;
}
