/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - the head of an HTTP/1.1 request (RFC 9110, RFC 9112), read strictly.
 *
 * Whatever two parsers might read differently is refused: lines that do not
 * end in CRLF, folded lines, white space around a name, Transfer-Encoding in
 * any form, a second Host or Content-Length, bytes outside printable ASCII.
 * After a refusal the connection is closed, so nothing can hide behind it.
 * Header fields that we do not know are skipped. Pure: bytes in, decision out.
 */
#ifndef UPDATE_SERVER_HTTP_H
#define UPDATE_SERVER_HTTP_H

#include "common/rd.h"

#define HTTP_HEAD_MAX   8192
#define HTTP_TARGET_MAX 1100
#define HTTP_FIELDS_MAX 64

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_COUNT
};

const char *method_name(enum method method);

/* One range of bytes, as asked for. */
struct http_range {
	enum http_range_kind {
		RANGE_NONE,   /* none, or one that may be ignored: everything */
		RANGE_FROM,   /* bytes=first-, bytes=first-last */
		RANGE_SUFFIX, /* bytes=-count: the last ones */
	} kind;
	uint64_t first;
	uint64_t last; /* UINT64_MAX when open */
	uint64_t count;
};

struct http_request {
	enum method method;
	struct slice path; /* '/' first, printable ASCII, not decoded */
	struct slice host; /* checked for its alphabet alone */
	bool has_length;   /* Content-Length was given */
	uint64_t body_len;
	bool expect_continue;
	bool close; /* the client wants this to be the last */
	/* What browsers alone send, empty if not given: whose page asks. */
	struct slice origin, fetch_site;
	struct slice authorization; /* what the door of `ui` asks for */
	struct http_range range;
	struct slice if_none_match; /* empty if not given */
	struct slice if_range;
};

/* How far http_scan() came; starts zeroed. */
struct http_scan {
	size_t seen;
	size_t line_start;
};

/*
 * Look at the bytes of a head that arrived so far; `in` starts at the request
 * line and grows from call to call. *head_len becomes the length with the empty
 * line at the end, or stays 0 while more is needed. Bad bytes are refused when
 * they come, not at the end. On failure *status is what to answer.
 */
int http_scan(struct http_scan *s, struct slice in, size_t *head_len,
	      unsigned *status, struct err *e) NODISCARD;

/*
 * Parse a head that http_scan() found complete. Slices of *q are borrowed from
 * it. On failure *status is what to answer: 400, 411, 414, 417, 431, 501, 505.
 */
int http_parse(struct slice head, struct http_request *q, unsigned *status,
	       struct err *e) NODISCARD;

/*
 * Is this a path that we could serve: names of [a-z0-9][a-z0-9._-]* joined by
 * single slashes? Nothing is decoded, so "..", "%2e", "//" and a query are not.
 */
bool http_path_is_plain(struct slice path);

/*
 * Does a page that is not ours ask? Our clients send neither Origin nor
 * Sec-Fetch-Site; a browser sends what its pages cannot change, and of ours the
 * origin is scheme ("https://") and Host.
 */
bool http_is_foreign(const struct http_request *q, const char *scheme);

/* What of a file to send: the bytes from offset on. */
struct http_part {
	unsigned status; /* 200, 206, 304, 416 */
	uint64_t offset, len;
};

/*
 * Conditions and range of a request against a representation with this etag
 * (quoted; "" for none), in the order of RFC 9110, section 13.2.2.
 */
struct http_part http_select(const struct http_request *q, const char *etag,
			     bool ranges, uint64_t len);

#endif
