/* SPDX-License-Identifier: Apache-2.0 */
/*
 * surprise - where in a file 32 bytes could be random, so that a key's bare
 * scalar may stand there: nowhere in text, at few places of a program.
 *
 * Two codes are known to every window of 32 bytes, and what either writes short
 * is passed over: by Kraft's inequality fewer than one in 2^n of all windows
 * can be written in 256 - n bits, however the code is made, whatever stands
 * before. The first has a letter for each of 105 bytes: those that text is made
 * of, and zero. 32 of them take 214.9 bits, so n is 41.1. The second adapts to
 * what came before: a byte costs few bits where it is frequent, or where it
 * followed the last time that the three bytes before it were seen; n is
 * SURPRISE_BITS. It is integers throughout, rounded so that the bound holds.
 *
 * The second is fixed by what stands around a window, but for one thing: where
 * text that reaches into the window ends there, in steps of eight bytes, says
 * how the model came to it. These are five codes at most, and so fewer than one
 * in 2^38 of random scalars is missed by all six. Pure.
 */
#ifndef SIGNER_SURPRISE_H
#define SIGNER_SURPRISE_H

#include "common/rd.h"

#define SURPRISE_LEN  32
#define SURPRISE_BITS 41

/*
 * Set the bit of each place in [from, to) where SURPRISE_LEN bytes begin that
 * are not passed over, 1 << (i & 7) of byte i >> 3; all of them must lie in
 * `bytes`. Ends early when `max` are set. How many were.
 */
size_t surprise_mark(struct slice bytes, size_t from, size_t to, size_t max,
		     uint8_t *places);

#endif
