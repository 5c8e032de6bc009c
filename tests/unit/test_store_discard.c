/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"

static int discard(struct store *s, const char *name, uint64_t revision,
		   struct err *e)
{
	struct audit_by by = fleet_by;

	by.reason = "a slip of the pen";
	return store_rollout_discard(s, name, revision, &by, e);
}

static int take_record(void *ctx, struct slice record, struct err *e)
{
	char *last = ctx;

	(void)e;
	memset(last, 0, AUDIT_RECORD_MAX);
	memcpy(last, record.ptr, record.len);
	return 0;
}

static void what_never_began_goes_and_its_name_is_free(void **state)
{
	static const enum stage_status planned[] = { STAGE_DRAFT, STAGE_PENDING,
						     STAGE_SCHEDULED };
	static char last[AUDIT_RECORD_MAX];
	struct err e = { 0 };
	struct stage r;

	for (size_t i = 0; i < ARRAY_LEN(planned); i++) {
		r = fleet_stage("one", 2);
		r.status = planned[i];
		assert_ok(store_rollout_add(*state, &r, &fleet_by, &e));
		assert_ok(discard(*state, "one", 1, &e));
		assert_refused(store_rollout_find(*state, "one", &r, &e),
			       ERR_NOT_FOUND);
		assert_ok(store_audit_each(*state, 0, 1000, take_record, last,
					   &e));
		assert_non_null(strstr(last, "\"act\":\"rollout-discard\""));
		assert_non_null(strstr(last, "\"rollout\":\"one\""));
		assert_null(strstr(last, "slip"));
	}
}

static void what_was_started_stays(void **state)
{
	static const enum stage_status begun[] = { STAGE_RUNNING, STAGE_PAUSED,
						   STAGE_COMPLETED,
						   STAGE_ABORTED,
						   STAGE_REPLACED };
	struct err e = { 0 };
	struct stage r, out;
	char name[8];

	for (size_t i = 0; i < ARRAY_LEN(begun); i++) {
		(void)snprintf(name, sizeof(name), "r%zu", i);
		r = fleet_stage(name, 2);
		r.status = begun[i];
		assert_ok(store_rollout_add(*state, &r, &fleet_by, &e));
		assert_refused(discard(*state, name, 1, &e), ERR_REFUSED);
		assert_ok(store_rollout_find(*state, name, &out, &e));
		assert_int_equal(out.ladder.count, r.ladder.count);
	}
}

static void only_what_the_person_saw_goes(void **state)
{
	struct stage r = fleet_stage("one", 2), other = fleet_stage("two", 2);
	struct err e = { 0 };

	r.status = STAGE_DRAFT;
	other.status = STAGE_DRAFT;
	assert_ok(store_rollout_add(*state, &r, &fleet_by, &e));
	assert_ok(store_rollout_add(*state, &other, &fleet_by, &e));
	assert_refused(discard(*state, "one", 2, &e), ERR_CONFLICT);
	assert_non_null(strstr(e.msg, "revision 1 now"));
	assert_refused(discard(*state, "none", 1, &e), ERR_NOT_FOUND);
	assert_ok(discard(*state, "one", 1, &e));
	assert_ok(store_rollout_find(*state, "two", &r, &e));
	assert_int_equal(r.ladder.count, other.ladder.count);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_never_began_goes_and_its_name_is_free),
		TEST(what_was_started_stays),
		TEST(only_what_the_person_saw_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
