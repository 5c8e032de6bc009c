/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/stream_map.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define NOTHING  SIZE_MAX
#define READ_LEN ((size_t)1 << 20)

#define REST_STEP ((size_t)16 << 10)
#define REST_MAX  ((uint64_t)64 << 20)

/* FNV-1a. */
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

/* ---- building ------------------------------------------------------------ */

void stream_map_init(struct stream_map *m, const struct pack_tree *tree)
{
	uint64_t at = pack_tree_head(tree).len;

	*m = (struct stream_map){ .tree = tree, .cached = NOTHING };
	m->starts = mem_alloc(tree->tree.count + (size_t)1, sizeof(*m->starts));
	for (uint32_t i = 0; i < tree->tree.count; i++) {
		struct tree_entry entry;

		tree_entry(&tree->tree, i, &entry);
		m->starts[i] = at;
		at += entry.len;
	}
	m->starts[tree->tree.count] = at;
}

void stream_map_done(struct stream_map *m)
{
	free(m->starts);
	free(m->units);
	free(m->pieces);
	free(m->by_unit);
	free(m->files);
	free(m->cache);
	*m = (struct stream_map){ .cached = NOTHING };
}

static uint64_t hash(uint64_t h, uint8_t byte)
{
	return (h ^ byte) * HASH_PRIME;
}

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

struct map_name map_name_below(struct map_name folder, struct slice name)
{
	struct map_name n = folder;

	if (n.exact == 0)
		n = (struct map_name){ HASH_BASIS, HASH_BASIS };
	n.exact = hash(n.exact, '/');
	n.alike = hash(n.alike, '/');
	for (size_t i = 0; i < name.len; i++) {
		n.exact = hash(n.exact, name.ptr[i]);
		/* All numbers look the same. */
		if (!is_digit(name.ptr[i]))
			n.alike = hash(n.alike, name.ptr[i]);
		else if (i == 0 || !is_digit(name.ptr[i - 1]))
			n.alike = hash(n.alike, '0');
	}
	return n;
}

static void *grow(void *array, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return array;
	*cap = *cap > 0 ? 2 * *cap : 64;
	return mem_resize(array, *cap, size);
}

size_t map_add_unit(struct stream_map *m, uint64_t packed_len)
{
	m->units =
		grow(m->units, m->unit_count, &m->unit_cap, sizeof(*m->units));
	m->units[m->unit_count] = (struct map_unit){ .at = m->len,
						     .packed_len = packed_len,
						     .raw_len = packed_len };
	m->len += packed_len;
	return m->unit_count++;
}

uint32_t map_add_file(struct stream_map *m, struct map_name name)
{
	m->files =
		grow(m->files, m->file_count, &m->file_cap, sizeof(*m->files));
	m->files[m->file_count] =
		(struct map_file){ .name = name,
				   .first_piece = m->piece_count };
	return (uint32_t)m->file_count++;
}

void map_add_piece(struct stream_map *m, size_t unit, uint64_t from,
		   uint64_t len)
{
	struct map_file *f = &m->files[m->file_count - 1];

	m->pieces = grow(m->pieces, m->piece_count, &m->piece_cap,
			 sizeof(*m->pieces));
	m->pieces[m->piece_count++] =
		(struct map_piece){ unit, from, len,
				    (uint32_t)(m->file_count - 1), f->len };
	f->piece_count++;
	f->len += len;
}

void map_add_whole(struct stream_map *m, struct map_name name, uint64_t len)
{
	size_t unit = map_add_unit(m, len);

	(void)map_add_file(m, name); /* it is the last one */
	map_add_piece(m, unit, 0, len);
}

static void add_rest(struct stream_map *m, uint64_t len, bool zero)
{
	map_add_whole(m, (struct map_name){ 0, 0 }, len);
	m->units[m->unit_count - 1].is_zero = zero;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return len > 0 && bytes[0] == 0 &&
	       memcmp(bytes, bytes + 1, len - 1) == 0;
}

/* Steps that are alike become one unit. */
int map_add_rest(struct stream_map *m, uint64_t len, struct err *e)
{
	uint8_t *bytes = mem_alloc(REST_STEP, 1);
	uint64_t begin = m->len, at = begin;
	const uint64_t end = begin + len;
	bool zero = false;
	int rc = 0;

	while (at < end && rc == 0) {
		const size_t some =
			end - at < REST_STEP ? (size_t)(end - at) : REST_STEP;
		bool now;

		rc = map_read_stream(m, at, bytes, some, e);
		now = is_zero(bytes, some);
		if (at > begin && (now != zero || at - begin >= REST_MAX)) {
			add_rest(m, at - begin, zero);
			begin = at;
		}
		zero = now;
		at += some;
	}
	if (at > begin)
		add_rest(m, at - begin, zero);
	free(bytes);
	return rc;
}

static int compare_pieces(const void *a, const void *b, void *ctx)
{
	const struct stream_map *m = ctx;
	const size_t i = *(const size_t *)a, j = *(const size_t *)b;
	const struct map_piece *x = &m->pieces[i], *y = &m->pieces[j];

	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return i < j ? -1 : i > j;
}

void map_finish(struct stream_map *m)
{
	size_t kept = 0;

	m->by_unit = mem_alloc(m->piece_count + 1, sizeof(*m->by_unit));
	for (size_t i = 0; i < m->piece_count; i++)
		m->by_unit[i] = i;
	if (m->piece_count > 0)
		qsort_r(m->by_unit, m->piece_count, sizeof(*m->by_unit),
			compare_pieces, m);
	for (size_t i = 0; i < m->piece_count; i++) {
		const struct map_piece *p = &m->pieces[m->by_unit[i]];
		struct map_unit *u = &m->units[p->unit];
		const struct map_piece *last =
			u->piece_count > 0 ? &m->pieces[m->by_unit[kept - 1]]
					   : NULL;

		if (last && p->from < last->from + last->len)
			continue;
		if (u->piece_count++ == 0)
			u->first_piece = kept;
		m->by_unit[kept++] = m->by_unit[i];
	}
}

void map_filter(struct stream_map *m, const bool *units)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->file_count; i++) {
		struct map_file *f = &m->files[i];
		const size_t first = f->first_piece, count = f->piece_count;

		*f = (struct map_file){ .name = f->name, .first_piece = kept };
		for (size_t j = first; j < first + count; j++) {
			struct map_piece p = m->pieces[j];

			if (!units[p.unit])
				continue;
			p.at = f->len;
			f->len += p.len;
			f->piece_count++;
			m->pieces[kept++] = p;
		}
	}
	m->piece_count = kept;
	for (size_t i = 0; i < m->unit_count; i++)
		m->units[i].piece_count = 0;
	free(m->by_unit);
	map_finish(m);
}

/* ---- reading ------------------------------------------------------------- */

static uint32_t entry_at(const struct stream_map *m, uint64_t at)
{
	uint32_t low = 0, high = m->tree->tree.count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (m->starts[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int map_read_stream(const struct stream_map *m, uint64_t at, void *out,
		    size_t len, struct err *e)
{
	const struct slice head = pack_tree_head(m->tree);
	uint8_t *to = out;

	while (len > 0) {
		struct slice part = at < head.len
					    ? slice_sub(head, (size_t)at, len)
					    : (struct slice){ NULL, 0 };
		size_t some = part.len;

		if (some > 0) {
			memcpy(to, part.ptr, some);
		} else {
			const uint32_t i = entry_at(m, at);
			const uint64_t left = m->starts[i + 1] - at;

			some = left < len ? (size_t)left : len;
			if (pack_tree_read(m->tree, i, at - m->starts[i], to,
					   some, e))
				return -1;
		}
		to += some;
		at += some;
		len -= some;
	}
	return 0;
}

/* Unpack a unit, unless it was the last one. */
static int open_unit(struct stream_map *m, size_t index, struct err *e)
{
	const struct map_unit *u = &m->units[index];
	const struct member member = { u->at, u->packed_len, u->raw_len,
				       u->recipe };
	uint8_t *packed;
	int rc;

	if (m->cached == index)
		return 0;
	m->cached = NOTHING;
	free(m->cache);
	m->cache = mem_alloc((size_t)u->raw_len, 1);
	packed = mem_alloc((size_t)u->packed_len, 1);
	rc = map_read_stream(m, u->at, packed, (size_t)u->packed_len, e);
	if (!rc)
		rc = member_content(
			&member,
			(struct slice){ packed, (size_t)u->packed_len },
			m->cache, e);
	free(packed);
	if (!rc)
		m->cached = index;
	return rc;
}

int map_read_unit(struct stream_map *m, size_t unit, uint64_t from, void *out,
		  size_t len, struct err *e)
{
	const struct map_unit *u = &m->units[unit];

	if (u->recipe.kind == 0)
		return map_read_stream(m, u->at + from, out, len, e);
	if (open_unit(m, unit, e))
		return -1;
	memcpy(out, m->cache + from, len);
	return 0;
}

static size_t piece_at(const struct stream_map *m, const struct map_file *f,
		       uint64_t at)
{
	size_t low = f->first_piece, high = low + f->piece_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (m->pieces[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int map_read_file(struct stream_map *m, uint32_t file, uint64_t from, void *out,
		  size_t len, struct err *e)
{
	size_t i = piece_at(m, &m->files[file], from);
	uint8_t *to = out;

	while (len > 0) {
		const struct map_piece *p = &m->pieces[i++];
		const uint64_t left = p->len - (from - p->at);
		const size_t some = left < len ? (size_t)left : len;

		if (map_read_unit(m, p->unit, p->from + (from - p->at), to,
				  some, e))
			return -1;
		to += some;
		from += some;
		len -= some;
	}
	return 0;
}

/* ---- digests ------------------------------------------------------------- */

/* Of a unit's packed bytes, or (at NOTHING) of a file's content. */
static int digest(struct stream_map *m, size_t unit, uint32_t file,
		  struct sha256 *out, struct err *e)
{
	const uint64_t len = unit != NOTHING ? m->units[unit].packed_len
					     : m->files[file].len;
	uint8_t *bytes = mem_alloc(READ_LEN, 1);
	struct digest d;
	uint64_t at = 0;
	int rc = 0;

	digest_start(&d);
	while (at < len && rc == 0) {
		const size_t some =
			len - at < READ_LEN ? (size_t)(len - at) : READ_LEN;

		rc = unit != NOTHING
			     ? map_read_stream(m, m->units[unit].at + at, bytes,
					       some, e)
			     : map_read_file(m, file, at, bytes, some, e);
		if (!rc)
			digest_add(&d, (struct slice){ bytes, some });
		at += some;
	}
	digest_finish(&d, out);
	free(bytes);
	return rc;
}

int map_digest_units(struct stream_map *m, struct err *e)
{
	for (size_t i = 0; i < m->unit_count; i++) {
		struct map_unit *u = &m->units[i];

		if (!u->has_digest && digest(m, i, MAP_NO_FILE, &u->digest, e))
			return -1;
		u->has_digest = true;
	}
	return 0;
}

int map_digest_file(struct stream_map *m, uint32_t file, struct err *e)
{
	struct map_file *f = &m->files[file];
	const struct map_piece *p = &m->pieces[f->first_piece];
	const struct map_unit *u = &m->units[p->unit];

	if (f->has_digest)
		return 0;
	f->has_digest = true;
	if (f->piece_count == 1 && u->recipe.kind == 0 && u->has_digest &&
	    p->len == u->packed_len) {
		f->digest = u->digest;
		return 0;
	}
	return digest(m, NOTHING, file, &f->digest, e);
}
