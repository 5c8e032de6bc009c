/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/watchdog.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/steady.h"

#define FEEDS_EACH 4 /* in the time after which it resets */

/*
 * There is one, and whatever waits must feed it: hence here, and not with a
 * trial. A child that was forked has the number, and perhaps another file.
 */
static struct {
	pid_t owner; /* 0: not armed */
	int fd;
	int64_t period_ms, next_ms;
} armed;

static int set_timeout(int fd, const char *path, unsigned sec, struct err *e)
{
	struct stat st;
	int timeout = (int)sec;

	if (fstat(fd, &st) || !S_ISCHR(st.st_mode))
		return 0;
	if (ioctl(fd, WDIOC_SETTIMEOUT, &timeout) == 0)
		return 0;
	err_sys(e, "%s: %u seconds", path, sec);
	e->code = ERR_CONFIG;
	return -1;
}

/* Without it, closing would leave the timer running. */
static void say_goodbye(int fd)
{
	/* If that fails the device is reset, which is its purpose. */
	if (write(fd, "V", 1) != 1)
		return;
}

int watchdog_arm(const char *path, unsigned sec, struct err *e)
{
	int fd = open(path,
		      O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		err_sys(e, "%s", path);
		e->code = ERR_CONFIG;
		return -1;
	}
	if (set_timeout(fd, path, sec, e)) {
		say_goodbye(fd);
		fs_close(&fd);
		return -1;
	}
	watchdog_disarm();
	armed.owner = getpid();
	armed.fd = fd;
	armed.period_ms = (int64_t)sec * 1000 / FEEDS_EACH;
	armed.next_ms = 0;
	(void)watchdog_feed(0);
	return 0;
}

int watchdog_feed(int wait_ms)
{
	int64_t now;

	if (armed.owner != getpid())
		return wait_ms;
	now = steady_ms();
	if (now >= armed.next_ms) {
		/* Not fed is reset: nothing else is to be done about it. */
		if (write(armed.fd, "\0", 1) == 1)
			armed.next_ms = now + armed.period_ms;
		else
			armed.next_ms = now + 1;
	}
	return wait_ms < 0 || wait_ms > armed.next_ms - now
		       ? (int)(armed.next_ms - now)
		       : wait_ms;
}

void watchdog_disarm(void)
{
	if (armed.owner != getpid())
		return;
	say_goodbye(armed.fd);
	fs_close(&armed.fd);
	armed.owner = 0;
}
