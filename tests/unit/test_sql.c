/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"

#include "tests/unit/box.h"

#define TEXTS 1000

static char texts[TEXTS][32];

struct world {
	struct box box;
	struct sql *db;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };
	char path[128];

	assert_non_null(w);
	box_open(&w->box);
	(void)snprintf(path, sizeof(path), "%s/db", w->box.path);
	assert_ok(sql_open(&sql_sqlite, path, &w->db, &e));
	for (unsigned i = 0; i < TEXTS; i++)
		(void)snprintf(texts[i], sizeof(texts[i]), "SELECT %u + ?", i);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sql_close(w->db);
	box_close(&w->box);
	free(w);
	return 0;
}

static void assert_answers(struct sql *db, unsigned i)
{
	struct sql_query *q = sql_query(db, texts[i], SQL_BIND(sql_int(7)));
	struct err e = { 0 };

	assert_true(sql_next(q));
	assert_int_equal(sql_get_int(q, 0), i + 7);
	assert_false(sql_next(q));
	assert_ok(sql_end(q, &e));
}

static void there_is_room_for_any_number_of_texts(void **state)
{
	struct world *w = *state;

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < TEXTS; i++)
			assert_answers(w->db, i);
}

static void one_that_is_read_outlasts_all_others(void **state)
{
	struct world *w = *state;
	struct sql_query *q =
		sql_query(w->db, "SELECT 1 UNION ALL SELECT 2", SQL_NOTHING);
	struct err e = { 0 };

	assert_true(sql_next(q));
	for (unsigned i = 0; i < TEXTS; i++)
		assert_answers(w->db, i);
	assert_true(sql_next(q));
	assert_int_equal(sql_get_int(q, 0), 2);
	assert_ok(sql_end(q, &e));
}

static void what_is_no_sql_fails_each_time(void **state)
{
	static const char text[] = "SELEKT 1";
	struct world *w = *state;
	struct err e = { 0 };

	for (unsigned i = 0; i < 3; i++)
		assert_refused(sql_run(w->db, text, SQL_NOTHING, NULL, &e),
			       ERR_SYSTEM);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_is_room_for_any_number_of_texts),
		TEST(one_that_is_read_outlasts_all_others),
		TEST(what_is_no_sql_fails_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
