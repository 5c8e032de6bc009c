/* SPDX-License-Identifier: Apache-2.0 */
#include "common/der.h"

#include <string.h>

#define LENGTH_BYTES_MAX 3 /* nothing of ours comes near 16 MB */

/* Long form is for what the short one cannot say, without leading zeroes. */
static size_t read_length(struct rd *r)
{
	uint8_t first = rd_u8(r);
	size_t count = first & 0x7f, len = 0;

	if (first < 0x80)
		return first;
	if (count > LENGTH_BYTES_MAX) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		uint8_t byte = rd_u8(r);

		if (i == 0 && byte == 0)
			r->bad = true;
		len = len << 8 | byte;
	}
	/* Nor does anything end by a mark of its own: count 0. */
	if (len < 0x80)
		r->bad = true;
	return len;
}

bool der_next_is(const struct rd *r, uint8_t tag)
{
	return !r->bad && r->rest.len > 0 && r->rest.ptr[0] == tag;
}

struct slice der_read(struct rd *r, uint8_t tag)
{
	if (rd_u8(r) != tag)
		r->bad = true;
	return rd_slice(r, read_length(r));
}

struct rd der_enter(struct rd *r, uint8_t tag)
{
	struct rd inner = rd_init(der_read(r, tag));

	inner.bad = r->bad;
	return inner;
}

struct slice der_read_any(struct rd *r, uint8_t *tag)
{
	struct slice from = r->rest;

	*tag = rd_u8(r);
	/* A tag number of several bytes occurs in nothing that we accept. */
	if ((*tag & 0x1f) == 0x1f)
		r->bad = true;
	(void)rd_slice(r, read_length(r));
	if (r->bad)
		return (struct slice){ 0 };
	return slice_sub(from, 0, from.len - r->rest.len);
}

struct slice der_read_unsigned(struct rd *r)
{
	struct slice s = der_read(r, DER_INTEGER);

	if (s.len == 0 || s.ptr[0] >= 0x80) {
		r->bad = true;
		return (struct slice){ 0 };
	}
	if (s.ptr[0] != 0)
		return s;
	if (s.len > 1 && s.ptr[1] < 0x80)
		r->bad = true;
	return slice_sub(s, 1, s.len - 1);
}

struct slice der_read_bits(struct rd *r)
{
	struct slice s = der_read(r, DER_BIT_STRING);

	if (s.len == 0 || s.ptr[0] != 0) {
		r->bad = true;
		return (struct slice){ 0 };
	}
	return slice_sub(s, 1, s.len - 1);
}

struct der_writer der_writer(struct buf *out)
{
	return (struct der_writer){ .out = out };
}

void der_put_raw(struct der_writer *w, struct slice bytes)
{
	struct err ignored; /* the only one there is: past the ceiling */

	if (!w->full && buf_add(w->out, bytes, &ignored))
		w->full = true;
}

static void put_byte(struct der_writer *w, uint8_t byte)
{
	der_put_raw(w, (struct slice){ &byte, 1 });
}

static size_t length_form(size_t len, uint8_t form[1 + LENGTH_BYTES_MAX])
{
	size_t count = 0;

	if (len < 0x80) {
		form[0] = (uint8_t)len;
		return 1;
	}
	for (size_t rest = len; rest > 0; rest >>= 8)
		count++;
	form[0] = (uint8_t)(0x80 | count);
	for (size_t i = 0; i < count; i++)
		form[1 + i] = (uint8_t)(len >> (8 * (count - 1 - i)));
	return 1 + count;
}

size_t der_begin(struct der_writer *w, uint8_t tag)
{
	put_byte(w, tag);
	return w->out->len;
}

/* The length is known only now: move the contents to make room for it. */
void der_end(struct der_writer *w, size_t begin)
{
	static const uint8_t room[1 + LENGTH_BYTES_MAX];
	uint8_t form[1 + LENGTH_BYTES_MAX];
	size_t len = w->out->len - begin, form_len;

	if (!w->full && len >> (8 * LENGTH_BYTES_MAX))
		w->full = true;
	if (w->full)
		return;
	form_len = length_form(len, form);
	der_put_raw(w, (struct slice){ room, form_len });
	if (w->full)
		return;
	memmove(w->out->ptr + begin + form_len, w->out->ptr + begin, len);
	memcpy(w->out->ptr + begin, form, form_len);
}

void der_put(struct der_writer *w, uint8_t tag, struct slice contents)
{
	size_t begin = der_begin(w, tag);

	der_put_raw(w, contents);
	der_end(w, begin);
}

void der_put_unsigned(struct der_writer *w, struct slice magnitude)
{
	size_t begin = der_begin(w, DER_INTEGER);

	while (magnitude.len > 0 && magnitude.ptr[0] == 0)
		magnitude = slice_sub(magnitude, 1, magnitude.len);
	if (magnitude.len == 0 || magnitude.ptr[0] >= 0x80)
		put_byte(w, 0);
	der_put_raw(w, magnitude);
	der_end(w, begin);
}

void der_put_bits(struct der_writer *w, struct slice bytes)
{
	size_t begin = der_begin(w, DER_BIT_STRING);

	put_byte(w, 0);
	der_put_raw(w, bytes);
	der_end(w, begin);
}

void der_put_text(struct der_writer *w, uint8_t tag, const char *text)
{
	der_put(w, tag, slice_of(text));
}

int der_finish(const struct der_writer *w, struct err *e)
{
	if (w->full)
		return err_set(e, ERR_LIMIT, "more than %zu bytes of DER",
			       w->out->max);
	return 0;
}
