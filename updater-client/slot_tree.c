/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/slot_tree.h"

#include <fcntl.h>
#include <string.h>

#include "common/fs.h"

#define NAME_LEN (NAME_MAX_LEN + 32)

static int beneath(enum slot s, const char *name, char out[NAME_LEN],
		   struct err *e)
{
	return text_format(out, NAME_LEN, e, "%s/%s", slot_name(s), name);
}

/* The same of a further component. */
static int beneath_part(enum slot s, const char *part, const char *name,
			char out[NAME_LEN], struct err *e)
{
	if (!part)
		return beneath(s, name, out, e);
	return text_format(out, NAME_LEN, e, "%s/parts/%s/%s", slot_name(s),
			   part, name);
}

int slot_tree_open(const char *path, struct slot_tree *t, struct err *e)
{
	struct slot_tree to = { .dirfd = -1, .path = path };

	if (fs_make_dir(path, 0755, &to.dirfd, e))
		return err_in(e, "the slots");
	*t = to;
	return 0;
}

void slot_tree_close(struct slot_tree *t)
{
	fs_close(&t->dirfd);
}

/* Anything may stand where a slot should be; only a folder can be one. */
static int look_for_folder(const struct slot_tree *t, enum slot s, bool *is,
			   struct err *e)
{
	struct err why = { 0 };
	struct stat st;

	if (fs_stat(t->dirfd, slot_name(s), &st, &why) == 0) {
		*is = S_ISDIR(st.st_mode);
		return 0;
	}
	*is = false;
	if (why.code != ERR_SYSTEM)
		return 0;
	*e = why; /* a disk that cannot be read is no empty slot */
	return err_in(e, "slot %s", slot_name(s));
}

int slot_tree_release(const struct slot_tree *t, enum slot s,
		      struct slot_release *out, bool *found, struct err *e)
{
	struct buf file = BUF_INIT(SLOT_RECORD_MAX);
	struct err why = { 0 };
	char name[NAME_LEN];
	bool is_folder = false;
	int rc = 0;

	*found = false;
	if (s != SLOT_NONE && look_for_folder(t, s, &is_folder, e))
		return -1;
	if (!is_folder)
		return 0;
	if (beneath(s, "release.json", name, e))
		return -1;
	if (fs_read_file(t->dirfd, name, &file, &why) == 0 &&
	    slot_release_parse(buf_slice(&file), out, &why) == 0) {
		*found = true;
	} else if (why.code == ERR_SYSTEM) {
		*e = why;
		rc = err_in(e, "slot %s", slot_name(s));
	}
	buf_done(&file);
	return rc;
}

int slot_tree_sweep(const struct slot_tree *t, enum slot s, struct err *e)
{
	bool is_folder;

	if (look_for_folder(t, s, &is_folder, e))
		return -1;
	return is_folder ? slot_tree_empty(t, s, e) : 0;
}

int slot_tree_empty(const struct slot_tree *t, enum slot s, struct err *e)
{
	enum slot current;
	char name[NAME_LEN];
	bool is_folder;

	if (slot_link_current(t->dirfd, t->path, &current, e) ||
	    look_for_folder(t, s, &is_folder, e))
		return -1;
	if (s == SLOT_NONE || s == current)
		return err_set(e, ERR_CONFLICT,
			       "slot %s runs and is not written", slot_name(s));
	/* Its record first: what is half removed must not look complete. */
	if (beneath(s, "release.json", name, e) ||
	    (is_folder && fs_remove_tree(t->dirfd, name, e)) ||
	    fs_remove_tree(t->dirfd, slot_name(s), e) ||
	    fs_mkdir(t->dirfd, slot_name(s), 0755, e) || fs_sync(t->dirfd, e))
		return err_in(e, "slot %s", slot_name(s));
	return 0;
}

int slot_tree_clear(const struct slot_tree *t, enum slot s, const char *part,
		    struct err *e)
{
	static const char *const names[] = { "tree", "manifest" };
	char name[NAME_LEN];

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (beneath_part(s, part, names[i], name, e) ||
		    fs_remove_tree(t->dirfd, name, e))
			return err_in(e, "slot %s", slot_name(s));
	return 0;
}

int slot_tree_make(const struct slot_tree *t, enum slot s, const char *part,
		   struct err *e)
{
	char name[NAME_LEN];

	if (beneath_part(s, part, "tree", name, e) ||
	    fs_mkdirs(t->dirfd, name, 0755, e))
		return err_in(e, "slot %s", slot_name(s));
	return 0;
}

int slot_tree_own(const struct slot_tree *t, enum slot s, int *dirfd,
		  struct err *e)
{
	return fs_open(t->dirfd, slot_name(s), O_RDONLY | O_DIRECTORY, dirfd, e)
		       ? err_in(e, "slot %s", slot_name(s))
		       : 0;
}

static int open_in(const struct slot_tree *t, enum slot s, const char *name,
		   int flags, int *fd, struct err *e)
{
	return fs_open(t->dirfd, name, flags, fd, e)
		       ? err_in(e, "slot %s", slot_name(s))
		       : 0;
}

int slot_tree_folder(const struct slot_tree *t, enum slot s, const char *part,
		     int *dirfd, struct err *e)
{
	char name[NAME_LEN];

	if (beneath_part(s, part, "tree", name, e))
		return -1;
	return open_in(t, s, name, O_RDONLY | O_DIRECTORY, dirfd, e);
}

int slot_tree_manifest(const struct slot_tree *t, enum slot s, const char *part,
		       int *fd, struct err *e)
{
	char name[NAME_LEN];

	if (beneath_part(s, part, "manifest", name, e))
		return -1;
	return open_in(t, s, name, O_RDONLY, fd, e);
}

int slot_tree_new_manifest(const struct slot_tree *t, enum slot s,
			   const char *part, int *fd, struct err *e)
{
	struct err missing;
	char name[NAME_LEN];

	if (beneath_part(s, part, "manifest", name, e))
		return -1;
	if (fs_open(t->dirfd, name, O_RDWR, fd, &missing) &&
	    fs_create(t->dirfd, name, 0644, fd, e))
		return err_in(e, "slot %s", slot_name(s));
	return 0;
}

static int sync_folder(int dirfd, const char *name, struct err *e)
{
	int fd = -1;
	int rc;

	if (fs_open(dirfd, name, O_RDONLY | O_DIRECTORY, &fd, e))
		return -1;
	rc = fs_sync(fd, e);
	fs_close(&fd);
	return rc;
}

/*
 * The names of the further components' trees and manifests. What has a device
 * of its own has no folder here.
 */
static int sync_parts(const struct slot_tree *t, enum slot s,
		      const struct slot_release *r, struct err *e)
{
	struct err why = { 0 };
	char name[NAME_LEN];

	for (size_t i = 1; i < r->part_count; i++) {
		if (text_format(name, sizeof(name), e, "%s/parts/%s",
				slot_name(s), r->parts[i].component))
			return -1;
		if (sync_folder(t->dirfd, name, &why) &&
		    why.code != ERR_NOT_FOUND) {
			*e = why;
			return -1;
		}
	}
	return 0;
}

int slot_tree_seal(const struct slot_tree *t, enum slot s,
		   const struct slot_release *r, struct err *e)
{
	struct buf file = BUF_INIT(SLOT_RECORD_MAX);
	char name[NAME_LEN];
	int rc = -1;

	if (sync_parts(t, s, r, e) == 0 &&
	    beneath(s, "release.json", name, e) == 0 &&
	    slot_release_format(r, &file, e) == 0 &&
	    fs_replace_file(t->dirfd, name, buf_slice(&file), 0644, e) == 0 &&
	    sync_folder(t->dirfd, slot_name(s), e) == 0)
		rc = fs_sync(t->dirfd, e);
	buf_done(&file);
	return rc ? err_in(e, "slot %s", slot_name(s)) : 0;
}

int slot_tree_path(const struct slot_tree *t, enum slot s, char *out,
		   size_t size, struct err *e)
{
	return text_format(out, size, e, "%s/%s/tree", t->path, slot_name(s));
}
