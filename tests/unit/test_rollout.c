/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/rollout.h"

#include <string.h>

#include "tests/unit/check.h"

static const struct sha256 old_digest = { { 1 } }, new_digest = { { 2 } };

static struct device_id device(unsigned n)
{
	struct device_id id = { { (uint8_t)(n >> 8), (uint8_t)n } };

	return id;
}

static struct rollout a_rollout(void)
{
	struct rollout r = { .product = "kiosk",
			     .release = "2",
			     .digest = new_digest,
			     .seq = 2,
			     .models = { "k1" },
			     .model_count = 1,
			     .cohorts = { "canary", "all" },
			     .cohort_count = 2 };

	return r;
}

static struct rollout_device a_device(void)
{
	struct rollout_device d = { .id = { { 9 } },
				    .product = "kiosk",
				    .model = "k1",
				    .cohort = "canary",
				    .has_release = true,
				    .confirmed = true,
				    .seq = 1,
				    .digest = old_digest };

	return d;
}

static const struct rollout_past nothing_before;

static void a_bucket_is_the_head_of_the_documented_hash(void **state)
{
	uint8_t message[14 + SHA256_LEN + DEVICE_ID_LEN] = "pawl/bucket/v1";
	struct device_id id = device(3);
	struct sha256 hash;
	uint64_t want = 0;

	(void)state;
	memcpy(message + 14, new_digest.bytes, SHA256_LEN);
	memcpy(message + 14 + SHA256_LEN, id.bytes, DEVICE_ID_LEN);
	sha256_of((struct slice){ message, sizeof(message) }, &hash);
	for (int i = 0; i < 8; i++)
		want = want * 256 + hash.bytes[i];
	assert_true(bucket_of(&new_digest, &id) == want);
	assert_true(bucket_of(&old_digest, &id) != want);
}

static size_t exposed(const uint64_t *buckets, size_t n, uint64_t limit)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += buckets[i] <= limit;
	return count;
}

static void a_share_opens_exactly_its_part_and_at_least_one(void **state)
{
	static const struct {
		size_t n;
		uint32_t share;
		size_t want;
	} cases[] = {
		{ 1, 1, 1 },       { 1, 10000, 1 },      { 10, 1, 1 },
		{ 10, 1000, 1 },   { 10, 1001, 2 },      { 100, 2500, 25 },
		{ 1000, 100, 10 }, { 1000, 9999, 1000 },
	};
	uint64_t buckets[1000], limit = 0;
	struct err e = { 0 };

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		for (unsigned i = 0; i < cases[c].n; i++) {
			struct device_id id = device(i);

			buckets[i] = bucket_of(&new_digest, &id);
		}
		assert_ok(rollout_limit(buckets, cases[c].n, cases[c].share,
					&limit, &e));
		assert_int_equal(exposed(buckets, cases[c].n, limit),
				 cases[c].want);
	}
}

static void larger_shares_contain_smaller_ones_in_any_order(void **state)
{
	uint64_t forward[500], backward[500], a, b, last = 0;
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct device_id id = device(i);

		forward[i] = bucket_of(&new_digest, &id);
		backward[499 - i] = forward[i];
	}
	for (uint32_t share = 1; share <= ROLLOUT_SHARE_ALL; share += 333) {
		assert_ok(rollout_limit(forward, 500, share, &a, &e));
		assert_ok(rollout_limit(backward, 500, share, &b, &e));
		assert_true(a == b);
		assert_true(a >= last);
		last = a;
	}
}

static void the_whole_share_is_open_to_devices_that_join_later(void **state)
{
	uint64_t one = 5, limit = 0;
	struct err e = { 0 };

	(void)state;
	assert_ok(rollout_limit(&one, 1, ROLLOUT_SHARE_ALL, &limit, &e));
	assert_true(limit == UINT64_MAX);
}

static void nobody_and_impossible_shares_are_refused(void **state)
{
	uint64_t one = 5, limit;
	struct err e = { 0 };

	(void)state;
	assert_refused(rollout_limit(&one, 0, 100, &limit, &e), ERR_REFUSED);
	assert_refused(rollout_limit(&one, 1, 0, &limit, &e), ERR_USAGE);
	assert_refused(rollout_limit(&one, 1, 10001, &limit, &e), ERR_USAGE);
}

static const struct rollout_word ordered = { .ordered = true };

static void an_open_rollout_is_offered(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();

	(void)state;
	assert_int_equal(rollout_judge(&r, &d, &nothing_before, &ordered),
			 VERDICT_OFFER);
	r.models[0][0] = 0;
	r.model_count = 0; /* any model */
	assert_int_equal(rollout_judge(&r, &d, &nothing_before, &ordered),
			 VERDICT_OFFER);
}

static void only_for(struct rollout *r, const char *hardware)
{
	memcpy(r->hardware[r->hardware_count++], hardware,
	       strlen(hardware) + 1);
}

static void every_rule_changes_the_decision(void **state)
{
	struct rollout r;
	struct rollout_device d = a_device();

	(void)state;
#define WITH(change, wanted)                                                   \
	r = a_rollout();                                                       \
	d = a_device();                                                        \
	change;                                                                \
	assert_int_equal(rollout_judge(&r, &d, &nothing_before, &ordered),     \
			 wanted)
	WITH(memcpy(d.product, "other", 6), VERDICT_NOT_FOR);
	WITH(memcpy(d.model, "k2", 3), VERDICT_NOT_FOR);
	WITH(memcpy(d.cohort, "vip", 4), VERDICT_NOT_FOR);
	WITH(r.cohort_count = 0, VERDICT_NOT_FOR);
	WITH(memcpy(d.hardware, "b", 2), VERDICT_OFFER);
	WITH(only_for(&r, "a"), VERDICT_HARDWARE); /* it names none */
	WITH((only_for(&r, "a"), d.hardware_unheard = true), VERDICT_OFFER);
	WITH((only_for(&r, "a"), memcpy(d.hardware, "b", 2)), VERDICT_HARDWARE);
	WITH((only_for(&r, "b"), memcpy(d.hardware, "b", 2)), VERDICT_OFFER);
	WITH((only_for(&r, "b"), d.cohort[0] = 0), VERDICT_NOT_FOR);
	WITH(d.digest = new_digest, VERDICT_ALREADY);
	WITH(d.seq = 3, VERDICT_NEWER);
	WITH(d.seq = 2, VERDICT_NEWER);
	WITH(d.confirmed = false, VERDICT_TRIAL);
	WITH(d.pinned = true, VERDICT_PINNED);
	WITH((d.pinned = true, d.pin = 2), VERDICT_OFFER);
	WITH(rollout_keep_to(&d, true, true, 2), VERDICT_BLOCKED);
	WITH(rollout_keep_to(&d, false, true, 3), VERDICT_PINNED);
#undef WITH
}

static void words_are_told_apart(void **state)
{
	(void)state;
	assert_true(rollout_has_word("", "b")); /* any */
	assert_true(rollout_has_word("", ""));
	assert_true(rollout_has_word("a b c", "a"));
	assert_true(rollout_has_word("a b c", "b"));
	assert_true(rollout_has_word("a b c", "c"));
	assert_false(rollout_has_word("a bb c", "b"));
	assert_false(rollout_has_word("a b", "bb"));
	assert_false(rollout_has_word("a b", ""));
}

static void what_is_signed_of_the_way_decides(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();
	struct rollout_word word = { .ordered = true, .stranded = true };

	(void)state;
	assert_int_equal(rollout_judge(&r, &d, &nothing_before, &word),
			 VERDICT_STRANDED);
	/* nothing of ours runs yet: stepping stones do not matter */
	d.has_release = false;
	assert_int_equal(rollout_judge(&r, &d, &nothing_before, &word),
			 VERDICT_OFFER);
	/* the floor does, at first use too */
	word.below_floor = true;
	assert_int_equal(rollout_judge(&r, &d, &nothing_before, &word),
			 VERDICT_FLOOR);
}

static void a_step_back_is_offered_once_and_only_if_authorised(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();
	struct rollout_word word = { .ordered = true };
	struct rollout_past past = { 0 };

	(void)state;
	d.seq = r.seq + 1;
	assert_int_equal(rollout_judge(&r, &d, &past, &word), VERDICT_NEWER);
	word.back = true;
	assert_int_equal(rollout_judge(&r, &d, &past, &word), VERDICT_OFFER);
	d.confirmed = false;
	assert_int_equal(rollout_judge(&r, &d, &past, &word), VERDICT_TRIAL);
	d.confirmed = true;
	past.stepped = true;
	assert_int_equal(rollout_judge(&r, &d, &past, &word), VERDICT_STEPPED);
	past.stepped = false;
	/* Everything else is asked as ever. */
	word.below_floor = true;
	assert_int_equal(rollout_judge(&r, &d, &past, &word), VERDICT_FLOOR);
}

static void what_was_stepped_back_from_is_not_offered_again(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();
	const struct rollout_past past = { .left = true };

	(void)state;
	assert_int_equal(rollout_judge(&r, &d, &past, &ordered), VERDICT_LEFT);
}

static void jitter_stays_within_a_tenth(void **state)
{
	(void)state;
	assert_int_equal(rollout_next_check(3600, 0), 3240);
	assert_int_equal(rollout_next_check(3600, 720), 3960);
	assert_int_equal(rollout_next_check(3600, 721), 3240);
	assert_int_equal(rollout_next_check(5, UINT64_MAX), 5);
	assert_int_equal(rollout_next_check(0, 7), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_is_the_head_of_the_documented_hash),
		cmocka_unit_test(
			a_share_opens_exactly_its_part_and_at_least_one),
		cmocka_unit_test(
			larger_shares_contain_smaller_ones_in_any_order),
		cmocka_unit_test(
			the_whole_share_is_open_to_devices_that_join_later),
		cmocka_unit_test(nobody_and_impossible_shares_are_refused),
		cmocka_unit_test(an_open_rollout_is_offered),
		cmocka_unit_test(every_rule_changes_the_decision),
		cmocka_unit_test(words_are_told_apart),
		cmocka_unit_test(what_is_signed_of_the_way_decides),
		cmocka_unit_test(
			a_step_back_is_offered_once_and_only_if_authorised),
		cmocka_unit_test(
			what_was_stepped_back_from_is_not_offered_again),
		cmocka_unit_test(jitter_stays_within_a_tenth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
