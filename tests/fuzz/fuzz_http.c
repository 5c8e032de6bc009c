/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "update-server/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* What a later stage relies on, whatever the bytes were. */
static void check(const struct http_request *q, size_t file_len)
{
	struct http_part part = http_select(q, "\"tag\"", true, file_len);

	must(q->path.len > 0 && q->path.ptr[0] == '/');
	must(q->path.len <= HTTP_TARGET_MAX);
	must(!memchr(q->path.ptr, ' ', q->path.len));
	must(!memchr(q->path.ptr, '\n', q->path.len));
	must(q->body_len == 0 || q->has_length);
	must(part.offset <= file_len && part.len <= file_len - part.offset);
	must(part.status != 206 || part.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len };
	struct http_scan whole = { 0 }, pieces = { 0 };
	struct http_request q = { 0 };
	unsigned status = 0, status_pieces = 0;
	size_t head_len = 0, head_len_pieces = 0;
	struct err e = { 0 };
	int rc = http_scan(&whole, in, &head_len, &status, &e);
	int rc_pieces = 0;

	for (size_t n = 1; n <= len && rc_pieces == 0 && head_len_pieces == 0;
	     n++)
		rc_pieces = http_scan(&pieces, slice_sub(in, 0, n),
				      &head_len_pieces, &status_pieces, &e);
	must(rc == rc_pieces && head_len == head_len_pieces &&
	     status == status_pieces);
	if (rc || head_len == 0)
		return 0;
	must(head_len <= HTTP_HEAD_MAX && head_len <= len);
	if (http_parse(slice_sub(in, 0, head_len), &q, &status, &e))
		must(status >= 400 && status < 600);
	else
		check(&q, len);
	return 0;
}
