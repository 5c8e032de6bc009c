/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ratchet on real slots, a real record and a counter that is a program; it
 * is stopped before each of its writes.
 */
#include "updater-client/ratchet.h"

#include "tests/unit/box.h"

struct device {
	struct box box;
	char slots[80], counter[80], fuse[80], wear[80];
	struct settings config;
	struct session s;
};

/* ---- a device ------------------------------------------------------------ */

static void hold(struct device *d, enum slot which, uint64_t content_seq,
		 uint64_t floor)
{
	struct slot_release r = { .product = "gateway",
				  .version = "any",
				  .seq = content_seq,
				  .content_seq = content_seq,
				  .floor = floor,
				  .parts = { { .component = "main",
					       .entries = 1 } },
				  .part_count = 1,
				  .deadline_sec = 30 };
	struct err e = { 0 };

	(void)snprintf(r.id, sizeof(r.id), "%u", (unsigned)content_seq);
	assert_ok(slot_tree_empty(&d->s.slots, which, &e));
	assert_ok(slot_tree_seal(&d->s.slots, which, &r, &e));
}

/* What a start does: read everything again. */
static void start(struct device *d, enum slot current)
{
	struct session *s = &d->s;
	struct err e = { 0 };
	bool reset;

	twin_close(&s->floor_file);
	assert_ok(floor_record_open(d->box.dir, &s->floor_file, &s->floor,
				    &reset, &e));
	assert_false(reset);
	s->current = current;
	s->counter = 0;
	assert_ok(slot_tree_release(&s->slots, current, &s->running,
				    &s->has_running, &e));
}

static void use_counter(struct device *d, const char *on_advance)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "#!/bin/sh\ncase $1 in\n"
		       "read) cat %s 2>/dev/null || echo 0 ;;\n"
		       "advance) %s\n\techo $2 >%s; echo $2 >>%s ;;\nesac\n",
		       d->fuse, on_advance, d->fuse, d->wear);
	(void)unlink(d->counter);
	put_file(d->box.dir, "counter", text, 0700);
	d->config.counter.argv[0] = d->counter;
	d->config.counter.argc = 1;
}

static uint64_t read_fuse(const struct device *d)
{
	char digits[32] = "0";
	FILE *f = fopen(d->fuse, "re");

	if (!f)
		return 0;
	assert_non_null(fgets(digits, sizeof(digits), f));
	(void)fclose(f);
	return strtoull(digits, NULL, 10);
}

static uint64_t slot_says(const struct device *d, enum slot which)
{
	struct slot_release r;
	struct err e = { 0 };
	bool found;

	assert_ok(slot_tree_release(&d->s.slots, which, &r, &found, &e));
	assert_true(found);
	return r.floor;
}

/* As the disk has it, not as memory has it. */
static struct floor_record record_says(const struct device *d)
{
	struct floor_record r;
	struct err e = { 0 };
	bool reset;

	assert_ok(floor_record_peek(d->box.dir, &r, &reset, &e));
	return r;
}

/* Runs seq 5 in slot a, 4 lies in b; no floor yet. */
static int setup(void **state)
{
	struct device *d = calloc(1, sizeof(*d));
	struct err e = { 0 };

	assert_non_null(d);
	box_open(&d->box);
	(void)snprintf(d->slots, sizeof(d->slots), "%s/slots", d->box.path);
	(void)snprintf(d->counter, sizeof(d->counter), "%s/counter",
		       d->box.path);
	(void)snprintf(d->fuse, sizeof(d->fuse), "%s/fuse", d->box.path);
	(void)snprintf(d->wear, sizeof(d->wear), "%s/wear", d->box.path);
	d->s.config = &d->config;
	d->s.floor_file.fd[0] = d->s.floor_file.fd[1] = -1;
	assert_ok(slot_tree_open(d->slots, &d->s.slots, &e));
	hold(d, SLOT_A, 5, 0);
	hold(d, SLOT_B, 4, 0);
	start(d, SLOT_A);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct device *d = *state;

	twin_close(&d->s.floor_file);
	slot_tree_close(&d->s.slots);
	box_close(&d->box);
	free(d);
	return 0;
}

/* ---- how it rises -------------------------------------------------------- */

static void
a_floor_that_what_runs_has_reached_is_stored_everywhere(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	use_counter(d, "");
	assert_ok(ratchet_begin(&d->s, &e));
	assert_int_equal(ratchet_floor(&d->s), 0);
	assert_ok(ratchet_learn(&d->s, 5, &e));
	assert_int_equal(record_says(d).stored, 5);
	assert_int_equal(record_says(d).verified, 5);
	assert_int_equal(slot_says(d, SLOT_A), 5);
	assert_int_equal(slot_says(d, SLOT_B), 0);
	assert_int_equal(read_fuse(d), 5);
	assert_int_equal(d->s.running.floor, 5);
	assert_int_equal(d->s.counter, 5);
}

static void one_above_what_runs_bars_installing_and_is_not_stored(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	use_counter(d, "");
	assert_ok(ratchet_learn(&d->s, 6, &e));
	assert_int_equal(record_says(d).verified, 6);
	assert_int_equal(record_says(d).stored, 0);
	assert_int_equal(slot_says(d, SLOT_A), 0);
	assert_int_equal(read_fuse(d), 0);
	assert_int_equal(ratchet_floor(&d->s), 6);
}

static void a_release_on_trial_stores_nothing(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	d->s.journal.machine.state = MACHINE_TRIAL;
	assert_ok(ratchet_learn(&d->s, 5, &e));
	assert_int_equal(record_says(d).stored, 0);
	assert_int_equal(slot_says(d, SLOT_A), 0);
	d->s.journal.machine.state = MACHINE_CONFIRMED;
	assert_ok(ratchet_settle(&d->s, &e));
	assert_int_equal(record_says(d).stored, 5);
}

static void what_waits_to_go_back_stores_nothing(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	use_counter(d, "");
	d->s.journal.machine = (struct machine){ .state = MACHINE_REBOOT,
						 .reason = REASON_HEALTH,
						 .from = SLOT_B,
						 .to = SLOT_A };
	assert_ok(ratchet_begin(&d->s, &e));
	assert_ok(ratchet_learn(&d->s, 5, &e));
	assert_int_equal(record_says(d).verified, 5);
	assert_int_equal(record_says(d).stored, 0);
	assert_int_equal(slot_says(d, SLOT_A), 0);
	assert_int_equal(read_fuse(d), 0);
	/* On the way there the old one runs, and has proved itself. */
	d->s.journal.machine = (struct machine){ .state = MACHINE_REBOOT,
						 .from = SLOT_A,
						 .to = SLOT_B };
	assert_ok(ratchet_settle(&d->s, &e));
	assert_int_equal(record_says(d).stored, 5);
}

static void what_the_floor_rose_over_must_not_start(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	d->s.journal.machine = (struct machine){ .state = MACHINE_REBOOT,
						 .from = SLOT_A,
						 .to = SLOT_B };
	assert_false(ratchet_has_overtaken(&d->s));
	assert_ok(ratchet_learn(&d->s, 4, &e));
	assert_false(ratchet_has_overtaken(&d->s));
	assert_ok(ratchet_learn(&d->s, 5, &e));
	assert_true(ratchet_has_overtaken(&d->s));
	/* Both lie below what the hardware knows: the way up is open. */
	d->s.counter = 6;
	assert_ok(ratchet_settle(&d->s, &e));
	assert_false(ratchet_has_overtaken(&d->s));
}

static void a_device_without_a_release_only_remembers_it(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	start(d, SLOT_NONE);
	assert_false(d->s.has_running);
	assert_ok(ratchet_learn(&d->s, 3, &e));
	assert_int_equal(record_says(d).verified, 3);
	assert_int_equal(record_says(d).stored, 0);
	/* It stays so when the hardware has stored one. */
	use_counter(d, "");
	d->s.counter = 2;
	assert_ok(ratchet_settle(&d->s, &e));
	assert_int_equal(record_says(d).stored, 2);
}

static void it_never_goes_down(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	assert_ok(ratchet_learn(&d->s, 5, &e));
	assert_ok(ratchet_learn(&d->s, 2, &e));
	assert_int_equal(ratchet_floor(&d->s), 5);
	assert_int_equal(record_says(d).verified, 5);
	start(d, SLOT_A);
	assert_ok(ratchet_learn(&d->s, 0, &e));
	assert_int_equal(record_says(d).stored, 5);
	assert_int_equal(ratchet_floor(&d->s), 5);
}

static void what_is_there_already_is_not_written_again(void **state)
{
	struct device *d = *state;
	struct stat before, after;
	struct err e = { 0 };
	uint64_t sequence;

	use_counter(d, "");
	assert_ok(ratchet_learn(&d->s, 5, &e));
	sequence = d->s.floor_file.sequence;
	assert_ok(fs_stat(d->s.slots.dirfd, "a/release.json", &before, &e));
	for (int i = 0; i < 3; i++) {
		start(d, SLOT_A);
		assert_ok(ratchet_begin(&d->s, &e));
		assert_ok(ratchet_learn(&d->s, 5, &e));
	}
	assert_int_equal(d->s.floor_file.sequence, sequence);
	assert_ok(fs_stat(d->s.slots.dirfd, "a/release.json", &after, &e));
	assert_int_equal(before.st_ino, after.st_ino);
	/* Worn once. */
	assert_ok(fs_stat(d->box.dir, "wear", &after, &e));
	assert_int_equal(after.st_size, strlen("5\n"));
}

/* ---- who tells of it ----------------------------------------------------- */

static void the_other_slot_tells_a_state_that_forgot(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	hold(d, SLOT_B, 4, 3);
	assert_int_equal(ratchet_floor(&d->s), 3);
	assert_ok(ratchet_begin(&d->s, &e));
	assert_int_equal(record_says(d).stored, 3);
	assert_int_equal(slot_says(d, SLOT_A), 3);
	/* And what runs tells it, too. */
	hold(d, SLOT_B, 4, 0);
	hold(d, SLOT_A, 5, 4);
	start(d, SLOT_A);
	assert_int_equal(ratchet_floor(&d->s), 4);
	assert_ok(ratchet_settle(&d->s, &e));
	assert_int_equal(record_says(d).stored, 4);
}

static void the_hardware_tells_a_state_that_forgot(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	use_counter(d, "");
	put_file(d->box.dir, "fuse", "4\n", 0600);
	assert_ok(ratchet_begin(&d->s, &e));
	assert_int_equal(ratchet_floor(&d->s), 4);
	assert_int_equal(record_says(d).stored, 4);
	assert_int_equal(slot_says(d, SLOT_A), 4);
	/* Nothing was worn for it. */
	assert_int_equal(faccessat(d->box.dir, "wear", F_OK, 0), -1);
}

static void a_slot_below_the_floor_is_not_marked_with_it(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	/* Somebody moved the link by hand: seq 4 runs, 5 was stored. */
	assert_ok(ratchet_learn(&d->s, 5, &e));
	start(d, SLOT_B);
	assert_ok(ratchet_settle(&d->s, &e));
	assert_int_equal(slot_says(d, SLOT_B), 0);
	assert_int_equal(ratchet_floor(&d->s), 5);
}

static void a_slot_that_cannot_be_read_silences_nobody(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	hold(d, SLOT_A, 5, 3);
	start(d, SLOT_A);
	assert_ok(fs_remove(d->s.slots.dirfd, "b/release.json", &e));
	assert_int_equal(ratchet_floor(&d->s), 3);
	/* A folder where the record should be: an error, not an empty slot. */
	assert_ok(fs_mkdir(d->s.slots.dirfd, "b/release.json", 0755, &e));
	assert_int_equal(ratchet_floor(&d->s), 3);
}

static void who_cannot_read_the_counter_does_not_know_the_floor(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	use_counter(d, "");
	put_file(d->box.dir, "fuse", "many\n", 0600);
	assert_refused(ratchet_begin(&d->s, &e), ERR_SYSTEM);
	/* Without one in the configuration nobody asks. */
	d->config.counter.argc = 0;
	assert_ok(ratchet_begin(&d->s, &e));
}

static void back_below_the_stored_floor_is_refused(void **state)
{
	struct device *d = *state;
	struct slot_release r = { .id = "4", .content_seq = 4 };
	struct err e = { 0 };

	assert_ok(ratchet_check_back(&d->s, &r, &e));
	/* Verified alone does not bar falling back. */
	assert_ok(ratchet_learn(&d->s, 6, &e));
	assert_ok(ratchet_check_back(&d->s, &r, &e));
	hold(d, SLOT_A, 6, 0);
	start(d, SLOT_A);
	assert_ok(ratchet_settle(&d->s, &e));
	assert_refused_saying(ratchet_check_back(&d->s, &r, &e), ERR_ROLLBACK,
			      "below the floor, seq 6");
	r.content_seq = 6;
	assert_ok(ratchet_check_back(&d->s, &r, &e));
}

/* ---- stopped between its writes ------------------------------------------ */

enum {
	RECORD = 1,
	SLOT = 2,
	COUNTER = 4
};

/*
 * A power cut leaves any beginning of record, slot, counter; a disk that was
 * put back from a copy leaves any of them. The next start has all three again.
 */
static void the_next_start_completes_whatever_was_written(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	use_counter(d, "");
	for (unsigned done = RECORD; done <= (RECORD | SLOT | COUNTER);
	     done++) {
		const uint64_t floor = 10 + done;
		struct floor_record r = { .verified = floor };

		hold(d, SLOT_A, floor, done & SLOT ? floor : floor - 1);
		start(d, SLOT_A);
		r.stored = done & RECORD ? floor : floor - 1;
		if (!(done & RECORD))
			r.verified = floor - 1;
		assert_ok(floor_record_write(&d->s.floor_file, &r, &e));
		if (done & COUNTER) {
			assert_ok(fs_remove(d->box.dir, "fuse", &e));
			put_file(d->box.dir, "fuse",
				 (char[]){ '1', (char)('0' + done), 0 }, 0600);
		}
		start(d, SLOT_A);
		assert_ok(ratchet_begin(&d->s, &e));
		assert_int_equal(ratchet_floor(&d->s), floor);
		assert_int_equal(record_says(d).stored, floor);
		assert_int_equal(slot_says(d, SLOT_A), floor);
		assert_int_equal(read_fuse(d), floor);
	}
}

static void the_record_comes_first(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	use_counter(d, "");
	twin_close(&d->s.floor_file);
	assert_refused(ratchet_learn(&d->s, 5, &e), ERR_SYSTEM);
	assert_int_equal(d->s.floor.verified, 0);
	assert_int_equal(slot_says(d, SLOT_A), 0);
	assert_int_equal(read_fuse(d), 0);
	/* Verified before, and now it could be stored. */
	d->s.floor.verified = 5;
	assert_refused(ratchet_settle(&d->s, &e), ERR_SYSTEM);
	assert_int_equal(d->s.floor.stored, 0);
	assert_int_equal(slot_says(d, SLOT_A), 0);
	assert_int_equal(read_fuse(d), 0);
	/* The disk works again. */
	start(d, SLOT_A);
	assert_ok(ratchet_begin(&d->s, &e));
	assert_ok(ratchet_learn(&d->s, 5, &e));
	assert_int_equal(record_says(d).stored, 5);
	assert_int_equal(read_fuse(d), 5);
}

static void then_the_slot(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	use_counter(d, "");
	/* Its folder is gone: it cannot be marked. */
	assert_ok(fs_rename(d->s.slots.dirfd, "a", "away", &e));
	assert_refused(ratchet_learn(&d->s, 5, &e), ERR_NOT_FOUND);
	assert_int_equal(record_says(d).stored, 5);
	assert_int_equal(d->s.running.floor, 0);
	assert_int_equal(read_fuse(d), 0);
	assert_ok(fs_rename(d->s.slots.dirfd, "away", "a", &e));
	start(d, SLOT_A);
	assert_ok(ratchet_begin(&d->s, &e));
	assert_int_equal(slot_says(d, SLOT_A), 5);
	assert_int_equal(read_fuse(d), 5);
}

static void and_the_counter_last(void **state)
{
	struct device *d = *state;
	struct err e = { 0 };

	use_counter(d, "exit 1");
	assert_refused(ratchet_learn(&d->s, 5, &e), ERR_SYSTEM);
	assert_int_equal(record_says(d).stored, 5);
	assert_int_equal(slot_says(d, SLOT_A), 5);
	assert_int_equal(d->s.counter, 0);
	use_counter(d, "");
	start(d, SLOT_A);
	assert_ok(ratchet_begin(&d->s, &e));
	assert_int_equal(read_fuse(d), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_floor_that_what_runs_has_reached_is_stored_everywhere),
		TEST(one_above_what_runs_bars_installing_and_is_not_stored),
		TEST(a_release_on_trial_stores_nothing),
		TEST(what_waits_to_go_back_stores_nothing),
		TEST(what_the_floor_rose_over_must_not_start),
		TEST(a_device_without_a_release_only_remembers_it),
		TEST(it_never_goes_down),
		TEST(what_is_there_already_is_not_written_again),
		TEST(the_other_slot_tells_a_state_that_forgot),
		TEST(the_hardware_tells_a_state_that_forgot),
		TEST(a_slot_below_the_floor_is_not_marked_with_it),
		TEST(a_slot_that_cannot_be_read_silences_nobody),
		TEST(who_cannot_read_the_counter_does_not_know_the_floor),
		TEST(back_below_the_stored_floor_is_refused),
		TEST(the_next_start_completes_whatever_was_written),
		TEST(the_record_comes_first),
		TEST(then_the_slot),
		TEST(and_the_counter_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
