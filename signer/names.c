/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/names.h"

#include <ctype.h>
#include <string.h>

#include "common/text.h"

const char *names_find(const struct json *names, const char *keyid,
		       char fallback[NAMES_SHORT_LEN])
{
	const char *name = json_text(json_get(names, keyid));

	if (name_is_valid(slice_of(name)))
		return name;
	text_escape(slice_sub(slice_of(keyid), 0, 12), fallback,
		    NAMES_SHORT_LEN);
	return fallback;
}

static size_t without_suffix(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	if (len > n && memcmp(name + len - n, suffix, n) == 0)
		return len - n;
	return len;
}

bool names_from_file(const char *path, char out[NAMES_SHORT_LEN])
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strlen(name);

	len = without_suffix(name, len, ".pub");
	len = without_suffix(name, len, ".key");
	if (len >= NAMES_SHORT_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)name[i]);
	out[len] = 0;
	return name_is_valid(slice_of(out));
}
