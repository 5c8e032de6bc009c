/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/gate.h"

#include <stdio.h>

#include "common/text.h"
#include "tests/unit/check.h"

#define VECTORS "tests/vectors/gate.csv"

static const struct gate_policy usual = {
	.max_fail = 200,
	.coverage = 8000,
	.breaker = 2000,
};

/* ---- the golden vectors -------------------------------------------------- */

struct row {
	uint64_t bad, n, limit, lower, upper, trips, passes;
};

static struct slice next_part(struct slice *rest, char end)
{
	size_t len = 0;
	struct slice part;

	while (len < rest->len && rest->ptr[len] != (uint8_t)end)
		len++;
	part = slice_sub(*rest, 0, len);
	*rest = slice_sub(*rest, len + 1, rest->len);
	return part;
}

static void read_row(struct slice line, struct row *out)
{
	uint64_t *const to[] = { &out->bad,   &out->n,     &out->limit,
				 &out->lower, &out->upper, &out->trips,
				 &out->passes };
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(to); i++)
		assert_ok(num_parse(next_part(&line, ','), 1000000, to[i], &e));
	assert_int_equal(line.len, 0);
}

static void check_row(const struct row *r)
{
	uint32_t limit = (uint32_t)r->limit;

	assert_int_equal(gate_lower(r->bad, r->n), r->lower);
	assert_int_equal(gate_upper(r->bad, r->n), r->upper);
	assert_int_equal(r->bad >= 2 && gate_exceeds(r->bad, r->n, limit),
			 r->trips);
	assert_int_equal(gate_stays_under(r->bad, r->n, limit), r->passes);
}

static void every_golden_vector_is_met(void **state)
{
	static char text[1 << 16];
	FILE *f = fopen(VECTORS, "re");
	struct slice rest;
	unsigned rows = 0;

	(void)state;
	assert_non_null(f);
	rest = (struct slice){ (uint8_t *)text,
			       fread(text, 1, sizeof(text), f) };
	(void)fclose(f);
	(void)next_part(&rest, '\n');
	while (rest.len > 0) {
		struct row r;

		read_row(next_part(&rest, '\n'), &r);
		check_row(&r);
		rows++;
	}
	assert_int_equal(rows, 1090);
}

/* ---- bounds -------------------------------------------------------------- */

static void a_bound_holds_for_a_million_devices(void **state)
{
	(void)state;
	assert_int_equal(gate_lower(0, 1000000), 0);
	assert_int_equal(gate_upper(0, 1000000), 1);
	assert_int_equal(gate_lower(1000000, 1000000), 9999);
	assert_in_range(gate_lower(20000, 1000000), 195, 199);
	assert_in_range(gate_upper(20000, 1000000), 201, 204);
	assert_true(gate_exceeds(20400, 1000000, 200));
	assert_false(gate_exceeds(20100, 1000000, 200));
}

static void the_sample_is_what_proves_a_rate_with_none_bad(void **state)
{
	static const uint32_t cases[][2] = {
		{ 1000, 29 }, { 500, 59 }, { 200, 149 },
		{ 100, 299 }, { 50, 598 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(gate_sample(cases[i][0]), cases[i][1]);
		assert_true(gate_stays_under(0, cases[i][1], cases[i][0]));
		assert_false(gate_stays_under(0, cases[i][1] - 1, cases[i][0]));
	}
}

/* ---- over a whole rollout, asked after every report ---------------------- */

static uint32_t chance(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % GATE_ALL;
}

/* The report after which it stops, or 0. */
static uint64_t stops_after(uint32_t rate, uint64_t reports, uint64_t *seed)
{
	struct gate_facts f = { .size = reports };

	for (uint64_t i = 1; i <= reports; i++) {
		bool bad = chance(seed) < rate;

		f.bad += bad;
		f.confirmed += !bad;
		f.started++;
		if (bad && i <= GATE_EARLY)
			f.early_bad++;
		if (gate_trips(&usual, &f) != GATE_GATHERING)
			return i;
	}
	return 0;
}

static void a_good_release_is_hardly_ever_stopped(void **state)
{
	uint64_t seed = 1;
	unsigned stopped = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		stopped += stops_after(100, 500, &seed) != 0;
	/* 0.7 % by the rate and 0.1 % by two of the first five. A rule on the
	 * bare rate stops 48 %. */
	assert_in_range(stopped, 0, 20);
}

static void a_bad_release_is_stopped_soon(void **state)
{
	uint64_t seed = 2, sum = 0;

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		uint64_t after = stops_after(1000, 2000, &seed);

		assert_true(after > 0);
		sum += after;
	}
	assert_in_range(sum / 500, 20, 60);
}

/* ---- the clauses --------------------------------------------------------- */

static struct gate_facts good(void)
{
	struct gate_facts f = { .confirmed = 500, .started = 500, .size = 500 };

	return f;
}

static enum gate_verdict judge(const struct gate_facts *f)
{
	return gate_judge(&usual, f);
}

static void a_proven_good_phase_passes(void **state)
{
	struct gate_facts f = good();

	(void)state;
	assert_int_equal(judge(&f), GATE_PASS);
	f.bad = 1;
	assert_int_equal(judge(&f), GATE_PASS);
}

static void a_phase_does_not_pass_on_too_few(void **state)
{
	struct gate_facts f = good();

	(void)state;
	f.confirmed = 148;
	f.started = 148;
	assert_int_equal(judge(&f), GATE_GATHERING);
	f.confirmed = 149;
	f.started = 149;
	assert_int_equal(judge(&f), GATE_PASS);
}

static void a_phase_does_not_pass_while_many_are_under_way(void **state)
{
	struct gate_facts f = good();

	(void)state;
	f.started = 626; /* 500 of it are 79.9 % */
	assert_int_equal(judge(&f), GATE_GATHERING);
	f.started = 625;
	assert_int_equal(judge(&f), GATE_PASS);
}

static void what_is_neither_proven_good_nor_bad_waits(void **state)
{
	struct gate_facts f = good();

	(void)state;
	f.confirmed = 292;
	f.bad = 8; /* 2.7 %: neither bound says anything */
	assert_int_equal(judge(&f), GATE_GATHERING);
	f.bad = 14;
	assert_int_equal(judge(&f), GATE_TRIP_RATE);
}

static void one_failure_alone_never_stops_by_rate(void **state)
{
	struct gate_facts f = { .bad = 1, .size = 500, .started = 1 };

	(void)state;
	assert_int_equal(judge(&f), GATE_GATHERING);
}

static void two_of_the_first_five_stop(void **state)
{
	struct gate_facts f = good();

	(void)state;
	f.early_bad = 1;
	assert_int_equal(judge(&f), GATE_PASS);
	f.early_bad = 2;
	assert_int_equal(judge(&f), GATE_TRIP_EARLY);
}

static void a_stop_code_stops_at_once(void **state)
{
	struct gate_facts f = good();

	(void)state;
	f.stop_code = true;
	assert_int_equal(judge(&f), GATE_TRIP_CODE);
}

static void trouble_with_payloads_has_its_own_breaker(void **state)
{
	struct gate_facts f = good();

	(void)state;
	f.confirmed = 60;
	f.trouble = 30;
	assert_int_equal(gate_trips(&usual, &f), GATE_TRIP_TROUBLE);
	f.trouble = 10;
	assert_int_equal(gate_trips(&usual, &f), GATE_GATHERING);
	f.trouble = 0;
	f.other = 500; /* full disks do not count against a release */
	assert_int_equal(gate_trips(&usual, &f), GATE_GATHERING);
}

static void small_populations_want_everything_good_and_a_person(void **state)
{
	struct gate_facts f = { .confirmed = 20, .started = 20, .size = 20 };
	struct gate_facts g;

	(void)state;
	assert_int_equal(judge(&f), GATE_SMALL);
	g = f;
	g.bad = 1;
	assert_int_equal(judge(&g), GATE_GATHERING);
	g = f;
	g.lost = 1;
	assert_int_equal(judge(&g), GATE_GATHERING);
	g = f;
	g.started = 21; /* one is under way */
	assert_int_equal(judge(&g), GATE_GATHERING);
	g = f;
	g.confirmed = 0;
	g.other = 20; /* none of them could even try */
	assert_int_equal(judge(&g), GATE_GATHERING);
}

static void whoever_comes_late_is_not_waited_for_twice(void **state)
{
	struct gate_facts f = {
		.confirmed = 148, .started = 148, .size = 150, .late = true
	};
	struct gate_facts g;

	(void)state;
	assert_int_equal(judge(&f), GATE_SMALL);
	g = f;
	g.late = false;
	assert_int_equal(judge(&g), GATE_GATHERING);
	g = f;
	g.bad = 1;
	assert_int_equal(judge(&g), GATE_GATHERING);
	g = f;
	g.lost = 1;
	assert_int_equal(judge(&g), GATE_GATHERING);
	g = f;
	g.started = 149;
	assert_int_equal(judge(&g), GATE_GATHERING);
}

/* ---- darkness ------------------------------------------------------------ */

static void who_installed_it_and_is_dark_may_be_dead_of_it(void **state)
{
	struct gate_facts f = good();

	(void)state;
	f.lost = 4; /* of 504: 1.81 % at the most */
	assert_int_equal(judge(&f), GATE_PASS);
	f.lost = 5;
	assert_int_equal(judge(&f), GATE_SILENT);
	f.lost = 0;
	f.awaited = 5; /* nor is it known of these */
	assert_int_equal(judge(&f), GATE_SILENT);
	f.awaited = 4;
	f.bad = 1; /* with what failed it may be above the limit */
	assert_int_equal(judge(&f), GATE_SILENT);
}

static void what_is_usual_is_no_fault_of_it(void **state)
{
	struct gate_facts f = good();

	(void)state;
	f.confirmed = 9500;
	f.size = f.started = 10000;
	f.lost = 500;
	assert_int_equal(judge(&f), GATE_SILENT);
	f.usual_n = 10000;
	f.usual_dark = 500;
	assert_int_equal(judge(&f), GATE_PASS);
	f.usual_dark = 200; /* 3 % more than that */
	assert_int_equal(judge(&f), GATE_SILENT);
	f.usual_n = 20; /* one of 20: nobody knows */
	f.usual_dark = 1;
	assert_int_equal(judge(&f), GATE_SILENT);
}

static void darkness_counts_only_above_that_of_the_others(void **state)
{
	struct gate_dark d = { 500, 10000, 5000, 100000 };

	(void)state;
	assert_int_equal(gate_excess(&d), 0);
	d.dark = 800; /* 3 % more */
	assert_in_range(gate_excess(&d), 201, 300);
	d.dark = 300;
	assert_int_equal(gate_excess(&d), 0);
}

static void without_others_darkness_proves_nothing(void **state)
{
	struct gate_dark d = { 5000, 10000, 0, 0 };
	struct gate_dark few = { 5000, 10000, 0, 5 };

	(void)state;
	assert_int_equal(gate_excess(&d), 0);
	/* None of five went dark: their rate may still be 60 %. */
	assert_int_equal(gate_excess(&few), 0);
}

static void many_more_dark_than_others_stop(void **state)
{
	struct gate_facts f = good();

	(void)state;
	f.dark = (struct gate_dark){ 800, 10000, 5000, 100000 };
	assert_int_equal(judge(&f), GATE_TRIP_DARK);
	f.dark.dark = 600;
	assert_int_equal(judge(&f), GATE_PASS);
	/* a single silent device is no proof */
	f.dark = (struct gate_dark){ 1, 1, 0, 1000000 };
	assert_int_equal(judge(&f), GATE_PASS);
}

/* ---- codes and words ----------------------------------------------------- */

static void codes_fall_into_their_classes(void **state)
{
	(void)state;
	assert_int_equal(gate_class_of("HEALTH_FAILED"), GATE_REL);
	assert_int_equal(gate_class_of("RUNS_OLDER"), GATE_REL);
	assert_int_equal(gate_class_of("FORMAT"), GATE_REL);
	assert_int_equal(gate_class_of("SPACE"), GATE_ENV);
	assert_int_equal(gate_class_of("BY_PERSON"), GATE_ENV);
	assert_int_equal(gate_class_of("REPLACED"), GATE_ENV);
	assert_int_equal(gate_class_of("NOT_FOUND"), GATE_INFRA);
	assert_int_equal(gate_class_of("UNTRUSTED"), GATE_SEC);
	/* what nobody knows is not forgiven */
	assert_int_equal(gate_class_of("SOMETHING_NEW"), GATE_REL);
	assert_int_equal(gate_class_of(""), GATE_REL);
}

static void a_verdict_is_said_in_words(void **state)
{
	struct gate_facts f = { .bad = 9, .confirmed = 122, .size = 500 };
	char text[256];

	(void)state;
	gate_describe(&usual, &f, GATE_TRIP_RATE, text, sizeof(text));
	assert_string_equal(text, "9 of 131 failed (6.87 %, at least 2.72 %; "
				  "limit 2 %)");
	f.early_bad = 2;
	gate_describe(&usual, &f, GATE_TRIP_EARLY, text, sizeof(text));
	assert_string_equal(text, "2 of the first 5 failed");
	gate_describe(&usual, &f, GATE_TRIP_RATE, text, 8);
	assert_string_equal(text, "9 of 13");
}

static void what_most_of_them_failed_of_is_said(void **state)
{
	struct gate_facts f = { .bad = 9,
				.confirmed = 122,
				.early_bad = 2,
				.trouble = 5,
				.why_bad = { "BOOT_TIMEOUT", 7 },
				.why_trouble = { "NOT_FOUND", 4 } };
	char text[256];

	(void)state;
	gate_describe(&usual, &f, GATE_TRIP_RATE, text, sizeof(text));
	assert_string_equal(text, "9 of 131 failed (6.87 %, at least 2.72 %; "
				  "limit 2 %), top reason BOOT_TIMEOUT (7)");
	gate_describe(&usual, &f, GATE_TRIP_EARLY, text, sizeof(text));
	assert_string_equal(text, "2 of the first 5 failed, top reason "
				  "BOOT_TIMEOUT (7)");
	gate_describe(&usual, &f, GATE_TRIP_TROUBLE, text, sizeof(text));
	assert_non_null(strstr(text, "%), top reason NOT_FOUND (4)"));
	gate_describe(&usual, &f, GATE_TRIP_CODE, text, sizeof(text));
	assert_string_equal(text, "a device reported a code that stops at "
				  "once");
	f.why_stopped = (struct gate_reason){ "SMOKE", 1 };
	gate_describe(&usual, &f, GATE_TRIP_CODE, text, sizeof(text));
	assert_string_equal(text, "a device reported a code that stops at "
				  "once: SMOKE (1)");
	/* Cut off where there is no room, whatever it says. */
	gate_describe(&usual, &f, GATE_TRIP_EARLY, text, 30);
	assert_string_equal(text, "2 of the first 5 failed, top ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_golden_vector_is_met),
		cmocka_unit_test(a_bound_holds_for_a_million_devices),
		cmocka_unit_test(
			the_sample_is_what_proves_a_rate_with_none_bad),
		cmocka_unit_test(a_good_release_is_hardly_ever_stopped),
		cmocka_unit_test(a_bad_release_is_stopped_soon),
		cmocka_unit_test(a_proven_good_phase_passes),
		cmocka_unit_test(a_phase_does_not_pass_on_too_few),
		cmocka_unit_test(
			a_phase_does_not_pass_while_many_are_under_way),
		cmocka_unit_test(what_is_neither_proven_good_nor_bad_waits),
		cmocka_unit_test(one_failure_alone_never_stops_by_rate),
		cmocka_unit_test(two_of_the_first_five_stop),
		cmocka_unit_test(a_stop_code_stops_at_once),
		cmocka_unit_test(trouble_with_payloads_has_its_own_breaker),
		cmocka_unit_test(
			small_populations_want_everything_good_and_a_person),
		cmocka_unit_test(whoever_comes_late_is_not_waited_for_twice),
		cmocka_unit_test(
			who_installed_it_and_is_dark_may_be_dead_of_it),
		cmocka_unit_test(what_is_usual_is_no_fault_of_it),
		cmocka_unit_test(darkness_counts_only_above_that_of_the_others),
		cmocka_unit_test(without_others_darkness_proves_nothing),
		cmocka_unit_test(many_more_dark_than_others_stop),
		cmocka_unit_test(codes_fall_into_their_classes),
		cmocka_unit_test(a_verdict_is_said_in_words),
		cmocka_unit_test(what_most_of_them_failed_of_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
