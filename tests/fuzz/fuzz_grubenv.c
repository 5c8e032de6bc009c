/* SPDX-License-Identifier: Apache-2.0 */
/* What is read is written again with the same meaning, and stays readable. */
#include <assert.h>
#include <string.h>

#include "updater-client/grubenv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(struct slice in)
{
	struct boot_values values, again;
	uint8_t block[GRUBENV_LEN];
	struct err e;

	if (grubenv_parse(in, &values, &e) ||
	    grubenv_update(in, &values, block, &e))
		return;
	assert(grubenv_parse((struct slice){ block, sizeof(block) }, &again,
			     &e) == 0);
	assert(memcmp(&values, &again, sizeof(values)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char head[] = "# GRUB Environment Block\n";
	uint8_t block[GRUBENV_LEN];

	check((struct slice){ data, len });
	/* And behind a good beginning, padded, so that the lines are reached.
	 */
	memset(block, '#', sizeof(block));
	memcpy(block, head, sizeof(head) - 1);
	if (len > sizeof(block) - sizeof(head))
		len = sizeof(block) - sizeof(head);
	if (len > 0)
		memcpy(block + sizeof(head) - 1, data, len);
	check((struct slice){ block, sizeof(block) });
	return 0;
}
