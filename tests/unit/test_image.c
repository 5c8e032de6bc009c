/* SPDX-License-Identifier: Apache-2.0 */
/* An image as the tree of one file: both ends make the same of it. */
#include "common/image.h"

#include "tests/unit/check.h"

static void the_manifest_follows_from_length_and_digest(void **state)
{
	struct release image = { .content = PACKAGE_IMAGE,
				 .content_len = 5,
				 .kind = PACKAGE_FULL };
	struct buf manifest = BUF_INIT(IMAGE_MANIFEST_MAX);
	struct release as_tree;
	struct tree_entry entry;
	struct sha256 digest;
	struct tree tree;
	struct err e = { 0 };

	(void)state;
	sha256_of(slice_of("bytes"), &image.digest);
	assert_ok(image_manifest(5, &image.digest, &manifest, &e));
	assert_ok(tree_parse(buf_slice(&manifest), &tree, &e));
	assert_int_equal(tree.count, 1);
	assert_int_equal(tree.content_len, 5);
	assert_int_equal(tree_find(&tree, slice_of(IMAGE_NAME)), 0);
	tree_entry(&tree, 0, &entry);
	assert_true(sha256_equal(&entry.digest, &image.digest));
	tree_done(&tree);

	image_as_tree(&image, buf_slice(&manifest), &as_tree);
	sha256_of(buf_slice(&manifest), &digest);
	assert_int_equal(as_tree.content, PACKAGE_IMAGE);
	assert_int_equal(as_tree.attributes, TREE_APP);
	assert_int_equal(as_tree.entries, 1);
	assert_int_equal(as_tree.content_len, 5);
	assert_int_equal(as_tree.manifest_len, manifest.len);
	assert_true(sha256_equal(&as_tree.content_digest, &digest));
	buf_done(&manifest);
}

static void a_manifest_names_one_image_or_tree(void **state)
{
	struct sha256 image = { { 7 } }, own;
	struct buf manifest = BUF_INIT(2 * IMAGE_MANIFEST_MAX);
	const struct tree_entry second = { .type = TREE_FILE,
					   .path = slice_of("second"),
					   .mode = 0644 };
	struct err e = { 0 };

	(void)state;
	assert_ok(image_manifest(5, &image, &manifest, &e));
	sha256_of(buf_slice(&manifest), &own);
	assert_true(
		image_or_tree_is(PACKAGE_IMAGE, buf_slice(&manifest), &image));
	assert_false(
		image_or_tree_is(PACKAGE_IMAGE, buf_slice(&manifest), &own));
	assert_true(image_or_tree_is(PACKAGE_TREE, buf_slice(&manifest), &own));
	assert_false(
		image_or_tree_is(PACKAGE_TREE, buf_slice(&manifest), &image));
	manifest.ptr[manifest.len - 1] ^= 1; /* of the digest */
	assert_false(
		image_or_tree_is(PACKAGE_IMAGE, buf_slice(&manifest), &image));
	manifest.len = 0;
	assert_false(
		image_or_tree_is(PACKAGE_IMAGE, buf_slice(&manifest), &image));
	assert_ok(image_manifest(5, &image, &manifest, &e));
	assert_ok(tree_add(&manifest, &second, &e));
	assert_false(
		image_or_tree_is(PACKAGE_IMAGE, buf_slice(&manifest), &image));
	buf_done(&manifest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manifest_follows_from_length_and_digest),
		cmocka_unit_test(a_manifest_names_one_image_or_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
