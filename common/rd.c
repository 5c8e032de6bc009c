/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rd.h"

#include <string.h>

struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, text ? strlen(text) : 0 };
}

struct slice slice_sub(struct slice s, size_t offset, size_t len)
{
	if (offset >= s.len)
		return (struct slice){ 0 };
	if (len > s.len - offset)
		len = s.len - offset;
	return (struct slice){ s.ptr + offset, len };
}

bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len &&
	       (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

struct rd rd_init(struct slice in)
{
	return (struct rd){ .rest = in };
}

struct slice rd_slice(struct rd *r, size_t len)
{
	struct slice out = { .ptr = r->rest.ptr, .len = len };

	if (r->bad || len > r->rest.len) {
		r->bad = true;
		return (struct slice){ 0 };
	}
	if (len > 0) {
		r->rest.ptr += len;
		r->rest.len -= len;
	}
	return out;
}

void rd_copy(struct rd *r, void *dst, size_t len)
{
	struct slice s = rd_slice(r, len);

	memset(dst, 0, len);
	if (s.len > 0)
		memcpy(dst, s.ptr, s.len);
}

/* Little-endian unsigned integer of len bytes; zero once the reader is bad. */
static uint64_t rd_le(struct rd *r, size_t len)
{
	struct slice s = rd_slice(r, len);
	uint64_t v = 0;

	for (size_t i = s.len; i > 0; i--)
		v = v << 8 | s.ptr[i - 1];
	return v;
}

uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)rd_le(r, 1);
}

uint16_t rd_le16(struct rd *r)
{
	return (uint16_t)rd_le(r, 2);
}

uint32_t rd_le32(struct rd *r)
{
	return (uint32_t)rd_le(r, 4);
}

uint64_t rd_le64(struct rd *r)
{
	return rd_le(r, 8);
}

int rd_finish(const struct rd *r, struct err *e)
{
	if (r->bad)
		return err_set(e, ERR_FORMAT, "truncated");
	if (r->rest.len > 0)
		return err_set(e, ERR_FORMAT, "%zu bytes too many",
			       r->rest.len);
	return 0;
}
