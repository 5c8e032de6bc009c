/* SPDX-License-Identifier: Apache-2.0 */
#include "common/apply_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "common/payload.h"

#define SHOWN_LEN 160
#define BLOCK_LEN 512 /* of which a tar has whole ones */

struct tar {
	const struct release *release;
	uint64_t plain_len;
	const struct tree_sink *sink;
	const struct tree_watch *watch;
	struct payload *payload;
	struct archive *archive;
	struct archive_entry *member; /* borrowed from archive */
	struct tree_flow *flow;
	struct err source;         /* why read_plain() failed */
	uint64_t begin;            /* of the tar, where libarchive began */
	struct slice held;         /* what it gets before the payload's next */
	struct package_point mark; /* the last place to go on at */
};

/* ---- libarchive ---------------------------------------------------------- */

static la_ssize_t read_plain(struct archive *archive, void *ctx,
			     const void **bytes)
{
	struct tar *t = ctx;
	struct slice got = t->held;

	t->held = (struct slice){ 0 };
	if (got.len == 0 && payload_next(t->payload, &got, &t->source)) {
		archive_set_error(archive, EIO, "payload");
		return ARCHIVE_FATAL;
	}
	(void)payload_point(t->payload, &t->mark); /* the last one stays */
	*bytes = got.ptr;
	return (la_ssize_t)got.len;
}

/* What libarchive complained of, or what read_plain() had to say before. */
static int tar_error(struct tar *t, struct err *e)
{
	const char *text = archive_error_string(t->archive);
	char shown[SHOWN_LEN];

	if (t->source.code != ERR_NONE) {
		*e = t->source;
		return -1;
	}
	text_escape(slice_of(text ? text : "not a tar"), shown, sizeof(shown));
	return err_set(e, ERR_FORMAT, "tar: %s", shown);
}

static int open_tar(struct tar *t, struct err *e)
{
	t->archive = archive_read_new();
	if (!t->archive)
		return err_set(e, ERR_SYSTEM, "libarchive: out of memory");
	if (archive_read_support_format_tar(t->archive) != ARCHIVE_OK ||
	    archive_read_open(t->archive, t, NULL, read_plain, NULL) !=
		    ARCHIVE_OK)
		return tar_error(t, e);
	return 0;
}

/* Anything but a clean header is an error: a warning is a damaged tar. */
static int next_member(struct tar *t, bool *end, struct err *e)
{
	int rc = archive_read_next_header(t->archive, &t->member);

	*end = rc == ARCHIVE_EOF;
	return rc == ARCHIVE_OK || rc == ARCHIVE_EOF ? 0 : tar_error(t, e);
}

static int read_data(struct tar *t, const void **bytes, size_t *len,
		     uint64_t expected_offset, struct err *e)
{
	la_int64_t offset = 0;
	int rc;

	rc = archive_read_data_block(t->archive, bytes, len, &offset);
	if (rc == ARCHIVE_EOF) {
		*len = 0;
		return 0;
	}
	if (rc != ARCHIVE_OK)
		return tar_error(t, e);
	if ((uint64_t)offset != expected_offset)
		return err_set(e, ERR_REFUSED, "tar: sparse member");
	return 0;
}

/* ---- member against manifest --------------------------------------------- */

static int differs(const struct tree_entry *entry, const char *how,
		   struct err *e)
{
	char shown[SHOWN_LEN];

	text_escape(entry->path, shown, sizeof(shown));
	return err_set(e, ERR_UNTRUSTED,
		       "tar: %s does not agree with the manifest at \"%s\"",
		       how, shown);
}

static bool text_is(const char *text, struct slice want)
{
	return text && slice_equal(slice_of(text), want);
}

/* Folders end with a slash in a tar; the tree's own one is "./". */
static bool name_agrees(struct archive_entry *m, const struct tree_entry *entry)
{
	struct slice name = slice_of(archive_entry_pathname(m));

	if (entry->type == TREE_FOLDER) {
		/* Of no name there is no last byte. */
		if (!slice_equal(slice_sub(name, name.len - 1, 1),
				 slice_of("/")))
			return false;
		name.len--;
		if (entry->path.len == 0)
			return slice_equal(name, slice_of("."));
	}
	return slice_equal(name, entry->path);
}

static bool type_agrees(struct archive_entry *m, const struct tree_entry *entry)
{
	static const mode_t types[] = {
		[TREE_FOLDER] = AE_IFDIR,  [TREE_FILE] = AE_IFREG,
		[TREE_SYMLINK] = AE_IFLNK, [TREE_CHAR] = AE_IFCHR,
		[TREE_BLOCK] = AE_IFBLK,   [TREE_FIFO] = AE_IFIFO,
	};

	return archive_entry_filetype(m) == types[entry->type];
}

static bool xattrs_agree(struct archive_entry *m,
			 const struct tree_entry *entry)
{
	const char *name;
	const void *value;
	size_t len;

	if (archive_entry_xattr_reset(m) != entry->xattr_count)
		return false;
	while (archive_entry_xattr_next(m, &name, &value, &len) == ARCHIVE_OK) {
		struct slice rest = entry->xattrs;
		struct tree_xattr x;
		bool found = false;

		while (!found && tree_xattr_next(&rest, &x))
			found = text_is(name, x.name) &&
				slice_equal((struct slice){ value, len },
					    x.value);
		if (!found)
			return false;
	}
	return true;
}

static bool owner_agrees(struct archive_entry *m,
			 const struct tree_entry *entry)
{
	return archive_entry_uid(m) == entry->uid &&
	       archive_entry_gid(m) == entry->gid &&
	       archive_entry_mtime(m) == entry->mtime_sec &&
	       archive_entry_mtime_nsec(m) == (long)entry->mtime_nsec;
}

/* Things that no manifest of ours can ask for. */
static bool has_more(struct archive_entry *m)
{
	unsigned long set = 0, clear = 0;
	const int extended =
		ARCHIVE_ENTRY_ACL_TYPE_DEFAULT | ARCHIVE_ENTRY_ACL_TYPE_NFS4;

	archive_entry_fflags(m, &set, &clear);
	return set != 0 || clear != 0 || archive_entry_sparse_count(m) > 0 ||
	       (archive_entry_acl_types(m) & extended) != 0 ||
	       archive_entry_acl_count(m, ARCHIVE_ENTRY_ACL_TYPE_ACCESS) > 0;
}

static int check_hardlink(struct tar *t, const struct tree_entry *entry,
			  struct err *e)
{
	struct tree_entry to;

	tree_entry(tree_flow_tree(t->flow), entry->link_to, &to);
	if (!text_is(archive_entry_hardlink(t->member), to.path))
		return differs(entry, "hard link", e);
	if (archive_entry_size(t->member) != 0)
		return differs(entry, "length of a hard link", e);
	return 0;
}

static int check_member(struct tar *t, const struct tree_entry *entry,
			struct err *e)
{
	struct archive_entry *m = t->member;

	if (!name_agrees(m, entry))
		return differs(entry, "name", e);
	/* A hard link has no type of its own, so it is looked at first. */
	if (entry->type == TREE_HARDLINK)
		return check_hardlink(t, entry, e);
	if (archive_entry_hardlink(m) || !type_agrees(m, entry))
		return differs(entry, "type", e);
	if (archive_entry_perm(m) != entry->mode)
		return differs(entry, "mode", e);
	if (archive_entry_size(m) < 0 ||
	    (uint64_t)archive_entry_size(m) != entry->len)
		return differs(entry, "length", e);
	if (entry->type == TREE_SYMLINK &&
	    !text_is(archive_entry_symlink(m), entry->target))
		return differs(entry, "link target", e);
	if ((entry->type == TREE_CHAR || entry->type == TREE_BLOCK) &&
	    (archive_entry_rdevmajor(m) != entry->major ||
	     archive_entry_rdevminor(m) != entry->minor))
		return differs(entry, "device number", e);
	if (!owner_agrees(m, entry))
		return differs(entry, "owner or time", e);
	if (!xattrs_agree(m, entry) || has_more(m))
		return differs(entry, "extended attributes", e);
	return 0;
}

/* ---- going on ------------------------------------------------------------ */

/* Where the next member begins, once this one has no more data. */
static uint64_t position(const struct tar *t)
{
	return t->begin + (uint64_t)archive_filter_bytes(t->archive, 0);
}

/* All up to there is in the flow: does a frame end there? */
static int point(struct tar *t, uint64_t at, struct err *e)
{
	return at == t->mark.plain ? tree_flow_point(t->flow, &t->mark, e) : 0;
}

/* Content for which libarchive saw no header, or the padding behind it. */
static int take_held(struct tar *t, uint64_t *padding, struct err *e)
{
	const uint64_t left = tree_flow_left(t->flow);
	const uint64_t want = left > 0 ? left : *padding;
	struct slice part;

	if (t->held.len == 0 && payload_next(t->payload, &t->held, e))
		return -1;
	part = slice_sub(t->held, 0,
			 want < t->held.len ? (size_t)want : t->held.len);
	if (part.len == 0)
		return err_set(e, ERR_FORMAT, "tar: a file is cut off");
	t->held = slice_sub(t->held, part.len, t->held.len);
	t->begin += part.len;
	if (left == 0) {
		*padding -= part.len;
		return 0;
	}
	if (tree_flow_data(t->flow, part, e))
		return -1;
	return left > part.len && payload_point(t->payload, &t->mark)
		       ? point(t, t->begin, e)
		       : 0;
}

/* To the next member. */
static int go_on(struct tar *t, struct err *e)
{
	const struct package_point *from = &t->sink->from;
	const uint64_t end = from->plain + tree_flow_left(t->flow);
	uint64_t padding = (0 - end) % BLOCK_LEN;

	if (payload_resume(t->payload, from, e))
		return -1;
	t->begin = from->plain;
	while (from->within > 0 && tree_flow_left(t->flow) + padding > 0)
		if (take_held(t, &padding, e))
			return -1;
	return 0;
}

/* ---- the whole tar ------------------------------------------------------- */

static int read_manifest(struct tar *t, struct buf *manifest, struct err *e)
{
	const void *bytes;
	uint64_t got = 0;
	size_t len;
	bool end;

	if (next_member(t, &end, e))
		return -1;
	/* Whatever it is of: it must have the bytes whose digest is signed. */
	if (end || !text_is(archive_entry_pathname(t->member),
			    slice_of(APPLY_MANIFEST_NAME)))
		return err_set(e, ERR_FORMAT,
			       "tar does not begin with the manifest");
	do {
		if (read_data(t, &bytes, &len, got, e))
			return -1;
		got += len;
		if (got > t->release->manifest_len)
			return err_set(e, ERR_LIMIT,
				       "manifest is longer than signed");
		if (buf_add(manifest, (struct slice){ bytes, len }, e))
			return err_in(e, "manifest");
	} while (len > 0);
	return 0;
}

static int read_content(struct tar *t, const struct tree_entry *entry,
			struct err *e)
{
	const uint64_t begin = position(t);
	const void *bytes;
	size_t len;

	do {
		uint64_t left = tree_flow_left(t->flow);

		if (read_data(t, &bytes, &len, entry->len - left, e))
			return -1;
		if (len > left)
			return differs(entry, "length", e);
		if (tree_flow_data(t->flow, (struct slice){ bytes, len }, e))
			return -1;
		left -= len;
		if (left > 0 && point(t, begin + entry->len - left, e))
			return -1;
	} while (len > 0);
	return 0;
}

/*
 * libarchive stops behind the two blocks that end a tar. There the payload
 * must end too, so that nothing hides behind the first content.
 */
static int check_rest(struct tar *t, struct err *e)
{
	struct slice rest;

	if (position(t) != t->plain_len)
		return err_set(e, ERR_FORMAT, "tar: bytes after its end");
	/* So nothing is left, unless the payload is longer than its header
	 * says, and that it finds out when it is asked for more. */
	return payload_next(t->payload, &rest, e);
}

/* The next entry with the member that carries it. */
static int read_entry(struct tar *t, bool *end, struct err *e)
{
	struct tree_entry entry;
	bool tar_end;

	*end = !tree_flow_peek(t->flow, &entry);
	if (point(t, position(t), e) || next_member(t, &tar_end, e))
		return -1;
	if (*end != tar_end)
		return err_set(e, ERR_UNTRUSTED,
			       "tar holds %s than the manifest",
			       tar_end ? "less" : "more");
	if (*end)
		return 0;
	/* Compared before the sink hears of the entry. */
	if (check_member(t, &entry, e) || tree_flow_next(t->flow, e))
		return -1;
	return entry.type == TREE_FILE ? read_content(t, &entry, e) : 0;
}

static int run(struct tar *t, struct buf *manifest, struct err *e)
{
	const bool again = t->sink->from.packed > 0;
	bool end = false;

	if ((!again && (open_tar(t, e) || read_manifest(t, manifest, e))) ||
	    tree_flow_begin(t->release, buf_slice(manifest), t->sink, t->watch,
			    &t->flow, e) ||
	    (again && (go_on(t, e) || open_tar(t, e))))
		return -1;
	while (!end)
		if (read_entry(t, &end, e))
			return -1;
	if (check_rest(t, e))
		return -1;
	return tree_flow_end(t->flow, e);
}

int apply_tar(const struct release *r, struct package_reader *package,
	      const struct tree_sink *sink, const struct tree_watch *watch,
	      struct buf *manifest, struct err *e)
{
	struct tar t = { .release = r,
			 .plain_len = package_header(package)->plain_len,
			 .sink = sink,
			 .watch = watch };
	int rc = -1;

	if (!payload_open(package, &t.payload, e))
		rc = run(&t, manifest, e);
	archive_read_free(t.archive);
	tree_flow_free(t.flow);
	payload_close(t.payload);
	return rc;
}
