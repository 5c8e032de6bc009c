/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/scan.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "signer/pack_tree.h"
#include "signer/secrets.h"

#define WINDOW_LEN 65536

/* What a file holds, and where. */
struct found {
	const char *what; /* NULL: nothing */
	uint64_t at;
	bool program;
};

/* Read window by window; each looks a little into the next one. */
static int scan_file(const struct pack_tree *t, uint32_t index, uint64_t len,
		     uint8_t *window, struct found *f, struct err *e)
{
	size_t got, start, offset;

	*f = (struct found){ 0 };
	for (uint64_t from = 0; from < len && !f->what; from += WINDOW_LEN) {
		got = WINDOW_LEN + SECRETS_REACH;
		if (got > len - from)
			got = (size_t)(len - from);
		start = got < WINDOW_LEN ? got : WINDOW_LEN;
		if (pack_tree_read(t, index, from, window, got, e))
			return -1;
		if (from == 0)
			f->program =
				got > 4 && memcmp(window, "\177ELF", 4) == 0;
		f->what = secrets_find((struct slice){ window, got }, start,
				       got == len, &offset);
		if (f->what)
			f->at = from + offset;
	}
	return 0;
}

static bool is_listed(const struct opt_list *allowed, struct slice path,
		      bool *used)
{
	for (size_t i = 0; i < allowed->count; i++)
		if (slice_equal(slice_of(allowed->at[i]), path)) {
			used[i] = true;
			return true;
		}
	return false;
}

static int judge(const struct scan *s, struct slice path, const struct found *f,
		 bool *used, struct err *e)
{
	char shown[256];

	if (!f->what || is_listed(s->allowed, path, used))
		return 0;
	text_escape(path, shown, sizeof(shown));
	if (!f->program || !s->programs_may)
		return err_set(e, ERR_REFUSED,
			       "%s holds %s at byte %llu: no device may be "
			       "given one (--allow-secret names an exception)",
			       shown, f->what, (unsigned long long)f->at);
	report_note(s->out,
		    "the program %s holds %s at byte %llu; outside a demo this "
		    "is refused",
		    shown, f->what, (unsigned long long)f->at);
	return 0;
}

static int scan_all(const struct pack_tree *t, const struct scan *s, bool *used,
		    uint8_t *window, struct err *e)
{
	struct tree_entry entry;
	struct found f;

	for (uint32_t i = 0; i < t->tree.count; i++) {
		tree_entry(&t->tree, i, &entry);
		if (entry.type == TREE_FILE &&
		    (scan_file(t, i, entry.len, window, &f, e) ||
		     judge(s, entry.path, &f, used, e)))
			return -1;
	}
	return 0;
}

int scan_content(const struct pack_tree *t, const struct scan *s, struct err *e)
{
	uint8_t *window = mem_alloc(WINDOW_LEN + SECRETS_REACH, 1);
	bool used[OPT_LIST_MAX] = { false };
	int rc = scan_all(t, s, used, window, e);

	free(window);
	for (size_t i = 0; rc == 0 && i < s->allowed->count; i++)
		if (!used[i])
			rc = err_set(
				e, ERR_USAGE,
				"--allow-secret %s: no file with a private "
				"key",
				s->allowed->at[i]);
	return rc;
}
