/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_publish - make what is signed public: a folder that a server imports or
 * a device installs from.
 *
 * The order is what keeps it safe to interrupt: judge, bring the packages,
 * then let the staged files become the published ones of this repository, and
 * only then show metadata to anybody. A version that somebody may have seen is
 * therefore never used for other content; a run that was cut off is finished
 * by the next one.
 */
#include <string.h>

#include "common/fs.h"
#include "common/opt.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/checklist.h"
#include "signer/commands.h"
#include "signer/outlet.h"
#include "signer/sandbox.h"
#include "signer/signing.h"
#include "signer/standing.h"
#include "signer/watch.h"

struct publish {
	const char *repo, *folder, *backup;
	struct opt_list only;
	bool online;
};

static int check_signatures(const struct repo *r, const char *role,
			    struct err *e)
{
	const struct json *before;
	struct buf text = BUF_INIT(4096);
	struct standing s;
	int rc = -1;

	before = r->root.published ? envelope_signed(r->root.published) : NULL;
	if (standing_of(repo_role(r, role)->staged, before, repo_judge(r, role),
			&s, e))
		goto out;
	if (standing_is_complete(&s))
		rc = 0;
	else if (standing_missing(&s, r->names, &text, e) == 0)
		err_set(e, ERR_UNTRUSTED,
			"staged %s is not signed by enough keys: missing %s",
			role, buf_text(&text));
out:
	buf_done(&text);
	return rc;
}

/* Every staged file; and no role that a device would look for in vain. */
static int judge(const struct repo *r, int64_t now, struct report *out,
		 struct err *e)
{
	for (size_t i = 0; i < repo_role_count(r); i++) {
		const struct repo_role *held = repo_role_at(r, i);

		if (held->staged &&
		    (signing_judge(r, held->name, now, out, e) ||
		     check_signatures(r, held->name, e)))
			return -1;
		if (!held->staged && !held->published &&
		    repo_is_listed(r, held->name))
			return err_set(e, ERR_REFUSED,
				       "targets delegate to %s, which nobody "
				       "has signed: sign it, or take it back "
				       "with role remove",
				       held->name);
	}
	return 0;
}

/* Production alone: the whole of it is said before the first open point. */
static int go_through(struct repo *r, int64_t now, struct report *out,
		      struct err *e)
{
	size_t open;

	if (r->environment != ENV_PRODUCTION)
		return 0;
	if (checklist_run(r, now, out, &open, e))
		return err_in(e, "checklist");
	if (open == 0)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "%zu point%s of the checklist %s open: checklist says "
		       "which, and the way out",
		       open, open == 1 ? "" : "s", open == 1 ? "is" : "are");
}

/* Leave out what shall wait; it stays staged on the disk. */
static int choose(struct repo *r, const struct opt_list *only, struct err *e)
{
	for (size_t i = 0; i < only->count; i++)
		if (!repo_role(r, only->at[i]))
			return err_set(e, ERR_USAGE, "--only: no role %s",
				       only->at[i]);
	for (size_t i = 0; only->count > 0 && i < repo_role_count(r); i++) {
		const struct repo_role *held = repo_role_at(r, i);
		bool chosen = false;

		for (size_t k = 0; k < only->count; k++)
			chosen |= strcmp(only->at[k], held->name) == 0;
		if (chosen || !held->staged)
			continue;
		if (i < 2 && !held->published)
			return err_set(e, ERR_REFUSED,
				       "the first publication needs root and "
				       "targets");
		repo_set_aside(r, held->name);
	}
	return 0;
}

static void say_role(const struct repo *r, const struct repo_role *held,
		     struct report *out)
{
	const char *expires = json_text(
		json_get(envelope_signed(held->published), "expires"));
	struct json *one = json_new_object();

	report_line(out, "%s version %lld, until %s", held->name,
		    (long long)repo_version(r, held->name), expires);
	json_set_int(one, "version", repo_version(r, held->name));
	json_set_text(one, "expires", expires);
	json_set(report_object(out), held->name, one);
}

static void say_packages(const struct outlet_count *count, struct report *out)
{
	char size[16];

	text_size(count->bytes, size);
	report_line(out, "packages: %llu copied (%s), %llu were there",
		    (unsigned long long)count->copied, size,
		    (unsigned long long)count->kept);
	json_set_int(report_object(out), "packages_copied",
		     (int64_t)count->copied);
	json_set_int(report_object(out), "packages_kept", (int64_t)count->kept);
}

static int commit(struct repo *r, struct err *e)
{
	/* Root first: targets may need its keys, others those of targets. */
	for (size_t i = 0; i < repo_role_count(r); i++)
		if (repo_role_at(r, i)->staged &&
		    repo_commit(r, repo_role_at(r, i)->name, e))
			return -1;
	return 0;
}

static int show(struct repo *r, const struct publish *p, int dirfd, int64_t now,
		struct report *out, struct err *e)
{
	struct online_files online = { 0 };
	int rc = -1;

	if (p->online && online_sign(r, now, &online, e))
		goto out;
	if (outlet_metadata(r, p->online ? &online : NULL, dirfd, e) ||
	    outlet_check(r, dirfd, p->online, now, e))
		goto out;
	for (size_t i = 0; i < repo_role_count(r); i++)
		if (repo_role_at(r, i)->published &&
		    repo_is_listed(r, repo_role_at(r, i)->name))
			say_role(r, repo_role_at(r, i), out);
	json_set_bool(report_object(out), "online", p->online);
	rc = 0;
out:
	online_done(&online);
	return rc;
}

static int publish_to(struct repo *r, const struct publish *p, int dirfd,
		      struct report *out, struct err *e)
{
	struct outlet_count count;
	int64_t now = utc_now();

	if (choose(r, &p->only, e) || judge(r, now, out, e) ||
	    outlet_check_repo(r, now, e) ||
	    (p->backup && checklist_backup(r, p->backup, now, e)) ||
	    go_through(r, now, out, e))
		return -1;
	if (outlet_packages(r, dirfd, &count, e) || commit(r, e) ||
	    show(r, p, dirfd, now, out, e))
		return -1;
	say_packages(&count, out);
	return 0;
}

static int publish(const struct publish *p, struct report *out, struct err *e)
{
	struct repo r;
	int dirfd = -1;
	int rc = -1;

	if (repo_need_at(p->repo, e) ||
	    sandbox_fills(p->repo, p->folder, &dirfd, e))
		return -1;
	if (watch_open(p->repo, REPO_WRITE, &r, out, e)) {
		fs_close(&dirfd);
		return -1;
	}
	/* Refuse before anything is in it. */
	if (outlet_check_folder(&r, dirfd, e)) {
		(void)err_in(e, "%s", p->folder);
		goto out;
	}
	if (p->online && online_check(&r, e))
		goto out;
	if (r.environment != ENV_PRODUCTION)
		report_note(out, "%s: only devices built for %s accept this",
			    environment_name(r.environment),
			    environment_name(r.environment));
	rc = publish_to(&r, p, dirfd, out, e);
	if (rc == 0) {
		report_line(out, "published to %s", p->folder);
		json_set_text(report_object(out), "folder", p->folder);
	}
out:
	fs_close(&dirfd);
	repo_close(&r);
	return rc;
}

int cmd_publish(int argc, char **argv, struct err *e)
{
	struct publish p = { 0 };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_FLAG("with-online", &p.online,
			 "lab, demo: sign snapshot and timestamp as well, so "
			 "that a device installs from the folder"),
		OPT_TEXT("backup-checked", "DAY", &p.backup,
			 "production: when a backup of REPO was compared with "
			 "it, as 2026-11-27"),
		OPT_LIST("only", "ROLE", &p.only,
			 "publish this role and leave the others staged"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 2) {
		p.repo = operands[0];
		p.folder = operands[1];
		rc = publish(&p, &out, e);
	} else
		rc = err_set(e, ERR_USAGE, "REPO and DIR are needed");
	return report_end(&out, rc, e);
}

/* ---- the checklist alone ---------------------------------------------------
 */

static int say_checklist(const char *path, struct report *out, struct err *e)
{
	struct repo r;
	size_t open;
	int rc;

	if (watch_open(path, REPO_READ, &r, out, e))
		return -1;
	rc = checklist_run(&r, utc_now(), out, &open, e);
	if (rc == 0 && r.environment != ENV_PRODUCTION)
		report_note(out, "%s: publish does not insist on this",
			    environment_name(r.environment));
	repo_close(&r);
	return rc;
}

int cmd_checklist(int argc, char **argv, struct err *e)
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
	if (count == 1)
		rc = say_checklist(operands[0], &out, e);
	else
		rc = err_set(e, ERR_USAGE, "one REPO is needed");
	return report_end(&out, rc, e);
}
