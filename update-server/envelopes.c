/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/envelopes.h"

#include <fcntl.h>
#include <string.h>

#include "common/fs.h"
#include "common/random.h"
#include "common/text.h"

#define FOLDER   "envelopes"
#define NAME_LEN 128

static int name_of(const struct sha256 *package, char out[NAME_LEN],
		   struct err *e)
{
	char hex[SHA256_HEX_LEN];

	sha256_format(package, hex);
	return text_format(out, NAME_LEN, e, FOLDER "/%s.keys", hex);
}

/* The copy is checked, not the upload: nobody else can change it. */
static int take_in(int dirfd, int fd, uint64_t len, const char *part,
		   const struct sha256 *package, struct err *e)
{
	int copy = -1;
	int rc = -1;

	if (fs_create(dirfd, part, 0600, &copy, e))
		return -1;
	if (fs_copy_range(fd, 0, copy, 0, len, e) == 0 &&
	    keybox_check(copy, package, e) == 0)
		rc = fs_sync(copy, e);
	fs_close(&copy);
	return rc;
}

int envelopes_take(int dirfd, int fd, uint64_t len,
		   const struct sha256 *package, struct envelopes_copy *out,
		   struct err *e)
{
	char hex[17];
	uint8_t salt[8];

	random_bytes(salt, sizeof(salt));
	hex_format((struct slice){ salt, sizeof(salt) }, hex);
	if (name_of(package, out->place, e) ||
	    text_format(out->name, sizeof(out->name), e, "%s.%s", out->place,
			hex) ||
	    fs_mkdirs(dirfd, FOLDER, 0700, e))
		return -1;
	if (take_in(dirfd, fd, len, out->name, package, e) == 0)
		return 0;
	envelopes_drop(dirfd, out, e);
	return -1;
}

int envelopes_keep(int dirfd, const struct envelopes_copy *copy, struct err *e)
{
	if (fs_rename(dirfd, copy->name, copy->place, e) == 0)
		return 0;
	envelopes_drop(dirfd, copy, e);
	return -1;
}

void envelopes_drop(int dirfd, const struct envelopes_copy *copy, struct err *e)
{
	struct err ignored;

	if (fs_remove(dirfd, copy->name, &ignored))
		err_in(e, "%s is left over", copy->name);
}

int envelopes_open(int dirfd, const struct sha256 *package, int *fd,
		   struct err *e)
{
	char name[NAME_LEN];

	if (name_of(package, name, e) ||
	    fs_open(dirfd, name, O_RDONLY | O_CLOEXEC, fd, e))
		return err_set(e, ERR_NOT_FOUND,
			       "no keys of this package were imported");
	return 0;
}

/* "<sha256>.keys", or that with ".<16 digits>" of envelopes_take(). */
static bool read_name(const char *folder, const char *name, struct blob *out)
{
	const size_t hex = 2 * SHA256_LEN, whole = hex + strlen(".keys");
	size_t len = strlen(name);
	struct err ignored;

	if (len < whole || strncmp(name + hex, ".keys", whole - hex) != 0)
		return false;
	out->whole = len == whole;
	if (!out->whole && (len != whole + 17 || name[whole] != '.' ||
			    strspn(name + whole + 1, "0123456789abcdef") != 16))
		return false;
	return hex_parse((struct slice){ (const uint8_t *)name, hex },
			 out->digest.bytes, SHA256_LEN, &ignored) == 0 &&
	       text_format(out->name, sizeof(out->name), &ignored, "%s/%s",
			   folder, name) == 0;
}

int envelopes_each(int at,
		   int (*visit)(void *ctx, const struct blob *b, struct err *e),
		   void *ctx, struct err *e)
{
	return blobs_each_of(at, FOLDER, read_name, visit, ctx, e);
}
