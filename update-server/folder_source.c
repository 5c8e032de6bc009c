/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/folder_source.h"

#include <string.h>

#include "common/fs.h"

static int fetch(void *ctx, const char *name, size_t max, struct buf *out,
		 struct err *e)
{
	struct buf file = BUF_INIT(max);
	const int *dirfd = ctx;
	int rc = -1;

	if (strchr(name, '/')) {
		(void)err_set(e, ERR_NOT_FOUND, "%s: not in this folder", name);
		goto out;
	}
	if (fs_read_file(*dirfd, name, &file, e) ||
	    buf_add(out, buf_slice(&file), e))
		goto out;
	rc = 0;
out:
	buf_done(&file);
	return rc;
}

struct tuf_source folder_source(const int *dirfd)
{
	/* The type of ctx is not const; fetch() only reads it. */
	union {
		const int *in;
		void *out;
	} ctx = { .in = dirfd };

	return (struct tuf_source){ .ctx = ctx.out, .fetch = fetch };
}

int folder_first_trust(int trust_dirfd, const struct tuf_source *from,
		       bool *first, struct err *e)
{
	const size_t max = tuf_policy_device.root_max;
	struct buf root = BUF_INIT(max);
	struct stat st;
	int rc;

	rc = fs_stat(trust_dirfd, "root.json", &st, e);
	*first = false;
	if (rc == 0 || e->code != ERR_NOT_FOUND)
		return rc;
	rc = from->fetch(from->ctx, "1.root.json", max, &root, e);
	if (rc == 0)
		rc = tuf_client_init(trust_dirfd, &tuf_policy_device,
				     buf_slice(&root), e);
	*first = rc == 0;
	buf_done(&root);
	return rc ? err_in(e, "1.root.json") : 0;
}
