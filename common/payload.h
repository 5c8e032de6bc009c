/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload - the plain bytes of a full package: chunks verified by the reader,
 * decompressed within the signed window, counted against the signed length.
 */
#ifndef COMMON_PAYLOAD_H
#define COMMON_PAYLOAD_H

#include "common/package.h"

struct payload;

int payload_open(struct package_reader *package, struct payload **out,
		 struct err *e) NODISCARD;

/*
 * The next bytes, borrowed until the next call; empty at the end, which comes
 * only when the one frame, the package and plain_len all end together.
 */
int payload_next(struct payload *p, struct slice *out, struct err *e) NODISCARD;
void payload_close(struct payload *p);

#endif
