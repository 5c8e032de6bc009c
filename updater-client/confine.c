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
 * What is not listed is answered with ENOSYS, as by an older kernel: then the C
 * library of tomorrow takes the way that it has for that. A call that this
 * architecture does not have is a number below zero, which matches nothing.
 */
/* clang-format off */
static const int16_t always[] = {
	/* descriptors */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv),
	SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev), SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(close),
	SCMP_SYS(close_range), SCMP_SYS(dup), SCMP_SYS(dup3), SCMP_SYS(fcntl),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(_newselect),
	SCMP_SYS(pselect6), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(eventfd2),
	SCMP_SYS(pipe2), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(recv),
	SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(send), SCMP_SYS(shutdown),
	/* files */
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fstat),
	SCMP_SYS(fstat64), SCMP_SYS(stat), SCMP_SYS(stat64), SCMP_SYS(lstat),
	SCMP_SYS(lstat64), SCMP_SYS(newfstatat), SCMP_SYS(fstatat64),
	SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(statfs64),
	SCMP_SYS(fstatfs), SCMP_SYS(fstatfs64), SCMP_SYS(getdents64),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
	SCMP_SYS(umask), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(unlink),
	SCMP_SYS(unlinkat), SCMP_SYS(rmdir), SCMP_SYS(rename),
	SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(link),
	SCMP_SYS(linkat), SCMP_SYS(symlink), SCMP_SYS(symlinkat),
	SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(chmod), SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
/* Linux 6.6. Either header may be older than that, and the other not. */
#if defined(__NR_fchmodat2) && defined(__SNR_fchmodat2)
	SCMP_SYS(fchmodat2),
#endif
	SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(lchown),
	SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fsync),
	SCMP_SYS(fdatasync), SCMP_SYS(syncfs), SCMP_SYS(sync_file_range),
	SCMP_SYS(sync_file_range2), SCMP_SYS(fadvise64),
	SCMP_SYS(copy_file_range), SCMP_SYS(sendfile), SCMP_SYS(flock),
	SCMP_SYS(utimensat), SCMP_SYS(getxattr), SCMP_SYS(lgetxattr),
	SCMP_SYS(fgetxattr), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr),
	SCMP_SYS(fsetxattr), SCMP_SYS(listxattr), SCMP_SYS(llistxattr),
	SCMP_SYS(flistxattr), SCMP_SYS(removexattr), SCMP_SYS(lremovexattr),
	SCMP_SYS(fremovexattr),
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap),
	SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(mlock),
	SCMP_SYS(mlock2), SCMP_SYS(munlock), SCMP_SYS(msync), SCMP_SYS(mincore),
	/* time, chance, itself */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrlimit),
	SCMP_SYS(ugetrlimit), SCMP_SYS(prlimit64), SCMP_SYS(getrusage),
	SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(prctl),
	SCMP_SYS(arch_prctl), SCMP_SYS(capget), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(futex), SCMP_SYS(set_robust_list),
	SCMP_SYS(get_robust_list), SCMP_SYS(set_tid_address), SCMP_SYS(rseq),
	SCMP_SYS(membarrier), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigpending), SCMP_SYS(sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(tgkill), SCMP_SYS(restart_syscall),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
#if ULONG_MAX == UINT32_MAX /* the same, where a long has 32 bits */
	SCMP_SYS(fcntl64), SCMP_SYS(ppoll_time64), SCMP_SYS(pselect6_time64),
	SCMP_SYS(fchown32), SCMP_SYS(lchown32), SCMP_SYS(ftruncate64),
	SCMP_SYS(fadvise64_64), SCMP_SYS(arm_fadvise64_64),
	SCMP_SYS(sendfile64), SCMP_SYS(utimensat_time64), SCMP_SYS(mmap2),
	SCMP_SYS(clock_gettime64), SCMP_SYS(clock_getres_time64),
	SCMP_SYS(clock_nanosleep_time64), SCMP_SYS(getuid32),
	SCMP_SYS(geteuid32), SCMP_SYS(getgid32), SCMP_SYS(getegid32),
	SCMP_SYS(futex_time64),
#endif
};

static const int16_t for_network[] = {
	SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getsockname),
	SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	SCMP_SYS(socketpair), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
};

/* Nothing that these processes do comes near them: whoever calls is not us. */
static const int16_t never[] = { SCMP_SYS(execve),
				 SCMP_SYS(execveat),
				 SCMP_SYS(ptrace),
				 SCMP_SYS(process_vm_readv),
				 SCMP_SYS(process_vm_writev),
				 SCMP_SYS(mount),
				 SCMP_SYS(umount2),
				 SCMP_SYS(pivot_root),
				 SCMP_SYS(chroot),
				 SCMP_SYS(setns),
				 SCMP_SYS(unshare),
				 SCMP_SYS(bpf),
				 SCMP_SYS(init_module),
				 SCMP_SYS(finit_module),
				 SCMP_SYS(delete_module),
				 SCMP_SYS(kexec_load),
				 SCMP_SYS(kexec_file_load),
				 SCMP_SYS(open_by_handle_at),
				 SCMP_SYS(reboot),
				 SCMP_SYS(swapon),
				 SCMP_SYS(userfaultfd),
				 SCMP_SYS(add_key),
				 SCMP_SYS(keyctl),
				 SCMP_SYS(request_key) };
/* clang-format on */

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

static int rule_each(scmp_filter_ctx f, uint32_t action, const int16_t *calls,
		     size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		int rc = seccomp_rule_add(f, action, calls[i], 0);

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
	return rule_each(f, SCMP_ACT_ALLOW, for_network, ARRAY_LEN(for_network),
			 e);
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
	if (rule_each(f, SCMP_ACT_ALLOW, always, ARRAY_LEN(always), e) ||
	    rule_each(f, SCMP_ACT_KILL_PROCESS, never, ARRAY_LEN(never), e) ||
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
	if (rule_each(f, SCMP_ACT_ERRNO(EPERM), never, ARRAY_LEN(never), e) ==
	    0) {
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
