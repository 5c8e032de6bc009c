/* SPDX-License-Identifier: Apache-2.0 */
/* What devices say where no network leads, and people carry here. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

#include "common/hand.h"
#include "update-server/api.h"
#include "update-server/store_hand.h"

/* It belongs to the fleet, and the file is by its key. */
static int verify(const struct hand *h, const struct store_device *d,
		  struct wire_checkin *m, struct err *e)
{
	struct x509_info info;

	if (d->revoked || d->retired || d->quarantined)
		return err_set(e, ERR_REFUSED,
			       "this device is %s: its word is not taken",
			       d->retired   ? "retired"
			       : d->revoked ? "revoked"
					    : "in quarantine");
	if (x509_inspect(slice_of(d->certificate), &info, e) ||
	    hand_check(h, &info.public_key, m, e))
		return -1;
	if (strcmp(d->facts.product, m->product) != 0 ||
	    strcmp(d->facts.model, m->model) != 0)
		return err_set(e, ERR_REFUSED,
			       "this device is enrolled as %s %s",
			       d->facts.product, d->facts.model);
	return 0;
}

/*
 * Each file is for one activation, or settles one that was on trial. So one
 * that is carried here again, or late, changes nothing.
 */
static int check_news(const struct store_device *d,
		      const struct wire_checkin *m, struct err *e)
{
	bool settles = m->activation == d->activation && m->confirmed &&
		       !d->facts.confirmed;

	if (m->activation > d->activation || settles)
		return 0;
	return err_set(e, ERR_ROLLBACK,
		       "what device said last is known already: attempt "
		       "%llu, here is %llu",
		       (unsigned long long)d->activation,
		       (unsigned long long)m->activation);
}

static void add_change(struct server_api *api, struct api_change *c,
		       struct store_hand *word)
{
	struct store_change *to = &word->changes[word->count];

	if (!c->changed)
		return;
	to->stage = api_stage_of(api, c->attempt.rollout);
	api_attempt_settle(to->stage, &c->attempt, c->before);
	to->attempt = c->attempt;
	word->count++;
}

/* The word, and what it made of attempts, at once: half of it could not be made
 * up for, as it is taken once. */
static int keep(struct server_api *api, const struct store_device *d,
		struct store_hand *word, struct api_judged *j,
		const struct audit_by *by, struct err *e)
{
	add_change(api, &j->older, word);
	add_change(api, &j->latest, word);
	if (store_hand_save(api->store, d, word, by, e))
		return -1;
	if (j->older.changed)
		api_attempt_stored(api, &j->older.attempt, j->older.before);
	if (j->latest.changed)
		api_attempt_stored(api, &j->latest.attempt, j->latest.before);
	return 0;
}

static int take(struct server_api *api, const struct request *q,
		const struct hand *h, struct store_device *d, struct err *e)
{
	struct wire_checkin m;
	struct store_hand word = { .said = &m };
	struct api_judged j;
	struct audit_by by;

	if (store_device_find(api->store, &h->device, d, e) ||
	    verify(h, d, &m, e) || check_news(d, &m, e) ||
	    api_by(api, q, &by, e) || store_hand_hear(api->store, d, &m, e) ||
	    api_judge_word(api, &m, &d->facts, by.now, &j, e))
		return -1;
	sha256_of(q->body, &word.file);
	return keep(api, d, &word, &j, &by, e);
}

int api_device_report(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	struct store_device *d = mem_alloc(1, sizeof(*d));
	struct hand *h = mem_alloc(1, sizeof(*h));
	char id[2 * DEVICE_ID_LEN + 1];
	struct json *j;
	int rc = -1;

	if (hand_open(q->body, h, e))
		goto out;
	(void)pthread_mutex_lock(&api->attempts);
	rc = take(api, q, h, d, e);
	(void)pthread_mutex_unlock(&api->attempts);
	hex_format((struct slice){ h->device.bytes, DEVICE_ID_LEN }, id);
	if (rc) {
		if (e->code != ERR_ROLLBACK)
			log_event(LOG_WARNING, "device-report-refused",
				  "by=%s device=%s why=%s", q->peer->id, id,
				  e->msg);
		goto out;
	}
	log_event(LOG_INFO, "device-reported", "by=%s device=%s release=%s",
		  q->peer->id, id, d->facts.release);
	j = api_answer();
	json_set_text(j, "device", id);
	json_set_text(j, "release", d->facts.release);
	rc = response_json(a, 200, j, e);
out:
	free(h);
	free(d);
	return rc;
}
