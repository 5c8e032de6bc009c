/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: what may be an image of any kind that is looked into. Members have
 * names and places within it; looking ends, or fails with a word of why.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "signer/peek.h"

#define READ_LEN  ((size_t)1 << 16)
#define READS_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_place(const struct peek_place *all,
			const struct peek_place *part)
{
	if (part && (part->fd != all->fd || part->offset < all->offset ||
		     part->offset - all->offset > all->len ||
		     part->len > all->len - (part->offset - all->offset)))
		abort();
}

/* Of what expands without end, the start. */
static int read_member(struct peek *p, unsigned *reads, struct err *e)
{
	uint8_t *bytes = mem_alloc(READ_LEN, 1);
	size_t got = READ_LEN;
	int rc = 0;

	while (rc == 0 && got == READ_LEN && (*reads)++ < READS_MAX)
		rc = peek_read(p, bytes, READ_LEN, &got, e);
	if (got > READ_LEN)
		abort();
	free(bytes);
	return rc;
}

static void look(enum peek_kind kind, const struct peek_place *at)
{
	struct err e = { 0 };
	struct peek *p = NULL;
	unsigned reads = 0;
	bool end = false;
	int rc = peek_open(kind, at, &p, &e);

	while (rc == 0 && reads < READS_MAX) {
		struct peek_member m;

		rc = peek_next(p, &m, &end, &e);
		if (rc || end)
			break;
		if (!m.name)
			abort();
		check_place(at, m.place);
		rc = read_member(p, &reads, &e);
	}
	if (rc && !e.msg[0])
		abort();
	peek_close(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const enum peek_kind kind = peek_kind((struct slice){ data, len });
	const struct peek_place at = { memfd_create("image", MFD_CLOEXEC), 0,
				       len };

	if (at.fd < 0)
		abort();
	if (kind != PEEK_NONE && write(at.fd, data, len) == (ssize_t)len)
		look(kind, &at);
	close(at.fd);
	return 0;
}
