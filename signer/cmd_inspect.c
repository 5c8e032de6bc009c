/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_inspect - read what is about to be signed: a whole repository, or one
 * staged file standing alone.
 *
 * A file alone does not know what was signed before it nor whose signatures
 * count; --against and --root bring that along. Without --root a root is
 * judged by itself, as a device judges its first one.
 */
#include <string.h>

#include "common/fs.h"
#include "common/named.h"
#include "common/opt.h"
#include "common/utc.h"
#include "signer/commands.h"
#include "signer/repo.h"
#include "signer/review.h"
#include "signer/sandbox.h"
#include "signer/watch.h"

struct inspect {
	const char *path, *against, *by;
};

static const struct json *signed_or_null(const struct json *envelope)
{
	return envelope ? envelope_signed(envelope) : NULL;
}

/* One role, if it has what is wanted: the staged file, or the published. */
static void review_role(const struct repo *r, const struct repo_role *held,
			bool staged, struct review *v)
{
	struct json *envelope = staged ? held->staged : held->published;
	struct review_file *f = &v->files[v->count];

	if (!envelope || !repo_is_listed(r, held->name))
		return;
	v->count++;
	*f = (struct review_file){
		.envelope = envelope,
		.before = signed_or_null(held->published),
		.by = repo_judge(r, held->name),
	};
	if (held == &r->root && staged)
		f->root_before = f->before;
}

/* What is staged; where nothing is, what is published. False then. */
static bool review_repo(const struct repo *r, struct review *v)
{
	bool staged = false;

	*v = (struct review){ .names = r->names,
			      .owner = r->settings.owner,
			      .now = utc_now() };
	for (size_t i = 0; i < repo_role_count(r); i++)
		staged = staged || repo_role_at(r, i)->staged;
	for (size_t i = 0; i < repo_role_count(r); i++)
		review_role(r, repo_role_at(r, i), staged, v);
	return staged;
}

static int inspect_repo(const char *path, struct report *out, struct err *e)
{
	struct review v;
	struct repo r;
	int rc;

	if (watch_open(path, REPO_READ, &r, out, e))
		return -1;
	if (!review_repo(&r, &v))
		report_note(out, "nothing is staged; this is what is "
				 "published");
	rc = review_say(&v, out, e);
	repo_close(&r);
	return rc;
}

static int read_envelope(const char *path, struct json **out, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	int rc;

	rc = fs_read_path(path, &bytes, e) ||
	     envelope_parse(buf_slice(&bytes), out, e);
	buf_done(&bytes);
	if (rc)
		named_in(e, path);
	return rc ? -1 : 0;
}

/* An optional companion; it must be of the wanted role. */
static int read_companion(const char *path, const char *want, struct json **out,
			  struct err *e)
{
	if (!path)
		return 0;
	if (read_envelope(path, out, e))
		return -1;
	if (strcmp(envelope_role(*out), want) != 0)
		return err_set(e, ERR_USAGE, "%s is not a %s file", path, want);
	return 0;
}

static int inspect_file(const struct inspect *i, struct report *out,
			struct err *e)
{
	struct json *envelope = NULL, *against = NULL, *by = NULL;
	struct review v = { .count = 1, .now = utc_now() };
	const char *role;
	int rc = -1;

	if (read_envelope(i->path, &envelope, e))
		goto out;
	role = envelope_role(envelope);
	if (read_companion(i->against, role, &against, e) ||
	    read_companion(i->by, roles_is_delegated(role) ? "targets" : "root",
			   &by, e))
		goto out;
	v.files[0] = (struct review_file){
		.envelope = envelope,
		.before = signed_or_null(against),
		.by = signed_or_null(by),
	};
	if (strcmp(role, "root") == 0) {
		v.files[0].root_before = signed_or_null(by ? by : against);
		v.files[0].by = envelope_signed(envelope);
	}
	rc = review_say(&v, out, e);
out:
	json_free(by);
	json_free(against);
	json_free(envelope);
	return rc;
}

int cmd_inspect(int argc, char **argv, struct err *e)
{
	struct inspect i = { 0 };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_TEXT("against", "FILE", &i.against,
			 "FILE alone: what was signed before it"),
		OPT_TEXT("root", "FILE", &i.by,
			 "FILE alone: the root (of a delegated role: the "
			 "targets) whose keys count"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	i.path = operands[0];
	if (count != 1)
		rc = err_set(e, ERR_USAGE, "one REPO or FILE is needed");
	else if (sandbox_writes(NULL, NULL, e))
		rc = -1;
	else
		rc = repo_is_at(i.path) ? inspect_repo(i.path, &out, e)
					: inspect_file(&i, &out, e);
	return report_end(&out, rc, e);
}
