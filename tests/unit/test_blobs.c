/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/blobs.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#include "tests/unit/box.h"
#include "tests/unit/put_blob.h"

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
	rc = put_blob(box.dir, fd, strlen(content), &digest, &e);
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

struct seen {
	struct blob at[8];
	size_t count;
};

static int see(void *ctx, const struct blob *b, struct err *e)
{
	struct seen *s = ctx;

	if (s->count == ARRAY_LEN(s->at))
		return err_set(e, ERR_LIMIT, "too many");
	s->at[s->count++] = *b;
	return 0;
}

static void each_file_is_seen_and_nothing_else(void **state)
{
	static const char *const others[] = { "blobs/README", "blobs/zz",
					      "blobs/ab/short" };
	struct seen seen = { .count = 0 };
	struct err e = { 0 };
	char part[130];

	(void)state;
	assert_ok(blobs_each(box.dir, see, &seen, &e));
	assert_int_equal(seen.count, 0);
	assert_int_equal(put("payload"), 0);
	assert_ok(fs_mkdirs(box.dir, "blobs/ab", 0700, &e));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_ok(fs_replace_file(box.dir, others[i], slice_of("x"),
					  0600, &e));
	(void)snprintf(part, sizeof(part), "blobs/ab/%s", name + 9);
	assert_ok(fs_replace_file(box.dir, part, slice_of("x"), 0600, &e));
	(void)snprintf(part, sizeof(part), "%s.0123456789abcdeg", name);
	assert_ok(fs_replace_file(box.dir, part, slice_of("x"), 0600, &e));
	assert_ok(blobs_each(box.dir, see, &seen, &e));
	assert_int_equal(seen.count, 1);
	assert_true(seen.at[0].whole);
	assert_true(sha256_equal(&seen.at[0].digest, &digest));
	assert_int_equal(seen.at[0].len, 7);
	/* A copy that was cut off. */
	(void)snprintf(part, sizeof(part), "%s.0123456789abcdef", name);
	assert_ok(fs_replace_file(box.dir, part, slice_of("x"), 0600, &e));
	seen.count = 0;
	assert_ok(blobs_each(box.dir, see, &seen, &e));
	assert_int_equal(seen.count, 2);
	assert_int_not_equal(seen.at[0].whole, seen.at[1].whole);
	/* Whoever sees it may end it. */
	seen.count = ARRAY_LEN(seen.at);
	assert_refused(blobs_each(box.dir, see, &seen, &e), ERR_LIMIT);
}

/* Not seeing what is there would be taken for there being nothing. */
static void what_cannot_be_looked_into_is_said(void **state)
{
	struct seen seen = { .count = 0 };
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_mkdirs(box.dir, "blobs", 0700, &e));
	assert_ok(
		fs_replace_file(box.dir, "blobs/ab", slice_of("x"), 0600, &e));
	assert_int_equal(blobs_each(box.dir, see, &seen, &e), -1);
	assert_ok(fs_remove_tree(box.dir, "blobs", &e));
	assert_ok(fs_replace_file(box.dir, "blobs", slice_of("x"), 0600, &e));
	assert_int_equal(blobs_each(box.dir, see, &seen, &e), -1);
	assert_int_equal(seen.count, 0);
}

static bool ends_in_keys(const char *folder, const char *file, struct blob *out)
{
	(void)snprintf(out->name, sizeof(out->name), "%s/%s", folder, file);
	out->whole = strcmp(file, "one.keys") == 0;
	return out->whole;
}

static void another_folder_is_seen_by_names_of_its_own(void **state)
{
	struct seen seen = { .count = 0 };
	struct err e = { 0 };

	(void)state;
	assert_ok(blobs_each_of(box.dir, "keys", ends_in_keys, see, &seen, &e));
	assert_int_equal(seen.count, 0);
	assert_ok(fs_mkdirs(box.dir, "keys", 0700, &e));
	assert_ok(fs_replace_file(box.dir, "keys/one.keys", slice_of("four"),
				  0600, &e));
	assert_ok(fs_replace_file(box.dir, "keys/one.else", slice_of("x"), 0600,
				  &e));
	assert_ok(blobs_each_of(box.dir, "keys", ends_in_keys, see, &seen, &e));
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.at[0].name, "keys/one.keys");
	assert_int_equal(seen.at[0].len, 4);
	seen.count = ARRAY_LEN(seen.at);
	assert_refused(
		blobs_each_of(box.dir, "keys", ends_in_keys, see, &seen, &e),
		ERR_LIMIT);
	assert_ok(fs_remove_tree(box.dir, "keys", &e));
	assert_ok(fs_replace_file(box.dir, "keys", slice_of("x"), 0600, &e));
	assert_int_equal(
		blobs_each_of(box.dir, "keys", ends_in_keys, see, &seen, &e),
		-1);
}

static void what_is_read_or_came_meanwhile_stays(void **state)
{
	struct timespec old[2] = { { .tv_sec = 100 }, { .tv_sec = 100 } };
	struct seen seen = { .count = 0 };
	struct err e = { 0 };
	uint64_t len = 0;
	int fd = -1, lock = -1;

	(void)state;
	assert_int_equal(put("payload"), 0);
	assert_int_equal(utimensat(box.dir, name, old, 0), 0);
	assert_ok(blobs_each(box.dir, see, &seen, &e));
	assert_ok(blobs_open(box.dir, &digest, &fd, &len, &e));
	assert_refused(blobs_remove(box.dir, &seen.at[0], 101, &e), ERR_BUSY);
	fs_close(&fd);
	assert_refused(blobs_remove(box.dir, &seen.at[0], 100, &e),
		       ERR_CONFLICT);
	assert_ok(blobs_touch(box.dir, &digest, &len, &e));
	assert_int_equal(len, 7);
	assert_refused(blobs_remove(box.dir, &seen.at[0], 101, &e),
		       ERR_CONFLICT);
	assert_int_equal(utimensat(box.dir, name, old, 0), 0);
	/* Whoever takes it away holds it alone: it is not given out any more.
	 */
	assert_ok(fs_open(box.dir, name, O_RDONLY, &lock, &e));
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	assert_refused(blobs_open(box.dir, &digest, &fd, &len, &e),
		       ERR_NOT_FOUND);
	fs_close(&lock);
	assert_ok(blobs_remove(box.dir, &seen.at[0], 101, &e));
	assert_refused(blobs_open(box.dir, &digest, &fd, &len, &e),
		       ERR_NOT_FOUND);
	assert_refused(blobs_touch(box.dir, &digest, &len, &e), ERR_NOT_FOUND);
	assert_refused(blobs_remove(box.dir, &seen.at[0], 101, &e),
		       ERR_NOT_FOUND);
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
		TEST(each_file_is_seen_and_nothing_else),
		TEST(what_cannot_be_looked_into_is_said),
		TEST(another_folder_is_seen_by_names_of_its_own),
		TEST(what_is_read_or_came_meanwhile_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
