/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_sign - signatures: made here, made elsewhere, brought together.
 *
 * A staged file is a plain file. An engineer who has no repository signs it
 * standing alone, on whatever machine holds the key; merge brings the
 * signatures home and verifies each one.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/named.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/change.h"
#include "signer/commands.h"
#include "signer/names.h"
#include "signer/review.h"
#include "signer/rules.h"
#include "signer/sandbox.h"
#include "signer/signing.h"
#include "signer/standing.h"
#include "signer/watch.h"

struct sign {
	const char *path;
	struct opt_list keys;
	uint64_t passphrase_fd;
};

/* Who is still missing, for whoever carries the stick next. */
static int say_role(const struct repo *r, const struct repo_role *held,
		    struct report *out, struct err *e)
{
	const struct json *before;
	struct buf text = BUF_INIT(4096);
	struct standing s;
	int rc = -1;

	before = r->root.published ? envelope_signed(r->root.published) : NULL;
	if (standing_of(held->staged, before, repo_judge(r, held->name), &s,
			e) ||
	    standing_missing(&s, r->names, &text, e))
		goto out;
	report_line(out, "%s: missing %s", held->name, buf_text(&text));
	json_set(report_object(out), held->name, standing_json(&s, r->names));
	rc = 0;
out:
	buf_done(&text);
	return rc;
}

static int say_standing(const struct repo *r, struct report *out, struct err *e)
{
	for (size_t i = 0; i < repo_role_count(r); i++) {
		const struct repo_role *held = repo_role_at(r, i);

		if (held->staged && repo_is_listed(r, held->name) &&
		    say_role(r, held, out, e))
			return -1;
	}
	return 0;
}

/* ---- sign ---------------------------------------------------------------- */

static int sign_repo(const struct sign *s, struct report *out, struct err *e)
{
	struct keyring keys = { 0 };
	struct repo r;
	int rc = -1;

	if (watch_open(s->path, REPO_WRITE, &r, out, e))
		return -1;
	if (keyring_open(&keys, &s->keys, r.environment, s->passphrase_fd, e) ||
	    signing_repo(&r, &keys, utc_now(), out, e) ||
	    say_standing(&r, out, e))
		goto out;
	rc = 0;
out:
	keyring_close(&keys);
	repo_close(&r);
	return rc;
}

/* A file from a stick: its own rules, and the strict parser of a device. */
static int judge_alone(const struct json *envelope, struct slice bytes,
		       struct report *out, struct err *e)
{
	const struct tuf_rules rules = { .schemes = tuf_schemes_product };
	struct findings found = { 0 };
	struct tuf_meta *meta;

	rules_judge(envelope_signed(envelope), utc_now(), &found);
	for (size_t i = 0; i < found.count; i++)
		if (!found.at[i].refuses)
			report_note(out, "%s", found.at[i].text);
	if (findings_judge(&found, e) ||
	    tuf_meta_parse(&rules, envelope_type(envelope_role(envelope)),
			   bytes, &meta, e))
		return -1;
	tuf_meta_free(meta);
	return 0;
}

static int sign_alone(struct json *envelope, const struct keyring *keys,
		      struct report *out, struct err *e)
{
	const struct json *signed_part = envelope_signed(envelope);
	const char *role = envelope_role(envelope);

	for (size_t i = 0; i < keys->count; i++) {
		if (keyring_sign(&keys->at[i], envelope, e))
			return -1;
		if (strcmp(role, "root") == 0 &&
		    !roles_has(signed_part, "root", keys->at[i].keyid))
			report_note(out,
				    "%s is no key of this root: its signature "
				    "counts only if the root before lists it",
				    keys->at[i].path);
		report_line(out, "%s signed %s version %lld", keys->at[i].path,
			    role, (long long)envelope_version(envelope));
	}
	return 0;
}

static int write_file(const char *path, const struct json *envelope,
		      struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	char name[NAMED_MAX];
	int dirfd = -1;
	int rc;

	rc = named_open(path, &dirfd, name, e) ||
	     tuf_envelope_bytes(envelope, &bytes, e) ||
	     fs_replace_file(dirfd, name, buf_slice(&bytes), 0644, e);
	fs_close(&dirfd);
	buf_done(&bytes);
	return rc ? -1 : 0;
}

/* The five lines first: an engineer sees what the key is about to sign. */
static int say_what(const struct json *envelope, struct report *out,
		    struct err *e)
{
	struct review v = { .count = 1, .now = utc_now() };

	v.files[0] = (struct review_file){ .envelope = envelope };
	if (strcmp(envelope_role(envelope), "root") == 0)
		v.files[0].by = envelope_signed(envelope);
	return review_summary(&v, out, e);
}

static int sign_file(const struct sign *s, struct report *out, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	struct json *envelope = NULL;
	struct keyring keys = { 0 };
	enum environment env;
	struct stat st;
	int rc = -1;

	if (stat(s->path, &st) == 0 && S_ISDIR(st.st_mode)) {
		(void)err_set(e, ERR_NOT_FOUND,
			      "%s is not a repository (no pawl.ini); name one, "
			      "or a staged file",
			      s->path);
		goto out;
	}
	if (fs_read_path(s->path, &bytes, e) ||
	    envelope_parse(buf_slice(&bytes), &envelope, e) ||
	    judge_alone(envelope, buf_slice(&bytes), out, e) ||
	    rules_environment(envelope_signed(envelope), &env, e)) {
		named_in(e, s->path);
		goto out;
	}
	if (say_what(envelope, out, e) ||
	    keyring_open(&keys, &s->keys, env, s->passphrase_fd, e) ||
	    sign_alone(envelope, &keys, out, e) ||
	    write_file(s->path, envelope, e))
		goto out;
	rc = 0;
out:
	keyring_close(&keys);
	json_free(envelope);
	buf_done(&bytes);
	return rc;
}

int cmd_sign(int argc, char **argv, struct err *e)
{
	struct sign s = { .passphrase_fd = KEYRING_TERMINAL };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_LIST("key", "KEYFILE", &s.keys, "sign with this key"),
		OPT_NUMBER("passphrase-fd", "N", &s.passphrase_fd, 1023,
			   "read passphrases from this descriptor, one line "
			   "for each --key"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1 || s.keys.count == 0)
		rc = err_set(e, ERR_USAGE,
			     "one REPO or FILE and --key are needed");
	else {
		s.path = operands[0];
		rc = repo_is_at(s.path) ? sign_repo(&s, &out, e)
					: sign_file(&s, &out, e);
	}
	return report_end(&out, rc, e);
}

/* ---- merge --------------------------------------------------------------- */

static int merge_into(struct repo *r, const struct json *from, size_t *added,
		      struct err *e)
{
	const char *role = envelope_role(from);
	const struct repo_role *held = repo_role(r, role);
	const struct json *judges[2] = { repo_judge(r, role), NULL };

	if (!held || !held->staged)
		return err_set(e, ERR_CONFLICT,
			       "it is for %s, and none is staged here", role);
	if (held == &r->root && r->root.published)
		judges[1] = envelope_signed(r->root.published);
	return envelope_merge(held->staged, from, judges, ARRAY_LEN(judges),
			      added, e);
}

static int merge_file(struct repo *r, const char *path, struct report *out,
		      struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	struct json *envelope = NULL;
	size_t added;
	int rc = -1;

	if (fs_read_path(path, &bytes, e) ||
	    envelope_parse(buf_slice(&bytes), &envelope, e) ||
	    merge_into(r, envelope, &added, e)) {
		named_in(e, path);
		goto out;
	}
	report_line(out, "%s: %zu new signature%s of %s", path, added,
		    added == 1 ? "" : "s", envelope_role(envelope));
	if (added == 0)
		report_note(out, "%s brought nothing new", path);
	rc = 0;
out:
	json_free(envelope);
	buf_done(&bytes);
	return rc;
}

static int save_staged(struct repo *r, struct err *e)
{
	for (size_t i = 0; i < repo_role_count(r); i++)
		if (repo_role_at(r, i)->staged &&
		    repo_save_staged(r, repo_role_at(r, i)->name, e))
			return -1;
	return 0;
}

/* All files or none: what was merged is written at the end. */
static int merge(const char *path, char **files, int count, struct report *out,
		 struct err *e)
{
	struct repo r;
	int rc = -1;

	if (watch_open(path, REPO_WRITE, &r, out, e))
		return -1;
	for (int i = 0; i < count; i++)
		if (merge_file(&r, files[i], out, e))
			goto out;
	if (save_staged(&r, e) || say_standing(&r, out, e))
		goto out;
	rc = 0;
out:
	repo_close(&r);
	return rc;
}

int cmd_merge(int argc, char **argv, struct err *e)
{
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count < 2)
		rc = err_set(e, ERR_USAGE,
			     "REPO and at least one FILE are needed");
	else if (sandbox_writes(operands[0], NULL, e))
		rc = -1;
	else
		rc = merge(operands[0], operands + 1, count - 1, &out, e);
	return report_end(&out, rc, e);
}

/* ---- extend and discard -------------------------------------------------- */

static struct json *without_dates(const struct json *envelope)
{
	struct json *copy = json_clone(envelope_signed(envelope));

	json_remove(copy, "issued");
	json_remove(copy, "expires");
	json_remove(copy, "version");
	return copy;
}

/* The proof that extend promises, over everything that is signed. */
static bool same_but_dates(const struct json *a, const struct json *b)
{
	struct json *one = without_dates(a), *other = without_dates(b);
	bool same = json_same(one, other);

	json_free(one);
	json_free(other);
	return same;
}

static int extend_role(struct repo *r, const char *role, struct report *out,
		       struct err *e)
{
	const struct repo_role *held = repo_role(r, role);
	const char *expires;
	struct json *envelope;
	int64_t now = utc_now();

	if (!held || !held->published)
		return err_set(e, ERR_NOT_FOUND, "no %s is published", role);
	if (held->staged)
		return err_set(e, ERR_CONFLICT,
			       "a changed %s is staged: publish or discard it "
			       "first, so that only dates change",
			       role);
	if (repo_begin(r, role, now, &envelope, e))
		return -1;
	if (!same_but_dates(held->published, envelope)) {
		json_free(envelope);
		return err_set(e, ERR_CONFLICT,
			       "more than dates would change: %s", role);
	}
	expires = json_text(json_get(envelope_signed(envelope), "expires"));
	report_line(out, "staged: %s version %lld, the same content until %s",
		    role, (long long)envelope_version(envelope), expires);
	json_set_text(report_object(out), role, expires);
	return change_stage(r, role, envelope, now, out, e);
}

static int extend(const char *path, const char *role, struct report *out,
		  struct err *e)
{
	struct repo r;
	int rc;

	if (watch_open(path, REPO_WRITE, &r, out, e))
		return -1;
	rc = extend_role(&r, role ? role : "targets", out, e);
	repo_close(&r);
	return rc;
}

/* A role that the forgotten targets alone delegated to goes with them. */
static int discard_unlisted(struct repo *r, struct report *out, struct err *e)
{
	for (size_t i = 0; i < r->delegated_count; i++) {
		const char *name = r->delegated[i].name;

		if (!r->delegated[i].staged || repo_is_listed(r, name))
			continue;
		if (repo_unstage(r, name, e))
			return -1;
		report_line(out, "%s: what was staged is forgotten with it",
			    name);
	}
	return 0;
}

static int discard_role(struct repo *r, const char *role, struct report *out,
			struct err *e)
{
	const struct repo_role *held = repo_role(r, role);

	if (!held || !held->staged)
		return err_set(e, ERR_NOT_FOUND, "no %s is staged", role);
	if (!held->published && repo_is_listed(r, role))
		return err_set(e, ERR_REFUSED,
			       "this is the first %s: without it there is no "
			       "%s",
			       role,
			       roles_is_delegated(role) ? "such role (role "
							  "remove takes it "
							  "back)"
							: "repository");
	if (repo_unstage(r, role, e))
		return -1;
	report_line(out, "%s: what was staged is forgotten", role);
	return discard_unlisted(r, out, e);
}

static int discard(const char *path, const char *role, struct report *out,
		   struct err *e)
{
	struct repo r;
	int rc;

	if (!role)
		return err_set(e, ERR_USAGE, "--role is needed");
	if (watch_open(path, REPO_WRITE, &r, out, e))
		return -1;
	rc = discard_role(&r, role, out, e);
	repo_close(&r);
	return rc;
}

static int run_on_role(int argc, char **argv,
		       int (*work)(const char *path, const char *role,
				   struct report *out, struct err *e),
		       struct err *e)
{
	struct report out = { 0 };
	const char *role = NULL;
	const struct opt opts[] = {
		OPT_TEXT("role", "ROLE", &role,
			 "root, targets or a delegated role"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 1)
		rc = work(operands[0], role, &out, e);
	else
		rc = err_set(e, ERR_USAGE, "one REPO is needed");
	return report_end(&out, rc, e);
}

int cmd_extend(int argc, char **argv, struct err *e)
{
	return run_on_role(argc, argv, extend, e);
}

int cmd_discard(int argc, char **argv, struct err *e)
{
	return run_on_role(argc, argv, discard, e);
}
