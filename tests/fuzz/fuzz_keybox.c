/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of envelopes that passes the check gives every device in it its own,
 * and no other device any; one that does not pass ends in an error.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/fs.h"
#include "common/keybox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void look_up(int fd, const struct sha256 *package, struct slice record)
{
	uint8_t sealed[KEYBOX_SEALED_LEN];
	struct keybox_file f;
	struct device_id id;
	struct err e;

	memcpy(id.bytes, record.ptr, DEVICE_ID_LEN);
	if (keybox_file(fd, &f, &e) ||
	    keybox_find(&f, package, &id, sealed, &e) ||
	    memcmp(sealed, record.ptr + DEVICE_ID_LEN, sizeof(sealed)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice file = { data, len };
	struct sha256 package = { { 0 } };
	int fd = memfd_create("keys", MFD_CLOEXEC);
	struct err e;

	if (len >= 48)
		memcpy(package.bytes, data + 16, SHA256_LEN);
	if (fd < 0 || fs_write_at(fd, 0, file, &e))
		abort();
	if (keybox_check(fd, &package, &e) == 0)
		for (size_t at = KEYBOX_HEADER_LEN; at < len;
		     at += KEYBOX_RECORD_LEN)
			look_up(fd, &package,
				slice_sub(file, at, KEYBOX_RECORD_LEN));
	fs_close(&fd);
	return 0;
}
