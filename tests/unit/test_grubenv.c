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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_of_others_stay_byte_for_byte),
		cmocka_unit_test(what_is_no_block_is_refused),
		cmocka_unit_test(a_full_block_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
