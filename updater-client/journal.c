/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/journal.h"

#include <assert.h>
#include <string.h>

#include "common/utc.h"
#include "updater-client/walk.h"

#define MAGIC       UINT64_C(0x314e524a4c574150) /* "PAWLJRN1" */
#define PAYLOAD_LEN (JOURNAL_RECORD_LEN - TWIN_HEAD_LEN - SHA256_LEN)
#define SLOTS_ALL   ((1U << (SLOT_B + 1)) - 1) /* a bit each */

/* ---- one record ---------------------------------------------------------- */

/* What came later stands at the end: older records have zeros there. */
static void walk_fields(struct walk *w, struct journal *j)
{
	struct machine *m = &j->machine;
	struct refusals *r = &j->refusals;

	m->state =
		(enum machine_state)walk_small(w, m->state, MACHINE_STATES - 1);
	m->reason = (enum machine_reason)walk_small(w, m->reason, REASONS - 1);
	m->from = (enum slot)walk_small(w, m->from, SLOT_B);
	m->to = (enum slot)walk_small(w, m->to, SLOT_B);
	walk_u32(w, &m->attempts_left);
	walk_u64(w, &j->activation);
	walk_u64(w, &j->attempt);
	walk_u32(w, &j->report_sequence);
	walk_u32(w, &j->failures);
	walk_time(w, &j->time_floor);
	walk_digest(w, &j->digest);
	walk_bytes(w, j->release, sizeof(j->release));
	walk_bytes(w, j->detail, sizeof(j->detail));
	walk_u32(w, &r->count);
	walk_bytes(w, r->digests, sizeof(r->digests));
	walk_time(w, &j->trusted_until);
	m->stops = walk_small(w, m->stops, MACHINE_STOPS);
	walk_bytes(w, j->boot, sizeof(j->boot));
	walk_bytes(w, j->vouched_by.bytes, sizeof(j->vouched_by.bytes));
	j->vouched = walk_small(w, j->vouched, SLOTS_ALL);
	j->handled = (enum slot)walk_small(w, j->handled, SLOT_B);
	walk_u32(w, &j->untold);
	m->proven = walk_small(w, m->proven, SLOTS_ALL);
	walk_u64(w, &j->stranger);
	walk_u64(w, &r->seq);
	walk_u64(w, &r->retry);
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

/* Of times what can be formatted: nobody's checksum makes year 10000 true. */
static bool is_sound(const struct journal *j)
{
	return j->machine.attempts_left <= MACHINE_ATTEMPTS &&
	       j->refusals.count <= REFUSALS_MAX && j->time_floor <= UTC_LAST &&
	       j->trusted_until <= UTC_LAST &&
	       is_text(j->boot, sizeof(j->boot)) &&
	       is_text(j->release, sizeof(j->release)) &&
	       is_text(j->detail, sizeof(j->detail));
}

static void format_payload(const struct journal *j, struct buf *out)
{
	struct journal from = *j;
	struct walk w = { .writing = true, .out = out };

	walk_fields(&w, &from);
	assert(!w.bad); /* the layout has room, and what we did is possible */
}

static int parse_payload(struct slice in, struct journal *j, struct err *e)
{
	struct walk w = { .in = rd_init(in) };
	struct journal to = { 0 };

	walk_fields(&w, &to);
	w.bad |= !is_sound(&to);
	if (walk_end(&w, e))
		return -1;
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
	struct buf payload = BUF_INIT(PAYLOAD_LEN);

	format_payload(j, &payload);
	twin_format(&kind, buf_slice(&payload), sequence, out);
	buf_done(&payload);
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
	struct buf payload = BUF_INIT(PAYLOAD_LEN);
	int rc;

	format_payload(j, &payload);
	rc = twin_write(f, buf_slice(&payload), e);
	buf_done(&payload);
	return rc;
}
