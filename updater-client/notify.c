/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/notify.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/steady.h"
#include "common/text.h"
#include "updater-client/watchdog.h"

#define SIGNS_EACH 4 /* signs of life in the time that the manager waits */

void notify_manager(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof(to.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@') /* an abstract name */
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* A manager that does not take it has lost only a hint. */
	if (connect(fd, (struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				len)) == 0)
		(void)send(fd, state, strlen(state), MSG_NOSIGNAL);
	close(fd);
}

/* A number of the environment; 0 where it is not one. */
static uint64_t number_of(const char *name)
{
	const char *text = getenv(name);
	struct err ignored;
	uint64_t n = 0;

	if (!text || num_parse(slice_of(text), UINT64_MAX, &n, &ignored))
		return 0;
	return n;
}

/* How often it must hear of us; 0: it does not ask. */
static int64_t period_ms(void)
{
	uint64_t pid = number_of("WATCHDOG_PID");
	uint64_t usec = number_of("WATCHDOG_USEC");

	if (usec == 0 || (pid != 0 && pid != (uint64_t)getpid()))
		return 0;
	usec /= 1000 * SIGNS_EACH;
	return usec < 1 ? 1 : usec > INT_MAX ? INT_MAX : (int64_t)usec;
}

int notify_alive(int wait_ms)
{
	static int64_t next; /* when a sign of life is due */
	int64_t period = period_ms();
	int64_t now = steady_ms();

	wait_ms = watchdog_feed(wait_ms);
	if (period == 0)
		return wait_ms;
	if (now >= next) {
		notify_manager("WATCHDOG=1");
		next = now + period;
	}
	return wait_ms < 0 || wait_ms > next - now ? (int)(next - now)
						   : wait_ms;
}
