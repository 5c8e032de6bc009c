/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static const uint8_t magic[8] = { 'P', 'A', 'W', 'L', 'T', 'R', 'E', 'E' };

#define MANIFEST_VERSION 1
#define HEADER_LEN       24
#define COUNT_OFFSET     12
#define CONTENT_OFFSET   16
#define SHOWN_LEN        160
#define COMPONENT_MAX    255
#define TARGET_MAX       4095
#define XATTR_NAME_MAX   255
#define MODE_APP         0777
#define MODE_SYSTEM      07777
#define MODE_SYMLINK     0777
#define NSEC_PER_SEC     1000000000u
#define CONTENT_MAX      (UINT64_C(1) << 50)

/* ---- names --------------------------------------------------------------- */

/* Length of the well-formed UTF-8 character at s (RFC 3629), or 0. */
static size_t utf8_len(struct slice s)
{
	uint8_t first = s.ptr[0];
	size_t len = first < 0x80   ? 1
		     : first < 0xc2 ? 0
		     : first < 0xe0 ? 2
		     : first < 0xf0 ? 3
		     : first < 0xf5 ? 4
				    : 0;

	if (len > s.len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s.ptr[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && s.ptr[1] < 0xa0) ||
	    (first == 0xed && s.ptr[1] > 0x9f) ||
	    (first == 0xf0 && s.ptr[1] < 0x90) ||
	    (first == 0xf4 && s.ptr[1] > 0x8f))
		return 0;
	return len;
}

/* C0, DEL and C1: what a terminal would act upon. */
static bool is_control(struct slice s, size_t len)
{
	if (len == 1)
		return s.ptr[0] < 0x20 || s.ptr[0] == 0x7f;
	return s.ptr[0] == 0xc2 && s.ptr[1] < 0xa0;
}

static bool text_is_clean(struct slice s)
{
	while (s.len > 0) {
		size_t len = utf8_len(s);

		if (len == 0 || is_control(s, len))
			return false;
		s = slice_sub(s, len, s.len);
	}
	return true;
}

/* Cut the first component off a path. */
static struct slice next_component(struct slice *path)
{
	const uint8_t *slash =
		path->len > 0 ? memchr(path->ptr, '/', path->len) : NULL;
	size_t len = slash ? (size_t)(slash - path->ptr) : path->len;
	struct slice first = slice_sub(*path, 0, len);

	*path = slice_sub(*path, slash ? len + 1 : len, path->len);
	return first;
}

static bool is_dots(struct slice component)
{
	return slice_equal(component, slice_of(".")) ||
	       slice_equal(component, slice_of(".."));
}

/* What only a careless or hostile packer would put into an application. */
static bool is_foreign_name(struct slice path)
{
	bool drive = path.len >= 2 && path.ptr[1] == ':' &&
		     (path.len == 2 || path.ptr[2] == '/');

	return drive || memchr(path.ptr, '\\', path.len) != NULL;
}

int tree_path_check(struct slice path, enum tree_attributes attributes,
		    struct err *e)
{
	struct slice rest = path;
	unsigned depth = 0;

	if (path.len == 0 || path.len > PATH_MAX_LEN)
		return err_set(e, ERR_FORMAT, "path of %zu bytes", path.len);
	if (!text_is_clean(path))
		return err_set(e, ERR_FORMAT,
			       "path is not clean UTF-8 (control characters?)");
	if (path.ptr[path.len - 1] == '/')
		return err_set(e, ERR_FORMAT, "path ends with a slash");
	if (attributes == TREE_APP && is_foreign_name(path))
		return err_set(e, ERR_FORMAT,
			       "path has a backslash or a drive letter");
	while (rest.len > 0) {
		struct slice name = next_component(&rest);

		if (name.len == 0 || is_dots(name))
			return err_set(e, ERR_FORMAT,
				       "path is absolute or not plain");
		if (name.len > COMPONENT_MAX || ++depth > TREE_DEPTH_MAX)
			return err_set(e, ERR_LIMIT, "path is too %s",
				       depth > TREE_DEPTH_MAX ? "deep"
							      : "long");
	}
	return 0;
}

/* Bytewise, but '/' sorts below all: a folder's content stays together. */
int tree_path_compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < len; i++) {
		int x = a.ptr[i] == '/' ? -1 : a.ptr[i];
		int y = b.ptr[i] == '/' ? -1 : b.ptr[i];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

struct slice tree_parent(struct slice path)
{
	while (path.len > 0 && path.ptr[path.len - 1] != '/')
		path.len--;
	if (path.len > 0)
		path.len--;
	return path;
}

struct slice tree_name(struct slice path)
{
	struct slice parent = tree_parent(path);

	return parent.len > 0 ? slice_sub(path, parent.len + 1, path.len)
			      : path;
}

/* ---- decoding one entry -------------------------------------------------- */

/* The bytes of an entry's xattrs; how many there are is checked elsewhere. */
static void read_system(struct rd *r, struct tree_entry *out)
{
	out->uid = rd_le32(r);
	out->gid = rd_le32(r);
	out->mtime_sec = (int64_t)rd_le64(r);
	out->mtime_nsec = rd_le32(r);
	out->xattr_count = rd_le16(r);
	out->xattrs = rd_slice(r, rd_le32(r));
}

static void read_entry(struct rd *r, enum tree_attributes attributes,
		       struct tree_entry *out)
{
	*out = (struct tree_entry){ 0 };
	out->type = rd_u8(r);
	out->path = rd_slice(r, rd_le16(r));
	if (out->type == TREE_HARDLINK) {
		out->link_to = rd_le32(r);
		return;
	}
	out->mode = rd_le16(r);
	if (attributes == TREE_SYSTEM)
		read_system(r, out);
	switch (out->type) {
	case TREE_FILE:
		out->len = rd_le64(r);
		rd_copy(r, out->digest.bytes, SHA256_LEN);
		break;
	case TREE_SYMLINK:
		out->target = rd_slice(r, rd_le16(r));
		break;
	case TREE_CHAR:
	case TREE_BLOCK:
		out->major = rd_le32(r);
		out->minor = rd_le32(r);
		break;
	default:
		break;
	}
}

void tree_entry(const struct tree *t, uint32_t index, struct tree_entry *out)
{
	struct rd r;

	assert(index < t->count);
	r = rd_init(slice_sub(t->bytes, t->offsets[index], t->bytes.len));
	read_entry(&r, t->attributes, out);
}

/* With it a file's entry ends. */
void tree_put_digest(const struct tree *t, uint32_t index,
		     const struct sha256 *digest, uint8_t *manifest)
{
	const size_t end =
		index + 1 < t->count ? t->offsets[index + 1] : t->bytes.len;

	memcpy(manifest + end - SHA256_LEN, digest->bytes, SHA256_LEN);
}

bool tree_xattr_next(struct slice *rest, struct tree_xattr *out)
{
	struct rd r = rd_init(*rest);

	out->name = rd_slice(&r, rd_u8(&r));
	out->value = rd_slice(&r, rd_le32(&r));
	if (r.bad)
		return false;
	*rest = r.rest;
	return true;
}

int64_t tree_find(const struct tree *t, struct slice path)
{
	uint32_t low = 0, high = t->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct tree_entry entry;
		int order;

		tree_entry(t, middle, &entry);
		order = tree_path_compare(entry.path, path);
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static int about(struct err *e, struct slice path)
{
	char shown[SHOWN_LEN];

	text_escape(path.len > 0 ? path : slice_of("."), shown, sizeof(shown));
	return err_in(e, "%s", shown);
}

/* ---- checks -------------------------------------------------------------- */

static int check_xattrs(const struct tree_entry *entry, struct err *e)
{
	struct slice rest = entry->xattrs;
	struct slice before = { 0 };
	struct tree_xattr x;
	unsigned count = 0;

	if (entry->xattr_count > TREE_XATTRS_MAX)
		return err_set(e, ERR_LIMIT, "too many extended attributes");
	for (; tree_xattr_next(&rest, &x); count++) {
		if (x.name.len == 0 || !text_is_clean(x.name) ||
		    x.value.len > TREE_XATTR_MAX)
			return err_set(e, ERR_FORMAT,
				       "wrong extended attribute");
		if (count > 0 && tree_path_compare(before, x.name) >= 0)
			return err_set(e, ERR_FORMAT,
				       "extended attributes out of order");
		before = x.name;
	}
	if (rest.len > 0 || count != entry->xattr_count)
		return err_set(e, ERR_FORMAT, "wrong extended attributes");
	return 0;
}

static int check_type(const struct tree_entry *entry,
		      enum tree_attributes attributes, struct err *e)
{
	bool plain = entry->type == TREE_FOLDER || entry->type == TREE_FILE ||
		     entry->type == TREE_SYMLINK;

	if (entry->type < TREE_FOLDER || entry->type > TREE_FIFO)
		return err_set(e, ERR_FORMAT, "unknown type %d",
			       (int)entry->type);
	if (attributes == TREE_APP && !plain)
		return err_set(e, ERR_REFUSED,
			       "an application holds only files, folders and "
			       "symbolic links");
	return 0;
}

static int check_values(const struct tree_entry *entry,
			enum tree_attributes attributes, struct err *e)
{
	unsigned mask = attributes == TREE_APP ? MODE_APP : MODE_SYSTEM;

	if ((entry->mode & ~mask) != 0)
		return err_set(e, ERR_REFUSED, "mode %o is not allowed",
			       (unsigned)entry->mode);
	if (entry->mtime_nsec >= NSEC_PER_SEC)
		return err_set(e, ERR_FORMAT, "impossible time");
	if (entry->len > CONTENT_MAX)
		return err_set(e, ERR_LIMIT, "file is too large");
	if (entry->type == TREE_SYMLINK &&
	    (entry->mode != MODE_SYMLINK || entry->target.len == 0 ||
	     entry->target.len > TARGET_MAX ||
	     memchr(entry->target.ptr, 0, entry->target.len)))
		return err_set(e, ERR_FORMAT, "impossible symbolic link");
	return check_xattrs(entry, e);
}

static bool is_folder(const struct tree *t, struct slice path)
{
	struct tree_entry entry;
	int64_t index;

	if (path.len == 0)
		return true;
	index = tree_find(t, path);
	if (index < 0)
		return false;
	tree_entry(t, (uint32_t)index, &entry);
	return entry.type == TREE_FOLDER;
}

/* Where a link's target leads to, as far as the manifest can tell. */
struct place {
	uint8_t path[PATH_MAX_LEN + TARGET_MAX + 2];
	size_t len;
};

static void enter(struct place *at, struct slice name)
{
	if (at->len > 0)
		at->path[at->len++] = '/';
	memcpy(at->path + at->len, name.ptr, name.len);
	at->len += name.len;
}

/*
 * A target is read with the tree as root. ".." may not leave it, and may only
 * leave what really is a folder: after a link, nobody could tell from the
 * text alone where ".." leads.
 */
static int check_climb(const struct tree *t, const struct tree_entry *entry,
		       struct err *e)
{
	struct slice parent = tree_parent(entry->path);
	struct slice rest = entry->target;
	struct place at = { .len = 0 };

	if (rest.ptr[0] != '/' && parent.len > 0)
		enter(&at, parent);
	while (rest.len > 0) {
		struct slice name = next_component(&rest);
		struct slice here = { at.path, at.len };

		if (name.len == 0 || slice_equal(name, slice_of(".")))
			continue;
		if (!slice_equal(name, slice_of(".."))) {
			enter(&at, name);
			continue;
		}
		if (at.len == 0 || !is_folder(t, here))
			return err_set(e, ERR_REFUSED,
				       "symbolic link climbs out of the tree");
		at.len = tree_parent(here).len;
	}
	return 0;
}

static int check_link(const struct tree *t, uint32_t index,
		      const struct tree_entry *entry, struct err *e)
{
	struct tree_entry to;

	if (entry->type == TREE_SYMLINK && t->attributes == TREE_APP)
		return check_climb(t, entry, e);
	if (entry->type != TREE_HARDLINK)
		return 0;
	if (entry->link_to >= index)
		return err_set(e, ERR_FORMAT, "hard link to a later entry");
	tree_entry(t, entry->link_to, &to);
	if (to.type != TREE_FILE)
		return err_set(e, ERR_FORMAT, "hard link to what is no file");
	return 0;
}

static int check_place(const struct tree *t, uint32_t index,
		       const struct tree_entry *entry, struct err *e)
{
	struct tree_entry before;

	if (index == 0 && t->attributes == TREE_SYSTEM) {
		if (entry->path.len > 0 || entry->type != TREE_FOLDER)
			return err_set(e, ERR_FORMAT,
				       "the tree's own folder is missing");
		return 0;
	}
	if (tree_path_check(entry->path, t->attributes, e))
		return -1;
	if (index == 0)
		return 0;
	tree_entry(t, index - 1, &before);
	if (tree_path_compare(before.path, entry->path) >= 0)
		return err_set(e, ERR_FORMAT, "entries are out of order");
	return 0;
}

static int check_entry(const struct tree *t, uint32_t index,
		       const struct tree_entry *entry, struct err *e)
{
	if (check_type(entry, t->attributes, e) ||
	    check_place(t, index, entry, e) ||
	    check_values(entry, t->attributes, e))
		return -1;
	return 0;
}

/* What can be said only when all entries are known. */
static int check_relations(const struct tree *t, struct err *e)
{
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		if (entry.path.len == 0)
			continue;
		if (!is_folder(t, tree_parent(entry.path))) {
			err_set(e, ERR_FORMAT, "its folder is missing");
			return about(e, entry.path);
		}
		if (check_link(t, i, &entry, e))
			return about(e, entry.path);
	}
	return 0;
}

/* ---- the whole manifest -------------------------------------------------- */

static int read_header(struct rd *r, struct tree *t, struct err *e)
{
	uint8_t got[sizeof(magic)];
	uint32_t version, zero;

	rd_copy(r, got, sizeof(got));
	version = rd_u8(r);
	t->attributes = rd_u8(r);
	zero = rd_le16(r);
	t->count = rd_le32(r);
	t->content_len = rd_le64(r);
	if (r->bad || memcmp(got, magic, sizeof(magic)) != 0)
		return err_set(e, ERR_FORMAT, "not a tree manifest");
	if (version != MANIFEST_VERSION || zero != 0)
		return err_set(e, ERR_FORMAT, "manifest version is unknown");
	if (t->attributes != TREE_APP && t->attributes != TREE_SYSTEM)
		return err_set(e, ERR_FORMAT, "unknown set of attributes");
	if (t->count > TREE_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "%u entries are too many",
			       t->count);
	if (t->count == 0 && t->attributes == TREE_SYSTEM)
		return err_set(e, ERR_FORMAT,
			       "the tree's own folder is missing");
	return 0;
}

static int read_entries(struct rd *r, struct tree *t, struct err *e)
{
	uint32_t count = t->count;
	uint64_t sum = 0;

	/* While entries are read, t->count says how many can be looked at. */
	t->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct tree_entry entry;

		t->offsets[i] = (uint32_t)(t->bytes.len - r->rest.len);
		read_entry(r, t->attributes, &entry);
		if (r->bad)
			return err_set(e, ERR_FORMAT, "manifest is cut off");
		if (check_entry(t, i, &entry, e))
			return about(e, entry.path);
		t->count = i + 1;
		sum += entry.len;
		if (sum > CONTENT_MAX)
			return err_set(e, ERR_LIMIT, "content is too large");
	}
	if (sum != t->content_len)
		return err_set(e, ERR_FORMAT, "wrong sum of lengths");
	return rd_finish(r, e);
}

int tree_parse(struct slice bytes, struct tree *t, struct err *e)
{
	struct tree out = { .bytes = bytes };
	struct rd r = rd_init(bytes);

	if (bytes.len > TREE_MANIFEST_MAX)
		return err_set(e, ERR_LIMIT, "manifest is too large");
	if (read_header(&r, &out, e))
		return -1;
	/* No entry is shorter than 7 bytes: the count cannot make us waste. */
	if (out.count > bytes.len / 7)
		return err_set(e, ERR_FORMAT, "manifest is cut off");
	out.offsets = mem_alloc(out.count, sizeof(*out.offsets));
	if (read_entries(&r, &out, e) || check_relations(&out, e)) {
		tree_done(&out);
		return -1;
	}
	*t = out;
	return 0;
}

void tree_done(struct tree *t)
{
	free(t->offsets);
	*t = (struct tree){ 0 };
}

/* ---- writing ------------------------------------------------------------- */

int tree_begin(struct buf *out, enum tree_attributes attributes, struct err *e)
{
	if (buf_add(out, (struct slice){ magic, sizeof(magic) }, e) ||
	    buf_add_le(out, MANIFEST_VERSION, 1, e) ||
	    buf_add_le(out, attributes, 1, e) || buf_add_le(out, 0, 2, e) ||
	    buf_add_le(out, 0, 4, e) || buf_add_le(out, 0, 8, e))
		return -1;
	return 0;
}

int tree_xattr_add(struct buf *xattrs, const struct tree_xattr *x,
		   struct err *e)
{
	if (x->name.len > XATTR_NAME_MAX || x->value.len > TREE_XATTR_MAX)
		return err_set(e, ERR_LIMIT, "extended attribute is too long");
	if (buf_add_le(xattrs, x->name.len, 1, e) ||
	    buf_add(xattrs, x->name, e) ||
	    buf_add_le(xattrs, x->value.len, 4, e) ||
	    buf_add(xattrs, x->value, e))
		return -1;
	return 0;
}

static int add_system(struct buf *out, const struct tree_entry *entry,
		      struct err *e)
{
	if (buf_add_le(out, entry->uid, 4, e) ||
	    buf_add_le(out, entry->gid, 4, e) ||
	    buf_add_le(out, (uint64_t)entry->mtime_sec, 8, e) ||
	    buf_add_le(out, entry->mtime_nsec, 4, e) ||
	    buf_add_le(out, entry->xattr_count, 2, e) ||
	    buf_add_le(out, entry->xattrs.len, 4, e) ||
	    buf_add(out, entry->xattrs, e))
		return -1;
	return 0;
}

static int add_content(struct buf *out, const struct tree_entry *entry,
		       struct err *e)
{
	switch (entry->type) {
	case TREE_FILE:
		return buf_add_le(out, entry->len, 8, e) ||
				       buf_add(out,
					       (struct slice){
						       entry->digest.bytes,
						       SHA256_LEN },
					       e)
			       ? -1
			       : 0;
	case TREE_SYMLINK:
		return buf_add_le(out, entry->target.len, 2, e) ||
				       buf_add(out, entry->target, e)
			       ? -1
			       : 0;
	case TREE_CHAR:
	case TREE_BLOCK:
		return buf_add_le(out, entry->major, 4, e) ||
				       buf_add_le(out, entry->minor, 4, e)
			       ? -1
			       : 0;
	default:
		return 0;
	}
}

static uint64_t get_le(const struct buf *b, size_t offset, size_t len)
{
	uint64_t value = 0;

	for (size_t i = len; i > 0; i--)
		value = value << 8 | b->ptr[offset + i - 1];
	return value;
}

static void set_le(struct buf *b, size_t offset, uint64_t value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		b->ptr[offset + i] = (uint8_t)(value >> (8 * i));
}

int tree_add(struct buf *out, const struct tree_entry *entry, struct err *e)
{
	enum tree_attributes attributes = out->ptr[sizeof(magic) + 1];
	uint64_t count = get_le(out, COUNT_OFFSET, 4);
	uint64_t content_len = get_le(out, CONTENT_OFFSET, 8);

	if (entry->path.len > PATH_MAX_LEN || entry->target.len > TARGET_MAX)
		return err_set(e, ERR_LIMIT, "path or link is too long");
	if (count >= TREE_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "more than %u entries",
			       TREE_ENTRIES_MAX);
	if (buf_add_le(out, entry->type, 1, e) ||
	    buf_add_le(out, entry->path.len, 2, e) ||
	    buf_add(out, entry->path, e))
		return -1;
	set_le(out, COUNT_OFFSET, count + 1, 4);
	if (entry->type == TREE_HARDLINK)
		return buf_add_le(out, entry->link_to, 4, e);
	if (entry->type == TREE_FILE)
		set_le(out, CONTENT_OFFSET, content_len + entry->len, 8);
	if (buf_add_le(out, entry->mode, 2, e) ||
	    (attributes == TREE_SYSTEM && add_system(out, entry, e)))
		return -1;
	return add_content(out, entry, e);
}
