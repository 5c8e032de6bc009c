/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_layout.h"

#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "common/mem.h"

#define HEADER_LEN     64
#define PT_LOAD        1
#define PT_EH_FRAME    0x6474e550
#define POINTERS_MAX   ((size_t)1 << 20) /* that are looked at */
#define POINTERS_MIN   64                /* that must agree */
#define POINTERS_SHARE 2                 /* one in so many of them */
#define PAGE           UINT64_C(4095)

struct found {
	struct delta_layout layout;
	uint64_t anchor;
};

/* ---- ELF ----------------------------------------------------------------- */

struct program_header {
	uint64_t type, at, address, len, memory_len;
};

static void read_header(const uint8_t *p, bool wide, struct program_header *h)
{
	h->type = le32_get(p);
	h->at = wide ? le64_get(p + 8) : le32_get(p + 4);
	h->address = wide ? le64_get(p + 16) : le32_get(p + 8);
	h->len = wide ? le64_get(p + 32) : le32_get(p + 16);
	h->memory_len = wide ? le64_get(p + 40) : le32_get(p + 20);
}

static void add_region(struct delta_layout *l, uint64_t at, uint64_t len,
		       uint64_t address)
{
	if (l->count == DELTA_REGIONS_MAX || at > DELTA_FILE_MAX ||
	    len > DELTA_FILE_MAX - at)
		return;
	l->regions[l->count++] =
		(struct delta_region){ (uint32_t)at, (uint32_t)len, address };
}

/* The bytes of a segment, and behind the file's end the memory after them. */
static void add_loaded(const struct program_header *h, uint64_t file_len,
		       uint64_t *beyond, struct found *out)
{
	uint64_t len = h->len;

	if (h->at > file_len)
		return;
	if (len > file_len - h->at)
		len = file_len - h->at;
	add_region(&out->layout, h->at, len, h->address);
	if (h->memory_len <= len)
		return;
	add_region(&out->layout, *beyond, h->memory_len - len,
		   h->address + len);
	*beyond += h->memory_len - len;
}

static bool is_elf(struct slice file)
{
	return file.len >= HEADER_LEN && memcmp(file.ptr, "\177ELF", 4) == 0 &&
	       (file.ptr[4] == 1 || file.ptr[4] == 2) && file.ptr[5] == 1;
}

static void find_elf(struct slice file, struct found *out)
{
	const uint8_t *p = file.ptr;
	const bool wide = p[4] == 2;
	const uint64_t table = wide ? le64_get(p + 32) : le32_get(p + 28);
	const uint32_t size = le16_get(p + (wide ? 54 : 42));
	const uint32_t count = le16_get(p + (wide ? 56 : 44));
	uint64_t beyond = file.len;

	if (size < (wide ? 56u : 32u) || table > file.len ||
	    (uint64_t)size * count > file.len - table)
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct program_header h;

		read_header(p + table + (size_t)i * size, wide, &h);
		if (h.type == PT_LOAD)
			add_loaded(&h, file.len, &beyond, out);
		else if (h.type == PT_EH_FRAME)
			out->anchor = h.address;
	}
}

/* ---- flat images --------------------------------------------------------- */

static int compare_values(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Numbers that may be addresses: neither small nor all but small. */
static size_t collect(struct slice file, uint64_t *values)
{
	size_t count = 0;

	for (size_t i = 0; i + 8 <= file.len && count < POINTERS_MAX; i += 8) {
		uint64_t value = le64_get(file.ptr + i);

		if (value >= PAGE && value < 0 - PAGE)
			values[count++] = value;
	}
	return count;
}

/*
 * Where a flat image is linked: of all stretches as long as the file, the one
 * that most of its pointers point into.
 */
static uint64_t find_base(struct slice file)
{
	uint64_t *values = mem_alloc(POINTERS_MAX, sizeof(*values));
	size_t count = collect(file, values), best = POINTERS_MIN, from = 0;
	uint64_t base = 0;

	qsort(values, count, sizeof(*values), compare_values);
	for (size_t i = 0; i < count; i++) {
		while (values[i] - values[from] >= file.len)
			from++;
		if (i - from > best) {
			best = i - from;
			base = values[from] & ~PAGE;
		}
	}
	free(values);
	return best > count / POINTERS_SHARE / 8 ? base : 0;
}

/* ---- both ---------------------------------------------------------------- */

static void find(struct slice file, struct found *out)
{
	if (is_elf(file))
		find_elf(file, out);
	if (out->layout.count == 0)
		add_region(&out->layout, 0, file.len,
			   is_elf(file) ? 0 : find_base(file));
}

void delta_find_layouts(struct slice old, struct slice fresh,
			struct delta_segment *s)
{
	struct found before = { .anchor = 0 }, after = { .anchor = 0 };

	find(old, &before);
	find(fresh, &after);
	/* The missing ones are empty. */
	if (before.layout.count < after.layout.count)
		before.layout.count = after.layout.count;
	after.layout.count = before.layout.count;
	s->old = before.layout;
	s->fresh = after.layout;
	s->old_anchor = before.anchor;
	s->new_anchor = after.anchor;
}
