/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten thousand devices that all want to be heard at once: after an outage, and
 * after the power came back. What the client waits (pace) and what the server
 * asks for (rollout_next_check) are the real ones; the clock and the fleet are
 * not.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "update-server/rollout.h"
#include "updater-client/pace.h"

#define DEVICES  10000
#define INTERVAL 3600
#define END      (4 * INTERVAL)

/* What the smallest of servers is set up for ([devices] checkins_per_sec). */
#define BEARS 300

static const struct pace usual = { INTERVAL, 120, 3600, INTERVAL };

struct device {
	uint32_t at, failures;
};

struct herd {
	uint64_t seed;
	uint32_t outage; /* nobody answers before */
	struct device devices[DEVICES];
	uint32_t heard[END]; /* that reached the store, by second */
};

static uint64_t draw(struct herd *h)
{
	h->seed ^= h->seed << 13;
	h->seed ^= h->seed >> 7;
	h->seed ^= h->seed << 17;
	return h->seed;
}

static void come(struct herd *h, struct device *d)
{
	const struct err silent = { .code = ERR_NETWORK };
	uint64_t wait;

	if (d->at < h->outage) {
		d->failures++;
		wait = pace_retry(&usual, d->failures, false, &silent,
				  (uint32_t)draw(h));
	} else {
		d->failures = 0;
		h->heard[d->at]++;
		wait = pace_next(&usual, rollout_next_check(INTERVAL, draw(h)),
				 (uint32_t)draw(h));
	}
	d->at += (uint32_t)wait;
}

static void run(struct herd *h)
{
	for (size_t i = 0; i < DEVICES; i++)
		while (h->devices[i].at < END)
			come(h, &h->devices[i]);
}

static struct herd *herd(uint32_t outage)
{
	struct herd *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->seed = 88172645463325252;
	h->outage = outage;
	return h;
}

/* The most that came within so many seconds, from a second on. */
static uint32_t most(const struct herd *h, uint32_t from, uint32_t within)
{
	uint32_t sum = 0, top = 0;

	for (uint32_t t = from; t < END; t++) {
		sum += h->heard[t];
		if (t >= from + within)
			sum -= h->heard[t - within];
		top = sum > top ? sum : top;
	}
	return top;
}

static void come_back_after(uint32_t outage)
{
	struct herd *h = herd(outage);
	uint32_t second, minute;
	uint32_t all = 0;

	for (size_t i = 0; i < DEVICES; i++)
		h->devices[i].at = (uint32_t)(draw(h) % INTERVAL);
	run(h);
	second = most(h, 0, 1);
	minute = most(h, 0, 60);
	print_message("after an outage of %u s: %u in the busiest second, %u "
		      "in the busiest minute (%u is usual)\n",
		      outage, second, minute, 60 * DEVICES / INTERVAL);
	assert_in_range(second, 1, BEARS / 10);
	/* Who asked each 60 s would come with 30 times the usual load. */
	assert_in_range(minute, 1, 2 * 60 * DEVICES / INTERVAL - 1);
	/* And nobody is lost: within the longest wait all were heard. */
	for (uint32_t t = outage; t < outage + 3 * INTERVAL / 2; t++)
		all += h->heard[t];
	assert_true(all >= DEVICES);
	free(h);
}

static void after_an_outage_they_do_not_come_at_once(void **state)
{
	(void)state;
	come_back_after(600);
	come_back_after(1800);
	come_back_after(3000);
	come_back_after(INTERVAL);
	come_back_after(2 * INTERVAL);
}

static void when_the_power_is_back_they_come_within_a_minute(void **state)
{
	struct herd *h = herd(0);
	uint32_t second, later;

	(void)state;
	for (size_t i = 0; i < DEVICES; i++)
		h->devices[i].at =
			(uint32_t)pace_first(&usual, (uint32_t)draw(h));
	run(h);
	second = most(h, 0, 1);
	later = most(h, 120, 1);
	print_message("after the power was off: %u in the busiest second, %u "
		      "an hour later\n",
		      second, later);
	assert_in_range(second, 1, BEARS);
	/* In step no more: each round spreads them further. */
	assert_in_range(later, 1, 2 * DEVICES / (INTERVAL / 5));
	free(h);
}

/* All were told to come in so many seconds: nobody earlier, nor all then. */
static void who_is_told_to_wait_waits_and_is_spread(void **state)
{
	struct herd *h = herd(0);
	uint32_t early = 0;

	(void)state;
	for (size_t i = 0; i < DEVICES; i++) {
		const uint32_t asked = 30 + (uint32_t)(draw(h) % 30);
		const struct err busy = { .code = ERR_NETWORK,
					  .retry_sec = asked };
		uint64_t wait =
			pace_retry(&usual, 1, false, &busy, (uint32_t)draw(h));

		early += wait < asked;
		h->devices[i].at = (uint32_t)wait;
	}
	assert_int_equal(early, 0);
	run(h);
	assert_in_range(most(h, 0, 1), 1, BEARS);
	free(h);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_an_outage_they_do_not_come_at_once),
		cmocka_unit_test(
			when_the_power_is_back_they_come_within_a_minute),
		cmocka_unit_test(who_is_told_to_wait_waits_and_is_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
