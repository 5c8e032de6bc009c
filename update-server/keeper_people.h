/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_people - whose word the keeper takes: its own list of people, beside
 * the server's.
 *
 * The list is a file of the keeper's folder that `init` and `person add|revoke`
 * write, with the secret that opens the keeper's keys; it carries a MAC by a
 * key that the server process never has, and a number that rises, so that a
 * running keeper takes no older one.
 */
#ifndef UPDATE_SERVER_KEEPER_PEOPLE_H
#define UPDATE_SERVER_KEEPER_PEOPLE_H

#include "common/ec.h"

#include "update-server/ledger.h"
#include "update-server/rights.h"

#define KEEPER_PEOPLE_MAX 200

/* The keys of the keeper's memory, all from one private key (HKDF). */
struct keeper_seal {
	uint8_t ledger[LEDGER_KEY_LEN];
	uint8_t people[LEDGER_KEY_LEN];
};

/* The caller wipes it. */
int keeper_seal_of(const struct ec_private *key, struct keeper_seal *out,
		   struct err *e) NODISCARD;

struct keeper_person {
	struct sha256 certificate;
	struct ec_public key;
	int64_t not_after;
	char roles[RIGHTS_ROLES_MAX + 1];
	bool revoked;
};

struct keeper_people {
	int64_t version;
	size_t count;
	struct keeper_person at[KEEPER_PEOPLE_MAX];
};

/* None yet: an empty list. ERR_UNTRUSTED for one that was not sealed so. */
int keeper_people_load(int dirfd, const struct keeper_seal *seal,
		       struct keeper_people *out, struct err *e) NODISCARD;
/* With the next number. */
int keeper_people_save(int dirfd, const struct keeper_seal *seal,
		       struct keeper_people *people, struct err *e) NODISCARD;

/* NULL if there is none. */
struct keeper_person *keeper_people_find(struct keeper_people *people,
					 const struct sha256 *certificate);

/* The person of this certificate, in good standing and with this role.
 * ERR_REFUSED, ERR_EXPIRED. */
int keeper_people_check(const struct keeper_people *people,
			const struct sha256 *certificate, const char *role,
			int64_t now, struct ec_public *key,
			struct err *e) NODISCARD;

#endif
