/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deltas over an old tree in memory: what they take from it, how, and what
 * becomes of a failure on either side.
 */
#include "common/apply_delta.h"

#include "common/apply.h"
#include "common/delta.h"
#include "common/delta_members.h"
#include "signer/delta_writer.h"
#include "tests/unit/box.h"

/* The old tree: a, b, c. */
static const char *const old_files[] = { "alpha-alpha", "", "gamma-gamma" };

struct kit {
	struct box box;
	struct buf old_manifest, manifest, delta;
	struct tree old;
	struct release release;
	struct raw_package package;
	struct delta_writer *writer;
	/* what the sink and the base do */
	bool base_fails, clone_fails, clones;
	/* what the sink was told */
	unsigned begun, cloned;
	struct buf content;
};

/* ---- trees --------------------------------------------------------------- */

static void list(struct buf *manifest, const char *path, const char *content)
{
	struct tree_entry entry = { .type = TREE_FILE,
				    .path = slice_of(path),
				    .mode = 0644,
				    .len = strlen(content) };
	struct err e = { 0 };

	sha256_of(slice_of(content), &entry.digest);
	assert_ok(tree_add(manifest, &entry, &e));
}

/* The release signs the manifest as it stands. */
static void sign(struct kit *k)
{
	struct tree tree;
	struct err e = { 0 };

	assert_ok(tree_parse(buf_slice(&k->manifest), &tree, &e));
	describe(&k->release, buf_slice(&k->manifest), TREE_APP, tree.count,
		 tree.content_len);
	tree_done(&tree);
}

static int setup(void **state)
{
	static struct kit kit;
	struct err e = { 0 };

	kit = (struct kit){ .old_manifest = { .max = 1 << 16 },
			    .manifest = { .max = 1 << 16 },
			    .delta = { .max = 1 << 20 },
			    .content = { .max = 1 << 16 } };
	box_open(&kit.box);
	assert_ok(tree_begin(&kit.old_manifest, TREE_APP, &e));
	list(&kit.old_manifest, "a", old_files[0]);
	list(&kit.old_manifest, "b", old_files[1]);
	list(&kit.old_manifest, "c", old_files[2]);
	assert_ok(tree_parse(buf_slice(&kit.old_manifest), &kit.old, &e));
	assert_ok(tree_begin(&kit.manifest, TREE_APP, &e));
	*state = &kit;
	return 0;
}

static int teardown(void **state)
{
	struct kit *k = *state;

	delta_writer_free(k->writer);
	tree_done(&k->old);
	buf_done(&k->old_manifest);
	buf_done(&k->manifest);
	buf_done(&k->delta);
	buf_done(&k->content);
	buf_done(&k->package.bytes);
	release_done(&k->release);
	box_close(&k->box);
	return 0;
}

/* ---- deltas -------------------------------------------------------------- */

static int add_bytes(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

/* A payload with these members, if any, up to where its records begin. */
static void begin(struct kit *k, const struct delta_members *members)
{
	const struct delta_writer_setup how = {
		.codec = PACKAGE_RAW, .to = { &k->delta, add_bytes }
	};
	struct buf text = BUF_INIT(1024);
	uint8_t head[DELTA_HEAD_MAX];
	size_t len;
	struct delta_head h = { 0 };
	struct err e = { 0 };

	if (members)
		assert_ok(delta_format_members(members, &text, &e));
	h.raw_len = h.packed_len = (uint32_t)text.len;
	len = delta_format_head(&h, head);
	assert_ok(buf_add(&k->delta, (struct slice){ head, len }, &e));
	assert_ok(buf_add(&k->delta, buf_slice(&text), &e));
	delta_writer_new(&how, &k->writer);
	buf_done(&text);
}

static void insert(struct kit *k, struct slice bytes)
{
	const struct delta_segment all = { .kind = DELTA_PATCH,
					   .len = bytes.len };
	const struct delta_near nowhere = { 0 };
	struct err e = { 0 };

	assert_ok(delta_writer_patch(k->writer, &all, NULL, &e));
	assert_ok(delta_writer_insert(k->writer, bytes, &nowhere, &e));
}

/* Old content, counted from its first byte on. */
static void copy(struct kit *k, uint64_t at, uint64_t len)
{
	struct err e = { 0 };

	assert_ok(delta_writer_copy(k->writer, k->old_manifest.len + at, len,
				    &e));
}

static void end(struct kit *k)
{
	const struct package_header h = { .kind = PACKAGE_DELTA,
					  .content = PACKAGE_TREE,
					  .codec = PACKAGE_RAW };
	struct err e = { 0 };
	uint64_t len;

	assert_ok(delta_writer_end(k->writer, &len, &e));
	raw_make(&k->package, h, buf_slice(&k->delta), &k->release);
}

/* ---- applying ------------------------------------------------------------ */

static int base_read(void *ctx, uint32_t index, uint64_t offset, void *out,
		     size_t len, struct err *e)
{
	const struct kit *k = ctx;

	if (k->base_fails)
		return err_set(e, ERR_SYSTEM, "the old disk");
	assert_true(index < ARRAY_LEN(old_files));
	assert_true(offset + len <= strlen(old_files[index]));
	memcpy(out, old_files[index] + offset, len);
	return 0;
}

static int sink_begin(void *ctx, const struct tree *t, struct err *e)
{
	(void)ctx;
	(void)t;
	(void)e;
	return 0;
}

static int sink_entry(void *ctx, const struct tree_entry *entry, struct err *e)
{
	struct kit *k = ctx;

	(void)entry;
	(void)e;
	k->begun++;
	return 0;
}

static int sink_data(void *ctx, struct slice bytes, struct err *e)
{
	struct kit *k = ctx;

	return buf_add(&k->content, bytes, e);
}

static int sink_clone(void *ctx, uint32_t old_index, bool *done, struct err *e)
{
	struct kit *k = ctx;

	if (k->clone_fails)
		return err_set(e, ERR_SPACE, "the new disk");
	assert_true(old_index < ARRAY_LEN(old_files));
	k->cloned += k->clones;
	*done = k->clones;
	return 0;
}

static int sink_end(void *ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

static int apply(struct kit *k, struct err *e)
{
	const struct tree_sink sink = { .ctx = k,
					.begin = sink_begin,
					.entry = sink_entry,
					.data = sink_data,
					.clone = sink_clone,
					.end = sink_end };
	const struct delta_base base = { &k->old, k, base_read };
	struct apply_flow flow = { .release = &k->release,
				   .base = &base,
				   .sink = &sink,
				   .scratch_dirfd = k->box.dir };
	struct package_reader *reader = NULL;
	struct buf manifest = BUF_INIT(1 << 16);
	int rc = -1;

	k->content.len = 0;
	k->begun = k->cloned = 0;
	if (raw_open(&k->package, &k->release, &reader, e) == 0) {
		flow.package = reader;
		rc = apply_package(&flow, &manifest, e);
	}
	package_close(reader);
	buf_done(&manifest);
	return rc;
}

/* ---- the tests ----------------------------------------------------------- */

static void a_new_file_is_made_of_pieces_of_old_ones(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list(&k->manifest, "x", "alpha-gammagamma-alpha");
	sign(k);
	begin(k, NULL);
	insert(k, buf_slice(&k->manifest));
	copy(k, 0, 6);
	copy(k, 11, 5);
	copy(k, 11, 6);
	copy(k, 6, 5);
	end(k);
	assert_ok(apply(k, &e));
	assert_string_equal(buf_text(&k->content), "alpha-gammagamma-alpha");
	k->base_fails = true;
	assert_refused(apply(k, &e), ERR_SYSTEM);
}

/* From the middle of one old file over an empty one into the next. */
static void a_copy_may_cross_old_files(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list(&k->manifest, "x", "alphagam");
	list(&k->manifest, "y", "");
	sign(k);
	begin(k, NULL);
	insert(k, buf_slice(&k->manifest));
	copy(k, 6, 8);
	end(k);
	assert_ok(apply(k, &e));
	assert_string_equal(buf_text(&k->content), "alphagam");
	assert_int_equal(k->begun, 2);
}

static void whole_files_are_taken_over(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list(&k->manifest, "a", old_files[0]);
	list(&k->manifest, "new", old_files[2]);
	sign(k);
	begin(k, NULL);
	insert(k, buf_slice(&k->manifest));
	copy(k, 0, 22);
	end(k);
	/* Where the sink cannot, the bytes come. */
	assert_ok(apply(k, &e));
	assert_string_equal(buf_text(&k->content), "alpha-alphagamma-gamma");
	k->clones = true;
	assert_ok(apply(k, &e));
	assert_int_equal(k->content.len, 0);
	assert_int_equal(k->cloned, 2);
	k->clone_fails = true;
	assert_refused(apply(k, &e), ERR_SPACE);
	assert_int_equal(k->begun, 1);
}

static void old_tree_without_entries(struct kit *k)
{
	struct err e = { 0 };

	tree_done(&k->old);
	buf_done(&k->old_manifest);
	assert_ok(tree_begin(&k->old_manifest, TREE_APP, &e));
	assert_ok(tree_parse(buf_slice(&k->old_manifest), &k->old, &e));
}

/* There is no file that the copied bytes could belong to. */
/*
 * The manifest as a delta may bring it: of the new file another digest, and of
 * the one that is taken over its own.
 */
static void insert_blank(struct kit *k)
{
	struct buf blank = BUF_INIT(1 << 16);
	struct err e = { 0 };
	struct tree tree;

	assert_ok(buf_add(&blank, buf_slice(&k->manifest), &e));
	assert_ok(tree_parse(buf_slice(&k->manifest), &tree, &e));
	tree_put_digest(&tree, 1, &(struct sha256){ { 1 } }, blank.ptr);
	insert(k, buf_slice(&blank));
	tree_done(&tree);
	buf_done(&blank);
}

static void make_blank(struct kit *k, uint8_t flags, const char *content)
{
	delta_writer_free(k->writer);
	k->delta.len = 0;
	begin(k, NULL);
	k->delta.ptr[0] = flags;
	insert_blank(k);
	copy(k, 0, 11);
	insert(k, slice_of(content));
	copy(k, 11, 11);
	end(k);
}

static void digests_may_be_left_out(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list(&k->manifest, "a", old_files[0]);
	list(&k->manifest, "b", "new");
	list(&k->manifest, "c", old_files[2]);
	sign(k);
	make_blank(k, DELTA_HEAD_BLANK, "new");
	assert_ok(apply(k, &e));
	assert_string_equal(buf_text(&k->content), "alpha-alphanewgamma-gamma");
	k->clones = true;
	assert_ok(apply(k, &e));
	assert_int_equal(k->cloned, 2);
	/* Only where the delta says so, and only for what was signed. */
	make_blank(k, 0, "new");
	assert_refused(apply(k, &e), ERR_UNTRUSTED);
	assert_int_equal(k->begun, 0);
	make_blank(k, DELTA_HEAD_BLANK, "neu");
	assert_refused(apply(k, &e), ERR_UNTRUSTED);
	assert_int_equal(k->begun, 3);
}

static void an_empty_old_tree_still_has_its_manifest(void **state)
{
	struct kit *k = *state;
	char content[5] = { 0 };
	struct err e = { 0 };

	old_tree_without_entries(k);
	memcpy(content, k->old_manifest.ptr, 4);
	assert_int_equal(strlen(content), 4);
	list(&k->manifest, "x", content);
	sign(k);
	begin(k, NULL);
	insert(k, buf_slice(&k->manifest));
	assert_ok(delta_writer_copy(k->writer, 0, 4, &e));
	end(k);
	k->clones = true;
	assert_ok(apply(k, &e));
	assert_string_equal(buf_text(&k->content), content);
}

static void a_release_of_nothing_is_none(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	sign(k);
	k->release.manifest_len = 0;
	begin(k, NULL);
	end(k);
	assert_refused(apply(k, &e), ERR_UNTRUSTED);
}

/*
 * Another version of a compressor gives other bytes, and that the digests
 * tell. The full package is no worse for it: the error says to take that.
 */
static void
a_member_that_comes_out_otherwise_asks_for_the_full_package(void **state)
{
	static const char raw[] = "the same again, the same again, the same";
	const struct member_recipe recipe = { MEMBER_DEFLATE, { 9, 8, 0, 0 } };
	struct delta_step pass = { .kind = DELTA_PASS };
	struct delta_step pack = { .kind = DELTA_PACK, .len = 1 };
	struct delta_members members = { .recipe_count = 0 };
	struct kit *k = *state;
	struct err e = { 0 };

	list(&k->manifest, "x", "none of what deflate.");
	sign(k);
	pass.len = k->release.manifest_len;
	delta_members_add_step(&members, &pass);
	pass.len = pack.raw_len = sizeof(raw) - 1;
	pack.packed_len = (uint32_t)k->release.content_len;
	pack.recipe = delta_members_recipe(&members, &recipe);
	delta_members_add_step(&members, &pack);
	delta_members_add_step(&members, &pass);
	begin(k, &members);
	insert(k, buf_slice(&k->manifest));
	insert(k, slice_of(raw));
	end(k);
	k->release.scratch_len = 1 << 20;
	k->release.apply_memory = 1 << 23;
	assert_refused_saying(apply(k, &e), ERR_CONFLICT, "full package");
	delta_members_done(&members);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(a_new_file_is_made_of_pieces_of_old_ones),
		TEST(a_copy_may_cross_old_files),
		TEST(whole_files_are_taken_over),
		TEST(digests_may_be_left_out),
		TEST(an_empty_old_tree_still_has_its_manifest),
		TEST(a_release_of_nothing_is_none),
		TEST(a_member_that_comes_out_otherwise_asks_for_the_full_package),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
