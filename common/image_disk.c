/* SPDX-License-Identifier: Apache-2.0 */
#include "common/image_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h> /* BLKGETSIZE64, BLKFLSBUF */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/mem.h"

#define READ_LEN  (256u << 10) /* a multiple of any sector and page */
#define ALIGNMENT 4096
#define RUN_MAX   (64u << 20) /* zeros that are given back at once */

/* ---- writing ------------------------------------------------------------- */

struct image_writer {
	int fd;
	uint64_t at;     /* where block begins */
	uint64_t zeros;  /* blocks of zeros before it, not yet dealt with */
	size_t len;      /* bytes in block */
	size_t head_len; /* bytes in head */
	uint8_t head[IMAGE_BLOCK];
	uint8_t block[IMAGE_BLOCK];
};

static int check_room(int fd, uint64_t len, struct err *e)
{
	uint64_t room;

	if (image_room(fd, &room, e))
		return -1;
	return room >= len ? 0
			   : err_set(e, ERR_SPACE,
				     "the image is larger than the slot");
}

int image_writer_new(int fd, uint64_t len, struct image_writer **out,
		     struct err *e)
{
	const size_t head_len = len < IMAGE_BLOCK ? (size_t)len : IMAGE_BLOCK;
	struct image_writer *w;

	if (check_room(fd, len, e))
		return -1;
	w = mem_alloc(1, sizeof(*w));
	w->fd = fd;
	if (fs_write_at(fd, 0, (struct slice){ w->head, head_len }, e) ||
	    fs_sync(fd, e)) {
		image_writer_free(w);
		return err_in(e, "the image");
	}
	*out = w;
	return 0;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

static int put_zeros(struct image_writer *w, struct err *e)
{
	const uint64_t len = w->zeros;

	w->zeros = 0;
	return len > 0 ? fs_zero_range(w->fd, w->at - len, len, e) : 0;
}

/* The block is full, or the last one. */
static int put_block(struct image_writer *w, struct err *e)
{
	const size_t len = w->len;

	w->len = 0;
	if (w->at == 0) {
		memcpy(w->head, w->block, len);
		w->head_len = len;
	} else if (len == IMAGE_BLOCK && is_zero(w->block, len)) {
		w->zeros += len;
		w->at += len;
		return w->zeros >= RUN_MAX ? put_zeros(w, e) : 0;
	} else if (put_zeros(w, e) ||
		   fs_write_at(w->fd, w->at, (struct slice){ w->block, len },
			       e)) {
		return -1;
	}
	w->at += len;
	return 0;
}

int image_writer_add(struct image_writer *w, struct slice bytes, struct err *e)
{
	while (bytes.len > 0) {
		struct slice part = slice_sub(bytes, 0, IMAGE_BLOCK - w->len);

		memcpy(w->block + w->len, part.ptr, part.len);
		w->len += part.len;
		bytes = slice_sub(bytes, part.len, bytes.len);
		if (w->len == IMAGE_BLOCK && put_block(w, e))
			return err_in(e, "the image");
	}
	return 0;
}

int image_writer_keep(struct image_writer *w, struct slice *head, struct err *e)
{
	const struct slice part = { w->block, w->len };

	if (w->at < IMAGE_BLOCK)
		return err_set(e, ERR_CONFLICT, "nothing is there to go on");
	if (put_zeros(w, e) || fs_write_at(w->fd, w->at, part, e) ||
	    fs_sync(w->fd, e))
		return err_in(e, "the image");
	*head = (struct slice){ w->head, w->head_len };
	return 0;
}

int image_writer_resume(int fd, uint64_t len, struct slice head, uint64_t at,
			struct image_writer **out, struct err *e)
{
	struct image_writer *w;
	size_t got = 0;

	if (head.len != IMAGE_BLOCK || at < IMAGE_BLOCK || at >= len)
		return err_set(e, ERR_CONFLICT, "nothing is there to go on");
	if (check_room(fd, len, e))
		return -1;
	w = mem_alloc(1, sizeof(*w));
	w->fd = fd;
	w->head_len = IMAGE_BLOCK;
	memcpy(w->head, head.ptr, IMAGE_BLOCK);
	w->len = (size_t)(at % IMAGE_BLOCK);
	w->at = at - w->len;
	if (fs_read_at(fd, w->at, w->block, w->len, &got, e) || got != w->len) {
		image_writer_free(w);
		return err_set(e, ERR_CONFLICT, "the image is cut off");
	}
	*out = w;
	return 0;
}

int image_writer_end(struct image_writer *w, struct err *e)
{
	if ((w->len > 0 && put_block(w, e)) || put_zeros(w, e) ||
	    fs_sync(w->fd, e) ||
	    fs_write_at(w->fd, 0, (struct slice){ w->head, w->head_len }, e) ||
	    fs_sync(w->fd, e))
		return err_in(e, "the image");
	return 0;
}

void image_writer_free(struct image_writer *w)
{
	free(w);
}

/* ---- reading ------------------------------------------------------------- */

int image_room(int fd, uint64_t *out, struct err *e)
{
	struct stat st;
	uint64_t len;

	if (fstat(fd, &st))
		return err_sys(e, "looking at the slot");
	if (S_ISREG(st.st_mode)) {
		*out = (uint64_t)st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return err_set(e, ERR_REFUSED,
			       "neither a block device nor a file");
	if (ioctl(fd, BLKGETSIZE64, &len))
		return err_sys(e, "the length of the device");
	*out = len;
	return 0;
}

/*
 * What is read next shall come from the medium. Any of these may be refused,
 * to who is not root or by the file system; none of them is the only one, and
 * what was written is on the medium already.
 */
static void pass_by_caches(int fd)
{
	struct stat st;

	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (fstat(fd, &st) == 0 && S_ISBLK(st.st_mode))
		(void)ioctl(fd, BLKFLSBUF, 0);
	(void)fcntl(fd, F_SETFL, O_DIRECT);
}

/* Without O_DIRECT again: its rules differ, and refusing comes late. */
static int read_some(int fd, uint64_t at, uint8_t *out, size_t *got,
		     struct err *e)
{
	struct err direct = { 0 };

	if (fs_read_at(fd, at, out, READ_LEN, got, &direct) == 0)
		return 0;
	if (fcntl(fd, F_SETFL, 0))
		return err_sys(e, "reading the image");
	return fs_read_at(fd, at, out, READ_LEN, got, e);
}

/* O_DIRECT wants its memory aligned. */
static uint8_t *aligned(uint8_t *bytes)
{
	const uintptr_t off = (uintptr_t)bytes % ALIGNMENT;

	return bytes + (off ? ALIGNMENT - off : 0);
}

static int digest_all(int fd, uint64_t len, const struct tree_watch *watch,
		      struct digest *d, struct err *e)
{
	uint8_t *bytes = mem_alloc(READ_LEN + ALIGNMENT, 1);
	uint8_t *in = aligned(bytes);
	uint64_t at = 0;
	int rc = 0;

	while (at < len && rc == 0) {
		size_t got = 0;

		rc = read_some(fd, at, in, &got, e);
		if (rc == 0 && got == 0)
			rc = err_set(e, ERR_NOT_FOUND, "the image is cut off");
		if (got > len - at)
			got = (size_t)(len - at);
		digest_add(d, (struct slice){ in, got });
		at += got;
		if (rc == 0)
			rc = tree_watch_tell(watch, at, e);
	}
	free(bytes);
	return rc;
}

int image_digest(int fd, uint64_t len, bool from_medium,
		 const struct tree_watch *watch, struct sha256 *out,
		 struct err *e)
{
	const int flags = fcntl(fd, F_GETFL);
	struct digest d;
	int rc;

	if (from_medium)
		pass_by_caches(fd);
	digest_start(&d);
	rc = digest_all(fd, len, watch, &d, e);
	if (flags < 0 || fcntl(fd, F_SETFL, flags))
		rc = err_sys(e, "reading the image");
	if (rc == 0)
		digest_finish(&d, out);
	return rc;
}
