/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/floor_import.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "update-server/blobs.h"

#define FOLDER "floor/"

int floor_import_see(struct floor_import *f, int dirfd,
		     const struct tuf_target *t, struct err *e)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct floor one;
	int rc;

	if (strncmp(t->path, FOLDER, strlen(FOLDER)) != 0)
		return 0;
	rc = blobs_read(dirfd, &t->sha256, &bytes, e) ||
			     floor_parse(buf_slice(&bytes), &one, e)
		     ? -1
		     : 0;
	buf_done(&bytes);
	if (rc)
		return -1;
	/* What is listed is bounded: publish.c, PAYLOADS_MAX. */
	f->at = mem_resize(f->at, f->count + 1, sizeof(*f->at));
	f->at[f->count++] = one;
	return 0;
}

/* Of several roles the one that is looked at first is believed. */
static const struct floor *find(const struct floor_import *f,
				const char *product)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->at[i].product, product) == 0)
			return &f->at[i];
	return NULL;
}

static int check_one(void *ctx, const char *product, uint64_t floor,
		     struct err *e)
{
	const struct floor_import *f = ctx;
	const struct floor *next = find(f, product);
	const uint64_t seq = next ? next->seq : 0;

	if (seq >= floor || (!next && f->partial))
		return 0;
	return err_set(e, ERR_ROLLBACK,
		       "the floor of %s is seq %llu here, and would be %llu: "
		       "devices keep the higher one; sign from the newest copy "
		       "of the repository",
		       product, (unsigned long long)floor,
		       (unsigned long long)seq);
}

int floor_import_check(struct floor_import *f, const struct ways *now,
		       struct err *e)
{
	return ways_each_floor(now, check_one, f, e);
}

void floor_import_done(struct floor_import *f)
{
	free(f->at);
	*f = (struct floor_import){ .count = 0 };
}
