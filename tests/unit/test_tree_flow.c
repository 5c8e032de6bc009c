/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tree_flow.h"

#include "tests/unit/check.h"

#define ONE "one"
#define TWO "twenty-two"

/* A tree of two files and a folder, its release, and a sink that listens. */
static struct buf manifest;
static struct release r;
static struct tree_flow *flow;
static char heard[200];
static bool clones;
static struct err e;

static void hear(const char *what)
{
	assert_true(strlen(heard) + strlen(what) < sizeof(heard));
	strcat(heard, what);
}

static int hear_begin(void *ctx, const struct tree *t, struct err *err)
{
	(void)ctx;
	(void)t;
	(void)err;
	hear("begin ");
	return 0;
}

static int hear_entry(void *ctx, const struct tree_entry *entry,
		      struct err *err)
{
	char name[8] = "";

	(void)ctx;
	(void)err;
	memcpy(name, entry->path.ptr, entry->path.len);
	hear(name);
	hear(" ");
	return 0;
}

static int hear_data(void *ctx, struct slice bytes, struct err *err)
{
	(void)ctx;
	(void)bytes;
	(void)err;
	hear("+ ");
	return 0;
}

static int hear_clone(void *ctx, uint32_t old_index, bool *done,
		      struct err *err)
{
	(void)ctx;
	(void)err;
	assert_int_equal(old_index, 7);
	*done = clones;
	return 0;
}

static int hear_end(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	hear("end");
	return 0;
}

static const struct tree_sink sink = {
	NULL,       hear_begin, hear_entry,         hear_data,
	hear_clone, hear_end,   .reads_back = false
};

static int stop_at(void *ctx, uint64_t bytes, struct err *err)
{
	const uint64_t *limit = ctx;

	return bytes >= *limit ? err_set(err, ERR_BUSY, "stopped") : 0;
}

static void add(enum tree_type type, const char *path, const char *content)
{
	struct tree_entry entry = { .type = type,
				    .path = slice_of(path),
				    .mode = 0644,
				    .len = strlen(content) };

	sha256_of(slice_of(content), &entry.digest);
	assert_ok(tree_add(&manifest, &entry, &e));
}

static int setup(void **state)
{
	(void)state;
	heard[0] = 0;
	clones = false;
	manifest = (struct buf)BUF_INIT(1000);
	assert_ok(tree_begin(&manifest, TREE_APP, &e));
	add(TREE_FILE, "a", ONE);
	add(TREE_FILE, "b", TWO);
	add(TREE_FOLDER, "c", "");
	r = (struct release){ .attributes = TREE_APP,
			      .manifest_len = manifest.len,
			      .entries = 3,
			      .content_len = strlen(ONE TWO) };
	sha256_of(buf_slice(&manifest), &r.content_digest);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_flow_free(flow);
	flow = NULL;
	buf_done(&manifest);
	return 0;
}

static int begin(void)
{
	return tree_flow_begin(&r, buf_slice(&manifest), &sink, NULL, &flow,
			       &e);
}

static int data(const char *text)
{
	return tree_flow_data(flow, slice_of(text), &e);
}

static void a_tree_passes_entry_by_entry(void **state)
{
	struct tree_entry entry;

	(void)state;
	assert_ok(begin());
	assert_ok(tree_flow_next(flow, &e));
	assert_true(tree_flow_current(flow, &entry));
	assert_ok(data("o"));
	/* of which some has come already */
	assert_false(tree_flow_current(flow, &entry));
	assert_int_equal(tree_flow_left(flow), 2);
	assert_ok(data("ne"));
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(data(TWO));
	assert_true(tree_flow_peek(flow, &entry));
	assert_ok(tree_flow_next(flow, &e));
	assert_false(tree_flow_peek(flow, &entry));
	assert_ok(tree_flow_end(flow, &e));
	assert_string_equal(heard, "begin a + + b + c end");
}

static void another_manifest_is_refused(void **state)
{
	(void)state;
	manifest.ptr[manifest.len - 1] ^= 1;
	assert_refused(begin(), ERR_UNTRUSTED);
	manifest.ptr[manifest.len - 1] ^= 1;
	r.manifest_len++;
	assert_refused(begin(), ERR_UNTRUSTED);
	r.manifest_len--;
	r.entries++;
	assert_refused(begin(), ERR_UNTRUSTED);
	r.entries--;
	r.content_len--;
	assert_refused(begin(), ERR_UNTRUSTED);
	r.content_len++;
	r.attributes = TREE_SYSTEM;
	assert_refused(begin(), ERR_UNTRUSTED);
	assert_string_equal(heard, "");
}

static void other_content_is_refused(void **state)
{
	(void)state;
	assert_ok(begin());
	assert_ok(tree_flow_next(flow, &e));
	assert_refused(data("onE"), ERR_UNTRUSTED);
}

/* Nothing passes of an empty file, and still it has a digest. */
static void an_empty_file_has_a_digest_too(void **state)
{
	struct sha256 got;

	(void)state;
	manifest.len = 0;
	assert_ok(tree_begin(&manifest, TREE_APP, &e));
	add(TREE_FILE, "a", "");
	r = (struct release){ .attributes = TREE_APP,
			      .manifest_len = manifest.len,
			      .entries = 1 };
	sha256_of(buf_slice(&manifest), &r.content_digest);
	manifest.ptr[manifest.len - 1] ^= 1;
	assert_ok(tree_flow_begin_blank(&r, &manifest, &sink, NULL, &flow, &e));
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(tree_flow_end(flow, &e));
	tree_flow_free(flow);
	flow = NULL;
	manifest.ptr[manifest.len - 1] ^= 1;
	sha256_of(buf_slice(&manifest), &got);
	assert_false(sha256_equal(&got, &r.content_digest));
	r.content_digest = got;
	assert_ok(begin());
	assert_refused(tree_flow_next(flow, &e), ERR_UNTRUSTED);
}

static void content_that_is_cut_off_is_refused(void **state)
{
	(void)state;
	assert_ok(begin());
	assert_refused(tree_flow_end(flow, &e), ERR_UNTRUSTED);
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(data("on"));
	assert_refused(tree_flow_next(flow, &e), ERR_UNTRUSTED);
	assert_ok(data("e"));
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(data(TWO));
	/* an entry is missing, if only a folder */
	assert_refused(tree_flow_end(flow, &e), ERR_UNTRUSTED);
	assert_null(strstr(heard, "end"));
}

static void the_last_file_must_be_whole(void **state)
{
	(void)state;
	manifest.len = 0;
	assert_ok(tree_begin(&manifest, TREE_APP, &e));
	add(TREE_FILE, "a", ONE);
	r.manifest_len = manifest.len;
	r.entries = 1;
	r.content_len = strlen(ONE);
	sha256_of(buf_slice(&manifest), &r.content_digest);
	assert_ok(begin());
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(data("on"));
	assert_refused(tree_flow_end(flow, &e), ERR_UNTRUSTED);
	assert_ok(data("e"));
	assert_ok(tree_flow_end(flow, &e));
}

static int count_calls(void *ctx, uint64_t bytes, struct err *err)
{
	unsigned *calls = ctx;

	(void)bytes;
	(void)err;
	++*calls;
	return 0;
}

/* Else who waits takes a long row of folders for a process that hangs. */
static void who_watches_hears_of_what_has_no_content(void **state)
{
	unsigned calls = 0;
	const struct tree_watch watch = { &calls, count_calls };

	(void)state;
	assert_ok(tree_flow_begin(&r, buf_slice(&manifest), &sink, &watch,
				  &flow, &e));
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(data(ONE));
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(data(TWO));
	calls = 0;
	assert_ok(tree_flow_next(flow, &e));
	assert_string_equal(heard, "begin a + b + c ");
	assert_int_equal(calls, 1);
}

static void a_file_is_cloned_or_comes_as_bytes(void **state)
{
	uint64_t limit = manifest.len + strlen(ONE TWO);
	const struct tree_watch watch = { &limit, stop_at };
	bool done;

	(void)state;
	assert_ok(tree_flow_begin(&r, buf_slice(&manifest), &sink, &watch,
				  &flow, &e));
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(tree_flow_clone(flow, 7, &done, &e));
	assert_false(done);
	assert_int_equal(tree_flow_left(flow), strlen(ONE));
	assert_ok(data(ONE));
	assert_ok(tree_flow_next(flow, &e));
	clones = true;
	/* It counts as content, so whoever watches can stop it. */
	assert_refused(tree_flow_clone(flow, 7, &done, &e), ERR_BUSY);
	assert_int_equal(tree_flow_left(flow), 0);
}

/* ---- a manifest whose digests are found -----------------------------------
 */

static int begin_blank(const struct tree_sink *to)
{
	struct tree tree;

	assert_ok(tree_parse(buf_slice(&manifest), &tree, &e));
	for (uint32_t i = 0; i < 2; i++)
		tree_put_digest(&tree, i, &(struct sha256){ { 1 } },
				manifest.ptr);
	tree_done(&tree);
	return tree_flow_begin_blank(&r, &manifest, to, NULL, &flow, &e);
}

static void digests_that_are_left_out_are_found(void **state)
{
	const struct tree_sink sinks[] = {
		sink,
		{ NULL, hear_begin, hear_entry, hear_data, hear_clone, hear_end,
		  .reads_back = true },
	};
	struct sha256 got;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sinks); i++) {
		heard[0] = 0;
		assert_ok(begin_blank(&sinks[i]));
		assert_ok(tree_flow_next(flow, &e));
		assert_ok(data("o"));
		assert_ok(data("ne"));
		assert_ok(tree_flow_next(flow, &e));
		assert_ok(data(TWO));
		assert_ok(tree_flow_next(flow, &e));
		assert_ok(tree_flow_end(flow, &e));
		assert_string_equal(heard, "begin a + + b + c end");
		sha256_of(buf_slice(&manifest), &got);
		assert_true(sha256_equal(&got, &r.content_digest));
		tree_flow_free(flow);
		flow = NULL;
	}
}

static void
content_whose_digest_was_left_out_must_be_the_signed_one(void **state)
{
	(void)state;
	assert_ok(begin_blank(&sink));
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(data("onE"));
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(data(TWO));
	assert_ok(tree_flow_next(flow, &e));
	assert_refused(tree_flow_end(flow, &e), ERR_UNTRUSTED);
	assert_null(strstr(heard, "end"));
}

/* Nothing but digests of files may differ from what was signed. */
static void all_else_of_such_a_manifest_must_be_the_signed_one(void **state)
{
	(void)state;
	manifest.ptr[manifest.len - 2] ^= 1; /* the folder's mode */
	assert_ok(begin_blank(&sink));
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(data(ONE));
	assert_ok(tree_flow_next(flow, &e));
	assert_ok(data(TWO));
	assert_ok(tree_flow_next(flow, &e));
	assert_refused(tree_flow_end(flow, &e), ERR_UNTRUSTED);
	tree_flow_free(flow);
	flow = NULL;
	manifest.ptr[manifest.len - 2] ^= 1;
	heard[0] = 0;
	r.entries++;
	assert_refused(begin_blank(&sink), ERR_UNTRUSTED);
	r.entries--;
	r.content_len++;
	assert_refused(begin_blank(&sink), ERR_UNTRUSTED);
	assert_string_equal(heard, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_tree_passes_entry_by_entry),
		TEST(another_manifest_is_refused),
		TEST(other_content_is_refused),
		TEST(an_empty_file_has_a_digest_too),
		TEST(content_that_is_cut_off_is_refused),
		TEST(the_last_file_must_be_whole),
		TEST(who_watches_hears_of_what_has_no_content),
		TEST(a_file_is_cloned_or_comes_as_bytes),
		TEST(digests_that_are_left_out_are_found),
		TEST(content_whose_digest_was_left_out_must_be_the_signed_one),
		TEST(all_else_of_such_a_manifest_must_be_the_signed_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
