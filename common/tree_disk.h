/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_disk - trees on a disk: check one against its manifest, write one entry
 * by entry. Walks with O_NOFOLLOW beneath an open folder; never through links.
 */
#ifndef COMMON_TREE_DISK_H
#define COMMON_TREE_DISK_H

#include "common/tree.h"

struct tree_watch {
	void *ctx;
	/* Bytes done so far; a -1 stops the work with the error. */
	int (*advance)(void *ctx, uint64_t bytes, struct err *e);
};

/*
 * Compare everything beneath dirfd with the manifest: each entry present with
 * its attributes and content, and nothing else there. `from_medium` drops the
 * page cache of each file first, so that the medium itself is read.
 * ERR_UNTRUSTED names the first path that differs.
 */
int tree_check(int dirfd, const struct tree *t, bool from_medium,
	       const struct tree_watch *watch, struct err *e) NODISCARD;

/*
 * Write a tree into an empty folder, in manifest order: for each entry
 * tree_write_entry(), which creates everything but a file's content; for files
 * then tree_write_data() with its bytes, or tree_write_clone(). What is
 * written must be the manifest's next entry and complete: that is for the
 * caller to see to, who compares digests too (apply.h). tree_write_end() sets
 * the folders' attributes and syncs everything.
 */
struct tree_writer;
int tree_write_begin(int dirfd, const struct tree *t, struct tree_writer **out,
		     struct err *e) NODISCARD;
int tree_write_entry(struct tree_writer *w, const struct tree_entry *entry,
		     struct err *e) NODISCARD;
int tree_write_data(struct tree_writer *w, struct slice bytes,
		    struct err *e) NODISCARD;
/*
 * The current file's whole content is that of fd: share its blocks, if the
 * file system can (*done); else nothing happened.
 */
int tree_write_clone(struct tree_writer *w, int fd, bool *done,
		     struct err *e) NODISCARD;
int tree_write_end(struct tree_writer *w, struct err *e) NODISCARD;
void tree_write_free(struct tree_writer *w);

#endif
