/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_duty.h"

#include "tests/unit/tuf_repo.h"

static const struct tuf_rules ours = { .schemes = tuf_schemes_product };

/* A delegation of that many keys, and the ring that it makes. */
static void delegate(struct repo *r, const char *name, unsigned keys,
		     unsigned threshold)
{
	struct json *role = repo_delegate(r, "targets", name, SPARE_KEY, "x");
	struct json *all = member(repo_body(r, "targets"), "delegations");

	repo_assign(r, member(all, "keys"), role, keys, threshold);
}

static int check(struct repo *r, const char *name, struct err *e)
{
	const struct json *all = member(repo_body(r, "targets"), "delegations");
	struct tuf_delegation d;
	struct tuf_keyring ring;

	assert_true(tuf_delegation_named(all, name, &d));
	return tuf_keyring_read(&ours, d.keys, d.role, &ring, e) ||
			       tuf_duty_check(&ours, repo_body(r, "root"), all,
					      name, &ring, e)
		       ? -1
		       : 0;
}

static void one_signature_is_enough_for_two_roles_alone(void **state)
{
	struct repo *r = *state;
	struct err e = { 0 };

	delegate(r, "rollout", KEY(3), 1);
	delegate(r, "nightly", KEY(4), 1);
	delegate(r, "rollout-wide", KEY(3) | KEY(5), 1);
	delegate(r, "product-kiosk", KEY(6) | KEY(7), 1);
	assert_ok(check(r, "rollout", &e));
	assert_ok(check(r, "nightly", &e));
	assert_refused_saying(check(r, "rollout-wide", &e), ERR_REFUSED,
			      "threshold of 2 for rollout-wide");
	assert_refused_saying(check(r, "product-kiosk", &e), ERR_REFUSED,
			      "threshold of 2 for product-kiosk");
}

static void no_key_has_two_duties(void **state)
{
	struct repo *r = *state;
	struct err e = { 0 };

	delegate(r, "rollout", KEY(3), 1);
	delegate(r, "rollout-wide", KEY(3) | KEY(4), 2);
	delegate(r, "product-kiosk", KEY(5) | KEY(6), 2);
	delegate(r, "nightly", KEY(7), 1);
	assert_ok(check(r, "rollout", &e));
	assert_ok(check(r, "rollout-wide", &e));
	assert_ok(check(r, "product-kiosk", &e));
	assert_ok(check(r, "nightly", &e));
	/* CI is no operator, and no engineer. */
	delegate(r, "product-door", KEY(7) | KEY(5), 2);
	assert_refused_saying(check(r, "nightly", &e), ERR_REFUSED,
			      "key of nightly has another role");
	assert_refused_saying(check(r, "product-kiosk", &e), ERR_REFUSED,
			      "key of product-kiosk has another role");
	assert_ok(check(r, "rollout", &e));
}

static void keys_that_root_names_are_for_that_alone(void **state)
{
	static const unsigned top[] = { ROOT_KEY, TARGETS_KEY, ONLINE_KEY };
	char name[] = "product-a";
	struct repo *r = *state;
	struct err e = { 0 };

	for (unsigned i = 0; i < ARRAY_LEN(top); i++) {
		name[sizeof(name) - 2] = (char)('a' + i);
		delegate(r, name, KEY(5 + i) | KEY(top[i]), 2);
		assert_refused_saying(check(r, name, &e), ERR_REFUSED,
				      "another role");
	}
}

static void the_same_key_under_another_id_is_found(void **state)
{
	struct repo *r = *state;
	struct tuf_keyring ring;
	struct tuf_delegation d;
	const struct json *all;
	struct err e = { 0 };

	delegate(r, "product-kiosk", KEY(5) | KEY(6), 2);
	all = member(repo_body(r, "targets"), "delegations");
	assert_true(tuf_delegation_named(all, "product-kiosk", &d));
	assert_ok(tuf_keyring_read(&ours, d.keys, d.role, &ring, &e));
	/* Nobody delegates beside it. */
	assert_ok(tuf_duty_check(&ours, repo_body(r, "root"), NULL,
				 "product-kiosk", &ring, &e));
	ring.keys[1].keyid = "another";
	assert_refused(tuf_duty_check(&ours, repo_body(r, "root"), all,
				      "rollout", &ring, &e),
		       ERR_REFUSED);
}

static void a_list_that_cannot_be_read_is_refused(void **state)
{
	struct repo *r = *state;
	struct json *all;
	struct err e = { 0 };

	delegate(r, "rollout", KEY(3), 1);
	delegate(r, "nightly", KEY(4), 1);
	all = member(repo_body(r, "targets"), "delegations");
	json_set_int(
		(struct json *)(uintptr_t)json_at(json_get(all, "roles"), 1),
		"threshold", 7);
	assert_refused(check(r, "rollout", &e), ERR_FORMAT);
	json_set_int(member(member(repo_body(r, "root"), "roles"), "snapshot"),
		     "threshold", 7);
	assert_refused_saying(check(r, "rollout", &e), ERR_FORMAT, "snapshot");
}

static int setup(void **state)
{
	*state = repo_new();
	return 0;
}

static int teardown(void **state)
{
	repo_free(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_signature_is_enough_for_two_roles_alone),
		TEST(no_key_has_two_duties),
		TEST(keys_that_root_names_are_for_that_alone),
		TEST(the_same_key_under_another_id_is_found),
		TEST(a_list_that_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
