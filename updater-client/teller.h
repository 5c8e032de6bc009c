/* SPDX-License-Identifier: Apache-2.0 */
/*
 * teller - when the process that writes or reads back says how far it is. Not
 * at each of a million pieces; but also where the disk is so slow, or what is
 * done so small, that bytes prove no life for a long time.
 */
#ifndef UPDATER_CLIENT_TELLER_H
#define UPDATER_CLIENT_TELLER_H

#include <stdbool.h>
#include <stdint.h>

#define TELLER_BYTES (1u << 20)
#define TELLER_MS    10000

struct teller {
	uint64_t told;   /* bytes */
	int64_t told_ms; /* steady_ms(); begin with what it is then */
};

/*
 * Is it time to say t->told bytes? Fewer than were told before, or 0, say only
 * that the work goes on.
 */
bool teller_is_due(struct teller *t, uint64_t bytes, int64_t now_ms);

#endif
