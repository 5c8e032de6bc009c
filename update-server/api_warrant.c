/* SPDX-License-Identifier: Apache-2.0 */
/* What people sign for the keeper, on its way to it. */
#include <stdlib.h>

#include "common/mem.h"

#include "update-server/api.h"

static int check(const struct request *q, const char *text,
		 const struct warrant *want, struct err *e)
{
	struct warrant w;

	if (warrant_parse(slice_of(text), &w, e) || warrant_same(want, &w, e))
		return -1;
	return sha256_equal(&w.by, &q->peer->fingerprint)
		       ? 0
		       : err_set(e, ERR_REFUSED,
				 "who signed it (warrant) is not who brought "
				 "it");
}

int api_warrant(struct server_api *api, const struct request *q,
		const struct json *body, const struct warrant *want,
		struct err *e)
{
	struct keeper_request *ask;
	struct keeper_answer *a;
	const char *text;
	int rc;

	if (json_get_text(body, "warrant", &text, e))
		return err_in(e, "the keeper wants your own signature: use "
				 "the command");
	if (check(q, text, want, e))
		return -1;
	ask = mem_alloc(1, sizeof(*ask));
	a = mem_alloc(1, sizeof(*a));
	ask->op = KEEPER_WARRANT;
	rc = text_format(ask->warrant, sizeof(ask->warrant), e, "%s", text);
	if (rc == 0)
		rc = keeper_ask(api->keeper, ask, a, e);
	free(ask);
	free(a);
	return rc;
}
