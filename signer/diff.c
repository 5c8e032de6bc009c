/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/diff.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

#define DIFF_TEXT_MAX (16u << 20)
#define DIFF_PATH_MAX 8192

/* Where we are: the path so far, which grows and shrinks as we walk. */
struct walk {
	struct buf path;
	struct json *changes;
};

static int diff_values(struct walk *w, const struct json *before,
		       const struct json *after, struct err *e);

/* ---- paths --------------------------------------------------------------- */

static bool is_plain(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	return *name && strspn(name, letters) == strlen(name);
}

static int enter(struct walk *w, const char *name, struct err *e)
{
	char *shown;
	int rc;

	if (is_plain(name))
		return buf_addf(&w->path, e, "%s%s", w->path.len ? "." : "",
				name);
	shown = mem_alloc(4 * strlen(name) + 1, 1);
	text_escape(slice_of(name), shown, 4 * strlen(name) + 1);
	rc = buf_addf(&w->path, e, "[\"%s\"]", shown);
	free(shown);
	return rc;
}

static void leave(struct walk *w, size_t len)
{
	w->path.len = len;
	if (w->path.ptr)
		w->path.ptr[len] = 0;
}

/* ---- noting differences -------------------------------------------------- */

static void note(struct walk *w, const char *suffix, const struct json *before,
		 const struct json *after)
{
	const char *kind = !before ? "added" : !after ? "removed" : "changed";
	struct json *change = json_new_object();
	size_t len = w->path.len;
	struct err ignored;

	json_set_text(change, "change", kind);
	/* At the path's ceiling the suffix, for people only, is left out. */
	if (buf_addf(&w->path, &ignored, "%s", suffix))
		leave(w, len);
	json_set_text(change, "path", buf_text(&w->path));
	leave(w, len);
	if (before)
		json_set(change, "before", json_clone(before));
	if (after)
		json_set(change, "after", json_clone(after));
	json_add(w->changes, change);
}

static bool is_flat(const struct json *array)
{
	for (size_t i = 0; i < json_count(array); i++)
		if (!json_is_string(json_at(array, i)) &&
		    !json_is_integer(json_at(array, i)))
			return false;
	return true;
}

static bool contains(const struct json *array, const struct json *value)
{
	for (size_t i = 0; i < json_count(array); i++)
		if (json_same(json_at(array, i), value))
			return true;
	return false;
}

static void diff_sets(struct walk *w, const struct json *before,
		      const struct json *after)
{
	size_t noted = json_count(w->changes);

	for (size_t i = 0; i < json_count(before); i++)
		if (!contains(after, json_at(before, i)))
			note(w, "[]", json_at(before, i), NULL);
	for (size_t i = 0; i < json_count(after); i++)
		if (!contains(before, json_at(after, i)))
			note(w, "[]", NULL, json_at(after, i));
	/* Another order, or an element twice, is a difference as well. */
	if (json_count(w->changes) == noted && !json_same(before, after))
		note(w, "", before, after);
}

static int diff_member(struct walk *w, const char *name,
		       const struct json *before, const struct json *after,
		       struct err *e)
{
	size_t len = w->path.len;
	int rc;

	if (enter(w, name, e))
		return -1;
	rc = diff_values(w, before, after, e);
	leave(w, len);
	return rc;
}

static int diff_objects(struct walk *w, const struct json *before,
			const struct json *after, struct err *e)
{
	for (void *m = json_first(before); m; m = json_next(before, m))
		if (!json_get(after, json_name(m)) &&
		    diff_member(w, json_name(m), json_value(m), NULL, e))
			return -1;
	for (void *m = json_first(after); m; m = json_next(after, m))
		if (diff_member(w, json_name(m), json_get(before, json_name(m)),
				json_value(m), e))
			return -1;
	return 0;
}

static bool both(bool (*is)(const struct json *), const struct json *a,
		 const struct json *b)
{
	return (is(a) || is(b)) && (!a || is(a)) && (!b || is(b)) &&
	       json_count(a) + json_count(b) > 0;
}

static int diff_values(struct walk *w, const struct json *before,
		       const struct json *after, struct err *e)
{
	if (before && after && json_same(before, after))
		return 0;
	if (both(json_is_object, before, after))
		return diff_objects(w, before, after, e);
	if (both(json_is_array, before, after) && is_flat(before) &&
	    is_flat(after))
		diff_sets(w, before, after);
	else
		note(w, "", before, after);
	return 0;
}

int diff_json(const struct json *before, const struct json *after,
	      struct json *changes, struct err *e)
{
	struct walk w = { .path = BUF_INIT(DIFF_PATH_MAX), .changes = changes };
	int rc = diff_values(&w, before, after, e);

	buf_done(&w.path);
	return rc;
}

/* ---- lines --------------------------------------------------------------- */

static int add_value(struct buf *out, const struct json *value, struct err *e)
{
	struct buf raw = BUF_INIT(DIFF_TEXT_MAX);
	char *shown = NULL;
	int rc = -1;

	if (json_canonical(value, &raw, e))
		goto out;
	shown = mem_alloc(4 * raw.len + 1, 1);
	text_escape(buf_slice(&raw), shown, 4 * raw.len + 1);
	rc = buf_add(out, slice_of(shown), e);
out:
	free(shown);
	buf_done(&raw);
	return rc;
}

int diff_line(const struct json *change, struct buf *out, struct err *e)
{
	const struct json *before = json_get(change, "before");
	const struct json *after = json_get(change, "after");
	const char *path = json_text(json_get(change, "path"));

	if (before && after)
		return buf_addf(out, e, "~ %s: ", path) ||
				       add_value(out, before, e) ||
				       buf_addf(out, e, " -> ") ||
				       add_value(out, after, e)
			       ? -1
			       : 0;
	return buf_addf(out, e, "%s %s = ", before ? "-" : "+", path) ||
			       add_value(out, before ? before : after, e)
		       ? -1
		       : 0;
}
