/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/pack_tree.h"

#include <stdlib.h>

#include "common/fs.h"

int pack_tree_read(const struct pack_tree *t, uint32_t index, uint64_t offset,
		   void *out, size_t len, struct err *e)
{
	size_t got;

	if (fs_read_at(t->fd, t->offsets[index] + offset, out, len, &got, e))
		return err_in(e, "spool");
	return got == len ? 0 : err_set(e, ERR_SYSTEM, "spool is cut off");
}

struct slice pack_tree_head(const struct pack_tree *t)
{
	const struct slice none = { 0 };

	return t->content == PACKAGE_IMAGE ? none : buf_slice(&t->manifest);
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
