/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/unwrap.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "tests/unit/check.h"

#define INPUT_MAX 4096

/* The input in pieces of a few bytes. */
struct feed {
	struct slice rest;
	size_t step;
	bool breaks;
};

static int next(void *ctx, struct slice *bytes, struct err *e)
{
	struct feed *f = ctx;
	size_t len = f->rest.len < f->step ? f->rest.len : f->step;

	if (f->breaks && len == 0)
		return err_set(e, ERR_SYSTEM, "the disk is gone");
	*bytes = slice_sub(f->rest, 0, len);
	f->rest = slice_sub(f->rest, len, f->rest.len - len);
	return 0;
}

/* Everything of the next member; -1 at the end or a failure. */
static int member(struct unwrap *u, char *name, char *content, struct err *e)
{
	const char *shown;
	bool end = false;
	size_t got = 0;

	if (unwrap_next(u, &shown, &end, e) || end)
		return -1;
	(void)snprintf(name, 64, "%s", shown ? shown : "");
	if (unwrap_read(u, content, 63, &got, e))
		return -1;
	content[got] = 0;
	return 0;
}

static void add(struct buf *to, const char *text)
{
	struct err e = { 0 };

	assert_ok(buf_add(to, slice_of(text), &e));
}

static void add_zeroes(struct buf *to, size_t count)
{
	static const uint8_t zeroes[512];
	struct err e = { 0 };

	assert_ok(buf_add(to, (struct slice){ zeroes, count }, &e));
}

/* cpio, "newc": what an rpm holds. */
static void add_cpio(struct buf *to)
{
	add(to, "070701"
		"00000001"
		"000081a4"
		"00000000"
		"00000000"
		"00000001"
		"00000000"
		"00000006"
		"00000000"
		"00000000"
		"00000000"
		"00000000"
		"00000006"
		"00000000");
	add(to, "a.key");
	add_zeroes(to, 1);
	add(to, "secret");
	add_zeroes(to, 2);
	add(to, "070701"
		"00000000"
		"00000000"
		"00000000"
		"00000000"
		"00000001"
		"00000000"
		"00000000"
		"00000000"
		"00000000"
		"00000000"
		"00000000"
		"0000000b"
		"00000000");
	add(to, "TRAILER!!!");
	add_zeroes(to, 4);
}

/* A header of rpm with one index entry and eight bytes of store. */
static void add_rpm_header(struct buf *to)
{
	static const uint8_t header[16 + 16 + 8] = {
		0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8,
	};
	struct err e = { 0 };

	assert_ok(buf_add(to, (struct slice){ header, sizeof(header) }, &e));
}

static void add_rpm(struct buf *to)
{
	static const uint8_t lead[96] = { 0xed, 0xab, 0xee, 0xdb, 3, 0 };
	struct err e = { 0 };

	assert_ok(buf_add(to, (struct slice){ lead, sizeof(lead) }, &e));
	add_rpm_header(to);
	add_rpm_header(to);
	add_cpio(to);
}

static void a_member_is_read_by_name(void **state)
{
	struct buf in = BUF_INIT(INPUT_MAX);
	char name[64], content[64];
	struct unwrap *u = NULL;
	struct err e = { 0 };

	(void)state;
	add_cpio(&in);
	assert_int_equal(unwrap_kind(buf_slice(&in)), UNWRAP_ARCHIVE);
	for (size_t step = 1; step < 300; step += 13) {
		struct feed f = { buf_slice(&in), step, false };

		assert_ok(unwrap_open(UNWRAP_ARCHIVE, next, &f, &u, &e));
		assert_ok(member(u, name, content, &e));
		assert_string_equal(name, "a.key");
		assert_string_equal(content, "secret");
		assert_int_equal(member(u, name, content, &e), -1);
		unwrap_close(u);
	}
	buf_done(&in);
}

/* Its headers go; what remains is looked at as a file of its own. */
static void an_rpm_is_opened_down_to_its_cpio(void **state)
{
	struct buf in = BUF_INIT(INPUT_MAX);
	struct feed f = { .step = 50 };
	char name[64], content[64];
	struct unwrap *u = NULL;
	struct err e = { 0 };

	(void)state;
	add_rpm(&in);
	f.rest = buf_slice(&in);
	assert_int_equal(unwrap_kind(f.rest), UNWRAP_RPM);
	assert_ok(unwrap_open(UNWRAP_RPM, next, &f, &u, &e));
	assert_ok(member(u, name, content, &e));
	assert_string_equal(name, "");
	assert_memory_equal(content, in.ptr + 96 + 2 * 40, 63);
	unwrap_close(u);
	buf_done(&in);
}

static void what_is_cut_yields_no_member(void **state)
{
	struct buf in = BUF_INIT(INPUT_MAX);
	char name[64], content[64];
	struct unwrap *u = NULL;
	struct err e;

	(void)state;
	add_cpio(&in);
	/* Up to the content's last byte. */
	for (size_t len = 6; len < 110 + 6 + 6; len++) {
		struct feed f = { slice_sub(buf_slice(&in), 0, len), 7, false };

		assert_ok(unwrap_open(UNWRAP_ARCHIVE, next, &f, &u, &e));
		assert_int_equal(member(u, name, content, &e), -1);
		unwrap_close(u);
	}
	buf_done(&in);
}

static void a_failure_of_the_input_is_told(void **state)
{
	struct buf in = BUF_INIT(INPUT_MAX);
	struct feed f = { .step = 50, .breaks = true };
	const char *shown;
	struct unwrap *u = NULL;
	struct err e = { 0 };
	bool end;

	(void)state;
	add_cpio(&in);
	f.rest = slice_sub(buf_slice(&in), 0, 60);
	assert_int_equal(unwrap_open(UNWRAP_ARCHIVE, next, &f, &u, &e), 0);
	assert_refused(unwrap_next(u, &shown, &end, &e), ERR_SYSTEM);
	unwrap_close(u);
	buf_done(&in);
}

static void what_is_no_archive_is_none(void **state)
{
	(void)state;
	assert_int_equal(unwrap_kind((struct slice){ 0 }), UNWRAP_NONE);
	assert_int_equal(unwrap_kind(slice_of("hello")), UNWRAP_NONE);
	assert_int_equal(unwrap_kind(slice_of("PK\x03")), UNWRAP_NONE);
	assert_int_equal(unwrap_kind(slice_of("07070, my telephone")),
			 UNWRAP_NONE);
}

/* ---- tars without a magic ------------------------------------------------ */

/* The header of a member of 6 bytes with the sum that it has, and the member.
 */
static void add_old_tar(struct buf *to, const char *name)
{
	char header[512] = "";
	struct err e = { 0 };
	unsigned sum = 0;

	(void)snprintf(header, 100, "%s", name);
	memcpy(header + 100, "0000644", 8);
	memcpy(header + 108, "0000000", 8);
	memcpy(header + 116, "0000000", 8);
	memcpy(header + 124, "00000000006", 12);
	memcpy(header + 136, "00000000000", 12);
	memset(header + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(header); i++)
		sum += (unsigned char)header[i];
	(void)snprintf(header + 148, 8, "%06o", sum);
	assert_ok(buf_add(to, (struct slice){ (uint8_t *)header, 512 }, &e));
	add(to, "secret");
	add_zeroes(to, 506);
}

static void an_old_tar_is_known_by_its_sum(void **state)
{
	static const char *const names[] = { "a.key", "" };
	char name[64], content[64];
	struct unwrap *u = NULL;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf in = BUF_INIT(INPUT_MAX);
		struct feed f = { .step = 50 };

		add_old_tar(&in, names[i]);
		f.rest = buf_slice(&in);
		assert_int_equal(unwrap_kind(f.rest), UNWRAP_ARCHIVE);
		assert_ok(unwrap_open(UNWRAP_ARCHIVE, next, &f, &u, &e));
		assert_ok(member(u, name, content, &e));
		assert_string_equal(content, "secret");
		unwrap_close(u);
		assert_int_equal(unwrap_kind(slice_sub(buf_slice(&in), 0, 511)),
				 UNWRAP_NONE);
		in.ptr[200] ^= 1;
		assert_int_equal(unwrap_kind(buf_slice(&in)), UNWRAP_NONE);
		in.ptr[200] ^= 1;
		/* The sum of something else than octal digits is none. */
		in.ptr[155] = '*';
		assert_int_equal(unwrap_kind(buf_slice(&in)), UNWRAP_NONE);
		buf_done(&in);
	}
}

/* Whose reader would look for a header. */
static void a_cpio_without_its_header_is_none(void **state)
{
	struct buf in = BUF_INIT(INPUT_MAX);

	(void)state;
	add_cpio(&in);
	add_zeroes(&in, 300);
	assert_int_equal(unwrap_kind(buf_slice(&in)), UNWRAP_ARCHIVE);
	memcpy(in.ptr + 257, "ustar", 5);
	in.ptr[40] = 'x';
	assert_int_equal(unwrap_kind(buf_slice(&in)), UNWRAP_NONE);
	/* But what is called so in a tar is one. */
	in.len = 0;
	add_old_tar(&in, "070701-notes");
	assert_int_equal(unwrap_kind(buf_slice(&in)), UNWRAP_ARCHIVE);
	buf_done(&in);
}

static void zeroes_are_no_tar(void **state)
{
	struct buf in = BUF_INIT(INPUT_MAX);

	(void)state;
	add_zeroes(&in, 512);
	assert_int_equal(unwrap_kind(buf_slice(&in)), UNWRAP_NONE);
	buf_done(&in);
}

/* ---- what must be in memory whole ---------------------------------------- */

static size_t make_7z(char *out, size_t max)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t used = 0;

	assert_int_equal(archive_write_set_format_7zip(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, out, max, &used),
			 ARCHIVE_OK);
	archive_entry_set_pathname(entry, "a.key");
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, 6);
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, "secret", 6), 6);
	archive_entry_free(entry);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	return used;
}

static void a_7z_is_read_by_name(void **state)
{
	char archive[INPUT_MAX], name[64], content[64];
	size_t len = make_7z(archive, sizeof(archive));
	struct feed f = { { (uint8_t *)archive, len }, 50, false };
	struct unwrap *u = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(unwrap_kind(f.rest), UNWRAP_WHOLE);
	assert_ok(unwrap_open(UNWRAP_WHOLE, next, &f, &u, &e));
	assert_ok(member(u, name, content, &e));
	assert_string_equal(name, "a.key");
	assert_string_equal(content, "secret");
	unwrap_close(u);
}

static void a_7z_whose_input_fails_is_not_opened(void **state)
{
	char archive[INPUT_MAX];
	size_t len = make_7z(archive, sizeof(archive));
	struct feed f = { { (uint8_t *)archive, len - 1 }, 50, true };
	struct unwrap *u = NULL;
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(unwrap_open(UNWRAP_WHOLE, next, &f, &u, &e),
			      ERR_SYSTEM, "the disk is gone");
	assert_null(u);
}

static int endless(void *ctx, struct slice *bytes, struct err *e)
{
	/* Its header says a table at 2^64 - 1. */
	static uint8_t ones[1 << 20];

	(void)ctx;
	(void)e;
	memset(ones, 0xff, sizeof(ones));
	*bytes = (struct slice){ ones, sizeof(ones) };
	return 0;
}

static void a_7z_without_an_end_is_refused(void **state)
{
	struct unwrap *u = NULL;
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(unwrap_open(UNWRAP_WHOLE, endless, NULL, &u, &e),
			      ERR_LIMIT, "larger than 64 MB");
	assert_null(u);
}

/* ---- what stands behind it ------------------------------------------------
 */

static uint64_t taken_of(enum unwrap_kind kind, struct slice bytes, size_t step,
			 unsigned *members)
{
	struct feed f = { bytes, step, false };
	char name[64], content[64];
	struct unwrap *u = NULL;
	struct err e = { 0 };
	uint64_t taken;

	*members = 0;
	assert_ok(unwrap_open(kind, next, &f, &u, &e));
	while (member(u, name, content, &e) == 0)
		++*members;
	taken = unwrap_taken(u);
	unwrap_close(u);
	return taken;
}

static void what_stands_behind_an_archive_is_none_of_it(void **state)
{
	static const char gzip_bytes[] = "\x1f\x8b\x08\0\0\0\0\0\0\3"
					 "\1\6\0\xf9\xffsecret"
					 "\x9d\x11\xce\x5c\6\0\0\0";
	const struct slice gzip = { (const uint8_t *)gzip_bytes,
				    sizeof(gzip_bytes) - 1 };
	char archive[INPUT_MAX];
	const size_t len = make_7z(archive, sizeof(archive));
	struct buf ar = BUF_INIT(INPUT_MAX), cpio = BUF_INIT(INPUT_MAX),
		   seven = BUF_INIT(2 * INPUT_MAX),
		   packed = BUF_INIT(INPUT_MAX);
	struct err e = { 0 };
	unsigned members;
	size_t whole;

	(void)state;
	add(&ar, "!<arch>\n"
		 "a.key/          0           0     0     100644  6         `\n"
		 "secret");
	whole = ar.len;
	add_cpio(&ar);
	add_cpio(&cpio);
	add_cpio(&cpio);
	assert_ok(buf_add(&packed, gzip, &e));
	add_cpio(&packed);
	assert_ok(
		buf_add(&seven, (struct slice){ (uint8_t *)archive, len }, &e));
	add_cpio(&seven);
	for (size_t step = 1; step < 600; step += 23) {
		assert_int_equal(taken_of(UNWRAP_ARCHIVE, buf_slice(&ar), step,
					  &members),
				 whole);
		assert_int_equal(members, 1);
		assert_int_equal(taken_of(UNWRAP_ARCHIVE, buf_slice(&cpio),
					  step, &members),
				 cpio.len / 2);
		assert_int_equal(members, 1);
		assert_int_equal(taken_of(UNWRAP_GZIP, buf_slice(&packed), step,
					  &members),
				 gzip.len);
		assert_int_equal(members, 1);
		assert_int_equal(taken_of(UNWRAP_WHOLE, buf_slice(&seven), step,
					  &members),
				 len);
		assert_int_equal(members, 1);
	}
	buf_done(&ar);
	buf_done(&cpio);
	buf_done(&packed);
	buf_done(&seven);
}

/* Its reader would go on to the next that follows anywhere. */
static void where_no_member_begins_an_archive_ends(void **state)
{
	struct buf cpio = BUF_INIT(INPUT_MAX), zip = BUF_INIT(INPUT_MAX);
	struct err e = { 0 };
	unsigned members;

	(void)state;
	add_cpio(&cpio);
	cpio.len = 124;
	add_zeroes(&cpio, 300);
	add_cpio(&cpio);
	for (unsigned i = 0; i < 2; i++) {
		static const char member[] =
			"PK\3\4\12\0\0\0\0\0\0\0\x21\0"
			"\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0a";

		assert_ok(buf_add(&zip,
				  (struct slice){ (const uint8_t *)member, 31 },
				  &e));
		add_zeroes(&zip, 300);
	}
	for (size_t step = 1; step < 600; step += 23) {
		assert_int_equal(taken_of(UNWRAP_ARCHIVE, buf_slice(&cpio),
					  step, &members),
				 124);
		assert_int_equal(members, 1);
		assert_int_equal(taken_of(UNWRAP_ARCHIVE, buf_slice(&zip), step,
					  &members),
				 31);
		assert_int_equal(members, 1);
	}
	buf_done(&cpio);
	buf_done(&zip);
}

/* What is compressed twice is looked at once in between. */
static void one_layer_is_opened_at_a_time(void **state)
{
	static const char twice[] = "\x1f\x8b\x08\0\0\0\0\0\0\3"
				    "\1\x14\0\xeb\xff"
				    "\x1f\x8b\x08\0\0\0\0\0\0\3"
				    "\3\0\0\0\0\0\0\0\0\0"
				    "\0\0\0\0\x14\0\0\0";
	struct feed f = { { (const uint8_t *)twice, sizeof(twice) - 1 },
			  50,
			  false };
	struct unwrap *u = NULL;
	struct err e = { 0 };
	char content[64];
	const char *shown;
	size_t got = 0;
	bool end;

	(void)state;
	assert_ok(unwrap_open(UNWRAP_GZIP, next, &f, &u, &e));
	assert_ok(unwrap_next(u, &shown, &end, &e));
	assert_false(end);
	assert_ok(unwrap_read(u, content, sizeof(content), &got, &e));
	assert_int_equal(got, 20);
	assert_memory_equal(content, twice, 10);
	unwrap_close(u);
}

/* ---- what cannot be looked into ------------------------------------------ */

/* A member that says to be encrypted, by the first of its flags (APPNOTE.TXT,
 * 4.4.4). */
static void an_encrypted_member_is_told(void **state)
{
	static const uint8_t zip[] = {
		'P', 'K', 3,   4,   20,  0,   1,   0,   0,   0,   0,
		0,   0,   0,   0,   0,   0,   0,   6,   0,   0,   0,
		6,   0,   0,   0,   5,   0,   0,   0,   'a', '.', 'k',
		'e', 'y', 's', 'e', 'c', 'r', 'e', 't',
	};
	struct feed f = { { zip, sizeof(zip) }, 50, false };
	const char *shown = NULL;
	struct unwrap *u = NULL;
	struct err e = { 0 };
	bool end = false;

	(void)state;
	assert_int_equal(unwrap_kind(f.rest), UNWRAP_ARCHIVE);
	assert_ok(unwrap_open(UNWRAP_ARCHIVE, next, &f, &u, &e));
	assert_refused_saying(unwrap_next(u, &shown, &end, &e), ERR_FORMAT,
			      "encrypted");
	unwrap_close(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_is_read_by_name),
		cmocka_unit_test(an_rpm_is_opened_down_to_its_cpio),
		cmocka_unit_test(what_is_cut_yields_no_member),
		cmocka_unit_test(a_failure_of_the_input_is_told),
		cmocka_unit_test(what_is_no_archive_is_none),
		cmocka_unit_test(an_old_tar_is_known_by_its_sum),
		cmocka_unit_test(a_cpio_without_its_header_is_none),
		cmocka_unit_test(zeroes_are_no_tar),
		cmocka_unit_test(a_7z_is_read_by_name),
		cmocka_unit_test(a_7z_whose_input_fails_is_not_opened),
		cmocka_unit_test(a_7z_without_an_end_is_refused),
		cmocka_unit_test(what_stands_behind_an_archive_is_none_of_it),
		cmocka_unit_test(where_no_member_begins_an_archive_ends),
		cmocka_unit_test(one_layer_is_opened_at_a_time),
		cmocka_unit_test(an_encrypted_member_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
