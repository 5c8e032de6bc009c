/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attempts behind a rollout's numbers: by what became of them, and of these
 * those of one phase, with one code, on one kind of devices.
 *
 * The index knows a rollout's attempts by state. The rest is looked at row by
 * row, so many at most for one answer: one that found few says where to go on.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/kinds.h"
#include "update-server/store_overview.h"

#define READ_MAX  2000 /* rows: some milliseconds */
#define KINDS_MAX 1024 /* more than the store keeps of a rollout */
#define SAID_LEN  (sizeof("is-") + NAME_MAX_LEN)

/* ---- which ----------------------------------------------------------------
 */

/* How pages sum states up; each is a range of them. */
static const struct group {
	const char *word;
	enum stage_state from, to;
} groups[] = {
	{ "all", STAGE_OFFERED, STAGE_STATES - 1 },
	{ "begun", STAGE_DOWNLOADING, STAGE_ROLLED_BACK },
	{ "flight", STAGE_OFFERED, STAGE_STALLED },
	{ "awaiting", STAGE_INSTALLED, STAGE_INSTALLED },
	{ "dark", STAGE_LOST, STAGE_LOST },
	{ "confirmed", STAGE_CONFIRMED, STAGE_CONFIRMED },
	{ "failed", STAGE_FAILED, STAGE_ROLLED_BACK },
	{ "ended", STAGE_CONFIRMED, STAGE_ROLLED_BACK },
	{ "skipped", STAGE_SKIPPED, STAGE_RETIRED },
};

/* The names of a kind that tell devices apart. */
static const char *cohort_of(const struct store_kind *k)
{
	return k->cohort;
}

static const char *model_of(const struct store_kind *k)
{
	return k->model;
}

static const char *hardware_of(const struct store_kind *k)
{
	return k->hardware;
}

static const char *runs_of(const struct store_kind *k)
{
	return k->runs;
}

static const struct trait {
	const char *word;
	const char *(*name_of)(const struct store_kind *k);
} traits[] = {
	{ "cohort", cohort_of },
	{ "model", model_of },
	{ "hardware", hardware_of },
	{ "from", runs_of },
};

struct asked {
	char rollout[NAME_MAX_LEN + 1];
	struct overview_attempts list;
	bool begun; /* put off is not begun */
	bool has_phase, has_code;
	uint32_t phase; /* from 0 */
	char code[SAID_LEN];
	/* Of a kind those that count in gates, and of failures those of the
	 * release: what the numbers by kind are of. */
	const struct trait *trait;
	char name[SAID_LEN];
	int64_t kinds[KINDS_MAX];
	size_t kind_count;
};

/* A group's word, or that of one state. */
static int parse_group(const char *word, struct asked *q, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if (strcmp(groups[i].word, word) != 0)
			continue;
		q->list.from = groups[i].from;
		q->list.to = groups[i].to;
		q->begun = strcmp(word, "begun") == 0;
		return 0;
	}
	if (stage_state_parse(slice_of(word), &q->list.from, e))
		return -1;
	q->list.to = q->list.from;
	return 0;
}

/* after-<state>-<id> */
static int parse_after(const char *text, struct overview_attempts *l,
		       struct err *e)
{
	static const char word[] = "after-";
	uint64_t state, id;
	size_t len;

	if (strncmp(text, word, sizeof(word) - 1) != 0)
		return -1;
	text += sizeof(word) - 1;
	len = strcspn(text, "-");
	if (!text[len] ||
	    num_parse((struct slice){ (const uint8_t *)text, len },
		      STAGE_STATES - 1, &state, e) ||
	    num_parse(slice_of(text + len + 1), JSON_INT_MAX, &id, e))
		return -1;
	l->has_after = true;
	l->after_state = (enum stage_state)state;
	l->after = (int64_t)id;
	return 0;
}

static int parse_phase(const char *text, struct asked *q, struct err *e)
{
	uint64_t n;

	if (num_parse(slice_of(text), LADDER_RUNGS_MAX, &n, e) || n == 0)
		return -1;
	q->has_phase = true;
	q->phase = (uint32_t)n - 1;
	return 0;
}

static int parse_trait(const char *word, const char *name, struct asked *q)
{
	for (size_t i = 0; i < ARRAY_LEN(traits); i++)
		if (strcmp(traits[i].word, word) == 0)
			q->trait = &traits[i];
	memcpy(q->name, name, strlen(name) + 1);
	return q->trait ? 0 : -1;
}

/* What paths have no letters for: is-<name>, "unsaid" for none, "rest". */
static int parse_said(char text[SAID_LEN])
{
	static const char is[] = "is-";
	size_t skip = sizeof(is) - 1;

	if (strncmp(text, is, skip) == 0)
		memmove(text, text + skip, strlen(text + skip) + 1);
	else if (strcmp(text, "unsaid") == 0)
		text[0] = 0;
	else if (strcmp(text, "rest") == 0)
		memcpy(text, KINDS_REST, sizeof(KINDS_REST));
	else
		return -1;
	return 0;
}

/* Codes have no small letters, and paths no great ones. */
static int parse_code(const char *text, struct asked *q)
{
	size_t i = 0;

	q->has_code = true;
	for (; text[i]; i++) {
		q->code[i] = text[i];
		if (text[i] >= 'a' && text[i] <= 'z')
			q->code[i] &= ~0x20;
	}
	q->code[i] = 0;
	return 0;
}

/* phase/<n>, code/<said>, <trait>/<said> */
static int parse_narrower(const char *word, char value[SAID_LEN],
			  struct asked *q, struct err *e)
{
	if (strcmp(word, "phase") == 0)
		return parse_phase(value, q, e);
	if (parse_said(value))
		return -1;
	return strcmp(word, "code") == 0 ? parse_code(value, q)
					 : parse_trait(word, value, q);
}

static int parse(const char *rest, struct asked *q, struct err *e)
{
	char word[NAME_MAX_LEN + 1], value[SAID_LEN];

	if (api_path_name(&rest, q->rollout, sizeof(q->rollout)) ||
	    api_path_name(&rest, word, sizeof(word)) || parse_group(word, q, e))
		return -1;
	while (rest[0] && strchr(rest, '/'))
		if (api_path_name(&rest, word, sizeof(word)) ||
		    api_path_name(&rest, value, sizeof(value)) ||
		    parse_narrower(word, value, q, e))
			return -1;
	return rest[0] ? parse_after(rest, &q->list, e) : 0;
}

/* ---- kinds ----------------------------------------------------------------
 */

struct kind_search {
	struct asked *q;
	struct kinds groups; /* as the page has them: what is not told apart */
};

static void group_kind(void *ctx, const struct store_kind *k)
{
	struct kind_search *s = ctx;

	kinds_add(&s->groups, s->q->trait->name_of(k), &k->n, NULL);
}

static bool has_group(const struct kinds *k, const char *name)
{
	for (size_t i = 0; i < k->count; i++)
		if (strcmp(k->groups[i].name, name) == 0)
			return true;
	return false;
}

static void choose_kind(void *ctx, const struct store_kind *k)
{
	struct kind_search *s = ctx;
	const char *name = s->q->trait->name_of(k);

	if (!has_group(&s->groups, name))
		name = KINDS_REST;
	if (strcmp(name, s->q->name) == 0 && s->q->kind_count < KINDS_MAX)
		s->q->kinds[s->q->kind_count++] = k->id;
}

static int find_kinds(struct server_api *api, struct asked *q, struct err *e)
{
	struct kind_search *s;
	int rc;

	if (!q->trait)
		return 0;
	s = mem_alloc(1, sizeof(*s));
	s->q = q;
	rc = store_kind_each(api->store, q->list.rollout, group_kind, s, e);
	if (rc == 0)
		rc = store_kind_each(api->store, q->list.rollout, choose_kind,
				     s, e);
	free(s);
	return rc;
}

/* It failed, and says nothing against the release. */
static bool is_other_failure(const struct overview_attempt *a)
{
	return (a->state == STAGE_FAILED || a->state == STAGE_ROLLED_BACK) &&
	       gate_class_of(a->code) != GATE_REL;
}

static bool is_of_kind(const struct asked *q, const struct overview_attempt *a)
{
	bool all = q->list.from == STAGE_OFFERED;

	if (!a->counted || (!all && is_other_failure(a)))
		return false;
	for (size_t i = 0; i < q->kind_count; i++)
		if (q->kinds[i] == a->kind)
			return true;
	return false;
}

/* ---- the list -------------------------------------------------------------
 */

static bool is_wanted(const struct asked *q, const struct overview_attempt *a)
{
	return !(q->begun && a->state == STAGE_DEFERRED) &&
	       (!q->has_phase || a->phase == q->phase) &&
	       (!q->has_code || strcmp(a->code, q->code) == 0) &&
	       (!q->trait || is_of_kind(q, a));
}

struct page {
	const struct asked *q;
	struct json *list;
	struct overview_attempt last;
	size_t read, count;
};

static bool is_full(const struct page *p)
{
	return p->count == API_LIST_PAGE || p->read == READ_MAX;
}

static bool see(void *ctx, const struct overview_attempt *a)
{
	struct page *p = ctx;
	struct json *j;

	p->last = *a;
	p->read++;
	if (!is_wanted(p->q, a))
		return !is_full(p);
	j = json_new_object();
	json_set_hex(j, "device",
		     (struct slice){ a->device.bytes, DEVICE_ID_LEN });
	json_set_text(j, "state", stage_state_name(a->state));
	json_set_text(j, "code", a->code);
	json_set_int(j, "phase", (int64_t)a->phase + 1);
	api_set_time(j, "changed", a->changed);
	if (a->until > 0)
		api_set_time(j, "until", a->until);
	json_add(p->list, j);
	p->count++;
	return !is_full(p);
}

static int answer(struct server_api *api, const struct asked *q,
		  struct response *a, struct err *e)
{
	struct page p = { .q = q, .list = json_new_array() };
	struct json *j = api_answer();
	char next[64];

	json_set(j, "attempts", p.list);
	if (store_overview_attempts(api->store, &q->list, see, &p, e)) {
		json_free(j);
		return -1;
	}
	if (is_full(&p) &&
	    text_format(next, sizeof(next), e, "after-%d-%" PRId64,
			(int)p.last.state, p.last.id) == 0)
		json_set_text(j, "next", next);
	return response_json(a, 200, j, e);
}

/* attempts/<rollout>/<group or state>[/<narrower>/<value>...][/after-...] */
int api_attempts(struct server_api *api, const struct request *q,
		 struct response *a, struct err *e)
{
	struct asked *asked = mem_alloc(1, sizeof(*asked));
	struct stage *rollout = mem_alloc(1, sizeof(*rollout));
	int rc = -1;

	if (parse(api_rest(q, "/v1/people/attempts/"), asked, e)) {
		(void)err_set(e, ERR_NOT_FOUND, "no such list");
		goto out;
	}
	if (store_rollout_find(api->store, asked->rollout, rollout, e))
		goto out;
	asked->list.rollout = rollout->what.id;
	asked->list.max = READ_MAX;
	if (find_kinds(api, asked, e) == 0)
		rc = answer(api, asked, a, e);
out:
	free(rollout);
	free(asked);
	return rc;
}
