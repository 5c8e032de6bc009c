/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_blank.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "signer/stream_map.h"

/* What a file costs, about: one in so many of its bytes. */
#define CHANGED_COST 32
#define NEW_COST     3

#define SHARE     64
#define AGAIN_MAX (16u << 20) /* content that is searched twice */

/* An old file, by whichever of its numbers is sought. */
struct known {
	struct sha256 digest;
	uint64_t alike;
};

/* All that are alike have one digest to tell: the first one's. */
struct old_files {
	struct known *by_digest, *by_name;
	size_t count;
};

static int compare_digests(const void *a, const void *b)
{
	return memcmp(((const struct known *)a)->digest.bytes,
		      ((const struct known *)b)->digest.bytes, SHA256_LEN);
}

static int compare_names(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	if (x->alike != y->alike)
		return x->alike < y->alike ? -1 : 1;
	return compare_digests(a, b);
}

static uint64_t alike(const struct tree_entry *entry)
{
	return map_name_below((struct map_name){ 0, 0 }, entry->path).alike;
}

static void sort(struct known *files, size_t count,
		 int (*compare)(const void *, const void *))
{
	if (count > 0)
		qsort(files, count, sizeof(*files), compare);
}

static struct old_files list_old(const struct tree *t)
{
	struct old_files o = {
		mem_alloc(t->count + (size_t)1, sizeof(struct known)),
		mem_alloc(t->count + (size_t)1, sizeof(struct known)), 0
	};

	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		if (entry.type != TREE_FILE)
			continue;
		o.by_digest[o.count] = o.by_name[o.count] =
			(struct known){ entry.digest, alike(&entry) };
		o.count++;
	}
	sort(o.by_digest, o.count, compare_digests);
	sort(o.by_name, o.count, compare_names);
	return o;
}

static bool is_old(const struct old_files *o, const struct known *file)
{
	return bsearch(file, o->by_digest, o->count, sizeof(*file),
		       compare_digests) != NULL;
}

/* The digest that an old file of much the same path has, if there is one. */
static bool find_before(const struct old_files *o, const struct tree *old,
			const struct tree_entry *entry, struct sha256 *out)
{
	const int64_t index = tree_find(old, entry->path);
	const uint64_t name = alike(entry);
	size_t low = 0, high = o->count;
	struct tree_entry same;

	if (index >= 0) {
		tree_entry(old, (uint32_t)index, &same);
		*out = same.digest;
		return same.type == TREE_FILE;
	}
	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (o->by_name[middle].alike < name)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == o->count || o->by_name[low].alike != name)
		return false;
	*out = o->by_name[low].digest;
	return true;
}

void delta_blank_make(const struct pack_tree *old,
		      const struct pack_tree *fresh, struct delta_blank *out)
{
	const struct slice manifest = buf_slice(&fresh->manifest);
	struct old_files files = list_old(&old->tree);

	*out = (struct delta_blank){ .tree = *fresh };
	out->tree.manifest.ptr = mem_alloc(manifest.len, 1);
	memcpy(out->tree.manifest.ptr, manifest.ptr, manifest.len);
	for (uint32_t i = 0; i < fresh->tree.count; i++) {
		struct tree_entry entry;
		struct known file;
		struct sha256 digest = { { 0 } };

		tree_entry(&fresh->tree, i, &entry);
		file = (struct known){ entry.digest, 0 };
		if (entry.type != TREE_FILE || is_old(&files, &file))
			continue;
		if (find_before(&files, &old->tree, &entry, &digest))
			out->changed += entry.len;
		else
			out->new += entry.len;
		tree_put_digest(&fresh->tree, i, &digest,
				out->tree.manifest.ptr);
		out->count++;
	}
	free(files.by_digest);
	free(files.by_name);
}

void delta_blank_done(struct delta_blank *b)
{
	free(b->tree.manifest.ptr);
	*b = (struct delta_blank){ .count = 0 };
}

static bool pays(const struct delta_blank *b, uint64_t delta_len)
{
	return b->count > 0 && delta_len / SHARE <= b->count * SHA256_LEN;
}

bool delta_blank_pays(const struct delta_blank *b)
{
	return pays(b, b->changed / CHANGED_COST + b->new / NEW_COST);
}

bool delta_blank_would_pay(const struct delta_blank *b, uint64_t delta_len)
{
	return pays(b, delta_len) && b->changed + b->new <= AGAIN_MAX;
}
