/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/log_mark.h"

#include "common/fs.h"
#include "common/json.h"

#include "update-server/store.h"

#define MARK     "log-behind"
#define MARK_MAX 256

int log_mark_put(int dirfd, uint64_t records, struct err *e)
{
	struct json *j = json_new_object();
	struct buf text = BUF_INIT(MARK_MAX);
	int rc;

	if (records != STORE_BEHIND_UNKNOWN)
		json_set_int(j, "signed", (int64_t)records);
	rc = json_print(j, true, &text, e);
	if (rc == 0)
		rc = fs_replace_file(dirfd, MARK, buf_slice(&text), 0644, e);
	json_free(j);
	buf_done(&text);
	return rc;
}

int log_mark_drop(int dirfd, struct err *e)
{
	struct err why = { 0 };

	if (fs_remove(dirfd, MARK, &why) == 0 || why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

/* One that cannot be read is one. */
uint64_t log_mark_read(int dirfd)
{
	uint64_t records = STORE_BEHIND_UNKNOWN;
	struct buf text = BUF_INIT(MARK_MAX);
	struct json *j = NULL;
	struct err why = { 0 };
	int64_t n;

	if (fs_read_file(dirfd, MARK, &text, &why) == 0 &&
	    json_parse(buf_slice(&text), &j, &why) == 0 &&
	    json_get_int(j, "signed", 1, JSON_INT_MAX, &n, &why) == 0)
		records = (uint64_t)n;
	else if (why.code == ERR_NOT_FOUND && !j)
		records = 0;
	json_free(j);
	buf_done(&text);
	return records;
}
