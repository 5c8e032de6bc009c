/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/overdue.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/steady.h"
#include "tests/unit/check.h"
#include "updater-client/journal.h"

#define LONG_MS (60 * 1000)

/* A device's folder: the kernel's command line, and state/. */
struct box {
	char path[64], cmdline[96], state[96];
	int dirfd;
};

static void says(const struct box *b, const char *line)
{
	struct err e = { 0 };

	assert_ok(
		fs_replace_file(b->dirfd, "cmdline", slice_of(line), 0644, &e));
}

static int make_box(void **state)
{
	static struct box b;
	struct err e = { 0 };

	(void)snprintf(b.path, sizeof(b.path), "/tmp/pawl-overdue.XXXXXX");
	if (!mkdtemp(b.path) || fs_open_dir(b.path, &b.dirfd, &e) ||
	    fs_mkdir(b.dirfd, "state", 0700, &e))
		return -1;
	(void)snprintf(b.cmdline, sizeof(b.cmdline), "%s/cmdline", b.path);
	(void)snprintf(b.state, sizeof(b.state), "%s/state", b.path);
	says(&b, "ro pawl.slot=b pawl.left=2\n");
	*state = &b;
	return 0;
}

static int remove_box(void **state)
{
	struct box *b = *state;
	struct err e = { 0 };

	fs_close(&b->dirfd);
	return fs_open_dir("/tmp", &b->dirfd, &e) ||
	       fs_remove_tree(b->dirfd, b->path + sizeof("/tmp"), &e);
}

static struct journal journal_of(enum machine_state state)
{
	struct journal j = { 0 };

	j.machine.state = state;
	j.machine.from = SLOT_A;
	j.machine.to = SLOT_B;
	return j;
}

static void write_record(const struct box *b, const char *name,
			 const struct journal *j, uint64_t sequence)
{
	uint8_t record[JOURNAL_RECORD_LEN];
	struct err e = { 0 };

	journal_format(j, sequence, record);
	assert_ok(fs_replace_file(b->dirfd, name,
				  (struct slice){ record, sizeof(record) },
				  0600, &e));
}

static bool waits(const struct box *b, int64_t limit_ms)
{
	const struct overdue o = { b->cmdline, b->state, limit_ms, 5 };

	return overdue_wait(&o);
}

/* So long is nobody's test: whoever waits for a decision is seen to. */
static bool is_over_at_once(const struct box *b)
{
	return !waits(b, LONG_MS);
}

static void what_runs_and_is_not_decided_is_overdue(void **state)
{
	static const bool undecided[MACHINE_STATES] = {
		[MACHINE_INSTALLED] = true,
		[MACHINE_REBOOT] = true,
		[MACHINE_TRIAL] = true,
	};
	const struct box *b = *state;

	for (enum machine_state m = 0; m < MACHINE_STATES; m++) {
		struct journal j = journal_of(m);

		write_record(b, "state/journal.0", &j, 1);
		if (undecided[m])
			assert_true(waits(b, 20));
		else
			assert_true(is_over_at_once(b));
	}
}

static void the_newer_record_counts(void **state)
{
	const struct journal trial = journal_of(MACHINE_TRIAL);
	const struct journal kept = journal_of(MACHINE_CONFIRMED);
	const struct box *b = *state;

	write_record(b, "state/journal.0", &trial, 255);
	write_record(b, "state/journal.1", &kept, 256);
	assert_true(is_over_at_once(b));
	write_record(b, "state/journal.1", &kept, 254);
	assert_true(waits(b, 20));
}

static void another_slot_is_not_on_trial(void **state)
{
	const struct journal j = journal_of(MACHINE_TRIAL);
	const struct box *b = *state;

	write_record(b, "state/journal.1", &j, 7);
	says(b, "ro pawl.slot=a\n");
	assert_true(is_over_at_once(b));
	/* Where no loader starts slots, there is nothing to restart for. */
	says(b, "ro quiet\n");
	assert_true(is_over_at_once(b));
}

/* The release before is below the floor, and there is no way back. */
static void what_no_loader_counts_is_not_restarted(void **state)
{
	static const enum machine_state undecided[] = {
		MACHINE_INSTALLED,
		MACHINE_REBOOT,
		MACHINE_TRIAL,
	};
	const struct box *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(undecided); i++) {
		const struct journal j = journal_of(undecided[i]);

		write_record(b, "state/journal.0", &j, i + 1);
		says(b, "ro pawl.slot=b pawl.left= quiet\n");
		assert_true(is_over_at_once(b));
		/* A loader that says nothing of it may count all the same. */
		says(b, "ro pawl.slot=b quiet\n");
		assert_true(waits(b, 20));
	}
	says(b, "ro pawl.slot=b pawl.left=\n");
	assert_true(is_over_at_once(b));
}

static void a_way_back_waits_for_its_boot_as_it_is_told_to(void **state)
{
	struct journal j = journal_of(MACHINE_REBOOT);
	const struct box *b = *state;

	j.machine.reason = REASON_HEALTH;
	write_record(b, "state/journal.0", &j, 1);
	assert_true(is_over_at_once(b));
	/* But who was to lead back, and did not, does not wait for anything. */
	j.machine.state = MACHINE_TRIAL;
	write_record(b, "state/journal.0", &j, 2);
	assert_true(waits(b, 20));
}

static void without_a_journal_the_loader_is_believed(void **state)
{
	static const char torn[] = "PAWLJRN1 and no more";
	const struct box *b = *state;
	struct err e = { 0 };

	assert_true(waits(b, 20));
	assert_ok(fs_replace_file(b->dirfd, "state/journal.0", slice_of(torn),
				  0600, &e));
	assert_true(waits(b, 20));
	assert_ok(fs_remove_tree(b->dirfd, "state", &e));
	assert_true(waits(b, 20));
	/* It says nothing: perhaps a device that never was updated. */
	says(b, "ro pawl.slot=b\n");
	assert_false(waits(b, 20));
	assert_ok(fs_remove(b->dirfd, "cmdline", &e));
	assert_false(waits(b, 20));
}

static void *decide(void *box)
{
	const struct journal kept = journal_of(MACHINE_CONFIRMED);

	(void)usleep(50 * 1000);
	write_record(box, "state/journal.1", &kept, 2);
	return NULL;
}

static void a_decision_ends_the_wait(void **state)
{
	const struct journal trial = journal_of(MACHINE_TRIAL);
	struct box *b = *state;
	const int64_t start = steady_ms();
	pthread_t client;

	write_record(b, "state/journal.0", &trial, 1);
	assert_int_equal(pthread_create(&client, NULL, decide, b), 0);
	assert_true(is_over_at_once(b));
	assert_int_equal(pthread_join(client, NULL), 0);
	assert_true(steady_ms() - start >= 50);
	assert_true(steady_ms() - start < LONG_MS / 2);
}

#define WITH_BOX(test)                                                         \
	cmocka_unit_test_setup_teardown(test, make_box, remove_box)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_BOX(what_runs_and_is_not_decided_is_overdue),
		WITH_BOX(the_newer_record_counts),
		WITH_BOX(another_slot_is_not_on_trial),
		WITH_BOX(what_no_loader_counts_is_not_restarted),
		WITH_BOX(a_way_back_waits_for_its_boot_as_it_is_told_to),
		WITH_BOX(without_a_journal_the_loader_is_believed),
		WITH_BOX(a_decision_ends_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
