/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/fill.h"

#include <string.h>
#include <sys/stat.h>

#include "common/apply_image.h"
#include "common/delta_payload.h"
#include "common/fs.h"
#include "common/secret.h"
#include "updater-client/intake.h"
#include "updater-client/relay.h"
#include "updater-client/slot_image.h"
#include "updater-client/token_start.h"
#include "updater-client/unwrap.h"
#include "updater-client/writer.h"

/* ---- the kinds of slots -------------------------------------------------- */

/* One component, and where it goes. */
struct place {
	const struct settings_slot *slot;
	const char *part; /* as slot_tree.h wants it */
};

/* Which descriptors the processes get. */
struct fill_kind {
	/* Of the slot that runs, for a delta. */
	int (*open_base)(const struct session *s, const struct place *p,
			 struct writer_setup *w, struct err *e);
	/* Of the one that is written, which was emptied before. */
	int (*open_new)(const struct session *s, enum slot to,
			const struct place *p, struct writer_setup *w,
			struct err *e);
	int (*open_check)(const struct session *s, enum slot which,
			  const struct place *p, struct checker_setup *c,
			  struct err *e);
};

static int tree_base(const struct session *s, const struct place *p,
		     struct writer_setup *w, struct err *e)
{
	return slot_tree_folder(
		       &s->slots, s->current, p->part, &w->old_fd,
		       e) || slot_tree_manifest(&s->slots, s->current, p->part,
						&w->old_manifest_fd, e)
		       ? -1
		       : 0;
}

static int tree_new(const struct session *s, enum slot to,
		    const struct place *p, struct writer_setup *w,
		    struct err *e)
{
	/* Of what comes through a window some may be there from before; it
	 * counts only if it is gone on with. */
	if ((s->window > 0 && s->checkpoint.at.packed == 0 &&
	     slot_tree_clear(&s->slots, to, p->part, e)) ||
	    slot_tree_make(&s->slots, to, p->part, e) ||
	    slot_tree_folder(&s->slots, to, p->part, &w->new_fd, e) ||
	    slot_tree_new_manifest(&s->slots, to, p->part, &w->manifest_fd,
				   e) ||
	    (s->window > 0 && slot_tree_own(&s->slots, to, &w->scratch_fd, e)))
		return -1;
	return 0;
}

static int tree_check_setup(const struct session *s, enum slot which,
			    const struct place *p, struct checker_setup *c,
			    struct err *e)
{
	return slot_tree_folder(&s->slots, which, p->part, &c->slot_fd, e) ||
			       slot_tree_manifest(&s->slots, which, p->part,
						  &c->manifest_fd, e)
		       ? -1
		       : 0;
}

static int image_base(const struct session *s, const struct place *p,
		      struct writer_setup *w, struct err *e)
{
	const struct slot_part *part = &s->running.parts[0];

	if (!s->has_running)
		return err_set(e, ERR_CONFLICT, "nothing of ours runs");
	if (p->part)
		part = slot_part_of(&s->running, p->part);
	if (!part)
		return err_set(e, ERR_CONFLICT, "%s is not in what runs",
			       p->part);
	w->old_len = part->content_len;
	return slot_image_open(p->slot, s->current, &w->old_fd, e);
}

static int image_new(const struct session *s, enum slot to,
		     const struct place *p, struct writer_setup *w,
		     struct err *e)
{
	if (slot_image_open_new(p->slot, to, &w->new_fd, e) ||
	    slot_tree_own(&s->slots, to, &w->scratch_fd, e))
		return -1;
	return 0;
}

static int image_check(const struct session *s, enum slot which,
		       const struct place *p, struct checker_setup *c,
		       struct err *e)
{
	(void)s; /* an image has nothing in the slot's folder */
	return slot_image_open(p->slot, which, &c->slot_fd, e);
}

static const struct fill_kind kinds[] = {
	[SLOT_TREE] = { tree_base, tree_new, tree_check_setup },
	[SLOT_IMAGE] = { image_base, image_new, image_check },
	[SLOT_FILE] = { tree_base, tree_new, tree_check_setup },
	[SLOT_HANDLER] = { tree_base, tree_new, tree_check_setup },
};

static const struct fill_kind *kind_of(const struct place *p)
{
	return &kinds[p->slot->kind];
}

static int find_place(const struct session *s, const struct slot_part *part,
		      struct place *out, struct err *e)
{
	size_t i = settings_slot_of(s->config, part->component);

	if (i == s->config->slot_count)
		return err_set(e, ERR_CONFLICT, "there is no [slot %s]",
			       part->component);
	out->slot = &s->config->slots[i];
	out->part = i > 0 ? out->slot->component : NULL;
	return 0;
}

/* ---- the processes ------------------------------------------------------- */

/* Of memory for a manifest: a buffer may be as large again as what is in it. */
static uint64_t manifest_room(uint64_t len)
{
	return 2 * (len < TREE_MANIFEST_MAX ? len : TREE_MANIFEST_MAX);
}

/* For one that is there; -1: none. */
static uint64_t manifest_file_room(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? manifest_room((uint64_t)st.st_size) : 0;
}

/* Run one of the descriptor-only processes to its end. */
static int run_worker(struct session *s, const struct worker_task *task,
		      const struct message *m, const char *what, struct err *e)
{
	const struct slot_part *part = &m->apply.part;
	struct ipc_work work = { .what = what,
				 .total =
					 part->content_len + part->manifest_len,
				 .progress = s->progress,
				 .listener = s->listener,
				 .idle_ms = WRITER_IDLE_MS };
	struct worker worker = { 0 };
	int rc = -1;

	if (worker_start(task, s->stop_fd, &worker, e))
		return -1;
	if (ipc_send(&worker.channel, m, e))
		rc = -1;
	else if (m->apply.window > 0)
		rc = relay_run(s, &worker, &m->apply, e);
	else
		rc = ipc_follow(&worker.channel, &work, e);
	worker_stop(&worker);
	return rc;
}

/* Have our sealed key opened by the process that can. */
static int unwrap(struct session *s, const struct slot_release *r,
		  const uint8_t *sealed, struct message *to, struct err *e)
{
	const struct plan_package *p = &to->apply.package;
	struct unwrap_setup setup = { s->state_fd, -1 };
	struct worker_task task = {
		.name = "unwrap",
		.run = unwrap_run,
		.ctx = &setup,
		.keep = { s->state_fd },
		.keep_count = 2,
	};
	struct message m = { .kind = MESSAGE_UNWRAP,
			     .unwrap = { .device = s->identity.device } };
	struct worker worker = { 0 }, token = { 0 };
	struct message *answer;
	int rc = -1;

	if (!p->encrypted)
		return 0;
	memcpy(m.unwrap.product, r->product, sizeof(m.unwrap.product));
	memcpy(m.unwrap.release, r->id, sizeof(m.unwrap.release));
	memcpy(m.unwrap.target, p->target, sizeof(m.unwrap.target));
	memcpy(m.unwrap.sealed, sealed, KEYBOX_SEALED_LEN);
	if (token_start(s->config, s->state_fd, TOKEN_AGREE, s->stop_fd, &token,
			e))
		return -1;
	setup.token_fd = task.keep[1] = token_fd(&token);
	answer = secret_new(sizeof(*answer));
	if (worker_start(&task, s->stop_fd, &worker, e) == 0)
		rc = ipc_ask(&worker.channel, &m, MESSAGE_KEY, SESSION_ASK_MS,
			     answer, e);
	if (rc == 0)
		memcpy(to->content_key, answer->content_key, STREAM_KEY_LEN);
	secret_free(answer, sizeof(*answer));
	worker_stop(&worker);
	worker_stop(&token);
	return rc;
}

static void close_all(struct writer_setup *w)
{
	fs_close(&w->package_fd);
	fs_close(&w->old_fd);
	fs_close(&w->old_manifest_fd);
	fs_close(&w->new_fd);
	fs_close(&w->manifest_fd);
	fs_close(&w->scratch_fd);
}

/* For a delta, what runs. */
static int open_base(const struct session *s, const struct place *p,
		     const struct plan_package *package, struct writer_setup *w,
		     struct err *e)
{
	if (package->kind != PACKAGE_DELTA ||
	    kind_of(p)->open_base(s, p, w, e) == 0)
		return 0;
	e->code = ERR_CONFLICT; /* the full package is the way out */
	return -1;
}

static int open_package(const struct session *s,
			const struct plan_package *package,
			struct writer_setup *w, struct err *e)
{
	return intake_open_file(s->spool_fd, &package->package_digest,
				s->window > 0, &w->package_fd, e);
}

int fill_may(const struct session *s, enum slot to, struct err *e)
{
	/* The link does not know what a loader has started. */
	return to == s->current ? err_set(e, ERR_CONFLICT,
					  "slot %s runs and is not written",
					  slot_name(to))
				: 0;
}

int fill_clear(const struct session *s, enum slot to,
	       const struct slot_part *part, struct err *e)
{
	struct place p;

	if (find_place(s, part, &p, e))
		return -1;
	if (p.slot->kind == SLOT_IMAGE)
		return 0;
	return slot_tree_clear(&s->slots, to, p.part, e);
}

/* The slot is touched last, when all that it needs is there. */
int fill_begin(struct session *s, enum slot to, const struct plan *plan,
	       struct err *e)
{
	for (size_t i = 0; i < plan->release.part_count; i++) {
		struct writer_setup w = WRITER_SETUP_INIT;
		struct place p;
		int rc;

		rc = find_place(s, &plan->release.parts[i], &p, e) ||
		     open_base(s, &p, &plan->packages[i], &w, e) ||
		     (s->window == 0 &&
		      open_package(s, &plan->packages[i], &w, e));
		close_all(&w);
		if (rc)
			return -1;
	}
	return fill_may(s, to, e) || slot_tree_empty(&s->slots, to, e) ? -1 : 0;
}

int fill_write(struct session *s, enum slot to, const struct plan *plan,
	       size_t index, const uint8_t sealed[KEYBOX_SEALED_LEN],
	       struct err *e)
{
	const struct plan_package *package = &plan->packages[index];
	struct writer_setup w = WRITER_SETUP_INIT;
	struct worker_task task = {
		.name = "writer",
		.run = writer_run,
		.ctx = &w,
		.keep_count = 6,
	};
	struct message *m = secret_new(sizeof(*m));
	struct place p;
	int rc = -1;

	m->kind = MESSAGE_APPLY;
	m->apply.part = plan->release.parts[index];
	m->apply.package = *package;
	if (find_place(s, &plan->release.parts[index], &p, e) ||
	    unwrap(s, &plan->release, sealed, m, e) ||
	    open_base(s, &p, package, &w, e) ||
	    kind_of(&p)->open_new(s, to, &p, &w, e) ||
	    (s->window > 0 && relay_begin(s, plan, index, e)) ||
	    open_package(s, package, &w, e))
		goto out;
	m->apply.window = s->window;
	if (s->window > 0)
		m->apply.from = s->checkpoint.at;
	task.keep[0] = w.package_fd;
	task.keep[1] = w.old_fd;
	task.keep[2] = w.old_manifest_fd;
	task.keep[3] = w.new_fd;
	task.keep[4] = w.manifest_fd;
	task.keep[5] = w.scratch_fd;
	task.more_memory = manifest_room(m->apply.part.manifest_len) +
			   manifest_file_room(w.old_manifest_fd);
	rc = run_worker(s, &task, m, "writing", e);
out:
	secret_free(m, sizeof(*m));
	close_all(&w);
	return rc;
}

int fill_end(const struct session *s, enum slot to, struct err *e)
{
	static const char *const names[] = { APPLY_IMAGE_HEAD, DELTA_KEPT_LIST,
					     DELTA_KEPT_SCRATCH };
	int fd = -1;
	int rc = 0;

	if (slot_tree_own(&s->slots, to, &fd, e))
		return -1;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(names); i++)
		rc = fs_remove(fd, names[i], e);
	fs_close(&fd);
	return rc;
}

/* Of a package only what it holds matters here. */
static void describe_check(const struct place *p, const struct slot_part *part,
			   struct message *m)
{
	const enum package_content content = settings_content(p->slot);

	*m = (struct message){
		.kind = MESSAGE_APPLY,
		.apply = { .part = *part,
			   .package = { .content = content,
					.kind = PACKAGE_FULL,
					.head_len = PACKAGE_HEADER_LEN,
					.package_len = PACKAGE_HEADER_LEN } },
	};
	if (content == PACKAGE_TREE)
		m->apply.package.attributes = p->slot->attributes;
}

int fill_check_part(struct session *s, enum slot which,
		    const struct slot_part *part, struct err *e)
{
	struct checker_setup c = { -1, -1 };
	struct worker_task task = {
		.name = "checker",
		.run = checker_run,
		.ctx = &c,
		.keep_count = 2,
	};
	struct message m;
	struct place p;
	int rc = -1;

	if (find_place(s, part, &p, e) == 0 &&
	    kind_of(&p)->open_check(s, which, &p, &c, e) == 0) {
		describe_check(&p, part, &m);
		task.keep[0] = c.slot_fd;
		task.keep[1] = c.manifest_fd;
		task.more_memory = manifest_file_room(c.manifest_fd);
		rc = run_worker(s, &task, &m, "reading back", e);
	}
	fs_close(&c.slot_fd);
	fs_close(&c.manifest_fd);
	return rc;
}

int fill_check(struct session *s, enum slot which, const struct slot_release *r,
	       struct err *e)
{
	s->unlike = false;
	for (size_t i = 0; i < r->part_count; i++) {
		const struct slot_part *part = &r->parts[i];

		if (fill_check_part(s, which, part, e) == 0)
			continue;
		s->unlike = e->code == ERR_UNTRUSTED;
		return r->part_count > 1
			       ? err_in(e, "slot %s, %s", slot_name(which),
					part->component)
			       : err_in(e, "slot %s", slot_name(which));
	}
	return 0;
}
