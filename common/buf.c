/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/secret.h"

#define FIRST_ALLOC 64

void buf_done(struct buf *b)
{
	if (b->secret)
		secret_free(b->ptr, b->cap);
	else
		free(b->ptr);
	*b = (struct buf){ .max = b->max, .secret = b->secret };
}

void buf_wipe(struct buf *b)
{
	if (b->ptr)
		mem_wipe(b->ptr, b->cap);
	buf_done(b);
}

uint8_t *buf_reserve(struct buf *b, size_t len, struct err *e)
{
	size_t cap = b->cap > 0 ? b->cap : FIRST_ALLOC;

	if (len > b->max - b->len) {
		err_set(e, ERR_LIMIT, "more than %zu bytes", b->max);
		return NULL;
	}
	if (b->secret)
		cap = b->max + 1;
	while (cap < b->len + len + 1)
		cap = cap < SIZE_MAX / 2 ? cap * 2 : SIZE_MAX;
	if (b->max < SIZE_MAX && cap > b->max + 1)
		cap = b->max + 1;
	if (cap > b->cap && b->secret) {
		b->ptr = secret_new(cap);
		b->cap = cap;
	} else if (cap > b->cap) {
		b->ptr = mem_resize(b->ptr, cap, 1);
		b->cap = cap;
	}
	return b->ptr + b->len;
}

int buf_add(struct buf *b, struct slice s, struct err *e)
{
	uint8_t *room = buf_reserve(b, s.len, e);

	if (!room)
		return -1;
	if (s.len > 0)
		memcpy(room, s.ptr, s.len);
	b->len += s.len;
	b->ptr[b->len] = 0;
	return 0;
}

int buf_addf(struct buf *b, struct err *e, const char *fmt, ...)
{
	uint8_t *room;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return err_sys(e, "format");
	room = buf_reserve(b, (size_t)len, e);
	if (!room)
		return -1;
	va_start(ap, fmt);
	(void)vsnprintf((char *)room, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
	return 0;
}

int buf_add_le(struct buf *b, uint64_t value, size_t len, struct err *e)
{
	uint8_t bytes[sizeof(value)];

	for (size_t i = 0; i < sizeof(value); i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	return buf_add(b, (struct slice){ bytes, len }, e);
}

struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ b->ptr, b->len };
}

const char *buf_text(const struct buf *b)
{
	return b->ptr ? (const char *)b->ptr : "";
}
