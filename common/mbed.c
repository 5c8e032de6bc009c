/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mbed.h"

#include <stdio.h>
#include <stdlib.h>

void mbed_must(int rc)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "mbedtls failed: -0x%04x\n", (unsigned)-rc);
	abort();
}
