/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/source.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/steady.h"
#include "updater-client/confine.h"
#include "updater-client/identity.h"
#include "updater-client/intake.h"
#include "updater-client/whereabouts.h"

#define CA_MAX  65536
#define RETRIES 5 /* cuts in a row without a new byte */
/* A server that wants to be left alone for longer is asked in another round. */
#define RETRY_PATIENCE_SEC 10
#define REPORT_BYTES       (256u << 10)
#define SHARE              8 /* of a window, that is told at once */
#define SHOW_MS            10000

static const char *const routes[ROUTES] = {
	[ROUTE_NONCE] = "v1/nonce",     [ROUTE_ENROL] = "v1/enrol",
	[ROUTE_CHECKIN] = "v1/checkin", [ROUTE_REPORT] = "v1/report",
	[ROUTE_RENEW] = "v1/renew",     [ROUTE_RENEWED] = "v1/renewed",
	[ROUTE_JOIN] = "v1/join",       [ROUTE_READOPT] = "v1/readopt",
};

/* The process' own state. */
struct source {
	const struct source_setup *setup;
	const struct source_ops *ops; /* once begun */
	void *self;
	struct source_medium medium;
	struct whereabouts where;
	struct fetch *fetch[WHEREABOUTS_MAX]; /* one for each list */
	struct buf ca, certificate, key;
	struct channel token;
	struct ec_private *held; /* the TLS key, if it is in a token */
};

/* Passes bytes on and remembers that there were some. */
struct watched {
	const struct sink *sink;
	bool any;
};

/* ---- the network as a source --------------------------------------------- */

static int rooted(const char *path, char out[TUF_SOURCE_NAME_MAX],
		  struct err *e)
{
	return text_format(out, TUF_SOURCE_NAME_MAX, e, "/%s", path);
}

static int take_watched(void *ctx, struct slice bytes, struct err *e)
{
	struct watched *w = ctx;

	w->any = true;
	return w->sink->take(w->sink->ctx, bytes, e);
}

/* Is the other list worth a try? */
static bool may_try_next(const struct source *s, size_t list,
			 const struct err *e)
{
	return list + 1 < s->where.count &&
	       (e->code == ERR_NETWORK || e->code == ERR_UNTRUSTED ||
		e->code == ERR_EXPIRED);
}

/* The list did its work; that it cannot be noted costs only a detour. */
static void note_success(struct source *s, size_t list)
{
	struct err unkept;

	if (list == 0 && s->where.unproven &&
	    whereabouts_worked(s->setup->site_fd, &unkept) == 0)
		s->where.unproven = false;
}

/* Who is stranded asks for what proves itself. */
static bool is_for_strangers(const char *path)
{
	static const char metadata[] = "metadata/", targets[] = "targets/";
	static const char end[] = "." SITE_PATH;
	size_t len = strlen(path);

	if (strncmp(path, metadata, sizeof(metadata) - 1) == 0)
		return true;
	return strncmp(path, targets, sizeof(targets) - 1) == 0 &&
	       len > sizeof(end) &&
	       strcmp(path + len - (sizeof(end) - 1), end) == 0;
}

static int network_get(void *self, const char *path, uint64_t from, uint64_t to,
		       const struct sink *sink, struct err *e)
{
	struct source *s = self;
	char full[TUF_SOURCE_NAME_MAX];

	if (s->setup->stranded && !is_for_strangers(path))
		return err_set(e, ERR_REFUSED, "a stranger is not asked that");
	if (rooted(path, full, e))
		return -1;
	for (size_t i = 0;; i++) {
		struct watched w = { .sink = sink };
		const struct sink through = { &w, take_watched };
		int rc = fetch_get(s->fetch[i], full, from, to, &through, e);

		if (rc == 0 || e->code == ERR_NOT_FOUND)
			note_success(s, i);
		if (rc == 0 || w.any || !may_try_next(s, i, e))
			return rc;
	}
}

static int network_post(void *self, const char *path, struct slice body,
			struct buf *answer, unsigned *status, struct err *e)
{
	struct source *s = self;
	char full[TUF_SOURCE_NAME_MAX];

	if (s->setup->stranded)
		return err_set(e, ERR_REFUSED, "a stranger is told nothing");
	if (rooted(path, full, e))
		return -1;
	for (size_t i = 0;; i++) {
		int rc = fetch_post(s->fetch[i], full, body, answer, status, e);

		if (rc == 0)
			note_success(s, i);
		if (rc == 0 || !may_try_next(s, i, e))
			return rc;
	}
}

static int take_bytes(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

/* The server knows us by our certificate. */
static int network_envelope(void *self, const struct message_envelope *m,
			    struct buf *out, struct err *e)
{
	const struct sink sink = { out, take_bytes };
	char hex[SHA256_HEX_LEN], path[PATH_MAX_LEN];

	sha256_format(&m->package, hex);
	if (text_format(path, sizeof(path), e, "v1/envelope/%s", hex))
		return -1;
	return network_get(self, path, 0, KEYBOX_SEALED_LEN, &sink, e);
}

static const struct source_ops source_network = { network_get, network_post,
						  network_envelope };

static int load_identity(struct source *s, struct fetch_setup *setup,
			 struct err *e)
{
	const struct device_keys keys = device_keys_at(
		s->setup->state_fd, s->setup->token_fd, &s->token);
	struct ec_private *key = NULL;
	int rc = 0;

	if (!s->setup->with_identity)
		return 0;
	if (identity_open(&keys, s->setup->which, &s->certificate, &key, e))
		return -1;
	setup->certificate = buf_slice(&s->certificate);
	if (ec_is_held(key)) {
		setup->held = s->held = key;
		return 0;
	}
	rc = x509_private_pem(key, &s->key, e);
	setup->key = buf_slice(&s->key);
	ec_free(key);
	return rc;
}

static int begin_network(struct source *s, int64_t now, struct err *e)
{
	struct fetch_setup setup = { .now = now,
				     .proxy = s->setup->proxy,
				     .rate = s->setup->rate,
				     .patience_sec = s->setup->patience_sec,
				     .unverified = s->setup->stranded };
	struct whereabouts_configured configured = { s->setup->urls,
						     s->setup->url_count,
						     { 0 } };

	if (!s->setup->ca_path)
		return err_set(e, ERR_CONFIG, "[server] ca is not configured");
	if (fs_read_path(s->setup->ca_path, &s->ca, e))
		return err_in(e, "the server's CA");
	configured.ca = buf_slice(&s->ca);
	if (load_identity(s, &setup, e) ||
	    whereabouts_load(s->setup->site_fd, &configured, now, &s->where, e))
		return -1;
	for (size_t i = 0; i < s->where.count; i++) {
		setup.urls = s->where.at[i].url_at;
		setup.url_count = s->where.at[i].url_count;
		setup.ca = buf_slice(&s->where.at[i].ca);
		if (fetch_new(&setup, &s->fetch[i], e))
			return -1;
	}
	s->ops = &source_network;
	s->self = s;
	/* The identity, the CA and the sites are read; one folder is left. */
	return confine_enter(
		&(struct confine){ .network = true,
				   .writes = { s->setup->spool_fd } },
		e);
}

static int begin(struct source *s, int64_t now, struct err *e)
{
	if (s->ops)
		return err_set(e, ERR_CONFLICT, "begun already");
	if (s->setup->folder_fd < 0)
		return begin_network(s, now, e);
	s->ops = &source_folder;
	s->self = &s->medium;
	if (confine_enter(&(struct confine){ .reads = { s->setup->folder_fd },
					     .writes = { s->setup->spool_fd } },
			  e))
		return -1;
	return source_medium_open(s->setup->folder_fd, &s->medium, e);
}

/* ---- answers ------------------------------------------------------------- */

static int send_data(void *ctx, struct slice bytes, struct err *e)
{
	struct channel *to = ctx;

	while (bytes.len > 0) {
		struct message m = {
			.kind = MESSAGE_DATA,
			.data = slice_sub(bytes, 0, MESSAGE_DATA_MAX),
		};

		if (ipc_send(to, &m, e))
			return -1;
		bytes = slice_sub(bytes, m.data.len, bytes.len);
	}
	return 0;
}

static int answer_get(struct source *s, struct channel *to,
		      const struct message_get *m, struct err *e)
{
	const struct sink sink = { to, send_data };
	const char *folder = "metadata/";
	char path[TUF_SOURCE_NAME_MAX];

	if (strncmp(m->name, TUF_TARGETS_DIR, strlen(TUF_TARGETS_DIR)) == 0)
		folder = "";
	if (text_format(path, sizeof(path), e, "%s%s", folder, m->name))
		return -1;
	return s->ops->get(s->self, path, 0, m->max, &sink, e);
}

static int answer_post(struct source *s, struct channel *to,
		       const struct message_post *m, uint64_t *status,
		       struct err *e)
{
	struct buf answer = BUF_INIT(WIRE_BODY_MAX);
	struct buf body = BUF_INIT(WIRE_BODY_MAX);
	unsigned got = 0;
	int rc = -1;

	/* The message's bytes are gone once the channel is used again. */
	if (buf_add(&body, m->body, e) == 0 &&
	    s->ops->post(s->self, routes[m->route], buf_slice(&body), &answer,
			 &got, e) == 0)
		rc = send_data(to, buf_slice(&answer), e);
	*status = got;
	buf_done(&answer);
	buf_done(&body);
	return rc;
}

static int answer_envelope(struct source *s, struct channel *to,
			   const struct message_envelope *m, struct err *e)
{
	struct buf sealed = BUF_INIT(KEYBOX_SEALED_LEN);
	int rc = -1;

	if (s->ops->envelope(s->self, m, &sealed, e) == 0)
		rc = send_data(to, buf_slice(&sealed), e);
	buf_done(&sealed);
	return rc;
}

/* ---- packages ------------------------------------------------------------ */

struct arrival {
	struct intake *spool;
	struct channel *to;
	uint64_t shown;  /* bytes that the other side knows of */
	uint64_t report; /* it is told after so many more */
	uint64_t fetched;
};

static int show_arrival(struct arrival *a, struct err *e)
{
	struct message m = { .kind = MESSAGE_PROGRESS,
			     .count = intake_len(a->spool) };

	a->shown = m.count;
	return ipc_send(a->to, &m, e);
}

/* What is said meanwhile: that places are free, or enough of it. */
static int hear(struct arrival *a, int timeout_ms, struct err *e)
{
	struct pollfd p = { a->to->fd, POLLIN, 0 };
	struct message m;

	if (poll(&p, 1, timeout_ms) <= 0)
		return 0;
	if (ipc_receive(a->to, 0, &m, e))
		return -1;
	if (m.kind != MESSAGE_TAKEN || m.count >= PACKAGE_CHUNKS_MAX)
		return err_set(e, ERR_BUSY, "asked to stop");
	intake_taken(a->spool, (uint32_t)m.count);
	return 0;
}

/* Who fetches must not say nothing for so long that it seems to hang. */
static int wait_for_place(struct arrival *a, struct err *e)
{
	while (intake_is_full(a->spool))
		if (show_arrival(a, e) || hear(a, SHOW_MS, e))
			return -1;
	return 0;
}

static int take_arrival(void *ctx, struct slice bytes, struct err *e)
{
	struct arrival *a = ctx;

	a->fetched += bytes.len;
	while (bytes.len > 0)
		if (wait_for_place(a, e) || intake_add(a->spool, &bytes, e))
			return -1;
	if (intake_len(a->spool) - a->shown < a->report)
		return 0;
	return hear(a, 0, e) || show_arrival(a, e) ? -1 : 0;
}

/* Longer each time. */
static int pause_ms(const struct source *s, unsigned tries)
{
	const uint64_t sec = UINT64_C(1) << tries;
	const uint64_t most = s->setup->pause_max_sec;

	return 1000 * (int)(sec < most ? sec : most);
}

/* The whole of it, whatever is said meanwhile: the server gets its time. */
static int pause_for(struct arrival *a, int ms, struct err *e)
{
	const int64_t end = steady_ms() + ms;

	for (int64_t left = ms; left > 0; left = end - steady_ms())
		if (hear(a, (int)left, e))
			return -1;
	return 0;
}

static int fill(struct source *s, const struct message_package *m,
		struct arrival *a, struct err *e)
{
	const struct sink sink = { a, take_arrival };
	/* A file in a folder does not grow while we wait. */
	const unsigned retries = s->setup->folder_fd >= 0 ? 0 : RETRIES;
	char path[TUF_SOURCE_NAME_MAX];
	unsigned tries = 0;

	if (text_format(path, sizeof(path), e, "targets/%s", m->path))
		return -1;
	while (!intake_is_complete(a->spool)) {
		uint64_t before = intake_next(a->spool);
		int rc = wait_for_place(a, e) ||
			 s->ops->get(s->self, path, before, m->package_len,
				     &sink, e);

		if (rc && (e->code != ERR_NETWORK ||
			   e->retry_sec > RETRY_PATIENCE_SEC))
			return -1;
		if (intake_is_complete(a->spool))
			break;
		if (!rc && s->setup->folder_fd >= 0)
			return err_set(e, ERR_FORMAT,
				       "the folder: %s is cut short", path);
		if (!rc)
			err_set(e, ERR_NETWORK, "%s: shorter than signed",
				path);
		if (intake_next(a->spool) > before)
			tries = 0;
		else if (tries++ == retries)
			return -1;
		if (show_arrival(a, e) || pause_for(a, pause_ms(s, tries), e))
			return -1;
	}
	/* Who reads it already waits for its end. */
	return intake_finish(a->spool, e) || show_arrival(a, e) ? -1 : 0;
}

static int answer_package(struct source *s, struct channel *to,
			  const struct message_package *m, uint64_t *fetched,
			  struct err *e)
{
	struct arrival a = { .to = to, .report = REPORT_BYTES };
	struct intake_package package = {
		.digest = m->package_digest,
		.head_digest = m->head_digest,
		.head_len = m->head_len,
		.len = m->package_len,
		.window = m->window,
		.first = m->first,
	};
	int rc = -1;

	/* A small window is of use only to who knows what is in it. */
	if (m->window > 0)
		a.report = (m->window / SHARE + 1ull) * PACKAGE_CHUNK_LEN;

	if (s->setup->spool_fd < 0)
		return err_set(e, ERR_REFUSED, "no packages here");
	if (intake_open(s->setup->spool_fd, &package, &a.spool, e))
		return -1;
	if (show_arrival(&a, e) == 0)
		rc = fill(s, m, &a, e);
	*fetched = a.fetched;
	intake_close(a.spool);
	return rc;
}

/* ---- the process --------------------------------------------------------- */

static int handle(struct source *s, struct channel *from,
		  const struct message *m, bool is_control, uint64_t *count,
		  struct err *e)
{
	if (m->kind == MESSAGE_BEGIN && is_control)
		return begin(s, m->now, e);
	if (!s->ops)
		return err_set(e, ERR_CONFLICT, "not begun yet");
	switch (m->kind) {
	case MESSAGE_GET:
		return answer_get(s, from, &m->get, e);
	case MESSAGE_POST:
		return answer_post(s, from, &m->post, count, e);
	case MESSAGE_ENVELOPE:
		return answer_envelope(s, from, &m->envelope, e);
	case MESSAGE_PACKAGE:
		if (is_control)
			return answer_package(s, from, &m->package, count, e);
		break;
	default:
		break;
	}
	return err_set(e, ERR_REFUSED, "message %d is not for the source",
		       m->kind);
}

/* One request of one channel; -1 ends the process. */
static int serve(struct source *s, struct channel *from, bool is_control)
{
	struct err failure = { 0 };
	struct message m;
	uint64_t count = 0;
	int rc;

	if (ipc_receive(from, 0, &m, &failure))
		return -1;
	if (m.kind == MESSAGE_TAKEN)
		return 0; /* the package has come to its end already */
	rc = handle(s, from, &m, is_control, &count, &failure);
	return ipc_answer(from, rc, count, &failure, &failure);
}

void source_run(void *ctx, struct channel *control)
{
	struct channel peer = CHANNEL_INIT;
	struct source s = {
		.setup = ctx,
		.ca = BUF_INIT(CA_MAX),
		.certificate = BUF_INIT(X509_PEM_MAX_LEN),
		.key = BUF_SECRET(X509_PEM_MAX_LEN),
		.token = CHANNEL_INIT,
	};

	peer.fd = s.setup->peer_fd;
	for (;;) {
		struct pollfd p[2] = { { control->fd, POLLIN, 0 },
				       { peer.fd, POLLIN, 0 } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && serve(&s, control, true))
			break;
		/* The peer may end first; then only its channel is done. */
		if (p[1].revents && serve(&s, &peer, false))
			ipc_close(&peer);
	}
	for (size_t i = 0; i < WHEREABOUTS_MAX; i++)
		fetch_free(s.fetch[i]);
	whereabouts_done(&s.where);
	ec_free(s.held);
	ipc_close(&s.token);
	buf_wipe(&s.key);
	buf_done(&s.certificate);
	buf_done(&s.ca);
}

/* ---- asked by the others ------------------------------------------------- */

static int collect(struct channel *source, struct buf *out, uint64_t *count,
		   struct err *e)
{
	struct message m;

	for (;;) {
		if (ipc_receive(source, SOURCE_IDLE_MS, &m, e))
			return -1;
		if (m.kind == MESSAGE_DONE) {
			*count = m.count;
			return 0;
		}
		if (m.kind != MESSAGE_DATA)
			return err_set(e, ERR_FORMAT, "message %d is no answer",
				       m.kind);
		if (buf_add(out, m.data, e))
			return -1;
	}
}

int source_get(struct channel *source, const char *name, size_t max,
	       struct buf *out, struct err *e)
{
	struct message m = { .kind = MESSAGE_GET, .get = { .max = max } };
	struct buf file = BUF_INIT(max);
	uint64_t unused;
	int rc = -1;

	if (text_format(m.get.name, sizeof(m.get.name), e, "%s", name) == 0 &&
	    ipc_send(source, &m, e) == 0 &&
	    collect(source, &file, &unused, e) == 0)
		rc = buf_add(out, buf_slice(&file), e);
	buf_done(&file);
	return rc;
}

int source_envelope(struct channel *source, const struct message_envelope *m,
		    uint8_t sealed[KEYBOX_SEALED_LEN], struct err *e)
{
	struct message ask = { .kind = MESSAGE_ENVELOPE, .envelope = *m };
	struct buf got = BUF_INIT(KEYBOX_SEALED_LEN);
	uint64_t unused;
	int rc = -1;

	if (ipc_send(source, &ask, e) || collect(source, &got, &unused, e)) {
		err_in(e, "the key of the encrypted package");
	} else if (got.len != KEYBOX_SEALED_LEN) {
		err_set(e, ERR_FORMAT, "a sealed key of %zu bytes", got.len);
	} else {
		memcpy(sealed, got.ptr, KEYBOX_SEALED_LEN);
		rc = 0;
	}
	buf_done(&got);
	return rc;
}

void source_tell(uint64_t fetched, uint64_t package_len)
{
	log_event(LOG_INFO, "package-fetched", "bytes=%llu of=%llu",
		  (unsigned long long)fetched, (unsigned long long)package_len);
}

static int judge_answer(struct slice answer, uint64_t status, struct err *e)
{
	struct err failure = { 0 };
	struct err unused;

	if (status == 200)
		return 0;
	if (wire_parse_error(answer, &failure, &unused))
		return err_set(e, ERR_NETWORK, "the server answered %llu",
			       (unsigned long long)status);
	*e = failure;
	return err_in(e, "the server");
}

int source_post(struct channel *source, enum message_route route,
		struct slice body, struct buf *answer, struct err *e)
{
	struct message m = { .kind = MESSAGE_POST,
			     .post = { .route = route, .body = body } };
	struct buf got = BUF_INIT(WIRE_BODY_MAX);
	uint64_t status;
	int rc = -1;

	if (ipc_send(source, &m, e) == 0 &&
	    collect(source, &got, &status, e) == 0 &&
	    judge_answer(buf_slice(&got), status, e) == 0)
		rc = buf_add(answer, buf_slice(&got), e);
	buf_done(&got);
	return rc;
}
