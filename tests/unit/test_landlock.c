/* SPDX-License-Identifier: Apache-2.0 */
/* What a process finds that gave up all files but some: tried in a child. */
#include "common/landlock.h"

#include <errno.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/own_box.h"

static int in_folder(const char *path, int flags)
{
	int fd = openat(box.dir, path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? errno : close(fd);
}

static void *as_thread(void *path)
{
	return (void *)(intptr_t)in_folder(path, O_RDONLY);
}

/* 0: all as it should be; else which look was wrong. */
static int look(void)
{
	pthread_t thread;
	void *found = NULL;

	if (in_folder("free/new", O_RDWR | O_CREAT))
		return 1;
	if (in_folder("free/old", O_RDWR | O_TRUNC))
		return 2;
	if (in_folder("read", O_RDONLY))
		return 3;
	if (in_folder("read", O_RDWR) != EACCES)
		return 4;
	if (in_folder("keys/secret", O_RDONLY) != EACCES)
		return 5;
	if (in_folder("keys/new", O_RDWR | O_CREAT) != EACCES)
		return 6;
	if (unlinkat(box.dir, "keys/secret", 0) == 0 || errno != EACCES)
		return 7;
	if (renameat(box.dir, "free/old", box.dir, "keys/secret") == 0)
		return 8;
	if (linkat(box.dir, "keys/secret", box.dir, "free/secret", 0) == 0)
		return 9;
	if (in_folder("keys", O_RDONLY | O_DIRECTORY))
		return 10;
	/* So are threads that it starts later. */
	if (pthread_create(&thread, NULL, as_thread,
			   (void *)(uintptr_t) "keys/secret") ||
	    pthread_join(thread, &found) || (intptr_t)found != EACCES)
		return 11;
	return 0;
}

static int confined(void)
{
	struct landlock l;
	struct err e;
	char path[96];
	int free = openat(box.dir, "free", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L))
		return 100;
	(void)snprintf(path, sizeof(path), "%s/read", box.path);
	landlock_begin(&l);
	landlock_names(&l, box.dir);
	landlock_fd(&l, free, true);
	landlock_path(&l, path, false);
	landlock_path(&l, "/is/not/there", true);
	return landlock_enter(&l, &e) ? 101 : look();
}

static void what_was_not_named_is_gone(void **state)
{
	struct err e = { 0 };
	int status;
	pid_t pid;

	(void)state;
	if (!landlock_is_there())
		skip();
	assert_ok(fs_mkdir(box.dir, "free", 0700, &e));
	assert_ok(fs_mkdir(box.dir, "keys", 0700, &e));
	put_file(box.dir, "free/old", "old", 0600);
	put_file(box.dir, "read", "read", 0600);
	put_file(box.dir, "keys/secret", "secret", 0600);
	pid = fork();
	if (pid == 0)
		_exit(confined());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void what_cannot_be_said_is_not_entered(void **state)
{
	struct landlock l;
	struct err e = { 0 };

	(void)state;
	if (!landlock_is_there())
		skip();
	landlock_begin(&l);
	landlock_fd(&l, 12345, true);
	assert_int_equal(landlock_enter(&l, &e), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_named_is_gone),
		cmocka_unit_test(what_cannot_be_said_is_not_entered),
	};

	return cmocka_run_group_tests(tests, own_box_open, own_box_close);
}
