/* SPDX-License-Identifier: Apache-2.0 */
/* Two rollouts, of which one stops; the disk may be too full to let the other
 * go on. */
#include "update-server/api.h"

#include "common/fs.h"
#include "tests/unit/fleet.h"
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"

struct world {
	struct store *store; /* first: fleet.h's own state */
	struct server_api api;
	struct stage goes_on, stops;
	struct peer ann;
};

static void add_person(struct world *w)
{
	struct store_person p = { .name = "ann",
				  .roles = "operator",
				  .scope = { .share = 10000 } };
	struct sha256 spki = fleet_hash(9);
	struct err e = { 0 };

	p.fingerprint = w->ann.fingerprint = fleet_hash(8);
	memcpy(w->ann.id, "ann", 4);
	assert_ok(store_person_add(w->store, &p, &spki, &fleet_by, &e));
}

/* One waits to be opened; the other has seen what it stops for. The newer one
 * comes first. */
static void make_rollouts(struct world *w)
{
	struct store_act open = { .act = AUDIT_ROLLOUT_PHASE, .by = &fleet_by };
	struct store_device d = fleet_device(w->store, 1);
	struct err e = { 0 };
	struct attempt a;

	w->goes_on = fleet_stage("goes-on", 3);
	w->goes_on.phase_state = PHASE_WAITING;
	w->stops = fleet_stage("stops", 2);
	w->stops.policy.stops.count = 1;
	memcpy(w->stops.policy.stops.code[0], "STOP_NOW", 9);
	assert_ok(store_rollout_add(w->store, &w->goes_on, &fleet_by, &e));
	assert_ok(store_rollout_add(w->store, &w->stops, &fleet_by, &e));
	open.revision = w->stops.revision++;
	assert_ok(store_rollout_save(w->store, &w->stops, &open, &e));
	a = fleet_offer(w->store, &w->stops, &d);
	fleet_move(w->store, &w->stops, &a, STAGE_INSTALLED, "");
	fleet_move(w->store, &w->stops, &a, STAGE_ROLLED_BACK, "STOP_NOW");
}

static int setup(void **state)
{
	struct err e = { 0 };
	struct world *w;
	void *store;

	if (fleet_fresh(&store))
		return -1;
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->store = w->api.store = store;
	w->api.acts.burst = w->api.acts.per_minute = 10;
	(void)pthread_mutex_init(&w->api.attempts, NULL);
	(void)pthread_mutex_init(&w->api.guessing, NULL);
	(void)pthread_rwlock_init(&w->api.orders_lock, NULL);
	add_person(w);
	make_rollouts(w);
	assert_ok(fs_open_dir(fleet_folder, &w->api.dirfd, &e));
	assert_ok(api_read_rollouts(&w->api, &e));
	store_set_reserve(w->store, w->api.dirfd, UINT64_MAX);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *store = w->store;

	fs_close(&w->api.dirfd);
	(void)pthread_mutex_destroy(&w->api.attempts);
	(void)pthread_mutex_destroy(&w->api.guessing);
	(void)pthread_rwlock_destroy(&w->api.orders_lock);
	free(w->api.rollouts);
	free(w);
	return fleet_gone(&store);
}

static struct stage stored(const struct world *w, const char *name)
{
	struct stage s;
	struct err e = { 0 };

	assert_ok(store_rollout_find(w->store, name, &s, &e));
	return s;
}

static void what_cannot_go_on_keeps_no_other_from_stopping(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_string_equal(w->api.rollouts[0].what.name, "goes-on");
	assert_refused(api_look_at_gates(&w->api, FLEET_NOW + 2, &e),
		       ERR_SPACE);
	assert_int_equal(stored(w, "stops").status, STAGE_PAUSED);
	assert_int_equal(
		api_stage_of(&w->api, stored(w, "stops").what.id)->status,
		STAGE_PAUSED);
	assert_int_equal(stored(w, "goes-on").phase_state, PHASE_WAITING);
	/* and it does as soon as there is room */
	store_set_reserve(w->store, w->api.dirfd, 0);
	assert_ok(api_look_at_gates(&w->api, FLEET_NOW + 3, &e));
	assert_int_equal(stored(w, "goes-on").phase_state, PHASE_OPEN);
}

static void the_tick_stops_it_too(void **state)
{
	struct world *w = *state;

	api_tick_rollouts(&w->api, FLEET_NOW + 2);
	assert_int_equal(stored(w, "stops").status, STAGE_PAUSED);
}

static void run_sql(const char *text)
{
	struct sql *db = NULL;
	struct err e = { 0 };

	assert_ok(sql_open(&sql_sqlite, fleet_path, &db, &e));
	assert_ok(sql_script(db, text, &e));
	sql_close(db);
}

/* Long after it completed, when somebody comes late. */
static void one_that_has_completed_is_stopped_by_what_comes_late(void **state)
{
	const int64_t late = FLEET_NOW + 60 * UTC_DAY;
	struct world *w = *state;
	struct err e = { 0 };

	run_sql("UPDATE rollout SET state = 5, phase_state = 4"
		" WHERE name = 'stops'");
	store_set_reserve(w->store, w->api.dirfd, 0);
	assert_ok(api_read_rollouts(&w->api, &e));
	for (size_t i = 0; i < w->api.rollout_count; i++)
		w->api.rollouts[i].quiet = true;
	assert_ok(api_look_at_gates(&w->api, late, &e));
	assert_int_equal(stored(w, "stops").status, STAGE_COMPLETED);
	api_gates_due(&w->api, stored(w, "stops").what.id);
	assert_ok(api_look_at_gates(&w->api, late, &e));
	assert_int_equal(stored(w, "stops").status, STAGE_PAUSED);
	assert_int_equal(stored(w, "stops").pause, PAUSE_GATE);
}

static int64_t records_of(const char *act)
{
	struct sql *db = NULL;
	struct sql_query *q;
	int64_t n;
	struct err e = { 0 };

	assert_ok(sql_open(&sql_sqlite, fleet_path, &db, &e));
	q = sql_query(db,
		      "SELECT count(*) FROM audit"
		      " WHERE instr(CAST(record AS TEXT), ?)",
		      SQL_BIND(sql_text(act)));
	assert_true(sql_next(q));
	n = sql_get_int(q, 0);
	assert_ok(sql_end(q, &e));
	sql_close(db);
	return n;
}

static void post(struct world *w, api_handler *act, const char *path)
{
	char body[128];
	struct request q = { .listener = LISTENER_PEOPLE,
			     .method = METHOD_POST,
			     .path = path,
			     .peer = &w->ann };
	struct response a = { .body = BUF_INIT(RESPONSE_BODY_MAX) };
	struct err e = { 0 };

	(void)snprintf(body, sizeof(body),
		       "{\"v\":1,\"name\":\"stops\",\"reason\":\"seen\","
		       "\"revision\":%llu}",
		       (unsigned long long)stored(w, "stops").revision);
	q.body = slice_of(body);
	assert_ok(act(&w->api, &q, &a, &e));
	assert_int_equal(a.status, 200);
	buf_done(&a.body);
}

static void what_a_person_did_is_answered_as_done(void **state)
{
	struct world *w = *state;

	post(w, api_rollout_pause, "/v1/people/rollout-pause");
	assert_int_equal(stored(w, "stops").pause, PAUSE_PERSON);
}

/* While somebody's asking for a second person stands. */
static void what_others_do_meanwhile_is_recorded_as_what_it_is(void **state)
{
	struct world *w = *state;
	struct store_act ask = { .act = AUDIT_ROLLOUT_ASK,
				 .by = &fleet_by,
				 .reason = "seen" };
	struct stage *s = &w->stops;
	struct err e = { 0 };

	store_set_reserve(w->store, w->api.dirfd, 0);
	s->status = STAGE_PAUSED;
	s->pause = PAUSE_GATE;
	s->asked_verb = STAGE_RESUME;
	memcpy(s->asked_by, "bob", 4);
	ask.revision = s->revision++;
	assert_ok(store_rollout_save(w->store, s, &ask, &e));
	post(w, api_rollout_ack, "/v1/people/rollout-ack");
	assert_int_equal(records_of("\"rollout-ack\""), 1);
	assert_int_equal(records_of("\"rollout-ask\""), 1); /* bob's */
	assert_string_equal(stored(w, "stops").asked_by, "bob");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_cannot_go_on_keeps_no_other_from_stopping),
		TEST(the_tick_stops_it_too),
		TEST(one_that_has_completed_is_stopped_by_what_comes_late),
		TEST(what_a_person_did_is_answered_as_done),
		TEST(what_others_do_meanwhile_is_recorded_as_what_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
