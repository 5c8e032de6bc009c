/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder IMAGE LOG FOLDER [TEXT] - a file system (FUSE) of two files, for one
 * run.
 *
 * FOLDER/disk is IMAGE, to be put under a loop device: what the kernel's file
 * system on it writes and flushes is done to IMAGE and recorded in LOG, in the
 * order in which it happened. What is written to FOLDER/marks is recorded, too,
 * before write() returns: so a client whose standard error it is marks what it
 * says between the very writes before and after. With TEXT it is a bad disk:
 * where a write holds TEXT, another byte is kept than the kernel was told, and
 * believes. Ends when it is unmounted.
 *
 * One thread, and no cache above it: what follows in LOG followed in time.
 */
#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/crash/record.h"

static struct {
	int image, log;
	off_t size;
	const char *spoils; /* NULL: a good disk */
} rec;

static void die(const char *what)
{
	perror(what);
	_exit(EXIT_FAILURE);
}

/* A log with a hole proves nothing, so this cannot fail and go on. */
static void record(enum record_kind kind, uint64_t offset, const char *bytes,
		   size_t len)
{
	struct record r = { kind, (uint32_t)len, offset };
	struct iovec parts[] = {
		{ &r, sizeof(r) },
		{ (void *)(uintptr_t)bytes, len },
	};

	if (writev(rec.log, parts, 2) != (ssize_t)(sizeof(r) + len))
		die("recorder: log");
}

static bool is_disk(const char *path)
{
	return strcmp(path, "/disk") == 0;
}

static bool is_marks(const char *path)
{
	return strcmp(path, "/marks") == 0;
}

static int get_attributes(const char *path, struct stat *st,
			  struct fuse_file_info *file)
{
	(void)file;
	memset(st, 0, sizeof(*st));
	if (strcmp(path, "/") == 0) {
		st->st_mode = S_IFDIR | 0700;
		st->st_nlink = 2;
		return 0;
	}
	if (!is_disk(path) && !is_marks(path))
		return -ENOENT;
	st->st_mode = S_IFREG | 0600;
	st->st_nlink = 1;
	st->st_size = is_disk(path) ? rec.size : 0;
	return 0;
}

static int open_file(const char *path, struct fuse_file_info *file)
{
	(void)path;
	file->direct_io = 1;
	return 0;
}

static int truncate_file(const char *path, off_t size,
			 struct fuse_file_info *file)
{
	(void)size;
	(void)file;
	return is_marks(path) ? 0 : -EPERM;
}

static int read_file(const char *path, char *out, size_t len, off_t offset,
		     struct fuse_file_info *file)
{
	ssize_t got;

	(void)file;
	if (!is_disk(path))
		return 0;
	got = pread(rec.image, out, len, offset);
	return got < 0 ? -errno : (int)got;
}

/* What was just written does not stay as it was. */
static void spoil(const char *bytes, size_t len, off_t offset)
{
	const char *at =
		rec.spoils ? memmem(bytes, len, rec.spoils, strlen(rec.spoils))
			   : NULL;

	if (at && pwrite(rec.image, "#", 1, offset + (at - bytes)) != 1)
		die("recorder: image");
}

static int write_file(const char *path, const char *bytes, size_t len,
		      off_t offset, struct fuse_file_info *file)
{
	(void)file;
	if (is_marks(path)) {
		record(RECORD_MARK, 0, bytes, len);
		return (int)len;
	}
	if (offset < 0 || (off_t)len > rec.size - offset)
		return -ENOSPC;
	if (pwrite(rec.image, bytes, len, offset) != (ssize_t)len)
		die("recorder: image");
	spoil(bytes, len, offset);
	record(RECORD_WRITE, (uint64_t)offset, bytes, len);
	return (int)len;
}

static int flush_disk(const char *path, int data, struct fuse_file_info *file)
{
	(void)data;
	(void)file;
	if (is_disk(path))
		record(RECORD_FLUSH, 0, NULL, 0);
	return 0;
}

static void *begin(struct fuse_conn_info *conn, struct fuse_config *config)
{
	(void)conn;
	config->kernel_cache = 0;
	config->nullpath_ok = 0;
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations operations = {
		.init = begin,
		.getattr = get_attributes,
		.open = open_file,
		.truncate = truncate_file,
		.read = read_file,
		.write = write_file,
		.fsync = flush_disk,
	};
	char *args[] = { argv[0], argv[argc > 3 ? 3 : 0], (char[]){ "-s" },
			 (char[]){ "-f" }, NULL };

	if (argc != 4 && argc != 5) {
		(void)fprintf(stderr, "recorder IMAGE LOG FOLDER [TEXT]\n");
		return 2;
	}
	rec.spoils = argc == 5 ? argv[4] : NULL;
	rec.image = open(argv[1], O_RDWR | O_CLOEXEC);
	rec.log = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (rec.image < 0 || rec.log < 0)
		die("recorder");
	rec.size = lseek(rec.image, 0, SEEK_END);
	return fuse_main(4, args, &operations, NULL);
}
