/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/steady.h"
#include "tests/unit/check.h"

/* A service manager: what it was told is read without waiting. */
static int manager_open(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char name[64];

	assert_true(fd >= 0);
	/* An abstract name, so that nothing is left behind. */
	(void)snprintf(name, sizeof(name), "@pawl-test-%d", (int)getpid());
	memcpy(at.sun_path, name, strlen(name));
	at.sun_path[0] = 0;
	assert_int_equal(
		bind(fd, (struct sockaddr *)&at,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				 strlen(name))),
		0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static const char *heard(int fd)
{
	static char said[128];
	ssize_t got = recv(fd, said, sizeof(said) - 1, 0);

	said[got > 0 ? got : 0] = 0;
	return said;
}

static void watched(const char *usec, const char *pid)
{
	assert_int_equal(setenv("WATCHDOG_USEC", usec, 1), 0);
	if (pid)
		assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
	else
		assert_int_equal(unsetenv("WATCHDOG_PID"), 0);
}

static void a_manager_is_told(void **state)
{
	int fd = manager_open();

	(void)state;
	notify_manager("READY=1");
	assert_string_equal(heard(fd), "READY=1");
	close(fd);
	notify_manager("STOPPING=1"); /* nobody there any more: no harm */
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	notify_manager("STOPPING=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
	notify_manager("STOPPING=1");
}

static void without_a_watchdog_waits_are_whole(void **state)
{
	int fd = manager_open();

	(void)state;
	assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
	assert_int_equal(notify_alive(5000), 5000);
	assert_int_equal(notify_alive(-1), -1);
	watched("nonsense", NULL);
	assert_int_equal(notify_alive(5000), 5000);
	assert_string_equal(heard(fd), "");
	close(fd);
}

static void another_process_is_not_watched(void **state)
{
	int fd = manager_open();

	(void)state;
	watched("400000", "1");
	assert_int_equal(notify_alive(5000), 5000);
	assert_string_equal(heard(fd), "");
	close(fd);
}

static void signs_of_life_come_four_in_a_period(void **state)
{
	int fd = manager_open();
	char pid[16], early[64];
	int64_t start;

	(void)state;
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	watched("4000000", pid);
	do {
		(void)usleep(1010000);
		while (*heard(fd))
			;
		start = steady_ms();
		assert_in_range(notify_alive(-1), 0, 1000);
		assert_string_equal(heard(fd), "WATCHDOG=1");
		/* Not due again yet, and a short wait stays what it is. */
		assert_in_range(notify_alive(5000), 0, 1000);
		assert_int_equal(notify_alive(0), 0);
		(void)snprintf(early, sizeof(early), "%s", heard(fd));
		/* But for a machine that was busy for so long. */
	} while (steady_ms() - start >= 1000);
	assert_string_equal(early, "");
	(void)usleep(1010000);
	(void)notify_alive(-1);
	assert_string_equal(heard(fd), "WATCHDOG=1");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manager_is_told),
		cmocka_unit_test(without_a_watchdog_waits_are_whole),
		cmocka_unit_test(another_process_is_not_watched),
		cmocka_unit_test(signs_of_life_come_four_in_a_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
