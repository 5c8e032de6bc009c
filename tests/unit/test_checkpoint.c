/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/checkpoint.h"

#include "tests/unit/box.h"
#include "tests/unit/resum.h"

static struct checkpoint half(void)
{
	return (struct checkpoint){ .slot = SLOT_B,
				    .part = 1,
				    .release = { { 1, 2, 3 } },
				    .package = { { 4, 5, 6 } },
				    .at = { 70000, 16777216, 7, 99, 5, 1000 } };
}

static bool is_same(const struct checkpoint *a, const struct checkpoint *b)
{
	return a->slot == b->slot && a->part == b->part &&
	       sha256_equal(&a->release, &b->release) &&
	       sha256_equal(&a->package, &b->package) &&
	       a->at.packed == b->at.packed && a->at.plain == b->at.plain &&
	       a->at.entry == b->at.entry && a->at.within == b->at.within &&
	       a->at.records == b->at.records && a->at.again == b->at.again;
}

static void a_record_is_read_as_it_was_written(void **state)
{
	const struct checkpoint c = half();
	uint8_t bytes[CHECKPOINT_LEN];
	struct slice in = { bytes, sizeof(bytes) };
	struct checkpoint back;
	struct err e = { 0 };
	uint64_t sequence;

	(void)state;
	checkpoint_format(&c, 9, bytes);
	assert_ok(checkpoint_parse(in, &back, &sequence, &e));
	assert_int_equal(sequence, 9);
	assert_true(is_same(&c, &back));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 1;
		assert_refused(checkpoint_parse(in, &back, &sequence, &e),
			       ERR_FORMAT);
		bytes[i] ^= 1;
	}
	in.len--;
	assert_refused(checkpoint_parse(in, &back, &sequence, &e), ERR_FORMAT);
}

/* A checksum is nobody's word for what cannot be. */
static void impossible_values_are_refused(void **state)
{
	uint8_t bytes[CHECKPOINT_LEN];
	const struct slice in = { bytes, sizeof(bytes) };
	struct checkpoint bad[8], back;
	struct err e = { 0 };
	uint64_t sequence;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = half();
	bad[0].at.plain = 0;
	bad[1].at.packed = 0;
	bad[2].slot = SLOT_NONE;
	bad[3] = (struct checkpoint){ .at = { .packed = 1, .plain = 1 } };
	bad[4].at = (struct package_point){ .entry = 1 };
	bad[5].at = (struct package_point){ .within = 1 };
	bad[6].at = (struct package_point){ .records = 1 };
	bad[7].at = (struct package_point){ .again = 1 };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		checkpoint_format(&bad[i], 1, bytes);
		assert_refused(checkpoint_parse(in, &back, &sequence, &e),
			       ERR_FORMAT);
	}
	/* Nor a slot or a part that there is none of. */
	for (size_t i = 0; i < 2; i++) {
		bad[0] = half();
		checkpoint_format(&bad[0], 1, bytes);
		resum(bytes, sizeof(bytes), TWIN_HEAD_LEN + i, i ? 5 : 3);
		assert_refused(checkpoint_parse(in, &back, &sequence, &e),
			       ERR_FORMAT);
	}
}

static void it_survives_and_a_damaged_one_is_none(void **state)
{
	const struct checkpoint c = half();
	struct checkpoint back = c;
	struct twin_file file;
	struct err e = { 0 };
	struct box box;

	(void)state;
	box_open(&box);
	assert_ok(checkpoint_open(box.dir, &file, &back, &e));
	assert_int_equal(back.slot, SLOT_NONE);
	assert_ok(checkpoint_write(&file, &c, &e));
	twin_close(&file);
	assert_ok(checkpoint_open(box.dir, &file, &back, &e));
	assert_true(is_same(&c, &back));
	twin_close(&file);
	for (int i = 0; i < 2; i++)
		assert_ok(fs_replace_file(box.dir, i ? "stream.1" : "stream.0",
					  slice_of("torn"), 0600, &e));
	assert_ok(checkpoint_open(box.dir, &file, &back, &e));
	assert_int_equal(back.slot, SLOT_NONE);
	twin_close(&file);
	box_close(&box);
}

/* The newer record is whole, and cannot be: the one before counts. */
static void nonsense_costs_one_point_only(void **state)
{
	const struct checkpoint c = half();
	uint8_t bytes[CHECKPOINT_LEN];
	struct checkpoint back;
	struct twin_file file;
	struct err e = { 0 };
	struct box box;

	(void)state;
	box_open(&box);
	assert_ok(checkpoint_open(box.dir, &file, &back, &e));
	assert_ok(checkpoint_write(&file, &c, &e)); /* to stream.1 */
	twin_close(&file);
	checkpoint_format(&c, 99, bytes);
	resum(bytes, sizeof(bytes), TWIN_HEAD_LEN, 3);
	assert_ok(fs_replace_file(box.dir, "stream.0",
				  (struct slice){ bytes, sizeof(bytes) }, 0600,
				  &e));
	assert_ok(checkpoint_open(box.dir, &file, &back, &e));
	assert_true(is_same(&c, &back));
	twin_close(&file);
	box_close(&box);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(impossible_values_are_refused),
		cmocka_unit_test(it_survives_and_a_damaged_one_is_none),
		cmocka_unit_test(nonsense_costs_one_point_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
