/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an image to packages, and by the devices' own applier back: what comes
 * out is what went in, and of a bad package or base nothing does.
 */
#include "common/apply_image.h"

#include "common/apply.h"
#include "common/image.h"
#include "common/image_disk.h"
#include "common/mem.h"
#include "signer/pack.h"
#include "tests/unit/box.h"
#include "tests/unit/ear.h"

#define IMAGE_LEN (24u * IMAGE_BLOCK + 512)
#define SLOT_LEN  (IMAGE_LEN + 1000)

static struct box box;
static struct pack_settings how;
static uint8_t older[IMAGE_LEN], newer[IMAGE_LEN], seen[SLOT_LEN];
static struct pack_tree *old_content, *new_content;

static void put_image(const char *name, const uint8_t *bytes)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(
		box.dir, name, (struct slice){ bytes, IMAGE_LEN }, 0644, &e));
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

/* Noise, so that packages have many chunks; a hole; a part that moves. */
static void make_images(void)
{
	uint32_t seed = 1;

	for (size_t i = 0; i < IMAGE_LEN; i++) {
		seed = seed * 1664525 + 1013904223;
		older[i] = (uint8_t)(seed >> 24);
	}
	memset(older + 3 * IMAGE_BLOCK, 0, 5 * IMAGE_BLOCK);
	memcpy(newer, older, IMAGE_LEN);
	memmove(newer + 10000, older, 12u * IMAGE_BLOCK);
	for (size_t i = IMAGE_LEN - 9000; i < IMAGE_LEN; i++)
		newer[i] ^= 0x55;
}

static int setup(void **state)
{
	(void)state;
	box_open(&box);
	how = (struct pack_settings){ .content = PACKAGE_IMAGE, .quiet = true };
	how.scratch_dirfd = box_folder(&box, "scratch");
	make_images();
	put_image("older", older);
	put_image("newer", newer);
	old_content = load("older");
	new_content = load("newer");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pack_tree_free(old_content);
	pack_tree_free(new_content);
	fs_close(&how.scratch_dirfd);
	box_close(&box);
	return 0;
}

/* ---- one attempt --------------------------------------------------------- */

struct attempt {
	struct release release;
	int package_fd, old_fd, new_fd;
	uint64_t old_len;
	const struct apply_resume *resume;
	const struct tree_watch *watch;
};

static int read_file_at(void *ctx, uint64_t offset, void *out, size_t len,
			struct err *e)
{
	size_t got;

	if (fs_read_at(*(const int *)ctx, offset, out, len, &got, e))
		return -1;
	return got == len ? 0 : err_set(e, ERR_FORMAT, "cut off");
}

static void begin(struct attempt *a, struct pack_tree *base,
		  enum package_codec codec)
{
	struct pack_job job = { .content = new_content,
				.base = base,
				.codec = codec,
				.fd = -1,
				.scratch_dirfd = how.scratch_dirfd,
				.quiet = true };
	struct err e = { 0 };

	*a = (struct attempt){ .old_fd = -1, .new_fd = -1 };
	assert_ok(fs_open_nameless(box.dir, &job.fd, &e));
	assert_ok(pack_make(&job, &a->release, &e));
	a->package_fd = job.fd;
	assert_ok(fs_open_nameless(box.dir, &a->new_fd, &e));
	memset(seen, 'x', SLOT_LEN);
	assert_ok(fs_write_at(a->new_fd, 0, (struct slice){ seen, SLOT_LEN },
			      &e));
	if (!base)
		return;
	assert_ok(fs_open(box.dir, "older", O_RDWR, &a->old_fd, &e));
	a->old_len = IMAGE_LEN;
}

static void end(struct attempt *a)
{
	fs_close(&a->package_fd);
	fs_close(&a->old_fd);
	fs_close(&a->new_fd);
	put_image("older", older);
}

static int run(struct attempt *a, struct err *e)
{
	const struct package_source from = { &a->package_fd, read_file_at };
	struct apply_image job = { .release = &a->release,
				   .old_fd = a->old_fd,
				   .old_len = a->old_len,
				   .new_fd = a->new_fd,
				   .scratch_dirfd = how.scratch_dirfd,
				   .watch = a->watch,
				   .resume = a->resume };
	size_t got;
	int rc;

	if (package_open(&from, a->release.package_len, a->release.head_len,
			 &a->release.head_digest, &job.package, e))
		return -1;
	rc = apply_image(&job, e);
	package_close(job.package);
	memset(seen, 0, SLOT_LEN);
	if (fs_read_at(a->new_fd, 0, seen, SLOT_LEN, &got, &(struct err){ 0 }))
		fail();
	return rc;
}

/* Is the slot full of what was there before, from `at` on? */
static void assert_untouched(size_t at, size_t len)
{
	for (size_t i = at; i < len; i++)
		assert_int_equal(seen[i], 'x');
}

static void flip(int fd, uint64_t at)
{
	struct err e = { 0 };
	uint8_t byte;
	size_t got;

	assert_ok(fs_read_at(fd, at, &byte, 1, &got, &e));
	byte ^= 1;
	assert_ok(fs_write_at(fd, at, (struct slice){ &byte, 1 }, &e));
}

/* ---- tests --------------------------------------------------------------- */

static void what_goes_in_comes_out(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_RAW, PACKAGE_ZSTD,
						     PACKAGE_LZMA };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(codecs); i++) {
		struct pack_tree *base = i % 2 ? old_content : NULL;
		struct attempt a;
		struct sha256 digest;
		struct err e = { 0 };

		if (base && codecs[i / 2] == PACKAGE_RAW)
			continue; /* deltas are compressed */
		begin(&a, base, codecs[i / 2]);
		sha256_of((struct slice){ newer, IMAGE_LEN }, &digest);
		assert_true(sha256_equal(&digest, &a.release.content_digest));
		assert_int_equal(a.release.content, PACKAGE_IMAGE);
		assert_int_equal(a.release.content_len, IMAGE_LEN);
		assert_int_equal(a.release.manifest_len, 0);
		assert_int_equal(a.release.entries, 0);
		if (base) {
			sha256_of((struct slice){ older, IMAGE_LEN }, &digest);
			assert_true(
				sha256_equal(&digest, &a.release.base_digest));
			assert_true(a.release.package_len < 100000);
		}
		assert_ok(run(&a, &e));
		assert_memory_equal(seen, newer, IMAGE_LEN);
		assert_untouched(IMAGE_LEN, SLOT_LEN);
		end(&a);
	}
}

static void an_image_is_restored_from_its_package(void **state)
{
	struct pack_tree *restored = NULL;
	struct release r = { .seq = 0 };
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, NULL, PACKAGE_ZSTD);
	assert_ok(pack_restore(&how, a.package_fd, &a.release, &restored, &e));
	pack_describe(restored, &r);
	assert_int_equal(r.content, PACKAGE_IMAGE);
	assert_true(sha256_equal(&r.content_digest, &a.release.content_digest));
	pack_tree_free(restored);
	end(&a);
}

/* The plain codec, so that chunks of the package are blocks of the image. */
static void of_a_chunk_that_was_changed_nothing_is_written(void **state)
{
	struct attempt a;
	struct err e = { 0 };
	uint64_t chunk, at;

	(void)state;
	begin(&a, NULL, PACKAGE_RAW);
	at = a.release.head_len +
	     (a.release.package_len - a.release.head_len) * 9 / 10;
	chunk = (at - a.release.head_len) / PACKAGE_CHUNK_LEN;
	flip(a.package_fd, at);
	assert_refused(run(&a, &e), ERR_UNTRUSTED);
	assert_untouched((size_t)(chunk * PACKAGE_CHUNK_LEN), SLOT_LEN);
	/* And what was written before it does not start. */
	for (size_t i = 0; i < IMAGE_BLOCK; i++)
		assert_int_equal(seen[i], 0);
	end(&a);
}

static void a_damaged_base_is_found_before_anything_is_written(void **state)
{
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, old_content, PACKAGE_ZSTD);
	flip(a.old_fd, IMAGE_LEN / 2);
	assert_refused(run(&a, &e), ERR_CONFLICT);
	assert_untouched(0, SLOT_LEN);
	flip(a.old_fd, IMAGE_LEN / 2);
	a.old_len--;
	assert_refused(run(&a, &e), ERR_CONFLICT);
	a.old_len += 2; /* more than there is */
	assert_refused(run(&a, &e), ERR_CONFLICT);
	fs_close(&a.old_fd);
	assert_refused_saying(run(&a, &e), ERR_CONFLICT, "there is no base");
	assert_untouched(0, SLOT_LEN);
	end(&a);
}

static void who_watches_hears_that_the_base_is_read(void **state)
{
	struct ear ear = { .limit = 1000 };
	const struct tree_watch watch = { &ear, ear_hear };
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, old_content, PACKAGE_ZSTD);
	a.watch = &watch;
	assert_ok(run(&a, &e));
	assert_memory_equal(seen, newer, IMAGE_LEN);
	/* It is read in pieces of four blocks. */
	assert_true(ear.alive >= IMAGE_LEN / (4 * IMAGE_BLOCK));
	end(&a);
	/* Who ends it gets their own reason, not a damaged base. */
	ear = (struct ear){ .limit = 2 };
	begin(&a, old_content, PACKAGE_ZSTD);
	a.watch = &watch;
	assert_refused(run(&a, &e), ERR_BUSY);
	assert_untouched(0, SLOT_LEN);
	end(&a);
}

static void too_small_a_slot_is_not_written(void **state)
{
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, NULL, PACKAGE_ZSTD);
	assert_ok(fs_truncate(a.new_fd, IMAGE_LEN - 1, &e));
	assert_refused(run(&a, &e), ERR_SPACE);
	assert_untouched(0, IMAGE_LEN - 1);
	end(&a);
}

/* Whatever else was signed: never more than the signed length. */
static void another_length_than_signed_is_refused(void **state)
{
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, NULL, PACKAGE_ZSTD);
	a.release.content_len--;
	assert_refused(run(&a, &e), ERR_UNTRUSTED);
	a.release.content_len += 2;
	assert_refused(run(&a, &e), ERR_UNTRUSTED);
	assert_untouched(0, SLOT_LEN);
	end(&a);
}

static void a_tree_is_no_image(void **state)
{
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, NULL, PACKAGE_ZSTD);
	a.release.content = PACKAGE_TREE;
	assert_refused(run(&a, &e), ERR_REFUSED);
	assert_untouched(0, SLOT_LEN);
	end(&a);
}

static void another_result_than_signed_is_refused(void **state)
{
	struct attempt a;
	struct sha256 digest;
	struct err e = { 0 };

	(void)state;
	begin(&a, NULL, PACKAGE_ZSTD);
	a.release.content_digest.bytes[0] ^= 1;
	/* Of a full package the read-back tells. */
	assert_ok(run(&a, &e));
	assert_ok(image_digest(a.new_fd, IMAGE_LEN, true, NULL, &digest, &e));
	assert_false(sha256_equal(&digest, &a.release.content_digest));
	end(&a);
	begin(&a, old_content, PACKAGE_ZSTD);
	a.release.content_digest.bytes[0] ^= 1;
	assert_refused(run(&a, &e), ERR_UNTRUSTED);
	end(&a);
}

static void an_image_of_no_bytes_or_a_folder_is_no_image(void **state)
{
	struct pack_tree *t = NULL;
	struct err e = { 0 };
	char path[256];

	(void)state;
	assert_ok(fs_replace_file(box.dir, "empty", slice_of(""), 0644, &e));
	(void)snprintf(path, sizeof(path), "%s/empty", box.path);
	assert_refused(pack_load(&how, path, &t, &e), ERR_FORMAT);
	assert_refused(pack_load(&how, box.path, &t, &e), ERR_USAGE);
}

/* ---- in a folder --------------------------------------------------------- */

/* Into a folder, as the tree of one file; *old is the base's folder. */
static int run_in_folder(struct attempt *a, const char *old, const char *name,
			 struct err *out)
{
	const struct package_source from = { &a->package_fd, read_file_at };
	struct buf base = BUF_INIT(IMAGE_MANIFEST_MAX);
	struct buf manifest = BUF_INIT(IMAGE_MANIFEST_MAX);
	struct apply job = { .release = &a->release, .old_dirfd = -1 };
	struct err e = { 0 };
	int rc;

	if (old) {
		job.old_dirfd = box_folder(&box, old);
		assert_ok(image_manifest(IMAGE_LEN, &a->release.base_digest,
					 &base, &e));
		job.old_manifest = buf_slice(&base);
	}
	job.new_dirfd = box_folder(&box, name);
	assert_ok(package_open(&from, a->release.package_len,
			       a->release.head_len, &a->release.head_digest,
			       &job.package, &e));
	rc = apply_tree(&job, &manifest, out);
	if (rc == 0)
		assert_true(image_or_tree_is(PACKAGE_IMAGE,
					     buf_slice(&manifest),
					     &a->release.content_digest));
	package_close(job.package);
	fs_close(&job.old_dirfd);
	fs_close(&job.new_dirfd);
	buf_done(&base);
	buf_done(&manifest);
	return rc;
}

static void in_a_folder_an_image_is_one_file(void **state)
{
	struct buf bytes = BUF_INIT(SLOT_LEN);
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, NULL, PACKAGE_ZSTD);
	assert_ok(run_in_folder(&a, NULL, "full", &e));
	assert_ok(fs_read_file(box.dir, "full/" IMAGE_NAME, &bytes, &e));
	assert_int_equal(bytes.len, IMAGE_LEN);
	assert_memory_equal(bytes.ptr, newer, IMAGE_LEN);
	end(&a);

	begin(&a, old_content, PACKAGE_ZSTD);
	fs_close(&a.old_fd);
	a.old_fd = box_folder(&box, "base");
	assert_ok(fs_replace_file(a.old_fd, IMAGE_NAME,
				  (struct slice){ older, IMAGE_LEN }, 0644,
				  &e));
	assert_int_equal(fchmodat(a.old_fd, IMAGE_NAME, 0644, 0), 0);
	assert_ok(run_in_folder(&a, "base", "delta", &e));
	bytes.len = 0;
	assert_ok(fs_read_file(box.dir, "delta/" IMAGE_NAME, &bytes, &e));
	assert_memory_equal(bytes.ptr, newer, IMAGE_LEN);
	/* The base is compared whole here, too. */
	older[7] ^= 1;
	assert_ok(fs_replace_file(a.old_fd, IMAGE_NAME,
				  (struct slice){ older, IMAGE_LEN }, 0644,
				  &e));
	older[7] ^= 1;
	assert_refused(run_in_folder(&a, "base", "damaged", &e), ERR_CONFLICT);
	end(&a);
	buf_done(&bytes);
}

/* ---- going on after a cut ------------------------------------------------ */

struct points {
	struct package_point last;
	size_t count, stop_at; /* fails at this one, as a power cut would */
};

static int keep_point(void *ctx, const struct package_point *at, struct err *e)
{
	struct points *p = ctx;

	assert_true(at->plain >= IMAGE_BLOCK);
	assert_true(at->plain > p->last.plain && at->packed > p->last.packed);
	p->last = *at;
	return ++p->count == p->stop_at ? err_set(e, ERR_SYSTEM, "cut") : 0;
}

static int run_on(struct attempt *a, struct points *p, uint64_t every,
		  struct err *e)
{
	const struct apply_resume resume = { p->last, every, p, keep_point,
					     -1 };
	int rc;

	a->resume = &resume;
	rc = run(a, e);
	a->resume = NULL;
	return rc;
}

static void drop_head(void)
{
	struct err e = { 0 };

	assert_ok(fs_remove(how.scratch_dirfd, APPLY_IMAGE_HEAD, &e));
}

/* What was written before the cut is changed: nobody writes it again. (Frames
 * of compressed ones, each of which is a point, are larger than this image.) */
static void after_a_cut_it_goes_on_where_it_was(void **state)
{
	struct points p = { .stop_at = 3 };
	const uint8_t mark = 'm';
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, NULL, PACKAGE_RAW);
	assert_refused(run_on(&a, &p, 1, &e), ERR_SYSTEM);
	assert_int_equal(p.count, 3);
	for (size_t at = 0; at < IMAGE_BLOCK; at++)
		assert_int_equal(seen[at], 0);
	assert_memory_equal(seen + IMAGE_BLOCK, newer + IMAGE_BLOCK,
			    (size_t)p.last.plain - IMAGE_BLOCK);
	assert_ok(fs_write_at(a.new_fd, IMAGE_BLOCK + 5,
			      (struct slice){ &mark, 1 }, &e));
	p.stop_at = 0;
	assert_ok(run_on(&a, &p, 1, &e));
	assert_int_equal(seen[IMAGE_BLOCK + 5], mark);
	seen[IMAGE_BLOCK + 5] = newer[IMAGE_BLOCK + 5];
	assert_memory_equal(seen, newer, IMAGE_LEN);
	assert_untouched(IMAGE_LEN, SLOT_LEN);
	drop_head();
	end(&a);
}

/* Points cost a sync each, so they come no closer than is asked for. */
static void points_are_as_far_apart_as_is_asked_for(void **state)
{
	struct buf head = BUF_INIT(IMAGE_BLOCK);
	struct points p = { .count = 0 };
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, NULL, PACKAGE_RAW);
	assert_ok(run_on(&a, &p, 6u * IMAGE_BLOCK, &e));
	assert_true(p.count >= 2 && p.count <= 4);
	drop_head();
	p = (struct points){ .count = 0 };
	assert_ok(run_on(&a, &p, UINT64_MAX, &e));
	assert_int_equal(p.count, 0);
	/* Without a point there is no head to keep. */
	assert_refused(
		fs_read_file(how.scratch_dirfd, APPLY_IMAGE_HEAD, &head, &e),
		ERR_NOT_FOUND);
	buf_done(&head);
	end(&a);
}

static void without_the_head_nobody_goes_on(void **state)
{
	const struct slice some = { newer, 100 };
	struct points p = { .stop_at = 2 };
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, NULL, PACKAGE_RAW);
	assert_refused(run_on(&a, &p, 1, &e), ERR_SYSTEM);
	p.stop_at = 0;
	assert_ok(fs_replace_file(how.scratch_dirfd, APPLY_IMAGE_HEAD, some,
				  0600, &e));
	assert_refused(run_on(&a, &p, 1, &e), ERR_CONFLICT);
	drop_head();
	assert_refused(run_on(&a, &p, 1, &e), ERR_CONFLICT);
	for (size_t at = 0; at < IMAGE_BLOCK; at++)
		assert_int_equal(seen[at], 0);
	end(&a);
}

/* A delta is applied from its beginning: a point would be of no use. */
static void a_delta_tells_no_points(void **state)
{
	struct points p = { .stop_at = 1 };
	struct attempt a;
	struct err e = { 0 };

	(void)state;
	begin(&a, old_content, PACKAGE_ZSTD);
	assert_ok(run_on(&a, &p, 1, &e));
	assert_int_equal(p.count, 0);
	assert_memory_equal(seen, newer, IMAGE_LEN);
	end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(an_image_is_restored_from_its_package),
		cmocka_unit_test(
			of_a_chunk_that_was_changed_nothing_is_written),
		cmocka_unit_test(
			a_damaged_base_is_found_before_anything_is_written),
		cmocka_unit_test(who_watches_hears_that_the_base_is_read),
		cmocka_unit_test(too_small_a_slot_is_not_written),
		cmocka_unit_test(another_length_than_signed_is_refused),
		cmocka_unit_test(a_tree_is_no_image),
		cmocka_unit_test(in_a_folder_an_image_is_one_file),
		cmocka_unit_test(after_a_cut_it_goes_on_where_it_was),
		cmocka_unit_test(points_are_as_far_apart_as_is_asked_for),
		cmocka_unit_test(without_the_head_nobody_goes_on),
		cmocka_unit_test(a_delta_tells_no_points),
		cmocka_unit_test(another_result_than_signed_is_refused),
		cmocka_unit_test(an_image_of_no_bytes_or_a_folder_is_no_image),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
