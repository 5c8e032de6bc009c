/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_noise - content that is compressed or encrypted already: pictures,
 * archives, packages of others.
 *
 * Whatever is inserted of it costs its length, so there is nothing to gain by
 * compressing it in one way after another.
 */
#ifndef SIGNER_DELTA_NOISE_H
#define SIGNER_DELTA_NOISE_H

#include <stdbool.h>

#include "common/buf.h"

/* Does a quick compressor make it less than an eighth smaller? Of little, which
 * is compressed soon, no. */
int delta_noise_is(struct slice bytes, bool *out, struct err *e) NODISCARD;

#endif
