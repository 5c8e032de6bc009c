/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/writer.h"

#include <sys/stat.h>

#include "common/apply.h"
#include "common/apply_image.h"
#include "common/fs.h"
#include "common/image.h"
#include "common/image_disk.h"
#include "common/mem.h"
#include "common/secret.h"
#include "common/steady.h"
#include "common/tree_disk.h"
#include "updater-client/confine.h"
#include "updater-client/intake.h"
#include "updater-client/teller.h"

/* What the controlling process hears of it, which also proves that we live. */
struct telling {
	struct channel *control;
	struct teller teller;
};

static int tell(void *ctx, uint64_t bytes, struct err *e)
{
	struct telling *t = ctx;
	struct message m = { .kind = MESSAGE_PROGRESS };

	if (!teller_is_due(&t->teller, bytes, steady_ms()))
		return 0;
	m.count = t->teller.told;
	return ipc_send(t->control, &m, e);
}

/* A whole manifest into memory. */
static int read_manifest(int fd, struct buf *out, struct err *e)
{
	struct stat st;
	uint8_t *room;
	size_t got;

	if (fstat(fd, &st))
		return err_sys(e, "the manifest");
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)out->max)
		return err_set(e, ERR_LIMIT, "the manifest is too long");
	room = buf_reserve(out, (size_t)st.st_size, e);
	if (!room || fs_read_at(fd, 0, room, (size_t)st.st_size, &got, e))
		return -1;
	out->len += got;
	return 0;
}

static int read_base(const struct writer_setup *setup,
		     const struct plan_package *plan, struct buf *manifest,
		     struct err *e)
{
	if (plan->kind != PACKAGE_DELTA)
		return 0;
	if (setup->old_manifest_fd < 0 || setup->old_fd < 0)
		return err_set(e, ERR_CONFLICT, "there is no base");
	if (read_manifest(setup->old_manifest_fd, manifest, e))
		return -1;
	if (!image_or_tree_is(plan->content, buf_slice(manifest),
			      &plan->base_digest))
		return err_set(e, ERR_CONFLICT,
			       "the manifest of the slot that runs is damaged");
	return 0;
}

static int keep_manifest(int fd, struct slice manifest, struct err *e)
{
	if (fs_write_at(fd, 0, manifest, e) || fs_sync(fd, e))
		return err_in(e, "the manifest");
	return 0;
}

/* ---- a package that is still arriving ------------------------------------ */

struct arriving {
	int fd;
	struct channel *control;
	uint64_t head_len;
	uint64_t there;   /* bytes of the package that may be read */
	uint32_t window;  /* chunks; 0: all is there */
	uint32_t each;    /* bytes of payload in one */
	uint32_t next;    /* the chunk that is read next */
	uint32_t restart; /* with which a later run would begin */
	uint32_t told;    /* chunks before it may be overwritten */
};

static int await(struct arriving *a, uint64_t end, struct err *e)
{
	struct message m;

	while (a->window > 0 && a->there < end) {
		if (ipc_expect(a->control, MESSAGE_PROGRESS, IPC_FOREVER, &m,
			       e))
			return -1;
		a->there = m.count;
	}
	return 0;
}

/*
 * What a later run would begin with is kept as long as the window allows: the
 * more of it is there then, the less is fetched twice.
 */
static int tell_taken(struct arriving *a, struct err *e)
{
	struct message m = { .kind = MESSAGE_TAKEN };
	const uint32_t ahead = a->window / 4 > 2 ? a->window / 4 : 2;

	m.count = a->next - a->restart <= a->window - ahead ? a->restart
							    : a->next;
	if (m.count <= (uint64_t)a->told + a->window / 8)
		return 0;
	a->told = (uint32_t)m.count;
	return ipc_send(a->control, &m, e);
}

/* As a reader asks: the head, or one chunk. */
static int read_arriving(void *ctx, uint64_t offset, void *out, size_t len,
			 struct err *e)
{
	struct arriving *a = ctx;
	const uint64_t at = intake_place(a->head_len, a->window, offset);
	const struct package_source file = intake_source(&a->fd);

	if (await(a, offset + len, e) ||
	    file.read_at(file.ctx, at, out, len, e))
		return -1;
	if (a->window == 0 || offset < a->head_len)
		return 0;
	a->next = (uint32_t)((offset - a->head_len) / PACKAGE_CHUNK_LEN) + 1;
	return tell_taken(a, e);
}

/* Control has it on the disk before it frees what came before. */
static int tell_point(void *ctx, const struct package_point *at, struct err *e)
{
	struct arriving *a = ctx;
	const struct message m = { .kind = MESSAGE_POINT, .point = *at };

	a->restart = (uint32_t)(at->packed / a->each);
	return ipc_send(a->control, &m, e) || tell_taken(a, e) ? -1 : 0;
}

static struct arriving begin_arriving(const struct writer_setup *setup,
				      const struct message_apply *m,
				      struct channel *control)
{
	struct arriving a = {
		.fd = setup->package_fd,
		.control = control,
		.head_len = m->package.head_len,
		.window = m->window,
		.each = package_chunk_payload(
			m->package.encrypted ? PACKAGE_STREAM : PACKAGE_PLAIN),
	};

	a.restart = (uint32_t)(m->from.packed / a.each);
	a.next = a.told = a.restart;
	return a;
}

/* The package as signed, its encryption opened. */
static int open_package(struct arriving *a, const struct message *m,
			struct package_reader **out, struct err *e)
{
	const struct package_source from = { a, read_arriving };
	struct package_reader *package = NULL;
	const struct plan_package *plan = &m->apply.package;

	if (package_open(&from, plan->package_len, plan->head_len,
			 &plan->head_digest, &package, e))
		return -1;
	if (plan->encrypted &&
	    package_decrypt(package, m->content_key, plan->commitment, e)) {
		package_close(package);
		return -1;
	}
	*out = package;
	return 0;
}

static struct apply_resume
resume_for(const struct message_apply *m, int scratch_fd,
	   int (*keep)(void *ctx, const struct package_point *, struct err *e),
	   void *ctx)
{
	return (struct apply_resume){
		.from = m->from,
		.every = m->window / 4 * (uint64_t)PACKAGE_CHUNK_LEN,
		.ctx = ctx,
		.keep = keep,
		.dirfd = scratch_fd,
	};
}

static int write_image(const struct writer_setup *setup,
		       const struct message *m, struct channel *control,
		       struct err *e)
{
	struct telling telling = { control, { 0, steady_ms() } };
	const struct tree_watch watch = { &telling, tell };
	struct arriving from = begin_arriving(setup, &m->apply, control);
	const struct apply_resume resume =
		resume_for(&m->apply, setup->scratch_fd, tell_point, &from);
	struct release release;
	struct apply_image a = { .release = &release,
				 .old_fd = setup->old_fd,
				 .old_len = setup->old_len,
				 .new_fd = setup->new_fd,
				 .scratch_dirfd = setup->scratch_fd,
				 .watch = &watch,
				 .resume = from.window > 0 ? &resume : NULL };
	int rc;

	plan_release(&m->apply.part, &m->apply.package, &release);
	if (open_package(&from, m, &a.package, e))
		return -1;
	rc = apply_image(&a, e);
	package_close(a.package);
	return rc;
}

/* A tree that is written as it comes is gone on with by its manifest. */
struct growing {
	struct arriving *from;
	const struct buf *manifest;
	int manifest_fd;
	size_t kept; /* of the manifest; it only grows */
};

static int keep_grown(struct growing *g, struct err *e)
{
	if (g->kept == g->manifest->len)
		return 0;
	if (keep_manifest(g->manifest_fd, buf_slice(g->manifest), e))
		return -1;
	g->kept = g->manifest->len;
	return 0;
}

static int keep_tree(void *ctx, const struct package_point *at, struct err *e)
{
	struct growing *g = ctx;

	return keep_grown(g, e) || tell_point(g->from, at, e) ? -1 : 0;
}

/* What both manifests are read from. */
static int read_manifests(const struct writer_setup *setup,
			  const struct message_apply *m, struct buf *base,
			  struct buf *manifest, struct err *e)
{
	/* An image's is not read but made. */
	if (m->from.packed > 0 && m->package.content == PACKAGE_TREE &&
	    read_manifest(setup->manifest_fd, manifest, e))
		return -1;
	return read_base(setup, &m->package, base, e);
}

static int write_tree(const struct writer_setup *setup, const struct message *m,
		      struct channel *control, struct err *e)
{
	struct telling telling = { control, { 0, steady_ms() } };
	const struct tree_watch watch = { &telling, tell };
	const struct plan_package *plan = &m->apply.package;
	struct arriving from = begin_arriving(setup, &m->apply, control);
	struct package_reader *package = NULL;
	struct buf base = BUF_INIT(TREE_MANIFEST_MAX);
	struct buf manifest =
		BUF_INIT(plan->content == PACKAGE_IMAGE
				 ? IMAGE_MANIFEST_MAX
				 : (size_t)m->apply.part.manifest_len);
	struct growing growing = { &from, &manifest, setup->manifest_fd, 0 };
	const struct apply_resume resume =
		resume_for(&m->apply, setup->scratch_fd, keep_tree, &growing);
	struct release release;
	struct apply a = { .release = &release,
			   .old_dirfd = setup->old_fd,
			   .new_dirfd = setup->new_fd,
			   .watch = &watch,
			   .resume = from.window > 0 ? &resume : NULL };
	int rc = -1;

	plan_release(&m->apply.part, plan, &release);
	if (read_manifests(setup, &m->apply, &base, &manifest, e) ||
	    open_package(&from, m, &package, e))
		goto out;
	a.package = package;
	a.old_manifest = buf_slice(&base);
	growing.kept = manifest.len;
	if (apply_tree(&a, &manifest, e) == 0)
		rc = keep_grown(&growing, e);
out:
	package_close(package);
	buf_done(&manifest);
	buf_done(&base);
	return rc;
}

static int check_image(const struct checker_setup *setup,
		       const struct message_apply *m, struct channel *control,
		       struct err *e)
{
	struct telling telling = { control, { 0, steady_ms() } };
	const struct tree_watch watch = { &telling, tell };
	struct sha256 digest;

	if (image_digest(setup->slot_fd, m->part.content_len, true, &watch,
			 &digest, e))
		return -1;
	return sha256_equal(&digest, &m->part.digest)
		       ? 0
		       : err_set(e, ERR_UNTRUSTED,
				 "the image there is not the signed one");
}

static int check_tree(const struct checker_setup *setup,
		      const struct message_apply *m, struct channel *control,
		      struct err *e)
{
	struct telling telling = { control, { 0, steady_ms() } };
	const struct tree_watch watch = { &telling, tell };
	struct buf manifest = BUF_INIT(TREE_MANIFEST_MAX);
	struct tree tree = { 0 };
	int rc = -1;

	if (read_manifest(setup->manifest_fd, &manifest, e))
		goto out;
	if (!image_or_tree_is(m->package.content, buf_slice(&manifest),
			      &m->part.digest)) {
		err_set(e, ERR_UNTRUSTED,
			"the slot's manifest is not the signed one");
		goto out;
	}
	if (tree_parse(buf_slice(&manifest), &tree, e))
		goto out;
	rc = tree_check(setup->slot_fd, &tree, true, &watch, e);
	tree_done(&tree);
out:
	buf_done(&manifest);
	return rc;
}

/* One request is the whole life of these processes. */
static bool get_plan(struct channel *control, struct message *m)
{
	struct err nobody;

	return ipc_expect(control, MESSAGE_APPLY, WRITER_IDLE_MS, m, &nobody) ==
	       0;
}

static int write_slot(const struct writer_setup *setup, const struct message *m,
		      struct channel *control, struct err *e)
{
	const struct confine c = {
		.reads = { setup->old_fd },
		.writes = { setup->new_fd, setup->scratch_fd },
	};

	if (confine_enter(&c, e))
		return -1;
	/* Only what stands in a folder has a manifest. */
	return setup->manifest_fd < 0 ? write_image(setup, m, control, e)
				      : write_tree(setup, m, control, e);
}

static int check_slot(const struct checker_setup *setup,
		      const struct message_apply *m, struct channel *control,
		      struct err *e)
{
	const struct confine c = { .reads = { setup->slot_fd } };

	if (confine_enter(&c, e))
		return -1;
	return setup->manifest_fd < 0 ? check_image(setup, m, control, e)
				      : check_tree(setup, m, control, e);
}

static void finish(struct channel *control, int rc, struct err *failure)
{
	struct err nobody;

	/* If the other end is gone there is nobody left to tell. */
	if (ipc_answer(control, rc, 0, failure, &nobody))
		return;
}

void writer_run(void *ctx, struct channel *control)
{
	const struct writer_setup *setup = ctx;
	struct message *m = secret_new(sizeof(*m));
	struct err failure = { 0 };

	if (get_plan(control, m))
		finish(control, write_slot(setup, m, control, &failure),
		       &failure);
	secret_free(m, sizeof(*m));
}

void checker_run(void *ctx, struct channel *control)
{
	const struct checker_setup *setup = ctx;
	struct err failure = { 0 };
	struct message m;

	if (get_plan(control, &m))
		finish(control, check_slot(setup, &m.apply, control, &failure),
		       &failure);
}
