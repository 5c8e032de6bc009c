/* SPDX-License-Identifier: Apache-2.0 */
#include "common/stepback.h"

#include <string.h>

static int read_members(const struct json *j, struct stepback *s, struct err *e)
{
	if (statement_name(j, "product", s->product, e) ||
	    statement_seq(j, "from", &s->from, e) ||
	    statement_seq(j, "to", &s->to, e) ||
	    statement_time(j, "expires", &s->expires, e))
		return -1;
	if (s->to >= s->from)
		return err_set(e, ERR_FORMAT, "it leads up, not back");
	if (s->expires <= s->issued)
		return err_set(e, ERR_FORMAT, "it ends before it begins");
	return 0;
}

int stepback_parse(struct slice in, struct stepback *out, struct err *e)
{
	static const char *const members[] = { "product", "from", "to",
					       "expires", NULL };
	struct stepback s = { .from = 0 };
	struct json *j;
	int rc;

	if (statement_parse(in, "stepback", members, &j, &s.issued, e))
		return -1;
	rc = read_members(j, &s, e) ? err_in(e, "stepback") : 0;
	json_free(j);
	if (rc == 0)
		*out = s;
	return rc;
}

struct json *stepback_format(const struct stepback *s)
{
	struct json *j = statement_new("stepback", s->issued);

	json_set_text(j, "product", s->product);
	json_set_int(j, "from", (int64_t)s->from);
	json_set_int(j, "to", (int64_t)s->to);
	statement_set_time(j, "expires", s->expires);
	return j;
}

int stepback_path(const struct stepback *s, char out[PATH_MAX_LEN],
		  struct err *e)
{
	return text_format(out, PATH_MAX_LEN, e, "stepback/%s/%llu-%llu.json",
			   s->product, (unsigned long long)s->from,
			   (unsigned long long)s->to);
}

int stepback_allows(const struct stepback *s, const char *product,
		    uint64_t from, int64_t now, struct err *e)
{
	if (strcmp(s->product, product) != 0 || s->from != from)
		return err_set(e, ERR_REFUSED,
			       "the step back is for %s, seq %llu", s->product,
			       (unsigned long long)s->from);
	if (s->expires <= now)
		return err_set(e, ERR_EXPIRED,
			       "the authorisation to step back has expired");
	return 0;
}
