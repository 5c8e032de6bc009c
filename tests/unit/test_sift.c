/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/le.h"
#include "common/random.h"
#include "signer/sift.h"

#define PEM                                                                    \
	"-----BEGIN PRIVATE KEY-----\n"                                        \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"   \
	"OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"   \
	"1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"           \
	"-----END PRIVATE KEY-----\n"
#define BIG 3000000

/* What the watcher was told, and a source over memory. */
struct said {
	unsigned found, unread, shut;
	char what[256], path[256], why[256];
	uint64_t at;
	int answer;
};

static int found(void *ctx, const struct sift_finding *f, struct err *e)
{
	struct said *s = ctx;

	s->found++;
	(void)snprintf(s->what, sizeof(s->what), "%s", f->what);
	(void)snprintf(s->path, sizeof(s->path), "%s", f->path);
	s->at = f->offset;
	return s->answer ? err_set(e, ERR_REFUSED, "no") : 0;
}

static int unread(void *ctx, const char *path, const char *why, bool shut,
		  struct err *e)
{
	struct said *s = ctx;

	(void)path;
	(void)e; /* the tests do not refuse here */
	s->unread++;
	s->shut += shut;
	(void)snprintf(s->why, sizeof(s->why), "%s", why);
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

static uint64_t scratch_max;

static int sift_bytes_of(struct slice bytes, struct scalars *known,
			 bool exhaustive, struct said *said, struct err *e)
{
	const struct sift_watch watch = { found, unread, said };
	const struct sift_source source = { read_memory, &bytes, NULL };
	const struct sift_settings settings = { known, exhaustive, AT_FDCWD,
						scratch_max };
	struct sift *s = sift_new(&watch, &settings);
	int rc = sift_file(s, slice_of("file"), &source, e);

	sift_free(s);
	return rc;
}

static void look(struct slice bytes, struct said *said)
{
	struct err e = { 0 };

	*said = (struct said){ 0 };
	assert_ok(sift_bytes_of(bytes, NULL, false, said, &e));
}

static uint8_t *noise(void)
{
	uint8_t *bytes = malloc(BIG);

	assert_non_null(bytes);
	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (uint8_t)(i * 7 >> 3 & 0x3f);
	return bytes;
}

/* Wherever it lies: at the seams of windows, too, and only once. */
static void a_key_is_found_at_every_offset_of_a_large_file(void **state)
{
	uint8_t *bytes = noise();
	struct said said;

	(void)state;
	for (size_t at = 200000; at < 600000; at += 1777) {
		memcpy(bytes + at, PEM, sizeof(PEM) - 1);
		look((struct slice){ bytes, BIG / 4 }, &said);
		assert_int_equal(said.found, 1);
		assert_int_equal(said.at, at);
		assert_string_equal(said.what, "a PEM private key");
		memset(bytes + at, 0, sizeof(PEM) - 1);
	}
	free(bytes);
}

static size_t base64(const char *text, char *out, size_t line)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
				      "opqrstuvwxyz0123456789+/";
	size_t len = 0, column = 0;
	uint32_t bits = 0;
	int have = 0;

	for (; *text; text++) {
		bits = bits << 8 | (uint8_t)*text;
		for (have += 8; have >= 6; have -= 6) {
			out[len++] = letters[bits >> (have - 6) & 63];
			if (++column == line) {
				out[len++] = '\n';
				column = 0;
			}
		}
	}
	out[len++] = letters[bits << (6 - have) & 63];
	out[len] = 0;
	return len;
}

static void base64_is_decoded_twice_and_no_more(void **state)
{
	char once[2048], twice[4096], thrice[8192];
	struct said said;

	(void)state;
	base64(PEM, once, 64);
	look(slice_of(once), &said);
	assert_int_equal(said.found, 1);
	assert_string_equal(said.what, "a PEM private key, in base64");
	base64(once, twice, 76);
	look(slice_of(twice), &said);
	assert_int_equal(said.found, 1);
	assert_string_equal(said.what, "a PEM private key, in base64 twice");
	base64(twice, thrice, 1000);
	look(slice_of(thrice), &said);
	assert_int_equal(said.found, 0);
}

static void base64_is_found_within_other_text(void **state)
{
	char text[4096] = "password = no\nkey: \"";
	struct said said;
	size_t at = strlen(text);

	(void)state;
	base64(PEM, text + at, 10000);
	memcpy(text + strlen(text), "\"\nmore: yes\n", 13);
	look(slice_of(text), &said);
	assert_int_equal(said.found, 1);
	assert_int_equal(said.at, at);
}

/* A PEM file's body is base64 of DER: that is one key, not two. */
static void a_key_in_a_key_is_told_once(void **state)
{
	struct said said;

	(void)state;
	look(slice_of("x" PEM "y" PEM), &said);
	assert_int_equal(said.found, 2);
}

static void a_refusal_ends_it(void **state)
{
	struct said said = { .answer = -1 };
	struct err e = { 0 };

	(void)state;
	assert_refused(sift_bytes_of(slice_of(PEM PEM), NULL, false, &said, &e),
		       ERR_REFUSED);
	assert_int_equal(said.found, 1);
}

/* ---- scalars of known keys ----------------------------------------------- */

struct mine {
	struct scalars *known;
	uint8_t scalar[EC_SCALAR_LEN];
};

/* One that looks random, as ninety-nine of a hundred do: always the same. */
static void know(struct mine *m)
{
	struct ec_private *key = NULL;
	struct ec_public public_key;
	struct sha256 scalar;
	struct err e = { 0 };

	m->known = scalars_new();
	sha256_of(slice_of("a private key"), &scalar);
	memcpy(m->scalar, scalar.bytes, EC_SCALAR_LEN);
	assert_ok(ec_private_from_scalar(m->scalar, &key, &e));
	ec_public_of(key, &public_key);
	ec_free(key);
	assert_ok(scalars_add(m->known, public_key.point + 1, "mine", &e));
}

static unsigned search(const struct mine *m, struct slice bytes,
		       bool exhaustive, uint64_t *at)
{
	struct said said = { 0 };
	struct err e = { 0 };

	assert_ok(sift_bytes_of(bytes, m->known, exhaustive, &said, &e));
	*at = said.at;
	if (said.found > 0)
		assert_string_equal(said.what, "the private half of mine");
	return said.found;
}

static void a_known_scalar_is_found_wherever_it_stands(void **state)
{
	/* Odd places; within a window, at its seam, and in later ones. */
	static const size_t places[] = { 0,      1,      2,      320,
					 1001,   70003,  253900, 253951,
					 253952, 253953, 254000, BIG - 32 };
	uint8_t *bytes = noise();
	struct mine m;
	uint64_t at;

	(void)state;
	know(&m);
	assert_int_equal(search(&m, (struct slice){ m.scalar, 32 }, false, &at),
			 1);
	assert_int_equal(search(&m, (struct slice){ m.scalar, 31 }, false, &at),
			 0);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		uint8_t before[EC_SCALAR_LEN];

		memcpy(before, bytes + places[i], sizeof(before));
		memcpy(bytes + places[i], m.scalar, sizeof(before));
		assert_int_equal(
			search(&m, (struct slice){ bytes, BIG }, false, &at),
			1);
		assert_int_equal(at, places[i]);
		memcpy(bytes + places[i], before, sizeof(before));
	}
	assert_int_equal(search(&m, (struct slice){ bytes, BIG }, false, &at),
			 0);
	scalars_free(m.known);
	free(bytes);
}

/*
 * Where so much could be random that not each place is tried: what is behind a
 * header, or stands alone at a multiple of 16; all, if that is asked for.
 */
static void in_noise_it_is_found_by_its_place(void **state)
{
	enum {
		LEN = 2 * SIFT_PLACES
	};
	static const struct {
		size_t at;
		bool found;
	} places[] = {
		{ 1001, true },
		{ SIFT_PLACES - 1, true },
		{ SIFT_PLACES + 1001, false },
		{ LEN - 32, false },
	};
	uint8_t *bytes = malloc(LEN), *at_place;
	struct mine m;
	uint64_t at;

	(void)state;
	assert_non_null(bytes);
	random_bytes(bytes, LEN);
	know(&m);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		uint8_t before[EC_SCALAR_LEN];

		memcpy(before, bytes + places[i].at, sizeof(before));
		memcpy(bytes + places[i].at, m.scalar, sizeof(before));
		assert_int_equal(
			search(&m, (struct slice){ bytes, LEN }, false, &at),
			places[i].found);
		assert_int_equal(
			search(&m, (struct slice){ bytes, LEN }, true, &at), 1);
		assert_int_equal(at, places[i].at);
		memcpy(bytes + places[i].at, before, sizeof(before));
	}
	at_place = bytes + SIFT_PLACES + 1601;
	memcpy(at_place, "\x04\x20", 2);
	memcpy(at_place + 2, m.scalar, EC_SCALAR_LEN);
	assert_int_equal(search(&m, (struct slice){ bytes, LEN }, false, &at),
			 1);
	assert_int_equal(at, SIFT_PLACES + 1603);
	memset(bytes + SIFT_PLACES + 1584, 0, 64);
	memcpy(bytes + SIFT_PLACES + 1600, m.scalar, EC_SCALAR_LEN);
	assert_int_equal(search(&m, (struct slice){ bytes, LEN }, false, &at),
			 1);
	assert_int_equal(at, SIFT_PLACES + 1600);
	scalars_free(m.known);
	free(bytes);
}

/* How often it is found, as the next file of a scan. */
static unsigned found_next(struct sift *s, struct said *said, const void *file,
			   size_t len)
{
	struct slice bytes = { file, len };
	const struct sift_source source = { read_memory, &bytes, NULL };
	const unsigned before = said->found;
	struct err e = { 0 };

	assert_ok(sift_file(s, slice_of("file"), &source, &e));
	return said->found - before;
}

/* A scan of many programs tries so many places, then few of each: but all of
 * what is short, and of text. */
static void a_long_scan_still_looks_at_what_is_short_and_at_text(void **state)
{
	enum {
		LEN = SIFT_PLACES,
		FILES = SIFT_PLACES_SCAN / SIFT_PLACES + 1
	};
	uint8_t *bytes = malloc(LEN);
	struct said said = { 0 };
	const struct sift_watch watch = { found, unread, &said };
	struct sift_settings settings = { .scratch_dirfd = AT_FDCWD };
	struct mine m;
	struct sift *s;

	(void)state;
	assert_non_null(bytes);
	random_bytes(bytes, LEN);
	know(&m);
	settings.known = m.known;
	memcpy(bytes + LEN / 2 + 1, m.scalar, EC_SCALAR_LEN);
	s = sift_new(&watch, &settings);
	for (size_t i = 0; i < FILES; i++)
		assert_int_equal(found_next(s, &said, bytes, LEN), 1);
	assert_int_equal(found_next(s, &said, bytes, LEN), 0);
	assert_int_equal(
		found_next(s, &said, bytes + LEN / 2 - 250, SIFT_SHORT), 1);
	memset(bytes, 'a', LEN);
	memcpy(bytes + LEN / 2 + 1, m.scalar, EC_SCALAR_LEN);
	assert_int_equal(found_next(s, &said, bytes, LEN), 1);
	sift_free(s);
	scalars_free(m.known);
	free(bytes);
}

static void a_known_scalar_is_found_as_text(void **state)
{
	char text[256] = "secret=";
	struct mine m;
	uint64_t at;

	(void)state;
	know(&m);
	for (size_t i = 0; i < EC_SCALAR_LEN; i++)
		(void)snprintf(text + 7 + 2 * i, 3, "%02X", m.scalar[i]);
	{
		struct said said = { 0 };
		struct err e = { 0 };

		assert_ok(sift_bytes_of(slice_of(text), m.known, false, &said,
					&e));
		assert_int_equal(said.found, 1);
		assert_int_equal(said.at, 7);
		assert_string_equal(said.what,
				    "the private half of mine, in hexadecimal");
	}
	m.scalar[3] ^= 1;
	assert_int_equal(search(&m, (struct slice){ m.scalar, 32 }, true, &at),
			 0);
	scalars_free(m.known);
}

/*
 * A member is at work while its archive's own bytes come in, window by window;
 * what these hold in base64 must not take its place.
 */
static void base64_in_an_archive_leaves_its_member_alone(void **state)
{
	enum {
		HEADER = 68,
		LEN = BIG - HEADER
	};
	static const char inner[] =
		"!<arch>\n"
		"x/              0           0     0     100644  10        `\n"
		"0123456789";
	uint8_t *bytes = noise();
	char header[HEADER + 1], text[400];
	struct said said;
	size_t len;

	(void)state;
	(void)snprintf(header, sizeof(header),
		       "!<arch>\n%-16s%-12d%-6d%-6d%-8s%-10d`\n", "m/", 0, 0, 0,
		       "100644", LEN);
	memcpy(bytes, header, HEADER);
	len = base64(inner, text, 10000);
	for (size_t at = 100000; at + 100000 < BIG; at += 100000)
		memcpy(bytes + at, text, len);
	memcpy(bytes + BIG - sizeof(PEM), PEM, sizeof(PEM) - 1);
	look((struct slice){ bytes, BIG }, &said);
	assert_int_equal(said.found, 1);
	assert_string_equal(said.path, "file!/m");
	assert_string_equal(said.what, "a PEM private key");
	free(bytes);
}

/* ---- archives ------------------------------------------------------------ */

/* A 7z with a key in PEM, by libarchive: etc/key.pem. */
static const uint8_t seven_zip[] = {
	0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, 0x00, 0x03, 0x69, 0x97, 0xe8, 0x78,
	0x52, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4a, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0xb2, 0xee, 0xb6, 0x1c, 0x00, 0x16, 0xe9, 0x0c,
	0x88, 0xa4, 0x84, 0x7b, 0x9d, 0x4c, 0x62, 0xd7, 0x9f, 0x91, 0xdc, 0x63,
	0x4d, 0x96, 0x00, 0x92, 0xaf, 0xdb, 0x17, 0xe6, 0x1a, 0x3f, 0x82, 0xa8,
	0x97, 0xdf, 0xcc, 0xa8, 0x14, 0xda, 0xf5, 0x3e, 0xf8, 0xd9, 0xef, 0xee,
	0xd1, 0xd3, 0xd2, 0xe6, 0x05, 0x86, 0x6d, 0x5a, 0xc6, 0xb4, 0xf2, 0x90,
	0x4f, 0x78, 0xef, 0x37, 0x5e, 0xd6, 0x94, 0x80, 0x10, 0x1a, 0xa8, 0x39,
	0xef, 0x5a, 0x0f, 0x95, 0xd2, 0xb3, 0xb3, 0x29, 0xd5, 0x17, 0x72, 0x27,
	0xff, 0xff, 0xba, 0x6c, 0x00, 0x00, 0x01, 0x04, 0x06, 0x00, 0x01, 0x09,
	0x52, 0x00, 0x07, 0x0b, 0x01, 0x00, 0x01, 0x23, 0x03, 0x01, 0x01, 0x05,
	0x5d, 0x00, 0x00, 0x80, 0x00, 0x0c, 0x67, 0x00, 0x08, 0x0a, 0x01, 0x48,
	0xcc, 0x11, 0xee, 0x00, 0x00, 0x05, 0x01, 0x11, 0x19, 0x00, 0x65, 0x00,
	0x74, 0x00, 0x63, 0x00, 0x2f, 0x00, 0x6b, 0x00, 0x65, 0x00, 0x79, 0x00,
	0x2e, 0x00, 0x70, 0x00, 0x65, 0x00, 0x6d, 0x00, 0x00, 0x00, 0x15, 0x06,
	0x01, 0x00, 0x20, 0x80, 0xa4, 0x81, 0x00, 0x00,
};

static void a_7z_is_opened(void **state)
{
	struct slice bytes = { seven_zip, sizeof(seven_zip) };
	struct said said;

	(void)state;
	look(bytes, &said);
	assert_int_equal(said.found, 1);
	assert_string_equal(said.path, "file!/etc/key.pem");
	/* Damaged or cut off it is noted. */
	for (size_t len = 40; len < bytes.len; len += 20) {
		look(slice_sub(bytes, 0, len), &said);
		assert_int_equal(said.found, 0);
	}
}

static void what_cannot_be_opened_is_said(void **state)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t len;
		const char *why;
	} shut[] = {
		{ 0, "hsqs", 4, "is a squashfs image of an old version" },
		{ 0, "sqsh", 4, "is a squashfs image of an old version" },
		{ 0, "\x45\x3d\xcd\x28", 4, "is a cramfs image" },
		{ 0, "\x28\xcd\x3d\x45", 4, "is a cramfs image" },
		{ 1024, "\xe2\xe1\xf5\xe0", 4, "is an erofs image" },
		{ 1024, "\x10\x20\xf5\xf2", 4, "is an f2fs image" },
		{ 65600, "_BHRfS_M", 8, "is a btrfs image" },
		{ 0, "UBI#\x01", 5, "is a UBI image" },
		{ 0, "\x31\x18\x10\x06", 4, "is a UBIFS image" },
		{ 0, "-rom1fs-", 8, "is a romfs image" },
		{ 0, "\x85\x19\x01\xe0", 4, "is a jffs2 image" },
		{ 0, "\x85\x19\x02\xe0", 4, "is a jffs2 image" },
		{ 0, "\x85\x19\x03\x20", 4, "is a jffs2 image" },
		{ 0, "\x85\x19\x06\x20", 4, "is a jffs2 image" },
		{ 0, "\x19\x85\xe0\x01", 4, "is a jffs2 image" },
		{ 0, "\x19\x85\xe0\x02", 4, "is a jffs2 image" },
		{ 0, "\x19\x85\x20\x03", 4, "is a jffs2 image" },
		{ 0, "\x19\x85\x20\x06", 4, "is a jffs2 image" },
		{ 0, "LUKS\xba\xbe", 6, "is an encrypted disk (LUKS)" },
		{ 0, "QFI\xfb\0\0\0", 7, "is a qcow2 image" },
		{ 0, "\x3a\xff\x26\xed", 4, "is a sparse image of Android" },
		{ 0, "Rar!\x1a\x07", 6, "is a rar archive" },
		{ 0, "MSCF\0\0\0\0", 8, "is a cab archive" },
		{ 0, "PAWL\1", 5, "is a package of Pawl" },
	};
	static uint8_t image[70000];
	const struct slice bytes = { image, sizeof(image) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shut); i++) {
		struct said said;

		memset(image, 0, sizeof(image));
		memcpy(image + shut[i].at, shut[i].bytes, shut[i].len);
		look(bytes, &said);
		assert_int_equal(said.shut, 1);
		assert_memory_equal(said.why, shut[i].why, strlen(shut[i].why));
		image[shut[i].at + shut[i].len - 1] ^= 0x40;
		look(bytes, &said);
		assert_int_equal(said.unread, 0);
	}
}

/* A zip of one member behind what is in `out`. */
static void add_zip(struct buf *out, const char *name, const char *content)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	uint8_t bytes[2000];
	size_t used = 0;
	struct err e;

	assert_int_equal(archive_write_set_format_zip(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1),
			 ARCHIVE_OK);
	assert_int_equal(
		archive_write_open_memory(a, bytes, sizeof(bytes), &used),
		ARCHIVE_OK);
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)strlen(content));
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, content, strlen(content)),
			 strlen(content));
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	archive_entry_free(entry);
	assert_ok(buf_add(out, (struct slice){ bytes, used }, &e));
}

#define CODE_LEN 5000 /* of what stands before */

static void add_code(struct buf *out)
{
	struct err e;

	for (size_t i = 0; i < CODE_LEN; i++)
		assert_ok(buf_add(
			out,
			(struct slice){ (const uint8_t *)"code" + i % 4, 1 },
			&e));
}

/* libarchive reads on behind the first, and does not look there. */
static void each_zip_in_the_midst_is_opened(void **state)
{
	struct buf bytes = BUF_INIT(100000);
	struct said said;
	char path[64];
	size_t at;

	(void)state;
	add_code(&bytes);
	add_zip(&bytes, "a", "nothing");
	at = bytes.len;
	add_zip(&bytes, "key", PEM);
	add_zip(&bytes, "b", "nothing");
	look(buf_slice(&bytes), &said);
	assert_int_equal(said.found, 1);
	assert_int_equal(said.unread, 0);
	(void)snprintf(path, sizeof(path), "file!@%zu!/key", at);
	assert_string_equal(said.path, path);
	buf_done(&bytes);
}

static void a_member_behind_an_encrypted_one_is_opened(void **state)
{
	static const uint8_t methods[] = { 0, 8, 99 };
	struct buf bytes = BUF_INIT(100000);
	struct said said;

	(void)state;
	add_code(&bytes);
	add_zip(&bytes, "a", "nothing");
	/* As one zip has it: no central directory between the two. */
	bytes.len = CODE_LEN + 30 + 1 + 20;
	bytes.ptr[CODE_LEN + 6] |= 1;
	add_zip(&bytes, "key", PEM);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		bytes.ptr[CODE_LEN + 8] = methods[i];
		look(buf_slice(&bytes), &said);
		assert_int_equal(said.found, 1);
		assert_int_equal(said.unread, 1);
		assert_int_equal(said.shut, 0);
		assert_string_equal(said.why, "it is encrypted");
	}
	buf_done(&bytes);
}

/* Packed by what the library does not know. */
static void a_member_that_cannot_be_read_is_noted(void **state)
{
	struct buf bytes = BUF_INIT(100000);
	struct said said;

	(void)state;
	add_code(&bytes);
	add_zip(&bytes, "key", PEM);
	bytes.ptr[CODE_LEN + 8] = 9;
	look(buf_slice(&bytes), &said);
	assert_int_equal(said.found, 0);
	assert_int_equal(said.unread, 1);
	buf_done(&bytes);
}

/* ---- images -------------------------------------------------------------- */

#define IMAGES "tests/fuzz/corpus/peek/"
#define SECTOR 512u

static void load(const char *path, struct buf *out)
{
	struct err e = { 0 };

	*out = (struct buf)BUF_INIT(1 << 20);
	assert_ok(fs_read_path(path, out, &e));
}

static void a_key_in_an_image_is_told_by_its_path(void **state)
{
	static const char *const images[] = { IMAGES "ext4",
					      IMAGES "squashfs-key" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		struct buf bytes;
		struct said said;

		load(images[i], &bytes);
		look(buf_slice(&bytes), &said);
		assert_int_equal(said.unread, 0);
		assert_int_equal(said.found, 1);
		assert_string_equal(said.path, "file!/etc/key");
		assert_int_equal(said.at, 0);
		/* What is cut off may hold one. */
		bytes.len /= 3;
		look(buf_slice(&bytes), &said);
		assert_int_equal(said.shut, 1);
		buf_done(&bytes);
	}
}

/* A disk with one partition, which these bytes become. */
static void wrap(struct buf *bytes)
{
	struct buf disk = BUF_INIT(1 << 20);
	uint8_t sector[SECTOR] = {
		[446 + 4] = 0x83, [446 + 8] = 1, [510] = 0x55, [511] = 0xaa
	};
	struct err e = { 0 };

	le32_put(sector + 446 + 12, (uint32_t)(bytes->len / SECTOR + 1));
	assert_ok(buf_add(&disk, (struct slice){ sector, SECTOR }, &e));
	assert_ok(buf_add(&disk, buf_slice(bytes), &e));
	buf_done(bytes);
	*bytes = disk;
}

static void partitions_are_opened_but_not_without_end(void **state)
{
	struct buf bytes;
	struct said said;

	(void)state;
	load(IMAGES "squashfs-key", &bytes);
	wrap(&bytes);
	look(buf_slice(&bytes), &said);
	assert_int_equal(said.unread, 0);
	assert_int_equal(said.found, 1);
	assert_string_equal(said.path, "file!/partition 1!/etc/key");
	for (unsigned images = 2; images < SIFT_IMAGES_MAX; images++)
		wrap(&bytes);
	look(buf_slice(&bytes), &said);
	assert_int_equal(said.unread, 0);
	assert_int_equal(said.found, 1);
	wrap(&bytes);
	look(buf_slice(&bytes), &said);
	assert_int_equal(said.shut, 1);
	assert_string_equal(said.why, "nested too deep");
	buf_done(&bytes);
}

/* Not only what is in files: what was deleted is still there. */
static void what_no_file_has_is_found_in_an_image(void **state)
{
	struct err e = { 0 };
	struct buf bytes;
	struct said said;

	(void)state;
	load("tests/fuzz/corpus/cut_squashfs/xz", &bytes);
	assert_ok(buf_add(&bytes, slice_of(PEM), &e));
	look(buf_slice(&bytes), &said);
	assert_int_equal(said.found, 1);
	assert_string_equal(said.path, "file");
	buf_done(&bytes);
}

/* The first KiB of ext4 and the first sector's start are a loader's. */
static void an_image_that_begins_like_an_archive_is_opened(void **state)
{
	static const struct {
		size_t at;
		const char *bytes;
	} starts[] = {
		{ 0, "\x1f\x8b\x08" },
		{ 0, "BZh9" },
		{ 257, "ustar" },
	};
	struct said said;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		struct buf bytes;

		load(IMAGES "ext4", &bytes);
		memcpy(bytes.ptr + starts[i].at, starts[i].bytes,
		       strlen(starts[i].bytes));
		look(buf_slice(&bytes), &said);
		assert_int_equal(said.found, 1);
		assert_string_equal(said.path, "file!/etc/key");
		/* It may be one all the same. */
		assert_int_equal(said.shut, 1);
		assert_string_equal(said.why, "is an archive, too, which is "
					      "not opened here");
		buf_done(&bytes);
	}
}

static void an_image_that_is_too_large_to_be_copied_is_told(void **state)
{
	struct buf bytes;
	struct said said;

	(void)state;
	load(IMAGES "squashfs-key", &bytes);
	scratch_max = 1;
	look(buf_slice(&bytes), &said);
	scratch_max = 0;
	assert_int_equal(said.shut, 1);
	assert_string_equal(said.why, "is an image that is too large to be "
				      "copied and looked into");
	/* As bytes it is searched. */
	assert_int_equal(said.found, 1);
	assert_string_equal(said.path, "file");
	buf_done(&bytes);
}

static void what_only_begins_like_an_archive_is_nothing(void **state)
{
	static const char *const starts[] = {
		"\x1f\x9d\x90", "BZh9",      "\x5d",     "PK\x03\x04",
		"070701",       "!<arch>\n", "\xc7\x71", "\x28\xb5\x2f\xfd",
		"LZIP\x01",
	};
	uint8_t *bytes = noise();
	struct said said;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		memcpy(bytes, starts[i], strlen(starts[i]));
		memcpy(bytes + 5000, PEM, sizeof(PEM) - 1);
		look((struct slice){ bytes, 20000 }, &said);
		assert_int_equal(said.found, 1);
		assert_int_equal(said.shut, 0);
		assert_int_equal(said.at, 5000);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_key_is_found_at_every_offset_of_a_large_file),
		cmocka_unit_test(base64_is_decoded_twice_and_no_more),
		cmocka_unit_test(base64_is_found_within_other_text),
		cmocka_unit_test(base64_in_an_archive_leaves_its_member_alone),
		cmocka_unit_test(a_key_in_a_key_is_told_once),
		cmocka_unit_test(a_refusal_ends_it),
		cmocka_unit_test(a_known_scalar_is_found_wherever_it_stands),
		cmocka_unit_test(in_noise_it_is_found_by_its_place),
		cmocka_unit_test(
			a_long_scan_still_looks_at_what_is_short_and_at_text),
		cmocka_unit_test(a_known_scalar_is_found_as_text),
		cmocka_unit_test(a_7z_is_opened),
		cmocka_unit_test(what_cannot_be_opened_is_said),
		cmocka_unit_test(each_zip_in_the_midst_is_opened),
		cmocka_unit_test(a_member_behind_an_encrypted_one_is_opened),
		cmocka_unit_test(a_member_that_cannot_be_read_is_noted),
		cmocka_unit_test(a_key_in_an_image_is_told_by_its_path),
		cmocka_unit_test(partitions_are_opened_but_not_without_end),
		cmocka_unit_test(what_no_file_has_is_found_in_an_image),
		cmocka_unit_test(
			an_image_that_begins_like_an_archive_is_opened),
		cmocka_unit_test(
			an_image_that_is_too_large_to_be_copied_is_told),
		cmocka_unit_test(what_only_begins_like_an_archive_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
