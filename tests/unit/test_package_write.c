/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/package_write.h"

#include "common/fs.h"

#include "tests/unit/own_box.h"

/* A package of so many bytes that tell no more than that. */
static int write_package(size_t len, uint64_t plain_len, struct release *r,
			 struct err *out)
{
	static const uint8_t bytes[PACKAGE_CHUNK_LEN + 1];
	struct package_header h = { .kind = PACKAGE_FULL,
				    .content = PACKAGE_TREE,
				    .plain_len = plain_len };
	struct package_writer_end end = { &h, NULL, -1 };
	struct package_writer *w = NULL;
	struct err e = { 0 };
	int rc;

	assert_ok(package_writer_new(box.dir, &w, &e));
	assert_ok(package_writer_add(w, (struct slice){ bytes, len }, &e));
	assert_ok(fs_open_nameless(box.dir, &end.fd, &e));
	rc = package_writer_end(w, &end, r, out);
	fs_close(&end.fd);
	package_writer_free(w);
	return rc;
}

static void a_single_chunk_is_in_the_head(void **state)
{
	struct release r = { .seq = 1 };
	struct err e = { 0 };

	(void)state;
	assert_ok(write_package(PACKAGE_CHUNK_LEN, 1, &r, &e));
	assert_int_equal(r.head_len, PACKAGE_HEADER_LEN + PACKAGE_CHUNK_LEN);
	assert_int_equal(r.package_len, r.head_len);
	assert_ok(write_package(PACKAGE_CHUNK_LEN + 1, 1, &r, &e));
	assert_int_equal(r.head_len, PACKAGE_HEADER_LEN + 2 * SHA256_LEN);
	assert_int_equal(r.package_len, r.head_len + PACKAGE_CHUNK_LEN + 1);
}

/* Its field has six bytes; what is cut off would be another length. */
static void what_the_header_cannot_say_is_no_package(void **state)
{
	struct release r = { .seq = 1 };
	struct err e = { 0 };

	(void)state;
	assert_ok(write_package(1, PACKAGE_PLAIN_MAX - 1, &r, &e));
	assert_refused(write_package(1, PACKAGE_PLAIN_MAX, &r, &e), ERR_LIMIT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, own_box_open, own_box_close)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_single_chunk_is_in_the_head),
		TEST(what_the_header_cannot_say_is_no_package),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
