/* SPDX-License-Identifier: Apache-2.0 */
/* The survey, and what the store gives it and keeps of it. */
#include "update-server/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"
#include "update-server/store_observe.h"

#include "tests/unit/check.h"

#define NOW     (20000 * UTC_DAY + 5)
#define DEVICES 450 /* two steps and a half */

static char folder[] = "/tmp/pawl-survey.XXXXXX";
static char path[64];

static int start(void **state)
{
	struct store *s = NULL;
	struct err e = { 0 };

	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/db", folder);
	assert_ok(store_open(path, &s, &e));
	*state = s;
	return 0;
}

static int stop(void **state)
{
	static const char *const names[] = { "db", "db-wal", "db-shm" };

	store_close(*state);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

/* Straight into the database: enrolling so many takes long. */
static void run(const char *text)
{
	struct sql *db = NULL;
	struct err e = { 0 };

	assert_ok(sql_open(&sql_sqlite, path, &db, &e));
	assert_ok(sql_run(db, text, SQL_NOTHING, NULL, &e));
	sql_close(db);
}

static void add_devices(void)
{
	run("INSERT INTO cohort (name, created) VALUES ('c', 1)");
	run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < 450) INSERT INTO key SELECT printf('%032d', i), 'd'"
	    " FROM n");
	/* each seen a day ago, and on release 5 */
	run("INSERT INTO device (id, fingerprint, spki, product, model,"
	    " cohort, certificate, claim, enrolled, last_seen, release, seq,"
	    " interval) SELECT CAST(substr(spki, 17) AS BLOB),"
	    " CAST(spki AS BLOB), spki, 'kiosk', 'k1', 'c', 'pem', '', 1,"
	    " 19999 * 86400, 'r5', 5, 3600 FROM key");
}

static void add_release(const char *values)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "INSERT INTO release (product, id, version, models, seq,"
		       " requires_seq, not_before, digest, listed, detail,"
		       " imported) VALUES (%s)",
		       values);
	run(text);
}

/* Rounds, until one is done. */
static unsigned survey_all(struct store *s, struct survey *v,
			   struct score_facts *f)
{
	struct err e = { 0 };
	unsigned steps = 0;
	bool done = false;

	while (!done) {
		assert_ok(survey_step(v, s, NOW, &done, f, &e));
		steps++;
	}
	return steps;
}

static void an_empty_registry_is_one_step(void **state)
{
	struct survey *v = survey_new();
	struct score_facts f = { .devices = 7, .log_behind = true };

	assert_int_equal(survey_all(*state, v, &f), 1);
	assert_int_equal(f.devices, 0);
	assert_true(f.log_behind); /* not the survey's business */
	survey_free(v);
}

static void every_device_is_seen_once(void **state)
{
	struct survey *v = survey_new();
	struct score_facts f = { 0 };

	add_devices();
	for (int round = 0; round < 2; round++) {
		assert_int_equal(survey_all(*state, v, &f), 3);
		assert_int_equal(f.devices, DEVICES);
		assert_int_equal(f.silent, 0);
		assert_int_equal(f.unprovisioned, 0);
		assert_int_equal(f.behind, 0);
		assert_int_equal(f.quarantined, 0);
		assert_int_equal(f.revoked, 0);
		/* "pem" is no certificate that could be good */
		assert_int_equal(f.ending, DEVICES);
	}
	survey_free(v);
}

static void what_is_amiss_is_counted(void **state)
{
	struct survey *v = survey_new();
	struct score_facts f = { 0 };

	add_devices();
	/* Ids are digits: each condition takes 45 of the 450. */
	run("UPDATE device SET revoked = 1 WHERE CAST(id AS TEXT) LIKE '%1'");
	run("UPDATE device SET revoked = 2 WHERE CAST(id AS TEXT) LIKE '%2'");
	run("UPDATE device SET quarantined = 1 WHERE CAST(id AS TEXT) LIKE '%3'");
	run("UPDATE device SET release = NULL, seq = 0 WHERE CAST(id AS TEXT) LIKE '%4'");
	run("UPDATE device SET last_seen = 19993 * 86400 WHERE CAST(id AS TEXT) LIKE '%5'");
	run("UPDATE device SET last_seen = 0 WHERE CAST(id AS TEXT) LIKE '%6'");
	run("UPDATE device SET seq = 4 WHERE CAST(id AS TEXT) LIKE '%7'");
	/* silent for its own interval's sake, and not */
	run("UPDATE device SET last_seen = 19980 * 86400, interval = 864000"
	    " WHERE CAST(id AS TEXT) LIKE '%8'");
	add_release("'kiosk','r5','5','',5,0,0,zeroblob(32),1,"
		    "'{\"fixes\":[\"CVE-1\"]}',1");
	assert_int_equal(survey_all(*state, v, &f), 3);
	assert_int_equal(f.devices, DEVICES - 90);
	assert_int_equal(f.revoked, 45); /* and not the retired */
	assert_int_equal(f.quarantined, 45);
	assert_int_equal(f.unprovisioned, 45);
	assert_int_equal(f.silent, 90);
	assert_int_equal(f.behind, 45);
	survey_free(v);
}

static void a_release_that_cannot_be_read_breaks_it_off(void **state)
{
	struct survey *v = survey_new();
	struct score_facts f = { 0 };
	struct err e = { 0 };
	bool done;

	add_release("'kiosk','r5','5','',5,0,0,zeroblob(32),1,'{}',1");
	assert_refused(survey_step(v, *state, NOW, &done, &f, &e), ERR_FORMAT);
	run("DELETE FROM release");
	assert_int_equal(survey_all(*state, v, &f), 1);
	survey_free(v);
}

/* ---- the store ----------------------------------------------------------- */

struct kept {
	int64_t when[8];
	unsigned points[8];
	size_t count;
	char detail[32];
};

static void see(void *ctx, const struct store_score *score)
{
	struct kept *k = ctx;

	assert_true(k->count < ARRAY_LEN(k->when));
	k->when[k->count] = score->when;
	k->points[k->count++] = score->points;
	(void)snprintf(k->detail, sizeof(k->detail), "%s", score->detail);
}

static void put(struct store *s, int64_t when, unsigned points)
{
	const struct store_score score = { when, points, "{}" };
	struct err e = { 0 };

	assert_ok(store_score_put(s, &score, &e));
}

static void the_last_of_a_day_stays_and_old_days_go(void **state)
{
	struct kept k = { .count = 0 };
	struct err e = { 0 };

	put(*state, NOW - 401 * UTC_DAY, 10);
	put(*state, NOW - 400 * UTC_DAY, 20);
	put(*state, NOW - 5, 80);
	put(*state, NOW, 90);
	put(*state, NOW + 60, 70);
	assert_ok(store_score_each(*state, see, &k, &e));
	assert_int_equal(k.count, 2);
	assert_int_equal(k.when[0], NOW + 60);
	assert_int_equal(k.points[0], 70);
	assert_int_equal(k.points[1], 20);
	assert_string_equal(k.detail, "{}");
}

static void commits_are_told(void *ctx, uint64_t ns)
{
	uint64_t *sum = ctx;

	*sum += ns;
}

static void a_probe_reaches_the_disk(void **state)
{
	struct err e = { 0 };
	uint64_t sum = 0;

	store_watch_commits(*state, commits_are_told, &sum);
	assert_ok(store_probe(*state, &e));
	assert_true(sum > 0);
	assert_ok(store_probe(*state, &e));
	store_watch_commits(*state, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_registry_is_one_step,
						start, stop),
		cmocka_unit_test_setup_teardown(every_device_is_seen_once,
						start, stop),
		cmocka_unit_test_setup_teardown(what_is_amiss_is_counted, start,
						stop),
		cmocka_unit_test_setup_teardown(
			a_release_that_cannot_be_read_breaks_it_off, start,
			stop),
		cmocka_unit_test_setup_teardown(
			the_last_of_a_day_stays_and_old_days_go, start, stop),
		cmocka_unit_test_setup_teardown(a_probe_reaches_the_disk, start,
						stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
