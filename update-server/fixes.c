/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/fixes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"

struct entry {
	char product[NAME_MAX_LEN + 1];
	char models[RELEASE_MODELS_MAX * (NAME_MAX_LEN + 1)]; /* by spaces */
	char hardware[RELEASE_HARDWARE_MAX * (NAME_MAX_LEN + 1)]; /* too */
	uint64_t seq, content_seq;
	bool listed;
	struct json *fixes; /* an array of texts */
};

struct fixes {
	struct entry *entries;
	size_t count;
};

struct fixes *fixes_new(void)
{
	return mem_alloc(1, sizeof(struct fixes));
}

void fixes_free(struct fixes *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->count; i++)
		json_free(f->entries[i].fixes);
	free(f->entries);
	free(f);
}

/* Details of before there was any undo do not say whose content it is. */
static int read_detail(const struct json *detail, struct entry *n,
		       struct err *e)
{
	const struct json *fixes = json_get(detail, "fixes");
	int64_t content = (int64_t)n->seq;

	if (!json_is_array(fixes))
		return err_set(e, ERR_FORMAT, "detail: no fixes");
	for (size_t i = 0; i < json_count(fixes); i++)
		if (!json_is_string(json_at(fixes, i)))
			return err_set(e, ERR_FORMAT, "fixes: not a text");
	if (json_get(detail, "content_seq") &&
	    json_get_int(detail, "content_seq", 0, JSON_INT_MAX, &content, e))
		return -1;
	n->content_seq = (uint64_t)content;
	n->fixes = json_clone(fixes);
	return 0;
}

int fixes_add(struct fixes *f, const struct store_release *r, struct err *e)
{
	struct entry n = { .seq = r->seq, .listed = r->listed };
	struct json *detail = NULL;
	int rc = -1;

	memcpy(n.product, r->product, sizeof(n.product));
	memcpy(n.models, r->models, sizeof(n.models));
	memcpy(n.hardware, r->hardware, sizeof(n.hardware));
	if (json_parse(slice_of(r->detail), &detail, e) == 0)
		rc = read_detail(detail, &n, e);
	json_free(detail);
	if (rc)
		return err_in(e, "release %s", r->id);
	if (f->count % 64 == 0)
		f->entries = mem_resize(f->entries, f->count + 64,
					sizeof(*f->entries));
	f->entries[f->count++] = n;
	return 0;
}

/* ---- asking -------------------------------------------------------------- */

static bool brings(const struct entry *n, const char *cve)
{
	for (size_t i = 0; i < json_count(n->fixes); i++)
		if (strcasecmp(json_text(json_at(n->fixes, i)), cve) == 0)
			return true;
	return false;
}

/* Of the content that runs there; releases keep their seq for ever. */
static uint64_t content_of(const struct fixes *f, const struct fixes_device *d)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->entries[i].seq == d->seq &&
		    strcmp(f->entries[i].product, d->product) == 0)
			return f->entries[i].content_seq;
	return d->seq;
}

static bool is_for(const struct entry *n, const struct fixes_device *d)
{
	return n->listed && strcmp(n->product, d->product) == 0 &&
	       rollout_has_word(n->models, d->model) &&
	       rollout_has_word(n->hardware, d->hardware);
}

bool fixes_is_behind(const struct fixes *f, const struct fixes_device *d)
{
	uint64_t runs = d->has_release ? content_of(f, d) : 0;

	for (size_t i = 0; i < f->count; i++) {
		const struct entry *n = &f->entries[i];

		if (json_count(n->fixes) > 0 && is_for(n, d) &&
		    (!d->has_release || n->content_seq > runs))
			return true;
	}
	return false;
}

bool fixes_lacks(const struct fixes *f, const char *cve,
		 const struct fixes_device *d)
{
	uint64_t runs = d->has_release ? content_of(f, d) : 0;
	bool asked = false;

	for (size_t i = 0; i < f->count; i++) {
		const struct entry *n = &f->entries[i];

		if (!is_for(n, d) || !brings(n, cve))
			continue;
		if (d->has_release && n->content_seq <= runs)
			return false;
		asked = true;
	}
	return asked;
}

size_t fixes_count(const struct fixes *f, const char *cve)
{
	size_t count = 0;

	for (size_t i = 0; i < f->count; i++)
		count += f->entries[i].listed && brings(&f->entries[i], cve);
	return count;
}
