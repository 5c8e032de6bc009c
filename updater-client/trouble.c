/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/trouble.h"

#include <string.h>

#include "common/fs.h"
#include "common/text.h"
#include "common/utc.h"

#define FILE_NAME "trouble.json"
#define FILE_MAX  8192

struct json *trouble_load(int state_fd)
{
	static const char *const members[] = { "v", "error", "message", "since",
					       NULL };
	struct buf file = BUF_INIT(FILE_MAX);
	struct json *j = NULL;
	struct err none;

	if (fs_read_file(state_fd, FILE_NAME, &file, &none) ||
	    json_parse(buf_slice(&file), &j, &none) || !json_is_object(j) ||
	    json_only(j, members, &none)) {
		json_free(j);
		j = NULL;
	}
	buf_done(&file);
	return j;
}

static bool is_kept(int state_fd, const char *words)
{
	struct json *j = trouble_load(state_fd);
	bool same = j && strcmp(json_text(json_get(j, "message")), words) == 0;

	json_free(j);
	return same;
}

int trouble_keep(int state_fd, const struct err *why, int64_t now,
		 struct err *e)
{
	struct buf bytes = BUF_INIT(FILE_MAX);
	char since[UTC_TEXT_LEN], words[2 * sizeof(why->msg)];
	struct json *j;
	int rc;

	/* Words of others may hold anything. */
	text_escape(slice_of(why->msg), words, sizeof(words));
	if (why->code == ERR_NETWORK || why->code == ERR_BUSY ||
	    is_kept(state_fd, words))
		return 0;
	utc_format(now, since);
	j = json_new_document();
	json_set_text(j, "error", err_name(why->code));
	json_set_text(j, "message", words);
	json_set_text(j, "since", since);
	rc = json_print(j, false, &bytes, e) ||
			     fs_replace_file(state_fd, FILE_NAME,
					     buf_slice(&bytes), 0644, e)
		     ? -1
		     : 0;
	json_free(j);
	buf_done(&bytes);
	return rc;
}

int trouble_forget(int state_fd, struct err *e)
{
	struct err missing;
	struct stat st;

	if (fs_stat(state_fd, FILE_NAME, &st, &missing))
		return 0;
	return fs_remove(state_fd, FILE_NAME, e);
}
