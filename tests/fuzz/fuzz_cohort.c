/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pinned cohort, as a payload and in its two files: a device has the cohort
 * of a whole record of its own, or the one that it was enrolled in.
 */
#include <string.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"
#include "updater-client/cohort.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MAGIC UINT64_C(0x31544f434c574150)

static const struct twin_kind kind = { .magic = MAGIC,
				       .len = COHORT_RECORD_LEN };

static bool is_cohort(const struct cohort *c)
{
	return memchr(c->name, 0, sizeof(c->name)) &&
	       name_is_valid(slice_of(c->name));
}

/* With one file as it is, and the payload in a whole record in the other. */
static void load(struct slice file, struct slice payload,
		 const struct device_id *device)
{
	uint8_t record[COHORT_RECORD_LEN];
	struct cohort c;
	struct err e;
	bool reset;

	twin_format(&kind, payload.len > 0 ? payload : slice_of(""), 1, record);
	folder_put("cohort.0", file);
	folder_put("cohort.1", (struct slice){ record, sizeof(record) });
	MUST(cohort_load(folder(), device, "stable", &c, &reset, &e) == 0);
	MUST(is_cohort(&c));
	MUST(memcmp(&c.device, device, sizeof(*device)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct device_id other = { { 1 } };
	struct slice in = { data, len };
	struct cohort c = { .device = other };
	struct err e;

	if (cohort_parse(in, &c, &e) == 0)
		MUST(is_cohort(&c));
	load(in, slice_sub(in, 0, twin_payload_len(&kind)), &c.device);
	return 0;
}
