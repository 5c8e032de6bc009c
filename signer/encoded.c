/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/encoded.h"

#include <string.h>

#include "signer/secrets_text.h"

#define BETWEEN_MAX 24 /* bytes from one line of a run to the next */
#define ALL_MIN     200

static bool is_letter(uint8_t c)
{
	return base64_value(c) >= 0;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Where the word goes on in another line; `at` itself when it does not. */
static size_t next_line(struct slice s, size_t at)
{
	bool line_end = false;
	size_t i = at;

	for (; i < s.len && i - at < BETWEEN_MAX; i++) {
		uint8_t c = s.ptr[i];

		if (c == '\\' && i + 1 < s.len &&
		    (s.ptr[i + 1] == 'n' || s.ptr[i + 1] == 'r')) {
			line_end = true;
			i++;
		} else if (c == '\n' || c == '\r')
			line_end = true;
		else if (c != ' ' && c != '\t' && c != '"' && c != '\'' &&
			 c != ',' && c != '\\' && c != '=')
			break;
	}
	return line_end && i < s.len && is_letter(s.ptr[i]) ? i : at;
}

/* Extend from the end of a first word over all lines; counts letters. */
static void extend(struct slice s, struct encoded *run)
{
	size_t i = run->at, last;

	run->hex = true;
	run->letters = 0;
	run->word = 0;
	for (;;) {
		for (; i < s.len && is_letter(s.ptr[i]); i++) {
			run->hex = run->hex && hex_value(s.ptr[i]) >= 0;
			run->letters++;
		}
		last = i;
		if (run->word == 0)
			run->word = run->letters;
		i = next_line(s, i);
		if (i == last)
			break;
	}
	run->len = last - run->at;
}

/*
 * A word of ENCODED_MIN letters has one at each multiple of that, so only those
 * places are looked at, and what is around a letter.
 */
bool encoded_next(struct slice window, size_t from, size_t to,
		  struct encoded *out, size_t *next)
{
	size_t i = from;

	while (i < to) {
		size_t probe = i + ENCODED_MIN - 1, start, end;

		if (probe >= window.len)
			break;
		for (start = probe; start > i && is_letter(window.ptr[start]);)
			start--;
		if (!is_letter(window.ptr[start])) {
			i = start + 1;
			continue;
		}
		/* All letters from i on; perhaps some before it. */
		while (start > 0 && is_letter(window.ptr[start - 1]))
			start--;
		out->at = start;
		extend(window, out);
		end = out->at + out->len;
		*next = end < to ? end : to;
		return true;
	}
	*next = to;
	return false;
}

static size_t decode_hex(struct slice s, uint8_t *out)
{
	size_t len = 0;
	int high = -1;

	for (size_t i = 0; i < s.len; i++) {
		int value = hex_value(s.ptr[i]);

		if (value < 0)
			continue;
		if (high < 0) {
			high = value;
			continue;
		}
		out[len++] = (uint8_t)(high << 4 | value);
		high = -1;
	}
	return len;
}

size_t base64_decode(struct base64 *b, struct slice in, uint8_t *out)
{
	size_t len = 0;

	for (size_t i = 0; i < in.len; i++) {
		int value = base64_value(in.ptr[i]);

		if (value < 0)
			continue;
		b->bits = b->bits << 6 | (uint32_t)value;
		b->have += 6;
		if (b->have >= 8) {
			b->have -= 8;
			out[len++] = (uint8_t)(b->bits >> b->have);
		}
	}
	return len;
}

size_t encoded_decode(struct slice window, const struct encoded *run,
		      size_t skip, uint8_t *out)
{
	struct slice s = slice_sub(window, run->at + skip, run->len - skip);
	struct base64 b = { 0 };
	size_t len = 0;

	if (run->hex)
		return decode_hex(s, out);
	/* Word by word: the n of a written "\n" is no letter. */
	for (size_t i = 0; i < s.len;) {
		size_t end = i, go_on;

		while (end < s.len && is_letter(s.ptr[end]))
			end++;
		len += base64_decode(&b, slice_sub(s, i, end - i), out + len);
		go_on = next_line(s, end);
		i = go_on > end ? go_on : s.len;
	}
	return len;
}

bool encoded_is_all(struct slice start)
{
	size_t line = 0;

	for (size_t i = 0; i < start.len; i++) {
		uint8_t c = start.ptr[i];

		if (c == '\r' || c == '\n') {
			if (line > 0 && line < ENCODED_MIN)
				return false;
			line = 0;
		} else if (is_letter(c))
			line++;
		else
			return false;
	}
	return start.len >= ALL_MIN;
}
