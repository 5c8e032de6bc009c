/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/signing.h"

#include "signer/names.h"
#include "signer/rootedit.h"
#include "signer/rules.h"

int signing_judge(const struct repo *r, enum tuf_role role, int64_t now,
		  struct report *out, struct err *e)
{
	const struct repo_role *held =
		role == TUF_ROOT ? &r->root : &r->targets;
	const struct json *signed_part = envelope_signed(held->staged);
	struct findings found = { 0 };
	const struct json *before;

	rules_judge(signed_part, role, now, &found);
	before = held->published ? envelope_signed(held->published) : NULL;
	if (role == TUF_ROOT)
		rules_root_after(before, signed_part, &found);
	else
		rules_targets_for(signed_part, r->environment, &found);
	for (size_t i = 0; i < found.count; i++)
		if (!found.at[i].refuses)
			report_note(out, "%s", found.at[i].text);
	if (findings_judge(&found, e))
		return err_in(e, "staged/%s.json", envelope_role_name(role));
	return 0;
}

static const struct json *published_root(const struct repo *r)
{
	return r->root.published ? envelope_signed(r->root.published) : NULL;
}

/* Is this key one whose signature on the staged file would count? */
static bool counts(const struct repo *r, enum tuf_role role, const char *keyid)
{
	if (role == TUF_TARGETS)
		return rootedit_has(repo_root(r), "targets", keyid);
	return rootedit_has(repo_root(r), "root", keyid) ||
	       (published_root(r) &&
		rootedit_has(published_root(r), "root", keyid));
}

/* One run over what is staged; used[i] when key i signed something. */
struct session {
	struct repo *repo;
	const struct keyring *keys;
	int64_t now;
	bool used[KEYRING_MAX];
};

static int sign_role(struct session *s, enum tuf_role role, struct report *out,
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
		if (tuf_sign(staged, keys->at[i].private_key, e))
			return -1;
		s->used[i] = true;
		report_line(out, "%s signed %s version %lld",
			    names_find(r->names, keys->at[i].keyid, fallback),
			    envelope_role_name(role),
			    (long long)envelope_version(staged));
	}
	return repo_save_staged(r, role, e);
}

int signing_repo(struct repo *r, const struct keyring *keys, int64_t now,
		 struct report *out, struct err *e)
{
	struct session s = { .repo = r, .keys = keys, .now = now };

	if (!r->root.staged && !r->targets.staged)
		return err_set(
			e, ERR_NOT_FOUND,
			"nothing is staged, so there is nothing to sign");
	if (sign_role(&s, TUF_ROOT, out, e) ||
	    sign_role(&s, TUF_TARGETS, out, e))
		return -1;
	for (size_t i = 0; i < keys->count; i++)
		if (!s.used[i])
			return err_set(e, ERR_REFUSED,
				       "%s: what is staged needs no signature "
				       "of this key (%.12s)",
				       keys->at[i].path, keys->at[i].keyid);
	return 0;
}
