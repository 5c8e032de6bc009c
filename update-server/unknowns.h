/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unknowns - devices that showed a certificate of our CA which the registry
 * does not know: an old backup was restored, and no log tells of them. Kept in
 * memory, for a person to look at; a device asks again by itself. Who asks to
 * be known again gets a code that device and officer compare. Locked by itself.
 */
#ifndef UPDATE_SERVER_UNKNOWNS_H
#define UPDATE_SERVER_UNKNOWNS_H

#include "common/claim.h"
#include "common/digest.h"
#include "common/rd.h"
#include "common/x509.h"

#define UNKNOWNS_MAX  256
#define UNKNOWNS_KEEP 3600 /* seconds for which none of them makes room */

struct unknown {
	struct device_id id;
	struct sha256 fingerprint, spki;
	int64_t first, last; /* seen */
	/* Once it asked: of this server's life, not made by the device. */
	uint8_t nonce[WIRE_NONCE_LEN];
	char code[CLAIM_JOIN_LEN + 1]; /* "": it has not asked */
};

struct unknowns;

struct unknowns *unknowns_new(void);
void unknowns_free(struct unknowns *u);

/*
 * One that TLS has verified, as DER. *is_new is true the first time. A
 * certificate that names no device is nobody's: ERR_FORMAT. ERR_BUSY when the
 * list is full of others that were seen just now.
 */
int unknowns_note(struct unknowns *u, struct slice certificate, int64_t now,
		  bool *is_new, struct err *e) NODISCARD;

/* The same for one that asks to be known again; *out is how it stands then,
 * *first whether it was given its code now. */
int unknowns_ask(struct unknowns *u, struct slice certificate, int64_t now,
		 struct unknown *out, bool *first, struct err *e) NODISCARD;

/*
 * Take the one with this code off the list. ERR_NOT_FOUND; ERR_CONFLICT when
 * two certificates claim its id: then nobody can tell which is the device.
 */
int unknowns_take(struct unknowns *u, const char *code, struct unknown *out,
		  struct err *e) NODISCARD;

void unknowns_each(struct unknowns *u,
		   void (*visit)(void *ctx, const struct unknown *one),
		   void *ctx);

#endif
