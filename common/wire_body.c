/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire_body.h"

#include <string.h>

#include "common/text.h"

#define WIRE_VERSION 1

struct json *wire_body_new(void)
{
	struct json *j = json_new_object();

	json_set_int(j, "v", WIRE_VERSION);
	return j;
}

/* Print a message and free it. */
int wire_body_end(struct json *j, struct buf *out, struct err *e)
{
	int rc = json_print(j, false, out, e);

	json_free(j);
	return rc;
}

/* Parse a message and check its version; `known` NULL accepts any member. */
int wire_body_open(struct slice in, const char *const *known, struct json **out,
		   struct err *e)
{
	struct json *j = NULL;
	int64_t version;

	if (in.len > WIRE_BODY_MAX)
		return err_set(e, ERR_LIMIT, "message: more than %d bytes",
			       WIRE_BODY_MAX);
	if (json_parse(in, &j, e))
		return err_in(e, "message");
	if (json_get_int(j, "v", WIRE_VERSION, WIRE_VERSION, &version, e) ||
	    (known && json_only(j, known, e))) {
		json_free(j);
		return err_in(e, "message");
	}
	*out = j;
	return 0;
}

bool wire_is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

bool wire_is_any(const char *text)
{
	(void)text;
	return true;
}

bool wire_is_name(const char *text)
{
	return name_is_valid(slice_of(text));
}

int wire_get_text(const struct json *j, const char *name,
		  bool (*valid)(const char *), char *out, size_t size,
		  struct err *e)
{
	const char *text;
	size_t len;

	if (json_get_text(j, name, &text, e))
		return -1;
	len = strlen(text);
	if (len >= size)
		return err_set(e, ERR_LIMIT, "%s: too long", name);
	if (!valid(text))
		return err_set(e, ERR_FORMAT, "%s: not allowed here", name);
	memcpy(out, text, len + 1);
	return 0;
}

int wire_get_count(const struct json *j, const char *name, int64_t max,
		   uint64_t *out, struct err *e)
{
	int64_t value;

	if (json_get_int(j, name, 0, max, &value, e))
		return -1;
	*out = (uint64_t)value;
	return 0;
}

int wire_get_u32(const struct json *j, const char *name, int64_t max,
		 uint32_t *out, struct err *e)
{
	uint64_t value;

	if (wire_get_count(j, name, max, &value, e))
		return -1;
	*out = (uint32_t)value;
	return 0;
}

int wire_get_word(const struct json *j, const char *name,
		  const char *const *words, size_t count, size_t *out,
		  struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return 0;
		}
	return err_set(e, ERR_FORMAT, "%s: unknown word", name);
}

void wire_set_digest(struct json *j, const char *name,
		     const struct sha256 *digest)
{
	json_set_hex(j, name, (struct slice){ digest->bytes, SHA256_LEN });
}
