/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pem.h"

#include <mbedtls/base64.h>
#include <string.h>

#include "common/mbed.h"

#define LINE_LEN 64
#define BEGIN    "-----BEGIN "
#define END      "-----END "
#define DASHES   "-----"

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trim(struct slice s)
{
	while (s.len > 0 && is_space(s.ptr[0]))
		s = slice_sub(s, 1, s.len);
	while (s.len > 0 && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

/* Take text off the front; false if it is not there. */
static bool take(struct slice *s, const char *text)
{
	struct slice wanted = slice_of(text);

	if (!slice_equal(slice_sub(*s, 0, wanted.len), wanted))
		return false;
	*s = slice_sub(*s, wanted.len, s->len);
	return true;
}

static bool take_line(struct slice *s, const char *begin, const char *label)
{
	return take(s, begin) && take(s, label) && take(s, DASHES);
}

bool pem_is(struct slice text)
{
	text = trim(slice_sub(text, 0, PEM_MAX_LEN));
	return take(&text, BEGIN);
}

/* The base64 text up to the END line, without its line ends. */
static int collect(struct slice *s, struct buf *base64, struct err *e)
{
	while (s->len > 0 && s->ptr[0] != '-') {
		const uint8_t *end = memchr(s->ptr, '\n', s->len);
		size_t len;

		if (!end)
			return err_set(e, ERR_FORMAT, "PEM has no end");
		len = (size_t)(end - s->ptr);
		if (buf_add(base64, slice_sub(*s, 0, len), e))
			return -1;
		*s = slice_sub(*s, len + 1, s->len);
	}
	return 0;
}

static size_t decoded_len(struct slice base64)
{
	size_t padding = 0;

	while (padding < 2 && padding < base64.len &&
	       base64.ptr[base64.len - 1 - padding] == '=')
		padding++;
	return base64.len < 4 ? 0 : base64.len / 4 * 3 - padding;
}

/*
 * mbedtls' decoder skips white space and ignores the unused bits of the last
 * digit; only text that is what we would write for these bytes is taken.
 */
static int decode(struct slice base64, struct buf *der, struct err *e)
{
	size_t room = decoded_len(base64);
	uint8_t *bytes = buf_reserve(der, room, e);
	struct buf again = BUF_INIT(PEM_MAX_LEN);
	size_t len = 0, again_len = 0;
	uint8_t *text;
	int rc = -1;

	if (!bytes)
		return -1;
	if (base64.len == 0 ||
	    mbedtls_base64_decode(bytes, room, &len, base64.ptr, base64.len))
		return err_set(e, ERR_FORMAT, "PEM holds no base64");
	text = buf_reserve(&again, base64.len + 1, e);
	if (!text)
		goto out;
	mbed_must(mbedtls_base64_encode(text, base64.len + 1, &again_len, bytes,
					len));
	if (!slice_equal((struct slice){ text, again_len }, base64)) {
		err_set(e, ERR_FORMAT, "base64 is not in its only form");
		goto out;
	}
	der->len += len;
	der->ptr[der->len] = 0;
	rc = 0;
out:
	buf_wipe(&again);
	return rc;
}

int pem_parse(struct slice text, const char *label, struct buf *der,
	      struct err *e)
{
	struct slice s = trim(text);
	struct buf base64 = BUF_INIT(PEM_MAX_LEN);
	int rc = -1;

	if (text.len > PEM_MAX_LEN)
		return err_set(e, ERR_LIMIT, "PEM above %d bytes", PEM_MAX_LEN);
	if (!take_line(&s, BEGIN, label) || !take(&s, "\n"))
		return err_set(e, ERR_FORMAT, "no PEM of a %s", label);
	/* Room at once: a buffer that grows leaves its old bytes behind. */
	if (!buf_reserve(&base64, s.len, e) || collect(&s, &base64, e))
		goto out;
	if (!take_line(&s, END, label) || s.len > 0) {
		err_set(e, ERR_FORMAT, "PEM of a %s ends wrongly", label);
		goto out;
	}
	rc = decode(buf_slice(&base64), der, e);
out:
	buf_wipe(&base64);
	return rc;
}

static size_t text_len(const char *label, size_t base64_len)
{
	size_t lines = (base64_len + LINE_LEN - 1) / LINE_LEN;
	size_t rim = 2 * (strlen(label) + strlen(DASHES) + 1);

	return strlen(BEGIN) + strlen(END) + rim + base64_len + lines;
}

int pem_format(const char *label, struct slice der, struct buf *text,
	       struct err *e)
{
	struct buf base64 = BUF_INIT((size_t)2 * PEM_MAX_LEN);
	size_t room = (der.len + 2) / 3 * 4 + 1, len = 0;
	uint8_t *at;
	int rc = -1;

	if (der.len > PEM_MAX_LEN)
		return err_set(e, ERR_LIMIT, "%zu bytes for PEM", der.len);
	at = buf_reserve(&base64, room, e);
	if (!at)
		return -1;
	mbed_must(mbedtls_base64_encode(at, room, &len, der.ptr, der.len));
	base64.len = len;
	/* Room at once, as above. */
	if (!buf_reserve(text, text_len(label, len), e) ||
	    buf_addf(text, e, BEGIN "%s" DASHES "\n", label))
		goto out;
	for (size_t i = 0; i < base64.len; i += LINE_LEN) {
		struct slice line = slice_sub(buf_slice(&base64), i, LINE_LEN);

		if (buf_add(text, line, e) || buf_add(text, slice_of("\n"), e))
			goto out;
	}
	rc = buf_addf(text, e, END "%s" DASHES "\n", label);
out:
	buf_wipe(&base64);
	return rc;
}
