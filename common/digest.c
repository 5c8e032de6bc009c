/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mbed.h"
#include "common/mem.h"
#include "common/text.h"

#define READ_LEN 65536

struct digest {
	enum digest_kind kind;
	union {
		mbedtls_sha256_context sha256;
		mbedtls_sha512_context sha512;
	} state;
};

struct digest *digest_new(enum digest_kind kind)
{
	struct digest *d = mem_alloc(1, sizeof(*d));

	d->kind = kind;
	if (kind == DIGEST_SHA256)
		mbedtls_sha256_init(&d->state.sha256);
	else
		mbedtls_sha512_init(&d->state.sha512);
	digest_reset(d);
	return d;
}

void digest_reset(struct digest *d)
{
	if (d->kind == DIGEST_SHA256)
		mbed_must(mbed_sha256_starts(&d->state.sha256, 0));
	else
		mbed_must(mbed_sha512_starts(&d->state.sha512, 0));
}

void digest_add(struct digest *d, struct slice bytes)
{
	if (bytes.len == 0)
		return;
	if (d->kind == DIGEST_SHA256)
		mbed_must(mbed_sha256_update(&d->state.sha256, bytes.ptr,
					     bytes.len));
	else
		mbed_must(mbed_sha512_update(&d->state.sha512, bytes.ptr,
					     bytes.len));
}

void digest_finish(struct digest *d, uint8_t *out)
{
	if (d->kind == DIGEST_SHA256)
		mbed_must(mbed_sha256_finish(&d->state.sha256, out));
	else
		mbed_must(mbed_sha512_finish(&d->state.sha512, out));
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	if (d->kind == DIGEST_SHA256)
		mbedtls_sha256_free(&d->state.sha256);
	else
		mbedtls_sha512_free(&d->state.sha512);
	free(d);
}

void sha256_of(struct slice bytes, struct sha256 *out)
{
	mbedtls_sha256_context c;

	mbedtls_sha256_init(&c);
	mbed_must(mbed_sha256_starts(&c, 0));
	if (bytes.len > 0)
		mbed_must(mbed_sha256_update(&c, bytes.ptr, bytes.len));
	mbed_must(mbed_sha256_finish(&c, out->bytes));
	mbedtls_sha256_free(&c);
}

void sha512_of(struct slice bytes, uint8_t out[SHA512_LEN])
{
	mbedtls_sha512_context c;

	mbedtls_sha512_init(&c);
	mbed_must(mbed_sha512_starts(&c, 0));
	if (bytes.len > 0)
		mbed_must(mbed_sha512_update(&c, bytes.ptr, bytes.len));
	mbed_must(mbed_sha512_finish(&c, out));
	mbedtls_sha512_free(&c);
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

static int add_range(mbedtls_sha256_context *c, int fd, uint64_t offset,
		     uint64_t len, struct err *e)
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
		mbed_must(mbed_sha256_update(c, block, (size_t)got));
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
	mbedtls_sha256_context c;
	int rc;

	if (offset > INT64_MAX || len > INT64_MAX - offset)
		return err_set(e, ERR_LIMIT, "range beyond any file");
	mbedtls_sha256_init(&c);
	mbed_must(mbed_sha256_starts(&c, 0));
	rc = add_range(&c, fd, offset, len, e);
	if (rc == 0)
		mbed_must(mbed_sha256_finish(&c, out->bytes));
	mbedtls_sha256_free(&c);
	return rc;
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
