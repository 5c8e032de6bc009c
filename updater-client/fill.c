/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/fill.h"

#include <string.h>

#include "common/fs.h"
#include "common/secret.h"
#include "updater-client/intake.h"
#include "updater-client/slot_image.h"
#include "updater-client/unwrap.h"
#include "updater-client/writer.h"

/* ---- the kinds of slots -------------------------------------------------- */

/* Which descriptors the processes get. */
struct fill_kind {
	/* Of the slot that runs, for a delta. */
	int (*open_base)(const struct session *s, struct writer_setup *w,
			 struct err *e);
	/* Of the one that is written, whose record is gone by then. */
	int (*open_new)(const struct session *s, enum slot to,
			struct writer_setup *w, struct err *e);
	int (*open_check)(const struct session *s, enum slot which,
			  struct checker_setup *c, struct err *e);
};

static int tree_base(const struct session *s, struct writer_setup *w,
		     struct err *e)
{
	return slot_tree_folder(&s->slots, s->current, &w->old_fd, e) ||
			       slot_tree_manifest(&s->slots, s->current,
						  &w->old_manifest_fd, e)
		       ? -1
		       : 0;
}

static int tree_new(const struct session *s, enum slot to,
		    struct writer_setup *w, struct err *e)
{
	if (slot_tree_empty(&s->slots, to, e) ||
	    slot_tree_folder(&s->slots, to, &w->new_fd, e) ||
	    slot_tree_new_manifest(&s->slots, to, &w->manifest_fd, e))
		return -1;
	return 0;
}

static int tree_check_setup(const struct session *s, enum slot which,
			    struct checker_setup *c, struct err *e)
{
	return slot_tree_folder(&s->slots, which, &c->slot_fd, e) ||
			       slot_tree_manifest(&s->slots, which,
						  &c->manifest_fd, e)
		       ? -1
		       : 0;
}

static int image_base(const struct session *s, struct writer_setup *w,
		      struct err *e)
{
	if (!s->has_running)
		return err_set(e, ERR_CONFLICT, "nothing of ours runs");
	w->old_len = s->running.content_len;
	return slot_image_open(s->config, s->current, &w->old_fd, e);
}

static int image_new(const struct session *s, enum slot to,
		     struct writer_setup *w, struct err *e)
{
	if (to == s->current)
		return err_set(e, ERR_CONFLICT,
			       "slot %s runs and is not written",
			       slot_name(to));
	if (slot_image_open_new(s->config, to, &w->new_fd, e) ||
	    slot_tree_unseal(&s->slots, to, &w->scratch_fd, e))
		return -1;
	return 0;
}

static int image_check(const struct session *s, enum slot which,
		       struct checker_setup *c, struct err *e)
{
	return slot_image_open(s->config, which, &c->slot_fd, e);
}

static const struct fill_kind kinds[] = {
	[SLOT_TREE] = { tree_base, tree_new, tree_check_setup },
	[SLOT_IMAGE] = { image_base, image_new, image_check },
	[SLOT_FILE] = { tree_base, tree_new, tree_check_setup },
};

static const struct fill_kind *kind_of(const struct session *s)
{
	return &kinds[s->config->kind];
}

/* ---- the processes ------------------------------------------------------- */

/* Run one of the descriptor-only processes to its end. */
static int run_worker(struct session *s, const struct worker_task *task,
		      const struct message *m, const char *what, struct err *e)
{
	const struct plan *plan = &m->plan;
	struct worker worker = { 0 };
	int rc = -1;

	if (worker_start(task, s->stop_fd, &worker, e))
		return -1;
	if (ipc_send(&worker.channel, m, e) == 0)
		rc = ipc_follow(&worker.channel, what,
				plan->release.content_len +
					plan->release.manifest_len,
				s->quiet, WRITER_IDLE_MS, e);
	worker_stop(&worker);
	return rc;
}

/* Have our sealed key opened by the process that can. */
static int unwrap(struct session *s, const uint8_t *sealed, struct message *to,
		  struct err *e)
{
	const struct plan *p = &to->plan;
	const struct worker_task task = {
		.name = "unwrap",
		.run = unwrap_run,
		.ctx = &s->state_fd,
		.keep = { s->state_fd },
		.keep_count = 1,
	};
	struct message m = { .kind = MESSAGE_UNWRAP,
			     .unwrap = { .device = s->identity.device } };
	struct worker worker = { 0 };
	struct message *answer;
	int rc;

	if (!p->encrypted)
		return 0;
	memcpy(m.unwrap.product, p->release.product, sizeof(m.unwrap.product));
	memcpy(m.unwrap.release, p->release.id, sizeof(m.unwrap.release));
	memcpy(m.unwrap.target, p->target, sizeof(m.unwrap.target));
	memcpy(m.unwrap.sealed, sealed, KEYBOX_SEALED_LEN);
	if (worker_start(&task, s->stop_fd, &worker, e))
		return -1;
	answer = secret_new(sizeof(*answer));
	rc = ipc_ask(&worker.channel, &m, MESSAGE_KEY, SESSION_ASK_MS, answer,
		     e);
	if (rc == 0)
		memcpy(to->content_key, answer->content_key, STREAM_KEY_LEN);
	secret_free(answer, sizeof(*answer));
	worker_stop(&worker);
	return rc;
}

/* The slot is touched last, when all that it needs is there. */
static int open_all(struct session *s, enum slot to, const struct plan *plan,
		    struct writer_setup *w, struct err *e)
{
	if (plan->kind == PACKAGE_DELTA && kind_of(s)->open_base(s, w, e)) {
		e->code = ERR_CONFLICT; /* the full package is the way out */
		return -1;
	}
	if (intake_open_file(s->spool_fd, &plan->package_digest, &w->package_fd,
			     e))
		return -1;
	return kind_of(s)->open_new(s, to, w, e);
}

int fill_write(struct session *s, enum slot to, const struct plan *plan,
	       const uint8_t sealed[KEYBOX_SEALED_LEN], struct err *e)
{
	struct writer_setup w = WRITER_SETUP_INIT;
	struct worker_task task = {
		.name = "writer",
		.run = writer_run,
		.ctx = &w,
		.keep_count = 6,
	};
	struct message *m = secret_new(sizeof(*m));
	int rc = -1;

	m->kind = MESSAGE_APPLY;
	m->plan = *plan;
	if (unwrap(s, sealed, m, e) || open_all(s, to, plan, &w, e))
		goto out;
	task.keep[0] = w.package_fd;
	task.keep[1] = w.old_fd;
	task.keep[2] = w.old_manifest_fd;
	task.keep[3] = w.new_fd;
	task.keep[4] = w.manifest_fd;
	task.keep[5] = w.scratch_fd;
	rc = run_worker(s, &task, m, "writing", e);
out:
	secret_free(m, sizeof(*m));
	fs_close(&w.package_fd);
	fs_close(&w.old_fd);
	fs_close(&w.old_manifest_fd);
	fs_close(&w.new_fd);
	fs_close(&w.manifest_fd);
	fs_close(&w.scratch_fd);
	return rc;
}

int fill_check(struct session *s, enum slot which, const struct plan *plan,
	       struct err *e)
{
	const struct message m = { .kind = MESSAGE_APPLY, .plan = *plan };
	struct checker_setup c = { -1, -1 };
	struct worker_task task = {
		.name = "checker",
		.run = checker_run,
		.ctx = &c,
		.keep_count = 2,
	};
	int rc = -1;

	if (kind_of(s)->open_check(s, which, &c, e) == 0) {
		task.keep[0] = c.slot_fd;
		task.keep[1] = c.manifest_fd;
		rc = run_worker(s, &task, &m, "reading back", e);
	}
	fs_close(&c.slot_fd);
	fs_close(&c.manifest_fd);
	return rc ? err_in(e, "slot %s", slot_name(which)) : 0;
}
