/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/order_words.h"

#include <stdlib.h>

#include "common/bucket.h"
#include "tests/unit/check.h"

#define NOW INT64_C(1795748400) /* 2026-11-27T03:00:00Z */

static struct json *said(struct order_change *changes, size_t count)
{
	const struct order_step step = {
		.from = 4, .to = 5, .changes = changes, .count = count
	};
	struct json *next = json_new_object();
	struct json *lines;

	json_set_text(next, "expires", "2027-01-01T00:00:00Z");
	lines = order_words("rollout-wide", next, &step);
	json_free(next);
	return lines;
}

/* One line holds these words; how many do. */
static size_t lines_with(const struct json *lines, const char *words)
{
	size_t n = 0;

	for (size_t i = 0; i < json_count(lines); i++)
		n += strstr(json_text(json_at(lines, i)), words) != NULL;
	return n;
}

static struct order_phase phase(const char *cohort, uint64_t limit)
{
	struct order_phase p = { .cohort_count = 1,
				 .limit = limit,
				 .not_before = NOW };

	memcpy(p.cohorts[0], cohort, strlen(cohort) + 1);
	return p;
}

static struct order_change grown(struct order_phase *before,
				 struct order_phase *after, size_t count)
{
	struct order_change c = { .path = "rollout-wide/kiosk/2.json",
				  .place = ORDER_WIDE,
				  .had = true,
				  .has = true };

	c.before.phases = before;
	c.before.phase_count = 1;
	c.after = (struct order){ .kind = ORDER_STAGED,
				  .product = "kiosk",
				  .release = "2",
				  .number = 7,
				  .issued = NOW,
				  .expires = NOW + UTC_DAY,
				  .phases = after,
				  .phase_count = count };
	return c;
}

static void what_opens_is_told_from_what_is_kept(void **state)
{
	struct device_id ids[1] = { { { 9 } } };
	struct order_phase before = phase("canary", BUCKET_ALL);
	struct order_phase after[2] = { before,
					phase("fleet", UINT64_C(1) << 62) };
	struct order_change c = grown(&before, after, 2);
	struct json *lines;

	(void)state;
	after[1].devices = ids;
	after[1].device_count = 1;
	after[1].emergency = true;
	lines = said(&c, 1);
	assert_int_equal(lines_with(lines, "version 5 after 4"), 1);
	assert_int_equal(lines_with(lines, "number 7, for release 2"), 1);
	assert_int_equal(lines_with(lines, "keeps 100"), 1);
	assert_int_equal(lines_with(lines, "OPENS 25.0"), 1);
	assert_int_equal(lines_with(lines, "limit 4000000000000000"), 1);
	assert_int_equal(lines_with(lines, "fleet, and 1 listed"), 1);
	assert_int_equal(lines_with(lines, "as an emergency"), 1);
	assert_int_equal(lines_with(lines, "device 09000000"), 1);
	json_free(lines);
}

static void a_phase_that_differs_in_anything_opens(void **state)
{
	struct order_phase before = phase("canary", UINT64_C(1) << 62);
	struct order_phase after = before;
	struct order_change c = grown(&before, &after, 1);
	struct json *lines;

	(void)state;
	for (int i = 0; i < 5; i++) {
		after = before;
		after.limit += i == 0;
		after.not_before -= i == 1;
		after.not_after = i == 2 ? NOW + 9 : 0;
		after.emergency = i == 3;
		if (i == 4)
			memcpy(after.cohorts[0], "fleet", 6);
		lines = said(&c, 1);
		assert_int_equal(lines_with(lines, "OPENS"), 1);
		assert_int_equal(lines_with(lines, "keeps"), 0);
		json_free(lines);
	}
}

static void halts_moves_and_losses_have_their_words(void **state)
{
	struct order_change c[3] = {
		{ .path = "rollout-wide/kiosk/2.json", .has = true },
		{ .path = "assign/x.json", .assignment = true },
		{ .path = "baseline/kiosk/1.json", .had = true },
	};
	struct json *lines;

	(void)state;
	c[0].after.kind = ORDER_HALT;
	c[1].move = (struct assign){ .cohort = "canary",
				     .device = { { 8 } },
				     .version = 3 };
	lines = said(c, 3);
	assert_int_equal(lines_with(lines, "HALT order"), 1);
	assert_int_equal(lines_with(lines, "CLOSES"), 1);
	assert_int_equal(lines_with(lines, "MOVES to cohort canary, version 3"),
			 1);
	assert_int_equal(lines_with(lines, "GOES from the list"), 1);
	json_free(lines);
	lines = said(NULL, 0);
	assert_int_equal(lines_with(lines, "nothing but its dates"), 1);
	json_free(lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_opens_is_told_from_what_is_kept),
		cmocka_unit_test(a_phase_that_differs_in_anything_opens),
		cmocka_unit_test(halts_moves_and_losses_have_their_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
