/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a search ends: what fails on the way is never taken for damage of what
 * is searched, for then nobody would hear of it; and what has no end is told.
 */
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fs.h"
#include "signer/sift.h"

#define PEM                                                                    \
	"-----BEGIN PRIVATE KEY-----\n"                                        \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"   \
	"OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"   \
	"1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"           \
	"-----END PRIVATE KEY-----\n"
#define FILE_MAX (80u << 20)
#define IMAGE    "tests/fuzz/corpus/peek/squashfs-key"

struct world {
	/* the source: it fails behind so many bytes, if any are left */
	struct slice rest;
	size_t good;
	/* the watcher: what it answers, and was told */
	enum err_code on_found, on_unread;
	unsigned found, unread, shut;
	char why[256];
	/* the place of the same bytes, and where copies go */
	const struct peek_place *place;
	int scratch_dirfd;
	uint64_t scratch_max;
};

static int found(void *ctx, const struct sift_finding *f, struct err *e)
{
	struct world *w = ctx;

	(void)f;
	w->found++;
	return w->on_found ? err_set(e, w->on_found, "found") : 0;
}

static int unread(void *ctx, const char *path, const char *why, bool shut,
		  struct err *e)
{
	struct world *w = ctx;

	(void)path;
	w->unread++;
	w->shut += shut;
	(void)snprintf(w->why, sizeof(w->why), "%s", why);
	return w->on_unread ? err_set(e, w->on_unread, "unread") : 0;
}

static int read_some(void *ctx, void *out, size_t len, size_t *got,
		     struct err *e)
{
	struct world *w = ctx;

	if (w->good == 0 && w->rest.len > 0)
		return err_set(e, ERR_SYSTEM, "the disk is broken");
	*got = len < w->rest.len ? len : w->rest.len;
	*got = *got < w->good ? *got : w->good;
	memcpy(out, w->rest.ptr, *got);
	w->good -= *got;
	w->rest = slice_sub(w->rest, *got, w->rest.len);
	/* Less than was asked for would be the end. */
	if (*got < len && w->rest.len > 0)
		return err_set(e, ERR_SYSTEM, "the disk is broken");
	return 0;
}

static struct world of(const struct buf *file)
{
	return (struct world){ .rest = buf_slice(file),
			       .good = file->len,
			       .scratch_dirfd = AT_FDCWD };
}

static int sift(struct world *w, struct err *e)
{
	const struct sift_watch watch = { found, unread, w };
	const struct sift_source source = { read_some, w, w->place };
	const struct sift_settings settings = {
		.scratch_dirfd = w->scratch_dirfd,
		.scratch_max = w->scratch_max,
	};
	struct sift *s = sift_new(&watch, &settings);
	int rc = sift_file(s, slice_of("file"), &source, e);

	sift_free(s);
	return rc;
}

static void add(struct buf *to, const void *bytes, size_t len)
{
	struct err e = { 0 };

	assert_ok(buf_add(to, (struct slice){ bytes, len }, &e));
}

/* A gzip stream, of blocks that are stored. */
static void add_gzip(struct buf *to, struct slice content)
{
	const size_t max = 65535;

	add(to, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
	for (size_t at = 0; at < content.len || at == 0; at += max) {
		const struct slice part = slice_sub(content, at, max);
		const uint8_t head[] = { content.len - at <= max,
					 (uint8_t)part.len,
					 (uint8_t)(part.len >> 8),
					 (uint8_t)~part.len,
					 (uint8_t)(~part.len >> 8) };

		add(to, head, sizeof(head));
		add(to, part.ptr, part.len);
	}
	add(to, "\0\0\0\0\0\0\0\0", 8);
}

static void add_member(struct buf *to, struct slice content)
{
	char header[80];

	(void)snprintf(header, sizeof(header),
		       "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", "k/", 0, 0, 0,
		       "100644", content.len);
	add(to, header, 60);
	add(to, content.ptr, content.len);
	if (content.len % 2 != 0)
		add(to, "\n", 1);
}

static void add_ar(struct buf *to, struct slice content)
{
	add(to, "!<arch>\n", 8);
	add_member(to, content);
}

static void add_base64(struct buf *to, struct slice in)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i + 2 < in.len; i += 3) {
		const unsigned v = (unsigned)in.ptr[i] << 16 |
				   (unsigned)in.ptr[i + 1] << 8 | in.ptr[i + 2];
		const char four[] = { digits[v >> 18], digits[v >> 12 & 63],
				      digits[v >> 6 & 63], digits[v & 63] };

		add(to, four, sizeof(four));
	}
}

static void load(const char *path, struct buf *out)
{
	struct err e = { 0 };

	assert_ok(fs_read_path(path, out, &e));
}

/* 600 KB that look like nothing, and a key at their end. */
static void fill(struct buf *to)
{
	for (unsigned i = 0; i < 600000; i++) {
		const uint8_t byte = (uint8_t)(i * 7 >> 3 & 0x3f);

		add(to, &byte, 1);
	}
	add(to, PEM, sizeof(PEM) - 1);
}

/* However deep: the file was not searched, and nothing may say that it was. */
static void a_disk_that_fails_is_no_damage(void **state)
{
	struct buf plain = BUF_INIT(FILE_MAX), ar = BUF_INIT(FILE_MAX);
	struct buf gzip = BUF_INIT(FILE_MAX), code = BUF_INIT(FILE_MAX);
	const struct buf *const files[] = { &plain, &ar, &gzip, &code };
	struct err e = { 0 };

	(void)state;
	fill(&plain);
	add_ar(&ar, buf_slice(&plain));
	add_gzip(&gzip, buf_slice(&ar));
	add_base64(&code, buf_slice(&gzip));
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		for (size_t good = 0; good < files[i]->len; good += 97001) {
			struct world w = of(files[i]);

			w.good = good;
			assert_refused(sift(&w, &e), ERR_SYSTEM);
		}
	buf_done(&plain);
	buf_done(&ar);
	buf_done(&gzip);
	buf_done(&code);
}

/* An image is looked into at its place; its own bytes are searched, too. */
static void a_disk_that_fails_under_an_image_is_no_damage(void **state)
{
	struct peek_place place = { memfd_create("image", MFD_CLOEXEC), 0, 0 };
	struct buf image = BUF_INIT(FILE_MAX);
	struct err e = { 0 };
	struct world w;

	(void)state;
	load(IMAGE, &image);
	fill(&image);
	place.len = image.len;
	assert_true(place.fd >= 0);
	assert_ok(fs_write_at(place.fd, 0, buf_slice(&image), &e));
	w = of(&image);
	w.place = &place;
	w.good = image.len - 10;
	assert_refused(sift(&w, &e), ERR_SYSTEM);
	close(place.fd);
	buf_done(&image);
}

static void an_image_that_cannot_be_copied_is_no_damage(void **state)
{
	struct buf image = BUF_INIT(FILE_MAX), ar = BUF_INIT(FILE_MAX);
	struct err e = { 0 };
	struct world w;

	(void)state;
	load(IMAGE, &image);
	add_ar(&ar, buf_slice(&image));
	w = of(&ar);
	w.scratch_dirfd = -1;
	assert_int_equal(sift(&w, &e), -1);
	assert_int_equal(w.unread, 0);
	buf_done(&image);
	buf_done(&ar);
}

/* As bytes, and to its end. */
static void an_image_that_is_too_large_is_searched_all_the_same(void **state)
{
	struct buf image = BUF_INIT(FILE_MAX);
	struct err e = { 0 };
	struct world w;

	(void)state;
	load(IMAGE, &image);
	fill(&image);
	w = of(&image);
	w.scratch_max = 1;
	assert_ok(sift(&w, &e));
	assert_int_equal(w.shut, 1);
	assert_int_equal(w.found, 2); /* in the image, and behind it */
	w = of(&image);
	w.scratch_max = 1;
	w.good = image.len - 10;
	assert_refused(sift(&w, &e), ERR_SYSTEM);
	buf_done(&image);
}

/* Also one that sounds as damage would. */
static void every_answer_of_the_watcher_ends_it(void **state)
{
	static const enum err_code codes[] = { ERR_REFUSED, ERR_FORMAT,
					       ERR_LIMIT };
	struct buf ar = BUF_INIT(FILE_MAX), gzip = BUF_INIT(FILE_MAX);
	struct err e = { 0 };

	(void)state;
	add_ar(&ar, slice_of(PEM));
	add_gzip(&gzip, buf_slice(&ar));
	add(&gzip, PEM, sizeof(PEM) - 1);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct world w = of(&gzip);

		w.on_found = codes[i];
		assert_refused(sift(&w, &e), codes[i]);
		assert_int_equal(w.found, 1);
		assert_int_equal(w.unread, 0);
	}
	buf_done(&ar);
	buf_done(&gzip);
}

static void damage_is_told_once_wherever_it_is_noticed(void **state)
{
	struct buf plain = BUF_INIT(FILE_MAX), ar = BUF_INIT(FILE_MAX);
	struct buf gzip = BUF_INIT(FILE_MAX);
	struct err e = { 0 };
	struct world w;

	(void)state;
	fill(&plain);
	add_ar(&ar, buf_slice(&plain));
	add_gzip(&gzip, buf_slice(&ar));
	gzip.len -= 1000;
	w = of(&gzip);
	assert_ok(sift(&w, &e));
	assert_int_equal(w.unread, 1);
	buf_done(&plain);
	buf_done(&ar);
	buf_done(&gzip);
}

static void what_is_nested_without_end_is_told(void **state)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct err e = { 0 };
	struct world w;

	(void)state;
	add(&file, PEM, sizeof(PEM) - 1);
	for (unsigned i = 0; i < SIFT_DEPTH_MAX - 1; i++) {
		struct buf outer = BUF_INIT(FILE_MAX);

		add_gzip(&outer, buf_slice(&file));
		buf_done(&file);
		file = outer;
	}
	w = of(&file);
	assert_ok(sift(&w, &e));
	assert_int_equal(w.unread, 0);
	assert_true(w.found > 0);
	for (unsigned i = 0; i < 4; i++) {
		struct buf outer = BUF_INIT(FILE_MAX);

		add_gzip(&outer, buf_slice(&file));
		buf_done(&file);
		file = outer;
	}
	w = of(&file);
	assert_ok(sift(&w, &e));
	assert_int_equal(w.shut, 1);
	assert_string_equal(w.why, "nested too deep");
	w = of(&file);
	w.on_unread = ERR_REFUSED;
	assert_refused(sift(&w, &e), ERR_REFUSED);
	buf_done(&file);
}

/* zstd: each block of four bytes is 128 KiB of zeroes. */
static void a_bomb_is_told_and_not_followed(void **state)
{
	const uint64_t blocks = (SIFT_EXPANDED_MIN >> 17) + 64;
	struct buf file = BUF_INIT(FILE_MAX);
	struct err e = { 0 };
	struct world w;

	(void)state;
	add(&file, "\x28\xb5\x2f\xfd\0\x58", 6);
	for (uint64_t i = 0; i < blocks; i++)
		add(&file, "\x02\0\x10\0", 4);
	add(&file, "\1\0\0", 3);
	w = of(&file);
	assert_ok(sift(&w, &e));
	assert_int_equal(w.shut, 1);
	assert_string_equal(w.why, "expands without end");
	buf_done(&file);
}

static void more_files_than_anybody_has_are_told(void **state)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct err e = { 0 };
	struct world w;

	(void)state;
	add(&file, "!<arch>\n", 8);
	for (unsigned i = 0; i <= SIFT_MEMBERS_MAX; i++)
		add_member(&file, slice_of(""));
	w = of(&file);
	assert_ok(sift(&w, &e));
	assert_int_equal(w.shut, 1);
	assert_string_equal(w.why, "holds too many files");
	buf_done(&file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_that_fails_is_no_damage),
		cmocka_unit_test(a_disk_that_fails_under_an_image_is_no_damage),
		cmocka_unit_test(an_image_that_cannot_be_copied_is_no_damage),
		cmocka_unit_test(
			an_image_that_is_too_large_is_searched_all_the_same),
		cmocka_unit_test(every_answer_of_the_watcher_ends_it),
		cmocka_unit_test(damage_is_told_once_wherever_it_is_noticed),
		cmocka_unit_test(what_is_nested_without_end_is_told),
		cmocka_unit_test(a_bomb_is_told_and_not_followed),
		cmocka_unit_test(more_files_than_anybody_has_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
