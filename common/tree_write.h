/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_write - write a tree to a disk, entry by entry.
 *
 * Every name is opened beneath its folder with O_NOFOLLOW and must not exist,
 * so nothing is ever written through a link or outside the folder.
 */
#ifndef COMMON_TREE_WRITE_H
#define COMMON_TREE_WRITE_H

#include "common/tree.h"

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
 */
int tree_write_begin(int dirfd, const struct tree *t, struct tree_writer **out,
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
int tree_write_end(struct tree_writer *w, struct err *e) NODISCARD;
void tree_write_free(struct tree_writer *w);

#endif
