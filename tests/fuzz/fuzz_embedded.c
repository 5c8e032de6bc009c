/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a window of a file. What is found lies within it, and each place is
 * looked at once; where a stream ends is looked for, too.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fs.h"
#include "signer/embedded_end.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_end(int fd, const struct embedded *one, size_t len)
{
	const struct peek_place place = { fd, one->at, len - one->at };
	uint64_t end, work;
	struct err e;

	if (embedded_end(one->format, &place, &end, &work, &e) ||
	    end > place.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice window = { data, len };
	size_t from = 0, before;
	struct embedded one;
	int dirfd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	struct err e;

	if (fs_open_nameless(dirfd, &fd, &e) || fs_write(fd, window, &e))
		abort();
	for (before = 0; embedded_next(window, 0, from, len, &one, &from);
	     before = from) {
		if (one.at >= len || from <= before || from > len)
			abort();
		check_end(fd, &one, len);
	}
	close(fd);
	close(dirfd);
	return 0;
}
