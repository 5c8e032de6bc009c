/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of the schema, of which none waits for a large fleet any more; and
 * what it takes to open a store from before those that do. */
#include <stdlib.h>
#include <time.h>

#include "tests/unit/fleet.h"
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"

/* The last step that looks at every attempt; and the one before rollouts had
 * phases, whose steps look at all of them several times. */
#define LAST_LONG 19
#define BEFORE    16

#define STEPS_MAX 256
#define ROWS      20000
/* 0.24 s where this was written; sanitizers take ten times as much. By the
 * index of a rollout instead of a device's it was 19 s, and grew with the
 * square. */
#define CPU_SEC 8.0

/* ---- an engine that sees the steps, and stops before one ----------------- */

static struct {
	char *last;            /* what ran last */
	char *text[STEPS_MAX]; /* of each step, from 1 */
	size_t count, stop;    /* 0: at none */
} seen;

static int run(struct sql_handle *h, const char *text, struct err *e)
{
	if (strcmp(text, "COMMIT") != 0 && strcmp(text, "ROLLBACK") != 0) {
		free(seen.last);
		seen.last = strdup(text);
	}
	return sql_sqlite.run(h, text, e);
}

static int set_version(struct sql_handle *h, size_t version, struct err *e)
{
	assert_true(version < STEPS_MAX);
	if (seen.stop && version > seen.stop)
		return err_set(e, ERR_BUSY, "stopped");
	free(seen.text[version]);
	seen.text[version] = seen.last;
	seen.last = NULL;
	seen.count = version;
	return sql_sqlite.set_version(h, version, e);
}

static void forget_steps(void)
{
	for (size_t i = 0; i < STEPS_MAX; i++)
		free(seen.text[i]);
	free(seen.last);
	memset(&seen, 0, sizeof(seen));
}

/* A store that is not there yet, up to this step; 0: to the last. */
static void make_up_to(size_t stop)
{
	static struct sql_engine watched;
	struct store *s = NULL;
	struct err e = { 0 };

	watched = sql_sqlite;
	watched.run = run;
	watched.set_version = set_version;
	(void)unlink(fleet_path);
	forget_steps();
	seen.stop = stop;
	if (stop == 0)
		assert_ok(store_open_with(&watched, fleet_path, &s, &e));
	else
		assert_refused(store_open_with(&watched, fleet_path, &s, &e),
			       ERR_BUSY);
	store_close(s);
}

/* ---- what a step may do ---------------------------------------------------
 */

static const char *const large[] = { "device", "attempt", "audit", "claim",
				     "key",    "counter", NULL };

/* To read or write all of a table, or to put it into an index. */
static bool looks_at_all(const char *text, const char *table)
{
	static const char *const before[] = { "UPDATE ", "DELETE FROM ",
					      " FROM ",  " JOIN ",
					      " ON ",    "DROP TABLE ",
					      NULL };
	size_t length = strlen(table);

	for (size_t i = 0; before[i]; i++) {
		const char *at = strstr(text, before[i]);

		for (; at; at = strstr(at, before[i])) {
			at += strlen(before[i]);
			if (!strncmp(at, table, length) &&
			    !strchr("_abcdefghijklmnopqrstuvwxyz",
				    at[length] ? at[length] : ' '))
				return true;
		}
	}
	return false;
}

static bool is_long(const char *text)
{
	for (size_t i = 0; large[i]; i++)
		if (looks_at_all(text, large[i]))
			return true;
	return strstr(text, "DROP COLUMN") != NULL;
}

/* An index over the devices, of an id each: about as long as copying so many
 * ids, and nothing refers to it before it is whole. */
#define DEVICE_INDEX 31

static void no_step_waits_for_a_large_fleet_any_more(void **state)
{
	store_close(*state);
	make_up_to(0);
	*state = fleet_open();
	assert_true(seen.count > LAST_LONG);
	/* So that the words are those that steps have. */
	assert_true(is_long(seen.text[LAST_LONG]));
	assert_true(is_long(seen.text[DEVICE_INDEX]));
	for (size_t i = LAST_LONG + 1; i <= seen.count; i++)
		if (i != DEVICE_INDEX && is_long(seen.text[i]))
			fail_msg("step %zu takes long in a large fleet: see "
				 "store_move.c\n%s",
				 i, seen.text[i]);
	forget_steps();
}

/* ---- a store from before ---------------------------------------------------
 */

#define COUNT                                                                  \
	"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"       \
	" WHERE n < ?1)"

static void fill(void)
{
	static const char *const statements[] = {
		COUNT " INSERT INTO key (spki, who)"
		      " SELECT CAST(printf('%032d', n) AS BLOB), '' FROM c",
		COUNT " INSERT INTO device (id, fingerprint, spki, product,"
		      " model, cohort, certificate, claim, enrolled)"
		      " SELECT substr(CAST(printf('%032d', n) AS BLOB), 17),"
		      " CAST(printf('%032d', n) AS BLOB),"
		      " CAST(printf('%032d', n) AS BLOB), 'kiosk', 'k1',"
		      " 'canary', printf('%900s', 'pem'), x'00', 0 FROM c",
		COUNT " INSERT INTO attempt (rollout, device, digest, seq,"
		      " state, sequence, activation, code, offered, changed)"
		      " SELECT 1, substr(CAST(printf('%032d', n) AS BLOB), 17),"
		      " x'01', 2, 4, 1, 1, '', 100, 100 FROM c",
	};
	struct sql *db = NULL;
	struct err e = { 0 };

	assert_ok(sql_open(&sql_sqlite, fleet_path, &db, &e));
	assert_ok(sql_script(
		db,
		"INSERT INTO cohort VALUES ('canary', 0);"
		"INSERT INTO rollout (id, name, state, product, release,"
		" digest, seq, requires_seq, not_before, models, cohorts,"
		" share, bucket_limit, population, created, changed)"
		" VALUES (1, 'one', 1, 'kiosk', 'r2', zeroblob(32), 2, 0, 0,"
		" '', 'canary', 10000, x'ffffffffffffffff', 1, 100, 100)",
		&e));
	for (size_t i = 0; i < ARRAY_LEN(statements); i++)
		assert_ok(sql_run(db, statements[i], SQL_BIND(sql_int(ROWS)),
				  NULL, &e));
	sql_close(db);
}

static void count_all(void *ctx, const struct store_counter *c)
{
	*(uint64_t *)ctx += c->n;
}

static void a_store_from_before_is_opened_in_bounded_time(void **state)
{
	uint64_t counted = 0;
	struct err e = { 0 };
	clock_t before;
	double took;

	store_close(*state);
	make_up_to(BEFORE);
	forget_steps();
	fill();
	before = clock();
	*state = fleet_open();
	took = (double)(clock() - before) / CLOCKS_PER_SEC;
	print_message("%d devices and attempts: %.2f s of CPU\n", ROWS, took);
	assert_true(took < CPU_SEC);
	assert_ok(store_counter_each(*state, 1, count_all, &counted, &e));
	assert_int_equal(counted, ROWS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(no_step_waits_for_a_large_fleet_any_more),
		TEST(a_store_from_before_is_opened_in_bounded_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
