/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hexdump - find and decode bytes that are written one by one: "30:77:02",
 * "0x30, 0x77", "\x30\x77", "30 77 02", and the lines of hexdump -C, xxd and
 * od -tx1 with an offset before and the characters behind them.
 *
 * A run is HEXDUMP_MIN bytes or more, over any number of lines. What stands
 * between two bytes may be blanks, colons, commas, quotes, dashes, a plus and
 * the like. Looking for it touches one byte in 32 of ordinary content.
 */
#ifndef SIGNER_HEXDUMP_H
#define SIGNER_HEXDUMP_H

#include "common/rd.h"

#define HEXDUMP_MIN 24

struct hexdump {
	size_t at, len; /* of the run, in the window */
	size_t bytes;   /* that it stands for; never more than len */
};

/*
 * The first run with a byte in [from, to) of the window; it may begin before
 * `from` and reach beyond `to`. *next is where to go on.
 */
bool hexdump_next(struct slice window, size_t from, size_t to,
		  struct hexdump *out, size_t *next);

/* Decode it: out has room for run->bytes. */
void hexdump_decode(struct slice window, const struct hexdump *run,
		    uint8_t *out);

#endif
