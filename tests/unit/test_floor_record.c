/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/floor_record.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "tests/unit/check.h"

/* Runs seq 5, confirmed; the floor 3 is stored. */
static struct floor_facts facts(void)
{
	return (struct floor_facts){ .record = { .stored = 3, .verified = 3 },
				     .confirmed = true,
				     .content_seq = 5 };
}

static void what_was_verified_bars_installing_at_once(void **state)
{
	struct floor_facts f = facts();

	(void)state;
	assert_int_equal(floor_to_install(&f), 3);
	f.record.verified = 9;
	assert_int_equal(floor_to_install(&f), 9);
}

static void it_is_stored_once_a_confirmed_slot_reaches_it(void **state)
{
	struct floor_facts f = facts();

	(void)state;
	f.record.verified = 6;
	assert_int_equal(floor_to_store(&f), 3);
	f.content_seq = 6;
	assert_int_equal(floor_to_store(&f), 6);
	f.confirmed = false;
	assert_int_equal(floor_to_store(&f), 3);
}

static void a_state_from_an_old_copy_is_outvoted(void **state)
{
	struct floor_facts f = facts();

	(void)state;
	f.record = (struct floor_record){ .stored = 0 };
	f.slots[1] = 4;
	assert_int_equal(floor_to_install(&f), 4);
	assert_int_equal(floor_to_store(&f), 4);
	f.slots[0] = 5;
	assert_int_equal(floor_to_store(&f), 5);
	/* A slot that was never confirmed must not lift it over what runs. */
	f.slots[0] = 6;
	assert_int_equal(floor_to_store(&f), 4);
	assert_int_equal(floor_to_install(&f), 6);
	/* The hardware was advanced by who had stored it already. */
	f.counter = 8;
	f.confirmed = false;
	assert_int_equal(floor_to_store(&f), 8);
	assert_int_equal(floor_to_install(&f), 8);
}

static void it_never_goes_down(void **state)
{
	struct floor_facts f = facts();

	(void)state;
	f.record.verified = 1;
	f.counter = 2;
	f.slots[0] = 1;
	assert_int_equal(floor_to_store(&f), 3);
	assert_int_equal(floor_to_install(&f), 3);
}

static void a_record_is_read_as_it_was_written(void **state)
{
	const struct floor_record r = { 7, UINT64_MAX };
	uint8_t bytes[FLOOR_RECORD_LEN];
	struct slice in = { bytes, sizeof(bytes) };
	struct floor_record back = { 1, 1 };
	struct err e = { 0 };
	uint64_t sequence;

	(void)state;
	floor_record_format(&r, 4, bytes);
	assert_ok(floor_record_parse(in, &back, &sequence, &e));
	assert_int_equal(sequence, 4);
	assert_true(back.stored == 7 && back.verified == UINT64_MAX);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 1;
		assert_refused(floor_record_parse(in, &back, &sequence, &e),
			       ERR_FORMAT);
		bytes[i] ^= 1;
	}
	in.len--;
	assert_refused(floor_record_parse(in, &back, &sequence, &e),
		       ERR_FORMAT);
}

/* A record whose checksum is right, with a field that we do not know. */
static void put_unknown(int dirfd, const char *name, uint64_t sequence)
{
	static const struct twin_kind kind = {
		.what = "floor",
		.names = { "floor.0", "floor.1" },
		.magic = UINT64_C(0x31524c464c574150),
		.len = FLOOR_RECORD_LEN,
	};
	uint8_t payload[24] = { 9, [8] = 9, [23] = 1 };
	uint8_t bytes[FLOOR_RECORD_LEN];
	struct err e = { 0 };

	twin_format(&kind, (struct slice){ payload, sizeof(payload) }, sequence,
		    bytes);
	assert_ok(fs_replace_file(
		dirfd, name, (struct slice){ bytes, sizeof(bytes) }, 0600, &e));
}

static void a_newer_record_that_nobody_understands_does_not_count(void **state)
{
	const struct floor_record r = { 7, 8 };
	char dir[] = "/tmp/test-floor.XXXXXX";
	struct floor_record back;
	struct twin_file file;
	struct err e = { 0 };
	int dirfd = -1, tmp = -1;
	bool reset = true;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_ok(fs_open_dir(dir, &dirfd, &e));
	assert_ok(floor_record_open(dirfd, &file, &back, &reset, &e));
	assert_true(!reset && back.stored == 0 && back.verified == 0);
	assert_ok(floor_record_write(&file, &r, &e));
	put_unknown(dirfd, file.newest ? "floor.0" : "floor.1", 100);
	assert_ok(floor_record_peek(dirfd, &back, &reset, &e));
	assert_true(!reset && back.stored == 7 && back.verified == 8);
	/* Where both are such, nothing is known: that is said, not guessed. */
	put_unknown(dirfd, file.newest ? "floor.1" : "floor.0", 101);
	assert_ok(floor_record_peek(dirfd, &back, &reset, &e));
	assert_true(reset && back.stored == 0 && back.verified == 0);
	twin_close(&file);
	fs_close(&dirfd);
	assert_ok(fs_open_dir("/tmp", &tmp, &e));
	assert_ok(fs_remove_tree(tmp, dir + strlen("/tmp/"), &e));
	fs_close(&tmp);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_verified_bars_installing_at_once),
		cmocka_unit_test(it_is_stored_once_a_confirmed_slot_reaches_it),
		cmocka_unit_test(a_state_from_an_old_copy_is_outvoted),
		cmocka_unit_test(it_never_goes_down),
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(
			a_newer_record_that_nobody_understands_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
