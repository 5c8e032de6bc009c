/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_delta - where the bytes of a delta package went.
 *
 * The file stands on its own: it is compared with the digests in itself, which
 * say nothing about who made it.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/delta_payload.h"
#include "common/fs.h"
#include "common/opt.h"
#include "common/package.h"
#include "common/text.h"
#include "signer/commands.h"
#include "signer/delta_explain.h"
#include "signer/pack.h"
#include "signer/pack_tree.h"
#include "signer/report.h"
#include "signer/sandbox.h"

#define SCRATCH "." /* where what --input names is unpacked */

struct explain {
	struct report *out;
	struct pack_tree *content; /* NULL: files have no names */
	uint32_t next;             /* entry that may be the next to begin */
	uint64_t next_at;          /* where its content begins */
	struct json *files;
	uint64_t copies, copied;
	struct delta_members members;
	uint64_t list_len; /* that tells of them */
};

/* ---- what is told -------------------------------------------------------- */

/* The file that holds a place of the new stream, as a heap-free text. */
static struct slice name_at(struct explain *x, uint64_t at)
{
	const struct tree *t;
	struct tree_entry entry;

	if (!x->content)
		return slice_of("");
	t = &x->content->tree;
	if (at < t->bytes.len)
		return slice_of("(manifest)");
	if (x->next_at == 0)
		x->next_at = t->bytes.len;
	for (; x->next < t->count; x->next++) {
		tree_entry(t, x->next, &entry);
		if (at - x->next_at < entry.len)
			return entry.path;
		x->next_at += entry.len;
	}
	return slice_of("(behind the content)");
}

/* Where a kept byte goes out; begin: of the new stream, step i comes there. */
static uint64_t place_of_kept(const struct delta_members *m, size_t i,
			      uint64_t begin, uint64_t kept_at)
{
	uint64_t out = begin;

	for (; i < m->step_count; i++) {
		const struct delta_step *s = &m->steps[i];

		if (s->kind == DELTA_TAKE && kept_at - s->at < s->len)
			return out;
		if (s->kind == DELTA_PACK) {
			for (uint64_t j = 1; j <= s->len; j++)
				if (s[j].kind == DELTA_TAKE &&
				    kept_at - s[j].at < s[j].len)
					return out;
			i += s->len;
			out += s->packed_len;
		} else if (s->kind != DELTA_KEEP) {
			out += s->len;
		}
	}
	return begin;
}

/* Records see members unpacked and files whole; where is that of a file? */
static uint64_t packed_place(const struct explain *x, uint64_t at)
{
	const struct delta_members *m = &x->members;
	uint64_t view = 0, out = 0, kept = 0;

	for (size_t i = 0; i < m->step_count; i++) {
		const struct delta_step *s = &m->steps[i];
		uint64_t seen = s->kind == DELTA_TAKE ? 0 : s->len;

		if (s->kind == DELTA_PACK) {
			seen = 0;
			for (uint64_t j = 1; j <= s->len; j++)
				seen += s[j].kind == DELTA_PASS ? s[j].len : 0;
		}
		if (at - view < seen && s->kind == DELTA_KEEP)
			return place_of_kept(m, i, out, kept);
		if (at - view < seen)
			return s->kind == DELTA_PASS ? out + (at - view) : out;
		view += seen;
		if (s->kind == DELTA_KEEP)
			kept += s->packed_len;
		else
			out += s->kind == DELTA_PACK ? s->packed_len : s->len;
		i += s->kind == DELTA_PACK ? s->len : 0;
	}
	return out + (at - view);
}

static void tell_members(struct explain *x)
{
	const struct delta_members *m = &x->members;
	uint64_t count = 0;

	for (size_t i = 0; i < m->recipe_count; i++) {
		const struct member_recipe *r = &m->recipes[i];
		uint64_t packed = 0, uses = 0;
		char library[MEMBER_LIBRARY_MAX + 1];

		for (size_t j = 0; j < m->step_count; j++)
			if (m->steps[j].recipe == i + 1) {
				packed += m->steps[j].packed_len;
				uses++;
			}
		count += uses;
		if (uses == 0)
			continue;
		member_library(r->kind, library);
		report_line(x->out, "%10llu bytes in %llu members made by %s",
			    (unsigned long long)packed,
			    (unsigned long long)uses, library);
	}
	report_line(
		x->out, "%10llu bytes of the list of %zu parts and %zu steps",
		(unsigned long long)x->list_len, m->part_count, m->step_count);
	json_set_int(report_object(x->out), "members", (int64_t)count);
}

static const char *method_of(const struct delta_share *s)
{
	if (s->covered == 0)
		return "inserted";
	if (s->foreign > s->covered / 2)
		return "pieced together";
	return "patched";
}

static int tell_segment(void *ctx, const struct delta_share *s, struct err *e)
{
	struct explain *x = ctx;
	struct slice name;
	struct json *one;

	(void)e; /* telling cannot fail before the end */
	if (s->segment.kind == DELTA_COPY) {
		x->copies++;
		x->copied += s->segment.len;
		return 0;
	}
	name = name_at(x, packed_place(x, s->at));
	report_line(x->out,
		    "%10.0f bytes for %llu at %llu%s%.*s: %s, %u covers, "
		    "%llu inserted, %llu changed",
		    s->packed, (unsigned long long)s->segment.len,
		    (unsigned long long)s->at, name.len > 0 ? " " : "",
		    (int)name.len, (const char *)name.ptr, method_of(s),
		    s->segment.cover_count, (unsigned long long)s->inserted,
		    (unsigned long long)s->wrong);
	if (!x->out->json)
		return 0;
	one = json_new_object();
	if (name.len > 0)
		json_set_hex(one, "path_hex", name);
	json_set_text(one, "method", method_of(s));
	json_set_int(one, "at", (int64_t)s->at);
	json_set_int(one, "len", (int64_t)s->segment.len);
	json_set_int(one, "covers", s->segment.cover_count);
	json_set_int(one, "inserted", (int64_t)s->inserted);
	json_set_int(one, "changed", (int64_t)s->wrong);
	json_set_int(one, "bytes", (int64_t)s->packed);
	json_add(x->files, one);
	return 0;
}

static void tell_totals(struct explain *x, const struct delta_totals *t)
{
	struct json *streams = json_new_object();

	report_line(x->out, "%llu bytes in %llu copies cost next to nothing",
		    (unsigned long long)x->copied,
		    (unsigned long long)x->copies);
	for (unsigned i = 0; i < DELTA_STREAMS; i++) {
		report_line(x->out, "%10llu bytes of %s, from %llu",
			    (unsigned long long)t->packed[i],
			    delta_stream_name(i),
			    (unsigned long long)t->raw[i]);
		json_set_int(streams, delta_stream_name(i),
			     (int64_t)t->packed[i]);
	}
	report_line(x->out, "%10llu bytes of headers of %llu records",
		    (unsigned long long)t->headers,
		    (unsigned long long)t->records);
	for (unsigned i = 0; i < DELTA_PREDICTORS; i++)
		if (t->blocks[i] > 0)
			report_line(x->out, "%10llu blocks predicted: %s",
				    (unsigned long long)t->blocks[i],
				    delta_predictor_name(i));
	json_set(report_object(x->out), "streams", streams);
	json_set_int(report_object(x->out), "records", (int64_t)t->records);
	json_set_int(report_object(x->out), "headers", (int64_t)t->headers);
	json_set_int(report_object(x->out), "copied", (int64_t)x->copied);
}

/* ---- the package --------------------------------------------------------- */

static int read_file_at(void *ctx, uint64_t offset, void *out, size_t len,
			struct err *e)
{
	size_t got;

	if (fs_read_at(*(const int *)ctx, offset, out, len, &got, e))
		return -1;
	return got == len ? 0 : err_set(e, ERR_FORMAT, "package is cut off");
}

static int more(void *ctx, void *out, size_t len, size_t *got, struct err *e)
{
	return package_read(ctx, out, len, got, e);
}

/* The digest of a head, read by itself. */
static int digest_head(int fd, uint64_t len, struct sha256 *out, struct err *e)
{
	struct buf head = BUF_INIT((size_t)len);
	uint8_t *bytes = buf_reserve(&head, (size_t)len, e);
	int rc = -1;

	if (bytes && !read_file_at(&fd, 0, bytes, (size_t)len, e)) {
		sha256_of((struct slice){ bytes, (size_t)len }, out);
		rc = 0;
	}
	buf_done(&head);
	return rc;
}

static int open_delta(int *fd, struct package_reader **out, struct err *e)
{
	const struct package_source from = { fd, read_file_at };
	struct sha256 digest;
	struct stat st;
	uint64_t head;

	if (fstat(*fd, &st))
		return err_sys(e, "look at the package");
	if (package_find_head((uint64_t)st.st_size, &head, e) ||
	    digest_head(*fd, head, &digest, e) ||
	    package_open(&from, (uint64_t)st.st_size, head, &digest, out, e))
		return -1;
	if (package_header(*out)->kind == PACKAGE_DELTA)
		return 0;
	package_close(*out);
	*out = NULL;
	return err_set(e, ERR_USAGE, "this is a full package");
}

/* What is left of the payload: the list came before it. */
static int tell_whole(struct explain *x, struct package_reader *package,
		      struct err *e)
{
	uint64_t len = 0;
	uint8_t bytes[4096];
	size_t got;

	do {
		if (package_read(package, bytes, sizeof(bytes), &got, e))
			return -1;
		len += got;
	} while (got > 0);
	if (x->list_len + len != package_header(package)->plain_len)
		return err_set(e, ERR_FORMAT, "delta is cut off");
	report_line(x->out,
		    "%10llu bytes of all content, compressed behind all of the "
		    "old",
		    (unsigned long long)len);
	json_set_int(report_object(x->out), "whole", (int64_t)len);
	return 0;
}

static int explain_package(struct explain *x, struct package_reader *package,
			   struct err *e)
{
	const struct delta_source from = { .ctx = package,
					   .more = more,
					   .old_len = INT64_MAX };
	const struct delta_visit visit = { x, tell_segment };
	const enum package_codec codec = package_header(package)->codec;
	struct delta_totals totals;

	if (delta_read_members(codec, &from, INT64_MAX, &x->members,
			       &x->list_len, e))
		return -1;
	if (x->members.whole) {
		tell_members(x);
		return tell_whole(x, package, e);
	}
	if (delta_explain(codec, &from, &visit, &totals, e))
		return -1;
	tell_members(x);
	tell_totals(x, &totals);
	json_set(report_object(x->out), "files", json_clone(x->files));
	return 0;
}

static int explain_file(struct explain *x, const char *path, struct err *e)
{
	struct package_reader *package = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = -1;

	if (fd < 0)
		return err_sys(e, "%s", path);
	if (open_delta(&fd, &package, e) == 0)
		rc = explain_package(x, package, e);
	package_close(package);
	fs_close(&fd);
	delta_members_done(&x->members);
	return rc ? err_in(e, "%s", path) : 0;
}

/* ---- the command --------------------------------------------------------- */

static int load(const char *input, const char *attributes,
		struct pack_tree **out, struct err *e)
{
	struct pack_settings how = { .attributes = TREE_APP,
				     .scratch_dirfd = -1,
				     .quiet = true };
	int rc = -1;

	if (!input)
		return 0;
	if (attributes && strcmp(attributes, "system") == 0)
		how.attributes = TREE_SYSTEM;
	else if (attributes && strcmp(attributes, "app") != 0)
		return err_set(e, ERR_USAGE, "attributes are app or system");
	if (fs_open_dir(SCRATCH, &how.scratch_dirfd, e) == 0)
		rc = pack_load(&how, input, out, e);
	fs_close(&how.scratch_dirfd);
	return rc;
}

int cmd_delta_explain(int argc, char **argv, struct err *e)
{
	struct report out = { 0 };
	const char *input = NULL, *attributes = NULL;
	const struct opt opts[] = {
		OPT_TEXT("input", "DIR|TAR", &input,
			 "the content that it leads to: names of files"),
		OPT_TEXT("attributes", "SET", &attributes,
			 "app (default) or system, as of that release"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	struct explain x = { .out = &out };
	char **operands;
	int count, rc = -1;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	x.files = json_new_array();
	if (count != 1)
		err_set(e, ERR_USAGE, "one FILE is needed");
	else if (sandbox_writes(input ? SCRATCH : NULL, NULL, e) == 0 &&
		 load(input, attributes, &x.content, e) == 0)
		rc = explain_file(&x, operands[0], e);
	pack_tree_free(x.content);
	json_free(x.files);
	return report_end(&out, rc, e);
}
