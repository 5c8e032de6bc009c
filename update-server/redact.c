/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/redact.h"

#include <string.h>

#define PEM_BEGIN "-----begin "
#define PEM_END   "-----end "

struct reader {
	const uint8_t *at, *end;
	bool in_word; /* the byte before belongs to a name */
};

struct writer {
	char *out;
	size_t len, size;
};

static void put(struct writer *w, const char *text, size_t len)
{
	size_t room = w->size - 1 - w->len;

	if (len > room)
		len = room;
	memcpy(w->out + w->len, text, len);
	w->len += len;
}

/* ---- what there is to see -------------------------------------------------
 */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool is_name(uint8_t c)
{
	c = lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-';
}

static size_t left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

/* Does this text stand there, whatever its case? */
static bool is_here(const uint8_t *at, const uint8_t *end, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(end - at) < len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(at[i]) != (uint8_t)text[i])
			return false;
	return true;
}

static const uint8_t *find(const uint8_t *at, const uint8_t *end,
			   const char *text)
{
	while (at < end && !is_here(at, end, text))
		at++;
	return at;
}

static bool is_hex(uint8_t c)
{
	c = lower(c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* A byte that was written as \xNN, or a line's end as \n: no part of a name. */
static size_t escape_len(const uint8_t *at, const uint8_t *end)
{
	if (is_here(at, end, "\\n") || is_here(at, end, "\\r"))
		return 2;
	if (is_here(at, end, "\\x") && end - at >= 4 && is_hex(at[2]) &&
	    is_hex(at[3]))
		return 4;
	return 0;
}

/* The same of what is no letter: a control, as old clients wrote a line's end.
 */
static bool is_control(const uint8_t *at, const uint8_t *end)
{
	return escape_len(at, end) == 4 && (at[2] == '0' || at[2] == '1');
}

static bool ends_value(uint8_t c)
{
	return c <= ' ' || c == '"' || c == '\'' || c == '&' || c == ',' ||
	       c == ';' || c == '<' || c == '>' || c == ')' || c == '}' ||
	       c == ']';
}

static size_t value_len(const uint8_t *at, const uint8_t *end)
{
	size_t len = 0;

	while (at + len < end && !ends_value(at[len]) &&
	       !is_control(at + len, end))
		len++;
	return len;
}

/* ---- what is taken out ----------------------------------------------------
 */

/* A block that never ends goes to the end: its rest is a key's. */
static size_t pem_rest(const struct reader *r)
{
	const uint8_t *end = find(r->at, r->end, PEM_END);

	end = find(end < r->end ? end + 9 : end, r->end, "-----");
	return (size_t)(end < r->end ? end + 5 - r->at : r->end - r->at);
}

static size_t pem_len(const struct reader *r)
{
	return is_here(r->at, r->end, PEM_BEGIN) ? pem_rest(r) : 0;
}

/* Only the last of a text was kept: a block may have lost its beginning. */
static size_t headless_len(const struct reader *r)
{
	const uint8_t *end = find(r->at, r->end, PEM_END);

	if (end == r->end || find(r->at, end, PEM_BEGIN) < end)
		return 0;
	return pem_rest(r);
}

/* user:password@ behind "://" */
static size_t login_len(const struct reader *r)
{
	const uint8_t *at = r->at;

	while (at < r->end && !ends_value(*at) && *at != '/' && *at != '@')
		at++;
	return at < r->end && *at == '@' ? (size_t)(at - r->at) : 0;
}

/* Three parts of base64url: a token that is signed. */
static size_t token_len(const struct reader *r)
{
	size_t len = value_len(r->at, r->end), dots = 0;

	if (r->in_word || len < 20 || memcmp(r->at, "eyJ", 3) != 0)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (r->at[i] != '.' && !is_name(r->at[i]))
			return 0;
		dots += r->at[i] == '.';
	}
	return dots == 2 ? len : 0;
}

static bool is_secret_name(const uint8_t *at, const uint8_t *end)
{
	static const char *const words[] = {
		"password",   "passwd",     "passphrase", "secret",
		"token",      "apikey",     "api_key",    "api-key",
		"access_key", "access-key", "credential", "private_key",
		"private-key"
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (find(at, end, words[i]) < end)
			return true;
	return false;
}

/* Spaces, a quote, "=" or ":", spaces, a quote: how far to the value; 0: it is
 * no name with a value. */
static size_t sign_len(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *start = at;
	bool signs = false;

	while (at < end && (*at == ' ' || *at == '\t' || *at == '"' ||
			    *at == '\'' || is_here(at, end, "\\x09") ||
			    ((*at == '=' || *at == ':') && !signs))) {
		signs = signs || *at == '=' || *at == ':';
		at += *at == '\\' ? 4 : 1;
	}
	return signs ? (size_t)(at - start) : 0;
}

/* The header's whole line, whatever its scheme. */
static size_t header_len(const struct reader *r)
{
	const uint8_t *at = r->at;

	if (!is_here(r->at, r->end, "authorization:") &&
	    !is_here(r->at, r->end, "proxy-authorization:") &&
	    !is_here(r->at, r->end, "cookie:") &&
	    !is_here(r->at, r->end, "set-cookie:"))
		return 0;
	while (at < r->end && *at != '\n' && !is_here(at, r->end, "\\x0a"))
		at++;
	return (size_t)(at - r->at);
}

/* ---- one step --------------------------------------------------------------
 */

static void copy(struct reader *r, struct writer *w, size_t len)
{
	put(w, (const char *)r->at, len);
	r->in_word = len > 0 && is_name(r->at[len - 1]);
	r->at += len;
}

static void leave_out(struct reader *r, struct writer *w, size_t len)
{
	put(w, REDACT_MARK, strlen(REDACT_MARK));
	r->in_word = false;
	r->at += len;
}

/* A name, and what follows it. */
static void take_name(struct reader *r, struct writer *w)
{
	size_t len = 0, sign, value;

	while (len < left(r) && is_name(r->at[len]) &&
	       !is_here(r->at + len, r->end, PEM_BEGIN))
		len++;
	if (!is_secret_name(r->at, r->at + len)) {
		copy(r, w, len);
		return;
	}
	sign = sign_len(r->at + len, r->end);
	value = value_len(r->at + len + sign, r->end);
	copy(r, w, len + sign);
	if (sign > 0 && value > 0)
		leave_out(r, w, value);
}

static void step(struct reader *r, struct writer *w)
{
	size_t len;

	if ((len = pem_len(r)) || (len = header_len(r)) ||
	    (len = token_len(r))) {
		leave_out(r, w, len);
	} else if (is_here(r->at, r->end, "://")) {
		copy(r, w, 3);
		len = login_len(r);
		if (len > 0)
			leave_out(r, w, len);
	} else if ((len = escape_len(r->at, r->end)) > 0) {
		copy(r, w, len);
		r->in_word = false;
	} else if (is_name(*r->at) && !r->in_word) {
		take_name(r, w);
	} else {
		copy(r, w, 1);
	}
}

/* ---- sections -------------------------------------------------------------
 */

/* A line that begins a section of what a client gathered; 0: none is here. */
static size_t heading_len(const uint8_t *at, const uint8_t *end)
{
	static const char *const lines[] = {
		"\n-- client\n",       "\n-- boot\n",       "\n-- said\n",
		"\\x0a-- client\\x0a", "\\x0a-- boot\\x0a",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (is_here(at, end, lines[i]))
			return strlen(lines[i]);
	return 0;
}

/* What is unfinished in a section takes nothing of the next one along. */
static void take_section(struct reader *r, struct writer *w)
{
	size_t len;

	while ((len = headless_len(r)) > 0)
		leave_out(r, w, len);
	while (r->at < r->end)
		step(r, w);
}

size_t redact(struct slice in, char *out, size_t size)
{
	const uint8_t *const end = in.ptr + in.len;
	struct reader r = { in.ptr, in.ptr, false };
	struct writer w = { out, 0, size };

	while (r.at < end) {
		size_t len = 0;

		while (r.end < end && (len = heading_len(r.end, end)) == 0)
			r.end++;
		take_section(&r, &w);
		r.end += len;
		copy(&r, &w, len);
		r.in_word = false;
	}
	out[w.len] = 0;
	return w.len;
}
