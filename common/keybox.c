/* SPDX-License-Identifier: Apache-2.0 */
#include "common/keybox.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"

#define LABEL        "pawl/envelope/v1"
#define FILE_VERSION 1
#define INFO_MAX     4096

static const uint8_t magic[8] = { 'P', 'A', 'W', 'L', 'K', 'E', 'Y', 'S' };

/* ---- sealing ------------------------------------------------------------- */

/* Texts end in a NUL, which none of them can hold: no two purposes collide. */
static int add_text(struct buf *out, const char *text, struct err *e)
{
	return buf_add(
		out, (struct slice){ (const uint8_t *)text, strlen(text) + 1 },
		e);
}

static int add_info(const struct keybox_purpose *p, struct buf *out,
		    struct err *e)
{
	if (add_text(out, LABEL, e) || add_text(out, p->product, e) ||
	    add_text(out, p->release, e) || add_text(out, p->path, e))
		return -1;
	return buf_add(out, (struct slice){ p->device.bytes, DEVICE_ID_LEN },
		       e);
}

int keybox_seal(const struct ec_public *to, const struct keybox_purpose *p,
		const uint8_t content_key[STREAM_KEY_LEN], struct buf *out,
		struct err *e)
{
	struct buf info = BUF_INIT(INFO_MAX);
	struct hpke_bound bound = { .info = { 0 } };
	int rc = -1;

	if (add_info(p, &info, e) == 0) {
		bound.info = buf_slice(&info);
		rc = hpke_seal(to, &bound,
			       (struct slice){ content_key, STREAM_KEY_LEN },
			       out, e);
	}
	buf_done(&info);
	return rc;
}

int keybox_open(const struct ec_private *key, const struct keybox_purpose *p,
		const uint8_t sealed[KEYBOX_SEALED_LEN],
		uint8_t content_key[STREAM_KEY_LEN], struct err *e)
{
	struct buf info = BUF_INIT(INFO_MAX);
	struct buf plain = BUF_SECRET(STREAM_KEY_LEN);
	struct hpke_bound bound = { .info = { 0 } };
	int rc = -1;

	if (add_info(p, &info, e))
		goto out;
	bound.info = buf_slice(&info);
	if (hpke_open(key, &bound, (struct slice){ sealed, KEYBOX_SEALED_LEN },
		      &plain, e)) {
		err_in(e, "the content key is not for this device");
		goto out;
	}
	memcpy(content_key, plain.ptr, STREAM_KEY_LEN);
	rc = 0;
out:
	buf_wipe(&plain);
	buf_done(&info);
	return rc;
}

/* ---- files --------------------------------------------------------------- */

int keybox_add_header(const struct sha256 *package, uint32_t count,
		      struct buf *out, struct err *e)
{
	static const uint8_t zeroes[16];

	if (count > KEYBOX_DEVICES_MAX)
		return err_set(e, ERR_LIMIT, "too many devices");
	if (buf_add(out, (struct slice){ magic, sizeof(magic) }, e) ||
	    buf_add_le(out, FILE_VERSION, 4, e) ||
	    buf_add_le(out, count, 4, e) ||
	    buf_add(out, (struct slice){ package->bytes, SHA256_LEN }, e))
		return -1;
	return buf_add(out, (struct slice){ zeroes, sizeof(zeroes) }, e);
}

static int read_exactly(const struct keybox_file *f, uint64_t offset,
			uint8_t *out, size_t len, struct err *e)
{
	size_t got;

	if (fs_read_at(f->fd, f->offset + offset, out, len, &got, e))
		return -1;
	return got == len ? 0 : err_set(e, ERR_FORMAT, "envelopes: cut off");
}

static int parse_header(const uint8_t in[KEYBOX_HEADER_LEN],
			struct sha256 *package, uint32_t *count, struct err *e)
{
	static const uint8_t zeroes[16];
	uint8_t got[sizeof(magic)], rest[sizeof(zeroes)];
	struct rd r = rd_init((struct slice){ in, KEYBOX_HEADER_LEN });
	uint32_t version;

	rd_copy(&r, got, sizeof(got));
	version = rd_le32(&r);
	*count = rd_le32(&r);
	rd_copy(&r, package->bytes, SHA256_LEN);
	rd_copy(&r, rest, sizeof(rest));
	/* These are all its bytes, and they were read before. */
	assert(r.rest.len == 0 && !r.bad);
	if (memcmp(got, magic, sizeof(magic)) != 0 ||
	    memcmp(rest, zeroes, sizeof(zeroes)) != 0)
		return err_set(e, ERR_FORMAT, "not a file of envelopes");
	if (version != FILE_VERSION)
		return err_set(e, ERR_FORMAT,
			       "envelopes of a newer version (%u)", version);
	if (*count > KEYBOX_DEVICES_MAX)
		return err_set(e, ERR_LIMIT, "too many envelopes");
	return 0;
}

/* The header, against the file's length and the package it must be of. */
static int open_header(const struct keybox_file *f, const struct sha256 *wanted,
		       uint32_t *count, struct err *e)
{
	uint8_t header[KEYBOX_HEADER_LEN];
	struct sha256 package;

	if (read_exactly(f, 0, header, sizeof(header), e) ||
	    parse_header(header, &package, count, e))
		return -1;
	if (f->len != KEYBOX_HEADER_LEN + (uint64_t)KEYBOX_RECORD_LEN * *count)
		return err_set(e, ERR_FORMAT,
			       "envelopes: length and count differ");
	if (!sha256_equal(&package, wanted))
		return err_set(e, ERR_CONFLICT,
			       "envelopes are for another package");
	return 0;
}

static int read_record(const struct keybox_file *f, uint32_t index,
		       uint8_t out[KEYBOX_RECORD_LEN], struct err *e)
{
	return read_exactly(
		f, KEYBOX_HEADER_LEN + (uint64_t)KEYBOX_RECORD_LEN * index, out,
		KEYBOX_RECORD_LEN, e);
}

int keybox_file(int fd, struct keybox_file *out, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(e, "envelopes");
	*out = (struct keybox_file){ .fd = fd, .len = (uint64_t)st.st_size };
	return 0;
}

int keybox_check(int fd, const struct sha256 *package, struct err *e)
{
	uint8_t record[KEYBOX_RECORD_LEN], before[DEVICE_ID_LEN] = { 0 };
	struct keybox_file f;
	uint32_t count;

	if (keybox_file(fd, &f, e) || open_header(&f, package, &count, e))
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (read_record(&f, i, record, e))
			return -1;
		if (i > 0 && memcmp(before, record, DEVICE_ID_LEN) >= 0)
			return err_set(e, ERR_FORMAT,
				       "envelopes are not in order");
		memcpy(before, record, DEVICE_ID_LEN);
	}
	return 0;
}

int keybox_find(const struct keybox_file *f, const struct sha256 *package,
		const struct device_id *device,
		uint8_t sealed[KEYBOX_SEALED_LEN], struct err *e)
{
	uint8_t record[KEYBOX_RECORD_LEN];
	uint32_t low = 0, high;

	if (open_header(f, package, &high, e))
		return -1;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order;

		if (read_record(f, middle, record, e))
			return -1;
		order = memcmp(device->bytes, record, DEVICE_ID_LEN);
		if (order == 0) {
			memcpy(sealed, record + DEVICE_ID_LEN,
			       KEYBOX_SEALED_LEN);
			return 0;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return err_set(e, ERR_NOT_FOUND,
		       "no key of this package was sealed to this device: "
		       "wrap it for a newer registry export");
}
