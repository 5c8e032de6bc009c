/* SPDX-License-Identifier: Apache-2.0 */
#include "common/scratch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "common/fs.h"

int scratch_open(int dirfd, const char *name, uint64_t len, struct scratch *out,
		 struct err *e)
{
	int fd = -1;
	int rc;

	if (len > INT64_MAX)
		return err_set(e, ERR_SPACE, "no disk has so much space");
	if (name ? fs_open(dirfd, name, O_RDWR, &fd, e)
		 : fs_open_nameless(dirfd, &fd, e))
		return err_in(e, "scratch space");
	do
		rc = len > 0 ? posix_fallocate(fd, 0, (off_t)len) : 0;
	while (rc == EINTR);
	if (rc) {
		fs_close(&fd);
		errno = rc;
		return err_sys(e, "scratch space");
	}
	*out = (struct scratch){ fd, len };
	return 0;
}

void scratch_close(struct scratch *s)
{
	fs_close(&s->fd);
}

int scratch_map(const struct scratch *s, uint64_t at, size_t len, uint8_t **out,
		struct err *e)
{
	void *mapped;

	assert(at % SCRATCH_ALIGN == 0 && at <= s->len && len <= s->len - at);
	mapped = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd,
		      (off_t)at);
	if (mapped == MAP_FAILED)
		return err_sys(e, "mapping scratch space");
	*out = mapped;
	return 0;
}

void scratch_forget(uint8_t *mapped, size_t len)
{
	if (mapped)
		(void)madvise(mapped, len, MADV_DONTNEED);
}

void scratch_unmap(uint8_t *mapped, size_t len)
{
	if (mapped)
		(void)munmap(mapped, len);
}
