/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "signer/disk_parts.h"
#include "signer/peek_back.h"

struct disk {
	const struct peek_place *at;
	struct disk_parts parts;
	size_t next;
	char name[32];
	struct peek_place place; /* of the partition under way */
	uint64_t read;           /* bytes of it */
};

static int open_disk(const struct peek_place *at, void **out, struct err *e)
{
	struct disk *d = mem_alloc(1, sizeof(*d));

	d->at = at;
	if (!disk_parts_read(at->fd, at->offset, at->len, &d->parts)) {
		free(d);
		return err_set(e, ERR_FORMAT,
			       "its partition table is not understood");
	}
	*out = d;
	return 0;
}

/* What reaches beyond the image is read as far as it goes. */
static int next_part(void *image, struct peek_member *m, bool *end,
		     struct err *e)
{
	struct disk *d = image;
	const struct disk_part *p;

	*end = d->next == d->parts.count;
	if (*end)
		return 0;
	p = &d->parts.part[d->next++];
	d->place = (struct peek_place){ d->at->fd, d->at->offset, 0 };
	d->read = 0;
	if (p->at < d->at->len) {
		const uint64_t left = d->at->len - p->at;

		d->place.offset += p->at;
		d->place.len = p->len < left ? p->len : left;
	}
	m->name = d->name;
	m->place = &d->place;
	return text_format(d->name, sizeof(d->name), e, "partition %u",
			   p->number + 1);
}

static int read_part(void *image, void *out, size_t len, size_t *got,
		     struct err *e)
{
	struct disk *d = image;
	const uint64_t left = d->place.len - d->read;

	if (left < len)
		len = (size_t)left;
	if (fs_read_at(d->place.fd, d->place.offset + d->read, out, len, got,
		       e))
		return -1;
	d->read += *got;
	return 0;
}

const struct peek_back peek_disk = {
	.name = "the image of a disk",
	.begins = disk_parts_begin,
	.open = open_disk,
	.next = next_part,
	.read = read_part,
	.close = free,
};
