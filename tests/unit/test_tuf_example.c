/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that everybody has, in the metadata that a device is shown. */
#include "common/keyfile.h"
#include "tests/unit/tuf_repo.h"

static struct ec_private *example;

static int open_example(void **state)
{
	struct buf file = BUF_INIT(KEYFILE_MAX_LEN);
	struct err e = { 0 };

	(void)state;
	/* The tests run in the top folder. */
	assert_ok(fs_read_path("keys-example/example-1.key", &file, &e));
	assert_ok(keyfile_open(buf_slice(&file), slice_of("pawl example key"),
			       &example, NULL, &e));
	buf_done(&file);
	return 0;
}

static int free_example(void **state)
{
	(void)state;
	ec_free(example);
	return 0;
}

/* A key of the repository becomes one that everybody has. */
static void replace_key(struct repo *r, unsigned n,
			const uint8_t scalar[EC_SCALAR_LEN])
{
	struct err e = { 0 };

	ec_free(r->keys[n]);
	assert_ok(ec_private_from_scalar(scalar, &r->keys[n], &e));
}

static struct repo *repo_with_example(const char *role, const char *env)
{
	struct repo *r = repo_new();
	uint8_t scalar[EC_SCALAR_LEN];

	ec_private_scalar(example, scalar);
	replace_key(r, SPARE_KEY, scalar);
	json_set_text(member(repo_body(r, "root"), "pawl"), "environment", env);
	repo_grant(r, role, KEY(ROOT_KEY) | KEY(SPARE_KEY), 1);
	repo_publish(r, "root");
	return r;
}

static int trust(struct repo *r, const char *file, struct err *e)
{
	return tuf_client_init(r->dirfd, &r->policy,
			       buf_slice(&repo_file(r, file)->bytes), e);
}

static void an_example_key_in_any_role_spoils_a_root(void **state)
{
	static const char *const roles[] = { "root", "targets", "snapshot",
					     "timestamp" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct repo *r = repo_with_example(roles[i], "lab");

		assert_refused(trust(r, "2.root.json", &e), ERR_REFUSED);
		repo_free(r);
	}
}

static void in_a_demo_it_serves(void **state)
{
	struct repo *r = repo_with_example("targets", "demo");
	struct err e = { 0 };

	(void)state;
	assert_ok(trust(r, "2.root.json", &e));
	repo_free(r);
}

static void a_rotation_cannot_bring_one_in(void **state)
{
	struct repo *r = repo_new();
	uint8_t scalar[EC_SCALAR_LEN];
	struct err e = { 0 };

	(void)state;
	repo_trust(r);
	ec_private_scalar(example, scalar);
	replace_key(r, SPARE_KEY, scalar);
	repo_grant(r, "targets", KEY(TARGETS_KEY) | KEY(SPARE_KEY), 1);
	repo_publish(r, "root");
	assert_refused(repo_refresh(r, &e), ERR_REFUSED);
	assert_int_equal(repo_trusted(r, "root.json"), 1);
	repo_free(r);
}

static void a_delegation_cannot_bring_one_in(void **state)
{
	static const char *const environments[] = { "lab", "demo" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(environments); i++) {
		struct repo *r = repo_new();
		uint8_t scalar[EC_SCALAR_LEN];
		struct tuf_client *c = NULL;
		struct tuf_target t;

		ec_private_scalar(example, scalar);
		replace_key(r, SPARE_KEY, scalar);
		json_set_text(member(repo_body(r, "root"), "pawl"),
			      "environment", environments[i]);
		json_set_int(repo_body(r, "root"), "version", 0);
		repo_publish(r, "root");
		repo_delegate(r, "targets", "a", SPARE_KEY, "a/*");
		repo_target(r, "a", "a/1", "one");
		repo_publish(r, "a");
		repo_release(r);
		assert_ok(trust(r, "1.root.json", &e));
		assert_ok(tuf_client_open(r->dirfd, &r->policy, NOW, &c, &e));
		assert_ok(tuf_client_refresh(c, &r->source, &e));
		if (i == 0)
			assert_refused(
				tuf_client_find(c, &r->source, "a/1", &t, &e),
				ERR_REFUSED);
		else
			assert_ok(
				tuf_client_find(c, &r->source, "a/1", &t, &e));
		tuf_client_close(c);
		repo_free(r);
	}
}

static void a_key_out_of_a_standard_serves_nowhere(void **state)
{
	static const uint8_t two[EC_SCALAR_LEN] = { [EC_SCALAR_LEN - 1] = 2 };
	static const char *const environments[] = { "demo", "lab" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(environments); i++) {
		struct repo *r = repo_new();

		replace_key(r, SPARE_KEY, two);
		json_set_text(member(repo_body(r, "root"), "pawl"),
			      "environment", environments[i]);
		repo_grant(r, "targets", KEY(SPARE_KEY), 1);
		repo_publish(r, "root");
		assert_refused(trust(r, "2.root.json", &e), ERR_REFUSED);
		repo_free(r);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_example_key_in_any_role_spoils_a_root),
		cmocka_unit_test(in_a_demo_it_serves),
		cmocka_unit_test(a_rotation_cannot_bring_one_in),
		cmocka_unit_test(a_delegation_cannot_bring_one_in),
		cmocka_unit_test(a_key_out_of_a_standard_serves_nowhere),
	};

	return cmocka_run_group_tests(tests, open_example, free_example);
}
