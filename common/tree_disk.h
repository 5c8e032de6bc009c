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
 * tree_write_data() until its length is reached. tree_write_end() checks that
 * nothing is missing, sets folder attributes and syncs everything.
 */
struct tree_writer;
int tree_write_begin(int dirfd, const struct tree *t, struct tree_writer **out,
		     struct err *e) NODISCARD;
/* The entry that comes next; its files' digests are checked as written. */
int tree_write_next(struct tree_writer *w, struct tree_entry *entry, bool *end,
		    struct err *e) NODISCARD;
int tree_write_data(struct tree_writer *w, struct slice bytes,
		    struct err *e) NODISCARD;
/* The current file's content is that of an old file: reflink or copy. */
int tree_write_copy(struct tree_writer *w, int fd, struct err *e) NODISCARD;
int tree_write_end(struct tree_writer *w, struct err *e) NODISCARD;
void tree_write_free(struct tree_writer *w);

#endif
