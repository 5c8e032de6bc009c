/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/peek.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/digest.h"
#include "common/fs.h"
#include "common/le.h"
#include "common/text.h"
#include "tests/unit/check.h"

#define IMAGES     "tests/fuzz/corpus/peek/"
#define SQUASHFS   "tests/fuzz/corpus/cut_squashfs/"
#define LISTED_MAX 4096
#define EXT_SUPER  1024

/* What mksquashfs put into each of its images. */
#define Y "b/y 13893 2e57c67a\n"
#define Z "b/z 18893 b5522725\n"
#define X "x 6 5891b5b5\n"

static struct buf bytes;

static void load(const char *path)
{
	struct err e = { 0 };

	bytes = (struct buf)BUF_INIT(1 << 20);
	assert_ok(fs_read_path(path, &bytes, &e));
}

static struct peek_place place_at(uint64_t offset)
{
	static const uint8_t before[512];
	struct peek_place p = { memfd_create("image", MFD_CLOEXEC), offset,
				bytes.len };
	struct err e = { 0 };

	assert_true(p.fd >= 0);
	assert_ok(fs_write(p.fd, (struct slice){ before, (size_t)offset }, &e));
	assert_ok(fs_write(p.fd, buf_slice(&bytes), &e));
	return p;
}

/* A line for a member, its content read in pieces of an odd length. */
static int list_member(struct peek *p, const char *name, char *out,
		       struct err *e)
{
	struct digest d;
	struct sha256 sum = { { 0 } };
	uint8_t piece[1009];
	uint64_t len = 0;
	size_t got = sizeof(piece);
	int rc = 0;

	digest_start(&d);
	while (rc == 0 && got == sizeof(piece)) {
		rc = peek_read(p, piece, sizeof(piece), &got, e);
		if (rc == 0) {
			digest_add(&d, (struct slice){ piece, got });
			len += got;
		}
	}
	digest_finish(&d, &sum);
	(void)snprintf(out + strlen(out), LISTED_MAX - strlen(out),
		       "%s %llu %02x%02x%02x%02x\n", name,
		       (unsigned long long)len, sum.bytes[0], sum.bytes[1],
		       sum.bytes[2], sum.bytes[3]);
	return rc;
}

static int list(const struct peek_place *at, char *out, struct err *e)
{
	const enum peek_kind kind = peek_kind(buf_slice(&bytes));
	struct peek *p = NULL;
	struct peek_member m;
	bool end = false;
	int rc;

	out[0] = 0;
	assert_int_not_equal(kind, PEEK_NONE);
	rc = peek_open(kind, at, &p, e);
	while (rc == 0) {
		rc = peek_next(p, &m, &end, e);
		if (rc || end)
			break;
		rc = list_member(p, m.name, out, e);
	}
	peek_close(p);
	return rc;
}

static int list_bytes(uint64_t offset, char *out, struct err *e)
{
	struct peek_place at = place_at(offset);
	int rc = list(&at, out, e);

	fs_close(&at.fd);
	return rc;
}

static void the_files_of_a_squashfs_have_their_paths(void **state)
{
	static const char *const packers[] = { "gzip", "xz", "lz4", "zstd" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
		char path[64], listed[LISTED_MAX];
		struct err e = { 0 };

		assert_ok(text_format(path, sizeof(path), &e, SQUASHFS "%s",
				      packers[i]));
		load(path);
		assert_ok(list_bytes(i * 100, listed, &e));
		assert_non_null(strstr(listed, X));
		assert_non_null(strstr(listed, Y));
		assert_non_null(strstr(listed, Z));
		assert_non_null(strstr(listed, "(tables) "));
		buf_done(&bytes);
	}
}

static void files_of_an_ext4_are_as_long_as_they_are(void **state)
{
	char listed[LISTED_MAX];
	struct err e = { 0 };

	(void)state;
	load(IMAGES "ext4");
	assert_ok(list_bytes(512, listed, &e));
	/* A hard link once, one within its inode, no link, no folder. */
	assert_non_null(strstr(listed, "x 6 5891b5b5\n"));
	assert_non_null(strstr(listed, "b/numbers 1492 "));
	assert_non_null(strstr(listed, "etc/key 241 "));
	assert_null(strstr(listed, "hard"));
	assert_null(strstr(listed, "link"));
	assert_null(strstr(listed, "lost+found"));
	buf_done(&bytes);
}

static void partitions_have_places(void **state)
{
	static const char *const names[] = { "partition 1", "partition 5",
					     "partition 6", "partition 3" };
	struct peek_place at;
	struct peek_member m;
	struct peek *p;
	struct err e = { 0 };
	char start[18] = { 0 };
	bool end;
	size_t got;

	(void)state;
	load(IMAGES "disk");
	at = place_at(300);
	assert_ok(peek_open(PEEK_DISK, &at, &p, &e));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_ok(peek_next(p, &m, &end, &e));
		assert_false(end);
		assert_string_equal(m.name, names[i]);
		assert_int_equal((m.place->offset - 300) % 512, 0);
		assert_ok(peek_read(p, start, sizeof(start) - 1, &got, &e));
		assert_int_equal(got, sizeof(start) - 1);
		if (i < 2)
			assert_memory_equal(start, "hsqs", 4);
	}
	/* The last: it says 100 sectors, and one is left. */
	assert_string_equal(start, "what is cut off");
	assert_int_equal(m.place->len, 512);
	assert_ok(peek_next(p, &m, &end, &e));
	assert_true(end);
	peek_close(p);
	fs_close(&at.fd);
	buf_done(&bytes);
}

static void what_is_cut_off_fails_with_a_word(void **state)
{
	static const char *const images[] = { IMAGES "ext4", IMAGES "squashfs",
					      SQUASHFS "gzip" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		load(images[i]);
		bytes.len /= 3;
		do {
			char listed[LISTED_MAX];
			struct err e = { 0 };

			assert_int_equal(list_bytes(0, listed, &e), -1);
			assert_true(e.code == ERR_FORMAT);
			assert_true(e.msg[0] != 0);
			bytes.len /= 2;
		} while (bytes.len > 2048);
		buf_done(&bytes);
	}
}

static void what_packed_it_is_named(void **state)
{
	char listed[LISTED_MAX];
	struct err e = { 0 };

	(void)state;
	load(SQUASHFS "gzip");
	bytes.ptr[20] = 3;
	assert_int_equal(list_bytes(0, listed, &e), -1);
	assert_string_equal(e.msg, "it is packed with LZO");
	bytes.ptr[20] = 2;
	assert_int_equal(list_bytes(0, listed, &e), -1);
	assert_string_equal(e.msg, "it is packed with LZMA");
	bytes.ptr[20] = 77;
	assert_int_equal(list_bytes(0, listed, &e), -1);
	assert_string_equal(e.msg, "it is damaged");
	buf_done(&bytes);
}

/* The superblock is changed: a number of 32 bits there. */
static void refuse_super(size_t at, uint32_t value, size_t also, uint32_t its)
{
	char listed[LISTED_MAX];
	struct err e = { 0 };

	load(IMAGES "ext4");
	le32_put(bytes.ptr + EXT_SUPER + at, value);
	le32_put(bytes.ptr + EXT_SUPER + also, its);
	assert_int_equal(list_bytes(0, listed, &e), -1);
	assert_string_equal(e.msg, "its superblock says more than there is");
	buf_done(&bytes);
}

/* Of what would take memory without end, nothing is taken. */
static void what_there_is_no_room_for_is_refused(void **state)
{
	(void)state;
	/* Inodes, of its group, and so of the whole. */
	refuse_super(0, 8192, 40, 8192);
	/* Blocks, and with them groups, each of as many inodes. */
	refuse_super(4, UINT32_C(8192) << 12, 0, 24 << 12);
	refuse_super(4, 98, 4, 98);
	refuse_super(336, 1, 336, 1);
	/* Groups alone: of a block each. */
	refuse_super(32, 1, 254, 4096);
}

/* Whoever asks for it without a look at how it begins. */
static void refuse_open(size_t at, uint32_t value, size_t also, uint32_t its)
{
	struct peek_place place;
	struct peek *p = NULL;
	struct err e = { 0 };

	load(IMAGES "ext4");
	le32_put(bytes.ptr + EXT_SUPER + at, value);
	le32_put(bytes.ptr + EXT_SUPER + also, its);
	place = place_at(0);
	assert_int_equal(peek_open(PEEK_EXT, &place, &p, &e), -1);
	assert_string_equal(e.msg, "its superblock says more than there is");
	fs_close(&place.fd);
	buf_done(&bytes);
}

static void what_is_no_ext4_does_not_reach_the_library(void **state)
{
	(void)state;
	refuse_open(56, 0, 56, 0);
	/* Groups of nothing, and blocks larger than there are. */
	refuse_open(32, 0, 32, 0);
	refuse_open(24, 7, 4, 1);
}

#define BOMB_AT   92u /* blocks at its end, that it can spare */
#define BOMB_LEN  1024u
#define I_FLAGS   32
#define I_TRIPLE  (40 + 14 * 4)
#define INODE_LEN 256

/* Each block of pointers leads to the next one, again and again. */
static void blocks_that_lead_to_each_other_end(void **state)
{
	char listed[LISTED_MAX];
	struct err e = { 0 };
	uint8_t *root, *block;

	(void)state;
	load(IMAGES "ext4");
	root = bytes.ptr + (size_t)le32_get(bytes.ptr + 2048 + 8) * BOMB_LEN +
	       INODE_LEN;
	le32_put(root + I_FLAGS, 0);
	memset(root + 40, 0, 60);
	le32_put(root + I_TRIPLE, BOMB_AT);
	for (uint32_t i = BOMB_AT; i < BOMB_AT + 3; i++) {
		block = bytes.ptr + (size_t)i * BOMB_LEN;
		for (size_t k = 0; k < BOMB_LEN; k += 4)
			le32_put(block + k, i + 1);
	}
	/* A folder without a name in it. */
	block = bytes.ptr + (size_t)(BOMB_AT + 3) * BOMB_LEN;
	memset(block, 0, BOMB_LEN);
	le32_put(block + 4, BOMB_LEN);
	assert_int_equal(list_bytes(0, listed, &e), -1);
	assert_string_equal(e.msg, "its blocks lead to each other without end");
	assert_int_equal(e.code, ERR_LIMIT);
	buf_done(&bytes);
}

static void a_table_that_is_not_understood_is_told(void **state)
{
	char listed[LISTED_MAX];
	struct err e = { 0 };

	(void)state;
	load(IMAGES "disk");
	bytes.ptr[446 + 4] = 0xee; /* a GPT, which is not there */
	assert_int_equal(list_bytes(0, listed, &e), -1);
	assert_string_equal(e.msg, "its partition table is not understood");
	buf_done(&bytes);
}

static void what_only_begins_alike_is_no_image(void **state)
{
	uint8_t head[2048] = { 0 };
	const struct slice s = { head, sizeof(head) };

	(void)state;
	assert_int_equal(peek_kind(s), PEEK_NONE);
	/* A loader's sector without partitions, and one with text there. */
	head[510] = 0x55;
	head[511] = 0xaa;
	assert_int_equal(peek_kind(s), PEEK_NONE);
	memset(head + 446, 'a', 64);
	assert_int_equal(peek_kind(s), PEEK_NONE);
	memset(head + 446, 0, 64);
	head[446 + 4] = 0x83;
	le32_put(head + 446 + 12, 9);
	assert_int_equal(peek_kind(s), PEEK_NONE); /* itself */
	le32_put(head + 446 + 8, 1);
	assert_int_equal(peek_kind(s), PEEK_DISK);
	/* The two bytes of ext4 alone. */
	memset(head, 0, sizeof(head));
	head[EXT_SUPER + 56] = 0x53;
	head[EXT_SUPER + 57] = 0xef;
	assert_int_equal(peek_kind(s), PEEK_NONE);
	memcpy(head, "hsqs", 4);
	assert_int_equal(peek_kind(s), PEEK_NONE);
	head[28] = 4;
	assert_int_equal(peek_kind(s), PEEK_SQUASHFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_files_of_a_squashfs_have_their_paths),
		cmocka_unit_test(files_of_an_ext4_are_as_long_as_they_are),
		cmocka_unit_test(partitions_have_places),
		cmocka_unit_test(what_is_cut_off_fails_with_a_word),
		cmocka_unit_test(what_packed_it_is_named),
		cmocka_unit_test(what_there_is_no_room_for_is_refused),
		cmocka_unit_test(what_is_no_ext4_does_not_reach_the_library),
		cmocka_unit_test(blocks_that_lead_to_each_other_end),
		cmocka_unit_test(a_table_that_is_not_understood_is_told),
		cmocka_unit_test(what_only_begins_alike_is_no_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
