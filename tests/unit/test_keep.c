/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken along from one slot to the other, and when it is not. */
#include "updater-client/keep.h"
#include "updater-client/switch.h"

#include "tests/unit/box.h"

struct device {
	struct box box;
	char slots[80];
	struct settings config;
	struct session s;
};

static struct device d;

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	memset(&d, 0, sizeof(d));
	box_open(&d.box);
	(void)snprintf(d.slots, sizeof(d.slots), "%s/slots", d.box.path);
	assert_ok(slot_tree_open(d.slots, &d.s.slots, &e));
	d.s.config = &d.config;
	d.config.keep.at[0] = strdup("etc/id");
	d.config.keep.at[1] = strdup("var");
	d.config.keep.count = 2;
	d.s.current = SLOT_A;
	d.s.journal.machine.from = SLOT_A;
	d.s.journal.machine.to = SLOT_B;
	assert_ok(fs_mkdirs(d.s.slots.dirfd, "a/keep/etc", 0755, &e));
	assert_ok(fs_mkdirs(d.s.slots.dirfd, "b", 0755, &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(d.config.keep.at[0]);
	free(d.config.keep.at[1]);
	slot_tree_close(&d.s.slots);
	box_close(&d.box);
	return 0;
}

static void put(const char *path, const char *text)
{
	put_file(d.s.slots.dirfd, path, text, 0600);
}

static bool is(const char *path, const char *text)
{
	struct buf b = BUF_INIT(100);
	struct err e = { 0 };
	bool same = fs_read_file(d.s.slots.dirfd, path, &b, &e) == 0 &&
		    slice_equal(buf_slice(&b), slice_of(text));

	buf_done(&b);
	return same;
}

static bool exists(const char *path)
{
	struct err e = { 0 };
	struct stat st;

	return fs_stat(d.s.slots.dirfd, path, &st, &e) == 0;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(d.s.slots.dirfd, path, &st, 0), 0);
	return st.st_mode & ALLPERMS;
}

static void what_is_named_is_taken_and_no_more(void **state)
{
	struct tree_copy_size size;
	struct err e = { 0 };

	(void)state;
	put("a/keep/etc/id", "mine");
	put("a/keep/etc/else", "not named");
	assert_ok(keep_measure(&d.s, &size, &e));
	assert_int_equal(size.inodes, 2);
	assert_ok(keep_carry(&d.s, &e));
	assert_true(is("b/keep/etc/id", "mine"));
	assert_false(exists("b/keep/etc/else"));
	assert_false(exists("b/keep/var"));
	assert_false(exists("b/keep.new"));
}

static void what_an_earlier_try_left_goes(void **state)
{
	struct err e = { 0 };

	(void)state;
	put("a/keep/etc/id", "mine");
	assert_ok(fs_mkdirs(d.s.slots.dirfd, "b/keep/var", 0755, &e));
	assert_ok(fs_mkdirs(d.s.slots.dirfd, "b/keep.new/etc", 0755, &e));
	put("b/keep/var/old", "old");
	put("b/keep.new/etc/id", "half");
	assert_ok(keep_carry(&d.s, &e));
	assert_true(is("b/keep/etc/id", "mine"));
	assert_false(exists("b/keep/var"));
	assert_false(exists("b/keep.new"));
}

static void without_anything_there_is_a_place_for_it(void **state)
{
	struct tree_copy_size size;
	struct err e = { 0 };

	(void)state;
	d.s.current = SLOT_NONE;
	assert_ok(keep_measure(&d.s, &size, &e));
	assert_int_equal(size.bytes, 0);
	assert_ok(keep_carry(&d.s, &e));
	assert_true(exists("b/keep"));
	/* Nothing is named: nothing is made. */
	assert_ok(fs_remove_tree(d.s.slots.dirfd, "b/keep", &e));
	d.config.keep.count = 0;
	assert_ok(keep_carry(&d.s, &e));
	assert_false(exists("b/keep"));
}

static void what_cannot_be_copied_is_an_error_of_the_device(void **state)
{
	struct tree_copy_size size;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(symlinkat("/etc", d.s.slots.dirfd, "a/keep/var"), 0);
	assert_ok(keep_carry(&d.s, &e)); /* a link is copied */
	assert_ok(fs_remove_tree(d.s.slots.dirfd, "a/keep/etc", &e));
	assert_int_equal(symlinkat("/etc", d.s.slots.dirfd, "a/keep/etc"), 0);
	assert_refused_saying(keep_measure(&d.s, &size, &e), ERR_SYSTEM,
			      "[keep]");
	assert_refused(keep_carry(&d.s, &e), ERR_SYSTEM);
	/* The one that was complete is still there. */
	assert_true(exists("b/keep/var"));
	assert_int_equal(mode_of("b/keep"), 0755);
	/* Nobody else gets into what is not whole. */
	assert_int_equal(mode_of("b/keep.new"), 0700);
}

/* Only while the boot that leads there is still to come. */
static void it_is_taken_again_before_the_boot_alone(void **state)
{
	struct machine *m = &d.s.journal.machine;
	struct err e = { 0 };

	(void)state;
	put("a/keep/etc/id", "early");
	assert_ok(keep_carry(&d.s, &e));
	assert_ok(fs_remove(d.s.slots.dirfd, "a/keep/etc/id", &e));
	put("a/keep/etc/id", "late");
	m->state = MACHINE_TRIAL;
	switch_take_along(&d.s);
	m->state = MACHINE_REBOOT;
	m->reason = REASON_PERSON; /* on the way back */
	switch_take_along(&d.s);
	m->reason = REASON_NONE;
	d.s.current = SLOT_B;
	switch_take_along(&d.s);
	assert_true(is("b/keep/etc/id", "early"));
	d.s.current = SLOT_A;
	switch_take_along(&d.s);
	assert_true(is("b/keep/etc/id", "late"));
	assert_false(exists("b/keep.new"));
	/* Failing, the former one stays. */
	assert_ok(fs_remove_tree(d.s.slots.dirfd, "a/keep/etc", &e));
	assert_int_equal(symlinkat("/etc", d.s.slots.dirfd, "a/keep/etc"), 0);
	switch_take_along(&d.s);
	assert_true(is("b/keep/etc/id", "late"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_named_is_taken_and_no_more),
		TEST(what_an_earlier_try_left_goes),
		TEST(without_anything_there_is_a_place_for_it),
		TEST(what_cannot_be_copied_is_an_error_of_the_device),
		TEST(it_is_taken_again_before_the_boot_alone),
	};

	return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
