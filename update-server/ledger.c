/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/ledger.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/hkdf.h"
#include "common/mem.h"

#define STEP 65536 /* bytes that are read at once */

struct ledger {
	int fd;
	uint8_t key[LEDGER_KEY_LEN];
	struct sha256 mac; /* of the last line */
	struct merkle_tree tree;
	uint64_t len; /* of whole lines */
	bool broken;
	bool unsealed; /* a copy that is only looked at */
};

/* HMAC-SHA256, which is what HKDF's first step is. */
static void mac_of(const struct ledger *l, struct slice record,
		   struct sha256 *out)
{
	uint8_t in[SHA256_LEN + LEDGER_LINE_MAX];

	memcpy(in, l->mac.bytes, SHA256_LEN);
	memcpy(in + SHA256_LEN, record.ptr, record.len);
	hkdf_extract((struct slice){ l->key, LEDGER_KEY_LEN },
		     (struct slice){ in, SHA256_LEN + record.len }, out->bytes);
}

static int grow(struct ledger *l, struct slice record, const struct sha256 *mac,
		struct err *e)
{
	struct sha256 leaf;

	merkle_leaf(record, &leaf);
	if (merkle_add(&l->tree, &leaf, e))
		return -1;
	l->mac = *mac;
	return 0;
}

/* ---- reading ------------------------------------------------------------- */

struct reading {
	struct ledger *l;
	const struct ledger_reader *reader;
	struct buf line, record;
};

/* Where it has the size that was signed, it has the root. */
static int check_growth(const struct ledger *l, const struct merkle_head *from,
			struct err *e)
{
	struct sha256 root;

	if (from->size != l->tree.size)
		return 0;
	merkle_root(&l->tree, &root);
	return sha256_equal(&root, &from->root)
		       ? 0
		       : err_set(e, ERR_UNTRUSTED,
				 "its records are not those that were signed");
}

static int take_json(struct reading *r, const struct json *j, struct err *e)
{
	const struct json *record;
	struct sha256 is, was;

	r->record.len = 0;
	if (json_get_hex(j, "mac", was.bytes, SHA256_LEN, e) ||
	    json_get_object(j, "record", &record, e) ||
	    json_canonical(record, &r->record, e))
		return -1;
	mac_of(r->l, buf_slice(&r->record), &is);
	if (!r->l->unsealed && !sha256_equal(&is, &was))
		return err_set(e, ERR_UNTRUSTED,
			       "it was not written by this keeper, or not "
			       "there");
	if (grow(r->l, buf_slice(&r->record), &is, e) ||
	    check_growth(r->l, &r->reader->grown_from, e))
		return -1;
	return r->reader->take(r->reader->ctx, record, e);
}

static int take_line(struct reading *r, struct slice line, struct err *e)
{
	struct json *j = NULL;
	int rc = json_parse(line, &j, e) || take_json(r, j, e) ? -1 : 0;

	json_free(j);
	if (rc == 0)
		return 0;
	/* Never half of it: what the keeper forgot it would allow again. */
	e->code = ERR_UNTRUSTED;
	return err_in(e, "line %llu", (unsigned long long)r->l->tree.size + 1);
}

/* All whole lines that the buffer holds; the rest stays in it. */
static int take_lines(struct reading *r, uint64_t *done, struct err *e)
{
	struct slice left = buf_slice(&r->line);
	const uint8_t *end;

	while (left.len > 0 && (end = memchr(left.ptr, '\n', left.len))) {
		size_t len = (size_t)(end - left.ptr);

		if (len >= LEDGER_LINE_MAX)
			return err_set(e, ERR_UNTRUSTED, "a line too long");
		if (take_line(r, slice_sub(left, 0, len), e))
			return -1;
		*done += len + 1;
		left = slice_sub(left, len + 1, left.len);
	}
	if (left.len >= LEDGER_LINE_MAX)
		return err_set(e, ERR_UNTRUSTED, "a line too long");
	if (left.len > 0) /* of an empty file there is no buffer */
		memmove(r->line.ptr, left.ptr, left.len);
	r->line.len = left.len;
	return 0;
}

static int read_all(struct reading *r, uint64_t *done, struct err *e)
{
	uint64_t at = 0;
	size_t got;

	do {
		uint8_t *room = buf_reserve(&r->line, STEP, e);

		if (!room || fs_read_at(r->l->fd, at, room, STEP, &got, e))
			return -1;
		r->line.len += got;
		at += got;
		if (take_lines(r, done, e))
			return -1;
	} while (got == STEP);
	if (r->l->tree.size >= r->reader->grown_from.size)
		return 0;
	return err_set(e, ERR_ROLLBACK,
		       "it has %llu records, and %llu were signed",
		       (unsigned long long)r->l->tree.size,
		       (unsigned long long)r->reader->grown_from.size);
}

/* Back to where the last whole line ends. */
static int cut(struct ledger *l, struct err *e)
{
	return fs_truncate(l->fd, l->len, e) || fs_sync(l->fd, e) ? -1 : 0;
}

static int read_ledger(struct reading *r, struct err *e)
{
	int rc = read_all(r, &r->l->len, e);

	/* The end of a line that a crash cut off: nobody was told of it. */
	if (rc == 0 && r->line.len > 0 && !r->l->unsealed)
		rc = cut(r->l, e);
	buf_done(&r->line);
	buf_done(&r->record);
	return rc;
}

static int open_file(int dirfd, const char *path, int *fd, struct err *e)
{
	struct err why = { 0 };

	if (fs_open(dirfd, path, O_RDWR | O_APPEND | O_CLOEXEC, fd, &why) == 0)
		return 0;
	/* What is there and cannot be read is never begun anew. */
	if (why.code != ERR_NOT_FOUND) {
		*e = why;
		return -1;
	}
	return fs_replace_file(dirfd, path, (struct slice){ 0 }, 0600, e) ||
			       fs_open(dirfd, path,
				       O_RDWR | O_APPEND | O_CLOEXEC, fd, e)
		       ? -1
		       : 0;
}

int ledger_open(int dirfd, const char *path, const uint8_t key[LEDGER_KEY_LEN],
		const struct ledger_reader *reader, struct ledger **out,
		struct err *e)
{
	struct ledger *l = mem_alloc(1, sizeof(*l));
	struct reading r = { .l = l,
			     .reader = reader,
			     .line = BUF_INIT(LEDGER_LINE_MAX + STEP),
			     .record = BUF_INIT(LEDGER_LINE_MAX) };

	l->fd = -1;
	memcpy(l->key, key, LEDGER_KEY_LEN);
	if (open_file(dirfd, path, &l->fd, e) || read_ledger(&r, e)) {
		ledger_close(l);
		return err_in(e, "%s", path);
	}
	*out = l;
	return 0;
}

int ledger_inspect(const char *path, const struct ledger_reader *reader,
		   struct err *e)
{
	struct ledger *l = mem_alloc(1, sizeof(*l));
	struct reading r = { .l = l,
			     .reader = reader,
			     .line = BUF_INIT(LEDGER_LINE_MAX + STEP),
			     .record = BUF_INIT(LEDGER_LINE_MAX) };
	int rc;

	l->unsealed = true;
	l->fd = open(path, O_RDONLY | O_CLOEXEC);
	rc = l->fd < 0 ? err_sys(e, "open") : read_ledger(&r, e);
	ledger_close(l);
	return rc ? err_in(e, "%s", path) : 0;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	fs_close(&l->fd);
	mem_wipe(l, sizeof(*l));
	free(l);
}

/* ---- writing ------------------------------------------------------------- */

static int write_line(struct ledger *l, const struct json *record,
		      const struct sha256 *mac, struct err *e)
{
	struct buf line = BUF_INIT(LEDGER_LINE_MAX);
	struct json *j = json_new_object();
	struct err ignored;
	int rc = -1;

	json_set_hex(j, "mac", (struct slice){ mac->bytes, SHA256_LEN });
	json_set(j, "record", json_clone(record));
	if (json_canonical(j, &line, e) || buf_addf(&line, e, "\n"))
		goto out;
	if (fs_write(l->fd, buf_slice(&line), e) || fs_sync(l->fd, e)) {
		l->broken = cut(l, &ignored) != 0;
		goto out;
	}
	l->len += line.len;
	rc = 0;
out:
	json_free(j);
	buf_done(&line);
	return rc;
}

int ledger_append(struct ledger *l, const struct json *record, struct err *e)
{
	struct buf bytes = BUF_INIT(LEDGER_LINE_MAX);
	struct sha256 mac;
	int rc = -1;

	if (l->broken)
		return err_set(e, ERR_SYSTEM,
			       "the keeper's ledger could not be written: "
			       "restart the server");
	if (json_canonical(record, &bytes, e) == 0) {
		mac_of(l, buf_slice(&bytes), &mac);
		rc = write_line(l, record, &mac, e) ||
				     grow(l, buf_slice(&bytes), &mac, e)
			     ? -1
			     : 0;
	}
	buf_done(&bytes);
	return rc ? err_in(e, "ledger") : 0;
}

uint64_t ledger_size(const struct ledger *l)
{
	return l->tree.size;
}

void ledger_head(const struct ledger *l, struct merkle_head *out)
{
	out->size = l->tree.size;
	merkle_root(&l->tree, &out->root);
}
