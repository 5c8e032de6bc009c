/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/join.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/claim.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/steady.h"
#include "common/tuf_policy.h"
#include "common/utc.h"
#include "updater-client/enroll.h"
#include "updater-client/identity.h"
#include "updater-client/session.h"
#include "updater-client/source.h"
#include "updater-client/status.h"
#include "updater-client/token_start.h"

#define CLAIM_FILE_MAX 128
#define RETRY_MS       5000

/* What a device comes with. */
struct ticket {
	bool asks; /* with nothing */
	uint8_t claim[WIRE_CLAIM_LEN];
};

static int read_stdin(struct buf *text, struct err *e)
{
	uint8_t *room = buf_reserve(text, CLAIM_FILE_MAX, e);
	size_t got;

	if (!room || fs_read(STDIN_FILENO, room, CLAIM_FILE_MAX, &got, e))
		return -1;
	text->len += got;
	return 0;
}

static struct slice trim(struct slice text)
{
	while (text.len > 0 && text.ptr[text.len - 1] <= ' ')
		text.len--;
	return text;
}

static int read_claim(const char *file, uint8_t claim[WIRE_CLAIM_LEN],
		      struct err *e)
{
	struct buf text = BUF_INIT(CLAIM_FILE_MAX);
	int rc = strcmp(file, "-") == 0 ? read_stdin(&text, e)
					: fs_read_path(file, &text, e);

	if (rc == 0)
		rc = claim_parse(trim(buf_slice(&text)), claim, e);
	buf_wipe(&text);
	return rc ? err_in(e, "the claim code") : 0;
}

static int start_source(struct session *s, int peer_fd, struct err *e)
{
	struct source_setup setup = {
		.folder_fd = -1,
		.urls = &s->config->enrol,
		.url_count = 1,
		.ca_path = s->config->ca,
		.proxy = s->config->proxy,
		.state_fd = -1,
		.token_fd = -1,
		.site_fd = -1,
		.spool_fd = -1,
		.peer_fd = peer_fd,
	};
	const struct worker_task task = {
		.name = "source",
		.run = source_run,
		.ctx = &setup,
		.keep = { peer_fd },
		.keep_count = 1,
	};

	return worker_start(&task, s->stop_fd, &s->source, e);
}

static int start_enroll(struct session *s, int source_fd,
			const struct worker *token, struct worker *out,
			struct err *e)
{
	struct enroll_setup setup = { s->state_fd, token_fd(token),
				      source_fd,   -1,
				      -1,          -1 };
	const struct worker_task task = {
		.name = "enroll",
		.run = enroll_run,
		.ctx = &setup,
		.keep = { s->state_fd, source_fd, setup.token_fd },
		.keep_count = 3,
	};

	return worker_start(&task, s->stop_fd, out, e);
}

/* The root that updates are judged by: the newest that was verified, or the
 * factory's. */
static int digest_root(const struct session *s, struct sha256 *out,
		       struct err *e)
{
	struct buf root = BUF_INIT(tuf_policy_device.root_max);
	struct err missing;
	struct stat st;
	int rc = fs_stat(s->metadata_fd, "root.json", &st, &missing) == 0
			 ? fs_read_file(s->metadata_fd, "root.json", &root, e)
			 : fs_read_path(s->config->root, &root, e);

	if (rc == 0)
		sha256_of(buf_slice(&root), out);
	buf_done(&root);
	return rc ? err_in(e, "the root of trust") : 0;
}

static int describe(const struct session *s, const struct ticket *t,
		    struct message *ask, struct err *e)
{
	*ask = (struct message){ .kind = MESSAGE_ENROL };
	ask->enrol.clock = policy_now(utc_now(), s->journal.time_floor);
	ask->enrol.asks = t->asks;
	memcpy(ask->enrol.claim, t->claim, WIRE_CLAIM_LEN);
	text_copy(ask->enrol.product, sizeof(ask->enrol.product),
		  s->config->product);
	if (s->config->model)
		text_copy(ask->enrol.model, sizeof(ask->enrol.model),
			  s->config->model);
	return t->asks ? digest_root(s, &ask->enrol.root, e) : 0;
}

static int converse(struct session *s, struct worker *enroll,
		    const struct ticket *t, struct message_identity *out,
		    struct err *e)
{
	struct message begin = { .kind = MESSAGE_BEGIN };
	struct message ask, m;
	int rc;

	if (describe(s, t, &ask, e))
		return -1;
	begin.now = ask.enrol.clock;
	rc = ipc_ask(&s->source.channel, &begin, MESSAGE_DONE, SESSION_ASK_MS,
		     &m, e);
	if (rc == 0)
		rc = ipc_ask(&enroll->channel, &ask, MESSAGE_IDENTITY,
			     SESSION_ASK_MS, &m, e);
	if (rc == 0)
		*out = m.identity;
	mem_wipe(&ask, sizeof(ask));
	return rc;
}

static int run(struct session *s, const struct ticket *t,
	       struct message_identity *out, struct err *e)
{
	struct worker enroll = { 0 }, token = { 0 };
	int link[2];
	int rc;

	if (ipc_pair(link, e))
		return -1;
	rc = start_source(s, link[0], e) ||
			     token_start(s->config, s->state_fd,
					 TOKEN_SIGN | TOKEN_KEEP, s->stop_fd,
					 &token, e) ||
			     start_enroll(s, link[1], &token, &enroll, e)
		     ? -1
		     : 0;
	fs_close(&link[0]);
	fs_close(&link[1]);
	if (rc == 0)
		rc = converse(s, &enroll, t, out, e);
	worker_stop(&enroll);
	worker_stop(&token);
	worker_stop(&s->source);
	return rc;
}

/* ERR_BUSY when asked to stop meanwhile. */
static int pause_for(int stop_fd, int ms, struct err *e)
{
	struct pollfd p = { stop_fd, POLLIN, 0 };
	int n = poll(&p, 1, ms);

	if (n < 0 && errno != EINTR)
		return err_sys(e, "poll");
	return n > 0 ? err_set(e, ERR_BUSY, "asked to stop") : 0;
}

static int may_join(const struct session *s, struct err *e)
{
	if (s->enrolled)
		return err_set(e, ERR_CONFLICT,
			       "this device is enrolled already, in the "
			       "cohort %s",
			       s->identity.cohort);
	return 0;
}

/* ---- by file ------------------------------------------------------------- */

static int open_file(const char *path, int flags, int *fd, struct err *e)
{
	*fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
	return *fd < 0 ? err_sys(e, "%s", path) : 0;
}

static int run_by_file(struct session *s, struct enroll_setup *setup,
		       const struct ticket *t, struct message_identity *out,
		       struct err *e)
{
	const struct worker_task task = {
		.name = "enroll",
		.run = enroll_run,
		.ctx = setup,
		.keep = { setup->state_fd, setup->token_fd, setup->request_fd,
			  setup->response_fd, setup->ca_fd },
		.keep_count = 5,
	};
	const bool asks = setup->request_fd >= 0;
	struct worker enroll = { 0 };
	struct message ask, m;
	int rc;

	if (describe(s, t, &ask, e) ||
	    worker_start(&task, s->stop_fd, &enroll, e))
		return -1;
	rc = ipc_ask(&enroll.channel, &ask,
		     asks ? MESSAGE_DONE : MESSAGE_IDENTITY, SESSION_ASK_MS, &m,
		     e);
	worker_stop(&enroll);
	if (rc == 0 && !asks)
		*out = m.identity;
	return rc;
}

static int say_code(const struct session *s, const char *file, struct err *e)
{
	char code[CLAIM_JOIN_LEN + 1];

	identity_load_code(s->state_fd, code);
	return err_set(e, ERR_BUSY,
		       "bring %s to an officer, who is to be told the code of "
		       "this device: %s",
		       file, code);
}

static int join_by_file(struct session *s, const struct join_how *how,
			struct message_identity *out, struct err *e)
{
	struct enroll_setup setup = { s->state_fd, -1, -1, -1, -1, -1 };
	const struct ticket t = { .asks = true };
	struct worker token = { 0 };
	int rc;

	if (how->request)
		rc = open_file(how->request, O_WRONLY | O_CREAT | O_TRUNC,
			       &setup.request_fd, e);
	else if (!s->config->ca)
		rc = err_set(e, ERR_CONFIG,
			     "[server] ca: whose answer would it be?");
	else
		rc = open_file(how->response, O_RDONLY, &setup.response_fd,
			       e) ||
		     open_file(s->config->ca, O_RDONLY, &setup.ca_fd, e);
	if (rc == 0)
		rc = token_start(s->config, s->state_fd,
				 TOKEN_SIGN | TOKEN_KEEP, s->stop_fd, &token,
				 e);
	setup.token_fd = token_fd(&token);
	if (rc == 0)
		rc = run_by_file(s, &setup, &t, out, e);
	worker_stop(&token);
	fs_close(&setup.request_fd);
	fs_close(&setup.response_fd);
	fs_close(&setup.ca_fd);
	if (rc)
		return -1;
	return how->request ? say_code(s, how->request, e) : 0;
}

/* Ask now and then until somebody has decided, or the time is over. */
static int run_patiently(struct session *s, const struct ticket *t,
			 uint64_t wait_sec, struct message_identity *out,
			 struct err *e)
{
	int64_t end = steady_ms() + (int64_t)wait_sec * 1000;
	bool told = false;

	while (run(s, t, out, e)) {
		if (e->code != ERR_BUSY || steady_ms() >= end)
			return -1;
		if (!told)
			log_event(LOG_WARNING, "waits", "why=\"%s\"", e->msg);
		told = true;
		if (pause_for(s->stop_fd, RETRY_MS, e))
			return -1;
	}
	return 0;
}

int join_fleet(const struct settings *c, const struct join_how *how,
	       int stop_fd, struct message_identity *out, struct err *e)
{
	struct ticket t = { .asks = !how->claim_file };
	struct session s;
	int rc = -1;

	if (session_open(&s, c, stop_fd, e))
		return -1;
	if (may_join(&s, e)) {
		session_close(&s);
		return -1;
	}
	if (how->request || how->response)
		rc = join_by_file(&s, how, out, e);
	else if (!s.config->enrol)
		rc = err_set(e, ERR_CONFIG, "[server] enrol is not configured");
	else if (t.asks || read_claim(how->claim_file, t.claim, e) == 0)
		rc = run_patiently(&s, &t, how->wait_sec, out, e);
	mem_wipe(&t, sizeof(t));
	session_close(&s);
	status_publish(c);
	if (rc == 0)
		log_event(LOG_INFO, "enrolled", "cohort=%s", out->cohort);
	return rc;
}
