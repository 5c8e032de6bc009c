/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/grubenv.h"

#include <string.h>

#define SIGNATURE "# GRUB Environment Block\n"

/* Our lines with every value set: all the room that they will ever take. */
#define OURS_LEN                                                               \
	strlen("pawl_slot=a\npawl_back=a\npawl_left=3\npawl_failed=a\n")

/* Length of the line at the start without its end; -1 if it never ends. */
static long line_len(struct slice in)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.ptr[i] == '\\')
			i++;
		else if (in.ptr[i] == '\n')
			return (long)i;
	}
	return -1;
}

/* Split a line at its '='; a name is never empty. */
static bool split(struct slice line, struct slice *name, struct slice *value)
{
	const uint8_t *sign =
		line.len > 0 ? memchr(line.ptr, '=', line.len) : NULL;
	size_t at = sign ? (size_t)(sign - line.ptr) : 0;

	if (at == 0)
		return false;
	*name = slice_sub(line, 0, at);
	*value = slice_sub(line, at + 1, line.len);
	return true;
}

/* Calls visit for each line; comments, as grub-editenv makes them, too. */
static int each_line(struct slice block,
		     int (*visit)(void *ctx, struct slice line, struct err *e),
		     void *ctx, struct err *e)
{
	struct slice rest;

	if (block.len != GRUBENV_LEN ||
	    !slice_equal(slice_sub(block, 0, strlen(SIGNATURE)),
			 slice_of(SIGNATURE)))
		return err_set(e, ERR_FORMAT,
			       "not a GRUB environment block of %d bytes",
			       GRUBENV_LEN);
	rest = slice_sub(block, strlen(SIGNATURE), GRUBENV_LEN);
	while (rest.len > 0) {
		long len = line_len(rest);

		/* The padding is one long comment without an end. */
		if (len < 0 && rest.ptr[0] == '#')
			return 0;
		if (len < 0)
			return err_set(e, ERR_FORMAT,
				       "the environment block is cut off");
		if (visit(ctx, slice_sub(rest, 0, (size_t)len), e))
			return -1;
		rest = slice_sub(rest, (size_t)len + 1, rest.len);
	}
	return 0;
}

static int read_line(void *ctx, struct slice line, struct err *e)
{
	struct slice name, value;

	if (line.len > 0 && line.ptr[0] == '#')
		return 0;
	if (!split(line, &name, &value))
		return err_set(e, ERR_FORMAT,
			       "the environment block has a line that sets "
			       "nothing");
	(void)boot_values_set(ctx, name, value);
	return 0;
}

int grubenv_parse(struct slice block, struct boot_values *out, struct err *e)
{
	struct boot_values to = { 0 };

	if (each_line(block, read_line, &to, e))
		return -1;
	*out = to;
	return 0;
}

/* ---- a new block --------------------------------------------------------- */

static bool is_ours(struct slice name)
{
	struct boot_values unused = { 0 };

	return boot_values_set(&unused, name, slice_of(""));
}

static int keep_line(void *ctx, struct slice line, struct err *e)
{
	struct slice name, value;
	struct buf *to = ctx;

	/* A comment is ours to drop: grub-editenv explains itself in some. */
	if (line.len == 0 || line.ptr[0] == '#' ||
	    !split(line, &name, &value) || is_ours(name))
		return 0;
	return buf_add(to, line, e) || buf_add(to, slice_of("\n"), e) ? -1 : 0;
}

/* Up to the next sector, if ours may grow beyond this one: one comment. */
static int add_padding(struct buf *to, struct err *e)
{
	const size_t room = GRUBENV_SECTOR - to->len % GRUBENV_SECTOR;

	if (room >= OURS_LEN)
		return 0;
	/* It is no comment without its sign, if there is room for one byte. */
	for (size_t left = room > 2 ? room : 2; left > 0; left--)
		if (buf_add(to, slice_of(left > 1 ? "#" : "\n"), e))
			return -1;
	return 0;
}

static int add_ours(struct buf *to, const struct boot_values *values,
		    struct err *e)
{
	for (size_t i = 0; i < BOOT_VARIABLES; i++)
		if (buf_addf(to, e, "%s=%s\n",
			     boot_variable_name((enum boot_variable)i),
			     values->of[i]))
			return -1;
	return 0;
}

int grubenv_update(struct slice old, const struct boot_values *values,
		   uint8_t out[GRUBENV_LEN], struct err *e)
{
	struct buf to = BUF_INIT(GRUBENV_LEN);
	struct boot_values unused;
	int rc = -1;

	if (old.len > 0 && grubenv_parse(old, &unused, e))
		goto out;
	rc = buf_add(&to, slice_of(SIGNATURE), e);
	if (rc == 0 && old.len > 0)
		rc = each_line(old, keep_line, &to, e);
	if (rc == 0)
		rc = add_padding(&to, e);
	if (rc == 0)
		rc = add_ours(&to, values, e);
	if (rc) {
		err_set(e, ERR_SPACE,
			"the GRUB environment block is full: unset variables "
			"of others");
		goto out;
	}
	memset(out, '#', GRUBENV_LEN);
	memcpy(out, to.ptr, to.len);
out:
	buf_done(&to);
	return rc;
}

bool grubenv_one_sector(struct slice old, const uint8_t to[GRUBENV_LEN],
			size_t *offset)
{
	bool first, second;

	if (old.len != GRUBENV_LEN)
		return false;
	first = memcmp(old.ptr, to, GRUBENV_SECTOR) != 0;
	second = memcmp(old.ptr + GRUBENV_SECTOR, to + GRUBENV_SECTOR,
			GRUBENV_SECTOR) != 0;
	*offset = second ? GRUBENV_SECTOR : 0;
	return !first || !second;
}
