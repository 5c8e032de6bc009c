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

/* From there to there those that are some, as a new array. */
static struct json *some_of(const struct json *entries, size_t from, size_t to)
{
	struct json *out = json_new_array();

	for (size_t i = from; i < to; i++)
		if (json_is_object(json_at(entries, i)))
			json_add(out, json_clone(json_at(entries, i)));
	return out;
}

static struct json *last_of(const struct json *entries, size_t keep)
{
	const size_t count = json_count(entries);

	return some_of(entries, count > keep ? count - keep : 0, count);
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
	out = last_of(file ? entries_of(file) : NULL, keep);
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

static bool has_text(const struct json *j, const char *name, const char *wanted)
{
	const char *text;
	struct err unused;

	return json_get_text(j, name, &text, &unused) == 0 &&
	       strcmp(text, wanted) == 0;
}

/*
 * How often in a row this has failed before, for the same reason; 0: not. What
 * failed is tried by itself, for as long as a disk is full, say; everything
 * else is an end of its own.
 */
static int64_t times_before(const struct json *last,
			    const struct history_entry *entry)
{
	int64_t times;
	struct err once;

	if (strcmp(entry->result, "failed") != 0 ||
	    !has_text(last, "result", entry->result) ||
	    !has_text(last, "release", entry->release) ||
	    !has_text(last, "from", entry->from) ||
	    !has_text(last, "reason", entry->reason))
		return 0;
	return json_get_int(last, "times", 1, INT32_MAX, &times, &once) ? 1
									: times;
}

static struct json *entry_json(const struct history_entry *entry, int64_t times)
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
	if (times > 1)
		json_set_int(j, "times", times);
	return j;
}

/* All but the oldest, and the new one, or the last one once more. */
static struct json *with_entry(const struct json *before,
			       const struct history_entry *entry)
{
	const size_t count = json_count(before);
	const int64_t times = times_before(json_at(before, count - 1), entry);
	const size_t keep = times > 0 ? count - 1 : count;
	struct json *entries =
		some_of(before, keep == HISTORY_MAX ? 1 : 0, keep);

	json_add(entries, entry_json(entry, times + 1));
	return entries;
}

int history_add(int state_fd, const struct history_entry *entry, struct err *e)
{
	struct buf text = BUF_INIT(FILE_MAX);
	struct json *file = json_new_document();
	struct json *before = load(state_fd, HISTORY_MAX);
	int rc;

	json_set(file, "entries", with_entry(before, entry));
	rc = json_print(file, true, &text, e);
	if (rc == 0)
		rc = fs_replace_file(state_fd, HISTORY_FILE, buf_slice(&text),
				     0600, e);
	json_free(before);
	json_free(file);
	buf_done(&text);
	return rc ? err_in(e, "history") : 0;
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
