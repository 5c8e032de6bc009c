/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/backup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/named.h"
#include "common/text.h"
#include "common/utc.h"

#include "update-server/beside.h"
#include "update-server/home.h"
#include "update-server/log_mark.h"
#include "update-server/store.h"

#define LIST   "backup.json"
#define KEEPER "keeper/versions.json"
#define LEDGER "keeper/ledger"
/* More than a keeper signs in any time that a backup may be old: a timestamp
 * every few hours, a snapshot for each import. */
#define VERSIONS_AHEAD INT64_C(1000000)
#define KEEPER_MAX     65536
#define DEPTH_MAX      4
#define PART           ".part"
#define CHANGED        "it was changed meanwhile"

/* ---- copying ------------------------------------------------------------- */

static int make_parents(int dirfd, const char *path, struct err *e)
{
	char parent[BACKUP_PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!slash)
		return 0;
	if (text_format(parent, sizeof(parent), e, "%.*s", (int)(slash - path),
			path))
		return -1;
	return fs_mkdirs(dirfd, parent, 0700, e);
}

/* The digest is of what was written. What there is of a failure is left. */
static int copy_fd(int from, uint64_t len, int dirfd, const char *path,
		   struct sha256 *digest, struct err *e)
{
	int to = -1, rc = -1;

	if (make_parents(dirfd, path, e) ||
	    fs_create(dirfd, path, 0600, &to, e))
		return -1;
	if (fs_copy_range(from, 0, to, 0, len, e) == 0 &&
	    sha256_of_range(to, 0, len, digest, e) == 0)
		rc = fs_sync(to, e);
	fs_close(&to);
	return rc;
}

static int open_file(int dirfd, const char *path, int *fd, uint64_t *len,
		     struct err *e)
{
	struct stat st;

	if (fs_open(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, fd, e))
		return -1;
	if (fstat(*fd, &st))
		return err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFLICT, "%s: not a file", path);
	*len = (uint64_t)st.st_size;
	return 0;
}

static bool exists(int dirfd, const char *path)
{
	struct stat st;
	struct err none;

	return fs_stat(dirfd, path, &st, &none) == 0;
}

/* ---- making -------------------------------------------------------------- */

struct work {
	int from, to;
	struct backup_list *list;
	const char *reason; /* of a restore */
};

static int save_file(const struct work *w, const char *path, struct err *e)
{
	struct backup_file f = { .len = 0 };
	int fd = -1, rc = -1;

	if (text_format(f.path, sizeof(f.path), e, "%s", path) ||
	    open_file(w->from, path, &fd, &f.len, e))
		goto out;
	if (copy_fd(fd, f.len, w->to, path, &f.digest, e) == 0)
		rc = backup_list_add(w->list, &f, e);
out:
	fs_close(&fd);
	return rc ? err_in(e, "%s", path) : 0;
}

static int save_tree(const struct work *w, const char *path, unsigned depth,
		     struct err *e);

static int save_entry(const struct work *w, const char *folder,
		      const struct dirent *d, unsigned depth, struct err *e)
{
	char path[BACKUP_PATH_MAX];
	struct stat st;

	/* Neither "..", nor what is just being written there. */
	if (d->d_name[0] == '.')
		return 0;
	if (text_format(path, sizeof(path), e, "%s/%s", folder, d->d_name) ||
	    fs_stat(w->from, path, &st, e))
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	if (S_ISDIR(st.st_mode))
		return save_tree(w, path, depth + 1, e);
	if (strcmp(path, LEDGER) == 0 || !backup_path_is_ours(slice_of(path)) ||
	    (strncmp(path, "blobs/", 6) == 0 && strchr(d->d_name, '.')))
		return 0;
	if (save_file(w, path, e) == 0)
		return 0;
	/* Gone meanwhile: then nothing refers to it. */
	return e->code == ERR_NOT_FOUND ? 0 : -1;
}

static int save_tree(const struct work *w, const char *path, unsigned depth,
		     struct err *e)
{
	int fd = -1, rc = 0;
	struct dirent *entry;
	DIR *d;

	if (depth > DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "%s: folders too deep", path);
	if (fs_open(w->from, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, &fd, e))
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	d = fdopendir(fd);
	if (!d) {
		(void)err_sys(e, "%s", path);
		fs_close(&fd);
		return -1;
	}
	while (rc == 0 && (entry = readdir(d)))
		rc = save_entry(w, path, entry, depth, e);
	closedir(d);
	return rc;
}

/* As of one moment, while the server goes on. */
static int save_store(const struct work *w, const char *dir, const char *to,
		      struct err *e)
{
	struct backup_file f = { .path = HOME_DATABASE };
	enum environment ignored;
	char path[PATH_MAX_LEN];
	struct store *s = NULL;
	int fd = -1, rc = -1;

	if (text_format(path, sizeof(path), e, "%s/" HOME_DATABASE, to) ||
	    beside_open_store(dir, &ignored, &s, e) ||
	    store_copy(s, path, &w->list->records, e) ||
	    open_file(w->to, HOME_DATABASE, &fd, &f.len, e))
		goto out;
	if (fchmod(fd, 0600)) {
		(void)err_sys(e, "permissions");
		goto out;
	}
	if (fs_sync(fd, e) || sha256_of_range(fd, 0, f.len, &f.digest, e))
		goto out;
	rc = backup_list_add(w->list, &f, e);
out:
	fs_close(&fd);
	store_close(s);
	return rc ? err_in(e, HOME_DATABASE) : 0;
}

static int save_public(const struct work *w, struct err *e)
{
	static const char *const files[] = {
		"server.conf",           HOME_CA_PEM,
		HOME_NEXT_CA_PEM,        HOME_TLS_PEM,
		HOME_ONLINE_PUB,         "audit.pub",
		"audit/checkpoint.json", HOME_DEVICE_CA_PEM,
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (exists(w->from, files[i]) && save_file(w, files[i], e))
			return -1;
	return 0;
}

/* Without it the folder is no backup: so it comes last. */
static int save_list(const struct work *w, struct err *e)
{
	struct buf text = BUF_INIT(BACKUP_LIST_MAX);
	int rc = backup_list_format(w->list, &text, e);

	if (rc == 0)
		rc = fs_replace_file(w->to, LIST, buf_slice(&text), 0600, e);
	buf_done(&text);
	return rc;
}

int backup_make(const char *dir, const char *to, bool payloads,
		struct backup_list *l, bool *runs, struct err *e)
{
	static const char *const nothing[] = { NULL };
	struct work w = { .from = -1, .to = -1, .list = l };
	int rc = -1;

	l->time = utc_now();
	/* The database comes before the payloads: what it refers to is there.
	 */
	if (fs_open_dir(dir, &w.from, e) || fs_make_dir(to, 0700, &w.to, e) ||
	    named_only(w.to, nothing, e) ||
	    beside_record_backup(dir, payloads, runs, e) ||
	    save_store(&w, dir, to, e) || save_public(&w, e) ||
	    save_tree(&w, "keeper", 0, e) ||
	    /* It only grows: the head that was signed of it comes before. */
	    (exists(w.from, LEDGER) && save_file(&w, LEDGER, e)) ||
	    (payloads && save_tree(&w, "blobs", 0, e)))
		goto out;
	rc = save_list(&w, e);
out:
	fs_close(&w.from);
	fs_close(&w.to);
	return rc;
}

/* ---- restoring ----------------------------------------------------------- */

static int read_list(int dirfd, struct backup_list *l, struct err *e)
{
	struct buf text = BUF_INIT(BACKUP_LIST_MAX);
	int rc = fs_read_file(dirfd, LIST, &text, e);

	if (rc == 0)
		rc = backup_list_parse(buf_slice(&text), l, e);
	else if (e->code == ERR_NOT_FOUND)
		err_in(e, "no backup, or one that was never finished");
	buf_done(&text);
	return rc ? err_in(e, LIST) : 0;
}

static const struct backup_file *find(const struct backup_list *l,
				      const char *path)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->files[i].path, path) == 0)
			return &l->files[i];
	return NULL;
}

static int check_file(int dirfd, const struct backup_file *f, struct err *e)
{
	struct sha256 is;
	uint64_t len;
	int fd = -1, rc = -1;

	if (open_file(dirfd, f->path, &fd, &len, e) ||
	    (len == f->len && sha256_of_range(fd, 0, len, &is, e)))
		goto out;
	rc = len == f->len && sha256_equal(&is, &f->digest)
		     ? 0
		     : err_set(e, ERR_UNTRUSTED,
			       "it is not the file that was saved");
out:
	fs_close(&fd);
	return rc ? err_in(e, "%s", f->path) : 0;
}

static int check_all(int dirfd, const struct backup_list *l, struct err *e)
{
	for (size_t i = 0; i < l->count; i++)
		if (check_file(dirfd, &l->files[i], e))
			return -1;
	return find(l, HOME_DATABASE)
		       ? 0
		       : err_set(e, ERR_FORMAT,
				 "there is no database in this backup");
}

static int copy_back(const struct work *w, const struct backup_file *f,
		     const char *part, struct err *e)
{
	struct sha256 is;
	uint64_t len;
	int fd = -1, rc = -1;

	if (open_file(w->from, f->path, &fd, &len, e) == 0 &&
	    copy_fd(fd, f->len, w->to, part, &is, e) == 0)
		rc = sha256_equal(&is, &f->digest)
			     ? 0
			     : err_set(e, ERR_UNTRUSTED, CHANGED);
	fs_close(&fd);
	return rc;
}

/* Whole and on the disk, or not there under its name: what is there stays. */
static int put_back(const struct work *w, const struct backup_file *f,
		    struct err *e)
{
	char part[BACKUP_PATH_MAX + sizeof(PART)];
	struct err none;
	int rc = text_format(part, sizeof(part), e, "%s" PART, f->path);

	/* Of a restore that was cut off. */
	if (rc == 0 && exists(w->to, part))
		rc = fs_remove(w->to, part, e);
	if (rc == 0)
		rc = copy_back(w, f, part, e) ||
				     fs_rename(w->to, part, f->path, e)
			     ? -1
			     : 0;
	/* If it stays, the next restore takes it away. */
	if (rc && fs_remove(w->to, part, &none))
		rc = -1;
	return rc ? err_in(e, "%s", f->path) : 0;
}

/* What is there stays: it is newer, or somebody's wish. The keeper's memory is
 * put back by raise_versions(). */
static int put_all(const struct work *w, struct err *e)
{
	bool keeps_memory = exists(w->to, KEEPER);

	for (size_t i = 0; i < w->list->count; i++) {
		const struct backup_file *f = &w->list->files[i];
		bool memory = strncmp(f->path, "keeper/", 7) == 0;

		if (strcmp(f->path, HOME_DATABASE) == 0 ||
		    strcmp(f->path, KEEPER) == 0 || (memory && keeps_memory) ||
		    exists(w->to, f->path))
			continue;
		if (put_back(w, f, e))
			return -1;
	}
	return 0;
}

static int raise(struct json *j, const char *name, struct err *e)
{
	int64_t version;

	if (json_get_int(j, name, 0, JSON_INT_MAX - VERSIONS_AHEAD, &version,
			 e))
		return -1;
	json_set_int(j, name, version + VERSIONS_AHEAD);
	return 0;
}

/* Devices have seen versions that this keeper does not remember: it must never
 * sign one of them again. So they never stand there as they were saved: a
 * restore that ended early finds none, or those that were raised. */
static int raise_versions(const struct work *w, struct err *e)
{
	const struct backup_file *saved = find(w->list, KEEPER);
	struct buf text = BUF_INIT(KEEPER_MAX);
	struct json *j = NULL;
	struct sha256 is;
	int rc = -1;

	if (!saved || exists(w->to, KEEPER))
		return 0;
	if (fs_read_file(w->from, KEEPER, &text, e))
		goto out;
	sha256_of(buf_slice(&text), &is);
	if (!sha256_equal(&is, &saved->digest)) {
		(void)err_set(e, ERR_UNTRUSTED, CHANGED);
		goto out;
	}
	if (json_parse(buf_slice(&text), &j, e) || raise(j, "snapshot", e) ||
	    raise(j, "timestamp", e))
		goto out;
	text.len = 0;
	if (json_print(j, true, &text, e) == 0 &&
	    make_parents(w->to, KEEPER, e) == 0)
		rc = fs_replace_file(w->to, KEEPER, buf_slice(&text), 0600, e);
out:
	json_free(j);
	buf_done(&text);
	return rc ? err_in(e, KEEPER) : 0;
}

/* For the server's next start, which has the record of it. */
static int put_mark(const struct work *w, struct err *e)
{
	struct json *j = json_new_object();
	struct buf text = BUF_INIT(KEEPER_MAX);
	int rc;

	json_set_text(j, "reason", w->reason);
	rc = json_print(j, true, &text, e);
	if (rc == 0)
		rc = fs_replace_file(w->to, STORE_RESTORED, buf_slice(&text),
				     0600, e);
	buf_done(&text);
	json_free(j);
	return rc;
}

/* The database comes last: until then nothing takes the folder for a server's,
 * and it can all be done again. */
static int restore(const struct work *w, struct err *e)
{
	if (put_all(w, e) || raise_versions(w, e) || put_mark(w, e) ||
	    log_mark_put(w->to, STORE_BEHIND_UNKNOWN, e))
		return -1;
	return put_back(w, find(w->list, HOME_DATABASE), e);
}

int backup_restore(const char *from, const char *dir, const char *reason,
		   struct backup_list *l, struct err *e)
{
	struct work w = { .from = -1, .to = -1, .list = l, .reason = reason };
	int lock = -1, rc = -1;

	if (fs_open_dir(from, &w.from, e) || read_list(w.from, l, e) ||
	    check_all(w.from, l, e) || fs_make_dir(dir, 0700, &w.to, e))
		goto out;
	if (beside_lock(dir, &lock, e))
		goto out;
	/* A log of another database would be played into the restored one. */
	if (exists(w.to, HOME_DATABASE) || exists(w.to, HOME_DATABASE "-wal")) {
		(void)err_set(e, ERR_CONFLICT,
			      "%s holds a database: move " HOME_DATABASE
			      "* away first",
			      dir);
		goto out;
	}
	rc = restore(&w, e);
out:
	fs_close(&lock);
	fs_close(&w.from);
	fs_close(&w.to);
	return rc;
}

unsigned backup_missing_keys(const char *dir)
{
	static const char *const keys[] = {
		"keys/device-ca.key", "keys/online.key", "keys/audit.key",
		HOME_CA_KEY,          HOME_TLS_KEY,      "keys/tls.secret",
		"keys/keeper.secret", "keys/ledger.key",
	};
	unsigned missing = 0;
	struct err none;
	int dirfd = -1;

	if (fs_open_dir(dir, &dirfd, &none))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (exists(dirfd, keys[i]))
			continue;
		printf("  %s is missing\n", keys[i]);
		missing++;
	}
	fs_close(&dirfd);
	return missing;
}
