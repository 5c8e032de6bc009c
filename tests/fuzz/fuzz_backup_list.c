/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever list comes, it names only what a backup may hold. */
#include <stdlib.h>
#include <string.h>

#include "update-server/backup_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int is_secret(const char *path)
{
	size_t len = strlen(path);

	return len >= 7 && strcmp(path + len - 7, ".secret") == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf once = BUF_INIT(BACKUP_LIST_MAX);
	struct backup_list l = { 0 };
	struct err e;

	if (backup_list_parse((struct slice){ data, len }, &l, &e) == 0) {
		for (size_t i = 0; i < l.count; i++)
			if (l.files[i].path[0] == '/' ||
			    l.files[i].path[0] == '.' ||
			    strstr(l.files[i].path, "/.") ||
			    is_secret(l.files[i].path))
				abort();
		if (backup_list_format(&l, &once, &e))
			abort();
	}
	backup_list_done(&l);
	buf_done(&once);
	return 0;
}
