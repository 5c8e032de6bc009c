/* SPDX-License-Identifier: Apache-2.0 */
/* A published folder: what goes there, and what a device would make of it. */
#include "signer/outlet.h"

#include "tests/unit/lab_repo.h"

#define MANUAL  "gateway/1/manual.txt"
#define CONTENT "read me"

static struct lab lab;

/* Signed and staged; a package, and a document of the top-level targets. */
static int setup(void **state)
{
	(void)state;
	lab_open(&lab, ENV_LAB);
	lab_list(&lab, LAB_ROLE, MANUAL, CONTENT);
	lab_list(&lab, "targets", "notes.txt", "notes");
	lab_sign_all(&lab);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lab_close(&lab);
	return 0;
}

/* ---- helpers ------------------------------------------------------------- */

static int check_repo(struct err *e)
{
	return outlet_check_repo(&lab.r, lab.now, e);
}

static int bring(struct outlet_count *count, struct err *e)
{
	return outlet_packages(&lab.r, lab.folder_fd, count, e);
}

static void commit_all(void)
{
	struct err e = { 0 };

	for (size_t i = 0; i < repo_role_count(&lab.r); i++)
		if (repo_role_at(&lab.r, i)->staged)
			assert_ok(repo_commit(
				&lab.r, repo_role_at(&lab.r, i)->name, &e));
}

/* Where a package lies, in the repository and in the folder. */
static const char *manual_at(const char *end)
{
	static char path[PATH_MAX_LEN + 32];
	char url[PATH_MAX_LEN];
	struct sha256 digest;
	struct err e = { 0 };

	sha256_of(slice_of(CONTENT), &digest);
	assert_ok(release_url_path(MANUAL, &digest, url, &e));
	(void)snprintf(path, sizeof(path), "targets/%s%s", url, end);
	return path;
}

static struct json *entry_of(const char *role, const char *path)
{
	return (struct json *)(uintptr_t)json_get(
		json_get(lab_signed(&lab, role), "targets"), path);
}

static void replace(int dirfd, const char *path, const char *content)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(dirfd, path, slice_of(content), 0644, &e));
}

static int write_metadata(bool online, struct err *e)
{
	struct online_files files = { 0 };
	int rc = online ? online_sign(&lab.r, lab.now, &files, e) : 0;

	rc = rc || outlet_metadata(&lab.r, online ? &files : NULL,
				   lab.folder_fd, e)
		     ? -1
		     : 0;
	online_done(&files);
	return rc;
}

/* ---- whose folder it is -------------------------------------------------- */

static int check_folder(struct err *e)
{
	return outlet_check_folder(&lab.r, lab.folder_fd, e);
}

static void an_empty_folder_or_our_own_is_filled(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(check_folder(&e));
	assert_ok(fs_mkdir(lab.folder_fd, "lost+found", 0755, &e));
	assert_ok(fs_mkdir(lab.folder_fd, "metadata", 0755, &e));
	assert_ok(check_folder(&e));
	/* What lies beside what we published is its owner's business. */
	commit_all();
	assert_ok(write_metadata(false, &e));
	put_file(lab.folder_fd, "index.html", "welcome", 0644);
	assert_ok(check_folder(&e));
}

static void a_folder_of_somebody_else_is_not_filled(void **state)
{
	struct err e = { 0 };

	(void)state;
	put_file(lab.folder_fd, "index.html", "welcome", 0644);
	assert_int_equal(check_folder(&e), -1);
	assert_non_null(strstr(e.msg, "index.html"));
	assert_ok(fs_mkdir(lab.folder_fd, "metadata", 0755, &e));
	replace(lab.folder_fd, "metadata/1.root.json", "{}");
	assert_refused_saying(check_folder(&e), ERR_CONFLICT,
			      "what another repository published lies there");
	/* Nor one of which nobody can tell whose it is. */
	assert_ok(fs_remove(lab.folder_fd, "metadata/1.root.json", &e));
	assert_ok(fs_remove(lab.folder_fd, "index.html", &e));
	assert_ok(fs_mkdir(lab.folder_fd, "metadata/1.root.json", 0755, &e));
	assert_int_equal(check_folder(&e), -1);
	assert_null(strstr(e.msg, "another repository"));
}

static void the_repository_is_not_published_into_itself(void **state)
{
	struct repo nowhere = lab.r;
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(outlet_check_folder(&lab.r, lab.r.dirfd, &e),
			      ERR_USAGE, "that is the repository itself");
	assert_refused_saying(outlet_check_folder(&lab.r, -1, &e), ERR_SYSTEM,
			      "looking at a folder");
	nowhere.dirfd = -1;
	assert_refused_saying(outlet_check_folder(&nowhere, lab.folder_fd, &e),
			      ERR_SYSTEM, "looking at a folder");
}

/* ---- what a device would make of it -------------------------------------- */

static void what_is_staged_counts_as_published(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(check_repo(&e));
	assert_ok(check_repo(&e));
	commit_all();
	assert_ok(check_repo(&e));
	lab_begin(&lab, LAB_ROLE);
	assert_refused_saying(check_repo(&e), ERR_UNTRUSTED, LAB_ROLE);
	lab_sign(&lab, LAB_PRODUCT, 2);
	assert_ok(check_repo(&e));
}

static void too_few_signatures_are_found_in_every_file(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t who = LAB_TARGETS; who < LAB_WHO; who++) {
		const char *role = lab_role((enum lab_who)who);

		json_set(repo_role(&lab.r, role)->staged, "signatures",
			 json_new_array());
		lab_sign(&lab, (enum lab_who)who, 1);
		assert_refused_saying(check_repo(&e), ERR_UNTRUSTED,
				      "a device would refuse this: ");
		lab_sign(&lab, (enum lab_who)who, 2);
		assert_ok(check_repo(&e));
	}
}

static void without_its_first_root_nothing_is_checked(void **state)
{
	struct err e = { 0 };

	(void)state;
	repo_set_aside(&lab.r, "root");
	assert_refused(check_repo(&e), ERR_NOT_FOUND);
	replace(lab.r.dirfd, "metadata/1.root.json", "{}");
	assert_refused(check_repo(&e), ERR_FORMAT);
}

static void what_expired_is_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused(outlet_check_repo(&lab.r, lab.now + 391 * UTC_DAY, &e),
		       ERR_EXPIRED);
	json_set_text(lab_signed(&lab, LAB_ROLE), "expires",
		      "2020-01-01T00:00:00Z");
	json_set_text(lab_signed(&lab, LAB_ROLE), "issued",
		      "2019-12-01T00:00:00Z");
	lab_sign(&lab, LAB_PRODUCT, 3);
	assert_refused_saying(check_repo(&e), ERR_EXPIRED,
			      LAB_ROLE ": expired: stage it anew");
}

static void a_role_that_was_never_signed_is_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	repo_set_aside(&lab.r, LAB_ROLE);
	assert_refused_saying(check_repo(&e), ERR_NOT_FOUND,
			      LAB_ROLE " was never signed");
}

static void a_delegation_to_no_role_of_ours_is_found(void **state)
{
	struct json *targets = lab_signed(&lab, "targets");
	struct json *one = json_clone(roles_find(targets, LAB_ROLE));
	struct json *delegations = json_clone(json_get(targets, "delegations"));
	struct json *list = json_new_array();
	struct err e = { 0 };

	(void)state;
	json_set_text(one, "name", "stranger");
	json_add(list, one);
	json_set(delegations, "roles", list);
	json_set(targets, "delegations", delegations);
	lab_sign(&lab, LAB_TARGETS, 3);
	assert_refused_saying(check_repo(&e), ERR_NOT_FOUND,
			      "stranger was never signed");
}

static void what_is_listed_outside_a_roles_paths_is_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	lab_list(&lab, LAB_ROLE, "gadget/1/manual.txt", CONTENT);
	lab_sign_all(&lab);
	assert_refused_saying(check_repo(&e), ERR_NOT_FOUND,
			      "gadget/1/manual.txt: ");
}

static void what_another_role_lists_before_is_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	lab_list(&lab, "targets", MANUAL, CONTENT);
	lab_sign_all(&lab);
	assert_ok(check_repo(&e));
	lab_list(&lab, "targets", MANUAL, "read ME");
	lab_sign_all(&lab);
	assert_refused_saying(check_repo(&e), ERR_CONFLICT,
			      MANUAL ": another role lists something else");
	lab_list(&lab, "targets", MANUAL, "read me!");
	lab_sign_all(&lab);
	assert_refused(check_repo(&e), ERR_CONFLICT);
}

/* Devices would refuse whatever that role signs. */
static void a_key_that_everybody_has_is_found(void **state)
{
	const uint8_t one[EC_SCALAR_LEN] = { [EC_SCALAR_LEN - 1] = 1 };
	struct ec_private *key = NULL;
	struct ec_public known;
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_private_from_scalar(one, &key, &e));
	ec_public_of(key, &known);
	assert_ok(roleedit_add(lab_signed(&lab, "targets"), LAB_ROLE, &known,
			       &e));
	lab_sign(&lab, LAB_TARGETS, 3);
	assert_refused_saying(check_repo(&e), ERR_REFUSED,
			      "the key whose scalar is 1");
	/* Also where there is nothing yet that a device would look for. */
	json_set(lab_signed(&lab, LAB_ROLE), "targets", json_new_object());
	lab_sign(&lab, LAB_PRODUCT, 3);
	commit_all();
	assert_ok(write_metadata(true, &e));
	assert_refused_saying(
		outlet_check(&lab.r, lab.folder_fd, true, lab.now, &e),
		ERR_REFUSED, "the key whose scalar is 1");
	ec_free(key);
}

static void an_entry_without_a_digest_is_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	json_remove(entry_of(LAB_ROLE, MANUAL), "hashes");
	lab_sign_all(&lab);
	assert_int_equal(check_repo(&e), -1);
	assert_non_null(strstr(e.msg, "hashes"));
}

/* ---- packages ------------------------------------------------------------ */

static void packages_are_copied_once(void **state)
{
	struct outlet_count count;
	struct buf got = BUF_INIT(64);
	struct err e = { 0 };

	(void)state;
	assert_ok(bring(&count, &e));
	assert_int_equal(count.copied, 2);
	assert_int_equal(count.kept, 0);
	assert_int_equal(count.bytes, strlen(CONTENT) + strlen("notes"));
	assert_ok(fs_read_file(lab.folder_fd, manual_at(""), &got, &e));
	assert_string_equal(buf_text(&got), CONTENT);
	assert_ok(bring(&count, &e));
	assert_int_equal(count.copied, 0);
	assert_int_equal(count.kept, 2);
	/* One that was cut short is copied again. */
	replace(lab.folder_fd, manual_at(""), "read");
	assert_ok(bring(&count, &e));
	assert_int_equal(count.copied, 1);
	buf_done(&got);
}

static void what_a_run_left_behind_is_in_nobodys_way(void **state)
{
	struct outlet_count count;
	struct err e = { 0 };

	(void)state;
	assert_ok(bring(&count, &e));
	assert_ok(fs_remove(lab.folder_fd, manual_at(""), &e));
	replace(lab.folder_fd, manual_at(".partial"), "half of another");
	assert_ok(bring(&count, &e));
	assert_int_equal(count.copied, 1);
	assert_false(lab_has(lab.folder_fd, manual_at(".partial")));
}

static void a_damaged_package_is_not_shown(void **state)
{
	struct outlet_count count;
	struct err e = { 0 };

	(void)state;
	replace(lab.r.dirfd, manual_at(""), "read mE");
	assert_refused_saying(bring(&count, &e), ERR_UNTRUSTED,
			      MANUAL ": the repository's copy is damaged");
	assert_false(lab_has(lab.folder_fd, manual_at("")));
	/* Nor one that is shorter than it was. */
	replace(lab.r.dirfd, manual_at(""), "read");
	assert_int_equal(bring(&count, &e), -1);
	assert_false(lab_has(lab.folder_fd, manual_at("")));
	assert_ok(fs_remove(lab.r.dirfd, manual_at(""), &e));
	assert_refused_saying(bring(&count, &e), ERR_NOT_FOUND, MANUAL);
}

static void a_folder_that_takes_nothing_is_told_of(void **state)
{
	struct outlet_count count;
	struct err e = { 0 };

	(void)state;
	put_file(lab.folder_fd, "targets", "no folder", 0644);
	assert_int_equal(bring(&count, &e), -1);
	put_file(lab.folder_fd, "metadata", "no folder", 0644);
	commit_all();
	assert_int_equal(write_metadata(false, &e), -1);
}

static void an_entry_says_its_length_and_digest(void **state)
{
	static const char *const members[] = { "length", "hashes" };
	struct outlet_count count;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		json_remove(entry_of(LAB_ROLE, MANUAL), members[i]);
		assert_refused(bring(&count, &e), ERR_FORMAT);
		lab_list(&lab, LAB_ROLE, MANUAL, CONTENT);
	}
	assert_ok(bring(&count, &e));
}

/* ---- metadata ------------------------------------------------------------ */

static void a_written_folder_is_what_a_device_takes(void **state)
{
	struct err e = { 0 };

	(void)state;
	commit_all();
	assert_ok(write_metadata(false, &e));
	assert_ok(outlet_check(&lab.r, lab.folder_fd, false, lab.now, &e));
	assert_refused(outlet_check(&lab.r, lab.folder_fd, true, lab.now, &e),
		       ERR_NOT_FOUND);
	assert_ok(write_metadata(true, &e));
	assert_ok(outlet_check(&lab.r, lab.folder_fd, true, lab.now, &e));
	/* Weeks from now the timestamp has ended, and nothing else. */
	assert_refused(outlet_check(&lab.r, lab.folder_fd, true,
				    lab.now + 20 * UTC_DAY, &e),
		       ERR_EXPIRED);
	assert_ok(outlet_check(&lab.r, lab.folder_fd, false,
			       lab.now + 20 * UTC_DAY, &e));
}

/* The role's next version is there, and no snapshot says so. */
static void what_no_snapshot_lists_is_not_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	commit_all();
	assert_ok(write_metadata(true, &e));
	lab_begin(&lab, LAB_ROLE);
	lab_list(&lab, LAB_ROLE, "gateway/2/manual.txt", CONTENT);
	lab_sign(&lab, LAB_PRODUCT, 3);
	commit_all();
	assert_ok(write_metadata(false, &e));
	assert_ok(outlet_check(&lab.r, lab.folder_fd, false, lab.now, &e));
	assert_refused_saying(
		outlet_check(&lab.r, lab.folder_fd, true, lab.now, &e),
		ERR_NOT_FOUND, "gateway/2/manual.txt: ");
	assert_ok(write_metadata(true, &e));
	assert_ok(outlet_check(&lab.r, lab.folder_fd, true, lab.now, &e));
}

static void a_root_chain_is_written_whole(void **state)
{
	struct err e = { 0 };

	(void)state;
	commit_all();
	lab_begin(&lab, "root");
	lab_sign(&lab, LAB_ROOT, 3);
	commit_all();
	assert_ok(write_metadata(true, &e));
	assert_true(lab_has(lab.folder_fd, "metadata/1.root.json"));
	assert_true(lab_has(lab.folder_fd, "metadata/2.root.json"));
	assert_ok(outlet_check(&lab.r, lab.folder_fd, true, lab.now, &e));
	/* What the repository has lost is not left out. */
	assert_ok(fs_remove(lab.r.dirfd, "metadata/1.root.json", &e));
	assert_refused(write_metadata(false, &e), ERR_NOT_FOUND);
}

static void what_somebody_may_have_seen_is_never_changed(void **state)
{
	static const char *const names[] = { "metadata/1.root.json",
					     "metadata/1.targets.json",
					     "metadata/1." LAB_ROLE ".json",
					     "metadata/1.snapshot.json" };
	struct buf kept = BUF_INIT(1 << 20);
	struct err e = { 0 };

	(void)state;
	commit_all();
	assert_ok(fs_mkdir(lab.folder_fd, "metadata", 0755, &e));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		replace(lab.folder_fd, names[i], "{}");
		assert_refused_saying(write_metadata(i == 3, &e), ERR_CONFLICT,
				      names[i]);
		kept.len = 0;
		assert_ok(fs_read_file(lab.folder_fd, names[i], &kept, &e));
		assert_string_equal(buf_text(&kept), "{}");
		assert_ok(fs_remove(lab.folder_fd, names[i], &e));
	}
	/* Whatever else is in the way is not said to be another's. */
	assert_ok(fs_remove(lab.folder_fd, names[0], &e));
	assert_ok(fs_mkdir(lab.folder_fd, names[0], 0755, &e));
	assert_int_equal(write_metadata(false, &e), -1);
	assert_int_not_equal(e.code, ERR_CONFLICT);
	buf_done(&kept);
}

/* Snapshot lists it for ever, so it is there for ever. */
static void a_role_of_before_is_written_too(void **state)
{
	struct err e = { 0 };

	(void)state;
	commit_all();
	lab_begin(&lab, "targets");
	assert_ok(
		roleedit_undelegate(lab_signed(&lab, "targets"), LAB_ROLE, &e));
	lab_sign(&lab, LAB_TARGETS, 3);
	commit_all();
	assert_ok(write_metadata(true, &e));
	assert_true(lab_has(lab.folder_fd, "metadata/1." LAB_ROLE ".json"));
	assert_ok(outlet_check(&lab.r, lab.folder_fd, true, lab.now, &e));
}

static void a_timestamp_that_cannot_be_written_is_told_of(void **state)
{
	struct err e = { 0 };

	(void)state;
	commit_all();
	assert_ok(fs_mkdirs(lab.folder_fd, "metadata/timestamp.json/in", 0755,
			    &e));
	assert_int_equal(write_metadata(true, &e), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(an_empty_folder_or_our_own_is_filled),
		TEST(a_folder_of_somebody_else_is_not_filled),
		TEST(the_repository_is_not_published_into_itself),
		TEST(what_is_staged_counts_as_published),
		TEST(too_few_signatures_are_found_in_every_file),
		TEST(without_its_first_root_nothing_is_checked),
		TEST(what_expired_is_found),
		TEST(a_role_that_was_never_signed_is_found),
		TEST(a_delegation_to_no_role_of_ours_is_found),
		TEST(what_is_listed_outside_a_roles_paths_is_found),
		TEST(what_another_role_lists_before_is_found),
		TEST(a_key_that_everybody_has_is_found),
		TEST(an_entry_without_a_digest_is_found),
		TEST(packages_are_copied_once),
		TEST(what_a_run_left_behind_is_in_nobodys_way),
		TEST(a_damaged_package_is_not_shown),
		TEST(a_folder_that_takes_nothing_is_told_of),
		TEST(an_entry_says_its_length_and_digest),
		TEST(a_written_folder_is_what_a_device_takes),
		TEST(what_no_snapshot_lists_is_not_found),
		TEST(a_root_chain_is_written_whole),
		TEST(what_somebody_may_have_seen_is_never_changed),
		TEST(a_role_of_before_is_written_too),
		TEST(a_timestamp_that_cannot_be_written_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
