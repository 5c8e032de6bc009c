/* SPDX-License-Identifier: Apache-2.0 */
/* Which places a slot may be, and that the one which runs is none of them. */
#include "updater-client/slot_image.h"

#include "tests/unit/box.h"

static struct box box;
static char path_a[256], path_b[256];
static struct settings_slot config;

static int setup(void **state)
{
	(void)state;
	box_open(&box);
	(void)snprintf(path_a, sizeof(path_a), "%s/a", box.path);
	(void)snprintf(path_b, sizeof(path_b), "%s/b", box.path);
	put_file(box.dir, "a", "what runs", 0644);
	put_file(box.dir, "b", "what does not", 0644);
	config = (struct settings_slot){ .a = path_a, .b = path_b };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

static void refuse(enum err_code code)
{
	struct err e = { 0 };
	int fd = -1;

	assert_refused(slot_image_open_new(&config, SLOT_B, &fd, &e), code);
	assert_int_equal(fd, -1);
}

static void two_files_are_two_slots(void **state)
{
	struct err e = { 0 };
	uint64_t room;
	int fd = -1;

	(void)state;
	assert_ok(slot_image_open_new(&config, SLOT_B, &fd, &e));
	assert_ok(slot_image_room(fd, &room, &e));
	assert_int_equal(room, strlen("what does not"));
	assert_ok(fs_write_at(fd, 0, slice_of("it is written"), &e));
	fs_close(&fd);
	assert_ok(slot_image_open(&config, SLOT_A, &fd, &e));
	assert_refused(fs_write_at(fd, 0, slice_of("x"), &e), ERR_SYSTEM);
	fs_close(&fd);
}

static void the_other_slot_under_another_name_is_not_written(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_remove(box.dir, "b", &e));
	assert_int_equal(symlinkat("a", box.dir, "b"), 0);
	refuse(ERR_CONFLICT);
	assert_ok(fs_remove(box.dir, "b", &e));
	assert_int_equal(linkat(box.dir, "a", box.dir, "b", 0), 0);
	refuse(ERR_CONFLICT);
}

static void what_is_no_place_for_an_image_is_refused(void **state)
{
	static char null[] = "/dev/null";
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_remove(box.dir, "b", &e));
	refuse(ERR_NOT_FOUND); /* nothing there, and nothing is made */
	assert_int_equal(count_names(box.dir), 1);
	config.b = null;
	refuse(ERR_REFUSED);
}

static void only_a_slot_that_is_there_is_opened(void **state)
{
	struct err e = { 0 };
	int fd = -1;

	(void)state;
	assert_refused(slot_image_open(&config, SLOT_NONE, &fd, &e),
		       ERR_CONFLICT);
	assert_ok(fs_remove(box.dir, "a", &e));
	assert_refused(slot_image_open(&config, SLOT_A, &fd, &e),
		       ERR_NOT_FOUND);
	assert_int_equal(fd, -1);
}

static void a_sparse_file_has_the_room_that_the_disk_has(void **state)
{
	const uint64_t huge = (uint64_t)1 << 42;
	struct err e = { 0 };
	uint64_t room = 0;
	int fd = -1;

	(void)state;
	assert_ok(slot_image_open_new(&config, SLOT_B, &fd, &e));
	if (ftruncate(fd, (off_t)huge)) {
		fs_close(&fd);
		skip();
	}
	assert_ok(slot_image_room(fd, &room, &e));
	assert_true(room > 0 && room < huge);
	fs_close(&fd);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILES(two_files_are_two_slots),
		WITH_FILES(the_other_slot_under_another_name_is_not_written),
		WITH_FILES(what_is_no_place_for_an_image_is_refused),
		WITH_FILES(only_a_slot_that_is_there_is_opened),
		WITH_FILES(a_sparse_file_has_the_room_that_the_disk_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
