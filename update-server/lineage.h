/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lineage - a device's renewals, as it proves them to a server that has
 * forgotten them (docs/protocol.md, "After a restore"). Pure.
 */
#ifndef UPDATE_SERVER_LINEAGE_H
#define UPDATE_SERVER_LINEAGE_H

#include "common/wire_enrol.h"

/*
 * Does each key, from link `from` on, sign the next one, and the last one
 * `shown`, the key of the certificate that the connection shows? That the first
 * of them is a key that the registry knows is for the caller to see.
 * ERR_UNTRUSTED.
 */
int lineage_check(const struct wire_readopt *chain, size_t from,
		  const struct ec_public *shown, struct err *e) NODISCARD;

#endif
