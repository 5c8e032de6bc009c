/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/confine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/landlock.h"

#define NAME_LEN_MAX 31

/*
 * The names of a list stand between spaces: for each a pointer would take more
 * room than it. False after the last.
 */
static bool next_name(const char **list, char out[NAME_LEN_MAX + 1])
{
	const size_t len = strcspn(*list, " ");

	assert(len <= NAME_LEN_MAX);
	memcpy(out, *list, len);
	out[len] = 0;
	*list += len + strspn(*list + len, " ");
	return len > 0;
}

/* ---- files --------------------------------------------------------------- */

/* Where a resolver, its modules and TLS libraries look. */
static const char network_files[] =
	"/etc/resolv.conf /etc/hosts /etc/host.conf /etc/gai.conf "
	"/etc/services /etc/nsswitch.conf /etc/protocols /etc/localtime "
	"/etc/ld.so.cache /etc/ssl /usr /lib /lib64 /run/systemd "
	"/run/resolvconf /run/nscd /dev/null /dev/urandom /proc/sys/crypto";

static void allow_folders(struct landlock *l, const int *fds, bool writes)
{
	for (size_t i = 0; i < CONFINE_FOLDERS_MAX && fds[i] != 0; i++)
		if (fds[i] > 0)
			landlock_fd(l, fds[i], writes);
}

static int limit_files(const struct confine *c, struct err *e)
{
	const char *files = c->network ? network_files : "";
	char name[NAME_LEN_MAX + 1];
	struct landlock l;

	landlock_begin(&l);
	allow_folders(&l, c->reads, false);
	allow_folders(&l, c->writes, true);
	if (c->file)
		landlock_path(&l, c->file, false);
	while (next_name(&files, name))
		landlock_path(&l, name, false);
	return landlock_enter(&l, e);
}

/* ---- system calls: seccomp ----------------------------------------------- */

/*
 * By name, since each architecture has others of them. What is
 * not listed is answered with ENOSYS, as by an older kernel: then the C library
 * of tomorrow takes the way that it has for that.
 */
static const char always[] =
	/* descriptors */
	"read readv pread64 preadv write writev pwrite64 pwritev lseek "
	"_llseek close close_range dup dup3 fcntl poll ppoll select "
	"_newselect pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait "
	"eventfd2 pipe2 recvmsg recvfrom recv sendmsg sendto send shutdown "
	/* files */
	"open openat openat2 access faccessat faccessat2 fstat fstat64 stat "
	"stat64 lstat lstat64 newfstatat fstatat64 statx statfs statfs64 "
	"fstatfs fstatfs64 getdents64 readlink readlinkat getcwd umask "
	"mkdir mkdirat unlink unlinkat rmdir rename renameat renameat2 link "
	"linkat symlink symlinkat mknod mknodat chmod fchmod fchmodat "
	"fchmodat2 fchown fchownat lchown ftruncate fallocate fsync "
	"fdatasync syncfs sync_file_range sync_file_range2 fadvise64 "
	"copy_file_range sendfile flock utimensat getxattr lgetxattr "
	"fgetxattr setxattr lsetxattr fsetxattr listxattr llistxattr "
	"flistxattr removexattr lremovexattr fremovexattr "
	/* memory */
	"brk mmap munmap mremap mprotect madvise mlock mlock2 munlock msync "
	"mincore "
	/* time, chance, itself */
	"clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday "
	"time getrandom getpid gettid getppid getuid geteuid getgid getegid "
	"getrlimit ugetrlimit prlimit64 getrusage sysinfo uname prctl "
	"arch_prctl capget sched_yield sched_getaffinity futex "
	"set_robust_list get_robust_list set_tid_address rseq membarrier "
	"rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending sigreturn "
	"sigaltstack tgkill restart_syscall exit exit_group";

/* By which the C library does the same where a long has 32 bits. */
#if ULONG_MAX == UINT32_MAX
static const char always_32[] =
	"fcntl64 ppoll_time64 pselect6_time64 fchown32 lchown32 "
	"ftruncate64 fadvise64_64 arm_fadvise64_64 sendfile64 "
	"utimensat_time64 mmap2 clock_gettime64 clock_getres_time64 "
	"clock_nanosleep_time64 getuid32 geteuid32 getgid32 getegid32 "
	"futex_time64";
#else
static const char always_32[] = "";
#endif

static const char for_network[] =
	"connect bind getsockname getpeername getsockopt setsockopt "
	"socketpair sendmmsg recvmmsg";

/* Nothing that these processes do comes near them: whoever calls is not us. */
static const char never[] =
	"execve execveat ptrace process_vm_readv process_vm_writev mount "
	"umount2 pivot_root chroot setns unshare bpf init_module "
	"finit_module delete_module kexec_load kexec_file_load "
	"open_by_handle_at reboot swapon userfaultfd add_key keyctl "
	"request_key";

static const unsigned long requests[] = { FICLONE,   FICLONERANGE, BLKGETSIZE64,
					  BLKFLSBUF, BLKSSZGET,    TCGETS,
					  FIONBIO,   FIONREAD };

#ifdef __s390__ /* which argument of clone() */
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

static const int families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK };

/* The failure of a libseccomp call, which is a negative errno. */
static int failed(int rc, struct err *e)
{
	errno = -rc;
	return err_sys(e, "seccomp");
}

/* A name that this architecture does not have is no failure. */
static int rule_each(scmp_filter_ctx f, uint32_t action, const char *names,
		     struct err *e)
{
	char name[NAME_LEN_MAX + 1];

	while (next_name(&names, name)) {
		int nr = seccomp_syscall_resolve_name(name);
		int rc = 0;

		if (nr != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(f, action, nr, 0);
		if (rc)
			return failed(rc, e);
	}
	return 0;
}

/* SCMP_A0_32() and its like are more than C11 has. */
static struct scmp_arg_cmp equals(unsigned arg, uint32_t value)
{
	return (struct scmp_arg_cmp){ .arg = arg,
				      .op = SCMP_CMP_EQ,
				      .datum_a = value };
}

static int rule_requests(scmp_filter_ctx f, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		/* The kernel takes 32 bits of it. */
		int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
					  equals(1, (uint32_t)requests[i]));

		if (rc)
			return failed(rc, e);
	}
	return 0;
}

/* Threads, of the resolver; no process. clone3 cannot be told apart. */
static int rule_network(scmp_filter_ctx f, struct err *e)
{
	int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				  SCMP_CMP(CLONE_FLAGS, SCMP_CMP_MASKED_EQ,
					   CLONE_THREAD, CLONE_THREAD));

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(families); i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      equals(0, (uint32_t)families[i]));
	if (rc)
		return failed(rc, e);
	return rule_each(f, SCMP_ACT_ALLOW, for_network, e);
}

static bool has_seccomp(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0U, &action) == 0;
}

static int limit_calls(bool network, struct err *e)
{
	scmp_filter_ctx f;
	int rc = -1;

	if (!has_seccomp())
		return 0;
	f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (!f)
		return err_set(e, ERR_SYSTEM, "seccomp: no filter");
	/* Failing is done without it; so the answer says nothing. */
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rule_each(f, SCMP_ACT_ALLOW, always, e) ||
	    rule_each(f, SCMP_ACT_ALLOW, always_32, e) ||
	    rule_each(f, SCMP_ACT_KILL_PROCESS, never, e) ||
	    rule_requests(f, e) || (network && rule_network(f, e)))
		goto out;
	rc = seccomp_load(f);
	if (rc)
		rc = failed(rc, e);
out:
	seccomp_release(f);
	return rc;
}

/* Refused, not killed: a library may try its luck and live without. */
static int limit_module(struct err *e)
{
	scmp_filter_ctx f;
	int rc = -1;

	if (!has_seccomp())
		return 0;
	f = seccomp_init(SCMP_ACT_ALLOW);
	if (!f)
		return err_set(e, ERR_SYSTEM, "seccomp: no filter");
	if (rule_each(f, SCMP_ACT_ERRNO(EPERM), never, e) == 0) {
		rc = seccomp_load(f);
		if (rc)
			rc = failed(rc, e);
	}
	seccomp_release(f);
	return rc;
}

/* ---- both ---------------------------------------------------------------- */

int confine_enter(const struct confine *c, struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L))
		return err_sys(e, "no new privileges");
	if (c->module)
		return limit_module(e);
	return limit_files(c, e) || limit_calls(c->network, e) ? -1 : 0;
}

void confine_describe(char out[CONFINE_TEXT_MAX])
{
	(void)snprintf(out, CONFINE_TEXT_MAX, "%s, %s",
		       has_seccomp() ? "system calls by seccomp"
				     : "this kernel has no seccomp filters",
		       landlock_is_there() ? "files by Landlock"
					   : "no Landlock (Linux 5.19) here");
}
