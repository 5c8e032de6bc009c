/* SPDX-License-Identifier: Apache-2.0 */
/* The process that opens sealed keys, as the client starts it. */
#include "updater-client/worker.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/secret.h"
#include "common/steady.h"
#include "tests/unit/check.h"
#include "updater-client/unwrap.h"

#define PATIENCE_MS 60000
#define IS_LIMITED  (WORKER_MEMORY_MAX < UINT64_C(1) << 40)

static struct worker start(const int *state_fd)
{
	struct unwrap_setup setup = { *state_fd, -1 };
	const struct worker_task task = {
		.name = "unwrap",
		.run = unwrap_run,
		.ctx = &setup,
		.keep = { *state_fd },
		.keep_count = 1,
	};
	struct worker worker = { 0 };
	struct err e = { 0 };

	assert_int_equal(worker_start(&task, -1, &worker, &e), 0);
	return worker;
}

/* The number that stands behind a word in /proc/PID/NAME, or -1. */
static long number_in(pid_t pid, const char *name, const char *word)
{
	char path[64], line[256], *end;
	long value = -1;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "re");
	assert_non_null(file);
	while (value < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, word, strlen(word)) == 0) {
			value = strtol(line + strlen(word), &end, 10);
			if (end == line + strlen(word))
				value = -1; /* "unlimited" */
		}
	(void)fclose(file);
	return value;
}

/* What a worker forbids itself must be allowed first. */
static void allow_core_files(void)
{
	struct rlimit core;

	assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
	core.rlim_cur = core.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_CORE, &core), 0);
}

static void the_room_for_a_key_is_locked_before_it_is_asked(void **state)
{
	int state_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const bool locks = LOCKS_MEMORY && secret_can_lock();
	int64_t end = steady_ms() + PATIENCE_MS;
	long locked = 0, core = -1;
	struct worker worker;

	(void)state;
	allow_core_files();
	worker = start(&state_fd);
	while (((locks && locked == 0) || core != 0) && steady_ms() < end) {
		(void)usleep(1000);
		locked = number_in(worker.pid, "status", "VmLck:");
		core = number_in(worker.pid, "limits", "Max core file size");
	}
	if (locks)
		assert_true(locked >= 4);
	assert_int_equal(core, 0);
	worker_stop(&worker);
	fs_close(&state_fd);
}

/* The same user, without the rights of root. */
static void drop_rights(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { { 0 } };

	assert_int_equal(syscall(SYS_capset, &head, none), 0);
}

static bool can_be_read(pid_t pid)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static void its_memory_is_read_by_nobody(void **state)
{
	int state_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct message m = { .kind = MESSAGE_UNWRAP }, answer;
	struct worker worker;
	struct err e = { 0 };

	(void)state;
	drop_rights();
	assert_true(can_be_read(getpid()));
	worker = start(&state_fd);
	/* It answers (there is no key), so it has passed its first lines. */
	assert_int_equal(ipc_send(&worker.channel, &m, &e), 0);
	assert_int_equal(ipc_expect(&worker.channel, MESSAGE_KEY, PATIENCE_MS,
				    &answer, &e),
			 -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_false(can_be_read(worker.pid));
	worker_stop(&worker);
	fs_close(&state_fd);
}

/* Says so if nothing stops it at four times its share. */
static void allocate_without_end(void *ctx, struct channel *control)
{
	const struct message m = { .kind = MESSAGE_DONE };
	struct err unused;

	(void)ctx;
	for (unsigned i = 0; i < 512; i++)
		memset(mem_alloc(1, 1u << 20), 1, 1u << 20);
	if (ipc_send(control, &m, &unused))
		_exit(1);
}

/* Whatever signed limit a hole in a decoder makes it forget. */
static void who_allocates_without_end_dies(void **state)
{
	const struct worker_task task = { .name = "greedy",
					  .run = allocate_without_end };
	struct worker worker = { 0 };
	struct message m;
	struct err e = { 0 };

	(void)state;
	if (!IS_LIMITED)
		skip();
	assert_ok(worker_start(&task, -1, &worker, &e));
	assert_refused(ipc_receive(&worker.channel, PATIENCE_MS, &m, &e),
		       ERR_SYSTEM);
	worker_stop(&worker);
	/* Who started it has all its own still. */
	free(mem_alloc(2, WORKER_MEMORY_MAX));
}

static void who_has_more_signed_has_more(void **state)
{
	struct worker_task task = { .name = "big",
				    .run = allocate_without_end,
				    .more_memory = UINT64_C(520) << 20 };
	struct worker worker = { 0 };
	struct message m;
	struct err e = { 0 };

	(void)state;
	if (!IS_LIMITED)
		skip();
	assert_ok(worker_start(&task, -1, &worker, &e));
	assert_ok(
		ipc_expect(&worker.channel, MESSAGE_DONE, PATIENCE_MS, &m, &e));
	worker_stop(&worker);
	/* And no more than that. */
	task.more_memory = UINT64_C(256) << 20;
	assert_ok(worker_start(&task, -1, &worker, &e));
	assert_refused(ipc_receive(&worker.channel, PATIENCE_MS, &m, &e),
		       ERR_SYSTEM);
	worker_stop(&worker);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_room_for_a_key_is_locked_before_it_is_asked),
		cmocka_unit_test(who_allocates_without_end_dies),
		cmocka_unit_test(who_has_more_signed_has_more),
		cmocka_unit_test(its_memory_is_read_by_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
