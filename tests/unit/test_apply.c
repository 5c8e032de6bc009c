/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages that a release really signed, with every digest right, and that are
 * wrong all the same: none of them may write outside, or pass.
 */
#include "common/apply.h"
#include "common/delta_members.h"

#include <archive.h>
#include <archive_entry.h>

#include "common/apply_tar.h"
#include "common/delta.h"
#include "common/fs.h"
#include "common/tree_disk.h"
#include "signer/delta_writer.h"
#include "tests/unit/box.h"
#include "tests/unit/ear.h"

#define NOBODY 65534

/* What a test makes before it is applied. */
struct kit {
	struct box box;
	int slot; /* the folder to fill */
	struct buf manifest;
	struct tree tree;
	struct archive *archive;
	struct buf tar;
	struct release release;
	struct raw_package package;
	const struct tree_watch *watch;
};

static int setup(void **state)
{
	static struct kit kit;

	kit = (struct kit){ .slot = -1 };
	box_open(&kit.box);
	kit.slot = box_folder(&kit.box, "slot");
	put_file(kit.box.dir, "victim", "untouched", 0644);
	kit.manifest.max = kit.tar.max = (size_t)1 << 26;
	kit.release.seq = 1;
	*state = &kit;
	return 0;
}

static int teardown(void **state)
{
	struct kit *k = *state;
	struct buf victim = BUF_INIT(100);
	struct err e = { 0 };

	assert_ok(fs_read_file(k->box.dir, "victim", &victim, &e));
	assert_string_equal(buf_text(&victim), "untouched");
	assert_int_equal(count_names(k->box.dir), 2);
	buf_done(&victim);
	archive_write_free(k->archive);
	tree_done(&k->tree);
	buf_done(&k->manifest);
	buf_done(&k->tar);
	buf_done(&k->package.bytes);
	release_done(&k->release);
	fs_close(&k->slot);
	box_close(&k->box);
	return 0;
}

/* ---- manifests ----------------------------------------------------------- */

static void begin(struct kit *k, enum tree_attributes attributes)
{
	struct err e = { 0 };

	assert_ok(tree_begin(&k->manifest, attributes, &e));
}

static void list(struct kit *k, enum tree_type type, const char *path,
		 const char *content)
{
	struct tree_entry entry = { .type = type, .mode = 0755 };
	struct err e = { 0 };

	entry.path = slice_of(path);
	if (type == TREE_FILE) {
		entry.len = strlen(content);
		sha256_of(slice_of(content), &entry.digest);
	}
	if (type == TREE_SYMLINK) {
		entry.mode = 0777;
		entry.target = slice_of(content);
	}
	assert_ok(tree_add(&k->manifest, &entry, &e));
}

/* The release then signs this manifest. */
static void sign(struct kit *k)
{
	struct err e = { 0 };

	assert_ok(tree_parse(buf_slice(&k->manifest), &k->tree, &e));
	describe(&k->release, buf_slice(&k->manifest), k->tree.attributes,
		 k->tree.count, k->tree.content_len);
}

/* bin/, bin/tool with content, link -> bin/tool */
static void list_usual(struct kit *k)
{
	begin(k, TREE_APP);
	list(k, TREE_FOLDER, "bin", "");
	list(k, TREE_FILE, "bin/tool", "content");
	list(k, TREE_SYMLINK, "link", "bin/tool");
	sign(k);
}

/* ---- tars ---------------------------------------------------------------- */

static la_ssize_t take(struct archive *a, void *ctx, const void *bytes,
		       size_t len)
{
	struct err e = { 0 };

	(void)a;
	assert_ok(buf_add(ctx, (struct slice){ bytes, len }, &e));
	return (la_ssize_t)len;
}

static void tar_open(struct kit *k)
{
	k->archive = archive_write_new();
	archive_write_set_format_pax(k->archive);
	archive_write_set_options(k->archive, "pax:hdrcharset=BINARY");
	archive_write_set_bytes_in_last_block(k->archive, 1);
	assert_int_equal(
		archive_write_open(k->archive, &k->tar, NULL, take, NULL),
		ARCHIVE_OK);
}

struct member {
	const char *path, *link, *content;
	mode_t type, mode;
	la_int64_t uid, mtime, len; /* len 0: that of content */
	bool hard, sparse, xattr, flags;
};

static void tar_add(struct kit *k, struct member m)
{
	struct archive_entry *a = archive_entry_new();
	size_t len = m.content ? strlen(m.content) : 0;

	archive_entry_set_pathname(a, m.path);
	archive_entry_set_filetype(a, m.type);
	archive_entry_set_perm(a, m.mode);
	archive_entry_set_size(a, m.len > 0 ? m.len : (la_int64_t)len);
	archive_entry_set_uid(a, m.uid);
	archive_entry_set_mtime(a, m.mtime, 0);
	if (m.link && m.hard)
		archive_entry_set_hardlink(a, m.link);
	else if (m.link)
		archive_entry_set_symlink(a, m.link);
	if (m.sparse) {
		archive_entry_sparse_add_entry(a, 0, 1);
		archive_entry_sparse_add_entry(a, (la_int64_t)len - 1, 1);
	}
	if (m.xattr)
		archive_entry_xattr_add_entry(a, "user.more", "x", 1);
	if (m.flags)
		archive_entry_set_fflags(a, 0x10, 0); /* immutable */
	assert_int_equal(archive_write_header(k->archive, a), ARCHIVE_OK);
	if (len > 0)
		archive_write_data(k->archive, m.content, len);
	archive_entry_free(a);
}

static void tar_manifest(struct kit *k)
{
	struct archive_entry *a = archive_entry_new();

	archive_entry_set_pathname(a, APPLY_MANIFEST_NAME);
	archive_entry_set_filetype(a, AE_IFREG);
	archive_entry_set_perm(a, 0644);
	archive_entry_set_size(a, (la_int64_t)k->manifest.len);
	assert_int_equal(archive_write_header(k->archive, a), ARCHIVE_OK);
	archive_write_data(k->archive, k->manifest.ptr, k->manifest.len);
	archive_entry_free(a);
}

static void tar_close(struct kit *k)
{
	assert_int_equal(archive_write_close(k->archive), ARCHIVE_OK);
}

static const struct member folder = { .path = "bin",
				      .type = AE_IFDIR,
				      .mode = 0755 };
static const struct member tool = {
	.path = "bin/tool", .type = AE_IFREG, .mode = 0755, .content = "content"
};
static const struct member symlink_to = {
	.path = "link", .type = AE_IFLNK, .mode = 0777, .link = "bin/tool"
};

static void tar_usual(struct kit *k)
{
	tar_open(k);
	tar_manifest(k);
	tar_add(k, folder);
	tar_add(k, tool);
	tar_add(k, symlink_to);
	tar_close(k);
}

/* ---- packages ------------------------------------------------------------ */

static void pack_raw(struct kit *k, enum package_kind kind, struct slice bytes)
{
	const struct package_header h = {
		.kind = kind,
		.content = PACKAGE_TREE,
		.codec = PACKAGE_RAW,
		.plain_len = bytes.len,
	};

	raw_make(&k->package, h, bytes, &k->release);
}

static int apply_with(struct kit *k, int old, struct slice old_manifest,
		      struct err *e)
{
	struct package_reader *reader = NULL;
	struct buf manifest = BUF_INIT(1 << 26);
	int rc = -1;

	if (!raw_open(&k->package, &k->release, &reader, e)) {
		const struct apply a = { .release = &k->release,
					 .package = reader,
					 .old_dirfd = old,
					 .old_manifest = old_manifest,
					 .new_dirfd = k->slot,
					 .watch = k->watch };

		rc = apply_tree(&a, &manifest, e);
	}
	if (!rc)
		assert_true(slice_equal(buf_slice(&manifest),
					buf_slice(&k->manifest)));
	package_close(reader);
	buf_done(&manifest);
	return rc;
}

static int apply_tar_of(struct kit *k, struct err *e)
{
	pack_raw(k, PACKAGE_FULL, buf_slice(&k->tar));
	return apply_with(k, -1, (struct slice){ 0 }, e);
}

/* ---- full packages ------------------------------------------------------- */

static void a_whole_tree_is_written(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list_usual(k);
	tar_usual(k);
	assert_ok(apply_tar_of(k, &e));
	assert_ok(tree_check(k->slot, &k->tree, true, NULL, &e));
}

static void another_manifest_writes_nothing(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list_usual(k);
	tar_usual(k);
	k->release.content_digest.bytes[0] ^= 1;
	assert_refused(apply_tar_of(k, &e), ERR_UNTRUSTED);
	assert_int_equal(count_names(k->slot), 0);
}

static void signed_limits_hold_before_anything_is_written(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list_usual(k);
	tar_usual(k);
	k->release.entries--;
	assert_refused(apply_tar_of(k, &e), ERR_UNTRUSTED);
	k->release.entries++;
	k->release.content_len++;
	assert_refused(apply_tar_of(k, &e), ERR_UNTRUSTED);
	k->release.content_len--;
	k->release.manifest_len--;
	assert_refused(apply_tar_of(k, &e), ERR_LIMIT);
	k->release.manifest_len += 2;
	assert_refused(apply_tar_of(k, &e), ERR_UNTRUSTED);
	k->release.manifest_len--;
	k->release.attributes = TREE_SYSTEM;
	if (geteuid() == 0)
		assert_refused(apply_tar_of(k, &e), ERR_UNTRUSTED);
	assert_int_equal(count_names(k->slot), 0);
}

static void a_package_of_another_kind_is_refused(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list_usual(k);
	tar_usual(k);
	pack_raw(k, PACKAGE_DELTA, buf_slice(&k->tar));
	k->release.kind = PACKAGE_FULL;
	assert_refused(apply_with(k, -1, (struct slice){ 0 }, &e),
		       ERR_UNTRUSTED);
	assert_int_equal(count_names(k->slot), 0);
}

static void assert_tree_refused(struct kit *k, enum err_code code,
				const char *words)
{
	struct err e = { 0 };

	assert_refused_saying(apply_with(k, -1, (struct slice){ 0 }, &e), code,
			      words);
	assert_int_equal(count_names(k->slot), 0);
}

static void what_the_header_says_must_be_signed(void **state)
{
	struct kit *k = *state;
	struct package_header h = { .kind = PACKAGE_FULL,
				    .content = PACKAGE_TREE,
				    .codec = PACKAGE_RAW,
				    .window_len = 1 << 20 };

	list_usual(k);
	tar_usual(k);
	h.plain_len = k->tar.len;
	raw_make(&k->package, h, buf_slice(&k->tar), &k->release);
	k->release.window_len = h.window_len - 1;
	assert_tree_refused(k, ERR_LIMIT, "window");
	k->release.window_len = h.window_len;
	k->release.content = PACKAGE_IMAGE;
	assert_tree_refused(k, ERR_UNTRUSTED, "another kind");
	k->release.content = PACKAGE_TREE;
	k->release.encrypted = true;
	assert_tree_refused(k, ERR_UNTRUSTED, "not encrypted as signed");
	k->release.encrypted = false;
	k->release.entries = TREE_ENTRIES_MAX + 1;
	assert_tree_refused(k, ERR_LIMIT, "manifest is too large");
	k->release.entries = k->tree.count;
	k->release.manifest_len = TREE_MANIFEST_MAX + 1;
	assert_tree_refused(k, ERR_LIMIT, "manifest is too large");
	h.content = PACKAGE_IMAGE;
	raw_make(&k->package, h, buf_slice(&k->tar), &k->release);
	k->release.content = PACKAGE_TREE;
	assert_tree_refused(k, ERR_UNTRUSTED, "another kind");
}

/* Manifests that no package of ours has, whole and signed. */
static void hostile_manifests_write_nothing(void **state)
{
	static const struct {
		enum tree_type type;
		const char *path, *content;
	} hostile[] = {
		{ TREE_FILE, "../victim", "x" },
		{ TREE_FILE, "a/../../victim", "x" },
		{ TREE_FILE, "/etc/passwd", "x" },
		{ TREE_FILE, "./a", "x" },
		{ TREE_FILE, "a//b", "x" },
		{ TREE_FILE, "a/", "x" },
		{ TREE_FILE, ".", "x" },
		{ TREE_FILE, "..", "x" },
		{ TREE_FILE, "", "x" },
		{ TREE_FILE, "a\\b", "x" },
		{ TREE_FILE, "C:", "x" },
		{ TREE_FILE, "a\nb", "x" },
		{ TREE_FILE, "a\033[2J", "x" },
		{ TREE_FILE, "a\x80", "x" },
		{ TREE_FILE, "no/parent", "x" },
		{ TREE_SYMLINK, "l", "../victim" },
		{ TREE_SYMLINK, "l", "a/../../victim" },
		{ TREE_SYMLINK, "l", "/../victim" },
		{ TREE_CHAR, "null", "" },
		{ TREE_BLOCK, "sda", "" },
		{ TREE_FIFO, "fifo", "" },
		{ TREE_HARDLINK, "hard", "" },
	};
	struct kit *k = *state;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		k->manifest.len = k->tar.len = 0;
		begin(k, TREE_APP);
		list(k, hostile[i].type, hostile[i].path, hostile[i].content);
		describe(&k->release, buf_slice(&k->manifest), TREE_APP, 1,
			 hostile[i].type == TREE_FILE ? 1 : 0);
		tar_open(k);
		tar_manifest(k);
		tar_add(k, (struct member){ .path = "x",
					    .type = AE_IFREG,
					    .content = "x" });
		tar_close(k);
		archive_write_free(k->archive);
		k->archive = NULL;
		assert_int_equal(apply_tar_of(k, &e), -1);
		assert_true(e.code == ERR_FORMAT || e.code == ERR_REFUSED);
		assert_int_equal(count_names(k->slot), 0);
	}
}

/* A link listed first, and something beneath it. */
static void nothing_is_written_through_a_link(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	begin(k, TREE_APP);
	list(k, TREE_SYMLINK, "d", "inside");
	list(k, TREE_FILE, "d/x", "x");
	describe(&k->release, buf_slice(&k->manifest), TREE_APP, 2, 1);
	tar_open(k);
	tar_manifest(k);
	tar_add(k, (struct member){ .path = "d",
				    .type = AE_IFLNK,
				    .mode = 0777,
				    .link = "inside" });
	tar_add(k, (struct member){ .path = "d/x",
				    .type = AE_IFREG,
				    .mode = 0755,
				    .content = "x" });
	tar_close(k);
	assert_refused(apply_tar_of(k, &e), ERR_FORMAT);
	assert_int_equal(count_names(k->slot), 0);
}

/* Members that differ from the manifest in one thing each. */
static void a_member_must_be_what_the_manifest_lists(void **state)
{
	static const struct member wrong[] = {
		{ .path = "bin/toolx",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content" },
		{ .path = "./bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content" },
		{ .path = "bin/../bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content" },
		{ .path = "../victim",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content" },
		{ .path = "/tmp/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content" },
		{ .path = "bin/tool", .type = AE_IFDIR, .mode = 0755 },
		{ .path = "bin/tool",
		  .type = AE_IFLNK,
		  .mode = 0777,
		  .link = "../victim" },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .link = "../victim",
		  .hard = true },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .link = "bin/other",
		  .hard = true,
		  .content = "content" },
		{ .path = "bin/tool", .type = AE_IFCHR, .mode = 0755 },
		{ .path = "bin/tool", .type = AE_IFBLK, .mode = 0755 },
		{ .path = "bin/tool", .type = AE_IFIFO, .mode = 0755 },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 04755,
		  .content = "content" },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 0777,
		  .content = "content" },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "conten" },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content!" },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content",
		  .uid = 1 },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content",
		  .mtime = 1 },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content",
		  .xattr = true },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content",
		  .flags = true },
		{ .path = "bin/tool",
		  .type = AE_IFREG,
		  .mode = 0755,
		  .content = "content",
		  .sparse = true },
	};
	struct kit *k = *state;
	struct err e = { 0 };

	list_usual(k);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		k->tar.len = 0;
		tar_open(k);
		tar_manifest(k);
		tar_add(k, folder);
		tar_add(k, wrong[i]);
		tar_add(k, symlink_to);
		tar_close(k);
		archive_write_free(k->archive);
		k->archive = NULL;
		assert_int_equal(apply_tar_of(k, &e), -1);
		if (e.code != ERR_UNTRUSTED && e.code != ERR_REFUSED)
			fail_msg("member %zu: %s", i, e.msg);
		/* The folder before it was right, and nothing else came. */
		assert_int_equal(count_names(k->slot), 1);
		assert_int_equal(unlinkat(k->slot, "bin", AT_REMOVEDIR), 0);
	}
}

static void members_come_in_order_and_once(void **state)
{
	const struct member orders[][4] = {
		{ folder, symlink_to, tool },
		{ folder, tool, tool, symlink_to },
		{ tool, folder, symlink_to },
		{ folder, tool },
		{ folder, tool, symlink_to, tool },
	};
	struct kit *k = *state;
	struct err e = { 0 };

	list_usual(k);
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		k->tar.len = 0;
		tar_open(k);
		tar_manifest(k);
		for (size_t n = 0; n < 4 && orders[i][n].path; n++)
			tar_add(k, orders[i][n]);
		tar_close(k);
		archive_write_free(k->archive);
		k->archive = NULL;
		assert_refused(apply_tar_of(k, &e), ERR_UNTRUSTED);
		fs_close(&k->slot);
		assert_ok(fs_remove_tree(k->box.dir, "slot", &e));
		k->slot = box_folder(&k->box, "slot");
	}
}

static void the_manifest_comes_first(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list_usual(k);
	tar_open(k);
	tar_add(k, folder);
	tar_manifest(k);
	tar_close(k);
	assert_refused(apply_tar_of(k, &e), ERR_FORMAT);
	assert_int_equal(count_names(k->slot), 0);
}

static void content_of_the_right_length_can_still_be_wrong(void **state)
{
	struct kit *k = *state;
	struct member other = tool;
	struct err e = { 0 };

	other.content = "cOntent";
	list_usual(k);
	tar_open(k);
	tar_manifest(k);
	tar_add(k, folder);
	tar_add(k, other);
	tar_add(k, symlink_to);
	tar_close(k);
	assert_refused(apply_tar_of(k, &e), ERR_UNTRUSTED);
}

static void a_tar_cut_anywhere_is_refused(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };
	size_t whole;

	list_usual(k);
	tar_usual(k);
	whole = k->tar.len;
	for (size_t len = 1; len < whole; len += 97) {
		k->tar.len = len;
		assert_int_equal(apply_tar_of(k, &e), -1);
		fs_close(&k->slot);
		assert_ok(fs_remove_tree(k->box.dir, "slot", &e));
		k->slot = box_folder(&k->box, "slot");
	}
}

static void nothing_may_stand_behind_the_tar(void **state)
{
	struct kit *k = *state;
	struct buf again = BUF_INIT(1 << 26);
	struct err e = { 0 };
	size_t len;

	list_usual(k);
	tar_usual(k);
	len = k->tar.len;
	assert_ok(buf_add(&k->tar, slice_of("x"), &e));
	assert_refused(apply_tar_of(k, &e), ERR_FORMAT);
	k->tar.len = len;
	fs_close(&k->slot);
	assert_ok(fs_remove_tree(k->box.dir, "slot", &e));
	k->slot = box_folder(&k->box, "slot");
	/* A second archive behind the first. */
	assert_ok(buf_add(&again, buf_slice(&k->tar), &e));
	assert_ok(buf_add(&k->tar, buf_slice(&again), &e));
	assert_refused(apply_tar_of(k, &e), ERR_FORMAT);
	buf_done(&again);
}

/* The same members in another format, or behind a filter, are no package. */
static void only_plain_tar_is_read(void **state)
{
	static const char *const formats[] = { "cpio",  "zip",  "iso9660",
					       "mtree", "7zip", "warc",
					       "shar" };
	struct kit *k = *state;
	struct err e = { 0 };

	list_usual(k);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		k->tar.len = 0;
		k->archive = archive_write_new();
		assert_int_equal(archive_write_set_format_by_name(k->archive,
								  formats[i]),
				 ARCHIVE_OK);
		archive_write_open(k->archive, &k->tar, NULL, take, NULL);
		tar_add(k, tool);
		archive_write_close(k->archive);
		archive_write_free(k->archive);
		k->archive = NULL;
		assert_refused(apply_tar_of(k, &e), ERR_FORMAT);
	}
	k->tar.len = 0;
	k->archive = archive_write_new();
	archive_write_set_format_pax(k->archive);
	archive_write_add_filter_gzip(k->archive);
	archive_write_open(k->archive, &k->tar, NULL, take, NULL);
	tar_manifest(k);
	archive_write_close(k->archive);
	assert_refused(apply_tar_of(k, &e), ERR_FORMAT);
	assert_int_equal(count_names(k->slot), 0);
}

static void a_system_without_root_writes_nothing(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	begin(k, TREE_SYSTEM);
	list(k, TREE_FOLDER, "", "");
	sign(k);
	tar_open(k);
	tar_manifest(k);
	tar_add(k,
		(struct member){ .path = ".", .type = AE_IFDIR, .mode = 0755 });
	tar_close(k);
	if (geteuid() == 0) {
		assert_ok(apply_tar_of(k, &e));
		assert_int_equal(seteuid(NOBODY), 0);
	}
	assert_refused(apply_tar_of(k, &e), ERR_REFUSED);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(count_names(k->slot), 0);
}

/* ---- deltas -------------------------------------------------------------- */

static int add_bytes(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

/* The usual tree as old and as new, and a delta that copies all of it. */
static int make_old(struct kit *k)
{
	struct err e = { 0 };
	int old;

	list_usual(k);
	tar_usual(k);
	assert_ok(apply_tar_of(k, &e));
	old = k->slot;
	assert_ok(fs_rename(k->box.dir, "slot", "old", &e));
	k->slot = box_folder(&k->box, "slot");
	k->release.base_digest = k->release.content_digest;
	return old;
}

static void clear(struct kit *k, int old)
{
	struct err e = { 0 };

	fs_close(&old);
	assert_ok(fs_remove_tree(k->box.dir, "old", &e));
}

/* A delta that copies the manifest and inserts this as content. */
static void make_delta(struct kit *k, const char *content)
{
	const struct delta_segment all = { .kind = DELTA_PATCH,
					   .len = strlen(content) };
	struct delta_writer *w;
	const struct delta_writer_setup setup = {
		.codec = PACKAGE_RAW, .to = { &k->tar, add_bytes }
	};
	const struct delta_near nowhere = { 0 };
	const struct delta_head no_members = { 0 };
	uint8_t head[DELTA_HEAD_MAX];
	struct err e = { 0 };
	uint64_t len;

	k->tar.len = 0;
	len = delta_format_head(&no_members, head);
	assert_ok(add_bytes(&k->tar, (struct slice){ head, (size_t)len }, &e));
	delta_writer_new(&setup, &w);
	assert_ok(delta_writer_copy(w, 0, k->manifest.len, &e));
	assert_ok(delta_writer_patch(w, &all, NULL, &e));
	assert_ok(delta_writer_insert(w, slice_of(content), &nowhere, &e));
	assert_ok(delta_writer_end(w, &len, &e));
	delta_writer_free(w);
	pack_raw(k, PACKAGE_DELTA, buf_slice(&k->tar));
}

static void a_delta_rebuilds_the_tree(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };
	int old = make_old(k);

	make_delta(k, "content");
	assert_ok(apply_with(k, old, buf_slice(&k->manifest), &e));
	assert_ok(tree_check(k->slot, &k->tree, true, NULL, &e));
	assert_ok(tree_check(old, &k->tree, true, NULL, &e));
	clear(k, old);
}

static void a_delta_of_the_right_length_can_still_be_wrong(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };
	int old = make_old(k);

	make_delta(k, "CONTENT");
	assert_refused(apply_with(k, old, buf_slice(&k->manifest), &e),
		       ERR_UNTRUSTED);
	make_delta(k, "conten");
	fs_close(&k->slot);
	assert_ok(fs_remove_tree(k->box.dir, "slot", &e));
	k->slot = box_folder(&k->box, "slot");
	assert_int_equal(apply_with(k, old, buf_slice(&k->manifest), &e), -1);
	clear(k, old);
}

static void a_damaged_base_is_found_before_the_first_write(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };
	int old = make_old(k);
	int fd;

	make_delta(k, "content");
	fd = openat(old, "bin/tool", O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "C", 1), 1);
	close(fd);
	assert_refused(apply_with(k, old, buf_slice(&k->manifest), &e),
		       ERR_CONFLICT);
	assert_int_equal(count_names(k->slot), 0);
	clear(k, old);
}

static void who_watches_hears_that_the_base_is_read(void **state)
{
	struct kit *k = *state;
	struct ear ear = { .limit = 2 };
	const struct tree_watch watch = { &ear, ear_hear };
	struct err e = { 0 };
	int old = make_old(k);

	make_delta(k, "content");
	k->watch = &watch;
	/* Who ends it gets their own reason, not a damaged base. */
	assert_refused(apply_with(k, old, buf_slice(&k->manifest), &e),
		       ERR_BUSY);
	assert_int_equal(count_names(k->slot), 0);
	ear = (struct ear){ .limit = 1000 };
	assert_ok(apply_with(k, old, buf_slice(&k->manifest), &e));
	assert_true(ear.alive >= k->tree.count);
	clear(k, old);
}

static void
a_delta_for_another_base_is_found_before_the_first_write(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };
	int old = make_old(k);

	make_delta(k, "content");
	k->release.base_digest.bytes[0] ^= 1;
	assert_refused(apply_with(k, old, buf_slice(&k->manifest), &e),
		       ERR_CONFLICT);
	assert_int_equal(count_names(k->slot), 0);
	clear(k, old);
}

/* Files that stand first in a tree, too, and more than are kept open. */
static void a_delta_reads_any_of_many_old_files(void **state)
{
	enum {
		FILES = 99,
		EACH = 10
	};
	const struct delta_head no_members = { 0 };
	struct kit *k = *state;
	const struct delta_writer_setup how = { .codec = PACKAGE_RAW,
						.to = { &k->tar, add_bytes } };
	struct delta_writer *w;
	uint8_t head[DELTA_HEAD_MAX];
	char path[8], content[EACH + 1];
	struct err e = { 0 };
	uint64_t len, at;
	int old;

	begin(k, TREE_APP);
	fs_close(&k->slot);
	old = box_folder(&k->box, "slot");
	for (unsigned i = 0; i < FILES; i++) {
		(void)snprintf(path, sizeof(path), "f%02u", i);
		(void)snprintf(content, sizeof(content), "content %02u", i);
		list(k, TREE_FILE, path, content);
		put_file(old, path, content, 0755);
	}
	sign(k);
	assert_ok(fs_rename(k->box.dir, "slot", "old", &e));
	k->slot = box_folder(&k->box, "slot");
	k->release.base_digest = k->release.content_digest;

	len = delta_format_head(&no_members, head);
	assert_ok(add_bytes(&k->tar, (struct slice){ head, (size_t)len }, &e));
	delta_writer_new(&how, &w);
	assert_ok(delta_writer_copy(w, 0, k->manifest.len, &e));
	for (unsigned i = 0; i < FILES; i++) {
		at = k->manifest.len + i * EACH;
		/* In two parts, so that none is taken over as a whole. */
		assert_ok(delta_writer_copy(w, at, 4, &e));
		assert_ok(delta_writer_copy(w, at + 4, EACH - 4, &e));
	}
	assert_ok(delta_writer_end(w, &len, &e));
	delta_writer_free(w);
	pack_raw(k, PACKAGE_DELTA, buf_slice(&k->tar));
	assert_ok(apply_with(k, old, buf_slice(&k->manifest), &e));
	assert_ok(tree_check(k->slot, &k->tree, true, NULL, &e));
	clear(k, old);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_whole_tree_is_written),
		TEST(another_manifest_writes_nothing),
		TEST(signed_limits_hold_before_anything_is_written),
		TEST(a_package_of_another_kind_is_refused),
		TEST(what_the_header_says_must_be_signed),
		TEST(hostile_manifests_write_nothing),
		TEST(nothing_is_written_through_a_link),
		TEST(a_member_must_be_what_the_manifest_lists),
		TEST(members_come_in_order_and_once),
		TEST(the_manifest_comes_first),
		TEST(content_of_the_right_length_can_still_be_wrong),
		TEST(a_tar_cut_anywhere_is_refused),
		TEST(nothing_may_stand_behind_the_tar),
		TEST(only_plain_tar_is_read),
		TEST(a_system_without_root_writes_nothing),
		TEST(a_delta_rebuilds_the_tree),
		TEST(a_delta_reads_any_of_many_old_files),
		TEST(a_delta_of_the_right_length_can_still_be_wrong),
		TEST(who_watches_hears_that_the_base_is_read),
		TEST(a_damaged_base_is_found_before_the_first_write),
		TEST(a_delta_for_another_base_is_found_before_the_first_write),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
