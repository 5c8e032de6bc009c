/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/journal.h"

#include <assert.h>
#include <string.h>

#include "common/utc.h"

#define MAGIC       UINT64_C(0x314e524a4c574150) /* "PAWLJRN1" */
#define PAYLOAD_LEN (JOURNAL_RECORD_LEN - TWIN_HEAD_LEN - SHA256_LEN)

/* ---- one record ---------------------------------------------------------- */

/* One walk over the fields, either writing or reading them. */
struct walk {
	uint8_t *out; /* NULL: reading */
	size_t len;
	struct rd in;
};

static void walk_bytes(struct walk *w, void *bytes, size_t len)
{
	if (!w->out) {
		rd_copy(&w->in, bytes, len);
		return;
	}
	/* The layout never exceeds it. */
	assert(len <= PAYLOAD_LEN - w->len);
	memcpy(w->out + w->len, bytes, len);
	w->len += len;
}

static uint64_t walk_number(struct walk *w, uint64_t value, size_t len)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	walk_bytes(w, bytes, len);
	value = 0;
	while (len > 0)
		value = value << 8 | bytes[--len];
	return value;
}

static void walk_u64(struct walk *w, uint64_t *value)
{
	*value = walk_number(w, *value, 8);
}

static void walk_u32(struct walk *w, uint32_t *value)
{
	*value = (uint32_t)walk_number(w, *value, 4);
}

/* What is small takes a byte: is_sound() looks whether it is. */
static void walk_small(struct walk *w, uint32_t *value)
{
	*value = (uint32_t)walk_number(w, *value, 1);
}

static void walk_time(struct walk *w, int64_t *value)
{
	*value = (int64_t)walk_number(w, (uint64_t)*value, 8);
}

static void walk_slot(struct walk *w, enum slot *value)
{
	*value = (enum slot)walk_number(w, (uint64_t)*value, 1);
}

/* What came later stands at the end: older records have zeros there. */
static void walk_fields(struct walk *w, struct journal *j)
{
	struct machine *m = &j->machine;
	struct refusals *r = &j->refusals;

	m->state = (enum machine_state)walk_number(w, (uint64_t)m->state, 1);
	m->reason = (enum machine_reason)walk_number(w, (uint64_t)m->reason, 1);
	walk_slot(w, &m->from);
	walk_slot(w, &m->to);
	walk_u32(w, &m->attempts_left);
	walk_u64(w, &j->activation);
	walk_u64(w, &j->attempt);
	walk_u32(w, &j->report_sequence);
	walk_u32(w, &j->failures);
	walk_time(w, &j->time_floor);
	walk_bytes(w, j->digest.bytes, SHA256_LEN);
	walk_bytes(w, j->release, sizeof(j->release));
	walk_bytes(w, j->detail, sizeof(j->detail));
	walk_u32(w, &r->count);
	walk_bytes(w, r->digests, sizeof(r->digests));
	walk_time(w, &j->trusted_until);
	walk_small(w, &m->stops);
	walk_bytes(w, j->boot, sizeof(j->boot));
	walk_bytes(w, j->vouched_by.bytes, sizeof(j->vouched_by.bytes));
	walk_small(w, &j->vouched);
	walk_slot(w, &j->handled);
	walk_u32(w, &j->untold);
	walk_small(w, &m->proven);
	walk_u64(w, &j->stranger);
	walk_u64(w, &r->seq);
	walk_u64(w, &r->retry);
}

static struct slice format_payload(const struct journal *j,
				   uint8_t out[PAYLOAD_LEN])
{
	struct journal from = *j;
	struct walk w = { .out = out };

	walk_fields(&w, &from);
	return (struct slice){ out, w.len };
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

static int parse_payload(struct slice in, struct journal *j, struct err *e)
{
	struct walk w = { .in = rd_init(in) };
	struct journal to = { 0 };

	walk_fields(&w, &to);
	while (w.in.rest.len > 0)
		if (rd_u8(&w.in) != 0)
			return err_set(e, ERR_FORMAT, "unknown fields");
	if (rd_finish(&w.in, e))
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
