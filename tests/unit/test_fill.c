/* SPDX-License-Identifier: Apache-2.0 */
/* Before a slot is filled: what is needed is looked for first, and the slot
 * that runs is never touched. */
#include "updater-client/fill.h"

#include "tests/unit/box.h"

#define LONG_MANIFEST (200 << 20)

struct device {
	struct box box;
	char slots[80];
	struct settings config;
	struct session s;
	struct plan plan;
};

static struct device d;

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	memset(&d, 0, sizeof(d));
	box_open(&d.box);
	(void)snprintf(d.slots, sizeof(d.slots), "%s/slots", d.box.path);
	d.config.slot_count = 1;
	d.config.slots[0].attributes = TREE_APP;
	d.s.config = &d.config;
	d.s.stop_fd = -1;
	d.s.progress = PROGRESS_QUIET;
	d.s.spool_fd = box_folder(&d.box, "spool");
	assert_ok(slot_tree_open(d.slots, &d.s.slots, &e));
	assert_ok(fs_mkdirs(d.s.slots.dirfd, "a/tree", 0755, &e));
	assert_ok(fs_mkdirs(d.s.slots.dirfd, "b/tree", 0755, &e));
	assert_int_equal(symlinkat("a/tree", d.s.slots.dirfd, "current"), 0);
	put_file(d.s.slots.dirfd, "b/release.json", "what was there", 0644);
	d.s.current = SLOT_A;
	d.plan.release.part_count = 1;
	(void)snprintf(d.plan.release.parts[0].component,
		       sizeof(d.plan.release.parts[0].component), "main");
	memset(d.plan.packages[0].package_digest.bytes, 7, SHA256_LEN);
	d.plan.packages[0].kind = PACKAGE_FULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fs_close(&d.s.spool_fd);
	slot_tree_close(&d.s.slots);
	box_close(&d.box);
	return 0;
}

static void fetch(void)
{
	char hex[SHA256_HEX_LEN];

	sha256_format(&d.plan.packages[0].package_digest, hex);
	put_file(d.s.spool_fd, hex, "a package", 0600);
}

static bool exists(const char *path)
{
	struct err e = { 0 };
	struct stat st;

	return fs_stat(d.s.slots.dirfd, path, &st, &e) == 0;
}

static void a_slot_is_emptied_when_all_is_there(void **state)
{
	struct err e = { 0 };

	(void)state;
	fetch();
	assert_ok(fill_begin(&d.s, SLOT_B, &d.plan, &e));
	assert_true(exists("b"));
	assert_false(exists("b/release.json"));
	assert_false(exists("b/tree"));
	assert_true(exists("a/tree"));
}

static void nothing_is_emptied_for_a_package_that_is_not_there(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(fill_begin(&d.s, SLOT_B, &d.plan, &e), -1);
	assert_true(exists("b/release.json"));
}

static void a_delta_without_its_base_is_a_conflict(void **state)
{
	struct err e = { 0 };

	(void)state;
	fetch();
	d.plan.packages[0].kind = PACKAGE_DELTA;
	assert_refused(fill_begin(&d.s, SLOT_B, &d.plan, &e), ERR_CONFLICT);
	assert_true(exists("b/release.json"));
	/* With the manifest of what runs there is something to go by. */
	put_file(d.s.slots.dirfd, "a/manifest", "", 0644);
	assert_ok(fill_begin(&d.s, SLOT_B, &d.plan, &e));
	/* Nothing of ours runs: no base either. */
	d.s.current = SLOT_NONE;
	assert_refused(fill_begin(&d.s, SLOT_B, &d.plan, &e), ERR_CONFLICT);
}

static void what_runs_is_never_emptied(void **state)
{
	struct err e = { 0 };

	(void)state;
	fetch();
	assert_refused(fill_begin(&d.s, SLOT_A, &d.plan, &e), ERR_CONFLICT);
	/* Nor what a loader started, whatever the link says. */
	d.s.current = SLOT_B;
	assert_refused(fill_begin(&d.s, SLOT_B, &d.plan, &e), ERR_CONFLICT);
	assert_true(exists("a/tree"));
	assert_true(exists("b/release.json"));
}

static void a_component_without_a_slot_is_not_written_anywhere(void **state)
{
	struct err e = { 0 };

	(void)state;
	fetch();
	(void)snprintf(d.config.slots[0].component,
		       sizeof(d.config.slots[0].component), "main");
	(void)snprintf(d.plan.release.parts[0].component,
		       sizeof(d.plan.release.parts[0].component), "modem");
	assert_refused_saying(fill_begin(&d.s, SLOT_B, &d.plan, &e),
			      ERR_CONFLICT, "[slot modem]");
	assert_refused(fill_check(&d.s, SLOT_B, &d.plan.release, &e),
		       ERR_CONFLICT);
	assert_true(exists("b/release.json"));
}

static void what_cannot_be_read_back_is_not_right(void **state)
{
	struct err e = { 0 };

	(void)state;
	/* No manifest. */
	assert_int_equal(fill_check(&d.s, SLOT_B, &d.plan.release, &e), -1);
}

static void describe_delta(void)
{
	struct plan_package *p = &d.plan.packages[0];

	p->kind = PACKAGE_DELTA;
	p->content = PACKAGE_TREE;
	p->attributes = TREE_APP;
	p->head_len = p->package_len = PACKAGE_HEADER_LEN;
}

/* Zeros, so that it is no valid one, and long: a signed one may be. */
static void put_long_manifest(const char *path)
{
	int fd;

	put_file(d.s.slots.dirfd, path, "", 0644);
	fd = openat(d.s.slots.dirfd, path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, LONG_MANIFEST), 0);
	fs_close(&fd);
}

static void a_long_manifest_is_read_to_its_end(void **state)
{
	const uint8_t sealed[KEYBOX_SEALED_LEN] = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_true(LONG_MANIFEST < TREE_MANIFEST_MAX);
	d.plan.release.parts[0].content_len = 1;
	d.plan.release.parts[0].manifest_len = LONG_MANIFEST;
	put_long_manifest("b/manifest");
	assert_refused_saying(fill_check(&d.s, SLOT_B, &d.plan.release, &e),
			      ERR_UNTRUSTED, "not the signed one");
	/* Of a delta, the old one counts as well as the new one. */
	d.plan.release.parts[0].manifest_len = 1;
	fetch();
	describe_delta();
	put_long_manifest("a/manifest");
	assert_ok(fill_begin(&d.s, SLOT_B, &d.plan, &e));
	assert_refused_saying(fill_write(&d.s, SLOT_B, &d.plan, 0, sealed, &e),
			      ERR_CONFLICT,
			      "the manifest of the slot that runs is damaged");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_slot_is_emptied_when_all_is_there),
		TEST(nothing_is_emptied_for_a_package_that_is_not_there),
		TEST(a_delta_without_its_base_is_a_conflict),
		TEST(what_runs_is_never_emptied),
		TEST(a_component_without_a_slot_is_not_written_anywhere),
		TEST(what_cannot_be_read_back_is_not_right),
		TEST(a_long_manifest_is_read_to_its_end),
	};

	return cmocka_run_group_tests_name("fill", tests, NULL, NULL);
}
