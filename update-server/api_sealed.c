/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypted releases: which devices could open them, and which could not. */
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/keybox.h"
#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/envelopes.h"

#define PAGE_LEN   500
#define LOOKED_MAX 20000 /* devices; what one registry export holds */
#define SHOWN_MAX  20    /* of those without a key, by id */

static int is_sealed_for(struct server_api *api, const struct sha256 *package,
			 const struct device_id *id, bool *out, struct err *e)
{
	uint8_t sealed[KEYBOX_SEALED_LEN];
	struct keybox_file f;
	struct err why = { 0 };
	int fd = -1;

	*out = envelopes_open(api->dirfd, package, &fd, &why) == 0 &&
	       keybox_file(fd, &f, &why) == 0 &&
	       keybox_find(&f, package, id, sealed, &why) == 0;
	fs_close(&fd);
	if (*out || why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

static int can_open_one(struct server_api *api, const struct json *packages,
			const struct device_id *id, bool *out, struct err *e)
{
	struct sha256 package;

	*out = json_count(packages) == 0;
	for (size_t i = 0; !*out && i < json_count(packages); i++) {
		const struct json *one = json_at(packages, i);

		if (!json_get(one, "encrypted"))
			*out = true;
		else if (json_get_hex(one, "sha256", package.bytes, SHA256_LEN,
				      e) ||
			 is_sealed_for(api, &package, id, out, e))
			return -1;
	}
	return 0;
}

int api_can_open(struct server_api *api, const char *product,
		 const char *release, const struct device_id *id, bool *out,
		 struct err *e)
{
	struct store_release r = { 0 };
	struct json *detail = NULL;
	int rc = -1;

	if (store_release_find(api->store, product, release, &r, e) == 0 &&
	    json_parse(slice_of(r.detail), &detail, e) == 0)
		rc = can_open_one(api, json_get(detail, "packages"), id, out,
				  e);
	json_free(detail);
	store_release_done(&r);
	return rc;
}

/* ---- who still lacks a key ----------------------------------------------- */

bool api_is_encrypted(const struct json *detail)
{
	const struct json *packages = json_get(detail, "packages");

	for (size_t i = 0; i < json_count(packages); i++)
		if (json_get(json_at(packages, i), "encrypted"))
			return true;
	return false;
}

/* One look through the devices, page by page: files are read between. */
struct look {
	struct server_api *api;
	const struct store_release *release;
	const struct json *packages;
	struct device_id ids[PAGE_LEN]; /* of this page, those it is for */
	size_t id_count;
	struct device_id last;
	size_t seen; /* devices of this page */
	uint64_t devices, without;
	struct json *list;
};

static bool is_for(const struct store_release *r, const struct store_device *d)
{
	return strcmp(d->facts.product, r->product) == 0 &&
	       rollout_has_word(r->models, d->facts.model) &&
	       (d->facts.hardware_unheard ||
		rollout_has_word(r->hardware, d->facts.hardware));
}

/* Under the store's lock: only remembered. */
static void remember(void *ctx, const struct store_device *d)
{
	struct look *l = ctx;

	l->last = d->facts.id;
	l->seen++;
	if (is_for(l->release, d))
		l->ids[l->id_count++] = d->facts.id;
}

static int judge_page(struct look *l, struct err *e)
{
	bool opens;

	for (size_t i = 0; i < l->id_count; i++) {
		const struct device_id *id = &l->ids[i];
		char hex[2 * DEVICE_ID_LEN + 1];

		if (can_open_one(l->api, l->packages, id, &opens, e))
			return -1;
		l->devices++;
		if (opens)
			continue;
		hex_format((struct slice){ id->bytes, DEVICE_ID_LEN }, hex);
		if (l->without++ < SHOWN_MAX)
			json_add(l->list, json_new_text(hex));
	}
	return 0;
}

static int look_through(struct look *l, bool *whole, struct err *e)
{
	for (size_t looked = 0; looked < LOOKED_MAX; looked += PAGE_LEN) {
		const struct device_id after = l->last;

		l->seen = l->id_count = 0;
		if (store_registry_each(l->api->store, looked ? &after : NULL,
					PAGE_LEN, remember, l, e) ||
		    judge_page(l, e))
			return -1;
		*whole = l->seen < PAGE_LEN;
		if (*whole)
			break;
	}
	return 0;
}

int api_keys_json(struct server_api *api, const struct store_release *r,
		  const struct json *detail, struct json **out, struct err *e)
{
	struct look *l = mem_alloc(1, sizeof(*l));
	bool whole = false;
	int rc;

	l->api = api;
	l->release = r;
	l->packages = json_get(detail, "packages");
	l->list = json_new_array();
	rc = look_through(l, &whole, e);
	if (rc == 0) {
		*out = json_new_object();
		json_set_int(*out, "devices", (int64_t)l->devices);
		json_set_int(*out, "without", (int64_t)l->without);
		json_set_bool(*out, "whole", whole);
		json_set(*out, "ids", l->list);
	} else {
		json_free(l->list);
	}
	free(l);
	return rc;
}
