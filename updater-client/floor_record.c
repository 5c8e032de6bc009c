/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/floor_record.h"

#include <assert.h>
#include <string.h>

#define MAGIC       UINT64_C(0x31524c464c574150) /* "PAWLFLR1" */
#define PAYLOAD_LEN (FLOOR_RECORD_LEN - TWIN_HEAD_LEN - SHA256_LEN)
#define USED_LEN    16

/* ---- the rules ----------------------------------------------------------- */

static void raise_to(uint64_t *floor, uint64_t value)
{
	if (value > *floor)
		*floor = value;
}

uint64_t floor_to_install(const struct floor_facts *f)
{
	uint64_t floor = f->record.stored;

	raise_to(&floor, f->record.verified);
	raise_to(&floor, f->counter);
	raise_to(&floor, f->slots[0]);
	raise_to(&floor, f->slots[1]);
	return floor;
}

uint64_t floor_to_store(const struct floor_facts *f)
{
	const uint64_t learned[] = { f->record.verified, f->slots[0],
				     f->slots[1] };
	uint64_t floor = f->record.stored;

	/* The hardware was advanced by a device that had stored it. */
	raise_to(&floor, f->counter);
	for (size_t i = 0; f->confirmed && i < ARRAY_LEN(learned); i++)
		if (learned[i] <= f->content_seq)
			raise_to(&floor, learned[i]);
	return floor;
}

/* ---- the record ---------------------------------------------------------- */

static void put_le64(uint8_t *out, uint64_t value)
{
	for (size_t i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

static struct slice format_payload(const struct floor_record *r,
				   uint8_t out[USED_LEN])
{
	put_le64(out, r->stored);
	put_le64(out + 8, r->verified);
	return (struct slice){ out, USED_LEN };
}

static int parse_payload(struct slice in, struct floor_record *r, struct err *e)
{
	struct floor_record to;
	struct rd rd = rd_init(in);

	to.stored = rd_le64(&rd);
	to.verified = rd_le64(&rd);
	/* A payload has one length, and there is room for more fields in it. */
	assert(!rd.bad);
	while (rd.rest.len > 0)
		if (rd_u8(&rd) != 0)
			return err_set(e, ERR_FORMAT, "unknown fields");
	*r = to;
	return 0;
}

static int check_payload(struct slice in, struct err *e)
{
	struct floor_record unused;

	return parse_payload(in, &unused, e);
}

static const struct twin_kind kind = {
	.what = "floor",
	.names = { "floor.0", "floor.1" },
	.magic = MAGIC,
	.len = FLOOR_RECORD_LEN,
	.check = check_payload,
};

int floor_record_parse(struct slice in, struct floor_record *r,
		       uint64_t *sequence, struct err *e)
{
	struct slice payload;
	uint64_t number;

	if (twin_parse(&kind, in, &payload, &number, e) ||
	    parse_payload(payload, r, e))
		return -1;
	*sequence = number;
	return 0;
}

void floor_record_format(const struct floor_record *r, uint64_t sequence,
			 uint8_t out[FLOOR_RECORD_LEN])
{
	uint8_t payload[USED_LEN];

	twin_format(&kind, format_payload(r, payload), sequence, out);
}

/* ---- the two files ------------------------------------------------------- */

static void settle(const struct twin_found *found, struct floor_record *r,
		   bool *reset)
{
	struct err checked;

	/* A valid payload was parsed when it was found. */
	if (!found->valid ||
	    parse_payload((struct slice){ found->payload, PAYLOAD_LEN }, r,
			  &checked))
		*r = (struct floor_record){ .stored = 0 };
	*reset = found->reset;
}

int floor_record_open(int dirfd, struct twin_file *file, struct floor_record *r,
		      bool *reset, struct err *e)
{
	struct twin_found found;

	if (twin_open(dirfd, &kind, file, &found, e))
		return -1;
	settle(&found, r, reset);
	return 0;
}

int floor_record_peek(int dirfd, struct floor_record *r, bool *reset,
		      struct err *e)
{
	struct twin_found found;

	if (twin_peek(dirfd, &kind, &found, e))
		return -1;
	settle(&found, r, reset);
	return 0;
}

int floor_record_write(struct twin_file *file, const struct floor_record *r,
		       struct err *e)
{
	uint8_t payload[USED_LEN];

	return twin_write(file, format_payload(r, payload), e);
}
