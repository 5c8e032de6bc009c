/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/switch.h"

#include "common/log.h"
#include "common/utc.h"
#include "updater-client/data.h"
#include "updater-client/hook.h"
#include "updater-client/keep.h"
#include "updater-client/ratchet.h"
#include "updater-client/slot_handler.h"
#include "updater-client/trial.h"

/* Tell boot control, and look what came of it. */
static int tell_boot(struct session *s, const struct boot_record *r,
		     struct err *e)
{
	if (boot_write(&s->boot, r, e) || session_look(s, e))
		return -1;
	if (s->boot_failure.code == ERR_NONE)
		return 0;
	*e = s->boot_failure;
	return -1;
}

/*
 * Before anything is fetched: can the slots be switched at all? What a loader
 * gave up on before is forgotten with it, for that slot is written anew.
 */
int switch_prove(struct session *s, struct err *e)
{
	const struct boot_record r = { .slot = s->current };

	if (s->journal.machine.to == s->current)
		return err_set(e, ERR_CONFLICT, "slot %s runs",
			       slot_name(s->current));
	if (!s->boot.control->reboots && slot_link_prepare(s->slots.dirfd, e))
		return -1;
	return tell_boot(s, &r, e);
}

/*
 * Where to go back to. What lies below the floor is as good as nothing: a
 * release that is known to be vulnerable does not run again.
 */
static enum slot way_back(const struct session *s)
{
	enum slot from = s->journal.machine.from;
	struct slot_release r;
	struct err why;
	bool found = false;

	if (slot_tree_release(&s->slots, from, &r, &found, &why) || !found ||
	    ratchet_check_back(s, &r, &why) == 0)
		return from;
	log_event(LOG_ERROR, "not-gone-back", "%s", why.msg);
	return SLOT_NONE;
}

/* There, on trial where there is a way back. */
int switch_there(struct session *s, struct err *e)
{
	const enum slot to = s->journal.machine.to;
	struct boot_record r = { .slot = to, .back = way_back(s) };

	r.trying = r.back != SLOT_NONE;
	r.left = r.trying ? (uint32_t)s->config->tries : 0;
	if (data_save(s, e) || keep_carry(s, e) || tell_boot(s, &r, e))
		return -1;
	log_event(LOG_INFO, "slot-switched", "slot=%s", slot_name(to));
	return 0;
}

/* A part that will not go back must not keep the rest from it: that is tried
 * again at each start. */
static void give_back(struct session *s)
{
	struct err e = { 0 };

	if (slot_handler_put(s, s->journal.machine.from, true, &e))
		log_event(LOG_ERROR, "handler-failed", "error=%s reason=\"%s\"",
			  err_name(e.code), e.msg);
}

int switch_back(struct session *s, struct err *e)
{
	const struct boot_record r = { .slot = way_back(s) };
	bool unused;

	if (r.slot == SLOT_NONE && s->boot.control->reboots)
		return err_set(e, ERR_ROLLBACK,
			       "slot %s may not run again, so slot %s stays, "
			       "which did not prove itself",
			       slot_name(s->journal.machine.from),
			       slot_name(s->current));
	/* What may not run again is not given to any part either. */
	if (r.slot == s->journal.machine.from)
		give_back(s);
	if (tell_boot(s, &r, e))
		return -1;
	log_event(LOG_INFO, "slot-switched", "slot=%s", slot_name(r.slot));
	/* With a loader, what went back runs only after a boot. */
	if (s->boot.control->reboots)
		return 0;
	data_restore(s, &unused);
	trial_restart_old(s);
	return 0;
}

int switch_keep(struct session *s, struct err *e)
{
	const struct boot_record r = { .slot = s->journal.machine.to };

	return tell_boot(s, &r, e);
}

/* The loader counted a start that a clean stop has ended. */
int switch_renew(struct session *s, struct err *e)
{
	struct boot_record r = s->record;

	if (!r.trying || r.left >= s->config->tries)
		return 0;
	r.left++;
	return tell_boot(s, &r, e);
}

void switch_take_along(const struct session *s)
{
	const struct machine *m = &s->journal.machine;

	/* Only on the way there, and before it. */
	if (m->state != MACHINE_REBOOT || m->reason != REASON_NONE ||
	    s->current == m->to)
		return;
	keep_again(s);
	data_save_again(s);
}

/* Who reboots, and when, is configuration; without any it is a person. */
void switch_reboot(struct session *s)
{
	struct hook h = {
		.argv = s->config->reboot.argv,
		.dirfd = -1,
		.deadline_ms = (int64_t)s->config->restart_sec * 1000,
		.stop_fd = -1,
		.leaves_service = true,
	};
	struct hook_output unused;
	struct err e = { 0 };

	log_event(LOG_INFO, "reboot-pending", "slot=%s",
		  slot_name(s->record.slot));
	if (s->config->reboot.argc == 0 ||
	    !hours_include(&s->config->reboot_hours,
			   policy_now(utc_now(), s->journal.time_floor)))
		return;
	switch_take_along(s);
	if (hook_run(&h, &unused, &e))
		log_event(LOG_ERROR, "reboot-failed", "%s", e.msg);
}
