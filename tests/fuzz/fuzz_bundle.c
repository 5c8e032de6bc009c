/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a file that claims to be a bundle. Whatever is found in one lies in
 * it, under a name that leads nowhere else, and is found by that name.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/bundle.h"
#include "common/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void look_at(const struct bundle *b, const struct bundle_member *m,
		    size_t len)
{
	if (m->offset > len || m->len > len - m->offset || m->name[0] == '/' ||
	    m->name[0] == '.' || strstr(m->name, "/.") ||
	    bundle_find(b, m->name) != m)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC);
	struct bundle b;
	struct err e = { 0 };

	if (fd < 0 || fs_write_at(fd, 0, (struct slice){ data, len }, &e))
		abort();
	if (bundle_read(fd, &b, &e) == 0) {
		for (size_t i = 0; i < b.count; i++)
			look_at(&b, &b.at[i], len);
		bundle_done(&b);
	}
	fs_close(&fd);
	return 0;
}
