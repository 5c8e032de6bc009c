/* SPDX-License-Identifier: Apache-2.0 */
/* A device's word from hostile bytes: what no device signed is never believed.
 */
#include <assert.h>

#include "common/hand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct ec_public nobody;
	struct wire_checkin m;
	struct hand h;
	struct err e = { 0 };

	if (hand_open((struct slice){ data, len }, &h, &e)) {
		assert(e.code != ERR_NONE);
		return 0;
	}
	assert(h.signed_part.len < len && h.signature_len <= EC_SIG_MAX_LEN);
	assert(hand_check(&h, &nobody, &m, &e) != 0);
	return 0;
}
