/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/slot_tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "tests/unit/check.h"

struct place {
	char path[64];
	struct slot_tree slots;
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct err e = { 0 };

	if (!p)
		return -1;
	(void)snprintf(p->path, sizeof(p->path), "/tmp/pawl-slots.XXXXXX");
	*state = p;
	if (!mkdtemp(p->path) || slot_tree_open(p->path, &p->slots, &e))
		return -1;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	struct err e;
	int tmp = -1;
	int rc;

	slot_tree_close(&p->slots);
	rc = fs_open_dir("/tmp", &tmp, &e) ||
	     fs_remove_tree(tmp, p->path + strlen("/tmp/"), &e);
	fs_close(&tmp);
	free(p);
	return rc;
}

static const struct slot_release sample = {
	.id = "1",
	.version = "one",
	.product = "gateway",
	.seq = 1,
	.content_seq = 1,
	.digest = { { 1 } },
	.parts = { { .component = "main", .entries = 1 } },
	.part_count = 1,
	.deadline_sec = 30,
};

static void fill(const struct slot_tree *t, enum slot s)
{
	struct err e = { 0 };
	int fd = -1;

	assert_ok(slot_tree_empty(t, s, &e));
	assert_ok(slot_tree_make(t, s, NULL, &e));
	assert_ok(slot_tree_new_manifest(t, s, NULL, &fd, &e));
	fs_close(&fd);
	assert_ok(slot_link_prepare(t->dirfd, &e));
	assert_ok(slot_tree_seal(t, s, &sample, &e));
}

static enum slot current(const struct slot_tree *t)
{
	struct err e = { 0 };
	enum slot s = SLOT_NONE;

	assert_ok(slot_link_current(t->dirfd, t->path, &s, &e));
	return s;
}

static void a_disk_that_cannot_be_read_is_no_empty_slot(void **state)
{
	const struct slot_tree unreadable = { .dirfd = -1, .path = "nowhere" };
	struct slot_release r;
	struct err e = { 0 };
	bool found = true;

	(void)state;
	assert_refused(slot_tree_release(&unreadable, SLOT_A, &r, &found, &e),
		       ERR_SYSTEM);
	assert_refused(slot_tree_empty(&unreadable, SLOT_A, &e), ERR_SYSTEM);
	assert_refused(slot_tree_sweep(&unreadable, SLOT_A, &e), ERR_SYSTEM);
}

static void a_new_place_runs_nothing(void **state)
{
	struct place *p = *state;

	assert_int_equal(current(&p->slots), SLOT_NONE);
}

static void a_switch_is_one_relative_link(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	char target[32];

	fill(&p->slots, SLOT_A);
	assert_ok(slot_link_switch(p->slots.dirfd, p->slots.path, SLOT_A, &e));
	assert_ok(fs_readlink(p->slots.dirfd, "current", target, sizeof(target),
			      &e));
	assert_string_equal(target, "a/tree");
	fill(&p->slots, SLOT_B);
	assert_ok(slot_link_switch(p->slots.dirfd, p->slots.path, SLOT_B, &e));
	assert_int_equal(current(&p->slots), SLOT_B);
	assert_ok(slot_link_switch(p->slots.dirfd, p->slots.path, SLOT_A, &e));
	assert_int_equal(current(&p->slots), SLOT_A);
}

static void going_back_to_nothing_takes_the_link_away(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };

	fill(&p->slots, SLOT_A);
	assert_ok(slot_link_switch(p->slots.dirfd, p->slots.path, SLOT_A, &e));
	assert_ok(
		slot_link_switch(p->slots.dirfd, p->slots.path, SLOT_NONE, &e));
	assert_int_equal(current(&p->slots), SLOT_NONE);
}

/* After prepare, a switch forth and back makes no new name. */
static void going_back_needs_no_new_link(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	struct stat before, after;

	fill(&p->slots, SLOT_A);
	assert_ok(slot_link_switch(p->slots.dirfd, p->slots.path, SLOT_A, &e));
	fill(&p->slots, SLOT_B);
	assert_ok(fs_stat(p->slots.dirfd, "current.a", &before, &e));
	assert_ok(slot_link_switch(p->slots.dirfd, p->slots.path, SLOT_B, &e));
	assert_ok(slot_link_switch(p->slots.dirfd, p->slots.path, SLOT_A, &e));
	assert_ok(fs_stat(p->slots.dirfd, "current", &after, &e));
	assert_int_equal(before.st_ino, after.st_ino);
}

static void the_slot_that_runs_is_never_emptied(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };

	fill(&p->slots, SLOT_A);
	assert_ok(slot_link_switch(p->slots.dirfd, p->slots.path, SLOT_A, &e));
	assert_refused(slot_tree_empty(&p->slots, SLOT_A, &e), ERR_CONFLICT);
	assert_refused(slot_tree_empty(&p->slots, SLOT_NONE, &e), ERR_CONFLICT);
}

static void a_foreign_link_is_not_touched(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	enum slot s;

	assert_ok(fs_symlink(p->slots.dirfd, "/etc", "current", &e));
	assert_refused(slot_link_current(p->slots.dirfd, p->slots.path, &s, &e),
		       ERR_CONFLICT);
	assert_refused(slot_tree_empty(&p->slots, SLOT_A, &e), ERR_CONFLICT);
	assert_ok(fs_remove(p->slots.dirfd, "current", &e));
	assert_ok(fs_mkdir(p->slots.dirfd, "current", 0755, &e));
	assert_refused(slot_link_current(p->slots.dirfd, p->slots.path, &s, &e),
		       ERR_CONFLICT);
}

static void a_slot_without_its_record_is_unfinished(void **state)
{
	struct place *p = *state;
	struct slot_release r;
	struct err e = { 0 };
	bool found = false;

	fill(&p->slots, SLOT_B);
	assert_ok(slot_tree_release(&p->slots, SLOT_B, &r, &found, &e));
	assert_true(found);
	assert_string_equal(r.id, "1");
	assert_ok(slot_tree_empty(&p->slots, SLOT_B, &e));
	assert_ok(slot_tree_release(&p->slots, SLOT_B, &r, &found, &e));
	assert_false(found);
	assert_ok(slot_tree_release(&p->slots, SLOT_NONE, &r, &found, &e));
	assert_false(found);
}

/* One record speaks for all of them, and goes first. */
static void further_components_go_with_the_slot(void **state)
{
	struct slot_release both = sample, got;
	struct place *p = *state;
	struct err e = { 0 };
	struct stat st;
	bool found = false;
	int fd = -1;

	strcpy(both.parts[1].component, "modem");
	both.part_count = 2;
	assert_ok(slot_tree_empty(&p->slots, SLOT_B, &e));
	assert_ok(slot_tree_make(&p->slots, SLOT_B, NULL, &e));
	assert_ok(slot_tree_make(&p->slots, SLOT_B, "modem", &e));
	assert_ok(slot_tree_new_manifest(&p->slots, SLOT_B, "modem", &fd, &e));
	fs_close(&fd);
	assert_ok(slot_tree_folder(&p->slots, SLOT_B, "modem", &fd, &e));
	fs_close(&fd);
	assert_ok(fs_stat(p->slots.dirfd, "b/parts/modem/tree", &st, &e));
	assert_ok(slot_tree_seal(&p->slots, SLOT_B, &both, &e));
	assert_ok(slot_tree_release(&p->slots, SLOT_B, &got, &found, &e));
	assert_true(found);
	assert_int_equal(got.part_count, 2);
	assert_string_equal(got.parts[1].component, "modem");
	assert_ok(slot_tree_empty(&p->slots, SLOT_B, &e));
	assert_refused(fs_stat(p->slots.dirfd, "b/parts", &st, &e),
		       ERR_NOT_FOUND);
}

static bool is_there(const struct slot_tree *t, const char *name)
{
	struct err e = { 0 };
	struct stat st;

	return fs_stat(t->dirfd, name, &st, &e) == 0;
}

static ino_t inode_at(const struct slot_tree *t, const char *name)
{
	struct err e = { 0 };
	struct stat st;

	assert_ok(fs_stat(t->dirfd, name, &st, &e));
	return st.st_ino;
}

static ino_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* Each is found under its own name, and what is not there is not. */
static void trees_and_manifests_are_those_of_their_component(void **state)
{
	static const char *const parts[] = { NULL, "modem" };
	static const char *const trees[] = { "b/tree", "b/parts/modem/tree" };
	static const char *const manifests[] = { "b/manifest",
						 "b/parts/modem/manifest" };
	struct place *p = *state;
	struct err e = { 0 };
	int fd = -1;

	assert_ok(slot_tree_empty(&p->slots, SLOT_B, &e));
	assert_true(is_there(&p->slots, "b"));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		assert_refused(
			slot_tree_folder(&p->slots, SLOT_B, parts[i], &fd, &e),
			ERR_NOT_FOUND);
		assert_refused(slot_tree_manifest(&p->slots, SLOT_B, parts[i],
						  &fd, &e),
			       ERR_NOT_FOUND);
		assert_ok(slot_tree_make(&p->slots, SLOT_B, parts[i], &e));
		assert_ok(slot_tree_new_manifest(&p->slots, SLOT_B, parts[i],
						 &fd, &e));
		assert_int_equal(inode_of(fd),
				 inode_at(&p->slots, manifests[i]));
		fs_close(&fd);
	}
	for (size_t i = ARRAY_LEN(parts); i-- > 0;) {
		assert_ok(
			slot_tree_folder(&p->slots, SLOT_B, parts[i], &fd, &e));
		assert_int_equal(inode_of(fd), inode_at(&p->slots, trees[i]));
		fs_close(&fd);
		assert_ok(slot_tree_manifest(&p->slots, SLOT_B, parts[i], &fd,
					     &e));
		assert_int_equal(inode_of(fd),
				 inode_at(&p->slots, manifests[i]));
		fs_close(&fd);
	}
	assert_ok(slot_tree_clear(&p->slots, SLOT_B, "modem", &e));
	assert_false(is_there(&p->slots, trees[1]));
	assert_false(is_there(&p->slots, manifests[1]));
	assert_true(is_there(&p->slots, trees[0]));
	assert_ok(slot_tree_clear(&p->slots, SLOT_B, NULL, &e));
	assert_false(is_there(&p->slots, trees[0]));
	assert_false(is_there(&p->slots, manifests[0]));
}

/* No record says that it is whole. */
static void what_is_no_folder_of_a_component_is_not_sealed(void **state)
{
	struct slot_release both = sample;
	struct place *p = *state;
	struct err e = { 0 };

	strcpy(both.parts[1].component, "modem");
	both.part_count = 2;
	assert_ok(fs_mkdirs(p->slots.dirfd, "b/parts", 0755, &e));
	assert_ok(fs_replace_file(p->slots.dirfd, "b/parts/modem",
				  slice_of("a file"), 0644, &e));
	assert_int_equal(slot_tree_seal(&p->slots, SLOT_B, &both, &e), -1);
	assert_false(is_there(&p->slots, "b/release.json"));
}

static void an_inactive_slot_full_of_rubbish_is_emptied(void **state)
{
	struct place *p = *state;
	struct slot_release r;
	struct err e = { 0 };
	struct stat st;
	bool found = true;

	assert_ok(fs_mkdirs(p->slots.dirfd, "b/tree/x/y", 0755, &e));
	assert_ok(fs_symlink(p->slots.dirfd, "/etc", "b/tree/x/etc", &e));
	assert_ok(fs_replace_file(p->slots.dirfd, "b/release.json",
				  slice_of("{\"v\":1,"), 0644, &e));
	assert_ok(slot_tree_release(&p->slots, SLOT_B, &r, &found, &e));
	assert_false(found);
	assert_ok(slot_tree_empty(&p->slots, SLOT_B, &e));
	assert_refused(fs_stat(p->slots.dirfd, "b/tree/x", &st, &e),
		       ERR_NOT_FOUND);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
}

int main(void)
{
#define AT_PLACE(test)                                                         \
	cmocka_unit_test_setup_teardown(test, make_place, remove_place)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_that_cannot_be_read_is_no_empty_slot),
		AT_PLACE(a_new_place_runs_nothing),
		AT_PLACE(a_switch_is_one_relative_link),
		AT_PLACE(going_back_to_nothing_takes_the_link_away),
		AT_PLACE(going_back_needs_no_new_link),
		AT_PLACE(the_slot_that_runs_is_never_emptied),
		AT_PLACE(a_foreign_link_is_not_touched),
		AT_PLACE(a_slot_without_its_record_is_unfinished),
		AT_PLACE(further_components_go_with_the_slot),
		AT_PLACE(trees_and_manifests_are_those_of_their_component),
		AT_PLACE(what_is_no_folder_of_a_component_is_not_sealed),
		AT_PLACE(an_inactive_slot_full_of_rubbish_is_emptied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
