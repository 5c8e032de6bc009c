/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tree.h"

#include <string.h>

#include "tests/unit/check.h"

#define S(text) slice_of(text)

/* The manifest under test. */
static struct buf manifest;

static int setup(void **state)
{
	(void)state;
	manifest = (struct buf)BUF_INIT(1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&manifest);
	return 0;
}

static void begin(enum tree_attributes attributes)
{
	struct err e = { 0 };

	buf_done(&manifest);
	assert_ok(tree_begin(&manifest, attributes, &e));
}

static void add_entry(const struct tree_entry *entry)
{
	struct err e = { 0 };

	assert_ok(tree_add(&manifest, entry, &e));
}

static void add(enum tree_type type, const char *path, const char *target)
{
	struct tree_entry entry = { .type = type,
				    .path = S(path),
				    .target = S(target),
				    .mode = 0755,
				    .len = type == TREE_FILE ? 5 : 0 };

	if (type == TREE_SYMLINK)
		entry.mode = 0777;
	add_entry(&entry);
}

static void assert_parses(void)
{
	struct err e = { 0 };
	struct tree t;

	assert_ok(tree_parse(buf_slice(&manifest), &t, &e));
	tree_done(&t);
}

static void assert_parse_refused(enum err_code code)
{
	struct err e = { 0 };
	struct tree t = { .count = 7 };

	assert_refused(tree_parse(buf_slice(&manifest), &t, &e), code);
	assert_int_equal(t.count, 7);
}

static void a_system_tree_survives_the_round_trip(void **state)
{
	struct buf xattrs = BUF_INIT(1024);
	struct tree_entry file = { .type = TREE_FILE,
				   .path = S("bin/ping"),
				   .mode = 04755,
				   .len = 1234567,
				   .uid = 7,
				   .gid = UINT32_MAX,
				   .mtime_sec = -5,
				   .mtime_nsec = 999999999 };
	struct tree_xattr x = { S("security.capability"), S("\x01\x02\x03") };
	struct tree_entry got;
	struct slice rest;
	struct err e = { 0 };
	struct tree t;

	(void)state;
	begin(TREE_SYSTEM);
	add(TREE_FOLDER, "", "");
	add(TREE_FOLDER, "bin", "");
	assert_ok(tree_xattr_add(&xattrs, &x, &e));
	x = (struct tree_xattr){ S("user.note"), S("") };
	assert_ok(tree_xattr_add(&xattrs, &x, &e));
	memset(file.digest.bytes, 0xab, SHA256_LEN);
	file.xattrs = buf_slice(&xattrs);
	file.xattr_count = 2;
	add_entry(&file);
	add_entry(&(struct tree_entry){
		.type = TREE_HARDLINK, .path = S("bin/ping6"), .link_to = 2 });
	add_entry(&(struct tree_entry){ .type = TREE_CHAR,
					.path = S("null"),
					.mode = 0666,
					.major = 1,
					.minor = 3 });
	add(TREE_FIFO, "pipe", "");
	add(TREE_SYMLINK, "up", "../../anything");
	assert_ok(tree_parse(buf_slice(&manifest), &t, &e));
	assert_int_equal(t.count, 7);
	assert_int_equal(t.content_len, 1234567);
	tree_entry(&t, 2, &got);
	assert_int_equal(got.mode, 04755);
	assert_true(got.mtime_sec == -5 && got.mtime_nsec == 999999999);
	assert_int_equal(got.uid, 7);
	assert_true(got.gid == UINT32_MAX);
	assert_int_equal(got.digest.bytes[31], 0xab);
	rest = got.xattrs;
	assert_true(tree_xattr_next(&rest, &x));
	assert_true(slice_equal(x.value, S("\x01\x02\x03")));
	assert_true(tree_xattr_next(&rest, &x));
	assert_true(slice_equal(x.name, S("user.note")));
	assert_false(tree_xattr_next(&rest, &x));
	tree_entry(&t, 4, &got);
	assert_int_equal(got.minor, 3);
	assert_int_equal(tree_find(&t, S("bin/ping6")), 3);
	assert_int_equal(tree_find(&t, S("bin/pin")), -1);
	assert_int_equal(tree_find(&t, S("")), 0);
	tree_done(&t);
	buf_done(&xattrs);
}

static void the_empty_application_is_a_tree(void **state)
{
	(void)state;
	begin(TREE_APP);
	assert_parses();
	begin(TREE_SYSTEM);
	assert_parse_refused(ERR_FORMAT);
}

static void a_folders_content_stands_behind_it(void **state)
{
	(void)state;
	begin(TREE_APP);
	add(TREE_FOLDER, "a", "");
	add(TREE_FILE, "a/z", "");
	add(TREE_FILE, "a-b", "");
	add(TREE_FILE, "a.b", "");
	assert_parses();
	begin(TREE_APP);
	add(TREE_FOLDER, "a", "");
	add(TREE_FILE, "a-b", "");
	add(TREE_FILE, "a/z", "");
	assert_parse_refused(ERR_FORMAT);
}

static void a_path_stands_once_in_its_order(void **state)
{
	(void)state;
	begin(TREE_APP);
	add(TREE_FILE, "a", "");
	add(TREE_FILE, "a", "");
	assert_parse_refused(ERR_FORMAT);
	begin(TREE_APP);
	add(TREE_FILE, "b", "");
	add(TREE_FILE, "a", "");
	assert_parse_refused(ERR_FORMAT);
}

static void a_parent_must_be_a_listed_folder(void **state)
{
	(void)state;
	begin(TREE_APP);
	add(TREE_FILE, "a/b", "");
	assert_parse_refused(ERR_FORMAT);
	begin(TREE_APP);
	add(TREE_FILE, "a", "");
	add(TREE_FILE, "a/b", "");
	assert_parse_refused(ERR_FORMAT);
	begin(TREE_APP);
	add(TREE_SYMLINK, "a", "b");
	add(TREE_FILE, "a/c", "");
	add(TREE_FOLDER, "b", "");
	assert_parse_refused(ERR_FORMAT);
}

static void hostile_paths_are_refused(void **state)
{
	static const char *const wrong[] = {
		"/",     "/etc",  "..",   "../x",         "a/..",
		".",     "a/",    "a//b", "a/./b",        "a\nb",
		"a\x1b", "a\x7f", "\xff", "\xc0\x80",     "\xc2\x85",
		"a\\b",  "C:",    "c:/x", "\xed\xa0\x80",
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		begin(TREE_APP);
		add(TREE_FILE, wrong[i], "");
		assert_refused(tree_path_check(S(wrong[i]), TREE_APP, &e),
			       ERR_FORMAT);
		assert_parse_refused(ERR_FORMAT);
	}
	begin(TREE_APP);
	add(TREE_FILE, "", "");
	assert_parse_refused(ERR_FORMAT);
	assert_ok(tree_path_check(S("a\\b"), TREE_SYSTEM, &e));
	assert_ok(tree_path_check(S("a:b/..c/d.."), TREE_APP, &e));
}

static void names_and_depths_have_limits(void **state)
{
	char path[PATH_MAX_LEN + 2];
	struct err e = { 0 };

	(void)state;
	memset(path, 'x', 256);
	path[256] = 0;
	assert_refused(tree_path_check(S(path), TREE_APP, &e), ERR_LIMIT);
	path[255] = 0;
	assert_ok(tree_path_check(S(path), TREE_APP, &e));
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'x';
	path[(size_t)2 * TREE_DEPTH_MAX + 1] = 0;
	assert_refused(tree_path_check(S(path), TREE_APP, &e), ERR_LIMIT);
	path[(size_t)2 * TREE_DEPTH_MAX - 1] = 0;
	assert_ok(tree_path_check(S(path), TREE_APP, &e));
	memset(path, 'x', sizeof(path));
	path[PATH_MAX_LEN + 1] = 0;
	for (size_t i = 200; i < PATH_MAX_LEN; i += 200)
		path[i] = '/';
	assert_refused(tree_path_check(S(path), TREE_APP, &e), ERR_FORMAT);
	path[PATH_MAX_LEN] = 0;
	assert_ok(tree_path_check(S(path), TREE_APP, &e));
}

static void an_application_has_no_special_entries(void **state)
{
	static const enum tree_type special[] = { TREE_HARDLINK, TREE_CHAR,
						  TREE_BLOCK, TREE_FIFO };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(special); i++) {
		begin(TREE_APP);
		add(TREE_FILE, "a", "");
		add(special[i], "b", "");
		assert_parse_refused(ERR_REFUSED);
	}
	begin(TREE_APP);
	add_entry(&(struct tree_entry){
		.type = TREE_FILE, .path = S("a"), .mode = 04755 });
	assert_parse_refused(ERR_REFUSED);
	begin(TREE_SYSTEM);
	add(TREE_FOLDER, "", "");
	add_entry(&(struct tree_entry){
		.type = TREE_FILE, .path = S("a"), .mode = 010000 });
	assert_parse_refused(ERR_REFUSED);
	begin(TREE_SYSTEM);
	add(TREE_FOLDER, "", "");
	add((enum tree_type)8, "a", "");
	assert_parse_refused(ERR_FORMAT);
	begin(TREE_SYSTEM);
	add(TREE_FOLDER, "", "");
	add((enum tree_type)0, "a", "");
	assert_parse_refused(ERR_FORMAT);
}

static void an_applications_links_stay_inside(void **state)
{
	static const struct {
		const char *path, *target;
		bool inside;
	} cases[] = {
		{ "d/l", "x", true },
		{ "d/l", "../d/x", true },
		{ "d/l", "/anywhere", true },
		{ "d/l", "dangling/x", true },
		{ "d/l", "././/x", true },
		{ "d/l", "..", true },
		{ "d/l", "../..", false },
		{ "l", "..", false },
		{ "l", "/..", false },
		{ "d/l", "../../x", false },
		{ "d/l", "link/..", false },
		{ "d/l", "nothing/..", false },
		{ "d/l", "../d/link/../x", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool top = strchr(cases[i].path, '/') == NULL;

		begin(TREE_APP);
		add(TREE_FOLDER, "d", "");
		if (!top)
			add(TREE_SYMLINK, cases[i].path, cases[i].target);
		add(TREE_SYMLINK, "d/link", "x");
		if (top)
			add(TREE_SYMLINK, cases[i].path, cases[i].target);
		if (cases[i].inside)
			assert_parses();
		else
			assert_parse_refused(ERR_REFUSED);
	}
}

static void links_have_a_target_and_no_mode(void **state)
{
	struct tree_entry entry = { .type = TREE_SYMLINK,
				    .path = S("l"),
				    .mode = 0777,
				    .target = S("x") };
	uint8_t with_nul[] = { 'a', 0, 'b' };

	(void)state;
	begin(TREE_APP);
	add_entry(&entry);
	assert_parses();
	entry.mode = 0755;
	begin(TREE_APP);
	add_entry(&entry);
	assert_parse_refused(ERR_FORMAT);
	entry.mode = 0777;
	entry.target = S("");
	begin(TREE_APP);
	add_entry(&entry);
	assert_parse_refused(ERR_FORMAT);
	entry.target = (struct slice){ with_nul, sizeof(with_nul) };
	begin(TREE_APP);
	add_entry(&entry);
	assert_parse_refused(ERR_FORMAT);
}

static void hard_links_name_an_earlier_file(void **state)
{
	static const uint32_t wrong[] = { 0, 2, 3, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		begin(TREE_SYSTEM);
		add(TREE_FOLDER, "", "");
		add(TREE_FILE, "a", "");
		add_entry(&(struct tree_entry){ .type = TREE_HARDLINK,
						.path = S("b"),
						.link_to = wrong[i] });
		assert_parse_refused(ERR_FORMAT);
	}
	begin(TREE_SYSTEM);
	add(TREE_FOLDER, "", "");
	add(TREE_FILE, "a", "");
	add_entry(&(struct tree_entry){
		.type = TREE_HARDLINK, .path = S("b"), .link_to = 1 });
	assert_parses();
	add_entry(&(struct tree_entry){
		.type = TREE_HARDLINK, .path = S("c"), .link_to = 2 });
	assert_parse_refused(ERR_FORMAT);
}

static void lengths_add_up_within_reason(void **state)
{
	struct tree_entry entry = { .type = TREE_FILE,
				    .len = UINT64_C(1) << 50 };
	char path[16] = "f0000";

	(void)state;
	begin(TREE_APP);
	add(TREE_FILE, "a", "");
	manifest.ptr[16] ^= 1;
	assert_parse_refused(ERR_FORMAT);
	begin(TREE_APP);
	entry.path = S("a");
	entry.len++;
	add_entry(&entry);
	assert_parse_refused(ERR_LIMIT);
	/* So many large files that the sum of lengths begins again at zero. */
	begin(TREE_APP);
	entry.len = UINT64_C(1) << 50;
	for (unsigned i = 0; i < 1u << 14; i++) {
		struct err e = { 0 };

		assert_ok(text_format(path, sizeof(path), &e, "f%05u", i));
		entry.path = S(path);
		add_entry(&entry);
	}
	assert_parse_refused(ERR_LIMIT);
}

static void extended_attributes_are_in_order_and_counted(void **state)
{
	struct buf xattrs = BUF_INIT(1024);
	struct tree_entry entry = { .type = TREE_FOLDER, .path = S("") };
	struct tree_xattr b = { S("user.b"), S("1") };
	struct tree_xattr a = { S("user.a"), S("1") };
	struct err e = { 0 };

	(void)state;
	assert_ok(tree_xattr_add(&xattrs, &b, &e));
	assert_ok(tree_xattr_add(&xattrs, &a, &e));
	entry.xattrs = buf_slice(&xattrs);
	entry.xattr_count = 2;
	begin(TREE_SYSTEM);
	add_entry(&entry);
	assert_parse_refused(ERR_FORMAT);
	entry.xattrs = slice_sub(entry.xattrs, 0, xattrs.len / 2);
	begin(TREE_SYSTEM);
	add_entry(&entry);
	assert_parse_refused(ERR_FORMAT);
	entry.xattr_count = 1;
	begin(TREE_SYSTEM);
	add_entry(&entry);
	assert_parses();
	entry.xattrs.len--;
	begin(TREE_SYSTEM);
	add_entry(&entry);
	assert_parse_refused(ERR_FORMAT);
	entry.mtime_nsec = 1000000000;
	entry.xattrs.len = 0;
	entry.xattr_count = 0;
	begin(TREE_SYSTEM);
	add_entry(&entry);
	assert_parse_refused(ERR_FORMAT);
	buf_done(&xattrs);
}

/* Bytes that tree_xattr_add() does not write, and how many are claimed. */
static void assert_xattrs_refused(struct slice xattrs, uint16_t count,
				  enum err_code code)
{
	begin(TREE_SYSTEM);
	add_entry(&(struct tree_entry){ .type = TREE_FOLDER,
					.path = S(""),
					.xattrs = xattrs,
					.xattr_count = count });
	assert_parse_refused(code);
}

static void extended_attributes_have_limits(void **state)
{
	static uint8_t bytes[TREE_XATTR_MAX + 1];
	struct slice value = { bytes, sizeof(bytes) };
	struct buf b = BUF_INIT(1 << 20);
	struct err e = { 0 };

	(void)state;
	assert_xattrs_refused((struct slice){ bytes, 5 }, 1, ERR_FORMAT);
	assert_xattrs_refused(
		(struct slice){ (const uint8_t *)"\1\33\0\0\0", 6 }, 1,
		ERR_FORMAT);
	/* one more byte behind the one that is there */
	assert_xattrs_refused(
		(struct slice){ (const uint8_t *)"\1x\0\0\0\0", 7 }, 1,
		ERR_FORMAT);
	assert_ok(buf_addf(&b, &e, "\1x"));
	assert_ok(buf_add_le(&b, value.len, 4, &e));
	assert_ok(buf_add(&b, value, &e));
	assert_xattrs_refused(buf_slice(&b), 1, ERR_FORMAT);
	assert_refused(
		tree_xattr_add(&b, &(struct tree_xattr){ S("x"), value }, &e),
		ERR_LIMIT);
	value.len = 256;
	assert_refused(
		tree_xattr_add(&b, &(struct tree_xattr){ value, S("") }, &e),
		ERR_LIMIT);
	b.len = 0;
	for (unsigned i = 0; i <= TREE_XATTRS_MAX; i++) {
		char name[8];

		assert_ok(text_format(name, sizeof(name), &e, "x%02u", i));
		assert_ok(tree_xattr_add(
			&b, &(struct tree_xattr){ S(name), S("") }, &e));
	}
	assert_xattrs_refused(buf_slice(&b), TREE_XATTRS_MAX + 1, ERR_LIMIT);
	buf_done(&b);
}

static void a_system_begins_with_its_own_folder(void **state)
{
	(void)state;
	begin(TREE_SYSTEM);
	add(TREE_FOLDER, "a", "");
	assert_parse_refused(ERR_FORMAT);
	begin(TREE_SYSTEM);
	add(TREE_FILE, "", "");
	assert_parse_refused(ERR_FORMAT);
}

static void lengths_do_not_wrap_around(void **state)
{
	struct tree_entry entry = { .type = TREE_FILE,
				    .path = S("a"),
				    .len = UINT64_C(1) << 49 };

	(void)state;
	begin(TREE_APP);
	add_entry(&entry);
	entry.path = S("b");
	entry.len = 5 - entry.len;
	add_entry(&entry); /* together 5 bytes */
	assert_parse_refused(ERR_LIMIT);
}

static void another_header_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < 12; i++) {
		begin(TREE_APP);
		manifest.ptr[i] ^= 4;
		assert_parse_refused(ERR_FORMAT);
	}
	begin(TREE_APP);
	manifest.ptr[9] = 0;
	assert_parse_refused(ERR_FORMAT);
}

static void too_much_is_neither_read_nor_written(void **state)
{
	static char text[PATH_MAX_LEN + 5000];
	struct slice huge = { (const uint8_t *)text,
			      TREE_MANIFEST_MAX + (size_t)1 };
	struct tree_entry entry = { .type = TREE_SYMLINK };
	struct err e = { 0 };
	struct tree t;

	(void)state;
	begin(TREE_APP);
	memcpy(text, manifest.ptr, manifest.len);
	assert_refused(tree_parse(huge, &t, &e), ERR_LIMIT);
	entry.path = (struct slice){ huge.ptr, PATH_MAX_LEN + 1 };
	assert_refused(tree_add(&manifest, &entry, &e), ERR_LIMIT);
	entry.path.len = 1;
	entry.target = (struct slice){ huge.ptr, 4096 };
	assert_refused(tree_add(&manifest, &entry, &e), ERR_LIMIT);
	entry.target.len = 1;
	manifest.ptr[14] = 0x10; /* 2^20 are there */
	assert_refused(tree_add(&manifest, &entry, &e), ERR_LIMIT);
}

static void every_cut_and_every_extra_byte_is_refused(void **state)
{
	struct err e = { 0 };
	struct tree t;

	(void)state;
	begin(TREE_APP);
	add(TREE_FOLDER, "d", "");
	add(TREE_FILE, "d/f", "");
	add(TREE_SYMLINK, "l", "d/f");
	assert_parses();
	for (size_t len = 0; len < manifest.len; len++)
		assert_refused(
			tree_parse(slice_sub(buf_slice(&manifest), 0, len), &t,
				   &e),
			ERR_FORMAT);
	assert_ok(buf_add_le(&manifest, 0, 1, &e));
	assert_parse_refused(ERR_FORMAT);
}

static void an_absurd_count_costs_no_memory(void **state)
{
	(void)state;
	begin(TREE_APP);
	memset(manifest.ptr + 12, 0xff, 4);
	assert_parse_refused(ERR_LIMIT);
	begin(TREE_APP);
	manifest.ptr[14] = 0x10; /* 2^20, in 24 bytes */
	assert_parse_refused(ERR_FORMAT);
}

static void paths_are_taken_apart(void **state)
{
	(void)state;
	assert_true(slice_equal(tree_parent(S("a/b/c")), S("a/b")));
	assert_true(slice_equal(tree_parent(S("a")), S("")));
	assert_true(slice_equal(tree_name(S("a/b/c")), S("c")));
	assert_true(slice_equal(tree_name(S("a")), S("a")));
	assert_true(tree_path_compare(S("a/b"), S("a-b")) < 0);
	assert_true(tree_path_compare(S("a"), S("a/b")) < 0);
	assert_int_equal(tree_path_compare(S("a/b"), S("a/b")), 0);
	assert_true(tree_path_compare(S("\xff"), S("a")) > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_system_tree_survives_the_round_trip),
		TEST(the_empty_application_is_a_tree),
		TEST(a_folders_content_stands_behind_it),
		TEST(a_path_stands_once_in_its_order),
		TEST(a_parent_must_be_a_listed_folder),
		TEST(hostile_paths_are_refused),
		TEST(names_and_depths_have_limits),
		TEST(an_application_has_no_special_entries),
		TEST(an_applications_links_stay_inside),
		TEST(links_have_a_target_and_no_mode),
		TEST(hard_links_name_an_earlier_file),
		TEST(lengths_add_up_within_reason),
		TEST(extended_attributes_are_in_order_and_counted),
		TEST(extended_attributes_have_limits),
		TEST(a_system_begins_with_its_own_folder),
		TEST(lengths_do_not_wrap_around),
		TEST(another_header_is_refused),
		TEST(too_much_is_neither_read_nor_written),
		TEST(every_cut_and_every_extra_byte_is_refused),
		TEST(an_absurd_count_costs_no_memory),
		TEST(paths_are_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
