/* SPDX-License-Identifier: Apache-2.0 */
/* Which new files refer to which; that a device makes them again is what
 * 27-client-members.sh shows. */
#include "signer/delta_kin.h"

#include "signer/pack.h"
#include "signer/pack_tree.h"
#include "tests/unit/box.h"

#define LONG  ((size_t)1300 << 10) /* two are too long for one record */
#define SHORT ((size_t)900 << 10)

static struct box box;
static struct pack_settings how;
static struct pack_tree *trees[2];
static struct view_pair pair;
static struct delta_old old;
static struct delta_writer_setup writer;
static struct delta_piecer pieces;
static struct delta_kin kin;
static uint8_t bytes[LONG];

static void fill(size_t at, size_t len, uint32_t seed)
{
	for (size_t i = at; i < at + len; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
}

static void write_file(const char *folder, const char *name, size_t len)
{
	struct err e = { 0 };
	int dir = -1;

	assert_ok(fs_open(box.dir, folder, O_RDONLY | O_DIRECTORY, &dir, &e));
	assert_ok(fs_replace_file(dir, name, (struct slice){ bytes, len }, 0644,
				  &e));
	fs_close(&dir);
}

/* Noise of which every `every`th byte is another one. */
static void put(const char *folder, const char *name, size_t len, uint32_t seed,
		size_t every)
{
	fill(0, len, seed);
	for (size_t i = 0; i < len && every > 0; i += every)
		bytes[i] ^= 1;
	write_file(folder, name, len);
}

/* For prefixes: what is in no view is of an elder. */
static int read_at(void *ctx, uint64_t at, void *out, size_t len, struct err *e)
{
	const struct kin_elder *elder = delta_kin_at(&kin, at);

	(void)ctx;
	if (!elder)
		return delta_old_read(&old, at, out, len, e);
	assert_true(len <= elder->kept_at + elder->len - at);
	memcpy(out, elder->bytes + (at - elder->kept_at), len);
	return 0;
}

static int setup(void **state)
{
	int fd;

	(void)state;
	box_open(&box);
	how = (struct pack_settings){ .attributes = TREE_APP, .quiet = true };
	how.scratch_dirfd = box_folder(&box, "scratch");
	fd = box_folder(&box, "old");
	fs_close(&fd);
	fd = box_folder(&box, "new");
	fs_close(&fd);
	put("old", "first", SHORT, 1, 0);
	writer = (struct delta_writer_setup){ .codec = PACKAGE_ZSTD,
					      .old_at = read_at,
					      .prefix_max = UINT32_MAX };
	pieces = (struct delta_piecer){ &old, &writer };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	delta_kin_done(&kin);
	delta_old_done(&old);
	view_pair_done(&pair);
	for (size_t i = 0; i < ARRAY_LEN(trees); i++)
		pack_tree_free(trees[i]);
	fs_close(&how.scratch_dirfd);
	box_close(&box);
	return 0;
}

static void find(void)
{
	static const char *const names[] = { "old", "new" };
	const struct view_how plain = { .plain = true };
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "%s/%s", box.path, names[i]);
		assert_ok(pack_load(&how, path, &trees[i], &e));
	}
	assert_ok(view_pair_open(&pair, trees[0], trees[1], &plain, &e));
	assert_ok(view_old(&pair, &e));
	assert_ok(view_fresh(&pair, &e));
	delta_old_init(&old, &pair.old, DELTA_SEARCH_MAX);
	assert_ok(delta_old_load(&old, &pair.fresh, &e));
	assert_ok(delta_kin_find(&pieces, &pair.fresh, &kin, &e));
}

/* The span of the n-th file; the manifest is before them. */
static const struct view_span *span_of(size_t n)
{
	assert_true(n + 1 < pair.fresh.span_count);
	return &pair.fresh.spans[n + 1];
}

static void what_resembles_a_new_file_refers_to_it(void **state)
{
	const struct kin_elder *elder;
	struct err e = { 0 };

	(void)state;
	put("new", "a", LONG, 2, 0);
	put("new", "b", LONG, 2, 900);
	put("new", "c", LONG, 2, 1100);
	find();
	assert_int_equal(kin.elder_count, 1);
	assert_null(delta_kin_of(&kin, span_of(0)));
	elder = delta_kin_of(&kin, span_of(1));
	assert_non_null(elder);
	assert_ptr_equal(delta_kin_of(&kin, span_of(2)), elder);
	/* It is kept as it comes, and goes out at once. */
	delta_members_done(&pair.members);
	assert_ok(view_fresh(&pair, &e));
	delta_kin_place(&kin, &old, &pair.fresh);
	assert_int_equal(pair.members.step_count, 3);
	assert_int_equal(pair.members.steps[1].kind, DELTA_KEEP);
	assert_int_equal(pair.members.steps[1].len, LONG);
	assert_int_equal(pair.members.steps[2].kind, DELTA_TAKE);
	assert_int_equal(pair.members.steps[2].len, LONG);
	assert_int_equal(elder->kept_at, pair.old.len);
	assert_ptr_equal(delta_kin_at(&kin, pair.old.len), elder);
	assert_ptr_equal(delta_kin_at(&kin, pair.old.len + LONG - 1), elder);
	assert_null(delta_kin_at(&kin, pair.old.len + LONG));
	assert_null(delta_kin_at(&kin, pair.old.len - 1));
}

static void assert_none(void)
{
	assert_int_equal(kin.elder_count, 0);
	for (size_t i = 0; i + 1 < pair.fresh.span_count; i++)
		assert_null(delta_kin_of(&kin, span_of(i)));
	assert_null(pair.fresh.whole);
}

static void other_files_do_not(void **state)
{
	(void)state;
	put("new", "a", LONG, 2, 0);
	put("new", "b", LONG, 77, 0);
	find();
	assert_none();
}

static void one_record_sees_what_is_near(void **state)
{
	(void)state;
	put("new", "a", SHORT, 2, 0);
	put("new", "b", SHORT, 2, 900);
	find();
	assert_none();
}

static void what_the_old_release_resembles_needs_no_other(void **state)
{
	(void)state;
	put("old", "second", LONG, 2, 0);
	put("new", "a", LONG, 2, 90000);
	put("new", "b", LONG, 2, 80000);
	find();
	assert_none();
}

/* The signer's proof reads it as devices do, who have not made that yet. */
static void no_record_has_for_a_prefix_what_it_makes(void **state)
{
	struct err gave_up = { 0 }, e = { 0 };
	struct pack_job job = { .codec = PACKAGE_ZSTD,
				.fd = -1,
				.scratch_dirfd = how.scratch_dirfd,
				.quiet = true,
				.gave_up = &gave_up };
	struct release r = { 0 };
	size_t len = SHORT / 4;

	(void)state;
	/* Copies take no room: the others are far apart, yet in one record. */
	put("old", "m", LONG, 1, 0);
	put("new", "a", len, 2, 0);
	put("new", "m", LONG, 1, 0);
	put("new", "n", LONG, 1, 0);
	fill(0, len, 2);
	for (size_t at = 0; at < len; at += 20000, len += 300) {
		memmove(bytes + at + 300, bytes + at, len - at);
		fill(at, 300, (uint32_t)at + 3);
	}
	write_file("new", "z", len);
	find();
	job.content = trees[1];
	job.base = trees[0];
	assert_int_equal(kin.elder_count, 1);
	assert_ok(fs_open_nameless(box.dir, &job.fd, &e));
	assert_ok(pack_make(&job, &r, &e));
	assert_int_equal(gave_up.code, ERR_NONE);
	/* What is kept takes room on a device's disk, and no library. */
	assert_int_equal(r.library_count, 0);
	assert_true(r.scratch_len > 0);
	fs_close(&job.fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_resembles_a_new_file_refers_to_it),
		TEST(other_files_do_not),
		TEST(one_record_sees_what_is_near),
		TEST(what_the_old_release_resembles_needs_no_other),
		TEST(no_record_has_for_a_prefix_what_it_makes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
