/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"
#include "update-server/store_word.h"

/* Releases 1 to 4; the fourth is the content of the second under a new seq. */
static void add_releases(void)
{
	struct sql *db = NULL;
	struct err e = { 0 };

	assert_ok(sql_open(&sql_sqlite, fleet_path, &db, &e));
	for (unsigned n = 1; n <= 4; n++) {
		const char id[] = { 'r', (char)('0' + n), 0 };
		struct sha256 content = fleet_hash(500 + (n == 4 ? 2 : n));

		assert_ok(sql_run(db,
				  "INSERT INTO release (product, id, version,"
				  " models, seq, requires_seq, not_before,"
				  " digest, listed, detail, imported) VALUES"
				  " ('kiosk', ?, '1', '', ?, 0, 0, ?, 1, '{}',"
				  " 0)",
				  SQL_BIND(sql_text(id), sql_int(n),
					   sql_blob(content.bytes, SHA256_LEN)),
				  NULL, &e));
	}
	sql_close(db);
}

static struct store_device runs(struct store *s, struct store_device *d,
				unsigned release, uint64_t activation)
{
	struct wire_checkin m = { .product = "kiosk",
				  .model = "k1",
				  .has_release = true,
				  .release = { 'r', (char)('0' + release) },
				  .seq = release,
				  .digest = fleet_hash(500 + release),
				  .confirmed = true,
				  .activation = activation,
				  .interval_sec = 3600 };
	struct err e = { 0 };

	assert_ok(store_device_seen(s, d, &m, FLEET_NOW, &e));
	return *d;
}

static struct store_word says(const struct store_device *d, unsigned content,
			      uint64_t activation, bool settled)
{
	return (struct store_word){ .device = d->facts.id,
				    .running = fleet_hash(500 + content),
				    .activation = activation,
				    .settled = settled };
}

static void expect(struct store *s, const struct store_device *of,
		   const char *release, uint64_t activation, bool confirmed)
{
	struct store_device d;
	struct err e = { 0 };

	assert_ok(store_device_find(s, &of->facts.id, &d, &e));
	assert_string_equal(d.facts.release, release);
	assert_int_equal(d.facts.seq, release[1] - '0');
	assert_int_equal(d.activation, activation);
	assert_int_equal(d.facts.confirmed, confirmed);
}

static void what_a_report_says_runs_is_known(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct store_word w;
	struct err e = { 0 };

	add_releases();
	(void)runs(*state, &d, 1, 7);
	w = says(&d, 2, 8, false);
	assert_ok(store_word_save(*state, &w, NULL, NULL, NULL, &e));
	expect(*state, &d, "r2", 8, false);
	w.settled = true;
	assert_ok(store_word_save(*state, &w, NULL, NULL, NULL, &e));
	expect(*state, &d, "r2", 8, true);
}

static void an_older_word_changes_nothing(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct store_word w;
	struct err e = { 0 };

	add_releases();
	(void)runs(*state, &d, 3, 7);
	w = says(&d, 2, 6, true);
	assert_ok(store_word_save(*state, &w, NULL, NULL, NULL, &e));
	expect(*state, &d, "r3", 7, true);
	/* Content that is of no release here: a check-in names it. */
	w = says(&d, 9, 9, true);
	assert_ok(store_word_save(*state, &w, NULL, NULL, NULL, &e));
	expect(*state, &d, "r3", 7, true);
}

static void of_equal_content_the_one_that_was_offered_runs(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct store_device other = fleet_device(*state, 2);
	struct stage r = fleet_rollout(*state, "undo", 4);
	struct attempt a;
	struct store_word w;
	struct err e = { 0 };

	add_releases();
	(void)runs(*state, &d, 3, 7);
	(void)runs(*state, &other, 2, 7);
	a = fleet_offer(*state, &r, &d);
	a.at.state = STAGE_ROLLED_BACK;
	w = says(&d, 2, 8, true);
	assert_ok(store_word_save(*state, &w, &r, &a, "why", &e));
	expect(*state, &d, "r4", 8, true);
	/* The attempt went with it. */
	assert_ok(store_attempt_find(*state, a.id, &d.facts.id, &a, &e));
	assert_int_equal(a.at.state, STAGE_ROLLED_BACK);
	/* And one that is known to run is not taken for another. */
	w = says(&other, 2, 8, true);
	assert_ok(store_word_save(*state, &w, &r, &a, NULL, &e));
	expect(*state, &other, "r2", 8, true);
}

static void an_attempt_that_is_not_kept_changes_no_device(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage r = fleet_rollout(*state, "one", 2);
	struct attempt a = fleet_offer(*state, &r, &d);
	struct store_word w;
	struct err e = { 0 };

	add_releases();
	(void)runs(*state, &d, 1, 7);
	w = says(&d, 2, 8, true);
	a.id += 100;
	assert_refused(store_word_save(*state, &w, &r, &a, NULL, &e),
		       ERR_NOT_FOUND);
	expect(*state, &d, "r1", 7, true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_a_report_says_runs_is_known),
		TEST(an_older_word_changes_nothing),
		TEST(of_equal_content_the_one_that_was_offered_runs),
		TEST(an_attempt_that_is_not_kept_changes_no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
