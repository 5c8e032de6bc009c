/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"
#include "update-server/store_audience.h"

#include <sqlite3.h>

#include "common/fs.h"

static const struct device_id somebody = { { 9, 9 } };

static struct store_act act(enum audit_act what, uint64_t revision)
{
	return (struct store_act){ .act = what,
				   .by = &fleet_by,
				   .revision = revision };
}

static void everything_of_a_rollout_is_kept(void **state)
{
	struct stage r = fleet_stage("one", 2), out;
	struct err e = { 0 };

	r.what.model_count = 2;
	memcpy(r.what.models[0], "k1", 3);
	memcpy(r.what.models[1], "k2", 3);
	r.what.hardware_count = 2;
	memcpy(r.what.hardware[0], "rev-a", 6);
	memcpy(r.what.hardware[1], "rev-b", 6);
	r.what.requires_seq = 1;
	r.what.not_before = 77;
	r.excluded_count = 1;
	r.excluded[0] = somebody;
	r.is_undo = true;
	r.undo_of = fleet_hash(3);
	r.urgent = true;
	r.priority = -4;
	r.has_window = true;
	r.window_from = 22 * 60;
	r.window_to = 6 * 60;
	r.zone = (struct window_zone){ -90, SUMMER_US };
	r.policy.attempts = 7;
	r.policy.shares[0] = 500;
	r.policy.share_count = 1;
	r.not_before[1] = 99;
	memcpy(r.author, "ann", 4);
	assert_ok(store_rollout_add(*state, &r, &fleet_by, &e));
	assert_ok(store_rollout_find(*state, "one", &out, &e));
	/* what an insert does not set is what saving sets */
	r.changed = out.changed;
	out.started = r.started;
	out.opened = r.opened;
	out.phase_state = r.phase_state;
	assert_memory_equal(&out.what, &r.what, sizeof(r.what));
	assert_memory_equal(&out.policy, &r.policy, sizeof(r.policy));
	assert_memory_equal(&out.ladder, &r.ladder, sizeof(r.ladder));
	assert_memory_equal(out.excluded, r.excluded, sizeof(r.excluded));
	assert_true(out.is_undo && sha256_equal(&out.undo_of, &r.undo_of));
	assert_true(out.urgent && out.has_window &&
		    out.zone.summer == SUMMER_US);
	assert_int_equal(out.zone.offset_min, -90);
	assert_int_equal(out.window_from, 22 * 60);
	assert_int_equal(out.window_to, 6 * 60);
	assert_int_equal(out.priority, -4);
	assert_int_equal(out.not_before[1], 99);
	assert_string_equal(out.author, "ann");
	assert_int_equal(out.revision, 1);
	assert_refused(store_rollout_add(*state, &r, &fleet_by, &e),
		       ERR_CONFLICT);
	memcpy(r.what.cohorts[0], "nobody", 7);
	memcpy(r.what.name, "two", 4);
	assert_refused(store_rollout_add(*state, &r, &fleet_by, &e),
		       ERR_NOT_FOUND);
	assert_refused(store_rollout_find(*state, "two", &out, &e),
		       ERR_NOT_FOUND);
}

static void every_state_survives_a_restart(void **state)
{
	struct stage r = fleet_rollout(*state, "one", 2), out;
	struct store_act a = act(AUDIT_ROLLOUT_PAUSE, 1);
	struct err e = { 0 };

	r.status = STAGE_PAUSED;
	r.pause = PAUSE_GATE;
	r.verdict = GATE_TRIP_EARLY;
	memcpy(r.reason, "2 of the first 5 failed", 24);
	r.epoch = 3;
	r.phase = 1;
	r.phase_state = PHASE_BAKING;
	r.opened = 5;
	r.baking = 6;
	r.opened_at[0] = 1;
	r.passed_at[0] = 4;
	memcpy(r.last_by, "ann", 4);
	r.last_verb = STAGE_RESUME;
	r.last_revision = 1;
	r.everybody = true;
	memcpy(r.asked_by, "bob", 4);
	r.asked_verb = STAGE_RESUME;
	r.acked = 2;
	r.changed = 8;
	r.expires = 9;
	r.revision = 2;
	assert_ok(store_rollout_save(*state, &r, &a, &e));
	store_close(*state);
	*state = fleet_open();
	assert_ok(store_rollout_find(*state, "one", &out, &e));
	assert_memory_equal(&out, &r, sizeof(r));
}

static void of_two_who_change_it_one_wins(void **state)
{
	struct stage r = fleet_rollout(*state, "one", 2), again = r, out;
	struct store_act a = act(AUDIT_ROLLOUT_ADVANCE, 1);
	uint64_t before, after;
	struct err e = { 0 };

	r.revision = again.revision = 2;
	again.phase = 1;
	assert_ok(store_rollout_save(*state, &r, &a, &e));
	assert_ok(store_audit_size(*state, &before, &e));
	assert_refused_saying(store_rollout_save(*state, &again, &a, &e),
			      ERR_CONFLICT, "revision 2 now");
	assert_ok(store_audit_size(*state, &after, &e));
	assert_int_equal(before, after);
	assert_ok(store_rollout_find(*state, "one", &out, &e));
	assert_int_equal(out.phase, 0);
}

static void take_last(void *ctx, const struct store_counter *c)
{
	(void)ctx;
	(void)c;
}

struct last {
	char text[2][AUDIT_RECORD_MAX];
};

static int take_record(void *ctx, struct slice record, struct err *e)
{
	struct last *l = ctx;

	(void)e;
	memcpy(l->text[0], l->text[1], AUDIT_RECORD_MAX);
	memset(l->text[1], 0, AUDIT_RECORD_MAX);
	memcpy(l->text[1], record.ptr, record.len);
	return 0;
}

static void every_change_is_in_the_log(void **state)
{
	static const enum audit_act acts[] = {
		AUDIT_ROLLOUT_SUBMIT,    AUDIT_ROLLOUT_APPROVE,
		AUDIT_ROLLOUT_START,     AUDIT_ROLLOUT_PAUSE,
		AUDIT_ROLLOUT_ASK,       AUDIT_ROLLOUT_RESUME,
		AUDIT_ROLLOUT_PHASE,     AUDIT_ROLLOUT_ADVANCE,
		AUDIT_ROLLOUT_ACK,       AUDIT_ROLLOUT_ABORT,
		AUDIT_ROLLOUT_SUPERSEDE,
	};
	struct stage r = fleet_rollout(*state, "one", 2);
	static struct last l;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		struct store_act a = act(acts[i], r.revision);

		a.reason = acts[i] == AUDIT_ROLLOUT_ASK ||
					   acts[i] == AUDIT_ROLLOUT_ACK ||
					   acts[i] == AUDIT_ROLLOUT_ABORT ||
					   acts[i] == AUDIT_ROLLOUT_SUPERSEDE
				   ? "a secret of ours"
				   : NULL;
		r.revision++;
		assert_ok(store_rollout_save(*state, &r, &a, &e));
		assert_ok(
			store_audit_each(*state, 0, 1000, take_record, &l, &e));
		assert_non_null(strstr(l.text[1], audit_act_name(acts[i])));
		assert_non_null(strstr(l.text[1], "\"rollout\":\"one\""));
		assert_null(strstr(l.text[1], "secret"));
	}
}

static void completing_is_an_act_of_the_gate(void **state)
{
	struct stage r = fleet_rollout(*state, "one", 2);
	struct store_act a = act(AUDIT_ROLLOUT_ADVANCE, 1);
	static struct last l;
	struct err e = { 0 };

	r.status = STAGE_COMPLETED;
	r.phase_state = PHASE_PASSED;
	r.revision = 2;
	assert_ok(store_rollout_save(*state, &r, &a, &e));
	assert_ok(store_audit_each(*state, 0, 1000, take_record, &l, &e));
	assert_non_null(strstr(l.text[0], "rollout-advance"));
	assert_non_null(strstr(l.text[1], "rollout-complete"));
	assert_non_null(strstr(l.text[1], "gate"));
}

static void a_new_epoch_begins_with_no_installation(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage r = fleet_rollout(*state, "one", 2);
	struct attempt a = fleet_offer(*state, &r, &d);
	struct store_act resume = act(AUDIT_ROLLOUT_RESUME, 1);
	static struct tally t;
	struct gate_facts f;
	struct err e = { 0 };

	fleet_move(*state, &r, &a, STAGE_INSTALLED, "");
	fleet_move(*state, &r, &a, STAGE_ROLLED_BACK, "HEALTH_FAILED");
	assert_ok(store_tally(*state, &r, FLEET_NOW, &t, &e));
	tally_facts(&t, 0, 3600, FLEET_NOW, &f);
	assert_int_equal(f.bad, 1);
	r.epoch = 1;
	r.revision = 2;
	assert_ok(store_rollout_save(*state, &r, &resume, &e));
	assert_ok(store_tally(*state, &r, FLEET_NOW, &t, &e));
	tally_facts(&t, 0, 3600, FLEET_NOW, &f);
	assert_int_equal(f.bad, 0);
	assert_int_equal(f.early_bad, 0);
	/* what people see is counted over all epochs */
	assert_int_equal(tally_count(&t, STAGE_ROLLED_BACK), 1);
	assert_ok(store_counter_each(*state, r.what.id, take_last, NULL, &e));
}

static void a_share_is_of_the_devices_that_it_is_for(void **state)
{
	struct stage r = fleet_stage("one", 2);
	struct store_opening o;
	struct store_audience audience = { .enrolled_after = FLEET_NOW + 1 };
	uint64_t *buckets = NULL;
	size_t count = 0;
	struct err e = { 0 };

	assert_refused(store_rollout_plan(*state, &r.what, 5000, &o, &e),
		       ERR_REFUSED);
	for (unsigned i = 1; i <= 4; i++)
		(void)fleet_device(*state, i);
	assert_ok(store_rollout_plan(*state, &r.what, 5000, &o, &e));
	assert_int_equal(o.population, 4);
	assert_int_equal(o.opened, 2);
	r.excluded_count = 1;
	r.excluded[0] = (struct device_id){ { 1 } };
	assert_ok(store_rollout_buckets(*state, &r, &buckets, &count, &e));
	assert_int_equal(count, 3);
	free(buckets);
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices, 3);
	assert_int_equal(audience.excluded, 1);
	assert_int_equal(audience.silent, 3);
	assert_int_equal(audience.young, 0);
	r.what.lab_only = true;
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices, 0);
	assert_int_equal(audience.no_lab, 4);
	r.what.lab_only = false;
	r.what.model_count = 1;
	memcpy(r.what.models[0], "k9", 3);
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.other_model, 4);
}

static void count_devices(void *ctx, const char *release, uint64_t devices)
{
	(void)release;
	*(uint64_t *)ctx += devices;
}

static void a_nightly_build_is_for_lab_devices_alone(void **state)
{
	struct stage r = fleet_stage("one", 2), out;
	struct store_audience audience = { .enrolled_after = FLEET_NOW + 1 };
	struct assign move = { .cohort = "canary", .lab = true, .version = 1 };
	struct store_device d = fleet_device(*state, 1), found;
	uint64_t *buckets = NULL, devices = 0;
	size_t count = 0;
	struct err e = { 0 };

	(void)fleet_device(*state, 2);
	r.what.lab_only = true;
	move.device = d.facts.id;
	memcpy(move.cohort, d.facts.cohort, sizeof(move.cohort));
	assert_ok(store_device_assign(*state, &move, FLEET_NOW, &e));
	assert_ok(store_device_find(*state, &d.facts.id, &found, &e));
	assert_true(found.facts.lab);
	assert_ok(store_rollout_buckets(*state, &r, &buckets, &count, &e));
	assert_int_equal(count, 1);
	free(buckets);
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices, 1);
	assert_int_equal(audience.no_lab, 1);
	assert_ok(store_rollout_from(*state, &r, count_devices, &devices, &e));
	assert_int_equal(devices, 1);
	assert_ok(store_rollout_add(*state, &r, &fleet_by, &e));
	assert_ok(store_rollout_find(*state, "one", &out, &e));
	assert_true(out.what.lab_only);
	/* and out of the lab again */
	move.lab = false;
	assert_ok(store_device_assign(*state, &move, FLEET_NOW, &e));
	assert_ok(store_rollout_buckets(*state, &r, &buckets, &count, &e));
	assert_int_equal(count, 0);
	free(buckets);
}

/* Who does not say is not counted. */
static void devices_without_a_clock_are_counted(void **state)
{
	static const struct wire_posture says[] = {
		{ .known = 1u << POSTURE_HARDWARE_CLOCK },
		{ .known = 1u << POSTURE_HARDWARE_CLOCK,
		  .yes = 1u << POSTURE_HARDWARE_CLOCK },
		{ .known = 1u << POSTURE_SANDBOX },
	};
	struct stage r = fleet_stage("one", 2);
	struct store_audience audience = { .enrolled_after = FLEET_NOW + 1 };
	struct wire_checkin m = { .interval_sec = 60 };
	struct err e = { 0 };

	for (unsigned i = 0; i < ARRAY_LEN(says); i++) {
		struct store_device d = fleet_device(*state, i + 1);

		m.posture = says[i];
		assert_ok(store_device_seen(*state, &d, &m, FLEET_NOW, &e));
	}
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices, 3);
	assert_int_equal(audience.clockless, 1);
}

/* It may say another one tomorrow, and then counts for others. */
static void the_hardware_is_what_a_device_said_last(void **state)
{
	struct stage r = fleet_stage("one", 2);
	struct store_audience audience = { .enrolled_after = FLEET_NOW + 1 };
	struct store_device d = fleet_device(*state, 1), found;
	struct wire_checkin m = { .interval_sec = 60, .hardware = "rev-a" };
	uint64_t *buckets = NULL;
	size_t count = 0;
	struct err e = { 0 };

	r.what.hardware_count = 1;
	memcpy(r.what.hardware[0], "rev-b", 6);
	/* It has not come yet: nobody knows. */
	assert_ok(store_device_find(*state, &d.facts.id, &found, &e));
	assert_true(found.facts.hardware_unheard);
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices, 1);
	assert_ok(store_device_seen(*state, &d, &m, FLEET_NOW, &e));
	assert_false(d.facts.hardware_unheard);
	assert_string_equal(d.facts.hardware, "rev-a");
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices, 0);
	assert_int_equal(audience.other_hardware, 1);
	assert_int_equal(audience.other_model + audience.other_cohort, 0);
	memcpy(m.hardware, "rev-b", 6);
	assert_ok(store_device_seen(*state, &d, &m, FLEET_NOW, &e));
	assert_ok(store_device_find(*state, &d.facts.id, &found, &e));
	assert_string_equal(found.facts.hardware, "rev-b");
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices, 1);
	assert_ok(store_rollout_buckets(*state, &r, &buckets, &count, &e));
	assert_int_equal(count, 1);
	free(buckets);
	/* An updater from before this member; and one that names none. */
	m.hardware[0] = 0;
	assert_ok(store_device_seen(*state, &d, &m, FLEET_NOW, &e));
	assert_true(d.facts.hardware_unheard);
	m.first_use = WIRE_FIRST_USE_DONE;
	assert_ok(store_device_seen(*state, &d, &m, FLEET_NOW, &e));
	assert_false(d.facts.hardware_unheard);
	assert_ok(store_rollout_audience(*state, &r, &audience, &e));
	assert_int_equal(audience.devices, 0);
	assert_int_equal(audience.other_hardware, 1);
}

/* What it says is on the disk, also when nothing else has changed. */
static void first_use_is_kept_as_it_was_said_last(void **state)
{
	struct store_device d = fleet_device(*state, 1), found;
	struct wire_checkin m = { .interval_sec = 60 };
	struct err e = { 0 };

	for (int i = WIRE_FIRST_USE_UNSAID; i <= WIRE_FIRST_USE_DONE; i++) {
		m.first_use = (enum wire_first_use)i;
		assert_ok(store_device_seen(*state, &d, &m, FLEET_NOW, &e));
		assert_int_equal(d.first_use, i);
		assert_ok(store_device_find(*state, &d.facts.id, &found, &e));
		assert_int_equal(found.first_use, i);
	}
}

static void a_release_that_is_withdrawn_pauses_its_rollout(void **state)
{
	struct store_import none = { 0 };
	struct store_act started = act(AUDIT_ROLLOUT_START, 1);
	struct stage r = fleet_rollout(*state, "one", 2), out;
	struct err e = { 0 };

	r.revision = 2;
	assert_ok(store_rollout_save(*state, &r, &started, &e));
	assert_ok(store_import(*state, &none, &fleet_by, &e));
	assert_ok(store_rollout_find(*state, "one", &out, &e));
	assert_int_equal(out.status, STAGE_PAUSED);
	assert_int_equal(out.pause, PAUSE_PERSON);
	assert_int_equal(out.revision, 3);
	/* once */
	assert_ok(store_import(*state, &none, &fleet_by, &e));
	assert_ok(store_rollout_find(*state, "one", &out, &e));
	assert_int_equal(out.revision, 3);
}

/* ---- a store of before --------------------------------------------------- */

static void make_old_store(void)
{
	struct buf text = BUF_INIT(65536);
	char *why = NULL;
	struct err e = { 0 };
	sqlite3 *db;

	assert_ok(fs_read_path("tests/vectors/store-before-phases.sql", &text,
			       &e));
	assert_int_equal(sqlite3_open(fleet_path, &db), SQLITE_OK);
	if (sqlite3_exec(db, buf_text(&text), NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	(void)sqlite3_close(db);
	buf_done(&text);
}

static void an_old_store_keeps_its_rollouts_and_attempts(void **state)
{
	static const enum stage_state states[] = {
		STAGE_OFFERED,   STAGE_DOWNLOADING, STAGE_VERIFIED,
		STAGE_DEFERRED,  STAGE_INSTALLED,   STAGE_CONFIRMED,
		STAGE_FAILED,    STAGE_ROLLED_BACK, STAGE_SKIPPED,
		STAGE_SUPERSEDED
	};
	static struct tally t;
	struct stage r;
	struct err e = { 0 };

	(void)fleet_gone(state);
	memcpy(fleet_folder + sizeof(fleet_folder) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(fleet_folder));
	(void)snprintf(fleet_path, sizeof(fleet_path), "%s/db", fleet_folder);
	make_old_store();
	*state = fleet_open();
	assert_ok(store_rollout_find(*state, "one", &r, &e));
	assert_int_equal(r.status, STAGE_PAUSED);
	assert_int_equal(r.pause, PAUSE_PERSON);
	assert_string_equal(r.reason, "a look");
	assert_int_equal(r.revision, 1);
	assert_int_equal(r.ladder.count, 1);
	assert_int_equal(r.ladder.rungs[0].share, 2500);
	assert_int_equal(r.ladder.rungs[0].size, 10);
	assert_true(r.ladder.rungs[0].limit == BUCKET_ALL / 4);
	assert_int_equal(r.phase_state, PHASE_OPEN);
	assert_memory_equal(&r.policy, &stage_usual, sizeof(stage_usual));
	assert_ok(store_tally(*state, &r, FLEET_NOW, &t, &e));
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		struct device_id id = { { 0 } };
		struct attempt a;
		bool found;

		assert_int_equal(tally_count(&t, states[i]), 1);
		id.bytes[DEVICE_ID_LEN - 1] = (uint8_t)i;
		assert_ok(store_attempt_latest(*state, &id, &a, &found, &e));
		assert_true(found);
		assert_int_equal(a.at.state, states[i]);
		assert_int_equal(a.n, 1);
	}
	assert_int_equal(t.gate[0].failed[GATE_ENV], 1);
	assert_ok(store_rollout_find(*state, "two", &r, &e));
	assert_int_equal(r.status, STAGE_COMPLETED);
	assert_int_equal(r.phase_state, PHASE_PASSED);
	assert_true(r.ladder.rungs[0].limit == BUCKET_ALL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(everything_of_a_rollout_is_kept),
		TEST(every_state_survives_a_restart),
		TEST(of_two_who_change_it_one_wins),
		TEST(every_change_is_in_the_log),
		TEST(completing_is_an_act_of_the_gate),
		TEST(a_new_epoch_begins_with_no_installation),
		TEST(a_share_is_of_the_devices_that_it_is_for),
		TEST(a_nightly_build_is_for_lab_devices_alone),
		TEST(devices_without_a_clock_are_counted),
		TEST(first_use_is_kept_as_it_was_said_last),
		TEST(the_hardware_is_what_a_device_said_last),
		TEST(a_release_that_is_withdrawn_pauses_its_rollout),
		TEST(an_old_store_keeps_its_rollouts_and_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
