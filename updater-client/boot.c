/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/boot.h"

#include "common/fs.h"
#include "updater-client/cmdline.h"

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

int boot_running(const struct boot *b, enum slot *out, struct err *e)
{
	struct buf line = BUF_INIT(CMDLINE_MAX);
	int rc = -1;

	if (!b->control->reboots)
		return slot_link_current(b->slots->dirfd, b->slots->path, out,
					 e);
	if (cmdline_read(b->config->cmdline, &line, e) == 0)
		rc = cmdline_slot(buf_slice(&line), out, e);
	buf_done(&line);
	return rc;
}

void boot_start(const struct boot *b, char out[BOOT_ID_LEN])
{
	struct buf text = BUF_INIT(BOOT_ID_LEN);
	struct slice rest, word;
	struct err none;

	out[0] = 0;
	if (cmdline_read(b->config->boot_id, &text, &none) == 0) {
		rest = buf_slice(&text);
		word = cmdline_word(&rest);
		if (text_format(out, BOOT_ID_LEN, &none, "%.*s", (int)word.len,
				(const char *)word.ptr))
			out[0] = 0;
	}
	buf_done(&text);
}

int boot_number(const struct boot *b, char out[BOOT_ID_LEN], struct err *e)
{
	out[0] = 0;
	if (!b->control->reboots)
		return 0;
	boot_start(b, out);
	return out[0] ? 0
		      : err_set(e, ERR_SYSTEM, "%s: no number of this boot",
				b->config->boot_id);
}
