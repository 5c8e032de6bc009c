/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/door.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool contains(struct slice in, const char *what)
{
	size_t len = strlen(what);

	for (size_t i = 0; i + len <= in.len; i++)
		if (memcmp(in.ptr + i, what, len) == 0)
			return true;
	return false;
}

/* Whatever a head says: what goes through shows the key if it asks of the
 * server, and names the door by its own address. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct door door = { .port = 8443 };
	struct slice in = { data, size };
	struct http_scan scan = { 0 };
	struct http_request q;
	size_t head_len = 0;
	unsigned status;
	struct err e;

	memset(door.key, 'a', sizeof(door.key) - 1);
	if (http_scan(&scan, in, &head_len, &status, &e) || head_len == 0 ||
	    http_parse(slice_sub(in, 0, head_len), &q, &status, &e) ||
	    door_judge(&door, &q, &status, &e))
		return 0;
	if (!contains(q.host, "127.0.0.1:8443") &&
	    !contains(q.host, "localhost:8443"))
		abort();
	if (contains(slice_sub(q.path, 0, 4), "/v1/") &&
	    !contains(q.authorization, door.key))
		abort();
	if (q.method == METHOD_PUT || q.body_len > DOOR_BODY_MAX)
		abort();
	return 0;
}
