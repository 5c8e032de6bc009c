/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_predict.h"

#include <string.h>

#include "common/le.h"
#include "tests/unit/check.h"

#define VIEW    (DELTA_BEFORE + DELTA_BLOCK + DELTA_AFTER)
#define LEN     1024
#define AT      0x4000 /* of the block in the old file */
#define TO      0x4100 /* and in the new one */
#define OLD     0x400000
#define NEW     0x500000
#define SHIFT   0x100 /* what stands before offset 0x8000 moved by */
#define FURTHER 0x340 /* and what stands behind it */

static struct delta_span spans[2];
static struct delta_map map;
static uint8_t old[VIEW], made[VIEW];

static int setup(void **state)
{
	(void)state;
	map = (struct delta_map){
		.old = { { { 0, 0x10000, OLD } }, 1 },
		.fresh = { { { 0, 0x20000, NEW } }, 1 },
		.old_anchor = OLD + 0x10,
		.new_anchor = NEW + 0x20,
		.spans = spans,
	};
	delta_map_add(&map, 0, SHIFT, 0x8000);
	delta_map_add(&map, 0x8000, 0x8000 + FURTHER, 0x8000);
	delta_map_seal(&map);
	memset(old, 0, sizeof(old));
	memset(made, 0, sizeof(made));
	return 0;
}

/* Place i of the block. */
static uint8_t *at(uint8_t *view, size_t i)
{
	return view + DELTA_BEFORE + i;
}

static void predict(enum delta_predictor p)
{
	static const uint8_t nothing[DELTA_BLOCK];
	const struct delta_block b = { old, LEN, AT, TO };
	uint8_t diff[DELTA_BLOCK];

	delta_rebuild(p, &map, &b, nothing, made);
	/* And the writer would have found nothing wrong with it. */
	memset(diff, 1, LEN);
	delta_compare(p, &map, &b, made, diff);
	assert_memory_equal(diff, nothing, LEN);
}

/* ---- x86-64 -------------------------------------------------------------- */

static void put_x86(size_t i, const char *opcode, size_t len, uint32_t distance)
{
	memcpy(at(old, i), opcode, len);
	le32_put(at(old, i + len), distance);
}

static void distances_of_x86_follow_their_targets(void **state)
{
	static const struct {
		const char *opcode;
		size_t len;
		bool moves;
	} cases[] = {
		{ "\xe8", 1, true },          { "\xe9", 1, true },
		{ "\x0f\x84", 2, true },      { "\x0f\x8f", 2, true },
		{ "\x48\x8b\x05", 3, true },  { "\x48\x8d\x3d", 3, true },
		{ "\x48\x8b\x04", 3, false }, { "\x90", 1, false },
		{ "\x0e\x84", 2, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const size_t len = cases[i].len;

		setup(NULL);
		/* To offset 0x9000, which moves FURTHER - SHIFT more. */
		put_x86(100, cases[i].opcode, len,
			(uint32_t)(0x9000 - (AT + 100 + len + 4)));
		predict(DELTA_X86);
		assert_int_equal(
			le32_get(at(made, 100 + len)),
			le32_get(at(old, 100 + len)) +
				(cases[i].moves ? FURTHER - SHIFT : 0));
	}
}

static void addresses_of_the_upper_half_are_seen_in_x86_code(void **state)
{
	(void)state;
	map.old.regions[0].address = 0xffffffff81000000;
	map.fresh.regions[0].address = 0xffffffff81000000;
	put_x86(16, "\x48\xc7\xc7", 3, 0x81009000);
	predict(DELTA_X86);
	assert_int_equal(le32_get(at(made, 19)), 0x81009000 + FURTHER);
}

static void a_field_may_reach_beyond_its_block(void **state)
{
	(void)state;
	put_x86(LEN - 3, "\xe8", 1, 0x9000 - (AT + LEN + 2));
	predict(DELTA_X86);
	assert_int_equal(*at(made, LEN - 2),
			 (*at(old, LEN - 2) + FURTHER - SHIFT) & 0xff);
	setup(NULL);
	put_x86((size_t)0 - 3, "\xe8", 1, 0x9000 - (AT - 3 + 5));
	predict(DELTA_X86);
	assert_int_equal(*at(made, 0), le32_get(at(old, 0) - 2) >> 16 & 0xff);
}

static void code_outside_the_regions_stays(void **state)
{
	(void)state;
	map.old.regions[0].len = AT;
	put_x86(100, "\xe8", 1, 0x10);
	predict(DELTA_X86);
	assert_memory_equal(at(made, 0), at(old, 0), LEN);
}

/* ---- Arm ----------------------------------------------------------------- */

static void branches_of_arm64_follow_their_targets(void **state)
{
	const uint32_t distance = (0x9000 - (AT + 8)) / 4;
	const uint32_t more = (FURTHER - SHIFT) / 4;
	static const struct {
		uint32_t word;
		unsigned at;
	} cases[] = {
		{ 0x94000000, 0 }, /* BL */
		{ 0x14000000, 0 }, /* B */
		{ 0x54000001, 5 }, /* B.NE */
		{ 0xb4000003, 5 }, /* CBZ */
		{ 0x58000002, 5 }, /* LDR literal */
		{ 0x37000004, 5 }, /* TBNZ; too far away for it: wraps */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases) - 1; i++) {
		setup(NULL);
		le32_put(at(old, 8), cases[i].word | distance << cases[i].at);
		predict(DELTA_ARM64);
		assert_int_equal(le32_get(at(made, 8)),
				 cases[i].word | (distance + more)
							 << cases[i].at);
	}
	setup(NULL);
	le32_put(at(old, 8), cases[5].word | 0x10 << 5);
	predict(DELTA_ARM64);
	assert_int_equal(le32_get(at(made, 8)), cases[5].word | 0x10 << 5);
}

static void an_adrp_and_what_completes_it_move_together(void **state)
{
	/* ADRP x1, 5 pages on; ADD x2, x1, #0xf00; LDR x3, [x1, #0xf08] */
	const uint32_t adrp = 0x90000001 | 1u << 29 | 1u << 5;
	const uint64_t target = OLD + 0x9f00 + FURTHER - OLD + NEW;

	(void)state;
	le32_put(at(old, 0), adrp);
	le32_put(at(old, 4), 0x91000022 | 0xf00 << 10);
	le32_put(at(old, 8), 0xf9400023 | (0xf08 / 8) << 10);
	predict(DELTA_ARM64);
	assert_int_equal(target & 0xfff, 0x240);
	/* From the page of the new place, 0x504000, to that of the target. */
	assert_int_equal(le32_get(at(made, 0)),
			 0x90000001 | 2u << 29 | 1u << 5);
	assert_int_equal(le32_get(at(made, 4)), 0x91000022 | 0x240 << 10);
	assert_int_equal(le32_get(at(made, 8)), 0xf9400023 | (0x248 / 8) << 10);
	/* ADD x1, x1, #0xf00: what x1 held is gone for the LDR behind it. */
	le32_put(at(old, 4), 0x91000021 | 0xf00 << 10);
	predict(DELTA_ARM64);
	assert_int_equal(le32_get(at(made, 4)), 0x91000021 | 0x240 << 10);
	assert_int_equal(le32_get(at(made, 8)), le32_get(at(old, 8)));
}

static void an_adr_moves(void **state)
{
	(void)state;
	le32_put(at(old, 0), 0x10000001 | (0x9000 - AT) / 4 << 5);
	predict(DELTA_ARM64);
	assert_int_equal(le32_get(at(made, 0)),
			 0x10000001 | (0x9000 - AT + FURTHER - SHIFT) / 4 << 5);
}

static void branches_of_arm_follow_their_targets(void **state)
{
	const uint32_t distance = (0x9000 - (AT + 12 + 8)) / 4;

	(void)state;
	le32_put(at(old, 12), 0xeb000000 | distance);
	le32_put(at(old, 16), 0xea000000 | (uint32_t)(-64 & 0xffffff));
	predict(DELTA_ARM);
	assert_int_equal(le32_get(at(made, 12)),
			 0xeb000000 | (distance + (FURTHER - SHIFT) / 4));
	assert_int_equal(le32_get(at(made, 16)), le32_get(at(old, 16)));
}

static void branches_of_thumb_follow_their_targets(void **state)
{
	const uint32_t distance = 0x9000 - (AT + 6 + 4);
	const uint32_t want = distance + FURTHER - SHIFT;

	(void)state;
	le16_put(at(old, 6), 0xf000 | (distance >> 12 & 0x3ff));
	le16_put(at(old, 8), 0xf800 | (distance >> 1 & 0x7ff));
	predict(DELTA_THUMB);
	assert_int_equal(le16_get(at(made, 6)), 0xf000 | (want >> 12 & 0x3ff));
	assert_int_equal(le16_get(at(made, 8)), 0xf800 | (want >> 1 & 0x7ff));
}

/* ---- data ---------------------------------------------------------------- */

static void pointers_follow_their_targets(void **state)
{
	(void)state;
	le64_put(at(old, 0), OLD + 0x10);
	le64_put(at(old, 8), OLD + 0x8000);
	le64_put(at(old, 16), OLD + 0x10000);
	le64_put(at(old, 24), 5);
	predict(DELTA_POINTERS);
	assert_true(le64_get(at(made, 0)) == NEW + 0x10 + SHIFT);
	assert_true(le64_get(at(made, 8)) == NEW + 0x8000 + FURTHER);
	assert_true(le64_get(at(made, 16)) == OLD + 0x10000);
	assert_true(le64_get(at(made, 24)) == 5);
}

static void words_follow_their_targets(void **state)
{
	(void)state;
	le32_put(at(old, 0), OLD + 0x10);
	le32_put(at(old, 4), 7);
	predict(DELTA_WORDS);
	assert_int_equal(le32_get(at(made, 0)), NEW + 0x10 + SHIFT);
	assert_int_equal(le32_get(at(made, 4)), 7);
}

static void distances_in_tables_follow_both_ends(void **state)
{
	(void)state;
	le32_put(at(old, 20), 0x9000 - (AT + 20));
	predict(DELTA_RELATIVE);
	assert_int_equal(le32_get(at(made, 20)),
			 0x9000 - (AT + 20) + FURTHER - SHIFT);
	setup(NULL);
	le32_put(at(old, 20), 0x9000);
	predict(DELTA_ANCHORED);
	assert_int_equal(le32_get(at(made, 20)),
			 0x9000 + 0x10 + FURTHER - 0x20);
}

static void frames_know_their_function_and_their_parent(void **state)
{
	(void)state;
	le32_put(at(old, 40), 20);
	le32_put(at(old, 44), 44 + 0x1000);
	le32_put(at(old, 48), 0x9000 - (AT + 48));
	predict(DELTA_FRAMES);
	assert_int_equal(le32_get(at(made, 40)), 20);
	assert_int_equal(le32_get(at(made, 44)), 44 + 0x1000);
	assert_int_equal(le32_get(at(made, 48)),
			 0x9000 - (AT + 48) + FURTHER - SHIFT);
}

/* As docs/delta-format.md has it: a reader that saw more of them, or fewer,
 * would make another file of the same delta. */
static void what_is_no_frame_stays(void **state)
{
	static const struct {
		uint32_t len, back; /* to the parent, from the second word */
		bool moves;
	} cases[] = {
		{ 8, 44 + 0x1000, true },
		{ 7, 44 + 0x1000, false },
		{ 4, 44 + 0x1000, false },
		{ 65536, 44 + 0x1000, true },
		{ 65540, 44 + 0x1000, false },
		{ 22, 44 + 0x1000, false },
		{ 20, 0, false },
		{ 20, 46, false },
		{ 20, 44 + 0x4004, false }, /* before the file */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const uint32_t distance = 0x9000 - (AT + 48);

		setup(NULL);
		le32_put(at(old, 40), cases[i].len);
		le32_put(at(old, 44), cases[i].back);
		le32_put(at(old, 48), distance);
		predict(DELTA_FRAMES);
		assert_int_equal(
			le32_get(at(made, 48)),
			distance + (cases[i].moves ? FURTHER - SHIFT : 0));
	}
}

static void relocations_carry_their_place(void **state)
{
	(void)state;
	for (size_t i = 8; i + 24 <= LEN; i += 24) {
		le64_put(at(old, i), 0x7000 + i);
		le64_put(at(old, i + 8), 0x403);
		le64_put(at(old, i + 16), OLD + 0x9000 + i);
	}
	/* What stands before the block: an entry whose place moved by 0x50. */
	le64_put(at(old, 8) - 24, 0x7000 - 16);
	le64_put(at(made, 8) - 24, 0x7000 - 16 + 0x50);
	predict(DELTA_RELOCATIONS);
	assert_true(le64_get(at(made, 32)) == 0x7000 + 32 + 0x50);
	assert_true(le64_get(at(made, 40)) == 0x403);
	assert_true(le64_get(at(made, 48)) == NEW + 0x9000 + 32 + FURTHER);
}

static void numbers_grow_as_those_before_them(void **state)
{
	static const struct {
		enum delta_predictor predictor;
		size_t width, back;
	} cases[] = { { DELTA_CARRY4, 4, 4 },
		      { DELTA_CARRY8, 4, 8 },
		      { DELTA_CARRY12, 4, 12 },
		      { DELTA_CARRY64, 8, 8 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		setup(NULL);
		for (size_t k = 0; k < LEN; k += cases[i].width)
			le32_put(at(old, k), (uint32_t)(1000 + 3 * k));
		le32_put(at(made, 0) - cases[i].back, 7);
		predict(cases[i].predictor);
		assert_int_equal(le32_get(at(made, 0)), 1007);
		assert_int_equal(le32_get(at(made, cases[i].back * 5)),
				 1007 + 3 * cases[i].back * 5);
	}
}

/* ---- all ----------------------------------------------------------------- */

static void every_predictor_is_undone_exactly(void **state)
{
	static uint8_t fresh[VIEW], diff[DELTA_BLOCK];
	uint32_t random = 1;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		const struct delta_block b = { old, 1 + round * 13, AT + round,
					       TO + round * 3 };

		for (size_t i = 0; i < VIEW; i++) {
			random = random * 1664525 + 1013904223;
			old[i] = (uint8_t)(random >> 24);
			fresh[i] = (uint8_t)(random >> 20 & 0x7f ? old[i]
								 : random >> 8);
		}
		for (unsigned p = 0; p < DELTA_PREDICTORS; p++) {
			memcpy(made, fresh, DELTA_BEFORE);
			delta_compare(p, &map, &b, fresh, diff);
			delta_rebuild(p, &map, &b, diff, made);
			assert_memory_equal(made, fresh, DELTA_BEFORE + b.len);
		}
	}
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(distances_of_x86_follow_their_targets),
		TEST(addresses_of_the_upper_half_are_seen_in_x86_code),
		TEST(a_field_may_reach_beyond_its_block),
		TEST(code_outside_the_regions_stays),
		TEST(branches_of_arm64_follow_their_targets),
		TEST(an_adrp_and_what_completes_it_move_together),
		TEST(an_adr_moves),
		TEST(branches_of_arm_follow_their_targets),
		TEST(branches_of_thumb_follow_their_targets),
		TEST(pointers_follow_their_targets),
		TEST(words_follow_their_targets),
		TEST(distances_in_tables_follow_both_ends),
		TEST(frames_know_their_function_and_their_parent),
		TEST(what_is_no_frame_stays),
		TEST(relocations_carry_their_place),
		TEST(numbers_grow_as_those_before_them),
		TEST(every_predictor_is_undone_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
