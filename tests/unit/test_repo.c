/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/change.h"
#include "signer/document.h"
#include "signer/repo.h"
#include "signer/roleedit.h"

#define NOW 1795363200

static char folder[] = "/tmp/pawl-test-repo.XXXXXX";
static int parent = -1;
static struct ec_private *key;

static int make_folder(void **state)
{
	struct err e;

	(void)state;
	if (!mkdtemp(folder) || fs_open_dir(folder, &parent, &e))
		return -1;
	return ec_generate(&key, &e);
}

static int remove_folder(void **state)
{
	(void)state;
	ec_free(key);
	fs_close(&parent);
	return rmdir(folder);
}

/* A lab repository whose one key holds every role; root is staged. */
static int make_repo(void **state)
{
	const struct roleedit_site site = { ENV_LAB, "server", 90 };
	struct repo r;
	struct json *envelope;
	struct ec_public public_key;
	struct err e = { 0 };
	size_t dropped;

	(void)state;
	repo_init(&r, "repo");
	repo_settings_default(&r.settings);
	r.settings.owner = mem_dup_str("Somebody & Co");
	r.settings.products.at[r.settings.products.count++] =
		mem_dup_str("gateway");
	assert_ok(fs_mkdir(parent, "repo", 0755, &e));
	assert_ok(
		fs_open(parent, "repo", O_RDONLY | O_DIRECTORY, &r.dirfd, &e));
	assert_ok(fs_mkdir(r.dirfd, "metadata", 0755, &e));
	assert_ok(fs_mkdir(r.dirfd, "staged", 0755, &e));
	assert_ok(repo_write_settings(r.dirfd, &r.settings, ENV_LAB, &e));
	envelope = tuf_envelope_new(TUF_ROOT, 1, NOW, NOW + 730 * UTC_DAY);
	roleedit_init(tuf_envelope_signed(envelope), &site);
	ec_public_of(key, &public_key);
	assert_ok(roleedit_add(tuf_envelope_signed(envelope), "root",
			       &public_key, &e));
	assert_ok(roleedit_add(tuf_envelope_signed(envelope), "targets",
			       &public_key, &e));
	assert_ok(roleedit_add(tuf_envelope_signed(envelope), "online",
			       &public_key, &e));
	assert_ok(repo_stage(&r, "root", envelope, &dropped, &e));
	repo_close(&r);
	return 0;
}

static int remove_repo(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_remove_tree(parent, "repo", &e));
	return 0;
}

static const char *repo_path(void)
{
	static char path[PATH_MAX_LEN];
	struct err e = { 0 };

	assert_ok(text_format(path, sizeof(path), &e, "%s/repo", folder));
	return path;
}

static void settings_are_read_back(void **state)
{
	struct repo r;
	struct err e = { 0 };

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_READ, &r, &e));
	assert_string_equal(r.settings.owner, "Somebody & Co");
	assert_null(r.settings.contact);
	assert_true(repo_has_product(&r, "gateway"));
	assert_false(repo_has_product(&r, "gate"));
	assert_int_equal(r.settings.root_days, 730);
	assert_int_equal(r.settings.targets_days, 400);
	assert_int_equal(r.environment, ENV_LAB);
	repo_close(&r);
}

static void settings_that_would_not_be_read_back_are_refused(void **state)
{
	static char bad[][12] = { "two\nlines", " space", "", "x\n[expiry]" };
	struct repo_settings s;
	struct err e = { 0 };
	struct repo r;

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_READ, &r, &e));
	s = r.settings;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		s.owner = bad[i];
		if (repo_write_settings(r.dirfd, &s, ENV_LAB, &e) == 0)
			fail_msg("not refused: \"%s\"", bad[i]);
	}
	repo_close(&r);
	assert_ok(repo_open(repo_path(), REPO_READ, &r, &e));
	repo_close(&r);
}

static void a_folder_without_settings_is_no_repository(void **state)
{
	struct repo r;
	struct err e = { 0 };

	(void)state;
	assert_refused(repo_open(folder, REPO_READ, &r, &e), ERR_NOT_FOUND);
	assert_refused(repo_open("/nonexistent", REPO_READ, &r, &e),
		       ERR_NOT_FOUND);
}

static void two_writers_exclude_each_other(void **state)
{
	struct repo first, second;
	struct err e = { 0 };

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_WRITE, &first, &e));
	assert_refused(repo_open(repo_path(), REPO_WRITE, &second, &e),
		       ERR_BUSY);
	assert_ok(repo_open(repo_path(), REPO_READ, &second, &e));
	repo_close(&second);
	repo_close(&first);
	assert_ok(repo_open(repo_path(), REPO_WRITE, &second, &e));
	repo_close(&second);
}

static void what_a_cut_off_command_left_is_cleared(void **state)
{
	struct err e = { 0 };
	struct stat st;
	struct repo r;

	(void)state;
	assert_ok(fs_mkdirs(parent, "repo/.work/package", 0700, &e));
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	assert_refused(fs_stat(parent, "repo/.work/package", &st, &e),
		       ERR_NOT_FOUND);
	repo_close(&r);
	assert_refused(fs_stat(parent, "repo/.work", &st, &e), ERR_NOT_FOUND);
}

static void publish_root(struct repo *r)
{
	struct err e = { 0 };

	assert_ok(tuf_sign(r->root.staged, key, &e));
	assert_ok(repo_save_staged(r, "root", &e));
	assert_ok(repo_commit(r, "root", &e));
}

static void a_commit_moves_staged_to_published(void **state)
{
	struct repo r;
	struct err e = { 0 };

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	assert_int_equal(repo_version(&r, "root"), 0);
	publish_root(&r);
	assert_int_equal(repo_version(&r, "root"), 1);
	assert_null(r.root.staged);
	repo_close(&r);
	assert_ok(repo_open(repo_path(), REPO_READ, &r, &e));
	assert_int_equal(repo_version(&r, "root"), 1);
	assert_null(r.root.staged);
	assert_int_equal(envelope_signature_count(r.root.published), 1);
	repo_close(&r);
}

static void the_next_change_has_the_next_version_and_no_signature(void **state)
{
	struct json *envelope;
	struct repo r;
	struct err e = { 0 };
	int64_t issued = NOW + 5;
	char text[UTC_TEXT_LEN];

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	publish_root(&r);
	assert_ok(repo_begin(&r, "root", issued, &envelope, &e));
	assert_int_equal(envelope_version(envelope), 2);
	assert_int_equal(envelope_signature_count(envelope), 0);
	utc_format(issued, text);
	assert_string_equal(
		json_text(json_get(envelope_signed(envelope), "issued")), text);
	json_free(envelope);
	repo_close(&r);
}

static void a_second_change_keeps_the_version_and_drops_signatures(void **state)
{
	struct json *envelope;
	struct repo r;
	struct err e = { 0 };
	size_t dropped;

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	publish_root(&r);
	assert_ok(repo_begin(&r, "root", NOW, &envelope, &e));
	assert_ok(repo_stage(&r, "root", envelope, &dropped, &e));
	assert_int_equal(dropped, 0);
	assert_ok(tuf_sign(r.root.staged, key, &e));
	assert_ok(repo_save_staged(&r, "root", &e));
	assert_ok(repo_begin(&r, "root", NOW + 9, &envelope, &e));
	assert_int_equal(envelope_version(envelope), 2);
	assert_ok(repo_stage(&r, "root", envelope, &dropped, &e));
	assert_int_equal(dropped, 1);
	assert_int_equal(envelope_signature_count(r.root.staged), 0);
	repo_close(&r);
}

static void a_damaged_staged_file_is_refused(void **state)
{
	struct repo r;
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_replace_file(parent, "repo/staged/root.json",
				  slice_of("{\"signatures\":"), 0644, &e));
	assert_refused(repo_open(repo_path(), REPO_READ, &r, &e), ERR_FORMAT);
}

static void a_file_of_another_role_is_refused(void **state)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	struct repo r;
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_read_file(parent, "repo/staged/root.json", &bytes, &e));
	assert_ok(fs_replace_file(parent, "repo/staged/targets.json",
				  buf_slice(&bytes), 0644, &e));
	assert_refused(repo_open(repo_path(), REPO_READ, &r, &e), ERR_FORMAT);
	buf_done(&bytes);
}

static void a_published_file_of_another_version_is_refused(void **state)
{
	struct repo r;
	struct err e = { 0 };

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	publish_root(&r);
	assert_ok(fs_rename(r.dirfd, "metadata/1.root.json",
			    "metadata/7.root.json", &e));
	repo_close(&r);
	assert_refused(repo_open(repo_path(), REPO_READ, &r, &e), ERR_FORMAT);
}

static void a_version_is_published_once(void **state)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	struct repo r;
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_read_file(parent, "repo/staged/root.json", &bytes, &e));
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	publish_root(&r);
	repo_close(&r);
	/* As if the rename of a commit had been seen twice after a crash. */
	assert_ok(fs_replace_file(parent, "repo/staged/root.json",
				  buf_slice(&bytes), 0644, &e));
	assert_ok(repo_open(repo_path(), REPO_READ, &r, &e));
	assert_null(r.root.staged);
	repo_close(&r);
	buf_done(&bytes);
}

static void keys_have_names_that_stay_here(void **state)
{
	struct repo r;
	struct err e = { 0 };

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	assert_ok(repo_name_key(&r, "00ff", "alice", &e));
	assert_refused(repo_name_key(&r, "00ff", "Alice Smith", &e), ERR_USAGE);
	repo_close(&r);
	assert_ok(repo_open(repo_path(), REPO_READ, &r, &e));
	assert_string_equal(json_text(json_get(r.names, "00ff")), "alice");
	repo_close(&r);
}

static void a_root_without_the_old_key_stages_targets_again(void **state)
{
	struct report out = { .json = true };
	struct ec_private *other;
	struct ec_public old_key, new_key;
	char keyid[TUF_KEYID_LEN];
	struct json *envelope;
	struct repo r;
	struct err e = { 0 };
	size_t dropped;

	(void)state;
	assert_ok(ec_generate(&other, &e));
	ec_public_of(other, &new_key);
	ec_public_of(key, &old_key);
	assert_ok(tuf_keyid(&old_key, keyid, &e));
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	publish_root(&r);
	envelope = tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + UTC_DAY);
	json_set(tuf_envelope_signed(envelope), "targets", json_new_object());
	assert_ok(repo_stage(&r, "targets", envelope, &dropped, &e));
	assert_ok(tuf_sign(r.targets.staged, key, &e));
	assert_ok(repo_commit(&r, "targets", &e));
	assert_ok(repo_begin(&r, "root", NOW, &envelope, &e));
	assert_ok(roleedit_add(tuf_envelope_signed(envelope), "targets",
			       &new_key, &e));
	assert_ok(
		change_stage(&r, "root", json_clone(envelope), NOW, &out, &e));
	assert_null(r.targets.staged);
	assert_ok(roleedit_remove(tuf_envelope_signed(envelope), "targets",
				  keyid, &e));
	assert_ok(change_stage(&r, "root", envelope, NOW, &out, &e));
	assert_non_null(r.targets.staged);
	assert_int_equal(envelope_version(r.targets.staged), 2);
	json_free(out.object);
	repo_close(&r);
	ec_free(other);
}

/* Targets that delegate to the operators, published. */
static void delegate(struct repo *r)
{
	struct ec_public public_key;
	struct json *envelope;
	struct err e = { 0 };
	size_t dropped;

	ec_public_of(key, &public_key);
	publish_root(r);
	envelope = tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + UTC_DAY);
	roleedit_init_targets(tuf_envelope_signed(envelope), ENV_LAB, NULL);
	assert_ok(roleedit_delegate(tuf_envelope_signed(envelope), "rollout",
				    &e));
	assert_ok(roleedit_add(tuf_envelope_signed(envelope), "rollout",
			       &public_key, &e));
	assert_ok(repo_stage(r, "targets", envelope, &dropped, &e));
	assert_ok(tuf_sign(r->targets.staged, key, &e));
	assert_ok(repo_commit(r, "targets", &e));
}

static void a_delegated_role_begins_empty_and_is_held_by_name(void **state)
{
	const struct repo_role *held;
	struct json *envelope;
	struct err e = { 0 };
	struct repo r;
	size_t dropped;

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	delegate(&r);
	assert_refused(repo_begin(&r, "nightly", NOW, &envelope, &e),
		       ERR_NOT_FOUND);
	assert_ok(repo_begin(&r, "rollout", NOW, &envelope, &e));
	assert_string_equal(envelope_role(envelope), "rollout");
	assert_string_equal(
		json_text(json_get(envelope_signed(envelope), "expires")),
		"2026-12-22T16:00:00Z");
	assert_ok(repo_stage(&r, "rollout", envelope, &dropped, &e));
	repo_close(&r);
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	held = repo_role(&r, "rollout");
	assert_non_null(held);
	assert_non_null(held->staged);
	assert_null(repo_role(&r, "rollout-wide"));
	assert_ok(tuf_sign(held->staged, key, &e));
	assert_ok(repo_commit(&r, "rollout", &e));
	assert_int_equal(repo_version(&r, "rollout"), 1);
	repo_close(&r);
}

/* Snapshot may not drop a role, so its last version stays known. */
static void a_role_that_was_taken_back_is_still_held(void **state)
{
	struct json *envelope;
	struct err e = { 0 };
	struct repo r;
	size_t dropped;

	(void)state;
	a_delegated_role_begins_empty_and_is_held_by_name(state);
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	assert_true(repo_is_listed(&r, "rollout"));
	assert_ok(repo_begin(&r, "targets", NOW, &envelope, &e));
	assert_ok(roleedit_undelegate(tuf_envelope_signed(envelope), "rollout",
				      &e));
	assert_null(json_get(envelope_signed(envelope), "delegations"));
	assert_ok(repo_stage(&r, "targets", envelope, &dropped, &e));
	assert_ok(repo_commit(&r, "targets", &e));
	repo_close(&r);
	assert_ok(repo_open(repo_path(), REPO_READ, &r, &e));
	assert_false(repo_is_listed(&r, "rollout"));
	assert_int_equal(repo_version(&r, "rollout"), 1);
	repo_close(&r);
}

/* A file of another role under this role's name. */
static void a_delegated_file_says_which_role_it_is_for(void **state)
{
	struct json *envelope;
	struct err e = { 0 };
	struct repo r;
	size_t dropped;

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	delegate(&r);
	envelope = envelope_unsigned(envelope_signed(r.targets.published));
	assert_ok(repo_stage(&r, "rollout", envelope, &dropped, &e));
	repo_close(&r);
	assert_refused(repo_open(repo_path(), REPO_READ, &r, &e), ERR_FORMAT);
	assert_non_null(strstr(e.msg, "is not a rollout file"));
}

/* ---- documents ----------------------------------------------------------- */

static struct json *make_document(const char *type)
{
	struct json *document = json_new_object();

	json_set_int(document, "v", 1);
	json_set_text(document, "type", type);
	json_set_text(document, "said", "so");
	return document;
}

static void a_document_is_listed_and_read_back(void **state)
{
	static const char path[] = "rollout/gateway/1.json";
	struct json *document = make_document("order"), *again = NULL;
	struct report out = { .json = true };
	struct err e = { 0 };
	struct repo r;

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	delegate(&r);
	assert_refused(document_get(&r, "rollout", path, &again, &e),
		       ERR_NOT_FOUND);
	assert_ok(document_put(&r,
			       &(struct document){ "rollout", path, document },
			       NOW, &out, &e));
	assert_ok(document_get(&r, "rollout", path, &again, &e));
	assert_true(json_same(document, again));
	json_free(again);
	json_set_text(document, "said", "otherwise");
	assert_ok(document_put(&r,
			       &(struct document){ "rollout", path, document },
			       NOW, &out, &e));
	assert_ok(document_get(&r, "rollout", path, &again, &e));
	assert_true(json_same(document, again));
	json_free(again);
	assert_int_equal(
		json_count(json_get(repo_current(repo_role(&r, "rollout")),
				    "targets")),
		1);
	assert_ok(document_remove(&r, "rollout", path, NOW, &out, &e));
	assert_refused(document_remove(&r, "rollout", path, NOW, &out, &e),
		       ERR_NOT_FOUND);
	json_free(document);
	json_free(out.object);
	repo_close(&r);
}

static void a_document_that_a_role_may_not_list_is_refused(void **state)
{
	struct json *document = make_document("order");
	struct report out = { .json = true };
	struct err e = { 0 };
	struct repo r;

	(void)state;
	assert_ok(repo_open(repo_path(), REPO_WRITE, &r, &e));
	delegate(&r);
	assert_refused(
		document_put(&r,
			     &(struct document){ "rollout",
						 "rollout-wide/gateway/1.json",
						 document },
			     NOW, &out, &e),
		ERR_REFUSED);
	assert_refused(
		document_put(&r,
			     &(struct document){ "rollout", "rollout/../x.json",
						 document },
			     NOW, &out, &e),
		ERR_REFUSED);
	assert_refused(document_put(&r,
				    &(struct document){ "nightly",
							"nightly/gateway/1/x",
							document },
				    NOW, &out, &e),
		       ERR_NOT_FOUND);
	json_remove(document, "v");
	assert_refused(document_put(&r,
				    &(struct document){
					    "rollout", "rollout/gateway/1.json",
					    document },
				    NOW, &out, &e),
		       ERR_FORMAT);
	json_free(document);
	json_free(out.object);
	repo_close(&r);
}

#define WITH_REPO(test)                                                        \
	cmocka_unit_test_setup_teardown(test, make_repo, remove_repo)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_REPO(settings_are_read_back),
		WITH_REPO(settings_that_would_not_be_read_back_are_refused),
		WITH_REPO(a_folder_without_settings_is_no_repository),
		WITH_REPO(two_writers_exclude_each_other),
		WITH_REPO(what_a_cut_off_command_left_is_cleared),
		WITH_REPO(a_commit_moves_staged_to_published),
		WITH_REPO(
			the_next_change_has_the_next_version_and_no_signature),
		WITH_REPO(
			a_second_change_keeps_the_version_and_drops_signatures),
		WITH_REPO(a_damaged_staged_file_is_refused),
		WITH_REPO(a_file_of_another_role_is_refused),
		WITH_REPO(a_published_file_of_another_version_is_refused),
		WITH_REPO(a_version_is_published_once),
		WITH_REPO(keys_have_names_that_stay_here),
		WITH_REPO(a_root_without_the_old_key_stages_targets_again),
		WITH_REPO(a_delegated_role_begins_empty_and_is_held_by_name),
		WITH_REPO(a_role_that_was_taken_back_is_still_held),
		WITH_REPO(a_delegated_file_says_which_role_it_is_for),
		WITH_REPO(a_document_is_listed_and_read_back),
		WITH_REPO(a_document_that_a_role_may_not_list_is_refused),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
