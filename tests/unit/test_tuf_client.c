/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_client.h"

#include <fcntl.h>
#include <unistd.h>

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

/* ---- 5.2, 5.3: order and root -------------------------------------------- */

static void first_run_asks_for_four_files_in_order(void **state)
{
	struct repo *r = *state;
	struct err e;

	assert_ok(repo_refresh(r, &e));
	assert_string_equal(r->asked, "2.root.json timestamp.json "
				      "1.snapshot.json 1.targets.json");
	assert_trusted(r, 1, 1, 1, 1);
}

static void nothing_new_asks_for_root_and_timestamp_alone(void **state)
{
	struct repo *r = *state;
	struct err e;

	assert_ok(repo_refresh(r, &e));
	assert_ok(repo_refresh(r, &e));
	assert_string_equal(r->asked, "2.root.json timestamp.json");
}

static void keeps_the_exact_bytes_it_received(void **state)
{
	struct repo *r = *state;
	struct buf kept = BUF_INIT(1 << 20);
	struct repo_file *f = repo_file(r, "timestamp.json");
	struct err e;

	assert_ok(buf_add(&f->bytes, slice_of(" \n"), &e));
	assert_ok(repo_refresh(r, &e));
	assert_ok(fs_read_file(r->dirfd, "timestamp.json", &kept, &e));
	assert_true(slice_equal(buf_slice(&kept), buf_slice(&f->bytes)));
	buf_done(&kept);
}

static void first_root_must_be_signed_by_itself(void **state)
{
	struct repo *r = *state;
	struct repo_file *f;
	struct err e;

	repo_serve(r, "evil", repo_find(r, "root")->envelope, KEY(SPARE_KEY),
		   true);
	f = repo_file(r, "evil");
	assert_refused(
		tuf_client_init(r->dirfd, &r->policy, buf_slice(&f->bytes), &e),
		ERR_UNTRUSTED);
	assert_ok(repo_refresh(r, &e));
}

static void trusted_root_is_verified_again_when_loaded(void **state)
{
	struct repo *r = *state;
	struct repo_file *f;
	struct err e;

	repo_serve(r, "evil", repo_find(r, "root")->envelope, KEY(SPARE_KEY),
		   true);
	f = repo_file(r, "evil");
	assert_ok(tuf_store_write(r->dirfd, "root.json", buf_slice(&f->bytes),
				  &e));
	assert_refused(repo_refresh(r, &e), ERR_UNTRUSTED);
	assert_string_equal(r->asked, "");
	repo_trust(r);
	assert_ok(repo_refresh(r, &e));
}

static void follows_a_dozen_rotations_one_by_one(void **state)
{
	struct repo *r = *state;
	struct err e;

	for (unsigned i = 0; i < 12; i++) {
		unsigned old = KEY(i % 4), new = KEY((i + 1) % 4);

		repo_grant(r, "root", new, 1);
		repo_find(r, "root")->signers = old | new;
		repo_publish(r, "root");
	}
	assert_ok(repo_refresh(r, &e));
	assert_int_equal(repo_trusted(r, "root.json"), 13);
}

static void a_run_takes_so_many_roots_and_the_next_goes_on(void **state)
{
	struct repo *r = *state;
	struct err e;

	r->policy.rotations_max = 3;
	for (int i = 0; i < 5; i++)
		repo_publish(r, "root");
	assert_ok(repo_refresh(r, &e));
	assert_int_equal(repo_trusted(r, "root.json"), 4);
	assert_ok(repo_refresh(r, &e));
	assert_int_equal(repo_trusted(r, "root.json"), 6);
}

static void new_root_needs_the_old_keys_and_the_new(void **state)
{
	struct repo *r = *state;
	struct err e;

	repo_grant(r, "root", KEY(SPARE_KEY), 1);
	repo_find(r, "root")->signers = KEY(ROOT_KEY) | KEY(SPARE_KEY);
	repo_publish(r, "root");
	repo_serve(r, "2.root.json", repo_find(r, "root")->envelope,
		   KEY(SPARE_KEY), true);
	assert_refused(repo_refresh(r, &e), ERR_UNTRUSTED);
	repo_serve(r, "2.root.json", repo_find(r, "root")->envelope,
		   KEY(ROOT_KEY), true);
	assert_refused(repo_refresh(r, &e), ERR_UNTRUSTED);
	assert_int_equal(repo_trusted(r, "root.json"), 1);
	repo_mend(r);
	assert_ok(repo_refresh(r, &e));
	assert_int_equal(repo_trusted(r, "root.json"), 2);
}

static void new_root_is_exactly_one_version_on(void **state)
{
	struct repo *r = *state;
	struct json *evil;
	struct err e;

	repo_publish(r, "root");
	for (int64_t version = 1; version <= 3; version += 2) {
		evil = repo_copy(r, "root");
		json_set_int(tuf_envelope_signed(evil), "version", version);
		repo_serve(r, "2.root.json", evil, KEY(ROOT_KEY), true);
		json_free(evil);
		assert_refused(repo_refresh(r, &e), ERR_UNTRUSTED);
		assert_int_equal(repo_trusted(r, "root.json"), 1);
	}
	repo_mend(r);
	assert_ok(repo_refresh(r, &e));
}

static void intermediate_root_may_have_expired_the_last_may_not(void **state)
{
	struct repo *r = *state;
	struct err e;

	json_set_text(repo_body(r, "root"), "expires", "2026-05-28T20:26:40Z");
	repo_publish(r, "root");
	assert_refused(repo_refresh(r, &e), ERR_EXPIRED);
	assert_string_equal(r->asked, "2.root.json 3.root.json");
	assert_trusted(r, 2, 0, 0, 0);
	json_set_text(repo_body(r, "root"), "expires", "2026-06-28T20:26:40Z");
	repo_publish(r, "root");
	assert_ok(repo_refresh(r, &e));
	assert_trusted(r, 3, 1, 1, 1);
}

/* Who slept for years finds a chain of them, and then the one that lives. */
static void five_expired_roots_in_a_row_are_followed(void **state)
{
	struct repo *r = *state;
	struct err e;

	for (unsigned i = 0; i < 6; i++) {
		unsigned old = KEY(i % 4), new = KEY((i + 1) % 4);

		repo_grant(r, "root", new, 1);
		repo_find(r, "root")->signers = old | new;
		json_set_text(repo_body(r, "root"), "expires",
			      i < 5 ? "2026-05-28T20:26:40Z"
				    : "2026-06-28T20:26:40Z");
		repo_publish(r, "root");
	}
	assert_ok(repo_refresh(r, &e));
	assert_trusted(r, 7, 1, 1, 1);
}

static void only_a_missing_root_means_there_is_no_newer(void **state)
{
	struct repo *r = *state;
	struct err e;

	snprintf(r->broken, sizeof(r->broken), "2.root.json");
	assert_refused_then_recovers(r, ERR_NETWORK);
}

static void environment_of_a_repository_never_changes(void **state)
{
	struct repo *r = *state;
	struct json *evil;
	struct err e;

	repo_publish(r, "root");
	evil = repo_copy(r, "root");
	json_set_text(member(tuf_envelope_signed(evil), "pawl"), "environment",
		      "demo");
	repo_serve(r, "2.root.json", evil, KEY(ROOT_KEY), true);
	json_free(evil);
	assert_refused_then_recovers(r, ERR_REFUSED);
}

/* ---- signatures ---------------------------------------------------------- */

static void every_role_needs_its_own_keys(void **state)
{
	static const char *const files[][2] = {
		{ "timestamp", "timestamp.json" },
		{ "snapshot", "1.snapshot.json" },
		{ "targets", "1.targets.json" },
	};
	struct repo *r = *state;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct json *bare = repo_copy(r, files[i][0]);

		repo_serve(r, files[i][1], bare, KEY(SPARE_KEY), true);
		assert_refused(repo_refresh(r, &e), ERR_UNTRUSTED);
		repo_mend(r);
		repo_serve(r, files[i][1], bare, 0, true);
		assert_refused(repo_refresh(r, &e), ERR_UNTRUSTED);
		repo_mend(r);
		json_free(bare);
		assert_trusted(r, 1, i > 0, i > 1, 0);
	}
	assert_ok(repo_refresh(r, &e));
	assert_trusted(r, 1, 1, 1, 1);
}

static void one_signature_fewer_than_the_threshold_is_none(void **state)
{
	struct repo *r = *state;
	struct err e;

	repo_grant(r, "timestamp", KEY(ONLINE_KEY) | KEY(SPARE_KEY), 2);
	repo_publish(r, "root");
	repo_publish(r, "timestamp");
	repo_serve(r, "timestamp.json", repo_find(r, "timestamp")->envelope,
		   KEY(ONLINE_KEY), true);
	assert_refused(repo_refresh(r, &e), ERR_UNTRUSTED);
	assert_trusted(r, 2, 0, 0, 0);
	repo_mend(r);
	assert_ok(repo_refresh(r, &e));
}

static void a_file_of_another_role_is_refused(void **state)
{
	struct repo *r = *state;
	struct repo_file *f = repo_file(r, "1.snapshot.json");
	struct err e;

	repo_put(r, "timestamp.json", buf_slice(&f->bytes), true);
	assert_refused_then_recovers(r, ERR_FORMAT);
}

/* ---- 5.4 timestamp ------------------------------------------------------- */

static void older_timestamp_is_refused(void **state)
{
	struct repo *r = *state;
	struct buf old = BUF_INIT(1 << 20);
	struct err e;

	assert_ok(buf_add(
		&old, buf_slice(&repo_file(r, "timestamp.json")->bytes), &e));
	repo_publish(r, "timestamp");
	assert_ok(repo_refresh(r, &e));
	repo_put(r, "timestamp.json", buf_slice(&old), true);
	assert_refused_then_recovers(r, ERR_ROLLBACK);
	assert_trusted(r, 1, 2, 1, 1);
	buf_done(&old);
}

static void timestamp_of_the_same_version_changes_nothing(void **state)
{
	struct repo *r = *state;
	struct json *evil;
	struct err e;

	assert_ok(repo_refresh(r, &e));
	evil = repo_copy(r, "timestamp");
	json_set_int(member(member(tuf_envelope_signed(evil), "meta"),
			    "snapshot.json"),
		     "version", 100);
	repo_serve(r, "timestamp.json", evil, KEY(ONLINE_KEY), true);
	json_free(evil);
	assert_ok(repo_refresh(r, &e));
	assert_string_equal(r->asked, "2.root.json timestamp.json");
	assert_int_equal(repo_version(r, "timestamp"), 1);
}

static void equal_version_goes_on_with_what_is_missing(void **state)
{
	struct repo *r = *state;
	struct err e;

	snprintf(r->broken, sizeof(r->broken), "1.targets.json");
	assert_refused(repo_refresh(r, &e), ERR_NETWORK);
	assert_trusted(r, 1, 1, 1, 0);
	repo_mend(r);
	assert_ok(repo_refresh(r, &e));
	assert_string_equal(r->asked,
			    "2.root.json timestamp.json 1.targets.json");
	assert_ok(
		tuf_store_write(r->dirfd, "snapshot.json", slice_of("{"), &e));
	assert_ok(repo_refresh(r, &e));
	assert_string_equal(r->asked,
			    "2.root.json timestamp.json 1.snapshot.json");
	assert_trusted(r, 1, 1, 1, 1);
}

static void announced_snapshot_may_not_go_back(void **state)
{
	struct repo *r = *state;
	struct json *evil;
	struct err e;

	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	repo_publish(r, "timestamp");
	evil = repo_copy(r, "timestamp");
	json_set(
		member(tuf_envelope_signed(evil), "meta"), "snapshot.json",
		tuf_meta_entry(
			buf_slice(&repo_file(r, "1.snapshot.json")->bytes), 1));
	repo_serve(r, "timestamp.json", evil, KEY(ONLINE_KEY), true);
	json_free(evil);
	assert_refused_then_recovers(r, ERR_ROLLBACK);
	assert_trusted(r, 1, 3, 2, 2);
}

static void expired_files_are_never_kept(void **state)
{
	static const char *const roles[] = { "timestamp", "snapshot",
					     "targets" };
	struct repo *r = *state;
	struct err e;

	assert_ok(repo_refresh(r, &e));
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct json *body = repo_body(r, roles[i]);

		json_set_text(body, "expires", "2026-05-28T20:26:40Z");
		repo_release(r);
		assert_refused(repo_refresh(r, &e), ERR_EXPIRED);
		json_set_text(body, "expires", "2026-06-28T20:26:40Z");
	}
	assert_trusted(r, 1, 4, 4, 1);
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
}

/* Whoever lost the online keys rotates them by root: that must get through. */
static void an_expired_role_lets_a_new_root_in(void **state)
{
	static const char *const roles[] = { "timestamp", "snapshot",
					     "targets" };
	struct repo *r = *state;
	int64_t root = 1;
	struct err e;

	assert_ok(repo_refresh(r, &e));
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct json *body = repo_body(r, roles[i]);

		json_set_text(body, "expires", "2026-05-28T20:26:40Z");
		repo_release(r);
		repo_publish(r, "root");
		root++;
		assert_refused(repo_refresh(r, &e), ERR_EXPIRED);
		assert_int_equal(repo_trusted(r, "root.json"), root);
		json_set_text(body, "expires", "2026-06-28T20:26:40Z");
	}
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
}

static void trusted_files_expire_too(void **state)
{
	struct repo *r = *state;
	struct err e;

	assert_ok(repo_refresh(r, &e));
	r->now = NOW + 30 * UTC_DAY;
	assert_refused(repo_refresh(r, &e), ERR_EXPIRED);
	r->now--;
	assert_ok(repo_refresh(r, &e));
}

/* ---- 5.5 snapshot, 5.6 targets ------------------------------------------- */

static void announced_length_and_digest_bind(void **state)
{
	struct repo *r = *state;
	struct buf longer = BUF_INIT(1 << 20);
	struct repo_file *f;
	struct err e;

	r->digests = true;
	repo_release(r);
	f = repo_file(r, "2.targets.json");
	assert_ok(buf_add(&longer, buf_slice(&f->bytes), &e));
	assert_ok(buf_add(&longer, slice_of(" "), &e));
	repo_put(r, "2.targets.json", buf_slice(&longer), true);
	assert_refused(repo_refresh(r, &e), ERR_LIMIT);
	repo_mend(r);
	longer.len--;
	longer.ptr[longer.len - 1] = ' ';
	repo_put(r, "2.targets.json", buf_slice(&longer), true);
	assert_refused_then_recovers(r, ERR_UNTRUSTED);
	buf_done(&longer);
}

static void version_must_be_the_announced_one(void **state)
{
	struct repo *r = *state;
	struct json *evil = repo_copy(r, "snapshot");
	struct err e;

	json_set_int(tuf_envelope_signed(evil), "version", 2);
	repo_serve(r, "1.snapshot.json", evil, KEY(ONLINE_KEY), true);
	json_free(evil);
	assert_refused_then_recovers(r, ERR_UNTRUSTED);
}

static void snapshot_may_not_drop_a_role(void **state)
{
	struct repo *r = *state;
	struct json *meta = member(repo_body(r, "snapshot"), "meta");
	struct json *entry = json_new_object();
	struct err e;

	json_set_int(entry, "version", 1);
	json_set(meta, "other.json", entry);
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	json_remove(meta, "other.json");
	repo_release(r);
	assert_refused(repo_refresh(r, &e), ERR_ROLLBACK);
	assert_trusted(r, 1, 3, 2, 2);
	entry = json_new_object();
	json_set_int(entry, "version", 1);
	json_set(meta, "other.json", entry);
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
}

static void targets_may_not_go_back(void **state)
{
	struct repo *r = *state;
	struct json *meta;
	struct err e;

	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	meta = member(repo_body(r, "snapshot"), "meta");
	json_set(meta, "targets.json",
		 tuf_meta_entry(
			 buf_slice(&repo_file(r, "1.targets.json")->bytes), 1));
	repo_publish(r, "snapshot");
	repo_publish(r, "timestamp");
	assert_refused(repo_refresh(r, &e), ERR_ROLLBACK);
	assert_trusted(r, 1, 3, 2, 2);
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
}

static void ceilings_are_the_documented_ones(void **state)
{
	const struct tuf_policy *const both[] = { &tuf_policy_device,
						  &tuf_policy_server };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		assert_int_equal(both[i]->root_max, 512000);
		assert_int_equal(both[i]->timestamp_max, 16384);
		assert_int_equal(both[i]->rotations_max, 64);
		assert_int_equal(both[i]->delegations_max, 32);
	}
	assert_int_equal(tuf_policy_device.snapshot_max, 1000000);
	assert_int_equal(tuf_policy_device.targets_max, 1000000);
	assert_int_equal(tuf_policy_server.snapshot_max, 2000000);
	assert_int_equal(tuf_policy_server.targets_max, 5000000);
}

static void files_have_ceilings(void **state)
{
	static const char *const files[] = { "2.root.json", "timestamp.json",
					     "1.snapshot.json",
					     "1.targets.json" };
	struct repo *r = *state;
	struct buf huge = BUF_INIT(2000000);
	struct err e;

	assert_non_null(buf_reserve(&huge, 1000001, &e));
	memset(huge.ptr, ' ', 1000001);
	huge.len = 1000001;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		repo_put(r, files[i], buf_slice(&huge), true);
		assert_refused(repo_refresh(r, &e), ERR_LIMIT);
		repo_mend(r);
	}
	assert_ok(repo_refresh(r, &e));
	buf_done(&huge);
}

static void versions_end_below_two_to_the_53(void **state)
{
	struct repo *r = *state;
	struct buf evil = BUF_INIT(1 << 20);
	struct repo_file *f = repo_file(r, "timestamp.json");
	struct err e;

	(void)f;
	assert_ok(buf_add(&evil,
			  slice_of("{\"signatures\":[],\"signed\":{\"_type\":"
				   "\"timestamp\",\"version\":"
				   "9223372036854775807}}"),
			  &e));
	repo_put(r, "timestamp.json", buf_slice(&evil), true);
	assert_refused_then_recovers(r, ERR_LIMIT);
	buf_done(&evil);
}

/* ---- fast-forward recovery ----------------------------------------------- */

static void rotated_timestamp_keys_forget_its_version(void **state)
{
	struct repo *r = *state;
	struct err e;

	json_set_int(repo_body(r, "timestamp"), "version", JSON_INT_MAX - 1);
	repo_publish(r, "timestamp");
	assert_ok(repo_refresh(r, &e));
	json_set_int(repo_body(r, "timestamp"), "version", 1);
	repo_publish(r, "timestamp");
	assert_refused(repo_refresh(r, &e), ERR_ROLLBACK);
	repo_grant(r, "timestamp", KEY(SPARE_KEY), 1);
	repo_publish(r, "root");
	repo_publish(r, "timestamp");
	assert_ok(repo_refresh(r, &e));
	assert_trusted(r, 2, 3, 1, 1);
}

static void rotated_snapshot_keys_forget_all_versions(void **state)
{
	struct repo *r = *state;
	struct err e;

	json_set_int(repo_body(r, "targets"), "version", 99);
	json_set_int(repo_body(r, "snapshot"), "version", 99);
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	assert_trusted(r, 1, 2, 100, 100);
	json_set_int(repo_body(r, "targets"), "version", 1);
	json_set_int(repo_body(r, "snapshot"), "version", 1);
	repo_release(r);
	assert_refused(repo_refresh(r, &e), ERR_ROLLBACK);
	repo_grant(r, "snapshot", KEY(SPARE_KEY), 1);
	repo_publish(r, "root");
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	assert_trusted(r, 2, 4, 3, 3);
}

static void recovery_survives_a_run_that_is_cut_off(void **state)
{
	struct repo *r = *state;
	struct err e;

	json_set_int(repo_body(r, "snapshot"), "version", 99);
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	json_set_int(repo_body(r, "snapshot"), "version", 1);
	repo_grant(r, "snapshot", KEY(SPARE_KEY), 1);
	repo_publish(r, "root");
	repo_release(r);
	snprintf(r->broken, sizeof(r->broken), "timestamp.json");
	assert_refused(repo_refresh(r, &e), ERR_NETWORK);
	assert_trusted(r, 2, 0, 0, 2);
	assert_refused_then_recovers(r, ERR_NETWORK);
	assert_trusted(r, 2, 3, 2, 3);
}

/* A digit of what was signed falls over in the folder. */
static void spoil(struct repo *r, const char *name)
{
	static const char before[] = "\"version\":";
	struct buf bytes = BUF_INIT(1 << 24);
	uint8_t *digit;
	struct err e;

	assert_ok(fs_read_file(r->dirfd, name, &bytes, &e));
	digit = memmem(bytes.ptr, bytes.len, before, strlen(before));
	assert_non_null(digit);
	digit[strlen(before)] ^= 1;
	assert_ok(tuf_store_write(r->dirfd, name, buf_slice(&bytes), &e));
	buf_done(&bytes);
}

/* What is damaged says nothing; what it was kept with binds as before. */
static void a_damaged_file_takes_no_other_with_it(void **state)
{
	static const char *const files[] = { "timestamp.json",
					     "snapshot.json" };
	struct repo *r = *state;
	struct repo_file *first = repo_file(r, "timestamp.json");
	struct err e;

	repo_release(r);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_ok(repo_refresh(r, &e));
		assert_trusted(r, 1, 2, 2, 2);
		spoil(r, files[i]);
		repo_put(r, "timestamp.json", buf_slice(&first->bytes), true);
		assert_refused_then_recovers(r, ERR_ROLLBACK);
		assert_trusted(r, 1, 2, 2, 2);
	}
}

/* Nobody lost a key: there is nothing to recover from. */
static void a_higher_threshold_forgets_nothing(void **state)
{
	struct repo *r = *state;
	struct err e;

	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	repo_grant(r, "snapshot", KEY(ONLINE_KEY) | KEY(SPARE_KEY), 2);
	repo_publish(r, "root");
	repo_find(r, "snapshot")->signers = KEY(ONLINE_KEY);
	repo_release(r);
	assert_refused(repo_refresh(r, &e), ERR_UNTRUSTED);
	assert_trusted(r, 2, 3, 2, 2);
	repo_find(r, "snapshot")->signers |= KEY(SPARE_KEY);
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	assert_trusted(r, 2, 4, 4, 4);
}

/* The new root is kept last: before that, the rotation is found again. */
static void recovery_is_begun_before_the_root_is_kept(void **state)
{
	struct repo *r = *state;
	struct err e;

	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	repo_grant(r, "timestamp", KEY(SPARE_KEY), 1);
	repo_publish(r, "root");
	/* A folder in the file's place cannot be removed as one. */
	assert_int_equal(unlinkat(r->dirfd, "snapshot.json", 0), 0);
	assert_int_equal(mkdirat(r->dirfd, "snapshot.json", 0700), 0);
	assert_int_not_equal(repo_refresh(r, &e), 0);
	assert_int_equal(repo_trusted(r, "root.json"), 1);
	assert_int_equal(repo_trusted(r, "timestamp.json"), 0);
	assert_int_equal(unlinkat(r->dirfd, "snapshot.json", AT_REMOVEDIR), 0);
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	assert_trusted(r, 2, 3, 3, 3);
}

static void targets_signed_by_removed_keys_are_not_used(void **state)
{
	struct repo *r = *state;
	struct err e;

	assert_ok(repo_refresh(r, &e));
	repo_grant(r, "targets", KEY(SPARE_KEY), 1);
	repo_publish(r, "root");
	assert_refused(repo_refresh(r, &e), ERR_UNTRUSTED);
	repo_release(r);
	assert_ok(repo_refresh(r, &e));
	assert_trusted(r, 2, 2, 2, 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(first_run_asks_for_four_files_in_order),
		T(nothing_new_asks_for_root_and_timestamp_alone),
		T(keeps_the_exact_bytes_it_received),
		T(first_root_must_be_signed_by_itself),
		T(trusted_root_is_verified_again_when_loaded),
		T(follows_a_dozen_rotations_one_by_one),
		T(a_run_takes_so_many_roots_and_the_next_goes_on),
		T(new_root_needs_the_old_keys_and_the_new),
		T(new_root_is_exactly_one_version_on),
		T(intermediate_root_may_have_expired_the_last_may_not),
		T(five_expired_roots_in_a_row_are_followed),
		T(only_a_missing_root_means_there_is_no_newer),
		T(environment_of_a_repository_never_changes),
		T(every_role_needs_its_own_keys),
		T(one_signature_fewer_than_the_threshold_is_none),
		T(a_file_of_another_role_is_refused),
		T(older_timestamp_is_refused),
		T(timestamp_of_the_same_version_changes_nothing),
		T(equal_version_goes_on_with_what_is_missing),
		T(announced_snapshot_may_not_go_back),
		T(expired_files_are_never_kept),
		T(an_expired_role_lets_a_new_root_in),
		T(trusted_files_expire_too),
		T(announced_length_and_digest_bind),
		T(version_must_be_the_announced_one),
		T(snapshot_may_not_drop_a_role),
		T(targets_may_not_go_back),
		T(ceilings_are_the_documented_ones),
		T(files_have_ceilings),
		T(versions_end_below_two_to_the_53),
		T(rotated_timestamp_keys_forget_its_version),
		T(rotated_snapshot_keys_forget_all_versions),
		T(a_damaged_file_takes_no_other_with_it),
		T(a_higher_threshold_forgets_nothing),
		T(recovery_is_begun_before_the_root_is_kept),
		T(recovery_survives_a_run_that_is_cut_off),
		T(targets_signed_by_removed_keys_are_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
