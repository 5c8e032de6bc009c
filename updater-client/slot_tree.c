/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/slot_tree.h"

#include <fcntl.h>
#include <string.h>

#include "common/fs.h"

#define CURRENT  "current"
#define NAME_LEN 32

static const char *link_target(enum slot s)
{
	return s == SLOT_A ? "a/tree" : "b/tree";
}

/* The link that will become current by a rename. */
static const char *spare(enum slot s)
{
	return s == SLOT_A ? "current.a" : "current.b";
}

static int beneath(enum slot s, const char *name, char out[NAME_LEN],
		   struct err *e)
{
	return text_format(out, NAME_LEN, e, "%s/%s", slot_name(s), name);
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

int slot_tree_current(const struct slot_tree *t, enum slot *out, struct err *e)
{
	char target[NAME_LEN] = "";
	struct err why = { 0 };
	struct stat st;

	if (fs_stat(t->dirfd, CURRENT, &st, &why)) {
		if (why.code != ERR_NOT_FOUND) {
			*e = why;
			return err_in(e, "%s/" CURRENT, t->path);
		}
		*out = SLOT_NONE;
		return 0;
	}
	/* A target that is too long is foreign, too. */
	if (S_ISLNK(st.st_mode) &&
	    fs_readlink(t->dirfd, CURRENT, target, sizeof(target), &why))
		target[0] = 0;
	if (strcmp(target, link_target(SLOT_A)) == 0)
		*out = SLOT_A;
	else if (strcmp(target, link_target(SLOT_B)) == 0)
		*out = SLOT_B;
	else
		return err_set(e, ERR_CONFLICT,
			       "%s/" CURRENT " is not a link to a/tree or "
			       "b/tree; it is not touched",
			       t->path);
	return 0;
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

int slot_tree_empty(const struct slot_tree *t, enum slot s, struct err *e)
{
	enum slot current;
	char name[NAME_LEN];
	bool is_folder;

	if (slot_tree_current(t, &current, e) ||
	    look_for_folder(t, s, &is_folder, e))
		return -1;
	if (s == SLOT_NONE || s == current)
		return err_set(e, ERR_CONFLICT,
			       "slot %s runs and is not written", slot_name(s));
	/* Its record first: what is half removed must not look complete. */
	if (beneath(s, "release.json", name, e) ||
	    (is_folder && fs_remove_tree(t->dirfd, name, e)) ||
	    fs_remove_tree(t->dirfd, slot_name(s), e) ||
	    fs_mkdir(t->dirfd, slot_name(s), 0755, e) ||
	    beneath(s, "tree", name, e) || fs_mkdir(t->dirfd, name, 0755, e))
		return err_in(e, "slot %s", slot_name(s));
	return 0;
}

int slot_tree_folder(const struct slot_tree *t, enum slot s, int *dirfd,
		     struct err *e)
{
	char name[NAME_LEN];

	if (beneath(s, "tree", name, e) ||
	    fs_open(t->dirfd, name, O_RDONLY | O_DIRECTORY, dirfd, e))
		return err_in(e, "slot %s", slot_name(s));
	return 0;
}

int slot_tree_manifest(const struct slot_tree *t, enum slot s, int *fd,
		       struct err *e)
{
	char name[NAME_LEN];

	if (beneath(s, "manifest", name, e) ||
	    fs_open(t->dirfd, name, O_RDONLY, fd, e))
		return err_in(e, "slot %s", slot_name(s));
	return 0;
}

int slot_tree_new_manifest(const struct slot_tree *t, enum slot s, int *fd,
			   struct err *e)
{
	char name[NAME_LEN];

	if (beneath(s, "manifest", name, e) ||
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

int slot_tree_seal(const struct slot_tree *t, enum slot s,
		   const struct slot_release *r, struct err *e)
{
	struct buf file = BUF_INIT(SLOT_RECORD_MAX);
	char name[NAME_LEN];
	int rc = -1;

	if (beneath(s, "release.json", name, e) == 0 &&
	    slot_release_format(r, &file, e) == 0 &&
	    fs_replace_file(t->dirfd, name, buf_slice(&file), 0644, e) == 0 &&
	    sync_folder(t->dirfd, slot_name(s), e) == 0)
		rc = fs_sync(t->dirfd, e);
	buf_done(&file);
	return rc ? err_in(e, "slot %s", slot_name(s)) : 0;
}

/* A link that says the right thing, made anew if it does not. */
static int prepare_one(const struct slot_tree *t, enum slot s, struct err *e)
{
	char target[NAME_LEN];
	struct err why = { 0 };

	if (fs_readlink(t->dirfd, spare(s), target, sizeof(target), &why) ==
		    0 &&
	    strcmp(target, link_target(s)) == 0)
		return 0;
	if (fs_remove_tree(t->dirfd, spare(s), e))
		return -1;
	return fs_symlink(t->dirfd, link_target(s), spare(s), e);
}

int slot_tree_prepare(const struct slot_tree *t, struct err *e)
{
	if (prepare_one(t, SLOT_A, e) || prepare_one(t, SLOT_B, e))
		return err_in(e, "the links of the slots");
	return fs_sync(t->dirfd, e);
}

int slot_tree_switch(const struct slot_tree *t, enum slot to, struct err *e)
{
	enum slot now;

	if (to == SLOT_NONE) {
		if (fs_remove(t->dirfd, CURRENT, e))
			return err_in(e, "switching");
	} else if (prepare_one(t, to, e) ||
		   fs_rename(t->dirfd, spare(to), CURRENT, e)) {
		return err_in(e, "switching to slot %s", slot_name(to));
	}
	if (fs_sync(t->dirfd, e) || slot_tree_current(t, &now, e))
		return err_in(e, "switching");
	if (now != to)
		return err_set(e, ERR_SYSTEM,
			       "the switch to slot %s did not last",
			       slot_name(to));
	return 0;
}

int slot_tree_path(const struct slot_tree *t, enum slot s, char *out,
		   size_t size, struct err *e)
{
	return text_format(out, size, e, "%s/%s/tree", t->path, slot_name(s));
}
