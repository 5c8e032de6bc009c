/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that cut_squashfs.h finds, for deltas, and how they are called.
 * What it sees as files besides, the unpacked tables with names, links and
 * attributes, is looked at as well; blocks of zeroes are left out.
 */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/fs.h"
#include "common/image.h"
#include "common/le.h"
#include "common/mem.h"
#include "signer/cut_squashfs.h"
#include "signer/peek_back.h"

#define PATH_SIZE  4096u
#define NAMES_MAX  (1u << 20)
#define TEXT_MAX   (64u << 20)
#define COMPONENTS 64u

/* Documentation/filesystems/squashfs.rst of Linux. */
#define MAGIC          0x73717368u
#define FORMAT_VERSION 4u
#define PACKER_AT      20u

struct name {
	uint64_t self, folder; /* as the map calls them */
	size_t at, len;        /* in the text */
};

struct image {
	struct pack_tree tree;
	uint64_t offset;
	struct stream_map map;
	struct name *names; /* sorted by self once all are there */
	size_t name_count, name_cap;
	struct buf text;
	bool too_many;
	uint32_t *order; /* files, as they lie in the image */
	size_t order_count, next;
	uint32_t file; /* the one under way, and where */
	uint64_t at;
	char path[PATH_SIZE];
};

static const struct map_name root = { 1, 1 };

static bool begins(struct slice head)
{
	const struct slice super = slice_sub(head, 0, 96);

	return super.len == 96 && le32_get(super.ptr) == MAGIC &&
	       le16_get(super.ptr + 28) == FORMAT_VERSION;
}

/* ---- names --------------------------------------------------------------- */

static void take_name(void *ctx, struct map_name folder, struct map_name below,
		      struct slice text)
{
	struct image *m = ctx;
	struct err unused;

	if (m->name_count == NAMES_MAX) {
		m->too_many = true;
		return;
	}
	if (m->name_count == m->name_cap) {
		m->name_cap = m->name_cap > 0 ? 2 * m->name_cap : 256;
		m->names = mem_resize(m->names, m->name_cap, sizeof(*m->names));
	}
	m->names[m->name_count++] = (struct name){ below.exact, folder.exact,
						   m->text.len, text.len };
	if (buf_add(&m->text, text, &unused))
		m->too_many = true;
}

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return x->self < y->self ? -1 : x->self > y->self;
}

/* From its end on: each component before the one below it. */
static void name_file(struct image *m, uint64_t self)
{
	size_t at = sizeof(m->path) - 1;

	m->path[at] = 0;
	for (unsigned i = 0; i < COMPONENTS && self != root.exact; i++) {
		const struct name key = { .self = self };
		const struct name *n =
			m->name_count > 0
				? bsearch(&key, m->names, m->name_count,
					  sizeof(key), compare_names)
				: NULL;

		if (!n || n->len + 1 > at)
			break;
		if (m->path[at] != 0)
			m->path[--at] = '/';
		at -= n->len;
		memcpy(m->path + at, m->text.ptr + n->at, n->len);
		self = n->folder;
	}
	memmove(m->path, m->path + at, sizeof(m->path) - at);
}

/* ---- the image ----------------------------------------------------------- */

static uint64_t lies_at(const struct stream_map *map, uint32_t file)
{
	const struct map_file *f = &map->files[file];

	return f->piece_count > 0 ? map->pieces[f->first_piece].unit : 0;
}

static int compare_files(const void *a, const void *b, void *ctx)
{
	const uint64_t x = lies_at(ctx, *(const uint32_t *)a);
	const uint64_t y = lies_at(ctx, *(const uint32_t *)b);

	return x < y ? -1 : x > y;
}

/*
 * By where they lie, so that a fragment is unpacked once for all that end in
 * it: else a small image could cost any time.
 */
static void sort_files(struct image *m)
{
	m->order = mem_alloc(m->map.file_count + 1, sizeof(*m->order));
	for (uint32_t i = 0; i < m->map.file_count; i++)
		if (m->map.files[i].name.exact != 0)
			m->order[m->order_count++] = i;
	if (m->order_count > 0)
		qsort_r(m->order, m->order_count, sizeof(*m->order),
			compare_files, &m->map);
	if (m->name_count > 0)
		qsort(m->names, m->name_count, sizeof(*m->names),
		      compare_names);
}

/* A tree of one file, which is the image. */
static int make_tree(struct image *m, const struct peek_place *at,
		     struct err *e)
{
	static const struct sha256 unknown;

	m->offset = at->offset;
	m->tree = (struct pack_tree){ .content = PACKAGE_IMAGE,
				      .manifest = BUF_INIT(IMAGE_MANIFEST_MAX),
				      .fd = at->fd,
				      .offsets = &m->offset };
	return image_manifest(at->len, &unknown, &m->tree.manifest, e) ||
			       tree_parse(buf_slice(&m->tree.manifest),
					  &m->tree.tree, e)
		       ? -1
		       : 0;
}

/* Of an image that was left alone. */
static int tell_why(const struct peek_place *at, struct err *e)
{
	static const char *const packers[] = { [2] = "LZMA", [3] = "LZO" };
	uint8_t bytes[2];
	uint32_t packer;
	size_t got;

	if (fs_read_at(at->fd, at->offset + PACKER_AT, bytes, sizeof(bytes),
		       &got, e))
		return -1;
	packer = got == sizeof(bytes) ? le16_get(bytes) : 0;
	if (packer < ARRAY_LEN(packers) && packers[packer])
		return err_set(e, ERR_FORMAT, "it is packed with %s",
			       packers[packer]);
	return err_set(e, ERR_FORMAT, "it is damaged");
}

static int read_image(struct image *m, const struct peek_place *at,
		      struct err *e)
{
	const struct cut c = { &m->map, at->len,   at->fd, at->offset,
			       root,    take_name, m };
	bool done;

	if (make_tree(m, at, e))
		return -1;
	stream_map_init(&m->map, &m->tree);
	if (cut_squashfs(&c, &done, e))
		return -1;
	if (!done)
		return tell_why(at, e);
	if (m->too_many)
		return err_set(e, ERR_LIMIT, "it has too many files");
	sort_files(m);
	return 0;
}

static void close_image(void *image)
{
	struct image *m = image;

	stream_map_done(&m->map);
	tree_done(&m->tree.tree);
	buf_done(&m->tree.manifest);
	buf_done(&m->text);
	free(m->names);
	free(m->order);
	free(m);
}

static int open_image(const struct peek_place *at, void **out, struct err *e)
{
	struct image *m = mem_alloc(1, sizeof(*m));

	m->text.max = TEXT_MAX;
	if (read_image(m, at, e)) {
		close_image(m);
		return -1;
	}
	*out = m;
	return 0;
}

/* ---- files --------------------------------------------------------------- */

static int next_file(void *image, struct peek_member *out, bool *end,
		     struct err *e)
{
	struct image *m = image;

	(void)e; /* all is read already */
	*end = m->next == m->order_count;
	if (*end)
		return 0;
	m->file = m->order[m->next++];
	m->at = 0;
	name_file(m, m->map.files[m->file].name.exact);
	out->name = m->path[0] != 0 ? m->path : "(tables)";
	return 0;
}

static int read_file(void *image, void *out, size_t len, size_t *got,
		     struct err *e)
{
	struct image *m = image;
	const uint64_t left = m->map.files[m->file].len - m->at;

	if (left < len)
		len = (size_t)left;
	if (len > 0 && map_read_file(&m->map, m->file, m->at, out, len, e))
		return -1;
	m->at += len;
	*got = len;
	return 0;
}

const struct peek_back peek_squashfs = {
	.name = "a squashfs image",
	.begins = begins,
	.open = open_image,
	.next = next_file,
	.read = read_file,
	.close = close_image,
};
