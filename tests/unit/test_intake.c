/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/intake.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "tests/unit/check.h"

#define CHUNKS   3
#define LAST_LEN 1000
#define PAYLOAD  (2 * PACKAGE_CHUNK_LEN + LAST_LEN)
#define HEAD     (PACKAGE_HEADER_LEN + CHUNKS * SHA256_LEN)

/* A package made by hand, and a folder to receive it. */
struct place {
	char path[64];
	int dirfd;
	uint8_t bytes[HEAD + PAYLOAD];
	struct intake_package package;
};

static void make_package(struct place *p)
{
	const struct package_header h = {
		.kind = PACKAGE_FULL,
		.content = PACKAGE_TREE,
		.codec = PACKAGE_RAW,
		.plain_len = PAYLOAD,
	};

	package_format_header(&h, p->bytes);
	for (size_t i = 0; i < PAYLOAD; i++)
		p->bytes[HEAD + i] = (uint8_t)(i * 31 + i / 997);
	for (size_t i = 0; i < CHUNKS; i++) {
		struct slice payload = { p->bytes + HEAD, PAYLOAD };
		struct sha256 digest;

		sha256_of(slice_sub(payload, i * PACKAGE_CHUNK_LEN,
				    PACKAGE_CHUNK_LEN),
			  &digest);
		memcpy(p->bytes + PACKAGE_HEADER_LEN + i * SHA256_LEN,
		       digest.bytes, SHA256_LEN);
	}
	p->package.head_len = HEAD;
	p->package.len = sizeof(p->bytes);
	sha256_of((struct slice){ p->bytes, HEAD }, &p->package.head_digest);
	sha256_of((struct slice){ p->bytes, sizeof(p->bytes) },
		  &p->package.digest);
}

static int make_place(void **state)
{
	struct place *p = mem_alloc(1, sizeof(*p));
	struct err e = { 0 };

	(void)snprintf(p->path, sizeof(p->path), "/tmp/pawl-intake.XXXXXX");
	*state = p;
	if (!mkdtemp(p->path) || fs_open_dir(p->path, &p->dirfd, &e))
		return -1;
	make_package(p);
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	struct err e;
	int rc = intake_clean(p->dirfd, NULL, 0, INTAKE_WHOLE, &e);

	fs_close(&p->dirfd);
	rc = rc || rmdir(p->path);
	free(p);
	return rc;
}

static struct intake *reopen(struct place *p)
{
	struct intake *s = NULL;
	struct err e = { 0 };

	assert_ok(intake_open(p->dirfd, &p->package, &s, &e));
	return s;
}

/* Bytes [from, to) in pieces of an odd length. */
static void feed(struct place *p, struct intake *s, size_t from, size_t to)
{
	struct err e = { 0 };

	while (from < to) {
		size_t len = to - from < 1777 ? to - from : 1777;

		struct slice piece = { p->bytes + from, len };

		assert_ok(intake_add(s, &piece, &e));
		assert_int_equal(piece.len, 0);
		from += len;
	}
}

static void a_package_arrives_in_pieces(void **state)
{
	struct place *p = *state;
	struct intake *s = reopen(p);
	struct err e = { 0 };
	struct sha256 digest;
	int fd = -1;

	assert_int_equal(intake_len(s), 0);
	assert_false(intake_is_complete(s));
	feed(p, s, 0, sizeof(p->bytes));
	assert_true(intake_is_complete(s));
	assert_ok(intake_finish(s, &e));
	intake_close(s);
	assert_ok(
		intake_open_file(p->dirfd, &p->package.digest, false, &fd, &e));
	assert_ok(sha256_of_range(fd, 0, sizeof(p->bytes), &digest, &e));
	assert_true(sha256_equal(&digest, &p->package.digest));
	fs_close(&fd);
}

static void a_cut_costs_less_than_a_chunk(void **state)
{
	static const size_t cuts[] = { 0,
				       1,
				       HEAD - 1,
				       HEAD,
				       HEAD + 1,
				       HEAD + PACKAGE_CHUNK_LEN - 1,
				       HEAD + PACKAGE_CHUNK_LEN,
				       HEAD + PAYLOAD - 1 };
	struct place *p = *state;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		struct intake *s = reopen(p);
		size_t kept;

		feed(p, s, 0, cuts[i]);
		intake_close(s);
		s = reopen(p);
		kept = (size_t)intake_len(s);
		assert_true(kept <= cuts[i]);
		assert_true(cuts[i] - kept < PACKAGE_CHUNK_LEN);
		feed(p, s, kept, sizeof(p->bytes));
		assert_ok(intake_finish(s, &e));
		intake_close(s);
		assert_ok(intake_clean(p->dirfd, NULL, 0, INTAKE_WHOLE, &e));
	}
}

static void a_cut_while_running_costs_no_byte(void **state)
{
	struct place *p = *state;
	struct intake *s = reopen(p);

	feed(p, s, 0, HEAD + 100);
	assert_int_equal(intake_len(s), HEAD);
	assert_int_equal(intake_next(s), HEAD + 100);
	feed(p, s, HEAD + 100, sizeof(p->bytes));
	assert_true(intake_is_complete(s));
	assert_int_equal(intake_next(s), sizeof(p->bytes));
	intake_close(s);
}

/* Whatever byte is changed, no chunk with it is ever kept. */
static void a_changed_byte_is_refused_where_it_is(void **state)
{
	static const size_t at[] = {
		0,    PACKAGE_HEADER_LEN,       HEAD - 1,
		HEAD, HEAD + PACKAGE_CHUNK_LEN, HEAD + PAYLOAD - 1
	};
	struct place *p = *state;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct intake *s = reopen(p);
		struct slice all = { p->bytes, sizeof(p->bytes) };
		uint64_t kept;

		p->bytes[at[i]] ^= 1;
		assert_refused(intake_add(s, &all, &e), ERR_UNTRUSTED);
		p->bytes[at[i]] ^= 1;
		kept = intake_len(s);
		assert_true(kept <= at[i]);
		/* not even on the disk */
		assert_int_equal(
			intake_size(p->dirfd, &p->package.digest, false), kept);
		/* And the right bytes still finish it. */
		feed(p, s, (size_t)kept, sizeof(p->bytes));
		assert_true(intake_is_complete(s));
		intake_close(s);
		assert_ok(intake_clean(p->dirfd, NULL, 0, INTAKE_WHOLE, &e));
	}
}

static void more_than_signed_is_refused(void **state)
{
	struct place *p = *state;
	struct intake *s = reopen(p);
	struct slice more = slice_of("x");
	struct err e = { 0 };

	feed(p, s, 0, sizeof(p->bytes));
	assert_refused(intake_add(s, &more, &e), ERR_LIMIT);
	intake_close(s);
}

static void less_than_signed_is_not_finished(void **state)
{
	struct place *p = *state;
	struct intake *s = reopen(p);
	struct err e = { 0 };

	feed(p, s, 0, sizeof(p->bytes) - 1);
	assert_refused(intake_finish(s, &e), ERR_NETWORK);
	intake_close(s);
}

static void flip_on_disk(struct place *p, uint64_t at)
{
	char name[SHA256_HEX_LEN];
	struct err e = { 0 };
	uint8_t byte;
	size_t got;
	int fd = -1;

	sha256_format(&p->package.digest, name);
	assert_ok(fs_open(p->dirfd, name, O_RDWR, &fd, &e));
	assert_ok(fs_read_at(fd, at, &byte, 1, &got, &e));
	byte ^= 0x80;
	assert_ok(fs_write_at(fd, at, (struct slice){ &byte, 1 }, &e));
	fs_close(&fd);
}

static void what_rotted_on_the_disk_is_fetched_again(void **state)
{
	struct place *p = *state;
	struct intake *s = reopen(p);

	feed(p, s, 0, sizeof(p->bytes));
	intake_close(s);
	flip_on_disk(p, HEAD + PACKAGE_CHUNK_LEN + 5);
	s = reopen(p);
	assert_int_equal(intake_len(s), HEAD + PACKAGE_CHUNK_LEN);
	assert_int_equal(intake_size(p->dirfd, &p->package.digest, false),
			 HEAD + PACKAGE_CHUNK_LEN);
	intake_close(s);
	flip_on_disk(p, 3);
	s = reopen(p);
	assert_int_equal(intake_len(s), 0);
	intake_close(s);
}

static void reading_beyond_the_end_is_an_error(void **state)
{
	struct place *p = *state;
	struct intake *s = reopen(p);
	struct package_source from;
	struct err e = { 0 };
	uint8_t bytes[20];
	int fd = -1;

	feed(p, s, 0, HEAD);
	intake_close(s);
	assert_ok(
		intake_open_file(p->dirfd, &p->package.digest, false, &fd, &e));
	from = intake_source(&fd);
	assert_ok(from.read_at(from.ctx, HEAD - 20, bytes, 20, &e));
	assert_refused(from.read_at(from.ctx, HEAD - 19, bytes, 20, &e),
		       ERR_FORMAT);
	fs_close(&fd);
}

static void only_the_packages_of_one_plan_are_kept(void **state)
{
	struct place *p = *state;
	struct intake *s = reopen(p);
	struct sha256 keep[2] = { p->package.digest, p->package.digest };
	struct err e = { 0 };

	feed(p, s, 0, sizeof(p->bytes));
	intake_close(s);
	keep[1].bytes[0] ^= 1;
	p->package.digest = keep[1];
	s = reopen(p); /* of another component: both stay */
	intake_close(s);
	assert_int_equal(intake_size(p->dirfd, &keep[0], false),
			 sizeof(p->bytes));
	assert_ok(intake_clean(p->dirfd, keep, 2, INTAKE_WHOLE, &e));
	assert_int_equal(intake_size(p->dirfd, &keep[0], false),
			 sizeof(p->bytes));
	assert_ok(intake_clean(p->dirfd, &keep[1], 1, INTAKE_WHOLE, &e));
	assert_int_equal(intake_size(p->dirfd, &keep[0], false), 0);
}

/* ---- windows ------------------------------------------------------------- */

static struct intake *open_window(struct place *p, uint32_t first)
{
	struct intake_package package = p->package;
	struct intake *s = NULL;
	struct err e = { 0 };

	package.window = 2;
	package.first = first;
	assert_ok(intake_open(p->dirfd, &package, &s, &e));
	return s;
}

/* All that it takes; how much that was. */
static size_t pour(struct place *p, struct intake *s)
{
	const uint64_t from = intake_len(s);
	struct slice rest = { p->bytes + from, sizeof(p->bytes) - from };
	struct err e = { 0 };

	assert_ok(intake_add(s, &rest, &e));
	return sizeof(p->bytes) - from - rest.len;
}

static void expect_chunk(struct place *p, uint32_t chunk, size_t len)
{
	const uint64_t at = HEAD + (uint64_t)chunk * PACKAGE_CHUNK_LEN;
	struct package_source from;
	uint8_t bytes[PACKAGE_CHUNK_LEN];
	struct err e = { 0 };
	int fd = -1;

	assert_ok(
		intake_open_file(p->dirfd, &p->package.digest, true, &fd, &e));
	from = intake_source(&fd);
	assert_ok(from.read_at(from.ctx, intake_place(HEAD, 2, at), bytes, len,
			       &e));
	assert_memory_equal(bytes, p->bytes + at, len);
	fs_close(&fd);
}

static void a_window_takes_what_it_has_places_for(void **state)
{
	struct place *p = *state;
	struct intake *s = open_window(p, 0);
	const uint64_t size = HEAD + 2 * PACKAGE_CHUNK_LEN;
	struct err e = { 0 };

	/* All of it is there from the start. */
	assert_int_equal(intake_size(p->dirfd, &p->package.digest, true), size);
	assert_int_equal(pour(p, s), size);
	assert_true(intake_is_full(s));
	assert_int_equal(pour(p, s), 0);
	expect_chunk(p, 0, PACKAGE_CHUNK_LEN);
	intake_taken(s, 1);
	assert_false(intake_is_full(s));
	assert_int_equal(pour(p, s), LAST_LEN);
	assert_true(intake_is_complete(s) && !intake_is_full(s));
	expect_chunk(p, 1, PACKAGE_CHUNK_LEN);
	expect_chunk(p, 2, LAST_LEN);
	assert_ok(intake_finish(s, &e));
	intake_close(s);
	assert_int_equal(intake_size(p->dirfd, &p->package.digest, true), size);
}

static void a_window_goes_on_with_what_is_in_it(void **state)
{
	struct place *p = *state;
	struct intake *s = open_window(p, 0);

	(void)pour(p, s);
	intake_taken(s, 1);
	(void)pour(p, s);
	intake_close(s);
	/* From the second chunk on all is there. */
	s = open_window(p, 1);
	assert_true(intake_is_complete(s));
	intake_close(s);
	/* The first one's place has the third in it: that comes again. */
	s = open_window(p, 0);
	assert_int_equal(intake_len(s), HEAD);
	assert_int_equal(pour(p, s), 2 * PACKAGE_CHUNK_LEN);
	intake_close(s);
	s = open_window(p, 2);
	assert_int_equal(intake_len(s), HEAD + 2 * PACKAGE_CHUNK_LEN);
	intake_close(s);
}

static void a_window_that_is_gone_cannot_be_gone_on_with(void **state)
{
	struct place *p = *state;
	struct intake_package package = p->package;
	struct intake *s = NULL;
	struct err e = { 0 };

	package.window = 2;
	package.first = 1;
	assert_refused(intake_open(p->dirfd, &package, &s, &e), ERR_CONFLICT);
	s = open_window(p, 0);
	(void)pour(p, s);
	intake_close(s);
	package.first = CHUNKS + 1;
	assert_refused(intake_open(p->dirfd, &package, &s, &e), ERR_CONFLICT);
}

static void windows_and_whole_packages_do_not_stay_together(void **state)
{
	struct place *p = *state;
	struct intake *s = reopen(p);
	struct err e = { 0 };

	intake_close(s);
	s = open_window(p, 0);
	intake_close(s);
	/* Before it is known which of the two it will be. */
	assert_ok(intake_clean(p->dirfd, &p->package.digest, 1, INTAKE_EITHER,
			       &e));
	assert_ok(intake_clean(p->dirfd, &p->package.digest, 1, INTAKE_WINDOW,
			       &e));
	assert_int_equal(intake_size(p->dirfd, &p->package.digest, true),
			 HEAD + 2 * PACKAGE_CHUNK_LEN);
	assert_refused(intake_open_file(p->dirfd, &p->package.digest, false,
					&(int){ -1 }, &e),
		       ERR_NOT_FOUND);
	assert_ok(intake_clean(p->dirfd, &p->package.digest, 1, INTAKE_WHOLE,
			       &e));
	assert_int_equal(intake_size(p->dirfd, &p->package.digest, true), 0);
}

static void impossible_lengths_are_refused(void **state)
{
	struct place *p = *state;
	struct intake_package bad = p->package;
	struct intake *s = NULL;
	struct err e = { 0 };

	bad.head_len = PACKAGE_HEADER_LEN - 1;
	assert_refused(intake_open(p->dirfd, &bad, &s, &e), ERR_LIMIT);
	bad.head_len = (uint64_t)PACKAGE_HEAD_MAX + 1;
	bad.len = 2 * bad.head_len;
	assert_refused(intake_open(p->dirfd, &bad, &s, &e), ERR_LIMIT);
	bad = p->package;
	bad.len = bad.head_len - 1;
	assert_refused(intake_open(p->dirfd, &bad, &s, &e), ERR_LIMIT);
}

int main(void)
{
#define AT_PLACE(test)                                                         \
	cmocka_unit_test_setup_teardown(test, make_place, remove_place)
	static const struct CMUnitTest tests[] = {
		AT_PLACE(a_package_arrives_in_pieces),
		AT_PLACE(a_cut_costs_less_than_a_chunk),
		AT_PLACE(a_cut_while_running_costs_no_byte),
		AT_PLACE(a_changed_byte_is_refused_where_it_is),
		AT_PLACE(more_than_signed_is_refused),
		AT_PLACE(less_than_signed_is_not_finished),
		AT_PLACE(what_rotted_on_the_disk_is_fetched_again),
		AT_PLACE(reading_beyond_the_end_is_an_error),
		AT_PLACE(only_the_packages_of_one_plan_are_kept),
		AT_PLACE(a_window_takes_what_it_has_places_for),
		AT_PLACE(a_window_goes_on_with_what_is_in_it),
		AT_PLACE(a_window_that_is_gone_cannot_be_gone_on_with),
		AT_PLACE(windows_and_whole_packages_do_not_stay_together),
		AT_PLACE(impossible_lengths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
