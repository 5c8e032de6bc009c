/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot and timestamp by the repository itself: in a lab, by its one key. */
#include "signer/online.h"

#include "tests/unit/lab_repo.h"

static struct lab lab;

static void commit_all(void)
{
	struct err e = { 0 };

	lab_sign_all(&lab);
	for (size_t i = 0; i < repo_role_count(&lab.r); i++)
		if (repo_role_at(&lab.r, i)->staged)
			assert_ok(repo_commit(
				&lab.r, repo_role_at(&lab.r, i)->name, &e));
}

static int setup(void **state)
{
	(void)state;
	lab_open(&lab, ENV_LAB);
	commit_all();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lab_close(&lab);
	return 0;
}

static void replace(const char *path, const char *content)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(lab.r.dirfd, path, slice_of(content), 0600,
				  &e));
}

/* What one signing says, as its readers parse it. */
struct signed_files {
	struct json *snapshot, *timestamp;
	int64_t version; /* of the snapshot's name */
};

static int sign(struct signed_files *out, struct err *e)
{
	struct online_files files;
	int rc = online_sign(&lab.r, lab.now, &files, e);

	*out = (struct signed_files){ .version = files.snapshot_version };
	if (rc == 0)
		rc = json_parse(buf_slice(&files.snapshot), &out->snapshot,
				e) || json_parse(buf_slice(&files.timestamp),
						 &out->timestamp, e)
			     ? -1
			     : 0;
	online_done(&files);
	return rc;
}

static void done(struct signed_files *f)
{
	json_free(f->snapshot);
	json_free(f->timestamp);
	*f = (struct signed_files){ .version = 0 };
}

static const struct json *said(const struct json *envelope)
{
	return json_get(envelope, "signed");
}

static int64_t listed(const struct json *envelope, const char *name)
{
	return json_int(json_get(
		json_get(json_get(said(envelope), "meta"), name), "version"));
}

static int refused(struct err *e)
{
	struct signed_files f;
	int rc = sign(&f, e);

	done(&f);
	return rc;
}

/* ---- what is signed ------------------------------------------------------ */

static void every_role_is_listed_and_versions_rise(void **state)
{
	struct signed_files f;
	struct err e = { 0 };

	(void)state;
	assert_ok(online_check(&lab.r, &e));
	for (int64_t n = 1; n <= 2; n++) {
		assert_ok(sign(&f, &e));
		assert_int_equal(f.version, n);
		assert_int_equal(
			json_int(json_get(said(f.snapshot), "version")), n);
		assert_int_equal(
			json_int(json_get(said(f.timestamp), "version")), n);
		assert_int_equal(listed(f.timestamp, "snapshot.json"), n);
		assert_int_equal(listed(f.snapshot, "targets.json"), 1);
		assert_int_equal(listed(f.snapshot, LAB_ROLE ".json"), 1);
		assert_int_equal(json_count(json_get(f.snapshot, "signatures")),
				 1);
		assert_int_equal(
			json_count(json_get(f.timestamp, "signatures")), 1);
		done(&f);
	}
}

/* A snapshot may drop none, also of those that sign nothing any more. */
static void a_role_of_before_stays_listed(void **state)
{
	struct signed_files f;
	struct err e = { 0 };

	(void)state;
	lab_begin(&lab, "targets");
	assert_ok(
		roleedit_undelegate(lab_signed(&lab, "targets"), LAB_ROLE, &e));
	commit_all();
	assert_ok(sign(&f, &e));
	assert_int_equal(listed(f.snapshot, "targets.json"), 2);
	assert_int_equal(listed(f.snapshot, LAB_ROLE ".json"), 1);
	done(&f);
}

/* It was staged, and nobody published it: a device would ask in vain. */
static void what_is_only_staged_is_not_listed(void **state)
{
	struct signed_files f;
	struct err e = { 0 };

	(void)state;
	lab_begin(&lab, LAB_ROLE);
	assert_ok(sign(&f, &e));
	assert_int_equal(listed(f.snapshot, LAB_ROLE ".json"), 1);
	done(&f);
}

/* Else the next one would use a version again that somebody has seen. */
static void a_version_is_remembered_before_it_is_shown(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(refused(&e));
	assert_true(lab_has(lab.r.dirfd, "metadata/timestamp.json"));
	assert_ok(fs_remove(lab.r.dirfd, "metadata/timestamp.json", &e));
	assert_ok(
		fs_mkdirs(lab.r.dirfd, "metadata/timestamp.json/in", 0755, &e));
	assert_int_equal(refused(&e), -1);
}

static void what_cannot_be_read_of_the_last_time_is_not_begun_anew(void **state)
{
	static const char no_snapshot[] = "{\"signed\":{\"version\":1}}";
	static const char no_version[] =
		"{\"signed\":{\"meta\":{\"snapshot.json\":{\"version\":1}}}}";
	static const char none_yet[] =
		"{\"signed\":{\"meta\":{\"snapshot.json\":{\"version\":0}},"
		"\"version\":1}}";
	static const char *const bad[] = {
		"{", "{\"signed\":1}", no_snapshot, no_version, none_yet,
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		replace("metadata/timestamp.json", bad[i]);
		assert_refused_saying(refused(&e), ERR_FORMAT,
				      "metadata/timestamp.json: ");
	}
	replace("metadata/timestamp.json",
		"{\"signed\":{\"meta\":{\"snapshot.json\":{\"version\":7}},"
		"\"version\":9}}");
	assert_ok(refused(&e));
}

/* ---- by whom ------------------------------------------------------------- */

static void production_leaves_it_to_the_server(void **state)
{
	struct err e = { 0 };

	(void)state;
	lab.r.environment = ENV_PRODUCTION;
	assert_refused_saying(online_check(&lab.r, &e), ERR_REFUSED,
			      "in production the server signs");
	assert_refused(refused(&e), ERR_REFUSED);
	/* Nor does the key of one environment sign in another. */
	lab.r.environment = ENV_DEMO;
	assert_refused_saying(online_check(&lab.r, &e), ERR_REFUSED,
			      "online.key is for another environment");
}

static void a_key_that_is_none_signs_nothing(void **state)
{
	struct err e = { 0 };

	(void)state;
	replace("online.key", "{}");
	assert_refused_saying(online_check(&lab.r, &e), ERR_FORMAT,
			      "online.key: ");
	assert_ok(fs_remove(lab.r.dirfd, "online.key", &e));
	assert_refused_saying(online_check(&lab.r, &e), ERR_NOT_FOUND,
			      "no online key here");
}

static void only_the_key_that_root_lists_signs(void **state)
{
	struct ec_public other;
	struct err e = { 0 };

	(void)state;
	assert_ok(online_make(&lab.r, &other, &e));
	assert_refused_saying(online_check(&lab.r, &e), ERR_REFUSED,
			      "root does not list online.key");
	/* For one of the two is not enough. */
	lab_begin(&lab, "root");
	assert_ok(
		roleedit_add(lab_signed(&lab, "root"), "snapshot", &other, &e));
	assert_refused(online_check(&lab.r, &e), ERR_REFUSED);
	assert_ok(roleedit_add(lab_signed(&lab, "root"), "timestamp", &other,
			       &e));
	assert_ok(online_check(&lab.r, &e));
}

static void the_passphrase_beside_it_must_be_its_own(void **state)
{
	struct err e = { 0 };

	(void)state;
	replace("online.pass", "0123456789abcdef0123456789abcdef"
			       "0123456789abcdef0123456789abcdef");
	assert_refused(refused(&e), ERR_UNTRUSTED);
	assert_ok(fs_remove(lab.r.dirfd, "online.pass", &e));
	assert_refused(refused(&e), ERR_NOT_FOUND);
	assert_false(lab_has(lab.r.dirfd, "metadata/timestamp.json"));
}

static void a_key_that_cannot_be_kept_is_none(void **state)
{
	static const char *const names[] = { "online.pass", "online.key" };
	struct ec_public key;
	struct stat st;
	struct err e = { 0 };
	char inside[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_ok(fs_stat(lab.r.dirfd, names[i], &st, &e));
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_ok(fs_remove(lab.r.dirfd, names[i], &e));
		(void)snprintf(inside, sizeof(inside), "%s/in", names[i]);
		assert_ok(fs_mkdirs(lab.r.dirfd, inside, 0755, &e));
		assert_int_equal(online_make(&lab.r, &key, &e), -1);
		assert_ok(fs_remove_tree(lab.r.dirfd, names[i], &e));
		assert_ok(online_make(&lab.r, &key, &e));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(every_role_is_listed_and_versions_rise),
		TEST(a_role_of_before_stays_listed),
		TEST(what_is_only_staged_is_not_listed),
		TEST(a_version_is_remembered_before_it_is_shown),
		TEST(what_cannot_be_read_of_the_last_time_is_not_begun_anew),
		TEST(production_leaves_it_to_the_server),
		TEST(a_key_that_is_none_signs_nothing),
		TEST(only_the_key_that_root_lists_signs),
		TEST(the_passphrase_beside_it_must_be_its_own),
		TEST(a_key_that_cannot_be_kept_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
