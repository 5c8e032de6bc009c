/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/cohort.h"

#include <string.h>

#define MAGIC       UINT64_C(0x31544f434c574150) /* "PAWLCOT1" */
#define PAYLOAD_LEN (8 + DEVICE_ID_LEN + NAME_MAX_LEN + 1 + 1)

static struct slice format_payload(const struct cohort *c,
				   uint8_t out[PAYLOAD_LEN])
{
	for (size_t i = 0; i < 8; i++)
		out[i] = (uint8_t)(c->version >> (8 * i));
	memcpy(out + 8, c->device.bytes, DEVICE_ID_LEN);
	memcpy(out + 8 + DEVICE_ID_LEN, c->name, sizeof(c->name));
	out[PAYLOAD_LEN - 1] = c->lab;
	return (struct slice){ out, PAYLOAD_LEN };
}

int cohort_parse(struct slice in, struct cohort *out, struct err *e)
{
	struct cohort c = { .version = 0 };
	struct rd r = rd_init(in);
	uint8_t lab;

	c.version = rd_le64(&r);
	rd_copy(&r, c.device.bytes, DEVICE_ID_LEN);
	rd_copy(&r, c.name, sizeof(c.name));
	lab = rd_u8(&r);
	while (!r.bad && r.rest.len > 0)
		if (rd_u8(&r) != 0)
			return err_set(e, ERR_FORMAT, "unknown fields");
	if (rd_finish(&r, e))
		return -1;
	if (lab > 1)
		return err_set(e, ERR_FORMAT, "neither in the lab nor out");
	c.lab = lab == 1;
	if (!name_is_valid((struct slice){ (const uint8_t *)c.name,
					   strnlen(c.name, sizeof(c.name)) }))
		return err_set(e, ERR_FORMAT, "not a cohort");
	*out = c;
	return 0;
}

static int check_payload(struct slice in, struct err *e)
{
	struct cohort unused;

	return cohort_parse(in, &unused, e);
}

static const struct twin_kind kind = {
	.what = "cohort",
	.names = { "cohort.0", "cohort.1" },
	.magic = MAGIC,
	.len = COHORT_RECORD_LEN,
	.check = check_payload,
};

int cohort_pin(int state_fd, const struct cohort *c, struct err *e)
{
	uint8_t payload[PAYLOAD_LEN];
	struct twin_file f = { .fd = { -1, -1 } };
	struct twin_found found;
	int rc;

	if (twin_open(state_fd, &kind, &f, &found, e))
		return -1;
	rc = twin_write(&f, format_payload(c, payload), e);
	twin_close(&f);
	return rc;
}

int cohort_load(int state_fd, const struct device_id *device,
		const char *enrolled, struct cohort *out, bool *reset,
		struct err *e)
{
	struct cohort c = { .device = *device }, pinned;
	struct twin_found found;

	if (twin_peek(state_fd, &kind, &found, e) ||
	    text_format(c.name, sizeof(c.name), e, "%s", enrolled))
		return -1;
	if (found.valid &&
	    cohort_parse(
		    (struct slice){ found.payload, twin_payload_len(&kind) },
		    &pinned, e))
		return -1;
	if (found.valid &&
	    memcmp(pinned.device.bytes, device->bytes, DEVICE_ID_LEN) == 0)
		c = pinned;
	*out = c;
	*reset = found.reset;
	return 0;
}
