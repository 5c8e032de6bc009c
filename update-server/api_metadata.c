/* SPDX-License-Identifier: Apache-2.0 */
/* What devices fetch: metadata and payloads, immutable but for timestamp. */
#include <string.h>

#include "common/site.h"
#include "update-server/api.h"
#include "update-server/blobs.h"

int api_metadata_get(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	const char *name = api_rest(q, API_METADATA);
	struct sha256 digest;

	if (strlen(name) >= TUF_NAME_MAX)
		return err_set(e, ERR_NOT_FOUND, "no such metadata");
	if (store_metadata_get(api->store, name, &a->body, &digest, e))
		return -1;
	sha256_format(&digest, a->etag);
	a->immutable = strcmp(name, "timestamp.json") != 0;
	return 0;
}

/*
 * Anyone may have the site, "<sha256>.site.json": a device that no longer knows
 * our certificates finds its way back by it. Nothing else is for strangers.
 */
int api_site_get(struct server_api *api, const struct request *q,
		 struct response *a, struct err *e)
{
	const char *url = api_rest(q, API_TARGETS);

	if (strlen(url) != 2 * SHA256_LEN + 1 + strlen(SITE_PATH) ||
	    url[2 * SHA256_LEN] != '.' ||
	    strcmp(url + 2 * SHA256_LEN + 1, SITE_PATH) != 0)
		return err_set(e, ERR_NOT_FOUND, "no such payload");
	return api_target_get(api, q, a, e);
}

/* Signed documents end so, and no package does (release.h). */
static bool is_document(const char *url)
{
	static const char end[] = ".json";
	size_t len = strlen(url), tail = sizeof(end) - 1;

	return len > tail && strcmp(url + len - tail, end) == 0;
}

/*
 * A device that is blocked may speak, and is given no package. What only holds
 * it back it is given: a floor rises there too, a halt is heard, and whoever
 * has to find the server anew finds it.
 */
static int check_blocked(struct server_api *api, const struct request *q,
			 const char *url, struct err *e)
{
	struct device_id id;

	if (q->listener != LISTENER_DEVICE || is_document(url))
		return 0;
	return api_device_id(q, &id, e) ||
			       store_device_may_fetch(api->store, &id, e)
		       ? -1
		       : 0;
}

/*
 * For a cache in front, whoever its clients are: a package is what the signed
 * metadata says, under a name that holds its digest, and never changes. Signed
 * documents are not for everybody.
 */
int api_origin_get(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	if (is_document(api_rest(q, API_TARGETS)))
		return err_set(e, ERR_NOT_FOUND, "no such payload");
	return api_target_get(api, q, a, e);
}

int api_target_get(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	const char *url = api_rest(q, API_TARGETS);
	struct sha256 digest;
	uint64_t length, len;

	if (check_blocked(api, q, url, e))
		return -1;
	/* An exact match of verified metadata; a path of the disk is made from
	 * the digest found there alone. */
	if (strlen(url) >= PATH_MAX_LEN ||
	    store_payload_find(api->store, url, &digest, &length, e))
		return err_set(e, ERR_NOT_FOUND, "no such payload");
	if (blobs_open(api->dirfd, &digest, &a->file_fd, &len, e))
		return -1;
	if (len != length)
		return err_set(e, ERR_SYSTEM, "a payload was changed on disk");
	a->file_len = len;
	a->type = "application/octet-stream";
	a->ranges = true;
	a->immutable = true;
	sha256_format(&digest, a->etag);
	return 0;
}
