/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/text.h"

#define READ_LEN 65536

void sha256_of(struct slice bytes, struct sha256 *out)
{
	struct digest d;

	digest_start(&d);
	digest_add(&d, bytes);
	digest_finish(&d, out);
}

/* Read at most READ_LEN bytes; 0 only at the end of the file. */
static ssize_t read_some(int fd, uint8_t *out, uint64_t len, uint64_t offset)
{
	ssize_t got;

	do {
		got = pread(fd, out, len < READ_LEN ? len : READ_LEN,
			    (off_t)offset);
	} while (got < 0 && errno == EINTR);
	return got;
}

static int add_range(struct digest *d, int fd, uint64_t offset, uint64_t len,
		     struct err *e)
{
	uint8_t *block = mem_alloc(1, READ_LEN);
	int rc = -1;

	while (len > 0) {
		ssize_t got = read_some(fd, block, len, offset);

		if (got < 0) {
			err_sys(e, "read");
			goto out;
		}
		if (got == 0) {
			err_set(e, ERR_FORMAT, "file is too short");
			goto out;
		}
		digest_add(d, (struct slice){ block, (size_t)got });
		offset += (uint64_t)got;
		len -= (uint64_t)got;
	}
	rc = 0;
out:
	free(block);
	return rc;
}

int sha256_of_range(int fd, uint64_t offset, uint64_t len, struct sha256 *out,
		    struct err *e)
{
	struct digest d;

	if (offset > INT64_MAX || len > INT64_MAX - offset)
		return err_set(e, ERR_LIMIT, "range beyond any file");
	digest_start(&d);
	if (add_range(&d, fd, offset, len, e))
		return -1;
	digest_finish(&d, out);
	return 0;
}

bool sha256_equal(const struct sha256 *a, const struct sha256 *b)
{
	return memcmp(a->bytes, b->bytes, SHA256_LEN) == 0;
}

void sha256_format(const struct sha256 *d, char out[SHA256_HEX_LEN])
{
	hex_format((struct slice){ d->bytes, SHA256_LEN }, out);
}

int sha256_parse(struct slice hex, struct sha256 *out, struct err *e)
{
	return hex_parse(hex, out->bytes, SHA256_LEN, e);
}
