/* SPDX-License-Identifier: Apache-2.0 */
#include "common/floor.h"

int floor_parse(struct slice in, struct floor *out, struct err *e)
{
	static const char *const members[] = { "product", "seq", NULL };
	struct floor f = { .seq = 0 };
	struct json *j;
	int rc;

	if (statement_parse(in, "floor", members, &j, &f.issued, e))
		return -1;
	rc = statement_name(j, "product", f.product, e) ||
			     statement_seq(j, "seq", &f.seq, e)
		     ? err_in(e, "floor")
		     : 0;
	json_free(j);
	if (rc == 0)
		*out = f;
	return rc;
}

struct json *floor_format(const struct floor *f)
{
	struct json *j = statement_new("floor", f->issued);

	json_set_text(j, "product", f->product);
	json_set_int(j, "seq", (int64_t)f->seq);
	return j;
}

int floor_path(const char *product, char out[PATH_MAX_LEN], struct err *e)
{
	return text_format(out, PATH_MAX_LEN, e, "floor/%s.json", product);
}
