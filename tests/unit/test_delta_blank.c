/* SPDX-License-Identifier: Apache-2.0 */
/* Which digests a delta leaves out, when, and that devices find them. */
#include "signer/delta_blank.h"

#include "common/mem.h"
#include "common/member.h"
#include "signer/pack.h"
#include "tests/unit/box.h"

#define NOISE_LEN ((size_t)200 << 10)

static struct box box;
static struct pack_settings how;
static struct pack_tree *trees[2];
static struct delta_blank blank;
static struct err e;

static int setup(void **state)
{
	static const char *const names[] = { "old", "new" };

	(void)state;
	e = (struct err){ 0 };
	box_open(&box);
	how = (struct pack_settings){ .attributes = TREE_APP, .quiet = true };
	how.scratch_dirfd = box_folder(&box, "scratch");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int fd = box_folder(&box, names[i]);

		fs_close(&fd);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	delta_blank_done(&blank);
	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		pack_tree_free(trees[i]);
		trees[i] = NULL;
	}
	fs_close(&how.scratch_dirfd);
	box_close(&box);
	return 0;
}

static void put(const char *folder, const char *name, struct slice bytes)
{
	int dir = -1;

	assert_ok(fs_open(box.dir, folder, O_RDONLY | O_DIRECTORY, &dir, &e));
	assert_ok(fs_replace_file(dir, name, bytes, 0644, &e));
	fs_close(&dir);
}

static void load(void)
{
	static const char *const names[] = { "old", "new" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "%s/%s", box.path, names[i]);
		assert_ok(pack_load(&how, path, &trees[i], &e));
	}
}

/* What the other manifest says of a file. */
static struct sha256 digest_in(const struct pack_tree *t, const char *path)
{
	struct tree tree;
	struct tree_entry entry;
	int64_t index;

	assert_ok(tree_parse(buf_slice(&t->manifest), &tree, &e));
	index = tree_find(&tree, slice_of(path));
	assert_true(index >= 0);
	tree_entry(&tree, (uint32_t)index, &entry);
	tree_done(&tree);
	return entry.digest;
}

static void assert_digest(const char *path, const char *content)
{
	const struct sha256 got = digest_in(&blank.tree, path);
	struct sha256 want = { { 0 } };

	if (content)
		sha256_of(slice_of(content), &want);
	assert_true(sha256_equal(&got, &want));
}

static void a_file_has_the_digest_that_it_had_before(void **state)
{
	struct sha256 known, ten;

	(void)state;
	put("old", "same", slice_of("same"));
	put("old", "changed", slice_of("before"));
	put("old", "lib.so.1.9", slice_of("nine"));
	put("new", "same", slice_of("same"));
	put("new", "moved", slice_of("before"));
	put("new", "changed", slice_of("behind"));
	put("new", "lib.so.1.10", slice_of("ten"));
	put("new", "new", slice_of("new!"));
	load();
	delta_blank_make(trees[0], trees[1], &blank);
	/* What the old tree holds under any name is taken over by digest. */
	assert_digest("same", "same");
	assert_digest("moved", "before");
	assert_digest("changed", "before");
	assert_digest("lib.so.1.10", "nine");
	assert_digest("new", NULL);
	assert_int_equal(blank.count, 3);
	assert_int_equal(blank.changed, 9);
	assert_int_equal(blank.new, 4);
	/* Of the new tree itself nothing changed. */
	sha256_of(slice_of("ten"), &ten);
	known = digest_in(trees[1], "lib.so.1.10");
	assert_true(sha256_equal(&known, &ten));
}

/* An old folder has no digest to tell, though its path is the file's. */
static void what_was_no_file_has_none(void **state)
{
	int fd = box_folder(&box, "old/name");

	(void)state;
	fs_close(&fd);
	put("new", "name", slice_of("a file"));
	load();
	delta_blank_make(trees[0], trees[1], &blank);
	assert_digest("name", NULL);
	assert_int_equal(blank.new, 6);
}

static void they_are_left_out_where_that_saves_a_64th(void **state)
{
	struct delta_blank b = { .count = 10 };

	(void)state;
	assert_false(delta_blank_pays(&(struct delta_blank){ .count = 0 }));
	b.changed = 10 * 64 * 1024;
	assert_true(delta_blank_pays(&b));
	b.changed = 10 * 66 * 1024;
	assert_false(delta_blank_pays(&b));
	b.changed = 0;
	b.new = 10 * 6 * 1024;
	assert_true(delta_blank_pays(&b));
	b.new = 10 * 7 * 1024;
	assert_false(delta_blank_pays(&b));
	/* Made once, the delta itself tells; twice only of what is little. */
	assert_true(delta_blank_would_pay(&b, 10 * 2048));
	assert_false(delta_blank_would_pay(&b, 10 * 2048 + 64));
	b.changed = (UINT64_C(16) << 20) - b.new;
	assert_true(delta_blank_would_pay(&b, 10 * 2048));
	b.changed++;
	assert_false(delta_blank_would_pay(&b, 10 * 2048));
}

/* ---- whole packages ------------------------------------------------------ */

/* Proved by the devices' own applier, which is pack_make()'s promise. */
static uint64_t make(bool plain, const uint8_t *content_key, struct release *r)
{
	struct pack_job job = { .content = trees[1],
				.base = trees[0],
				.codec = PACKAGE_LZMA,
				.fd = -1,
				.scratch_dirfd = how.scratch_dirfd,
				.quiet = true,
				.plain = plain,
				.content_key = content_key };

	*r = (struct release){ 0 };
	assert_ok(fs_open_nameless(box.dir, &job.fd, &e));
	assert_ok(pack_make(&job, r, &e));
	fs_close(&job.fd);
	return r->package_len;
}

static void put_many(const char *folder, char version)
{
	for (int i = 0; i < 50; i++) {
		char name[16], text[64];

		(void)snprintf(name, sizeof(name), "file-%d", i);
		(void)snprintf(text, sizeof(text), "%c: the %dth file\n",
			       version, i);
		put(folder, name, slice_of(text));
	}
}

static void many_small_files_cost_no_digests(void **state)
{
	static const uint8_t key[STREAM_KEY_LEN] = { 9 };
	struct release r;
	uint64_t with, without;

	(void)state;
	put_many("old", 'a');
	put_many("new", 'b');
	load();
	with = make(true, NULL, &r);
	assert_int_equal(r.library_count, 0);
	without = make(false, NULL, &r);
	assert_int_equal(r.library_count, 0);
	assert_int_equal(r.scratch_len, 0);
	assert_true(without + 50 * SHA256_LEN <= with);
	assert_true(make(false, key, &r) < with);
}

/* Which is known when it was made once; of noise the digest is no matter. */
static void so_does_a_small_change_of_a_large_file(void **state)
{
	uint8_t *noise = mem_alloc(NOISE_LEN, 1);
	uint32_t seed = 1;
	struct release r;
	uint64_t with;

	(void)state;
	for (size_t i = 0; i < NOISE_LEN; i++) {
		seed = seed * 1664525 + 1013904223;
		noise[i] = (uint8_t)(seed >> 24);
	}
	put("old", "file", (struct slice){ noise, NOISE_LEN });
	noise[NOISE_LEN / 2] ^= 1;
	put("new", "file", (struct slice){ noise, NOISE_LEN });
	load();
	with = make(true, NULL, &r);
	assert_true(make(false, NULL, &r) + SHA256_LEN <= with);
	put("old", "file", slice_of("of other content"));
	for (size_t i = 0; i < ARRAY_LEN(trees); i++)
		pack_tree_free(trees[i]);
	load();
	assert_int_equal(make(false, NULL, &r), make(true, NULL, &r));
	assert_true(r.package_len > NOISE_LEN);
	free(noise);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_file_has_the_digest_that_it_had_before),
		TEST(what_was_no_file_has_none),
		TEST(they_are_left_out_where_that_saves_a_64th),
		TEST(many_small_files_cost_no_digests),
		TEST(so_does_a_small_change_of_a_large_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
