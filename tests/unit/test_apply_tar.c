/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tars made byte by byte, for what no archiver writes. Signed and consistent
 * like every other package; the sink only counts, so that none of it needs
 * rights.
 */
#include "common/apply_tar.h"

#include "common/apply.h"
#include "tests/unit/box.h"

#define BLOCK 512

struct kit {
	struct buf manifest, tar;
	struct release release;
	struct raw_package package;
	const char *text;        /* of the tool */
	uint64_t stop;           /* who watches ends it there; 0: nobody does */
	unsigned entries, bytes; /* that reached the sink */
};

static int setup(void **state)
{
	static struct kit kit;

	kit = (struct kit){ .manifest = { .max = 1 << 20 },
			    .tar = { .max = 1 << 20 },
			    .text = "content" };
	*state = &kit;
	return 0;
}

static int teardown(void **state)
{
	struct kit *k = *state;

	buf_done(&k->manifest);
	buf_done(&k->tar);
	buf_done(&k->package.bytes);
	release_done(&k->release);
	return 0;
}

/* ---- the manifest -------------------------------------------------------- */

static const struct tree_entry bin = { .type = TREE_FOLDER,
				       .path = { (const uint8_t *)"bin", 3 },
				       .mode = 0755 };

static struct tree_entry tool(const char *content)
{
	struct tree_entry entry = { .type = TREE_FILE,
				    .path = slice_of("bin/tool"),
				    .mode = 0755,
				    .len = strlen(content) };

	sha256_of(slice_of(content), &entry.digest);
	return entry;
}

/* bin/ and bin/tool, with these extended attributes if it is a system. */
static void list(struct kit *k, enum tree_attributes attributes,
		 struct slice xattrs, uint16_t count)
{
	const struct tree_entry top = { .type = TREE_FOLDER, .mode = 0755 };
	struct tree_entry file = tool(k->text);
	struct tree tree;
	struct err e = { 0 };

	file.xattrs = xattrs;
	file.xattr_count = count;
	assert_ok(tree_begin(&k->manifest, attributes, &e));
	if (attributes == TREE_SYSTEM)
		assert_ok(tree_add(&k->manifest, &top, &e));
	assert_ok(tree_add(&k->manifest, &bin, &e));
	assert_ok(tree_add(&k->manifest, &file, &e));
	assert_ok(tree_parse(buf_slice(&k->manifest), &tree, &e));
	describe(&k->release, buf_slice(&k->manifest), attributes, tree.count,
		 tree.content_len);
	tree_done(&tree);
}

/* ---- the tar ------------------------------------------------------------- */

static void add(struct kit *k, struct slice bytes)
{
	static const uint8_t zeroes[BLOCK];
	struct err e = { 0 };

	assert_ok(buf_add(&k->tar, bytes, &e));
	assert_ok(buf_add(&k->tar,
			  slice_sub((struct slice){ zeroes, BLOCK }, 0,
				    (BLOCK - k->tar.len % BLOCK) % BLOCK),
			  &e));
}

/* POSIX 1003.1, pax interchange format: a ustar header block. */
static void add_header(struct kit *k, const char *name, char type,
		       unsigned mode, size_t len)
{
	char block[BLOCK] = { 0 };
	unsigned sum = 8 * ' ';

	assert_true(strlen(name) < 100);
	memcpy(block, name, strlen(name));
	(void)snprintf(block + 100, 8, "%07o", mode);
	(void)snprintf(block + 108, 8, "%07o", 0);
	(void)snprintf(block + 116, 8, "%07o", 0);
	(void)snprintf(block + 124, 12, "%011zo", len);
	(void)snprintf(block + 136, 12, "%011o", 0);
	block[156] = type;
	memcpy(block + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (uint8_t)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
	add(k, (struct slice){ (const uint8_t *)block, BLOCK });
}

/* A record of the next member: "length keyword=value". */
static void add_record(struct kit *k, const char *record)
{
	char text[BLOCK];
	size_t len = strlen(record) + 4; /* two digits, a space, a newline */

	assert_true(len < 100 && len >= 10);
	(void)snprintf(text, sizeof(text), "%zu %s\n", len, record);
	add_header(k, "record", 'x', 0644, len);
	add(k, slice_of(text));
}

static void add_file(struct kit *k, const char *name, struct slice content)
{
	add_header(k, name, '0', name[0] == '.' ? 0644 : 0755, content.len);
	add(k, content);
}

static void add_manifest(struct kit *k)
{
	add_file(k, APPLY_MANIFEST_NAME, buf_slice(&k->manifest));
	if (k->release.attributes == TREE_SYSTEM)
		add_header(k, "./", '5', 0755, 0);
	add_header(k, "bin/", '5', 0755, 0);
}

static void add_end(struct kit *k)
{
	static const uint8_t zeroes[2 * BLOCK];

	add(k, (struct slice){ zeroes, sizeof(zeroes) });
}

static void add_usual(struct kit *k)
{
	add_manifest(k);
	add_file(k, "bin/tool", slice_of(k->text));
	add_end(k);
}

/* ---- applying ------------------------------------------------------------ */

static int sink_begin(void *ctx, const struct tree *t, struct err *e)
{
	struct kit *k = ctx;

	(void)t;
	(void)e;
	k->entries = k->bytes = 0;
	return 0;
}

static int sink_entry(void *ctx, const struct tree_entry *entry, struct err *e)
{
	struct kit *k = ctx;

	(void)entry;
	(void)e;
	k->entries++;
	return 0;
}

static int sink_data(void *ctx, struct slice bytes, struct err *e)
{
	struct kit *k = ctx;

	(void)e;
	k->bytes += (unsigned)bytes.len;
	return 0;
}

static int sink_end(void *ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

static int watch_advance(void *ctx, uint64_t done, struct err *e)
{
	const struct kit *k = ctx;

	return done < k->stop ? 0 : err_set(e, ERR_BUSY, "enough");
}

/* plain_len: what the header of the package says of the tar's length. */
static void pack(struct kit *k, uint64_t plain_len)
{
	const struct package_header h = { .kind = PACKAGE_FULL,
					  .content = PACKAGE_TREE,
					  .codec = PACKAGE_RAW,
					  .plain_len = plain_len };

	raw_make(&k->package, h, buf_slice(&k->tar), &k->release);
}

static int apply_packed(struct kit *k, struct err *e)
{
	const struct tree_sink sink = { .ctx = k,
					.begin = sink_begin,
					.entry = sink_entry,
					.data = sink_data,
					.end = sink_end };
	const struct tree_watch watch = { k, watch_advance };
	struct package_reader *reader = NULL;
	struct buf manifest = BUF_INIT(1 << 20);
	struct apply_flow flow = { .release = &k->release,
				   .sink = &sink,
				   .watch = k->stop > 0 ? &watch : NULL };
	int rc = -1;

	k->entries = 0;
	if (raw_open(&k->package, &k->release, &reader, e) == 0) {
		flow.package = reader;
		rc = apply_package(&flow, &manifest, e);
	}
	package_close(reader);
	buf_done(&manifest);
	return rc;
}

static int apply_tar_of(struct kit *k, struct err *e)
{
	pack(k, k->tar.len);
	return apply_packed(k, e);
}

/* The tool member alone, with what stands before it, in a tar that is right. */
static int apply_member(struct kit *k, const char *record, struct err *e)
{
	k->tar.len = 0;
	add_manifest(k);
	if (record)
		add_record(k, record);
	add_file(k, "bin/tool", slice_of("content"));
	add_end(k);
	return apply_tar_of(k, e);
}

/* ---- the tests ----------------------------------------------------------- */

static void what_is_made_here_is_a_tar(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list(k, TREE_APP, (struct slice){ 0 }, 0);
	add_usual(k);
	assert_ok(apply_tar_of(k, &e));
	assert_int_equal(k->entries, 2);
	assert_int_equal(k->bytes, strlen("content"));
}

/* libarchive goes on after those; whatever made it complain is not ours. */
static void a_warning_is_a_refusal(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list(k, TREE_APP, (struct slice){ 0 }, 0);
	assert_ok(apply_member(k, NULL, &e));
	assert_refused(apply_member(k, "uname=\xff\xfe\xff\xfe", &e),
		       ERR_FORMAT);
	assert_int_equal(k->entries, 1);
}

static void a_package_that_changed_is_not_called_a_bad_tar(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list(k, TREE_APP, (struct slice){ 0 }, 0);
	add_usual(k);
	pack(k, k->tar.len);
	k->package.bytes.ptr[k->package.bytes.len - 1] ^= 1;
	assert_refused(apply_packed(k, &e), ERR_UNTRUSTED);
	assert_int_equal(k->entries, 0);
}

static void the_first_member_is_called_as_the_manifest_is(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list(k, TREE_APP, (struct slice){ 0 }, 0);
	add_file(k, ".pawl-manifes", buf_slice(&k->manifest));
	add_header(k, "bin/", '5', 0755, 0);
	add_file(k, "bin/tool", slice_of("content"));
	add_end(k);
	assert_refused(apply_tar_of(k, &e), ERR_FORMAT);
	k->tar.len = 0;
	add_end(k);
	assert_refused(apply_tar_of(k, &e), ERR_FORMAT);
}

/* One byte more, whatever it is, would not do. */
static void a_folders_name_ends_with_a_slash(void **state)
{
	static const char *const bad[] = { "bin", "binx", "bin//", "bin/x" };
	struct kit *k = *state;

	list(k, TREE_APP, (struct slice){ 0 }, 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };

		k->tar.len = 0;
		add_file(k, APPLY_MANIFEST_NAME, buf_slice(&k->manifest));
		add_header(k, bad[i], '5', 0755, 0);
		add_file(k, "bin/tool", slice_of("content"));
		add_end(k);
		assert_refused(apply_tar_of(k, &e), ERR_UNTRUSTED);
	}
}

/* A hole would move what stands behind it: GNU's sparse format 0.1. */
static void a_manifest_has_no_holes(void **state)
{
	struct kit *k = *state;
	struct slice whole;
	char record[64];
	struct err e = { 0 };

	list(k, TREE_APP, (struct slice){ 0 }, 0);
	whole = buf_slice(&k->manifest);
	(void)snprintf(record, sizeof(record), "GNU.sparse.map=0,10,1000,%zu",
		       whole.len - 10);
	add_record(k, record);
	add_manifest(k);
	add_file(k, "bin/tool", slice_of("content"));
	add_end(k);
	assert_refused_saying(apply_tar_of(k, &e), ERR_REFUSED, "sparse");
	assert_int_equal(k->entries, 0);
}

static void a_folder_without_a_name_is_refused(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list(k, TREE_APP, (struct slice){ 0 }, 0);
	add_file(k, APPLY_MANIFEST_NAME, buf_slice(&k->manifest));
	add_header(k, "", '5', 0755, 0);
	add_file(k, "bin/tool", slice_of("content"));
	add_end(k);
	assert_refused(apply_tar_of(k, &e), ERR_UNTRUSTED);
	assert_int_equal(k->entries, 0);
}

static void extended_attributes_are_exactly_the_listed_ones(void **state)
{
	const struct tree_xattr listed = { slice_of("user.a"), slice_of("1") };
	struct kit *k = *state;
	struct buf xattrs = BUF_INIT(1024);
	struct err e = { 0 };

	assert_ok(tree_xattr_add(&xattrs, &listed, &e));
	list(k, TREE_SYSTEM, buf_slice(&xattrs), 1);
	assert_ok(apply_member(k, "SCHILY.xattr.user.a=1", &e));
	assert_int_equal(k->entries, 3);
	assert_refused_saying(apply_member(k, NULL, &e), ERR_UNTRUSTED,
			      "extended attributes");
	assert_refused_saying(apply_member(k, "SCHILY.xattr.user.a=2", &e),
			      ERR_UNTRUSTED, "extended attributes");
	assert_refused_saying(apply_member(k, "SCHILY.xattr.user.b=1", &e),
			      ERR_UNTRUSTED, "extended attributes");
	assert_int_equal(k->entries, 2);
	buf_done(&xattrs);
}

/* The payload has to end where the tar does, and the header must say so. */
static void the_tar_is_all_of_the_payload(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };
	size_t whole;

	list(k, TREE_APP, (struct slice){ 0 }, 0);
	add_usual(k);
	whole = k->tar.len;
	pack(k, whole + 1);
	assert_int_equal(apply_packed(k, &e), -1);
	pack(k, whole - 1);
	assert_int_equal(apply_packed(k, &e), -1);
	add_end(k);
	assert_refused(apply_tar_of(k, &e), ERR_FORMAT);
	pack(k, whole);
	assert_int_equal(apply_packed(k, &e), -1);
	k->tar.len = whole;
	assert_ok(apply_tar_of(k, &e));
}

/*
 * A tar that ends exactly where a buffer does: who reads it has no reason to
 * ask for more, and there is more.
 */
static void a_payload_longer_than_its_header_says_is_refused(void **state)
{
	enum {
		BUFFER = 65536
	};
	static char text[BUFFER];
	struct kit *k = *state;
	struct err e = { 0 };

	/* Two headers of files and one of a folder, the manifest, the end. */
	memset(text, 'x', BUFFER - 6 * BLOCK);
	k->text = text;
	list(k, TREE_APP, (struct slice){ 0 }, 0);
	assert_true(k->manifest.len <= BLOCK);
	add_usual(k);
	assert_int_equal(k->tar.len, BUFFER);
	assert_ok(apply_tar_of(k, &e));
	assert_ok(buf_add(&k->tar, slice_of("x"), &e));
	pack(k, BUFFER);
	assert_refused(apply_packed(k, &e), ERR_LIMIT);
}

static void who_watches_may_end_it(void **state)
{
	struct kit *k = *state;
	struct err e = { 0 };

	list(k, TREE_APP, (struct slice){ 0 }, 0);
	add_usual(k);
	k->stop = k->manifest.len;
	assert_refused(apply_tar_of(k, &e), ERR_BUSY);
	assert_int_equal(k->entries, 0);
	k->stop++;
	assert_refused(apply_tar_of(k, &e), ERR_BUSY);
	assert_int_equal(k->entries, 2);
	k->stop = UINT64_MAX;
	assert_ok(apply_tar_of(k, &e));
}

static void a_delta_without_its_base_is_refused(void **state)
{
	struct kit *k = *state;
	struct package_header h = { .kind = PACKAGE_DELTA,
				    .content = PACKAGE_TREE,
				    .codec = PACKAGE_RAW };
	struct err e = { 0 };

	list(k, TREE_APP, (struct slice){ 0 }, 0);
	add_usual(k);
	h.plain_len = k->tar.len;
	raw_make(&k->package, h, buf_slice(&k->tar), &k->release);
	assert_refused(apply_packed(k, &e), ERR_CONFLICT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(what_is_made_here_is_a_tar),
		TEST(a_warning_is_a_refusal),
		TEST(a_package_that_changed_is_not_called_a_bad_tar),
		TEST(the_first_member_is_called_as_the_manifest_is),
		TEST(a_folders_name_ends_with_a_slash),
		TEST(a_manifest_has_no_holes),
		TEST(a_folder_without_a_name_is_refused),
		TEST(extended_attributes_are_exactly_the_listed_ones),
		TEST(the_tar_is_all_of_the_payload),
		TEST(a_payload_longer_than_its_header_says_is_refused),
		TEST(who_watches_may_end_it),
		TEST(a_delta_without_its_base_is_refused),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
