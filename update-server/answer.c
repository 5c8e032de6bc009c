/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/answer.h"

#include <inttypes.h>

const char *answer_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 412, "Precondition Failed" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 421, "Misdirected Request" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static int add_range(const struct answer *a, struct buf *out, struct err *e)
{
	if (a->status == 206)
		return buf_addf(out, e,
				"Content-Range: bytes %" PRIu64 "-%" PRIu64
				"/%" PRIu64 "\r\n",
				a->part.offset,
				a->part.offset + a->part.len - 1, a->whole_len);
	if (a->status == 416)
		return buf_addf(out, e,
				"Content-Range: bytes */%" PRIu64 "\r\n",
				a->whole_len);
	return 0;
}

static int add_allow(const struct answer *a, struct buf *out, struct err *e)
{
	const char *comma = "";

	if (a->status != 405)
		return 0;
	if (buf_addf(out, e, "Allow: "))
		return -1;
	for (unsigned i = 0; i < METHOD_COUNT; i++) {
		if (!(a->allow & 1U << i))
			continue;
		if (buf_addf(out, e, "%s%s", comma,
			     method_name((enum method)i)))
			return -1;
		comma = ", ";
	}
	return buf_addf(out, e, "\r\n");
}

static const char *cache_rule(const struct answer *a)
{
	if (a->immutable)
		return "public, max-age=31536000, immutable";
	return a->etag && a->etag[0] ? "no-cache" : "no-store";
}

/*
 * A page may load scripts, styles and answers of this very server and nothing
 * else, stands in nobody's frame, and tells nobody where it was.
 */
#define PAGE_RULES                                                             \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; "     \
	"style-src 'self'; connect-src 'self'; img-src 'self'; "               \
	"form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "        \
	"require-trusted-types-for 'script'; trusted-types 'none'\r\n"         \
	"Referrer-Policy: no-referrer\r\n"                                     \
	"Cross-Origin-Opener-Policy: same-origin\r\n"                          \
	"Cross-Origin-Resource-Policy: same-origin\r\n"                        \
	"Permissions-Policy: camera=(), geolocation=(), microphone=()\r\n"

int answer_format(const struct answer *a, struct buf *out, struct err *e)
{
	bool bare = a->status == 204 || a->status == 304;

	if (buf_addf(out, e, "HTTP/1.1 %u %s\r\n", a->status,
		     answer_reason(a->status)) ||
	    (!bare && !a->endless &&
	     buf_addf(out, e, "Content-Length: %" PRIu64 "\r\n",
		      a->body_len)) ||
	    (!bare && a->type &&
	     buf_addf(out, e, "Content-Type: %s\r\n", a->type)) ||
	    (a->etag && a->etag[0] &&
	     buf_addf(out, e, "ETag: %s\r\n", a->etag)) ||
	    buf_addf(out, e, "Cache-Control: %s\r\n", cache_rule(a)) ||
	    (a->ranges && buf_addf(out, e, "Accept-Ranges: bytes\r\n")) ||
	    add_range(a, out, e) || add_allow(a, out, e) ||
	    (a->retry_after > 0 &&
	     buf_addf(out, e, "Retry-After: %u\r\n", a->retry_after)) ||
	    (a->page && buf_add(out, slice_of(PAGE_RULES), e)) ||
	    (a->close && buf_addf(out, e, "Connection: close\r\n")))
		return -1;
	return buf_addf(out, e, "X-Content-Type-Options: nosniff\r\n\r\n");
}

struct slice answer_continue(void)
{
	return slice_of("HTTP/1.1 100 Continue\r\n\r\n");
}
