/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever cannot be taken as it stands stops the gathering of a folder: what
 * is left out in silence would be missing on every device.
 */
#include "signer/tree_scan.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "tests/unit/box.h"

#define ENTRIES 4 /* of the tree of many openings */

static struct box box;
static int input, scratch;

static int setup(void **state)
{
	(void)state;
	box_open(&box);
	input = box_folder(&box, "input");
	scratch = box_folder(&box, "scratch");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fs_close(&input);
	fs_close(&scratch);
	box_close(&box);
	return 0;
}

/* out may be NULL; else what was gathered is to be freed. */
static int scan_as(enum tree_attributes attributes,
		   const struct tree_watch *watch, struct pack_tree **out,
		   struct err *e)
{
	struct spool *s = NULL;
	int rc;

	assert_int_equal(spool_new(scratch, attributes, &s, e), 0);
	rc = tree_scan(input, attributes, s, watch, e);
	if (rc == 0 && out)
		assert_int_equal(spool_finish(s, out, e), 0);
	spool_free(s);
	return rc;
}

static void put_socket(int dir, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s",
		       dir, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
}

static void a_socket_has_no_place_anywhere(void **state)
{
	struct err e;
	int inner;

	(void)state;
	inner = box_folder(&box, "input/a");
	put_socket(inner, "socket");
	assert_refused_saying(scan_as(TREE_APP, NULL, NULL, &e), ERR_REFUSED,
			      "a/socket: a socket");
	assert_refused_saying(scan_as(TREE_SYSTEM, NULL, NULL, &e), ERR_REFUSED,
			      "a/socket: a socket");
	fs_close(&inner);
}

static void a_fifo_belongs_into_a_system_alone(void **state)
{
	struct pack_tree *t = NULL;
	struct tree_entry entry;
	struct err e;

	(void)state;
	assert_int_equal(mkfifoat(input, "fifo", 0600), 0);
	assert_refused_saying(scan_as(TREE_APP, NULL, NULL, &e), ERR_REFUSED,
			      "fifo: a device or fifo");
	assert_ok(scan_as(TREE_SYSTEM, NULL, &t, &e));
	tree_entry(&t->tree, (uint32_t)tree_find(&t->tree, slice_of("fifo")),
		   &entry);
	assert_int_equal(entry.type, TREE_FIFO);
	pack_tree_free(t);
}

/* The spool refuses them, each kind where it is taken up. */
static void a_name_that_no_device_could_hold_stops_it(void **state)
{
	static const char bad[] = "a\x01";
	struct err e;

	(void)state;
	assert_int_equal(symlinkat("target", input, bad), 0);
	assert_refused(scan_as(TREE_APP, NULL, NULL, &e), ERR_FORMAT);
	assert_int_equal(unlinkat(input, bad, 0), 0);
	assert_int_equal(mkfifoat(input, bad, 0600), 0);
	assert_refused(scan_as(TREE_SYSTEM, NULL, NULL, &e), ERR_FORMAT);
	assert_int_equal(unlinkat(input, bad, 0), 0);
	assert_int_equal(mkdirat(input, bad, 0700), 0);
	assert_refused(scan_as(TREE_APP, NULL, NULL, &e), ERR_FORMAT);
	assert_int_equal(unlinkat(input, bad, AT_REMOVEDIR), 0);
	put_file(input, bad, "content", 0644);
	assert_refused(scan_as(TREE_APP, NULL, NULL, &e), ERR_FORMAT);
	assert_int_equal(unlinkat(input, bad, 0), 0);
	assert_ok(scan_as(TREE_APP, NULL, NULL, &e));
}

static void folders_end_at_some_depth(void **state)
{
	int fd = dup(input), next;
	struct err e;

	(void)state;
	for (int i = 0; i < TREE_DEPTH_MAX; i++) {
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	assert_ok(scan_as(TREE_APP, NULL, NULL, &e));
	assert_int_equal(mkdirat(fd, "d", 0755), 0);
	assert_refused(scan_as(TREE_APP, NULL, NULL, &e), ERR_LIMIT);
	close(fd);
}

static void what_is_no_folder_is_not_gathered(void **state)
{
	struct err e;

	(void)state;
	put_file(box.dir, "file", "content", 0644);
	fs_close(&input);
	assert_refused_saying(scan_as(TREE_APP, NULL, NULL, &e), ERR_SYSTEM,
			      "look at the folder");
	assert_ok(fs_open(box.dir, "file", O_RDONLY, &input, &e));
	assert_refused_saying(scan_as(TREE_APP, NULL, NULL, &e), ERR_SYSTEM,
			      "open a folder");
}

/* Without descriptors, at whichever opening: an error, and no smaller tree. */
static void whatever_cannot_be_opened_stops_it(void **state)
{
	struct rlimit limit, few;
	struct pack_tree *t = NULL;
	unsigned failed = 0;
	int inner, next, rc;
	struct err e = { 0 };

	(void)state;
	inner = box_folder(&box, "input/a");
	put_file(inner, "file", "content", 0644);
	fs_close(&inner);
	inner = box_folder(&box, "input/a/b");
	assert_int_equal(symlinkat("target", inner, "link"), 0);
	fs_close(&inner);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	next = dup(input);
	close(next);
	few = limit;
	/* One for the spool itself; then one more each time. */
	few.rlim_cur = (rlim_t)next + 1;
	do {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		rc = scan_as(TREE_APP, NULL, &t, &e);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		if (rc) {
			assert_int_equal(e.code, ERR_SYSTEM);
			failed++;
		}
		few.rlim_cur++;
	} while (rc);
	assert_in_range(failed, 4, 16);
	assert_int_equal(t->tree.count, ENTRIES);
	pack_tree_free(t);
}

static void a_file_of_more_than_a_package_holds_is_refused_unread(void **state)
{
	struct err e;
	int fd = -1;

	(void)state;
	assert_ok(fs_create(input, "holes", 0644, &fd, &e));
	if (ftruncate(fd, (off_t)SPOOL_CONTENT_MAX + 1) != 0) {
		close(fd);
		skip(); /* a file system that has none so long */
	}
	fs_close(&fd);
	assert_refused_saying(scan_as(TREE_APP, NULL, NULL, &e), ERR_LIMIT,
			      "holes: content of more than 64 GiB");
}

static int stop(void *ctx, uint64_t bytes, struct err *e)
{
	*(uint64_t *)ctx = bytes;
	return err_set(e, ERR_CONFLICT, "stopped");
}

static void who_watches_may_stop_it(void **state)
{
	uint64_t seen = 0;
	const struct tree_watch watch = { &seen, stop };
	struct err e;

	(void)state;
	put_file(input, "file", "content", 0644);
	assert_refused(scan_as(TREE_APP, &watch, NULL, &e), ERR_CONFLICT);
	assert_int_equal(seen, 7);
}

static void set_many(int fd, const char *space, int from, int to)
{
	char name[32];

	for (int i = from; i < to; i++) {
		(void)snprintf(name, sizeof(name), "%s.%d", space, i);
		if (fsetxattr(fd, name, "", 0, 0)) {
			close(fd);
			skip(); /* a file system that has none, or no root */
		}
	}
}

/* On each kind of entry, as they are read in other ways. */
static void attributes_that_cannot_be_listed_stop_it(void **state)
{
	struct err e;
	char name[32];
	int inner, fd;

	(void)state;
	inner = box_folder(&box, "input/folder");
	set_many(inner, "user", 0, TREE_XATTRS_MAX);
	assert_ok(scan_as(TREE_SYSTEM, NULL, NULL, &e));
	set_many(inner, "user", TREE_XATTRS_MAX, TREE_XATTRS_MAX + 1);
	assert_refused_saying(scan_as(TREE_SYSTEM, NULL, NULL, &e), ERR_LIMIT,
			      "extended attributes");
	assert_ok(scan_as(TREE_APP, NULL, NULL, &e));
	fs_close(&inner);
	assert_int_equal(unlinkat(input, "folder", AT_REMOVEDIR), 0);

	put_file(input, "file", "content", 0644);
	fd = openat(input, "file", O_RDONLY | O_CLOEXEC);
	set_many(fd, "user", 0, TREE_XATTRS_MAX + 1);
	close(fd);
	assert_refused(scan_as(TREE_SYSTEM, NULL, NULL, &e), ERR_LIMIT);
	assert_int_equal(unlinkat(input, "file", 0), 0);

	if (geteuid() != 0)
		skip(); /* attributes of links and fifos need privileges */
	for (int kind = 0; kind < 2; kind++) {
		char path[64];

		assert_int_equal(kind ? mkfifoat(input, "x", 0600)
				      : symlinkat("target", input, "x"),
				 0);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/x", input);
		for (int i = 0; i <= TREE_XATTRS_MAX; i++) {
			(void)snprintf(name, sizeof(name), "trusted.%d", i);
			if (lsetxattr(path, name, "", 0, 0))
				skip();
		}
		assert_refused(scan_as(TREE_SYSTEM, NULL, NULL, &e), ERR_LIMIT);
		assert_int_equal(unlinkat(input, "x", 0), 0);
	}
}

static void two_names_of_one_file_are_a_link_in_a_system(void **state)
{
	struct pack_tree *t = NULL;
	struct tree_entry entry;
	struct err e;

	(void)state;
	put_file(input, "a", "content", 0644);
	assert_int_equal(linkat(input, "a", input, "b", 0), 0);
	put_file(input, "c", "content", 0644);
	assert_ok(scan_as(TREE_SYSTEM, NULL, &t, &e));
	tree_entry(&t->tree, (uint32_t)tree_find(&t->tree, slice_of("b")),
		   &entry);
	assert_int_equal(entry.type, TREE_HARDLINK);
	tree_entry(&t->tree, (uint32_t)tree_find(&t->tree, slice_of("c")),
		   &entry);
	assert_int_equal(entry.type, TREE_FILE);
	pack_tree_free(t);
	assert_ok(scan_as(TREE_APP, NULL, &t, &e));
	tree_entry(&t->tree, (uint32_t)tree_find(&t->tree, slice_of("b")),
		   &entry);
	assert_int_equal(entry.type, TREE_FILE);
	assert_int_equal(entry.len, 7);
	pack_tree_free(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_socket_has_no_place_anywhere),
		TEST(a_fifo_belongs_into_a_system_alone),
		TEST(a_name_that_no_device_could_hold_stops_it),
		TEST(folders_end_at_some_depth),
		TEST(what_is_no_folder_is_not_gathered),
		TEST(whatever_cannot_be_opened_stops_it),
		TEST(a_file_of_more_than_a_package_holds_is_refused_unread),
		TEST(who_watches_may_stop_it),
		TEST(attributes_that_cannot_be_listed_stop_it),
		TEST(two_names_of_one_file_are_a_link_in_a_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
