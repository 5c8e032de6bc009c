/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/outlet.h"

#include <fcntl.h>
#include <string.h>

#include "common/fs.h"
#include "common/release.h"
#include "common/text.h"

#define TRUST_FOLDER REPO_WORK "/trust"

/* ---- verifying ----------------------------------------------------------- */

/* Metadata of a folder; with a repository, its staged files as well. */
struct view {
	int dirfd;
	const struct repo *repo; /* NULL: what lies in the folder alone */
};

static bool is_staged_as(const struct json *staged, enum tuf_role role,
			 const char *name)
{
	char want[64];
	struct err unused;

	return staged &&
	       text_format(want, sizeof(want), &unused, "%lld.%s.json",
			   (long long)envelope_version(staged),
			   envelope_role_name(role)) == 0 &&
	       strcmp(want, name) == 0;
}

static int fetch(void *ctx, const char *name, size_t max, struct buf *out,
		 struct err *e)
{
	const struct view *v = ctx;
	struct buf bytes = BUF_INIT(max);
	char path[PATH_MAX_LEN];
	int rc;

	if (v->repo && is_staged_as(v->repo->root.staged, TUF_ROOT, name))
		rc = tuf_envelope_bytes(v->repo->root.staged, &bytes, e);
	else if (v->repo &&
		 is_staged_as(v->repo->targets.staged, TUF_TARGETS, name))
		rc = tuf_envelope_bytes(v->repo->targets.staged, &bytes, e);
	else
		rc = text_format(path, sizeof(path), e, "metadata/%s", name) ||
		     fs_read_file(v->dirfd, path, &bytes, e);
	rc = rc || buf_add(out, buf_slice(&bytes), e) ? -1 : 0;
	buf_done(&bytes);
	return rc;
}

/* A device that has just left the factory with the first root. */
static int new_device(const struct repo *r, const struct tuf_source *from,
		      int *trustfd, struct err *e)
{
	struct buf root = BUF_INIT(tuf_policy_device.root_max);
	int rc = -1;

	if (from->fetch(from->ctx, "1.root.json", root.max, &root, e) ||
	    fs_remove_tree(r->dirfd, TRUST_FOLDER, e) ||
	    fs_mkdir(r->dirfd, TRUST_FOLDER, 0700, e) ||
	    fs_open(r->dirfd, TRUST_FOLDER, O_RDONLY | O_DIRECTORY, trustfd, e))
		goto out;
	rc = tuf_client_init(*trustfd, &tuf_policy_device, buf_slice(&root), e);
out:
	buf_done(&root);
	return rc;
}

static int check(const struct repo *r, struct view *v, int64_t targets_version,
		 int64_t now, struct err *e)
{
	const struct tuf_source from = { v, fetch };
	struct tuf_client *device = NULL;
	int trustfd = -1;
	int rc = -1;

	if (new_device(r, &from, &trustfd, e) ||
	    tuf_client_open(trustfd, &tuf_policy_device, now, &device, e))
		goto out;
	if (targets_version > 0)
		rc = tuf_client_import(device, &from, targets_version, e);
	else
		rc = tuf_client_refresh(device, &from, e);
out:
	tuf_client_close(device);
	fs_close(&trustfd);
	return rc ? err_in(e, "a device would refuse this") : 0;
}

int outlet_check_repo(const struct repo *r, int64_t now, struct err *e)
{
	struct view v = { r->dirfd, r };
	const struct json *targets =
		r->targets.staged ? r->targets.staged : r->targets.published;

	return check(r, &v, envelope_version(targets), now, e);
}

int outlet_check(const struct repo *r, int dirfd, bool online, int64_t now,
		 struct err *e)
{
	struct view v = { dirfd, NULL };

	return check(r, &v, online ? 0 : repo_version(r, TUF_TARGETS), now, e);
}

/* ---- packages ------------------------------------------------------------ */

/* Where a package lies, in the repository as in the published folder. */
static int package_path(const char *target, const struct json *entry,
			char out[PATH_MAX_LEN], struct sha256 *digest,
			struct err *e)
{
	char url[PATH_MAX_LEN];

	if (json_get_hex(json_get(entry, "hashes"), "sha256", digest->bytes,
			 SHA256_LEN, e) ||
	    release_url_path(target, digest, url, e))
		return -1;
	return text_format(out, PATH_MAX_LEN, e, "targets/%s", url);
}

static bool is_there(int dirfd, const char *path, uint64_t len)
{
	struct err unused;
	struct stat st;

	return fs_stat(dirfd, path, &st, &unused) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == len;
}

/* Copy under another name, verify the copy, then give it its own name. */
static int copy_package(int from_dirfd, const char *path, int dirfd,
			uint64_t len, const struct sha256 *digest,
			struct err *e)
{
	char partial[PATH_MAX_LEN];
	struct sha256 got;
	int from = -1, to = -1;
	int rc = -1;

	if (text_format(partial, sizeof(partial), e, "%s.partial", path) ||
	    fs_open(from_dirfd, path, O_RDONLY, &from, e) ||
	    fs_remove(dirfd, partial, e) ||
	    fs_create(dirfd, partial, 0644, &to, e) ||
	    fs_copy_range(from, 0, to, 0, len, e) || fs_sync(to, e) ||
	    sha256_of_range(to, 0, len, &got, e))
		goto out;
	if (!sha256_equal(&got, digest)) {
		err_set(e, ERR_UNTRUSTED,
			"the repository's copy is damaged: its digest is not "
			"the one that is signed");
		goto out;
	}
	rc = fs_rename(dirfd, partial, path, e);
out:
	fs_close(&to);
	fs_close(&from);
	return rc;
}

static int make_folder(int dirfd, const char *path, struct err *e)
{
	char folder[PATH_MAX_LEN];
	const char *slash = strrchr(path, '/');

	if (text_format(folder, sizeof(folder), e, "%.*s", (int)(slash - path),
			path))
		return -1;
	return fs_mkdirs(dirfd, folder, 0755, e);
}

static int bring_package(const struct repo *r, const char *target,
			 const struct json *entry, int dirfd,
			 struct outlet_count *count, struct err *e)
{
	char path[PATH_MAX_LEN];
	struct sha256 digest;
	int64_t len;

	if (json_get_int(entry, "length", 0, JSON_INT_MAX, &len, e) ||
	    package_path(target, entry, path, &digest, e))
		return -1;
	if (is_there(dirfd, path, (uint64_t)len)) {
		count->kept++;
		return 0;
	}
	if (make_folder(dirfd, path, e) ||
	    copy_package(r->dirfd, path, dirfd, (uint64_t)len, &digest, e))
		return -1;
	count->copied++;
	count->bytes += (uint64_t)len;
	return 0;
}

int outlet_packages(const struct repo *r, const struct json *targets, int dirfd,
		    struct outlet_count *count, struct err *e)
{
	const struct json *list = json_get(targets, "targets");

	*count = (struct outlet_count){ 0 };
	for (void *m = json_first(list); m; m = json_next(list, m))
		if (bring_package(r, json_name(m), json_value(m), dirfd, count,
				  e))
			return err_in(e, "%s", json_name(m));
	return 0;
}

/* ---- metadata ------------------------------------------------------------ */

static int write_once(int dirfd, const char *path, struct slice bytes,
		      struct err *e)
{
	struct buf there = BUF_INIT(ENVELOPE_MAX_LEN);
	struct err why = { 0 };
	int rc = -1;

	if (fs_read_file(dirfd, path, &there, &why) == 0) {
		if (slice_equal(buf_slice(&there), bytes))
			rc = 0;
		else
			err_set(e, ERR_CONFLICT,
				"%s is there with other content: this folder "
				"belongs to another repository",
				path);
	} else if (why.code == ERR_NOT_FOUND)
		rc = fs_replace_file(dirfd, path, bytes, 0644, e);
	else
		err_set(e, why.code, "%s", why.msg);
	buf_done(&there);
	return rc;
}

static int copy_published(const struct repo *r, enum tuf_role role,
			  int64_t version, int dirfd, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	char path[64];
	int rc;

	rc = text_format(path, sizeof(path), e, "metadata/%lld.%s.json",
			 (long long)version, envelope_role_name(role)) ||
	     fs_read_file(r->dirfd, path, &bytes, e) ||
	     write_once(dirfd, path, buf_slice(&bytes), e);
	buf_done(&bytes);
	return rc ? -1 : 0;
}

static int write_online(const struct online_files *online, int dirfd,
			struct err *e)
{
	char path[64];

	if (text_format(path, sizeof(path), e, "metadata/%lld.snapshot.json",
			(long long)online->snapshot_version) ||
	    write_once(dirfd, path, buf_slice(&online->snapshot), e))
		return -1;
	return fs_replace_file(dirfd, "metadata/timestamp.json",
			       buf_slice(&online->timestamp), 0644, e);
}

int outlet_metadata(const struct repo *r, const struct online_files *online,
		    int dirfd, struct err *e)
{
	if (fs_mkdirs(dirfd, "metadata", 0755, e))
		return -1;
	for (int64_t v = 1; v <= repo_version(r, TUF_ROOT); v++)
		if (copy_published(r, TUF_ROOT, v, dirfd, e))
			return -1;
	if (copy_published(r, TUF_TARGETS, repo_version(r, TUF_TARGETS), dirfd,
			   e))
		return -1;
	return online ? write_online(online, dirfd, e) : 0;
}
