/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/journal.h"

#include <assert.h>
#include <string.h>

#include "common/utc.h"

#define MAGIC       UINT64_C(0x314e524a4c574150) /* "PAWLJRN1" */
#define PAYLOAD_LEN (JOURNAL_RECORD_LEN - TWIN_HEAD_LEN - SHA256_LEN)

/* ---- one record ---------------------------------------------------------- */

/* A payload under construction; its layout never exceeds PAYLOAD_LEN. */
struct record {
	uint8_t *out;
	size_t len;
};

static void put_bytes(struct record *r, const void *bytes, size_t len)
{
	assert(len <= PAYLOAD_LEN - r->len);
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

static struct slice format_payload(const struct journal *j,
				   uint8_t out[PAYLOAD_LEN])
{
	struct record r = { .out = out };

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
	put(&r, j->refusals.count, 4);
	put_bytes(&r, j->refusals.digests, sizeof(j->refusals.digests));
	put(&r, (uint64_t)j->trusted_until, 8);
	put(&r, j->machine.stops, 1);
	put_bytes(&r, j->boot, sizeof(j->boot));
	put_bytes(&r, j->vouched_by.bytes, sizeof(j->vouched_by.bytes));
	put(&r, j->vouched, 1);
	put(&r, (uint64_t)j->handled, 1);
	put(&r, j->untold, 4);
	put(&r, j->machine.proven, 1);
	put(&r, j->stranger, 8);
	put(&r, j->refusals.seq, 8);
	put(&r, j->refusals.retry, 8);
	return (struct slice){ out, r.len };
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

/* What can be formatted: nobody's checksum makes year 10000 true. */
static bool is_time(int64_t sec)
{
	return sec >= 0 && sec <= UTC_LAST;
}

static bool is_sound(const struct journal *j)
{
	const struct machine *m = &j->machine;

	return m->state < MACHINE_STATES && m->reason < REASONS &&
	       m->from <= SLOT_B && m->to <= SLOT_B &&
	       m->attempts_left <= MACHINE_ATTEMPTS &&
	       m->stops <= MACHINE_STOPS && is_text(j->boot, sizeof(j->boot)) &&
	       j->refusals.count <= REFUSALS_MAX &&
	       j->vouched < 1U << (SLOT_B + 1) &&
	       m->proven < 1U << (SLOT_B + 1) && j->handled <= SLOT_B &&
	       is_time(j->time_floor) && is_time(j->trusted_until) &&
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
	j->refusals.count = rd_le32(r);
	rd_copy(r, j->refusals.digests, sizeof(j->refusals.digests));
	j->trusted_until = (int64_t)rd_le64(r);
	j->machine.stops = rd_u8(r);
	rd_copy(r, j->boot, sizeof(j->boot));
	rd_copy(r, j->vouched_by.bytes, sizeof(j->vouched_by.bytes));
	j->vouched = rd_u8(r);
	j->handled = (enum slot)rd_u8(r);
	j->untold = rd_le32(r);
	j->machine.proven = rd_u8(r);
	j->stranger = rd_le64(r);
	j->refusals.seq = rd_le64(r);
	j->refusals.retry = rd_le64(r);
}

static int parse_payload(struct slice in, struct journal *j, struct err *e)
{
	struct journal to = { 0 };
	struct rd r = rd_init(in);

	parse_fields(&r, &to);
	while (r.rest.len > 0)
		if (rd_u8(&r) != 0)
			return err_set(e, ERR_FORMAT, "unknown fields");
	if (rd_finish(&r, e))
		return -1;
	if (!is_sound(&to))
		return err_set(e, ERR_FORMAT, "impossible values");
	*j = to;
	return 0;
}

static int check_payload(struct slice in, struct err *e)
{
	struct journal unused;

	return parse_payload(in, &unused, e);
}

static const struct twin_kind kind = {
	.what = "journal",
	.names = { "journal.0", "journal.1" },
	.magic = MAGIC,
	.len = JOURNAL_RECORD_LEN,
	.check = check_payload,
};

void journal_format(const struct journal *j, uint64_t sequence,
		    uint8_t out[JOURNAL_RECORD_LEN])
{
	uint8_t payload[PAYLOAD_LEN];

	twin_format(&kind, format_payload(j, payload), sequence, out);
}

int journal_parse(struct slice in, struct journal *j, uint64_t *sequence,
		  struct err *e)
{
	struct slice payload;
	uint64_t number;

	if (twin_parse(&kind, in, &payload, &number, e) ||
	    parse_payload(payload, j, e))
		return -1;
	*sequence = number;
	return 0;
}

/* ---- the two files ------------------------------------------------------- */

static void settle(const struct twin_found *found, struct journal *j,
		   bool *reset)
{
	struct err checked;

	/* A valid payload was parsed when it was found. */
	if (!found->valid ||
	    parse_payload((struct slice){ found->payload, PAYLOAD_LEN }, j,
			  &checked))
		memset(j, 0, sizeof(*j));
	*reset = found->reset;
}

int journal_peek(int dirfd, struct journal *j, bool *reset, struct err *e)
{
	struct twin_found found;

	if (twin_peek(dirfd, &kind, &found, e))
		return -1;
	settle(&found, j, reset);
	return 0;
}

int journal_open(int dirfd, struct twin_file *f, struct journal *j, bool *reset,
		 struct err *e)
{
	struct twin_found found;

	if (twin_open(dirfd, &kind, f, &found, e))
		return -1;
	settle(&found, j, reset);
	return 0;
}

int journal_write(struct twin_file *f, const struct journal *j, struct err *e)
{
	uint8_t payload[PAYLOAD_LEN];

	return twin_write(f, format_payload(j, payload), e);
}
