/* SPDX-License-Identifier: Apache-2.0 */
/* Input: what may be a squashfs image. See cut.h. */
#include "signer/cut_squashfs.h"
#include "tests/fuzz/cut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return cut_bytes(data, len, cut_squashfs);
}
