/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/audit_verify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

#define CHECKPOINTS_MAX 1000000
#define LINE_MAX_LEN    (AUDIT_RECORD_MAX + 1)
#define BLOCK_LEN       65536
#define WAY_OUT         "was a backup restored? else take the server for compromised"

struct known {
	struct audit_checkpoint c;
	const char *kept; /* its path, or NULL: of the export itself */
};

struct run {
	const struct audit_check *check;
	struct known *known; /* by size, once sorted */
	size_t count, next;
	struct audit_keys keys;
	struct merkle_tree tree;
	int64_t time; /* of the record before */
	struct audit_findings found;
};

/* ---- lines of a file ----------------------------------------------------- */

typedef int take_line(struct run *run, struct slice line, struct err *e);

struct lines {
	int fd;
	uint8_t block[BLOCK_LEN];
	size_t len, at;
	struct buf line;
};

/* *more false at the end. A last line without an end was cut off. */
static int next_line(struct lines *l, bool *more, struct err *e)
{
	l->line.len = 0;
	for (;;) {
		struct slice rest = { l->block + l->at, l->len - l->at };
		const uint8_t *end =
			rest.len ? memchr(rest.ptr, '\n', rest.len) : NULL;
		size_t n = end ? (size_t)(end - rest.ptr) : rest.len;

		if (buf_add(&l->line, slice_sub(rest, 0, n), e))
			return -1;
		l->at += n + (end != NULL);
		*more = end != NULL;
		if (end)
			return 0;
		l->at = 0;
		if (fs_read(l->fd, l->block, BLOCK_LEN, &l->len, e))
			return -1;
		if (l->len == 0 && l->line.len > 0)
			return err_set(e, ERR_UNTRUSTED,
				       "its last line was cut off");
		if (l->len == 0)
			return 0;
	}
}

static int each_line(struct run *run, const char *name, take_line *take,
		     struct err *e)
{
	struct lines *l = mem_alloc(1, sizeof(*l));
	uint64_t number = 1;
	bool more = false;
	int rc = -1;

	l->fd = -1;
	l->line = (struct buf)BUF_INIT(LINE_MAX_LEN);
	if (fs_open(run->check->dirfd, name, O_RDONLY | O_CLOEXEC, &l->fd, e)) {
		(void)err_in(e, "is this what `audit export` wrote?");
		goto out;
	}
	for (;; number++) {
		if (next_line(l, &more, e) ||
		    (more && take(run, buf_slice(&l->line), e))) {
			err_in(e, "%s: line %llu", name,
			       (unsigned long long)number);
			goto out;
		}
		if (!more)
			break;
	}
	rc = 0;
out:
	fs_close(&l->fd);
	buf_done(&l->line);
	free(l);
	return rc;
}

/* ---- keys ---------------------------------------------------------------- */

/*
 * Found before anything is judged; that the record is the one that was signed,
 * and in its place, is found later, as of every other.
 */
static int note_key(struct run *run, struct slice line, struct err *e)
{
	static const char mark[] = "{\"act\":\"log-key\"";
	struct audit_record r = { 0 };
	int rc;

	if (!slice_equal(slice_sub(line, 0, sizeof(mark) - 1), slice_of(mark)))
		return 0;
	rc = audit_record_parse(line, &r, e) ||
			     audit_keys_note(&run->keys, &r, e)
		     ? -1
		     : 0;
	audit_record_done(&r);
	return rc;
}

static int pin_listed(struct run *run, struct err *e)
{
	const struct log_keys *l = run->check->listed;

	for (size_t i = 0; l && i < l->count; i++)
		if (audit_keys_pin_listed(&run->keys, &l->at[i].key,
					  l->at[i].until, e))
			return -1;
	return 0;
}

static int read_keys(struct run *run, struct err *e)
{
	if (pin_listed(run, e))
		return -1;
	for (size_t i = 0; i < run->check->key_count; i++)
		if (audit_keys_pin(&run->keys, &run->check->keys[i], e))
			return -1;
	return each_line(run, AUDIT_RECORDS_FILE, note_key, e);
}

static size_t count_signers(const struct audit_keys *k)
{
	size_t count = 0;

	for (size_t i = 0; i < k->count; i++)
		count += k->at[i].signed_once;
	return count;
}

/* ---- checkpoints --------------------------------------------------------- */

static int add_known(struct run *run, const struct audit_checkpoint *c,
		     const char *kept, struct err *e)
{
	if (run->count == CHECKPOINTS_MAX)
		return err_set(e, ERR_LIMIT, "too many checkpoints");
	if (run->count % 64 == 0)
		run->known = mem_resize(run->known, run->count + 64,
					sizeof(*run->known));
	run->known[run->count++] = (struct known){ .c = *c, .kept = kept };
	return 0;
}

static int take_checkpoint(struct run *run, struct slice line, struct err *e)
{
	struct audit_checkpoint c = { .time = 0 };
	const struct audit_checkpoint *last = &run->found.last;
	bool judged = false;

	if (audit_keys_open(&run->keys, line, &c, &judged, e))
		return -1;
	if (!judged) {
		run->found.passed_over++;
		return 0;
	}
	if (run->found.checkpoints > 0 &&
	    (c.head.size <= last->head.size || c.time < last->time))
		return err_set(e, ERR_UNTRUSTED,
			       "older than the checkpoint before it");
	run->found.last = c;
	run->found.checkpoints++;
	return add_known(run, &c, NULL, e);
}

static int take_kept(struct run *run, const char *path, struct err *e)
{
	struct buf text = BUF_INIT(AUDIT_CHECKPOINT_MAX + 1);
	struct audit_checkpoint c;
	int rc = -1;

	if (fs_read_path(path, &text, e) ||
	    audit_keys_open_kept(&run->keys, buf_slice(&text), &c, e))
		err_in(e, "%s", path);
	else
		rc = add_known(run, &c, path, e);
	buf_done(&text);
	return rc;
}

static int by_size(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	if (x->c.head.size != y->c.head.size)
		return x->c.head.size < y->c.head.size ? -1 : 1;
	return (x->kept != NULL) - (y->kept != NULL);
}

/* What kind of disagreement it is, in words. */
static int differs(const struct run *run, const struct known *k, struct err *e)
{
	char time[UTC_TEXT_LEN];
	uint64_t from =
		run->next > 0 ? run->known[run->next - 1].c.head.size : 0;

	utc_format(k->c.time, time);
	if (k->kept)
		return err_set(e, ERR_UNTRUSTED,
			       "the log was forked or rewritten: its first "
			       "%llu records are not those of the checkpoint "
			       "of %s in %s; " WAY_OUT,
			       (unsigned long long)k->c.head.size, time,
			       k->kept);
	return err_set(e, ERR_UNTRUSTED,
		       "records %llu to %llu are not those that were signed "
		       "on %s",
		       (unsigned long long)from,
		       (unsigned long long)k->c.head.size - 1, time);
}

/* Every checkpoint over as many records as were read so far must agree. */
static int check_heads(struct run *run, struct err *e)
{
	struct sha256 root;

	if (run->next == run->count ||
	    run->known[run->next].c.head.size != run->tree.size)
		return 0;
	merkle_root(&run->tree, &root);
	for (; run->next < run->count &&
	       run->known[run->next].c.head.size == run->tree.size;
	     run->next++)
		if (!sha256_equal(&root, &run->known[run->next].c.head.root))
			return differs(run, &run->known[run->next], e);
	return 0;
}

/* ---- records ------------------------------------------------------------- */

static int check_order(struct run *run, const struct audit_record *r,
		       struct err *e)
{
	if (r->number != run->tree.size)
		return err_set(e, ERR_UNTRUSTED,
			       "record %llu stands where %llu belongs",
			       (unsigned long long)r->number,
			       (unsigned long long)run->tree.size);
	if (r->time < run->time)
		return err_set(e, ERR_UNTRUSTED,
			       "its time is before that of the record before");
	run->time = r->time;
	run->found.clock_back += r->clock_back > 0;
	return 0;
}

static int take_record(struct run *run, struct slice line, struct err *e)
{
	const struct audit_check *check = run->check;
	struct audit_record r = { 0 };
	struct sha256 leaf;
	int rc = -1;

	if (audit_record_parse(line, &r, e) || check_order(run, &r, e))
		goto out;
	merkle_leaf(line, &leaf);
	if (merkle_add(&run->tree, &leaf, e) || check_heads(run, e) ||
	    (check->visit && check->visit(check->ctx, &r, e)))
		goto out;
	run->found.records++;
	rc = 0;
out:
	audit_record_done(&r);
	return rc;
}

static int check_end(const struct run *run, struct err *e)
{
	const struct known *k;
	char time[UTC_TEXT_LEN];

	if (run->next < run->count) {
		k = &run->known[run->count - 1];
		utc_format(k->c.time, time);
		return err_set(e, ERR_ROLLBACK,
			       "the log was cut: it has %llu records, and on "
			       "%s it had %llu; " WAY_OUT,
			       (unsigned long long)run->tree.size, time,
			       (unsigned long long)k->c.head.size);
	}
	if (run->found.checkpoints == 0 ||
	    run->found.last.head.size != run->tree.size)
		return err_set(e, ERR_UNTRUSTED,
			       "nobody signed the last %llu records",
			       (unsigned long long)(run->tree.size -
						    run->found.last.head.size));
	return 0;
}

int audit_verify(const struct audit_check *check, struct audit_findings *out,
		 struct err *e)
{
	struct run *run = mem_alloc(1, sizeof(*run));
	int rc = -1;

	run->check = check;
	if (read_keys(run, e) ||
	    each_line(run, AUDIT_CHECKPOINTS_FILE, take_checkpoint, e))
		goto out;
	for (size_t i = 0; i < check->kept_count; i++)
		if (take_kept(run, check->kept[i], e))
			goto out;
	if (run->count > 0)
		qsort(run->known, run->count, sizeof(*run->known), by_size);
	/* A checkpoint over nothing at all says nothing. */
	while (run->next < run->count && run->known[run->next].c.head.size == 0)
		run->next++;
	if (each_line(run, AUDIT_RECORDS_FILE, take_record, e) ||
	    check_end(run, e))
		goto out;
	run->found.keys = count_signers(&run->keys);
	*out = run->found;
	rc = 0;
out:
	free(run->known);
	free(run);
	return rc;
}
