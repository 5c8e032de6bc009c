/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUB's environment block, a file of its own. GRUB treats a damaged one as
 * empty: so do we, and the next switch makes it anew.
 *
 * It is written over in place, as GRUB does it. A file that a rename put there
 * would after a power cut be found by Linux, which replays the journal of the
 * file system, but not by GRUB, which does not: that would read the old record,
 * and count in blocks that may belong to another file by then. The change is
 * one sector (grubenv.h), so it is all or nothing.
 */
#include "updater-client/boot.h"

#include <fcntl.h>
#include <string.h>

#include "common/fs.h"
#include "updater-client/grubenv.h"

/* Folder and name of the configured path. */
static int open_place(const struct boot *b, int *dirfd, const char **name,
		      struct err *e)
{
	const char *path = b->config->boot_environment;
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX_LEN];

	if (!slash || slash[1] == 0)
		return err_set(e, ERR_CONFIG,
			       "[boot] environment: %s is not an absolute path",
			       path);
	if (text_format(folder, sizeof(folder), e, "%.*s/", (int)(slash - path),
			path) ||
	    fs_open_dir(folder, dirfd, e))
		return err_in(e, "the GRUB environment block");
	*name = slash + 1;
	return 0;
}

/* The block, or an empty buffer where there is none that GRUB would take. */
static int read_block(int dirfd, const char *name, struct buf *block,
		      struct boot_values *values, struct err *e)
{
	struct err why = { 0 };

	if (fs_read_file(dirfd, name, block, &why) == 0 &&
	    grubenv_parse(buf_slice(block), values, &why) == 0)
		return 0;
	if (why.code == ERR_SYSTEM || why.code == ERR_REFUSED) {
		*e = why; /* unreadable is not damaged */
		return err_in(e, "the GRUB environment block");
	}
	buf_done(block);
	memset(values, 0, sizeof(*values));
	return 0;
}

static int grub_read(const struct boot *b, struct boot_record *out,
		     struct err *e)
{
	struct buf block = BUF_INIT(GRUBENV_LEN + 1);
	struct boot_values values = { 0 };
	const char *name;
	int dirfd = -1;
	int rc = -1;

	if (open_place(b, &dirfd, &name, e) == 0)
		rc = read_block(dirfd, name, &block, &values, e);
	if (rc == 0)
		rc = boot_record_parse(&values, out, e);
	buf_done(&block);
	fs_close(&dirfd);
	return rc;
}

static int write_sector(int dirfd, const char *name, size_t offset,
			const uint8_t to[GRUBENV_LEN], struct err *e)
{
	const struct slice sector = { to + offset, GRUBENV_SECTOR };
	int fd = -1;
	int rc = fs_open(dirfd, name, O_WRONLY, &fd, e);

	if (rc == 0)
		rc = fs_write_at(fd, offset, sector, e);
	if (rc == 0)
		rc = fs_sync(fd, e);
	fs_close(&fd);
	return rc ? err_in(e, "the GRUB environment block") : 0;
}

static int grub_write(const struct boot *b, const struct boot_record *r,
		      struct err *e)
{
	struct buf block = BUF_INIT(GRUBENV_LEN + 1);
	struct boot_values values = { 0 };
	uint8_t to[GRUBENV_LEN];
	const char *name;
	size_t offset;
	int dirfd = -1;
	int rc = -1;

	if (open_place(b, &dirfd, &name, e) ||
	    read_block(dirfd, name, &block, &values, e))
		goto out;
	boot_values_from(r, &values);
	if (grubenv_update(buf_slice(&block), &values, to, e))
		goto out;
	/* A new block, and one that others filled otherwise, is put there once.
	 */
	if (grubenv_one_sector(buf_slice(&block), to, &offset))
		rc = write_sector(dirfd, name, offset, to, e);
	else
		rc = fs_replace_file(dirfd, name,
				     (struct slice){ to, sizeof(to) }, 0644, e);
out:
	buf_done(&block);
	fs_close(&dirfd);
	return rc;
}

const struct boot_control boot_grub = {
	.name = "grub",
	.reboots = true,
	.read = grub_read,
	.write = grub_write,
};
