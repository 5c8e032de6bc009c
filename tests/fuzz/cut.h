/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that may be an image, cut: whatever they are, the units of the map lie
 * one behind the other and are as long as they are, and reading files fails or
 * gives what it says.
 */
#ifndef TESTS_FUZZ_CUT_H
#define TESTS_FUZZ_CUT_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "signer/cut_ext4.h"

typedef int cut_function(const struct cut *c, bool *done, struct err *e);

#define READ_MAX ((size_t)1 << 20)

static inline void read_files(struct stream_map *m)
{
	uint8_t *bytes = mem_alloc(READ_MAX, 1);
	struct err unused;

	for (uint32_t i = 0; i < m->file_count && i < 64; i++) {
		const uint64_t all = m->files[i].len;

		if (map_read_file(m, i, 0, bytes,
				  all < READ_MAX ? (size_t)all : READ_MAX,
				  &unused))
			continue;
	}
	free(bytes);
}

static inline void check(struct stream_map *m, uint64_t len)
{
	uint64_t at = 0;

	map_finish(m);
	for (size_t i = 0; i < m->unit_count; i++) {
		if (m->units[i].at != at)
			abort();
		at += m->units[i].packed_len;
	}
	if (at != len)
		abort();
	read_files(m);
}

/* A tree of one file with these bytes. */
static inline void cut(int fd, size_t len, cut_function *function)
{
	struct tree_entry entry = { .type = TREE_FILE,
				    .path = slice_of("image"),
				    .mode = 0644,
				    .len = len };
	uint64_t offset = 0;
	struct pack_tree tree = { .fd = fd, .offsets = &offset };
	struct buf bytes = BUF_INIT(1 << 16);
	struct stream_map m;
	const struct cut c = { &m, len, fd, 0, { 1, 1 }, NULL, NULL };
	bool done;
	struct err e;

	if (tree_begin(&bytes, TREE_APP, &e) || tree_add(&bytes, &entry, &e) ||
	    tree_parse(buf_slice(&bytes), &tree.tree, &e))
		abort();
	stream_map_init(&m, &tree);
	if (function(&c, &done, &e) == 0 && done)
		check(&m, len);
	stream_map_done(&m);
	tree_done(&tree.tree);
	buf_done(&bytes);
}

static inline int cut_bytes(const uint8_t *data, size_t len,
			    cut_function *function)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	if (fd < 0)
		abort();
	if (write(fd, data, len) == (ssize_t)len)
		cut(fd, len, function);
	close(fd);
	return 0;
}

#endif
