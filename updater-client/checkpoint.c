/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/checkpoint.h"

#include <string.h>

#include "common/release.h"

#define MAGIC       UINT64_C(0x3150434b4c574150) /* "PAWLKCP1" */
#define PAYLOAD_LEN (CHECKPOINT_LEN - TWIN_HEAD_LEN - SHA256_LEN)
#define POINT_LEN   (5 * 8 + 4)
#define USED_LEN    (2 + 2 * SHA256_LEN + POINT_LEN)

static struct slice format_payload(const struct checkpoint *c,
				   uint8_t out[USED_LEN])
{
	uint8_t *to = out;

	*to++ = (uint8_t)c->slot;
	*to++ = (uint8_t)c->part;
	memcpy(to, c->release.bytes, SHA256_LEN);
	memcpy(to + SHA256_LEN, c->package.bytes, SHA256_LEN);
	to += (size_t)2 * SHA256_LEN;
	for (size_t i = 0; i < 8; i++) {
		to[i] = (uint8_t)(c->at.packed >> (8 * i));
		to[8 + i] = (uint8_t)(c->at.plain >> (8 * i));
		to[16 + i] = (uint8_t)(c->at.within >> (8 * i));
		to[28 + i] = (uint8_t)(c->at.records >> (8 * i));
		to[36 + i] = (uint8_t)(c->at.again >> (8 * i));
	}
	for (size_t i = 0; i < 4; i++)
		to[24 + i] = (uint8_t)(c->at.entry >> (8 * i));
	return (struct slice){ out, USED_LEN };
}

static bool is_sound(const struct checkpoint *c)
{
	static const struct checkpoint none;

	if ((c->at.plain > 0) != (c->at.packed > 0) ||
	    (c->at.packed == 0 &&
	     (c->at.entry | c->at.within | c->at.records | c->at.again) > 0))
		return false;
	if (c->slot == SLOT_NONE)
		return sha256_equal(&c->release, &none.release) &&
		       sha256_equal(&c->package, &none.package) &&
		       c->part == 0 && c->at.packed == 0;
	return c->slot <= SLOT_B && c->part <= RELEASE_COMPONENTS_MAX;
}

static int parse_payload(struct slice in, struct checkpoint *c, struct err *e)
{
	struct checkpoint to = { .slot = SLOT_NONE };
	struct rd r = rd_init(in);

	to.slot = (enum slot)rd_u8(&r);
	to.part = rd_u8(&r);
	rd_copy(&r, to.release.bytes, SHA256_LEN);
	rd_copy(&r, to.package.bytes, SHA256_LEN);
	to.at.packed = rd_le64(&r);
	to.at.plain = rd_le64(&r);
	to.at.within = rd_le64(&r);
	to.at.entry = rd_le32(&r);
	to.at.records = rd_le64(&r);
	to.at.again = rd_le64(&r);
	while (r.rest.len > 0)
		if (rd_u8(&r) != 0)
			return err_set(e, ERR_FORMAT, "unknown fields");
	if (rd_finish(&r, e))
		return -1;
	if (!is_sound(&to))
		return err_set(e, ERR_FORMAT, "impossible values");
	*c = to;
	return 0;
}

static int check_payload(struct slice in, struct err *e)
{
	struct checkpoint unused;

	return parse_payload(in, &unused, e);
}

static const struct twin_kind kind = {
	.what = "checkpoint",
	.names = { "stream.0", "stream.1" },
	.magic = MAGIC,
	.len = CHECKPOINT_LEN,
	.check = check_payload,
};

int checkpoint_parse(struct slice in, struct checkpoint *c, uint64_t *sequence,
		     struct err *e)
{
	struct slice payload;
	uint64_t number;

	if (twin_parse(&kind, in, &payload, &number, e) ||
	    parse_payload(payload, c, e))
		return -1;
	*sequence = number;
	return 0;
}

void checkpoint_format(const struct checkpoint *c, uint64_t sequence,
		       uint8_t out[CHECKPOINT_LEN])
{
	uint8_t payload[USED_LEN];

	twin_format(&kind, format_payload(c, payload), sequence, out);
}

int checkpoint_open(int dirfd, struct twin_file *file, struct checkpoint *c,
		    struct err *e)
{
	struct twin_found found;
	struct err checked;

	if (twin_open(dirfd, &kind, file, &found, e))
		return -1;
	/* A valid payload was parsed when it was found. */
	if (!found.valid ||
	    parse_payload((struct slice){ found.payload, PAYLOAD_LEN }, c,
			  &checked))
		*c = (struct checkpoint){ .slot = SLOT_NONE };
	return 0;
}

int checkpoint_write(struct twin_file *file, const struct checkpoint *c,
		     struct err *e)
{
	uint8_t payload[USED_LEN];

	return twin_write(file, format_payload(c, payload), e);
}
