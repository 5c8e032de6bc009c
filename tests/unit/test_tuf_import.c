/* SPDX-License-Identifier: Apache-2.0 */
/* Imports with delegated roles; the rest of an import is in test_tuf_runs. */
#include "tests/unit/tuf_repo.h"

static int setup(void **state)
{
	struct repo *r = repo_new();

	repo_trust(r);
	repo_delegate(r, "targets", "product-x", SPARE_KEY, "x/*");
	repo_delegate(r, "targets", "rollout", OTHER_KEY, "rollout/*");
	repo_target(r, "product-x", "x/1", "one");
	repo_target(r, "rollout", "rollout/1", "order");
	repo_publish(r, "product-x");
	repo_publish(r, "rollout");
	repo_publish(r, "targets"); /* 2: the one that delegates */
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	repo_free(*state);
	return 0;
}

/* Of "role", its version; 0 names no role at all. */
static int import(struct repo *r, struct tuf_client **out, int64_t targets,
		  const char *role, int64_t version, struct err *e)
{
	struct tuf_import_role roles[1];
	const struct tuf_import what = { targets, roles, version ? 1 : 0 };
	struct tuf_client *c = NULL;
	int rc;

	snprintf(roles[0].name, sizeof(roles[0].name), "%s", role);
	roles[0].version = version;
	r->asked[0] = 0;
	if (tuf_client_open(r->dirfd, &r->policy, r->now, &c, e))
		return -1;
	rc = tuf_client_import(c, &r->source, &what, e);
	if (rc == 0 && out)
		*out = c;
	else
		tuf_client_close(c);
	return rc;
}

static int take(struct repo *r, int64_t targets, const char *role,
		int64_t version, struct err *e)
{
	return import(r, NULL, targets, role, version, e);
}

static int collect(void *ctx, const struct tuf_target *t, struct err *e)
{
	(void)e;
	strcat(ctx, t->path);
	strcat(ctx, " ");
	return 0;
}

static void roles_come_with_targets_or_later_on_their_own(void **state)
{
	struct repo *r = *state;
	const struct tuf_role_state *roles;
	struct tuf_client *c = NULL;
	char seen[256] = "";
	struct err e;

	assert_ok(take(r, 2, "product-x", 1, &e));
	assert_int_equal(repo_trusted(r, "targets.json"), 2);
	assert_int_equal(repo_trusted(r, "product-x.json"), 1);
	assert_int_equal(repo_trusted(r, "rollout.json"), 0);
	assert_ok(import(r, &c, 0, "rollout", 1, &e));
	assert_string_equal(r->asked, "2.root.json 1.rollout.json");
	assert_int_equal(tuf_client_roles(c, &roles), 2);
	assert_string_equal(roles[0].name, "product-x");
	assert_int_equal(roles[0].version, 1);
	assert_int_equal(roles[0].unusable.code, ERR_NONE);
	assert_int_equal(roles[1].version, 1);
	assert_ok(tuf_client_each_in(c, NULL, "product-x", collect, seen, &e));
	assert_ok(tuf_client_each_in(c, NULL, "rollout", collect, seen, &e));
	assert_string_equal(seen, "x/1 rollout/1 ");
	tuf_client_close(c);
}

static void a_role_on_its_own_needs_targets_that_still_count(void **state)
{
	struct repo *r = *state;
	struct err e;

	assert_refused(take(r, 0, "rollout", 1, &e), ERR_NOT_FOUND);
	assert_ok(take(r, 2, "", 0, &e));
	assert_ok(take(r, 0, "rollout", 1, &e));
	r->now = NOW + 40 * UTC_DAY;
	assert_refused(take(r, 0, "rollout", 1, &e), ERR_EXPIRED);
	r->now = NOW;
	repo_grant(r, "targets", KEY(SPARE_KEY), 1);
	repo_publish(r, "root");
	assert_refused(take(r, 0, "rollout", 1, &e), ERR_UNTRUSTED);
	assert_int_equal(repo_trusted(r, "rollout.json"), 1);
}

static void a_role_that_nobody_signed_yet_is_no_failure(void **state)
{
	struct repo *r = *state;
	const struct tuf_role_state *roles;
	struct tuf_client *c = NULL;
	char seen[256] = "";
	struct err e;

	assert_ok(import(r, &c, 2, "", 0, &e));
	assert_int_equal(tuf_client_roles(c, &roles), 2);
	assert_int_equal(roles[0].version, 0);
	assert_int_equal(roles[0].unusable.code, ERR_NONE);
	assert_refused(
		tuf_client_each_in(c, NULL, "rollout", collect, seen, &e),
		ERR_NETWORK);
	tuf_client_close(c);
}

static void roles_are_refused_like_targets(void **state)
{
	struct repo *r = *state;
	struct json *evil = repo_copy(r, "rollout");
	struct err e;

	assert_refused(take(r, 2, "rollout", 9, &e), ERR_NOT_FOUND);
	repo_serve(r, "1.rollout.json", evil, KEY(SPARE_KEY), true);
	assert_refused(take(r, 2, "rollout", 1, &e), ERR_UNTRUSTED);
	/* Verified before anything is persisted, the targets included. */
	assert_int_equal(repo_trusted(r, "targets.json"), 0);
	repo_mend(r);
	assert_ok(take(r, 2, "rollout", 1, &e));
	assert_ok(take(r, 2, "rollout", 1, &e));
	json_set_text(tuf_envelope_signed(evil), "note", "changed");
	repo_serve(r, "1.rollout.json", evil, KEY(OTHER_KEY), true);
	assert_refused(take(r, 0, "rollout", 1, &e), ERR_CONFLICT);
	repo_mend(r);
	/* A file that says another version than its name. */
	repo_serve(r, "2.rollout.json", evil, KEY(OTHER_KEY), true);
	assert_refused(take(r, 0, "rollout", 2, &e), ERR_UNTRUSTED);
	repo_mend(r);
	json_set_int(tuf_envelope_signed(evil), "version", 2);
	json_set_text(tuf_envelope_signed(evil), "expires",
		      "2026-05-28T20:26:40Z");
	repo_serve(r, "2.rollout.json", evil, KEY(OTHER_KEY), true);
	assert_refused(take(r, 0, "rollout", 2, &e), ERR_EXPIRED);
	repo_mend(r);
	assert_refused(take(r, 0, "stranger", 1, &e), ERR_REFUSED);
	repo_publish(r, "rollout");
	assert_ok(take(r, 0, "rollout", 2, &e));
	assert_refused(take(r, 0, "rollout", 1, &e), ERR_ROLLBACK);
	assert_int_equal(repo_trusted(r, "rollout.json"), 2);
	json_free(evil);
}

static void keys_that_changed_end_a_role_but_not_its_versions(void **state)
{
	struct repo *r = *state;
	const struct tuf_role_state *roles;
	struct tuf_client *c = NULL;
	struct json *list;
	char seen[256] = "";
	struct err e;

	repo_publish(r, "rollout");
	assert_ok(take(r, 2, "rollout", 2, &e));
	list = member(member(repo_body(r, "targets"), "delegations"), "roles");
	repo_assign(
		r,
		member(member(repo_body(r, "targets"), "delegations"), "keys"),
		(struct json *)(uintptr_t)json_at(list, 1), KEY(5), 1);
	repo_publish(r, "targets");
	assert_ok(import(r, &c, 3, "", 0, &e));
	assert_int_equal(tuf_client_roles(c, &roles), 2);
	assert_int_equal(roles[1].version, 2);
	assert_int_equal(roles[1].unusable.code, ERR_UNTRUSTED);
	assert_refused(
		tuf_client_each_in(c, NULL, "rollout", collect, seen, &e),
		ERR_NETWORK);
	tuf_client_close(c);
	repo_find(r, "rollout")->signers = KEY(5);
	repo_remove(r, "1.rollout.json");
	json_set_int(repo_body(r, "rollout"), "version", 0);
	repo_publish(r, "rollout");
	assert_refused(take(r, 0, "rollout", 1, &e), ERR_ROLLBACK);
	json_set_int(repo_body(r, "rollout"), "version", 2);
	repo_publish(r, "rollout");
	assert_ok(take(r, 0, "rollout", 3, &e));
}

static void what_expired_meanwhile_stays_and_no_longer_counts(void **state)
{
	struct repo *r = *state;
	const struct tuf_role_state *roles;
	struct tuf_client *c = NULL;
	struct err e;

	json_set_text(repo_body(r, "rollout"), "expires",
		      "2026-06-01T00:00:00Z");
	repo_publish(r, "rollout");
	assert_ok(take(r, 2, "rollout", 2, &e));
	r->now = NOW + 10 * UTC_DAY;
	assert_ok(import(r, &c, 0, "product-x", 1, &e));
	assert_int_equal(tuf_client_roles(c, &roles), 2);
	assert_int_equal(roles[0].unusable.code, ERR_NONE);
	assert_int_equal(roles[1].version, 2);
	assert_int_equal(roles[1].unusable.code, ERR_EXPIRED);
	tuf_client_close(c);
}

static void delegations_that_an_importer_cannot_list_are_refused(void **state)
{
	struct repo *r = *state;
	struct json *bins = json_new_object(), *all;
	char name[16];
	struct err e;

	repo_delegate(r, "rollout", "deeper", 5, "rollout/*");
	repo_publish(r, "rollout");
	assert_refused(take(r, 2, "rollout", 2, &e), ERR_REFUSED);
	for (int i = 2; i < TUF_IMPORT_ROLES_MAX; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		repo_delegate(r, "targets", name, SPARE_KEY, "r/*");
	}
	repo_publish(r, "targets");
	assert_ok(take(r, 3, "", 0, &e));
	repo_delegate(r, "targets", "one-more", SPARE_KEY, "r/*");
	repo_publish(r, "targets");
	assert_refused(take(r, 4, "", 0, &e), ERR_LIMIT);
	all = member(repo_body(r, "targets"), "delegations");
	json_remove(all, "roles");
	repo_assign(r, member(all, "keys"), bins, KEY(SPARE_KEY), 1);
	json_set_int(bins, "bit_length", 2);
	json_set_text(bins, "name_prefix", "bin");
	json_set(all, "succinct_roles", bins);
	repo_publish(r, "targets");
	assert_refused(take(r, 5, "", 0, &e), ERR_REFUSED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(roles_come_with_targets_or_later_on_their_own),
		T(a_role_on_its_own_needs_targets_that_still_count),
		T(a_role_that_nobody_signed_yet_is_no_failure),
		T(roles_are_refused_like_targets),
		T(keys_that_changed_end_a_role_but_not_its_versions),
		T(what_expired_meanwhile_stays_and_no_longer_counts),
		T(delegations_that_an_importer_cannot_list_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
