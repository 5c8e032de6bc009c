/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper_registry.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

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
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	bool replaces;
	struct device_id replaced;
	int64_t signed_at; /* by the officer's clock; and by ours */
	int64_t at;
	bool used;
	struct device_id device;
};

struct keeper_registry {
	struct batch *batches;
	size_t batch_count;
	struct approval *approvals;
	size_t approval_count;
	struct device_id *ended;
	size_t ended_count;
	uint64_t codes; /* that there is room for */
};

struct keeper_registry *keeper_registry_new(void)
{
	return mem_alloc(1, sizeof(struct keeper_registry));
}

void keeper_registry_free(struct keeper_registry *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->batch_count; i++)
		free(r->batches[i].codes);
	free(r->batches);
	free(r->approvals);
	free(r->ended);
	free(r);
}

/* Room for one more, doubled at each power of two. */
static void *grow(void *list, size_t count, size_t size)
{
	void *more;

	if (count & (count - 1))
		return list;
	more = mem_alloc(count ? 2 * count : 1, size);
	if (count)
		memcpy(more, list, count * size);
	free(list);
	return more;
}

/* ---- looking up ---------------------------------------------------------- */

static struct batch *find_batch(const struct keeper_registry *r,
				const struct sha256 *root)
{
	for (size_t i = 0; i < r->batch_count; i++)
		if (sha256_equal(&r->batches[i].made.codes, root))
			return &r->batches[i];
	return NULL;
}

static struct approval *find_approval(const struct keeper_registry *r,
				      const struct sha256 *key)
{
	for (size_t i = 0; i < r->approval_count; i++)
		if (sha256_equal(&r->approvals[i].key, key))
			return &r->approvals[i];
	return NULL;
}

static bool has_ended(const struct keeper_registry *r,
		      const struct device_id *device)
{
	for (size_t i = 0; i < r->ended_count; i++)
		if (memcmp(&r->ended[i], device, sizeof(*device)) == 0)
			return true;
	return false;
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
	if (has_ended(r, device))
		return;
	r->ended = grow(r->ended, r->ended_count, sizeof(*r->ended));
	r->ended[r->ended_count++] = *device;
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
	r->batches = grow(r->batches, r->batch_count, sizeof(*r->batches));
	r->batches[r->batch_count++] =
		(struct batch){ .made = *w, .activated = w->inactive ? 0 : at };
}

static void take_approval(struct keeper_registry *r, const struct warrant *w,
			  int64_t at)
{
	struct approval *a = find_approval(r, &w->key);

	if (!a) {
		r->approvals = grow(r->approvals, r->approval_count,
				    sizeof(*r->approvals));
		a = &r->approvals[r->approval_count++];
	}
	*a = (struct approval){ .key = w->key,
				.replaces = w->replaces,
				.replaced = w->device,
				.signed_at = w->time,
				.at = at };
	memcpy(a->product, w->product, sizeof(a->product));
	memcpy(a->model, w->model, sizeof(a->model));
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
	if (r->batch_count >= KEEPER_BATCHES_MAX)
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

static bool says_the_same(const struct approval *a, const struct warrant *w)
{
	return strcmp(a->product, w->product) == 0 &&
	       strcmp(a->model, w->model) == 0 && a->replaces == w->replaces &&
	       memcmp(&a->replaced, &w->device, sizeof(w->device)) == 0;
}

/*
 * The server has the words that it carried, and may bring them again: the same
 * one lasts no longer for that, and none comes back once a later one stands.
 */
static int judge_approval(const struct keeper_registry *r,
			  const struct warrant *w, bool *known, struct err *e)
{
	const struct approval *a = find_approval(r, &w->key);

	if (a && a->used)
		return err_set(e, ERR_CONFLICT,
			       "this key was let in once: a key has one "
			       "holder, for ever");
	*known = a && w->time <= a->signed_at;
	if (*known && !says_the_same(a, w))
		return err_set(e, ERR_CONFLICT,
			       "this key was approved otherwise since, or in "
			       "the same second: approve it once more");
	if (!a && r->approval_count >= KEEPER_LIST_MAX)
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
		return judge_approval(r, w, known, e);
	if (w->act != WARRANT_END)
		return judge_change(r, w, known, e);
	*known = has_ended(r, &w->device);
	if (!*known && r->ended_count >= KEEPER_LIST_MAX)
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
