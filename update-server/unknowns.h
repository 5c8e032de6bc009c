/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unknowns - devices that showed a certificate of our CA which the registry
 * does not know: an old backup was restored, and no log tells of them. Kept in
 * memory, of the newest UNKNOWNS_MAX, for a person to look at; a device asks
 * again by itself. Locked by itself.
 */
#ifndef UPDATE_SERVER_UNKNOWNS_H
#define UPDATE_SERVER_UNKNOWNS_H

#include "common/digest.h"
#include "common/rd.h"
#include "common/x509.h"

#define UNKNOWNS_MAX 256

struct unknown {
	struct device_id id;
	struct sha256 fingerprint, spki;
	int64_t first, last; /* seen */
};

struct unknowns;

struct unknowns *unknowns_new(void);
void unknowns_free(struct unknowns *u);

/*
 * One that TLS has verified, as DER. *is_new is true the first time. A
 * certificate that names no device is nobody's: ERR_FORMAT.
 */
int unknowns_note(struct unknowns *u, struct slice certificate, int64_t now,
		  bool *is_new, struct err *e) NODISCARD;

/*
 * Take the one with this id off the list. ERR_NOT_FOUND; ERR_CONFLICT when two
 * certificates claim the id: then nobody can tell which is the device.
 */
int unknowns_take(struct unknowns *u, const struct device_id *id,
		  struct unknown *out, struct err *e) NODISCARD;

void unknowns_each(struct unknowns *u,
		   void (*visit)(void *ctx, const struct unknown *one),
		   void *ctx);

#endif
