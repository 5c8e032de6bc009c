/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/utc.h"
#include "tests/unit/check.h"
#include "tests/unit/resum.h"

static int make_folder(void **state)
{
	char path[] = "/tmp/pawl-journal.XXXXXX";
	struct err e = { 0 };
	int *dirfd = mem_alloc(1, sizeof(*dirfd));

	*state = dirfd;
	if (!mkdtemp(path))
		return -1;
	return fs_open_dir(path, dirfd, &e);
}

static int remove_folder(void **state)
{
	int *dirfd = *state;
	char link[64], path[256];
	ssize_t len;
	struct err e;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", *dirfd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return -1;
	path[len] = 0;
	if (fs_remove(*dirfd, "journal.0", &e) ||
	    fs_remove(*dirfd, "journal.1", &e))
		return -1;
	fs_close(dirfd);
	free(dirfd);
	return rmdir(path);
}

static const struct journal sample = {
	.machine = { MACHINE_TRIAL, REASON_HEALTH, SLOT_A, SLOT_B, 2, 1,
		     1U << SLOT_A },
	.boot = "3bb6a1b4-5a7a-4d8e-9d5a-3a0d7f0e6c11",
	.activation = 7,
	.attempt = UINT64_MAX,
	.report_sequence = 3,
	.untold = 3,
	.failures = 1,
	.stranger = 1790000001,
	.time_floor = 1790000000,
	.trusted_until = 1890000000,
	.digest = { { 1, 2, 3 } },
	.release = "2026.11.1",
	.detail = "exit status 3",
	.refusals = { { { { 9 } }, { { 8 } } }, 2, 77, 78 },
};

static void assert_same(const struct journal *a, const struct journal *b)
{
	uint8_t x[JOURNAL_RECORD_LEN], y[JOURNAL_RECORD_LEN];

	journal_format(a, 1, x);
	journal_format(b, 1, y);
	assert_memory_equal(x, y, sizeof(x));
}

static void a_record_says_what_was_written(void **state)
{
	uint8_t bytes[JOURNAL_RECORD_LEN];
	struct journal j = { 0 };
	struct err e = { 0 };
	uint64_t sequence = 0;

	(void)state;
	journal_format(&sample, 41, bytes);
	assert_ok(journal_parse((struct slice){ bytes, sizeof(bytes) }, &j,
				&sequence, &e));
	assert_int_equal(sequence, 41);
	assert_same(&j, &sample);
	assert_string_equal(j.release, "2026.11.1");
	assert_int_equal(j.machine.attempts_left, 2);
	assert_int_equal(j.machine.proven, 1U << SLOT_A);
}

static void any_flipped_bit_is_noticed(void **state)
{
	uint8_t bytes[JOURNAL_RECORD_LEN];
	struct journal j;
	struct err e = { 0 };
	uint64_t sequence;

	(void)state;
	journal_format(&sample, 41, bytes);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 0x10;
		assert_refused(
			journal_parse((struct slice){ bytes, sizeof(bytes) },
				      &j, &sequence, &e),
			ERR_FORMAT);
		bytes[i] ^= 0x10;
	}
}

static void any_other_length_is_refused(void **state)
{
	uint8_t bytes[JOURNAL_RECORD_LEN + 1] = { 0 };
	struct journal j;
	struct err e = { 0 };
	uint64_t sequence;

	(void)state;
	journal_format(&sample, 41, bytes);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		if (len == JOURNAL_RECORD_LEN)
			continue;
		assert_refused(journal_parse((struct slice){ bytes, len }, &j,
					     &sequence, &e),
			       ERR_FORMAT);
	}
}

static void refused(const uint8_t bytes[JOURNAL_RECORD_LEN])
{
	struct journal j;
	struct err e = { 0 };
	uint64_t sequence;

	assert_refused(
		journal_parse((struct slice){ bytes, JOURNAL_RECORD_LEN }, &j,
			      &sequence, &e),
		ERR_FORMAT);
}

/* Checksums are no secret: values must make sense, too. */
static void a_sound_checksum_over_nonsense_is_refused(void **state)
{
	uint8_t bytes[JOURNAL_RECORD_LEN];
	struct journal bad = sample;

	(void)state;
	bad.refusals.count = REFUSALS_MAX + 1;
	journal_format(&bad, 1, bytes);
	refused(bytes);
	bad = sample;
	bad.machine.attempts_left = MACHINE_ATTEMPTS + 1;
	journal_format(&bad, 1, bytes);
	refused(bytes);
	bad = sample;
	bad.trusted_until = UTC_LAST + 1;
	journal_format(&bad, 1, bytes);
	refused(bytes);
	bad = sample;
	bad.time_floor = UTC_LAST + 1;
	journal_format(&bad, 1, bytes);
	refused(bytes);
	bad = sample;
	memset(bad.detail, 'x', sizeof(bad.detail));
	journal_format(&bad, 1, bytes);
	refused(bytes);
	bad = sample;
	memset(bad.release, 'x', sizeof(bad.release));
	journal_format(&bad, 1, bytes);
	refused(bytes);
	bad = sample;
	memset(bad.boot, 'x', sizeof(bad.boot));
	journal_format(&bad, 1, bytes);
	refused(bytes);
}

/* Nor are those that the client itself could never write. */
static void no_byte_says_what_there_is_none_of(void **state)
{
	const size_t stops = TWIN_HEAD_LEN + 40 + SHA256_LEN +
			     sizeof(sample.release) + sizeof(sample.detail) +
			     4 + sizeof(sample.refusals.digests) + 8;
	const size_t vouched =
		stops + 1 + sizeof(sample.boot) + sizeof(sample.vouched_by);
	const struct {
		size_t at;
		uint8_t most;
	} fields[] = {
		{ TWIN_HEAD_LEN, MACHINE_STATES - 1 },
		{ TWIN_HEAD_LEN + 1, REASONS - 1 },
		{ TWIN_HEAD_LEN + 2, SLOT_B },
		{ TWIN_HEAD_LEN + 3, SLOT_B },
		{ stops, MACHINE_STOPS },
		{ vouched, (1U << (SLOT_B + 1)) - 1 },
		{ vouched + 1, SLOT_B },
		{ vouched + 6, (1U << (SLOT_B + 1)) - 1 }, /* proven */
	};
	uint8_t bytes[JOURNAL_RECORD_LEN];
	struct journal j;
	struct err e = { 0 };
	uint64_t sequence;

	(void)state;
	journal_format(&sample, 1, bytes);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const uint8_t was = bytes[fields[i].at];

		resum(bytes, sizeof(bytes), fields[i].at, fields[i].most);
		assert_ok(journal_parse((struct slice){ bytes, sizeof(bytes) },
					&j, &sequence, &e));
		resum(bytes, sizeof(bytes), fields[i].at,
		      (uint8_t)(fields[i].most + 1));
		refused(bytes);
		resum(bytes, sizeof(bytes), fields[i].at, was);
	}
}

static struct journal reopen(int dirfd, bool *reset)
{
	struct twin_file f;
	struct journal j = { 0 };
	struct err e = { 0 };

	assert_ok(journal_open(dirfd, &f, &j, reset, &e));
	twin_close(&f);
	return j;
}

static void a_new_device_has_an_empty_journal(void **state)
{
	bool reset = true;
	struct journal j = reopen(*(int *)*state, &reset);

	assert_false(reset);
	assert_int_equal(j.machine.state, MACHINE_IDLE);
	assert_int_equal(j.refusals.count, 0);
}

static void the_newest_record_counts(void **state)
{
	int dirfd = *(int *)*state;
	struct twin_file f;
	struct journal j;
	struct err e = { 0 };
	bool reset;

	assert_ok(journal_open(dirfd, &f, &j, &reset, &e));
	for (uint32_t i = 1; i <= 5; i++) {
		j = sample;
		j.failures = i;
		assert_ok(journal_write(&f, &j, &e));
	}
	twin_close(&f);
	j = reopen(dirfd, &reset);
	assert_false(reset);
	assert_int_equal(j.failures, 5);
}

static void write_five(int dirfd)
{
	struct twin_file f;
	struct journal j;
	struct err e = { 0 };
	bool reset;

	assert_ok(journal_open(dirfd, &f, &j, &reset, &e));
	j = sample;
	for (uint32_t i = 1; i <= 5; i++) {
		j.failures = i;
		assert_ok(journal_write(&f, &j, &e));
	}
	twin_close(&f);
}

static void damage(int dirfd, const char *name, uint64_t len)
{
	struct err e = { 0 };
	int fd = -1;

	assert_ok(fs_open(dirfd, name, O_RDWR, &fd, &e));
	assert_ok(fs_truncate(fd, len, &e));
	fs_close(&fd);
}

/* It was written whole, and still cannot be: the one before counts. */
static void nonsense_costs_one_step_only(void **state)
{
	uint8_t bytes[JOURNAL_RECORD_LEN];
	int dirfd = *(int *)*state;
	struct err e = { 0 };
	bool reset;
	int fd = -1;

	write_five(dirfd);
	journal_format(&sample, 99, bytes);
	resum(bytes, sizeof(bytes), TWIN_HEAD_LEN, MACHINE_STATES);
	assert_ok(fs_open(dirfd, "journal.1", O_RDWR, &fd, &e));
	assert_ok(
		fs_write_at(fd, 0, (struct slice){ bytes, sizeof(bytes) }, &e));
	fs_close(&fd);
	assert_int_equal(reopen(dirfd, &reset).failures, 4);
	assert_false(reset);
}

/* The fifth record went to journal.1: records begin there and alternate. */
static void a_torn_write_costs_one_step_only(void **state)
{
	int dirfd = *(int *)*state;
	struct err e = { 0 };
	bool reset;

	for (uint64_t len = 0; len < JOURNAL_RECORD_LEN; len += 61) {
		write_five(dirfd);
		damage(dirfd, "journal.1", len);
		assert_int_equal(reopen(dirfd, &reset).failures, 4);
		assert_false(reset);
		assert_ok(fs_remove(dirfd, "journal.0", &e));
		assert_ok(fs_remove(dirfd, "journal.1", &e));
	}
}

static void after_a_torn_write_writing_goes_on(void **state)
{
	int dirfd = *(int *)*state;
	struct twin_file f;
	struct journal j;
	struct err e = { 0 };
	bool reset;

	write_five(dirfd);
	damage(dirfd, "journal.1", 100);
	assert_ok(journal_open(dirfd, &f, &j, &reset, &e));
	j.failures = 77;
	assert_ok(journal_write(&f, &j, &e));
	/* The only good record was not the one that was overwritten. */
	damage(dirfd, "journal.1", 100);
	assert_int_equal(reopen(dirfd, &reset).failures, 4);
	twin_close(&f);
}

static void both_damaged_is_a_reset_that_is_told(void **state)
{
	int dirfd = *(int *)*state;
	struct journal j;
	struct err e = { 0 };
	bool reset = false;

	write_five(dirfd);
	damage(dirfd, "journal.0", 10);
	damage(dirfd, "journal.1", 2000);
	j = reopen(dirfd, &reset);
	assert_true(reset);
	assert_int_equal(j.machine.state, MACHINE_IDLE);
	reset = false;
	assert_ok(journal_peek(dirfd, &j, &reset, &e));
	assert_true(reset);
}

int main(void)
{
#define IN_FOLDER(test)                                                        \
	cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_says_what_was_written),
		cmocka_unit_test(any_flipped_bit_is_noticed),
		cmocka_unit_test(any_other_length_is_refused),
		cmocka_unit_test(a_sound_checksum_over_nonsense_is_refused),
		cmocka_unit_test(no_byte_says_what_there_is_none_of),
		IN_FOLDER(a_new_device_has_an_empty_journal),
		IN_FOLDER(the_newest_record_counts),
		IN_FOLDER(a_torn_write_costs_one_step_only),
		IN_FOLDER(nonsense_costs_one_step_only),
		IN_FOLDER(after_a_torn_write_writing_goes_on),
		IN_FOLDER(both_damaged_is_a_reset_that_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
