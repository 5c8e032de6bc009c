/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bundle.h"

#include <sys/mman.h>

#include "tests/unit/box.h"

#define BLOCK 512

/* A tar by hand, as libarchive would not write it. */
static struct buf tar = BUF_INIT(8u << 20);

static int setup(void **state)
{
	(void)state;
	tar.len = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&tar);
	return 0;
}

static void add_block(const void *bytes, size_t len)
{
	static const uint8_t zeroes[BLOCK];
	struct err e = { 0 };

	assert_ok(buf_add(&tar, (struct slice){ bytes, len }, &e));
	assert_ok(buf_add(
		&tar, (struct slice){ zeroes, (BLOCK - len % BLOCK) % BLOCK },
		&e));
}

static void put_octal(char *at, size_t digits, uint64_t value)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + value % 8);
		value /= 8;
	}
}

static void add_header(const char *name, char type, uint64_t len)
{
	char h[BLOCK] = { 0 };
	unsigned sum = 0;

	assert_true(strlen(name) <= 100);
	memcpy(h, name, strlen(name));
	memcpy(h + 100, "0000644", 8);
	memcpy(h + 108, "0000000", 8);
	memcpy(h + 116, "0000000", 8);
	put_octal(h + 124, 11, len);
	memcpy(h + 136, "00000000000", 12);
	memset(h + 148, ' ', 8);
	h[156] = type;
	if (type == '1' || type == '2')
		memcpy(h + 157, "metadata/a", 10);
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (uint8_t)h[i];
	put_octal(h + 148, 6, sum);
	h[154] = 0;
	add_block(h, sizeof(h));
}

static void add_file(const char *name, const char *text)
{
	add_header(name, '0', strlen(text));
	if (*text)
		add_block(text, strlen(text));
}

static void add_end(void)
{
	static const uint8_t zeroes[2 * BLOCK];

	add_block(zeroes, sizeof(zeroes));
}

static int open_tar(void)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC);
	struct err e = { 0 };

	assert_true(fd >= 0);
	assert_ok(fs_write_at(fd, 0, buf_slice(&tar), &e));
	return fd;
}

static void assert_bundle_refused(enum err_code code, const char *words)
{
	struct bundle b = { .count = 77 };
	struct err e = { 0 };
	int fd = open_tar();

	assert_refused_saying(bundle_read(fd, &b, &e), code, words);
	assert_int_equal(b.count, 77);
	close(fd);
	tar.len = 0;
}

static void its_files_are_found_where_they_lie(void **state)
{
	const struct bundle_member *m;
	char text[16] = "";
	struct bundle b;
	struct err e = { 0 };
	size_t got;
	int fd;

	(void)state;
	add_header("metadata/", '5', 0);
	add_file("metadata/1.root.json", "{}");
	add_file("./targets/gateway/1/aa.main-full.pawl", "package");
	add_file("metadata/empty", "");
	add_end();
	fd = open_tar();
	assert_ok(bundle_read(fd, &b, &e));
	assert_int_equal(b.count, 3);
	m = bundle_find(&b, "targets/gateway/1/aa.main-full.pawl");
	assert_non_null(m);
	assert_int_equal(m->len, 7);
	assert_ok(fs_read_at(fd, m->offset, text, 7, &got, &e));
	assert_string_equal(text, "package");
	m = bundle_find(&b, "metadata/1.root.json");
	assert_non_null(m);
	assert_int_equal(m->offset, 2 * BLOCK);
	assert_null(bundle_find(&b, "metadata/"));
	assert_null(bundle_find(&b, "metadata/2.root.json"));
	assert_int_equal(bundle_find(&b, "metadata/empty")->len, 0);
	bundle_done(&b);
	bundle_done(&b);
	close(fd);
}

/* As tar(1) ends one, and what may follow is no part of it. */
static void padding_behind_the_end_does_not_matter(void **state)
{
	struct bundle b;
	struct err e = { 0 };
	int fd;

	(void)state;
	add_file("metadata/a", "1");
	for (int i = 0; i < 9; i++)
		add_end();
	fd = open_tar();
	assert_ok(bundle_read(fd, &b, &e));
	assert_int_equal(b.count, 1);
	bundle_done(&b);
	close(fd);
}

static void names_that_lead_out_are_refused(void **state)
{
	static const char *const names[] = {
		"/etc/passwd",
		"../metadata/1.root.json",
		"metadata/../../x",
		"metadata/./x",
		"././x",
		"metadata//x",
		"metadata/.hidden",
		"metadata/-x",
		"-x",
		"metadata/a b",
		"metadata/A",
		"metadata\\a",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		add_file("metadata/1.root.json", "{}");
		add_file(names[i], "x");
		add_end();
		assert_bundle_refused(ERR_REFUSED, "no name of ours");
	}
	add_header("../", '5', 0);
	add_end();
	assert_bundle_refused(ERR_REFUSED, "../ is no name of ours");
}

static void what_is_no_file_is_refused(void **state)
{
	/* links, hard and symbolic, devices, a FIFO */
	static const char types[] = { '1', '2', '3', '4', '6' };

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		add_file("metadata/a", "1");
		add_header("metadata/b", types[i], 0);
		add_end();
		assert_bundle_refused(ERR_REFUSED,
				      "metadata/b is no plain file");
	}
}

static void a_name_is_there_once(void **state)
{
	(void)state;
	add_file("metadata/a", "1");
	add_file("metadata/b", "1");
	add_file("./metadata/a", "2");
	add_end();
	assert_bundle_refused(ERR_REFUSED, "metadata/a is in it twice");
}

static void a_tar_that_is_cut_off_is_refused(void **state)
{
	size_t whole;

	(void)state;
	add_file("metadata/a", "1");
	add_file("metadata/b", "2");
	add_end();
	whole = tar.len;
	for (size_t len = 1; len < whole; len += 77) {
		struct bundle b;
		struct err e = { 0 };
		int fd = open_tar();

		assert_ok(fs_truncate(fd, len, &e));
		assert_true(bundle_read(fd, &b, &e) != 0);
		assert_true(e.code == ERR_FORMAT);
		close(fd);
	}
	tar.len = whole - 2 * BLOCK; /* between two files */
	assert_bundle_refused(ERR_FORMAT, "cut off at its end");
}

static void a_file_that_is_longer_than_the_tar_is_refused(void **state)
{
	(void)state;
	add_header("metadata/a", '0', 077777777777ull);
	add_end();
	assert_bundle_refused(ERR_FORMAT, "cut off in metadata/a");
	/* shorter than all of the tar, but not than what is left of it */
	add_header("metadata/a", '0', 3 * BLOCK - 1);
	add_end();
	assert_bundle_refused(ERR_FORMAT, "cut off in metadata/a");
}

static void a_file_that_cannot_be_read_says_so(void **state)
{
	struct bundle b;
	struct err e = { 0 };
	char path[64];
	int fd, again;

	(void)state;
	add_file("metadata/a", "1");
	add_end();
	fd = open_tar();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(again >= 0);
	assert_refused(bundle_read(again, &b, &e), ERR_SYSTEM);
	close(again);
	close(fd);
}

static void nonsense_is_refused(void **state)
{
	static char noise[5 * BLOCK];
	struct bundle b;
	struct err e = { 0 };
	int fd;

	(void)state;
	memset(noise, 'x', sizeof(noise));
	add_block(noise, sizeof(noise));
	assert_bundle_refused(ERR_FORMAT, "the bundle");
	assert_bundle_refused(ERR_FORMAT, "the bundle"); /* no byte */
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_refused(bundle_read(fd, &b, &e), ERR_REFUSED);
	close(fd);
}

static void there_is_a_limit_to_how_many(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i <= BUNDLE_MEMBERS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "metadata/%d", i);
		add_header(name, '0', 0);
	}
	add_end();
	assert_bundle_refused(ERR_LIMIT, "more than 8192 files");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_files_are_found_where_they_lie),
		TEST(padding_behind_the_end_does_not_matter),
		TEST(names_that_lead_out_are_refused),
		TEST(what_is_no_file_is_refused),
		TEST(a_name_is_there_once),
		TEST(a_tar_that_is_cut_off_is_refused),
		TEST(a_file_that_is_longer_than_the_tar_is_refused),
		TEST(a_file_that_cannot_be_read_says_so),
		TEST(nonsense_is_refused),
		TEST(there_is_a_limit_to_how_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
