/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/history.h"

#include <string.h>

#include "common/fs.h"
#include "common/utc.h"

#define HISTORY_FILE "history.json"
#define FILE_MAX     (256 * 1024)
#define TEXT_LEN     (ERR_MSG_LEN)

static const struct json *entries_of(const struct json *file)
{
	struct err unused;
	const struct json *entries;

	if (!json_is_object(file) ||
	    json_get_array(file, "entries", &entries, &unused))
		return NULL;
	return entries;
}

/* Of the last `keep` entries of a file those that are some, as a new array. */
static struct json *last_entries(const struct json *entries, size_t keep)
{
	struct json *out = json_new_array();
	size_t count = json_count(entries);

	for (size_t i = count > keep ? count - keep : 0; i < count; i++)
		if (json_is_object(json_at(entries, i)))
			json_add(out, json_clone(json_at(entries, i)));
	return out;
}

static struct json *load(int state_fd, size_t keep)
{
	struct buf text = BUF_INIT(FILE_MAX);
	struct json *file = NULL;
	struct json *out;
	struct err unused;

	if (fs_read_file(state_fd, HISTORY_FILE, &text, &unused) ||
	    json_parse(buf_slice(&text), &file, &unused))
		file = NULL;
	out = last_entries(file ? entries_of(file) : NULL, keep);
	json_free(file);
	buf_done(&text);
	return out;
}

struct json *history_load(int state_fd)
{
	return load(state_fd, HISTORY_MAX);
}

/* Details may quote foreign bytes; JSON wants clean text. */
static void set_clean(struct json *j, const char *name, const char *text)
{
	char clean[TEXT_LEN];

	text_escape(slice_of(text), clean, sizeof(clean));
	json_set_text(j, name, clean);
}

static struct json *entry_json(const struct history_entry *entry)
{
	struct json *j = json_new_object();
	char time[UTC_TEXT_LEN];

	utc_format(entry->time, time);
	json_set_text(j, "time", time);
	json_set_text(j, "release", entry->release);
	json_set_text(j, "from", entry->from);
	json_set_text(j, "result", entry->result);
	json_set_text(j, "reason", entry->reason);
	set_clean(j, "detail", entry->detail);
	return j;
}

int history_add(int state_fd, const struct history_entry *entry, struct err *e)
{
	struct buf text = BUF_INIT(FILE_MAX);
	struct json *file = json_new_object();
	struct json *entries = load(state_fd, HISTORY_MAX - 1);
	int rc;

	json_add(entries, entry_json(entry));
	json_set_int(file, "v", 1);
	json_set(file, "entries", entries);
	rc = json_print(file, true, &text, e);
	if (rc == 0)
		rc = fs_replace_file(state_fd, HISTORY_FILE, buf_slice(&text),
				     0600, e);
	json_free(file);
	buf_done(&text);
	return rc ? err_in(e, "history") : 0;
}

static bool has_text(const struct json *j, const char *name, const char *wanted)
{
	const char *text;
	struct err unused;

	return json_get_text(j, name, &text, &unused) == 0 &&
	       strcmp(text, wanted) == 0;
}

bool history_ends_with(int state_fd, const struct history_entry *entry)
{
	struct json *last = load(state_fd, 1);
	const bool same =
		json_count(last) == 1 &&
		has_text(json_at(last, 0), "release", entry->release) &&
		has_text(json_at(last, 0), "result", entry->result);

	json_free(last);
	return same;
}
