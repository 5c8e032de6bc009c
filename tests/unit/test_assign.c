/* SPDX-License-Identifier: Apache-2.0 */
#include "common/assign.h"

#include <string.h>

#include "tests/unit/check.h"

#define GOLDEN                                                                 \
	"{\"cohort\":\"canary\","                                              \
	"\"device\":\"000102030405060708090a0b0c0d0e0f\","                     \
	"\"issued\":\"2026-11-27T03:00:00Z\",\"type\":\"assignment\","         \
	"\"v\":1,\"version\":3}"

static const struct device_id own = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
					12, 13, 14, 15 } };

static void what_is_accepted_is_written_again_byte_for_byte(void **state)
{
	struct buf out = BUF_INIT(ASSIGN_BYTES_MAX);
	struct assign a;
	struct err e = { 0 };

	(void)state;
	assert_ok(assign_parse(slice_of(GOLDEN), &a, &e));
	assert_memory_equal(a.device.bytes, own.bytes, DEVICE_ID_LEN);
	assert_string_equal(a.cohort, "canary");
	assert_int_equal(a.version, 3);
	assert_int_equal(a.issued, 1795748400);
	assert_ok(assign_format(&a, &out, &e));
	assert_string_equal(buf_text(&out), GOLDEN);
	buf_done(&out);
}

static void a_lab_device_is_said_to_be_one_and_no_other_is(void **state)
{
	static const char lab[] =
		"{\"cohort\":\"canary\","
		"\"device\":\"000102030405060708090a0b0c0d0e0f\","
		"\"issued\":\"2026-11-27T03:00:00Z\",\"lab\":true,"
		"\"type\":\"assignment\",\"v\":1,\"version\":3}";
	static const char *const wrong[] = {
		/* there is one spelling of what is no lab device */
		"{\"cohort\":\"canary\","
		"\"device\":\"000102030405060708090a0b0c0d0e0f\","
		"\"issued\":\"2026-11-27T03:00:00Z\",\"lab\":false,"
		"\"type\":\"assignment\",\"v\":1,\"version\":3}",
		"{\"cohort\":\"canary\","
		"\"device\":\"000102030405060708090a0b0c0d0e0f\","
		"\"issued\":\"2026-11-27T03:00:00Z\",\"lab\":1,"
		"\"type\":\"assignment\",\"v\":1,\"version\":3}",
	};
	struct buf out = BUF_INIT(ASSIGN_BYTES_MAX);
	struct assign a;
	struct err e = { 0 };

	(void)state;
	assert_ok(assign_parse(slice_of(GOLDEN), &a, &e));
	assert_false(a.lab);
	assert_ok(assign_parse(slice_of(lab), &a, &e));
	assert_true(a.lab);
	assert_ok(assign_format(&a, &out, &e));
	assert_string_equal(buf_text(&out), lab);
	assert_refused_saying(assign_parse(slice_of(wrong[0]), &a, &e),
			      ERR_FORMAT, "canonical");
	assert_refused_saying(assign_parse(slice_of(wrong[1]), &a, &e),
			      ERR_FORMAT, "\"lab\"");
	buf_done(&out);
}

static void whatever_differs_from_the_one_spelling_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"[]",
		"{}",
		" " GOLDEN,
		GOLDEN "\n",
		"{\"cohort\":\"../x\",\"device\":"
		"\"000102030405060708090a0b0c0d0e0f\",\"issued\":"
		"\"2026-11-27T03:00:00Z\",\"type\":\"assignment\",\"v\":1,"
		"\"version\":3}",
		"{\"cohort\":\"canary\",\"device\":\"0001\",\"issued\":"
		"\"2026-11-27T03:00:00Z\",\"type\":\"assignment\",\"v\":1,"
		"\"version\":3}",
		"{\"cohort\":\"canary\",\"device\":"
		"\"000102030405060708090a0b0c0d0e0f\",\"issued\":"
		"\"2026-11-27T03:00:00Z\",\"type\":\"assignment\",\"v\":1,"
		"\"version\":0}",
		"{\"cohort\":\"canary\",\"device\":"
		"\"000102030405060708090a0b0c0d0e0f\",\"issued\":"
		"\"2026-11-27T03:00:00Z\",\"type\":\"order\",\"v\":1,"
		"\"version\":3}",
		"{\"cohort\":\"canary\",\"device\":"
		"\"000102030405060708090a0b0c0d0e0f\",\"extra\":1,\"issued\":"
		"\"2026-11-27T03:00:00Z\",\"type\":\"assignment\",\"v\":1,"
		"\"version\":3}",
	};
	struct assign a = { .version = 77 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused(assign_parse(slice_of(wrong[i]), &a, &e),
			       ERR_FORMAT);
	assert_refused_saying(assign_parse(slice_of("[]"), &a, &e), ERR_FORMAT,
			      "not JSON");
	assert_refused_saying(
		assign_parse(slice_of("{\"type\":\"order\",\"v\":1}"), &a, &e),
		ERR_FORMAT, "not an assignment");
	assert_refused_saying(
		assign_parse(slice_of(wrong[ARRAY_LEN(wrong) - 1]), &a, &e),
		ERR_FORMAT, "\"extra\"");
	/* every truncation */
	for (size_t len = 0; len < strlen(GOLDEN); len++)
		assert_refused(assign_parse(slice_sub(slice_of(GOLDEN), 0, len),
					    &a, &e),
			       ERR_FORMAT);
	assert_int_equal(a.version, 77);
}

static void too_long_is_refused_unread(void **state)
{
	static uint8_t big[ASSIGN_BYTES_MAX + 1];
	struct assign a;
	struct err e = { 0 };

	(void)state;
	memset(big, ' ', sizeof(big));
	memcpy(big, GOLDEN, strlen(GOLDEN));
	assert_refused(assign_parse((struct slice){ big, sizeof(big) }, &a, &e),
		       ERR_LIMIT);
}

static void a_later_format_asks_for_a_newer_updater(void **state)
{
	struct assign a;
	struct err e = { 0 };

	(void)state;
	assert_refused(
		assign_parse(slice_of("{\"type\":\"assignment\",\"v\":2}"), &a,
			     &e),
		ERR_REFUSED);
}

static void only_a_rising_version_moves_a_device(void **state)
{
	struct assign a = { .device = own, .cohort = "canary", .version = 3 };
	struct assign pinned = { .device = own, .cohort = "stable" };
	struct err e = { 0 };
	bool follow = false;

	(void)state;
	assert_ok(assign_judge(&a, &pinned, &follow, &e));
	assert_true(follow);
	pinned.version = 2;
	assert_ok(assign_judge(&a, &pinned, &follow, &e));
	assert_true(follow);
	pinned.version = 3;
	assert_refused(assign_judge(&a, &pinned, &follow, &e), ERR_ROLLBACK);
	strcpy(pinned.cohort, "canary");
	assert_ok(assign_judge(&a, &pinned, &follow, &e));
	assert_false(follow);
	pinned.lab = true;
	assert_refused(assign_judge(&a, &pinned, &follow, &e), ERR_ROLLBACK);
	pinned.version = 4;
	assert_refused(assign_judge(&a, &pinned, &follow, &e), ERR_ROLLBACK);
	pinned = (struct assign){ .device = { { 9 } }, .cohort = "stable" };
	assert_refused(assign_judge(&a, &pinned, &follow, &e), ERR_REFUSED);
}

static void its_path_names_the_device(void **state)
{
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	(void)state;
	assert_ok(assign_path(&own, path, &e));
	assert_string_equal(path,
			    "assign/000102030405060708090a0b0c0d0e0f.json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_is_accepted_is_written_again_byte_for_byte),
		cmocka_unit_test(
			a_lab_device_is_said_to_be_one_and_no_other_is),
		cmocka_unit_test(
			whatever_differs_from_the_one_spelling_is_refused),
		cmocka_unit_test(too_long_is_refused_unread),
		cmocka_unit_test(a_later_format_asks_for_a_newer_updater),
		cmocka_unit_test(only_a_rising_version_moves_a_device),
		cmocka_unit_test(its_path_names_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
