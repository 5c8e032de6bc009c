/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/backup_list.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/utc.h"

#include "update-server/home.h"

#define TYPE "pawl-backup"

void backup_list_done(struct backup_list *l)
{
	free(l->files);
	*l = (struct backup_list){ 0 };
}

/* ---- paths --------------------------------------------------------------- */

static bool begins_with(struct slice s, const char *text)
{
	struct slice want = slice_of(text);

	return s.len > want.len && slice_equal(slice_sub(s, 0, want.len), want);
}

static bool ends_with(struct slice s, const char *text)
{
	struct slice want = slice_of(text);

	return s.len >= want.len &&
	       slice_equal(slice_sub(s, s.len - want.len, want.len), want);
}

/* Names joined by single slashes, none of which begins with a dot. */
static bool is_plain(struct slice path)
{
	uint8_t before = '/';

	for (size_t i = 0; i < path.len; i++) {
		uint8_t c = path.ptr[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			    c == '.' || c == '/';

		if (!good || (before == '/' && (c == '/' || c == '.')))
			return false;
		before = c;
	}
	return path.len > 0 && before != '/';
}

bool backup_path_is_ours(struct slice path)
{
	static const char *const single[] = {
		HOME_DATABASE,      "server.conf",
		HOME_CA_PEM,        HOME_NEXT_CA_PEM,
		HOME_TLS_PEM,       HOME_ONLINE_PUB,
		"audit.pub",        "audit/checkpoint.json",
		HOME_DEVICE_CA_PEM,
	};

	if (path.len >= BACKUP_PATH_MAX || !is_plain(path))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(single); i++)
		if (slice_equal(path, slice_of(single[i])))
			return true;
	return (begins_with(path, "keeper/") || begins_with(path, "blobs/")) &&
	       !ends_with(path, ".key") && !ends_with(path, ".secret");
}

/* ---- the list ------------------------------------------------------------ */

int backup_list_add(struct backup_list *l, const struct backup_file *file,
		    struct err *e)
{
	if (!backup_path_is_ours(slice_of(file->path)))
		return err_set(e, ERR_REFUSED, "%s: not a file of a backup",
			       file->path);
	if (l->count == BACKUP_FILES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d files",
			       BACKUP_FILES_MAX);
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->files = mem_resize(l->files, l->room, sizeof(*l->files));
	}
	l->files[l->count++] = *file;
	return 0;
}

int backup_list_format(const struct backup_list *l, struct buf *out,
		       struct err *e)
{
	struct json *j = json_new_document(), *files = json_new_array();
	char time[UTC_TEXT_LEN];
	int rc;

	utc_format(l->time, time);
	json_set_text(j, "type", TYPE);
	json_set_text(j, "time", time);
	json_set_int(j, "records", (int64_t)l->records);
	for (size_t i = 0; i < l->count; i++) {
		struct json *f = json_new_object();

		json_set_text(f, "path", l->files[i].path);
		json_set_int(f, "bytes", (int64_t)l->files[i].len);
		json_set_hex(
			f, "sha256",
			(struct slice){ l->files[i].digest.bytes, SHA256_LEN });
		json_add(files, f);
	}
	json_set(j, "files", files);
	rc = json_print(j, true, out, e);
	json_free(j);
	return rc;
}

static int parse_file(const struct json *j, struct backup_list *l,
		      struct err *e)
{
	static const char *const known[] = { "path", "bytes", "sha256", NULL };
	struct backup_file f = { .len = 0 };
	const char *path;
	int64_t len;

	if (json_get_text(j, "path", &path, e) ||
	    json_get_int(j, "bytes", 0, JSON_INT_MAX, &len, e) ||
	    json_get_hex(j, "sha256", f.digest.bytes, SHA256_LEN, e) ||
	    json_only(j, known, e))
		return -1;
	f.len = (uint64_t)len;
	if (text_format(f.path, sizeof(f.path), e, "%s", path))
		return err_set(e, ERR_REFUSED, "a path is too long");
	return backup_list_add(l, &f, e);
}

static int parse(const struct json *j, struct backup_list *l, struct err *e)
{
	static const char *const known[] = { "v",       "type",  "time",
					     "records", "files", NULL };
	const struct json *files;
	const char *type, *time;
	int64_t version, records;

	if (!json_is_object(j))
		return err_set(e, ERR_FORMAT, "not an object");
	if (json_get_int(j, "v", 1, 1, &version, e) ||
	    json_get_text(j, "type", &type, e) ||
	    json_get_text(j, "time", &time, e) ||
	    utc_parse(slice_of(time), &l->time, e) ||
	    json_get_int(j, "records", 0, JSON_INT_MAX, &records, e) ||
	    json_get_array(j, "files", &files, e) || json_only(j, known, e))
		return -1;
	if (strcmp(type, TYPE) != 0)
		return err_set(e, ERR_FORMAT, "not the list of a backup");
	l->records = (uint64_t)records;
	for (size_t i = 0; i < json_count(files); i++)
		if (parse_file(json_at(files, i), l, e))
			return -1;
	return 0;
}

int backup_list_parse(struct slice in, struct backup_list *l, struct err *e)
{
	struct backup_list got = { 0 };
	struct json *j = NULL;
	int rc;

	if (in.len > BACKUP_LIST_MAX)
		return err_set(e, ERR_LIMIT, "the list is too long");
	if (json_parse(in, &j, e))
		return -1;
	rc = parse(j, &got, e);
	json_free(j);
	if (rc == 0)
		*l = got;
	else
		backup_list_done(&got);
	return rc;
}
