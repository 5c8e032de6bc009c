/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_store.h"

#include <string.h>

#include "common/fs.h"

#define FILE_MODE 0644

static bool is_plain(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

int tuf_store_encode(const char *text, char out[TUF_NAME_MAX], struct err *e)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = 0;

	for (; *text; text++) {
		uint8_t byte = (uint8_t)*text;

		if (len + 4 > TUF_NAME_MAX)
			return err_set(e, ERR_LIMIT, "a name is too long");
		if (is_plain(*text)) {
			out[len++] = *text;
			continue;
		}
		out[len++] = '%';
		out[len++] = digits[byte >> 4];
		out[len++] = digits[byte & 15];
	}
	out[len] = 0;
	return 0;
}

int tuf_store_name(const char *role, char out[TUF_NAME_MAX], struct err *e)
{
	char encoded[TUF_NAME_MAX];

	if (tuf_store_encode(role, encoded, e))
		return -1;
	return text_format(out, TUF_NAME_MAX, e, "%s.json", encoded);
}

int tuf_remote_name(const char *role, int64_t version, char out[TUF_NAME_MAX],
		    struct err *e)
{
	char encoded[TUF_NAME_MAX];

	if (version == 0)
		return tuf_store_name(role, out, e);
	if (tuf_store_encode(role, encoded, e))
		return -1;
	return text_format(out, TUF_NAME_MAX, e, "%lld.%s.json",
			   (long long)version, encoded);
}

int tuf_target_url(const char *target_path, const struct sha256 *digest,
		   char out[PATH_MAX_LEN], struct err *e)
{
	const char *slash = strrchr(target_path, '/');
	int folder_len = slash ? (int)(slash - target_path) + 1 : 0;
	char hex[SHA256_HEX_LEN];

	sha256_format(digest, hex);
	return text_format(out, PATH_MAX_LEN, e, "%.*s%s.%s", folder_len,
			   target_path, hex, target_path + folder_len);
}

int tuf_store_read(int dirfd, const char *name, size_t max, struct buf *out,
		   bool *found, struct err *e)
{
	struct err why = { 0 };

	out->max = max;
	if (fs_read_file(dirfd, name, out, &why) == 0) {
		*found = true;
		return 0;
	}
	if (why.code == ERR_SYSTEM) {
		*e = why;
		return err_in(e, "%s", name);
	}
	*found = false;
	return 0;
}

int tuf_store_write(int dirfd, const char *name, struct slice bytes,
		    struct err *e)
{
	if (fs_replace_file(dirfd, name, bytes, FILE_MODE, e))
		return err_in(e, "%s", name);
	return 0;
}
