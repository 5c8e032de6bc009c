/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/renewal.h"

#include "common/fs.h"
#include "common/log.h"
#include "common/utc.h"
#include "updater-client/identity.h"
#include "updater-client/renew.h"
#include "updater-client/source.h"
#include "updater-client/token_start.h"

/* The processes: each source speaks with one of the two certificates. */
struct parties {
	struct worker present, next, renew;
	struct worker present_token, next_token, token; /* of each */
};

static int start_source(struct session *s, enum identity_which which,
			int peer_fd, struct worker *token, struct worker *out,
			struct err *e)
{
	struct source_setup setup = {
		.folder_fd = -1,
		.urls = s->config->urls.at,
		.url_count = s->config->urls.count,
		.ca_path = s->config->ca,
		.proxy = s->config->proxy,
		.with_identity = true,
		.state_fd = s->state_fd,
		.token_fd = token_fd(token),
		.site_fd = s->site_fd,
		.which = which,
		.spool_fd = -1,
		.peer_fd = peer_fd,
	};
	const struct worker_task task = {
		.name = "source",
		.run = source_run,
		.ctx = &setup,
		.keep = { s->state_fd, s->site_fd, peer_fd, setup.token_fd },
		.keep_count = 4,
	};

	return worker_start(&task, s->stop_fd, out, e);
}

static int start_renew(struct session *s, int present_fd, int next_fd,
		       struct parties *p, struct err *e)
{
	struct renew_setup setup = { s->state_fd, token_fd(&p->token),
				     present_fd, next_fd };
	const struct worker_task task = {
		.name = "renew",
		.run = renew_run,
		.ctx = &setup,
		.keep = { s->state_fd, present_fd, next_fd, setup.token_fd },
		.keep_count = 4,
	};

	return worker_start(&task, s->stop_fd, &p->renew, e);
}

static int start_tokens(struct session *s, struct parties *p, struct err *e)
{
	const struct settings *c = s->config;

	return token_start(c, s->state_fd, TOKEN_SIGN, s->stop_fd,
			   &p->present_token, e) ||
			       token_start(c, s->state_fd, TOKEN_SIGN,
					   s->stop_fd, &p->next_token, e) ||
			       token_start(c, s->state_fd,
					   TOKEN_SIGN | TOKEN_KEEP, s->stop_fd,
					   &p->token, e)
		       ? -1
		       : 0;
}

static int start(struct session *s, struct parties *p, struct err *e)
{
	int present[2] = { -1, -1 }, next[2] = { -1, -1 };
	int rc = -1;

	if (ipc_pair(present, e) == 0 && ipc_pair(next, e) == 0 &&
	    start_tokens(s, p, e) == 0 &&
	    start_source(s, IDENTITY_PRESENT, present[0], &p->present_token,
			 &p->present, e) == 0 &&
	    start_source(s, IDENTITY_NEXT, next[0], &p->next_token, &p->next,
			 e) == 0)
		rc = start_renew(s, present[1], next[1], p, e);
	for (size_t i = 0; i < 2; i++) {
		fs_close(&present[i]);
		fs_close(&next[i]);
	}
	return rc;
}

/* A source reads its identity when it begins; then the other may use it. */
static int step(struct worker *source, int64_t now, struct worker *renew,
		enum message_kind what, uint64_t *count, struct err *e)
{
	struct message begin = { .kind = MESSAGE_BEGIN, .now = now };
	struct message ask = { .kind = what }, m;

	if (ipc_ask(&source->channel, &begin, MESSAGE_DONE, SESSION_ASK_MS, &m,
		    e) ||
	    ipc_ask(&renew->channel, &ask, MESSAGE_DONE, SESSION_ASK_MS, &m, e))
		return -1;
	if (count)
		*count = m.count;
	return 0;
}

static int converse(struct parties *p, bool waiting, int64_t now, struct err *e)
{
	if (!waiting &&
	    step(&p->present, now, &p->renew, MESSAGE_RENEW, NULL, e))
		return -1;
	return step(&p->next, now, &p->renew, MESSAGE_RENEWED, NULL, e);
}

static void stop(struct parties *p)
{
	worker_stop(&p->renew);
	worker_stop(&p->present);
	worker_stop(&p->next);
	worker_stop(&p->present_token);
	worker_stop(&p->next_token);
	worker_stop(&p->token);
}

static int64_t now_of(const struct session *s)
{
	return policy_now(utc_now(), s->journal.time_floor);
}

static int renew(struct session *s, bool waiting, struct err *e)
{
	struct parties p = { 0 };
	int rc = -1;

	if (start(s, &p, e) == 0)
		rc = converse(&p, waiting, now_of(s), e);
	stop(&p);
	return rc;
}

int renewal_run(struct session *s, struct err *e)
{
	struct identity_renewal look;
	int rc;

	if (identity_look(s->state_fd, &look, e))
		return -1;
	if (!look.waiting && now_of(s) < look.at)
		return 0;
	rc = renew(s, look.waiting, e);
	/* A server that was restored has forgotten the next one, and renews the
	 * present one again: for the same key. */
	if (rc && look.waiting && e->code == ERR_REFUSED)
		rc = renew(s, false, e);
	if (rc)
		return err_in(e, "renewing the certificate");
	log_event(LOG_INFO, "certificate-renewed", "cohort=%s",
		  s->identity.cohort);
	return 0;
}

int renewal_readopt(struct session *s, struct err *e)
{
	struct parties p = { 0 };
	uint64_t waits = 0;
	int rc = -1;

	if (start(s, &p, e) == 0)
		rc = step(&p.present, now_of(s), &p.renew, MESSAGE_READOPT,
			  &waits, e);
	stop(&p);
	if (rc)
		return err_in(e, "asking to be known again");
	if (waits)
		return err_set(e, ERR_BUSY,
			       "the server does not know this device any more, "
			       "and an officer has to compare the code that "
			       "`status` shows");
	log_event(LOG_INFO, "readopted", "cohort=%s", s->identity.cohort);
	return 0;
}
