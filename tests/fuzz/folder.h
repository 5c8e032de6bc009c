/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For what reads its file by a name: a folder of this process alone, gone when
 * it ends.
 */
#ifndef TESTS_FUZZ_FOLDER_H
#define TESTS_FUZZ_FOLDER_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/text.h"

static char folder_path[] = "/tmp/pawl-fuzz-XXXXXX";

static inline void folder_remove(void)
{
	struct err e;
	int tmp = -1;

	if (fs_open_dir("/tmp", &tmp, &e) ||
	    fs_remove_tree(tmp, folder_path + strlen("/tmp/"), &e))
		abort();
	fs_close(&tmp);
}

/* Open, the same one each time. */
static inline int folder(void)
{
	static int fd = -1;
	struct err e;

	if (fd >= 0)
		return fd;
	if (!mkdtemp(folder_path) || atexit(folder_remove) ||
	    fs_open_dir(folder_path, &fd, &e))
		abort();
	return fd;
}

/* A file in it, in the place of an older one. Nothing is synced: it is read at
 * once, and many times a second. */
static inline void folder_put(const char *name, struct slice bytes)
{
	int fd = openat(folder(), name,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes.ptr, bytes.len) != (ssize_t)bytes.len)
		abort();
	close(fd);
}

/* For what opens an ordinary path: a file without a name. */
struct unnamed {
	int fd;
	char path[32];
};

static inline struct unnamed unnamed_open(struct slice bytes)
{
	struct unnamed f = { .fd = memfd_create("input", MFD_CLOEXEC) };
	struct err e;

	if (f.fd < 0 || fs_write_at(f.fd, 0, bytes, &e) ||
	    text_format(f.path, sizeof(f.path), &e, "/proc/self/fd/%d", f.fd))
		abort();
	return f;
}

#endif
