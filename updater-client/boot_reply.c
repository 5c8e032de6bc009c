/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/boot_reply.h"

#include <string.h>

static int refuse(struct slice line, struct err *e)
{
	char shown[80];

	text_escape(line, shown, sizeof(shown));
	return err_set(e, ERR_FORMAT,
		       "the boot control program printed \"%s\", which is not "
		       "one of its variables, once",
		       shown);
}

static int parse_line(struct slice line, bool seen[BOOT_VARIABLES],
		      struct boot_values *to, struct err *e)
{
	const uint8_t *sign =
		line.len > 0 ? memchr(line.ptr, '=', line.len) : NULL;
	struct slice name, value;

	if (!sign)
		return refuse(line, e);
	name = slice_sub(line, 0, (size_t)(sign - line.ptr));
	value = slice_sub(line, name.len + 1, line.len);
	for (size_t i = 0; i < BOOT_VARIABLES; i++) {
		const char *ours = boot_variable_name((enum boot_variable)i);

		if (!slice_equal(name, slice_of(ours)))
			continue;
		if (seen[i])
			return refuse(line, e);
		seen[i] = true;
		(void)boot_values_set(to, name, value);
		return 0;
	}
	return refuse(line, e);
}

int boot_reply_parse(struct slice in, struct boot_values *out, struct err *e)
{
	struct boot_values to = { 0 };
	bool seen[BOOT_VARIABLES] = { false };

	while (in.len > 0) {
		const uint8_t *end = memchr(in.ptr, '\n', in.len);
		size_t len = end ? (size_t)(end - in.ptr) : in.len;

		if (!end)
			return refuse(in, e);
		if (parse_line(slice_sub(in, 0, len), seen, &to, e))
			return -1;
		in = slice_sub(in, len + 1, in.len);
	}
	*out = to;
	return 0;
}
