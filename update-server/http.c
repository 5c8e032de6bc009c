/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/http.h"

#include <string.h>

#define LENGTH_DIGITS_MAX 19

static const char *const method_names[METHOD_COUNT] = {
	[METHOD_GET] = "GET",
	[METHOD_HEAD] = "HEAD",
	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",
};

const char *method_name(enum method method)
{
	return method_names[method];
}

/* What the fields seen so far amount to. */
struct fields {
	struct http_request *q;
	unsigned seen; /* bit per entry of known_fields[] */
	bool has_transfer_encoding;
	bool has_host;
};

static int refuse(unsigned *status, unsigned with, struct err *e,
		  const char *why)
{
	*status = with;
	return err_set(e, with == 431 || with == 414 ? ERR_LIMIT : ERR_FORMAT,
		       "%s", why);
}

/* ---- bytes and lines ----------------------------------------------------- */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110, section 5.6.2. */
static bool is_token_char(uint8_t c)
{
	return is_digit(c) || is_alpha(c) ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_char(s.ptr[i]))
			return false;
	return s.len > 0;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* Is s this word, letter case aside? The word is in lower case. */
static bool is_word(struct slice s, const char *word)
{
	if (s.len != strlen(word))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (lower(s.ptr[i]) != (uint8_t)word[i])
			return false;
	return true;
}

static struct slice trim(struct slice s)
{
	while (s.len > 0 && is_blank(s.ptr[0]))
		s = slice_sub(s, 1, s.len);
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

/* Split at the first c: the part before it, the rest stays in *s. */
static struct slice take_until(struct slice *s, uint8_t c, bool *found)
{
	const uint8_t *at = s->len > 0 ? memchr(s->ptr, c, s->len) : NULL;
	struct slice part = *s;

	*found = at != NULL;
	if (at) {
		part.len = (size_t)(at - s->ptr);
		*s = slice_sub(*s, part.len + 1, s->len);
	} else {
		*s = (struct slice){ 0 };
	}
	return part;
}

/* The next line without its CRLF, which http_scan() has seen to be there. */
static struct slice take_line(struct slice *head)
{
	bool found;
	struct slice line = take_until(head, '\r', &found);

	*head = slice_sub(*head, 1, head->len);
	return line;
}

static int scan_byte(struct http_scan *s, struct slice in, unsigned *status,
		     struct err *e)
{
	uint8_t c = in.ptr[s->seen];
	bool after_cr = s->seen > 0 && in.ptr[s->seen - 1] == '\r';

	if (after_cr != (c == '\n'))
		return refuse(status, 400, e, "lines must end in CR LF");
	if (c == '\r' || c == '\n' || c == '\t')
		return 0;
	if (c < 0x20 || c > 0x7e)
		return refuse(status, 400, e, "a byte that is not allowed");
	return 0;
}

int http_scan(struct http_scan *s, struct slice in, size_t *head_len,
	      unsigned *status, struct err *e)
{
	for (; s->seen < in.len && s->seen < HTTP_HEAD_MAX; s->seen++) {
		if (scan_byte(s, in, status, e))
			return -1;
		if (in.ptr[s->seen] != '\n')
			continue;
		if (s->seen == 1)
			return refuse(status, 400, e, "an empty request line");
		if (s->seen == s->line_start + 1) {
			*head_len = s->seen + 1;
			return 0;
		}
		s->line_start = s->seen + 1;
	}
	if (s->seen >= HTTP_HEAD_MAX)
		return refuse(status, s->line_start == 0 ? 414 : 431, e,
			      "the head is too long");
	return 0;
}

/* ---- the request line ---------------------------------------------------- */

static int parse_method(struct slice word, enum method *method,
			unsigned *status, struct err *e)
{
	if (!is_token(word))
		return refuse(status, 400, e, "not a method");
	for (int i = 0; i < METHOD_COUNT; i++) {
		if (slice_equal(word, slice_of(method_names[i]))) {
			*method = (enum method)i;
			return 0;
		}
	}
	return refuse(status, 501, e, "a method that nobody offers here");
}

static int check_target(struct slice target, unsigned *status, struct err *e)
{
	if (target.len > HTTP_TARGET_MAX)
		return refuse(status, 414, e, "the path is too long");
	/* Absolute form, "*" and authority form are for proxies. */
	if (target.len == 0 || target.ptr[0] != '/')
		return refuse(status, 400, e, "the target must be a path");
	if (memchr(target.ptr, '\t', target.len))
		return refuse(status, 400, e, "a tab in the request line");
	return 0;
}

static int check_version(struct slice version, unsigned *status, struct err *e)
{
	if (slice_equal(version, slice_of("HTTP/1.1")))
		return 0;
	if (version.len == 8 &&
	    slice_equal(slice_sub(version, 0, 5), slice_of("HTTP/")) &&
	    is_digit(version.ptr[5]) && version.ptr[6] == '.' &&
	    is_digit(version.ptr[7]))
		return refuse(status, 505, e, "only HTTP/1.1 is spoken here");
	return refuse(status, 400, e, "not a request line");
}

static int parse_request_line(struct slice line, struct http_request *q,
			      unsigned *status, struct err *e)
{
	bool first, second;
	struct slice method = take_until(&line, ' ', &first);
	struct slice target = take_until(&line, ' ', &second);

	if (!first || !second)
		return refuse(status, 400, e, "not a request line");
	if (check_version(line, status, e) ||
	    parse_method(method, &q->method, status, e) ||
	    check_target(target, status, e))
		return -1;
	q->path = target;
	return 0;
}

/* ---- fields -------------------------------------------------------------- */

/* Digits alone, at most 19 of them, so that the sum cannot overflow. */
static bool parse_number(struct slice s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0 || s.len > LENGTH_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit(s.ptr[i]))
			return false;
		n = n * 10 + (uint64_t)(s.ptr[i] - '0');
	}
	*out = n;
	return true;
}

static int field_host(struct fields *f, struct slice v, unsigned *status,
		      struct err *e)
{
	for (size_t i = 0; i < v.len; i++)
		if (!is_digit(v.ptr[i]) && !is_alpha(v.ptr[i]) &&
		    !strchr(".-:[]_", v.ptr[i]))
			return refuse(status, 400, e, "not a host name");
	if (v.len == 0)
		return refuse(status, 400, e, "an empty Host");
	f->has_host = true;
	f->q->host = v;
	return 0;
}

static int field_content_length(struct fields *f, struct slice v,
				unsigned *status, struct err *e)
{
	if (!parse_number(v, &f->q->body_len))
		return refuse(status, 400, e, "not a Content-Length");
	f->q->has_length = true;
	return 0;
}

static int field_transfer_encoding(struct fields *f, struct slice v,
				   unsigned *status, struct err *e)
{
	(void)v;
	(void)status;
	(void)e;
	/* Judged at the end: beside a Content-Length it is an attack. */
	f->has_transfer_encoding = true;
	return 0;
}

static int field_expect(struct fields *f, struct slice v, unsigned *status,
			struct err *e)
{
	if (!is_word(v, "100-continue"))
		return refuse(status, 417, e, "an unknown expectation");
	f->q->expect_continue = true;
	return 0;
}

static int field_connection(struct fields *f, struct slice v, unsigned *status,
			    struct err *e)
{
	bool more = true;

	while (more) {
		struct slice word = trim(take_until(&v, ',', &more));

		if (word.len > 0 && !is_token(word))
			return refuse(status, 400, e, "not a Connection");
		if (is_word(word, "close"))
			f->q->close = true;
	}
	return 0;
}

/* A Range that is not exactly one of ours may be ignored (RFC 9110, 14.2). */
static int field_range(struct fields *f, struct slice v, unsigned *status,
		       struct err *e)
{
	struct http_range r = { .kind = RANGE_FROM, .last = UINT64_MAX };
	struct slice unit, first;
	bool found, dash;

	(void)status;
	(void)e;
	unit = take_until(&v, '=', &found);
	first = take_until(&v, '-', &dash);
	if (!found || !dash || !is_word(unit, "bytes"))
		return 0;
	if (first.len == 0) {
		r.kind = RANGE_SUFFIX;
		if (!parse_number(v, &r.count))
			return 0;
	} else if (!parse_number(first, &r.first) ||
		   (v.len > 0 && !parse_number(v, &r.last)) ||
		   r.last < r.first) {
		return 0;
	}
	f->q->range = r;
	return 0;
}

static int field_if_none_match(struct fields *f, struct slice v,
			       unsigned *status, struct err *e)
{
	(void)status;
	(void)e;
	f->q->if_none_match = v;
	return 0;
}

static int field_if_range(struct fields *f, struct slice v, unsigned *status,
			  struct err *e)
{
	(void)status;
	(void)e;
	f->q->if_range = v;
	return 0;
}

static int field_origin(struct fields *f, struct slice v, unsigned *status,
			struct err *e)
{
	/* An empty one is none of ours either. */
	f->q->origin = v.len > 0 ? v : slice_of("null");
	(void)status;
	(void)e;
	return 0;
}

static int field_fetch_site(struct fields *f, struct slice v, unsigned *status,
			    struct err *e)
{
	(void)status;
	(void)e;
	f->q->fetch_site = v;
	return 0;
}

static int field_authorization(struct fields *f, struct slice v,
			       unsigned *status, struct err *e)
{
	(void)status;
	(void)e;
	f->q->authorization = v;
	return 0;
}

static const struct field {
	const char *name;
	bool repeats;
	int (*take)(struct fields *f, struct slice value, unsigned *status,
		    struct err *e);
} known_fields[] = {
	{ "host", false, field_host },
	{ "content-length", false, field_content_length },
	{ "transfer-encoding", true, field_transfer_encoding },
	{ "expect", false, field_expect },
	{ "connection", true, field_connection },
	{ "range", false, field_range },
	{ "if-none-match", false, field_if_none_match },
	{ "if-range", false, field_if_range },
	{ "origin", false, field_origin },
	{ "sec-fetch-site", false, field_fetch_site },
	{ "authorization", false, field_authorization },
};

static int take_known(struct fields *f, size_t i, struct slice value,
		      unsigned *status, struct err *e)
{
	if ((f->seen & 1U << i) && !known_fields[i].repeats)
		return refuse(status, 400, e, "a header field given twice");
	f->seen |= 1U << i;
	return known_fields[i].take(f, value, status, e);
}

static int parse_field(struct fields *f, struct slice line, unsigned *status,
		       struct err *e)
{
	bool colon;
	struct slice name;

	if (is_blank(line.ptr[0]))
		return refuse(status, 400, e, "a folded header line");
	name = take_until(&line, ':', &colon);
	if (!colon || !is_token(name))
		return refuse(status, 400, e, "not a header field");
	line = trim(line);
	for (size_t i = 0; i < ARRAY_LEN(known_fields); i++)
		if (is_word(name, known_fields[i].name))
			return take_known(f, i, line, status, e);
	return 0;
}

/* What only the whole head can tell. */
static int check_fields(const struct fields *f, unsigned *status, struct err *e)
{
	const struct http_request *q = f->q;
	bool sends = q->method == METHOD_POST || q->method == METHOD_PUT;

	if (!f->has_host)
		return refuse(status, 400, e, "no Host");
	if (f->has_transfer_encoding && q->has_length)
		return refuse(status, 400, e, "two lengths of a body");
	if (f->has_transfer_encoding)
		return refuse(status, 501, e, "no transfer coding is known");
	if (sends && !q->has_length)
		return refuse(status, 411, e, "a Content-Length is needed");
	if (!sends && q->body_len > 0)
		return refuse(status, 400, e, "a body where none belongs");
	return 0;
}

int http_parse(struct slice head, struct http_request *q, unsigned *status,
	       struct err *e)
{
	struct http_request new = { 0 };
	struct fields f = { .q = &new };
	size_t field_count = 0;

	if (parse_request_line(take_line(&head), &new, status, e))
		return -1;
	for (;;) {
		struct slice line = take_line(&head);

		if (line.len == 0)
			break;
		if (++field_count > HTTP_FIELDS_MAX)
			return refuse(status, 431, e, "too many header fields");
		if (parse_field(&f, line, status, e))
			return -1;
	}
	if (check_fields(&f, status, e))
		return -1;
	*q = new;
	return 0;
}

bool http_path_is_plain(struct slice path)
{
	bool at_start = true;

	if (path.len < 2 || path.ptr[0] != '/')
		return false;
	for (size_t i = 1; i < path.len; i++) {
		uint8_t c = path.ptr[i];
		bool first = is_digit(c) || (c >= 'a' && c <= 'z');

		if (c == '/' && at_start)
			return false;
		if (!first && (at_start || !c || !strchr("._-/", c)))
			return false;
		at_start = c == '/';
	}
	return !at_start;
}

bool http_is_foreign(const struct http_request *q, const char *scheme)
{
	size_t len = strlen(scheme);

	if (q->origin.len > 0 &&
	    (q->origin.len != len + q->host.len ||
	     !slice_equal(slice_sub(q->origin, 0, len), slice_of(scheme)) ||
	     !slice_equal(slice_sub(q->origin, len, q->host.len), q->host)))
		return true;
	return q->fetch_site.len > 0 &&
	       !slice_equal(q->fetch_site, slice_of("same-origin")) &&
	       !slice_equal(q->fetch_site, slice_of("none"));
}

/* ---- conditions ---------------------------------------------------------- */

/* If-None-Match compares weakly (RFC 9110, section 8.8.3.2). */
static bool none_match_names(struct slice list, const char *etag)
{
	bool more = true;

	if (slice_equal(list, slice_of("*")))
		return true;
	while (more) {
		struct slice tag = trim(take_until(&list, ',', &more));

		if (tag.len > 2 && tag.ptr[0] == 'W' && tag.ptr[1] == '/')
			tag = slice_sub(tag, 2, tag.len);
		if (slice_equal(tag, slice_of(etag)))
			return true;
	}
	return false;
}

static struct http_part select_range(const struct http_range *r, uint64_t len)
{
	struct http_part none = { .status = 416 };
	uint64_t last;

	if (r->kind == RANGE_SUFFIX) {
		uint64_t count = r->count < len ? r->count : len;

		if (count == 0)
			return none;
		return (struct http_part){ 206, len - count, count };
	}
	if (r->first >= len)
		return none;
	last = r->last < len ? r->last : len - 1;
	return (struct http_part){ 206, r->first, last - r->first + 1 };
}

struct http_part http_select(const struct http_request *q, const char *etag,
			     bool ranges, uint64_t len)
{
	struct http_part whole = { 200, 0, len };

	if (etag[0] && none_match_names(q->if_none_match, etag))
		return (struct http_part){ .status = 304 };
	if (!ranges || q->method != METHOD_GET || q->range.kind == RANGE_NONE)
		return whole;
	/* If-Range compares strongly; a date never equals our tag. */
	if (q->if_range.len > 0 && !slice_equal(q->if_range, slice_of(etag)))
		return whole;
	return select_range(&q->range, len);
}
