/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_take - `order take REPO FOLDER`: what operators signed elsewhere, through
 * the server or on their own machines, becomes what this repository goes on
 * from. So an engineer's next publication takes none of it back.
 *
 * FOLDER has the form of a publication (a medium, an operators' folder). It is
 * believed as far as it is signed by the keys that the published targets name.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/assign.h"
#include "common/fs.h"
#include "common/opt.h"
#include "common/order.h"
#include "common/release.h"
#include "common/tuf_keys.h"
#include "common/tuf_meta.h"
#include "signer/commands.h"
#include "signer/document.h"
#include "signer/standing.h"

#define NAME_LEN 128

struct take {
	struct repo *repo;
	int dirfd; /* FOLDER */
	const char *role;
	int64_t version;
	struct buf bytes; /* of the file */
	struct json *envelope;
	size_t documents;
};

/* ---- the file ------------------------------------------------------------ */

/* "<version>.<role>.json" */
static bool is_version(const char *name, const char *role, int64_t *out)
{
	char tail[NAME_LEN];
	struct err ignored;
	uint64_t version;
	size_t digits = strcspn(name, ".");

	if (text_format(tail, sizeof(tail), &ignored, ".%s.json", role) ||
	    strcmp(name + digits, tail) != 0 ||
	    num_parse(slice_sub(slice_of(name), 0, digits), JSON_INT_MAX,
		      &version, &ignored))
		return false;
	*out = (int64_t)version;
	return true;
}

static int find_newest(struct take *t, struct err *e)
{
	struct dirent *entry;
	int64_t version;
	int fd = -1;
	DIR *dir;

	t->version = 0;
	if (fs_open(t->dirfd, "metadata", O_RDONLY | O_DIRECTORY, &fd, e))
		return err_in(e, "it is no publication");
	dir = fdopendir(fd);
	if (!dir) {
		fs_close(&fd);
		return err_sys(e, "metadata");
	}
	while ((entry = readdir(dir)))
		if (is_version(entry->d_name, t->role, &version) &&
		    version > t->version)
			t->version = version;
	(void)closedir(dir); /* only read from */
	return 0;
}

static int check_signatures(const struct take *t, struct err *e)
{
	const struct json *targets = t->repo->targets.published;
	struct buf missing = BUF_INIT(4096);
	struct standing s;
	int rc = -1;

	if (!targets)
		return err_set(e, ERR_NOT_FOUND,
			       "this repository has published no targets");
	if (standing_of(t->envelope, NULL, envelope_signed(targets), &s, e) ||
	    standing_missing(&s, t->repo->names, &missing, e))
		goto out;
	rc = standing_is_complete(&s)
		     ? 0
		     : err_set(e, ERR_UNTRUSTED,
			       "not signed by enough of its keys: missing %s",
			       buf_text(&missing));
out:
	buf_done(&missing);
	return rc;
}

/* As a device parses it, of the role and version that its name says. */
static int check_file(const struct take *t, struct err *e)
{
	const struct tuf_rules rules = { .schemes = tuf_schemes_product };
	struct tuf_meta *meta;

	if (strcmp(envelope_role(t->envelope), t->role) != 0 ||
	    envelope_version(t->envelope) != t->version)
		return err_set(e, ERR_FORMAT,
			       "it holds another role or version");
	if (tuf_meta_parse(&rules, TUF_TARGETS, buf_slice(&t->bytes), &meta, e))
		return -1;
	tuf_meta_free(meta);
	return check_signatures(t, e);
}

static int read_file(struct take *t, struct err *e)
{
	char path[NAME_LEN];

	if (text_format(path, sizeof(path), e, "metadata/%lld.%s.json",
			(long long)t->version, t->role) ||
	    fs_read_file(t->dirfd, path, &t->bytes, e))
		return -1;
	return envelope_parse(buf_slice(&t->bytes), &t->envelope, e) ||
			       check_file(t, e)
		       ? err_in(e, "%s", path)
		       : 0;
}

/* ---- its documents ------------------------------------------------------- */

/* What nobody could read is not taken over. */
static int check_document(const char *path, struct slice bytes, struct err *e)
{
	struct assign move;
	struct order o;

	if (strncmp(path, "assign/", 7) == 0)
		return assign_parse(bytes, &move, e);
	if (order_parse(bytes, &o, e))
		return -1;
	order_done(&o);
	return 0;
}

static int take_document(struct take *t, const char *path,
			 const struct json *entry, struct err *e)
{
	struct buf bytes = BUF_INIT(DOCUMENT_MAX_LEN);
	char url[PATH_MAX_LEN], file[PATH_MAX_LEN + 16];
	struct sha256 digest;
	int rc = json_get_hex(json_get(entry, "hashes"), "sha256", digest.bytes,
			      SHA256_LEN, e) ||
				 release_url_path(path, &digest, url, e) ||
				 text_format(file, sizeof(file), e,
					     "targets/%s", url) ||
				 fs_read_file(t->dirfd, file, &bytes, e) ||
				 document_keep(t->repo, t->role, path, &digest,
					       buf_slice(&bytes), e) ||
				 check_document(path, buf_slice(&bytes), e)
			 ? err_in(e, "%s", path)
			 : 0;

	t->documents += rc == 0;
	buf_done(&bytes);
	return rc;
}

/* ---- the command --------------------------------------------------------- */

static int take_newer(struct take *t, struct report *out, struct err *e)
{
	const int64_t before = repo_version(t->repo, t->role);
	const struct json *list;
	struct json *envelope;

	if (read_file(t, e))
		return -1;
	list = json_get(envelope_signed(t->envelope), "targets");
	/* First what is listed, then what lists it. */
	for (void *m = json_first(list); m; m = json_next(list, m))
		if (take_document(t, json_name(m), json_value(m), e))
			return -1;
	envelope = t->envelope;
	t->envelope = NULL;
	if (repo_take_over(t->repo, t->role, envelope, buf_slice(&t->bytes), e))
		return -1;
	report_line(out,
		    "%s: version %lld taken over after %lld, %zu documents",
		    t->role, (long long)t->version, (long long)before,
		    t->documents);
	json_set_int(report_object(out), t->role, t->version);
	return 0;
}

/* As far as a server takes it: what runs further leaves no room for others. */
static int check_distance(const struct take *t, struct err *e)
{
	const int64_t before = repo_version(t->repo, t->role);

	if (before == 0 || t->version - before <= (int64_t)ORDER_AHEAD)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "%s: version %lld runs ahead of version %lld, by more "
		       "than %u",
		       t->role, (long long)t->version, (long long)before,
		       ORDER_AHEAD);
}

static int take_role(struct repo *r, int dirfd, const char *role,
		     struct report *out, struct err *e)
{
	struct take t = { .repo = r,
			  .dirfd = dirfd,
			  .role = role,
			  .bytes = BUF_INIT(ENVELOPE_MAX_LEN) };
	int rc = find_newest(&t, e);

	if (rc == 0 && t.version <= repo_version(r, role))
		report_line(out, "%s: nothing newer than version %lld", role,
			    (long long)repo_version(r, role));
	else if (rc == 0)
		rc = check_distance(&t, e) || take_newer(&t, out, e) ? -1 : 0;
	json_free(t.envelope);
	buf_done(&t.bytes);
	return rc;
}

static int take(const char *path, const char *folder, struct report *out,
		struct err *e)
{
	struct repo r;
	int dirfd = -1, rc = -1;

	if (fs_open_dir(folder, &dirfd, e))
		return -1;
	if (repo_open(path, REPO_WRITE, &r, e) == 0) {
		rc = take_role(&r, dirfd, ORDER_ROLE_ONE, out, e) ||
				     take_role(&r, dirfd, ORDER_ROLE_WIDE, out,
					       e)
			     ? -1
			     : 0;
		repo_close(&r);
	}
	fs_close(&dirfd);
	return rc;
}

int cmd_order_take(int argc, char **argv, struct err *e)
{
	struct report out = { .json = false };
	const struct opt opts[] = {
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	rc = count == 2 ? take(operands[0], operands[1], &out, e)
			: err_set(e, ERR_USAGE,
				  "one REPO and one FOLDER are needed");
	return report_end(&out, rc, e);
}
