/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/trial.h"

#include <poll.h>
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/steady.h"
#include "updater-client/notify.h"
#include "updater-client/probe.h"
#include "updater-client/watchdog.h"

#define PATH_LEN 4096
#define PROBE_MS 5000 /* for one answer */
#define PAUSE_MS 1000 /* before the next question */

/* One trial under way. */
struct trial {
	struct session *s;
	struct trial_outcome *out;
	char slot[PATH_LEN];
	int tree_fd;
	int64_t end_ms;
};

static bool failed(struct trial *t, enum machine_reason reason,
		   const struct err *e)
{
	t->out->event = e->code == ERR_BUSY ? EVENT_STOPPED : EVENT_UNHEALTHY;
	t->out->reason = e->code == ERR_NETWORK ? REASON_DEADLINE : reason;
	text_escape(slice_of(e->msg), t->out->detail, sizeof(t->out->detail));
	return false;
}

static bool stopped(struct trial *t)
{
	struct err e = { 0 };

	err_set(&e, ERR_BUSY, "asked to stop");
	return failed(t, REASON_HEALTH, &e);
}

static bool ask(struct trial *t, char *const *argv, int dirfd)
{
	int64_t left = t->end_ms - steady_ms();
	struct hook h = {
		.argv = argv,
		.dirfd = dirfd,
		.slot = t->slot,
		.release = t->s->running.id,
		.deadline_ms = left > 0 ? left : 0,
		.stop_fd = t->s->stop_fd,
	};
	struct err e = { 0 };

	if (hook_run(&h, &t->out->evidence, &e))
		return failed(t, REASON_HEALTH, &e);
	return true;
}

/* ---- checks that need no program ------------------------------------------
 */

/* False when asked to stop. */
static bool pause_between(const struct trial *t)
{
	struct pollfd p = { t->s->stop_fd, POLLIN, 0 };

	return poll(&p, 1, notify_alive(PAUSE_MS)) <= 0;
}

/* What was just started needs its time: until the deadline it may come true. */
static bool await(struct trial *t, const struct vital *v)
{
	struct err e = { 0 };

	for (;;) {
		int64_t left = t->end_ms - steady_ms();

		if (left <= 0 && e.code == ERR_NONE)
			err_set(&e, ERR_NETWORK, "%s: not asked in time",
				vital_name(v));
		if (left <= 0) {
			e.code = ERR_NETWORK; /* the reason is the deadline */
			return failed(t, REASON_DEADLINE, &e);
		}
		if (probe_ask(v, left < PROBE_MS ? (int)left : PROBE_MS,
			      t->s->stop_fd, &e) == 0)
			return true;
		if (e.code == ERR_BUSY)
			return failed(t, REASON_HEALTH, &e);
		if (!pause_between(t))
			return stopped(t);
	}
}

/*
 * From here on it must be so. Only a file may be old because the clock was set:
 * it has its seconds to be written again.
 */
static bool still(struct trial *t, const struct vital *v)
{
	const int64_t grace = v->kind == VITAL_FRESH ? (int64_t)v->sec : 0;
	const int64_t until = steady_ms() + grace * 1000;
	struct err e = { 0 };

	while (probe_ask(v, PROBE_MS, t->s->stop_fd, &e)) {
		if (e.code == ERR_BUSY || steady_ms() >= until)
			return failed(t, REASON_HEALTH, &e);
		if (!pause_between(t))
			return stopped(t);
	}
	return true;
}

/* Where the daemon's lock is, no release and no line of [trial] says. */
static bool ask_with_place(struct trial *t, struct vital v,
			   bool (*ask_one)(struct trial *t,
					   const struct vital *v))
{
	if (v.kind == VITAL_DAEMON)
		v.text = t->s->config->state;
	return ask_one(t, &v);
}

/* The signed ones and our own, in this order. */
static bool each_vital(struct trial *t,
		       bool (*ask_one)(struct trial *t, const struct vital *v))
{
	const struct settings *c = t->s->config;
	char *argv[RELEASE_ARGS_MAX + 1];
	struct vital v;
	struct err e = { 0 };
	size_t at = 0, argc;

	while (slot_health(&t->s->running, &at, argv)) {
		if (!vital_is_meant(argv[0]))
			continue;
		for (argc = 0; argv[argc]; argc++)
			;
		argv[0]++;
		if (vital_parse(argv, argc, &v, &e))
			return failed(t, REASON_HEALTH, &e);
		if (!ask_with_place(t, v, ask_one))
			return false;
	}
	for (size_t i = 0; i < c->check_count; i++)
		if (!ask_with_place(t, c->checks[i], ask_one))
			return false;
	return true;
}

/* A service that starts, answers and dies again is not healthy. */
static bool hold(struct trial *t)
{
	int64_t until = steady_ms() + (int64_t)t->s->config->steady_sec * 1000;

	while (steady_ms() < until) {
		if (!pause_between(t))
			return stopped(t);
		if (!each_vital(t, still))
			return false;
	}
	return true;
}

static bool ask_commands(struct trial *t)
{
	char *argv[RELEASE_ARGS_MAX + 1];
	size_t at = 0;

	while (slot_health(&t->s->running, &at, argv))
		/* A path in the release's tree, never one of the host. */
		if (!vital_is_meant(argv[0]) && !ask(t, argv, t->tree_fd))
			return false;
	if (t->s->config->health.argc == 0)
		return true;
	return ask(t, t->s->config->health.argv, -1);
}

static bool ask_all(struct trial *t)
{
	return each_vital(t, await) && ask_commands(t) && hold(t);
}

static int restart(struct session *s, const char *slot,
		   struct hook_output *output, struct err *e)
{
	struct hook h = {
		.argv = s->config->restart.argv,
		.dirfd = -1,
		.slot = slot,
		.release = s->has_running ? s->running.id : NULL,
		.deadline_ms = (int64_t)s->config->restart_sec * 1000,
		.stop_fd = -1,
		.leaves_service = true,
	};

	if (s->config->restart.argc == 0)
		return 0;
	return hook_run(&h, output, e);
}

/* The shorter of what the release and the configuration allow. */
static int64_t deadline_ms(const struct session *s)
{
	uint64_t sec = s->running.deadline_sec;

	if (sec == 0 ||
	    (s->config->deadline_sec > 0 && s->config->deadline_sec < sec))
		sec = s->config->deadline_sec > 0 ? s->config->deadline_sec
						  : 300;
	return (int64_t)sec * 1000;
}

static bool prepare(struct trial *t)
{
	struct err e = { 0 };

	if (!t->s->has_running) {
		err_set(&e, ERR_HEALTH, "the slot's release.json is damaged");
		return failed(t, REASON_HEALTH, &e);
	}
	if (session_place(t->s, t->slot, sizeof(t->slot), &t->tree_fd, &e))
		return failed(t, REASON_HEALTH, &e);
	/* A boot has started everything already. */
	if (!t->s->boot.control->reboots &&
	    restart(t->s, t->slot, &t->out->evidence, &e))
		return failed(t, REASON_RESTART, &e);
	return true;
}

void trial_arm(const struct settings *c)
{
	struct err e = { 0 };

	if (c->watchdog &&
	    watchdog_arm(c->watchdog, (unsigned)c->watchdog_sec, &e))
		log_event(LOG_ERROR, "watchdog-not-armed", "%s", e.msg);
}

void trial_run(struct session *s, struct trial_outcome *out)
{
	struct trial t = { .s = s, .out = out, .tree_fd = -1 };

	memset(out, 0, sizeof(*out));
	t.end_ms = steady_ms() + deadline_ms(s);
	if (prepare(&t) && ask_all(&t))
		out->event = EVENT_HEALTHY;
	fs_close(&t.tree_fd);
}

void trial_fail(struct session *s, const struct err *why,
		struct trial_outcome *out)
{
	struct trial t = { .s = s, .out = out, .tree_fd = -1 };

	memset(out, 0, sizeof(*out));
	(void)failed(&t, REASON_RESTART, why); /* false, always */
}

void trial_restart_old(struct session *s)
{
	struct hook_output output;
	char slot[PATH_LEN];
	struct err e = { 0 };

	if (s->current == SLOT_NONE)
		return;
	if (session_place(s, slot, sizeof(slot), NULL, &e) ||
	    restart(s, slot, &output, &e))
		log_event(LOG_ERROR, "restart-failed", "%s", e.msg);
}
