/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a device says: it fits, and what was taken out once leaves nothing
 * that would be taken out again. */
#include <stdlib.h>
#include <string.h>

#include "update-server/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char once[65536], cut[16];
	size_t n;

	if (len > 4096)
		return 0;
	n = redact((struct slice){ data, len }, once, sizeof(once));
	if (n >= sizeof(once) || once[n] != 0)
		abort();
	/* A block that had a key in it is gone, to its end. */
	if (memmem(once, n, "-----BEGIN ", 11) != NULL)
		abort();
	n = redact((struct slice){ data, len }, cut, sizeof(cut));
	if (n >= sizeof(cut) || cut[n] != 0 || memcmp(once, cut, n) != 0)
		abort();
	return 0;
}
