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

/* So many of 1000 devices are in this share for this content. */
static unsigned inside(const struct sha256 *digest, uint64_t limit)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		struct device_id id = { { 7 } };

		memcpy(id.bytes + 8, &i, sizeof(i));
		n += bucket_of(digest, &id) <= limit;
	}
	return n;
}

/* Contents are tried until one device, or two at once, are in the first
 * hundredth: the price of each is a hundred times more, and the share stays
 * what it is. */
static void who_grinds_content_moves_devices_and_opens_no_more(void **state)
{
	const struct device_id victim = { { 1 } }, other = { { 2 } };
	const uint64_t limit = bucket_limit_of(BUCKET_SHARE_ALL / 100);
	unsigned one = 0, both = 0, tries = 40000;

	(void)state;
	for (uint32_t n = 0; n < tries; n++) {
		struct sha256 digest = { { 3 } };

		memcpy(digest.bytes + 4, &n, sizeof(n));
		if (bucket_of(&digest, &victim) > limit)
			continue;
		one++;
		both += bucket_of(&digest, &other) <= limit;
		if (one <= 20) { /* 10 are due */
			assert_in_range(inside(&digest, limit), 0, 30);
		}
	}
	assert_in_range(one, tries / 100 - 100, tries / 100 + 100);
	assert_in_range(both, 0, 20); /* 4 are due */
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
		cmocka_unit_test(
			who_grinds_content_moves_devices_and_opens_no_more),
		cmocka_unit_test(a_limit_has_one_spelling),
		cmocka_unit_test(a_limit_is_shown_as_a_share),
		cmocka_unit_test(a_share_is_a_percentage_with_two_decimals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
