/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' pages, for their browsers. */
#include "update-server/api.h"
#include "update-server/page.h"

int api_page(struct server_api *api, const struct request *q,
	     struct response *a, struct err *e)
{
	struct sha256 digest;
	struct page page;

	(void)api;
	if (!page_find(q->path, &page))
		return err_set(e, ERR_NOT_FOUND, "no such page");
	sha256_of(page.bytes, &digest);
	sha256_format(&digest, a->etag);
	a->type = page.type;
	a->page = true;
	return buf_add(&a->body, page.bytes, e);
}
