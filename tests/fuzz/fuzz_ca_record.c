/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the device CAs as one text, a line "=", and records of the audit
 * log, a line each. Only what the log says of a CA makes a file one of another
 * time, and any of it makes it so that speaks of another CA last.
 */
#include <string.h>

#include "common/x509.h"
#include "tests/fuzz/must.h"
#include "update-server/audit_record.h"
#include "update-server/ca_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct slice cut_at(struct slice *rest, const char *mark)
{
	const uint8_t *end = memmem(rest->ptr, rest->len, mark, strlen(mark));
	struct slice before = *rest;

	if (end) {
		before.len = (size_t)(end - rest->ptr);
		*rest = slice_sub(*rest, before.len + strlen(mark), rest->len);
	} else {
		rest->len = 0;
	}
	return before;
}

/* One more rotation, to this CA. */
static void rotate(struct ca_record *r, const struct sha256 *to)
{
	struct buf line = BUF_INIT(AUDIT_RECORD_MAX);
	char hex[SHA256_HEX_LEN];
	struct err e;

	sha256_format(to, hex);
	MUST(buf_addf(&line, &e,
		      "{\"act\":\"ca-rotate\",\"actor\":{\"kind\":\"system\"},"
		      "\"n\":1,\"objects\":{\"certificate\":\"%s\","
		      "\"former\":\"%s\",\"until\":1830434464},"
		      "\"time\":\"2026-11-28T14:01:04Z\",\"v\":1}",
		      hex, hex) == 0);
	MUST(ca_record_see(r, buf_slice(&line), &e) == 0);
	buf_done(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice rest = { data, len };
	const struct slice pem = cut_at(&rest, "\n=\n");
	struct sha256 first, other;
	bool spoken = false;
	struct ca_record r;
	struct err e = { 0 };

	if (ca_record_begin(&r, pem, &e)) {
		MUST(e.code != ERR_NONE);
		return 0;
	}
	first = other = r.first;
	other.bytes[0] ^= 1;
	while (rest.len > 0) {
		struct slice line = cut_at(&rest, "\n");

		spoken |= memmem(line.ptr, line.len, "ca-", 3) != NULL;
		if (ca_record_see(&r, line, &e)) {
			MUST(e.code != ERR_NONE && spoken);
			return 0;
		}
	}
	MUST(spoken || ca_record_end(&r, &e) == 0);
	rotate(&r, &other);
	MUST(ca_record_end(&r, &e) != 0 && e.code == ERR_ROLLBACK);
	rotate(&r, &first);
	MUST(ca_record_end(&r, &e) == 0);
	return 0;
}
