/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest that is accepted can be walked and searched, holds only paths
 * that are safe to join to a folder, and writing its entries again gives the
 * same bytes: there is one manifest for each tree.
 */
#include <string.h>

#include "common/tree.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_path(struct slice path)
{
	static const char *const parts[] = { "", ".", ".." };
	size_t start = 0;

	MUST(path.len <= PATH_MAX_LEN && !memchr(path.ptr, 0, path.len));
	for (size_t i = 0; i <= path.len; i++) {
		struct slice part = slice_sub(path, start, i - start);

		if (i < path.len && path.ptr[i] != '/')
			continue;
		for (size_t n = 0; n < ARRAY_LEN(parts); n++)
			MUST(!slice_equal(part, slice_of(parts[n])));
		start = i + 1;
	}
}

static void check_entry(const struct tree *t, uint32_t index, struct buf *again)
{
	struct tree_entry entry;
	struct tree_xattr x;
	struct slice rest;
	unsigned count = 0;
	struct err e;

	tree_entry(t, index, &entry);
	MUST(tree_find(t, entry.path) == (int64_t)index);
	if (entry.path.len > 0)
		check_path(entry.path);
	else
		MUST(index == 0 && t->attributes == TREE_SYSTEM);
	rest = entry.xattrs;
	while (tree_xattr_next(&rest, &x))
		count++;
	MUST(count == entry.xattr_count);
	MUST(tree_add(again, &entry, &e) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len };
	struct buf again = BUF_INIT(len + 1024);
	struct tree t;
	struct err e;

	if (tree_parse(in, &t, &e))
		return 0;
	MUST(tree_begin(&again, t.attributes, &e) == 0);
	for (uint32_t i = 0; i < t.count; i++)
		check_entry(&t, i, &again);
	MUST(slice_equal(in, buf_slice(&again)));
	tree_done(&t);
	buf_done(&again);
	return 0;
}
