/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/score.h"

#include "common/utc.h"
#include "tests/unit/check.h"

static const struct score_facts fine = {
	.devices = 1000,
	.online_left = 12 * 3600,
	.signed_left = 90 * UTC_DAY,
	.signed_due = -1,
	.certificate_left = 300 * UTC_DAY,
};

static struct score judged(const struct score_facts *f)
{
	struct score s;

	score_judge(f, &s);
	return s;
}

static void a_fleet_that_is_well_has_all_points(void **state)
{
	struct score_facts nobody = { .online_left = INT64_MAX,
				      .signed_left = INT64_MAX,
				      .signed_due = -1,
				      .certificate_left = INT64_MAX };

	(void)state;
	assert_int_equal(judged(&fine).points, 100);
	assert_int_equal(judged(&fine).count, 0);
	assert_int_equal(judged(&nobody).points, 100);
}

/* Each fact takes off points, under its own name. */
static void every_fact_counts(void **state)
{
	struct {
		const char *name;
		struct score_facts f;
		unsigned one, all;
	} rules[] = {
		{ "behind", fine, 1, 30 },
		{ "silent", fine, 1, 15 },
		{ "unprovisioned", fine, 1, 10 },
		{ "quarantined", fine, 1, 20 },
		{ "ending", fine, 1, 10 },
		{ "first-use", fine, 1, 10 },
	};

	(void)state;
	for (int all = 0; all < 2; all++) {
		uint64_t n = all ? 1000 : 1;

		rules[0].f.behind = rules[1].f.silent = n;
		rules[2].f.unprovisioned = rules[3].f.quarantined = n;
		rules[4].f.ending = rules[5].f.first_use = n;
		for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
			struct score s = judged(&rules[i].f);
			unsigned off = all ? rules[i].all : rules[i].one;

			assert_int_equal(s.points, 100 - off);
			assert_int_equal(s.count, 1);
			assert_string_equal(s.reasons[0].name, rules[i].name);
			assert_int_equal(s.reasons[0].points, off);
			assert_non_null(
				strstr(s.reasons[0].text, "of 1000 devices"));
		}
	}
}

/* What devices say of how they are built; who says nothing costs nothing. */
static void a_posture_counts_if_it_is_told(void **state)
{
	static const unsigned worth[POSTURE_BITS] = {
		[POSTURE_SANDBOX] = 8,        [POSTURE_SECURE_BOOT] = 4,
		[POSTURE_ROOT_READ_ONLY] = 2, [POSTURE_HARDWARE_CLOCK] = 1,
		[POSTURE_HARDWARE_KEY] = 2,   [POSTURE_CONFIG_PRIVATE] = 4,
	};

	(void)state;
	for (int i = 0; i < POSTURE_BITS; i++) {
		struct score_facts f = fine;

		f.lacking[i] = 1000;
		assert_int_equal(judged(&f).count, 1);
		assert_int_equal(judged(&f).points, 100 - worth[i]);
		f.lacking[i] = 1;
		assert_int_equal(judged(&f).points, 99);
	}
}

static void a_share_takes_off_its_share(void **state)
{
	struct score_facts f = fine;

	(void)state;
	f.behind = 500;
	assert_int_equal(judged(&f).points, 100 - 15);
	f.behind = 501;
	assert_int_equal(judged(&f).points, 100 - 16);
	f.behind = 999;
	assert_int_equal(judged(&f).points, 100 - 30);
	/* More than there are: a survey is no photograph. */
	f.behind = 1001;
	assert_int_equal(judged(&f).points, 100 - 30);
}

static void what_is_about_to_end_counts(void **state)
{
	struct score_facts f = fine;

	(void)state;
	f.online_left = 6 * 3600 - 1;
	assert_int_equal(judged(&f).points, 90);
	f.online_left = 0;
	assert_int_equal(judged(&f).points, 75);
	assert_string_equal(judged(&f).reasons[0].name, "online-metadata");
	f = fine;
	f.signed_left = 59 * UTC_DAY;
	assert_int_equal(judged(&f).points, 100);
	f.signed_due = 60;
	assert_int_equal(judged(&f).points, 99);
	assert_string_equal(judged(&f).reasons[0].name, "signed-metadata");
	assert_string_equal(judged(&f).reasons[0].text,
			    "metadata that people sign ends in 59 days");
	f.signed_due = 30;
	assert_int_equal(judged(&f).points, 95);
	f.signed_due = 7;
	f.signed_left = 3 * UTC_DAY - 1;
	assert_int_equal(judged(&f).points, 90);
	assert_string_equal(judged(&f).reasons[0].text,
			    "metadata that people sign ends in 71 hours");
	f.signed_due = 0;
	f.signed_left = 0;
	assert_int_equal(judged(&f).points, 75);
	f = fine;
	f.certificate_left = -1;
	assert_int_equal(judged(&f).points, 75);
	assert_string_equal(judged(&f).reasons[0].name, "certificates");
	assert_non_null(strstr(judged(&f).reasons[0].text, "has expired"));
}

static void the_server_and_its_people_count(void **state)
{
	struct score_facts f = fine;

	(void)state;
	f.log_behind = true;
	assert_string_equal(judged(&f).reasons[0].name, "log");
	assert_int_equal(judged(&f).points, 75);
	f = fine;
	f.backup_late = true;
	assert_string_equal(judged(&f).reasons[0].name, "backup");
	assert_int_equal(judged(&f).points, 95);
	f = fine;
	f.revoked_seen = 3;
	assert_string_equal(judged(&f).reasons[0].name, "revoked-seen");
	assert_int_equal(judged(&f).points, 95);
	f = fine;
	f.role_conflicts = 1;
	assert_string_equal(judged(&f).reasons[0].name, "roles");
	assert_int_equal(judged(&f).points, 95);
	f = fine;
	f.one_person = true;
	assert_string_equal(judged(&f).reasons[0].name, "four-eyes");
	assert_int_equal(judged(&f).points, 90);
}

static void the_worst_comes_first_and_none_is_below_zero(void **state)
{
	struct score_facts f = { .devices = 10,
				 .unprovisioned = 10,
				 .behind = 10,
				 .silent = 10,
				 .quarantined = 10,
				 .ending = 10,
				 .revoked_seen = 1,
				 .role_conflicts = 2,
				 .log_behind = true };
	struct score s = judged(&f);

	(void)state;
	assert_int_equal(s.points, 0);
	assert_int_equal(s.count, 11);
	assert_string_equal(s.reasons[0].name, "behind");
	for (size_t i = 1; i < s.count; i++)
		assert_true(s.reasons[i - 1].points >= s.reasons[i].points);
}

static void the_page_reads_the_same(void **state)
{
	struct score_facts f = fine;
	struct buf text = BUF_INIT(4096);
	struct err e = { 0 };
	struct score s;
	struct json *j;

	(void)state;
	f.silent = 7;
	f.revoked = 2;
	score_judge(&f, &s);
	j = score_json(&f, &s);
	assert_ok(json_print(j, false, &text, &e));
	assert_string_equal(
		buf_text(&text),
		"{\"points\":99,\"reasons\":[{\"name\":\"silent\",\"points\":1,"
		"\"text\":\"7 of 1000 devices have not been heard of for "
		"long\",\"listed\":true}],\"devices\":1000,\"unprovisioned\":0,\"behind\":0,"
		"\"silent\":7,\"quarantined\":0,\"ending\":0,"
		"\"first_use\":0,\"revoked\":2}");
	json_free(j);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fleet_that_is_well_has_all_points),
		cmocka_unit_test(every_fact_counts),
		cmocka_unit_test(a_posture_counts_if_it_is_told),
		cmocka_unit_test(a_share_takes_off_its_share),
		cmocka_unit_test(what_is_about_to_end_counts),
		cmocka_unit_test(the_server_and_its_people_count),
		cmocka_unit_test(the_worst_comes_first_and_none_is_below_zero),
		cmocka_unit_test(the_page_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
