/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "tests/unit/fleet.h"
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"
#include "update-server/store_audience.h"

#define PAGE 256

/* ---- somebody who asks for something small ------------------------------- */

/* It asks once for each part that is read, while that part is read. */
static struct {
	struct store *s;
	pthread_t thread;
	pid_t tid;
	sem_t go;
	atomic_uint asked; /* it is about to wait for the store */
	unsigned wanted, served, late;
	bool on;
} other;

static void *ask(void *ctx)
{
	static const struct sha256 nobody;
	struct store_person p;
	struct err e = { 0 };

	other.tid = (pid_t)syscall(SYS_gettid);
	while (sem_wait(&other.go) == 0 && other.on) {
		other.asked++;
		assert_refused(store_person_find(other.s, &nobody, &p, &e),
			       ERR_REFUSED);
	}
	return ctx;
}

static bool sleeps(pid_t tid)
{
	char path[64], text[512] = "";
	const char *state;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	f = fopen(path, "r");
	assert_non_null(f);
	(void)fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	state = strrchr(text, ')');
	return state && state[2] == 'S';
}

/* With the store in hand, at the end of a part: whoever asked during the last
 * one should have been served before this one was begun. */
static void end_of_part(void)
{
	other.late += other.served != other.wanted;
	other.wanted = other.served + 1;
	(void)sem_post(&other.go);
	while (other.asked != other.wanted || !sleeps(other.tid))
		(void)usleep(100);
}

/* ---- an engine that counts the rows that a statement has answered with --- */

static unsigned rows, most, total;

static int counted_step(struct sql_statement *q, struct err *e)
{
	int rc = sql_sqlite.step(q, e);

	if (other.on && pthread_equal(pthread_self(), other.thread))
		return rc;
	rows += rc > 0;
	total += rc > 0;
	most = rows > most ? rows : most;
	return rc;
}

static void counted_reset(struct sql_statement *q)
{
	if (other.on && pthread_equal(pthread_self(), other.thread))
		other.served++;
	else if (other.on && rows == PAGE)
		end_of_part();
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

static void who_waits_is_served_before_the_next_part(void **state)
{
	struct stage r = fleet_stage("one", 2);
	struct store_audience audience = { .enrolled_after = 0 };
	struct err e = { 0 };

	(void)fleet_device(*state, 1);
	add_devices(2, 40 * PAGE);
	store_close(*state);
	*state = open_counted();
	memset(&other, 0, sizeof(other));
	other.s = *state;
	other.on = true;
	assert_int_equal(sem_init(&other.go, 0, 0), 0);
	assert_int_equal(pthread_create(&other.thread, NULL, ask, NULL), 0);
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices, 40 * PAGE);
	other.on = false;
	(void)sem_post(&other.go);
	assert_int_equal(pthread_join(other.thread, NULL), 0);
	(void)sem_destroy(&other.go);
	assert_int_equal(other.late, 0);
}

static void only_devices_of_its_product_are_read(void **state)
{
	struct stage r = fleet_stage("one", 2);
	struct store_audience audience = { .enrolled_after = 0 };
	struct err e = { 0 };

	(void)fleet_device(*state, 1);
	add_devices(2, 2 * PAGE);
	store_close(*state);
	*state = open_counted();
	total = 0;
	memcpy(r.what.product, "gateway", sizeof("gateway"));
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices + audience.other_cohort +
				 audience.other_model,
			 0);
	assert_int_equal(total, 0);
}

static void run_sql(const char *text)
{
	struct sql *db = NULL;
	struct err e = { 0 };

	assert_ok(sql_open(&sql_sqlite, fleet_path, &db, &e));
	assert_ok(sql_script(db, text, &e));
	sql_close(db);
}

static void what_other_slots_hold_is_read_a_part_at_a_time(void **state)
{
	const struct rollout r = { .product = "kiosk",
				   .release = "3",
				   .seq = 3 };
	uint64_t held = 0;
	struct err e = { 0 };

	(void)fleet_device(*state, 1);
	add_devices(2, 2 * PAGE + 1);
	/* One that names what is no release of ours; one whose 3 is another. */
	run_sql("INSERT INTO release (product, id, version, models, seq,"
		" requires_seq, not_before, digest, listed, detail, imported)"
		" VALUES ('kiosk', '1', '1', '', 1, 0, 0,"
		" zeroblob(31) || x'01', 1, '{}', 0);"
		"UPDATE device SET release = '3', seq = 3,"
		" before = zeroblob(31) || x'01';"
		"UPDATE device SET before = zeroblob(32) WHERE id ="
		" (SELECT min(id) FROM device);"
		"UPDATE device SET seq = 4 WHERE id ="
		" (SELECT max(id) FROM device)");
	store_close(*state);
	*state = open_counted();
	most = 0;
	assert_ok(store_rollout_before(*state, &r, count_devices, &held, &e));
	assert_int_equal(held, 2 * PAGE - 1);
	assert_true(most <= PAGE);
}

static void the_ladder_is_over_those_that_lack_it(void **state)
{
	struct stage r = fleet_stage("one", 2);
	struct store_audience audience = { .enrolled_after = FLEET_NOW + 1 };
	uint64_t *buckets = NULL;
	size_t count = 0;
	struct err e = { 0 };

	for (unsigned i = 1; i <= 4; i++)
		(void)fleet_device(*state, i);
	/* One has its content, by another number; one has something newer. */
	run_sql("UPDATE device SET release = 'x', seq = 1,"
		" digest = zeroblob(32);"
		"UPDATE device SET seq = 3 WHERE id ="
		" (SELECT max(id) FROM device)");
	memset(&r.what.digest, 0, sizeof(r.what.digest));
	run_sql("UPDATE device SET digest = zeroblob(31) || x'01' WHERE id !="
		" (SELECT min(id) FROM device)");
	assert_ok(store_rollout_buckets(*state, &r, &buckets, &count, &e));
	assert_int_equal(count, 2);
	free(buckets);
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices, 2);
	assert_int_equal(audience.there, 2);
	/* What leads back is for those that run something newer. */
	r.what.step_back = true;
	assert_ok(store_rollout_buckets(*state, &r, &buckets, &count, &e));
	assert_int_equal(count, 3);
	assert_false(r.everybody);
	free(buckets);
	/* Where all have it, it is for whoever comes. */
	r.what.step_back = false;
	run_sql("UPDATE device SET seq = 3");
	assert_ok(store_rollout_buckets(*state, &r, &buckets, &count, &e));
	assert_int_equal(count, 4);
	assert_true(r.everybody);
	free(buckets);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(all_of_a_fleet_are_found_a_part_at_a_time),
		TEST(who_waits_is_served_before_the_next_part),
		TEST(only_devices_of_its_product_are_read),
		TEST(the_ladder_is_over_those_that_lack_it),
		TEST(what_other_slots_hold_is_read_a_part_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
