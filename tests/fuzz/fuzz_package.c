/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A package header that is accepted keeps to the limits and formats back to
 * the same bytes; and a reader over any package, its head taken for signed,
 * ends with an error or with exactly the payload that the header announced; an
 * encrypted one, for which there is no key here, always with an error.
 */
#include <string.h>

#include "common/package.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int read_at(void *ctx, uint64_t offset, void *out, size_t len,
		   struct err *e)
{
	const struct slice *file = ctx;

	if (offset > file->len || len > file->len - offset)
		return err_set(e, ERR_FORMAT, "truncated");
	memcpy(out, file->ptr + offset, len);
	return 0;
}

static void check_header(struct slice in, const struct package_header *h)
{
	uint8_t again[PACKAGE_HEADER_LEN];

	MUST(h->window_len <= PACKAGE_WINDOW_MAX);
	package_format_header(h, again);
	MUST(memcmp(again, in.ptr, sizeof(again)) == 0);
}

static void read_all(struct package_reader *r, uint64_t payload_len)
{
	uint8_t out[10000];
	uint64_t total = 0;
	size_t got;
	struct err e;

	do {
		if (package_read(r, out, sizeof(out), &got, &e))
			return;
		MUST(got <= sizeof(out));
		total += got;
	} while (got > 0);
	MUST(package_header(r)->cipher == PACKAGE_PLAIN);
	MUST(total == payload_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice file = { data, len };
	struct slice first = slice_sub(file, 0, PACKAGE_HEADER_LEN);
	const struct package_source from = { &file, read_at };
	struct package_reader *r = NULL;
	struct package_header h;
	struct sha256 digest;
	uint64_t head_len;
	struct err e;

	if (package_parse_header(first, &h, &e))
		return 0;
	check_header(first, &h);
	if (package_find_head(len, &head_len, &e))
		return 0;
	MUST(head_len <= len);
	sha256_of(slice_sub(file, 0, (size_t)head_len), &digest);
	if (package_open(&from, len, head_len, &digest, &r, &e))
		return 0;
	read_all(r,
		 head_len == len ? len - PACKAGE_HEADER_LEN : len - head_len);
	package_close(r);
	return 0;
}
