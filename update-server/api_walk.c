/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices behind numbers that no index knows: those that lose points, those
 * that a rollout is for and has not reached. Each answer has looked at so many
 * devices at most, and says where the next goes on: it may hold few of them, or
 * none, and not be the last.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/store_overview.h"

#define READ_MAX 400 /* devices: some milliseconds */

enum question {
	OF_PRODUCT,
	LOSES_POINTS,
	IS_MEMBER,
	NOT_REACHED,
	HOLDS
};

struct walk {
	struct server_api *api;
	enum question question;
	char name[NAME_MAX_LEN + 1]; /* of a product, a reason or a rollout */
	bool has_after;
	struct device_id after;

	uint32_t reason; /* a bit of survey_finds() */
	struct fixes *fixes;
	bool broken; /* reading the releases was: */
	struct err failed;
	int64_t now;

	struct stage of;       /* the rollout */
	bool has_from;         /* buckets above this one ... */
	uint64_t from, to;     /* ... and up to that */
	struct sha256 content; /* that another slot holds */

	struct overview_device found[READ_MAX];
	bool is_for[READ_MAX]; /* the rollout, whatever it was offered */
	size_t count, read;
	struct device_id last;
};

/* ---- the question ---------------------------------------------------------
 */

static int find_reason(struct walk *w)
{
	for (int i = 0; i < SCORE_OF_DEVICES; i++)
		if (strcmp(score_name_of((enum score_of)i), w->name) == 0) {
			w->reason = UINT32_C(1) << i;
			return 0;
		}
	return -1;
}

/* phase/<n>: that one alone; through/<n>: all up to it. */
static int parse_phase(const char **rest, struct walk *w, struct err *e)
{
	char word[NAME_MAX_LEN + 1], text[NAME_MAX_LEN + 1];
	const struct ladder *l = &w->of.ladder;
	bool alone;
	uint64_t n;

	w->to = UINT64_MAX;
	if (!strchr(*rest, '/'))
		return 0;
	if (api_path_name(rest, word, sizeof(word)) ||
	    api_path_name(rest, text, sizeof(text)) ||
	    num_parse(slice_of(text), l->count, &n, e) || n == 0)
		return -1;
	alone = strcmp(word, "phase") == 0;
	if (!alone && strcmp(word, "through") != 0)
		return -1;
	w->to = l->rungs[n - 1].limit;
	w->has_from = alone && n > 1;
	if (w->has_from)
		w->from = l->rungs[n - 2].limit;
	return 0;
}

static int parse_held(const char **rest, struct walk *w, struct err *e)
{
	char id[NAME_MAX_LEN + 1];
	struct store_release r = { 0 };
	int rc;

	if (api_path_name(rest, id, sizeof(id)))
		return -1;
	rc = store_release_find(w->api->store, w->of.what.product, id, &r, e);
	w->content = r.digest;
	store_release_done(&r);
	return rc;
}

static int parse_rollout(const char **rest, struct walk *w, struct err *e)
{
	if (store_rollout_find(w->api->store, w->name, &w->of, e))
		return -1;
	return w->question == HOLDS ? parse_held(rest, w, e)
				    : parse_phase(rest, w, e);
}

static int parse_after(const char *text, struct walk *w, struct err *e)
{
	static const char word[] = "after-";

	if (!text[0])
		return 0;
	w->has_after = true;
	return strncmp(text, word, sizeof(word) - 1) != 0
		       ? -1
		       : hex_parse(slice_of(text + sizeof(word) - 1),
				   w->after.bytes, DEVICE_ID_LEN, e);
}

static int parse(const char *rest, struct walk *w, struct err *e)
{
	static const char *const words[] = {
		[OF_PRODUCT] = "product", [LOSES_POINTS] = "score",
		[IS_MEMBER] = "members",  [NOT_REACHED] = "not-reached",
		[HOLDS] = "holds",
	};
	char word[NAME_MAX_LEN + 1];
	size_t i = 0;

	if (api_path_name(&rest, word, sizeof(word)) ||
	    api_path_name(&rest, w->name, sizeof(w->name)))
		return -1;
	while (i < ARRAY_LEN(words) && strcmp(words[i], word) != 0)
		i++;
	w->question = (enum question)i;
	if (i == ARRAY_LEN(words) ||
	    (w->question == LOSES_POINTS && find_reason(w)) ||
	    (w->question > LOSES_POINTS && parse_rollout(&rest, w, e)))
		return -1;
	return parse_after(rest, w, e);
}

static void see_release(void *ctx, const struct store_release *r)
{
	struct walk *w = ctx;

	if (!w->broken && fixes_add(w->fixes, r, &w->failed))
		w->broken = true;
}

/* Only who is behind is so by what releases bring. */
static int read_releases(struct walk *w, struct err *e)
{
	w->fixes = fixes_new();
	if (w->reason != UINT32_C(1) << SCORE_BEHIND)
		return 0;
	if (store_release_each(w->api->store, see_release, w, e))
		return -1;
	if (w->broken)
		*e = w->failed;
	return w->broken ? -1 : 0;
}

/* ---- the devices ----------------------------------------------------------
 */

static bool is_in_phase(const struct walk *w, const struct device_id *id)
{
	uint64_t bucket = bucket_of(&w->of.what.digest, id);

	return bucket <= w->to && !(w->has_from && bucket <= w->from);
}

/* Could it be one of them, by what it is itself? */
static bool is_candidate(const struct walk *w, const struct store_device *d)
{
	const struct rollout_device *f = &d->facts;

	switch (w->question) {
	case OF_PRODUCT:
		return strcmp(f->product, w->name) == 0;
	case LOSES_POINTS:
		return survey_finds(w->fixes, d, w->now) & w->reason;
	case HOLDS:
		return strcmp(f->product, w->of.what.product) == 0 &&
		       f->has_release && f->seq == w->of.what.seq &&
		       strcmp(f->release, w->of.what.release) == 0;
	case IS_MEMBER:
	case NOT_REACHED:
	default:
		return strcmp(f->product, w->of.what.product) == 0 &&
		       is_in_phase(w, &f->id);
	}
}

static void see_device(void *ctx, const struct store_device *d)
{
	struct walk *w = ctx;
	const struct rollout_device *f = &d->facts;
	struct overview_device *o = &w->found[w->count];

	w->read++;
	w->last = f->id;
	if (d->revoked || !is_candidate(w, d))
		return;
	memset(o, 0, sizeof(*o));
	o->id = f->id;
	memcpy(o->product, f->product, sizeof(o->product));
	memcpy(o->model, f->model, sizeof(o->model));
	memcpy(o->hardware, f->hardware, sizeof(o->hardware));
	memcpy(o->cohort, f->cohort, sizeof(o->cohort));
	memcpy(o->release, f->release, sizeof(o->release));
	o->confirmed = f->confirmed;
	o->last_seen = d->last_seen;
	w->is_for[w->count++] =
		w->question > LOSES_POINTS && stage_has_member(&w->of, f) &&
		(w->of.everybody || !rollout_is_there(&w->of.what, f));
}

/* Whom it was offered to is one of them, whatever the device runs now. */
static bool is_wanted(const struct walk *w, size_t i,
		      const struct overview_mark *m)
{
	switch (w->question) {
	case IS_MEMBER:
		return w->is_for[i] || m->tried;
	case NOT_REACHED:
		return w->is_for[i] && !m->tried;
	case HOLDS:
		return m->has_before && sha256_equal(&m->before, &w->content);
	case OF_PRODUCT:
	case LOSES_POINTS:
	default:
		return true;
	}
}

static int read_devices(struct walk *w, struct overview_mark *marks,
			struct err *e)
{
	if (store_device_each(w->api->store, w->has_after ? &w->after : NULL,
			      READ_MAX, see_device, w, e))
		return -1;
	return w->question > LOSES_POINTS
		       ? store_overview_marks(w->api->store, w->of.what.id,
					      w->found, w->count, marks, e)
		       : 0;
}

static void set_next(struct json *j, const struct device_id *last)
{
	char id[2 * DEVICE_ID_LEN + 1], text[sizeof(id) + 8];
	struct err never; /* it is long enough */

	hex_format((struct slice){ last->bytes, DEVICE_ID_LEN }, id);
	if (text_format(text, sizeof(text), &never, "after-%s", id) == 0)
		json_set_text(j, "next", text);
}

static struct json *list_found(struct walk *w,
			       const struct overview_mark *marks)
{
	struct json *j = api_answer(), *list = json_new_array();
	size_t i = 0;

	for (; i < w->count && json_count(list) < API_LIST_PAGE; i++)
		if (is_wanted(w, i, &marks[i]))
			json_add(list, api_listed(&w->found[i]));
	json_set(j, "devices", list);
	if (i < w->count)
		set_next(j, &w->found[i - 1].id);
	else if (w->read == READ_MAX)
		set_next(j, &w->last);
	return j;
}

/*
 * list/product/<name>, list/score/<reason>, list/holds/<rollout>/<release>,
 * list/members/<rollout> and list/not-reached/<rollout>, both [/phase/<n>] or
 * [/through/<n>]; all [/after-<id>].
 */
int api_walk(struct server_api *api, const struct request *q,
	     struct response *a, struct err *e)
{
	struct walk *w = mem_alloc(1, sizeof(*w));
	struct overview_mark *marks = mem_alloc(READ_MAX, sizeof(*marks));
	int rc = -1;

	w->api = api;
	w->now = utc_now();
	if (parse(api_rest(q, "/v1/people/list/"), w, e))
		(void)err_set(e, ERR_NOT_FOUND, "no such list");
	else if (read_releases(w, e) == 0 && read_devices(w, marks, e) == 0)
		rc = response_json(a, 200, list_found(w, marks), e);
	fixes_free(w->fixes);
	free(marks);
	free(w);
	return rc;
}
