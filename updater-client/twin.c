/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/twin.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>

#include "common/fs.h"

/* ---- one record ---------------------------------------------------------- */

size_t twin_payload_len(const struct twin_kind *k)
{
	return k->len - TWIN_HEAD_LEN - SHA256_LEN;
}

static void put_le64(uint8_t *out, uint64_t value)
{
	for (size_t i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

void twin_format(const struct twin_kind *k, struct slice payload,
		 uint64_t sequence, uint8_t *out)
{
	struct sha256 sum;

	assert(k->len <= TWIN_RECORD_MAX);
	assert(payload.len <= twin_payload_len(k));
	memset(out, 0, k->len);
	put_le64(out, k->magic);
	put_le64(out + 8, sequence);
	memcpy(out + TWIN_HEAD_LEN, payload.ptr, payload.len);
	sha256_of((struct slice){ out, k->len - SHA256_LEN }, &sum);
	memcpy(out + k->len - SHA256_LEN, sum.bytes, SHA256_LEN);
}

int twin_parse(const struct twin_kind *k, struct slice in,
	       struct slice *payload, uint64_t *sequence, struct err *e)
{
	struct slice body, inside;
	struct sha256 sum;
	uint64_t number;
	struct rd r;

	if (in.len != k->len)
		return err_set(e, ERR_FORMAT, "no record of this kind");
	body = slice_sub(in, 0, k->len - SHA256_LEN);
	sha256_of(body, &sum);
	if (memcmp(sum.bytes, in.ptr + body.len, SHA256_LEN) != 0)
		return err_set(e, ERR_FORMAT, "damaged record");
	r = rd_init(body);
	if (rd_le64(&r) != k->magic)
		return err_set(e, ERR_FORMAT, "another version of the record");
	number = rd_le64(&r);
	inside = rd_slice(&r, twin_payload_len(k));
	/* The length was compared, and these are all its parts. */
	assert(!r.bad && r.rest.len == 0);
	if (k->check(inside, e))
		return -1;
	*payload = inside;
	*sequence = number;
	return 0;
}

/* ---- the two files ------------------------------------------------------- */

struct look {
	struct twin_found *found;
	uint64_t sequence;
	unsigned which;
	bool any;
};

static int look(const struct twin_kind *k, int fd, unsigned which,
		struct look *l, struct err *e)
{
	/* One byte more, so that a file that is too long is seen. */
	uint8_t bytes[TWIN_RECORD_MAX + 1];
	struct slice payload;
	struct err damage;
	uint64_t sequence;
	size_t got;

	if (fs_read_at(fd, 0, bytes, k->len + 1, &got, e))
		return -1;
	if (got == 0)
		return 0;
	l->any = true;
	if (twin_parse(k, (struct slice){ bytes, got }, &payload, &sequence,
		       &damage))
		return 0;
	if (l->found->valid && sequence < l->sequence)
		return 0;
	memcpy(l->found->payload, payload.ptr, payload.len);
	l->found->valid = true;
	l->sequence = sequence;
	l->which = which;
	return 0;
}

static struct look begin(struct twin_found *found)
{
	memset(found, 0, sizeof(*found));
	return (struct look){ .found = found };
}

static void settle(const struct look *l)
{
	l->found->reset = l->any && !l->found->valid;
}

int twin_peek(int dirfd, const struct twin_kind *k, struct twin_found *found,
	      struct err *e)
{
	struct look l = begin(found);

	for (unsigned i = 0; i < 2; i++) {
		struct err missing = { 0 };
		int fd = -1;
		int rc;

		if (fs_open(dirfd, k->names[i], O_RDONLY, &fd, &missing)) {
			if (missing.code == ERR_NOT_FOUND)
				continue;
			*e = missing;
			return err_in(e, "%s", k->what);
		}
		rc = look(k, fd, i, &l, e);
		fs_close(&fd);
		if (rc)
			return err_in(e, "%s", k->what);
	}
	settle(&l);
	return 0;
}

static int open_or_create(int dirfd, const char *name, int *fd, struct err *e)
{
	struct err missing = { 0 };

	if (fs_open(dirfd, name, O_RDWR, fd, &missing) == 0)
		return 0;
	if (missing.code == ERR_NOT_FOUND) {
		if (fs_create(dirfd, name, 0600, fd, e))
			return -1;
		return fs_sync(dirfd, e);
	}
	*e = missing;
	return -1;
}

int twin_open(int dirfd, const struct twin_kind *k, struct twin_file *f,
	      struct twin_found *found, struct err *e)
{
	struct twin_file to = { .kind = k, .fd = { -1, -1 } };
	struct look l = begin(found);

	for (unsigned i = 0; i < 2; i++)
		if (open_or_create(dirfd, k->names[i], &to.fd[i], e) ||
		    look(k, to.fd[i], i, &l, e)) {
			twin_close(&to);
			return err_in(e, "%s", k->what);
		}
	settle(&l);
	to.sequence = l.sequence;
	to.newest = l.which;
	*f = to;
	return 0;
}

int twin_write(struct twin_file *f, struct slice payload, struct err *e)
{
	/* Where less comes back there are zeros, and no record is zeros. */
	uint8_t bytes[TWIN_RECORD_MAX], back[TWIN_RECORD_MAX] = { 0 };
	unsigned which = 1 - f->newest;
	size_t len = f->kind->len;
	size_t got;

	twin_format(f->kind, payload, f->sequence + 1, bytes);
	if (fs_write_at(f->fd[which], 0, (struct slice){ bytes, len }, e) ||
	    fs_truncate(f->fd[which], len, e) || fs_sync(f->fd[which], e) ||
	    fs_read_at(f->fd[which], 0, back, len, &got, e))
		return err_in(e, "%s", f->kind->what);
	if (memcmp(bytes, back, len) != 0)
		return err_set(e, ERR_SYSTEM,
			       "%s: the disk does not keep what is written",
			       f->kind->what);
	f->newest = which;
	f->sequence++;
	return 0;
}

void twin_close(struct twin_file *f)
{
	fs_close(&f->fd[0]);
	fs_close(&f->fd[1]);
}
