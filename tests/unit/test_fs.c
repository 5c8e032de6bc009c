/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"

/* Each test has a fresh folder, open as `dir`. */
static char where[64];
static int dir = -1;

static int setup(void **state)
{
	(void)state;
	(void)snprintf(where, sizeof(where), "/tmp/pawl-fs-XXXXXX");
	if (!mkdtemp(where))
		return -1;
	dir = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0;
}

static int teardown(void **state)
{
	struct err e = { 0 };
	int tmp = -1;

	(void)state;
	fs_close(&dir);
	if (fs_open_dir("/tmp", &tmp, &e) ||
	    fs_remove_tree(tmp, where + strlen("/tmp/"), &e))
		printf("%s\n", e.msg);
	fs_close(&tmp);
	return e.code != ERR_NONE;
}

static void put(const char *path, const char *text)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(dir, path, slice_of(text), 0644, &e));
}

static void assert_holds(const char *path, const char *text)
{
	struct buf b = BUF_INIT(1024);
	struct err e = { 0 };

	assert_ok(fs_read_file(dir, path, &b, &e));
	assert_string_equal(buf_text(&b), text);
	buf_done(&b);
}

static void assert_missing(const char *path)
{
	struct stat st;
	struct err e = { 0 };

	assert_refused(fs_stat(dir, path, &st, &e), ERR_NOT_FOUND);
}

static size_t entries(const char *path)
{
	char full[128];
	size_t count = 0;
	DIR *d;

	(void)snprintf(full, sizeof(full), "%s/%s", where, path);
	d = opendir(full);
	assert_non_null(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count - 2;
}

static void a_replaced_file_is_read_back(void **state)
{
	struct err e = { 0 };
	struct stat st;

	(void)state;
	put("a", "one");
	put("a", "two");
	assert_holds("a", "two");
	assert_ok(fs_mkdirs(dir, "x/y", 0755, &e));
	assert_ok(fs_mkdirs(dir, "x/y", 0755, &e));
	assert_ok(fs_replace_file(dir, "x/y/z", slice_of("z"), 0600, &e));
	assert_holds("x/y/z", "z");
	assert_ok(fs_stat(dir, "x/y/z", &st, &e));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(entries("x/y"), 1);
}

static void a_failed_replacement_leaves_the_old_file_alone(void **state)
{
	struct err e = { 0 };

	(void)state;
	put("file", "old");
	assert_ok(fs_mkdir(dir, "folder", 0755, &e));
	put("folder/inside", "x");
	assert_refused(
		fs_replace_file(dir, "folder", slice_of("new"), 0644, &e),
		ERR_SYSTEM);
	assert_refused(
		fs_replace_file(dir, "none/x", slice_of("new"), 0644, &e),
		ERR_NOT_FOUND);
	assert_int_equal(entries(""), 2);
	assert_holds("file", "old");
}

static void a_disk_that_fills_up_leaves_the_old_file_alone(void **state)
{
	struct err e = { 0 };
	pid_t child;
	int status;

	(void)state;
	put("file", "old");
	child = fork();
	if (child == 0) {
		struct rlimit limit = { 50000, 50000 };
		struct buf big = BUF_INIT(100000);

		(void)signal(SIGXFSZ, SIG_IGN);
		if (!buf_reserve(&big, 100000, &e))
			_exit(2);
		memset(big.ptr, 'x', 100000);
		big.len = 100000;
		(void)setrlimit(RLIMIT_FSIZE, &limit);
		if (fs_replace_file(dir, "file", buf_slice(&big), 0644, &e) ==
			    -1 &&
		    e.code == ERR_SPACE)
			_exit(0);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_holds("file", "old");
	assert_int_equal(entries(""), 1);
}

static void what_a_crash_left_behind_is_taken_away(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/.a.new0", where);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	put("a", "one");
	assert_holds("a", "one");
	assert_int_equal(entries(""), 1);
}

static void a_neighbours_unfinished_file_is_left_alone(void **state)
{
	char path[128];
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/.a.new0", where);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	put("a", "one");
	assert_holds("a", "one");
	assert_int_equal(entries(""), 2);
	close(fd);
}

static void paths_never_leave_their_folder(void **state)
{
	static const char *const wrong[] = {
		"",     "/",     "/etc/passwd",
		"..",   "../x",  ".",
		"a/.",  "a/..",  "./a",
		"a//b", "a/",    "a/../b",
		"//",   "a/b//", "../../../../../etc/passwd",
	};
	struct err e = { 0 };
	struct stat st;
	int fd = -1;

	(void)state;
	put("b", "x");
	assert_ok(fs_mkdir(dir, "a", 0755, &e));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *w = wrong[i];

		assert_refused(fs_open(dir, w, O_RDONLY, &fd, &e), ERR_FORMAT);
		assert_refused(fs_create(dir, w, 0644, &fd, &e), ERR_FORMAT);
		assert_refused(fs_mkdir(dir, w, 0755, &e), ERR_FORMAT);
		assert_refused(fs_mkdirs(dir, w, 0755, &e), ERR_FORMAT);
		assert_refused(fs_stat(dir, w, &st, &e), ERR_FORMAT);
		assert_refused(fs_rename(dir, "b", w, &e), ERR_FORMAT);
		assert_refused(fs_rename(dir, w, "c", &e), ERR_FORMAT);
		assert_refused(fs_symlink(dir, "x", w, &e), ERR_FORMAT);
		assert_refused(fs_remove(dir, w, &e), ERR_FORMAT);
		assert_refused(fs_remove_tree(dir, w, &e), ERR_FORMAT);
		assert_refused(fs_replace_file(dir, w, slice_of("x"), 0644, &e),
			       ERR_FORMAT);
	}
	assert_int_equal(fd, -1);
	assert_int_equal(entries(""), 2);
}

static void links_are_never_followed(void **state)
{
	struct buf b = BUF_INIT(1024);
	struct err e = { 0 };
	char target[16];
	struct stat st;
	int fd = -1;

	(void)state;
	assert_ok(fs_mkdir(dir, "real", 0755, &e));
	put("real/file", "x");
	assert_ok(fs_symlink(dir, "real", "link", &e));
	assert_ok(fs_symlink(dir, "real/file", "leaf", &e));
	assert_refused(fs_read_file(dir, "link/file", &b, &e), ERR_REFUSED);
	assert_refused(fs_read_file(dir, "leaf", &b, &e), ERR_REFUSED);
	assert_refused(fs_open(dir, "link", O_RDONLY | O_DIRECTORY, &fd, &e),
		       ERR_REFUSED);
	assert_refused(
		fs_replace_file(dir, "link/new", slice_of("x"), 0644, &e),
		ERR_REFUSED);
	assert_refused(fs_mkdirs(dir, "link/new", 0755, &e), ERR_REFUSED);
	assert_refused(fs_mkdirs(dir, "link", 0755, &e), ERR_REFUSED);
	assert_refused(fs_remove(dir, "link/file", &e), ERR_REFUSED);
	assert_refused(fs_remove_tree(dir, "link/file", &e), ERR_REFUSED);
	assert_refused(fs_rename(dir, "link/file", "x", &e), ERR_REFUSED);
	assert_refused(fs_lock(dir, "leaf", &fd, &e), ERR_REFUSED);
	assert_ok(fs_stat(dir, "leaf", &st, &e));
	assert_true(S_ISLNK(st.st_mode));
	assert_ok(fs_readlink(dir, "leaf", target, sizeof(target), &e));
	assert_string_equal(target, "real/file");
	assert_refused(fs_readlink(dir, "leaf", target, 9, &e), ERR_LIMIT);
	/* Replacing a link's name replaces the link, not what it points to. */
	put("leaf", "y");
	assert_holds("real/file", "x");
	assert_int_equal(entries("real"), 1);
	buf_done(&b);
}

static void only_regular_files_are_read(void **state)
{
	struct buf b = BUF_INIT(1024);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_refused(fs_read_file(dir, "fifo", &b, &e), ERR_REFUSED);
	assert_ok(fs_mkdir(dir, "folder", 0755, &e));
	assert_refused(fs_read_file(dir, "folder", &b, &e), ERR_REFUSED);
	assert_refused(fs_read_path("/dev/zero", &b, &e), ERR_REFUSED);
	assert_refused(fs_read_file(dir, "nothing", &b, &e), ERR_NOT_FOUND);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

static void a_file_larger_than_its_limit_is_refused(void **state)
{
	struct buf exact = BUF_INIT(5), small = BUF_INIT(6);
	char path[128];
	struct err e = { 0 };

	(void)state;
	put("file", "12345");
	assert_ok(fs_read_file(dir, "file", &exact, &e));
	assert_string_equal(buf_text(&exact), "12345");
	(void)snprintf(path, sizeof(path), "%s/file", where);
	assert_ok(buf_add(&small, slice_of("ab"), &e));
	assert_refused(fs_read_path(path, &small, &e), ERR_LIMIT);
	assert_string_equal(buf_text(&small), "ab");
	buf_done(&exact);
	buf_done(&small);
}

static void folders_are_made_with_their_parents(void **state)
{
	char path[128];
	struct err e = { 0 };
	int fd = -1;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/p//q/./r/", where);
	assert_ok(fs_make_dir(path, 0700, &fd, &e));
	assert_ok(fs_replace_file(fd, "x", slice_of("x"), 0644, &e));
	fs_close(&fd);
	assert_int_equal(fd, -1);
	assert_holds("p/q/r/x", "x");
	assert_ok(fs_make_dir(path, 0700, &fd, &e));
	fs_close(&fd);
	assert_refused(fs_open_dir("/nowhere/at/all", &fd, &e), ERR_NOT_FOUND);
	assert_refused(fs_make_dir("", 0700, &fd, &e), ERR_NOT_FOUND);
	put("file", "");
	(void)snprintf(path, sizeof(path), "%s/file/x", where);
	assert_refused(fs_make_dir(path, 0700, &fd, &e), ERR_SYSTEM);
	assert_int_equal(fd, -1);
}

static void renaming_replaces_and_moves(void **state)
{
	struct err e = { 0 };

	(void)state;
	put("a", "a");
	put("b", "b");
	assert_ok(fs_mkdir(dir, "d", 0755, &e));
	assert_ok(fs_rename(dir, "a", "b", &e));
	assert_holds("b", "a");
	assert_ok(fs_rename(dir, "b", "d/c", &e));
	assert_holds("d/c", "a");
	assert_missing("b");
	assert_refused(fs_rename(dir, "b", "a", &e), ERR_NOT_FOUND);
}

static void two_names_are_swapped_at_once(void **state)
{
	struct err e = { 0 };

	(void)state;
	put("f", "one");
	put("g", "two");
	assert_ok(fs_exchange(dir, "f", "g", &e));
	assert_holds("f", "two");
	assert_holds("g", "one");
	assert_refused(fs_exchange(dir, "f", "h", &e), ERR_NOT_FOUND);
	assert_holds("f", "two");
}

static void removing_what_is_not_there_is_fine(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_remove(dir, "a", &e));
	assert_ok(fs_remove(dir, "no/such/folder", &e));
	assert_ok(fs_remove_tree(dir, "a", &e));
	assert_ok(fs_remove_tree(dir, "no/such/folder", &e));
	assert_int_equal(e.code, ERR_NONE);
	put("a", "x");
	assert_ok(fs_remove(dir, "a", &e));
	assert_missing("a");
	assert_ok(fs_mkdir(dir, "d", 0755, &e));
	assert_refused(fs_remove(dir, "d", &e), ERR_SYSTEM);
}

static void a_tree_goes_with_all_that_hinders(void **state)
{
	char path[128];
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_mkdirs(dir, "t/a/b", 0755, &e));
	assert_ok(fs_mkdirs(dir, "keep", 0755, &e));
	put("keep/file", "x");
	put("t/a/b/file", "x");
	put("t/file", "x");
	assert_ok(fs_symlink(dir, "../keep", "t/link", &e));
	assert_ok(fs_symlink(dir, "/nowhere", "t/dangling", &e));
	assert_int_equal(mkfifoat(dir, "t/fifo", 0), 0);
	(void)snprintf(path, sizeof(path), "%s/t/a/b", where);
	assert_int_equal(chmod(path, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/t/a", where);
	assert_int_equal(chmod(path, 0500), 0);
	assert_ok(fs_remove_tree(dir, "t", &e));
	assert_missing("t");
	assert_holds("keep/file", "x");
	assert_ok(fs_symlink(dir, "keep", "link", &e));
	assert_ok(fs_remove_tree(dir, "link", &e));
	assert_holds("keep/file", "x");
	assert_ok(fs_remove_tree(dir, "keep/file", &e));
	assert_int_equal(entries("keep"), 0);
}

/* A path of any length is made by going down one folder at a time. */
static void make_chain(const char *name, unsigned depth)
{
	int fd, next;

	assert_int_equal(mkdirat(dir, name, 0755), 0);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < depth; i++) {
		assert_true(fd >= 0);
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	close(fd);
}

static void a_bottomless_tree_goes_too(void **state)
{
	struct err e = { 0 };

	(void)state;
	make_chain("deep", 3000);
	assert_ok(fs_remove_tree(dir, "deep", &e));
	assert_missing("deep");
}

static void a_wide_tree_goes_too(void **state)
{
	struct err e = { 0 };
	char name[32];

	(void)state;
	assert_ok(fs_mkdir(dir, "w", 0755, &e));
	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "w/entry-%u", i);
		assert_ok(fs_mkdir(dir, name, 0755, &e));
	}
	assert_ok(fs_remove_tree(dir, "w", &e));
	assert_missing("w");
}

static void bytes_go_where_they_belong(void **state)
{
	struct err e = { 0 };
	char out[16];
	size_t got;
	int fd;

	(void)state;
	assert_ok(fs_create(dir, "f", 0600, &fd, &e));
	assert_ok(fs_write(fd, slice_of("hello world"), &e));
	assert_ok(fs_write_at(fd, 6, slice_of("W"), &e));
	assert_ok(fs_read_at(fd, 4, out, 5, &got, &e));
	assert_int_equal(got, 5);
	assert_memory_equal(out, "o Wor", 5);
	assert_ok(fs_read_at(fd, 9, out, 5, &got, &e));
	assert_int_equal(got, 2);
	assert_ok(fs_read(fd, out, sizeof(out), &got, &e));
	assert_int_equal(got, 0);
	assert_ok(fs_truncate(fd, 5, &e));
	assert_ok(fs_sync(fd, &e));
	fs_close(&fd);
	assert_holds("f", "hello");
	assert_refused(fs_create(dir, "f", 0600, &fd, &e), ERR_SYSTEM);
	assert_ok(fs_open(dir, "f", O_RDONLY, &fd, &e));
	assert_refused(fs_write(fd, slice_of("x"), &e), ERR_SYSTEM);
	fs_close(&fd);
}

static void a_range_becomes_zeros_and_no_more(void **state)
{
	static uint8_t bytes[300000], back[300000];
	const size_t from = 65536 + 1, len = 131072 + 5;
	struct err e = { 0 };
	size_t got;
	int fd;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_ok(fs_create(dir, "f", 0600, &fd, &e));
	assert_ok(fs_write(fd, (struct slice){ bytes, sizeof(bytes) }, &e));
	assert_ok(fs_zero_range(fd, from, len, &e));
	memset(bytes + from, 0, len);
	assert_ok(fs_read_at(fd, 0, back, sizeof(back), &got, &e));
	assert_int_equal(got, sizeof(back));
	assert_memory_equal(bytes, back, sizeof(back));
	fs_close(&fd);
	assert_ok(fs_open(dir, "f", O_RDONLY, &fd, &e));
	assert_refused(fs_zero_range(fd, 0, 1, &e), ERR_SYSTEM);
	fs_close(&fd);
}

static void zeros_become_holes_and_the_rest_stays(void **state)
{
	enum {
		LEN = 1 << 20,
		AT = 500001
	};
	uint8_t *bytes = calloc(1, LEN), *back = malloc(LEN);
	struct err e = { 0 };
	struct stat st;
	size_t got;
	int fd;

	(void)state;
	bytes[0] = 'a';
	bytes[AT] = 'b';
	assert_ok(fs_create(dir, "f", 0600, &fd, &e));
	/* In pieces that keep to no boundary. */
	for (size_t at = 0; at < LEN; at += 7777)
		assert_ok(fs_write_sparse(
			fd, at,
			slice_sub((struct slice){ bytes, LEN }, at, 7777), &e));
	assert_ok(fs_truncate(fd, LEN, &e));
	assert_ok(fs_read_at(fd, 0, back, LEN, &got, &e));
	assert_int_equal(got, LEN);
	assert_memory_equal(bytes, back, LEN);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 <= 4 * 4096);
	fs_close(&fd);
	assert_ok(fs_open(dir, "f", O_RDONLY, &fd, &e));
	assert_refused(fs_write_sparse(fd, 0, slice_of("x"), &e), ERR_SYSTEM);
	assert_ok(fs_write_sparse(fd, 0, (struct slice){ bytes + 1, 9 }, &e));
	fs_close(&fd);
	free(bytes);
	free(back);
}

static void ranges_are_copied_between_files(void **state)
{
	static uint8_t bytes[200000], back[200000];
	struct err e = { 0 };
	int from, to;
	size_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	assert_ok(fs_create(dir, "from", 0600, &from, &e));
	assert_ok(fs_create(dir, "to", 0600, &to, &e));
	assert_ok(fs_write(from, (struct slice){ bytes, sizeof(bytes) }, &e));
	assert_ok(fs_copy_range(from, 0, to, 0, sizeof(bytes), &e));
	assert_ok(fs_read_at(to, 0, back, sizeof(back), &got, &e));
	assert_int_equal(got, sizeof(back));
	assert_memory_equal(bytes, back, sizeof(bytes));
	assert_ok(fs_copy_range(from, 12345, to, 3, 100001, &e));
	assert_ok(fs_read_at(to, 0, back, sizeof(back), &got, &e));
	assert_memory_equal(back + 3, bytes + 12345, 100001);
	assert_memory_equal(back + 100004, bytes + 100004, 1000);
	assert_ok(fs_copy_range(from, 7, to, 7, 0, &e));
	assert_refused(fs_copy_range(from, sizeof(bytes) - 5, to, 0, 6, &e),
		       ERR_FORMAT);
	assert_refused(fs_copy_range(from, sizeof(bytes) + 5, to, 0, 1, &e),
		       ERR_FORMAT);
	fs_close(&from);
	fs_close(&to);
}

static void free_space_is_what_the_system_says(void **state)
{
	uint64_t bytes = 0, inodes = 0;
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_free_space(dir, &bytes, &inodes, &e));
	assert_true(bytes > 0 && inodes > 0);
	assert_refused(fs_free_space(-1, &bytes, &inodes, &e), ERR_SYSTEM);
}

static void files_that_others_may_write_are_not_private(void **state)
{
	struct err e = { 0 };
	int fd;

	(void)state;
	assert_ok(fs_create(dir, "f", 0600, &fd, &e));
	assert_ok(fs_check_private(fd, "f", &e));
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_ok(fs_check_private(fd, "f", &e));
	assert_int_equal(fchmod(fd, 0620), 0);
	assert_refused(fs_check_private(fd, "f", &e), ERR_CONFIG);
	assert_int_equal(fchmod(fd, 0602), 0);
	assert_refused(fs_check_private(fd, "f", &e), ERR_CONFIG);
	if (geteuid() == 0) {
		assert_int_equal(fchmod(fd, 0600), 0);
		assert_int_equal(fchown(fd, 12345, 0), 0);
		assert_refused(fs_check_private(fd, "f", &e), ERR_CONFIG);
	}
	fs_close(&fd);
}

static void a_nameless_file_leaves_no_trace(void **state)
{
	struct err e = { 0 };
	char back[4] = "";
	size_t got = 0;
	int fd = -1;

	(void)state;
	assert_ok(fs_open_nameless(dir, &fd, &e));
	assert_ok(fs_write(fd, slice_of("abc"), &e));
	assert_ok(fs_read_at(fd, 0, back, 3, &got, &e));
	assert_string_equal(back, "abc");
	assert_int_equal(entries(""), 0);
	fs_close(&fd);
	assert_refused(fs_open_nameless(-1, &fd, &e), ERR_SYSTEM);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_replaced_file_is_read_back),
		TEST(a_failed_replacement_leaves_the_old_file_alone),
		TEST(a_disk_that_fills_up_leaves_the_old_file_alone),
		TEST(what_a_crash_left_behind_is_taken_away),
		TEST(a_neighbours_unfinished_file_is_left_alone),
		TEST(paths_never_leave_their_folder),
		TEST(links_are_never_followed),
		TEST(only_regular_files_are_read),
		TEST(a_file_larger_than_its_limit_is_refused),
		TEST(folders_are_made_with_their_parents),
		TEST(renaming_replaces_and_moves),
		TEST(two_names_are_swapped_at_once),
		TEST(removing_what_is_not_there_is_fine),
		TEST(a_tree_goes_with_all_that_hinders),
		TEST(a_bottomless_tree_goes_too),
		TEST(a_wide_tree_goes_too),
		TEST(bytes_go_where_they_belong),
		TEST(a_range_becomes_zeros_and_no_more),
		TEST(zeros_become_holes_and_the_rest_stays),
		TEST(ranges_are_copied_between_files),
		TEST(free_space_is_what_the_system_says),
		TEST(files_that_others_may_write_are_not_private),
		TEST(a_nameless_file_leaves_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
