/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind the end of an archive. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/ec.h"
#include "signer/scalars.h"
#include "signer/sift.h"
#include "tests/unit/check.h"

#define PEM                                                                    \
	"-----BEGIN PRIVATE KEY-----\n"                                        \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"   \
	"OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"   \
	"1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"           \
	"-----END PRIVATE KEY-----\n"
#define FILE_MAX 3000000

struct said {
	unsigned found, unread, shut;
	char path[256];
	uint64_t at;
	bool refuse;
	struct scalars *known;
};

static int found(void *ctx, const struct sift_finding *f, struct err *e)
{
	struct said *s = ctx;

	s->found++;
	s->at = f->offset;
	(void)snprintf(s->path, sizeof(s->path), "%s", f->path);
	return s->refuse ? err_set(e, ERR_REFUSED, "no") : 0;
}

static int unread(void *ctx, const char *path, const char *why, bool shut,
		  struct err *e)
{
	struct said *s = ctx;

	(void)path;
	(void)why;
	(void)e;
	s->unread++;
	s->shut += shut;
	return 0;
}

static int read_memory(void *ctx, void *out, size_t len, size_t *got,
		       struct err *e)
{
	struct slice *rest = ctx;

	(void)e; /* memory is there */
	*got = len < rest->len ? len : rest->len;
	memcpy(out, rest->ptr, *got);
	*rest = slice_sub(*rest, *got, rest->len);
	return 0;
}

static int sift(const struct buf *file, struct said *said, struct err *e)
{
	struct slice bytes = buf_slice(file);
	const struct sift_watch watch = { found, unread, said };
	const struct sift_source source = { read_memory, &bytes, NULL };
	const struct sift_settings settings = { .known = said->known,
						.scratch_dirfd = AT_FDCWD };
	struct sift *s = sift_new(&watch, &settings);
	const int rc = sift_file(s, slice_of("file"), &source, e);

	sift_free(s);
	return rc;
}

static void look(const struct buf *file, struct said *said)
{
	struct err e = { 0 };

	*said = (struct said){ 0 };
	assert_ok(sift(file, said, &e));
}

static void add(struct buf *to, const void *bytes, size_t len)
{
	struct err e;

	assert_ok(buf_add(to, (struct slice){ bytes, len }, &e));
}

static void fill(struct buf *to, char with, size_t len)
{
	while (len-- > 0)
		add(to, &with, 1);
}

/* gzip of a stored block: the name of a tar's member shows that it was opened.
 */
static void add_gzip(struct buf *to, const char *content, size_t len)
{
	const uint8_t block[] = { 1, (uint8_t)len, (uint8_t)(len >> 8),
				  (uint8_t)~len, (uint8_t)(~len >> 8) };

	assert_true(len < 65536);
	add(to, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
	add(to, block, sizeof(block));
	add(to, content, len);
	add(to, "\0\0\0\0\0\0\0\0", 8);
}

static void add_ar(struct buf *to, const char *name, const char *content)
{
	char header[80];

	(void)snprintf(header, sizeof(header),
		       "!<arch>\n%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0,
		       0, "100644", strlen(content));
	add(to, header, 68);
	add(to, content, strlen(content));
	if (strlen(content) % 2 != 0)
		add(to, "\n", 1);
}

/* At the end of a window, and where its bytes went by long ago. */
static const size_t lengths[] = { 10, 262144 - 30, 262144 - 8192, 600000 };

/* In a file that cannot be read again. */
static void what_is_behind_a_stream_is_opened(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct buf file = BUF_INIT(FILE_MAX);
		struct said said;
		char path[64];

		add_gzip(&file, "hello", 5);
		fill(&file, 0, lengths[i]);
		(void)snprintf(path, sizeof(path), "file!@%zu!/k", file.len);
		add_ar(&file, "k/", PEM);
		look(&file, &said);
		assert_int_equal(said.found, 1);
		assert_int_equal(said.unread, 0);
		assert_string_equal(said.path, path);
		buf_done(&file);
	}
}

/* Its own bytes as any file's, and what is compressed in them. */
static void what_follows_and_is_none_is_a_plain_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct buf file = BUF_INIT(FILE_MAX);
		struct said said;
		char path[64];
		size_t at;

		add_gzip(&file, "hello", 5);
		fill(&file, 'x', lengths[i]);
		at = file.len;
		add(&file, PEM, sizeof(PEM) - 1);
		look(&file, &said);
		assert_int_equal(said.found, 1);
		assert_int_equal(said.at, at);
		assert_string_equal(said.path, "file");
		file.len = at;
		add_gzip(&file, PEM, sizeof(PEM) - 1);
		look(&file, &said);
		/* As it is stored, and as it is opened. */
		assert_int_equal(said.found, 2);
		(void)snprintf(path, sizeof(path), "file!@%zu!", at);
		assert_string_equal(said.path, path);
		buf_done(&file);
	}
}

/* A finding in a member does not hide one behind the archive. */
static void a_key_in_it_does_not_hide_one_behind_it(void **state)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct said said;
	size_t at;

	(void)state;
	add_gzip(&file, PEM, sizeof(PEM) - 1);
	fill(&file, 'x', 100);
	at = file.len;
	add(&file, PEM, sizeof(PEM) - 1);
	look(&file, &said);
	assert_int_equal(said.found, 2);
	assert_int_equal(said.at, at);
	/* Nor is one told twice that is in the archive's own bytes alone. */
	file.len = 0;
	add_ar(&file, "hello/", "nothing.");
	memcpy(file.ptr + 24, PEM, 12);
	add(&file, PEM, sizeof(PEM) - 1);
	look(&file, &said);
	assert_int_equal(said.found, 1);
	buf_done(&file);
}

/* What is only seen when it is opened: "@..." is its path, from there on. */
static void add_packed(struct buf *to, char *path, size_t max)
{
	struct buf ar = BUF_INIT(4096);

	(void)snprintf(path, max, "file!@%zu!/k", to->len);
	add_ar(&ar, "k/", PEM);
	add_gzip(to, (const char *)ar.ptr, ar.len);
	buf_done(&ar);
}

#define DIGITS_8 "00000001"

/* A file that only looks like an archive is one like any other. */
static void what_lies_in_the_midst_of_none_is_opened(void **state)
{
	static const char *const starts[] = {
		"BZh9",
		"PK\3\4",
		"!<arch>\n",
		"\x28\xb5\x2f\xfd",
		"\xc7\x71",
		"\x71\xc7",
		/* cpio, as far as the first numbers say */
		"070701" DIGITS_8,
		"070701" DIGITS_8 DIGITS_8 DIGITS_8 DIGITS_8 DIGITS_8 DIGITS_8
			DIGITS_8 DIGITS_8 DIGITS_8 DIGITS_8 DIGITS_8 DIGITS_8,
		"070707" DIGITS_8,
	};
	static const size_t between[] = { 5000, 600000 };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(starts); i++) {
		struct buf file = BUF_INIT(FILE_MAX);
		struct said said;
		char path[64];

		add(&file, starts[i / 2], strlen(starts[i / 2]));
		fill(&file, 'x', between[i % 2]);
		add_packed(&file, path, sizeof(path));
		look(&file, &said);
		assert_string_equal(said.path, path);
		assert_int_equal(said.shut, 0);
		buf_done(&file);
	}
}

/* A zip of one member, as far as its directory. */
static void add_zip(struct buf *to)
{
	add(to, "PK\3\4\12\0\0\0\0\0\0\0\x21\0", 14);
	add(to, "\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0a", 17);
}

/* cpio, "newc", of one member and without its trailer. */
static void add_cpio(struct buf *to)
{
	add(to,
	    "070701" DIGITS_8 "000081a4"
	    "00000000"
	    "00000000" DIGITS_8 "00000000"
	    "00000004"
	    "00000000"
	    "00000000"
	    "00000000"
	    "00000000"
	    "00000002"
	    "00000000"
	    "a",
	    112);
	add(to, "data", 4);
}

/* Not even if another member follows, which their readers would go on to. */
static void what_stands_between_members_is_opened(void **state)
{
	static void (*const archives[])(struct buf * to) = { add_zip,
							     add_cpio };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(lengths); i++) {
		struct buf file = BUF_INIT(FILE_MAX);
		struct said said;
		char path[64];

		archives[i % 2](&file);
		fill(&file, 'x', lengths[i / 2]);
		add_packed(&file, path, sizeof(path));
		fill(&file, 'x', lengths[i / 2]);
		archives[i % 2](&file);
		look(&file, &said);
		assert_string_equal(said.path, path);
		assert_int_equal(said.shut, 0);
		/* That its end is lost says that it was cut off. */
		assert_int_equal(said.unread, i % 2);
		buf_done(&file);
	}
}

/* A zip without its directory, then much else, and 32 bytes of a key in it. */
static void a_bare_scalar_behind_a_cut_off_zip_is_found(void **state)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct said said = { .known = scalars_new() };
	struct ec_private *key = NULL;
	struct ec_public public_key;
	struct sha256 scalar;
	struct err e = { 0 };
	size_t at;

	(void)state;
	sha256_of(slice_of("a private key"), &scalar);
	assert_ok(ec_private_from_scalar(scalar.bytes, &key, &e));
	ec_public_of(key, &public_key);
	ec_free(key);
	assert_ok(scalars_add(said.known, public_key.point + 1, "mine", &e));
	add_zip(&file);
	fill(&file, 'x', 1000000);
	at = file.len;
	add(&file, scalar.bytes, sizeof(scalar.bytes));
	fill(&file, 'x', 600000);
	assert_ok(sift(&file, &said, &e));
	assert_int_equal(said.found, 1);
	assert_int_equal(said.at, at);
	scalars_free(said.known);
	buf_done(&file);
}

/* The header of a tar's member with this many bytes. */
static void add_tar_header(struct buf *to, char type, unsigned size)
{
	char header[513];
	unsigned sum = 0;

	(void)snprintf(header, sizeof(header),
		       "%-100s%07o %07o %07o %011o %011o         %c%100s"
		       "ustar  %248s",
		       "", 0644, 0, 0, size, 0, type, "", "");
	for (size_t i = 0; i < 512; i++) {
		if (header[i] == ' ' && (i < 100 || i > 157))
			header[i] = 0;
		sum += (unsigned char)header[i];
	}
	(void)snprintf(header + 148, 7, "%06o", sum);
	header[154] = 0;
	add(to, header, 512);
}

/* Of a tar it is the long name of a member that does not come. */
static void what_a_reader_ran_over_is_told(void **state)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct said said;

	(void)state;
	add_tar_header(&file, 'L', 600064);
	fill(&file, 'x', 600064);
	fill(&file, 'y', 4096);
	look(&file, &said);
	assert_int_equal(said.found, 0);
	assert_int_equal(said.unread, 1);
	assert_int_equal(said.shut, 0);
	buf_done(&file);
}

static void add_le16(struct buf *to, size_t value)
{
	const uint8_t bytes[] = { (uint8_t)value, (uint8_t)(value >> 8) };

	add(to, bytes, 2);
}

/* In what would be of no interest in a record of `len` bytes. */
static void add_filled(struct buf *to, size_t len, char *path, size_t max)
{
	const size_t end = to->len + len;

	fill(to, 'x', len - 1000);
	add_packed(to, path, max);
	fill(to, 'x', end - to->len);
}

/* What may be beside a member's content: its extra field, 4.3.7 of APPNOTE.TXT;
 * and the records of the directory, 4.3.12 to 4.3.14, as long as can be. */
static void add_zip_holding(struct buf *to, unsigned where, char *path,
			    size_t max)
{
	if (where == 0) {
		add(to, "PK\3\4\12\0\0\0\0\0\0\0\x21\0", 14);
		add(to, "\0\0\0\0\0\0\0\0\0\0\0\0\1\0", 14);
		add_le16(to, 40004);
		add(to, "a\xfe\xca", 3);
		add_le16(to, 40000);
		add_filled(to, 40000, path, max);
		return;
	}
	add_zip(to);
	switch (where) {
	case 1:
		add(to, "PK\1\2xxxxxxxxxxxxxxxxxxxxxxxx\1\0\0\0\xff\xff", 34);
		add(to, "xxxxxxxxxxxxa", 13);
		add_filled(to, 65535, path, max);
		break;
	case 2:
		add(to, "PK\5\5\xff\xff", 6);
		add_filled(to, 65535, path, max);
		break;
	default:
		add(to, "PK\6\6\0\x10\0\0\0\0\0\0", 12);
		add_filled(to, 4096, path, max);
		add(to, "PK\6\7xxxxxxxxxxxxxxxx", 20);
	}
}

static void look_through(unsigned where, size_t before)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct said said;
	char path[64];

	add_gzip(&file, "hello", 5);
	fill(&file, 0, before);
	add_zip_holding(&file, where, path, sizeof(path));
	look(&file, &said);
	assert_string_equal(said.path, path);
	assert_int_equal(said.shut, 0);
	/* More behind it. */
	fill(&file, 'x', 300000);
	look(&file, &said);
	assert_string_equal(said.path, path);
	buf_done(&file);
}

/* Anywhere in a window, whose end may be within it. */
static void what_describes_members_is_looked_through(void **state)
{
	(void)state;
	for (unsigned where = 0; where < 4; where++) {
		struct buf file = BUF_INIT(FILE_MAX);
		char path[64];
		size_t at;

		for (size_t before = 0; before < 262144; before += 50021)
			look_through(where, before);
		add_gzip(&file, "hello", 5);
		add_zip_holding(&file, where, path, sizeof(path));
		at = strtoul(path + strlen("file!@"), NULL, 10);
		look_through(where, 262144 - at - 5);
		buf_done(&file);
	}
}

/* The attributes of a tar's member, as pax has them. */
static void a_long_header_of_a_tar_is_looked_through(void **state)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct said said;
	char path[64];

	(void)state;
	add_tar_header(&file, 'L', 8192);
	add_filled(&file, 8192, path, sizeof(path));
	add_tar_header(&file, '0', 0);
	fill(&file, 0, 1024);
	look(&file, &said);
	assert_string_equal(said.path, path);
	assert_int_equal(said.unread, 0);
	buf_done(&file);
}

/* Nothing is passed over because it says that it belongs to a directory. */
static void a_forged_directory_hides_nothing(void **state)
{
	/* so long up to the file's end; so long, and without a locator */
	static const char *const forged[] = {
		"PK\6\6\0\xff\xff\x7f\0\0\0\0",
		"PK\6\6\0\x10\0\0\0\0\0\0",
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(forged); i++) {
		struct buf file = BUF_INIT(FILE_MAX);
		struct said said;
		char path[64];

		if (i % 2 == 0)
			add_zip(&file);
		else
			add_gzip(&file, "hello", 5);
		add(&file, forged[i / 2], 12);
		fill(&file, 'x', 100);
		(void)snprintf(path, sizeof(path), "file!@%zu!", file.len);
		add_gzip(&file, PEM, sizeof(PEM) - 1);
		fill(&file, 'x', 9000);
		look(&file, &said);
		assert_string_equal(said.path, path);
		buf_done(&file);
	}
}

/* One that would be right, behind what is no zip. */
static void only_a_zip_has_a_directory(void **state)
{
	static const char record[] = "PK\1\2xxxxxxxxxxxxxxxxxxxxxxxx"
				     "\0\x10\0\0\0\0xxxxxxxxxxxx";
	struct buf file = BUF_INIT(FILE_MAX);
	struct said said;
	char path[64];

	(void)state;
	add_gzip(&file, "hello", 5);
	add(&file, record, sizeof(record) - 1);
	(void)snprintf(path, sizeof(path), "file!@%zu!", file.len);
	add_gzip(&file, PEM, sizeof(PEM) - 1);
	fill(&file, 'x', 9000);
	look(&file, &said);
	assert_string_equal(said.path, path);
	buf_done(&file);
}

/* Each takes of what may be opened in the midst of a file. */
static void many_in_a_row_come_to_an_end(void **state)
{
	static const char zstd[] = "\x28\xb5\x2f\xfd\0\0\1\0\0";
	struct buf file = BUF_INIT(FILE_MAX);
	struct said said;

	(void)state;
	for (unsigned i = 0; i < SIFT_EMBEDDED_MAX / 2 + 1; i++) {
		add_gzip(&file, "", 0);
		add(&file, zstd, sizeof(zstd) - 1);
	}
	look(&file, &said);
	assert_int_equal(said.found, 0);
	assert_int_equal(said.shut, 1);
	buf_done(&file);
}

static void a_refusal_in_a_member_ends_it(void **state)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct said said = { .refuse = true };
	struct err e = { 0 };

	(void)state;
	add_ar(&file, "k/", PEM);
	add(&file, PEM, sizeof(PEM) - 1);
	assert_refused(sift(&file, &said, &e), ERR_REFUSED);
	assert_int_equal(said.found, 1);
	buf_done(&file);
}

/* Its bytes are searched all the same. */
static void what_is_too_large_to_be_opened_is_read_to_its_end(void **state)
{
	enum {
		LEN = 65 << 20
	};
	static uint8_t zeroes[1 << 20];
	struct buf file = BUF_INIT(LEN + FILE_MAX);
	struct said said;

	(void)state;
	add(&file, "7z\xbc\xaf\x27\x1c\0\4\1\2\3\4\0\0\0\0\1\0\0\0", 20);
	while (file.len < LEN)
		add(&file, zeroes, sizeof(zeroes));
	add(&file, PEM, sizeof(PEM) - 1);
	look(&file, &said);
	assert_int_equal(said.shut, 1);
	assert_int_equal(said.found, 1);
	assert_string_equal(said.path, "file");
	buf_done(&file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_behind_a_stream_is_opened),
		cmocka_unit_test(what_follows_and_is_none_is_a_plain_file),
		cmocka_unit_test(a_key_in_it_does_not_hide_one_behind_it),
		cmocka_unit_test(what_lies_in_the_midst_of_none_is_opened),
		cmocka_unit_test(what_stands_between_members_is_opened),
		cmocka_unit_test(a_bare_scalar_behind_a_cut_off_zip_is_found),
		cmocka_unit_test(what_a_reader_ran_over_is_told),
		cmocka_unit_test(what_describes_members_is_looked_through),
		cmocka_unit_test(a_long_header_of_a_tar_is_looked_through),
		cmocka_unit_test(a_forged_directory_hides_nothing),
		cmocka_unit_test(only_a_zip_has_a_directory),
		cmocka_unit_test(many_in_a_row_come_to_an_end),
		cmocka_unit_test(a_refusal_in_a_member_ends_it),
		cmocka_unit_test(
			what_is_too_large_to_be_opened_is_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
