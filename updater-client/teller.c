/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/teller.h"

bool teller_is_due(struct teller *t, uint64_t bytes, int64_t now_ms)
{
	if (bytes < t->told)
		bytes = t->told;
	if (bytes - t->told < TELLER_BYTES && now_ms - t->told_ms < TELLER_MS)
		return false;
	t->told = bytes;
	t->told_ms = now_ms;
	return true;
}
