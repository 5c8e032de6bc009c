/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/cut_disk.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/le.h"
#include "signer/cut_squashfs.h"

#define SECTOR_LEN 512u

/* MBR: four entries, and a mark behind them. */
#define MBR_ENTRIES    4u
#define MBR_AT         446u
#define MBR_LEN        16u
#define MBR_PROTECTIVE 0xee

/* GPT: UEFI specification, 5.3. */
#define GPT_ENTRIES_MAX 128u
#define GPT_ENTRY_MIN   128u
#define GPT_ENTRY_MAX   4096u

struct part {
	uint64_t at, len;
	uint32_t number;
};

struct disk {
	const struct cut *cut;
	struct part parts[GPT_ENTRIES_MAX];
	size_t count;
};

static bool read_at(const struct disk *d, uint64_t at, void *out, size_t len)
{
	struct err unused;
	size_t got;

	return at <= d->cut->len && len <= d->cut->len - at &&
	       fs_read_at(d->cut->fd, d->cut->offset + at, out, len, &got,
			  &unused) == 0 &&
	       got == len;
}

/* In sectors; false when it does not lie behind the first, within the image. */
static bool add_part(struct disk *d, uint64_t first, uint64_t count,
		     uint32_t number)
{
	const uint64_t sectors = d->cut->len / SECTOR_LEN;

	if (first == 0 || count == 0 || first > sectors ||
	    count > sectors - first)
		return false;
	d->parts[d->count++] =
		(struct part){ first * SECTOR_LEN, count * SECTOR_LEN, number };
	return true;
}

static bool read_gpt(struct disk *d)
{
	uint8_t head[SECTOR_LEN], entry[GPT_ENTRY_MIN];
	static const uint8_t unused[16];
	uint64_t table;
	uint32_t count, len;

	if (!read_at(d, SECTOR_LEN, head, sizeof(head)) ||
	    memcmp(head, "EFI PART", 8) != 0)
		return false;
	table = le64_get(head + 72);
	count = le32_get(head + 80);
	len = le32_get(head + 84);
	if (count > GPT_ENTRIES_MAX || len < GPT_ENTRY_MIN ||
	    len > GPT_ENTRY_MAX || table > d->cut->len / SECTOR_LEN)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t first, last;

		if (!read_at(d, table * SECTOR_LEN + (uint64_t)i * len, entry,
			     sizeof(entry)))
			return false;
		if (memcmp(entry, unused, sizeof(unused)) == 0)
			continue;
		first = le64_get(entry + 32);
		last = le64_get(entry + 40);
		if (last < first || last == UINT64_MAX ||
		    !add_part(d, first, last - first + 1, i))
			return false;
	}
	return true;
}

static bool read_table(struct disk *d)
{
	uint8_t mbr[SECTOR_LEN];

	if (!read_at(d, 0, mbr, sizeof(mbr)) || mbr[510] != 0x55 ||
	    mbr[511] != 0xaa)
		return false;
	if (mbr[MBR_AT + 4] == MBR_PROTECTIVE)
		return read_gpt(d);
	for (uint32_t i = 0; i < MBR_ENTRIES; i++) {
		const uint8_t *entry = mbr + MBR_AT + (size_t)i * MBR_LEN;

		if (entry[4] != 0 &&
		    !add_part(d, le32_get(entry + 8), le32_get(entry + 12), i))
			return false;
	}
	return true;
}

static int compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* As they stand on the disk; false when there are none, or two overlap. */
static bool sort_parts(struct disk *d)
{
	uint64_t end = 0;

	qsort(d->parts, d->count, sizeof(*d->parts), compare_parts);
	for (size_t i = 0; i < d->count; i++) {
		if (d->parts[i].at < end)
			return false;
		end = d->parts[i].at + d->parts[i].len;
	}
	return d->count > 0;
}

/* A file system in it, or just bytes. */
static int cut_part(const struct disk *d, const struct part *p, struct err *e)
{
	const uint8_t number = (uint8_t)p->number;
	const struct slice name = { &number, 1 };
	struct cut c = *d->cut;
	bool done;

	c.offset += p->at;
	c.len = p->len;
	c.name = map_name_below(c.name, name);
	if (cut_ext4(&c, &done, e))
		return -1;
	if (!done && cut_squashfs(&c, &done, e))
		return -1;
	return done ? 0 : map_add_rest(c.map, c.len, e);
}

int cut_disk(const struct cut *c, bool *done, struct err *e)
{
	struct disk d = { .cut = c };
	const uint64_t begin = c->map->len;

	*done = false;
	if (!read_table(&d) || !sort_parts(&d))
		return 0;
	*done = true;
	for (size_t i = 0; i < d.count; i++)
		if (map_add_rest(c->map, begin + d.parts[i].at - c->map->len,
				 e) ||
		    cut_part(&d, &d.parts[i], e))
			return -1;
	return map_add_rest(c->map, begin + c->len - c->map->len, e);
}

int cut_image(const struct cut *c, bool *done, struct err *e)
{
	if (cut_ext4(c, done, e))
		return -1;
	if (!*done && cut_squashfs(c, done, e))
		return -1;
	return *done ? 0 : cut_disk(c, done, e);
}
