/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload - the plain bytes of a full package: chunks verified by the reader,
 * decompressed frame by frame within the signed window, counted against the
 * signed length.
 */
#ifndef COMMON_PAYLOAD_H
#define COMMON_PAYLOAD_H

#include "common/package.h"

struct payload;

int payload_open(struct package_reader *package, struct payload **out,
		 struct err *e) NODISCARD;

/*
 * The next bytes, borrowed until the next call; empty at the end, which comes
 * only when a frame, the package and plain_len all end together.
 */
int payload_next(struct payload *p, struct slice *out, struct err *e) NODISCARD;

/*
 * Between two calls: can a reader begin behind what came so far? True between
 * frames, and anywhere in a payload that is not compressed.
 */
bool payload_point(const struct payload *p, struct package_point *out);

/*
 * Before the first payload_next(): begin at a point that another reader of the
 * same package was told. ERR_FORMAT when it is none for sure.
 */
int payload_resume(struct payload *p, const struct package_point *at,
		   struct err *e) NODISCARD;
void payload_close(struct payload *p);

#endif
