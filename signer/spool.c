/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/spool.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

#define SHOWN_LEN      160
#define FOLDER_DEFAULT 0755
#define SYMLINK_MODE   0777
#define MODE_APP       0777
#define FIRST_ALLOC    256
#define LINKS_MAX      64 /* a link to a link to a link... */
#define NOWHERE        UINT32_MAX

/* The content of one file, maybe under several names. */
struct content {
	uint64_t offset, len;
	struct sha256 digest;
	uint32_t first; /* index of its first name in manifest order */
};

struct item {
	struct tree_entry entry; /* its slices point into `text` */
	uint8_t *text;           /* path, target and xattrs; heap */
	struct slice link;       /* a hard link: the other name */
	uint32_t content;        /* files: index of their content */
};

struct spool {
	enum tree_attributes attributes;
	int fd;
	uint64_t len;
	struct digest digest; /* of the file that is being added */
	bool in_file;
	struct item *items;
	uint32_t count, cap;
	struct content *contents;
	uint32_t content_count, content_cap;
};

int spool_new(int scratch_dirfd, enum tree_attributes attributes,
	      struct spool **out, struct err *e)
{
	struct spool *s;
	int fd = -1;

	if (fs_open_nameless(scratch_dirfd, &fd, e))
		return err_in(e, "scratch folder");
	s = mem_alloc(1, sizeof(*s));
	s->attributes = attributes;
	s->fd = fd;
	*out = s;
	return 0;
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->count; i++)
		free(s->items[i].text);
	fs_close(&s->fd);
	free(s->items);
	free(s->contents);
	free(s);
}

uint64_t spool_len(const struct spool *s)
{
	return s->len;
}

static int about(struct err *e, struct slice path)
{
	char shown[SHOWN_LEN];

	text_escape(path.len > 0 ? path : slice_of("."), shown, sizeof(shown));
	return err_in(e, "%s", shown);
}

/* ---- gathering ----------------------------------------------------------- */

static void end_file(struct spool *s)
{
	struct content *c;

	if (!s->in_file)
		return;
	c = &s->contents[s->content_count - 1];
	c->len = s->len - c->offset;
	digest_finish(&s->digest, &c->digest);
	s->in_file = false;
}

static void begin_file(struct spool *s)
{
	if (s->content_count == s->content_cap) {
		s->content_cap =
			s->content_cap > 0 ? s->content_cap * 2 : FIRST_ALLOC;
		s->contents = mem_resize(s->contents, s->content_cap,
					 sizeof(*s->contents));
	}
	s->contents[s->content_count++] =
		(struct content){ .offset = s->len, .first = NOWHERE };
	digest_start(&s->digest);
	s->in_file = true;
}

static struct slice keep(uint8_t **at, struct slice from)
{
	struct slice kept = { *at, from.len };

	if (from.len > 0)
		memcpy(*at, from.ptr, from.len);
	*at += from.len;
	return kept;
}

static int new_item(struct spool *s, const struct tree_entry *entry,
		    struct slice link, struct err *e)
{
	struct item *item;
	uint8_t *at;

	if (s->count == TREE_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "more than %u entries",
			       TREE_ENTRIES_MAX);
	if (s->count == s->cap) {
		s->cap = s->cap > 0 ? s->cap * 2 : FIRST_ALLOC;
		s->items = mem_resize(s->items, s->cap, sizeof(*s->items));
	}
	item = &s->items[s->count++];
	*item = (struct item){ .entry = *entry, .content = NOWHERE };
	item->text = mem_alloc(entry->path.len + entry->target.len +
				       entry->xattrs.len + link.len + 1,
			       1);
	at = item->text;
	item->entry.path = keep(&at, entry->path);
	item->entry.target = keep(&at, entry->target);
	item->entry.xattrs = keep(&at, entry->xattrs);
	item->link = keep(&at, link);
	return 0;
}

/* Drop what does not count with these attributes. */
static void strip(enum tree_attributes attributes, struct tree_entry *entry)
{
	struct tree_entry bare = {
		.type = entry->type,
		.path = entry->path,
		.mode = entry->mode & MODE_APP,
		.target = entry->target,
	};

	if (attributes == TREE_APP)
		*entry = bare;
	if (entry->type == TREE_SYMLINK)
		entry->mode = SYMLINK_MODE;
}

int spool_add(struct spool *s, const struct tree_entry *entry, struct err *e)
{
	struct tree_entry stripped = *entry;

	end_file(s);
	if (entry->path.len == 0) {
		if (s->attributes == TREE_APP)
			return 0;
	} else if (tree_path_check(entry->path, s->attributes, e)) {
		return about(e, entry->path);
	}
	strip(s->attributes, &stripped);
	if (new_item(s, &stripped, (struct slice){ 0 }, e))
		return -1;
	if (entry->type == TREE_FILE) {
		begin_file(s);
		s->items[s->count - 1].content = s->content_count - 1;
	}
	return 0;
}

int spool_add_link(struct spool *s, struct slice path, struct slice to,
		   struct err *e)
{
	const struct tree_entry entry = { .type = TREE_HARDLINK, .path = path };

	end_file(s);
	if (tree_path_check(path, s->attributes, e) ||
	    tree_path_check(to, s->attributes, e))
		return about(e, path);
	return new_item(s, &entry, to, e);
}

int spool_data(struct spool *s, struct slice bytes, struct err *e)
{
	if (fs_write(s->fd, bytes, e))
		return err_in(e, "spool");
	digest_add(&s->digest, bytes);
	s->len += bytes.len;
	return 0;
}

/* ---- order --------------------------------------------------------------- */

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return tree_path_compare(x->entry.path, y->entry.path);
}

static void sort_items(struct spool *s)
{
	if (s->count > 0)
		qsort(s->items, s->count, sizeof(*s->items), compare_items);
}

static struct item *find(struct spool *s, struct slice path)
{
	const struct item key = { .entry.path = path };

	if (s->count == 0)
		return NULL;
	return bsearch(&key, s->items, s->count, sizeof(*s->items),
		       compare_items);
}

static int refuse_doubles(const struct spool *s, struct err *e)
{
	for (uint32_t i = 1; i < s->count; i++) {
		struct slice path = s->items[i].entry.path;

		if (slice_equal(s->items[i - 1].entry.path, path)) {
			err_set(e, ERR_FORMAT, "comes twice");
			return about(e, path);
		}
	}
	return 0;
}

/* Is path the folder itself or something beneath it? */
static bool is_within(struct slice path, struct slice folder)
{
	return path.len >= folder.len &&
	       slice_equal(slice_sub(path, 0, folder.len), folder) &&
	       (path.len == folder.len || path.ptr[folder.len] == '/');
}

/*
 * Append the folders that are missing above one entry. In sorted order, what
 * the entry before it lies within is there, or was appended for that one.
 */
static int add_parents(struct spool *s, struct slice path, struct slice before,
		       struct err *e)
{
	struct tree_entry folder = { .type = TREE_FOLDER,
				     .mode = FOLDER_DEFAULT };

	for (folder.path = tree_parent(path); folder.path.len > 0;
	     folder.path = tree_parent(folder.path)) {
		if (is_within(before, folder.path))
			break;
		if (new_item(s, &folder, (struct slice){ 0 }, e))
			return -1;
	}
	return 0;
}

static int add_folders(struct spool *s, struct err *e)
{
	const struct tree_entry root = { .type = TREE_FOLDER,
					 .mode = FOLDER_DEFAULT };
	const uint32_t count = s->count;
	struct slice before = { 0 };

	if (s->attributes == TREE_SYSTEM && !find(s, root.path) &&
	    new_item(s, &root, (struct slice){ 0 }, e))
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct slice path = s->items[i].entry.path;

		if (add_parents(s, path, before, e))
			return -1;
		before = path;
	}
	sort_items(s);
	return 0;
}

/* ---- hard links ---------------------------------------------------------- */

/* A link becomes what it is another name of, content and attributes. */
static int resolve(struct spool *s, struct item *link, struct err *e)
{
	const struct item *to = link;
	const struct slice path = link->entry.path;

	for (unsigned i = 0; i < LINKS_MAX && to && to->link.len > 0; i++)
		to = find(s, to->link);
	if (!to || to->link.len > 0 || to->entry.type == TREE_FOLDER) {
		err_set(e, ERR_FORMAT, "hard link to nothing");
		return about(e, path);
	}
	link->content = to->content;
	link->entry = to->entry;
	link->entry.path = path;
	return 0;
}

static int resolve_links(struct spool *s, struct err *e)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->items[i].link.len > 0 && resolve(s, &s->items[i], e))
			return -1;
	return 0;
}

/* ---- the result ---------------------------------------------------------- */

static void fill_entry(struct spool *s, uint32_t index, struct tree_entry *out)
{
	const struct item *item = &s->items[index];
	struct content *c;

	*out = item->entry;
	if (item->content == NOWHERE)
		return;
	c = &s->contents[item->content];
	if (s->attributes == TREE_SYSTEM && c->first != NOWHERE) {
		*out = (struct tree_entry){ .type = TREE_HARDLINK,
					    .path = item->entry.path,
					    .link_to = c->first };
		return;
	}
	c->first = index;
	out->len = c->len;
	out->digest = c->digest;
}

static int build(struct spool *s, struct pack_tree *t, struct err *e)
{
	if (tree_begin(&t->manifest, s->attributes, e))
		return -1;
	t->offsets = mem_alloc(s->count, sizeof(*t->offsets));
	for (uint32_t i = 0; i < s->count; i++) {
		const struct item *item = &s->items[i];
		struct tree_entry entry;

		fill_entry(s, i, &entry);
		if (tree_add(&t->manifest, &entry, e))
			return about(e, entry.path);
		if (item->content != NOWHERE)
			t->offsets[i] = s->contents[item->content].offset;
	}
	return tree_parse(buf_slice(&t->manifest), &t->tree, e);
}

int spool_finish(struct spool *s, struct pack_tree **out, struct err *e)
{
	struct pack_tree *t;

	end_file(s);
	sort_items(s);
	if (refuse_doubles(s, e) || add_folders(s, e) || resolve_links(s, e))
		return -1;
	t = mem_alloc(1, sizeof(*t));
	t->manifest = (struct buf)BUF_INIT(TREE_MANIFEST_MAX);
	t->fd = s->fd;
	s->fd = -1;
	if (build(s, t, e)) {
		pack_tree_free(t);
		return -1;
	}
	*out = t;
	return 0;
}
