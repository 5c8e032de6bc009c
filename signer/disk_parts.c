/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/disk_parts.h"

#include <string.h>

#include "common/fs.h"
#include "common/le.h"

/* MBR: four entries, and a mark behind them. */
#define MBR_ENTRIES    4u
#define MBR_AT         446u
#define MBR_LEN        16u
#define MBR_PROTECTIVE 0xee

#define GPT_ENTRY_MIN 128u
#define GPT_ENTRY_MAX 4096u

#define FIRST_LOGICAL 4u

struct reader {
	int fd;
	uint64_t offset, len;
	struct disk_parts *parts;
};

static bool read_at(const struct reader *r, uint64_t at, void *out, size_t len)
{
	struct err unused;
	size_t got;

	return at <= r->len && len <= r->len - at &&
	       fs_read_at(r->fd, r->offset + at, out, len, &got, &unused) ==
		       0 &&
	       got == len;
}

/* In sectors; false when there is no room for it, or it is the disk itself. */
static bool add_part(struct reader *r, uint64_t first, uint64_t count,
		     uint32_t number)
{
	const uint64_t most = UINT64_MAX / 2 / DISK_SECTOR_LEN;
	struct disk_parts *p = r->parts;

	if (first == 0 || count == 0 || first > most || count > most ||
	    p->count == DISK_PARTS_MAX)
		return false;
	p->part[p->count++] =
		(struct disk_part){ first * DISK_SECTOR_LEN,
				    count * DISK_SECTOR_LEN, number };
	return true;
}

static bool read_gpt(struct reader *r)
{
	uint8_t head[DISK_SECTOR_LEN], entry[GPT_ENTRY_MIN];
	static const uint8_t unused[16];
	uint64_t table;
	uint32_t count, len;

	if (!read_at(r, DISK_SECTOR_LEN, head, sizeof(head)) ||
	    memcmp(head, "EFI PART", 8) != 0)
		return false;
	table = le64_get(head + 72);
	count = le32_get(head + 80);
	len = le32_get(head + 84);
	if (count > DISK_PARTS_MAX || len < GPT_ENTRY_MIN ||
	    len > GPT_ENTRY_MAX || table > r->len / DISK_SECTOR_LEN)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t first, last;

		if (!read_at(r, table * DISK_SECTOR_LEN + (uint64_t)i * len,
			     entry, sizeof(entry)))
			return false;
		if (memcmp(entry, unused, sizeof(unused)) == 0)
			continue;
		first = le64_get(entry + 32);
		last = le64_get(entry + 40);
		/* Where the last is before the first this is far too many. */
		if (!add_part(r, first, last - first + 1, i))
			return false;
	}
	return true;
}

/* ---- MBR ----------------------------------------------------------------- */

struct mbr_entry {
	uint8_t status, type;
	uint32_t first, count;
};

static struct mbr_entry entry_at(const uint8_t *sector, uint32_t i)
{
	const uint8_t *at = sector + MBR_AT + (size_t)i * MBR_LEN;

	return (struct mbr_entry){ at[0], at[4], le32_get(at + 8),
				   le32_get(at + 12) };
}

static bool is_marked(const uint8_t *sector)
{
	return sector[510] == 0x55 && sector[511] == 0xaa;
}

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

/*
 * Logical partitions hang in a chain of sectors within the extended one. It
 * must go forwards, so that it ends.
 */
static bool read_logical(struct reader *r, uint64_t base)
{
	uint32_t number = FIRST_LOGICAL;
	uint64_t at = base, last;

	do {
		uint8_t sector[DISK_SECTOR_LEN];
		struct mbr_entry part, next;

		if (!read_at(r, at * DISK_SECTOR_LEN, sector, sizeof(sector)) ||
		    !is_marked(sector))
			return false;
		part = entry_at(sector, 0);
		next = entry_at(sector, 1);
		if (part.type != 0 &&
		    !add_part(r, at + part.first, part.count, number++))
			return false;
		last = at;
		at = base + next.first;
		if (next.type == 0)
			return true;
	} while (at > last);
	return false;
}

bool disk_parts_begin(struct slice head)
{
	size_t used = 0;

	if (head.len < DISK_SECTOR_LEN || !is_marked(head.ptr))
		return false;
	for (uint32_t i = 0; i < MBR_ENTRIES; i++) {
		const struct mbr_entry entry = entry_at(head.ptr, i);

		if ((entry.status & 0x7f) != 0)
			return false;
		used += entry.type != 0 && entry.first != 0 && entry.count != 0;
	}
	return used > 0;
}

bool disk_parts_read(int fd, uint64_t offset, uint64_t len,
		     struct disk_parts *out)
{
	struct reader r = { fd, offset, len, out };
	uint8_t sector[DISK_SECTOR_LEN];

	out->count = 0;
	if (!read_at(&r, 0, sector, sizeof(sector)) || !is_marked(sector))
		return false;
	if (entry_at(sector, 0).type == MBR_PROTECTIVE)
		return read_gpt(&r);
	for (uint32_t i = 0; i < MBR_ENTRIES; i++) {
		const struct mbr_entry entry = entry_at(sector, i);

		if (entry.type == 0)
			continue;
		if (is_extended(entry.type)
			    ? !read_logical(&r, entry.first)
			    : !add_part(&r, entry.first, entry.count, i))
			return false;
	}
	return true;
}
