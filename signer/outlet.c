/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/outlet.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/named.h"
#include "common/release.h"
#include "common/text.h"
#include "common/tuf_walk.h"

#define TRUST_FOLDER REPO_WORK "/trust"

#define FIRST_ROOT "metadata/1.root.json"

/* ---- whose folder it is -------------------------------------------------- */

/* The file as it is, or empty; false if it cannot be read. */
static bool read_root(int dirfd, struct buf *out, struct err *e)
{
	struct err why = { 0 };

	if (fs_read_file(dirfd, FIRST_ROOT, out, &why) == 0 ||
	    why.code == ERR_NOT_FOUND)
		return true;
	*e = why;
	return false;
}

static int check_first_root(const struct repo *r, int dirfd, bool *published,
			    struct err *e)
{
	struct buf there = BUF_INIT(ENVELOPE_MAX_LEN);
	struct buf ours = BUF_INIT(ENVELOPE_MAX_LEN);
	int rc = -1;

	if (read_root(dirfd, &there, e) && read_root(r->dirfd, &ours, e))
		rc = 0;
	*published = there.len > 0;
	if (rc == 0 && *published &&
	    !slice_equal(buf_slice(&there), buf_slice(&ours)))
		rc = err_set(e, ERR_CONFLICT,
			     "what another repository published lies there: "
			     "name another folder");
	buf_done(&there);
	buf_done(&ours);
	return rc;
}

int outlet_check_folder(const struct repo *r, int dirfd, struct err *e)
{
	/* Ours of a first run that was cut off, and what a fresh stick has. */
	static const char *const may_be[] = { "metadata", "targets",
					      "lost+found",
					      "System Volume Information",
					      NULL };
	struct stat here, repo;
	bool published;

	if (fstat(dirfd, &here) || fstat(r->dirfd, &repo))
		return err_sys(e, "looking at a folder");
	if (here.st_dev == repo.st_dev && here.st_ino == repo.st_ino)
		return err_set(e, ERR_USAGE,
			       "that is the repository itself: name another "
			       "folder");
	if (check_first_root(r, dirfd, &published, e))
		return -1;
	return published ? 0 : named_only(dirfd, may_be, e);
}

/* ---- verifying ----------------------------------------------------------- */

/* Metadata of a folder; with a repository, its staged files as well. */
struct view {
	int dirfd;
	const struct repo *repo; /* NULL: what lies in the folder alone */
};

static bool is_staged_as(const struct repo_role *held, const char *name)
{
	char want[128];
	struct err unused;

	return held->staged &&
	       text_format(want, sizeof(want), &unused, "%lld.%s.json",
			   (long long)envelope_version(held->staged),
			   held->name) == 0 &&
	       strcmp(want, name) == 0;
}

static int fetch(void *ctx, const char *name, size_t max, struct buf *out,
		 struct err *e)
{
	const struct view *v = ctx;
	struct buf bytes = BUF_INIT(max);
	const struct json *staged = NULL;
	char path[PATH_MAX_LEN];
	int rc;

	for (size_t i = 0; v->repo && i < repo_role_count(v->repo); i++)
		if (is_staged_as(repo_role_at(v->repo, i), name))
			staged = repo_role_at(v->repo, i)->staged;
	if (staged)
		rc = tuf_envelope_bytes(staged, &bytes, e);
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

/* ---- delegated roles ------------------------------------------------------
 */

static int64_t role_version(const struct view *v, const struct repo_role *held)
{
	bool staged = v->repo && held->staged;

	return envelope_version(staged ? held->staged : held->published);
}

/* A search through delegations, over files that no snapshot lists yet. */
struct search {
	const struct repo *repo;
	struct view *view;
	int64_t now;
	struct tuf_meta *targets;
	struct tuf_meta *loaded[REPO_DELEGATED_MAX];
};

static int load_delegated(const struct search *s, const struct repo_role *held,
			  const struct tuf_delegation *d, struct tuf_meta **out,
			  struct err *e)
{
	struct buf bytes = BUF_INIT(tuf_policy_device.targets_max);
	struct tuf_keyring ring;
	char name[128];
	int rc = -1;

	if (tuf_keyring_read(&tuf_policy_device.rules, d->keys, d->role, &ring,
			     e) ||
	    tuf_keyring_check_allowed(&ring, s->repo->environment, e) ||
	    text_format(name, sizeof(name), e, "%lld.%s.json",
			(long long)role_version(s->view, held), held->name) ||
	    fetch(s->view, name, bytes.max, &bytes, e) ||
	    tuf_meta_read(&tuf_policy_device.rules, TUF_TARGETS,
			  buf_slice(&bytes), &ring, out, e))
		goto out;
	rc = (*out)->expires > s->now
		     ? 0
		     : err_set(e, ERR_EXPIRED,
			       "expired: stage it anew with extend");
	if (rc) {
		tuf_meta_free(*out);
		*out = NULL;
	}
out:
	buf_done(&bytes);
	return rc ? err_in(e, "%s", held->name) : 0;
}

static int search_load(void *ctx, const struct tuf_meta *delegator,
		       const struct tuf_delegation *d,
		       const struct tuf_meta **out, struct err *e)
{
	const struct repo_role *held;
	struct search *s = ctx;

	(void)delegator; /* only targets delegate: the rules see to it */
	held = repo_role(s->repo, d->name);
	if (!held || held < s->repo->delegated ||
	    (!held->published && !held->staged))
		return err_set(e, ERR_NOT_FOUND, "%s was never signed",
			       d->name);
	if (!s->loaded[held - s->repo->delegated] &&
	    load_delegated(s, held, d, &s->loaded[held - s->repo->delegated],
			   e))
		return -1;
	*out = s->loaded[held - s->repo->delegated];
	return 0;
}

/* Whoever looks for this path is given the entry that stands here. */
static int check_entry(const struct search *s, const char *path,
		       const struct json *entry, struct err *e)
{
	const struct tuf_loader loader = { (void *)(uintptr_t)s, search_load };
	struct tuf_target here, found;

	if (tuf_target_read(path, entry, &here, e) ||
	    tuf_walk(s->targets, path, tuf_policy_device.delegations_max,
		     &loader, &found, e))
		return err_in(e, "%s", path);
	if (found.length == here.length &&
	    sha256_equal(&found.sha256, &here.sha256))
		return 0;
	return err_set(e, ERR_CONFLICT,
		       "%s: another role lists something else there, and comes "
		       "first",
		       path);
}

static int check_delegated(struct search *s, const struct json *targets,
			   struct err *e)
{
	const struct json *list =
		json_get(json_get(targets, "delegations"), "roles");
	const struct json *entries;
	const struct tuf_meta *m;
	const char *name;

	for (size_t i = 0; i < json_count(list); i++) {
		struct tuf_delegation d = {
			.keys = roles_keys(targets),
			.role = json_at(list, i),
		};

		name = json_text(json_get(json_at(list, i), "name"));
		if (text_format(d.name, sizeof(d.name), e, "%s", name) ||
		    search_load(s, s->targets, &d, &m, e))
			return -1;
		entries = json_get(m->body, "targets");
		for (void *t = json_first(entries); t;
		     t = json_next(entries, t))
			if (check_entry(s, json_name(t), json_value(t), e))
				return -1;
	}
	return 0;
}

static int check_roles(const struct repo *r, struct view *v,
		       const struct tuf_client *device, int64_t now,
		       struct err *e)
{
	struct search s = { .repo = r, .view = v, .now = now };
	int rc;

	rc = tuf_meta_parse(&tuf_policy_device.rules, TUF_TARGETS,
			    tuf_client_bytes(device, TUF_TARGETS), &s.targets,
			    e) ||
	     check_delegated(&s, s.targets->body, e);
	for (size_t i = 0; i < ARRAY_LEN(s.loaded); i++)
		tuf_meta_free(s.loaded[i]);
	tuf_meta_free(s.targets);
	return rc ? -1 : 0;
}

/* With snapshot and timestamp, the device finds every target by itself. */
static int find_all(struct tuf_client *device, const struct tuf_source *from,
		    const struct repo *r, struct err *e)
{
	const struct json *entries;
	struct tuf_target found;

	for (size_t i = 0; i < r->delegated_count; i++) {
		if (!r->delegated[i].published ||
		    !repo_is_listed(r, r->delegated[i].name))
			continue;
		entries = json_get(envelope_signed(r->delegated[i].published),
				   "targets");
		for (void *t = json_first(entries); t;
		     t = json_next(entries, t))
			if (tuf_client_find(device, from, json_name(t), &found,
					    e))
				return err_in(e, "%s", json_name(t));
	}
	return 0;
}

static int check(const struct repo *r, struct view *v, int64_t targets_version,
		 int64_t now, struct err *e)
{
	const struct tuf_source from = { v, fetch };
	const struct tuf_import what = { .targets = targets_version };
	struct tuf_client *device = NULL;
	int trustfd = -1;
	int rc = -1;

	if (new_device(r, &from, &trustfd, e) ||
	    tuf_client_open(trustfd, &tuf_policy_device, now, &device, e))
		goto out;
	if (targets_version > 0)
		rc = tuf_client_import(device, &from, &what, e);
	else
		rc = tuf_client_refresh(device, &from, e) ||
		     find_all(device, &from, r, e);
	rc = rc || check_roles(r, v, device, now, e);
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

	return check(r, &v, online ? 0 : repo_version(r, "targets"), now, e);
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

int outlet_packages(const struct repo *r, int dirfd, struct outlet_count *count,
		    struct err *e)
{
	const struct json *list;

	*count = (struct outlet_count){ 0 };
	for (size_t i = 1; i < repo_role_count(r); i++) {
		const struct repo_role *held = repo_role_at(r, i);

		if (!repo_is_listed(r, held->name))
			continue;
		list = json_get(repo_current(held), "targets");
		for (void *m = json_first(list); m; m = json_next(list, m))
			if (bring_package(r, json_name(m), json_value(m), dirfd,
					  count, e))
				return err_in(e, "%s", json_name(m));
	}
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

static int copy_published(const struct repo *r, const char *role,
			  int64_t version, int dirfd, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	char path[128];
	int rc;

	rc = text_format(path, sizeof(path), e, "metadata/%lld.%s.json",
			 (long long)version, role) ||
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
	for (int64_t v = 1; v <= repo_version(r, "root"); v++)
		if (copy_published(r, "root", v, dirfd, e))
			return -1;
	/* Those delegated to come before the targets that name them. */
	for (size_t i = repo_role_count(r); i-- > 1;) {
		const struct repo_role *held = repo_role_at(r, i);

		if (held->published &&
		    copy_published(r, held->name, repo_version(r, held->name),
				   dirfd, e))
			return -1;
	}
	return online ? write_online(online, dirfd, e) : 0;
}
