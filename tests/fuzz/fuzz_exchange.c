/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole conversation: the first byte says in what steps the rest arrives.
 * However it is cut, handlers see the same requests and answers are the same.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "update-server/exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct server_api {
	size_t body_bytes;
};

static int handle(struct server_api *api, const struct request *q,
		  struct response *a, struct err *e)
{
	api->body_bytes += q->body.len + (size_t)q->upload_len;
	return buf_addf(&a->body, e, "%s", q->path);
}

static int authorise(struct server_api *api, enum listener listener,
		     const struct route *route, struct peer *peer,
		     struct err *e)
{
	(void)route;
	(void)api;
	(void)listener;
	(void)peer;
	(void)e;
	return 0;
}

static const struct route routes[] = {
	{ 1, METHOD_GET, "/g/", 0, ROUTE_PLAIN, handle },
	{ 1, METHOD_POST, "/p", 100, ROUTE_PLAIN, handle },
	{ 1, METHOD_PUT, "/u", 1000, ROUTE_UPLOAD, handle },
};

/* Talk until the input is used up; answers go to out. */
static void converse(struct slice in, size_t step, struct buf *out,
		     struct server_api *api)
{
	struct exchange_site site = { .routes = routes,
				      .route_count = ARRAY_LEN(routes),
				      .api = api,
				      .authorise = authorise,
				      .upload_dirfd = AT_FDCWD };
	struct peer peer = { 0 };
	struct exchange *x = exchange_new(&site, &peer);
	enum exchange_want want;
	struct err e;

	while ((want = exchange_want(x)) != EXCHANGE_CLOSE) {
		if (want == EXCHANGE_WORK) {
			exchange_work(x);
		} else if (want == EXCHANGE_SEND) {
			if (buf_add(out, exchange_bytes(x), &e))
				abort();
			exchange_sent(x);
		} else {
			size_t room;
			uint8_t *to = exchange_room(x, &room);

			if (in.len == 0)
				break;
			if (!to || room == 0)
				abort();
			room = room < step ? room : step;
			room = room < in.len ? room : in.len;
			memcpy(to, in.ptr, room);
			in = slice_sub(in, room, in.len);
			exchange_got(x, room);
		}
	}
	exchange_free(x);
}

/* "100 Continue" depends on how much of the body came with the head. */
static bool has_consent(const struct buf *b)
{
	return b->len > 0 && strstr(buf_text(b), "100 Continue") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf once = BUF_INIT(64 << 20), again = BUF_INIT(64 << 20);
	struct server_api a = { 0 }, b = { 0 };
	struct slice in = { data, len };

	if (len == 0)
		return 0;
	in = slice_sub(in, 1, len);
	converse(in, SIZE_MAX, &once, &a);
	converse(in, (size_t)data[0] + 1, &again, &b);
	if (a.body_bytes != b.body_bytes)
		abort();
	if (!has_consent(&once) && !has_consent(&again) &&
	    !slice_equal(buf_slice(&once), buf_slice(&again)))
		abort();
	buf_done(&once);
	buf_done(&again);
	return 0;
}
