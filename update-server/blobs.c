/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/blobs.h"

#include <fcntl.h>
#include <stdlib.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/text.h"

#define FOLDER_LEN 10                            /* "blobs/ab" */
#define NAME_LEN   (FOLDER_LEN + SHA256_HEX_LEN) /* "blobs/ab/<sha256>" */

static int blob_names(const struct sha256 *digest, char folder[FOLDER_LEN],
		      char name[NAME_LEN], struct err *e)
{
	char hex[SHA256_HEX_LEN];

	sha256_format(digest, hex);
	if (text_format(folder, FOLDER_LEN, e, "blobs/%.2s", hex))
		return -1;
	return text_format(name, NAME_LEN, e, "%s/%s", folder, hex);
}

/* A copy under another name until it is whole and on the disk. */
static int copy_in(int dirfd, int from, uint64_t len, const char *name,
		   struct err *e)
{
	char part[NAME_LEN + 20], hex[17];
	uint8_t salt[8];
	int fd = -1, rc = -1;
	struct err ignored;

	random_bytes(salt, sizeof(salt));
	hex_format((struct slice){ salt, sizeof(salt) }, hex);
	if (text_format(part, sizeof(part), e, "%s.%s", name, hex) ||
	    fs_create(dirfd, part, 0600, &fd, e))
		return -1;
	if (fs_copy_range(from, 0, fd, 0, len, e) || fs_sync(fd, e))
		goto out;
	rc = fs_rename(dirfd, part, name, e);
out:
	fs_close(&fd);
	if (rc && fs_remove(dirfd, part, &ignored))
		err_in(e, "%s is left over", part);
	return rc;
}

int blobs_put(int dirfd, int fd, uint64_t len, const struct sha256 *digest,
	      struct err *e)
{
	char folder[FOLDER_LEN], name[NAME_LEN];
	struct sha256 is;

	if (sha256_of_range(fd, 0, len, &is, e) ||
	    blob_names(digest, folder, name, e))
		return -1;
	if (!sha256_equal(&is, digest))
		return err_set(e, ERR_UNTRUSTED,
			       "these bytes have another digest");
	if (fs_mkdirs(dirfd, folder, 0700, e))
		return -1;
	return copy_in(dirfd, fd, len, name, e);
}

int blobs_open(int dirfd, const struct sha256 *digest, int *fd, uint64_t *len,
	       struct err *e)
{
	char folder[FOLDER_LEN], name[NAME_LEN];
	struct stat st;
	int got = -1;

	if (blob_names(digest, folder, name, e) ||
	    fs_open(dirfd, name, O_RDONLY | O_CLOEXEC, &got, e))
		return -1;
	if (fstat(got, &st) != 0 || !S_ISREG(st.st_mode)) {
		fs_close(&got);
		return err_set(e, ERR_SYSTEM, "%s: not a file", name);
	}
	*fd = got;
	*len = (uint64_t)st.st_size;
	return 0;
}

static int read_all(int fd, size_t len, struct buf *out, struct err *e)
{
	uint8_t *bytes = mem_alloc(len + 1, 1);
	size_t got = 0;
	int rc = fs_read_at(fd, 0, bytes, len, &got, e) ||
				 buf_add(out, (struct slice){ bytes, got }, e)
			 ? -1
			 : 0;

	free(bytes);
	return rc;
}

int blobs_read(int dirfd, const struct sha256 *digest, struct buf *out,
	       struct err *e)
{
	struct buf bytes = BUF_INIT(out->max);
	struct sha256 is;
	uint64_t len;
	int fd = -1, rc = -1;

	if (blobs_open(dirfd, digest, &fd, &len, e))
		return -1;
	if (len > out->max)
		(void)err_set(e, ERR_LIMIT, "a document is too long");
	else if (read_all(fd, (size_t)len, &bytes, e) == 0) {
		sha256_of(buf_slice(&bytes), &is);
		rc = sha256_equal(&is, digest)
			     ? buf_add(out, buf_slice(&bytes), e)
			     : err_set(e, ERR_UNTRUSTED,
				       "a document was changed on the disk");
	}
	fs_close(&fd);
	buf_done(&bytes);
	return rc;
}
