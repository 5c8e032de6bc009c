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

static bool is_allowed(struct reading *r)
{
	const struct opt_list *allowed = r->scan->allowed;

	for (size_t i = 0; i < allowed->count; i++)
		if (slice_equal(slice_of(allowed->at[i]), r->entry.path)) {
			r->scan->used[i] = true;
			return true;
		}
	return false;
}

static int found(void *ctx, const struct sift_finding *f, struct err *e)
{
	struct reading *r = ctx;

	if (is_allowed(r))
		return 0;
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

static int unread(void *ctx, const char *path, const char *why, bool shut,
		  struct err *e)
{
	struct reading *r = ctx;
	char shown[SHOWN_LEN];

	if (is_allowed(r))
		return 0;
	if (shut) {
		text_escape(r->entry.path, shown, sizeof(shown));
		return err_set(e, ERR_REFUSED,
			       "%.200s %.160s: so it cannot be searched for "
			       "private keys. Search what it is made of with "
			       "`scan`, then say --allow-secret '%.96s'",
			       path, why, shown);
	}
	report_note(r->scan->out, "%s was searched only in part: %s", path,
		    why);
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
				       "private key",
				       s->allowed->at[i]);
	return 0;
}
