/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/facts.h"

#include <string.h>

#include "common/text.h"
#include "common/utc.h"
#include "updater-client/first_use.h"
#include "updater-client/posture.h"
#include "updater-client/ratchet.h"

/* ---- for the server ------------------------------------------------------ */

/* That one identity speaks from two boards is seen by it; what it is made of
 * tells nobody else anything. */
static void add_start(const struct session *s, struct wire_checkin *m)
{
	char text[BOOT_ID_LEN], id[2 * DEVICE_ID_LEN + 1];
	struct buf both = BUF_INIT(BOOT_ID_LEN + sizeof(id));
	struct sha256 digest;
	struct err never;

	boot_start(&s->boot, text);
	hex_format((struct slice){ s->identity.device.bytes, DEVICE_ID_LEN },
		   id);
	if (text[0] && buf_addf(&both, &never, "%s %s", id, text) == 0) {
		sha256_of(buf_slice(&both), &digest);
		memcpy(m->boot, digest.bytes, WIRE_BOOT_LEN);
		m->has_boot = true;
	}
	buf_done(&both);
}

/* Asked each time: a token may be exchanged, and need not be there. */
static bool has_hardware_keys(const struct session *s)
{
	struct device_keys keys;
	struct worker token;
	struct err unheard;
	bool has = session_keys(s, 0, &token, &keys, &unheard) == 0 &&
		   device_key_is_in_hardware(&keys);

	worker_stop(&token);
	return has;
}

void facts_for_server(const struct session *s, struct wire_checkin *m)
{
	const struct settings *c = s->config;

	*m = (struct wire_checkin){
		.has_release = s->has_running,
		.confirmed = !session_is_on_trial(s),
		.activation = s->journal.activation,
		.interval_sec = (uint32_t)c->interval_sec,
		.updater = VERSION,
	};
	text_copy(m->product, sizeof(m->product), c->product);
	if (c->model)
		text_copy(m->model, sizeof(m->model), c->model);
	if (c->hardware)
		text_copy(m->hardware, sizeof(m->hardware), c->hardware);
	add_start(s, m);
	m->posture = posture_look(c, has_hardware_keys(s));
	m->first_use = first_use_is_done(s) ? WIRE_FIRST_USE_DONE
					    : WIRE_FIRST_USE_PENDING;
	if (!s->has_running)
		return;
	memcpy(m->release, s->running.id, sizeof(m->release));
	m->seq = s->running.seq;
	m->digest = s->running.digest;
}

/* ---- for the choice of a release ----------------------------------------- */

/* What there is to be filled, and what each place holds now. */
static void describe_slots(const struct session *s, struct policy_device *d)
{
	const struct settings *c = s->config;

	d->slot_count = c->slot_count;
	for (size_t i = 0; i < c->slot_count; i++) {
		const struct settings_slot *from = &c->slots[i];
		const struct slot_part *runs =
			i == 0 ? &s->running.parts[0]
			       : slot_part_of(&s->running, from->component);
		struct policy_slot *to = &d->slots[i];

		to->content = settings_content(from);
		to->attributes = from->attributes;
		memcpy(to->component, from->component, sizeof(to->component));
		if (s->has_running && runs)
			to->digest = runs->digest;
	}
}

void facts_for_policy(const struct session *s, struct policy_device *d)
{
	const struct settings *c = s->config;

	describe_slots(s, d);
	text_copy(d->product, sizeof(d->product), c->product);
	if (c->model)
		text_copy(d->model, sizeof(d->model), c->model);
	if (c->hardware)
		text_copy(d->hardware, sizeof(d->hardware), c->hardware);
	d->has_running = s->has_running;
	if (s->has_running) {
		memcpy(d->running, s->running.id, sizeof(d->running));
		d->seq = s->running.seq;
		d->content_seq = s->running.content_seq;
		d->digest = s->running.digest;
	}
	d->refusals = s->journal.refusals;
	d->floor = ratchet_floor(s);
}

void facts_for_orders(const struct session *s, struct message_choose *m)
{
	m->clock = utc_now();
	m->floor = s->journal.time_floor;
	m->enrolled = s->enrolled;
	if (!s->enrolled)
		return;
	m->id = s->identity.device;
	memcpy(m->cohort, s->cohort.name, sizeof(m->cohort));
	m->cohort_version = s->cohort.version;
	m->lab = s->cohort.lab;
}
