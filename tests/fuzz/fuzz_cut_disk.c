/* SPDX-License-Identifier: Apache-2.0 */
/* Input: what may be an image of a disk. See cut.h. */
#include "signer/cut_disk.h"
#include "tests/fuzz/cut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return cut_bytes(data, len, cut_disk);
}
