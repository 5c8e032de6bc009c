/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/peek.h"

#include <stdlib.h>

#include "common/mem.h"

struct peek {
	const struct peek_back *back;
	void *image;
};

/* A file system may leave its first sector to a loader's table: it is first. */
static const struct peek_back *const backs[] = {
	[PEEK_EXT] = &peek_ext4,
	[PEEK_SQUASHFS] = &peek_squashfs,
	[PEEK_DISK] = &peek_disk,
};

enum peek_kind peek_kind(struct slice head)
{
	for (size_t i = PEEK_EXT; i < ARRAY_LEN(backs); i++)
		if (backs[i]->begins(head))
			return (enum peek_kind)i;
	return PEEK_NONE;
}

const char *peek_name(enum peek_kind kind)
{
	return backs[kind]->name;
}

int peek_open(enum peek_kind kind, const struct peek_place *at,
	      struct peek **out, struct err *e)
{
	const struct peek_back *back = backs[kind];
	void *image;

	if (back->open(at, &image, e))
		return -1;
	*out = mem_alloc(1, sizeof(**out));
	**out = (struct peek){ back, image };
	return 0;
}

void peek_close(struct peek *p)
{
	if (!p)
		return;
	p->back->close(p->image);
	free(p);
}

int peek_next(struct peek *p, struct peek_member *m, bool *end, struct err *e)
{
	*m = (struct peek_member){ .place = NULL };
	return p->back->next(p->image, m, end, e);
}

int peek_read(struct peek *p, void *out, size_t len, size_t *got, struct err *e)
{
	return p->back->read(p->image, out, len, got, e);
}
