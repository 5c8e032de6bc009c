/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/scan.h"

#include "common/text.h"
#include "signer/pack_tree.h"
#include "signer/sift.h"

#define SHOWN_LEN 160

/* The file that is being looked through. */
struct reading {
	const struct pack_tree *tree;
	struct scan *scan;
	struct tree_entry entry;
	uint32_t index;
	uint64_t at;
	bool warned;
};

static int read_entry(void *ctx, void *out, size_t len, size_t *got,
		      struct err *e)
{
	struct reading *r = ctx;

	if (len > r->entry.len - r->at)
		len = (size_t)(r->entry.len - r->at);
	if (pack_tree_read(r->tree, r->index, r->at, out, len, e))
		return -1;
	r->at += len;
	*got = len;
	return 0;
}

/* What is the exception for? A name that no component has is of the path. */
static size_t owner_of(const struct scan *s, struct slice text,
		       struct slice *path)
{
	struct slice name, rest;

	for (size_t i = 0; i < s->component_count; i++) {
		name = slice_of(s->components[i]);
		rest = slice_sub(text, name.len, text.len);
		if (name.len > 0 && rest.len > 0 && rest.ptr[0] == ':' &&
		    slice_equal(slice_sub(text, 0, name.len), name)) {
			*path = slice_sub(rest, 1, rest.len);
			return i;
		}
	}
	*path = text;
	return 0;
}

/* The exception for the file under way; NULL: there is none. */
static const char *exception(struct reading *r)
{
	struct scan *s = r->scan;
	struct slice path;

	for (size_t i = 0; i < s->allowed->count; i++)
		if (owner_of(s, slice_of(s->allowed->at[i]), &path) ==
			    s->component &&
		    slice_equal(path, r->entry.path)) {
			s->used[i] = true;
			return s->allowed->at[i];
		}
	return NULL;
}

static int found(void *ctx, const struct sift_finding *f, struct err *e)
{
	struct reading *r = ctx;
	const char *allowed = exception(r);

	if (allowed) {
		report_note(r->scan->out,
			    "%s holds %s at byte %llu, which --allow-secret "
			    "%s lets pass",
			    f->path, f->what, (unsigned long long)f->offset,
			    allowed);
		return 0;
	}
	if (!f->program || !r->scan->programs_may)
		return err_set(e, ERR_REFUSED,
			       "%.200s holds %s at byte %llu: no device may be "
			       "given one (--allow-secret names an exception)",
			       f->path, f->what, (unsigned long long)f->offset);
	if (!r->warned)
		report_note(r->scan->out,
			    "the program %s holds %s at byte %llu; outside a "
			    "demo this is refused",
			    f->path, f->what, (unsigned long long)f->offset);
	r->warned = true;
	return 0;
}

static int refuse_unread(const struct reading *r, const char *path,
			 const char *why, struct err *e)
{
	const struct scan *s = r->scan;
	const bool further = s->component > 0;
	char shown[SHOWN_LEN];

	text_escape(r->entry.path, shown, sizeof(shown));
	return err_set(e, ERR_REFUSED,
		       "%.120s %.80s: so it cannot be searched for private "
		       "keys. Search what it is made of with `scan`, then say "
		       "--allow-secret '%s%s%s'",
		       path, why, further ? s->components[s->component] : "",
		       further ? ":" : "", shown);
}

static int unread(void *ctx, const char *path, const char *why, bool shut,
		  struct err *e)
{
	struct reading *r = ctx;
	const char *allowed = exception(r);

	if (shut && !allowed)
		return refuse_unread(r, path, why, e);
	if (shut)
		report_note(r->scan->out,
			    "%s %s: not searched whole, which --allow-secret "
			    "%s lets pass",
			    path, why, allowed);
	else
		report_note(r->scan->out, "%s was searched only in part: %s",
			    path, why);
	return 0;
}

static int scan_files(struct reading *r, struct sift *sift, struct err *e)
{
	struct peek_place place = { .fd = r->tree->fd };
	const struct sift_source source = { read_entry, r, &place };

	for (r->index = 0; r->index < r->tree->tree.count; r->index++) {
		tree_entry(&r->tree->tree, r->index, &r->entry);
		place.offset = r->tree->offsets[r->index];
		place.len = r->entry.len;
		r->at = 0;
		r->warned = false;
		if (r->entry.type == TREE_FILE &&
		    sift_file(sift, r->entry.path, &source, e))
			return -1;
	}
	return 0;
}

int scan_content(const struct pack_tree *t, struct scan *s, struct err *e)
{
	struct reading r = { .tree = t, .scan = s };
	const struct sift_watch watch = { found, unread, &r };
	const struct sift_settings settings = {
		.known = s->known,
		.exhaustive = s->exhaustive,
		.scratch_dirfd = s->scratch_dirfd,
	};
	struct sift *sift = sift_new(&watch, &settings);
	int rc = scan_files(&r, sift, e);

	sift_free(sift);
	return rc;
}

int scan_check_allowed(const struct scan *s, struct err *e)
{
	for (size_t i = 0; i < s->allowed->count; i++)
		if (!s->used[i])
			return err_set(e, ERR_USAGE,
				       "--allow-secret %s: no file with a "
				       "private key (of a further component: "
				       "COMPONENT:PATH)",
				       s->allowed->at[i]);
	return 0;
}
