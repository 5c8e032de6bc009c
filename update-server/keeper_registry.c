/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper_registry.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/keyed.h"

#define HOUR    3600
#define KEY_LEN 16 /* enough of a digest to know it again */

enum code_state {
	CODE_OPEN,
	CODE_USED,
	CODE_WITHDRAWN
};

struct code {
	uint8_t state;
	uint8_t key[KEY_LEN]; /* used: by whom */
	struct device_id device;
};

struct batch {
	struct sha256 root; /* of its codes */
	struct warrant made;
	int64_t activated; /* 0: not yet */
	bool withdrawn;    /* all that were not used */
	uint64_t used;
	int64_t hour; /* in which the last one was used, and how many */
	uint64_t in_hour;
	struct code *codes; /* NULL: none was touched */
};

struct approval {
	struct sha256 key;
	struct sha256 by;
	bool seconded; /* by another officer, too */
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char cohort[NAME_MAX_LEN + 1];
	bool replaces;
	struct device_id replaced;
	int64_t signed_at; /* the later one, by its officer's clock */
	int64_t at;        /* the first one, by ours */
	bool used;
	struct device_id device;
};

struct keeper_registry {
	struct keyed batches;   /* struct batch */
	struct keyed approvals; /* struct approval */
	struct keyed ended;     /* struct device_id */
	uint64_t codes;         /* that there is room for */
};

struct keeper_registry *keeper_registry_new(void)
{
	struct keeper_registry *r = mem_alloc(1, sizeof(*r));

	r->batches = KEYED_INIT(struct batch, root);
	r->approvals = KEYED_INIT(struct approval, key);
	r->ended = KEYED_INIT(struct device_id, bytes);
	return r;
}

void keeper_registry_free(struct keeper_registry *r)
{
	struct batch *batches;

	if (!r)
		return;
	batches = r->batches.items;
	for (size_t i = 0; i < r->batches.count; i++)
		free(batches[i].codes);
	keyed_done(&r->batches);
	keyed_done(&r->approvals);
	keyed_done(&r->ended);
	free(r);
}

/* ---- looking up ---------------------------------------------------------- */

static struct batch *find_batch(const struct keeper_registry *r,
				const struct sha256 *root)
{
	return keyed_find(&r->batches, root);
}

static struct approval *find_approval(const struct keeper_registry *r,
				      const struct sha256 *key)
{
	return keyed_find(&r->approvals, key);
}

static bool has_ended(const struct keeper_registry *r,
		      const struct device_id *device)
{
	return keyed_find(&r->ended, device->bytes) != NULL;
}

static enum code_state state_of(const struct batch *b, uint64_t index)
{
	if (b->codes && b->codes[index].state != CODE_OPEN)
		return (enum code_state)b->codes[index].state;
	return b->withdrawn ? CODE_WITHDRAWN : CODE_OPEN;
}

int keeper_registry_check(const struct keeper_registry *r,
			  const struct device_id *device, struct err *e)
{
	if (!has_ended(r, device))
		return 0;
	return err_set(e, ERR_REFUSED,
		       "an officer has revoked or retired this device");
}

/* ---- taking what was written --------------------------------------------- */

static void end_device(struct keeper_registry *r,
		       const struct device_id *device)
{
	if (!has_ended(r, device))
		(void)keyed_add(&r->ended, device->bytes);
}

static struct code *code_at(struct keeper_registry *r, struct batch *b,
			    uint64_t index)
{
	if (!b->codes) {
		b->codes = mem_alloc(b->made.count, sizeof(*b->codes));
		r->codes += b->made.count;
	}
	return &b->codes[index];
}

static void take_batch(struct keeper_registry *r, const struct warrant *w,
		       int64_t at)
{
	struct batch *b;

	if (find_batch(r, &w->codes))
		return;
	b = keyed_add(&r->batches, &w->codes);
	b->made = *w;
	b->activated = w->inactive ? 0 : at;
}

static bool says_the_same(const struct approval *a, const struct warrant *w)
{
	return strcmp(a->product, w->product) == 0 &&
	       strcmp(a->model, w->model) == 0 && a->replaces == w->replaces &&
	       memcmp(&a->replaced, &w->device, sizeof(w->device)) == 0;
}

/* Another officer's word, for the same, on the day of the first one. */
static bool seconds(const struct approval *a, const struct warrant *w,
		    int64_t at)
{
	return !sha256_equal(&a->by, &w->by) && says_the_same(a, w) &&
	       strcmp(a->cohort, w->cohort) == 0 &&
	       at < a->at + KEEPER_APPROVED_SEC;
}

static void take_approval(struct keeper_registry *r, const struct warrant *w,
			  int64_t at)
{
	struct approval *a = find_approval(r, &w->key);

	if (a && !a->used && seconds(a, w, at)) {
		/* Both end with the first: no one of them prolongs it. */
		a->seconded = true;
		if (a->signed_at < w->time)
			a->signed_at = w->time;
		return;
	}
	if (!a)
		a = keyed_add(&r->approvals, &w->key);
	*a = (struct approval){ .key = w->key,
				.by = w->by,
				.replaces = w->replaces,
				.replaced = w->device,
				.signed_at = w->time,
				.at = at };
	memcpy(a->product, w->product, sizeof(a->product));
	memcpy(a->model, w->model, sizeof(a->model));
	memcpy(a->cohort, w->cohort, sizeof(a->cohort));
}

static int take_change(struct keeper_registry *r, const struct warrant *w,
		       int64_t at, struct err *e)
{
	struct batch *b = find_batch(r, &w->codes);

	if (!b || w->index >= b->made.count)
		return err_set(e, ERR_FORMAT, "of codes that nobody made");
	if (w->act == WARRANT_ACTIVATE) {
		b->activated = b->activated ? b->activated : at;
	} else if (!w->one) {
		b->withdrawn = true;
	} else {
		struct code *c = code_at(r, b, w->index);

		if (c->state == CODE_OPEN)
			c->state = CODE_WITHDRAWN;
	}
	return 0;
}

static int take_warrant(struct keeper_registry *r, const struct json *j,
			int64_t at, struct err *e)
{
	struct buf text = BUF_INIT(WARRANT_MAX);
	struct warrant w;
	int rc = json_canonical(j, &text, e) ||
				 warrant_parse(buf_slice(&text), &w, e)
			 ? -1
			 : 0;

	buf_done(&text);
	if (rc)
		return -1;
	if (w.act == WARRANT_CREATE)
		take_batch(r, &w, at);
	else if (w.act == WARRANT_APPROVE)
		take_approval(r, &w, at);
	else if (w.act == WARRANT_END)
		end_device(r, &w.device);
	else
		return take_change(r, &w, at, e);
	return 0;
}

static int take_code(struct keeper_registry *r, const struct json *j,
		     const struct keeper_issue *i, struct err *e)
{
	struct sha256 root;
	struct batch *b;
	struct code *c;
	int64_t index;

	if (json_get_hex(j, "codes", root.bytes, SHA256_LEN, e) ||
	    json_get_int(j, "index", 0, CODES_MAX - 1, &index, e))
		return -1;
	b = find_batch(r, &root);
	if (!b || (uint64_t)index >= b->made.count)
		return err_set(e, ERR_FORMAT, "of codes that nobody made");
	c = code_at(r, b, (uint64_t)index);
	if (c->state == CODE_USED) /* once more for the same key */
		return 0;
	c->state = CODE_USED;
	memcpy(c->key, i->key.bytes, KEY_LEN);
	c->device = i->device;
	b->used++;
	if (b->hour != i->now / HOUR)
		b->in_hour = 0;
	b->hour = i->now / HOUR;
	b->in_hour++;
	if (b->made.replaces)
		end_device(r, &b->made.device);
	return 0;
}

static int take_approved(struct keeper_registry *r,
			 const struct keeper_issue *i, struct err *e)
{
	struct approval *a = find_approval(r, &i->key);

	if (!a)
		return err_set(e, ERR_FORMAT, "of a key that nobody approved");
	a->used = true;
	a->device = i->device;
	if (a->replaces)
		end_device(r, &a->replaced);
	return 0;
}

static int take_issue(struct keeper_registry *r, const struct json *j,
		      int64_t at, struct err *e)
{
	struct keeper_issue i = { .now = at };

	if (json_get_hex(j, "certificate", i.certificate.bytes, SHA256_LEN,
			 e) ||
	    json_get_hex(j, "device", i.device.bytes, DEVICE_ID_LEN, e) ||
	    json_get_hex(j, "key", i.key.bytes, SHA256_LEN, e))
		return -1;
	if (json_get(j, "from"))
		return 0;
	return json_get(j, "codes") ? take_code(r, j, &i, e)
				    : take_approved(r, &i, e);
}

int keeper_registry_take(struct keeper_registry *r, const struct json *record,
			 struct err *e)
{
	const struct json *warrant;
	const char *text;
	int64_t at;

	if (json_get_text(record, "at", &text, e) ||
	    utc_parse(slice_of(text), &at, e))
		return -1;
	if (!json_get(record, "warrant"))
		return take_issue(r, record, at, e);
	return json_get_object(record, "warrant", &warrant, e) ||
			       take_warrant(r, warrant, at, e)
		       ? -1
		       : 0;
}

/* ---- warrants ------------------------------------------------------------ */

/* An old word is not for now; an end is always good. */
static int check_time(const struct warrant *w, int64_t now, struct err *e)
{
	char text[UTC_TEXT_LEN];

	if (w->act == WARRANT_END || (w->time >= now - WARRANT_SLACK_SEC &&
				      w->time <= now + WARRANT_SLACK_SEC))
		return 0;
	utc_format(w->time, text);
	return err_set(e, ERR_REFUSED,
		       "it was signed at %s, not within an hour of the "
		       "keeper's clock: set the one that is wrong",
		       text);
}

static int judge_batch(const struct keeper_registry *r, const struct warrant *w,
		       bool *known, struct err *e)
{
	const struct batch *b = find_batch(r, &w->codes);

	*known = b != NULL;
	if (b)
		return warrant_same(&b->made, w, e);
	if (r->batches.count >= KEEPER_BATCHES_MAX)
		return err_set(e, ERR_LIMIT,
			       "the keeper takes no more batches");
	return 0;
}

static int judge_change(const struct keeper_registry *r,
			const struct warrant *w, bool *known, struct err *e)
{
	const struct batch *b = find_batch(r, &w->codes);

	if (!b || w->index >= b->made.count)
		return err_set(e, ERR_NOT_FOUND,
			       "the keeper knows no such claim codes: who has "
			       "some of before it kept a ledger makes new ones "
			       "(token create)");
	if (w->act == WARRANT_ACTIVATE)
		*known = b->activated > 0;
	else if (w->one)
		*known = state_of(b, w->index) != CODE_OPEN;
	else
		*known = b->withdrawn;
	return 0;
}

/*
 * The server has the words that it carried, and may bring them again: the same
 * one lasts no longer for that, and none comes back once a later one stands.
 */
static int judge_approval(const struct keeper_registry *r,
			  const struct warrant *w, int64_t now, bool *known,
			  struct err *e)
{
	const struct approval *a = find_approval(r, &w->key);

	if (a && a->used)
		return err_set(e, ERR_CONFLICT,
			       "this key was let in once: a key has one "
			       "holder, for ever");
	if (a && !a->seconded && seconds(a, w, now))
		return 0;
	*known = a && w->time <= a->signed_at;
	if (*known && !says_the_same(a, w))
		return err_set(e, ERR_CONFLICT,
			       "this key was approved otherwise since, or in "
			       "the same second: approve it once more");
	if (!a && r->approvals.count >= KEEPER_LIST_MAX)
		return err_set(e, ERR_LIMIT,
			       "the keeper takes no more approvals");
	return 0;
}

int keeper_registry_judge(const struct keeper_registry *r,
			  const struct warrant *w, int64_t now, bool *known,
			  struct err *e)
{
	*known = false;
	if (check_time(w, now, e))
		return -1;
	if (w->act == WARRANT_CREATE)
		return judge_batch(r, w, known, e);
	if (w->act == WARRANT_APPROVE)
		return judge_approval(r, w, now, known, e);
	if (w->act != WARRANT_END)
		return judge_change(r, w, known, e);
	*known = has_ended(r, &w->device);
	if (!*known && r->ended.count >= KEEPER_LIST_MAX)
		return err_set(e, ERR_LIMIT, "the keeper ends no more devices");
	return 0;
}

static struct json *new_record(int64_t now)
{
	struct json *j = json_new_object();
	char text[UTC_TEXT_LEN];

	utc_format(now, text);
	json_set_text(j, "at", text);
	return j;
}

int keeper_registry_warrant(struct slice warrant, int64_t now,
			    struct json **record, struct err *e)
{
	struct json *j;

	if (json_parse(warrant, &j, e))
		return -1;
	*record = new_record(now);
	json_set(*record, "warrant", j);
	return 0;
}

/* ---- devices ------------------------------------------------------------- */

static int64_t end_of(const struct batch *b)
{
	return b->made.life > 0 ? b->activated + b->made.life : b->made.until;
}

static int judge_code(const struct batch *b, const struct keeper_ask *ask,
		      struct err *e)
{
	const char *why = NULL;

	if (strcmp(b->made.product, ask->product) != 0 ||
	    strcmp(b->made.model, ask->model) != 0)
		why = "it is for another product or model";
	else if (state_of(b, ask->place->index) == CODE_USED)
		why = "it was used already";
	else if (state_of(b, ask->place->index) == CODE_WITHDRAWN)
		why = "it was revoked";
	else if (b->activated == 0)
		why = "its batch is not activated yet (token activate)";
	else if (end_of(b) <= ask->now)
		why = "it has expired";
	else if (b->made.quota > 0 && b->used >= b->made.quota)
		why = "as many of its batch as may be were used";
	if (why)
		return err_set(e, ERR_REFUSED, "the claim code is no good: %s",
			       why);
	if (b->made.per_hour > 0 && b->hour == ask->now / HOUR &&
	    b->in_hour >= b->made.per_hour)
		return err_set(e, ERR_BUSY,
			       "too many of its batch were used in this hour: "
			       "try again later");
	return 0;
}

static int admit_by_code(const struct keeper_registry *r,
			 const struct keeper_ask *ask, bool *again,
			 struct device_id *device, struct err *e)
{
	const struct batch *b = find_batch(r, &ask->place->root);
	const struct code *c;

	if (!b || b->made.count != ask->place->count)
		return err_set(e, ERR_REFUSED,
			       "no officer's word stands for this claim code");
	if (codes_check(ask->claim, ask->place, e))
		return err_in(e, "claim code");
	c = b->codes ? &b->codes[ask->place->index] : NULL;
	*again = c && c->state == CODE_USED &&
		 memcmp(c->key, ask->key.bytes, KEY_LEN) == 0;
	if (*again) {
		*device = c->device;
		return 0;
	}
	if (judge_code(b, ask, e))
		return -1;
	return b->codes || r->codes + b->made.count <= KEEPER_LIST_MAX
		       ? 0
		       : err_set(e, ERR_LIMIT,
				 "the keeper takes no more codes");
}

static int admit_by_approval(const struct keeper_registry *r,
			     const struct keeper_ask *ask, bool *again,
			     struct device_id *device, struct err *e)
{
	const struct approval *a = find_approval(r, &ask->key);

	*again = a && a->used;
	if (*again)
		*device = a->device;
	else if (!a || strcmp(a->product, ask->product) != 0 ||
		 strcmp(a->model, ask->model) != 0 ||
		 ask->now >= a->at + KEEPER_APPROVED_SEC)
		return err_set(e, ERR_REFUSED,
			       "no officer's word stands for this device");
	else if (ask->four_eyes && !a->seconded)
		return err_set(e, ERR_REFUSED,
			       "one officer's word stands for this device, and "
			       "it takes two: another says the same (device "
			       "approve)");
	return 0;
}

int keeper_registry_admit(const struct keeper_registry *r,
			  const struct keeper_ask *ask, bool *again,
			  struct device_id *device, struct err *e)
{
	if (ask->claim ? admit_by_code(r, ask, again, device, e)
		       : admit_by_approval(r, ask, again, device, e))
		return -1;
	return *again ? keeper_registry_check(r, device, e) : 0;
}

struct json *keeper_registry_issue(const struct keeper_issue *i)
{
	struct json *j = new_record(i->now);

	json_set_hex(j, "certificate",
		     (struct slice){ i->certificate.bytes, SHA256_LEN });
	json_set_hex(j, "device",
		     (struct slice){ i->device.bytes, DEVICE_ID_LEN });
	json_set_hex(j, "key", (struct slice){ i->key.bytes, SHA256_LEN });
	if (i->from)
		json_set_hex(j, "from",
			     (struct slice){ i->from->bytes, SHA256_LEN });
	if (i->place) {
		json_set_hex(
			j, "codes",
			(struct slice){ i->place->root.bytes, SHA256_LEN });
		json_set_int(j, "index", (int64_t)i->place->index);
	}
	return j;
}
