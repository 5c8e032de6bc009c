/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/store_egress.h"

#include "tests/unit/fleet.h"

static void add(struct store *s, struct sha256 package, uint64_t sent,
		uint64_t busy, int64_t now)
{
	const struct egress_count c = { package, sent, busy };
	struct err e = { 0 };

	assert_ok(store_egress_add(s, &c, 1, now, &e));
}

static struct store_egress of(struct store *s, struct sha256 package)
{
	struct store_egress out = { .since = -1 };
	struct err e = { 0 };

	assert_ok(store_egress_get(s, &package, &out, &e));
	return out;
}

static void what_went_out_is_added_up_and_stays(void **state)
{
	add(*state, fleet_hash(1), 1000, 0, 50);
	add(*state, fleet_hash(1), 24, 3, 60);
	add(*state, fleet_hash(2), 7, 0, 70);
	store_close(*state);
	*state = fleet_open();
	assert_int_equal(of(*state, fleet_hash(1)).sent, 1024);
	assert_int_equal(of(*state, fleet_hash(1)).busy, 3);
	assert_int_equal(of(*state, fleet_hash(1)).since, 50);
	assert_int_equal(of(*state, fleet_hash(2)).sent, 7);
	assert_int_equal(of(*state, fleet_hash(3)).since, 0);
}

static void who_asks_for_nothing_of_ours_leaves_no_row(void **state)
{
	const struct store_payload p = { .url = "kiosk/1/aa.f",
					 .digest = fleet_hash(4),
					 .length = 9 };
	const struct store_import in = { .payloads = &p, .payload_count = 1 };
	struct err e = { 0 };

	assert_ok(store_import(*state, &in, &fleet_by, &e));
	add(*state, fleet_hash(3), 0, 9, 50);
	assert_int_equal(of(*state, fleet_hash(3)).since, 0);
	/* A package that could not be had yet. */
	add(*state, fleet_hash(4), 0, 2, 50);
	assert_int_equal(of(*state, fleet_hash(4)).busy, 2);
	/* One that went out, and is listed no more. */
	add(*state, fleet_hash(5), 1, 0, 50);
	add(*state, fleet_hash(5), 0, 1, 60);
	assert_int_equal(of(*state, fleet_hash(5)).busy, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_went_out_is_added_up_and_stays),
		TEST(who_asks_for_nothing_of_ours_leaves_no_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
