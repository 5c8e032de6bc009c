/* SPDX-License-Identifier: Apache-2.0 */
/* Files of sealed keys: whole, of their package, and never half in place. */
#include "update-server/envelopes.h"

#include <sys/mman.h>

#include "tests/unit/own_box.h"

#define DEVICES 3

static const struct sha256 package = { { 7, 7 } }, other = { { 9 } };

/* As it was uploaded: records of `mark` for so many devices. */
static int upload(uint8_t mark, uint64_t *len)
{
	struct buf bytes = BUF_INIT(4096);
	int fd = memfd_create("upload", MFD_CLOEXEC);
	struct err e;

	assert_ok(keybox_add_header(&package, DEVICES, &bytes, &e));
	for (uint8_t i = 0; i < DEVICES; i++) {
		uint8_t record[KEYBOX_RECORD_LEN];

		memset(record, mark, sizeof(record));
		record[0] = i;
		assert_ok(buf_add(
			&bytes, (struct slice){ record, sizeof(record) }, &e));
	}
	assert_ok(fs_write_at(fd, 0, buf_slice(&bytes), &e));
	*len = bytes.len;
	buf_done(&bytes);
	return fd;
}

static unsigned names(void)
{
	struct err e;
	int fd = -1;
	unsigned count;

	assert_ok(
		fs_open(box.dir, "envelopes", O_RDONLY | O_DIRECTORY, &fd, &e));
	count = count_names(fd);
	fs_close(&fd);
	return count;
}

static uint8_t mark_in_place(void)
{
	uint8_t mark = 0;
	struct err e;
	size_t got;
	int fd = -1;

	assert_ok(envelopes_open(box.dir, &package, &fd, &e));
	assert_ok(fs_read_at(fd, KEYBOX_HEADER_LEN + 1, &mark, 1, &got, &e));
	assert_int_equal(got, 1);
	fs_close(&fd);
	return mark;
}

static void what_was_kept_takes_the_place_of_what_was_there(void **state)
{
	struct envelopes_copy copy;
	struct err e;
	uint64_t len;
	int fd;

	(void)state;
	for (uint8_t mark = 1; mark < 4; mark++) {
		int before = -1;

		fd = upload(mark, &len);
		assert_ok(
			envelopes_take(box.dir, fd, len, &package, &copy, &e));
		close(fd);
		/* Until then the former one is what devices are given. */
		if (mark == 1)
			assert_refused(
				envelopes_open(box.dir, &package, &before, &e),
				ERR_NOT_FOUND);
		else
			assert_int_equal(mark_in_place(), mark - 1);
		assert_ok(envelopes_keep(box.dir, &copy, &e));
		assert_int_equal(mark_in_place(), mark);
		assert_int_equal(names(), 1);
	}
}

static void what_was_dropped_leaves_nothing(void **state)
{
	struct envelopes_copy copy;
	struct err e = { 0 };
	uint64_t len;
	int fd = upload(1, &len);

	(void)state;
	assert_ok(envelopes_take(box.dir, fd, len, &package, &copy, &e));
	assert_int_equal(names(), 1);
	envelopes_drop(box.dir, &copy, &e);
	assert_int_equal(names(), 0);
	close(fd);
}

/* The copy is looked at, and what is wrong of it does not stay. */
static void what_is_not_whole_or_of_another_package_is_not_taken(void **state)
{
	struct envelopes_copy copy;
	struct err e;
	uint64_t len;
	int fd = upload(1, &len);

	(void)state;
	assert_refused(envelopes_take(box.dir, fd, len, &other, &copy, &e),
		       ERR_CONFLICT);
	assert_int_equal(names(), 0);
	assert_refused(
		envelopes_take(box.dir, fd, len - 1, &package, &copy, &e),
		ERR_FORMAT);
	assert_int_equal(names(), 0);
	assert_int_equal(
		envelopes_take(box.dir, fd, len + 1, &package, &copy, &e), -1);
	assert_int_equal(names(), 0);
	close(fd);
}

/* Neither a folder nor a file that stands in the way is an excuse. */
static void a_place_that_cannot_be_written_is_told(void **state)
{
	struct envelopes_copy copy;
	struct err e;
	uint64_t len;
	int fd = upload(1, &len), folder;

	(void)state;
	assert_ok(envelopes_take(box.dir, fd, len, &package, &copy, &e));
	folder = box_folder(&box, copy.place);
	put_file(folder, "in the way", "", 0600);
	fs_close(&folder);
	e.code = ERR_NONE;
	assert_int_equal(envelopes_keep(box.dir, &copy, &e), -1);
	assert_int_equal(names(), 1);
	assert_ok(fs_remove_tree(box.dir, "envelopes", &e));
	put_file(box.dir, "envelopes", "", 0600);
	assert_int_equal(envelopes_take(box.dir, fd, len, &package, &copy, &e),
			 -1);
	close(fd);
}

struct seen {
	unsigned whole, parts;
	bool refuse;
};

static int see(void *ctx, const struct blob *b, struct err *e)
{
	struct seen *s = ctx;

	if (b->whole) {
		s->whole++;
		assert_true(sha256_equal(&b->digest, &package));
	} else {
		s->parts++;
	}
	assert_memory_equal(b->name, "envelopes/", 10);
	return s->refuse ? err_set(e, ERR_CONFLICT, "enough") : 0;
}

static void each_file_and_each_part_is_seen_and_nothing_else(void **state)
{
	static const char *const foreign[] = {
		"notes.txt",
		".keys",
		/* a digit that is none, and another end */
		"0707000000000000000000000000000000000000000000000000000000000"
		"00g.keys",
		"0707000000000000000000000000000000000000000000000000000000000"
		"000.kezs",
	};
	struct envelopes_copy copy;
	struct seen seen = { 0 };
	struct err e;
	uint64_t len;
	char name[256];
	int fd;

	(void)state;
	/* No folder, nothing to see. */
	assert_ok(envelopes_each(box.dir, see, &seen, &e));
	fd = upload(1, &len);
	assert_ok(envelopes_take(box.dir, fd, len, &package, &copy, &e));
	assert_ok(envelopes_keep(box.dir, &copy, &e));
	assert_ok(envelopes_take(box.dir, fd, len, &package, &copy, &e));
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		(void)snprintf(name, sizeof(name), "envelopes/%s", foreign[i]);
		put_file(box.dir, name, "", 0600);
	}
	/* Parts whose ends are none: too long, of other digits, no dot. */
	(void)snprintf(name, sizeof(name), "%s0", copy.name);
	put_file(box.dir, name, "", 0600);
	(void)snprintf(name, sizeof(name), "%s", copy.name);
	name[strlen(name) - 1] = 'G';
	put_file(box.dir, name, "", 0600);
	(void)snprintf(name, sizeof(name), "%s", copy.name);
	name[strlen(name) - 17] = '-';
	put_file(box.dir, name, "", 0600);
	assert_ok(envelopes_each(box.dir, see, &seen, &e));
	assert_int_equal(seen.whole, 1);
	assert_int_equal(seen.parts, 1);
	seen = (struct seen){ .refuse = true };
	assert_refused(envelopes_each(box.dir, see, &seen, &e), ERR_CONFLICT);
	assert_int_equal(seen.whole + seen.parts, 1);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, own_box_open, own_box_close)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_was_kept_takes_the_place_of_what_was_there),
		TEST(what_was_dropped_leaves_nothing),
		TEST(what_is_not_whole_or_of_another_package_is_not_taken),
		TEST(a_place_that_cannot_be_written_is_told),
		TEST(each_file_and_each_part_is_seen_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
