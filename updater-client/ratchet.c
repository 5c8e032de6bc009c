/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/ratchet.h"

#include "common/log.h"
#include "updater-client/counter.h"

static uint64_t slot_floor(const struct session *s, enum slot which)
{
	struct slot_release r;
	struct err unreadable;
	bool found = false;

	/* A slot that cannot be read says nothing; the others do. */
	if (slot_tree_release(&s->slots, which, &r, &found, &unreadable) ||
	    !found)
		return 0;
	return r.floor;
}

static void gather(const struct session *s, struct floor_facts *f)
{
	*f = (struct floor_facts){
		.record = s->floor,
		.counter = s->counter,
		.slots = { slot_floor(s, SLOT_A), slot_floor(s, SLOT_B) },
	};
	/* What is to go back lifts nothing, until the boot has come as well. */
	f->confirmed = s->has_running &&
		       s->journal.machine.state != MACHINE_TRIAL &&
		       !session_is_on_trial(s);
	if (f->confirmed)
		f->content_seq = s->running.content_seq;
}

uint64_t ratchet_floor(const struct session *s)
{
	struct floor_facts f;

	gather(s, &f);
	return floor_to_install(&f);
}

/* The slot tells it again should the state be restored from an old copy. */
static int mark_slot(struct session *s, struct err *e)
{
	struct slot_release marked = s->running;

	if (!s->has_running || s->running.floor >= s->floor.stored ||
	    s->running.content_seq < s->floor.stored)
		return 0;
	marked.floor = s->floor.stored;
	if (slot_tree_seal(&s->slots, s->current, &marked, e))
		return -1;
	s->running = marked;
	return 0;
}

static int advance_counter(struct session *s, struct err *e)
{
	if (s->config->counter.argc == 0 || s->counter >= s->floor.stored)
		return 0;
	if (counter_advance(s->config->counter.argv, s->floor.stored, e))
		return -1;
	s->counter = s->floor.stored;
	return 0;
}

int ratchet_settle(struct session *s, struct err *e)
{
	struct floor_record next = s->floor;
	struct floor_facts f;

	gather(s, &f);
	next.stored = floor_to_store(&f);
	if (next.stored > s->floor.stored) {
		if (floor_record_write(&s->floor_file, &next, e))
			return -1;
		log_event(LOG_INFO, "floor-raised", "from=%llu to=%llu",
			  (unsigned long long)s->floor.stored,
			  (unsigned long long)next.stored);
		s->floor = next;
	}
	return mark_slot(s, e) || advance_counter(s, e) ? -1 : 0;
}

int ratchet_begin(struct session *s, struct err *e)
{
	if (s->config->counter.argc > 0 &&
	    counter_read(s->config->counter.argv, &s->counter, e))
		return -1;
	return ratchet_settle(s, e);
}

int ratchet_learn(struct session *s, uint64_t verified, struct err *e)
{
	struct floor_record next = s->floor;

	if (verified > s->floor.verified) {
		next.verified = verified;
		if (floor_record_write(&s->floor_file, &next, e))
			return -1;
		s->floor = next;
	}
	return ratchet_settle(s, e);
}

int ratchet_check_back(const struct session *s, const struct slot_release *r,
		       struct err *e)
{
	if (r->content_seq >= s->floor.stored)
		return 0;
	return err_set(e, ERR_ROLLBACK,
		       "%s (content of seq %llu) lies below the floor, seq "
		       "%llu: it is not gone back to",
		       r->id, (unsigned long long)r->content_seq,
		       (unsigned long long)s->floor.stored);
}

bool ratchet_has_overtaken(const struct session *s)
{
	const struct machine *m = &s->journal.machine;
	struct slot_release to, from;
	struct err unused;
	bool found = false;

	return slot_tree_release(&s->slots, m->to, &to, &found, &unused) == 0 &&
	       found && ratchet_check_back(s, &to, &unused) &&
	       slot_tree_release(&s->slots, m->from, &from, &found, &unused) ==
		       0 &&
	       found && ratchet_check_back(s, &from, &unused) == 0;
}
