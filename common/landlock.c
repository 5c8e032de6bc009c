/* SPDX-License-Identifier: Apache-2.0 */
#include "common/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ABI_REFER    2 /* before it, no link or rename between folders at all */
#define ABI_TRUNCATE 3
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE /* Linux 6.2 */
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE                                                           \
	(RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                         \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |      \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |          \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |          \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |        \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)
/* Those that a file can have. */
#define RIGHTS_FILE                                                            \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
	 LANDLOCK_ACCESS_FS_TRUNCATE)

/* The C library has no names for these calls yet. */
static int abi_of_kernel(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
			    LANDLOCK_CREATE_RULESET_VERSION);
}

static uint64_t rights_to_write(int abi)
{
	return abi >= ABI_TRUNCATE ? RIGHTS_WRITE | LANDLOCK_ACCESS_FS_TRUNCATE
				   : RIGHTS_WRITE;
}

bool landlock_is_there(void)
{
	return abi_of_kernel() >= ABI_REFER;
}

void landlock_begin(struct landlock *l)
{
	struct landlock_ruleset_attr attr = { 0 };

	*l = (struct landlock){ .rules = -1, .abi = abi_of_kernel() };
	if (l->abi < ABI_REFER)
		return;
	attr.handled_access_fs =
		rights_to_write(l->abi) | LANDLOCK_ACCESS_FS_EXECUTE;
	l->rules = (int)syscall(SYS_landlock_create_ruleset, &attr,
				sizeof(attr), 0U);
	if (l->rules < 0)
		(void)err_sys(&l->failure, "Landlock");
}

static void allow(struct landlock *l, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;

	if (l->rules < 0 || l->failure.code != ERR_NONE)
		return;
	if (fstat(fd, &st)) {
		(void)err_sys(&l->failure, "Landlock");
		return;
	}
	rule.allowed_access =
		S_ISDIR(st.st_mode) ? rights : rights & RIGHTS_FILE;
	if (syscall(SYS_landlock_add_rule, l->rules, LANDLOCK_RULE_PATH_BENEATH,
		    &rule, 0U))
		(void)err_sys(&l->failure, "Landlock");
}

void landlock_fd(struct landlock *l, int fd, bool writes)
{
	allow(l, fd, writes ? rights_to_write(l->abi) : RIGHTS_READ);
}

void landlock_path(struct landlock *l, const char *path, bool writes)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0) /* what is not there cannot be read either */
		return;
	landlock_fd(l, fd, writes);
	close(fd);
}

void landlock_names(struct landlock *l, int fd)
{
	allow(l, fd, LANDLOCK_ACCESS_FS_READ_DIR);
}

int landlock_enter(struct landlock *l, struct err *e)
{
	int rc = 0;

	if (l->failure.code != ERR_NONE) {
		*e = l->failure;
		rc = -1;
	} else if (l->rules >= 0 &&
		   syscall(SYS_landlock_restrict_self, l->rules, 0U)) {
		rc = err_sys(e, "Landlock");
	}
	if (l->rules >= 0)
		close(l->rules);
	l->rules = -1;
	return rc;
}
