/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a person's operator.conf, a NUL, and what a server of this machine
 * wrote of its listeners. It is refused in words; for one that is taken there
 * would have to be a key.
 */
#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"
#include "update-server/people_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice in = { data, len };
	const uint8_t *end = len > 0 ? memchr(data, 0, len) : NULL;
	const size_t first = end ? (size_t)(end - data) : len;
	struct people_client *client = NULL;
	char path[64];
	struct err e = { 0 };

	folder_put("operator.conf", slice_sub(in, 0, first));
	folder_put("listeners", slice_sub(in, first + 1, len));
	MUST(text_format(path, sizeof(path), &e, "%s/operator.conf",
			 folder_path) == 0);
	MUST(people_open(path, &client, &e) == -1);
	MUST(e.code != ERR_NONE && e.msg[0] && !client);
	return 0;
}
