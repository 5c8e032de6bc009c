/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/backup_note.h"

#include "common/fs.h"
#include "common/utc.h"

/* Where the fenced server may read what changes while it runs: fence.h. */
#define NOTE "run/last-backup"

int backup_note(const char *dir, int64_t now, struct err *e)
{
	char text[UTC_TEXT_LEN];
	int dirfd = -1, rc = -1;

	utc_format(now, text);
	if (fs_open_dir(dir, &dirfd, e) == 0 &&
	    fs_mkdirs(dirfd, "run", 0700, e) == 0)
		rc = fs_replace_file(dirfd, NOTE, slice_of(text), 0644, e);
	fs_close(&dirfd);
	return rc;
}

int64_t backup_noted(int dirfd)
{
	struct buf text = BUF_INIT(UTC_TEXT_LEN);
	struct err ignored;
	int64_t when = 0;

	if (fs_read_file(dirfd, NOTE, &text, &ignored) ||
	    utc_parse(buf_slice(&text), &when, &ignored))
		when = 0;
	buf_done(&text);
	return when;
}
