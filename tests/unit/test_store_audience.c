/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"

#define PAGE 256

/* ---- an engine that counts the rows that a statement has answered with --- */

static unsigned rows, most;

static int counted_step(struct sql_statement *q, struct err *e)
{
	int rc = sql_sqlite.step(q, e);

	rows += rc > 0;
	most = rows > most ? rows : most;
	return rc;
}

static void counted_reset(struct sql_statement *q)
{
	rows = 0;
	sql_sqlite.reset(q);
}

static struct store *open_counted(void)
{
	static struct sql_engine counted;
	struct store *s = NULL;
	struct err e = { 0 };

	counted = sql_sqlite;
	counted.step = counted_step;
	counted.reset = counted_reset;
	assert_ok(store_open_with(&counted, fleet_path, &s, &e));
	return s;
}

/* Many at once, as enrolment leaves them. */
static void add_devices(int64_t from, int64_t to)
{
	struct sql *db = NULL;
	struct err e = { 0 };

	assert_ok(sql_open(&sql_sqlite, fleet_path, &db, &e));
	assert_ok(sql_run(db,
			  "WITH RECURSIVE c(n) AS (SELECT ?1 UNION ALL"
			  " SELECT n + 1 FROM c WHERE n < ?2)"
			  " INSERT INTO key (spki, who)"
			  " SELECT CAST(printf('%032d', n) AS BLOB), '' FROM c",
			  SQL_BIND(sql_int(from), sql_int(to)), NULL, &e));
	assert_ok(sql_run(db,
			  "INSERT INTO device (id, fingerprint, spki, product,"
			  " model, cohort, certificate, claim, enrolled)"
			  " SELECT substr(spki, 17), spki, spki, 'kiosk', 'k1',"
			  " 'canary', 'pem', x'00', ?1 FROM key"
			  " WHERE spki >= CAST(printf('%032d', ?2) AS BLOB)"
			  " AND length(who) = 0",
			  SQL_BIND(sql_int(FLEET_NOW), sql_int(from)), NULL,
			  &e));
	sql_close(db);
}

/* ---- tests --------------------------------------------------------------- */

static void count_devices(void *ctx, const char *release, uint64_t devices)
{
	(void)release;
	*(uint64_t *)ctx += devices;
}

static void find_all(struct store *s, uint64_t count)
{
	struct stage r = fleet_stage("one", 2);
	struct store_audience audience = { .enrolled_after = FLEET_NOW + 1 };
	uint64_t *buckets = NULL, run = 0;
	size_t found = 0;
	struct err e = { 0 };

	most = 0;
	assert_ok(store_rollout_buckets(s, &r, &buckets, &found, &e));
	free(buckets);
	assert_int_equal(found, count);
	assert_ok(store_rollout_audience(s, &r, &audience, &e));
	assert_int_equal(audience.devices, count);
	assert_ok(store_rollout_from(s, &r, count_devices, &run, &e));
	assert_int_equal(run, count);
	/* What is read at once is what others wait for. */
	assert_true(most <= PAGE);
}

static void all_of_a_fleet_are_found_a_part_at_a_time(void **state)
{
	struct store_device gone;
	struct sha256 fingerprint;
	struct err e = { 0 };

	store_close(*state);
	*state = open_counted();
	find_all(*state, 0);
	gone = fleet_device(*state, 1);
	add_devices(2, PAGE);
	find_all(*state, PAGE);
	add_devices(PAGE + 1, PAGE + 1);
	find_all(*state, PAGE + 1);
	assert_ok(store_device_revoke(*state, &gone.facts.id, &fleet_by,
				      &fingerprint, &e));
	find_all(*state, PAGE);
}

static void only_devices_of_its_product_are_looked_at(void **state)
{
	struct stage r = fleet_stage("one", 2);
	struct store_audience audience = { .enrolled_after = 0 };
	struct err e = { 0 };

	(void)fleet_device(*state, 1);
	memcpy(r.what.product, "gateway", sizeof("gateway"));
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices + audience.other_cohort +
				 audience.other_model,
			 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(all_of_a_fleet_are_found_a_part_at_a_time),
		TEST(only_devices_of_its_product_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
