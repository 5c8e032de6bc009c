/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/door.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/random.h"
#include "common/text.h"

#define API "/v1/people/"

void door_init(struct door *d, uint16_t port)
{
	uint8_t key[DOOR_KEY_LEN];

	random_bytes(key, sizeof(key));
	hex_format((struct slice){ key, sizeof(key) }, d->key);
	mem_wipe(key, sizeof(key));
	d->port = port;
}

static int refuse(unsigned *status, unsigned with, struct err *e,
		  const char *why)
{
	*status = with;
	return err_set(e, with == 404 ? ERR_NOT_FOUND : ERR_REFUSED, "%s", why);
}

static bool begins(struct slice s, const char *with)
{
	return slice_equal(slice_sub(s, 0, strlen(with)), slice_of(with));
}

static bool is_own_host(const struct door *d, struct slice host)
{
	static const char *const names[] = { "127.0.0.1", "localhost" };
	char own[32];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(own, sizeof(own), "%s:%u", names[i], d->port);
		if (slice_equal(host, slice_of(own)))
			return true;
	}
	return false;
}

/* "Bearer <key>", compared in the same time whatever is wrong with it. */
static bool has_key(const struct door *d, struct slice given)
{
	static const char scheme[] = "Bearer ";
	unsigned differ = 0;

	if (given.len != sizeof(scheme) - 1 + 2 * DOOR_KEY_LEN ||
	    !begins(given, scheme))
		return false;
	for (size_t i = 0; i < 2 * DOOR_KEY_LEN; i++)
		differ |= given.ptr[sizeof(scheme) - 1 + i] ^
			  (unsigned char)d->key[i];
	return differ == 0;
}

int door_judge(const struct door *d, const struct http_request *q,
	       unsigned *status, struct err *e)
{
	bool is_api = begins(q->path, API);
	bool is_page = !begins(q->path, "/v1/") &&
		       !begins(q->path, "/metadata/") &&
		       !begins(q->path, "/targets/");

	if (!is_own_host(d, q->host))
		return refuse(status, 403, e, "this is not my address");
	if ((is_api || q->origin.len > 0) && http_is_foreign(q, "http://"))
		return refuse(status, 403, e, "no page but ours may ask this");
	if (!is_api && !is_page)
		return refuse(status, 404, e, "no such path");
	if (!http_path_is_plain(q->path) &&
	    !slice_equal(q->path, slice_of("/")))
		return refuse(status, 404, e, "no such path");
	if (q->method == METHOD_PUT || (is_page && q->method == METHOD_POST))
		return refuse(status, 405, e, "not by this method");
	if (is_api && !has_key(d, q->authorization))
		return refuse(status, 401, e,
			      "open the address that `pawl-server ui` printed");
	if (q->body_len > DOOR_BODY_MAX)
		return refuse(status, 413, e, "the body is too large");
	return 0;
}

bool door_tells(struct slice line)
{
	static const char *const names[] = {
		"content-type",
		"content-length",
		"etag",
		"cache-control",
		"retry-after",
		"allow",
		"content-security-policy",
		"referrer-policy",
		"cross-origin-opener-policy",
		"cross-origin-resource-policy",
		"permissions-policy",
		"x-content-type-options",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t len = strlen(names[i]);

		if (line.len > len && line.ptr[len] == ':' &&
		    strncasecmp((const char *)line.ptr, names[i], len) == 0)
			return true;
	}
	return false;
}
