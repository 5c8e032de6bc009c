/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/pack.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/apply.h"
#include "common/delta.h"
#include "common/fs.h"
#include "common/image.h"
#include "common/mem.h"
#include "common/progress.h"
#include "signer/delta_make.h"
#include "signer/encode.h"
#include "signer/pack_full.h"
#include "signer/pack_tree.h"
#include "signer/package_write.h"
#include "signer/tree_room.h"
#include "signer/tree_scan.h"
#include "signer/tree_tar.h"

/* What a decoder needs beside its window: buffers, tables, the libraries. */
#define MEMORY_FIXED (2u << 20)
/* By entry: an offset in the manifest, and one in the stream for a delta. */
#define MEMORY_ENTRY 12
#define READ_LEN     (256u << 10)

/* ---- progress ------------------------------------------------------------ */

static int show(void *ctx, uint64_t bytes, struct err *e)
{
	(void)e;
	progress_set(ctx, bytes);
	return 0;
}

/* ---- loading ------------------------------------------------------------- */

static int load_tree(const struct pack_settings *how, int fd, struct spool *to,
		     struct err *e)
{
	struct progress bar;
	const struct tree_watch watch = { &bar, show };
	struct stat st;
	int rc;

	if (fstat(fd, &st))
		return err_sys(e, "look at the input");
	if (S_ISDIR(st.st_mode)) {
		progress_start(&bar, "reading folder", 0, how->quiet);
		rc = tree_scan(fd, how->attributes, to, &watch, e);
	} else {
		progress_start(&bar, "reading tar", (uint64_t)st.st_size,
			       how->quiet);
		rc = tree_tar(fd, how->attributes, to, &watch, e);
	}
	progress_end(&bar, rc == 0);
	return rc;
}

static int copy_image(int fd, struct spool *to, const struct tree_watch *watch,
		      struct err *e)
{
	uint8_t *bytes = mem_alloc(READ_LEN, 1);
	size_t got = 0;
	int rc;

	do {
		rc = fs_read(fd, bytes, READ_LEN, &got, e);
		if (rc == 0)
			rc = spool_data(to, (struct slice){ bytes, got }, e);
		if (rc == 0)
			rc = watch->advance(watch->ctx, spool_len(to), e);
	} while (rc == 0 && got > 0);
	free(bytes);
	return rc;
}

static int load_image(const struct pack_settings *how, int fd, struct spool *to,
		      struct err *e)
{
	const struct tree_entry entry = { .type = TREE_FILE,
					  .path = slice_of(IMAGE_NAME),
					  .mode = IMAGE_MODE };
	struct progress bar;
	const struct tree_watch watch = { &bar, show };
	struct stat st;
	int rc;

	if (fstat(fd, &st))
		return err_sys(e, "look at the input");
	if (S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE,
			       "an image is a file or a block device");
	progress_start(&bar, "reading image", (uint64_t)st.st_size, how->quiet);
	rc = spool_add(to, &entry, e);
	if (rc == 0)
		rc = copy_image(fd, to, &watch, e);
	if (rc == 0 && spool_len(to) == 0)
		rc = err_set(e, ERR_FORMAT, "an image of no bytes");
	progress_end(&bar, rc == 0);
	return rc;
}

int pack_load(const struct pack_settings *how, const char *path,
	      struct pack_tree **out, struct err *e)
{
	const bool image = how->content == PACKAGE_IMAGE;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct spool *s = NULL;
	int rc = -1;

	if (fd < 0)
		return err_sys(e, "%s", path);
	if (!spool_new(how->scratch_dirfd, image ? TREE_APP : how->attributes,
		       &s, e) &&
	    !(image ? load_image : load_tree)(how, fd, s, e) &&
	    !spool_finish(s, out, e)) {
		(*out)->content = image ? PACKAGE_IMAGE : PACKAGE_TREE;
		rc = 0;
	}
	spool_free(s);
	fs_close(&fd);
	return rc ? err_in(e, "%s", path) : 0;
}

/* ---- a package in a file ------------------------------------------------- */

static int read_file_at(void *ctx, uint64_t offset, void *out, size_t len,
			struct err *e)
{
	const int *fd = ctx;
	size_t got;

	if (fs_read_at(*fd, offset, out, len, &got, e))
		return -1;
	return got == len ? 0 : err_set(e, ERR_FORMAT, "package is cut off");
}

/* Open a package as signed, and its encryption if it has any. */
static int open_package(const struct package_source *from,
			const uint8_t *content_key, const struct release *r,
			struct package_reader **out, struct err *e)
{
	struct package_reader *package = NULL;

	if (package_open(from, r->package_len, r->head_len, &r->head_digest,
			 &package, e))
		return -1;
	if (r->encrypted && content_key &&
	    package_decrypt(package, content_key, r->commitment, e)) {
		package_close(package);
		return -1;
	}
	*out = package;
	return 0;
}

/* ---- restoring ----------------------------------------------------------- */

/* A sink that lays the content down in a spool file. */
struct restore {
	struct pack_tree *tree;
	uint64_t len;
	uint32_t next;
};

static int restore_begin(void *ctx, const struct tree *t, struct err *e)
{
	struct restore *r = ctx;

	(void)e;
	r->tree->offsets = mem_alloc(t->count, sizeof(*r->tree->offsets));
	return 0;
}

static int restore_entry(void *ctx, const struct tree_entry *entry,
			 struct err *e)
{
	struct restore *r = ctx;

	(void)entry;
	(void)e;
	r->tree->offsets[r->next++] = r->len;
	return 0;
}

static int restore_data(void *ctx, struct slice bytes, struct err *e)
{
	struct restore *r = ctx;

	r->len += bytes.len;
	return fs_write(r->tree->fd, bytes, e);
}

static int restore_end(void *ctx, struct err *e)
{
	struct restore *r = ctx;

	return tree_parse(buf_slice(&r->tree->manifest), &r->tree->tree, e);
}

static int restore(const struct pack_settings *how, const struct release *r,
		   struct package_reader *package, struct pack_tree *to,
		   struct err *e)
{
	struct progress bar;
	struct restore ctx = { .tree = to };
	const struct tree_watch watch = { &bar, show };
	const struct tree_sink sink = { .ctx = &ctx,
					.begin = restore_begin,
					.entry = restore_entry,
					.data = restore_data,
					.end = restore_end };
	const struct apply_flow flow = { r, package, NULL, &sink, &watch, -1 };
	int rc;

	progress_start(&bar, "restoring base", r->manifest_len + r->content_len,
		       how->quiet);
	rc = apply_package(&flow, &to->manifest, e);
	progress_end(&bar, rc == 0);
	return rc;
}

int pack_restore(const struct pack_settings *how, int fd,
		 const struct release *r, struct pack_tree **out, struct err *e)
{
	const struct package_source from = { &fd, read_file_at };
	struct package_reader *package = NULL;
	struct pack_tree *t;
	int rc = -1;

	if (r->kind != PACKAGE_FULL)
		return err_set(e, ERR_USAGE,
			       "only a full package restores a release");
	t = mem_alloc(1, sizeof(*t));
	t->content = r->content;
	t->fd = -1;
	t->manifest = (struct buf)BUF_INIT(TREE_MANIFEST_MAX);
	if (!fs_open_nameless(how->scratch_dirfd, &t->fd, e) &&
	    !open_package(&from, how->content_key, r, &package, e) &&
	    !restore(how, r, package, t, e)) {
		*out = t;
		t = NULL;
		rc = 0;
	}
	package_close(package);
	pack_tree_free(t);
	return rc ? err_in(e, "release %s", r->id) : 0;
}

/* ---- describing ---------------------------------------------------------- */

/* What a release names: the bytes of an image, the manifest of a tree. */
static void digest_of(const struct pack_tree *t, struct sha256 *out)
{
	struct tree_entry entry;

	if (t->content != PACKAGE_IMAGE) {
		sha256_of(buf_slice(&t->manifest), out);
		return;
	}
	tree_entry(&t->tree, 0, &entry);
	*out = entry.digest;
}

void pack_describe(const struct pack_tree *t, struct release *r)
{
	const bool image = t->content == PACKAGE_IMAGE;

	r->content = t->content;
	r->attributes = image ? 0 : t->tree.attributes;
	r->manifest_len = image ? 0 : t->manifest.len;
	r->content_len = t->tree.content_len;
	r->entries = image ? 0 : t->tree.count;
	digest_of(t, &r->content_digest);
	r->digest = r->content_digest; /* of one component */
}

static uint64_t memory_for(const struct pack_job *job,
			   const struct package_header *h, uint64_t head_len)
{
	const struct pack_tree *t = job->content;
	uint64_t memory = MEMORY_FIXED + h->window_len + t->manifest.len +
			  MEMORY_ENTRY * (uint64_t)t->tree.count;

	if (job->base)
		memory += DELTA_MEMORY + job->base->manifest.len +
			  MEMORY_ENTRY * (uint64_t)job->base->tree.count;
	return memory + head_len;
}

/* ---- making -------------------------------------------------------------- */

static int add_payload(void *ctx, struct slice bytes, struct err *e)
{
	return package_writer_add(ctx, bytes, e);
}

/* No more than there is to refer to: the device keeps as much of it in memory,
 * and an encoder's tables are several times as large. */
static uint32_t window_for(const struct pack_tree *t)
{
	const uint64_t plain = t->manifest.len + t->tree.content_len;
	uint32_t len = PACKAGE_WINDOW_MIN;

	while (len < PACKAGE_WINDOW_MAX && len < plain)
		len *= 2;
	return len;
}

static int make_full(const struct pack_job *job, struct package_writer *w,
		     struct package_header *h, struct err *e)
{
	const struct encoder_sink to = { w, add_payload };
	struct progress bar;
	const struct tree_watch watch = { &bar, show };
	struct encoder *encoder = NULL;
	int rc;

	h->window_len =
		job->codec == PACKAGE_RAW ? 0 : window_for(job->content);
	if (encoder_new(job->codec, h->window_len, &to, &encoder, e))
		return -1;
	progress_start(&bar, "compressing",
		       job->content->manifest.len +
			       job->content->tree.content_len,
		       job->quiet);
	rc = pack_full(job->content, encoder, &watch, &h->plain_len, e);
	progress_end(&bar, rc == 0);
	encoder_free(encoder);
	return rc;
}

static void describe_members(const struct delta_made *made, struct release *r)
{
	r->apply_memory = made->memory;
	r->scratch_len = made->scratch_len;
	for (unsigned kind = MEMBER_DEFLATE; kind < MEMBER_KINDS; kind++)
		if (made->kinds[kind])
			member_library((enum member_kind)kind,
				       r->libraries[r->library_count++]);
}

static int try_delta(const struct pack_job *job, const struct delta_job *how,
		     struct delta_made *made, struct err *e)
{
	struct progress bar;
	const struct tree_watch watch = { &bar, show };
	struct delta_job delta = *how;
	int rc;

	delta.watch = &watch;
	progress_start(&bar, "making delta",
		       job->content->manifest.len +
			       job->content->tree.content_len,
		       job->quiet);
	rc = delta_make(&delta, made, e);
	progress_end(&bar, rc == 0);
	return rc;
}

/* *w is begun anew where another way to make it is better. */
static int make_delta(const struct pack_job *job, bool plain,
		      struct package_writer **w, struct package_header *h,
		      struct release *r, struct err *e)
{
	struct delta_made made = { .len = 0 };
	struct delta_job delta = { .old = job->base,
				   .fresh = job->content,
				   .codec = job->codec,
				   .to = { *w, add_payload },
				   .plain = plain,
				   .jobs = job->jobs,
				   .search_max = job->search_max };

	h->window_len = DELTA_WINDOW;
	if (try_delta(job, &delta, &made, e))
		return -1;
	if (made.blank_pays) {
		package_writer_free(*w);
		*w = NULL;
		if (package_writer_new(job->scratch_dirfd, w, e))
			return -1;
		delta.to.ctx = *w;
		delta.blank = true;
		if (try_delta(job, &delta, &made, e))
			return -1;
	}
	h->plain_len = made.len;
	h->codec = made.codec;
	if (job->gave_up && made.gave_up.code != ERR_NONE)
		*job->gave_up = made.gave_up;
	describe_members(&made, r);
	return 0;
}

static int write_package(const struct pack_job *job, bool plain,
			 struct release *r, struct err *e)
{
	struct package_header h = { .content = job->content->content,
				    .codec = job->codec };
	const struct package_writer_end end = { &h, job->content_key, job->fd };
	struct package_writer *w = NULL;
	int rc = -1;

	h.kind = job->base ? PACKAGE_DELTA : PACKAGE_FULL;
	r->apply_memory = 0;
	r->scratch_len = 0;
	r->library_count = 0;
	if (package_writer_new(job->scratch_dirfd, &w, e))
		return -1;
	if (!(job->base ? make_delta(job, plain, &w, &h, r, e)
			: make_full(job, w, &h, e)) &&
	    !package_writer_end(w, &end, r, e))
		rc = 0;
	package_writer_free(w);
	r->kind = h.kind;
	r->apply_memory += memory_for(job, &h, r->head_len);
	return rc;
}

/* ---- proving ------------------------------------------------------------- */

/* A sink that keeps nothing: the flow before it compares every digest. */
static int drop_begin(void *ctx, const struct tree *t, struct err *e)
{
	(void)ctx;
	(void)t;
	(void)e;
	return 0;
}

static int drop_entry(void *ctx, const struct tree_entry *entry, struct err *e)
{
	(void)ctx;
	(void)entry;
	(void)e;
	return 0;
}

static int drop_data(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	(void)bytes;
	(void)e;
	return 0;
}

/* Whole files of which the manifests say that they are equal: as a device whose
 * file system shares blocks takes them. */
static int drop_clone(void *ctx, uint32_t old_index, bool *done, struct err *e)
{
	(void)ctx;
	(void)old_index;
	(void)e;
	*done = true;
	return 0;
}

static int drop_end(void *ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

static int read_base_at(void *ctx, uint32_t index, uint64_t offset, void *out,
			size_t len, struct err *e)
{
	return pack_tree_read(ctx, index, offset, out, len, e);
}

static int prove_with(const struct pack_job *job, const struct release *r,
		      struct package_reader *package, struct err *e)
{
	const struct tree_sink sink = { .begin = drop_begin,
					.entry = drop_entry,
					.data = drop_data,
					.clone = drop_clone,
					.end = drop_end };
	struct pack_tree *base_tree = job->base;
	const struct delta_base base = { base_tree ? &base_tree->tree : NULL,
					 base_tree, read_base_at };
	struct progress bar;
	const struct tree_watch watch = { &bar, show };
	const struct apply_flow flow = {
		r,     package, base_tree ? &base : NULL,
		&sink, &watch,  job->scratch_dirfd
	};
	struct buf manifest = BUF_INIT(TREE_MANIFEST_MAX);
	int rc;

	progress_start(&bar, "checking", r->manifest_len + r->content_len,
		       job->quiet);
	rc = apply_package(&flow, &manifest, e);
	if (!rc && !slice_equal(buf_slice(&manifest),
				buf_slice(&job->content->manifest)))
		rc = err_set(e, ERR_UNTRUSTED, "another manifest came out");
	progress_end(&bar, rc == 0);
	buf_done(&manifest);
	return rc;
}

/* Run the applier of the devices on what was written, as it was written. */
static int prove(const struct pack_job *job, const struct release *r,
		 struct err *e)
{
	int fd = job->fd;
	const struct package_source from = { &fd, read_file_at };
	struct package_reader *package = NULL;
	int rc = -1;

	if (!open_package(&from, job->content_key, r, &package, e))
		rc = prove_with(job, r, package, e);
	package_close(package);
	return rc ? err_in(e, "the package does not yield its content") : 0;
}

static int make_proven(const struct pack_job *job, bool plain,
		       struct release *r, struct err *e)
{
	return write_package(job, plain, r, e) || prove(job, r, e) ? -1 : 0;
}

/* Begin the file anew. */
static int rewind_file(int fd, struct err *e)
{
	if (lseek(fd, 0, SEEK_SET) != 0 || ftruncate(fd, 0))
		return err_sys(e, "begin the package anew");
	return 0;
}

static int make(const struct pack_job *job, struct release *r, struct err *e)
{
	if (job->base &&
	    (job->base->content != job->content->content ||
	     job->base->tree.attributes != job->content->tree.attributes))
		return err_set(e, ERR_USAGE,
			       "the earlier release has other attributes");
	pack_describe(job->content, r);
	r->base_digest = (struct sha256){ { 0 } };
	if (job->base)
		digest_of(job->base, &r->base_digest);
	if (make_proven(job, job->plain, r, e) == 0)
		return 0;
	/*
	 * A library that does not do twice the same costs bytes, no more. But
	 * a content key is used for one content alone.
	 */
	if (!job->base || job->plain || r->scratch_len == 0 || job->content_key)
		return -1;
	if (job->gave_up)
		*job->gave_up = *e;
	return rewind_file(job->fd, e) || make_proven(job, true, r, e) ? -1 : 0;
}

int pack_make(const struct pack_job *job, struct release *r, struct err *e)
{
	if (make(job, r, e))
		return -1;
	if (job->content->content == PACKAGE_TREE)
		r->scratch_len += tree_room_beyond(&job->content->tree);
	return 0;
}
