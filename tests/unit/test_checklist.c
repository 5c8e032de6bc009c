/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/utc.h"
#include "signer/checklist.h"
#include "signer/roleedit.h"
#include "signer/watch.h"

#define NOW 1795363200 /* 2026-11-22 */

static char folder[] = "/tmp/pawl-test-checklist.XXXXXX";
static int parent = -1;
static struct ec_private *keys[3];
static struct repo r;

static int make_folder(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (ec_generate(&keys[i], &e))
			return -1;
	return mkdtemp(folder) ? fs_open_dir(folder, &parent, &e) : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		ec_free(keys[i]);
	fs_close(&parent);
	return rmdir(folder);
}

static void add_role(struct json *root, const char *role, size_t count)
{
	struct ec_public public_key;
	struct err e = { 0 };

	for (size_t i = 0; i < count; i++) {
		ec_public_of(keys[i], &public_key);
		assert_ok(roleedit_add(root, role, &public_key, &e));
	}
}

/* Root and targets by two of three keys; both staged, nobody has signed. */
static int make_repo(void **state)
{
	const struct roleedit_site site = { ENV_LAB, "server", 90 };
	struct json *envelope, *root;
	struct err e = { 0 };
	size_t dropped;

	(void)state;
	repo_init(&r, "repo");
	repo_settings_default(&r.settings);
	r.names = json_new_object();
	r.environment = ENV_LAB;
	assert_ok(fs_mkdir(parent, "repo", 0755, &e));
	assert_ok(
		fs_open(parent, "repo", O_RDONLY | O_DIRECTORY, &r.dirfd, &e));
	assert_ok(fs_mkdir(r.dirfd, "metadata", 0755, &e));
	assert_ok(fs_mkdir(r.dirfd, "staged", 0755, &e));
	envelope = tuf_envelope_new(TUF_ROOT, 1, NOW, NOW + 100 * UTC_DAY);
	root = tuf_envelope_signed(envelope);
	roleedit_init(root, &site);
	add_role(root, "root", 3);
	add_role(root, "targets", 3);
	roleedit_threshold(root, "root", 2);
	roleedit_threshold(root, "targets", 2);
	assert_ok(repo_stage(&r, "root", envelope, &dropped, &e));
	envelope = tuf_envelope_new(TUF_TARGETS, 1, NOW, NOW + 200 * UTC_DAY);
	roleedit_init_targets(tuf_envelope_signed(envelope), ENV_LAB, NULL);
	assert_ok(repo_stage(&r, "targets", envelope, &dropped, &e));
	return 0;
}

static int remove_repo(void **state)
{
	struct err e = { 0 };

	(void)state;
	repo_close(&r);
	assert_ok(fs_remove_tree(parent, "repo", &e));
	return 0;
}

static void sign(const char *role, size_t from, size_t to)
{
	struct err e = { 0 };

	for (size_t i = from; i < to; i++)
		assert_ok(tuf_sign(repo_role(&r, role)->staged, keys[i], &e));
}

/* Everything that is asked for. */
static void fulfil(void)
{
	struct err e = { 0 };

	sign("root", 0, 3);
	sign("targets", 0, 3);
	assert_ok(checklist_backup(&r, "2026-11-20", NOW, &e));
}

/* How many points are open at a time; whether this one is. */
static size_t go_through(int64_t now, const char *name, bool *is_open)
{
	struct report out = { .json = true };
	const struct json *points;
	struct err e = { 0 };
	size_t open;

	assert_ok(checklist_run(&r, now, &out, &open, &e));
	points = json_get(out.object, "checklist");
	assert_int_equal(json_count(points), 4);
	*is_open = false;
	for (size_t i = 0; i < json_count(points); i++) {
		const struct json *one = json_at(points, i);

		if (strcmp(json_text(json_get(one, "point")), name) == 0)
			*is_open = json_get(one, "way_out");
	}
	json_free(out.object);
	return open;
}

static void assert_open(int64_t now, const char *name)
{
	bool is_open;

	assert_int_equal(go_through(now, name, &is_open), 1);
	assert_true(is_open);
}

static void assert_fine(int64_t now)
{
	bool is_open;

	assert_int_equal(go_through(now, "", &is_open), 0);
}

static void a_complete_ceremony_has_no_open_point(void **state)
{
	(void)state;
	fulfil();
	assert_fine(NOW);
}

static void a_key_that_never_signed_is_named(void **state)
{
	struct err e = { 0 };

	(void)state;
	sign("root", 0, 3);
	sign("targets", 0, 2);
	assert_ok(checklist_backup(&r, "2026-11-20", NOW, &e));
	assert_open(NOW, "keys");
	sign("targets", 2, 3);
	assert_fine(NOW);
}

/* An urgent release needs two signatures, not the third for another time. */
static void a_signature_of_an_earlier_version_counts(void **state)
{
	struct json *envelope;
	struct err e = { 0 };
	size_t dropped;

	(void)state;
	/* The third key signed once, and the second not that time. */
	sign("root", 0, 3);
	sign("targets", 0, 1);
	sign("targets", 2, 3);
	assert_ok(checklist_backup(&r, "2026-11-20", NOW, &e));
	assert_ok(repo_commit(&r, "root", &e));
	assert_ok(repo_commit(&r, "targets", &e));
	for (int i = 0; i < 2; i++) {
		assert_ok(repo_begin(&r, "targets", NOW, &envelope, &e));
		assert_ok(repo_stage(&r, "targets", envelope, &dropped, &e));
		sign("targets", 0, 2);
		assert_fine(NOW);
		assert_ok(repo_commit(&r, "targets", &e));
	}
	assert_fine(NOW);
}

static void a_role_without_a_spare_key_is_open(void **state)
{
	struct json *envelope;
	struct err e = { 0 };
	size_t dropped;

	(void)state;
	fulfil();
	envelope = json_clone(r.root.staged);
	roleedit_threshold(tuf_envelope_signed(envelope), "targets", 3);
	assert_ok(repo_stage(&r, "root", envelope, &dropped, &e));
	sign("root", 0, 3);
	assert_open(NOW, "spare");
}

static void what_has_ended_is_open(void **state)
{
	struct err e = { 0 };

	(void)state;
	fulfil();
	assert_ok(checklist_backup(&r, "2027-03-01", NOW + 100 * UTC_DAY, &e));
	assert_fine(NOW + 100 * UTC_DAY - 1);
	assert_open(NOW + 100 * UTC_DAY, "expiry");
}

static void a_backup_is_compared_again_after_90_days(void **state)
{
	static const char *const bad[] = { "2026-11-24", "2026-08-01",
					   "2026-02-30", "today", "" };
	struct report out = { .json = true };
	struct buf text = BUF_INIT(1000);
	size_t open = 0;
	struct err e = { 0 };

	(void)state;
	sign("root", 0, 3);
	sign("targets", 0, 3);
	assert_open(NOW, "backup");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(checklist_backup(&r, bad[i], NOW, &e),
			       ERR_USAGE);
	assert_open(NOW, "backup");
	/* What cannot be read is no answer, in either direction. */
	assert_ok(fs_mkdir(r.dirfd, "checklist.json", 0700, &e));
	assert_refused(checklist_run(&r, NOW, &out, &open, &e), ERR_REFUSED);
	json_free(out.object);
	assert_ok(fs_remove_tree(r.dirfd, "checklist.json", &e));
	assert_ok(checklist_backup(&r, "2026-11-22", NOW, &e));
	assert_ok(fs_read_file(r.dirfd, "checklist.json", &text, &e));
	assert_int_equal(text.ptr[text.len - 1], '\n');
	buf_done(&text);
	assert_fine(NOW + 89 * UTC_DAY);
	assert_open(NOW + 91 * UTC_DAY, "backup");
}

static void every_command_says_what_ends_soon(void **state)
{
	struct report out = { .json = true };
	const struct json *list;
	struct err e = { 0 };

	(void)state;
	fulfil();
	watch_say(&r, NOW + 99 * UTC_DAY, &out);
	assert_null(out.object); /* nothing is published yet */
	assert_ok(repo_commit(&r, "root", &e));
	assert_ok(repo_commit(&r, "targets", &e));
	watch_say(&r, NOW, &out);
	assert_null(out.object);
	watch_say(&r, NOW + 94 * UTC_DAY, &out);
	list = json_get(out.object, "expiry");
	assert_int_equal(json_count(list), 1);
	assert_string_equal(json_text(json_get(json_at(list, 0), "role")),
			    "root");
	assert_int_equal(json_int(json_get(json_at(list, 0), "level")), 7);
	assert_int_equal(json_int(json_get(json_at(list, 0), "days_left")), 6);
	json_free(out.object);
	out.object = NULL;
	watch_say(&r, NOW + 150 * UTC_DAY, &out);
	list = json_get(out.object, "expiry");
	assert_int_equal(json_count(list), 2);
	assert_int_equal(json_int(json_get(json_at(list, 0), "level")), 0);
	assert_int_equal(json_int(json_get(json_at(list, 0), "days_left")), -1);
	assert_int_equal(json_int(json_get(json_at(list, 1), "level")), 60);
	json_free(out.object);
}

#define WITH_REPO(test)                                                        \
	cmocka_unit_test_setup_teardown(test, make_repo, remove_repo)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_REPO(a_complete_ceremony_has_no_open_point),
		WITH_REPO(a_key_that_never_signed_is_named),
		WITH_REPO(a_signature_of_an_earlier_version_counts),
		WITH_REPO(a_role_without_a_spare_key_is_open),
		WITH_REPO(what_has_ended_is_open),
		WITH_REPO(a_backup_is_compared_again_after_90_days),
		WITH_REPO(every_command_says_what_ends_soon),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
