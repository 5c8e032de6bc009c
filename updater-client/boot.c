/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/boot.h"

#include <fcntl.h>

#include "common/fs.h"

#define CMDLINE_MAX 8192
#define SLOT_WORD   "pawl.slot="

static const struct boot_control *const controls[] = {
	[CONTROL_SYMLINK] = &boot_symlink,
	[CONTROL_UBOOT] = &boot_uboot,
	[CONTROL_GRUB] = &boot_grub,
	[CONTROL_COMMAND] = &boot_command,
};

void boot_init(struct boot *b, const struct settings *config,
	       const struct slot_tree *slots)
{
	*b = (struct boot){ controls[config->control], config, slots };
}

int boot_read(const struct boot *b, struct boot_record *out, struct err *e)
{
	return b->control->read(b, out, e) ? err_in(e, "boot control") : 0;
}

int boot_write(const struct boot *b, const struct boot_record *r, struct err *e)
{
	struct boot_record back;

	if (!boot_record_is_valid(r))
		return err_set(e, ERR_SYSTEM, "an impossible boot record");
	if (b->control->write(b, r, e))
		return err_in(e, "boot control");
	if (boot_read(b, &back, e))
		return -1;
	if (!boot_record_equal(r, &back))
		return err_set(e, ERR_SYSTEM,
			       "boot control: the switch to slot %s did not "
			       "last",
			       slot_name(r->slot));
	return 0;
}

/* ---- what the kernel says ------------------------------------------------ */

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* The next word, and what follows it. */
static struct slice next_word(struct slice *rest)
{
	struct slice word;
	size_t from = 0, to;

	while (from < rest->len && is_space(rest->ptr[from]))
		from++;
	to = from;
	while (to < rest->len && !is_space(rest->ptr[to]))
		to++;
	word = slice_sub(*rest, from, to - from);
	*rest = slice_sub(*rest, to, rest->len);
	return word;
}

static enum slot slot_of(struct slice word)
{
	if (slice_equal(word, slice_of(SLOT_WORD "a")))
		return SLOT_A;
	return slice_equal(word, slice_of(SLOT_WORD "b")) ? SLOT_B : SLOT_NONE;
}

int boot_parse_cmdline(struct slice line, enum slot *out, struct err *e)
{
	const struct slice prefix = slice_of(SLOT_WORD);
	enum slot found = SLOT_NONE;
	struct slice word;
	size_t count = 0;

	while ((word = next_word(&line)).len > 0) {
		if (!slice_equal(slice_sub(word, 0, prefix.len), prefix))
			continue;
		found = slot_of(word);
		count++;
	}
	if (count != 1 || found == SLOT_NONE)
		return err_set(e, ERR_CONFIG,
			       "the kernel's command line does not say which "
			       "slot runs: the boot loader must pass it one "
			       "word, %sa or %sb",
			       SLOT_WORD, SLOT_WORD);
	*out = found;
	return 0;
}

/* Files of /proc have no length, so they are read as a stream. */
static int read_stream(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint8_t *room;
	size_t got;
	int rc = -1;

	if (fd < 0)
		return err_sys(e, "%s", path);
	room = buf_reserve(out, out->max, e);
	if (room && fs_read(fd, room, out->max, &got, e) == 0) {
		out->len += got;
		rc = 0;
	}
	fs_close(&fd);
	return rc ? err_in(e, "%s", path) : 0;
}

int boot_running(const struct boot *b, enum slot *out, struct err *e)
{
	struct buf line = BUF_INIT(CMDLINE_MAX);
	int rc = -1;

	if (!b->control->reboots)
		return slot_link_current(b->slots->dirfd, b->slots->path, out,
					 e);
	if (read_stream(b->config->cmdline, &line, e) == 0)
		rc = boot_parse_cmdline(buf_slice(&line), out, e);
	buf_done(&line);
	return rc;
}

void boot_start(const struct boot *b, char out[BOOT_ID_LEN])
{
	struct buf text = BUF_INIT(BOOT_ID_LEN);
	struct slice rest, word;
	struct err none;

	out[0] = 0;
	if (read_stream(b->config->boot_id, &text, &none) == 0) {
		rest = buf_slice(&text);
		word = next_word(&rest);
		if (text_format(out, BOOT_ID_LEN, &none, "%.*s", (int)word.len,
				(const char *)word.ptr))
			out[0] = 0;
	}
	buf_done(&text);
}

int boot_number(const struct boot *b, char out[BOOT_ID_LEN], struct err *e)
{
	struct buf text = BUF_INIT(BOOT_ID_LEN);
	struct slice rest, word;
	int rc;

	out[0] = 0;
	if (!b->control->reboots)
		return 0;
	rc = read_stream(b->config->boot_id, &text, e);
	rest = buf_slice(&text);
	word = next_word(&rest);
	if (rc == 0)
		rc = text_format(out, BOOT_ID_LEN, e, "%.*s", (int)word.len,
				 (const char *)word.ptr);
	if (rc == 0 && word.len == 0)
		rc = err_set(e, ERR_SYSTEM, "%s: no number of this boot",
			     b->config->boot_id);
	buf_done(&text);
	return rc;
}
