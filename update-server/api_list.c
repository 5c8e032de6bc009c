/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of devices behind numbers, each a page of an index. */
#include <inttypes.h>
#include <string.h>

#include "update-server/api.h"
#include "update-server/store_overview.h"

#define SILENT_DAYS 400

/* What a path asks for; the names are kept here. */
struct list_asked {
	struct overview_list list;
	char kind[NAME_MAX_LEN + 1];
	char first[NAME_MAX_LEN + 1], second[NAME_MAX_LEN + 1];
};

static const struct kind {
	const char *word;
	enum overview_kind kind;
	int names; /* that follow the word */
} kinds[] = {
	{ "all", OVERVIEW_ALL, 0 },
	{ "release", OVERVIEW_RELEASE, 2 },
	{ "no-release", OVERVIEW_RELEASE, 1 },
	{ "cohort", OVERVIEW_COHORT, 1 },
	{ "silent", OVERVIEW_SILENT, 1 },
	{ "never-seen", OVERVIEW_NEVER, 0 },
	{ "quarantined", OVERVIEW_QUARANTINED, 0 },
	{ "revoked", OVERVIEW_REVOKED, 0 },
	{ "retired", OVERVIEW_RETIRED, 0 },
};

/* after-<id>, or after-<day>-<id> where the order is by day. */
static int parse_after(const char *text, struct overview_list *l, struct err *e)
{
	static const char word[] = "after-";
	uint64_t day = 0;
	size_t len;

	if (strncmp(text, word, sizeof(word) - 1) != 0)
		return -1;
	text += sizeof(word) - 1;
	if (l->kind == OVERVIEW_SILENT) {
		len = strcspn(text, "-");
		if (!text[len] ||
		    num_parse((struct slice){ (const uint8_t *)text, len },
			      INT32_MAX, &day, e))
			return -1;
		text += len + 1;
	}
	l->has_after = true;
	l->after_day = (int64_t)day;
	return hex_parse(slice_of(text), l->after.bytes, DEVICE_ID_LEN, e);
}

static int parse_kind(const char **rest, struct list_asked *asked)
{
	if (api_path_name(rest, asked->kind, sizeof(asked->kind)))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].word, asked->kind) != 0)
			continue;
		asked->list.kind = kinds[i].kind;
		if (kinds[i].names > 0 &&
		    api_path_name(rest, asked->first, sizeof(asked->first)))
			return -1;
		return kinds[i].names > 1 ? api_path_name(rest, asked->second,
							  sizeof(asked->second))
					  : 0;
	}
	return -1;
}

static int parse_list(const char *rest, int64_t now, struct list_asked *asked,
		      struct err *e)
{
	struct overview_list *l = &asked->list;
	uint64_t days = 0;

	if (parse_kind(&rest, asked))
		return -1;
	l->product = l->cohort = asked->first;
	l->release = asked->second;
	l->max = API_LIST_PAGE;
	if (l->kind == OVERVIEW_SILENT &&
	    num_parse(slice_of(asked->first), SILENT_DAYS, &days, e))
		return -1;
	l->day = now / UTC_DAY - (int64_t)days;
	return rest[0] ? parse_after(rest, l, e) : 0;
}

struct list_page {
	struct json *list;
	struct overview_device last;
	size_t count;
};

struct json *api_listed(const struct overview_device *d)
{
	struct json *j = json_new_object();

	json_set_hex(j, "id", (struct slice){ d->id.bytes, DEVICE_ID_LEN });
	json_set_text(j, "product", d->product);
	json_set_text(j, "model", d->model);
	json_set_text(j, "hardware", d->hardware);
	json_set_text(j, "cohort", d->cohort);
	json_set_text(j, "release", d->release);
	json_set_bool(j, "confirmed", d->confirmed);
	api_set_day(j, "last_seen", d->last_seen);
	return j;
}

static void list_device(void *ctx, const struct overview_device *d)
{
	struct list_page *p = ctx;

	json_add(p->list, api_listed(d));
	p->last = *d;
	p->count++;
}

/* The rest of a path that continues behind the last one shown. */
static void set_next(struct json *j, const struct list_asked *asked,
		     const struct list_page *p)
{
	char id[2 * DEVICE_ID_LEN + 1], text[2 * DEVICE_ID_LEN + 32];
	struct err never; /* it is long enough */

	if (p->count < asked->list.max)
		return;
	hex_format((struct slice){ p->last.id.bytes, DEVICE_ID_LEN }, id);
	if ((asked->list.kind == OVERVIEW_SILENT
		     ? text_format(text, sizeof(text), &never,
				   "after-%" PRId64 "-%s", p->last.day, id)
		     : text_format(text, sizeof(text), &never, "after-%s",
				   id)) == 0)
		json_set_text(j, "next", text);
}

/* list/<kind>[/<name>...][/after-...] */
int api_list(struct server_api *api, const struct request *q,
	     struct response *a, struct err *e)
{
	struct list_asked asked = { .kind = "" };
	struct list_page p = { .count = 0 };
	struct json *j;

	if (parse_list(api_rest(q, "/v1/people/list/"), utc_now(), &asked, e))
		return err_set(e, ERR_NOT_FOUND, "no such list");
	j = api_answer();
	p.list = json_new_array();
	json_set(j, "devices", p.list);
	if (store_overview_list(api->store, &asked.list, list_device, &p, e)) {
		json_free(j);
		return -1;
	}
	set_next(j, &asked, &p);
	return response_json(a, 200, j, e);
}
