/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/cut_disk.h"

#include <stdlib.h>

#include "signer/cut_squashfs.h"
#include "signer/disk_parts.h"

struct disk {
	const struct cut *cut;
	struct disk_parts parts;
};

static int compare_parts(const void *a, const void *b)
{
	const struct disk_part *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* As they stand on the disk; false when there are none, two overlap, or one
 * reaches beyond its end. */
static bool sort_parts(struct disk *d)
{
	struct disk_parts *p = &d->parts;
	uint64_t end = 0;

	qsort(p->part, p->count, sizeof(*p->part), compare_parts);
	for (size_t i = 0; i < p->count; i++) {
		if (p->part[i].at < end || p->part[i].at > d->cut->len ||
		    p->part[i].len > d->cut->len - p->part[i].at)
			return false;
		end = p->part[i].at + p->part[i].len;
	}
	return p->count > 0;
}

/* A file system in it, or just bytes. */
static int cut_part(const struct disk *d, const struct disk_part *p,
		    struct err *e)
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
	if (!disk_parts_read(c->fd, c->offset, c->len, &d.parts) ||
	    !sort_parts(&d))
		return 0;
	*done = true;
	for (size_t i = 0; i < d.parts.count; i++) {
		const struct disk_part *p = &d.parts.part[i];

		if (map_add_rest(c->map, begin + p->at - c->map->len, e) ||
		    cut_part(&d, p, e))
			return -1;
	}
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
