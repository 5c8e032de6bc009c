/* SPDX-License-Identifier: Apache-2.0 */
#include "common/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/mem.h"

/* What kernels before 5.16 let everybody lock. */
#define ENOUGH_LEN (16 * 4096)

void secret_guard(void)
{
	const struct rlimit none = { 0, 0 };

	/* Lowering a limit needs no right, and neither does this flag. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
}

void *secret_new(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		(void)fprintf(stderr, "memory for a secret: %s\n",
			      strerror(errno));
		abort();
	}
	(void)madvise(p, len, MADV_DONTDUMP);
	(void)madvise(p, len, MADV_WIPEONFORK);
	/* The limit may be too low: see secret_can_lock(). */
	(void)mlock(p, len);
	return p;
}

void secret_free(void *ptr, size_t len)
{
	if (!ptr)
		return;
	mem_wipe(ptr, len);
	(void)munmap(ptr, len);
}

bool secret_can_lock(void)
{
	void *p = mmap(NULL, ENOUGH_LEN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool can = p != MAP_FAILED && mlock(p, ENOUGH_LEN) == 0;

	if (p != MAP_FAILED)
		(void)munmap(p, ENOUGH_LEN);
	return can;
}
