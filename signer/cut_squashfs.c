/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/cut_squashfs.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/le.h"
#include "common/mem.h"

/* The format: Documentation/filesystems/squashfs.rst of Linux, and what
 * squashfs_fs.h there says of each structure. */
#define MAGIC       0x73717368u
#define SUPER_LEN   96
#define NO_TABLE    UINT64_MAX
#define NO_FRAGMENT UINT32_MAX
#define META_LEN    8192u
#define META_STORED 0x8000u
#define DATA_STORED (1u << 24)
#define DATA_LEN    (DATA_STORED - 1)
#define BLOCK_MAX   (1u << 20)
#define META_MAX    (256u << 20) /* of all metadata, unpacked */
#define CHUNKS_MAX  (1u << 22)
/* Files may share blocks, but a small image has no millions of them. */
#define CHUNK_SHARE 16u
#define CHUNKS_MIN  (1u << 16)

enum inode_type {
	INODE_FOLDER = 1,
	INODE_FILE = 2,
	INODE_FOLDER_LONG = 8,
	INODE_FILE_LONG = 9
};

/* Bytes of the image that are a unit. */
struct chunk {
	uint64_t at, packed_len, raw_len;
	bool is_packed;
	size_t unit;
};

/* A file's pieces name chunks, until all chunks are known. */
struct extent {
	size_t chunk;
	uint64_t from, len;
	uint32_t file;
};

struct folder {
	uint64_t block; /* of the folder table */
	uint32_t offset, len;
	struct map_name name;
};

struct image {
	const struct cut *cut;
	uint8_t super[SUPER_LEN];
	uint64_t len; /* bytes used */
	uint32_t block_len;
	struct member_recipe unpacker;
	/* all metadata, unpacked; and each block's place in both */
	uint8_t *meta;
	size_t meta_len;
	struct place {
		uint64_t at;
		size_t in_meta;
	} * places;
	size_t place_count, place_cap;
	struct chunk *chunks;
	size_t chunk_count, chunk_cap;
	struct extent *extents;
	size_t extent_count, extent_cap;
	struct map_name *files;
	size_t file_count, file_cap;
	struct folder *folders; /* still to be read */
	size_t folder_count, folder_cap;
	size_t first_fragment; /* chunk */
	uint32_t fragment_count;
	bool *seen; /* by inode number */
};

static void *grow(void *array, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return array;
	*cap = *cap > 0 ? 2 * *cap : 256;
	return mem_resize(array, *cap, size);
}

static bool read_at(const struct image *m, uint64_t at, void *out, size_t len)
{
	struct err unused;
	size_t got;

	return at <= m->len && len <= m->len - at &&
	       fs_read_at(m->cut->fd, m->cut->offset + at, out, len, &got,
			  &unused) == 0 &&
	       got == len;
}

static size_t add_chunk(struct image *m, const struct chunk *c)
{
	m->chunks = grow(m->chunks, m->chunk_count, &m->chunk_cap,
			 sizeof(*m->chunks));
	m->chunks[m->chunk_count] = *c;
	return m->chunk_count++;
}

static uint32_t add_file(struct image *m, struct map_name name)
{
	m->files =
		grow(m->files, m->file_count, &m->file_cap, sizeof(*m->files));
	m->files[m->file_count] = name;
	return (uint32_t)m->file_count++;
}

static void add_extent(struct image *m, size_t chunk, uint64_t from,
		       uint64_t len)
{
	m->extents = grow(m->extents, m->extent_count, &m->extent_cap,
			  sizeof(*m->extents));
	m->extents[m->extent_count++] =
		(struct extent){ chunk, from, len,
				 (uint32_t)(m->file_count - 1) };
}

/* ---- superblock ---------------------------------------------------------- */

static uint64_t table_at(const struct image *m, size_t field)
{
	return le64_get(m->super + field);
}

#define ID_TABLE       48
#define XATTR_TABLE    56
#define INODE_TABLE    64
#define FOLDER_TABLE   72
#define FRAGMENT_TABLE 80
#define EXPORT_TABLE   88

static bool choose_unpacker(struct image *m)
{
	enum member_kind kind;

	switch (le16_get(m->super + 20)) {
	case 1:
		kind = MEMBER_DEFLATE;
		break;
	case 4:
		kind = MEMBER_XZ;
		break;
	case 5:
		kind = MEMBER_LZ4;
		break;
	case 6:
		kind = MEMBER_ZSTD;
		break;
	default:
		return false;
	}
	m->unpacker = member_unpacker(kind);
	/* Blocks are compressed each in one go, zlib's with its frame. */
	if (kind == MEMBER_DEFLATE)
		m->unpacker.params[DEFLATE_FRAMED] = 1;
	if (kind == MEMBER_LZ4) {
		m->unpacker.params[LZ4_BLOCK] = BLOCK_MAX;
		m->unpacker.params[LZ4_BARE] = 1;
	}
	if (kind == MEMBER_ZSTD) {
		m->unpacker.params[ZSTD_SIZE] = 1;
		m->unpacker.params[ZSTD_WHOLE] = 1;
	}
	return true;
}

static bool read_super(struct image *m)
{
	m->len = m->cut->len;
	if (!read_at(m, 0, m->super, SUPER_LEN) ||
	    le32_get(m->super) != MAGIC || le16_get(m->super + 28) != 4)
		return false;
	m->len = le64_get(m->super + 40);
	m->block_len = le32_get(m->super + 12);
	m->fragment_count = le32_get(m->super + 16);
	return m->len <= m->cut->len && m->block_len >= 4096 &&
	       m->block_len <= BLOCK_MAX && m->fragment_count <= CHUNKS_MAX &&
	       le32_get(m->super + 4) <= CHUNKS_MAX && choose_unpacker(m);
}

/* ---- metadata ------------------------------------------------------------ */

/* Bytes of the index that stands at this place; 0: none does. */
static uint64_t index_len(const struct image *m, uint64_t at)
{
	uint8_t count[4];

	if (at == table_at(m, FRAGMENT_TABLE))
		return (m->fragment_count + UINT64_C(511)) / 512 * 8;
	if (at == table_at(m, EXPORT_TABLE))
		return (le32_get(m->super + 4) + UINT64_C(1023)) / 1024 * 8;
	if (at == table_at(m, ID_TABLE))
		return (le16_get(m->super + 26) + UINT64_C(2047)) / 2048 * 8;
	if (at == table_at(m, XATTR_TABLE) &&
	    read_at(m, at + 8, count, sizeof(count)))
		return 16 + (le32_get(count) + UINT64_C(511)) / 512 * 8;
	return 0;
}

/* Append a block's content to m->meta; its length, 0 if it is damaged. */
static size_t unpack_meta(struct image *m, const uint8_t *packed, size_t len,
			  bool stored)
{
	struct member_raw raw = { .len = 0 };
	struct err unused;
	size_t used = 0;

	m->meta = mem_resize(m->meta, m->meta_len + META_LEN, 1);
	if (stored) {
		memcpy(m->meta + m->meta_len, packed, len);
		return len;
	}
	if (member_unpack(&m->unpacker, (struct slice){ packed, len }, META_LEN,
			  &raw, &used, &unused) ||
	    used != len)
		raw.len = 0;
	if (raw.len > 0)
		memcpy(m->meta + m->meta_len, raw.bytes, raw.len);
	free(raw.bytes);
	return raw.len;
}

/* *at goes behind the block. `heads`: the file of all blocks' lengths. */
static bool read_meta_block(struct image *m, uint64_t *at)
{
	uint8_t bytes[2 + META_LEN];
	struct chunk c = { .at = *at + 2 };
	uint32_t head;

	if (!read_at(m, *at, bytes, 2))
		return false;
	head = le16_get(bytes);
	c.packed_len = head & (META_STORED - 1);
	c.is_packed = (head & META_STORED) == 0;
	if (c.packed_len == 0 || c.packed_len > META_LEN ||
	    m->meta_len > META_MAX ||
	    !read_at(m, *at + 2, bytes + 2, (size_t)c.packed_len))
		return false;
	c.raw_len =
		unpack_meta(m, bytes + 2, (size_t)c.packed_len, !c.is_packed);
	if (c.raw_len == 0)
		return false;
	m->places = grow(m->places, m->place_count, &m->place_cap,
			 sizeof(*m->places));
	m->places[m->place_count++] = (struct place){ *at, m->meta_len };
	m->meta_len += (size_t)c.raw_len;
	add_chunk(m, &c);
	*at += 2 + c.packed_len;
	return true;
}

/* All metadata stands at the end: blocks, and indices of some of the tables. */
static bool read_meta(struct image *m)
{
	uint64_t at = table_at(m, INODE_TABLE);

	while (at < m->len) {
		const uint64_t len = index_len(m, at);

		if (len > m->len - at)
			return false;
		if (len > 0)
			at += len;
		else if (!read_meta_block(m, &at))
			return false;
	}
	return m->place_count > 0;
}

/* The metadata from a place on that is told by its block's and an offset. */
static bool find_meta(const struct image *m, uint64_t block, uint32_t offset,
		      struct rd *out)
{
	size_t low = 0, high = m->place_count;
	size_t at;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (m->places[middle].at <= block)
			low = middle;
		else
			high = middle;
	}
	if (m->places[low].at != block || offset >= META_LEN)
		return false;
	at = m->places[low].in_meta + offset;
	if (at >= m->meta_len)
		return false;
	*out = rd_init((struct slice){ m->meta + at, m->meta_len - at });
	return true;
}

/* ---- fragments ----------------------------------------------------------- */

static bool read_fragments(struct image *m)
{
	struct rd r = { .bad = false };

	m->first_fragment = m->chunk_count;
	for (uint32_t i = 0; i < m->fragment_count; i++) {
		struct chunk c = { .raw_len = 0 };
		uint8_t block[8];
		uint32_t size;

		if (i % 512 == 0 &&
		    (!read_at(m, table_at(m, FRAGMENT_TABLE) + i / 512 * 8,
			      block, sizeof(block)) ||
		     !find_meta(m, le64_get(block), 0, &r)))
			return false;
		c.at = rd_le64(&r);
		size = rd_le32(&r);
		(void)rd_le32(&r); /* unused */
		c.packed_len = size & DATA_LEN;
		c.is_packed = (size & DATA_STORED) == 0;
		if (r.bad || c.packed_len == 0)
			return false;
		add_chunk(m, &c);
	}
	return true;
}

/* ---- files --------------------------------------------------------------- */

struct inode_file {
	uint64_t at, len; /* of the first block; of the file */
	uint32_t fragment, offset;
};

static bool has_room(const struct image *m)
{
	return m->chunk_count < CHUNKS_MAX &&
	       m->chunk_count < CHUNKS_MIN + m->len / CHUNK_SHARE;
}

static bool add_blocks(struct image *m, const struct inode_file *f,
		       struct rd *sizes)
{
	uint64_t at = f->at, left = f->len;
	const bool tail = f->fragment != NO_FRAGMENT;

	while (left > 0 && (!tail || left >= m->block_len)) {
		const uint64_t raw = left < m->block_len ? left : m->block_len;
		const uint32_t size = rd_le32(sizes);
		const struct chunk c = { .at = at,
					 .packed_len = size & DATA_LEN,
					 .raw_len = raw,
					 .is_packed =
						 (size & DATA_STORED) == 0 };

		if (sizes->bad || !has_room(m))
			return false;
		left -= raw;
		/* Nothing but zeroes: it stands nowhere. */
		if (c.packed_len == 0)
			continue;
		if (!c.is_packed && c.packed_len != raw)
			return false;
		add_extent(m, add_chunk(m, &c), 0, raw);
		at += c.packed_len;
	}
	return true;
}

static bool add_tail(struct image *m, const struct inode_file *f)
{
	const uint64_t len = f->len % m->block_len;
	struct chunk *c;

	if (f->fragment == NO_FRAGMENT || len == 0)
		return true;
	if (f->fragment >= m->fragment_count || f->offset >= m->block_len ||
	    len > m->block_len - f->offset)
		return false;
	c = &m->chunks[m->first_fragment + f->fragment];
	if (c->raw_len < f->offset + len)
		c->raw_len = f->offset + len;
	add_extent(m, m->first_fragment + f->fragment, f->offset, len);
	return true;
}

static bool read_file(struct image *m, struct rd *r, bool is_long,
		      struct map_name name)
{
	struct inode_file f;

	if (is_long) {
		f.at = rd_le64(r);
		f.len = rd_le64(r);
		(void)rd_le64(r); /* sparse bytes */
		(void)rd_le32(r); /* links */
		f.fragment = rd_le32(r);
		f.offset = rd_le32(r);
		(void)rd_le32(r); /* attributes */
	} else {
		f.at = rd_le32(r);
		f.fragment = rd_le32(r);
		f.offset = rd_le32(r);
		f.len = rd_le32(r);
	}
	if (r->bad)
		return false;
	add_file(m, name);
	return add_blocks(m, &f, r) && add_tail(m, &f);
}

static void add_folder(struct image *m, const struct folder *f)
{
	m->folders = grow(m->folders, m->folder_count, &m->folder_cap,
			  sizeof(*m->folders));
	m->folders[m->folder_count++] = *f;
}

static bool read_folder_inode(struct image *m, struct rd *r, bool is_long,
			      struct map_name name)
{
	struct folder f = { .name = name };

	if (is_long) {
		(void)rd_le32(r); /* links */
		f.len = rd_le32(r);
		f.block = rd_le32(r);
		(void)rd_le32(r); /* parent */
		(void)rd_le16(r); /* entries of an index */
		f.offset = rd_le16(r);
	} else {
		f.block = rd_le32(r);
		(void)rd_le32(r); /* links */
		f.len = rd_le16(r);
		f.offset = rd_le16(r);
	}
	/* Three more than there are. */
	if (!r->bad && f.len > 3)
		add_folder(m, &f);
	return !r->bad;
}

static bool read_inode(struct image *m, uint64_t block, uint32_t offset,
		       struct map_name name)
{
	uint32_t type, number;
	struct rd r;

	if (!find_meta(m, table_at(m, INODE_TABLE) + block, offset, &r))
		return false;
	type = rd_le16(&r);
	(void)rd_le16(&r); /* mode */
	(void)rd_le32(&r); /* owners */
	(void)rd_le32(&r); /* time */
	number = rd_le32(&r);
	if (r.bad || number > le32_get(m->super + 4))
		return false;
	if (m->seen[number])
		return true;
	m->seen[number] = true;
	if (type == INODE_FOLDER || type == INODE_FOLDER_LONG)
		return read_folder_inode(m, &r, type == INODE_FOLDER_LONG,
					 name);
	if (type == INODE_FILE || type == INODE_FILE_LONG)
		return read_file(m, &r, type == INODE_FILE_LONG, name);
	return true;
}

static struct map_name name_below(const struct image *m, const struct folder *f,
				  struct slice text)
{
	const struct map_name below = map_name_below(f->name, text);

	if (m->cut->named)
		m->cut->named(m->cut->ctx, f->name, below, text);
	return below;
}

/* A run of entries whose inodes stand in one block. */
static bool read_run(struct image *m, const struct folder *f, struct rd *r)
{
	const uint32_t count = rd_le32(r);
	const uint32_t block = rd_le32(r);

	(void)rd_le32(r); /* number of the first inode */
	for (uint32_t i = 0; i <= count && !r->bad; i++) {
		const uint32_t offset = rd_le16(r);
		struct slice name;

		(void)rd_le16(r); /* number, from the first */
		(void)rd_le16(r); /* type */
		name = rd_slice(r, (size_t)rd_le16(r) + 1);
		if (!r->bad &&
		    !read_inode(m, block, offset, name_below(m, f, name)))
			return false;
	}
	return !r->bad;
}

static bool read_folder(struct image *m, const struct folder *f)
{
	struct rd r;

	if (!find_meta(m, table_at(m, FOLDER_TABLE) + f->block, f->offset, &r))
		return false;
	r = rd_init(rd_slice(&r, f->len - 3));
	while (r.rest.len > 0)
		if (!read_run(m, f, &r))
			return false;
	return true;
}

static bool read_files(struct image *m)
{
	const uint64_t root = le64_get(m->super + 32);

	m->seen =
		mem_alloc(le32_get(m->super + 4) + (size_t)1, sizeof(*m->seen));
	if (!read_inode(m, root >> 16, (uint32_t)(root & 0xffff), m->cut->name))
		return false;
	while (m->folder_count > 0) {
		const struct folder f = m->folders[--m->folder_count];

		if (!read_folder(m, &f))
			return false;
	}
	return true;
}

/* ---- tables, seen as files ----------------------------------------------- */

/* The lengths before all blocks of metadata, together; and each table. */
static void add_tables(struct image *m)
{
	const uint64_t folders = table_at(m, FOLDER_TABLE);
	const size_t count = m->first_fragment;

	add_file(m, map_name_below(m->cut->name, slice_of("/lengths")));
	for (size_t i = 0; i < count; i++) {
		const struct chunk c = { .at = m->chunks[i].at - 2,
					 .packed_len = 2,
					 .raw_len = 2 };

		add_extent(m, add_chunk(m, &c), 0, 2);
	}
	for (size_t i = 0; i < count; i++) {
		if (i == 0)
			add_file(m, map_name_below(m->cut->name,
						   slice_of("/inodes")));
		else if (m->chunks[i].at - 2 == folders)
			add_file(m, map_name_below(m->cut->name,
						   slice_of("/folders")));
		add_extent(m, i, 0, m->chunks[i].raw_len);
	}
}

/* ---- units and files ----------------------------------------------------- */

static int compare_chunks(const void *a, const void *b)
{
	const struct chunk *x = *(struct chunk *const *)a;
	const struct chunk *y = *(struct chunk *const *)b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* Whether it holds what is to be read from it: a part, stored as it is, is as
 * long as it says; and files with the same content share whole blocks. */
static bool is_sound(const struct chunk *c, const struct chunk *same)
{
	if (!c->is_packed && c->raw_len > c->packed_len)
		return false;
	return !same ||
	       (c->packed_len == same->packed_len &&
		c->raw_len == same->raw_len && c->is_packed == same->is_packed);
}

/* As they stand in the image, NULL if they overlap or are not sound. */
static struct chunk **sort_chunks(const struct image *m)
{
	struct chunk **sorted = mem_alloc(m->chunk_count + 1, sizeof(void *));
	uint64_t end = 0;

	for (size_t i = 0; i < m->chunk_count; i++)
		sorted[i] = &m->chunks[i];
	qsort(sorted, m->chunk_count, sizeof(void *), compare_chunks);
	for (size_t i = 0; i < m->chunk_count; i++) {
		const struct chunk *c = sorted[i];
		const bool again = i > 0 && c->at == sorted[i - 1]->at;

		if ((!again && c->at < end) || c->at > m->len ||
		    c->packed_len > m->len - c->at ||
		    !is_sound(c, again ? sorted[i - 1] : NULL)) {
			free(sorted);
			return NULL;
		}
		end = c->at + c->packed_len;
	}
	return sorted;
}

static int add_units(struct image *m, struct chunk **sorted, struct err *e)
{
	struct stream_map *map = m->cut->map;
	const uint64_t begin = map->len;

	for (size_t i = 0; i < m->chunk_count; i++) {
		struct chunk *c = sorted[i];
		struct map_unit *u;

		if (i > 0 && c->at == sorted[i - 1]->at) {
			c->unit = sorted[i - 1]->unit;
			continue;
		}
		if (map_add_rest(map, begin + c->at - map->len, e))
			return -1;
		c->unit = map_add_unit(map, c->packed_len);
		u = &map->units[c->unit];
		/* A fragment that no file has a part of stays as it is. */
		if (c->is_packed && c->raw_len > 0) {
			u->raw_len = c->raw_len;
			u->recipe = m->unpacker;
		}
	}
	return map_add_rest(map, begin + m->cut->len - map->len, e);
}

static void add_files(const struct image *m)
{
	uint32_t last = MAP_NO_FILE;

	for (size_t i = 0; i < m->extent_count; i++) {
		const struct extent *x = &m->extents[i];

		if (x->file != last)
			map_add_file(m->cut->map, m->files[x->file]);
		last = x->file;
		map_add_piece(m->cut->map, m->chunks[x->chunk].unit, x->from,
			      x->len);
	}
}

static int read_image(struct image *m, bool *done, struct err *e)
{
	struct chunk **sorted;
	int rc;

	if (!read_super(m) || !read_meta(m) || !read_fragments(m) ||
	    !read_files(m))
		return 0;
	add_tables(m);
	sorted = sort_chunks(m);
	if (!sorted)
		return 0;
	*done = true;
	rc = add_units(m, sorted, e);
	if (!rc)
		add_files(m);
	free(sorted);
	return rc;
}

int cut_squashfs(const struct cut *c, bool *done, struct err *e)
{
	struct image *m = mem_alloc(1, sizeof(*m));
	int rc;

	*done = false;
	m->cut = c;
	rc = read_image(m, done, e);
	free(m->meta);
	free(m->places);
	free(m->chunks);
	free(m->extents);
	free(m->files);
	free(m->folders);
	free(m->seen);
	free(m);
	return rc;
}
