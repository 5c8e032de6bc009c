/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/journal.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>

#include "common/fs.h"

#define MAGIC      UINT64_C(0x314e524a4c574150) /* "PAWLJRN1" */
#define SIGNED_LEN (JOURNAL_RECORD_LEN - SHA256_LEN)

static const char *const names[2] = { "journal.0", "journal.1" };

/* ---- one record ---------------------------------------------------------- */

/* A record under construction; its layout never exceeds SIGNED_LEN. */
struct record {
	uint8_t *out;
	size_t len;
};

static void put_bytes(struct record *r, const void *bytes, size_t len)
{
	assert(len <= SIGNED_LEN - r->len);
	memcpy(r->out + r->len, bytes, len);
	r->len += len;
}

static void put(struct record *r, uint64_t value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)(value >> (8 * i));

		put_bytes(r, &byte, 1);
	}
}

void journal_format(const struct journal *j, uint64_t sequence,
		    uint8_t out[JOURNAL_RECORD_LEN])
{
	struct record r = { .out = out };
	struct sha256 sum;

	memset(out, 0, JOURNAL_RECORD_LEN);
	put(&r, MAGIC, 8);
	put(&r, sequence, 8);
	put(&r, (uint64_t)j->machine.state, 1);
	put(&r, (uint64_t)j->machine.reason, 1);
	put(&r, (uint64_t)j->machine.from, 1);
	put(&r, (uint64_t)j->machine.to, 1);
	put(&r, j->machine.attempts_left, 4);
	put(&r, j->activation, 8);
	put(&r, j->attempt, 8);
	put(&r, j->report_sequence, 4);
	put(&r, j->failures, 4);
	put(&r, (uint64_t)j->time_floor, 8);
	put_bytes(&r, j->digest.bytes, SHA256_LEN);
	put_bytes(&r, j->release, sizeof(j->release));
	put_bytes(&r, j->detail, sizeof(j->detail));
	put(&r, j->refused_count, 4);
	put_bytes(&r, j->refused, sizeof(j->refused));
	sha256_of((struct slice){ out, SIGNED_LEN }, &sum);
	memcpy(out + SIGNED_LEN, sum.bytes, SHA256_LEN);
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

static bool is_sound(const struct journal *j)
{
	const struct machine *m = &j->machine;

	return m->state < MACHINE_STATES && m->reason < REASONS &&
	       m->from <= SLOT_B && m->to <= SLOT_B &&
	       m->attempts_left <= MACHINE_ATTEMPTS &&
	       j->refused_count <= POLICY_REFUSED_MAX && j->time_floor >= 0 &&
	       is_text(j->release, sizeof(j->release)) &&
	       is_text(j->detail, sizeof(j->detail));
}

static void parse_fields(struct rd *r, struct journal *j)
{
	j->machine.state = (enum machine_state)rd_u8(r);
	j->machine.reason = (enum machine_reason)rd_u8(r);
	j->machine.from = (enum slot)rd_u8(r);
	j->machine.to = (enum slot)rd_u8(r);
	j->machine.attempts_left = rd_le32(r);
	j->activation = rd_le64(r);
	j->attempt = rd_le64(r);
	j->report_sequence = rd_le32(r);
	j->failures = rd_le32(r);
	j->time_floor = (int64_t)rd_le64(r);
	rd_copy(r, j->digest.bytes, SHA256_LEN);
	rd_copy(r, j->release, sizeof(j->release));
	rd_copy(r, j->detail, sizeof(j->detail));
	j->refused_count = rd_le32(r);
	rd_copy(r, j->refused, sizeof(j->refused));
}

int journal_parse(struct slice in, struct journal *j, uint64_t *sequence,
		  struct err *e)
{
	struct journal to = { 0 };
	struct sha256 sum;
	struct rd r;
	uint64_t number;

	if (in.len != JOURNAL_RECORD_LEN)
		return err_set(e, ERR_FORMAT, "not a journal record");
	sha256_of(slice_sub(in, 0, SIGNED_LEN), &sum);
	if (memcmp(sum.bytes, in.ptr + SIGNED_LEN, SHA256_LEN) != 0)
		return err_set(e, ERR_FORMAT, "damaged record");
	r = rd_init(slice_sub(in, 0, SIGNED_LEN));
	if (rd_le64(&r) != MAGIC)
		return err_set(e, ERR_FORMAT, "another version of the journal");
	number = rd_le64(&r);
	parse_fields(&r, &to);
	while (r.rest.len > 0)
		if (rd_u8(&r) != 0)
			return err_set(e, ERR_FORMAT, "unknown fields");
	if (rd_finish(&r, e))
		return -1;
	if (!is_sound(&to))
		return err_set(e, ERR_FORMAT, "impossible values");
	*j = to;
	*sequence = number;
	return 0;
}

/* ---- the two files ------------------------------------------------------- */

struct found {
	bool any, valid;
	struct journal journal;
	uint64_t sequence;
	unsigned which;
};

static int look(int fd, unsigned which, struct found *found, struct err *e)
{
	/* One byte more, so that a file that is too long is seen. */
	uint8_t bytes[JOURNAL_RECORD_LEN + 1];
	struct journal j;
	struct err damage;
	uint64_t sequence;
	size_t got;

	if (fs_read_at(fd, 0, bytes, sizeof(bytes), &got, e))
		return -1;
	if (got == 0)
		return 0;
	found->any = true;
	if (journal_parse((struct slice){ bytes, got }, &j, &sequence, &damage))
		return 0;
	if (found->valid && sequence < found->sequence)
		return 0;
	found->valid = true;
	found->journal = j;
	found->sequence = sequence;
	found->which = which;
	return 0;
}

static void settle(const struct found *found, struct journal *j, bool *reset)
{
	*j = found->journal;
	*reset = found->any && !found->valid;
}

int journal_peek(int dirfd, struct journal *j, bool *reset, struct err *e)
{
	struct found found = { 0 };

	for (unsigned i = 0; i < 2; i++) {
		struct err missing = { 0 };
		int fd = -1;
		int rc;

		if (fs_open(dirfd, names[i], O_RDONLY, &fd, &missing)) {
			if (missing.code == ERR_NOT_FOUND)
				continue;
			*e = missing;
			return -1;
		}
		rc = look(fd, i, &found, e);
		fs_close(&fd);
		if (rc)
			return -1;
	}
	settle(&found, j, reset);
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

int journal_open(int dirfd, struct journal_file *f, struct journal *j,
		 bool *reset, struct err *e)
{
	struct journal_file to = { .fd = { -1, -1 } };
	struct found found = { 0 };

	for (unsigned i = 0; i < 2; i++)
		if (open_or_create(dirfd, names[i], &to.fd[i], e) ||
		    look(to.fd[i], i, &found, e)) {
			journal_close(&to);
			return err_in(e, "journal");
		}
	settle(&found, j, reset);
	to.sequence = found.sequence;
	to.newest = found.which;
	*f = to;
	return 0;
}

int journal_write(struct journal_file *f, const struct journal *j,
		  struct err *e)
{
	uint8_t bytes[JOURNAL_RECORD_LEN];
	uint8_t back[JOURNAL_RECORD_LEN];
	unsigned which = 1 - f->newest;
	size_t got;

	journal_format(j, f->sequence + 1, bytes);
	if (fs_write_at(f->fd[which], 0, (struct slice){ bytes, sizeof(bytes) },
			e) ||
	    fs_truncate(f->fd[which], sizeof(bytes), e) ||
	    fs_sync(f->fd[which], e) ||
	    fs_read_at(f->fd[which], 0, back, sizeof(back), &got, e))
		return err_in(e, "journal");
	if (got != sizeof(back) || memcmp(bytes, back, sizeof(back)) != 0)
		return err_set(e, ERR_SYSTEM,
			       "journal: the disk does not keep what is "
			       "written");
	f->newest = which;
	f->sequence++;
	return 0;
}

void journal_close(struct journal_file *f)
{
	fs_close(&f->fd[0]);
	fs_close(&f->fd[1]);
}
