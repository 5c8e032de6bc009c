/* SPDX-License-Identifier: Apache-2.0 */
#include "common/secret.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/ec.h"
#include "common/mem.h"
#include "tests/unit/check.h"

#define LINE_LEN 512

/* The kernel's flags of the mapping that holds p, as " lo dd ". */
static void flags_of(const void *p, char out[LINE_LEN])
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	uintptr_t from, to;
	bool inside = false;
	char line[LINE_LEN];

	assert_non_null(maps);
	out[0] = 0;
	while (fgets(line, sizeof(line), maps)) {
		char *end;

		from = (uintptr_t)strtoull(line, &end, 16);
		if (*end == '-') {
			to = (uintptr_t)strtoull(end + 1, NULL, 16);
			inside = from <= (uintptr_t)p && (uintptr_t)p < to;
		} else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
			memcpy(out, line + 8, LINE_LEN - 8);
		}
	}
	(void)fclose(maps);
}

static void assert_kept_secret(const void *p)
{
	char flags[LINE_LEN];

	flags_of(p, flags);
	assert_non_null(strstr(flags, " dd")); /* in no core file */
	assert_non_null(strstr(flags, " wf")); /* blank in a child */
	if (LOCKS_MEMORY && secret_can_lock())
		assert_non_null(strstr(flags, " lo"));
}

static void a_secret_is_locked_and_in_no_core(void **state)
{
	uint8_t *p = secret_new(5000);

	(void)state;
	assert_kept_secret(p);
	assert_kept_secret(p + 4999);
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(p[i], 0);
	secret_free(p, 5000);
	secret_free(NULL, 5000);
}

static void passphrases_and_keys_lie_there(void **state)
{
	struct buf words = BUF_SECRET(100);
	struct ec_private *key;
	struct err e = { 0 };
	const uint8_t *first;

	(void)state;
	assert_int_equal(buf_add(&words, slice_of("one"), &e), 0);
	first = words.ptr;
	assert_kept_secret(first);
	/* It never moves, so no copy stays behind. */
	for (int i = 0; i < 24; i++)
		assert_int_equal(buf_add(&words, slice_of("four"), &e), 0);
	assert_ptr_equal(words.ptr, first);
	assert_int_equal(buf_add(&words, slice_of("more"), &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	buf_done(&words);
	assert_true(words.secret);
	assert_int_equal(ec_generate(&key, &e), 0);
	assert_kept_secret(*(void **)key); /* its scalar */
	ec_free(key);
}

static int status_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_child_gets_none_of_it(void **state)
{
	char *p = secret_new(16);
	pid_t child;

	(void)state;
	memcpy(p, "a passphrase", 13);
	child = fork();
	if (child == 0)
		_exit(p[0] != 0);
	assert_int_equal(status_of(child), 0);
	assert_string_equal(p, "a passphrase");
	secret_free(p, 16);
}

/* No right but that of the same user. */
static void drop_rights(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { { 0 } };

	assert_int_equal(syscall(SYS_capset, &head, none), 0);
}

/* Also where there is not a page to be locked. */
static void without_a_right_to_lock_the_rest_holds(void **state)
{
	const struct rlimit none = { 0, 0 };
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		char *p;

		drop_rights();
		(void)setrlimit(RLIMIT_MEMLOCK, &none);
		p = secret_new(16);
		p[15] = 1;
		assert_kept_secret(p);
		_exit(LOCKS_MEMORY && secret_can_lock());
	}
	assert_int_equal(status_of(child), 0);
}

/* As a debugger of the same user would: can it be read? */
static bool can_be_read(void (*harden)(void))
{
	int ready[2], fd;
	char path[64], c;
	bool can;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		if (harden)
			harden();
		(void)!write(ready[1], "", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)child);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	can = fd >= 0;
	if (can)
		(void)close(fd);
	(void)kill(child, SIGKILL);
	(void)status_of(child);
	(void)close(ready[0]);
	(void)close(ready[1]);
	return can;
}

static void a_guarded_process_is_read_by_nobody(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		drop_rights();
		if (!can_be_read(NULL))
			_exit(77); /* nor any other one: nothing to see */
		_exit(can_be_read(secret_guard));
	}
	if (status_of(child) == 1)
		fail_msg("the memory of a guarded process was opened");
}

static void a_guarded_process_leaves_no_core(void **state)
{
	struct rlimit now;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		secret_guard();
		_exit(getrlimit(RLIMIT_CORE, &now) || now.rlim_cur != 0 ||
		      now.rlim_max != 0);
	}
	assert_int_equal(status_of(child), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_locked_and_in_no_core),
		cmocka_unit_test(passphrases_and_keys_lie_there),
		cmocka_unit_test(a_child_gets_none_of_it),
		cmocka_unit_test(without_a_right_to_lock_the_rest_holds),
		cmocka_unit_test(a_guarded_process_is_read_by_nobody),
		cmocka_unit_test(a_guarded_process_leaves_no_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
