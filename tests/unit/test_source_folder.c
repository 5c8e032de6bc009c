/* SPDX-License-Identifier: Apache-2.0 */
/* What was carried here: the same answers from a folder and from a bundle. */
#include "updater-client/source.h"

#include <archive.h>
#include <archive_entry.h>

#include "common/text.h"
#include "tests/unit/box.h"

#define LEN   100000
#define WHOLE UINT64_MAX

static struct box box;
static struct source_medium medium[2]; /* a folder, a bundle */
static char content[LEN + 1];
static const struct sha256 package = { { 7 } };
static const struct device_id ours = { { 2, 2 } }, foreign = { { 3, 3 } };

/* ---- the two of them ----------------------------------------------------- */

static void put(struct archive *a, const char *name, struct slice bytes)
{
	struct archive_entry *entry = archive_entry_new();
	struct err e;
	int fd = -1;

	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)bytes.len);
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, bytes.ptr, bytes.len),
			 bytes.len);
	archive_entry_free(entry);
	assert_ok(fs_create(medium[0].fd, name, 0644, &fd, &e));
	assert_ok(fs_write(fd, bytes, &e));
	fs_close(&fd);
}

static void put_envelopes(struct archive *a)
{
	uint8_t record[KEYBOX_RECORD_LEN];
	struct buf keys = BUF_INIT(4096);
	char hex[SHA256_HEX_LEN], name[128];
	struct err e;

	memset(record, 5, sizeof(record));
	memcpy(record, ours.bytes, DEVICE_ID_LEN);
	assert_ok(keybox_add_header(&package, 1, &keys, &e));
	assert_ok(buf_add(&keys, (struct slice){ record, sizeof(record) }, &e));
	sha256_format(&package, hex);
	(void)snprintf(name, sizeof(name), "envelopes/%s.keys", hex);
	put(a, name, buf_slice(&keys));
	buf_done(&keys);
}

static int setup(void **state)
{
	struct archive *a = archive_write_new();
	char path[128];
	struct err e;
	int fd = -1;

	(void)state;
	box_open(&box);
	for (size_t i = 0; i < LEN; i++)
		content[i] = (char)('a' + i * i % 23);
	(void)snprintf(path, sizeof(path), "%s/bundle.tar", box.path);
	assert_int_equal(archive_write_set_format_ustar(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	fs_close(&(int){ box_folder(&box, "carried/metadata") });
	fs_close(&(int){ box_folder(&box, "carried/envelopes") });
	fd = box_folder(&box, "carried");
	assert_ok(source_medium_open(fd, &medium[0], &e));
	assert_false(medium[0].is_bundle);
	put(a, "metadata/timestamp.json", slice_of(content));
	put(a, "metadata/other.json", slice_of("something else"));
	put_envelopes(a);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	assert_ok(fs_open(box.dir, "bundle.tar", O_RDONLY, &fd, &e));
	assert_ok(source_medium_open(fd, &medium[1], &e));
	assert_true(medium[1].is_bundle);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bundle_done(&medium[1].bundle);
	fs_close(&medium[0].fd);
	fs_close(&medium[1].fd);
	box_close(&box);
	return 0;
}

/* ---- getting ------------------------------------------------------------- */

static int take(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

static int get(struct source_medium *m, const char *path, uint64_t from,
	       uint64_t to, struct buf *out, struct err *e)
{
	const struct sink sink = { .take = take, .ctx = out };

	out->len = 0;
	return source_folder.get(m, path, from, to, &sink, e);
}

static void a_file_comes_whole_or_from_some_byte_on(void **state)
{
	static const uint64_t starts[] = { 0, 1, 32768, LEN - 1, LEN };
	struct buf got = BUF_INIT(LEN);
	struct err e;

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(starts); i++) {
		const uint64_t from = starts[i / 2];

		assert_ok(get(&medium[i % 2], "metadata/timestamp.json", from,
			      WHOLE, &got, &e));
		assert_int_equal(got.len, LEN - from);
		if (got.len > 0)
			assert_memory_equal(got.ptr, content + from, got.len);
	}
	buf_done(&got);
}

static void what_is_larger_than_announced_is_not_begun(void **state)
{
	struct buf got = BUF_INIT(LEN);
	struct err e;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_refused(get(&medium[i], "metadata/timestamp.json", 0,
				   LEN - 1, &got, &e),
			       ERR_LIMIT);
		assert_int_equal(got.len, 0);
		assert_ok(get(&medium[i], "metadata/timestamp.json", 0, LEN,
			      &got, &e));
	}
	buf_done(&got);
}

static void who_takes_no_more_ends_it(void **state)
{
	struct buf small = BUF_INIT(40000);
	struct err e;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_refused(get(&medium[i], "metadata/timestamp.json", 0,
				   WHOLE, &small, &e),
			       ERR_LIMIT);
		assert_true(small.len <= 40000);
	}
	buf_done(&small);
}

static void what_is_missing_is_not_found(void **state)
{
	struct buf got = BUF_INIT(LEN);
	struct err e;

	(void)state;
	assert_refused_saying(
		get(&medium[0], "metadata/9.root.json", 0, WHOLE, &got, &e),
		ERR_NOT_FOUND, "the folder");
	assert_refused_saying(
		get(&medium[1], "metadata/9.root.json", 0, WHOLE, &got, &e),
		ERR_NOT_FOUND, "the bundle has no");
	/* Nothing outside it is. */
	put_file(box.dir, "outside", "outside", 0644);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			get(&medium[i], "../outside", 0, WHOLE, &got, &e), -1);
	buf_done(&got);
}

/* A pipe would be waited for, and a link may lead anywhere. */
static void only_a_file_is_read_from_a_folder(void **state)
{
	struct buf got = BUF_INIT(LEN);
	struct err e;

	(void)state;
	assert_int_equal(mkfifoat(medium[0].fd, "metadata/pipe", 0644), 0);
	assert_int_equal(symlinkat("other.json", medium[0].fd, "metadata/link"),
			 0);
	assert_refused_saying(
		get(&medium[0], "metadata/pipe", 0, WHOLE, &got, &e),
		ERR_REFUSED, "not a file");
	assert_refused_saying(get(&medium[0], "metadata", 0, WHOLE, &got, &e),
			      ERR_REFUSED, "not a file");
	assert_int_equal(get(&medium[0], "metadata/link", 0, WHOLE, &got, &e),
			 -1);
	buf_done(&got);
}

static void nothing_is_posted_to_it(void **state)
{
	struct buf answer = BUF_INIT(16);
	unsigned status = 7;
	struct err e;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_refused(source_folder.post(&medium[i], "v1/report",
						  slice_of("{}"), &answer,
						  &status, &e),
			       ERR_REFUSED);
	assert_int_equal(status, 7);
}

/* ---- sealed keys --------------------------------------------------------- */

static void our_sealed_key_is_looked_up(void **state)
{
	struct message_envelope m = { .package = package, .device = ours };
	struct buf got = BUF_INIT(KEYBOX_SEALED_LEN);
	struct err e;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		got.len = 0;
		m.device = ours;
		assert_ok(source_folder.envelope(&medium[i], &m, &got, &e));
		assert_int_equal(got.len, KEYBOX_SEALED_LEN);
		assert_int_equal(got.ptr[0], 5);
		/* No room for it. */
		assert_refused(source_folder.envelope(&medium[i], &m, &got, &e),
			       ERR_LIMIT);
		got.len = 0;
		m.device = foreign;
		assert_refused(source_folder.envelope(&medium[i], &m, &got, &e),
			       ERR_NOT_FOUND);
		assert_int_equal(got.len, 0);
	}
	m.package.bytes[0] = 8;
	for (size_t i = 0; i < 2; i++)
		assert_refused(source_folder.envelope(&medium[i], &m, &got, &e),
			       ERR_NOT_FOUND);
	buf_done(&got);
}

/* ---- opening ------------------------------------------------------------- */

static void what_is_neither_is_not_opened(void **state)
{
	struct source_medium m;
	struct err e;
	int fd = -1;

	(void)state;
	assert_refused_saying(source_medium_open(-1, &m, &e), ERR_SYSTEM,
			      "the folder");
	put_file(box.dir, "nonsense", "nonsense", 0644);
	assert_ok(fs_open(box.dir, "nonsense", O_RDONLY, &fd, &e));
	assert_refused(source_medium_open(fd, &m, &e), ERR_FORMAT);
	fs_close(&fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_comes_whole_or_from_some_byte_on),
		cmocka_unit_test(what_is_larger_than_announced_is_not_begun),
		cmocka_unit_test(who_takes_no_more_ends_it),
		cmocka_unit_test(what_is_missing_is_not_found),
		cmocka_unit_test(only_a_file_is_read_from_a_folder),
		cmocka_unit_test(nothing_is_posted_to_it),
		cmocka_unit_test(our_sealed_key_is_looked_up),
		cmocka_unit_test(what_is_neither_is_not_opened),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
