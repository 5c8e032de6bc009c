/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for one test, and packages made of anything, also of nonsense. */
#ifndef TESTS_UNIT_BOX_H
#define TESTS_UNIT_BOX_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/release.h"
#include "tests/unit/check.h"

struct box {
	char path[64];
	int dir;
};

static inline void box_open(struct box *b)
{
	strcpy(b->path, "/tmp/pawl-test-XXXXXX");
	assert_non_null(mkdtemp(b->path));
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->dir >= 0);
}

static inline void box_close(struct box *b)
{
	struct err e = { 0 };
	int tmp = -1;

	fs_close(&b->dir);
	assert_ok(fs_open_dir("/tmp", &tmp, &e));
	assert_ok(fs_remove_tree(tmp, b->path + strlen("/tmp/"), &e));
	fs_close(&tmp);
}

/* A new folder inside, open. */
static inline int box_folder(const struct box *b, const char *name)
{
	struct err e = { 0 };
	int fd = -1;

	assert_ok(fs_mkdirs(b->dir, name, 0755, &e));
	assert_ok(fs_open(b->dir, name, O_RDONLY | O_DIRECTORY, &fd, &e));
	return fd;
}

static inline void put_file(int dir, const char *path, const char *text,
			    mode_t mode)
{
	struct err e = { 0 };
	int fd = -1;

	assert_ok(fs_create(dir, path, mode, &fd, &e));
	assert_ok(fs_write(fd, slice_of(text), &e));
	assert_int_equal(fchmod(fd, mode), 0);
	fs_close(&fd);
}

/* Names in a folder but "." and "..". */
static inline unsigned count_names(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	unsigned count = 0;

	assert_non_null(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count - 2;
}

/* ---- packages in memory -------------------------------------------------- */

struct raw_package {
	struct buf bytes;
};

static inline int raw_read_at(void *ctx, uint64_t offset, void *out, size_t len,
			      struct err *e)
{
	const struct raw_package *p = ctx;

	if (offset > p->bytes.len || len > p->bytes.len - offset)
		return err_set(e, ERR_FORMAT, "cut off");
	memcpy(out, p->bytes.ptr + offset, len);
	return 0;
}

/*
 * Header, right chunk table and payload, and what a release would sign of it:
 * all digests are right, whatever the payload is. One of a single chunk has no
 * table and belongs to the head.
 */
static inline void raw_make(struct raw_package *p, struct package_header h,
			    struct slice payload, struct release *r)
{
	struct err e = { 0 };
	uint8_t head[PACKAGE_HEADER_LEN];
	const bool whole = payload.len <= PACKAGE_CHUNK_LEN;

	package_format_header(&h, head);
	buf_done(&p->bytes);
	p->bytes.max = (size_t)1 << 30;
	assert_ok(buf_add(&p->bytes, (struct slice){ head, sizeof(head) }, &e));
	for (size_t at = 0; at < payload.len && !whole;
	     at += PACKAGE_CHUNK_LEN) {
		struct sha256 digest;

		sha256_of(slice_sub(payload, at, PACKAGE_CHUNK_LEN), &digest);
		assert_ok(buf_add(&p->bytes,
				  (struct slice){ digest.bytes, SHA256_LEN },
				  &e));
	}
	r->head_len = package_head_len(payload.len);
	assert_ok(buf_add(&p->bytes, payload, &e));
	r->package_len = p->bytes.len;
	sha256_of(slice_sub(buf_slice(&p->bytes), 0, (size_t)r->head_len),
		  &r->head_digest);
	sha256_of(buf_slice(&p->bytes), &r->package_digest);
	r->kind = h.kind;
	r->content = h.content;
	r->window_len = h.window_len;
}

static inline int raw_open(struct raw_package *p, const struct release *r,
			   struct package_reader **out, struct err *e)
{
	const struct package_source from = { p, raw_read_at };

	return package_open(&from, r->package_len, r->head_len, &r->head_digest,
			    out, e);
}

/* What a release would sign of a tree. */
static inline void describe(struct release *r, struct slice manifest,
			    enum tree_attributes attributes, uint32_t entries,
			    uint64_t content_len)
{
	sha256_of(manifest, &r->content_digest);
	r->content = PACKAGE_TREE;
	r->attributes = attributes;
	r->manifest_len = manifest.len;
	r->entries = entries;
	r->content_len = content_len;
}

#endif
