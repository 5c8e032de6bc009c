/* SPDX-License-Identifier: Apache-2.0 */
/* What is no ordinary run: media, imports, clocks, foreign repositories. */
#include "common/tuf_client.h"

#include "tests/unit/tuf_repo.h"

static int setup(void **state)
{
	*state = repo_new();
	repo_trust(*state);
	return 0;
}

static int teardown(void **state)
{
	repo_free(*state);
	return 0;
}

static void expire(struct json *envelope)
{
	json_set_text(tuf_envelope_signed(envelope), "expires",
		      "2026-05-28T20:26:40Z"); /* exactly NOW */
}

/* ---- media --------------------------------------------------------------- */

static void mark(struct repo *r, bool medium)
{
	static const char *const roles[] = { "timestamp", "snapshot" };

	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		if (medium)
			json_set_bool(repo_body(r, roles[i]), "medium", true);
		else
			json_remove(repo_body(r, roles[i]), "medium");
	}
}

static void marked_files_come_from_a_medium_only(void **state)
{
	struct repo *r = *state;
	struct err e;

	mark(r, true);
	repo_release(r);
	assert_refused(repo_refresh(r, &e), ERR_REFUSED);
	assert_trusted(r, 1, 0, 0, 0);
	assert_int_equal(repo_trusted(r, TUF_MEDIUM_FILE), 0);
	r->policy.medium = true;
	assert_ok(repo_refresh(r, &e));
	assert_int_equal(repo_trusted(r, "timestamp.json"), 0);
	assert_int_equal(repo_trusted(r, TUF_MEDIUM_FILE), 2);
}

static void what_a_medium_announced_binds_the_network_too(void **state)
{
	struct repo *r = *state;
	struct err e;

	assert_ok(repo_refresh(r, &e));
	mark(r, true);
	repo_release(r);
	r->policy.medium = true;
	assert_ok(repo_refresh(r, &e));
	r->policy.medium = false;
	mark(r, false);
	/* A newer timestamp that goes back to the snapshot before. */
	json_set_int(repo_body(r, "snapshot"), "version", 0);
	repo_publish(r, "snapshot");
	repo_publish(r, "timestamp");
	assert_refused(repo_refresh(r, &e), ERR_ROLLBACK);
	assert_int_equal(repo_trusted(r, "timestamp.json"), 1);
}

static void a_medium_is_forgotten_with_its_keys(void **state)
{
	struct repo *r = *state;
	struct err e;

	mark(r, true);
	repo_release(r);
	r->policy.medium = true;
	assert_ok(repo_refresh(r, &e));
	assert_int_equal(repo_trusted(r, TUF_MEDIUM_FILE), 2);
	repo_grant(r, "timestamp", KEY(SPARE_KEY), 1);
	repo_publish(r, "root");
	repo_release(r);
	snprintf(r->broken, sizeof(r->broken), "timestamp.json");
	assert_refused(repo_refresh(r, &e), ERR_NETWORK);
	assert_int_equal(repo_trusted(r, TUF_MEDIUM_FILE), 0);
}

static void of_a_medium_only_the_versions_bind_the_network(void **state)
{
	struct repo *r = *state;
	struct err e;

	assert_ok(repo_refresh(r, &e));
	mark(r, true);
	repo_release(r);
	r->policy.medium = true;
	assert_ok(repo_refresh(r, &e));
	assert_int_equal(repo_trusted(r, "timestamp.json"), 1);
	assert_int_equal(repo_trusted(r, "targets.json"), 2);

	/* The network still serves what was there before the medium. */
	r->policy.medium = false;
	mark(r, false);
	json_set_int(repo_body(r, "timestamp"), "version", 0);
	repo_publish(r, "timestamp");
	assert_refused(repo_refresh(r, &e), ERR_ROLLBACK);
	json_set_int(repo_body(r, "timestamp"), "version", 2);
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	assert_trusted(r, 1, 3, 3, 3);
}

static void
a_medium_can_be_used_twice_but_not_replaced_by_an_older(void **state)
{
	struct repo *r = *state;
	struct err e;

	mark(r, true);
	repo_release(r);
	r->policy.medium = true;
	assert_ok(repo_refresh(r, &e));
	assert_ok(repo_refresh(r, &e));
	assert_string_equal(r->asked, "2.root.json timestamp.json");
	json_set_int(repo_body(r, "timestamp"), "version", 0);
	repo_publish(r, "timestamp");
	assert_refused(repo_refresh(r, &e), ERR_ROLLBACK);
	json_set_int(repo_body(r, "timestamp"), "version", 2);
	repo_publish(r, "timestamp");
	assert_ok(repo_refresh(r, &e));
}

/* Same version, other bytes: what was trusted of a medium stays, too. */
static void a_medium_of_the_same_version_changes_nothing(void **state)
{
	struct repo *r = *state;
	struct buf before = BUF_INIT(1 << 16), after = BUF_INIT(1 << 16);
	struct err e;

	mark(r, true);
	repo_release(r);
	r->policy.medium = true;
	assert_ok(repo_refresh(r, &e));
	assert_ok(fs_read_file(r->dirfd, TUF_MEDIUM_FILE, &before, &e));
	json_set_text(repo_body(r, "timestamp"), "note", "other bytes");
	json_set_int(repo_body(r, "timestamp"), "version", 1);
	repo_publish(r, "snapshot");
	repo_publish(r, "timestamp");
	assert_ok(repo_refresh(r, &e));
	assert_string_equal(r->asked, "2.root.json timestamp.json");
	assert_ok(fs_read_file(r->dirfd, TUF_MEDIUM_FILE, &after, &e));
	assert_true(slice_equal(buf_slice(&before), buf_slice(&after)));
	buf_done(&before);
	buf_done(&after);
}

/* Half a medium is none: its snapshot outlives what the network may serve. */
static void a_marked_snapshot_needs_a_medium_too(void **state)
{
	struct repo *r = *state;
	struct err e;

	json_set_bool(repo_body(r, "snapshot"), "medium", true);
	repo_release(r);
	assert_refused(repo_refresh(r, &e), ERR_REFUSED);
	assert_trusted(r, 1, 2, 0, 0);
	json_remove(repo_body(r, "snapshot"), "medium");
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
}

static void a_medium_lives_as_long_as_root_allows(void **state)
{
	struct repo *r = *state;
	struct err e;

	json_set_int(member(repo_body(r, "root"), "pawl"), "medium_max_days",
		     30);
	repo_publish(r, "root");
	mark(r, true);
	r->policy.medium = true;
	repo_release(r); /* 31 days from issued to expires */
	assert_refused(repo_refresh(r, &e), ERR_REFUSED);
	json_set_int(member(repo_body(r, "root"), "pawl"), "medium_max_days",
		     31);
	repo_publish(r, "root");
	assert_ok(repo_refresh(r, &e));
}

/* ---- other runs ---------------------------------------------------------- */

static void what_is_trusted_can_be_looked_at(void **state)
{
	struct repo *r = *state;
	struct tuf_client *c = NULL;
	struct tuf_target t;
	struct tuf_site site;
	struct err e;

	assert_ok(tuf_client_open(r->dirfd, &r->policy, r->now, &c, &e));
	assert_int_equal(tuf_client_version(c, TUF_TARGETS), 0);
	assert_null(tuf_client_signed(c, TUF_TARGETS));
	assert_int_equal(tuf_client_bytes(c, TUF_TARGETS).len, 0);
	assert_refused(tuf_client_find(c, &r->source, "thing/1.pkg", &t, &e),
		       ERR_REFUSED);
	assert_refused(tuf_client_each(c, NULL, NULL, &e), ERR_REFUSED);
	tuf_client_site(c, &site);
	assert_int_equal(site.environment, ENV_LAB);
	assert_false(site.staging_signed);
	assert_int_equal(site.medium_max_days, TUF_MEDIUM_DAYS);
	assert_ok(tuf_client_refresh(c, &r->source, &e));
	for (enum tuf_role role = TUF_ROOT; role <= TUF_TARGETS; role++) {
		assert_int_equal(tuf_client_version(c, role), 1);
		assert_non_null(tuf_client_signed(c, role));
	}
	assert_true(
		slice_equal(tuf_client_bytes(c, TUF_TARGETS),
			    buf_slice(&repo_file(r, "1.targets.json")->bytes)));

	/* A failed run leaves nothing behind that could be mistaken. */
	repo_serve(r, "timestamp.json", repo_find(r, "timestamp")->envelope, 0,
		   true);
	assert_refused(tuf_client_refresh(c, &r->source, &e), ERR_UNTRUSTED);
	assert_null(tuf_client_signed(c, TUF_TARGETS));
	tuf_client_close(c);
}

static void first_root_has_a_ceiling_too(void **state)
{
	struct repo *r = *state;
	struct err e;

	r->policy.root_max = 100;
	assert_refused(
		tuf_client_init(r->dirfd, &r->policy,
				buf_slice(&repo_file(r, "1.root.json")->bytes),
				&e),
		ERR_LIMIT);
	assert_refused(repo_refresh(r, &e), ERR_LIMIT);
	r->policy.root_max = 10000;
	assert_ok(repo_refresh(r, &e));
}

static void announced_lengths_have_ceilings(void **state)
{
	struct repo *r = *state;
	struct json *entry;
	struct err e;

	r->digests = true;
	repo_release(r);
	entry = member(member(repo_body(r, "timestamp"), "meta"),
		       "snapshot.json");
	json_set_int(entry, "length", 1000001);
	repo_publish(r, "timestamp");
	assert_refused(repo_refresh(r, &e), ERR_LIMIT);
	assert_string_equal(r->asked, "2.root.json timestamp.json");
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
}

static void trusted_targets_expire_in_the_folder(void **state)
{
	struct repo *r = *state;
	struct err e;

	json_set_text(repo_body(r, "targets"), "expires",
		      "2026-05-30T00:00:00Z");
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	r->now = NOW + 3 * UTC_DAY;
	assert_refused(repo_refresh(r, &e), ERR_EXPIRED);
	assert_string_equal(r->asked, "2.root.json timestamp.json");
}

static void a_trusted_snapshot_expires_in_the_folder(void **state)
{
	struct repo *r = *state;
	struct err e;

	json_set_text(repo_body(r, "snapshot"), "expires",
		      "2026-05-30T00:00:00Z");
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	r->now = NOW + 3 * UTC_DAY;
	assert_refused_saying(repo_refresh(r, &e), ERR_EXPIRED, "snapshot");
	assert_string_equal(r->asked, "2.root.json timestamp.json");
	json_set_text(repo_body(r, "snapshot"), "expires",
		      "2026-06-30T00:00:00Z");
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
}

static void a_refusal_names_the_file(void **state)
{
	static const char *const roles[] = { "timestamp", "snapshot",
					     "targets" };
	struct repo *r = *state;
	char name[TUF_NAME_MAX];
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		repo_name(r, roles[i], name);
		repo_serve(r, name, repo_find(r, roles[i])->envelope, 0, true);
		assert_refused_saying(repo_refresh(r, &e), ERR_UNTRUSTED,
				      roles[i]);
		repo_mend(r);
	}
	assert_ok(repo_refresh(r, &e));
}

static int run_import(struct repo *r, int64_t version, struct err *e)
{
	const struct tuf_import what = { .targets = version };
	struct tuf_client *c = NULL;
	int rc;

	r->asked[0] = 0;
	if (tuf_client_open(r->dirfd, &r->policy, r->now, &c, e))
		return -1;
	rc = tuf_client_import(c, &r->source, &what, e);
	if (rc == 0)
		assert_int_equal(tuf_client_version(c, TUF_TARGETS), version);
	tuf_client_close(c);
	return rc;
}

static void import_needs_neither_timestamp_nor_snapshot(void **state)
{
	struct repo *r = *state;
	struct err e;

	repo_publish(r, "root");
	repo_publish(r, "targets");
	assert_ok(run_import(r, 2, &e));
	assert_string_equal(r->asked, "2.root.json 3.root.json 2.targets.json");
	assert_trusted(r, 2, 0, 0, 2);
	assert_ok(run_import(r, 2, &e));
	assert_refused(run_import(r, 1, &e), ERR_ROLLBACK);
	assert_refused(run_import(r, 3, &e), ERR_NOT_FOUND);
}

static void import_refuses_what_is_not_signed_or_not_the_same(void **state)
{
	struct repo *r = *state;
	struct json *evil;
	struct err e;

	repo_serve(r, "1.targets.json", repo_find(r, "targets")->envelope,
		   KEY(ONLINE_KEY), true);
	assert_refused(run_import(r, 1, &e), ERR_UNTRUSTED);
	repo_mend(r);
	assert_ok(run_import(r, 1, &e));
	evil = repo_copy(r, "targets");
	json_set_text(tuf_envelope_signed(evil), "note", "changed");
	repo_serve(r, "1.targets.json", evil, KEY(TARGETS_KEY), true);
	assert_refused(run_import(r, 1, &e), ERR_CONFLICT);
	repo_mend(r);
	expire(evil);
	json_set_int(tuf_envelope_signed(evil), "version", 2);
	repo_serve(r, "2.targets.json", evil, KEY(TARGETS_KEY), true);
	assert_refused(run_import(r, 2, &e), ERR_EXPIRED);
	json_free(evil);
	assert_ok(run_import(r, 1, &e));
}

static void time_floor_is_the_latest_issued_of_root_and_targets(void **state)
{
	struct repo *r = *state;
	struct tuf_client *c = NULL;
	struct err e;

	json_set_text(repo_body(r, "targets"), "issued",
		      "2026-05-28T10:00:00Z");
	json_set_text(repo_body(r, "timestamp"), "issued",
		      "2026-05-28T20:00:00Z");
	repo_release(r);
	assert_ok(tuf_client_open(r->dirfd, &r->policy, r->now, &c, &e));
	assert_int_equal(tuf_client_time_floor(c), NOW - UTC_DAY);
	assert_ok(tuf_client_refresh(c, &r->source, &e));
	assert_int_equal(tuf_client_time_floor(c), 1779962400);
	tuf_client_close(c);
}

static void a_clock_that_is_behind_cannot_revive_expired_files(void **state)
{
	struct repo *r = *state;
	struct err e;

	/* Published in 2026; by its own clock the device is in 1970. */
	assert_ok(repo_refresh(r, &e));
	json_set_text(repo_body(r, "timestamp"), "issued",
		      "2026-05-26T00:00:00Z");
	json_set_text(repo_body(r, "timestamp"), "expires",
		      "2026-05-27T00:00:00Z"); /* before root was issued */
	repo_release(r);
	r->now = 0;
	assert_refused(repo_refresh(r, &e), ERR_EXPIRED);
	json_set_text(repo_body(r, "timestamp"), "expires",
		      "2026-05-28T00:00:00Z");
	repo_release(r);
	assert_ok(repo_refresh(r, &e));

	/* Targets that were trusted prove more, at the next start. */
	json_set_text(repo_body(r, "targets"), "issued",
		      "2026-05-29T00:00:00Z");
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	assert_refused(repo_refresh(r, &e), ERR_EXPIRED);
	json_set_text(repo_body(r, "timestamp"), "expires",
		      "2026-05-30T00:00:00Z");
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
}

/* The next root of a production repository is its first. */
static void make_production(struct repo *r)
{
	struct json *pawl = member(repo_body(r, "root"), "pawl");

	json_set_text(pawl, "environment", "production");
	json_set_text(pawl, "staging", "signed");
	repo_grant(r, "root", KEY(0) | KEY(5), 2);
	repo_grant(r, "targets", KEY(1) | KEY(6), 2);
	json_set_int(repo_body(r, "root"), "version", 0);
	repo_publish(r, "root");
	repo_release(r);
	repo_trust(r);
}

static int visit_nothing(void *ctx, const struct tuf_target *t, struct err *e)
{
	(void)ctx;
	(void)t;
	(void)e;
	return 0;
}

/* Whoever signed the delegation: the device counts for itself. */
static void in_production_two_operators_are_two(void **state)
{
	struct repo *r = *state;
	struct tuf_client *c = NULL;
	struct err e;

	repo_delegate(r, "targets", "rollout-wide", SPARE_KEY, "baseline/*/*");
	repo_publish(r, "rollout-wide");
	repo_release(r);
	repo_trust(r);
	assert_ok(tuf_client_open(r->dirfd, &r->policy, r->now, &c, &e));
	assert_ok(tuf_client_refresh(c, &r->source, &e));
	assert_ok(tuf_client_each_in(c, &r->source, "rollout-wide",
				     visit_nothing, NULL, &e));
	tuf_client_close(c);
	make_production(r);
	assert_ok(tuf_client_open(r->dirfd, &r->policy, r->now, &c, &e));
	assert_ok(tuf_client_refresh(c, &r->source, &e));
	assert_refused_saying(tuf_client_each_in(c, &r->source, "rollout-wide",
						 visit_nothing, NULL, &e),
			      ERR_REFUSED, "threshold of 2 for rollout-wide");
	tuf_client_close(c);
}

static void in_production_one_key_proves_no_time(void **state)
{
	struct repo *r = *state;
	struct tuf_client *c = NULL;
	struct err e;

	json_set_text(repo_body(r, "root"), "issued", "2026-05-20T00:00:00Z");
	make_production(r);
	json_set_text(repo_body(r, "timestamp"), "issued",
		      "2026-05-28T00:00:00Z");
	assert_ok(tuf_client_open(r->dirfd, &r->policy, r->now, &c, &e));
	assert_ok(tuf_client_refresh(c, &r->source, &e));
	assert_int_equal(tuf_client_time_floor(c), NOW - UTC_DAY);
	tuf_client_close(c);
}

/* ---- a foreign repository ------------------------------------------------ */

static void foreign_repositories_need_no_fields_of_ours(void **state)
{
	static const char *const roles[] = { "root", "targets", "snapshot",
					     "timestamp" };
	struct repo *r = *state;
	struct err e;

	r->policy.rules.foreign = true;
	r->plain = true;
	json_set_bool(repo_body(r, "root"), "consistent_snapshot", false);
	json_remove(repo_body(r, "root"), "pawl");
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		json_remove(repo_body(r, roles[i]), "issued");
		repo_publish(r, roles[i]);
	}
	assert_ok(repo_refresh(r, &e));
	assert_string_equal(r->asked, "2.root.json 3.root.json timestamp.json "
				      "snapshot.json targets.json");
	r->policy.rules.foreign = false;
	assert_refused(repo_refresh(r, &e), ERR_FORMAT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(marked_files_come_from_a_medium_only),
		T(what_a_medium_announced_binds_the_network_too),
		T(a_medium_is_forgotten_with_its_keys),
		T(of_a_medium_only_the_versions_bind_the_network),
		T(a_medium_can_be_used_twice_but_not_replaced_by_an_older),
		T(a_medium_of_the_same_version_changes_nothing),
		T(a_marked_snapshot_needs_a_medium_too),
		T(a_medium_lives_as_long_as_root_allows),
		T(what_is_trusted_can_be_looked_at),
		T(first_root_has_a_ceiling_too),
		T(announced_lengths_have_ceilings),
		T(trusted_targets_expire_in_the_folder),
		T(a_trusted_snapshot_expires_in_the_folder),
		T(a_refusal_names_the_file),
		T(import_needs_neither_timestamp_nor_snapshot),
		T(import_refuses_what_is_not_signed_or_not_the_same),
		T(time_floor_is_the_latest_issued_of_root_and_targets),
		T(a_clock_that_is_behind_cannot_revive_expired_files),
		T(in_production_two_operators_are_two),
		T(in_production_one_key_proves_no_time),
		T(foreign_repositories_need_no_fields_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
