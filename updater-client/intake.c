/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/intake.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"

#define SYNC_EVERY (8u << 20) /* bytes that a power cut may cost */
#define NAME_LEN   (SHA256_HEX_LEN + 8)

struct intake {
	struct intake_package package;
	int fd;
	uint64_t len; /* verified and written */
	uint64_t synced;
	uint32_t done;   /* of a window: chunks before it have free places */
	struct buf part; /* of the head, or of the chunk under way */
	struct package_reader *reader; /* once the head is there */
};

static int read_file_at(void *ctx, uint64_t offset, void *out, size_t len,
			struct err *e)
{
	const int *fd = ctx;
	size_t got;

	if (fs_read_at(*fd, offset, out, len, &got, e))
		return -1;
	if (got != len)
		return err_set(e, ERR_FORMAT, "the package is cut short");
	return 0;
}

struct package_source intake_source(const int *fd)
{
	/* The reader hands it back to read_file_at(), which only reads. */
	return (struct package_source){ (void *)(uintptr_t)fd, read_file_at };
}

/* ---- the folder ---------------------------------------------------------- */

static void name_of(const struct sha256 *digest, bool window,
		    char out[NAME_LEN])
{
	static const char ending[] = ".window";

	sha256_format(digest, out);
	if (window)
		memcpy(out + SHA256_HEX_LEN - 1, ending, sizeof(ending));
}

static bool is_named(const char *name, const struct sha256 *digest, bool window)
{
	char wanted[NAME_LEN];

	name_of(digest, window, wanted);
	return strcmp(name, wanted) == 0;
}

static bool is_kept(const char *name, const struct sha256 *keep, size_t count,
		    enum intake_kind kind)
{
	for (size_t i = 0; i < count; i++)
		if ((kind != INTAKE_WINDOW &&
		     is_named(name, &keep[i], false)) ||
		    (kind != INTAKE_WHOLE && is_named(name, &keep[i], true)))
			return true;
	return false;
}

int intake_clean(int dirfd, const struct sha256 *keep, size_t count,
		 enum intake_kind kind, struct err *e)
{
	struct dirent *entry;
	DIR *dir;
	int rc = 0;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "the spool");
	dir = fdopendir(fd);
	if (!dir) {
		err_sys(e, "the spool");
		fs_close(&fd);
		return -1;
	}
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    is_kept(entry->d_name, keep, count, kind))
			continue;
		rc = fs_remove_tree(dirfd, entry->d_name, e);
	}
	(void)closedir(dir); /* it was only read */
	return rc;
}

int intake_open_file(int dirfd, const struct sha256 *digest, bool window,
		     int *fd, struct err *e)
{
	char name[NAME_LEN];

	name_of(digest, window, name);
	return fs_open(dirfd, name, O_RDONLY, fd, e);
}

uint64_t intake_size(int dirfd, const struct sha256 *digest, bool window)
{
	char name[NAME_LEN];
	struct stat st;
	struct err missing;

	name_of(digest, window, name);
	if (fs_stat(dirfd, name, &st, &missing) || !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)st.st_size;
}

uint64_t intake_place(uint64_t head_len, uint32_t window, uint64_t offset)
{
	uint64_t at;

	if (window == 0 || offset < head_len)
		return offset;
	at = offset - head_len;
	return head_len + at / PACKAGE_CHUNK_LEN % window * PACKAGE_CHUNK_LEN +
	       at % PACKAGE_CHUNK_LEN;
}

/* ---- arriving ------------------------------------------------------------ */

static uint64_t place(const struct intake *s)
{
	return intake_place(s->package.head_len, s->package.window, s->len);
}

static int open_reader(struct intake *s, struct err *e)
{
	struct package_source from = intake_source(&s->fd);

	return package_open(&from, s->package.len, s->package.head_len,
			    &s->package.head_digest, &s->reader, e);
}

/* Length of the head or of the chunk at s->len. */
static uint64_t part_len(const struct intake *s)
{
	uint64_t left;

	if (!s->reader)
		return s->package.head_len;
	left = s->package.len - s->len;
	return left < PACKAGE_CHUNK_LEN ? left : PACKAGE_CHUNK_LEN;
}

/* Number of the chunk at s->len, once the head is there. */
static uint64_t chunk_at(const struct intake *s)
{
	return (s->len - s->package.head_len) / PACKAGE_CHUNK_LEN;
}

bool intake_is_full(const struct intake *s)
{
	return s->package.window > 0 && s->reader && !intake_is_complete(s) &&
	       chunk_at(s) >= (uint64_t)s->done + s->package.window;
}

void intake_taken(struct intake *s, uint32_t chunk)
{
	if (chunk > s->done)
		s->done = chunk;
}

static int check_part(const struct intake *s, struct slice part, struct err *e)
{
	struct sha256 digest;

	if (s->reader)
		return package_check_chunk(s->reader, (uint32_t)chunk_at(s),
					   part, e);
	sha256_of(part, &digest);
	if (!sha256_equal(&digest, &s->package.head_digest))
		return err_set(e, ERR_UNTRUSTED,
			       "the package's head is not the signed one");
	return 0;
}

static int keep_part(struct intake *s, struct err *e)
{
	struct slice part = buf_slice(&s->part);

	if (check_part(s, part, e) || fs_write_at(s->fd, place(s), part, e))
		return -1;
	if (!s->reader && open_reader(s, e))
		return -1;
	s->len += part.len;
	s->part.len = 0;
	/* A window is short: of that a cut may cost no more than a chunk. */
	if (s->package.window == 0 && s->len - s->synced < SYNC_EVERY)
		return 0;
	s->synced = s->len;
	return fs_sync(s->fd, e);
}

int intake_add(struct intake *s, struct slice *bytes, struct err *e)
{
	while (bytes->len > 0 && !intake_is_full(s)) {
		uint64_t wanted = part_len(s) - s->part.len;
		struct slice now = slice_sub(*bytes, 0, (size_t)wanted);

		if (intake_is_complete(s))
			return err_set(e, ERR_LIMIT,
				       "the package is longer than signed");
		if (buf_add(&s->part, now, e))
			return -1;
		*bytes = slice_sub(*bytes, now.len, bytes->len);
		if (s->part.len == part_len(s) && keep_part(s, e)) {
			s->part.len = 0;
			return -1;
		}
	}
	return 0;
}

/* ---- going on ------------------------------------------------------------ */

/* The head, or the chunk at s->len: is it there, and good? */
static int verify_part(struct intake *s, bool *good, struct err *e)
{
	size_t len = (size_t)part_len(s);
	uint8_t *room;
	struct err bad;
	size_t got;

	s->part.len = 0;
	room = buf_reserve(&s->part, len, e);
	if (!room || fs_read_at(s->fd, place(s), room, len, &got, e))
		return -1;
	*good = got == len &&
		check_part(s, (struct slice){ room, len }, &bad) == 0 &&
		(s->reader || open_reader(s, &bad) == 0);
	if (*good)
		s->len += len;
	return 0;
}

/* Verify what a former run left; the first bad part and all behind it go. */
static int verify_rest(struct intake *s, uint64_t size, struct err *e)
{
	bool good = true;

	while (good && !intake_is_complete(s) && s->len + part_len(s) <= size)
		if (verify_part(s, &good, e))
			return -1;
	s->part.len = 0;
	s->synced = s->len;
	return fs_truncate(s->fd, s->len, e);
}

/* A place may hold an earlier chunk: then it is one that is still to come. */
static int verify_window(struct intake *s, struct err *e)
{
	const struct intake_package *p = &s->package;
	bool good;

	if (verify_part(s, &good, e))
		return -1;
	if (!good && p->first > 0)
		return err_set(e, ERR_CONFLICT, "what was begun is gone");
	if (good && p->first > 0)
		s->len += (uint64_t)p->first * PACKAGE_CHUNK_LEN;
	if (s->len > p->len)
		return err_set(e, ERR_CONFLICT, "the package ends before that");
	s->done = p->first;
	while (good && !intake_is_complete(s) && !intake_is_full(s))
		if (verify_part(s, &good, e))
			return -1;
	s->part.len = 0;
	s->synced = s->len;
	return fs_reserve(s->fd,
			  p->head_len + (uint64_t)p->window * PACKAGE_CHUNK_LEN,
			  e);
}

static int open_file(struct intake *s, int dirfd, uint64_t *size, struct err *e)
{
	struct err missing = { 0 };
	char name[NAME_LEN];
	struct stat st;

	name_of(&s->package.digest, s->package.window > 0, name);
	if (fs_open(dirfd, name, O_RDWR, &s->fd, &missing)) {
		*size = 0;
		if (missing.code == ERR_NOT_FOUND)
			return fs_create(dirfd, name, 0600, &s->fd, e) ||
					       fs_sync(dirfd, e)
				       ? -1
				       : 0;
		*e = missing;
		return -1;
	}
	if (fstat(s->fd, &st))
		return err_sys(e, "the spool");
	*size = (uint64_t)st.st_size;
	return 0;
}

int intake_open(int dirfd, const struct intake_package *p, struct intake **out,
		struct err *e)
{
	struct intake *s;
	uint64_t size = 0;

	if (p->head_len < PACKAGE_HEADER_LEN ||
	    p->head_len > PACKAGE_HEAD_MAX || p->len < p->head_len)
		return err_set(e, ERR_LIMIT, "impossible package lengths");
	s = mem_alloc(1, sizeof(*s));
	s->package = *p;
	s->fd = -1;
	s->part.max = p->head_len > PACKAGE_CHUNK_LEN ? (size_t)p->head_len
						      : PACKAGE_CHUNK_LEN;
	if (open_file(s, dirfd, &size, e) ||
	    (p->window > 0 ? verify_window(s, e) : verify_rest(s, size, e))) {
		intake_close(s);
		return err_in(e, "the spool");
	}
	*out = s;
	return 0;
}

uint64_t intake_len(const struct intake *s)
{
	return s->len;
}

uint64_t intake_next(const struct intake *s)
{
	return s->len + s->part.len;
}

bool intake_is_complete(const struct intake *s)
{
	return s->reader && s->len == s->package.len;
}

int intake_finish(struct intake *s, struct err *e)
{
	if (!intake_is_complete(s))
		return err_set(e, ERR_NETWORK, "the package is incomplete");
	return fs_sync(s->fd, e);
}

void intake_close(struct intake *s)
{
	if (!s)
		return;
	package_close(s->reader);
	buf_done(&s->part);
	fs_close(&s->fd);
	free(s);
}
