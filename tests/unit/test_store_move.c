/* SPDX-License-Identifier: Apache-2.0 */
/* The table of an older program's store, moved while it is read and written. */
#include <pthread.h>
#include <string.h>

#include <sqlite3.h>

#include "tests/unit/fleet.h"
#include "update-server/store_db.h"

#define DEVICES 1500

static sqlite3 *db; /* beside the store's own */

static void sql(const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text, why);
}

static int64_t number(const char *text)
{
	sqlite3_stmt *q = NULL;
	int64_t n;

	if (sqlite3_prepare_v2(db, text, -1, &q, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	n = sqlite3_column_int64(q, 0);
	(void)sqlite3_finalize(q);
	return n;
}

/* ---- an old store -------------------------------------------------------- */

/* What the program of before had: the same columns, in no rows. */
static void make_old_table(void)
{
	sqlite3_stmt *q = NULL;
	char text[8192];

	assert_int_equal(
		sqlite3_prepare_v2(db,
				   "SELECT substr(sql, instr(sql, '('))"
				   " FROM sqlite_master"
				   " WHERE name = 'device'",
				   -1, &q, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	(void)snprintf(text, sizeof(text),
		       "CREATE TABLE device_of_before %s WITHOUT ROWID",
		       (const char *)sqlite3_column_text(q, 0));
	(void)sqlite3_finalize(q);
	sql("PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON; BEGIN");
	sql(text);
	sql("INSERT INTO device_of_before SELECT * FROM device;"
	    "DROP TABLE device;"
	    "ALTER TABLE device_of_before RENAME TO device;"
	    "CREATE INDEX device_product ON device (product, id);"
	    "CREATE UNIQUE INDEX device_next ON device (next_fingerprint);"
	    "CREATE INDEX device_release ON device (product, release)"
	    " WHERE revoked = 0;"
	    "CREATE INDEX device_cohort ON device (cohort) WHERE revoked = 0;"
	    "CREATE INDEX device_day ON device (seen_day) WHERE revoked = 0;"
	    "CREATE INDEX device_gone ON device (revoked) WHERE revoked != 0;"
	    "CREATE INDEX device_aside ON device (revoked)"
	    " WHERE quarantined != 0");
	sql(store_overview_triggers);
	sql("COMMIT");
}

/* Copies of the one that is there, with other ids: 30303030... */
static void add_devices(void)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "CREATE TEMP TABLE more AS SELECT * FROM device LIMIT 1;"
		       "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL"
		       " SELECT n + 1 FROM c WHERE n < %d)"
		       " INSERT INTO key"
		       " SELECT CAST(printf('%%032d', n) AS BLOB), '' FROM c",
		       DEVICES);
	sql(text);
	sql("INSERT INTO device (id, fingerprint, spki, product, model, cohort,"
	    " certificate, claim, enrolled, interval)"
	    " SELECT substr(k.spki, 17), k.spki, k.spki, product, model,"
	    " cohort, certificate, claim, enrolled, interval FROM more"
	    " JOIN key AS k ON k.who = ''");
}

static int setup(void **state)
{
	if (fleet_fresh(state))
		return -1;
	(void)fleet_device(*state, 1);
	store_close(*state);
	*state = NULL;
	assert_int_equal(sqlite3_open(fleet_path, &db), SQLITE_OK);
	make_old_table();
	add_devices();
	*state = fleet_open();
	return 0;
}

static int teardown(void **state)
{
	(void)sqlite3_close(db);
	return fleet_gone(state);
}

/* ---- what is true of it -------------------------------------------------- */

static bool there_is(const char *table)
{
	char text[128];

	(void)snprintf(text, sizeof(text),
		       "SELECT count(*) FROM sqlite_master WHERE name = '%s'",
		       table);
	return number(text) != 0;
}

static void assert_moved(struct store *s, int64_t devices)
{
	struct err e = { 0 };
	uint64_t active, revoked;

	assert_false(there_is("device_rows"));
	assert_false(there_is("device_old"));
	assert_false(there_is("moving"));
	assert_int_equal(number("SELECT sql LIKE '%ROWID' FROM sqlite_master"
				" WHERE name = 'device'"),
			 0);
	assert_int_equal(number("SELECT count(*) FROM sqlite_master"
				" WHERE tbl_name = 'device'"
				" AND type = 'trigger'"),
			 13);
	assert_int_equal(number("SELECT count(*) FROM device"), devices);
	assert_ok(store_device_counts(s, &active, &revoked, &e));
	assert_int_equal(active + revoked, devices);
	/* everything refers to what is there, attempts too */
	assert_ok(store_check(s, &e));
}

/* What is copied so far is as it is in the table that is read. */
static void assert_mirrored(void)
{
	if (!there_is("moving"))
		return;
	assert_int_equal(
		number("SELECT count(*) FROM (SELECT * FROM device WHERE id <="
		       " (SELECT at FROM moving) EXCEPT"
		       " SELECT * FROM device_rows)"),
		0);
	assert_int_equal(
		number("SELECT count(*) FROM (SELECT * FROM device_rows EXCEPT"
		       " SELECT * FROM device WHERE id <="
		       " (SELECT at FROM moving))"),
		0);
}

static unsigned move_all(struct store *s)
{
	struct err e = { 0 };
	unsigned steps = 0;

	for (bool more = true; more; steps++)
		assert_ok(store_move(s, &more, &e));
	return steps;
}

static struct device_id id_of(unsigned n)
{
	struct device_id id;
	char text[2 * DEVICE_ID_LEN + 1];

	(void)snprintf(text, sizeof(text), "%016u", n);
	memcpy(id.bytes, text, DEVICE_ID_LEN);
	return id;
}

/* ---- tests --------------------------------------------------------------- */

static void a_large_fleet_is_served_first_and_moved_in_steps(void **state)
{
	struct store_device *d = calloc(1, sizeof(*d));
	const struct device_id last = id_of(DEVICES);
	struct err e = { 0 };

	assert_non_null(d);
	assert_true(there_is("moving"));
	assert_int_equal(number("SELECT count(*) FROM device"), DEVICES + 1);
	assert_true(number("SELECT count(*) FROM device_rows") < DEVICES);
	assert_ok(store_device_find(*state, &last, d, &e));
	assert_true(move_all(*state) > 5);
	assert_moved(*state, DEVICES + 1);
	assert_ok(store_device_find(*state, &last, d, &e));
	assert_string_equal(d->certificate, "pem");
	(void)fleet_device(*state, 2);
	assert_moved(*state, DEVICES + 2);
	free(d);
}

static void a_small_fleet_is_moved_as_it_is_opened(void **state)
{
	(void)move_all(*state);
	store_close(*state);
	sql("DELETE FROM device WHERE id > CAST('0000000000000200' AS BLOB)");
	make_old_table();
	*state = fleet_open();
	assert_moved(*state, number("SELECT count(*) FROM device"));
}

static void say(struct store *s, unsigned n, uint64_t seq, int64_t now)
{
	struct wire_checkin m = { .product = "kiosk",
				  .model = "k1",
				  .has_release = true,
				  .release = "r",
				  .seq = seq,
				  .confirmed = true };
	struct store_device *d = calloc(1, sizeof(*d));
	const struct device_id id = id_of(n);
	struct err e = { 0 };

	assert_non_null(d);
	assert_ok(store_device_find(s, &id, d, &e));
	assert_ok(store_device_seen(s, d, &m, now, &e));
	free(d);
}

static void leave(struct store *s, unsigned n)
{
	const struct device_id id = id_of(n);
	struct sha256 fingerprint;
	struct err e = { 0 };

	assert_ok(store_device_retire(s, &id, &fleet_by, &fingerprint, &e));
	assert_ok(store_device_forget(s, &id, &fleet_by, &e));
}

static void what_is_written_meanwhile_is_kept(void **state)
{
	struct err e = { 0 };
	unsigned step = 0;

	for (bool more = true; more; step++) {
		assert_ok(store_move(*state, &more, &e));
		/* one that is copied by now, one that is not yet */
		say(*state, 10 + step, 2, FLEET_NOW + step);
		say(*state, DEVICES - step, 3, FLEET_NOW + 100000 + step);
		leave(*state, 100 + step);
		leave(*state, DEVICES - 100 - step);
		(void)fleet_device(*state, 2 + step);
		assert_mirrored();
		if (there_is("device_old"))
			assert_int_equal(
				number("SELECT count(*) FROM device_old WHERE"
				       " id NOT IN (SELECT id FROM device)"),
				0);
	}
	assert_moved(*state, DEVICES + 1 - step);
	assert_int_equal(number("SELECT count(*) FROM device WHERE seq = 2"),
			 step);
	assert_int_equal(number("SELECT count(*) FROM device WHERE seq = 3"
				" AND seen_day = last_seen / 86400"),
			 step);
}

static void it_goes_on_after_each_cut(void **state)
{
	unsigned opened = 0;
	struct err e = { 0 };

	for (bool more = true; more; opened++) {
		assert_ok(store_move(*state, &more, &e));
		store_close(*state);
		*state = fleet_open();
		assert_mirrored();
	}
	assert_true(opened > 1);
	assert_moved(*state, DEVICES + 1);
}

static void a_step_that_fails_leaves_the_last_one(void **state)
{
	int64_t before = number("SELECT count(*) FROM device_rows");
	struct attempt nobody;
	struct stage r;
	struct err e = { 0 };
	bool more = false;

	sql("CREATE TRIGGER full BEFORE INSERT ON device_rows"
	    " BEGIN SELECT raise(ABORT, 'no room'); END");
	assert_refused(store_move(*state, &more, &e), ERR_CONFLICT);
	assert_true(more);
	assert_int_equal(number("SELECT count(*) FROM device_rows"), before);
	/* what refers to nothing is refused as ever */
	r = fleet_rollout(*state, "one", 2);
	nobody = (struct attempt){ .device = { { 99 } },
				   .digest = r.what.digest,
				   .seq = 2 };
	assert_refused(store_attempt_add(*state, &r, &nobody, 0, &e),
		       ERR_CONFLICT);
	sql("DROP TRIGGER full");
	assert_ok(store_move_opened(*state, true, &e));
	assert_moved(*state, DEVICES + 1);
}

struct mover {
	pthread_t thread;
	struct err e;
	int rc;
};

static void *open_and_move(void *ctx)
{
	struct mover *m = ctx;
	struct store *s = NULL;

	m->rc = store_open(fleet_path, &s, &m->e);
	for (bool more = true; m->rc == 0 && more;)
		m->rc = store_move(s, &more, &m->e);
	store_close(s);
	return NULL;
}

/* The server, and a command beside it: each finds what the other did. */
static void two_programs_move_it_together(void **state)
{
	struct mover movers[2] = { { .rc = -1 }, { .rc = -1 } };

	(void)move_all(*state);
	store_close(*state);
	*state = NULL;
	make_old_table();
	for (size_t i = 0; i < ARRAY_LEN(movers); i++)
		assert_int_equal(pthread_create(&movers[i].thread, NULL,
						open_and_move, &movers[i]),
				 0);
	for (size_t i = 0; i < ARRAY_LEN(movers); i++) {
		assert_int_equal(pthread_join(movers[i].thread, NULL), 0);
		if (movers[i].rc)
			fail_msg("%s", movers[i].e.msg);
	}
	*state = fleet_open();
	assert_moved(*state, DEVICES + 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_large_fleet_is_served_first_and_moved_in_steps, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_small_fleet_is_moved_as_it_is_opened, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			what_is_written_meanwhile_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(it_goes_on_after_each_cut,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_step_that_fails_leaves_the_last_one, setup, teardown),
		cmocka_unit_test_setup_teardown(two_programs_move_it_together,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
