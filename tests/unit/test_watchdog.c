/* SPDX-License-Identifier: Apache-2.0 */
/* A file stands in for the device: what it would be told is what is in it. */
#include "updater-client/watchdog.h"

#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/steady.h"
#include "tests/unit/box.h"
#include "updater-client/notify.h"

static struct box box;
static char path[256];

static int setup(void **state)
{
	(void)state;
	box_open(&box);
	(void)snprintf(path, sizeof(path), "%s/watchdog", box.path);
	put_file(box.dir, "watchdog", "", 0600);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	watchdog_disarm();
	box_close(&box);
	return 0;
}

/* How often it was fed, and whether it was told that this is the end. */
static size_t fed(bool *disarmed)
{
	struct buf told = BUF_INIT(4096);
	struct err e = { 0 };
	size_t n = 0;

	assert_ok(fs_read_file(box.dir, "watchdog", &told, &e));
	*disarmed = told.len > 0 && told.ptr[told.len - 1] == 'V';
	for (size_t i = 0; i < told.len; i++)
		n += told.ptr[i] == 0;
	buf_done(&told);
	return n;
}

static void who_waits_feeds_it_in_time(void **state)
{
	int64_t begun;
	size_t turns = 0, times;
	struct err e = { 0 };
	bool disarmed;

	(void)state;
	assert_int_equal(watchdog_feed(5000), 5000); /* none: no hurry */
	assert_int_equal(watchdog_feed(-1), -1);
	assert_ok(watchdog_arm(path, 1, &e));
	assert_int_equal(fed(&disarmed), 1);
	assert_true(watchdog_feed(5000) <= 250);
	assert_true(watchdog_feed(-1) >= 0);
	assert_int_equal(watchdog_feed(0), 0);
	/* As every wait of the client does, of which a busy machine makes
	 * fewer. */
	for (begun = steady_ms(); steady_ms() - begun < 1100; turns++)
		(void)poll(NULL, 0, notify_alive(5000));
	times = fed(&disarmed);
	assert_true(times >= 4 || times >= turns);
	assert_true(times <= 3 + (size_t)(steady_ms() - begun) / 250);
	assert_false(disarmed);
	watchdog_disarm();
	(void)fed(&disarmed);
	assert_true(disarmed);
	assert_int_equal(watchdog_feed(5000), 5000);
}

static void who_dies_leaves_it_armed(void **state)
{
	struct err e = { 0 };
	bool disarmed;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0)
		_exit(watchdog_arm(path, 1, &e) ? 1 : 0);
	(void)waitpid(child, NULL, 0);
	assert_int_equal(fed(&disarmed), 1);
	assert_false(disarmed);
}

static void a_child_neither_feeds_nor_disarms_it(void **state)
{
	struct err e = { 0 };
	bool disarmed;
	pid_t child;

	(void)state;
	assert_ok(watchdog_arm(path, 1, &e));
	child = fork();
	if (child == 0) {
		(void)poll(NULL, 0, 400);
		(void)watchdog_feed(0);
		watchdog_disarm();
		_exit(0);
	}
	(void)waitpid(child, NULL, 0);
	assert_int_equal(fed(&disarmed), 1);
	assert_false(disarmed);
}

static void one_that_is_not_there_is_named(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(watchdog_arm("/no/such/device", 1, &e),
			      ERR_CONFIG, "/no/such/device");
	/* A character device that is no watchdog. */
	assert_refused(watchdog_arm("/dev/null", 1, &e), ERR_CONFIG);
}

int main(void)
{
#define WITH_BOX(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	static const struct CMUnitTest tests[] = {
		WITH_BOX(who_waits_feeds_it_in_time),
		WITH_BOX(who_dies_leaves_it_armed),
		WITH_BOX(a_child_neither_feeds_nor_disarms_it),
		WITH_BOX(one_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
