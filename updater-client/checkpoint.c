/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/checkpoint.h"

#include <assert.h>

#include "common/release.h"
#include "updater-client/walk.h"

#define MAGIC       UINT64_C(0x3150434b4c574150) /* "PAWLKCP1" */
#define PAYLOAD_LEN (CHECKPOINT_LEN - TWIN_HEAD_LEN - SHA256_LEN)

static void walk_fields(struct walk *w, struct checkpoint *c)
{
	c->slot = (enum slot)walk_small(w, c->slot, SLOT_B);
	c->part = walk_small(w, c->part, RELEASE_COMPONENTS_MAX);
	walk_digest(w, &c->release);
	walk_digest(w, &c->package);
	walk_u64(w, &c->at.packed);
	walk_u64(w, &c->at.plain);
	walk_u64(w, &c->at.within);
	walk_u32(w, &c->at.entry);
	walk_u64(w, &c->at.records);
	walk_u64(w, &c->at.again);
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
	return true;
}

static void format_payload(const struct checkpoint *c, struct buf *out)
{
	struct checkpoint from = *c;
	struct walk w = { .writing = true, .out = out };

	walk_fields(&w, &from);
	assert(!w.bad); /* the layout has room */
}

static int parse_payload(struct slice in, struct checkpoint *c, struct err *e)
{
	struct walk w = { .in = rd_init(in) };
	struct checkpoint to = { .slot = SLOT_NONE };

	walk_fields(&w, &to);
	w.bad |= !is_sound(&to);
	if (walk_end(&w, e))
		return -1;
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
	struct buf payload = BUF_INIT(PAYLOAD_LEN);

	format_payload(c, &payload);
	twin_format(&kind, buf_slice(&payload), sequence, out);
	buf_done(&payload);
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
	struct buf payload = BUF_INIT(PAYLOAD_LEN);
	int rc;

	format_payload(c, &payload);
	rc = twin_write(file, buf_slice(&payload), e);
	buf_done(&payload);
	return rc;
}
