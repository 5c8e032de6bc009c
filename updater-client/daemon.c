/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/daemon.h"

#include <poll.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/random.h"
#include "common/steady.h"
#include "common/utc.h"
#include "updater-client/notify.h"
#include "updater-client/pace.h"
#include "updater-client/probe.h"
#include "updater-client/session.h"
#include "updater-client/status.h"
#include "updater-client/switch.h"

#define WAIT_MAX_MS 3600000

static uint32_t draw(void)
{
	uint32_t random;

	random_bytes(&random, sizeof(random));
	return random;
}

/* True when we were asked to stop meanwhile. */
static bool wait_or_stop(int stop_fd, uint64_t sec)
{
	struct pollfd p = { stop_fd, POLLIN, 0 };
	int64_t end = steady_ms() + (int64_t)sec * 1000;
	int64_t left;

	log_event(LOG_DEBUG, "waiting", "seconds=%llu",
		  (unsigned long long)sec);
	while ((left = end - steady_ms()) > 0) {
		int wait_ms = left < WAIT_MAX_MS ? (int)left : WAIT_MAX_MS;

		if (poll(&p, 1, notify_alive(wait_ms)) > 0)
			return true;
	}
	return poll(&p, 1, 0) > 0;
}

/* A boot or a restart in the middle of a switch is answered at once. */
static bool is_under_way(int state_fd)
{
	struct err unreadable;
	struct journal j;
	bool reset;

	if (journal_peek(state_fd, &j, &reset, &unreadable))
		return false;
	return j.machine.state == MACHINE_INSTALLED ||
	       j.machine.state == MACHINE_TRIAL ||
	       j.machine.state == MACHINE_REBOOT;
}

/* One round under the lock; how many have failed in a row is kept. */
static int one_round(const struct settings *c, int stop_fd,
		     struct update_outcome *outcome, uint32_t *failures,
		     struct err *e)
{
	const struct update_options options = { .unattended = true };
	struct err unkept = { 0 };
	struct session s;
	uint32_t before;
	int rc;

	if (session_open(&s, c, stop_fd, e))
		return -1;
	s.progress = PROGRESS_QUIET;
	rc = update_run(&s, &options, outcome, e);
	before = s.journal.failures;
	/* A release that was taken back is an answer, not an outage. */
	s.journal.failures = rc == 0 || e->code == ERR_HEALTH ? 0 : before + 1;
	*failures = s.journal.failures;
	if (before != s.journal.failures && session_save(&s, &unkept))
		log_event(LOG_WARNING, "journal-not-kept", "%s", unkept.msg);
	session_close(&s);
	return rc;
}

static uint64_t next_wait(struct pace *pace, int rc,
			  const struct update_outcome *outcome,
			  uint32_t failures, const struct err *e)
{
	if (rc && failures > 0)
		return pace_retry(pace, failures, outcome->next_check_sec > 0,
				  e, draw());
	pace->usual_sec = pace_next(pace, outcome->next_check_sec, draw());
	return pace->usual_sec;
}

/* What this round left waiting for its hours; NULL: nothing. A server that
 * says "wait" names no release. */
static const struct hours *awaited(const struct settings *c,
				   const struct update_outcome *outcome)
{
	if (outcome->result == UPDATE_REBOOT)
		return &c->reboot_hours;
	return outcome->result == UPDATE_WAIT && outcome->release[0]
		       ? &c->install_hours
		       : NULL;
}

static void tell(int rc, const struct update_outcome *outcome,
		 const struct err *e)
{
	if (rc && e->code != ERR_BUSY)
		log_event(LOG_WARNING, "update-failed",
			  "error=%s reason=\"%s\"", err_name(e->code), e->msg);
	else if (rc == 0 && outcome->result == UPDATE_DONE)
		log_event(LOG_INFO, "updated", "release=%s", outcome->release);
}

/* Perhaps the whole device stops, and then the new slot starts. */
static void take_along(const struct settings *c, int stop_fd)
{
	struct err unheard = { 0 };
	struct session s;

	if (session_open(&s, c, stop_fd, &unheard))
		return; /* somebody else is at work */
	switch_take_along(&s);
	session_close(&s);
}

int daemon_run(const struct settings *c, int stop_fd, daemon_heard *heard,
	       struct err *e)
{
	struct pace pace = { c->interval_sec, c->retry_min_sec,
			     c->retry_max_sec, 0 };
	int state_fd = -1, lock_fd = -1;
	uint64_t wait = pace_first(&pace, draw());
	uint32_t failures = 0;

	/* The daemon's own lock: people's commands run between its rounds. */
	if (fs_make_dir(c->state, 0700, &state_fd, e) ||
	    fs_lock(state_fd, PROBE_DAEMON_LOCK, &lock_fd, e)) {
		fs_close(&state_fd);
		return err_in(e, "the daemon");
	}
	if (is_under_way(state_fd))
		wait = 0;
	status_publish(c);
	notify_manager("READY=1");
	log_event(LOG_INFO, "daemon-started", "interval=%llu",
		  (unsigned long long)c->interval_sec);
	while (!wait_or_stop(stop_fd, wait)) {
		struct update_outcome outcome = { 0 };
		const struct hours *hours;
		struct err failure = { 0 };
		int rc;

		failures++; /* if not even the journal can be opened */
		rc = one_round(c, stop_fd, &outcome, &failures, &failure);
		tell(rc, &outcome, &failure);
		if (heard)
			heard(&outcome, rc ? &failure : NULL);
		wait = next_wait(&pace, rc, &outcome, failures, &failure);
		hours = awaited(c, &outcome);
		if (hours)
			wait = pace_until(wait, hours_wait(hours, utc_now()),
					  hours_length(hours), draw());
	}
	notify_manager("STOPPING=1");
	if ((c->keep.count > 0 || c->data_save.argc > 0) &&
	    is_under_way(state_fd))
		take_along(c, stop_fd);
	log_event(LOG_INFO, "daemon-stopped", "reason=asked");
	fs_close(&lock_fd);
	fs_close(&state_fd);
	return 0;
}
