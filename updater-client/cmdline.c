/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/cmdline.h"

#include <fcntl.h>

#include "common/fs.h"

#define SLOT_WORD "pawl.slot="
#define LEFT_WORD "pawl.left="

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

struct slice cmdline_word(struct slice *rest)
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

int cmdline_slot(struct slice line, enum slot *out, struct err *e)
{
	const struct slice prefix = slice_of(SLOT_WORD);
	enum slot found = SLOT_NONE;
	struct slice word;
	size_t count = 0;

	while ((word = cmdline_word(&line)).len > 0) {
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

enum cmdline_left cmdline_left(struct slice line)
{
	const struct slice prefix = slice_of(LEFT_WORD);
	enum cmdline_left left = LEFT_UNSAID;
	struct slice word;

	while ((word = cmdline_word(&line)).len > 0) {
		if (!slice_equal(slice_sub(word, 0, prefix.len), prefix))
			continue;
		if (word.len > prefix.len)
			return LEFT_COUNTED;
		left = LEFT_NOTHING;
	}
	return left;
}

int cmdline_read(const char *path, struct buf *out, struct err *e)
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
