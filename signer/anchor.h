/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchor - pass over what cannot be one of a few pairs of letters, as nearly
 * all bytes cannot. Each pair has a bit, in the tables of its first letter and
 * of its second; so that a letter as frequent as "e" alone is passed over, too.
 */
#ifndef SIGNER_ANCHOR_H
#define SIGNER_ANCHOR_H

#include <stddef.h>
#include <stdint.h>

struct anchor_pairs {
	uint8_t first[256], second[256];
};

static inline unsigned anchor_at(const struct anchor_pairs *p,
				 const uint8_t *bytes)
{
	return p->first[bytes[0]] & p->second[bytes[1]];
}

/* Where, from `at` on, the next may be; `to` if nowhere before. All bytes up to
 * and with bytes[to] are there. */
static inline size_t anchor_next(const struct anchor_pairs *p,
				 const uint8_t *bytes, size_t at, size_t to)
{
	/* Four at a time: one branch for them, which is hardly ever taken. */
	for (; at + 4 <= to; at += 4)
		if ((anchor_at(p, bytes + at) | anchor_at(p, bytes + at + 1) |
		     anchor_at(p, bytes + at + 2) |
		     anchor_at(p, bytes + at + 3)) != 0)
			break;
	while (at < to && anchor_at(p, bytes + at) == 0)
		at++;
	return at;
}

#endif
