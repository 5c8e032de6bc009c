/* SPDX-License-Identifier: Apache-2.0 */
/* In which records new bytes stand; that these make the new stream again is
 * what the tests of the whole (test_delta.c, the signer's own proof) show. */
#include "signer/delta_patch.h"

#include "common/delta.h"
#include "tests/unit/check.h"

#define HOME_LEN  ((size_t)3 << 20) /* two have no room in one prefix */
#define FRESH_LEN ((size_t)1 << 20)
#define BLOCK_LEN 1024

static uint8_t old[2 * HOME_LEN], first[FRESH_LEN], second[FRESH_LEN];
static struct delta_writer *writer;

static void noise(uint8_t *to, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		to[i] = (uint8_t)(seed >> 24);
	}
}

static int old_at(void *ctx, uint64_t at, void *out, size_t len, struct err *e)
{
	(void)ctx;
	(void)e;
	assert_true(at <= sizeof(old) && len <= sizeof(old) - at);
	memcpy(out, old + at, len);
	return 0;
}

static int drop(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	(void)bytes;
	(void)e;
	return 0;
}

static int setup(void **state)
{
	const struct delta_writer_setup how = { .codec = PACKAGE_LZMA,
						.fast = true,
						.to = { NULL, drop },
						.old_at = old_at,
						.prefix_max = UINT32_MAX };

	(void)state;
	noise(old, sizeof(old), 1);
	delta_writer_new(&how, &writer);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	delta_writer_free(writer);
	return 0;
}

/* Nothing of it is covered. */
static void put(const uint8_t *bytes, size_t len, size_t home)
{
	const struct delta_patch p = { .segment = { .kind = DELTA_PATCH,
						    .len = len,
						    .old_at = home * HOME_LEN,
						    .old_len = HOME_LEN },
				       .home = { old + home * HOME_LEN,
						 HOME_LEN },
				       .home_at = home * HOME_LEN,
				       .fresh = { bytes, len } };
	struct err e = { 0 };

	assert_ok(delta_patch_write(writer, &p, &e));
}

static uint64_t end(void)
{
	struct err e = { 0 };
	uint64_t len;

	assert_ok(delta_writer_end(writer, &len, &e));
	return len;
}

/* Blocks of a home in another order, from all over it. */
static void shuffle(uint8_t *to, size_t len, size_t home)
{
	const size_t all = HOME_LEN / BLOCK_LEN;

	for (size_t i = 0; i < len / BLOCK_LEN; i++)
		memcpy(to + i * BLOCK_LEN,
		       old + home * HOME_LEN + i * 1009 % all * BLOCK_LEN,
		       BLOCK_LEN);
}

static void new_files_that_resemble_each_other_share_a_record(void **state)
{
	(void)state;
	noise(first, FRESH_LEN, 2);
	memcpy(second, first, FRESH_LEN);
	second[777] ^= 1;
	put(first, FRESH_LEN, 0);
	put(second, FRESH_LEN, 1);
	/* One that is too short to be alone joins them. */
	put(first, FRESH_LEN / 2, 1);
	assert_true(end() < FRESH_LEN + FRESH_LEN / 16);
}

static void what_resembles_its_home_has_records_of_its_own(void **state)
{
	(void)state;
	shuffle(first, FRESH_LEN, 0);
	shuffle(second, FRESH_LEN, 1);
	put(first, FRESH_LEN, 0);
	put(second, FRESH_LEN, 1);
	assert_true(end() < FRESH_LEN / 16);
}

static void what_follows_resembles_neither(void **state)
{
	(void)state;
	shuffle(first, FRESH_LEN, 0);
	shuffle(second, FRESH_LEN / 4, 1);
	put(first, FRESH_LEN, 0);
	put(second, FRESH_LEN / 4, 1);
	assert_true(end() < FRESH_LEN / 16);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(new_files_that_resemble_each_other_share_a_record),
		TEST(what_resembles_its_home_has_records_of_its_own),
		TEST(what_follows_resembles_neither),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
