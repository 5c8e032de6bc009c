/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program's answer, the record in it, and a kernel's command line. A record
 * that is accepted becomes the same texts again, and a loader that starts it
 * leaves one that is accepted, and comes to an end.
 */
#include <assert.h>
#include <string.h>

#include "updater-client/boot.h"
#include "updater-client/boot_reply.h"
#include "updater-client/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_record(const struct boot_values *values)
{
	struct boot_record r, again;
	struct boot_values texts;
	struct err e;
	int starts = 0;

	if (boot_record_parse(values, &r, &e))
		return;
	boot_values_from(&r, &texts);
	assert(boot_record_parse(&texts, &again, &e) == 0);
	assert(boot_record_equal(&r, &again));
	for (; r.trying; starts++) {
		(void)boot_record_start(&r);
		assert(boot_record_is_valid(&r));
	}
	assert(starts <= BOOT_LEFT_MAX + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice in = { data, len };
	struct boot_values values;
	enum slot slot = SLOT_NONE;
	struct err e;

	if (boot_reply_parse(in, &values, &e) == 0)
		check_record(&values);
	if (cmdline_slot(in, &slot, &e) == 0)
		assert(slot == SLOT_A || slot == SLOT_B);
	return 0;
}
