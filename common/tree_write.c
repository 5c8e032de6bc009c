/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tree_write.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/tree_set.h"
#include "common/xattr.h"

#define SHOWN_LEN   160
#define NEW_FOLDER  0700
#define NEW_FILE    0600
#define TARGET_SIZE 4096

struct tree_writer {
	const struct tree *tree;
	const struct tree_watch *watch;
	int root;
	int folder;               /* the folder of the last entry */
	struct slice folder_path; /* and its path */
	struct tree_entry entry;  /* the file that is being written */
	int file;                 /* or -1 */
	bool again;               /* names may be taken already */
	uint64_t written;         /* of it, holes included */
};

static int about(struct err *e, struct slice path)
{
	char shown[SHOWN_LEN];

	text_escape(path.len > 0 ? path : slice_of("."), shown, sizeof(shown));
	return err_in(e, "%s", shown);
}

static int path_text(struct slice path, char out[PATH_MAX_LEN + 1],
		     struct err *e)
{
	return text_format(out, PATH_MAX_LEN + 1, e, "%.*s", (int)path.len,
			   (const char *)path.ptr);
}

int tree_write_begin(int dirfd, const struct tree *t,
		     const struct tree_watch *watch, struct tree_writer **out,
		     struct err *e)
{
	struct tree_writer *w;
	int root;

	if (t->attributes == TREE_SYSTEM && geteuid() != 0)
		return err_set(e, ERR_REFUSED,
			       "a system tree needs root: run as root, or "
			       "release it with application attributes");
	root = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	if (root < 0)
		return err_sys(e, "open the folder");
	w = mem_alloc(1, sizeof(*w));
	w->tree = t;
	w->watch = watch;
	w->root = root;
	w->folder = -1;
	w->file = -1;
	*out = w;
	return 0;
}

void tree_write_free(struct tree_writer *w)
{
	if (!w)
		return;
	fs_close(&w->file);
	fs_close(&w->folder);
	fs_close(&w->root);
	free(w);
}

/* ---- attributes ---------------------------------------------------------- */

/* Of an open file or folder. */
static int set_attributes(const struct tree_writer *w,
			  const struct tree_entry *entry, int fd, struct err *e)
{
	if (w->tree->attributes == TREE_SYSTEM)
		return tree_set(entry, fd, e);
	return fchmod(fd, entry->mode) ? err_sys(e, "set the mode") : 0;
}

static int set_attributes_at(const struct tree_writer *w,
			     const struct tree_entry *entry, const char *name,
			     struct err *e)
{
	if (w->tree->attributes != TREE_SYSTEM)
		return 0;
	return tree_set_at(entry, w->folder, name, e);
}

/* ---- entries ------------------------------------------------------------- */

static int end_file(struct tree_writer *w, struct err *e)
{
	int rc;

	if (w->file < 0)
		return 0;
	/* It may end with a hole. */
	rc = (w->written > 0 && fs_truncate(w->file, w->written, e)) ||
	     set_attributes(w, &w->entry, w->file, e);
	fs_close(&w->file);
	return rc ? about(e, w->entry.path) : 0;
}

/* Open the folder that holds a path, unless it is open already. */
static int enter(struct tree_writer *w, struct slice path, struct err *e)
{
	struct slice parent = tree_parent(path);
	char text[PATH_MAX_LEN + 1];
	int fd = -1;

	if (w->folder >= 0 && slice_equal(parent, w->folder_path))
		return 0;
	if (parent.len == 0)
		fd = fcntl(w->root, F_DUPFD_CLOEXEC, 0);
	else if (path_text(parent, text, e) ||
		 fs_open(w->root, text, O_RDONLY | O_DIRECTORY, &fd, e))
		return -1;
	if (fd < 0)
		return err_sys(e, "open the folder");
	fs_close(&w->folder);
	w->folder = fd;
	w->folder_path = parent;
	return 0;
}

static int make_link(const struct tree_writer *w,
		     const struct tree_entry *entry, const char *name,
		     struct err *e)
{
	char target[TARGET_SIZE];

	if (text_format(target, sizeof(target), e, "%.*s",
			(int)entry->target.len,
			(const char *)entry->target.ptr) ||
	    fs_symlink(w->folder, target, name, e))
		return -1;
	return set_attributes_at(w, entry, name, e);
}

static int make_hardlink(const struct tree_writer *w,
			 const struct tree_entry *entry, const char *name,
			 struct err *e)
{
	char path[PATH_MAX_LEN + 1], to_name[PATH_MAX_LEN + 1];
	struct tree_entry to;
	int fd = -1;
	int rc;

	tree_entry(w->tree, entry->link_to, &to);
	if (path_text(tree_parent(to.path), path, e) ||
	    path_text(tree_name(to.path), to_name, e))
		return -1;
	if (path[0] != 0 &&
	    fs_open(w->root, path, O_RDONLY | O_DIRECTORY, &fd, e))
		return -1;
	rc = linkat(fd >= 0 ? fd : w->root, to_name, w->folder, name, 0);
	if (rc)
		err_sys(e, "make a hard link");
	fs_close(&fd);
	return rc;
}

static int make_node(const struct tree_writer *w,
		     const struct tree_entry *entry, const char *name,
		     struct err *e)
{
	mode_t type = entry->type == TREE_CHAR    ? S_IFCHR
		      : entry->type == TREE_BLOCK ? S_IFBLK
						  : S_IFIFO;

	if (mknodat(w->folder, name, type | NEW_FILE,
		    makedev(entry->major, entry->minor)))
		return err_sys(e, "make a device or fifo");
	return set_attributes_at(w, entry, name, e);
}

/*
 * What a former writer has left under the name. Mostly no folder: then the disk
 * hears of it with the rest, for thousands of entries may be to go.
 */
static int make_way(const struct tree_writer *w, const char *name,
		    struct err *e)
{
	if (!w->again || unlinkat(w->folder, name, 0) == 0 || errno == ENOENT)
		return 0;
	return fs_remove_tree(w->folder, name, e);
}

static int make_entry(struct tree_writer *w, const struct tree_entry *entry,
		      struct err *e)
{
	char name[PATH_MAX_LEN + 1];

	if (enter(w, entry->path, e) ||
	    path_text(tree_name(entry->path), name, e) || make_way(w, name, e))
		return -1;
	switch (entry->type) {
	case TREE_FOLDER:
		return fs_mkdir(w->folder, name, NEW_FOLDER, e);
	case TREE_FILE:
		w->entry = *entry;
		w->written = 0;
		return fs_create(w->folder, name, NEW_FILE, &w->file, e);
	case TREE_SYMLINK:
		return make_link(w, entry, name, e);
	case TREE_HARDLINK:
		return make_hardlink(w, entry, name, e);
	case TREE_CHAR:
	case TREE_BLOCK:
	case TREE_FIFO:
		return make_node(w, entry, name, e);
	}
	return err_set(e, ERR_FORMAT, "unknown type");
}

int tree_write_entry(struct tree_writer *w, const struct tree_entry *entry,
		     struct err *e)
{
	if (end_file(w, e))
		return -1;
	if (entry->path.len == 0)
		return 0; /* the folder itself is there; see finish_folders() */
	return make_entry(w, entry, e) ? about(e, entry->path) : 0;
}

int tree_write_data(struct tree_writer *w, struct slice bytes, struct err *e)
{
	if (fs_write_sparse(w->file, w->written, bytes, e))
		return about(e, w->entry.path);
	w->written += bytes.len;
	return 0;
}

bool tree_write_clone(struct tree_writer *w, int fd)
{
	if (ioctl(w->file, FICLONE, fd))
		return false;
	w->written = w->entry.len;
	return true;
}

/* ---- the end ------------------------------------------------------------- */

static int drop_default(const struct tree_writer *w,
			const struct tree_entry *folder, int fd, struct err *e)
{
	(void)w;
	(void)folder;
	return xattr_drop_default(fd, e);
}

/* Do something to a file that is closed, or to a folder. */
static int
with_entry(const struct tree_writer *w, const struct tree_entry *entry,
	   int (*act)(const struct tree_writer *, const struct tree_entry *,
		      int fd, struct err *),
	   struct err *e)
{
	char path[PATH_MAX_LEN + 1];
	int fd = -1;
	int rc;

	if (tree_watch_tell(w->watch, 0, e))
		return -1;
	if (entry->path.len == 0)
		return act(w, entry, w->root, e);
	if (path_text(entry->path, path, e) ||
	    fs_open(w->root, path, O_RDONLY, &fd, e))
		return about(e, entry->path);
	rc = act(w, entry, fd, e);
	fs_close(&fd);
	return rc ? about(e, entry->path) : 0;
}

/* From the last to the first, so that no later work changes a folder's time
 * nor needs to enter a folder that its mode has closed. */
static int finish_folders(const struct tree_writer *w, struct err *e)
{
	for (uint32_t i = w->tree->count; i > 0; i--) {
		struct tree_entry entry;

		tree_entry(w->tree, i - 1, &entry);
		if (entry.type == TREE_FOLDER &&
		    with_entry(w, &entry, set_attributes, e))
			return -1;
	}
	return 0;
}

int tree_write_end(struct tree_writer *w, struct err *e)
{
	if (end_file(w, e) || finish_folders(w, e))
		return -1;
	/* One flush for all instead of one for each of thousands of files. */
	if (syncfs(w->root))
		return err_sys(e, "sync");
	return 0;
}

/* ---- going on ------------------------------------------------------------ */

int tree_write_keep(struct tree_writer *w, struct err *e)
{
	if (w->file >= 0 && w->written == w->entry.len && end_file(w, e))
		return -1;
	return syncfs(w->root) ? err_sys(e, "sync") : 0;
}

/*
 * Modes that were set already may keep who is not root from going on; and from
 * a folder's default ACL, what root makes there would have one that nobody
 * signed.
 */
static int reopen(const struct tree_writer *w, const struct package_point *from,
		  struct err *e)
{
	const bool system = w->tree->attributes == TREE_SYSTEM;
	struct tree_entry entry;

	for (uint32_t i = 0; i < from->entry + (from->within > 0); i++) {
		tree_entry(w->tree, i, &entry);
		if (entry.type != TREE_FOLDER && (system || i < from->entry))
			continue;
		entry.mode = NEW_FOLDER;
		if (with_entry(w, &entry,
			       system ? drop_default : set_attributes, e))
			return -1;
	}
	return 0;
}

int tree_write_resume(struct tree_writer *w, const struct package_point *from,
		      struct err *e)
{
	char name[PATH_MAX_LEN + 1];

	w->again = true;
	if (reopen(w, from, e))
		return -1;
	if (from->within == 0)
		return 0;
	tree_entry(w->tree, from->entry, &w->entry);
	w->written = from->within;
	if (enter(w, w->entry.path, e) ||
	    path_text(tree_name(w->entry.path), name, e) ||
	    fs_open(w->folder, name, O_RDWR, &w->file, e) ||
	    fs_truncate(w->file, w->written, e))
		return about(e, w->entry.path);
	return 0;
}
