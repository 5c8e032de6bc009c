/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/update.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/utc.h"
#include "updater-client/carry.h"
#include "updater-client/consent.h"
#include "updater-client/ending.h"
#include "updater-client/facts.h"
#include "updater-client/first_use.h"
#include "updater-client/identity.h"
#include "updater-client/install.h"
#include "updater-client/pace.h"
#include "updater-client/pending.h"
#include "updater-client/ratchet.h"
#include "updater-client/reimage.h"
#include "updater-client/renewal.h"
#include "updater-client/report.h"
#include "updater-client/status.h"
#include "updater-client/status_file.h"
#include "updater-client/trouble.h"

static int may_update(const struct session *s,
		      const struct update_options *options, struct err *e)
{
	for (size_t i = 0; i < s->config->slot_count; i++)
		if (s->config->slots[i].attributes == TREE_SYSTEM &&
		    geteuid() != 0)
			return err_set(e, ERR_REFUSED,
				       "a slot with system attributes is "
				       "written by root only");
	if (s->enrolled)
		return 0;
	if (!options->from)
		return err_set(e, ERR_REFUSED,
			       "this device is not enrolled yet: enroll, or "
			       "update --from a folder");
	if (s->config->environment == ENV_PRODUCTION)
		return err_set(e, ERR_REFUSED,
			       "a production device is enrolled before it "
			       "installs anything");
	return 0;
}

/* A present certificate that still lives is as good as before; one that has
 * ended is refused when we connect, in the server's words. */
static void keep_identity(struct session *s)
{
	struct err failure = { 0 }, why = { 0 };
	int rc = renewal_run(s, &failure);

	if (rc && failure.code == ERR_REFUSED && renewal_readopt(s, &why) == 0)
		rc = renewal_run(s, &failure);
	if (rc)
		log_event(LOG_WARNING, "certificate-not-renewed",
			  "error=%s reason=\"%s\"", err_name(failure.code),
			  failure.msg);
}

static int connect_to(struct session *s, const char *from, struct err *e)
{
	int folder_fd = -1;
	int rc;

	/* A folder or a file; not waiting for what is neither. */
	if (from)
		folder_fd = open(from,
				 O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (from && folder_fd < 0)
		return err_sys(e, "%s", from);
	if (folder_fd < 0)
		keep_identity(s);
	rc = session_connect(s, folder_fd, e);
	fs_close(&folder_fd);
	return rc;
}

/* ---- the server's word --------------------------------------------------- */

static int check_in(struct session *s, struct wire_decision *decision,
		    struct err *e)
{
	struct message ask = { .kind = MESSAGE_CHECKIN };
	struct message m;

	facts_for_server(s, &ask.checkin);
	if (ipc_ask(&s->trust.channel, &ask, MESSAGE_DECISION, SESSION_ASK_MS,
		    &m, e))
		return -1;
	*decision = m.decision;
	return 0;
}

/* What runs now is the truth that the server counts; it may wait. */
static void tell_what_runs(struct session *s, struct update_outcome *out)
{
	struct wire_decision decision;
	struct err unheard;

	if (!s->from_folder && check_in(s, &decision, &unheard) == 0)
		out->next_check_sec = decision.next_check_sec;
}

static int begin_attempt(struct session *s, uint64_t attempt, struct err *e)
{
	if (s->journal.attempt == attempt)
		return 0;
	s->journal.attempt = attempt;
	return session_save(s, e);
}

/* ---- choosing ------------------------------------------------------------ */

static void describe(const struct session *s,
		     const struct update_options *options,
		     struct message_choose *ask)
{
	facts_for_policy(s, &ask->device);
	ask->device.retry = options->retry;
	ask->device.repair = options->repair;
	ask->device.step_back = options->step_back;
	facts_for_orders(s, ask);
}

static int choose(struct session *s, const struct message_choose *choose,
		  struct message *m, struct err *e)
{
	struct message ask = { .kind = MESSAGE_CHOOSE, .choose = *choose };

	if (ipc_send(&s->trust.channel, &ask, e) ||
	    ipc_receive(&s->trust.channel, SESSION_ASK_MS, m, e))
		return -1;
	if (m->kind != MESSAGE_PLAN && m->kind != MESSAGE_DONE)
		return err_set(e, ERR_FORMAT, "message %d is no answer",
			       m->kind);
	return 0;
}

/* Time, cohort and floor, also from metadata that lists nothing for us. */
static int learn(struct session *s, struct err *e)
{
	return session_learn_time(s, e) || ratchet_learn(s, s->site.floor, e)
		       ? -1
		       : 0;
}

static int choose_and_learn(struct session *s, const struct message_choose *ask,
			    struct message *m, struct err *e)
{
	struct err unheard = { 0 };

	if (choose(s, ask, m, e) == 0)
		return learn(s, e);
	if (learn(s, &unheard))
		log_event(LOG_WARNING, "floor-not-kept", "%s", unheard.msg);
	return -1;
}

static void describe_plan(const struct plan *p, struct update_outcome *out)
{
	memcpy(out->release, p->release.id, sizeof(out->release));
	memcpy(out->version, p->release.version, sizeof(out->version));
	out->is_delta = plan_has_delta(p);
	out->package_len = plan_len(p);
}

/* That there is nothing newer than what waits for its boot, or that it cannot
 * be seen now, is no failure of that one. */
static void tell_failure(struct session *s, uint64_t attempt,
			 const struct err *failure)
{
	if (!pending_is(s) || attempt != s->journal.attempt)
		report_failure(s, attempt, failure);
	report_flush(s);
}

/* Nothing waits any more for a boot in the slot that the release takes. A
 * pending one's reports are told under its own attempt, and end with it. */
static int make_way(struct session *s, struct plan *plan,
		    const struct message_choose *ask, uint64_t attempt,
		    struct err *e)
{
	if (!pending_is(s))
		return 0;
	return pending_replace(s, plan, ask, e) || begin_attempt(s, attempt, e)
		       ? -1
		       : 0;
}

static int choose_and_install(struct session *s,
			      const struct update_options *options,
			      struct message_choose *ask, uint64_t attempt,
			      struct update_outcome *out, struct err *e)
{
	struct message m;

	if (!options->only_check && !pending_is(s) &&
	    begin_attempt(s, attempt, e))
		return -1;

	ask->refresh = true;
	describe(s, options, ask);
	if (choose_and_learn(s, ask, &m, e)) {
		/* A look is no attempt. */
		if (!options->only_check)
			tell_failure(s, attempt, e);
		return -1;
	}
	out->result = UPDATE_NOTHING;
	if (m.kind == MESSAGE_DONE ||
	    (pending_is(s) && !pending_yields(s, &m.plan)))
		return 0;
	describe_plan(&m.plan, out);
	out->result = UPDATE_AVAILABLE;
	if (options->only_check)
		return 0;
	if (options->unattended && !consent_given(s, &m.plan, out->reason)) {
		out->result = UPDATE_WAIT;
		report_flush(s);
		return 0;
	}
	if (make_way(s, &m.plan, ask, attempt, e)) {
		ending_failed(s, m.plan.release.id, attempt, e);
		return -1;
	}
	if (install_release(s, &m.plan, ask, e)) {
		if (e->code == ERR_HEALTH)
			tell_what_runs(s, out);
		return -1;
	}
	consent_done(s);
	describe_plan(&m.plan, out); /* it may have become the full one */
	out->result = pending_is(s) ? UPDATE_REBOOT : UPDATE_DONE;
	tell_what_runs(s, out);
	return 0;
}

/*
 * Nothing to install, but perhaps something to know: a newer root, the floor,
 * its cohort, where the servers will be. That it cannot be had now is no
 * failure.
 */
static void look_around(struct session *s, const struct update_options *options,
			struct err *trouble)
{
	struct message_choose ask = { .refresh = true, .look = true };
	struct message m;
	struct err e = { 0 };

	describe(s, options, &ask);
	if (choose_and_learn(s, &ask, &m, &e) == 0)
		return;
	log_event(LOG_WARNING, "not-refreshed", "reason=\"%s\"", e.msg);
	/* The server has nothing for it, and cannot: that is worth knowing. */
	if (e.code == ERR_REFUSED)
		*trouble = e;
}

/* No list leads to a server that we can verify. */
static bool is_stranded(const struct err *e)
{
	return e->code == ERR_UNTRUSTED || e->code == ERR_EXPIRED;
}

/* Refused by a server that may have forgotten us. What it says to that is news
 * only if a person is to act. */
static int come_back(struct session *s, struct wire_decision *decision,
		     struct err *e)
{
	struct err why = { 0 };

	if (renewal_readopt(s, &why) == 0)
		return check_in(s, decision, e);
	if (why.code == ERR_BUSY)
		*e = why;
	return -1;
}

/* Whoever answers is asked at most once in a back-off, however often we are
 * started. A clock that went back has let it pass. */
static int may_ask_stranger(struct session *s, struct err *e)
{
	const struct pace pace = { .retry_min_sec = s->config->retry_min_sec,
				   .retry_max_sec = s->config->retry_max_sec };
	uint64_t now = (uint64_t)utc_now();

	if (now - s->journal.stranger <
	    pace_soonest(&pace, s->journal.failures))
		return err_set(e, ERR_BUSY, "asked just now");
	s->journal.stranger = now;
	return session_save(s, e);
}

/*
 * The server knows us: what was kept until it does is put away. (An older
 * updater, gone back to, refuses a journal with the time of a stranger.)
 */
static int put_away(struct session *s, struct err *e)
{
	if (s->journal.stranger != 0) {
		s->journal.stranger = 0;
		if (session_save(s, e))
			return -1;
	}
	return identity_drop_code(s->state_fd, e);
}

/*
 * The check-in, and now and then the way out for who slept through a change of
 * the server's certificates. When there is no news, `e` is why it failed.
 */
static int reach_server(struct session *s, struct wire_decision *decision,
			struct err *e)
{
	struct err why = { 0 };
	bool changed = false;

	if (check_in(s, decision, e) == 0)
		return put_away(s, e);
	if (e->code == ERR_REFUSED)
		return come_back(s, decision, e);
	if (!is_stranded(e))
		return -1;
	log_event(LOG_WARNING, "stranded", "reason=\"%s\"", e->msg);
	if (may_ask_stranger(s, &why) || session_rescue(s, &changed, &why)) {
		log_event(LOG_WARNING, "not-rescued", "reason=\"%s\"", why.msg);
		return err_in(e, "stranded, and nobody has the signed site");
	}
	if (!changed)
		return err_in(e, "stranded: the signed site names no other "
				 "server");
	log_event(LOG_INFO, "site-renewed", "by=the signed site");
	return session_connect(s, -1, e) || check_in(s, decision, e) ? -1 : 0;
}

static int from_server(struct session *s, const struct update_options *options,
		       struct update_outcome *out, struct err *trouble,
		       struct err *e)
{
	struct message_choose ask = { 0 };
	struct wire_decision decision;

	if (reach_server(s, &decision, e))
		return -1;
	report_flush(s);
	memcpy(out->reason, decision.reason, sizeof(out->reason));
	out->next_check_sec = decision.next_check_sec;
	out->result =
		decision.action == WIRE_WAIT ? UPDATE_WAIT : UPDATE_NOTHING;
	if (decision.action != WIRE_UPDATE) {
		look_around(s, options, trouble);
		return 0;
	}
	ask.device.has_offer = true;
	memcpy(ask.device.offer, decision.release, sizeof(ask.device.offer));
	ask.device.offer_digest = decision.digest;
	return choose_and_install(s, options, &ask, decision.attempt, out, e);
}

static int from_folder(struct session *s, const struct update_options *options,
		       struct update_outcome *out, struct err *e)
{
	struct message_choose ask = { 0 };

	/* Nobody counts what was carried here by hand. */
	return choose_and_install(s, options, &ask, 0, out, e);
}

/*
 * Nothing else is to be done: what the factory left is written over, slot by
 * slot. Failing that is no failure of this run; it is tried at the next.
 */
static void see_to_first_use(struct session *s,
			     const struct update_options *options,
			     struct update_outcome *out)
{
	bool busy = true;

	for (int slots = 0; busy && slots < 2; slots++) {
		struct message_choose ask = { 0 };
		struct err e = { 0 };

		if (!s->enrolled || !s->has_running || first_use_is_done(s) ||
		    pending_is(s))
			break;
		describe(s, options, &ask);
		if (reimage_step(s, &ask, options->unattended, &busy, &e)) {
			log_event(LOG_WARNING, "first-use-not-done",
				  "error=%s reason=\"%s\"", err_name(e.code),
				  e.msg);
			break;
		}
		if (busy)
			tell_what_runs(s, out);
	}
	if (pending_is(s))
		out->result = UPDATE_REBOOT;
}

/* A trial that a former run began has ended badly: that is news enough. */
static void tell_rollback(struct session *s, struct update_outcome *out)
{
	report_flush(s);
	tell_what_runs(s, out);
}

/* For who asks later, by status: a log may be far away. */
static void remember(struct session *s, const struct err *trouble)
{
	struct err e = { 0 };
	int rc = trouble->code == ERR_NONE
			 ? trouble_forget(s->state_fd, &e)
			 : trouble_keep(s->state_fd, trouble, s->now, &e);

	if (rc)
		log_event(LOG_WARNING, "trouble-not-kept", "%s", e.msg);
}

/* What there is to know and to do; and what came of a trial that a former run
 * began, if it ended badly. */
static int ask(struct session *s, const struct update_options *options,
	       const struct err *rolled_back, struct update_outcome *out,
	       struct err *e)
{
	struct err trouble = { 0 };
	int rc;

	rc = may_update(s, options, e) || ratchet_begin(s, e) ||
	     connect_to(s, options->from, e);
	if (rolled_back) {
		if (rc == 0)
			tell_rollback(s, out);
		*e = *rolled_back;
		return -1;
	}
	if (rc)
		return -1;
	rc = options->from ? from_folder(s, options, out, e)
			   : from_server(s, options, out, &trouble, e);
	if (rc == 0 && !options->only_check)
		see_to_first_use(s, options, out);
	remember(s, rc ? e : &trouble);
	return rc;
}

/*
 * A boot may be long in coming. Until then the device is heard of and hears as
 * ever; but what it waits for is still true when nobody can be reached.
 */
static int ask_meanwhile(struct session *s,
			 const struct update_options *options,
			 struct update_outcome *out, struct err *e)
{
	/* Not enrolled, it has nobody to ask but a folder. */
	const bool is_alone = !s->enrolled && !options->from;
	int rc = is_alone ? 0 : ask(s, options, NULL, out, e);

	if (pending_is(s) && pending_let_go(s, e))
		return -1;
	if (!pending_is(s) || (rc == 0 && out->result == UPDATE_AVAILABLE))
		return rc;
	out->result = UPDATE_REBOOT;
	memcpy(out->release, s->journal.release, sizeof(out->release));
	if (rc == 0 || e->code != ERR_NETWORK)
		return rc;
	log_event(LOG_WARNING, "not-refreshed", "reason=\"%s\"", e->msg);
	return 0;
}

static int run(struct session *s, const struct update_options *options,
	       struct update_outcome *out, struct err *e)
{
	struct err before = { 0 };
	int recovered;

	memset(out, 0, sizeof(*out));
	/* First, whatever else is wrong: a bad release must not stay. */
	recovered = install_recover(s, &before);
	if (recovered && before.code != ERR_HEALTH) {
		*e = before;
		return -1;
	}
	if (!recovered && pending_is(s))
		return ask_meanwhile(s, options, out, e);
	return ask(s, options, recovered ? &before : NULL, out, e);
}

static void tell_how_far(const void *settings, const struct progress *p)
{
	status_file_tell(settings, p);
}

int update_run(struct session *s, const struct update_options *options,
	       struct update_outcome *out, struct err *e)
{
	int rc;

	s->listener =
		(struct progress_listener){ tell_how_far, s->config,
					    status_file_every_ms(s->config) };
	rc = run(s, options, out, e);
	if (options->from && s->enrolled && !options->only_check)
		carry_word(s, options->from);
	status_publish(s->config);
	return rc;
}
