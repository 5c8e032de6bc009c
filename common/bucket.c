/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bucket.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

#define LABEL     "pawl/bucket/v1"
#define LABEL_LEN (sizeof(LABEL) - 1)

static uint64_t big_endian(const uint8_t bytes[8])
{
	uint64_t value = 0;

	for (size_t i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

uint64_t bucket_of(const struct sha256 *digest, const struct device_id *device)
{
	uint8_t message[LABEL_LEN + SHA256_LEN + DEVICE_ID_LEN];
	struct sha256 hash;

	memcpy(message, LABEL, LABEL_LEN);
	memcpy(message + LABEL_LEN, digest->bytes, SHA256_LEN);
	memcpy(message + LABEL_LEN + SHA256_LEN, device->bytes, DEVICE_ID_LEN);
	sha256_of((struct slice){ message, sizeof(message) }, &hash);
	return big_endian(hash.bytes);
}

int bucket_parse_limit(struct slice text, uint64_t *limit, struct err *e)
{
	uint8_t bytes[8];
	uint64_t value = BUCKET_ALL;

	if (!slice_equal(text, slice_of("all"))) {
		if (hex_parse(text, bytes, sizeof(bytes), e))
			return err_in(e, "a bucket limit");
		value = big_endian(bytes);
		if (value == BUCKET_ALL)
			return err_set(e, ERR_FORMAT,
				       "a bucket limit for everybody is "
				       "written \"all\"");
	}
	*limit = value;
	return 0;
}

void bucket_format_limit(uint64_t limit, char out[BUCKET_TEXT_LEN])
{
	uint8_t bytes[8];

	if (limit == BUCKET_ALL) {
		memcpy(out, "all", 4);
		return;
	}
	for (size_t i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(limit >> (56 - 8 * i));
	hex_format((struct slice){ bytes, sizeof(bytes) }, out);
}

void bucket_format_share(uint64_t limit, char out[16])
{
	unsigned millionths =
		limit == BUCKET_ALL ? 1000000
				    : (unsigned)((limit >> 32) * 1000000 >> 32);

	(void)snprintf(out, 16, "%u.%04u %%", millionths / 10000,
		       millionths % 10000);
}

/* One or two decimals as hundredths: "5" is 50. */
static int parse_hundredths(struct slice text, uint32_t *out)
{
	uint32_t value = 0;

	if (text.len == 0 || text.len > 2)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		uint8_t digit = i < text.len ? text.ptr[i] : '0';

		if (digit < '0' || digit > '9')
			return -1;
		value = value * 10 + (digit - '0');
	}
	*out = value;
	return 0;
}

int bucket_parse_share(const char *text, uint32_t *share, struct err *e)
{
	struct slice in = slice_of(text);
	uint64_t percent = 0;
	struct err ignored;
	uint32_t part = 0;
	size_t dot = 0;

	if (in.len > 0 && in.ptr[in.len - 1] == '%')
		in.len--;
	while (dot < in.len && in.ptr[dot] != '.')
		dot++;
	if (num_parse(slice_sub(in, 0, dot), 100, &percent, &ignored) ||
	    (dot < in.len &&
	     parse_hundredths(slice_sub(in, dot + 1, in.len), &part)) ||
	    percent * 100 + part < 1 || percent * 100 + part > BUCKET_SHARE_ALL)
		return err_set(e, ERR_USAGE,
			       "a share is a percentage above 0 and up to "
			       "100, with at most two decimals");
	*share = (uint32_t)percent * 100 + part;
	return 0;
}

uint64_t bucket_limit_of(uint32_t share)
{
	if (share >= BUCKET_SHARE_ALL)
		return BUCKET_ALL;
	return BUCKET_ALL / BUCKET_SHARE_ALL * share;
}
