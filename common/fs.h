/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs - files, done so that a crash or a hostile neighbour cannot confuse us.
 *
 * Every change to the file system that the programs make goes through here.
 * Files are named by an open folder and a path below it. A path is walked
 * component by component with O_NOFOLLOW, so it never leads out of the folder
 * nor through a symbolic link; "..", ".", empty components and absolute paths
 * are refused (ERR_FORMAT). A symbolic link on the way is ERR_REFUSED.
 * What must survive a power cut is synced: the bytes, then the folder.
 */
#ifndef COMMON_FS_H
#define COMMON_FS_H

#include <sys/stat.h>
#include <sys/types.h>

#include "common/buf.h"

/* Open a folder by an ordinary path (the operator's; links are followed). */
int fs_open_dir(const char *path, int *dirfd, struct err *e) NODISCARD;

/* The same, creating the folder and its parents with mode where missing. */
int fs_make_dir(const char *path, mode_t mode, int *dirfd,
		struct err *e) NODISCARD;

/* Close fd and set it to -1; -1 is fine. For clean-up, so it cannot fail. */
void fs_close(int *fd);

/* ---- beneath a folder ---------------------------------------------------- */

/*
 * Open a file or folder; flags as for open(2). O_NONBLOCK is always set, so
 * that a FIFO cannot make us wait; regular files do not notice it. What O_CREAT
 * makes is its owner's alone.
 */
int fs_open(int dirfd, const char *path, int flags, int *fd,
	    struct err *e) NODISCARD;

/* Create a file that must not exist, opened for reading and writing. */
int fs_create(int dirfd, const char *path, mode_t mode, int *fd,
	      struct err *e) NODISCARD;

/* A file without a name in the folder, gone when it is closed (O_TMPFILE). */
int fs_open_nameless(int dirfd, int *fd, struct err *e) NODISCARD;

/*
 * Create one folder (mkdir) beneath; its parent must exist. Not synced, like
 * fs_create() and fs_symlink(): who fills a tree syncs it once, at its end.
 */
int fs_mkdir(int dirfd, const char *path, mode_t mode, struct err *e) NODISCARD;

/* A folder and its missing parents beneath, synced; existing ones are fine. */
int fs_mkdirs(int dirfd, const char *path, mode_t mode,
	      struct err *e) NODISCARD;

int fs_symlink(int dirfd, const char *target, const char *path,
	       struct err *e) NODISCARD;

/* Read a link's target, at most size - 1 bytes. ERR_LIMIT if longer. */
int fs_readlink(int dirfd, const char *path, char *out, size_t size,
		struct err *e) NODISCARD;

/* lstat beneath; ERR_NOT_FOUND when there is nothing. */
int fs_stat(int dirfd, const char *path, struct stat *st,
	    struct err *e) NODISCARD;

/* Rename within one folder, then sync the folder(s). */
int fs_rename(int dirfd, const char *from, const char *to,
	      struct err *e) NODISCARD;

/* Swap two names that exist, at once, then sync the folder(s). */
int fs_exchange(int dirfd, const char *a, const char *b,
		struct err *e) NODISCARD;

/* Remove one file or link; nothing there is fine. Syncs the folder. */
int fs_remove(int dirfd, const char *path, struct err *e) NODISCARD;

/*
 * Remove whatever is at path, a whole tree included, without following links
 * or crossing into another file system (ERR_REFUSED). Folders that we own and
 * may not read are no obstacle. Nothing there is fine. Syncs the folder.
 */
int fs_remove_tree(int dirfd, const char *path, struct err *e) NODISCARD;

/* ---- bytes --------------------------------------------------------------- */

/* Append a whole regular file to out; out's ceiling is the size limit. */
int fs_read_file(int dirfd, const char *path, struct buf *out,
		 struct err *e) NODISCARD;

/* The same by an ordinary path, for what an operator names. */
int fs_read_path(const char *path, struct buf *out, struct err *e) NODISCARD;

/*
 * Replace a file so that a reader, or a reboot, sees the old or the new one:
 * write beside it, fsync, rename, fsync the folder.
 */
int fs_replace_file(int dirfd, const char *path, struct slice bytes,
		    mode_t mode, struct err *e) NODISCARD;

/* Write all, short writes and EINTR included. */
int fs_write(int fd, struct slice bytes, struct err *e) NODISCARD;
int fs_write_at(int fd, uint64_t offset, struct slice bytes,
		struct err *e) NODISCARD;

/*
 * The same into a part of a file that was never written: zeros are left out, so
 * whole blocks of them become holes, and who is done sets the length.
 */
int fs_write_sparse(int fd, uint64_t offset, struct slice bytes,
		    struct err *e) NODISCARD;

/* Read up to len bytes; *got < len only at the end of the file. */
int fs_read(int fd, void *out, size_t len, size_t *got,
	    struct err *e) NODISCARD;
int fs_read_at(int fd, uint64_t offset, void *out, size_t len, size_t *got,
	       struct err *e) NODISCARD;

/*
 * Make a range within a file or block device read as zeros, giving its blocks
 * back where the medium can do that.
 */
int fs_zero_range(int fd, uint64_t offset, uint64_t len,
		  struct err *e) NODISCARD;

int fs_truncate(int fd, uint64_t len, struct err *e) NODISCARD;

/* Make a file so long, with blocks for all of it where the disk can do that. */
int fs_reserve(int fd, uint64_t len, struct err *e) NODISCARD;
int fs_sync(int fd, struct err *e) NODISCARD;

/* Copy len bytes between files, by reflink or in the kernel if possible. */
int fs_copy_range(int from, uint64_t from_offset, int to, uint64_t to_offset,
		  uint64_t len, struct err *e) NODISCARD;

/* ---- the rest ------------------------------------------------------------ */

/*
 * Take the lock file beneath dirfd for the life of *fd and write our pid into
 * it. ERR_BUSY, after a good tenth of a second, names the pid that holds it.
 */
int fs_lock(int dirfd, const char *path, int *fd, struct err *e) NODISCARD;

/* Does somebody hold it? Nothing is made, and nobody is told. */
bool fs_is_locked(int dirfd, const char *path);

/* Bytes and inodes that an ordinary user may still take. */
int fs_free_space(int dirfd, uint64_t *bytes, uint64_t *inodes,
		  struct err *e) NODISCARD;

/* ERR_CONFIG unless fd belongs to us or root and nobody else may write it. */
int fs_check_private(int fd, const char *what, struct err *e) NODISCARD;

#endif
