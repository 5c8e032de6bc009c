/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree - the manifest of a tree: every entry with every attribute that counts.
 *
 * A tree's digest, which releases name and devices compare, is the SHA-256 of
 * its manifest. Entries are sorted so that a folder comes before its content
 * and the content stands together (bytewise, '/' lowest); each path appears
 * once and its parent folder is listed. Paths are well-formed UTF-8 without
 * control characters. Binary layout: docs/package-format.md.
 *
 * Two attribute sets. APP: type, content, mode (permission bits without
 * setuid, setgid, sticky), link target; regular files, folders and symbolic
 * links only, and a link's target may not climb out of the tree. SYSTEM: also
 * owner, all mode bits, modification time in ns, extended attributes (ACLs
 * and capabilities are such), hard links, devices, fifos; and the tree's own
 * folder, as the first entry with an empty path. An APP tree's folder is not
 * listed, for its attributes belong to whoever holds the tree.
 */
#ifndef COMMON_TREE_H
#define COMMON_TREE_H

#include "common/buf.h"
#include "common/digest.h"
#include "common/text.h"

#define TREE_ENTRIES_MAX  (1u << 20)
#define TREE_MANIFEST_MAX (256u << 20)
#define TREE_DEPTH_MAX    64
#define TREE_XATTRS_MAX   64
#define TREE_XATTR_MAX    65536

enum tree_attributes {
	TREE_APP = 1,
	TREE_SYSTEM = 2
};

enum tree_type {
	TREE_FOLDER = 1,
	TREE_FILE,
	TREE_SYMLINK,
	TREE_HARDLINK, /* another name of the file at index `link_to`: no
			  attributes of its own */
	TREE_CHAR,
	TREE_BLOCK,
	TREE_FIFO,
};

struct tree_xattr {
	struct slice name, value;
};

/* One entry; slices borrow from the manifest's bytes. */
struct tree_entry {
	enum tree_type type;
	struct slice path;    /* "" for the folder itself */
	uint16_t mode;        /* symlinks: 0777 */
	uint64_t len;         /* files */
	struct sha256 digest; /* files */
	struct slice target;  /* symlinks */
	uint32_t link_to;     /* hard links: index of an earlier file */
	uint32_t major, minor;
	/* system trees only */
	uint32_t uid, gid;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint16_t xattr_count;
	struct slice xattrs; /* encoded; see tree_xattr_next() */
};

/* A parsed manifest: borrowed bytes and a table of entry offsets. */
struct tree {
	struct slice bytes;
	enum tree_attributes attributes;
	uint32_t count;
	uint64_t content_len; /* sum of the files' lengths */
	uint32_t *offsets;    /* heap */
};

/*
 * Parse and check a whole manifest: order, parents, names, targets, types
 * allowed by the attribute set, sums. `bytes` must outlive the tree.
 */
int tree_parse(struct slice bytes, struct tree *t, struct err *e) NODISCARD;
void tree_done(struct tree *t);

void tree_entry(const struct tree *t, uint32_t index, struct tree_entry *out);
/* In the manifest's own bytes: that of an entry which is a file. */
void tree_put_digest(const struct tree *t, uint32_t index,
		     const struct sha256 *digest, uint8_t *manifest);
/* Index of a path, or -1. */
int64_t tree_find(const struct tree *t, struct slice path);
/* Walk an entry's xattrs: false at the end. Start with *rest = entry->xattrs.
 */
bool tree_xattr_next(struct slice *rest, struct tree_xattr *out);
/* Append one to what becomes an entry's xattrs; bytewise ascending names. */
int tree_xattr_add(struct buf *xattrs, const struct tree_xattr *x,
		   struct err *e) NODISCARD;

/*
 * Build a manifest in an empty buffer: begin, then add entries in order. It is
 * valid after each of them; what tree_parse() would refuse is not looked for.
 */
int tree_begin(struct buf *out, enum tree_attributes attributes,
	       struct err *e) NODISCARD;
int tree_add(struct buf *out, const struct tree_entry *entry,
	     struct err *e) NODISCARD;

/*
 * The rules for a path beneath a tree: relative, plain components of at most
 * 255 bytes, no more than TREE_DEPTH_MAX of them and PATH_MAX_LEN bytes in
 * all, clean UTF-8; in applications neither backslash nor drive letter.
 */
int tree_path_check(struct slice path, enum tree_attributes attributes,
		    struct err *e) NODISCARD;

/* The folder that holds a path ("" at the top) and the name within it. */
struct slice tree_parent(struct slice path);
struct slice tree_name(struct slice path);

/* <0, 0, >0: the manifest's order of two paths. */
int tree_path_compare(struct slice a, struct slice b);

#endif
