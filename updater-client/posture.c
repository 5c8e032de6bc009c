/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/posture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/fs.h"
#include "updater-client/confine.h"
#include "updater-client/hook.h"

#define RTC "/dev/rtc0"
#define SECURE_BOOT                                                            \
	"/sys/firmware/efi/efivars/"                                           \
	"SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define VARIABLE_LEN 5

static void know(struct wire_posture *p, enum wire_posture_bit bit, bool yes)
{
	p->known |= 1U << bit;
	p->yes |= yes ? 1U << bit : 0;
}

void posture_read_secure_boot(struct slice variable, struct wire_posture *p)
{
	if (variable.len == VARIABLE_LEN && variable.ptr[4] <= 1)
		know(p, POSTURE_SECURE_BOOT, variable.ptr[4] == 1);
}

/* On a board without UEFI its loader would have to be asked: not known. */
static void look_at_firmware(struct wire_posture *p)
{
	struct buf variable = BUF_INIT(64);
	struct err ignored;

	if (fs_read_path(SECURE_BOOT, &variable, &ignored) == 0)
		posture_read_secure_boot(buf_slice(&variable), p);
	buf_done(&variable);
}

/* What is not there is nobody's to write; its user will be told. */
static bool is_private(const char *path)
{
	struct err why;

	return !path || hook_check(path, &why) == 0 || why.code != ERR_CONFIG;
}

static bool is_config_private(const struct settings *c)
{
	const char *const files[] = {
		c->path,
		c->root,
		c->ca,
		c->health.argv[0],
		c->restart.argv[0],
		c->reboot.argv[0],
		c->consent.argv[0],
		c->boot.argv[0],
		c->counter.argv[0],
		c->data_save.argv[0],
		c->data_restore.argv[0],
		c->token.module,
	};
	bool is = true;

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		is &= is_private(files[i]);
	for (size_t i = 0; i < c->slot_count; i++)
		is &= is_private(c->slots[i].program.argv[0]);
	return is;
}

bool posture_root_is_read_only(void)
{
	struct statvfs root;
	struct err unknown;
	int fd = -1;
	bool is = fs_open_dir("/", &fd, &unknown) == 0 &&
		  fstatvfs(fd, &root) == 0 && (root.f_flag & ST_RDONLY);

	fs_close(&fd);
	return is;
}

struct wire_posture posture_look(const struct settings *c, bool hardware_keys)
{
	struct wire_posture p = { 0, 0 };
	char text[CONFINE_TEXT_MAX];

	confine_describe(text);
	know(&p, POSTURE_SANDBOX, !strstr(text, " no "));
	know(&p, POSTURE_ROOT_READ_ONLY, posture_root_is_read_only());
	know(&p, POSTURE_HARDWARE_CLOCK, access(RTC, F_OK) == 0);
	know(&p, POSTURE_HARDWARE_KEY, hardware_keys);
	know(&p, POSTURE_CONFIG_PRIVATE, is_config_private(c));
	look_at_firmware(&p);
	return p;
}
