/* SPDX-License-Identifier: Apache-2.0 */
#include "common/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *out, size_t len)
{
	uint8_t *at = out;

	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			(void)fprintf(stderr, "getrandom: %s\n",
				      strerror(errno));
			abort();
		}
		at += got;
		len -= (size_t)got;
	}
}

int random_for_mbedtls(void *unused, unsigned char *out, size_t len)
{
	(void)unused;
	random_bytes(out, len);
	return 0;
}
