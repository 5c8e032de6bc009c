/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/pack_tree.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

int pack_tree_read(const struct pack_tree *t, uint32_t index, uint64_t offset,
		   void *out, size_t len, struct err *e)
{
	size_t got;

	if (fs_read_at(t->fd, t->offsets[index] + offset, out, len, &got, e))
		return err_in(e, "spool");
	return got == len ? 0 : err_set(e, ERR_SYSTEM, "spool is cut off");
}

int pack_tree_stream(const struct pack_tree *t, size_t max, uint8_t **out,
		     size_t *len, struct err *e)
{
	size_t at = t->manifest.len;
	uint8_t *bytes;

	if (t->tree.content_len > max || at > max - t->tree.content_len)
		return err_set(e, ERR_LIMIT, "content is larger than %zu bytes",
			       max);
	bytes = mem_alloc(at + (size_t)t->tree.content_len, 1);
	memcpy(bytes, t->manifest.ptr, at);
	for (uint32_t i = 0; i < t->tree.count; i++) {
		struct tree_entry entry;

		tree_entry(&t->tree, i, &entry);
		if (pack_tree_read(t, i, 0, bytes + at, (size_t)entry.len, e)) {
			free(bytes);
			return -1;
		}
		at += (size_t)entry.len;
	}
	*out = bytes;
	*len = at;
	return 0;
}

void pack_tree_free(struct pack_tree *t)
{
	if (!t)
		return;
	tree_done(&t->tree);
	buf_done(&t->manifest);
	fs_close(&t->fd);
	free(t->offsets);
	free(t);
}
