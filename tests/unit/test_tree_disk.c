/* SPDX-License-Identifier: Apache-2.0 */
/* Trees on a disk: tree_write makes them, tree_check looks at them. */
#include "common/tree_disk.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "common/tree_write.h"
#include "tests/unit/own_box.h"

#define NOBODY 65534

struct made {
	struct buf manifest;
	struct tree tree;
};

static void add(struct buf *b, struct tree_entry entry, const char *path,
		const char *content)
{
	struct err e = { 0 };

	entry.path = slice_of(path);
	if (entry.type == TREE_FILE) {
		entry.len = strlen(content);
		sha256_of(slice_of(content), &entry.digest);
	}
	if (entry.type == TREE_SYMLINK) {
		entry.mode = 0777;
		entry.target = slice_of(content);
	}
	assert_ok(tree_add(b, &entry, &e));
}

static void begin(struct made *m, enum tree_attributes attributes)
{
	struct err e = { 0 };

	*m = (struct made){ .manifest = BUF_INIT(1 << 20) };
	assert_ok(tree_begin(&m->manifest, attributes, &e));
}

static void finish(struct made *m)
{
	struct err e = { 0 };

	assert_ok(tree_parse(buf_slice(&m->manifest), &m->tree, &e));
}

static void done(struct made *m)
{
	tree_done(&m->tree);
	buf_done(&m->manifest);
}

static const char *content_of(struct slice path)
{
	return path.ptr[path.len - 1] == '1' ? "one" : "another";
}

/* An application of every kind of entry, some with odd modes. */
static void make_app(struct made *m)
{
	begin(m, TREE_APP);
	add(&m->manifest, (struct tree_entry){ TREE_FOLDER, .mode = 0555 },
	    "bin", "");
	add(&m->manifest, (struct tree_entry){ TREE_FILE, .mode = 0500 },
	    "bin/f1", "one");
	add(&m->manifest, (struct tree_entry){ TREE_FOLDER, .mode = 0750 },
	    "bin/sub", "");
	add(&m->manifest, (struct tree_entry){ TREE_FILE, .mode = 0777 },
	    "bin/sub/f2", "another");
	add(&m->manifest, (struct tree_entry){ .type = TREE_SYMLINK }, "link",
	    "bin/sub/../f1");
	add(&m->manifest, (struct tree_entry){ TREE_FOLDER, .mode = 0755 },
	    "none", "");
	finish(m);
}

static int write_all(struct tree_writer *w, const struct tree *t, struct err *e)
{
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		if (tree_write_entry(w, &entry, e) ||
		    (entry.type == TREE_FILE &&
		     tree_write_data(w, slice_of(content_of(entry.path)), e)))
			return -1;
	}
	return tree_write_end(w, e);
}

static int write_tree(int dir, const struct tree *t, struct err *e)
{
	struct tree_writer *w = NULL;
	int rc = -1;

	if (!tree_write_begin(dir, t, NULL, &w, e))
		rc = write_all(w, t, e);
	tree_write_free(w);
	return rc;
}

/* ---- applications -------------------------------------------------------- */

static void what_was_written_is_found_again(void **state)
{
	int dir = box_folder(&box, "new");
	struct err e = { 0 };
	struct made m;

	(void)state;
	make_app(&m);
	umask(077);
	assert_ok(write_tree(dir, &m.tree, &e));
	umask(022);
	assert_ok(tree_check(dir, &m.tree, false, NULL, &e));
	assert_ok(tree_check(dir, &m.tree, true, NULL, &e));
	done(&m);
	fs_close(&dir);
}

static void an_empty_tree_is_an_empty_folder(void **state)
{
	int dir = box_folder(&box, "new");
	struct err e = { 0 };
	struct made m;

	(void)state;
	begin(&m, TREE_APP);
	finish(&m);
	assert_ok(write_tree(dir, &m.tree, &e));
	assert_ok(tree_check(dir, &m.tree, true, NULL, &e));
	put_file(dir, "more", "", 0644);
	assert_refused(tree_check(dir, &m.tree, true, NULL, &e), ERR_UNTRUSTED);
	done(&m);
	fs_close(&dir);
}

/* And nothing but its content. */
static void overwrite(int dir, const char *name, const char *text)
{
	struct stat st;
	int fd;

	assert_int_equal(fstatat(dir, name, &st, 0), 0);
	assert_int_equal(fchmodat(dir, name, 0700, 0), 0);
	fd = openat(dir, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, st.st_mode & 07777), 0);
	close(fd);
}

static void flip(int d)
{
	overwrite(d, "bin/f1", "onE");
}
static void shorten(int d)
{
	overwrite(d, "bin/f1", "on");
}
static void lengthen(int d)
{
	overwrite(d, "bin/sub/f2", "another1");
}
static void remove_file(int d)
{
	assert_int_equal(unlinkat(d, "bin/sub/f2", 0), 0);
}
static void remove_folder(int d)
{
	assert_int_equal(unlinkat(d, "none", AT_REMOVEDIR), 0);
}
static void add_file(int d)
{
	put_file(d, "bin/sub/f3", "", 0644);
}
static void add_at_top(int d)
{
	put_file(d, "zzz", "", 0644);
}
static void fill_empty_folder(int d)
{
	put_file(d, "none/x", "", 0644);
}
static void change_mode(int d)
{
	assert_int_equal(fchmodat(d, "bin/f1", 0501, 0), 0);
}
static void add_setuid(int d)
{
	assert_int_equal(fchmodat(d, "bin/f1", 04500, 0), 0);
}
static void change_folder_mode(int d)
{
	assert_int_equal(fchmodat(d, "none", 0700, 0), 0);
}
static void change_link(int d)
{
	assert_int_equal(unlinkat(d, "link", 0), 0);
	assert_int_equal(symlinkat("bin/f1", d, "link"), 0);
}
static void file_becomes_link(int d)
{
	assert_int_equal(renameat(d, "bin/f1", d, "moved"), 0);
	assert_int_equal(symlinkat("../moved", d, "bin/f1"), 0);
}
static void folder_becomes_link(int d)
{
	assert_int_equal(renameat(d, "none", d, "moved"), 0);
	assert_int_equal(symlinkat("moved", d, "none"), 0);
}
static void link_becomes_file(int d)
{
	assert_int_equal(unlinkat(d, "link", 0), 0);
	put_file(d, "link", "bin/sub/../f1", 0777);
}
static void file_becomes_fifo(int d)
{
	assert_int_equal(unlinkat(d, "bin/f1", 0), 0);
	assert_int_equal(mkfifoat(d, "bin/f1", 0500), 0);
}

static void every_difference_is_found(void **state)
{
	static void (*const damages[])(int) = {
		flip,
		shorten,
		lengthen,
		remove_file,
		add_file,
		add_at_top,
		change_mode,
		add_setuid,
		change_folder_mode,
		change_link,
		remove_folder,
		fill_empty_folder,
		file_becomes_link,
		folder_becomes_link,
		link_becomes_file,
		file_becomes_fifo,
	};
	struct err e = { 0 };
	struct made m;

	(void)state;
	make_app(&m);
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		char name[16];
		int dir;

		(void)snprintf(name, sizeof(name), "new%zu", i);
		dir = box_folder(&box, name);
		assert_ok(write_tree(dir, &m.tree, &e));
		assert_int_equal(fchmodat(dir, "bin", 0755, 0), 0);
		damages[i](dir);
		assert_int_equal(fchmodat(dir, "bin", 0555, 0), 0);
		assert_refused(tree_check(dir, &m.tree, false, NULL, &e),
			       ERR_UNTRUSTED);
		fs_close(&dir);
	}
	done(&m);
}

static void limit_descriptors(int count)
{
	struct rlimit limit = { 0 };

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)count;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void too_few_descriptors_are_no_crash(void **state)
{
	int dir = box_folder(&box, "new");
	struct tree_writer *w = NULL;
	struct err e = { 0 };
	struct made m;
	size_t gaps = 0;
	int fds[64];
	int rc;

	(void)state;
	make_app(&m);
	assert_ok(write_tree(dir, &m.tree, &e));
	/* No gap stays below the last one. */
	while (gaps < ARRAY_LEN(fds) && (fds[gaps] = dup(dir)) < dir)
		gaps++;
	assert_true(gaps < ARRAY_LEN(fds));
	fs_close(&fds[gaps]);
	limit_descriptors(dir + 1);
	rc = tree_write_begin(dir, &m.tree, NULL, &w, &e);
	limit_descriptors(1024);
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_SYSTEM);
	for (int i = 1; i < 4; i++) {
		limit_descriptors(dir + i);
		rc = tree_check(dir, &m.tree, false, NULL, &e);
		limit_descriptors(1024);
		if (rc != -1 || e.code != ERR_SYSTEM)
			fail_msg("%d: %d %s", i, rc, e.msg);
	}
	while (gaps > 0)
		fs_close(&fds[--gaps]);
	done(&m);
	fs_close(&dir);
}

static void an_entry_of_no_type_is_not_written(void **state)
{
	struct tree_entry entry = { .type = (enum tree_type)99,
				    .path = slice_of("x") };
	int dir = box_folder(&box, "new");
	struct tree_writer *w = NULL;
	struct err e = { 0 };
	struct made m;

	(void)state;
	make_app(&m);
	assert_ok(tree_write_begin(dir, &m.tree, NULL, &w, &e));
	assert_refused(tree_write_entry(w, &entry, &e), ERR_FORMAT);
	tree_write_free(w);
	done(&m);
	fs_close(&dir);
}

static void what_exists_is_never_written_through(void **state)
{
	int dir = box_folder(&box, "new"), victim = box_folder(&box, "victim");
	struct err e = { 0 };
	struct made m;

	(void)state;
	make_app(&m);
	assert_int_equal(symlinkat("../victim", dir, "bin"), 0);
	assert_int_equal(write_tree(dir, &m.tree, &e), -1);
	assert_int_equal(count_names(victim), 0);
	done(&m);
	fs_close(&dir);
	fs_close(&victim);
}

static int stop_at(void *ctx, uint64_t bytes, struct err *e)
{
	return bytes >= *(const uint64_t *)ctx ? err_set(e, ERR_BUSY, "stopped")
					       : 0;
}

static void zeros_of_a_file_take_no_room(void **state)
{
	static uint8_t bytes[1 << 20];
	struct tree_entry entry = { TREE_FILE, .mode = 0644,
				    .len = sizeof(bytes) };
	int dir = box_folder(&box, "new");
	struct tree_writer *w = NULL;
	struct err e = { 0 };
	struct made m;
	struct stat st;

	(void)state;
	bytes[300000] = 'x';
	entry.path = slice_of("holes");
	sha256_of((struct slice){ bytes, sizeof(bytes) }, &entry.digest);
	begin(&m, TREE_APP);
	assert_ok(tree_add(&m.manifest, &entry, &e));
	finish(&m);
	assert_ok(tree_write_begin(dir, &m.tree, NULL, &w, &e));
	assert_ok(tree_write_entry(w, &entry, &e));
	for (size_t at = 0; at < sizeof(bytes); at += 30000)
		assert_ok(tree_write_data(
			w,
			slice_sub((struct slice){ bytes, sizeof(bytes) }, at,
				  30000),
			&e));
	assert_ok(tree_write_end(w, &e));
	tree_write_free(w);
	assert_ok(tree_check(dir, &m.tree, true, NULL, &e));
	assert_int_equal(fstatat(dir, "holes", &st, 0), 0);
	assert_true(st.st_blocks * 512 <= 16384);
	done(&m);
	fs_close(&dir);
}

static void a_watcher_can_stop_the_check(void **state)
{
	int dir = box_folder(&box, "new");
	uint64_t limit = 1;
	const struct tree_watch watch = { &limit, stop_at };
	struct err e = { 0 };
	struct made m;

	(void)state;
	make_app(&m);
	assert_ok(write_tree(dir, &m.tree, &e));
	assert_refused(tree_check(dir, &m.tree, false, &watch, &e), ERR_BUSY);
	limit = 1000;
	assert_ok(tree_check(dir, &m.tree, false, &watch, &e));
	done(&m);
	fs_close(&dir);
}

static int count_calls(void *ctx, uint64_t bytes, struct err *e)
{
	unsigned *calls = ctx;

	(void)bytes;
	(void)e;
	++*calls;
	return 0;
}

/* The end and going on look at many entries, and write no content. */
static void a_watcher_hears_of_the_end_and_of_going_on(void **state)
{
	int dir = box_folder(&box, "new");
	unsigned calls = 0;
	const struct tree_watch watch = { &calls, count_calls };
	const struct package_point from = { .entry = 3 };
	struct tree_writer *w = NULL;
	struct err e = { 0 };
	struct made m;

	(void)state;
	begin(&m, TREE_APP);
	for (unsigned i = 0; i < 3; i++) {
		const char *const names[] = { "one", "two", "three" };

		add(&m.manifest,
		    (struct tree_entry){ .type = TREE_FOLDER, .mode = 0755 },
		    names[i * 2 % 3], "");
	}
	finish(&m);
	assert_ok(tree_write_begin(dir, &m.tree, &watch, &w, &e));
	assert_ok(write_all(w, &m.tree, &e));
	assert_int_equal(calls, m.tree.count);
	tree_write_free(w);
	assert_ok(tree_write_begin(dir, &m.tree, &watch, &w, &e));
	assert_ok(tree_write_resume(w, &from, &e));
	assert_int_equal(calls, m.tree.count + from.entry);
	tree_write_free(w);
	done(&m);
	fs_close(&dir);
}

static void a_watcher_hears_of_folders_too(void **state)
{
	int dir = box_folder(&box, "new");
	unsigned calls = 0;
	const struct tree_watch watch = { &calls, count_calls };
	struct err e = { 0 };
	struct made m;

	(void)state;
	begin(&m, TREE_APP);
	add(&m.manifest,
	    (struct tree_entry){ .type = TREE_FOLDER, .mode = 0755 }, "one",
	    "");
	add(&m.manifest,
	    (struct tree_entry){ .type = TREE_FOLDER, .mode = 0755 }, "two",
	    "");
	finish(&m);
	assert_ok(write_tree(dir, &m.tree, &e));
	assert_ok(tree_check(dir, &m.tree, false, &watch, &e));
	assert_int_equal(calls, m.tree.count);
	done(&m);
	fs_close(&dir);
}

/* ---- systems ------------------------------------------------------------- */

static bool can_do_system(void)
{
	if (geteuid() != 0)
		return false;
	if (mknodat(box.dir, "null", S_IFCHR | 0600, makedev(1, 3)))
		return false;
	return unlinkat(box.dir, "null", 0) == 0;
}

static struct tree_entry with(enum tree_type type, uint16_t mode)
{
	return (struct tree_entry){ .type = type,
				    .mode = mode,
				    .uid = 1000,
				    .gid = 50,
				    .mtime_sec = 1234567890,
				    .mtime_nsec = 987654321 };
}

static void make_system(struct made *m, struct buf *xattrs)
{
	static const uint8_t capability[] = { 1, 0, 0, 2, 0, 4, 0, 0, 0, 0,
					      0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct tree_entry entry;
	struct tree_xattr x = { slice_of("security.capability"),
				{ capability, sizeof(capability) } };
	struct err e = { 0 };
	size_t first;

	begin(m, TREE_SYSTEM);
	add(&m->manifest, with(TREE_FOLDER, 01777), "", "");
	entry = with(TREE_CHAR, 0620);
	entry.major = 1;
	entry.minor = 3;
	add(&m->manifest, entry, "chr", "");
	entry = with(TREE_FILE, 06755);
	assert_ok(tree_xattr_add(xattrs, &x, &e));
	first = xattrs->len;
	x = (struct tree_xattr){ slice_of("trusted.note"), slice_of("kept") };
	assert_ok(tree_xattr_add(xattrs, &x, &e));
	entry.xattrs = buf_slice(xattrs);
	entry.xattr_count = 2;
	add(&m->manifest, entry, "f1", "one");
	entry = with(TREE_FIFO, 0640);
	entry.xattrs = slice_sub(buf_slice(xattrs), first, xattrs->len);
	entry.xattr_count = 1;
	add(&m->manifest, entry, "fifo", "");
	add(&m->manifest, (struct tree_entry){ TREE_HARDLINK, .link_to = 2 },
	    "name", "");
	add(&m->manifest, with(TREE_FOLDER, 0755), "sub", "");
	add(&m->manifest, with(TREE_FILE, 0644), "sub/g1", "one");
	add(&m->manifest, with(TREE_SYMLINK, 0777), "sym", "../../anywhere");
	add(&m->manifest, (struct tree_entry){ TREE_HARDLINK, .link_to = 6 },
	    "too", "");
	finish(m);
}

static void a_system_keeps_every_attribute(void **state)
{
	struct buf xattrs = BUF_INIT(1000);
	struct err e = { 0 };
	struct made m;
	struct stat st;
	int dir;

	(void)state;
	if (!can_do_system())
		skip();
	dir = box_folder(&box, "new");
	make_system(&m, &xattrs);
	assert_ok(write_tree(dir, &m.tree, &e));
	assert_ok(tree_check(dir, &m.tree, true, NULL, &e));
	assert_int_equal(fstatat(dir, "f1", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 06755);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_uid, 1000);
	assert_int_equal(st.st_mtim.tv_nsec, 987654321);
	done(&m);
	buf_done(&xattrs);
	fs_close(&dir);
}

static void change_owner(int d)
{
	assert_int_equal(fchownat(d, "sym", 1, 50, AT_SYMLINK_NOFOLLOW), 0);
}
static void change_time(int d)
{
	const struct timespec times[2] = { { 0, 0 }, { 1234567890, 1 } };

	assert_int_equal(utimensat(d, "fifo", times, 0), 0);
}
static void change_device(int d)
{
	assert_int_equal(unlinkat(d, "chr", 0), 0);
	assert_int_equal(mknodat(d, "chr", S_IFCHR | 0620, makedev(1, 5)), 0);
	assert_int_equal(fchownat(d, "chr", 1000, 50, 0), 0);
}
static void break_hardlink(int d)
{
	assert_int_equal(unlinkat(d, "name", 0), 0);
	put_file(d, "name", "one", 06755);
}
/* As many names as before, but one of them is of another file. */
static void swap_hardlink(int d)
{
	const struct timespec times[2] = { { 0, 0 },
					   { 1234567890, 987654321 } };

	assert_int_equal(linkat(d, "sub/g1", box.dir, "elsewhere", 0), 0);
	assert_int_equal(unlinkat(d, "too", 0), 0);
	put_file(d, "too", "two", 0644);
	assert_int_equal(fchownat(d, "too", 1000, 50, 0), 0);
	assert_int_equal(utimensat(d, "too", times, 0), 0);
	assert_int_equal(utimensat(d, ".", times, 0), 0);
}
static void change_owner_of_folder(int d)
{
	assert_int_equal(fchownat(d, "sub", 1, 50, 0), 0);
}
static void add_hardlink_outside(int d)
{
	assert_int_equal(linkat(d, "f1", box.dir, "outside", 0), 0);
}
static void drop_xattr(int d)
{
	int fd = openat(d, "f1", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fremovexattr(fd, "trusted.note"), 0);
	close(fd);
}
static void add_xattr(int d)
{
	int fd = openat(d, "f1", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fsetxattr(fd, "trusted.more", "x", 1, 0), 0);
	close(fd);
}
static void change_xattr(int d)
{
	int fd = openat(d, "f1", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fsetxattr(fd, "trusted.note", "KEPT", 4, 0), 0);
	close(fd);
}
static void change_root(int d)
{
	assert_int_equal(fchmod(d, 0755), 0);
}

static void every_attribute_of_a_system_counts(void **state)
{
	static void (*const damages[])(int) = {
		change_owner,
		change_time,
		change_device,
		change_root,
		break_hardlink,
		add_hardlink_outside,
		drop_xattr,
		add_xattr,
		change_xattr,
		swap_hardlink,
		change_owner_of_folder,
	};
	struct buf xattrs = BUF_INIT(1000);
	struct err e = { 0 };
	struct made m;

	(void)state;
	if (!can_do_system())
		skip();
	make_system(&m, &xattrs);
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		char name[16];
		int dir;

		(void)snprintf(name, sizeof(name), "new%zu", i);
		dir = box_folder(&box, name);
		assert_ok(write_tree(dir, &m.tree, &e));
		assert_ok(tree_check(dir, &m.tree, false, NULL, &e));
		damages[i](dir);
		assert_refused(tree_check(dir, &m.tree, false, NULL, &e),
			       ERR_UNTRUSTED);
		fs_close(&dir);
	}
	done(&m);
	buf_done(&xattrs);
}

static void what_is_in_the_way_is_not_linked_over(void **state)
{
	struct buf xattrs = BUF_INIT(1000);
	struct err e = { 0 };
	struct made m;
	int dir;

	(void)state;
	if (!can_do_system())
		skip();
	dir = box_folder(&box, "new");
	make_system(&m, &xattrs);
	put_file(dir, "name", "one", 0644);
	assert_refused(write_tree(dir, &m.tree, &e), ERR_SYSTEM);
	done(&m);
	buf_done(&xattrs);
	fs_close(&dir);
}

static void a_system_needs_root_before_it_writes(void **state)
{
	int dir = box_folder(&box, "new");
	struct tree_writer *w = NULL;
	struct err e = { 0 };
	struct made m;

	(void)state;
	begin(&m, TREE_SYSTEM);
	add(&m.manifest, with(TREE_FOLDER, 0755), "", "");
	finish(&m);
	if (geteuid() == 0)
		assert_int_equal(seteuid(NOBODY), 0);
	assert_refused(tree_write_begin(dir, &m.tree, NULL, &w, &e),
		       ERR_REFUSED);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(count_names(dir), 0);
	done(&m);
	fs_close(&dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_written_is_found_again,
						own_box_open, own_box_close),
		cmocka_unit_test_setup_teardown(
			an_empty_tree_is_an_empty_folder, own_box_open,
			own_box_close),
		cmocka_unit_test_setup_teardown(every_difference_is_found,
						own_box_open, own_box_close),
		cmocka_unit_test_setup_teardown(
			what_exists_is_never_written_through, own_box_open,
			own_box_close),
		cmocka_unit_test_setup_teardown(zeros_of_a_file_take_no_room,
						own_box_open, own_box_close),
		cmocka_unit_test_setup_teardown(
			a_watcher_hears_of_the_end_and_of_going_on,
			own_box_open, own_box_close),
		cmocka_unit_test_setup_teardown(a_watcher_hears_of_folders_too,
						own_box_open, own_box_close),
		cmocka_unit_test_setup_teardown(a_watcher_can_stop_the_check,
						own_box_open, own_box_close),
		cmocka_unit_test_setup_teardown(a_system_keeps_every_attribute,
						own_box_open, own_box_close),
		cmocka_unit_test_setup_teardown(
			every_attribute_of_a_system_counts, own_box_open,
			own_box_close),
		cmocka_unit_test_setup_teardown(
			what_is_in_the_way_is_not_linked_over, own_box_open,
			own_box_close),
		cmocka_unit_test_setup_teardown(
			too_few_descriptors_are_no_crash, own_box_open,
			own_box_close),
		cmocka_unit_test_setup_teardown(
			an_entry_of_no_type_is_not_written, own_box_open,
			own_box_close),
		cmocka_unit_test_setup_teardown(
			a_system_needs_root_before_it_writes, own_box_open,
			own_box_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
