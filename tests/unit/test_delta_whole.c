/* SPDX-License-Identifier: Apache-2.0 */
/* A small delta is no larger than what a dictionary of the old content makes
 * of the new one; that devices make the same of it is pack_make()'s proof. */
#include "signer/delta_whole.h"

#include "common/mem.h"
#include "signer/encode.h"
#include "signer/pack.h"
#include "tests/unit/box.h"

#define FILES    24
#define FILE_LEN 1800
#define SPARE    90 /* head of the package, manifest, names */

static struct box box;
static struct err e;
static uint32_t seed;
static const struct delta_writer_setup lzma = { .codec = PACKAGE_LZMA };
static struct buf texts[2]; /* of all files, old and new */

/* It begins anew soon: what is in one file comes again in others. */
static uint32_t chance(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static int setup(void **state)
{
	(void)state;
	e = (struct err){ 0 };
	seed = 1;
	box_open(&box);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		texts[i] = (struct buf)BUF_INIT(1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		buf_done(&texts[i]);
	box_close(&box);
	return 0;
}

/* Like a certificate: a frame of words around digits. */
static void put_key(int dir, struct buf *text, unsigned number)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
				     "pqrstuvwxyz0123456789+/";
	char bytes[FILE_LEN], name[32];
	size_t len = (size_t)snprintf(bytes, sizeof(bytes),
				      "-----BEGIN CERTIFICATE-----\n");

	for (size_t i = 1; len < sizeof(bytes) - 28; i++)
		if (i % 65 == 0)
			bytes[len++] = '\n';
		else
			bytes[len++] = digits[chance(64)];
	memcpy(bytes + len, "\n-----END CERTIFICATE-----\n\n", 28);
	(void)snprintf(name, sizeof(name), "key-%u.crt", number * 7919 % 1000);
	assert_ok(fs_replace_file(
		dir, name, (struct slice){ (uint8_t *)bytes, sizeof(bytes) },
		0644, &e));
	assert_ok(buf_add(
		text, (struct slice){ (uint8_t *)bytes, sizeof(bytes) }, &e));
}

static void put_tree(const char *folder, struct buf *text, unsigned first)
{
	int dir = box_folder(&box, folder);

	for (unsigned i = 0; i < FILES; i++)
		put_key(dir, text, first + i);
	fs_close(&dir);
}

static uint64_t package_len(void)
{
	static const char *const names[] = { "old", "new" };
	struct pack_settings how = { .attributes = TREE_APP, .quiet = true };
	struct pack_tree *trees[2];
	struct pack_job job = { .codec = PACKAGE_LZMA,
				.fd = -1,
				.quiet = true };
	struct release r = { 0 };

	how.scratch_dirfd = job.scratch_dirfd = box_folder(&box, "scratch");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "%s/%s", box.path, names[i]);
		assert_ok(pack_load(&how, path, &trees[i], &e));
	}
	job.base = trees[0];
	job.content = trees[1];
	assert_ok(fs_open_nameless(box.dir, &job.fd, &e));
	assert_ok(pack_make(&job, &r, &e));
	for (size_t i = 0; i < ARRAY_LEN(trees); i++)
		pack_tree_free(trees[i]);
	fs_close(&job.fd);
	fs_close(&how.scratch_dirfd);
	return r.package_len;
}

static void what_is_new_costs_what_a_dictionary_makes_of_it(void **state)
{
	struct encode_how how = { .codec = PACKAGE_LZMA,
				  .window_len = 1 << 20 };
	struct buf packed = BUF_INIT(1 << 20);
	uint64_t len;

	(void)state;
	put_tree("old", &texts[0], 0);
	put_tree("new", &texts[1], FILES);
	how.prefix = buf_slice(&texts[0]);
	assert_ok(encode_with(&how, buf_slice(&texts[1]), &packed, &e));
	len = package_len();
	assert_true(len <= packed.len + SPARE);
	buf_done(&packed);
}

/* More than readers take is not tried. */
static void much_content_is_not_made_twice(void **state)
{
	struct view_span all = { .len = 5u << 20 };
	struct view_pair v = {
		.old = { .len = (5u << 20), .spans = &all, .span_count = 1 },
		.fresh = { .len = 1u << 20 }
	};

	(void)state;
	assert_true(delta_whole_is_tried(&v, &lzma));
	v.members.kept_len = 1;
	assert_false(delta_whole_is_tried(&v, &lzma));
	v.members.kept_len = 0;
	v.old.len = ++all.len;
	assert_false(delta_whole_is_tried(&v, &lzma));
	v.old.len = all.len = 1;
	v.fresh.len = (6u << 20) - 1;
	assert_true(delta_whole_is_tried(&v, &lzma));
	v.fresh.len++;
	assert_false(delta_whole_is_tried(&v, &lzma));
	v.fresh.len++;
	assert_false(delta_whole_is_tried(&v, &lzma));
}

static void without_a_codec_nothing_is_gained(void **state)
{
	const struct delta_writer_setup none = { .codec = PACKAGE_RAW };
	struct view_span all = { .len = 1 };
	const struct view_pair v = {
		.old = { .len = 1, .spans = &all, .span_count = 1 },
		.fresh = { .len = 1 }
	};

	(void)state;
	assert_true(delta_whole_is_tried(&v, &lzma));
	assert_false(delta_whole_is_tried(&v, &none));
}

/* Where nothing stands nothing can be read: a prefix of all has no gap. */
static void what_has_gaps_is_no_dictionary(void **state)
{
	struct view_span spans[] = { { .at = 0, .len = 10 },
				     { .at = 10, .len = 5 } };
	struct view_pair v = {
		.old = { .len = 15, .spans = spans, .span_count = 2 },
		.fresh = { .len = 1 }
	};

	(void)state;
	assert_true(delta_whole_is_tried(&v, &lzma));
	v.old.len = 16;
	assert_false(delta_whole_is_tried(&v, &lzma));
	spans[1].at++;
	assert_false(delta_whole_is_tried(&v, &lzma));
	v.old.span_count = 0;
	assert_false(delta_whole_is_tried(&v, &lzma));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_new_costs_what_a_dictionary_makes_of_it),
		TEST(much_content_is_not_made_twice),
		TEST(without_a_codec_nothing_is_gained),
		TEST(what_has_gaps_is_no_dictionary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
