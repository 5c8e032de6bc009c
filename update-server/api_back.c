/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back from a release: how many run it, what their other slot holds,
 * what is signed already, and what is to be asked for where nothing is. No
 * server takes a device back by itself.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"

#include "update-server/api.h"
#include "update-server/store_audience.h"

#define SHOWN    8   /* releases that other slots hold */
#define PRIORITY 100 /* before whatever else is offered */
#define TRIES    99  /* names of a rollout that leads back */

#define COHORTS_LEN (ROLLOUT_COHORTS_MAX * (NAME_MAX_LEN + 11) + 1)
#define STEP_LEN    (COHORTS_LEN + 512)

struct back {
	struct server_api *api;
	struct stage s; /* the rollout that the fleet comes back from */
	struct ways_back signed_ways;
	enum stage_way_back way;
	const char *words;
	uint64_t runs;
	struct json *before;
	char most[NAME_MAX_LEN + 1]; /* what most of them hold */
	uint64_t holds;              /* how many hold what is gone back to */
	char rollout[NAME_MAX_LEN + 1];
	bool is_made; /* somebody asked before */
	/* Of what leads back: as it is, or will be once it is made. */
	enum stage_status status;
	uint64_t revision;
};

/* What the fleet would run then; "" if nothing older is known. */
static const char *goal_of(const struct back *b)
{
	if (b->way == BACK_STEP)
		return b->signed_ways.step_to;
	if (b->way == BACK_UNDO && b->signed_ways.undo_to[0])
		return b->signed_ways.undo_to;
	return b->most[0] ? b->most : b->signed_ways.older;
}

/* ---- facts --------------------------------------------------------------- */

static void take_before(void *ctx, const char *release, uint64_t devices)
{
	struct back *b = ctx;
	struct json *j;

	if (!b->most[0])
		memcpy(b->most, release, strlen(release) + 1);
	if (json_count(b->before) == SHOWN)
		return;
	j = json_new_object();
	json_set_text(j, "release", release);
	json_set_int(j, "devices", (int64_t)devices);
	json_add(b->before, j);
}

/* An undo is the content of an older release, by which other slots know it. */
static int count_holds(struct back *b, struct err *e)
{
	const char *goal;

	if (store_rollout_running(b->api->store, &b->s.what, &b->runs, e) ||
	    store_rollout_before(b->api->store, &b->s.what, take_before, b, e))
		return -1;
	goal = goal_of(b);
	for (size_t i = 0; i < json_count(b->before); i++) {
		const struct json *j = json_at(b->before, i);

		if (strcmp(json_text(json_get(j, "release")), goal) == 0)
			b->holds = (uint64_t)json_int(json_get(j, "devices"));
	}
	return 0;
}

/* The release that the way back leads to, by its own name. */
static const char *release_of(const struct back *b)
{
	return b->way == BACK_UNDO ? b->signed_ways.undo
				   : b->signed_ways.step_to;
}

static bool is_excluded(const struct stage *s, const struct device_id *id)
{
	for (size_t i = 0; i < s->excluded_count; i++)
		if (memcmp(s->excluded[i].bytes, id->bytes, DEVICE_ID_LEN) == 0)
			return true;
	return false;
}

/* As describe() would have it: a narrower one leaves devices behind. */
static bool selects_the_same(const struct back *b, const struct stage *there)
{
	char where[SELECTOR_TEXT_MAX + 1];

	selector_lasting(&b->s.selector, where);
	if (strcmp(there->where, where) != 0 ||
	    there->excluded_count != b->s.excluded_count)
		return false;
	for (size_t i = 0; i < there->excluded_count; i++)
		if (!is_excluded(&b->s, &there->excluded[i]))
			return false;
	return true;
}

/* Does it lead back already, for all that came from there? */
static bool leads_back(const struct back *b, const struct stage *there)
{
	const struct rollout *from = &b->s.what, *r = &there->what;

	if (there->status == STAGE_ABORTED || there->status == STAGE_REPLACED ||
	    strcmp(r->product, from->product) != 0 ||
	    strcmp(r->release, release_of(b)) != 0 ||
	    r->step_back != (b->way == BACK_STEP) ||
	    r->cohort_count != from->cohort_count ||
	    !selects_the_same(b, there))
		return false;
	for (size_t i = 0; i < r->cohort_count; i++)
		if (strcmp(r->cohorts[i], from->cohorts[i]) != 0)
			return false;
	return true;
}

/* NAME.undo, NAME.undo.2, ...; of a name that is too long its beginning. */
static void form_name(struct back *b, unsigned n)
{
	const char *how = b->way == BACK_UNDO ? "undo" : "back";
	char end[16];
	size_t len;

	if (n == 1)
		(void)snprintf(end, sizeof(end), ".%s", how);
	else
		(void)snprintf(end, sizeof(end), ".%s.%u", how, n);
	len = NAME_MAX_LEN - strlen(end);
	(void)snprintf(b->rollout, sizeof(b->rollout), "%.*s%s", (int)len,
		       b->s.what.name, end);
}

/* Of what leads back already, or else one that is free. */
static int name_rollout(struct back *b, struct err *e)
{
	struct stage *there;
	struct err why = { 0 };
	int rc = 1;

	if (b->way == BACK_ASK)
		return 0;
	b->revision = 1;
	there = mem_alloc(1, sizeof(*there));
	for (unsigned n = 1; rc > 0 && n <= TRIES; n++) {
		form_name(b, n);
		if (store_rollout_find(b->api->store, b->rollout, there, &why))
			rc = why.code == ERR_NOT_FOUND ? 0 : -1;
		else if (leads_back(b, there)) {
			b->is_made = true;
			b->status = there->status;
			b->revision = there->revision;
			rc = 0;
		}
	}
	free(there);
	if (rc < 0)
		*e = why;
	return rc > 0 ? err_set(e, ERR_CONFLICT,
				"no name is free for a rollout that leads back")
		      : rc;
}

static int look(struct server_api *api, const char *name, struct back *b,
		struct err *e)
{
	const struct ways_back *w = &b->signed_ways;
	struct stage_back_facts f;
	int64_t now = utc_now();

	b->api = api;
	b->before = json_new_array();
	b->status = api_four_eyes(api) ? STAGE_PENDING : STAGE_SCHEDULED;
	if (store_rollout_find(api->store, name, &b->s, e))
		return -1;
	api_way_back(api, &b->s.what, now, &b->signed_ways);
	f = (struct stage_back_facts){
		.has_undo = w->has_undo,
		.undo_until = w->undo_until,
		.undo_content_seq = w->undo_content_seq,
		.floor = w->floor,
		.has_step = w->has_step,
	};
	b->way = stage_way_back(&f, now, &b->words);
	return count_holds(b, e) || name_rollout(b, e) ? -1 : 0;
}

static void done(struct back *b)
{
	if (b)
		json_free(b->before);
	free(b);
}

/* ---- in words ------------------------------------------------------------ */

static void add_step(struct json *list, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_step(struct json *list, const char *format, ...)
{
	struct json *j = json_new_object();
	char text[STEP_LEN];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_set_text(j, "step", text);
	json_add(list, j);
}

/* The cohorts as options of a command. */
static void cohort_options(const struct rollout *r, char *out, size_t size)
{
	size_t used = 0;

	out[0] = 0;
	for (size_t i = 0; i < r->cohort_count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used,
					 " --cohort %s", r->cohorts[i]);
}

static struct json *steps(const struct back *b)
{
	const struct rollout *r = &b->s.what;
	struct json *list = json_new_array();
	char cohorts[COHORTS_LEN];

	if (b->way == BACK_ASK) {
		if (b->runs == 0 && b->s.status < STAGE_ABORTED)
			add_step(list,
				 "no device is known to run it, so unless one "
				 "has yet to report, end it instead: "
				 "pawl-server rollout abort %s --revision %llu "
				 "--reason TEXT",
				 r->name, (unsigned long long)b->s.revision);
		add_step(list,
			 "give the request to the release engineers; "
			 "when what they signed is imported: "
			 "pawl-server rollout rollback %s --reason TEXT",
			 r->name);
		return list;
	}
	cohort_options(r, cohorts, sizeof(cohorts));
	add_step(list, "pawl-server rollout sign %s %s%s --wide --key FILE",
		 r->product, release_of(b), cohorts);
	/* The first one's signature is there. */
	for (unsigned n = 1; n < api_wide_signers(b->api); n++)
		add_step(list,
			 "another operator: pawl-server rollout approve, and "
			 "with what that shows: pawl-server rollout approve "
			 "--sha256 DIGEST --key FILE");
	if (b->status == STAGE_PENDING)
		add_step(list,
			 "another operator: pawl-server rollout approve "
			 "%s --revision %llu",
			 b->rollout, (unsigned long long)b->revision);
	if (b->status > STAGE_SCHEDULED)
		return list;
	add_step(list, "pawl-server rollout plan %s", b->rollout);
	add_step(list, "pawl-server rollout start %s --plan SHA256",
		 b->rollout);
	return list;
}

static void add_wish(struct json *list, const char *what, const char *command)
{
	struct json *j = json_new_object();

	json_set_text(j, "what", what);
	json_set_text(j, "command", command);
	json_add(list, j);
}

static struct json *wishes(const struct back *b)
{
	const struct rollout *r = &b->s.what;
	struct json *list = json_new_array();
	const char *goal = goal_of(b);
	char text[384];

	(void)snprintf(text, sizeof(text),
		       "pawl-signer release create REPO --product %s --id "
		       "NEW-ID --input CONTENT-OF-%s",
		       r->product, goal[0] ? goal : "AN-OLDER-RELEASE");
	add_wish(list, "the old content as a new release", text);
	/* No step back leads below the floor. */
	if (!goal[0] || b->signed_ways.floor >= r->seq)
		return list;
	(void)snprintf(text, sizeof(text),
		       "pawl-signer stepback REPO --product %s --from %s --to "
		       "%s",
		       r->product, r->release, goal);
	add_wish(list, "or a step back", text);
	return list;
}

/* For people to carry: nobody signs it, and no program obeys it. */
static struct json *request_json(const struct back *b, const char *reason,
				 const char *by)
{
	const struct rollout *r = &b->s.what;
	struct json *j = json_new_document();

	json_set_text(j, "type", "way-back-request");
	json_set_text(j, "rollout", r->name);
	json_set_text(j, "product", r->product);
	json_set_text(j, "from", r->release);
	json_set_int(j, "from_seq", (int64_t)r->seq);
	api_set_digest(j, "from_digest", &r->digest);
	json_set_text(j, "to", goal_of(b));
	json_set_int(j, "floor", (int64_t)b->signed_ways.floor);
	json_set_int(j, "devices", (int64_t)b->runs);
	json_set_text(j, "because", b->words);
	json_set_text(j, "reason", reason);
	json_set_text(j, "asked_by", by);
	api_set_time(j, "asked", utc_now());
	json_set(j, "wants", wishes(b));
	return j;
}

static struct json *back_json(const struct back *b)
{
	const struct ways_back *w = &b->signed_ways;
	struct json *j = json_new_object();

	json_set_text(j, "way", stage_back_name(b->way));
	json_set_text(j, "words", b->words);
	json_set_text(j, "to", goal_of(b));
	json_set_int(j, "runs", (int64_t)b->runs);
	json_set_int(j, "holds", (int64_t)b->holds);
	json_set(j, "before", json_clone(b->before));
	json_set_int(j, "floor", (int64_t)w->floor);
	json_set_bool(j, "floor_committed", w->floor >= b->s.what.seq);
	json_set_text(j, "undo", w->undo);
	api_set_time(j, "undo_until", w->undo_until);
	json_set_text(j, "rollout", b->rollout);
	json_set(j, "next", steps(b));
	return j;
}

/* Its rollout may leave out some of those that run it. */
static int set_selected(const struct back *b, struct json *back, struct err *e)
{
	struct store_audience a = { .of_seq = b->s.what.seq };
	struct stage *there;
	struct err why;
	int rc = 0;

	if (b->way == BACK_ASK)
		return 0;
	there = mem_alloc(1, sizeof(*there));
	if (store_rollout_find(b->api->store, b->rollout, there, &why) == 0) {
		rc = store_rollout_audience(b->api->store, there, &a, e);
		if (rc == 0)
			json_set_int(back, "selected", (int64_t)a.on_seq);
	}
	free(there);
	return rc;
}

/* ---- handlers ------------------------------------------------------------ */

int api_back_show(struct server_api *api, const struct request *q,
		  struct response *a, struct err *e)
{
	struct back *b = mem_alloc(1, sizeof(*b));
	struct json *j;
	int rc = look(api, api_rest(q, "/v1/people/rollback/"), b, e);

	if (rc == 0) {
		j = api_answer();
		json_set(j, "back", back_json(b));
		if (b->way == BACK_ASK)
			json_set(j, "request",
				 request_json(b, b->s.reason, q->peer->id));
		rc = response_json(a, 200, j, e);
	}
	done(b);
	return rc;
}

/* Canaries that run it and a person, then all: it waits for nothing else. */
static struct json *describe(const struct back *b)
{
	const struct rollout *r = &b->s.what;
	struct json *j = api_answer(), *list = json_new_array();
	char where[SELECTOR_TEXT_MAX + 1];

	json_set_text(j, "name", b->rollout);
	json_set_text(j, "product", r->product);
	json_set_text(j, "release", release_of(b));
	for (size_t i = 0; i < r->cohort_count; i++)
		json_add(list, json_new_text(r->cohorts[i]));
	json_set(j, "cohorts", list);
	list = json_new_array();
	json_add(list, json_new_int(0));
	json_add(list, json_new_int(ROLLOUT_SHARE_ALL));
	json_set(j, "shares", list);
	/* Of whom it meant, by what an update leaves as it was; whom it left
	 * out is left out. */
	selector_lasting(&b->s.selector, where);
	json_set_text(j, "where", where);
	list = json_new_array();
	for (size_t i = 0; i < b->s.excluded_count; i++) {
		char hex[2 * DEVICE_ID_LEN + 1];

		hex_format(
			(struct slice){ b->s.excluded[i].bytes, DEVICE_ID_LEN },
			hex);
		json_add(list, json_new_text(hex));
	}
	json_set(j, "exclude", list);
	json_set_bool(j, "urgent", true);
	json_set_int(j, "priority", PRIORITY);
	json_set_bool(j, "step_back", b->way == BACK_STEP);
	return j;
}

/* The fleet has stopped, whatever becomes of this. Was anything changed? */
static bool make_way(const struct back *b, const struct request *q,
		     struct json *back)
{
	struct json *j;
	struct audit_by by = { .kind = AUDIT_PERSON,
			       .person = q->peer->fingerprint,
			       .now = utc_now() };
	struct err why;
	bool made;

	if (b->is_made)
		return false;
	j = describe(b);
	made = api_rollout_make(b->api, j, q->peer->id, &by, &why) == 0;
	if (!made) {
		json_set_text(back, "failed", why.msg);
		log_event(LOG_ERROR, "way-back-not-made", "name=%s why=%s",
			  b->rollout, why.msg);
	}
	json_free(j);
	return made;
}

int api_rollout_rollback(struct server_api *api, const struct request *q,
			 struct response *a, struct err *e)
{
	struct back *b = mem_alloc(1, sizeof(*b));
	struct json *answer = NULL, *back;
	struct api_done act = { .changed = false };
	int rc = api_rollout_do(api, q, STAGE_ROLLBACK, &act, a, e);

	if (rc || a->status == 412)
		goto out;
	rc = -1;
	if (look(api, act.name, b, e) ||
	    api_rollout_json(api, act.name, &answer, e))
		goto out;
	back = back_json(b);
	if (b->way == BACK_ASK)
		json_set(answer, "request",
			 request_json(b, b->s.reason, q->peer->id));
	else
		act.changed |= make_way(b, q, back);
	json_set_bool(answer, "repeated", !act.changed);
	json_set(answer, "back", back);
	if (set_selected(b, back, e))
		goto out;
	rc = response_json(a, 200, answer, e);
	answer = NULL;
out:
	json_free(answer);
	done(b);
	return rc;
}
