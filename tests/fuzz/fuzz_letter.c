/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a device without a connection, from hostile bytes: nothing that
 * was not signed by a server of the CA is ever an identity. */
#include <assert.h>
#include <stdlib.h>

#include "common/letter.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char ca[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBVzCB/qADAgECAhQBAgMEBQYHCAkKCwwNDg8QERITFDAKBggqhkjOPQQDAjAP\n"
	"-----END CERTIFICATE-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct wire_identity *id = mem_alloc(1, sizeof(*id));
	struct err e = { 0 };

	assert(letter_open((struct slice){ data, len }, slice_of(ca), 0, id,
			   &e) != 0);
	assert(e.code != ERR_NONE && id->certificate[0] == 0);
	free(id);
	return 0;
}
