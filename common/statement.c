/* SPDX-License-Identifier: Apache-2.0 */
#include "common/statement.h"

#include <string.h>

#include "common/utc.h"

#define FORMAT_VERSION 1

/* "v", "type", "issued" and what else this type has; nothing more. */
static int check_members(const struct json *j, const char *const *members,
			 struct err *e)
{
	static const char *const always[] = { "v", "type", "issued" };

	for (void *m = json_first(j); m; m = json_next(j, m)) {
		const char *name = json_name(m);
		bool known = false;

		for (size_t i = 0; i < ARRAY_LEN(always); i++)
			known |= strcmp(always[i], name) == 0;
		for (size_t i = 0; members[i]; i++)
			known |= strcmp(members[i], name) == 0;
		if (!known)
			return err_set(e, ERR_FORMAT, "an unknown member");
	}
	return 0;
}

static int check_head(const struct json *j, const char *type, struct err *e)
{
	const char *is;
	int64_t v;

	if (json_get_text(j, "type", &is, e) ||
	    json_get_int(j, "v", 1, JSON_INT_MAX, &v, e))
		return -1;
	if (strcmp(is, type) != 0)
		return err_set(e, ERR_FORMAT, "it is of another type");
	if (v != FORMAT_VERSION)
		return err_set(e, ERR_REFUSED, "it needs a newer updater");
	return 0;
}

static int check_spelling(const struct json *j, struct slice in, struct err *e)
{
	struct buf again = BUF_INIT(STATEMENT_MAX_LEN);
	int rc = json_canonical(j, &again, e);

	if (rc == 0 && !slice_equal(buf_slice(&again), in))
		rc = err_set(e, ERR_FORMAT, "not in canonical form");
	buf_done(&again);
	return rc;
}

int statement_parse(struct slice in, const char *type,
		    const char *const *members, struct json **out,
		    int64_t *issued, struct err *e)
{
	struct json *j = NULL;

	if (in.len > STATEMENT_MAX_LEN)
		return err_set(e, ERR_LIMIT, "%s: more than %d bytes", type,
			       STATEMENT_MAX_LEN);
	if (json_parse(in, &j, e))
		return err_in(e, "%s", type);
	if (!json_is_object(j))
		err_set(e, ERR_FORMAT, "not an object");
	else if (check_head(j, type, e) == 0 &&
		 check_members(j, members, e) == 0 &&
		 check_spelling(j, in, e) == 0 &&
		 statement_time(j, "issued", issued, e) == 0) {
		*out = j;
		return 0;
	}
	json_free(j);
	return err_in(e, "%s", type);
}

struct json *statement_new(const char *type, int64_t issued)
{
	struct json *j = json_new_object();

	json_set_int(j, "v", FORMAT_VERSION);
	json_set_text(j, "type", type);
	statement_set_time(j, "issued", issued);
	return j;
}

int statement_time(const struct json *j, const char *name, int64_t *out,
		   struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	return utc_parse(slice_of(text), out, e) ? err_in(e, "\"%s\"", name)
						 : 0;
}

void statement_set_time(struct json *j, const char *name, int64_t sec)
{
	char text[UTC_TEXT_LEN];

	utc_format(sec, text);
	json_set_text(j, name, text);
}

int statement_name(const struct json *j, const char *name,
		   char out[NAME_MAX_LEN + 1], struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	if (!name_is_valid(slice_of(text)))
		return err_set(e, ERR_FORMAT, "\"%s\" is not a name", name);
	return text_format(out, NAME_MAX_LEN + 1, e, "%s", text);
}

int statement_seq(const struct json *j, const char *name, uint64_t *out,
		  struct err *e)
{
	int64_t value;

	if (json_get_int(j, name, 1, JSON_INT_MAX, &value, e))
		return -1;
	*out = (uint64_t)value;
	return 0;
}
