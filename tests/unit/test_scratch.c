/* SPDX-License-Identifier: Apache-2.0 */
#include "common/scratch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "tests/unit/check.h"

static int dir = -1;

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	return fs_open_dir(".", &dir, &e);
}

static int teardown(void **state)
{
	(void)state;
	fs_close(&dir);
	return 0;
}

static void what_is_mapped_is_what_is_in_the_file(void **state)
{
	struct scratch s = SCRATCH_NONE;
	struct err e = { 0 };
	uint8_t *mapped = NULL;
	char back[5];
	size_t got;

	(void)state;
	assert_ok(scratch_open(dir, NULL, 2 * SCRATCH_ALIGN, &s, &e));
	assert_ok(scratch_map(&s, SCRATCH_ALIGN, SCRATCH_ALIGN, &mapped, &e));
	memcpy(mapped, "hello", 5);
	assert_ok(fs_read_at(s.fd, SCRATCH_ALIGN, back, 5, &got, &e));
	assert_memory_equal(back, "hello", 5);
	scratch_unmap(mapped, SCRATCH_ALIGN);
	scratch_close(&s);
	assert_int_equal(s.fd, -1);
}

/* Bytes of this process: what the second number there tells in pages. */
static size_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	size_t pages = 0;
	int c = ' ';

	assert_non_null(f);
	while (c != EOF && (c = fgetc(f)) != ' ')
		;
	while ((c = fgetc(f)) >= '0' && c <= '9')
		pages = pages * 10 + (size_t)(c - '0');
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void what_is_forgotten_leaves_memory_and_stays(void **state)
{
	const size_t len = 128 * SCRATCH_ALIGN;
	struct scratch s = SCRATCH_NONE;
	struct err e = { 0 };
	uint8_t *mapped = NULL;
	size_t before;

	(void)state;
	assert_ok(scratch_open(dir, NULL, len, &s, &e));
	assert_ok(scratch_map(&s, 0, len, &mapped, &e));
	memset(mapped, 7, len);
	before = resident();
	scratch_forget(mapped, len);
	assert_true(resident() < before - len / 2);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(mapped[i], 7);
	scratch_forget(NULL, 0);
	scratch_unmap(mapped, len);
	scratch_close(&s);
}

static void more_than_the_disk_has_is_refused_at_once(void **state)
{
	struct scratch s = SCRATCH_NONE;
	struct err e = { 0 };

	(void)state;
	assert_refused(scratch_open(dir, NULL, UINT64_MAX, &s, &e), ERR_SPACE);
	assert_int_equal(scratch_open(dir, NULL, INT64_MAX / 2, &s, &e), -1);
	assert_int_equal(s.fd, -1);
	scratch_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_mapped_is_what_is_in_the_file),
		cmocka_unit_test(what_is_forgotten_leaves_memory_and_stays),
		cmocka_unit_test(more_than_the_disk_has_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
