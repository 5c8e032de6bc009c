/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/grubenv.h"

#include <string.h>

#include "tests/unit/check.h"

#define HEAD "# GRUB Environment Block\n"

static void make_block(uint8_t out[GRUBENV_LEN], const char *lines)
{
	memset(out, '#', GRUBENV_LEN);
	memcpy(out, HEAD, strlen(HEAD));
	memcpy(out + strlen(HEAD), lines, strlen(lines));
}

static struct slice whole(const uint8_t block[GRUBENV_LEN])
{
	return (struct slice){ block, GRUBENV_LEN };
}

static void variables_of_others_stay_byte_for_byte(void **state)
{
	const char *others = "saved=x\nodd=a\\\\b\\\nc=\xff\n";
	uint8_t old[GRUBENV_LEN], new[GRUBENV_LEN];
	struct boot_values values = { { "b", "a", "3", "" } }, back;
	struct err e = { 0 };

	(void)state;
	make_block(old, others);
	assert_ok(grubenv_update(whole(old), &values, new, &e));
	assert_memory_equal(new + strlen(HEAD), others, strlen(others));
	assert_ok(grubenv_parse(whole(new), &back, &e));
	assert_memory_equal(&back, &values, sizeof(back));
	/* And again, in place of the former. */
	values = (struct boot_values){ { "a", "", "", "b" } };
	assert_ok(grubenv_update(whole(new), &values, old, &e));
	assert_ok(grubenv_parse(whole(old), &back, &e));
	assert_memory_equal(&back, &values, sizeof(back));
}

static void what_is_no_block_is_refused(void **state)
{
	uint8_t block[GRUBENV_LEN];
	struct boot_values out;
	struct err e = { 0 };

	(void)state;
	make_block(block, "a=b\n");
	assert_ok(grubenv_parse(whole(block), &out, &e));
	assert_refused(
		grubenv_parse(slice_sub(whole(block), 0, 1023), &out, &e),
		ERR_FORMAT);
	block[3] ^= 1;
	assert_refused(grubenv_parse(whole(block), &out, &e), ERR_FORMAT);
	make_block(block, "no sign\n");
	assert_refused(grubenv_parse(whole(block), &out, &e), ERR_FORMAT);
	make_block(block, "=x\n");
	assert_refused(grubenv_parse(whole(block), &out, &e), ERR_FORMAT);
	make_block(block, "x=never ends");
	assert_refused(grubenv_parse(whole(block), &out, &e), ERR_FORMAT);
}

static void a_full_block_is_left_alone(void **state)
{
	const struct boot_values values = { { "b", "a", "3", "" } };
	char line[GRUBENV_LEN - sizeof(HEAD) - 1];
	uint8_t old[GRUBENV_LEN], new[GRUBENV_LEN] = { 0 };
	struct err e = { 0 };

	(void)state;
	memset(line, 'x', sizeof(line));
	line[1] = '=';
	line[sizeof(line) - 2] = '\n';
	line[sizeof(line) - 1] = 0;
	make_block(old, line);
	assert_refused(grubenv_update(whole(old), &values, new, &e), ERR_SPACE);
	assert_int_equal(new[0], 0);
}

/* A record that GRUB writes over the block, as grub_envblk_set() does it. */
static void set_in_place(uint8_t block[GRUBENV_LEN], const char *name,
			 const char *value)
{
	uint8_t *at = memmem(block, GRUBENV_LEN, name, strlen(name));
	const uint8_t *const end = block + GRUBENV_LEN;
	const uint8_t *line_end;

	assert_non_null(at);
	at += strlen(name);
	line_end = memchr(at, '\n', (size_t)(end - at));
	assert_non_null(line_end);
	if (*value == 0) {
		memmove(at, line_end, (size_t)(end - line_end));
		memset(block + GRUBENV_LEN - (line_end - at), '#',
		       (size_t)(line_end - at));
		return;
	}
	if (line_end == at)
		memmove(at + 1, at, (size_t)(end - at) - 1);
	*at = (uint8_t)*value;
}

/* Which sectors differ: bits. */
static unsigned differ(const uint8_t *a, const uint8_t *b)
{
	unsigned bits = 0;

	for (size_t i = 0; i < GRUBENV_LEN / GRUBENV_SECTOR; i++)
		if (memcmp(a + i * GRUBENV_SECTOR, b + i * GRUBENV_SECTOR,
			   GRUBENV_SECTOR) != 0)
			bits |= 1u << i;
	return bits;
}

static void every_change_of_ours_is_one_sector(void **state)
{
	const struct boot_values rest = { { "a", "", "", "" } };
	const struct boot_values trial = { { "b", "a", "3", "" } };
	uint8_t old[GRUBENV_LEN], on_trial[GRUBENV_LEN], now[GRUBENV_LEN];
	char line[GRUBENV_LEN];
	struct boot_values got;
	struct err e = { 0 };
	size_t at, others = 0;

	(void)state;
	for (;; others++) {
		memset(line, 'x', sizeof(line));
		memcpy(line, "o=", 2);
		memcpy(line + 2 + others, "\n", 2);
		make_block(old, line);
		if (grubenv_update(whole(old), &rest, old, &e))
			break;
		assert_ok(grubenv_update(whole(old), &trial, on_trial, &e));
		assert_true(grubenv_one_sector(whole(old), on_trial, &at));
		assert_int_equal(differ(old, on_trial),
				 at == GRUBENV_SECTOR ? 2 : 1);
		/* GRUB counts, and gives up. */
		memcpy(now, on_trial, sizeof(now));
		set_in_place(now, "pawl_failed=", "b");
		set_in_place(now, "pawl_slot=", "a");
		set_in_place(now, "pawl_back=", "");
		set_in_place(now, "pawl_left=", "");
		assert_int_equal(differ(now, on_trial), differ(old, on_trial));
		assert_ok(grubenv_parse(whole(now), &got, &e));
		assert_string_equal(got.of[BOOT_FAILED], "b");
		assert_string_equal(got.of[BOOT_LEFT], "");
	}
	/* What is refused could not have held a longer record. */
	assert_int_equal(e.code, ERR_SPACE);
	assert_true(strlen(HEAD) + others + 3 + 50 > GRUBENV_LEN);
	/* Both sectors at once are not written in place. */
	memset(old, 0, sizeof(old));
	assert_false(grubenv_one_sector(whole(old), on_trial, &at));
	assert_false(grubenv_one_sector(slice_sub(whole(old), 0, 1023),
					on_trial, &at));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_of_others_stay_byte_for_byte),
		cmocka_unit_test(what_is_no_block_is_refused),
		cmocka_unit_test(a_full_block_is_left_alone),
		cmocka_unit_test(every_change_of_ours_is_one_sector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
