/* SPDX-License-Identifier: Apache-2.0 */
/* updater-client/orders over a repository in memory. */
#include "updater-client/orders.h"

#include "common/assign.h"
#include "common/bucket.h"
#include "tests/unit/tuf_repo.h"

#define ONE_KEY  SPARE_KEY
#define WIDE_KEY OTHER_KEY

static char canary[] = "canary";

/* One run of a device in the cohort canary that asks for releases. */
struct asking {
	struct repo *repo;
	struct tuf_client *client;
	struct orders orders;
	struct release release;
	char opened[SLOT_ORDER_MAX];
};

/* ---- the repository ------------------------------------------------------ */

static void add_pattern(struct json *delegation, const char *pattern)
{
	json_add(member(delegation, "paths"), json_new_text(pattern));
}

static struct repo *operators_repo(void)
{
	struct repo *r = repo_new();
	struct json *wide;

	repo_delegate(r, "targets", "rollout", ONE_KEY, "rollout/*/*.json");
	wide = repo_delegate(r, "targets", "rollout-wide", WIDE_KEY,
			     "rollout-wide/*/*.json");
	add_pattern(wide, "baseline/*/*.json");
	add_pattern(wide, "assign/*.json");
	return r;
}

static void publish(struct repo *r)
{
	repo_publish(r, "rollout");
	repo_publish(r, "rollout-wide");
	repo_release(r);
}

static struct order_phase everybody = { .cohorts = { "canary" },
					.cohort_count = 1,
					.limit = BUCKET_ALL,
					.not_before = NOW - UTC_DAY };

/* Orders are of release 2, whose digest is all fives. */
static struct order an_order(enum order_kind kind, uint64_t number)
{
	struct order o = { .kind = kind,
			   .product = "kiosk",
			   .release = "2",
			   .number = number,
			   .issued = NOW - UTC_DAY };

	memset(o.digest.bytes, 5, SHA256_LEN);
	if (kind == ORDER_HALT)
		return o;
	if (kind == ORDER_STAGED)
		o.expires = NOW + UTC_DAY;
	o.phases = &everybody;
	o.phase_count = 1;
	return o;
}

static void list(struct repo *r, enum order_place place, const struct order *o)
{
	struct buf text = BUF_INIT(ORDER_BYTES_MAX);
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	assert_ok(order_format(o, &text, &e));
	assert_ok(order_path(place, "kiosk", "2", path, &e));
	repo_document(r, order_role(place), path, buf_text(&text));
	buf_done(&text);
}

static void put_assignment(struct repo *r, const struct assign *a,
			   const struct device_id *id)
{
	struct buf text = BUF_INIT(ASSIGN_BYTES_MAX);
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	assert_ok(assign_format(a, &text, &e));
	assert_ok(assign_path(id, path, &e));
	repo_document(r, "rollout-wide", path, buf_text(&text));
	buf_done(&text);
}

static void assign(struct repo *r, const struct device_id *whose,
		   const struct device_id *id, const char *cohort,
		   uint64_t version)
{
	struct assign a = { .device = *whose, .version = version };
	struct err e = { 0 };

	assert_ok(text_format(a.cohort, sizeof(a.cohort), &e, "%s", cohort));
	put_assignment(r, &a, id);
}

static void assign_lab(struct repo *r, const struct device_id *own, bool lab,
		       uint64_t version)
{
	const struct assign a = { .device = *own,
				  .cohort = "canary",
				  .version = version,
				  .lab = lab };

	put_assignment(r, &a, own);
}

/* ---- the device ---------------------------------------------------------- */

static void look_again(struct asking *a)
{
	struct repo *r = a->repo;
	struct err e = { 0 };

	tuf_client_close(a->client);
	a->client = NULL;
	assert_ok(
		tuf_client_open(r->dirfd, &r->policy, r->now, &a->client, &e));
	assert_ok(tuf_client_refresh(a->client, &r->source, &e));
	a->orders = (struct orders){
		.client = a->client,
		.from = &r->source,
		.staging_signed = true,
		.enrolled = true,
		.device = { .id = { { 9 } },
			    .cohort = "canary",
			    .clock = r->now,
			    .floor = NOW - UTC_DAY },
	};
	r->asked[0] = 0;
}

static int setup(void **state)
{
	struct asking *a = mem_alloc(1, sizeof(*a));

	a->repo = operators_repo();
	a->release = (struct release){ .product = "kiosk",
				       .id = "2",
				       .one_operator_cohorts = { canary },
				       .one_operator_cohort_count = 1 };
	memset(a->release.digest.bytes, 5, SHA256_LEN);
	repo_trust(a->repo);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct asking *a = *state;

	tuf_client_close(a->client);
	repo_free(a->repo);
	free(a);
	return 0;
}

#define assert_opens(a, words)                                                 \
	(assert_ok(orders_open(&(a)->orders, &(a)->release, (a)->opened, &e)), \
	 assert_string_equal((a)->opened, words))
#define assert_closed(a, code, words)                                          \
	(strcpy((a)->opened, "untouched"),                                     \
	 assert_refused_saying(                                                \
		 orders_open(&(a)->orders, &(a)->release, (a)->opened, &e),    \
		 code, words),                                                 \
	 assert_string_equal((a)->opened, "untouched"))

/* ---- who is asked at all ------------------------------------------------- */

static void where_the_server_stages_only_an_undo_needs_an_order(void **state)
{
	struct asking *a = *state;
	struct err e = { 0 };

	publish(a->repo);
	look_again(a);
	a->orders.staging_signed = false;
	strcpy(a->opened, "something");
	assert_opens(a, "");
	assert_string_equal(a->repo->asked, "");
	strcpy(a->release.undo_of, "1");
	assert_closed(a, ERR_REFUSED, "no signed order opens 2");
}

static void who_is_not_enrolled_has_no_order(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct err e = { 0 };

	list(a->repo, ORDER_ONE, &o);
	publish(a->repo);
	look_again(a);
	a->orders.enrolled = false;
	assert_closed(a, ERR_REFUSED, "enroll first");
	assert_string_equal(a->repo->asked, "");
}

/* ---- what opens, in words ------------------------------------------------ */

static void what_opened_is_said(void **state)
{
	struct order_phase two[2] = { everybody, everybody };
	struct order o = an_order(ORDER_STAGED, 7);
	struct asking *a = *state;
	struct device_id own = { { 9 } };
	struct err e = { 0 };

	list(a->repo, ORDER_ONE, &o);
	publish(a->repo);
	look_again(a);
	assert_opens(a, "rollout order 7, phase 1: 100.0000 % of canary");
	/* by two operators, in its second phase, by id */
	strcpy(two[0].cohorts[0], "lab");
	two[1].cohort_count = 0;
	two[1].devices = &own;
	two[1].device_count = 1;
	o.phases = two;
	o.phase_count = 2;
	list(a->repo, ORDER_WIDE, &o);
	o = an_order(ORDER_HALT, 6);
	list(a->repo, ORDER_ONE, &o);
	publish(a->repo);
	look_again(a);
	assert_opens(a, "rollout-wide order 7, phase 2: by id");
	/* a baseline, above the halt */
	o = an_order(ORDER_BASELINE, 8);
	list(a->repo, ORDER_BASE, &o);
	o = an_order(ORDER_HALT, 7);
	list(a->repo, ORDER_ONE, &o);
	publish(a->repo);
	look_again(a);
	assert_opens(a, "baseline order 8, phase 1: 100.0000 % of canary");
}

static void a_share_is_the_limit_of_the_order(void **state)
{
	struct order_phase half = everybody;
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct err e = { 0 };

	publish(a->repo);
	look_again(a);
	half.limit = bucket_of(&a->release.digest, &a->orders.device.id);
	o.phases = &half;
	list(a->repo, ORDER_WIDE, &o);
	publish(a->repo);
	look_again(a);
	assert_ok(orders_open(&a->orders, &a->release, a->opened, &e));
	half.limit -= 1;
	list(a->repo, ORDER_WIDE, &o);
	publish(a->repo);
	look_again(a);
	assert_closed(a, ERR_REFUSED, "outside");
}

/* ---- failing closed ------------------------------------------------------ */

static void a_halt_that_is_withheld_is_never_no_halt(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order halt = an_order(ORDER_HALT, 2);
	struct asking *a = *state;
	struct repo *r = a->repo;
	struct err e = { 0 };
	char *space;

	list(r, ORDER_ONE, &o);
	list(r, ORDER_WIDE, &halt);
	publish(r);
	look_again(a);
	assert_closed(a, ERR_REFUSED, "halts 2");
	/* The document itself, which is the last that was asked for. */
	space = strrchr(r->asked, ' ');
	assert_non_null(space);
	assert_non_null(strstr(space, "targets/rollout-wide/kiosk/"));
	repo_remove(r, space + 1);
	look_again(a);
	assert_closed(a, ERR_NETWORK, "orders for 2: rollout-wide/kiosk/2");
}

static void a_role_that_is_withheld_closes_everything(void **state)
{
	static const char *const roles[] = { "rollout", "rollout-wide" };
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct repo *r = a->repo;
	struct err e = { 0 };

	list(r, ORDER_ONE, &o);
	list(r, ORDER_WIDE, &o);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		publish(r);
		repo_name(r, roles[i], r->broken);
		look_again(a);
		assert_closed(a, ERR_NETWORK, roles[i]);
		repo_mend(r);
		look_again(a);
		assert_ok(orders_open(&a->orders, &a->release, a->opened, &e));
	}
}

static void a_role_that_nobody_signed_closes_everything(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct err e = { 0 };

	list(a->repo, ORDER_ONE, &o);
	repo_publish(a->repo, "rollout");
	repo_release(a->repo);
	look_again(a);
	assert_closed(a, ERR_NETWORK, "rollout-wide");
}

static void a_repository_without_operators_opens_nothing(void **state)
{
	struct asking *a = *state;
	struct err e = { 0 };

	json_remove(repo_body(a->repo, "targets"), "delegations");
	repo_release(a->repo);
	look_again(a);
	assert_closed(a, ERR_REFUSED, "no signed order opens 2");
}

static void only_rollout_may_expire_and_then_a_baseline_counts(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct order base = an_order(ORDER_BASELINE, 2);
	struct asking *a = *state;
	struct repo *r = a->repo;
	struct err e = { 0 };

	list(r, ORDER_ONE, &o);
	list(r, ORDER_WIDE, &o);
	json_set_text(repo_body(r, "rollout"), "expires",
		      "2026-05-28T20:26:40Z"); /* NOW */
	publish(r);
	look_again(a);
	assert_closed(a, ERR_REFUSED, "rollout has expired");
	list(r, ORDER_BASE, &base);
	publish(r);
	look_again(a);
	assert_opens(a, "baseline order 2, phase 1: 100.0000 % of canary");
	/* what two operators sign lives longer, and ends all the same */
	json_set_text(repo_body(r, "rollout-wide"), "expires",
		      "2026-05-28T20:26:40Z");
	publish(r);
	look_again(a);
	assert_closed(a, ERR_EXPIRED, "rollout-wide");
}

static void what_is_no_order_closes_everything(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct repo *r = a->repo;
	struct err e = { 0 };

	list(r, ORDER_ONE, &o);
	repo_document(r, "rollout-wide", "rollout-wide/kiosk/2.json", "{}");
	publish(r);
	look_again(a);
	assert_closed(a, ERR_FORMAT, "orders for 2: order");
	o.digest.bytes[0] ^= 1;
	list(r, ORDER_WIDE, &o);
	publish(r);
	look_again(a);
	assert_closed(a, ERR_UNTRUSTED, "another release");
}

static void one_operators_role_says_nothing_for_two(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct repo *r = a->repo;
	struct buf text = BUF_INIT(ORDER_BYTES_MAX);
	struct err e = { 0 };

	/* rollout lists what stands in the folder of two: nobody finds it. */
	a->release.one_operator_cohort_count = 0;
	assert_ok(order_format(&o, &text, &e));
	repo_document(r, "rollout", "rollout-wide/kiosk/2.json",
		      buf_text(&text));
	publish(r);
	look_again(a);
	assert_closed(a, ERR_REFUSED, "no signed order opens 2");
	buf_done(&text);
}

/* ---- the cohort ---------------------------------------------------------- */

static void an_assignment_is_followed_before_orders_are_judged(void **state)
{
	struct device_id own = { { 9 } };
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct err e = { 0 };

	list(a->repo, ORDER_WIDE, &o);
	assign(a->repo, &own, &own, "canary", 3);
	publish(a->repo);
	look_again(a);
	strcpy(a->orders.device.cohort, "stable");
	a->orders.cohort_version = 2;
	assert_opens(a, "rollout-wide order 1, phase 1: 100.0000 % of canary");
	assert_true(a->orders.moved);
	assert_int_equal(a->orders.cohort_version, 3);
	assert_string_equal(a->orders.device.cohort, "canary");
}

/* Nothing is to be installed, and still one learns where one belongs. */
static void an_assignment_is_followed_without_an_order(void **state)
{
	static const char path[] =
		"assign/09000000000000000000000000000000.json";
	struct device_id own = { { 9 } };
	struct asking *a = *state;

	assign(a->repo, &own, &own, "lab", 3);
	publish(a->repo);
	look_again(a);
	a->orders.staging_signed = false;
	orders_follow(&a->orders);
	a->orders.staging_signed = true;
	a->orders.enrolled = false;
	orders_follow(&a->orders);
	assert_false(a->orders.moved);
	a->orders.enrolled = true;
	orders_follow(&a->orders);
	assert_true(a->orders.moved);
	assert_string_equal(a->orders.device.cohort, "lab");
	/* What cannot be had is no matter until an order is judged. */
	repo_document(a->repo, "rollout-wide", path, "{}");
	publish(a->repo);
	look_again(a);
	orders_follow(&a->orders);
	assert_false(a->orders.moved || a->orders.followed);
}

/* A device is of the lab by what was signed, looked up in this very run. */
static void a_lab_device_is_one_by_its_assignment_alone(void **state)
{
	static const char path[] =
		"assign/09000000000000000000000000000000.json";
	struct device_id own = { { 9 } };
	struct asking *a = *state;

	assign_lab(a->repo, &own, true, 3);
	publish(a->repo);
	look_again(a);
	assert_false(orders_lab(&a->orders));
	orders_follow(&a->orders);
	assert_true(a->orders.moved && orders_lab(&a->orders));
	/* What is pinned holds without another assignment. */
	look_again(a);
	a->orders.cohort_version = 3;
	strcpy(a->orders.device.cohort, "canary");
	a->orders.lab = true;
	orders_follow(&a->orders);
	assert_true(!a->orders.moved && orders_lab(&a->orders));
	/* The next one takes it out again. */
	assign_lab(a->repo, &own, false, 4);
	publish(a->repo);
	look_again(a);
	a->orders.lab = true;
	orders_follow(&a->orders);
	assert_true(a->orders.moved);
	assert_false(orders_lab(&a->orders));
	/* While it cannot be looked up, nobody is. */
	repo_document(a->repo, "rollout-wide", path, "{}");
	publish(a->repo);
	look_again(a);
	a->orders.lab = true;
	orders_follow(&a->orders);
	assert_false(orders_lab(&a->orders));
	assert_true(a->orders.lab);
}

static void what_was_followed_before_is_nothing_new(void **state)
{
	struct device_id own = { { 9 } };
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct err e = { 0 };

	list(a->repo, ORDER_WIDE, &o);
	assign(a->repo, &own, &own, "canary", 3);
	publish(a->repo);
	look_again(a);
	a->orders.cohort_version = 3;
	assert_opens(a, "rollout-wide order 1, phase 1: 100.0000 % of canary");
	assert_false(a->orders.moved);
}

/* Replayed by who can sign a snapshot: what the device pinned stands. */
static void an_older_assignment_moves_nobody(void **state)
{
	struct device_id own = { { 9 } };
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct err e = { 0 };

	list(a->repo, ORDER_WIDE, &o);
	assign(a->repo, &own, &own, "canary", 3);
	publish(a->repo);
	for (uint64_t version = 3; version <= 4; version++) {
		look_again(a);
		strcpy(a->orders.device.cohort, "stable");
		a->orders.cohort_version = version;
		assert_closed(a, ERR_REFUSED, "this device is in stable");
		assert_false(a->orders.moved);
		assert_int_equal(a->orders.cohort_version, version);
	}
}

static void an_assignment_that_is_not_ones_own_stops_everything(void **state)
{
	struct device_id own = { { 9 } }, other = { { 8 } };
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct err e = { 0 };

	list(a->repo, ORDER_WIDE, &o);
	assign(a->repo, &other, &own, "lab", 3);
	publish(a->repo);
	look_again(a);
	assert_closed(a, ERR_REFUSED, "for another device");
	assert_false(a->orders.moved);
	/* under its own name it is no business of ours */
	json_remove(member(repo_body(a->repo, "rollout-wide"), "targets"),
		    "assign/09000000000000000000000000000000.json");
	assign(a->repo, &other, &other, "lab", 3);
	publish(a->repo);
	look_again(a);
	assert_ok(orders_open(&a->orders, &a->release, a->opened, &e));
	assert_string_equal(a->orders.device.cohort, "canary");
}

static void an_assignment_that_cannot_be_had_stops_everything(void **state)
{
	static const char path[] =
		"assign/09000000000000000000000000000000.json";
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct repo *r = a->repo;
	struct err e = { 0 };

	list(r, ORDER_WIDE, &o);
	repo_document(r, "rollout-wide", path, "{}");
	publish(r);
	look_again(a);
	assert_closed(a, ERR_FORMAT, "assignment");
	repo_target(r, "rollout-wide", path, "listed and not served");
	publish(r);
	look_again(a);
	assert_closed(a, ERR_NETWORK, "assign/09");
}

/* ---- one answer for all packages of a release ---------------------------- */

static void a_release_is_judged_once_in_a_run(void **state)
{
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct err e = { 0 };

	list(a->repo, ORDER_ONE, &o);
	publish(a->repo);
	look_again(a);
	assert_opens(a, "rollout order 1, phase 1: 100.0000 % of canary");
	a->repo->asked[0] = 0;
	assert_opens(a, "rollout order 1, phase 1: 100.0000 % of canary");
	assert_string_equal(a->repo->asked, "");
	/* neither other content under this name, nor another name */
	a->release.digest.bytes[0] ^= 1;
	assert_closed(a, ERR_UNTRUSTED, "another release or content");
	assert_closed(a, ERR_UNTRUSTED, "another release or content");
	a->release.digest.bytes[0] ^= 1;
	strcpy(a->release.id, "3");
	assert_closed(a, ERR_REFUSED, "no signed order opens 3");
	strcpy(a->release.id, "2");
	assert_opens(a, "rollout order 1, phase 1: 100.0000 % of canary");
}

/* What a refusal said of one release is not said of the next. */
static void a_refusal_is_of_its_release_alone(void **state)
{
	struct device_id own = { { 9 } }, other = { { 8 } };
	struct order o = an_order(ORDER_STAGED, 1);
	struct asking *a = *state;
	struct err e = { 0 };

	list(a->repo, ORDER_ONE, &o);
	publish(a->repo);
	look_again(a);
	strcpy(a->release.id, "3");
	assert_closed(a, ERR_REFUSED, "no signed order opens 3");
	strcpy(a->release.id, "2");
	assert_opens(a, "rollout order 1, phase 1: 100.0000 % of canary");
	/* but a cohort that is in doubt stays so */
	assign(a->repo, &other, &own, "lab", 3);
	publish(a->repo);
	look_again(a);
	assert_closed(a, ERR_REFUSED, "for another device");
	strcpy(a->release.id, "3");
	assert_closed(a, ERR_REFUSED, "for another device");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(where_the_server_stages_only_an_undo_needs_an_order),
		TEST(who_is_not_enrolled_has_no_order),
		TEST(a_lab_device_is_one_by_its_assignment_alone),
		TEST(what_opened_is_said),
		TEST(a_share_is_the_limit_of_the_order),
		TEST(a_halt_that_is_withheld_is_never_no_halt),
		TEST(a_role_that_is_withheld_closes_everything),
		TEST(a_role_that_nobody_signed_closes_everything),
		TEST(a_repository_without_operators_opens_nothing),
		TEST(only_rollout_may_expire_and_then_a_baseline_counts),
		TEST(what_is_no_order_closes_everything),
		TEST(one_operators_role_says_nothing_for_two),
		TEST(an_assignment_is_followed_before_orders_are_judged),
		TEST(an_assignment_is_followed_without_an_order),
		TEST(what_was_followed_before_is_nothing_new),
		TEST(an_older_assignment_moves_nobody),
		TEST(an_assignment_that_is_not_ones_own_stops_everything),
		TEST(an_assignment_that_cannot_be_had_stops_everything),
		TEST(a_release_is_judged_once_in_a_run),
		TEST(a_refusal_is_of_its_release_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
