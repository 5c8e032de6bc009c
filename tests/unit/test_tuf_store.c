/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_store.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/fs.h"
#include "tests/unit/check.h"

struct folder {
	char path[32];
	int fd;
};

static struct folder folder_new(void)
{
	struct folder f = { "/tmp/test-store.XXXXXX", -1 };
	struct err e = { 0 };

	assert_non_null(mkdtemp(f.path));
	assert_ok(fs_open_dir(f.path, &f.fd, &e));
	return f;
}

static void folder_done(struct folder *f)
{
	struct err e = { 0 };
	int tmp = -1;

	fs_close(&f->fd);
	assert_ok(fs_open_dir("/tmp", &tmp, &e));
	assert_ok(fs_remove_tree(tmp, f->path + strlen("/tmp/"), &e));
	fs_close(&tmp);
}

static void what_cannot_be_metadata_counts_as_missing(void **state)
{
	struct folder f = folder_new();
	struct buf out = BUF_INIT(0);
	struct err e = { 0 };
	bool found = true;

	(void)state;
	assert_ok(tuf_store_read(f.fd, "targets.json", 8, &out, &found, &e));
	assert_false(found);
	/* Too long, and a link: neither was written by us. */
	assert_ok(
		tuf_store_write(f.fd, "long.json", slice_of("123456789"), &e));
	found = true;
	assert_ok(tuf_store_read(f.fd, "long.json", 8, &out, &found, &e));
	assert_false(found);
	assert_int_equal(symlinkat("long.json", f.fd, "link.json"), 0);
	found = true;
	assert_ok(tuf_store_read(f.fd, "link.json", 9, &out, &found, &e));
	assert_false(found);
	assert_ok(tuf_store_read(f.fd, "long.json", 9, &out, &found, &e));
	assert_true(found);
	assert_string_equal(buf_text(&out), "123456789");
	buf_done(&out);
	folder_done(&f);
}

/*
 * What could not be read may be there, with a version that binds us. So this
 * is no missing file, and the run ends.
 */
static void a_disk_that_fails_ends_the_run(void **state)
{
	struct folder f = folder_new();
	struct buf out = BUF_INIT(0);
	struct err e = { 0 };
	bool found = false;

	(void)state;
	assert_ok(tuf_store_write(f.fd, "timestamp.json", slice_of("{}"), &e));
	fs_close(&f.fd);
	assert_refused_saying(
		tuf_store_read(f.fd, "timestamp.json", 8, &out, &found, &e),
		ERR_SYSTEM, "timestamp.json");
	assert_refused_saying(
		tuf_store_write(f.fd, "timestamp.json", slice_of("{}"), &e),
		ERR_SYSTEM, "timestamp.json");
	buf_done(&out);
	folder_done(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_metadata_counts_as_missing),
		cmocka_unit_test(a_disk_that_fails_ends_the_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
