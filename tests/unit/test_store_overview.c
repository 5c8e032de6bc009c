/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/store_overview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "tests/unit/fleet.h"

#define DAY0   INT64_C(20000) /* days since 1970 */
#define NOW    (DAY0 * UTC_DAY + 3600)
#define MEMBER 40

static const struct audit_by by = { .kind = AUDIT_PERSON,
				    .person = { { 7 } },
				    .now = NOW };

static char folder[] = "/tmp/pawl-overview.XXXXXX";
static char path[64];

static int fresh(void **state)
{
	struct store *s = NULL;
	struct err e = { 0 };

	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/db", folder);
	assert_ok(store_open(path, &s, &e));
	assert_ok(store_cohort_add(s, "canary", &by, &e));
	assert_ok(store_cohort_add(s, "stable", &by, &e));
	*state = s;
	return 0;
}

static int gone(void **state)
{
	static const char *const names[] = { "db", "db-wal", "db-shm" };

	store_close(*state);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

static struct sha256 hash(unsigned n)
{
	struct sha256 d = { { (uint8_t)n, (uint8_t)(n >> 8), 1 } };

	return d;
}

static struct store_device enrolled(struct store *s, unsigned n,
				    const char *cohort)
{
	struct store_batch b = { .product = "kiosk",
				 .model = "k1",
				 .count = 1,
				 .created = NOW,
				 .activated = NOW,
				 .expires = NOW + 100 };
	const struct sha256 code = hash(n);
	struct store_device d = {
		.facts = { .id = { { (uint8_t)n } },
			   .product = "kiosk",
			   .model = "k1" },
		.fingerprint = hash(1000 + n),
		.spki = hash(2000 + n),
		.certificate = "pem",
		.decrypt = { .proof = { 0x30, (uint8_t)n }, .proof_len = 2 },
	};
	struct err e = { 0 };

	d.decrypt.key.point[0] = (uint8_t)n;
	memcpy(b.cohort, cohort, strlen(cohort) + 1);
	assert_ok(store_batch_add(s, &b, &code, &by, &e));
	assert_ok(store_enrol(s, &code, &d, &by, &e));
	return d;
}

static void runs(struct store *s, struct store_device *d, const char *release,
		 uint64_t seq, int64_t when)
{
	struct wire_checkin m = { .has_release = release != NULL,
				  .seq = seq,
				  .confirmed = true,
				  .interval_sec = 3600 };
	struct err e = { 0 };

	if (release)
		memcpy(m.release, release, strlen(release) + 1);
	assert_ok(store_device_seen(s, d, &m, when, &e));
}

static struct overview_totals totals(struct store *s)
{
	struct overview_totals t = { 0 };
	struct err e = { 0 };

	assert_ok(store_flush(s, &e));
	assert_ok(store_overview_totals(s, &t, &e));
	return t;
}

static uint64_t silent(struct store *s, int64_t day)
{
	struct err e = { 0 };
	uint64_t n = 99;

	assert_ok(store_overview_silent(s, day, &n, &e));
	return n;
}

static void append_release(void *ctx, const struct overview_release *r)
{
	char *text = ctx;

	(void)snprintf(text + strlen(text), 400 - strlen(text), "%s/%s:%llu ",
		       r->product, r->release, (unsigned long long)r->devices);
}

static void append_cohort(void *ctx, const char *name, uint64_t n)
{
	char *text = ctx;

	(void)snprintf(text + strlen(text), 400 - strlen(text), "%s:%llu ",
		       name, (unsigned long long)n);
}

static void assert_releases(struct store *s, const char *want)
{
	char text[400] = "";
	struct err e = { 0 };

	assert_ok(store_overview_releases(s, append_release, text, &e));
	assert_string_equal(text, want);
}

static void assert_cohorts(struct store *s, const char *want)
{
	char text[400] = "";
	struct err e = { 0 };

	assert_ok(store_overview_cohorts(s, append_cohort, text, &e));
	assert_string_equal(text, want);
}

static void an_empty_fleet_has_nothing(void **state)
{
	struct overview_totals t = totals(*state);

	assert_int_equal(t.devices, 0);
	assert_int_equal(t.never_seen, 0);
	assert_int_equal(silent(*state, DAY0), 0);
	assert_releases(*state, "");
	assert_cohorts(*state, "canary:0 stable:0 ");
}

static void counts_follow_what_devices_say(void **state)
{
	struct store *s = *state;
	struct store_device a = enrolled(s, 1, "canary");
	struct store_device b = enrolled(s, 2, "stable");

	assert_int_equal(totals(s).never_seen, 2);
	assert_releases(s, "kiosk/:2 ");
	runs(s, &a, "1.0", 1, NOW);
	runs(s, &b, "1.0", 1, NOW);
	assert_int_equal(totals(s).never_seen, 0);
	assert_releases(s, "kiosk/1.0:2 ");
	runs(s, &a, "2.0", 2, NOW + 10);
	assert_releases(s, "kiosk/2.0:1 kiosk/1.0:1 ");
	/* A mere sign of life moves nothing. */
	runs(s, &a, "2.0", 2, NOW + 20);
	assert_releases(s, "kiosk/2.0:1 kiosk/1.0:1 ");
	runs(s, &b, NULL, 0, NOW + 30);
	assert_releases(s, "kiosk/2.0:1 kiosk/:1 ");
	assert_cohorts(s, "canary:1 stable:1 ");
}

static void counts_follow_assignments_and_ends(void **state)
{
	struct store *s = *state;
	struct store_device a = enrolled(s, 1, "canary");
	struct store_device b = enrolled(s, 2, "canary");
	struct store_device c = enrolled(s, 3, "canary");
	const struct assign move = { .device = a.facts.id,
				     .cohort = "stable",
				     .version = 1 };
	struct sha256 print;
	struct err e = { 0 };

	runs(s, &a, "1.0", 1, NOW);
	assert_ok(store_device_assign(s, &move, NOW, &e));
	assert_cohorts(s, "canary:2 stable:1 ");
	assert_ok(store_device_revoke(s, &b.facts.id, &by, &print, &e));
	assert_ok(store_device_retire(s, &c.facts.id, &by, &print, &e));
	assert_int_equal(totals(s).devices, 1);
	assert_int_equal(totals(s).revoked, 1);
	assert_int_equal(totals(s).retired, 1);
	assert_int_equal(totals(s).never_seen, 0);
	assert_releases(s, "kiosk/1.0:1 ");
	assert_cohorts(s, "canary:0 stable:1 ");
	/* A second end is no second count. */
	assert_ok(store_device_revoke(s, &b.facts.id, &by, &print, &e));
	assert_int_equal(totals(s).devices, 1);
	assert_int_equal(totals(s).revoked, 1);
}

static void silence_is_counted_by_days(void **state)
{
	struct store *s = *state;
	struct store_device a = enrolled(s, 1, "canary");
	struct store_device b = enrolled(s, 2, "canary");
	struct sha256 print;
	struct err e = { 0 };

	(void)enrolled(s, 3, "canary");
	runs(s, &a, "1.0", 1, NOW - 8 * UTC_DAY);
	runs(s, &b, "1.0", 1, NOW - 2 * UTC_DAY);
	assert_int_equal(silent(s, DAY0), 2);
	assert_int_equal(silent(s, DAY0 - 7), 1);
	assert_int_equal(silent(s, DAY0 - 8), 0);
	runs(s, &a, "1.0", 1, NOW);
	assert_int_equal(totals(s).devices, 3);
	assert_int_equal(silent(s, DAY0), 1);
	assert_ok(store_device_revoke(s, &b.facts.id, &by, &print, &e));
	assert_int_equal(silent(s, DAY0), 0);
	assert_int_equal(totals(s).devices, 2);
}

/* ---- over time ----------------------------------------------------------- */

static void append_sample(void *ctx, int64_t at, const char *release,
			  uint64_t n)
{
	char *text = ctx;

	(void)snprintf(text + strlen(text), 400 - strlen(text), "%lld/%s:%llu ",
		       (long long)(at - DAY0 * UTC_DAY), release,
		       (unsigned long long)n);
}

static void samples_are_taken_and_thinned_out(void **state)
{
	struct store *s = *state;
	struct store_device a = enrolled(s, 1, "canary");
	const int64_t base = DAY0 * UTC_DAY;
	char text[400] = "";
	struct err e = { 0 };

	runs(s, &a, "1.0", 1, NOW);
	assert_ok(store_overview_sample(s, base + 3, &e));
	runs(s, &a, "2.0", 2, NOW + 10);
	assert_ok(store_overview_sample(s, base + 1205, &e));
	assert_ok(store_overview_sample(s, base + 3600, &e));
	assert_ok(store_overview_history(
		s, &(const struct overview_span){ "kiosk", base, 10 },
		append_sample, text, &e));
	assert_string_equal(text, "0/1.0:1 1200/2.0:1 3600/2.0:1 ");
	text[0] = '\0';
	assert_ok(store_overview_history(
		s, &(const struct overview_span){ "kiosk", base + 1, 1 },
		append_sample, text, &e));
	assert_string_equal(text, "1200/2.0:1 ");
	text[0] = '\0';
	assert_ok(store_overview_history(
		s, &(const struct overview_span){ "other", 0, 10 },
		append_sample, text, &e));
	assert_string_equal(text, "");
	/* A week later one an hour is left, then one a day, then none. */
	assert_ok(store_overview_sample(s, base + 8 * UTC_DAY, &e));
	assert_ok(store_overview_history(
		s, &(const struct overview_span){ "kiosk", base, 2 },
		append_sample, text, &e));
	assert_string_equal(text, "0/1.0:1 3600/2.0:1 ");
	text[0] = '\0';
	assert_ok(store_overview_sample(s, base + 62 * UTC_DAY, &e));
	assert_ok(store_overview_history(
		s, &(const struct overview_span){ "kiosk", base, 2 },
		append_sample, text, &e));
	assert_string_equal(text, "0/1.0:1 691200/2.0:1 ");
	text[0] = '\0';
	assert_ok(store_overview_sample(s, base + 500 * UTC_DAY, &e));
	assert_ok(store_overview_history(
		s, &(const struct overview_span){ "kiosk", 0, 10 },
		append_sample, text, &e));
	assert_string_equal(text, "43200000/2.0:1 ");
}

/* ---- lists --------------------------------------------------------------- */

struct seen {
	uint8_t ids[MEMBER];
	size_t count;
	struct overview_device last;
};

static void note(void *ctx, const struct overview_device *d)
{
	struct seen *seen = ctx;

	assert_true(seen->count < MEMBER);
	seen->ids[seen->count++] = d->id.bytes[0];
	seen->last = *d;
}

/* All of a list, three at a time. */
static struct seen walk(struct store *s, struct overview_list l)
{
	struct seen seen = { .count = 0 };
	struct err e = { 0 };
	size_t before;

	l.max = 3;
	do {
		before = seen.count;
		assert_ok(store_overview_list(s, &l, note, &seen, &e));
		l.has_after = true;
		l.after = seen.last.id;
		l.after_day = seen.last.day;
	} while (seen.count > before);
	return seen;
}

static void lists_are_what_their_numbers_count(void **state)
{
	struct store *s = *state;
	struct store_device d[10];
	struct sha256 print;
	struct err e = { 0 };
	struct seen seen;

	for (unsigned i = 0; i < 10; i++) {
		d[i] = enrolled(s, i + 1, i < 4 ? "canary" : "stable");
		if (i < 8)
			runs(s, &d[i], i < 5 ? "1.0" : "2.0", i < 5 ? 1 : 2,
			     NOW - (int64_t)(9 - i) * UTC_DAY);
	}
	assert_ok(store_device_revoke(s, &d[0].facts.id, &by, &print, &e));
	assert_int_equal(
		walk(s, (struct overview_list){ .kind = OVERVIEW_ALL }).count,
		9);
	seen = walk(s, (struct overview_list){ .kind = OVERVIEW_RELEASE,
					       .product = "kiosk",
					       .release = "1.0" });
	assert_int_equal(seen.count, 4);
	assert_memory_equal(seen.ids, "\2\3\4\5", 4);
	seen = walk(s, (struct overview_list){ .kind = OVERVIEW_RELEASE,
					       .product = "kiosk",
					       .release = "" });
	assert_memory_equal(seen.ids, "\11\12", 2);
	assert_int_equal(seen.count, 2);
	seen = walk(s, (struct overview_list){ .kind = OVERVIEW_COHORT,
					       .cohort = "canary" });
	assert_int_equal(seen.count, 3);
	seen = walk(s, (struct overview_list){ .kind = OVERVIEW_SILENT,
					       .day = DAY0 - 3 });
	assert_int_equal(seen.count, silent(s, DAY0 - 3));
	assert_int_equal(seen.count, 5);
	assert_memory_equal(seen.ids, "\2\3\4\5\6", 5);
	seen = walk(s, (struct overview_list){ .kind = OVERVIEW_NEVER });
	assert_memory_equal(seen.ids, "\11\12", 2);
	seen = walk(s, (struct overview_list){ .kind = OVERVIEW_REVOKED });
	assert_int_equal(seen.count, 1);
	assert_int_equal(
		walk(s, (struct overview_list){ .kind = OVERVIEW_RETIRED })
			.count,
		0);
	assert_int_equal(
		walk(s, (struct overview_list){ .kind = OVERVIEW_QUARANTINED })
			.count,
		0);
}

/* ---- who did what -------------------------------------------------------- */

static int append_act(void *ctx, struct slice record, struct err *e)
{
	struct audit_record r;
	char *text = ctx;

	if (audit_record_parse(record, &r, e))
		return -1;
	(void)snprintf(text + strlen(text), 400 - strlen(text), "%s ",
		       audit_act_name(r.act));
	audit_record_done(&r);
	return 0;
}

static int stop_at_once(void *ctx, struct slice record, struct err *e)
{
	(void)ctx;
	(void)record;
	return err_set(e, ERR_LIMIT, "enough");
}

static void acts_are_found_by_what_they_are_about(void **state)
{
	struct store *s = *state;
	struct store_device a = enrolled(s, 1, "canary");
	struct stage r = { .what = { .name = "r1",
				     .product = "kiosk",
				     .release = "1.0",
				     .cohorts = { "canary" },
				     .cohort_count = 1 },
			   .ladder = { .count = 1 },
			   .policy = stage_usual };
	char id[2 * DEVICE_ID_LEN + 1], text[400] = "";
	uint64_t last;
	struct sha256 print;
	struct err e = { 0 };

	(void)enrolled(s, 2, "canary");
	assert_ok(store_rollout_add(s, &r, &by, &e));
	memcpy(r.what.name, "r10", 4);
	assert_ok(store_rollout_add(s, &r, &by, &e));
	assert_ok(store_device_revoke(s, &a.facts.id, &by, &print, &e));
	hex_format((struct slice){ a.facts.id.bytes, DEVICE_ID_LEN }, id);
	assert_ok(store_overview_acts(
		s, &(const struct overview_acts){ true, id, 10, 0 }, append_act,
		text, &e));
	assert_string_equal(text, "device-revoke device-enrol ");
	text[0] = '\0';
	assert_ok(store_overview_acts(
		s, &(const struct overview_acts){ true, id, 1, 0 }, append_act,
		text, &e));
	assert_string_equal(text, "device-revoke ");
	/* and what is older than that */
	text[0] = '\0';
	assert_ok(store_audit_size(s, &last, &e));
	assert_ok(store_overview_acts(
		s, &(const struct overview_acts){ true, id, 10, last - 1 },
		append_act, text, &e));
	assert_string_equal(text, "device-enrol ");
	text[0] = '\0';
	assert_ok(store_overview_acts(
		s, &(const struct overview_acts){ false, "r1", 9, 0 },
		append_act, text, &e));
	assert_string_equal(text, "rollout-create ");
	text[0] = '\0';
	assert_ok(store_overview_acts(
		s, &(const struct overview_acts){ false, "r", 9, 0 },
		append_act, text, &e));
	assert_string_equal(text, "");
	assert_refused(
		store_overview_acts(
			s, &(const struct overview_acts){ false, "r1", 9, 0 },
			stop_at_once, NULL, &e),
		ERR_LIMIT);
	assert_string_equal(e.msg, "enough");
}

/* ---- attempts of a rollout ----------------------------------------------- */

struct attempts_seen {
	char text[400];
	struct overview_attempt last;
	size_t count;
};

static bool note_attempt(void *ctx, const struct overview_attempt *a)
{
	struct attempts_seen *seen = ctx;

	(void)snprintf(seen->text + strlen(seen->text),
		       sizeof(seen->text) - strlen(seen->text), "%u:%s%s ",
		       a->device.bytes[0], stage_state_name(a->state), a->code);
	seen->last = *a;
	seen->count++;
	return true;
}

/* All of a range of states, two at a time. */
static struct attempts_seen attempts_of(struct store *s, const struct stage *r,
					enum stage_state from,
					enum stage_state to)
{
	struct overview_attempts l = {
		.rollout = r->what.id, .from = from, .to = to, .max = 2
	};
	struct attempts_seen seen = { .count = 0 };
	struct err e = { 0 };
	size_t before;

	do {
		before = seen.count;
		assert_ok(store_overview_attempts(s, &l, note_attempt, &seen,
						  &e));
		l.has_after = true;
		l.after_state = seen.last.state;
		l.after = seen.last.id;
	} while (seen.count > before);
	return seen;
}

static void attempts_are_listed_by_what_became_of_them(void **state)
{
	static const struct {
		enum stage_state to;
		const char *code;
	} ends[] = {
		{ STAGE_ROLLED_BACK, "B" }, { STAGE_CONFIRMED, "" },
		{ STAGE_FAILED, "A" },      { STAGE_CONFIRMED, "" },
		{ STAGE_LOST, "" },         { STAGE_CONFIRMED, "" },
	};
	struct stage one = fleet_rollout(*state, "one", 2);
	struct stage two = fleet_rollout(*state, "two", 3);
	struct attempt a;

	for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
		struct store_device d = fleet_device(*state, i + 1);

		a = fleet_offer(*state, &one, &d);
		if (ends[i].to != STAGE_FAILED)
			fleet_move(*state, &one, &a, STAGE_INSTALLED, "");
		fleet_move(*state, &one, &a, ends[i].to, ends[i].code);
	}
	assert_string_equal(
		attempts_of(*state, &one, STAGE_CONFIRMED, STAGE_CONFIRMED)
			.text,
		"2:confirmed 4:confirmed 6:confirmed ");
	assert_string_equal(
		attempts_of(*state, &one, STAGE_FAILED, STAGE_ROLLED_BACK).text,
		"3:failedA 1:rolled-backB ");
	assert_string_equal(
		attempts_of(*state, &one, STAGE_LOST, STAGE_LOST).text,
		"5:dark ");
	assert_int_equal(
		attempts_of(*state, &one, STAGE_OFFERED, STAGE_STALLED).count,
		0);
	assert_int_equal(
		attempts_of(*state, &two, STAGE_OFFERED, STAGE_EXPIRED).count,
		0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(an_empty_fleet_has_nothing),
		TEST(counts_follow_what_devices_say),
		TEST(counts_follow_assignments_and_ends),
		TEST(silence_is_counted_by_days),
		TEST(samples_are_taken_and_thinned_out),
		TEST(lists_are_what_their_numbers_count),
		TEST(acts_are_found_by_what_they_are_about),
		cmocka_unit_test_setup_teardown(
			attempts_are_listed_by_what_became_of_them, fleet_fresh,
			fleet_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
