/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages of trees and deltas that are cut off while they are written: at
 * whatever point, the next run goes on there, reads no chunk from before it
 * again, and what stands there then is what was signed.
 */
#include "common/apply.h"

#include <sys/syscall.h>
#include <sys/xattr.h>

#include "common/mem.h"
#include "common/tree_disk.h"
#include "signer/pack.h"
#include "signer/pack_tree.h"
#include "tests/unit/box.h"

#define NOBODY      65534
#define BIG_LEN     (900u << 10)
#define FRAMES_LEN  (20u << 20)
#define SMALL_LEN   64000u /* less than the signer's pieces */
#define SMALL_COUNT 220

static struct box box;
static struct pack_settings how;
static unsigned syncs;

/* Instead of libc's, and as it. */
int fsync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fsync, fd);
}

static int setup(void **state)
{
	(void)state;
	box_open(&box);
	how = (struct pack_settings){ .content = PACKAGE_TREE,
				      .attributes = TREE_APP,
				      .quiet = true };
	how.scratch_dirfd = box_folder(&box, "scratch");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fs_close(&how.scratch_dirfd);
	box_close(&box);
	return 0;
}

/* ---- content ------------------------------------------------------------- */

/* A file in which nothing repeats before `zeros` bytes of zero. */
static void put_noise(int dir, const char *name, size_t len, size_t zeros,
		      uint32_t seed)
{
	uint8_t *bytes = mem_alloc(len + zeros, 1);
	struct err e = { 0 };
	int fd = -1;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
	assert_ok(fs_create(dir, name, 0644, &fd, &e));
	assert_ok(fs_write(fd, (struct slice){ bytes, len + zeros }, &e));
	assert_int_equal(fchmod(fd, 0444), 0);
	fs_close(&fd);
	free(bytes);
}

/* One of everything, before, behind and between what is cut. */
static int put_tree(const char *name, uint32_t seed)
{
	int dir = box_folder(&box, name);
	struct err e = { 0 };
	int inner = -1;

	put_noise(dir, "a-big", BIG_LEN, 0, seed);
	assert_ok(fs_mkdir(dir, "bin", 0755, &e));
	assert_ok(fs_open(dir, "bin", O_RDONLY | O_DIRECTORY, &inner, &e));
	put_file(inner, "empty", "", 0644);
	put_noise(inner, "holes", 70000, 300000, seed + 1);
	assert_ok(fs_symlink(inner, "../a-big", "link", &e));
	put_noise(inner, "odd", 65537, 0, seed + 2);
	assert_int_equal(fchmod(inner, 0555), 0);
	fs_close(&inner);
	put_file(dir, "empty", "", 0644);
	put_noise(dir, "z-big", BIG_LEN, 200000, seed + 3);
	return dir;
}

static struct pack_tree *load(const char *name)
{
	struct pack_tree *t = NULL;
	struct err e = { 0 };
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", box.path, name);
	assert_ok(pack_load(&how, path, &t, &e));
	return t;
}

static int make(struct pack_tree *content, struct pack_tree *base,
		enum package_codec codec, struct release *r)
{
	struct pack_job job = { .content = content,
				.base = base,
				.codec = codec,
				.fd = -1,
				.scratch_dirfd = how.scratch_dirfd,
				.quiet = true,
				.plain = true,
				.jobs = 1 };
	struct err e = { 0 };

	assert_ok(fs_open_nameless(box.dir, &job.fd, &e));
	assert_ok(pack_make(&job, r, &e));
	return job.fd;
}

/* ---- a run --------------------------------------------------------------- */

/* The package of a test, and what it is made from. */
struct kit {
	struct release r;
	int fd;
	const char *old; /* deltas: a folder of the box */
	struct slice old_manifest;
	struct buf kept; /* the manifest, as a device keeps it */
};

struct run {
	const struct kit *kit;
	struct package_point last; /* that was kept */
	size_t count;
	size_t stop_at; /* nothing is kept of this one: the power goes */
	bool after;     /* it is kept, and then the power goes */
	size_t hold_at; /* nothing is kept from this one on */
	uint64_t first; /* payload byte that was read */
};

static int read_file_at(void *ctx, uint64_t offset, void *out, size_t len,
			struct err *e)
{
	struct run *run = ctx;
	const uint64_t head_len = run->kit->r.head_len;
	size_t got;

	if (offset >= head_len && offset - head_len < run->first)
		run->first = offset - head_len;
	if (fs_read_at(run->kit->fd, offset, out, len, &got, e))
		return -1;
	return got == len ? 0 : err_set(e, ERR_FORMAT, "cut off");
}

static int keep(void *ctx, const struct package_point *at, struct err *e)
{
	struct run *run = ctx;

	assert_true(at->packed > run->last.packed);
	assert_true(at->plain > run->last.plain);
	assert_true(at->entry >= run->last.entry);
	run->count++;
	if ((run->count != run->stop_at || run->after) &&
	    (run->hold_at == 0 || run->count < run->hold_at))
		run->last = *at;
	return run->count == run->stop_at ? err_set(e, ERR_SYSTEM, "cut") : 0;
}

/* With the manifest of the run before, if it came to a point. */
static int apply(struct kit *k, struct run *run, const char *name,
		 struct err *e)
{
	const struct apply_resume resume = { run->last, 1, run, keep,
					     how.scratch_dirfd };
	const struct package_source from = { run, read_file_at };
	struct package_reader *reader = NULL;
	struct apply a = { .release = &k->r,
			   .old_dirfd = -1,
			   .old_manifest = k->old_manifest,
			   .resume = &resume };
	int rc = -1;

	run->kit = k;
	run->first = UINT64_MAX;
	/* That of an image is made. */
	if (run->last.packed == 0 || how.content == PACKAGE_IMAGE)
		k->kept.len = 0;
	a.new_dirfd = box_folder(&box, name);
	if (k->old)
		a.old_dirfd = box_folder(&box, k->old);
	if (package_open(&from, k->r.package_len, k->r.head_len,
			 &k->r.head_digest, &reader, e) == 0) {
		a.package = reader;
		rc = apply_tree(&a, &k->kept, e);
	}
	package_close(reader);
	fs_close(&a.new_dirfd);
	fs_close(&a.old_dirfd);
	return rc;
}

static void check(const struct kit *k, const char *name)
{
	int dir = box_folder(&box, name);
	struct err e = { 0 };
	struct tree tree;

	assert_ok(tree_parse(buf_slice(&k->kept), &tree, &e));
	assert_ok(tree_check(dir, &tree, true, NULL, &e));
	tree_done(&tree);
	fs_close(&dir);
}

static void assert_read_from(const struct run *run)
{
	assert_int_equal(run->first, run->last.packed / PACKAGE_CHUNK_LEN *
					     PACKAGE_CHUNK_LEN);
}

/* Cut at each of its points, or right behind; returns how many there are. */
static size_t cut_everywhere(struct kit *k, bool after)
{
	size_t points = 0;

	for (size_t stop_at = after ? 1 : 2; points == 0; stop_at++) {
		struct run run = { .stop_at = stop_at, .after = after };
		struct err e = { 0 };
		char name[32];

		(void)snprintf(name, sizeof(name), "cut-%d-%zu", after,
			       stop_at);
		if (apply(k, &run, name, &e) == 0) {
			points = run.count;
		} else {
			struct run again = { .last = run.last };
			const struct package_point at = run.last;

			assert_int_equal(e.code, ERR_SYSTEM);
			assert_true(at.packed > 0);
			assert_ok(apply(k, &again, name, &e));
			again.last = at;
			assert_read_from(&again);
		}
		check(k, name);
	}
	return points;
}

static void done(struct kit *k)
{
	buf_done(&k->kept);
	release_done(&k->r);
	fs_close(&k->fd);
}

/* ---- the tests ----------------------------------------------------------- */

static struct kit tree_kit(const char *name, enum package_codec codec)
{
	struct kit k = { .r = { .seq = 1 },
			 .kept = BUF_INIT(TREE_MANIFEST_MAX) };
	struct pack_tree *t = load(name);

	k.fd = make(t, NULL, codec, &k.r);
	pack_tree_free(t);
	return k;
}

static void a_tree_goes_on_wherever_it_was_cut(void **state)
{
	int dir = put_tree("input", 1);
	struct kit k = tree_kit("input", PACKAGE_RAW);

	(void)state;
	fs_close(&dir);
	assert_true(cut_everywhere(&k, true) > 30);
	done(&k);
}

/* The signer's frames begin in files and at members. */
static void a_compressed_tree_goes_on_between_its_frames(void **state)
{
	int dir = box_folder(&box, "input");
	struct kit k;

	(void)state;
	put_file(dir, "a", "before", 0644);
	put_noise(dir, "b", 100000, FRAMES_LEN - 100000, 5);
	/* The second frame ends in front of one of these. */
	for (unsigned i = 0; i < SMALL_COUNT; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "c-%03u", i);
		put_noise(dir, name, 100, SMALL_LEN - 100, i);
	}
	put_file(dir, "d", "behind", 0644);
	put_noise(dir, "e", 100000, 100000, 7);
	fs_close(&dir);
	k = tree_kit("input", PACKAGE_ZSTD);
	assert_int_equal(cut_everywhere(&k, false), 2);
	assert_int_equal(cut_everywhere(&k, true), 2);
	done(&k);
}

/* A frame ends before a member, never between its header and its content. */
static void a_frame_ends_where_a_device_goes_on(void **state)
{
	(void)state;
	for (size_t shift = 0; shift <= 512; shift += 512) {
		const char *const name = shift > 0 ? "shifted" : "input";
		int dir = box_folder(&box, name);
		struct run run = { 0 };
		struct err e = { 0 };
		struct kit k;

		put_noise(dir, "a", 1000, (16u << 20) - (100u << 10) + shift,
			  1);
		for (unsigned i = 0; i < SMALL_COUNT; i++) {
			char file[16];

			(void)snprintf(file, sizeof(file), "c-%03u", i);
			put_noise(dir, file, 100, 0, i);
		}
		fs_close(&dir);
		k = tree_kit(name, PACKAGE_ZSTD);
		assert_ok(apply(&k, &run, shift > 0 ? "two" : "one", &e));
		assert_int_equal(run.count, 1);
		done(&k);
	}
}

static void a_delta_goes_on_between_its_records(void **state)
{
	int old = put_tree("old", 1), dir = put_tree("input", 1);
	struct kit k = { .r = { .seq = 2 },
			 .old = "old",
			 .kept = BUF_INIT(TREE_MANIFEST_MAX) };
	struct pack_tree *base, *content;

	(void)state;
	/* The first is in two records, between which there is no point. */
	for (int i = 0; i < 4; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "new-%d", i);
		put_noise(dir, name, (i > 0 ? 2u : 6u) << 20, 0,
			  (uint32_t)(100 + i));
	}
	fs_close(&old);
	fs_close(&dir);
	base = load("old");
	content = load("input");
	k.old_manifest = buf_slice(&base->manifest);
	k.fd = make(content, base, PACKAGE_RAW, &k.r);
	assert_true(cut_everywhere(&k, false) >= 2);
	pack_tree_free(base);
	pack_tree_free(content);
	done(&k);
}

/* All that is behind the first point is there already and made again. */
static void what_is_there_goes_without_a_sync_each(void **state)
{
	int dir = box_folder(&box, "input");
	struct run run = { .hold_at = 2 }, again = { 0 };
	struct err e = { 0 };
	struct kit k;

	(void)state;
	put_noise(dir, "a-big", BIG_LEN, 0, 1);
	for (unsigned i = 0; i < SMALL_COUNT; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "c-%03u", i);
		put_noise(dir, name, 100, 0, i);
	}
	fs_close(&dir);
	k = tree_kit("input", PACKAGE_RAW);
	assert_ok(apply(&k, &run, "slot", &e));
	again.last = run.last;
	assert_int_equal(again.last.entry, 0);
	syncs = 0;
	assert_ok(apply(&k, &again, "slot", &e));
	assert_int_equal(syncs, 0);
	check(&k, "slot");
	done(&k);
}

/* Firmware: an image that is a file of a slot. */
static void a_file_goes_on_wherever_it_was_cut(void **state)
{
	int dir = box_folder(&box, "input");
	struct kit k;

	(void)state;
	put_noise(dir, "image", BIG_LEN, 100000, 3);
	fs_close(&dir);
	how.content = PACKAGE_IMAGE;
	k = tree_kit("input/image", PACKAGE_RAW);
	assert_true(cut_everywhere(&k, false) > 10);
	done(&k);
}

/* Modes are set when a file or all is whole, and a point may be from before. */
static void what_was_closed_is_opened_again(void **state)
{
	static const size_t holds[] = { 2, 9, 22 };
	const bool root = geteuid() == 0;
	struct err e = { 0 };
	struct kit k;
	int dir;

	(void)state;
	if (root) {
		assert_int_equal(fchown(box.dir, NOBODY, NOBODY), 0);
		assert_int_equal(fchown(how.scratch_dirfd, NOBODY, NOBODY), 0);
		assert_int_equal(seteuid(NOBODY), 0);
	}
	dir = put_tree("input", 1);
	fs_close(&dir);
	k = tree_kit("input", PACKAGE_RAW);
	for (size_t i = 0; i < ARRAY_LEN(holds); i++) {
		struct run run = { .hold_at = holds[i] }, again = { 0 };
		char name[16];

		(void)snprintf(name, sizeof(name), "slot-%zu", i);
		assert_ok(apply(&k, &run, name, &e));
		again.last = run.last;
		assert_ok(apply(&k, &again, name, &e));
		check(&k, name);
	}
	done(&k);
	if (root)
		assert_int_equal(seteuid(0), 0);
}

/* As of a run whose last points did not last: its folders were finished. */
static void what_is_made_again_inherits_nothing(void **state)
{
	/* u::rwx, u:1000:rwx, g::r-x, mask::rwx, o::r-x */
	static const uint8_t acl[] = {
		2,    0,    0,    0,    0x01, 0,    7,    0,
		0xff, 0xff, 0xff, 0xff,                         /**/
		0x02, 0,    7,    0,    0xe8, 3,    0,    0,    /**/
		0x04, 0,    5,    0,    0xff, 0xff, 0xff, 0xff, /**/
		0x10, 0,    7,    0,    0xff, 0xff, 0xff, 0xff, /**/
		0x20, 0,    5,    0,    0xff, 0xff, 0xff, 0xff,
	};
	struct run run = { .hold_at = 17 }, again = { 0 };
	struct err e = { 0 };
	int dir, inner = -1;
	struct tree_entry cut;
	struct tree tree;
	struct kit k;

	(void)state;
	if (geteuid() != 0)
		skip();
	how.attributes = TREE_SYSTEM;
	dir = put_tree("input", 1);
	assert_ok(fs_open(dir, "bin", O_RDONLY | O_DIRECTORY, &inner, &e));
	if (fsetxattr(inner, "system.posix_acl_default", acl, sizeof(acl), 0))
		skip(); /* this file system has none */
	fs_close(&inner);
	fs_close(&dir);
	k = tree_kit("input", PACKAGE_RAW);
	assert_ok(apply(&k, &run, "slot", &e));
	assert_ok(tree_parse(buf_slice(&k.kept), &tree, &e));
	tree_entry(&tree, run.last.entry, &cut);
	assert_true(slice_equal(cut.path, slice_of("bin/holes")));
	tree_done(&tree);
	again.last = run.last;
	assert_ok(apply(&k, &again, "slot", &e));
	check(&k, "slot");
	done(&k);
}

/* It is written, for a digest of all of the file is nowhere: who reads it back
 * finds what a checkpoint that only looks right has come to. */
static void what_looks_like_a_point_is_found_when_read_back(void **state)
{
	int dir = box_folder(&box, "input");
	struct run run = { .stop_at = 9 }, again;
	struct err e = { 0 };
	struct tree tree;
	struct kit k;

	(void)state;
	put_noise(dir, "a", BIG_LEN + 100, 0, 1); /* there is padding */
	fs_close(&dir);
	k = tree_kit("input", PACKAGE_RAW);
	assert_refused(apply(&k, &run, "slot", &e), ERR_SYSTEM);
	again = (struct run){ .last = run.last };
	again.last.within--;
	assert_ok(apply(&k, &again, "slot", &e));
	dir = box_folder(&box, "slot");
	assert_ok(tree_parse(buf_slice(&k.kept), &tree, &e));
	assert_refused(tree_check(dir, &tree, true, NULL, &e), ERR_UNTRUSTED);
	tree_done(&tree);
	fs_close(&dir);
	done(&k);
}

/* What a checkpoint says that cannot be so ends in an error. */
static void what_is_no_point_is_refused(void **state)
{
	int dir = put_tree("input", 1);
	struct kit k = tree_kit("input", PACKAGE_RAW);
	struct run run = { .stop_at = 9 };
	struct err e = { 0 };
	struct package_point good, bad[7];

	(void)state;
	fs_close(&dir);
	assert_refused(apply(&k, &run, "slot", &e), ERR_SYSTEM);
	good = run.last;
	assert_true(good.entry == 0 && good.within > 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = good;
	bad[0].entry = 100;
	bad[1].entry = 1; /* a folder */
	bad[2].within = BIG_LEN;
	bad[3].entry = (uint32_t)k.r.entries;
	bad[3].within = 0;
	bad[4].plain++;
	bad[5].plain = bad[5].packed = UINT64_MAX / 2;
	bad[6].within = 0; /* there no member begins */
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct run again = { .last = bad[i] };

		assert_refused(apply(&k, &again, "slot", &e), ERR_FORMAT);
	}
	/* The manifest is the signed one, or nobody goes on by it. */
	run = (struct run){ .last = good };
	k.kept.ptr[20] ^= 1;
	assert_refused(apply(&k, &run, "slot", &e), ERR_UNTRUSTED);
	k.kept.ptr[20] ^= 1;
	run = (struct run){ .last = good };
	assert_ok(apply(&k, &run, "slot", &e));
	check(&k, "slot");
	/* Less is left than that file has. */
	run = (struct run){ .last = good };
	run.last.within = 1;
	run.last.plain = run.last.packed =
		k.r.package_len - k.r.head_len - BIG_LEN / 2;
	assert_refused(apply(&k, &run, "slot", &e), ERR_FORMAT);
	done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_tree_goes_on_wherever_it_was_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_compressed_tree_goes_on_between_its_frames, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_frame_ends_where_a_device_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_delta_goes_on_between_its_records, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_goes_on_wherever_it_was_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_there_goes_without_a_sync_each, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			what_is_made_again_inherits_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_closed_is_opened_again,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_looks_like_a_point_is_found_when_read_back, setup,
			teardown),
		cmocka_unit_test_setup_teardown(what_is_no_point_is_refused,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
