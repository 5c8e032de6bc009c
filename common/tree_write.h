/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_write - write a tree to a disk, entry by entry.
 *
 * Every name is opened beneath its folder with O_NOFOLLOW and must not exist,
 * so nothing is ever written through a link or outside the folder.
 */
#ifndef COMMON_TREE_WRITE_H
#define COMMON_TREE_WRITE_H

#include "common/package.h" /* struct package_point */
#include "common/tree.h"
#include "common/tree_watch.h"

struct tree_writer;

/*
 * Into an empty folder, in manifest order: for each entry
 * tree_write_entry(), which creates everything but a file's content; for files
 * then tree_write_data() with its bytes, or tree_write_clone(). What is
 * written must be the manifest's next entry and complete: that is for the
 * caller to see to, who compares digests too (apply.h). tree_write_end() sets
 * the folders' attributes and syncs everything.
 *
 * ERR_REFUSED for a system tree without root, before anything is written.
 * Going on and the end look at each entry again; `watch`, which may be NULL,
 * hears of each of those that the work goes on.
 */
int tree_write_begin(int dirfd, const struct tree *t,
		     const struct tree_watch *watch, struct tree_writer **out,
		     struct err *e) NODISCARD;
int tree_write_entry(struct tree_writer *w, const struct tree_entry *entry,
		     struct err *e) NODISCARD;
int tree_write_data(struct tree_writer *w, struct slice bytes,
		    struct err *e) NODISCARD;
/*
 * The current file's whole content is that of fd: share its blocks, if the
 * file system can. False: nothing happened.
 */
bool tree_write_clone(struct tree_writer *w, int fd) NODISCARD;

/* A later writer may go on behind what is there now, when this returns 0. */
int tree_write_keep(struct tree_writer *w, struct err *e) NODISCARD;
/*
 * Just begun, it is that later writer, in a folder that is not empty: the
 * entries before the point's are there, and of that one's content so much. What
 * a former writer has made behind that is taken away as it is come to.
 */
int tree_write_resume(struct tree_writer *w, const struct package_point *from,
		      struct err *e) NODISCARD;
int tree_write_end(struct tree_writer *w, struct err *e) NODISCARD;
void tree_write_free(struct tree_writer *w);

#endif
