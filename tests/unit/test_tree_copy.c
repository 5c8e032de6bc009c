/* SPDX-License-Identifier: Apache-2.0 */
/* What is copied from one folder to another, and what is not. */
#include "common/tree_copy.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "common/tree.h"
#include "common/tree_set.h"
#include "tests/unit/box.h"

static struct box box;
static int from, to;

static int setup(void **state)
{
	(void)state;
	box_open(&box);
	from = box_folder(&box, "from");
	to = box_folder(&box, "to");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fs_close(&from);
	fs_close(&to);
	box_close(&box);
	return 0;
}

static void make_folder(const char *path, mode_t mode)
{
	struct err e = { 0 };

	assert_ok(fs_mkdir(from, path, 0700, &e));
	assert_int_equal(fchmodat(from, path, mode, 0), 0);
}

static void set_time(const char *path)
{
	const struct timespec times[2] = { { 5, 0 },
					   { 1234567890, 987654321 } };

	assert_int_equal(utimensat(from, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* Of both: type, mode, owner, time (but of folders on the way). */
static void assert_alike(const char *path, bool times)
{
	struct stat a, b;

	assert_int_equal(fstatat(from, path, &a, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fstatat(to, path, &b, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(a.st_mode, b.st_mode);
	assert_int_equal(a.st_uid, b.st_uid);
	assert_int_equal(a.st_gid, b.st_gid);
	assert_int_equal(a.st_rdev, b.st_rdev);
	if (!times)
		return;
	assert_int_equal(a.st_mtim.tv_sec, b.st_mtim.tv_sec);
	assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
}

static void assert_text(const char *path, const char *text)
{
	struct buf b = BUF_INIT(1000);
	struct err e = { 0 };

	assert_ok(fs_read_file(to, path, &b, &e));
	assert_true(slice_equal(buf_slice(&b), slice_of(text)));
	buf_done(&b);
}

static void what_is_named_is_copied_with_its_attributes(void **state)
{
	struct err e = { 0 };
	char target[100];

	(void)state;
	make_folder("etc", 0751);
	make_folder("etc/ssh", 0700);
	put_file(from, "etc/ssh/key", "secret", 0600);
	put_file(from, "etc/ssh/run", "run", 06755);
	put_file(from, "etc/other", "not named", 0644);
	assert_int_equal(symlinkat("/etc/passwd", from, "etc/ssh/link"), 0);
	assert_int_equal(mkfifoat(from, "etc/ssh/fifo", 0620), 0);
	set_time("etc/ssh/key");
	set_time("etc/ssh/link");
	set_time("etc/ssh/fifo");
	set_time("etc/ssh");
	assert_ok(tree_copy(from, to, "etc/ssh", &e));
	assert_alike("etc", false);
	assert_alike("etc/ssh", true);
	assert_alike("etc/ssh/key", true);
	assert_alike("etc/ssh/run", false);
	assert_alike("etc/ssh/link", true);
	assert_alike("etc/ssh/fifo", true);
	assert_text("etc/ssh/key", "secret");
	assert_ok(fs_readlink(to, "etc/ssh/link", target, sizeof(target), &e));
	assert_string_equal(target, "/etc/passwd");
	assert_refused(fs_open(to, "etc/other", O_RDONLY, &(int){ -1 }, &e),
		       ERR_NOT_FOUND);
	/* Another path goes into the same folder. */
	assert_ok(tree_copy(from, to, "etc/other", &e));
	assert_text("etc/other", "not named");
	/* What is there is not written over. */
	assert_int_equal(tree_copy(from, to, "etc/other", &e), -1);
}

static void what_root_alone_can_make_is_copied_too(void **state)
{
	static const uint8_t capability[] = { 1, 0, 0, 2, 0, 4, 0, 0, 0, 0,
					      0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct err e = { 0 };
	uint8_t got[100];
	int fd = -1;

	(void)state;
	if (geteuid() != 0 ||
	    mknodat(from, "gone", S_IFCHR | 0600, makedev(0, 0)))
		skip();
	put_file(from, "f", "x", 0755);
	assert_int_equal(fchownat(from, "f", 1000, 50, 0), 0);
	assert_ok(fs_open(from, "f", O_RDONLY, &fd, &e));
	assert_int_equal(fsetxattr(fd, "security.capability", capability,
				   sizeof(capability), 0),
			 0);
	assert_int_equal(fsetxattr(fd, "trusted.note", "kept", 4, 0), 0);
	fs_close(&fd);
	assert_ok(tree_copy(from, to, "gone", &e));
	assert_ok(tree_copy(from, to, "f", &e));
	assert_alike("gone", true);
	assert_alike("f", true);
	assert_ok(fs_open(to, "f", O_RDONLY, &fd, &e));
	assert_int_equal(fgetxattr(fd, "security.capability", got, 100),
			 sizeof(capability));
	assert_memory_equal(got, capability, sizeof(capability));
	assert_int_equal(fgetxattr(fd, "trusted.note", got, 100), 4);
	fs_close(&fd);
}

static void holes_stay_holes(void **state)
{
	struct err e = { 0 };
	struct stat st;
	int fd = -1;

	(void)state;
	assert_ok(fs_create(from, "f", 0600, &fd, &e));
	assert_ok(fs_write_at(fd, 3 << 20, slice_of("x"), &e));
	assert_ok(fs_truncate(fd, 8 << 20, &e));
	fs_close(&fd);
	assert_ok(tree_copy(from, to, "f", &e));
	assert_int_equal(fstatat(to, "f", &st, 0), 0);
	assert_int_equal(st.st_size, 8 << 20);
	assert_true(st.st_blocks * 512 <= 16384);
}

static void what_is_not_there_is_nothing(void **state)
{
	struct tree_copy_size size = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_ok(tree_copy(from, to, "none", &e));
	assert_ok(tree_copy(from, to, "no/thing", &e));
	assert_ok(tree_copy_measure(from, "no/thing", &size, &e));
	assert_int_equal(size.bytes, 0);
	assert_int_equal(size.inodes, 0);
	assert_int_equal(count_names(to), 0);
}

static void a_link_is_never_walked_through(void **state)
{
	struct tree_copy_size size = { 0 };
	struct err e = { 0 };

	(void)state;
	put_file(box.dir, "secret", "x", 0600);
	assert_int_equal(symlinkat("..", from, "up"), 0);
	assert_refused(tree_copy(from, to, "up/secret", &e), ERR_REFUSED);
	assert_refused(tree_copy_measure(from, "up/secret", &size, &e),
		       ERR_REFUSED);
	assert_int_equal(tree_copy(from, to, "../secret", &e), -1);
	assert_int_equal(count_names(to), 0);
	/* Nor through one that stands where the copy goes. */
	make_folder("etc", 0755);
	put_file(from, "etc/f", "x", 0600);
	assert_int_equal(symlinkat("..", to, "etc"), 0);
	assert_refused(tree_copy(from, to, "etc/f", &e), ERR_REFUSED);
}

/* Whoever owns the folder may have put it there meanwhile. */
static void what_became_a_link_is_not_followed(void **state)
{
	const struct tree_entry fifo = { .type = TREE_FILE,
					 .mode = 0666,
					 .uid = geteuid(),
					 .gid = getegid(),
					 .mtime_sec = 5 };
	struct err e = { 0 };
	struct stat st;

	(void)state;
	put_file(box.dir, "secret", "x", 0600);
	assert_int_equal(symlinkat("../secret", to, "pipe"), 0);
	assert_refused(tree_set_at(&fifo, to, "pipe", &e), ERR_CONFLICT);
	assert_int_equal(linkat(box.dir, "secret", to, "name", 0), 0);
	assert_refused(tree_set_at(&fifo, to, "name", &e), ERR_CONFLICT);
	assert_int_equal(fstatat(box.dir, "secret", &st, 0), 0);
	assert_int_equal(st.st_mode & ALLPERMS, 0600);
	assert_true(st.st_mtim.tv_sec > 5);
	assert_int_equal(mkfifoat(to, "fifo", 0600), 0);
	assert_ok(tree_set_at(&fifo, to, "fifo", &e));
	assert_int_equal(fstatat(to, "fifo", &st, 0), 0);
	assert_int_equal(st.st_mode & ALLPERMS, 0666);
	assert_int_equal(st.st_mtim.tv_sec, 5);
	assert_int_equal(linkat(to, "fifo", to, "twice", 0), 0);
	assert_refused(tree_set_at(&fifo, to, "fifo", &e), ERR_CONFLICT);
}

/* One more of them than a copy could be given. */
static void add_attributes(const char *path)
{
	struct err e = { 0 };
	char name[32];
	int fd = -1;

	assert_ok(fs_open(from, path, O_RDONLY, &fd, &e));
	for (int i = 0; i <= TREE_XATTRS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "user.n%d", i);
		if (fsetxattr(fd, name, "x", 1, 0)) {
			fs_close(&fd);
			skip();
		}
	}
	fs_close(&fd);
}

/* Or it would be found only when the package is written. */
static void what_cannot_be_copied_is_not_measured(void **state)
{
	struct tree_copy_size size = { 0 };
	struct err e = { 0 };
	struct stat st;

	(void)state;
	make_folder("app", 0755);
	put_file(from, "app/f", "x", 0600);
	add_attributes("app/f");
	assert_refused_saying(tree_copy_measure(from, "app/f", &size, &e),
			      ERR_LIMIT, "extended attributes");
	assert_refused_saying(tree_copy_measure(from, "app", &size, &e),
			      ERR_LIMIT, "extended attributes");
	/* A folder is given away when all is in it. */
	assert_refused(tree_copy(from, to, "app/f", &e), ERR_LIMIT);
	assert_int_equal(fstatat(to, "app", &st, 0), 0);
	assert_int_equal(st.st_mode & ALLPERMS, 0700);
}

static void a_folder_that_cannot_be_copied_is_not_measured(void **state)
{
	struct tree_copy_size size = { 0 };
	struct err e = { 0 };

	(void)state;
	make_folder("app", 0755);
	put_file(from, "app/f", "x", 0600);
	add_attributes("app");
	assert_refused(tree_copy_measure(from, "app", &size, &e), ERR_LIMIT);
	assert_refused(tree_copy_measure(from, "app/f", &size, &e), ERR_LIMIT);
}

static void a_socket_is_left_out(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct err e = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	make_folder("run", 0755);
	put_file(from, "run/f", "x", 0600);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/from/run/sock",
		       box.path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	fs_close(&fd);
	assert_ok(tree_copy(from, to, "run", &e));
	assert_ok(fs_open(to, "run", O_RDONLY | O_DIRECTORY, &fd, &e));
	assert_int_equal(count_names(fd), 1);
	fs_close(&fd);
}

static void too_deep_is_refused(void **state)
{
	struct tree_copy_size size = { 0 };
	struct err e = { 0 };
	char path[2 * TREE_DEPTH_MAX + 3] = "d";

	(void)state;
	for (int i = 0; i < TREE_DEPTH_MAX; i++) {
		make_folder(path, 0755);
		strcat(path, "/d");
	}
	assert_ok(tree_copy(from, to, "d", &e));
	make_folder(path, 0755);
	assert_refused(tree_copy(from, box.dir, "d", &e), ERR_REFUSED);
	assert_refused(tree_copy_measure(from, "d", &size, &e), ERR_REFUSED);
}

/* Never less than what the copy takes. */
static void the_measure_is_no_less_than_the_copy(void **state)
{
	struct tree_copy_size size = { 0 };
	static char text[20000];
	struct err e = { 0 };
	struct stat st;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	make_folder("a", 0755);
	make_folder("a/b", 0755);
	put_file(from, "a/b/f", text, 0644);
	put_file(from, "a/b/g", "x", 0644);
	assert_ok(tree_copy_measure(from, "a/b", &size, &e));
	assert_int_equal(size.inodes, 4);
	assert_int_equal(fstatat(from, "a/b/f", &st, 0), 0);
	assert_true(size.bytes >= 4u * 4096 + (uint64_t)st.st_blocks * 512);
	assert_int_equal(count_names(to), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_named_is_copied_with_its_attributes),
		TEST(what_root_alone_can_make_is_copied_too),
		TEST(holes_stay_holes),
		TEST(what_is_not_there_is_nothing),
		TEST(a_link_is_never_walked_through),
		TEST(what_became_a_link_is_not_followed),
		TEST(what_cannot_be_copied_is_not_measured),
		TEST(a_folder_that_cannot_be_copied_is_not_measured),
		TEST(a_socket_is_left_out),
		TEST(too_deep_is_refused),
		TEST(the_measure_is_no_less_than_the_copy),
	};

	return cmocka_run_group_tests_name("tree_copy", tests, NULL, NULL);
}
