/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void hex_format(struct slice in, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < in.len; i++) {
		*out++ = digits[in.ptr[i] >> 4];
		*out++ = digits[in.ptr[i] & 15];
	}
	*out = 0;
}

/* Lower case alone, so that every value has exactly one spelling. */
static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int hex_parse(struct slice in, uint8_t *out, size_t len, struct err *e)
{
	if (in.len / 2 != len || in.len % 2 != 0)
		return err_set(e, ERR_FORMAT, "not %zu hex digits", len * 2);
	for (size_t i = 0; i < in.len; i++)
		if (hex_digit(in.ptr[i]) < 0)
			return err_set(e, ERR_FORMAT, "not lower-case hex");
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(hex_digit(in.ptr[2 * i]) * 16 +
				   hex_digit(in.ptr[2 * i + 1]));
	return 0;
}

int num_parse(struct slice in, uint64_t max, uint64_t *out, struct err *e)
{
	uint64_t v = 0;

	if (in.len == 0 || (in.len > 1 && in.ptr[0] == '0'))
		return err_set(e, ERR_FORMAT, "not a number");
	for (size_t i = 0; i < in.len; i++)
		if (in.ptr[i] < '0' || in.ptr[i] > '9')
			return err_set(e, ERR_FORMAT, "not a number");
	for (size_t i = 0; i < in.len; i++) {
		uint64_t digit = (uint64_t)(in.ptr[i] - '0');

		if (digit > max || v > (max - digit) / 10)
			return err_set(e, ERR_LIMIT, "more than %llu",
				       (unsigned long long)max);
		v = v * 10 + digit;
	}
	*out = v;
	return 0;
}

static bool is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool name_is_valid(struct slice name)
{
	if (name.len == 0 || name.len > NAME_MAX_LEN || !is_alnum(name.ptr[0]))
		return false;
	for (size_t i = 1; i < name.len; i++) {
		uint8_t c = name.ptr[i];

		if (!is_alnum(c) && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

bool target_path_is_valid(struct slice path)
{
	size_t start = 0;

	if (path.len > PATH_MAX_LEN)
		return false;
	for (size_t i = 0; i <= path.len; i++) {
		if (i < path.len && path.ptr[i] != '/')
			continue;
		if (!name_is_valid(slice_sub(path, start, i - start)))
			return false;
		start = i + 1;
	}
	return true;
}

/* What a lead byte promises: its share of the code point, and the rest. */
static size_t utf8_lead(uint8_t c, uint32_t *code, uint32_t *least)
{
	static const struct {
		uint8_t mask, bits;
		uint32_t least;
	} forms[] = {
		{ 0x80, 0x00, 0 },
		{ 0xe0, 0xc0, 0x80 },
		{ 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if ((c & forms[i].mask) != forms[i].bits)
			continue;
		*code = c & (uint8_t)~forms[i].mask;
		*least = forms[i].least;
		return i + 1;
	}
	return 0;
}

size_t utf8_next(struct slice in, uint32_t *code)
{
	uint32_t v = 0, least = 0;
	size_t len = in.len > 0 ? utf8_lead(in.ptr[0], &v, &least) : 0;

	if (len == 0 || len > in.len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((in.ptr[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (in.ptr[i] & 0x3f);
	}
	if (v < least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*code = v;
	return len;
}

bool utf8_is_valid(struct slice in)
{
	uint32_t code;

	while (in.len > 0) {
		size_t len = utf8_next(in, &code);

		if (len == 0)
			return false;
		in = slice_sub(in, len, in.len);
	}
	return true;
}

/*
 * Code points that a terminal may act on, that have no shape, or that turn or
 * hide the text around them. Everything from U+F0000 on is private.
 */
static bool is_invisible(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x0000, 0x001f },    { 0x007f, 0x00a0 },
		{ 0x00ad, 0x00ad },    { 0x0300, 0x036f },
		{ 0x0600, 0x0605 },    { 0x061c, 0x061c },
		{ 0x06dd, 0x06dd },    { 0x070f, 0x070f },
		{ 0x115f, 0x1160 },    { 0x1680, 0x1680 },
		{ 0x17b4, 0x17b5 },    { 0x180b, 0x180f },
		{ 0x1ab0, 0x1aff },    { 0x1dc0, 0x1dff },
		{ 0x2000, 0x200f },    { 0x2028, 0x202f },
		{ 0x205f, 0x206f },    { 0x20d0, 0x20ff },
		{ 0x2800, 0x2800 },    { 0x3000, 0x3000 },
		{ 0x3164, 0x3164 },    { 0xe000, 0xf8ff },
		{ 0xfdd0, 0xfdef },    { 0xfe00, 0xfe0f },
		{ 0xfe20, 0xfe2f },    { 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 },    { 0xfff0, 0xffff },
		{ 0x110bd, 0x110bd },  { 0x13430, 0x1345f },
		{ 0x1bca0, 0x1bca3 },  { 0x1d173, 0x1d17a },
		{ 0xe0000, 0x10ffff },
	};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return (code & 0xfffe) == 0xfffe;
}

void text_escape(struct slice in, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	while (in.len > 0 && size > 0) {
		uint32_t code = 0;
		size_t len = utf8_next(in, &code);
		bool plain = len > 0 && !is_invisible(code);
		size_t need = plain ? len : 4;

		if (need >= size - used)
			break;
		if (plain) {
			memcpy(out + used, in.ptr, len);
		} else {
			char hex[4] = { '\\', 'x', digits[in.ptr[0] >> 4],
					digits[in.ptr[0] & 15] };

			memcpy(out + used, hex, sizeof(hex));
			len = 1;
		}
		used += need;
		in = slice_sub(in, len, in.len);
	}
	if (size > 0)
		out[used] = 0;
}

void text_copy(char *out, size_t size, const char *in)
{
	while (*in && --size > 0)
		*out++ = *in++;
	*out = 0;
}

int text_format(char *out, size_t size, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(out, size, fmt, ap);
	va_end(ap);
	if ((size_t)len >= size) /* a failure, too, which is below 0 */
		return err_set(e, ERR_LIMIT, "longer than %zu bytes",
			       size > 0 ? size - 1 : 0);
	return 0;
}

void text_size(uint64_t bytes, char out[16])
{
	static const char *const units[] = {
		"kB", "MB", "GB", "TB", "PB", "EB"
	};
	uint64_t unit = 1000;
	size_t i = 0;

	if (bytes < 1000) {
		(void)snprintf(out, 16, "%u B", (unsigned)bytes);
		return;
	}
	/* 999 950 bytes round to 1.0 MB, not to 1000.0 kB. */
	while (i + 1 < ARRAY_LEN(units) && bytes >= unit * 1000 - unit / 20) {
		unit *= 1000;
		i++;
	}
	(void)snprintf(out, 16, "%.1f %s", (double)bytes / (double)unit,
		       units[i]);
}
