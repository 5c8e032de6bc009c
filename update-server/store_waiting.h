/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_waiting - devices without a claim code, until officers have decided.
 */
#ifndef UPDATE_SERVER_STORE_WAITING_H
#define UPDATE_SERVER_STORE_WAITING_H

#include "update-server/store.h"

/* A device without a claim code, until an officer has decided. */
struct store_waiting {
	struct sha256 spki;
	char code[CLAIM_JOIN_LEN + 1];
	struct ec_public key;
	uint8_t nonce[WIRE_NONCE_LEN]; /* that the code is made with */
	struct sha256 root;            /* as well */
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	enum waiting_state {
		WAITING_OPEN,
		WAITING_APPROVED,
		WAITING_DENIED
	} state;
	char cohort[NAME_MAX_LEN + 1]; /* once approved */
	bool seconded;                 /* one officer of two has approved it */
	int64_t since, expires;
};

#define STORE_WAITING_SEC  3600  /* for an officer to come */
#define STORE_APPROVED_SEC 86400 /* for the device to ask again */

/*
 * Put it among those who wait, at most max of them, or fill in how it stands
 * since it first asked. ERR_REFUSED once it was denied; ERR_BUSY if too many
 * wait; ERR_CONFLICT if the key is known.
 */
int store_wait(struct store *s, struct store_waiting *w, uint64_t max,
	       int64_t now, struct err *e) NODISCARD;
/* Who waits under this code, whatever was decided. ERR_NOT_FOUND. */
int store_waiting_find(struct store *s, const char *code, int64_t now,
		       struct store_waiting *out, struct err *e) NODISCARD;
/* By the time since when. */
int store_waiting_each(struct store *s, int64_t now,
		       void (*visit)(void *ctx, const struct store_waiting *w),
		       void *ctx, struct err *e) NODISCARD;
/* Who compared the code lets it in, or keeps it out. ERR_NOT_FOUND: it does not
 * wait (any more); ERR_CONFLICT: it was decided before. */
int store_waiting_approve(struct store *s, const char *code, const char *cohort,
			  const struct store_successor *successor,
			  const struct audit_by *by, struct err *e) NODISCARD;
/*
 * Where one officer is not enough, before that: *first is true when this is the
 * first one, and that is noted, on record. Else it is another one who says the
 * same. ERR_CONFLICT for the same officer again, or another cohort.
 * store_waiting_may_second() says the same and notes nothing.
 */
int store_waiting_may_second(struct store *s, const char *code,
			     const char *cohort, const struct audit_by *by,
			     struct err *e) NODISCARD;
int store_waiting_second(struct store *s, const char *code, const char *cohort,
			 const struct audit_by *by, bool *first,
			 struct err *e) NODISCARD;
int store_waiting_deny(struct store *s, const char *code,
		       const struct audit_by *by, struct err *e) NODISCARD;

#endif
