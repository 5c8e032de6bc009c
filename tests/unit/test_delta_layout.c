/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_layout.h"

#include "common/le.h"
#include "tests/unit/check.h"

#define FILE_LEN 65536
#define LOAD     1
#define EH_FRAME 0x6474e550

static uint8_t file[2][FILE_LEN];
static struct delta_segment found;

struct header {
	uint32_t type;
	uint64_t at, len, memory_len, address;
};

static int setup(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	memset(&found, 0, sizeof(found));
	return 0;
}

static void put_header(uint8_t *p, bool wide, const struct header *h)
{
	le32_put(p, h->type);
	if (wide) {
		le64_put(p + 8, h->at);
		le64_put(p + 16, h->address);
		le64_put(p + 32, h->len);
		le64_put(p + 40, h->memory_len);
	} else {
		le32_put(p + 4, (uint32_t)h->at);
		le32_put(p + 8, (uint32_t)h->address);
		le32_put(p + 16, (uint32_t)h->len);
		le32_put(p + 20, (uint32_t)h->memory_len);
	}
}

/* The table stands at 64; of wide headers 56 bytes, of others 32. */
static void put_elf(uint8_t *f, bool wide, const struct header *list,
		    uint16_t count)
{
	const uint16_t size = wide ? 56 : 32;

	memcpy(f, "\177ELF", 4);
	f[4] = wide ? 2 : 1;
	f[5] = 1;
	if (wide)
		le64_put(f + 32, 64);
	else
		le32_put(f + 28, 64);
	le16_put(f + (wide ? 54 : 42), size);
	le16_put(f + (wide ? 56 : 44), count);
	for (size_t i = 0; i < count; i++)
		put_header(f + 64 + i * size, wide, &list[i]);
}

static void look(size_t old_len, size_t new_len)
{
	delta_find_layouts((struct slice){ file[0], old_len },
			   (struct slice){ file[1], new_len }, &found);
}

static void assert_region(const struct delta_layout *l, size_t which,
			  uint64_t at, uint64_t len, uint64_t address)
{
	assert_true(which < l->count);
	assert_int_equal(l->regions[which].at, at);
	assert_int_equal(l->regions[which].len, len);
	assert_int_equal(l->regions[which].address, address);
}

static void what_a_program_loads_has_addresses(void **state)
{
	static const struct header old[] = {
		{ LOAD, 0, 0x3000, 0x3000, 0x400000 },
		{ 6, 64, 100, 100, 0x400040 }, /* no bytes of its own */
		{ EH_FRAME, 0x2000, 50, 50, 0x402000 },
		{ LOAD, 0x3000, 0x500, 0x1500, 0x414000 },
	};
	static const struct header fresh[] = {
		{ LOAD, 0, 0x3100, 0x3100, 0x400000 },
		{ EH_FRAME, 0x2080, 50, 50, 0x402080 },
		{ LOAD, 0x3100, 0x500, 0x1600, 0x415000 },
	};

	(void)state;
	for (unsigned wide = 0; wide < 2; wide++) {
		setup(NULL);
		put_elf(file[0], wide, old, ARRAY_LEN(old));
		put_elf(file[1], wide, fresh, ARRAY_LEN(fresh));
		look(FILE_LEN, FILE_LEN);
		assert_int_equal(found.old.count, 3);
		assert_region(&found.old, 0, 0, 0x3000, 0x400000);
		assert_region(&found.old, 1, 0x3000, 0x500, 0x414000);
		/* Memory without bytes stands behind the file. */
		assert_region(&found.old, 2, FILE_LEN, 0x1000, 0x414500);
		assert_int_equal(found.fresh.count, 3);
		assert_region(&found.fresh, 0, 0, 0x3100, 0x400000);
		assert_region(&found.fresh, 2, FILE_LEN, 0x1100, 0x415500);
		assert_int_equal(found.old_anchor, 0x402000);
		assert_int_equal(found.new_anchor, 0x402080);
	}
}

static void memory_of_several_stands_one_behind_another(void **state)
{
	static const struct header list[] = {
		{ LOAD, 0, 100, 300, 0x1000 },
		{ LOAD, 100, 100, 150, 0x2000 },
	};

	(void)state;
	put_elf(file[0], true, list, ARRAY_LEN(list));
	look(FILE_LEN, FILE_LEN);
	assert_int_equal(found.old.count, 4);
	assert_region(&found.old, 1, FILE_LEN, 200, 0x1064);
	assert_region(&found.old, 3, FILE_LEN + 200, 50, 0x2064);
	/* The other file has one region, of itself, and empty ones. */
	assert_int_equal(found.fresh.count, 4);
	assert_region(&found.fresh, 0, 0, FILE_LEN, 0);
	assert_region(&found.fresh, 1, 0, 0, 0);
}

/* Nothing beside the file is read; what is wrong is a file like any other. */
static void a_program_may_lie(void **state)
{
	static const struct header list[] = {
		{ LOAD, FILE_LEN + 1, 100, 100, 0x1000 }, /* beside it */
		{ LOAD, FILE_LEN - 10, 100, 20, 0x2000 }, /* half of it */
		{ LOAD, 0, 100, UINT64_MAX, 0x3000 },
	};
	static const struct {
		size_t at;
		uint8_t byte;
	} changes[] = {
		{ 0, 0 },   { 4, 3 },  { 4, 0 },  { 5, 2 },
		{ 54, 55 }, { 57, 8 }, { 36, 1 }, { 33, 0xff },
	};

	(void)state;
	put_elf(file[0], true, list, ARRAY_LEN(list));
	look(FILE_LEN, FILE_LEN);
	assert_int_equal(found.old.count, 3);
	assert_region(&found.old, 0, FILE_LEN - 10, 10, 0x2000);
	assert_region(&found.old, 1, FILE_LEN, 10, 0x200a);
	assert_region(&found.old, 2, 0, 100, 0x3000);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		const uint8_t was = file[0][changes[i].at];

		file[0][changes[i].at] = changes[i].byte;
		look(FILE_LEN, FILE_LEN);
		assert_int_equal(found.old.count, 1);
		assert_region(&found.old, 0, 0, FILE_LEN, 0);
		file[0][changes[i].at] = was;
	}
	/* The table ends with the file, or is none. */
	look(64 + 3 * 56, FILE_LEN);
	assert_region(&found.old, 0, 0, 100, 0x3000);
	look(64 + 3 * 56 - 1, FILE_LEN);
	assert_region(&found.old, 0, 0, 64 + 3 * 56 - 1, 0);
	look(63, FILE_LEN);
	assert_region(&found.old, 0, 0, 63, 0);
}

static void regions_have_a_limit(void **state)
{
	struct header list[DELTA_REGIONS_MAX + 4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		list[i] = (struct header){ LOAD, i * 16, 16, 16, i * 4096 };
	put_elf(file[0], true, list, ARRAY_LEN(list));
	look(FILE_LEN, FILE_LEN);
	assert_int_equal(found.old.count, DELTA_REGIONS_MAX);
	assert_int_equal(found.fresh.count, DELTA_REGIONS_MAX);
}

/* ---- flat images --------------------------------------------------------- */

static void put_pointers(uint8_t *f, size_t count, uint64_t base)
{
	for (size_t i = 0; i < count; i++)
		le64_put(f + 800 + i * 8, base + (i * 7919) % FILE_LEN);
}

static void a_flat_image_is_where_its_pointers_point(void **state)
{
	const uint64_t base = UINT64_C(0xffff800010000000);

	(void)state;
	put_pointers(file[0], 2000, base);
	/* Small numbers, and negative ones, are no addresses. */
	for (size_t i = 3000; i < 6000; i++)
		le64_put(file[0] + i * 8, i % 2 ? i % 4000 : 0 - i % 4000);
	look(FILE_LEN, FILE_LEN);
	assert_int_equal(found.old.count, 1);
	assert_region(&found.old, 0, 0, FILE_LEN, base);
	assert_region(&found.fresh, 0, 0, FILE_LEN, 0);
}

static void few_pointers_say_nothing(void **state)
{
	(void)state;
	put_pointers(file[0], 60, 0x40000000);
	look(FILE_LEN, FILE_LEN);
	assert_region(&found.old, 0, 0, FILE_LEN, 0);
	/* Nor do those that agree among many that do not. */
	put_pointers(file[0], 100, 0x40000000);
	for (size_t i = 1000; i < 8000; i++)
		le64_put(file[0] + i * 8, i * UINT64_C(0x123456789abc));
	look(FILE_LEN, FILE_LEN);
	assert_region(&found.old, 0, 0, FILE_LEN, 0);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_a_program_loads_has_addresses),
		TEST(memory_of_several_stands_one_behind_another),
		TEST(a_program_may_lie),
		TEST(regions_have_a_limit),
		TEST(a_flat_image_is_where_its_pointers_point),
		TEST(few_pointers_say_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
