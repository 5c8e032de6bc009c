/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/posture.h"

#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/fs.h"

#include "updater-client/confine.h"

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

struct wire_posture posture_look(bool hardware_keys)
{
	struct wire_posture p = { 0, 0 };
	char text[CONFINE_TEXT_MAX];
	struct statvfs root;

	confine_describe(text);
	know(&p, POSTURE_SANDBOX, !strstr(text, " no "));
	if (statvfs("/", &root) == 0)
		know(&p, POSTURE_ROOT_READ_ONLY, root.f_flag & ST_RDONLY);
	know(&p, POSTURE_HARDWARE_CLOCK, access(RTC, F_OK) == 0);
	know(&p, POSTURE_HARDWARE_KEY, hardware_keys);
	look_at_firmware(&p);
	return p;
}
