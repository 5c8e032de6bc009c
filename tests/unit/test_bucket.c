/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bucket.h"

#include "tests/unit/check.h"

static void a_bucket_never_changes(void **state)
{
	/* python3: hashlib.sha256(b"pawl/bucket/v1" + bytes(range(32)) +
	 * bytes(range(16))).hexdigest()[:16] */
	struct sha256 digest;
	struct device_id id;

	(void)state;
	for (unsigned i = 0; i < SHA256_LEN; i++)
		digest.bytes[i] = (uint8_t)i;
	for (unsigned i = 0; i < DEVICE_ID_LEN; i++)
		id.bytes[i] = (uint8_t)i;
	assert_true(bucket_of(&digest, &id) == UINT64_C(0xeffc53fc60f62975));
	id.bytes[0] = 1;
	assert_true(bucket_of(&digest, &id) != UINT64_C(0xeffc53fc60f62975));
}

static void a_limit_has_one_spelling(void **state)
{
	static const char *const wrong[] = {
		"",
		"0",
		"ALL",
		"000000000000000",
		"0000000000000000 ",
		"all ",
		"-",
		"0x00000000000000",
		"ffffffffffffffff",
		"00000000000000AA",
	};
	static const uint64_t right[] = { 0, 1, UINT64_C(1) << 63,
					  BUCKET_ALL - 1, BUCKET_ALL };
	char text[BUCKET_TEXT_LEN];
	uint64_t limit = 42;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_refused(
			bucket_parse_limit(slice_of(wrong[i]), &limit, &e),
			ERR_FORMAT);
		assert_true(limit == 42);
	}
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		bucket_format_limit(right[i], text);
		assert_ok(bucket_parse_limit(slice_of(text), &limit, &e));
		assert_true(limit == right[i]);
		limit = 42;
	}
	bucket_format_limit(BUCKET_ALL, text);
	assert_string_equal(text, "all");
}

static void a_limit_is_shown_as_a_share(void **state)
{
	char text[16];

	(void)state;
	bucket_format_share(BUCKET_ALL, text);
	assert_string_equal(text, "100.0000 %");
	bucket_format_share(BUCKET_ALL - 1, text);
	assert_string_equal(text, "99.9999 %");
	bucket_format_share(BUCKET_ALL / 4, text);
	assert_string_equal(text, "24.9999 %");
	bucket_format_share(0, text);
	assert_string_equal(text, "0.0000 %");
}

static void a_share_is_a_percentage_with_two_decimals(void **state)
{
	static const struct {
		const char *text;
		uint32_t share;
	} right[] = {
		{ "1", 100 },     { "0.01", 1 },   { "12.5%", 1250 },
		{ "100", 10000 }, { "0.25%", 25 }, { "99.99", 9999 },
	};
	static const char *const wrong[] = {
		"",   "%",     "0",  "0.00", "100.01", "101", "1.",
		".5", "1.234", "-1", "1e1",  "1 %",    "01",  "1,5",
	};
	uint32_t share = 42;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused(bucket_parse_share(wrong[i], &share, &e),
			       ERR_USAGE);
	assert_int_equal(share, 42);
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		assert_ok(bucket_parse_share(right[i].text, &share, &e));
		assert_int_equal(share, right[i].share);
	}
	assert_true(bucket_limit_of(10000) == BUCKET_ALL);
	assert_true(bucket_limit_of(5000) <= BUCKET_ALL / 2);
	assert_true(bucket_limit_of(1) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_never_changes),
		cmocka_unit_test(a_limit_has_one_spelling),
		cmocka_unit_test(a_limit_is_shown_as_a_share),
		cmocka_unit_test(a_share_is_a_percentage_with_two_decimals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
