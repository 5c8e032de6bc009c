/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/relay.h"

#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/progress.h"
#include "common/steady.h"
#include "updater-client/source.h"
#include "updater-client/writer.h"

/* ---- the checkpoint ------------------------------------------------------ */

/* The package of that part; of none behind the last. */
static const struct sha256 *package_of(const struct plan *plan, size_t part)
{
	const size_t last = plan->release.part_count - 1;

	return &plan->packages[part < last ? part : last].package_digest;
}

static bool has_folder(const struct session *s)
{
	struct err missing;
	int fd = -1;
	bool has = slot_tree_own(&s->slots, s->checkpoint.slot, &fd,
				 &missing) == 0;

	fs_close(&fd);
	return has;
}

static bool is_of(const struct session *s, const struct plan *plan)
{
	const struct checkpoint *c = &s->checkpoint;

	return s->window > 0 && has_folder(s) &&
	       c->slot == s->journal.machine.to &&
	       c->part <= plan->release.part_count &&
	       sha256_equal(&c->release, &plan->release.digest) &&
	       sha256_equal(&c->package, package_of(plan, c->part));
}

static int read_checkpoint(struct session *s, struct err *e)
{
	return s->stream_file.kind
		       ? 0
		       : checkpoint_open(s->state_fd, &s->stream_file,
					 &s->checkpoint, e);
}

bool relay_is_begun(struct session *s, enum slot which)
{
	struct err unread;

	return read_checkpoint(s, &unread) == 0 && s->checkpoint.slot == which;
}

int relay_open(struct session *s, const struct plan *plan, struct err *e)
{
	if (read_checkpoint(s, e))
		return -1;
	return is_of(s, plan) ? 0 : relay_forget(s, e);
}

static int keep(struct session *s, const struct checkpoint *c, struct err *e)
{
	if (checkpoint_write(&s->stream_file, c, e))
		return -1;
	s->checkpoint = *c;
	return 0;
}

int relay_forget(struct session *s, struct err *e)
{
	const struct checkpoint none = { .slot = SLOT_NONE };

	return s->checkpoint.slot == SLOT_NONE ? 0 : keep(s, &none, e);
}

int relay_spoil(struct session *s)
{
	struct err why;

	/* Failing that, too, the slot is read back before it counts. */
	if (relay_forget(s, &why))
		log_event(LOG_WARNING, "checkpoint-not-forgotten", "%s",
			  why.msg);
	return -1;
}

int relay_complete(struct session *s, const struct plan *plan, size_t part,
		   struct err *e)
{
	const struct checkpoint c = {
		.slot = s->journal.machine.to,
		.part = (uint32_t)part,
		.release = plan->release.digest,
		.package = *package_of(plan, part),
	};

	return keep(s, &c, e);
}

/* ---- the source ---------------------------------------------------------- */

/* Bytes of payload in a chunk. */
static uint32_t chunk_of(const struct plan_package *p)
{
	return package_chunk_payload(p->encrypted ? PACKAGE_STREAM
						  : PACKAGE_PLAIN);
}

static int ask(struct session *s, const struct plan_package *p, struct err *e)
{
	struct message m = {
		.kind = MESSAGE_PACKAGE,
		.package = {
			.head_digest = p->head_digest,
			.package_digest = p->package_digest,
			.head_len = p->head_len,
			.package_len = p->package_len,
			.window = s->window,
			.first = (uint32_t)(s->checkpoint.at.packed /
					    chunk_of(p)),
		},
	};

	memcpy(m.package.path, p->path, sizeof(p->path));
	if (ipc_send(&s->source.channel, &m, e))
		return -1;
	/* It says first what is there, which it had to read. */
	return ipc_expect(&s->source.channel, MESSAGE_PROGRESS, SOURCE_IDLE_MS,
			  &m, e);
}

int relay_begin(struct session *s, const struct plan *plan, size_t part,
		struct err *e)
{
	const struct plan_package *p = &plan->packages[part];

	if (ask(s, p, e) == 0)
		return 0;
	/* The window is gone: then this component is begun anew. */
	if (e->code != ERR_CONFLICT || s->checkpoint.at.packed == 0)
		return -1;
	return relay_complete(s, plan, part, e) || ask(s, p, e) ? -1 : 0;
}

/* Nobody reads any more what it fetches; it must be ready for other work. */
static void stop_source(struct session *s)
{
	const struct message enough = { .kind = MESSAGE_TAKEN,
					.count = MESSAGE_ENOUGH };
	struct err unused;
	struct message m = { .kind = MESSAGE_PROGRESS };
	int rc = ipc_send(&s->source.channel, &enough, &unused);

	while (rc == 0 && m.kind == MESSAGE_PROGRESS)
		rc = ipc_receive(&s->source.channel, SOURCE_IDLE_MS, &m,
				 &unused);
}

/* ---- both ---------------------------------------------------------------- */

struct relay {
	struct session *s;
	struct worker *writer;
	struct progress progress;
	bool fetched, written;
	uint64_t count; /* bytes that were fetched */
	uint64_t head_len, window;
	uint64_t there; /* bytes of the package that the writer may read */
	uint64_t place; /* bytes of it for which there is a place */
	int64_t since;  /* the writer could work, and has said nothing */
};

static int from_source(struct relay *r, struct err *e)
{
	struct message m;

	if (ipc_receive(&r->s->source.channel, 0, &m, e)) {
		r->fetched = true; /* or failed: it does no more */
		return -1;
	}
	if (m.kind == MESSAGE_DONE) {
		r->fetched = true;
		r->count = m.count;
		return 0;
	}
	if (m.kind != MESSAGE_PROGRESS)
		return err_set(e, ERR_FORMAT, "message %d is no answer",
			       m.kind);
	/* Who has written all needs to hear nothing any more, and who hangs is
	 * not told the same until there is no room for it. */
	if (r->written || m.count == r->there)
		return 0;
	r->there = m.count;
	return ipc_send(&r->writer->channel, &m, e);
}

/* Of the window, chunks before this one may be overwritten. */
static void give_place(struct relay *r, uint64_t chunk)
{
	r->place = r->head_len + (chunk + r->window) * PACKAGE_CHUNK_LEN;
}

static int from_writer(struct relay *r, struct err *e)
{
	struct checkpoint c = r->s->checkpoint;
	struct message m;

	if (ipc_receive(&r->writer->channel, 0, &m, e))
		return relay_spoil(r->s);
	r->since = steady_ms();
	switch (m.kind) {
	case MESSAGE_PROGRESS:
		progress_set(&r->progress, m.count);
		return 0;
	case MESSAGE_POINT:
		c.at = m.point;
		return keep(r->s, &c, e);
	case MESSAGE_TAKEN:
		give_place(r, m.count);
		return r->fetched ? 0 : ipc_send(&r->s->source.channel, &m, e);
	case MESSAGE_DONE:
		r->written = true;
		return 0;
	default:
		return err_set(e, ERR_FORMAT, "message %d is no answer",
			       m.kind);
	}
}

/* Who waits for more bytes may be silent; the source is not for long. */
static bool is_writers_turn(const struct relay *r)
{
	return !r->written && (r->fetched || r->there >= r->place);
}

static int hangs(struct err *e)
{
	return err_set(e, ERR_NETWORK,
		       "the process that writes has said nothing for %d "
		       "seconds",
		       WRITER_IDLE_MS / 1000);
}

/* How long it may still say nothing. */
static int patience(struct relay *r)
{
	const int64_t now = steady_ms();
	int64_t left;

	if (!is_writers_turn(r))
		r->since = now;
	left = r->since + WRITER_IDLE_MS - now;
	return left > 0 ? (int)left : 0;
}

static int step(struct relay *r, struct err *e)
{
	struct channel nobody = CHANNEL_INIT;
	struct channel *both[IPC_WAIT_MAX] = { &r->writer->channel,
					       &r->s->source.channel };
	const int left = patience(r);
	size_t which;

	nobody.stop_fd = r->s->stop_fd;
	if (r->written)
		both[0] = &nobody; /* its end is no news */
	if (r->fetched)
		both[1] = &nobody;
	if (ipc_wait(both, IPC_WAIT_MAX, left, &which, e))
		return e->code == ERR_NETWORK && is_writers_turn(r) ? hangs(e)
								    : -1;
	if (left == 0 && which != 0)
		return hangs(e);
	return which == 0 ? from_writer(r, e) : from_source(r, e);
}

int relay_run(struct session *s, struct worker *writer,
	      const struct message_apply *m, struct err *e)
{
	const struct slot_part *part = &m->part;
	const struct plan_package *package = &m->package;
	const uint64_t total = part->content_len + part->manifest_len;
	struct relay r = {
		.s = s,
		.writer = writer,
		.head_len = package->head_len,
		.window = m->window,
		.since = steady_ms(),
	};
	int rc = 0;

	give_place(&r, m->from.packed / chunk_of(package));
	progress_start(&r.progress, "fetching and writing", total, s->progress);
	r.progress.listener = s->listener;
	while (rc == 0 && !(r.fetched && r.written))
		rc = step(&r, e);
	if (rc == 0)
		progress_set(&r.progress, total);
	progress_end(&r.progress, rc == 0);
	if (rc == 0)
		source_tell(r.count, package->package_len);
	if (rc && !r.fetched && e->code != ERR_BUSY)
		stop_source(s);
	return rc;
}
