/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/walk.h"

#include <string.h>

static void number(struct walk *w, uint64_t *value, size_t len, uint64_t max)
{
	struct err unused;
	uint8_t bytes[8] = { 0 };
	uint64_t got = 0;

	if (w->writing) {
		w->bad |= *value > max ||
			  buf_add_le(w->out, *value, len, &unused) != 0;
		/* Nobody counts to what is refused. */
		*value = w->bad ? 0 : *value;
		return;
	}
	rd_copy(&w->in, bytes, len);
	for (size_t i = len; i > 0; i--)
		got = got << 8 | bytes[i - 1];
	w->bad |= got > max;
	*value = w->bad ? 0 : got;
}

void walk_u64(struct walk *w, uint64_t *value)
{
	number(w, value, 8, UINT64_MAX);
}

void walk_u32(struct walk *w, uint32_t *value)
{
	uint64_t wide = *value;

	number(w, &wide, 4, UINT32_MAX);
	*value = (uint32_t)wide;
}

void walk_time(struct walk *w, int64_t *value)
{
	uint64_t wide = (uint64_t)*value;

	number(w, &wide, 8, INT64_MAX);
	*value = (int64_t)wide;
}

unsigned walk_small(struct walk *w, unsigned value, unsigned max)
{
	uint64_t wide = value;

	number(w, &wide, 1, max);
	return (unsigned)wide;
}

void walk_bool(struct walk *w, bool *value)
{
	*value = walk_small(w, *value, 1) == 1;
}

void walk_bytes(struct walk *w, void *bytes, size_t len)
{
	struct err unused;

	if (w->writing)
		w->bad |= buf_add(w->out, (struct slice){ bytes, len },
				  &unused) != 0;
	else
		rd_copy(&w->in, bytes, len);
}

void walk_digest(struct walk *w, struct sha256 *digest)
{
	walk_bytes(w, digest->bytes, SHA256_LEN);
}

size_t walk_block(struct walk *w, void *bytes, size_t len, size_t size)
{
	uint64_t wide = len;

	number(w, &wide, 2, size);
	if (!w->bad)
		walk_bytes(w, bytes, (size_t)wide);
	return (size_t)wide;
}

void walk_text(struct walk *w, char *text, size_t size)
{
	size_t len = w->writing ? strlen(text) : 0;

	len = walk_block(w, text, len, size - 1);
	if (w->writing)
		return;
	text[len] = 0;
	w->bad |= strlen(text) != len;
}

void walk_rest(struct walk *w, struct slice *bytes)
{
	struct err unused;

	if (w->writing)
		w->bad |= buf_add(w->out, *bytes, &unused) != 0;
	else
		*bytes = rd_slice(&w->in, w->in.rest.len);
}

int walk_end(struct walk *w, struct err *e)
{
	while (!w->in.bad && w->in.rest.len > 0)
		if (rd_u8(&w->in) != 0)
			return err_set(e, ERR_FORMAT, "unknown fields");
	if (rd_finish(&w->in, e))
		return -1;
	return w->bad ? err_set(e, ERR_FORMAT, "impossible values") : 0;
}
