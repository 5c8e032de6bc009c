/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fs.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/time.h>

#include "tests/unit/own_box.h"

static void a_lock_is_held_by_one_and_names_its_holder(void **state)
{
	struct err e = { 0 };
	int first = -1, second = -1;
	char pid[16];

	(void)state;
	assert_ok(fs_lock(box.dir, "lock", &first, &e));
	assert_refused(fs_lock(box.dir, "lock", &second, &e), ERR_BUSY);
	(void)snprintf(pid, sizeof(pid), " %ld", (long)getpid());
	assert_non_null(strstr(e.msg, pid));
	assert_int_equal(second, -1);
	fs_close(&first);
	assert_ok(fs_lock(box.dir, "lock", &second, &e));
	fs_close(&second);
}

static void who_only_asks_whether_it_is_held_holds_nothing(void **state)
{
	struct err e = { 0 };
	int fd = -1;

	(void)state;
	assert_false(fs_is_locked(box.dir, "lock"));
	assert_int_equal(count_names(box.dir), 0);
	assert_ok(fs_lock(box.dir, "lock", &fd, &e));
	assert_true(fs_is_locked(box.dir, "lock"));
	fs_close(&fd);
	assert_false(fs_is_locked(box.dir, "lock"));
	assert_ok(fs_lock(box.dir, "lock", &fd, &e));
	fs_close(&fd);
}

/* The part in the lock of who asks, given back a little later. */
static int asking = -1;

static void have_the_answer(int signal)
{
	(void)signal;
	(void)close(asking);
}

static void who_asks_in_the_same_instant_makes_nobody_give_up(void **state)
{
	const struct itimerval soon = { .it_value = { .tv_usec = 30000 } };
	struct sigaction act = { .sa_handler = have_the_answer }, before;
	struct err e = { 0 };
	int fd = -1;

	(void)state;
	put_file(box.dir, "lock", "", 0600);
	assert_ok(fs_open(box.dir, "lock", O_RDONLY, &asking, &e));
	assert_int_equal(flock(asking, LOCK_SH | LOCK_NB), 0);
	assert_int_equal(sigaction(SIGALRM, &act, &before), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_ok(fs_lock(box.dir, "lock", &fd, &e));
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
	fs_close(&fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, own_box_open, own_box_close)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_lock_is_held_by_one_and_names_its_holder),
		TEST(who_only_asks_whether_it_is_held_holds_nothing),
		TEST(who_asks_in_the_same_instant_makes_nobody_give_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
