/* SPDX-License-Identifier: Apache-2.0 */
/* What the server process still reaches of its own folder: tried in a child. */
#include "update-server/fence.h"

#include <errno.h>
#include <sys/wait.h>

#include "common/landlock.h"
#include "tests/unit/box.h"
#include "update-server/init.h"

static struct box box;

static bool opens(const char *path, int flags)
{
	int fd = openat(box.dir, path, flags | O_CLOEXEC, 0600);

	return fd >= 0 && close(fd) == 0;
}

static bool is_shut(const char *path)
{
	return !opens(path, O_RDONLY) && errno == EACCES &&
	       !opens(path, O_WRONLY) && errno == EACCES &&
	       unlinkat(box.dir, path, 0) != 0 && errno == EACCES;
}

/* 0: all as it should be; else which look was wrong. */
static int look(void)
{
	static const char *const shut[] = {
		"srv/keys/keeper.secret", "srv/keys/device-ca.key",
		"srv/keys/ledger.key",    "srv/keeper/people.json",
		"srv/admin/admin.key",    "srv/server.conf",
	};
	static const char *const folders[] = { "blobs",    "envelopes",
					       "incoming", "metadata",
					       "run",      "audit" };
	char path[64];

	for (size_t i = 0; i < ARRAY_LEN(shut); i++)
		if (!is_shut(shut[i]))
			return (int)i + 1;
	if (opens("srv/keeper/ledger", O_WRONLY | O_CREAT) ||
	    opens("srv/new", O_WRONLY | O_CREAT))
		return 20;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		(void)snprintf(path, sizeof(path), "srv/%s/new", folders[i]);
		if (!opens(path, O_RDWR | O_CREAT) ||
		    unlinkat(box.dir, path, 0))
			return 30 + (int)i;
	}
	if (!opens("srv/store.sqlite", O_RDWR) ||
	    !opens("srv/audit.pub", O_RDONLY))
		return 40;
	return opens("/etc/passwd", O_RDONLY) ? 41 : 0;
}

static int fenced(const char *dir)
{
	struct config c = { 0 };
	struct err e;

	if (config_load(dir, NULL, &c, &e) || fence_enter(&c, &e))
		return 100;
	return look();
}

static void the_keepers_is_out_of_reach(void **state)
{
	char dir[96];
	const struct init_options o = { .dir = dir,
					.environment = ENV_LAB,
					.names = { "localhost" },
					.device = "127.0.0.1:0",
					.enrolment = "127.0.0.1:0",
					.people = "127.0.0.1:0",
					.admin = "admin" };
	struct err e = { 0 };
	int status;
	pid_t pid;

	(void)state;
	if (!landlock_is_there())
		skip();
	box_open(&box);
	(void)snprintf(dir, sizeof(dir), "%s/srv", box.path);
	assert_ok(init_make(&o, &e));
	pid = fork();
	if (pid == 0)
		_exit(fenced(dir));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	box_close(&box);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_keepers_is_out_of_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
