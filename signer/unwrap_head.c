/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/unwrap_head.h"

#include <string.h>

#include "common/le.h"

#define PATH_BYTES 4096
#define TYPE_MASK  0170000
#define TYPE_LINK  0120000

/* Of a kind of cpio: what its numbers are written in, and where some stand. */
struct cpio {
	enum unwrap_head is;
	const char *magic;
	size_t magic_len, len;
	uint32_t (*number)(struct slice field, bool *ok);
	size_t mode, mode_len, name, name_len, content, content_len;
};

static uint32_t digits(struct slice field, unsigned bits, bool *ok)
{
	static const char all[] = "0123456789abcdefABCDEF";
	uint64_t value = 0;

	for (size_t i = 0; i < field.len; i++) {
		const char *digit = memchr(all, field.ptr[i], sizeof(all) - 1);
		const size_t is = digit ? (size_t)(digit - all) : SIZE_MAX;

		if (is >= (bits == 3 ? 8 : sizeof(all) - 1))
			*ok = false;
		else
			value = value << bits | (is < 16 ? is : is - 6);
	}
	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static uint32_t hexadecimal(struct slice field, bool *ok)
{
	return digits(field, 4, ok);
}

static uint32_t octal(struct slice field, bool *ok)
{
	return digits(field, 3, ok);
}

/* Words of 16 bits, the higher one first. */
static uint32_t little(struct slice field, bool *ok)
{
	const uint32_t first = le16_get(field.ptr);

	(void)ok; /* any bytes are a number */
	return field.len == 2 ? first : first << 16 | le16_get(field.ptr + 2);
}

static uint32_t big(struct slice field, bool *ok)
{
	uint32_t value = 0;

	(void)ok;
	for (size_t i = 0; i < field.len; i++)
		value = value << 8 | field.ptr[i];
	return value;
}

static const struct cpio kinds[] = {
	{ UNWRAP_HEAD_NEWC, "070701", 6, 110, hexadecimal, 14, 8, 94, 8, 54,
	  8 },
	{ UNWRAP_HEAD_NEWC, "070702", 6, 110, hexadecimal, 14, 8, 94, 8, 54,
	  8 },
	{ UNWRAP_HEAD_ODC, "070707", 6, 76, octal, 18, 6, 59, 6, 65, 11 },
	{ UNWRAP_HEAD_CPIO_LE, "\xc7\x71", 2, 26, little, 6, 2, 20, 2, 22, 4 },
	{ UNWRAP_HEAD_CPIO_BE, "\x71\xc7", 2, 26, big, 6, 2, 20, 2, 22, 4 },
};

static bool starts_with(struct slice s, const char *magic, size_t len)
{
	return s.len >= len && memcmp(s.ptr, magic, len) == 0;
}

static bool is_of(const struct cpio *kind, struct slice s)
{
	const struct slice all = slice_sub(s, 0, kind->len);
	uint32_t mode, name, content;
	struct slice last;
	bool ok = true;

	if (all.len < kind->len ||
	    !starts_with(s, kind->magic, kind->magic_len))
		return false;
	/* All of it, for its digits alone. */
	(void)kind->number(slice_sub(all, kind->magic_len, kind->len), &ok);
	mode = kind->number(slice_sub(s, kind->mode, kind->mode_len), &ok);
	name = kind->number(slice_sub(s, kind->name, kind->name_len), &ok);
	content = kind->number(slice_sub(s, kind->content, kind->content_len),
			       &ok);
	if (!ok || name == 0 || name > PATH_BYTES ||
	    ((mode & TYPE_MASK) == TYPE_LINK && content > PATH_BYTES))
		return false;
	last = slice_sub(s, kind->len + name - 1, 1);
	return last.len == 0 || *last.ptr == 0;
}

bool unwrap_head_is_like_cpio(struct slice s)
{
	return starts_with(s, "07070", 5);
}

/* APPNOTE.TXT, 4.3.7, 4.3.12, 4.3.14 and 4.3.16 */
static bool is_zip(struct slice s)
{
	return starts_with(s, "PK\3\4", 4) || starts_with(s, "PK\1\2", 4) ||
	       starts_with(s, "PK\5\6", 4) || starts_with(s, "PK\6\6", 4);
}

enum unwrap_head unwrap_head(struct slice s)
{
	if (is_zip(s))
		return UNWRAP_HEAD_ZIP;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (is_of(&kinds[i], s))
			return kinds[i].is;
	return UNWRAP_HEAD_NONE;
}

/* ---- bytes that pass ----------------------------------------------------- */

/* What of these, the last of the `end` bytes so far, is awaited. */
static void take_down(struct unwrap_trail *t, struct slice bytes, uint64_t end)
{
	const uint64_t from = end - bytes.len, at = t->at + t->have;
	struct slice part;

	if (!t->awaited || at < from || at >= end)
		return;
	part = slice_sub(bytes, (size_t)(at - from), sizeof(t->head) - t->have);
	memcpy(t->head + t->have, part.ptr, part.len);
	t->have += part.len;
}

/* The end of them, so that it is behind what is there of former ones. */
static void keep_tail(struct unwrap_trail *t, struct slice bytes)
{
	const size_t len = sizeof(t->tail);
	const size_t part = bytes.len < len ? bytes.len : len;

	memmove(t->tail, t->tail + part, len - part);
	memcpy(t->tail + len - part, bytes.ptr + bytes.len - part, part);
}

void unwrap_head_pass(struct unwrap_trail *t, struct slice bytes)
{
	t->last = bytes;
	memcpy(t->before, t->tail, sizeof(t->before));
	if (bytes.len == 0)
		return;
	t->given += bytes.len;
	keep_tail(t, bytes);
	take_down(t, bytes, t->given);
}

void unwrap_head_await(struct unwrap_trail *t, uint64_t at)
{
	const uint64_t older = t->given - t->last.len;
	const size_t len = sizeof(t->before);
	const size_t kept = older < len ? (size_t)older : len;

	t->awaited = true;
	t->at = at;
	t->have = 0;
	take_down(t, (struct slice){ t->before + len - kept, kept }, older);
	take_down(t, t->last, t->given);
}

bool unwrap_head_is_not(const struct unwrap_trail *t, enum unwrap_head kind)
{
	const struct slice head = { t->head, t->have };

	return t->awaited && head.len == sizeof(t->head) &&
	       kind != UNWRAP_HEAD_NONE && unwrap_head(head) != kind;
}
