/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"

#define DEVICES 60

/* A walk that chance decides, so that every kind of change comes up. */
static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static const char *const codes[] = { "HEALTH_FAILED", "SPACE", "NOT_FOUND",
				     "UNTRUSTED", "STOP_NOW" };

static void assert_same(const struct tally *a, const struct tally *b)
{
	assert_int_equal(a->epoch, b->epoch);
	assert_memory_equal(a->states, b->states, sizeof(a->states));
	assert_memory_equal(a->gate, b->gate, sizeof(a->gate));
	for (size_t i = 0; i < TALLY_HOURS; i++) {
		const struct tally_hour *x = &a->hours[i], *y = &b->hours[i];

		/* An hour without anything need not be there. */
		assert_int_equal(x->installed, y->installed);
		assert_int_equal(x->dark, y->dark);
		assert_int_equal(x->seen, y->seen);
		assert_int_equal(x->last, y->last);
	}
}

struct walk {
	struct store *s;
	struct stage r;
	struct store_device devices[DEVICES];
	struct attempt at[DEVICES];
	bool has[DEVICES];
	struct tally t; /* what the pure module counts */
	uint32_t seed;
};

static void step(struct walk *w, int64_t now)
{
	uint32_t i = draw(&w->seed) % DEVICES;
	struct attempt *a = &w->at[i];
	struct stage_attempt before = a->at;
	struct err e = { 0 };

	if (!w->has[i]) {
		*a = (struct attempt){
			.device = w->devices[i].facts.id,
			.digest = w->r.what.digest,
			.seq = 2,
			.at = { .offered = now,
				.phase = (uint8_t)(i % 2),
				.counted = i % 7 != 0,
				.stone = i % 11 == 0 },
		};
		assert_ok(store_attempt_add(w->s, &w->r, a, 0, &e));
		tally_move(&w->t, &w->r.policy.stops, NULL, &a->at);
		w->has[i] = true;
		return;
	}
	a->at.state = (uint8_t)(draw(&w->seed) % STAGE_STATES);
	memset(a->at.code, 0, sizeof(a->at.code));
	if (a->at.state == STAGE_FAILED || a->at.state == STAGE_ROLLED_BACK)
		(void)snprintf(a->at.code, sizeof(a->at.code), "%s",
			       codes[draw(&w->seed) % ARRAY_LEN(codes)]);
	if (a->at.state >= STAGE_INSTALLED && a->at.installed == 0)
		a->at.installed = now;
	if (a->at.state == before.state)
		memcpy(a->at.code, before.code, sizeof(before.code));
	else
		a->at.epoch = w->r.epoch;
	assert_ok(store_attempt_save(w->s, &w->r, a, NULL, &e));
	if (a->at.state != before.state)
		tally_move(&w->t, &w->r.policy.stops, &before, &a->at);
}

static void rows_say_what_the_tally_says(void **state)
{
	static struct walk w;
	static struct tally stored;
	struct store_act act = { .act = AUDIT_ROLLOUT_RESUME, .by = &fleet_by };
	struct err e = { 0 };

	memset(&w, 0, sizeof(w));
	w.s = *state;
	w.seed = 3;
	w.r = fleet_stage("one", 2);
	w.r.policy.stops.count = 1;
	memcpy(w.r.policy.stops.code[0], "STOP_NOW", 9);
	assert_ok(store_rollout_add(*state, &w.r, &fleet_by, &e));
	for (unsigned i = 0; i < DEVICES; i++)
		w.devices[i] = fleet_device(*state, i + 1);
	tally_init(&w.t);
	for (int n = 0; n < 600; n++) {
		int64_t now = FLEET_NOW + n * 60;

		step(&w, now);
		if (n == 300) {
			act.revision = w.r.revision++;
			w.r.epoch++;
			assert_ok(store_rollout_save(*state, &w.r, &act, &e));
			tally_epoch(&w.t, w.r.epoch);
		}
		if (n % 50 != 0)
			continue;
		assert_ok(store_tally(*state, &w.r, now, &stored, &e));
		assert_same(&stored, &w.t);
	}
}

static void comes(struct store *s, const struct stage *r,
		  const struct device_id *id, int64_t before, int64_t now)
{
	const struct store_sign sign = { .id = *id,
					 .before = before,
					 .now = now };
	struct err e = { 0 };

	assert_ok(store_control_seen(s, &r, 1, &sign, &e));
}

static void others_are_counted_by_the_hour_and_written_together(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct store_device other = fleet_device(*state, 2);
	struct stage r = fleet_rollout(*state, "one", 2);
	const struct device_id *id = &other.facts.id;
	static struct tally stored, t;
	struct attempt a;
	int64_t now = FLEET_NOW;
	struct err e = { 0 };

	r.started = FLEET_NOW;
	tally_init(&t);
	/* before it began there was nobody to compare with */
	comes(*state, &r, id, now - 7200, now);
	tally_control_seen(&t, TALLY_NO_HOUR, now);
	comes(*state, &r, id, now, now + 60);
	tally_control_seen(&t, now, now + 60);
	comes(*state, &r, id, now + 60, now + 7200);
	tally_control_seen(&t, now + 60, now + 7200);
	assert_ok(store_tally(*state, &r, now + 7200, &stored, &e));
	assert_int_equal(stored.hours[(now / 3600) % TALLY_HOURS].seen, 0);
	assert_ok(store_flush(*state, &e));
	assert_ok(store_tally(*state, &r, now + 7200, &stored, &e));
	assert_same(&stored, &t);
	/* whoever is offered something is none of the others any more */
	a = (struct attempt){ .device = *id,
			      .digest = r.what.digest,
			      .seq = 2,
			      .at = { .offered = now + 7300 } };
	assert_ok(store_attempt_add(*state, &r, &a, now + 7200, &e));
	tally_control_leaves(&t, now + 7200);
	tally_move(&t, &r.policy.stops, NULL, &a.at);
	comes(*state, &r, id, now, now + 20000);
	assert_ok(store_flush(*state, &e));
	assert_ok(store_tally(*state, &r, now + 7300, &stored, &e));
	assert_same(&stored, &t);
	(void)d;
}

/* Somebody comes: one of the others as long as nothing was offered to it. */
static void visit(struct walk *w, int64_t seen[DEVICES], int64_t now)
{
	uint32_t i = draw(&w->seed) % DEVICES;
	bool before = seen[i] >= w->r.started;
	struct attempt *a = &w->at[i];
	struct err e = { 0 };

	if (!w->has[i] && draw(&w->seed) % 37 == 0) {
		*a = (struct attempt){ .device = w->devices[i].facts.id,
				       .digest = w->r.what.digest,
				       .seq = 2,
				       .at = { .offered = now,
					       .counted = true } };
		assert_ok(store_attempt_add(w->s, &w->r, a, seen[i], &e));
		tally_control_leaves(&w->t, before ? seen[i] : TALLY_NO_HOUR);
		tally_move(&w->t, &w->r.policy.stops, NULL, &a->at);
		w->has[i] = true;
	}
	comes(w->s, &w->r, &w->devices[i].facts.id, seen[i], now);
	if (!w->has[i])
		tally_control_seen(&w->t, before ? seen[i] : TALLY_NO_HOUR,
				   now);
	seen[i] = now;
}

/* What the simulator proves of darkness is proven of the rows as well. */
static void others_in_rows_are_the_others_of_the_tally(void **state)
{
	static struct walk w;
	static struct tally stored;
	int64_t seen[DEVICES] = { 0 }, now = FLEET_NOW;
	struct err e = { 0 };

	memset(&w, 0, sizeof(w));
	w.s = *state;
	w.seed = 5;
	w.r = fleet_rollout(*state, "one", 2);
	w.r.started = FLEET_NOW;
	for (unsigned i = 0; i < DEVICES; i++) {
		w.devices[i] = fleet_device(*state, i + 1);
		/* some came before it began, some never */
		seen[i] = i % 3 ? FLEET_NOW - (int64_t)(60 * i) : 0;
	}
	tally_init(&w.t);
	for (int n = 0; n < 2000; n++) {
		now += draw(&w.seed) % 500; /* three days in all, by and by */
		visit(&w, seen, now);
		if (n % 100 != 0)
			continue;
		assert_ok(store_flush(*state, &e));
		assert_ok(store_tally(*state, &w.r, now, &stored, &e));
		assert_same(&stored, &w.t);
	}
	assert_in_range(tally_count(&w.t, STAGE_OFFERED), 20, DEVICES);
}

static void old_hours_are_forgotten(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage r = fleet_rollout(*state, "one", 2);
	int64_t later = FLEET_NOW + (TALLY_HOURS + 5) * TALLY_HOUR;
	static struct tally t;
	uint64_t seen = 0;
	struct err e = { 0 };

	comes(*state, &r, &d.facts.id, 0, FLEET_NOW);
	assert_ok(store_flush(*state, &e));
	comes(*state, &r, &d.facts.id, 0, later);
	assert_ok(store_flush(*state, &e));
	assert_ok(store_tally(*state, &r, FLEET_NOW, &t, &e));
	for (size_t i = 0; i < TALLY_HOURS; i++)
		seen += t.hours[i].seen;
	assert_int_equal(seen, 0);
}

static int64_t counter_rows(void)
{
	struct sql *db = NULL;
	struct err e = { 0 };
	struct sql_query *q;
	int64_t n;

	assert_ok(sql_open(&sql_sqlite, fleet_path, &db, &e));
	q = sql_query(db, "SELECT count(*) FROM counter", SQL_NOTHING);
	assert_true(sql_next(q));
	n = sql_get_int(q, 0);
	assert_ok(sql_end(q, &e));
	sql_close(db);
	return n;
}

/* A device may say another code each time: it is one device. */
static void codes_that_nobody_has_any_more_take_no_room(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage r = fleet_rollout(*state, "one", 2);
	struct attempt a = { .device = d.facts.id,
			     .digest = r.what.digest,
			     .seq = 2,
			     .at = { .offered = FLEET_NOW } };
	struct err e = { 0 };

	assert_ok(store_attempt_add(*state, &r, &a, 0, &e));
	a.at.state = STAGE_ROLLED_BACK;
	for (unsigned i = 0; i < 20; i++) {
		(void)snprintf(a.at.code, sizeof(a.at.code), "CODE_%u", i);
		assert_ok(store_attempt_save(*state, &r, &a, NULL, &e));
	}
	assert_int_equal(counter_rows(), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(rows_say_what_the_tally_says),
		TEST(others_are_counted_by_the_hour_and_written_together),
		TEST(others_in_rows_are_the_others_of_the_tally),
		TEST(old_hours_are_forgotten),
		TEST(codes_that_nobody_has_any_more_take_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
