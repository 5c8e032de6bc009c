/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a folder or a tar to packages, and by the devices' own applier back to
 * a folder: what comes out is what went in.
 */
#include "signer/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/xattr.h>

#include "common/apply.h"
#include "common/mem.h"
#include "common/tree_disk.h"
#include "signer/pack_tree.h"
#include "tests/unit/box.h"

#define SEEDS 8

static struct box box;
static struct pack_settings how;

static int setup(void **state)
{
	(void)state;
	box_open(&box);
	how = (struct pack_settings){ .attributes = TREE_APP, .quiet = true };
	how.scratch_dirfd = box_folder(&box, "scratch");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(count_names(how.scratch_dirfd), 0);
	fs_close(&how.scratch_dirfd);
	box_close(&box);
	return 0;
}

static void path_in_box(const char *name, char out[256])
{
	(void)snprintf(out, 256, "%s/%s", box.path, name);
}

static struct pack_tree *load(const char *name)
{
	struct pack_tree *t = NULL;
	struct err e = { 0 };
	char path[256];

	path_in_box(name, path);
	assert_ok(pack_load(&how, path, &t, &e));
	return t;
}

static unsigned jobs; /* threads; 0: one for each processor */

/* A package in a file of the box; the caller closes it. */
static int make(struct pack_tree *content, struct pack_tree *base,
		enum package_codec codec, struct release *r)
{
	struct pack_job job = { .content = content,
				.base = base,
				.codec = codec,
				.fd = -1,
				.scratch_dirfd = how.scratch_dirfd,
				.quiet = true,
				.jobs = jobs };
	struct err e = { 0 };

	assert_ok(fs_open_nameless(box.dir, &job.fd, &e));
	assert_ok(pack_make(&job, r, &e));
	return job.fd;
}

static int read_file_at(void *ctx, uint64_t offset, void *out, size_t len,
			struct err *e)
{
	size_t got;

	if (fs_read_at(*(const int *)ctx, offset, out, len, &got, e))
		return -1;
	return got == len ? 0 : err_set(e, ERR_FORMAT, "cut off");
}

/* Apply a package into a new folder of the box and compare what stands there.
 */
static void apply_and_check(int fd, const struct release *r, const char *old,
			    struct slice old_manifest, const char *name)
{
	const struct package_source from = { &fd, read_file_at };
	struct package_reader *reader = NULL;
	struct buf manifest = BUF_INIT(TREE_MANIFEST_MAX);
	struct err e = { 0 };
	struct tree tree;
	struct apply a = { .release = r,
			   .old_dirfd = -1,
			   .old_manifest = old_manifest };

	a.new_dirfd = box_folder(&box, name);
	if (old)
		a.old_dirfd = box_folder(&box, old);
	assert_ok(package_open(&from, r->package_len, r->head_len,
			       &r->head_digest, &reader, &e));
	a.package = reader;
	assert_ok(apply_tree(&a, &manifest, &e));
	assert_ok(tree_parse(buf_slice(&manifest), &tree, &e));
	assert_ok(tree_check(a.new_dirfd, &tree, true, NULL, &e));
	tree_done(&tree);
	buf_done(&manifest);
	package_close(reader);
	fs_close(&a.new_dirfd);
	fs_close(&a.old_dirfd);
}

/* ---- trees of chance ----------------------------------------------------- */

static uint32_t seed;

static uint32_t chance(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return below > 0 ? (uint32_t)(((uint64_t)seed * below) >> 32) : 0;
}

static void write_chance(int fd, size_t len, uint32_t variety)
{
	uint8_t bytes[512];
	struct err e = { 0 };

	while (len > 0) {
		size_t some = len < sizeof(bytes) ? len : sizeof(bytes);

		for (size_t i = 0; i < some; i++)
			bytes[i] = (uint8_t)chance(variety);
		assert_ok(fs_write(fd, (struct slice){ bytes, some }, &e));
		len -= some;
	}
}

static void name_of_chance(char out[256])
{
	static const char *const odd[] = { "x",         "a b",
					   "-rf",       "\xc3\xbc\xe2\x82\xac",
					   "e\xcc\x81", "$(x)",
					   ".hidden",   "a'b\"c",
					   "%s%n",      "\xf0\x9f\xa6\x80" };
	size_t len = chance(20) == 0 ? 255 : 1 + chance(12);

	(void)snprintf(out, 256, "%s%u", odd[chance(ARRAY_LEN(odd))],
		       chance(1000));
	if (len == 255)
		(void)snprintf(out, 256, "%0255u", chance(1000));
}

static void fill_folder(int dir, unsigned depth)
{
	struct err e = { 0 };
	unsigned count = chance(9);

	for (unsigned i = 0; i < count; i++) {
		char name[256];
		struct stat st;
		int fd = -1;

		name_of_chance(name);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		switch (depth > 0 ? chance(4) : 1 + chance(3)) {
		case 0:
			assert_ok(fs_mkdir(dir, name, 0755, &e));
			assert_ok(fs_open(dir, name, O_RDONLY | O_DIRECTORY,
					  &fd, &e));
			fill_folder(fd, depth - 1);
			assert_int_equal(fchmod(fd, 0700 | chance(0100)), 0);
			break;
		case 1:
			assert_ok(fs_symlink(dir, "somewhere/else", name, &e));
			break;
		default:
			assert_ok(fs_create(dir, name, 0644, &fd, &e));
			write_chance(fd, chance(3) * chance(90000),
				     1 + chance(256));
			assert_int_equal(fchmod(fd, 0400 | chance(0400)), 0);
		}
		fs_close(&fd);
	}
}

/* Change, cut, lengthen, remove and move what an earlier tree holds. */
static void change_file(int dir, const char *name)
{
	char other[300];
	int fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	uint32_t at = chance(70000);

	assert_true(fd >= 0);
	switch (chance(5)) {
	case 0:
		assert_int_equal(lseek(fd, at, SEEK_SET), at);
		write_chance(fd, chance(3000), 256);
		break;
	case 1:
		assert_int_equal(ftruncate(fd, at), 0);
		break;
	case 2:
		assert_int_equal(unlinkat(dir, name, 0), 0);
		break;
	case 3:
		(void)snprintf(other, sizeof(other), "m%u", chance(100000));
		assert_int_equal(renameat(dir, name, dir, other), 0);
		break;
	default:
		break;
	}
	close(fd);
}

static void change_folder(int dir)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(again);
	const struct dirent *entry;
	char names[64][256];
	size_t count = 0;

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL && count < 64)
		(void)snprintf(names[count++], 256, "%s", entry->d_name);
	closedir(d);
	for (size_t i = 0; i < count; i++) {
		struct stat st;
		int fd;

		assert_int_equal(
			fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		if (S_ISREG(st.st_mode))
			change_file(dir, names[i]);
		if (!S_ISDIR(st.st_mode) || names[i][0] == '.')
			continue;
		fd = openat(dir, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		change_folder(fd);
		close(fd);
	}
	fill_folder(dir, 1);
}

static void any_tree_survives_full_and_delta(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (uint32_t i = 0; i < SEEDS; i++) {
		const enum package_codec codec =
			i % 2 ? PACKAGE_ZSTD : PACKAGE_LZMA;
		struct pack_tree *old, *new_tree, *restored = NULL;
		struct release first = { .seq = 1 }, second = { .seq = 2 };
		int dir = box_folder(&box, "input");
		int fd;

		seed = i * 7919 + 1;
		fill_folder(dir, 4);
		old = load("input");
		change_folder(dir);
		new_tree = load("input");
		fd = make(old, NULL, codec, &first);
		apply_and_check(fd, &first, NULL, (struct slice){ 0 }, "old");
		assert_ok(pack_restore(&how, fd, &first, &restored, &e));
		fs_close(&fd);
		fd = make(new_tree, restored, codec, &second);
		apply_and_check(fd, &second, "old", buf_slice(&old->manifest),
				"new");
		assert_true(sha256_equal(&second.base_digest, &first.digest));
		fs_close(&fd);
		fs_close(&dir);
		pack_tree_free(old);
		pack_tree_free(new_tree);
		pack_tree_free(restored);
		assert_ok(fs_remove_tree(box.dir, "input", &e));
		assert_ok(fs_remove_tree(box.dir, "old", &e));
		assert_ok(fs_remove_tree(box.dir, "new", &e));
	}
}

/* ---- encrypted ----------------------------------------------------------- */

static const uint8_t keys[3][STREAM_KEY_LEN] = { { 1 }, { 2 }, { 3 } };

static int make_encrypted(const struct pack_tree *t, struct pack_tree *base,
			  const uint8_t *key, struct release *r)
{
	struct pack_job job = { .content = t,
				.base = base,
				.codec = PACKAGE_ZSTD,
				.fd = -1,
				.scratch_dirfd = how.scratch_dirfd,
				.quiet = true,
				.content_key = key };
	struct err e = { 0 };

	assert_ok(fs_open_nameless(box.dir, &job.fd, &e));
	assert_ok(pack_make(&job, r, &e));
	assert_true(r->encrypted);
	return job.fd;
}

/* Does a file hold these bytes anywhere? */
static bool holds(int fd, uint64_t len, const char *text)
{
	struct buf all = BUF_INIT(1u << 20);
	struct err e = { 0 };
	size_t got;
	bool found;

	assert_true(len < all.max);
	assert_non_null(buf_reserve(&all, (size_t)len, &e));
	assert_ok(fs_read_at(fd, 0, all.ptr, (size_t)len, &got, &e));
	found = memmem(all.ptr, got, text, strlen(text)) != NULL;
	buf_done(&all);
	return found;
}

#define CANARY "nobody but devices reads this line"

static void encrypted_packages_restore_and_prove_with_their_key(void **state)
{
	struct pack_settings with_key = how;
	struct release first = { .seq = 1 }, second = { .seq = 2 };
	struct pack_tree *old, *new_tree, *restored = NULL;
	int dir = box_folder(&box, "input");
	struct err e = { 0 };
	int fd;

	(void)state;
	put_file(dir, "a", CANARY, 0644);
	old = load("input");
	put_file(dir, "b", CANARY " again", 0644);
	new_tree = load("input");
	fd = make_encrypted(old, NULL, keys[0], &first);
	assert_false(holds(fd, first.package_len, CANARY));
	assert_refused(pack_restore(&how, fd, &first, &restored, &e),
		       ERR_REFUSED);
	with_key.content_key = keys[1];
	assert_refused(pack_restore(&with_key, fd, &first, &restored, &e),
		       ERR_UNTRUSTED);
	with_key.content_key = keys[0];
	assert_ok(pack_restore(&with_key, fd, &first, &restored, &e));
	fs_close(&fd);
	fd = make_encrypted(new_tree, restored, keys[1], &second);
	assert_false(holds(fd, second.package_len, CANARY));
	assert_memory_not_equal(first.commitment, second.commitment,
				STREAM_COMMITMENT_LEN);
	fs_close(&fd);
	fs_close(&dir);
	pack_tree_free(old);
	pack_tree_free(new_tree);
	pack_tree_free(restored);
}

static void the_same_input_and_key_give_the_same_bytes(void **state)
{
	struct release r[3] = { { .seq = 1 }, { .seq = 1 }, { .seq = 1 } };
	int dir = box_folder(&box, "input");
	struct pack_tree *t;

	(void)state;
	put_file(dir, "a", CANARY, 0644);
	t = load("input");
	for (size_t i = 0; i < 3; i++) {
		int fd = make_encrypted(t, NULL, keys[i / 2], &r[i]);

		fs_close(&fd);
	}
	assert_true(sha256_equal(&r[0].package_digest, &r[1].package_digest));
	assert_false(sha256_equal(&r[0].package_digest, &r[2].package_digest));
	pack_tree_free(t);
	fs_close(&dir);
}

/* What is signed as plain must be plain, and the other way round. */
static void encryption_that_was_not_signed_is_refused(void **state)
{
	struct pack_settings with_key = how;
	struct release r = { .seq = 1 };
	struct pack_tree *t, *restored = NULL;
	int dir = box_folder(&box, "input");
	struct err e = { 0 };
	int fd;

	(void)state;
	with_key.content_key = keys[0];
	put_file(dir, "a", CANARY, 0644);
	t = load("input");
	fd = make_encrypted(t, NULL, keys[0], &r);
	r.encrypted = false;
	assert_refused(pack_restore(&with_key, fd, &r, &restored, &e),
		       ERR_UNTRUSTED);
	fs_close(&fd);
	fd = make(t, NULL, PACKAGE_ZSTD, &r);
	assert_false(r.encrypted);
	r.encrypted = true;
	assert_refused(pack_restore(&how, fd, &r, &restored, &e),
		       ERR_UNTRUSTED);
	fs_close(&fd);
	pack_tree_free(t);
	fs_close(&dir);
}

/* A device has as much of it in its memory as was signed. */
static void the_window_is_no_larger_than_what_is_packed(void **state)
{
	static const struct {
		size_t len;
		uint32_t window;
	} cases[] = { { 1, PACKAGE_WINDOW_MIN },
		      { 3 << 20, 4 << 20 },
		      { 9 << 20, PACKAGE_WINDOW_MAX } };
	static const enum package_codec codecs[] = { PACKAGE_ZSTD,
						     PACKAGE_LZMA };
	int dir = box_folder(&box, "input");
	struct err e = { 0 };
	int fd = -1;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(codecs); i++) {
		struct release r = { .seq = 1 };
		struct pack_tree *t;

		assert_ok(fs_create(dir, "file", 0644, &fd, &e));
		assert_int_equal(ftruncate(fd, (off_t)cases[i / 2].len), 0);
		fs_close(&fd);
		t = load("input");
		fd = make(t, NULL, codecs[i % 2], &r);
		assert_int_equal(r.window_len, cases[i / 2].window);
		assert_true(r.apply_memory < r.window_len + (3u << 20));
		apply_and_check(fd, &r, NULL, (struct slice){ 0 }, "new");
		assert_ok(fs_remove_tree(box.dir, "new", &e));
		fs_close(&fd);
		pack_tree_free(t);
		assert_ok(fs_remove(dir, "file", &e));
	}
	fs_close(&dir);
}

/* ---- the same again ------------------------------------------------------ */

static void the_same_input_gives_the_same_bytes(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_ZSTD,
						     PACKAGE_LZMA };
	const struct timespec long_ago[2] = { { 1, 0 }, { 1, 0 } };
	int dir = box_folder(&box, "input");

	(void)state;
	put_file(dir, "a", "content", 0644);
	put_file(dir, "b", "more content", 0755);
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct release r[2] = { { .seq = 1 }, { .seq = 1 } };

		for (size_t n = 0; n < 2; n++) {
			struct pack_tree *t = load("input");
			int fd = make(t, NULL, codecs[i], &r[n]);

			fs_close(&fd);
			pack_tree_free(t);
			assert_int_equal(utimensat(dir, "a", long_ago, 0), 0);
		}
		assert_true(sha256_equal(&r[0].package_digest,
					 &r[1].package_digest));
	}
	fs_close(&dir);
}

static void an_unchanged_tree_costs_next_to_nothing(void **state)
{
	struct release r = { .seq = 1 };
	int dir = box_folder(&box, "input");
	struct pack_tree *t;
	struct err e = { 0 };
	int fd = -1;

	(void)state;
	seed = 5;
	assert_ok(fs_create(dir, "big", 0644, &fd, &e));
	write_chance(fd, 3 << 20, 256);
	fs_close(&fd);
	put_file(dir, "empty", "", 0644);
	t = load("input");
	fd = make(t, t, PACKAGE_LZMA, &r);
	assert_true(r.package_len < 256);
	fs_close(&fd);
	fs_close(&dir);
	pack_tree_free(t);
}

static void an_empty_tree_is_a_release(void **state)
{
	struct release r = { .seq = 1 };
	int dir = box_folder(&box, "input");
	struct pack_tree *t = load("input");
	int fd = make(t, NULL, PACKAGE_ZSTD, &r);

	(void)state;
	apply_and_check(fd, &r, NULL, (struct slice){ 0 }, "new");
	assert_int_equal(r.entries, 0);
	fs_close(&fd);
	fs_close(&dir);
	pack_tree_free(t);
}

static void ten_thousand_entries_are_no_trouble(void **state)
{
	struct release full = { .seq = 1 }, delta = { .seq = 2 };
	int dir = box_folder(&box, "input");
	struct pack_tree *old, *new_tree;
	char name[32];
	int fd;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		if (i % 100 == 0) {
			(void)snprintf(name, sizeof(name), "d%u", i / 100);
			assert_int_equal(mkdirat(dir, name, 0755), 0);
		}
		(void)snprintf(name, sizeof(name), "d%u/f%u", i / 100, i);
		put_file(dir, name, i % 3 ? name : "", 0644);
	}
	old = load("input");
	put_file(dir, "d50/new", "one more", 0644);
	new_tree = load("input");
	fd = make(old, NULL, PACKAGE_ZSTD, &full);
	apply_and_check(fd, &full, NULL, (struct slice){ 0 }, "old");
	fs_close(&fd);
	fd = make(new_tree, old, PACKAGE_LZMA, &delta);
	apply_and_check(fd, &delta, "old", buf_slice(&old->manifest), "new");
	assert_true(delta.package_len < 4096);
	fs_close(&fd);
	fs_close(&dir);
	pack_tree_free(old);
	pack_tree_free(new_tree);
}

/* Words in an order of their own: many short matches that do not pay. */
static char *words(uint32_t random, size_t len)
{
	static const char *const some[] = { "if ",     "return ", "(a, b)",
					    "struct ", "\n\t",    "while ",
					    " = ",     "x->y;" };
	char *text = mem_alloc(len + 16, 1);
	size_t at = 0;

	while (at < len) {
		const char *word;

		random = random * 1664525 + 1013904223;
		word = some[random >> 29];
		memcpy(text + at, word, strlen(word));
		at += strlen(word);
	}
	text[len] = 0;
	return text;
}

static void a_delta_is_not_larger_than_its_content_compressed(void **state)
{
	struct release full = { .seq = 1 }, delta = { .seq = 2 };
	int dir = box_folder(&box, "input");
	char *before = words(1, 300000), *after = words(2, 300000);
	struct pack_tree *old, *new_tree;
	int fd;

	(void)state;
	put_file(dir, "text", before, 0644);
	old = load("input");
	assert_int_equal(unlinkat(dir, "text", 0), 0);
	put_file(dir, "text", after, 0644);
	new_tree = load("input");
	fd = make(new_tree, NULL, PACKAGE_LZMA, &full);
	fs_close(&fd);
	fd = make(new_tree, old, PACKAGE_LZMA, &delta);
	assert_true(delta.package_len <= full.package_len + 1024);
	fs_close(&fd);
	fs_close(&dir);
	free(before);
	free(after);
	pack_tree_free(old);
	pack_tree_free(new_tree);
}

/* Many pieces of several kinds, in more than one record. */
static void put_version(int dir, uint32_t version)
{
	char name[] = "file-00";

	for (uint32_t i = 0; i < 40; i++) {
		char *text = words(i / 2 * 7 + version * (i % 4 == 0),
				   60000 + i * 1000);

		name[5] = (char)('0' + i / 10);
		name[6] = (char)('0' + i % 10);
		text[100 + version] = 'X';
		put_file(dir, name, text, 0644);
		free(text);
	}
}

static void drop_version(int dir)
{
	char name[] = "file-00";

	for (uint32_t i = 0; i < 40; i++) {
		name[5] = (char)('0' + i / 10);
		name[6] = (char)('0' + i % 10);
		assert_int_equal(unlinkat(dir, name, 0), 0);
	}
}

#define LINE_LEN 16

/* Lines of noise, in an order of chance unless the seed is 0. */
static void put_lines(const char *folder, uint32_t count, uint32_t order)
{
	uint8_t *text = mem_alloc(count, LINE_LEN);
	struct err e = { 0 };
	int dir = box_folder(&box, folder), fd = -1;

	seed = 1;
	for (size_t i = 0; i < (size_t)count * LINE_LEN; i++)
		text[i] = i % LINE_LEN == LINE_LEN - 1
				  ? '\n'
				  : (uint8_t)('a' + chance(26));
	seed = order;
	for (uint32_t i = order ? count : 0; i > 1; i--) {
		uint8_t *one = text + (size_t)(i - 1) * LINE_LEN;
		uint8_t *other = text + (size_t)chance(i) * LINE_LEN;
		uint8_t line[LINE_LEN];

		memcpy(line, one, LINE_LEN);
		memmove(one, other, LINE_LEN);
		memcpy(other, line, LINE_LEN);
	}
	assert_ok(fs_create(dir, "lines", 0644, &fd, &e));
	assert_ok(fs_write(fd, (struct slice){ text, (size_t)count * LINE_LEN },
			   &e));
	fs_close(&fd);
	fs_close(&dir);
	free(text);
}

/* Returns the length of the delta, which was applied. */
static uint64_t reorder_lines(uint32_t count, enum package_codec codec)
{
	struct release delta = { .seq = 2 };
	struct pack_tree *old, *new_tree;
	uint64_t len;
	int fd;

	put_lines("old", count, 0);
	put_lines("new", count, 7);
	old = load("old");
	new_tree = load("new");
	fd = make(new_tree, old, codec, &delta);
	apply_and_check(fd, &delta, "old", buf_slice(&old->manifest),
			"restored");
	len = delta.package_len;
	fs_close(&fd);
	pack_tree_free(old);
	pack_tree_free(new_tree);
	return len;
}

static void lines_in_another_order_cost_their_places(void **state)
{
	(void)state;
	/* A place among 5000 is told by 12 bits. */
	assert_true(reorder_lines(5000, PACKAGE_LZMA) < 5000 * 5 / 2);
}

/* More covers than one patch may have. */
static void any_number_of_lines_may_move(void **state)
{
	const uint32_t count = 140000;

	(void)state;
	assert_true(reorder_lines(count, PACKAGE_RAW) < count * 6);
}

static void the_number_of_threads_changes_nothing(void **state)
{
	static const unsigned numbers[] = { 1, 5 };
	struct release delta = { .seq = 2 };
	int dir = box_folder(&box, "input");
	struct pack_tree *old, *new_tree;
	struct sha256 first;

	(void)state;
	put_version(dir, 1);
	old = load("input");
	drop_version(dir);
	put_version(dir, 2);
	new_tree = load("input");
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		int fd;

		jobs = numbers[i];
		fd = make(new_tree, old, PACKAGE_LZMA, &delta);
		fs_close(&fd);
		if (i == 0)
			first = delta.package_digest;
		assert_true(sha256_equal(&first, &delta.package_digest));
	}
	jobs = 0;
	fs_close(&dir);
	pack_tree_free(old);
	pack_tree_free(new_tree);
}

static void a_file_of_holes_is_not_read_for_hours(void **state)
{
	int dir = box_folder(&box, "input"), fd = -1;
	struct pack_tree *t = NULL;
	char path[PATH_MAX_LEN];
	struct err e = { 0 };

	(void)state;
	put_file(dir, "a", "content", 0644);
	assert_ok(fs_create(dir, "holes", 0644, &fd, &e));
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	path_in_box("input", path);
	assert_refused_saying(pack_load(&how, path, &t, &e), ERR_LIMIT,
			      "holes");
	assert_null(t);
	fs_close(&fd);
	fs_close(&dir);
}

static void a_damaged_package_restores_nothing(void **state)
{
	struct pack_tree *t, *restored = NULL;
	struct release r = { .seq = 1 };
	int dir = box_folder(&box, "input");
	struct err e = { 0 };
	int fd;

	(void)state;
	put_file(dir, "a", "content", 0644);
	t = load("input");
	fd = make(t, NULL, PACKAGE_ZSTD, &r);
	assert_ok(fs_write_at(fd, r.package_len - 3, slice_of("?"), &e));
	assert_refused(pack_restore(&how, fd, &r, &restored, &e),
		       ERR_UNTRUSTED);
	r.kind = PACKAGE_DELTA;
	assert_refused(pack_restore(&how, fd, &r, &restored, &e), ERR_USAGE);
	fs_close(&fd);
	fs_close(&dir);
	pack_tree_free(t);
}

/* ---- what a folder may not hold ------------------------------------------ */

static void refuse_folder(enum err_code code)
{
	struct pack_tree *t = NULL;
	struct err e = { 0 };
	char path[256];

	path_in_box("input", path);
	assert_refused(pack_load(&how, path, &t, &e), code);
	assert_ok(fs_remove_tree(box.dir, "input", &e));
}

static void a_folder_with_what_has_no_place_is_refused(void **state)
{
	int dir = box_folder(&box, "input");

	(void)state;
	assert_int_equal(mkfifoat(dir, "fifo", 0644), 0);
	fs_close(&dir);
	refuse_folder(ERR_REFUSED);
	dir = box_folder(&box, "input");
	assert_int_equal(symlinkat("../../outside", dir, "link"), 0);
	fs_close(&dir);
	refuse_folder(ERR_REFUSED);
	dir = box_folder(&box, "input");
	put_file(dir, "new\nline", "", 0644);
	fs_close(&dir);
	refuse_folder(ERR_FORMAT);
	dir = box_folder(&box, "input");
	put_file(dir, "back\\slash", "", 0644);
	fs_close(&dir);
	refuse_folder(ERR_FORMAT);
}

static void nothing_at_all_is_named(void **state)
{
	struct pack_tree *t = NULL;
	struct err e = { 0 };

	(void)state;
	assert_refused(pack_load(&how, "/nonexistent", &t, &e), ERR_NOT_FOUND);
}

/* What a stranger could do with setuid is dropped, not carried. */
static void an_application_has_no_setuid(void **state)
{
	int dir = box_folder(&box, "input");
	struct pack_tree *t;
	struct tree_entry entry;

	(void)state;
	put_file(dir, "tool", "x", 06755);
	t = load("input");
	tree_entry(&t->tree, 0, &entry);
	assert_int_equal(entry.mode, 0755);
	fs_close(&dir);
	pack_tree_free(t);
}

/* ---- systems ------------------------------------------------------------- */

static void a_system_keeps_links_and_attributes(void **state)
{
	const struct timespec times[2] = { { 0, 0 },
					   { 1111111111, 123456789 } };
	struct release r = { .seq = 1 }, delta = { .seq = 2 };
	struct pack_tree *old, *new_tree;
	int dir, fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	how.attributes = TREE_SYSTEM;
	dir = box_folder(&box, "input");
	put_file(dir, "su", "program", 04755);
	assert_int_equal(linkat(dir, "su", dir, "again", 0), 0);
	assert_int_equal(fchownat(dir, "su", 12345678, 100, 0), 0);
	assert_int_equal(fchmodat(dir, "su", 04755, 0), 0);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(symlinkat("/out/of/here", dir, "link"), 0);
	put_file(dir, "back\\slash", "", 0600);
	fd = openat(dir, "su", O_RDONLY | O_CLOEXEC);
	if (fsetxattr(fd, "user.a", "\0\n=", 3, 0) == 0)
		assert_int_equal(fsetxattr(fd, "trusted.b", "", 0, 0), 0);
	close(fd);
	assert_int_equal(utimensat(dir, "su", times, 0), 0);
	assert_int_equal(fchmod(dir, 0711), 0);
	old = load("input");
	put_file(dir, "more", "more", 0644);
	new_tree = load("input");
	fd = make(old, NULL, PACKAGE_LZMA, &r);
	apply_and_check(fd, &r, NULL, (struct slice){ 0 }, "old");
	fs_close(&fd);
	fd = make(new_tree, old, PACKAGE_ZSTD, &delta);
	apply_and_check(fd, &delta, "old", buf_slice(&old->manifest), "new");
	fs_close(&fd);
	fs_close(&dir);
	pack_tree_free(old);
	pack_tree_free(new_tree);
}

/* ---- tars ---------------------------------------------------------------- */

struct member {
	const char *path, *link, *content;
	mode_t type, mode;
	bool hard;
};

static void write_tar(const char *name, const char *format, const char *filter,
		      const struct member *members, size_t count)
{
	struct archive *a = archive_write_new();
	char path[256];

	path_in_box(name, path);
	assert_int_equal(archive_write_set_format_by_name(a, format),
			 ARCHIVE_OK);
	if (filter)
		assert_int_equal(archive_write_add_filter_by_name(a, filter),
				 ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	for (size_t i = 0; i < count; i++) {
		const struct member *m = &members[i];
		struct archive_entry *entry = archive_entry_new();
		size_t len = m->content ? strlen(m->content) : 0;

		archive_entry_set_pathname(entry, m->path);
		archive_entry_set_filetype(entry, m->type);
		archive_entry_set_perm(entry, m->mode);
		archive_entry_set_uid(entry, 1234);
		archive_entry_set_size(entry, (la_int64_t)len);
		if (m->link && m->hard)
			archive_entry_set_hardlink(entry, m->link);
		else if (m->link)
			archive_entry_set_symlink(entry, m->link);
		assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
		if (len > 0)
			archive_write_data(a, m->content, len);
		archive_entry_free(entry);
	}
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static const struct member good[] = {
	{ .path = "./", .type = AE_IFDIR, .mode = 0755 },
	{ .path = "./d/deep/file",
	  .type = AE_IFREG,
	  .mode = 0644,
	  .content = "content" },
	{ .path = "./d/", .type = AE_IFDIR, .mode = 0700 },
	{ .path = "./link",
	  .type = AE_IFLNK,
	  .mode = 0777,
	  .link = "d/deep/file" },
	{ .path = "./same",
	  .type = AE_IFREG,
	  .mode = 0644,
	  .link = "./d/deep/file",
	  .hard = true },
};

static void a_tar_of_any_kind_gives_the_same_tree(void **state)
{
	static const char *const formats[] = { "ustar", "gnutar", "pax",
					       "paxr" };
	static const char *const filters[] = { NULL, "gzip", "xz", "zstd",
					       "bzip2" };
	struct sha256 first;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(formats) + ARRAY_LEN(filters); i++) {
		const bool all = i < ARRAY_LEN(formats);
		struct release r = { .seq = 1 };
		struct pack_tree *t;

		write_tar("in.tar", all ? formats[i] : "pax",
			  all ? NULL : filters[i - ARRAY_LEN(formats)], good,
			  ARRAY_LEN(good));
		t = load("in.tar");
		pack_describe(t, &r);
		assert_int_equal(r.entries, 5);
		assert_int_equal(r.content_len, 14);
		if (i == 0)
			first = r.digest;
		assert_true(sha256_equal(&first, &r.digest));
		pack_tree_free(t);
	}
}

static void a_folder_and_its_tar_are_the_same_release(void **state)
{
	struct release r[2] = { { .seq = 1 }, { .seq = 1 } };
	int dir = box_folder(&box, "input");
	struct pack_tree *t;

	(void)state;
	assert_int_equal(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(mkdirat(dir, "d/deep", 0755), 0);
	put_file(dir, "d/deep/file", "content", 0644);
	put_file(dir, "same", "content", 0644);
	assert_int_equal(symlinkat("d/deep/file", dir, "link"), 0);
	t = load("input");
	pack_describe(t, &r[0]);
	pack_tree_free(t);
	write_tar("in.tar", "pax", NULL, good, ARRAY_LEN(good));
	t = load("in.tar");
	pack_describe(t, &r[1]);
	pack_tree_free(t);
	assert_true(sha256_equal(&r[0].digest, &r[1].digest));
	fs_close(&dir);
}

static void a_tar_keeps_owners_and_links_of_a_system(void **state)
{
	struct pack_tree *t;
	struct tree_entry entry;

	(void)state;
	how.attributes = TREE_SYSTEM;
	write_tar("in.tar", "pax", NULL, good, ARRAY_LEN(good));
	t = load("in.tar");
	tree_entry(&t->tree, (uint32_t)tree_find(&t->tree, slice_of("same")),
		   &entry);
	assert_int_equal(entry.type, TREE_HARDLINK);
	tree_entry(&t->tree, entry.link_to, &entry);
	assert_true(slice_equal(entry.path, slice_of("d/deep/file")));
	assert_int_equal(entry.uid, 1234);
	/* This folder is in no member: it belongs to root. */
	tree_entry(&t->tree, (uint32_t)tree_find(&t->tree, slice_of("d/deep")),
		   &entry);
	assert_int_equal(entry.uid, 0);
	pack_tree_free(t);
}

static void hostile_tars_are_refused(void **state)
{
	static const struct member hostile[] = {
		{ .path = "../victim", .type = AE_IFREG, .content = "x" },
		{ .path = "a/../../victim", .type = AE_IFREG },
		{ .path = "/etc/passwd", .type = AE_IFREG },
		{ .path = "a//b", .type = AE_IFREG },
		{ .path = "a/./b", .type = AE_IFREG },
		{ .path = "a\\b", .type = AE_IFREG },
		{ .path = "C:/x", .type = AE_IFREG },
		{ .path = "a\033]0;x", .type = AE_IFREG },
		{ .path = "link", .type = AE_IFLNK, .link = "../victim" },
		{ .path = "link", .type = AE_IFLNK, .link = "/x/../../y" },
		{ .path = "null", .type = AE_IFCHR },
		{ .path = "sda", .type = AE_IFBLK },
		{ .path = "fifo", .type = AE_IFIFO },
		{ .path = "hard",
		  .type = AE_IFREG,
		  .link = "/etc/passwd",
		  .hard = true },
		{ .path = "hard",
		  .type = AE_IFREG,
		  .link = "../victim",
		  .hard = true },
		{ .path = "hard",
		  .type = AE_IFREG,
		  .link = "nothing",
		  .hard = true },
		{ .path = "hard",
		  .type = AE_IFREG,
		  .link = "hard",
		  .hard = true },
	};
	struct pack_tree *t = NULL;
	struct err e = { 0 };
	char path[256];

	(void)state;
	path_in_box("in.tar", path);
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		write_tar("in.tar", "pax", NULL, &hostile[i], 1);
		assert_int_equal(pack_load(&how, path, &t, &e), -1);
		if (e.code != ERR_FORMAT && e.code != ERR_REFUSED)
			fail_msg("%zu: %s", i, e.msg);
	}
}

static void a_tar_says_each_thing_once(void **state)
{
	static const struct member twice[] = {
		{ .path = "a", .type = AE_IFREG, .mode = 0644, .content = "1" },
		{ .path = "b", .type = AE_IFREG, .mode = 0644 },
		{ .path = "./a",
		  .type = AE_IFREG,
		  .mode = 0644,
		  .content = "2" },
	};
	static const struct member through[] = {
		{ .path = "d", .type = AE_IFLNK, .link = "inside" },
		{ .path = "d/x", .type = AE_IFREG, .content = "x" },
	};
	struct pack_tree *t = NULL;
	struct err e = { 0 };
	char path[256];

	(void)state;
	path_in_box("in.tar", path);
	write_tar("in.tar", "gnutar", NULL, twice, ARRAY_LEN(twice));
	assert_refused(pack_load(&how, path, &t, &e), ERR_FORMAT);
	write_tar("in.tar", "gnutar", NULL, through, ARRAY_LEN(through));
	assert_refused(pack_load(&how, path, &t, &e), ERR_FORMAT);
}

static void other_archives_are_no_tar(void **state)
{
	static const char *const formats[] = { "cpio", "zip", "mtree" };
	struct pack_tree *t = NULL;
	struct err e = { 0 };
	char path[256];

	(void)state;
	path_in_box("in.tar", path);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		write_tar("in.tar", formats[i], NULL, &good[1], 1);
		assert_refused(pack_load(&how, path, &t, &e), ERR_FORMAT);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(any_tree_survives_full_and_delta),
		TEST(the_same_input_gives_the_same_bytes),
		TEST(encrypted_packages_restore_and_prove_with_their_key),
		TEST(the_same_input_and_key_give_the_same_bytes),
		TEST(encryption_that_was_not_signed_is_refused),
		TEST(an_unchanged_tree_costs_next_to_nothing),
		TEST(an_empty_tree_is_a_release),
		TEST(the_window_is_no_larger_than_what_is_packed),
		TEST(ten_thousand_entries_are_no_trouble),
		TEST(a_delta_is_not_larger_than_its_content_compressed),
		TEST(lines_in_another_order_cost_their_places),
		TEST(any_number_of_lines_may_move),
		TEST(the_number_of_threads_changes_nothing),
		TEST(a_file_of_holes_is_not_read_for_hours),
		TEST(a_damaged_package_restores_nothing),
		TEST(a_folder_with_what_has_no_place_is_refused),
		TEST(nothing_at_all_is_named),
		TEST(an_application_has_no_setuid),
		TEST(a_system_keeps_links_and_attributes),
		TEST(a_tar_of_any_kind_gives_the_same_tree),
		TEST(a_folder_and_its_tar_are_the_same_release),
		TEST(a_tar_keeps_owners_and_links_of_a_system),
		TEST(hostile_tars_are_refused),
		TEST(a_tar_says_each_thing_once),
		TEST(other_archives_are_no_tar),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
