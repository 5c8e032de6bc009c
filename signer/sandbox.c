/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/sandbox.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base.h"
#include "common/fs.h"
#include "common/landlock.h"

/* Answered with EPERM: what a library tries of its own accord it lives without.
 */
static const char *const never[] = {
	"socket",
	"socketpair",
	"connect",
	"bind",
	"listen",
	"accept",
	"accept4",
	"execve",
	"execveat",
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"pidfd_getfd",
	"mount",
	"umount2",
	"move_mount",
	"fsopen",
	"open_tree",
	"pivot_root",
	"chroot",
	"setns",
	"unshare",
	"bpf",
	"init_module",
	"finit_module",
	"delete_module",
	"kexec_load",
	"kexec_file_load",
	"open_by_handle_at",
	"reboot",
	"swapon",
	"userfaultfd",
	"io_uring_setup", /* a way round all of these */
	"add_key",
	"keyctl",
	"request_key",
};

static int no_new_privileges(struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L))
		return err_sys(e, "no new privileges");
	return 0;
}

static bool has_seccomp(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0U, &action) == 0;
}

/* A name that this machine does not have is no failure. */
static int refuse_calls(scmp_filter_ctx f)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(never); i++) {
		int nr = seccomp_syscall_resolve_name(never[i]);

		if (nr != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), nr, 0);
	}
	return rc == 0 ? seccomp_load(f) : rc;
}

int sandbox_enter(struct err *e)
{
	scmp_filter_ctx f;
	int rc;

	if (no_new_privileges(e))
		return -1;
	if (!has_seccomp())
		return 0;
	f = seccomp_init(SCMP_ACT_ALLOW);
	if (!f)
		return err_set(e, ERR_SYSTEM, "seccomp: no filter");
	rc = refuse_calls(f);
	seccomp_release(f);
	if (rc == 0)
		return 0;
	errno = -rc;
	return err_sys(e, "seccomp");
}

int sandbox_writes(const char *folder, const char *other, struct err *e)
{
	struct landlock l;

	if (no_new_privileges(e))
		return -1;
	landlock_begin(&l);
	landlock_path(&l, "/", false);
	landlock_path(&l, "/dev/tty", true);
	landlock_path(&l, "/dev/null", true);
	if (folder)
		landlock_path(&l, folder, true);
	if (other)
		landlock_path(&l, other, true);
	return landlock_enter(&l, e);
}

int sandbox_fills(const char *repo, const char *folder, int *dirfd,
		  struct err *e)
{
	int fd = -1;

	if (fs_open_dir(repo, &fd, e))
		return -1;
	fs_close(&fd);
	/* No folder can be made any more once we are shut in. */
	if (fs_make_dir(folder, 0755, dirfd, e))
		return -1;
	if (sandbox_writes(repo, folder, e) == 0)
		return 0;
	fs_close(dirfd);
	return -1;
}
