/* SPDX-License-Identifier: Apache-2.0 */
/* Records as nobody writes them: one byte is another, and the checksum is
 * right. */
#ifndef TESTS_UNIT_RESUM_H
#define TESTS_UNIT_RESUM_H

#include <string.h>

#include "updater-client/twin.h"

static inline void resum(uint8_t *record, size_t len, size_t at, uint8_t byte)
{
	struct sha256 sum;

	record[at] = byte;
	sha256_of((struct slice){ record, len - SHA256_LEN }, &sum);
	memcpy(record + len - SHA256_LEN, sum.bytes, SHA256_LEN);
}

#endif
