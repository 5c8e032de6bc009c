/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/stream_scan.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "signer/cut_disk.h"

#define IMAGE_MIN 4096 /* bytes that a file system takes at least */

static int compare_digests(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

/* The digests of a tree's files, sorted; heap. */
static struct sha256 *list_digests(const struct tree *t, size_t *count)
{
	struct sha256 *out = mem_alloc(t->count + (size_t)1, sizeof(*out));

	*count = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		if (entry.type == TREE_FILE)
			out[(*count)++] = entry.digest;
	}
	if (*count > 0)
		qsort(out, *count, sizeof(*out), compare_digests);
	return out;
}

static int add_entry(struct stream_map *m, uint32_t index,
		     const struct tree_entry *entry, bool may_cut,
		     struct err *e)
{
	const struct cut cut = { m,
				 entry->len,
				 m->tree->fd,
				 m->tree->offsets[index],
				 map_name_below((struct map_name){ 0, 0 },
						entry->path),
				 NULL,
				 NULL };
	struct map_unit *u;
	bool done = false;

	if (may_cut && entry->len >= IMAGE_MIN && cut_image(&cut, &done, e))
		return -1;
	if (done)
		return 0;
	map_add_whole(m, cut.name, entry->len);
	u = &m->units[m->unit_count - 1];
	u->digest = entry->digest;
	u->has_digest = true;
	return 0;
}

static int add_files(struct stream_map *m, const struct sha256 *others,
		     size_t count, bool cut, struct err *e)
{
	const struct tree *t = &m->tree->tree;

	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;
		bool same;

		tree_entry(t, i, &entry);
		if (entry.type != TREE_FILE || entry.len == 0)
			continue;
		same = cut && bsearch(&entry.digest, others, count,
				      sizeof(*others), compare_digests) != NULL;
		if (add_entry(m, i, &entry, cut && !same, e))
			return -1;
	}
	return 0;
}

int stream_scan(struct stream_map *m, const struct pack_tree *tree,
		const struct pack_tree *other, bool cut, struct err *e)
{
	size_t count;
	struct sha256 *others = list_digests(&other->tree, &count);
	const size_t head_len = pack_tree_head(tree).len;
	int rc;

	stream_map_init(m, tree);
	if (head_len > 0)
		map_add_whole(m,
			      map_name_below((struct map_name){ 0, 0 },
					     slice_of("/manifest")),
			      head_len);
	rc = add_files(m, others, count, cut, e);
	if (!rc)
		map_finish(m);
	free(others);
	return rc;
}
