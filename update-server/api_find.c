/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices by what they are: those that a selector matches, those that lack a
 * fix. A path holds no spaces, so the question is JSON in hex:
 *	{"v":1[, "where": selector][, "lacks": CVE id][, "count": true]}
 * To count is to get no rows, but how many of those looked at there would be,
 * but for revoked ones.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/api.h"

#define PREFIX    "/v1/people/device-find/"
#define QUERY_MAX 480 /* bytes; the path has twice as many */
#define CVE_MAX   64
#define PAGE      2000 /* devices looked at for one answer */

struct finding {
	struct server_api *api;
	struct selector where;
	char lacks[CVE_MAX + 1]; /* "": whatever */
	struct fixes *fixes;
	bool broken; /* reading the releases was: */
	struct err failed;
	bool count;
	uint64_t matched;
	struct json *list;
	struct device_id last;
	size_t seen;
};

/* ---- the question -------------------------------------------------------- */

static int read_query(struct slice text, struct finding *f, struct err *e)
{
	static const char *const known[] = { "v", "where", "lacks", "count",
					     NULL };
	const char *where = "", *lacks = "";
	struct json *j = NULL;
	int64_t version;
	int rc = -1;

	if (json_parse(text, &j, e))
		return -1;
	if (json_get_int(j, "v", 1, 1, &version, e) || json_only(j, known, e) ||
	    (json_get(j, "where") && json_get_text(j, "where", &where, e)) ||
	    (json_get(j, "lacks") && json_get_text(j, "lacks", &lacks, e)) ||
	    (json_get(j, "count") && json_get_bool(j, "count", &f->count, e)))
		goto out;
	rc = selector_parse(slice_of(where), &f->where, e) ||
			     text_format(f->lacks, sizeof(f->lacks), e, "%s",
					 lacks)
		     ? -1
		     : 0;
out:
	json_free(j);
	return rc;
}

/* "<hex>" or "<hex>/<device id>": from behind that one on. */
static int read_path(const struct request *q, struct finding *f,
		     struct device_id *after, bool *more, struct err *e)
{
	const char *rest = api_rest(q, PREFIX);
	const char *slash = strchr(rest, '/');
	struct slice hex = slice_of(rest);
	uint8_t text[QUERY_MAX];

	if (slash)
		hex.len = (size_t)(slash - rest);
	*more = slash != NULL;
	if (hex.len > 2 * sizeof(text))
		return err_set(e, ERR_LIMIT, "the question is too long");
	if (hex_parse(hex, text, hex.len / 2, e) ||
	    (slash &&
	     hex_parse(slice_of(slash + 1), after->bytes, DEVICE_ID_LEN, e)))
		return -1;
	return read_query((struct slice){ text, hex.len / 2 }, f, e);
}

/* ---- the releases -------------------------------------------------------- */

static void see_release(void *ctx, const struct store_release *r)
{
	struct finding *f = ctx;
	/* The first failure is told. */
	if (!f->broken && fixes_add(f->fixes, r, &f->failed))
		f->broken = true;
}

static int read_releases(struct finding *f, struct err *e)
{
	f->fixes = fixes_new();
	if (store_release_each(f->api->store, see_release, f, e))
		return -1;
	if (f->broken) {
		*e = f->failed;
		return -1;
	}
	/* A slip of the pen must not read as "all have it". */
	if (f->lacks[0] && fixes_count(f->fixes, f->lacks) == 0)
		return err_set(e, ERR_NOT_FOUND,
			       "no release that is listed here brings %s",
			       f->lacks);
	return 0;
}

/* ---- the devices --------------------------------------------------------- */

static bool is_wanted(const struct finding *f, const struct store_device *d)
{
	const struct rollout_device *r = &d->facts;
	const struct fixes_device fd = { r->product, r->model, r->hardware,
					 r->has_release, r->seq };

	if (f->lacks[0] &&
	    (d->revoked || !fixes_lacks(f->fixes, f->lacks, &fd)))
		return false;
	return rollout_selects(&f->where, r);
}

static void see_device(void *ctx, const struct store_device *d)
{
	struct finding *f = ctx;

	f->seen++;
	f->last = d->facts.id;
	if (f->count)
		f->matched += !d->revoked && is_wanted(f, d);
	else if (is_wanted(f, d))
		json_add(f->list, api_device_row(f->api, d));
}

int api_device_find(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	struct finding *f = mem_alloc(1, sizeof(*f));
	struct device_id after;
	struct json *j;
	bool more;
	int rc = -1;

	f->api = api;
	f->list = json_new_array();
	if (read_path(q, f, &after, &more, e) || read_releases(f, e) ||
	    store_device_each(api->store, more ? &after : NULL, PAGE,
			      see_device, f, e))
		goto out;
	j = api_answer();
	if (f->count) {
		json_set_int(j, "matched", (int64_t)f->matched);
	} else {
		json_set(j, "devices", f->list);
		f->list = NULL;
	}
	if (f->seen == PAGE)
		json_set_hex(j, "next",
			     (struct slice){ f->last.bytes, DEVICE_ID_LEN });
	rc = response_json(a, 200, j, e);
out:
	json_free(f->list);
	fixes_free(f->fixes);
	free(f);
	return rc;
}
