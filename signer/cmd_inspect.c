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
#include "common/opt.h"
#include "common/utc.h"
#include "signer/commands.h"
#include "signer/named.h"
#include "signer/repo.h"
#include "signer/review.h"

struct inspect {
	const char *path, *against, *root;
};

static const struct json *signed_or_null(const struct json *envelope)
{
	return envelope ? envelope_signed(envelope) : NULL;
}

/* What is staged; where nothing is, what is published. */
static void review_repo(const struct repo *r, struct review *v)
{
	const struct json *root_before = signed_or_null(r->root.published);
	bool staged = r->root.staged || r->targets.staged;

	*v = (struct review){ .names = r->names,
			      .owner = r->settings.owner,
			      .now = utc_now() };
	if (r->root.staged || (!staged && r->root.published))
		v->files[v->count++] = (struct review_file){
			TUF_ROOT,
			r->root.staged ? r->root.staged : r->root.published,
			root_before,
			r->root.staged ? root_before : NULL,
			repo_root(r),
		};
	if (r->targets.staged || (!staged && r->targets.published))
		v->files[v->count++] = (struct review_file){
			TUF_TARGETS,
			r->targets.staged ? r->targets.staged
					  : r->targets.published,
			signed_or_null(r->targets.published),
			NULL,
			repo_root(r),
		};
}

static int inspect_repo(const char *path, struct report *out, struct err *e)
{
	struct review v;
	struct repo r;
	int rc;

	if (repo_open(path, REPO_READ, &r, e))
		return -1;
	review_repo(&r, &v);
	if (!r.root.staged && !r.targets.staged)
		report_note(out, "nothing is staged; this is what is "
				 "published");
	rc = review_say(&v, out, e);
	repo_close(&r);
	return rc;
}

static int read_envelope(const char *path, struct json **out,
			 enum tuf_role *role, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	int rc;

	rc = fs_read_path(path, &bytes, e) ||
	     envelope_parse(buf_slice(&bytes), out, role, e);
	buf_done(&bytes);
	if (rc)
		named_in(e, path);
	return rc ? -1 : 0;
}

/* An optional companion; it must be of the wanted role. */
static int read_companion(const char *path, enum tuf_role want,
			  struct json **out, struct err *e)
{
	enum tuf_role role;

	if (!path)
		return 0;
	if (read_envelope(path, out, &role, e))
		return -1;
	if (role != want)
		return err_set(e, ERR_USAGE, "%s is not a %s file", path,
			       envelope_role_name(want));
	return 0;
}

static int inspect_file(const struct inspect *i, struct report *out,
			struct err *e)
{
	struct json *envelope = NULL, *against = NULL, *root = NULL;
	struct review v = { .count = 1, .now = utc_now() };
	enum tuf_role role;
	int rc = -1;

	if (read_envelope(i->path, &envelope, &role, e) ||
	    read_companion(i->against, role, &against, e) ||
	    read_companion(i->root, TUF_ROOT, &root, e))
		goto out;
	v.files[0] = (struct review_file){
		.role = role,
		.envelope = envelope,
		.before = signed_or_null(against),
		.root = signed_or_null(root),
	};
	if (role == TUF_ROOT) {
		v.files[0].root_before = signed_or_null(root ? root : against);
		v.files[0].root = envelope_signed(envelope);
	}
	rc = review_say(&v, out, e);
out:
	json_free(root);
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
		OPT_TEXT("root", "FILE", &i.root,
			 "FILE alone: the root whose keys count"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count != 1)
		rc = err_set(e, ERR_USAGE, "one REPO or FILE is needed");
	else {
		i.path = operands[0];
		rc = repo_is_at(i.path) ? inspect_repo(i.path, &out, e)
					: inspect_file(&i, &out, e);
	}
	return report_end(&out, rc, e);
}
