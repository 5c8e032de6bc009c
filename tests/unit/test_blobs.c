/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/blobs.h"

#include <fcntl.h>
#include <stdio.h>

#include "tests/unit/box.h"

static struct box box;
static struct sha256 digest;
static char name[100];

static int setup(void **state)
{
	char hex[SHA256_HEX_LEN];

	(void)state;
	box_open(&box);
	sha256_of(slice_of("payload"), &digest);
	sha256_format(&digest, hex);
	(void)snprintf(name, sizeof(name), "blobs/%.2s/%s", hex, hex);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

static int put(const char *content)
{
	struct err e = { 0 };
	int fd = -1, rc;

	assert_ok(fs_replace_file(box.dir, "upload", slice_of(content), 0600,
				  &e));
	assert_ok(fs_open(box.dir, "upload", O_RDONLY, &fd, &e));
	rc = blobs_put(box.dir, fd, strlen(content), &digest, &e);
	fs_close(&fd);
	return rc ? (int)e.code : 0;
}

static int read_it(size_t max, struct buf *out, struct err *e)
{
	*out = (struct buf)BUF_INIT(max);
	return blobs_read(box.dir, &digest, out, e);
}

static void what_came_in_is_read_again(void **state)
{
	struct err e = { 0 };
	struct buf out;
	uint64_t len = 0;
	int fd = -1;

	(void)state;
	assert_refused(read_it(100, &out, &e), ERR_NOT_FOUND);
	assert_int_equal(put("payload"), 0);
	assert_int_equal(put("payload"), 0); /* once more is fine */
	assert_ok(blobs_open(box.dir, &digest, &fd, &len, &e));
	assert_int_equal(len, 7);
	fs_close(&fd);
	assert_ok(read_it(7, &out, &e));
	assert_string_equal(buf_text(&out), "payload");
	buf_done(&out);
	assert_refused(read_it(6, &out, &e), ERR_LIMIT);
	buf_done(&out);
}

static void other_bytes_do_not_come_in(void **state)
{
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(put("payloaD"), ERR_UNTRUSTED);
	assert_refused(fs_stat(box.dir, name, &st, &e), ERR_NOT_FOUND);
}

static void what_was_changed_on_the_disk_is_found(void **state)
{
	static const char *const changed[] = { "payloaD", "payloa",
					       "payloads" };
	struct err e = { 0 };
	struct buf out;

	(void)state;
	assert_int_equal(put("payload"), 0);
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		assert_ok(fs_replace_file(box.dir, name, slice_of(changed[i]),
					  0600, &e));
		assert_refused(read_it(100, &out, &e), ERR_UNTRUSTED);
		assert_int_equal(out.len, 0);
	}
}

static void what_is_longer_than_wanted_is_not_read(void **state)
{
	struct err e = { 0 };
	struct buf out;

	(void)state;
	assert_int_equal(put("payload"), 0);
	assert_ok(read_it(7, &out, &e));
	buf_done(&out);
	assert_refused_saying(read_it(6, &out, &e), ERR_LIMIT,
			      "document is too long");
	assert_int_equal(out.len, 0);
}

/* Neither a link to the right bytes nor a folder is a payload. */
static void what_is_no_file_is_not_served(void **state)
{
	struct err e = { 0 };
	struct buf out;

	(void)state;
	assert_int_equal(put("payload"), 0);
	assert_int_equal(unlinkat(box.dir, name, 0), 0);
	assert_int_equal(symlinkat("../../upload", box.dir, name), 0);
	assert_refused(read_it(100, &out, &e), ERR_REFUSED);
	assert_int_equal(unlinkat(box.dir, name, 0), 0);
	assert_int_equal(mkdirat(box.dir, name, 0700), 0);
	assert_refused(read_it(100, &out, &e), ERR_SYSTEM);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_came_in_is_read_again),
		TEST(other_bytes_do_not_come_in),
		TEST(what_was_changed_on_the_disk_is_found),
		TEST(what_is_longer_than_wanted_is_not_read),
		TEST(what_is_no_file_is_not_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
