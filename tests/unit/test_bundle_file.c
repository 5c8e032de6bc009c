/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/bundle_file.h"

#include "tests/unit/box.h"

static struct box box;

static const char *in_box(const char *name)
{
	static char path[PATH_MAX_LEN];
	struct err e = { 0 };

	assert_ok(text_format(path, sizeof(path), &e, "%s/%s", box.path, name));
	return path;
}

static int setup(void **state)
{
	(void)state;
	box_open(&box);
	assert_int_equal(setenv("TMPDIR", box.path, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

static size_t files_in_box(void)
{
	DIR *d = opendir(box.path);
	size_t count = 0;

	assert_non_null(d);
	for (const struct dirent *n = readdir(d); n; n = readdir(d))
		count += n->d_name[0] != '.';
	closedir(d);
	return count;
}

static void fill(int dirfd)
{
	struct err e = { 0 };

	assert_ok(fs_mkdirs(dirfd, "metadata", 0755, &e));
	assert_ok(fs_mkdirs(dirfd, "targets/gateway/2", 0755, &e));
	put_file(dirfd, "metadata/1.root.json", "{}", 0644);
	put_file(dirfd, "targets/gateway/2/aa.main-full.pawl", "package", 0600);
	put_file(dirfd, "other", "not of the bundle", 0644);
}

static void make_tar(const char *name)
{
	struct bundle_place p = BUNDLE_PLACE_INIT;
	struct err e = { 0 };

	assert_ok(bundle_place_write(in_box(name), &p, &e));
	fill(p.dirfd);
	assert_ok(bundle_place_end(&p, 0, &e));
}

static void assert_text(int dirfd, const char *path, const char *want)
{
	struct buf text = BUF_INIT(100);
	struct err e = { 0 };

	assert_ok(fs_read_file(dirfd, path, &text, &e));
	assert_string_equal(buf_text(&text), want);
	buf_done(&text);
}

static void what_was_put_in_comes_out(void **state)
{
	struct bundle_place p = BUNDLE_PLACE_INIT;
	struct stat st;
	struct err e = { 0 };

	(void)state;
	make_tar("x.tar");
	assert_int_equal(files_in_box(), 1);
	assert_ok(bundle_place_read(in_box("x.tar"), &p, &e));
	assert_text(p.dirfd, "metadata/1.root.json", "{}");
	assert_text(p.dirfd, "targets/gateway/2/aa.main-full.pawl", "package");
	assert_refused(fs_stat(p.dirfd, "other", &st, &e), ERR_NOT_FOUND);
	assert_int_equal(files_in_box(), 2);
	e.code = ERR_NONE;
	assert_ok(bundle_place_end(&p, 0, &e));
	assert_int_equal(files_in_box(), 1);
}

static void the_same_bundle_is_the_same_bytes(void **state)
{
	struct buf one = BUF_INIT(1u << 20), two = BUF_INIT(1u << 20);
	struct err e = { 0 };

	(void)state;
	make_tar("x.tar");
	make_tar("y.tar");
	assert_ok(fs_read_file(box.dir, "x.tar", &one, &e));
	assert_ok(fs_read_file(box.dir, "y.tar", &two, &e));
	assert_true(slice_equal(buf_slice(&one), buf_slice(&two)));
	buf_done(&one);
	buf_done(&two);
}

static void a_failure_keeps_what_was_there(void **state)
{
	struct bundle_place p = BUNDLE_PLACE_INIT;
	struct err e = { 0 };

	(void)state;
	put_file(box.dir, "x.tar", "the former one", 0644);
	assert_ok(bundle_place_write(in_box("x.tar"), &p, &e));
	fill(p.dirfd);
	assert_int_equal(bundle_place_end(&p, -1, &e), -1);
	assert_text(box.dir, "x.tar", "the former one");
	assert_int_equal(files_in_box(), 1);
}

static void of_a_hostile_tar_nothing_is_kept(void **state)
{
	struct bundle_place p = BUNDLE_PLACE_INIT;
	struct err e = { 0 };

	(void)state;
	put_file(box.dir, "x.tar", "no tar at all", 0644);
	assert_refused(bundle_place_read(in_box("x.tar"), &p, &e), ERR_FORMAT);
	assert_int_equal(bundle_place_end(&p, -1, &e), -1);
	assert_int_equal(files_in_box(), 1);
	p = (struct bundle_place)BUNDLE_PLACE_INIT;
	assert_int_equal(mkfifo(in_box("pipe"), 0600), 0);
	assert_refused(bundle_place_read(in_box("pipe"), &p, &e), ERR_REFUSED);
	assert_int_equal(bundle_place_end(&p, -1, &e), -1);
	assert_int_equal(files_in_box(), 2);
}

static void a_folder_stays_a_folder(void **state)
{
	struct bundle_place p = BUNDLE_PLACE_INIT;
	struct err e = { 0 };

	(void)state;
	assert_ok(bundle_place_write(in_box("stick"), &p, &e));
	fill(p.dirfd);
	assert_ok(bundle_place_end(&p, 0, &e));
	p = (struct bundle_place)BUNDLE_PLACE_INIT;
	assert_ok(bundle_place_read(in_box("stick"), &p, &e));
	assert_text(p.dirfd, "metadata/1.root.json", "{}");
	assert_ok(bundle_place_end(&p, 0, &e));
	assert_int_equal(files_in_box(), 1);
	assert_text(box.dir, "stick/metadata/1.root.json", "{}");
}

/* A link leads to what nobody meant to carry out. */
static void a_link_is_not_packed(void **state)
{
	struct bundle_place p = BUNDLE_PLACE_INIT;
	struct err e = { 0 };

	(void)state;
	assert_ok(bundle_place_write(in_box("x.tar"), &p, &e));
	fill(p.dirfd);
	assert_int_equal(symlinkat("/etc/passwd", p.dirfd, "metadata/x"), 0);
	assert_int_equal(bundle_place_end(&p, 0, &e), -1);
	assert_int_equal(files_in_box(), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_put_in_comes_out),
		TEST(the_same_bundle_is_the_same_bytes),
		TEST(a_failure_keeps_what_was_there),
		TEST(of_a_hostile_tar_nothing_is_kept),
		TEST(a_folder_stays_a_folder),
		TEST(a_link_is_not_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
