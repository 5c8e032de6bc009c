/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/tree_room.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK        4096u
#define NAME_FIXED   8u  /* of a folder's record, beside the name */
#define FOLDER_FIXED 24u /* "." and ".." */
#define XATTR_FIXED  16u
#define INODE_XATTRS 88u /* bytes of attributes that an inode has room for */
#define INODE_TARGET 60u /* of a symbolic link, its end included */

static uint64_t padded(uint64_t len)
{
	return (len + 3) / 4 * 4;
}

static uint64_t blocks(uint64_t len)
{
	return (len + BLOCK - 1) / BLOCK;
}

/* What is before the first dot of a name is a number there. */
static uint64_t xattr_len(const struct tree_xattr *x)
{
	const uint8_t *dot = memchr(x->name.ptr, '.', x->name.len);
	const size_t prefix = dot ? (size_t)(dot - x->name.ptr) + 1 : 0;

	return XATTR_FIXED + padded(x->name.len - prefix) +
	       padded(x->value.len);
}

static uint64_t xattr_blocks(const struct tree_entry *entry)
{
	struct slice rest = entry->xattrs;
	struct tree_xattr x;
	uint64_t len = 0;

	while (tree_xattr_next(&rest, &x))
		len += xattr_len(&x);
	return len > INODE_XATTRS ? blocks(len) : 0;
}

/* Once it has several, its blocks are split in two whenever one is full. */
static uint64_t folder_blocks(uint64_t names)
{
	const uint64_t len = FOLDER_FIXED + names;

	return len <= BLOCK ? 1 : 1 + 2 * blocks(len);
}

static uint64_t entry_blocks(const struct tree_entry *entry, uint64_t names)
{
	switch (entry->type) {
	case TREE_FOLDER:
		return folder_blocks(names) + xattr_blocks(entry);
	case TREE_FILE:
		return blocks(entry->len) + xattr_blocks(entry);
	case TREE_SYMLINK:
		return (entry->target.len >= INODE_TARGET) +
		       xattr_blocks(entry);
	case TREE_HARDLINK:
		return 0;
	default:
		return xattr_blocks(entry);
	}
}

uint64_t tree_room_beyond(const struct tree *t)
{
	uint64_t *names = mem_alloc((size_t)t->count + 1, sizeof(*names));
	const uint64_t reckoned = t->content_len + (uint64_t)BLOCK * t->count;
	uint64_t top = 0, room = 0;
	struct tree_entry entry;

	for (uint32_t i = 0; i < t->count; i++) {
		int64_t folder;

		tree_entry(t, i, &entry);
		if (entry.path.len == 0)
			continue;
		folder = tree_find(t, tree_parent(entry.path));
		*(folder < 0 ? &top : &names[folder]) +=
			NAME_FIXED + padded(tree_name(entry.path).len);
	}
	for (uint32_t i = 0; i < t->count; i++) {
		tree_entry(t, i, &entry);
		room += BLOCK * entry_blocks(&entry, names[i]);
	}
	/* An application's own folder is no entry; devices reckon with one. */
	room += BLOCK * (folder_blocks(top) - 1);
	free(names);
	return room > reckoned ? room - reckoned : 0;
}
