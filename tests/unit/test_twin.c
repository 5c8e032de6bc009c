/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal's own test says of two records holds for every kind. */
#include "updater-client/twin.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "tests/unit/check.h"

#define LEN 128

static int check_first(struct slice payload, struct err *e)
{
	return payload.ptr[0] == 0xff ? err_set(e, ERR_FORMAT, "impossible")
				      : 0;
}

static const struct twin_kind kind = {
	.what = "record",
	.names = { "twin.0", "twin.1" },
	.magic = 77,
	.len = LEN,
	.check = check_first,
};

static const struct twin_kind other_kind = {
	.what = "record",
	.names = { "twin.0", "twin.1" },
	.magic = 78,
	.len = LEN,
	.check = check_first,
};

static int make_folder(void **state)
{
	char path[] = "/tmp/pawl-twin.XXXXXX";
	struct err e = { 0 };
	int *dirfd = mem_alloc(1, sizeof(*dirfd));

	*state = dirfd;
	return mkdtemp(path) ? fs_open_dir(path, dirfd, &e) : -1;
}

static int remove_folder(void **state)
{
	int *dirfd = *state;
	char link[64], path[256];
	ssize_t len;
	struct err e;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", *dirfd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return -1;
	path[len] = 0;
	if (fs_remove(*dirfd, "twin.0", &e) || fs_remove(*dirfd, "twin.1", &e))
		return -1;
	fs_close(dirfd);
	free(dirfd);
	return rmdir(path);
}

static void put(int dirfd, const uint8_t *bytes, size_t len)
{
	struct twin_found found;
	struct twin_file f;
	struct err e = { 0 };

	assert_ok(twin_open(dirfd, &kind, &f, &found, &e));
	assert_ok(twin_write(&f, (struct slice){ bytes, len }, &e));
	twin_close(&f);
}

static void what_is_written_is_found_with_zeros_behind_it(void **state)
{
	int dirfd = *(int *)*state;
	const uint8_t zeros[TWIN_PAYLOAD_MAX] = { 0 };
	struct twin_found found;
	struct err e = { 0 };

	assert_ok(twin_peek(dirfd, &kind, &found, &e));
	assert_false(found.valid || found.reset);
	put(dirfd, (const uint8_t *)"one", 3);
	put(dirfd, (const uint8_t *)"no", 2);
	assert_ok(twin_peek(dirfd, &kind, &found, &e));
	assert_true(found.valid);
	assert_memory_equal(found.payload, "no", 2);
	assert_memory_equal(found.payload + 2, zeros,
			    twin_payload_len(&kind) - 2);
}

static void a_torn_write_leaves_the_one_before(void **state)
{
	int dirfd = *(int *)*state;
	struct twin_found found;
	struct err e = { 0 };
	int fd = -1;

	put(dirfd, (const uint8_t *)"one", 3);
	put(dirfd, (const uint8_t *)"two", 3);
	/* The second write went to the file that the first had not. */
	assert_ok(fs_open(dirfd, "twin.0", O_RDWR, &fd, &e));
	assert_ok(fs_truncate(fd, LEN - 1, &e));
	fs_close(&fd);
	assert_ok(twin_peek(dirfd, &kind, &found, &e));
	assert_true(found.valid);
	assert_false(found.reset);
	assert_memory_equal(found.payload, "one", 3);
}

static void
what_the_owner_refuses_or_another_kind_wrote_is_a_reset(void **state)
{
	int dirfd = *(int *)*state;
	const uint8_t impossible = 0xff;
	struct twin_found found;
	struct err e = { 0 };

	put(dirfd, &impossible, 1);
	assert_ok(twin_peek(dirfd, &kind, &found, &e));
	assert_false(found.valid);
	assert_true(found.reset);
	put(dirfd, (const uint8_t *)"good", 4);
	assert_ok(twin_peek(dirfd, &kind, &found, &e));
	assert_true(found.valid);
	assert_ok(twin_peek(dirfd, &other_kind, &found, &e));
	assert_true(found.reset);
}

static void a_file_that_grew_is_cut_when_it_is_written(void **state)
{
	int dirfd = *(int *)*state;
	struct twin_found found;
	struct twin_file f;
	struct err e = { 0 };

	assert_ok(twin_open(dirfd, &kind, &f, &found, &e));
	assert_ok(fs_truncate(f.fd[1 - f.newest], LEN + 1, &e));
	assert_ok(twin_write(&f, slice_of("text"), &e));
	assert_ok(twin_peek(dirfd, &kind, &found, &e));
	assert_true(found.valid);
	twin_close(&f);
}

/* Linux writes at the end of such a file wherever one asks it to write. */
static void a_disk_that_keeps_something_else_is_an_error(void **state)
{
	const uint8_t junk[LEN] = { 1 };
	int dirfd = *(int *)*state;
	struct twin_found found;
	struct twin_file f;
	struct err e = { 0 };
	unsigned which;

	put(dirfd, (const uint8_t *)"one", 3);
	assert_ok(twin_open(dirfd, &kind, &f, &found, &e));
	which = 1 - f.newest;
	assert_ok(fs_write_at(f.fd[which], 0, (struct slice){ junk, LEN }, &e));
	assert_int_equal(fcntl(f.fd[which], F_SETFL, O_APPEND), 0);
	assert_refused(twin_write(&f, slice_of("two"), &e), ERR_SYSTEM);
	assert_int_equal(f.newest, 1 - which);
	twin_close(&f);
	assert_ok(twin_peek(dirfd, &kind, &found, &e));
	assert_memory_equal(found.payload, "one", 3);
}

static void what_cannot_be_read_is_no_missing_record(void **state)
{
	int dirfd = *(int *)*state;
	struct twin_found found;
	struct twin_file f;
	struct err e = { 0 };

	assert_ok(fs_mkdir(dirfd, "twin.0", 0700, &e));
	assert_refused_saying(twin_peek(dirfd, &kind, &found, &e), ERR_SYSTEM,
			      "record");
	assert_int_equal(twin_open(dirfd, &kind, &f, &found, &e), -1);
	assert_ok(fs_remove_tree(dirfd, "twin.0", &e));
}

static void any_flipped_bit_is_noticed(void **state)
{
	uint8_t bytes[LEN];
	struct slice payload;
	uint64_t sequence;
	struct err e;

	(void)state;
	twin_format(&kind, slice_of("text"), 9, bytes);
	for (size_t i = 0; i < LEN * 8; i++) {
		bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ 1u << i % 8);
		assert_int_equal(twin_parse(&kind, (struct slice){ bytes, LEN },
					    &payload, &sequence, &e),
				 -1);
		bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ 1u << i % 8);
	}
	assert_ok(twin_parse(&kind, (struct slice){ bytes, LEN }, &payload,
			     &sequence, &e));
	assert_int_equal(sequence, 9);
}

#define IN_FOLDER(test)                                                        \
	cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(what_is_written_is_found_with_zeros_behind_it),
		IN_FOLDER(a_torn_write_leaves_the_one_before),
		IN_FOLDER(
			what_the_owner_refuses_or_another_kind_wrote_is_a_reset),
		IN_FOLDER(a_file_that_grew_is_cut_when_it_is_written),
		IN_FOLDER(a_disk_that_keeps_something_else_is_an_error),
		IN_FOLDER(what_cannot_be_read_is_no_missing_record),
		cmocka_unit_test(any_flipped_bit_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
