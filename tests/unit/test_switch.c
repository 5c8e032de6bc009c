/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine's steps do to the link: there on trial, back, kept. */
#include "updater-client/switch.h"

#include "tests/unit/box.h"

struct device {
	struct box box;
	char slots[80], state[80];
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
	(void)snprintf(d.state, sizeof(d.state), "%s/state", d.box.path);
	d.config.tries = 3;
	d.config.slot_count = 1;
	d.config.slot_path = d.slots;
	d.config.state = d.state;
	d.s.config = &d.config;
	d.s.stop_fd = -1;
	d.s.state_fd = box_folder(&d.box, "state");
	assert_ok(slot_tree_open(d.slots, &d.s.slots, &e));
	assert_ok(fs_mkdirs(d.s.slots.dirfd, "a/tree", 0755, &e));
	assert_ok(fs_mkdirs(d.s.slots.dirfd, "b/tree", 0755, &e));
	assert_int_equal(symlinkat("a/tree", d.s.slots.dirfd, "current"), 0);
	assert_ok(session_look(&d.s, &e));
	d.s.journal.machine.from = SLOT_A;
	d.s.journal.machine.to = SLOT_B;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fs_close(&d.s.state_fd);
	slot_tree_close(&d.s.slots);
	box_close(&d.box);
	return 0;
}

static bool leads_to(const char *target)
{
	char is[64] = "";
	struct err e = { 0 };

	return fs_readlink(d.s.slots.dirfd, "current", is, sizeof(is), &e) ==
		       0 &&
	       strcmp(is, target) == 0;
}

/* What a slot says that it holds. */
static void seal(enum slot s, uint64_t seq)
{
	struct slot_release r = { .id = "r",
				  .version = "1",
				  .product = "p",
				  .seq = seq,
				  .content_seq = seq,
				  .part_count = 1 };
	struct err e = { 0 };

	(void)snprintf(r.parts[0].component, sizeof(r.parts[0].component),
		       "main");
	assert_ok(slot_tree_seal(&d.s.slots, s, &r, &e));
}

static void what_runs_is_told_once_more_and_stays(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(switch_prove(&d.s, &e));
	assert_true(leads_to("a/tree"));
	assert_int_equal(d.s.record.slot, SLOT_A);
	assert_false(d.s.record.trying);
	/* Nobody installs over what runs. */
	d.s.journal.machine.to = SLOT_A;
	assert_refused(switch_prove(&d.s, &e), ERR_CONFLICT);
}

static void there_it_is_on_trial(void **state)
{
	struct err e = { 0 };

	(void)state;
	seal(SLOT_A, 1);
	assert_ok(switch_there(&d.s, &e));
	assert_true(leads_to("b/tree"));
	assert_int_equal(d.s.current, SLOT_B);
	assert_true(d.s.record.trying);
	assert_int_equal(d.s.record.back, SLOT_A);
	assert_int_equal(d.s.record.left, 3);
	assert_ok(switch_keep(&d.s, &e));
	assert_true(leads_to("b/tree"));
	assert_false(d.s.record.trying);
}

static void back_is_where_it_came_from(void **state)
{
	struct err e = { 0 };

	(void)state;
	seal(SLOT_A, 1);
	assert_ok(switch_there(&d.s, &e));
	assert_ok(switch_back(&d.s, &e));
	assert_true(leads_to("a/tree"));
	assert_int_equal(d.s.current, SLOT_A);
	assert_false(d.s.record.trying);
}

/* First use: with nothing to go back to there is no trial, and back is nothing.
 */
static void without_a_way_back_there_is_none(void **state)
{
	struct stat st;
	struct err e = { 0 };

	(void)state;
	d.s.journal.machine.from = SLOT_NONE;
	assert_ok(switch_there(&d.s, &e));
	assert_true(leads_to("b/tree"));
	assert_false(d.s.record.trying);
	assert_ok(switch_back(&d.s, &e));
	assert_refused(fs_stat(d.s.slots.dirfd, "current", &st, &e),
		       ERR_NOT_FOUND);
}

/* What lies below the floor is as good as nothing. */
static void what_is_below_the_floor_does_not_run_again(void **state)
{
	struct stat st;
	struct err e = { 0 };

	(void)state;
	seal(SLOT_A, 4);
	d.s.floor.stored = d.s.floor.verified = 5;
	d.config.slot_count = 2;
	d.config.slots[1].kind = SLOT_HANDLER;
	d.s.journal.handled = SLOT_B;
	assert_ok(switch_there(&d.s, &e));
	assert_false(d.s.record.trying);
	assert_ok(switch_back(&d.s, &e));
	/* Nor is its image given to another chip. */
	assert_int_equal(d.s.journal.handled, SLOT_B);
	assert_refused(fs_stat(d.s.slots.dirfd, "current", &st, &e),
		       ERR_NOT_FOUND);
}

/* A start that was counted and ended cleanly is given back, up to all of them.
 */
static void a_clean_stop_gives_the_start_back(void **state)
{
	struct err e = { 0 };

	(void)state;
	seal(SLOT_A, 1);
	assert_ok(switch_there(&d.s, &e));
	assert_ok(switch_renew(&d.s, &e));
	assert_int_equal(d.s.record.left, 3);
	d.s.record.left = 1;
	assert_ok(boot_write(&d.s.boot, &d.s.record, &e));
	assert_ok(switch_renew(&d.s, &e));
	assert_int_equal(d.s.record.left, 2);
	assert_ok(switch_keep(&d.s, &e));
	assert_ok(switch_renew(&d.s, &e));
	assert_false(d.s.record.trying);
}

/* What cannot be saved or taken along is not risked. */
static void nothing_is_switched_before_its_data_are_safe(void **state)
{
	char program[] = "/bin/false", path[] = "etc/id";
	struct err e = { 0 };

	(void)state;
	seal(SLOT_A, 1);
	assert_ok(session_look(&d.s, &e));
	d.config.data_save.argv[0] = program;
	d.config.data_save.argc = 1;
	d.config.data_sec = 10;
	assert_refused(switch_there(&d.s, &e), ERR_SYSTEM);
	assert_true(leads_to("a/tree"));
	d.config.data_save.argc = 0;
	d.config.keep.at[0] = path;
	d.config.keep.count = 1;
	assert_ok(fs_mkdirs(d.s.slots.dirfd, "a/keep", 0755, &e));
	assert_int_equal(symlinkat("/etc", d.s.slots.dirfd, "a/keep/etc"), 0);
	assert_refused(switch_there(&d.s, &e), ERR_SYSTEM);
	assert_true(leads_to("a/tree"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_runs_is_told_once_more_and_stays),
		TEST(there_it_is_on_trial),
		TEST(back_is_where_it_came_from),
		TEST(without_a_way_back_there_is_none),
		TEST(what_is_below_the_floor_does_not_run_again),
		TEST(a_clean_stop_gives_the_start_back),
		TEST(nothing_is_switched_before_its_data_are_safe),
	};

	return cmocka_run_group_tests_name("switch", tests, NULL, NULL);
}
