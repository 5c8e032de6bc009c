/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/listed.h"

#include <string.h>

struct search {
	const struct listed *what;
	size_t count;
};

static int see_package(void *ctx, const struct tuf_target *t, struct err *e)
{
	struct search *s = ctx;
	struct release r = { .seq = 0 };
	struct err unreadable;
	int rc = 0;

	if (release_parse(t, &r, &unreadable) == 0 &&
	    strcmp(r.product, s->what->product) == 0 &&
	    strcmp(r.id, s->what->id) == 0) {
		s->count++;
		rc = s->what->visit(s->what->ctx, t, &r, e);
	}
	release_done(&r);
	return rc;
}

/* A role that nobody delegates to lists nothing. */
static int see_role(struct search *s, const char *role, struct err *e)
{
	size_t before = s->count;
	struct err why = { 0 };

	if (tuf_client_each_in(s->what->client, s->what->from, role,
			       see_package, s, &why) == 0 ||
	    (why.code == ERR_NOT_FOUND && s->count == before))
		return 0;
	*e = why;
	return -1;
}

int listed_packages(const struct listed *what, struct err *e)
{
	struct search s = { .what = what };
	char role[sizeof("product-") + NAME_MAX_LEN];

	if (tuf_client_each(what->client, see_package, &s, e) ||
	    text_format(role, sizeof(role), e, "product-%s", what->product) ||
	    see_role(&s, role, e) || see_role(&s, "nightly", e))
		return -1;
	return s.count > 0 ? 0
			   : err_set(e, ERR_NOT_FOUND,
				     "release %s of %s is not in the signed "
				     "metadata",
				     what->id, what->product);
}
